//! Who owns a state file: taking it, waiting for it, finding it taken away.
//!
//! Two mechanisms. The operating system's lock on `PATH.lock` is held for the owner's life: when it dies, the kernel lets go and a
//! standby follows at once. The `owner` row is renewed by the owner; a standby that sees it unchanged for a whole lease, by its own
//! monotonic clock, takes over although the lock is held: the owner is stopped or cut off from its disk. Taking over raises the
//! epoch, and every write of the former owner is refused from there on.
//!
//! Limits: an owner stopped *inside* a write holds SQLite's own lock; the standby can only wait for it, and says so. An owner that
//! took over from a stopped one does not hold the lock file until that one has ended (`locked` = 0): till then only its lease speaks.

use super::error::{Trouble, tell, tell_io};
use super::lease::Lease;
use super::open::{OpenOptions, begin, beside, connect_to_write, create, create_private, migrate, present};
use super::store::SqliteStore;
use crate::io::clock::{Stopwatch, now_ms};
use crate::io::port::StoreError;
use rusqlite::{Connection, Transaction};
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

/// The owner's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnerRow {
    pub(super) epoch: i64,
    pub(super) holder: String,
    pub(super) locked: bool,
    pub(super) renewed: i64,
    pub(super) renewed_ms: i64,
    pub(super) lease_ms: i64,
}

pub(super) fn owner_row(connection: &Connection) -> rusqlite::Result<OwnerRow> {
    let mut statement = connection.prepare_cached("SELECT epoch, holder, locked, renewed, renewed_ms, lease_ms FROM owner")?;
    statement.query_row([], |row| {
        let (epoch, holder, locked) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(OwnerRow { epoch, holder, locked, renewed: row.get(3)?, renewed_ms: row.get(4)?, lease_ms: row.get(5)? })
    })
}

/// Refuses what a former owner wants to write.
pub(super) fn check_epoch(transaction: &Transaction<'_>, path: &Path, epoch: i64) -> Result<(), Trouble> {
    let there: i64 = transaction.prepare_cached("SELECT epoch FROM owner")?.query_row([], |row| row.get(0))?;
    if there == epoch {
        return Ok(());
    }
    let holder = owner_row(transaction)?.holder;
    Err(StoreError::Fenced(format!(
        "{holder} has taken over {} (epoch {there}; this process had {epoch}): this process must stop. Start it again to make it the standby",
        path.display()
    ))
    .into())
}

/// Writes into the row that the owner lives.
pub(super) fn renew_row(transaction: &Transaction<'_>, locked: bool) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("UPDATE owner SET renewed = renewed + 1, renewed_ms = ?1, locked = ?2")?;
    statement.execute((now_ms(), locked)).map(drop)
}

/// Tries for the operating system's lock.
pub(super) fn try_lock(path: &Path) -> Result<Option<File>, StoreError> {
    let lock = beside(path, ".lock");
    let file = match create_private(&lock) {
        Ok(file) => file,
        Err(_) => File::options().read(true).write(true).open(&lock).map_err(|e| tell_io(&lock, "open the lock file", &e))?,
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(tell_io(&lock, "lock", &e)),
    }
}

/// Takes a state file, which is made if there is none; waits as standby while another process owns it. `stop` is asked several
/// times a second; `waiting` hears what is waited for, whenever that changes. `None`: stopped while waiting.
///
/// # Errors
/// [`StoreError`]: the file is unusable, or cannot be reached and nobody owns it.
pub fn acquire(
    path: &Path,
    options: &OpenOptions,
    stop: &dyn Fn() -> bool,
    waiting: &mut dyn FnMut(&str),
) -> Result<Option<SqliteStore>, StoreError> {
    let mut standby = Standby { path, options, seen: None, since: Stopwatch::start(), connection: None };
    let mut told = String::new();
    loop {
        let why = match standby.attempt()? {
            Attempt::Taken(store) => return Ok(Some(*store)),
            Attempt::Wait(why) => why,
        };
        if stop() {
            return Ok(None);
        }
        if why != told {
            waiting(&why);
            told = why;
        }
        std::thread::sleep((options.lease / 20).clamp(Duration::from_millis(2), Duration::from_millis(200)));
    }
}

enum Attempt {
    Taken(Box<SqliteStore>),
    Wait(String),
}

/// Somebody who would like to own the file.
struct Standby<'a> {
    path: &'a Path,
    options: &'a OpenOptions,
    /// The row (epoch, counter) as it was when `since` started.
    seen: Option<(i64, i64)>,
    since: Stopwatch,
    connection: Option<(Connection, i32)>,
}

impl Standby<'_> {
    fn attempt(&mut self) -> Result<Attempt, StoreError> {
        let lock = try_lock(self.path)?;
        if !present(self.path)? {
            if lock.is_none() {
                return Ok(Attempt::Wait(format!("another process is making {}", self.path.display())));
            }
            create(self.path)?;
        }
        match self.attempt_with(lock) {
            // Whoever owns the file may be in the middle of something: only a standby can have this.
            Err(StoreError::Unavailable(why)) if self.seen.is_some() => Ok(Attempt::Wait(why)),
            other => other,
        }
    }

    fn attempt_with(&mut self, lock: Option<File>) -> Result<Attempt, StoreError> {
        if self.connection.is_none() {
            self.connection = Some(connect_to_write(self.path, self.options)?);
        }
        let Some((connection, _)) = &self.connection else { return Ok(Attempt::Wait(String::new())) };
        let row = owner_row(connection).map_err(|e| tell(self.path, "read the owner", e.into()))?;
        // The lock says that the owner is gone only if the owner had it.
        if lock.is_some() && row.locked {
            return self.take(&row, lock);
        }
        drop(lock);
        if self.seen != Some((row.epoch, row.renewed)) {
            self.seen = Some((row.epoch, row.renewed));
            self.since = Stopwatch::start();
        }
        let lease = self.options.lease.max(Duration::from_millis(u64::try_from(row.lease_ms).unwrap_or(0)));
        if self.since.elapsed() >= lease {
            return self.take(&row, None);
        }
        Ok(Attempt::Wait(format!("{} owns {}: waiting as its standby", row.holder, self.path.display())))
    }

    /// Takes over from the owner as `row` shows it.
    fn take(&mut self, row: &OwnerRow, lock: Option<File>) -> Result<Attempt, StoreError> {
        let Some((connection, format)) = self.connection.take() else { return Ok(Attempt::Wait(String::new())) };
        let began = Stopwatch::start();
        let taken = raise_epoch(&connection, row, lock.is_some(), self.options);
        match taken.map_err(|e| tell(self.path, "take over (its owner may have stopped inside a write)", e.into()))? {
            None => Ok(Attempt::Wait(format!("{} owns {} and lives", row.holder, self.path.display()))),
            Some(epoch) => {
                migrate(self.path, &connection, format)?;
                let lease = Lease::new(epoch, self.options.lease, began, lock);
                Ok(Attempt::Taken(Box::new(SqliteStore::new(self.path, self.options, connection, lease))))
            }
        }
    }
}

/// Raises the epoch, unless the owner has renewed meanwhile.
fn raise_epoch(connection: &Connection, row: &OwnerRow, locked: bool, options: &OpenOptions) -> rusqlite::Result<Option<i64>> {
    let transaction = begin(connection, options.busy)?;
    let there = owner_row(&transaction)?;
    if (there.epoch, there.renewed) != (row.epoch, row.renewed) {
        return Ok(None);
    }
    let lease_ms = i64::try_from(options.lease.as_millis()).unwrap_or(i64::MAX);
    let sql = "UPDATE owner SET epoch = epoch + 1, holder = ?1, locked = ?2, renewed = renewed + 1, renewed_ms = ?3, lease_ms = ?4";
    transaction.execute(sql, (holder(), locked, now_ms(), lease_ms))?;
    transaction.commit()?;
    Ok(Some(there.epoch + 1))
}

/// This process, as people may find it.
pub(super) fn holder() -> String {
    format!("pid {} on {}", std::process::id(), host().as_deref().unwrap_or("this host"))
}

/// This machine's name.
pub(super) fn host() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    name.map(|n| n.trim().to_owned()).filter(|n| !n.is_empty())
}
