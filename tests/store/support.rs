//! What the tests of the store share: a folder that goes away, small batches, the store's whole content as text.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tidegate::io::port::{Append, Delivery, ReadPosition, RuleFiles, Store, StoreError};
use tidegate::io::sqlite::{AlertFilter, OpenOptions, QuarantineFilter, SqliteStore, View};
use tidegate_core::decode::{DecodeError, ErrorCode};
use tidegate_core::event::id::hash128;
use tidegate_core::event::{Position, Sequence};
use tidegate_core::pipeline::{Entry, Quarantined};

static FOLDERS: AtomicU32 = AtomicU32::new(0);

/// A folder of its own for each test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// In memory where there is such a place: these are thousands of synced writes, and no test here cuts the power.
    pub(crate) fn new() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Folder::below(memory) } else { Folder::below(&std::env::temp_dir()) }
    }

    /// In a folder of one's choice.
    pub(crate) fn below(parent: &Path) -> Self {
        let name = format!("tidegate-store-{}-{}", std::process::id(), FOLDERS.fetch_add(1, Ordering::Relaxed));
        let path = parent.join(name);
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Folder(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A short lease: a takeover takes half a second.
pub(crate) fn options() -> OpenOptions {
    OpenOptions { lease: Duration::from_millis(500), busy: Duration::from_millis(100), bytes_max: None, synced: true }
}

pub(crate) fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, &options()).expect("the store opens")
}

pub(crate) fn opened(path: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(path, &options())
}

/// Waits as standby until the file is taken: from an owner that is silent for a lease.
pub(crate) fn take_over(path: &Path) -> SqliteStore {
    take_over_with(path, &options())
}

pub(crate) fn take_over_with(path: &Path, options: &OpenOptions) -> SqliteStore {
    tidegate::io::sqlite::acquire(path, options, &|| false, &mut |_| {}).expect("nothing wrong").expect("not stopped")
}

/// An entry that tells which one it is.
pub(crate) fn entry(pipeline: u16, n: u64) -> Entry {
    Entry { arrival_ms: n as i64 * 10 + i64::from(pipeline), published: vec![n as i64], ..Entry::default() }
}

pub(crate) fn entries(pipelines: u16, n: u64) -> Vec<Entry> {
    (0..pipelines).map(|p| entry(p, n)).collect()
}

pub(crate) fn read_to(shard: &str, n: u64) -> ReadPosition {
    ReadPosition { source: "files".into(), shard: shard.into(), sequence: Sequence::from(n), token: format!("offset {n}") }
}

pub(crate) fn rules(digest: u8) -> RuleFiles {
    let text = format!("title: rule {digest}\n");
    RuleFiles { digest: [digest; 32], files: vec![("one.yml".into(), text.clone()), ("two.yml".into(), text)] }
}

pub(crate) fn refused(shard: &str, n: u64, sub_sequence: u32) -> Quarantined {
    Quarantined {
        position: Position { source: "files".into(), shard: shard.into(), sequence: Sequence::from(n), sub_sequence },
        error: DecodeError::new(ErrorCode::JsonSyntax, 3, "expected a value"),
        bytes: format!("{{{n}").into_bytes(),
        truncated: false,
    }
}

/// Appends a plain batch at a position.
pub(crate) fn append(store: &mut impl Store, pipelines: u16, n: u64) {
    store.append(&Append { position: n, entries: &entries(pipelines, n), ..Append::default() }).expect("appended");
}

/// Takes a snapshot in pieces of some bytes.
pub(crate) fn snapshot(store: &mut impl Store, pipeline: u16, position: u64, bytes: &[u8], piece: usize) {
    let pieces = put_pieces(store, pipeline, position, bytes, piece);
    store.seal_snapshot(pipeline, position, pieces, hash128(bytes)).expect("sealed");
}

pub(crate) fn put_pieces(store: &mut impl Store, pipeline: u16, position: u64, bytes: &[u8], piece: usize) -> u32 {
    let mut pieces = 0;
    for bytes in bytes.chunks(piece) {
        store.put_piece(pipeline, position, pieces, bytes).expect("piece");
        pieces += 1;
    }
    pieces
}

/// Everything the port tells about a store, as text: two stores that print the same cannot be told apart.
pub(crate) fn content(store: &mut dyn Store) -> String {
    told(store, false)
}

/// The same without what a cut may or may not have removed yet.
pub(crate) fn essence(store: &mut dyn Store) -> String {
    told(store, true)
}

fn told(store: &mut dyn Store, essence: bool) -> String {
    use std::fmt::Write;
    let recovered = store.recover().expect("recovers");
    let mut out = format!("pipelines {} head {}\n", recovered.pipelines, recovered.head);
    for p in &recovered.positions {
        let _ = writeln!(out, "read {} {} to {} {}", p.source, p.shard, p.sequence, p.token);
    }
    for (pipeline, snapshots) in (0..).zip(&recovered.snapshots) {
        for position in snapshots {
            let bytes = store.snapshot(pipeline, *position).expect("snapshot");
            let _ = writeln!(out, "snapshot {pipeline} {position} {} {:x}", bytes.len(), hash128(&bytes));
        }
        for (lane, cursor) in &recovered.cursors[usize::from(pipeline)] {
            let _ = writeln!(out, "cursor {pipeline} {lane} {cursor:?}");
        }
        let _ = write!(out, "log {pipeline}:");
        let behind = if essence { snapshots.get(1).copied().unwrap_or(0) } else { 0 };
        for n in behind + 1..=recovered.head + 1 {
            if let Some(bytes) = store.entry(pipeline, n).expect("reads") {
                let _ = write!(out, " {n}={:08x}", hash128(&bytes) as u32);
            }
        }
        out.push('\n');
    }
    for digest in 0..if essence { 0 } else { 8 } {
        if let Some(files) = store.rules(&[digest; 32]).expect("reads") {
            let _ = writeln!(out, "rules {digest} {:?}", files.files);
        }
    }
    out
}

/// A delivery of an alert's document.
pub(crate) fn delivery(id: &str, version: u64, severity: u8, accounts: &[&str]) -> Delivery {
    let document = serde_json::json!({
        "severity_id": severity, "status": "New", "message": format!("why {id} fired, version {version}"),
        "finding_info": {"title": format!("Title of {id}"), "first_seen_time": 1000, "last_seen_time": 1000 + version,
                         "modified_time": 2000 + version, "analytic": {"uid": format!("rule of {id}")}},
        "tidegate": {"accounts": accounts}
    });
    let (alert, route, document) = (id.into(), "".into(), document.to_string().into());
    Delivery { alert, version, route, document, repeated: false }
}

/// Alerts and quarantine as the command line sees them, as text.
pub(crate) fn seen(path: &Path) -> String {
    let mut view = View::open(path).expect("can be looked into");
    let alerts = view.alerts(&AlertFilter::default()).expect("alerts");
    let mut out: String = alerts.iter().map(|a| format!("alert {} v{} {:?} {}\n", a.id, a.version, a.accounts, a.title)).collect();
    for item in view.quarantine(&QuarantineFilter::default()).expect("items") {
        let p = &item.position;
        out += &format!("item {} {}/{} {} attempts {}\n", item.id, p.shard, p.sequence, item.code, item.attempts);
    }
    out
}
