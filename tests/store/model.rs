//! Random operations on the file and on the naive store in memory: nobody may tell them apart. And the file as a crash would leave
//! it: every operation is there whole, or not at all.

use crate::support::*;
use std::path::Path;
use std::time::Duration;
use tidegate::io::memory::MemoryStore;
use tidegate::io::port::{Append, Store};
use tidegate::io::sqlite::{OpenOptions, QuarantineFilter, SqliteStore, View};
use tidegate_core::event::id::hash128;

/// The two stores, and what the driver of both knows.
struct Pair {
    rng: fastrand::Rng,
    real: SqliteStore,
    model: MemoryStore,
    pipelines: u16,
    head: u64,
    counts: [u32; 7],
}

/// A lease short enough for hundreds of takeovers.
fn quick() -> OpenOptions {
    OpenOptions { lease: Duration::from_millis(20), ..options() }
}

impl Pair {
    fn new(path: &Path, seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let pipelines = rng.u16(1..=3);
        let (mut real, mut model) = (take_over_with(path, &quick()), MemoryStore::new());
        real.set_pipelines(pipelines).expect("set");
        model.set_pipelines(pipelines).expect("set");
        Pair { rng, real, model, pipelines, head: 0, counts: [0; 7] }
    }

    fn step(&mut self, path: &Path) {
        let what = [0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6][self.rng.usize(0..12)];
        self.counts[what] += 1;
        match what {
            0 => self.append(path),
            1 => self.snapshot(true),
            2 => self.snapshot(false),
            3 => self.acknowledge(),
            4 => self.wrong(),
            5 => self.reopen(path),
            _ => self.take_over(path),
        }
    }

    fn append(&mut self, path: &Path) {
        let (rng, n) = (&mut self.rng, self.head + 1);
        let shards = ["a", "b", "c"];
        let positions: Vec<_> = (0..rng.usize(0..3)).map(|_| read_to(shards[rng.usize(0..3)], rng.u64(0..200))).collect();
        let mut quarantined: Vec<_> = (0..rng.usize(0..2)).map(|i| refused("q", n * 10, i as u32)).collect();
        let held = self.model.quarantine();
        let redriven: Vec<i64> = held.iter().map(|(id, _, _)| *id).filter(|_| rng.u8(0..4) == 0).collect();
        if rng.bool() {
            View::open(path).expect("opens").request_redrive(&redriven).expect("asked");
            self.model.request_redrive(&redriven);
        }
        quarantined.extend(held.iter().filter(|h| redriven.contains(&h.0) && rng.bool()).map(|h| h.1.clone()));
        let files = rules(rng.u8(0..6));
        let rules = (n == 1 || rng.u8(0..5) == 0).then_some(&files);
        let entries = entries(self.pipelines, n);
        let batch = Append { position: n, entries: &entries, positions: &positions, quarantined: &quarantined, redriven: &redriven, rules };
        self.real.append(&batch).expect("appended");
        self.model.append(&batch).expect("appended");
        self.head = n;
    }

    fn snapshot(&mut self, seal: bool) {
        if self.head == 0 {
            return;
        }
        let (pipeline, position) = (self.rng.u16(0..self.pipelines), self.rng.u64(self.head.saturating_sub(3).max(1)..=self.head));
        let newest = self.model.recover().expect("recovers").snapshots[usize::from(pipeline)].first().copied();
        // A driver's snapshots do not go back.
        let position = position.max(newest.unwrap_or(0));
        let bytes: Vec<u8> = (0..self.rng.usize(1..60)).map(|_| self.rng.u8(..)).collect();
        let size = self.rng.usize(1..20);
        let pieces = put_pieces(&mut self.real, pipeline, position, &bytes, size);
        put_pieces(&mut self.model, pipeline, position, &bytes, size);
        if seal {
            self.real.seal_snapshot(pipeline, position, pieces, hash128(&bytes)).expect("sealed");
            self.model.seal_snapshot(pipeline, position, pieces, hash128(&bytes)).expect("sealed");
        }
    }

    fn acknowledge(&mut self) {
        let (pipeline, lane) = (self.rng.u16(0..self.pipelines), ["sqlite", "log"][self.rng.usize(0..2)]);
        let cursor = self.rng.u64(..).to_le_bytes();
        self.real.acknowledge(pipeline, lane, &cursor).expect("acknowledged");
        self.model.acknowledge(pipeline, lane, &cursor).expect("acknowledged");
    }

    /// What must be refused, by both in the same way.
    fn wrong(&mut self) {
        let position = if self.rng.bool() { self.head } else { self.head + 2 };
        let (pipelines, positions) = (self.pipelines + self.rng.u16(0..2), [read_to("a", 1_000)]);
        let entries = entries(pipelines, position);
        let batch = Append { position, entries: &entries, positions: &positions, ..Append::default() };
        let kinds = [self.real.append(&batch), self.model.append(&batch)].map(|r| r.expect_err("refused"));
        assert_eq!(std::mem::discriminant(&kinds[0]), std::mem::discriminant(&kinds[1]));
        let seals = [self.real.seal_snapshot(0, self.head + 7, 1, 5), self.model.seal_snapshot(0, self.head + 7, 1, 5)];
        assert!(seals.iter().all(Result::is_err));
    }

    fn reopen(&mut self, path: &Path) {
        let there = std::mem::replace(&mut self.real, open(&path.with_extension("other")));
        drop(there);
        // One that took over from a silent owner may not have got its lock yet: then the next has to wait.
        self.real = take_over_with(path, &quick());
        self.model = self.model.take_over();
    }

    /// The owner falls silent, another one comes; the former can change nothing.
    fn take_over(&mut self, path: &Path) {
        let mut former = std::mem::replace(&mut self.real, take_over_with(path, &quick()));
        let mut former_model = std::mem::replace(&mut self.model, MemoryStore::new());
        self.model = former_model.take_over();
        let entries = entries(self.pipelines, self.head + 1);
        let batch = Append { position: self.head + 1, entries: &entries, ..Append::default() };
        for refused in [former.append(&batch), former_model.append(&batch), former.acknowledge(0, "log", b"x")] {
            assert!(matches!(refused, Err(tidegate::io::port::StoreError::Fenced(_))), "{refused:?}");
        }
    }

    fn assert_equal(&mut self, path: &Path) {
        assert_eq!(content(&mut self.real), content(&mut self.model));
        let items = View::open(path).expect("opens").quarantine(&QuarantineFilter::default()).expect("lists");
        let items: Vec<_> = items.iter().map(|i| (i.id, i.position.clone(), i.attempts, i.requested)).collect();
        let asked: Vec<i64> = self.model.redrive_requests().into_iter().map(|r| r.0).collect();
        let model: Vec<_> = self.model.quarantine().into_iter().map(|(id, q, n)| (id, q.position, n, asked.contains(&id))).collect();
        assert_eq!(items, model);
    }
}

#[test]
fn file_and_memory_cannot_be_told_apart() {
    let mut counts = [0; 7];
    for seed in 0..40 {
        let folder = Folder::new();
        let path = folder.path("state");
        let mut pair = Pair::new(&path, seed);
        for _ in 0..50 {
            pair.step(&path);
            pair.assert_equal(&path);
        }
        counts.iter_mut().zip(pair.counts).for_each(|(a, b)| *a += b);
    }
    println!("appends, snapshots, torn, cursors, refused, reopened, taken over: {counts:?}");
    assert!(counts.iter().all(|n| *n > 50), "{counts:?}");
}

/// The write-ahead log is cut at any byte, as a crash leaves it: what is there then is what was there after some operation, and
/// the more of the log there is, the later that was.
#[test]
fn after_a_crash_every_operation_is_whole_or_not_there() {
    let mut met = std::collections::BTreeSet::new();
    for seed in 100..112 {
        let folder = Folder::new();
        let path = folder.path("state");
        let mut pair = Pair::new(&path, seed);
        let mut states = vec![essence(&mut pair.model)];
        for _ in 0..30 {
            match pair.rng.u8(0..4) {
                0 => pair.snapshot(true),
                1 => pair.acknowledge(),
                _ => pair.append(&path),
            }
            states.push(essence(&mut pair.model));
        }
        let file = std::fs::read(&path).expect("reads");
        let wal = std::fs::read(folder.path("state-wal")).expect("reads");
        let mut last = 0;
        for cut in (0..=40).map(|i| wal.len() * i / 40) {
            let after = content_after_crash(&folder, &file, &wal[..cut]);
            let Some(after) = after else { continue };
            // Two operations may leave the same content: the latest counts.
            let at = states.iter().rposition(|s| *s == after);
            let at = at.unwrap_or_else(|| panic!("seed {seed}, {cut} bytes of the log: a state that never was:\n{after}"));
            assert!(at >= last, "seed {seed}: more of the log gave an older state");
            last = at;
            met.insert((seed, at));
        }
        assert_eq!(last + 1, states.len(), "seed {seed}: what was answered for is there");
    }
    println!("{} different states met", met.len());
    assert!(met.len() > 100);
}

/// What is there after a crash that left these bytes. `None`: not even the number of Pipelines was written.
fn content_after_crash(folder: &Folder, file: &[u8], wal: &[u8]) -> Option<String> {
    let path = folder.path("crashed");
    for ending in ["-shm", ".lock"] {
        let _ = std::fs::remove_file(folder.path(&format!("crashed{ending}")));
    }
    std::fs::write(&path, file).expect("written");
    std::fs::write(folder.path("crashed-wal"), wal).expect("written");
    let mut store = take_over_with(&path, &quick());
    (store.recover().expect("recovers").pipelines > 0).then(|| essence(&mut store))
}
