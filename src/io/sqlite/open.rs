//! Opening a state file: what it must be before a byte of it is believed, and how a new one comes to be.
//!
//! Owns creation (whole or not at all: made beside its name, synced, then renamed), the checks, the settings of a connection, the
//! backup before a migration. Never overwrites anything it did not make, never takes a damaged or foreign file for a new one.

use super::error::{Trouble, tell, tell_io};
use super::schema::{APPLICATION_ID, FORMAT, advance};
use crate::io::clock::Stopwatch;
use crate::io::port::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How a state file is used.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Most bytes of the file itself (its `-wal` comes on top, usually below 8 MiB): above, writes are refused as on a full disk.
    pub bytes_max: Option<u64>,
    /// How long the owner may be silent before a standby takes over.
    pub lease: Duration,
    /// How long a call waits for another process that is writing.
    pub busy: Duration,
    /// Whether every write is synced to the disk before it returns. Without, a power cut may lose the last writes, never their
    /// order: enough for what can be made again.
    pub synced: bool,
}

impl Default for OpenOptions {
    fn default() -> Self {
        OpenOptions { bytes_max: None, lease: Duration::from_secs(10), busy: Duration::from_secs(5), synced: true }
    }
}

/// The byte budget of a state file, shared by all connections of its owner: it can be changed while they work.
#[derive(Debug, Clone)]
pub struct Budget(Arc<AtomicU64>);

impl Budget {
    pub(super) fn new(bytes_max: Option<u64>) -> Self {
        Budget(Arc::new(AtomicU64::new(bytes_max.unwrap_or(u64::MAX))))
    }

    /// Changes it. Every connection heeds it from its next write on; a file that is larger keeps its size.
    pub fn set(&self, bytes_max: Option<u64>) {
        self.0.store(bytes_max.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// What it is; `None`: there is none.
    #[must_use]
    pub fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|bytes| *bytes != u64::MAX)
    }
}

/// A name beside the state file's.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Creates an empty file that only its owner may read: alerts and quarantined bytes are nobody else's.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a file's bytes, and its name in its folder, durable. Only for files that no connection of this process has open: closing
/// any handle of a file drops the locks SQLite holds on it.
pub(super) fn sync_file_and_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

/// Whether there is a file to open. `false`: there is none, and none was there before.
pub(super) fn present(path: &Path) -> Result<bool, StoreError> {
    let wal = beside(path, "-wal");
    let refuse = |why: &str| Err(StoreError::Unreadable(format!("cannot use {} as state file: {why}", path.display())));
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => refuse("it is a folder: name a file"),
        Ok(meta) if meta.len() == 0 => refuse(
            "it is empty, which a state file never is: it was cut off, or made by something else. Restore it from a copy, or remove it to start anew",
        ),
        Ok(_) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::NotFound && wal.exists() => {
            refuse("it is missing, but the file -wal beside it holds writes that belong to it. Put it back, or remove both to start anew")
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(tell_io(path, "look at", &e)),
    }
}

/// Makes a new state file. The caller holds the lock beside it.
pub(super) fn create(path: &Path) -> Result<(), StoreError> {
    let new = beside(path, ".new");
    for ending in ["", "-wal", "-shm", "-journal"] {
        match fs::remove_file(beside(&new, ending)) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(tell_io(&new, "remove the unfinished", &e)),
            _ => {}
        }
    }
    create_private(&new).map_err(|e| tell_io(&new, "create", &e))?;
    fill(&new).map_err(|e| tell(&new, "create the tables", e.into()))?;
    sync_file_and_folder(&new).and_then(|()| fs::rename(&new, path)).map_err(|e| tell_io(path, "create", &e))?;
    sync_file_and_folder(path).map_err(|e| tell_io(path, "sync", &e))
}

fn fill(path: &Path) -> rusqlite::Result<()> {
    let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let transaction = connection.transaction()?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    advance(&transaction, 0, FORMAT)?;
    transaction.execute("INSERT INTO info VALUES ('created_by', ?1), ('pipelines', 0)", [env!("CARGO_PKG_VERSION")])?;
    transaction.commit()?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.close().map_err(|(_, e)| e)
}

/// A connection to an existing file that was found to be ours. Answers the file's format with it.
pub(super) fn connect(path: &Path, flags: OpenFlags, busy: Duration) -> Result<(Connection, i32), StoreError> {
    let open = || -> Result<(Connection, i32), Trouble> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(busy)?;
        // A hostile file must not run functions from its schema.
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.pragma_update(None, "cell_size_check", true)?;
        let format = identify(path, &connection)?;
        Ok((connection, format))
    };
    open().map_err(|trouble| tell(path, "read", trouble))
}

fn identify(path: &Path, connection: &Connection) -> Result<i32, Trouble> {
    let number = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let (id, format) = (number("application_id")?, number("user_version")?);
    let refuse = |why: String| Err(StoreError::Unreadable(format!("cannot use {} as state file: {why}", path.display())).into());
    if id != APPLICATION_ID {
        return refuse("it is an SQLite file of another program. Nothing was changed. Name another file".into());
    }
    if format > FORMAT {
        return refuse(format!(
            "it has format {format}, this program ({}) reads formats up to {FORMAT}: use the newer version of the program that wrote it",
            env!("CARGO_PKG_VERSION")
        ));
    }
    if format < 1 {
        return refuse(format!("it says it has format {format}, which never was: it is damaged. Restore it from a copy"));
    }
    Ok(format)
}

/// A connection that writes, with the owner's settings.
pub(super) fn connect_to_write(path: &Path, options: &OpenOptions) -> Result<(Connection, i32), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let (connection, format) = connect(path, flags, options.busy)?;
    settle(&connection, options).map_err(|e| tell(path, "set up the connection", e.into()))?;
    Ok((connection, format))
}

fn settle(connection: &Connection, options: &OpenOptions) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", if options.synced { "FULL" } else { "NORMAL" })?;
    // A long snapshot may blow the -wal up; afterwards it shrinks to this.
    connection.pragma_update(None, "journal_size_limit", 16 * 1024 * 1024)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(64);
    limit(connection, options.bytes_max)
}

/// Puts a byte budget on what a connection writes.
pub(super) fn limit(connection: &Connection, bytes_max: Option<u64>) -> rusqlite::Result<()> {
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let bytes = bytes_max.and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(i64::MAX);
    let pages = (bytes / page.max(1)).clamp(1, i64::from(u32::MAX - 1));
    connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
}

/// How often a writer that waits for another one looks again. SQLite's own waiting looks ten times a second after a while, and a
/// thread that writes a snapshot piece after piece would win every time.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Begins to write, waiting at most so long for another writer.
pub(super) fn begin(connection: &Connection, busy: Duration) -> rusqlite::Result<Transaction<'_>> {
    let watch = Stopwatch::start();
    connection.busy_timeout(LOOK_AGAIN)?;
    loop {
        match Transaction::new_unchecked(connection, TransactionBehavior::Immediate) {
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && watch.elapsed() < busy => std::thread::sleep(LOOK_AGAIN),
            outcome => {
                connection.busy_timeout(busy)?;
                return outcome;
            }
        }
    }
}

/// Which file a name stands for; the same name may come to stand for another one.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    return fs::metadata(path).ok().map(|meta| {
        use std::os::unix::fs::MetadataExt;
        (meta.dev(), meta.ino())
    });
    #[cfg(not(unix))]
    return path.exists().then_some((0, 0));
}

/// Brings a file of an earlier format to ours: first a copy, then all steps in one transaction.
pub(super) fn migrate(path: &Path, connection: &Connection, format: i32) -> Result<(), StoreError> {
    if format == FORMAT {
        return Ok(());
    }
    back_up(path, connection, format)?;
    let steps = || -> rusqlite::Result<()> {
        let transaction = begin(connection, Duration::from_secs(60))?;
        advance(&transaction, format, FORMAT)?;
        transaction.commit()
    };
    steps().map_err(|e| tell(path, &format!("migrate format {format} to {FORMAT}"), e.into()))
}

fn back_up(path: &Path, connection: &Connection, format: i32) -> Result<(), StoreError> {
    let name = |n: u32| beside(path, &if n == 0 { format!(".format-{format}.bak") } else { format!(".format-{format}.{n}.bak") });
    let backup = (0..1000).map(name).find(|p| !p.exists());
    let Some(backup) = backup else {
        return Err(StoreError::Unavailable(format!("cannot back {} up: 1,000 backups are there already: move some away", path.display())));
    };
    let part = beside(path, ".bak.part");
    if let Err(e) = fs::remove_file(&part)
        && e.kind() != io::ErrorKind::NotFound
    {
        return Err(tell_io(&part, "remove the unfinished", &e));
    }
    create_private(&part).map_err(|e| tell_io(&part, "create", &e))?;
    copy(connection, &part).map_err(|e| tell(&part, "write the backup before the migration", e.into()))?;
    let placed = sync_file_and_folder(&part).and_then(|()| fs::rename(&part, &backup)).and_then(|()| sync_file_and_folder(&backup));
    placed.map_err(|e| tell_io(&backup, "write the backup", &e))
}

fn copy(from: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut target = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    rusqlite::backup::Backup::new(from, &mut target)?.run_to_completion(1024, Duration::ZERO, None)?;
    // One file, no -wal beside it: easy to move and to put back.
    target.pragma_update(None, "journal_mode", "DELETE")?;
    let verdict: String = target.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    target.close().map_err(|(_, e)| e)?;
    let damaged = || rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_CORRUPT), Some(verdict.clone()));
    if verdict == "ok" { Ok(()) } else { Err(damaged()) }
}
