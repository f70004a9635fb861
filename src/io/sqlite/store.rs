//! The store: one connection, one transaction per call, every write under the owner's epoch.
//!
//! Owns the way into a transaction and out of it. What stands in the transactions is in the files beside this one.

use super::alerts::SqliteAlerts;
use super::append;
use super::error::{Trouble, tell, wants_new_connection};
use super::lease::Lease;
use super::open::{Budget, OpenOptions, begin, connect_to_write, identity, limit};
use super::owner::{acquire, check_epoch, renew_row, try_lock};
use super::quarantine::{self, Redrive};
use super::recover;
use super::refused;
use super::rules;
use super::snapshots;
use crate::io::port::{Append, Recovered, Refusal, RuleFiles, Store, StoreError};
use rusqlite::{Connection, OptionalExtension, Transaction};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The owner's hold on a state file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    options: OpenOptions,
    connection: Connection,
    /// The file that was opened. Writes into one that was moved or deleted would reach nobody.
    identity: Option<(u64, u64)>,
    /// The connection met an error after which its files may be others: it is opened again before the next use.
    suspect: bool,
    lease: Lease,
    budget: Budget,
}

impl SqliteStore {
    pub(super) fn new(path: &Path, options: &OpenOptions, connection: Connection, lease: Lease) -> Self {
        let (path, options, identity, budget) = (path.to_owned(), options.clone(), identity(path), Budget::new(options.bytes_max));
        SqliteStore { path, options, connection, identity, suspect: false, lease, budget }
    }

    /// Takes a state file that nobody else owns; it is made if there is none.
    ///
    /// # Errors
    /// [`StoreError`]; [`StoreError::Unavailable`] also if another process owns it.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self, StoreError> {
        let why =
            "another process owns it, or died within the last lease: end that one, wait for the lease to run out, or name another file";
        let owned = || StoreError::Unavailable(format!("cannot open the state file {}: {why}", path.display()));
        acquire(path, options, &|| true, &mut |_| {})?.ok_or_else(owned)
    }

    /// Another connection of the same owner, for a thread of its own (snapshots beside appends).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn twin(&self) -> Result<Self, StoreError> {
        let (connection, _) = connect_to_write(&self.path, &self.options)?;
        let twin = SqliteStore::new(&self.path, &self.options, connection, self.lease.clone());
        Ok(SqliteStore { budget: self.budget.clone(), ..twin })
    }

    /// The sink that writes alerts into this file, with a connection of its own: for a thread of its own.
    #[must_use]
    pub fn alerts(&self) -> SqliteAlerts {
        SqliteAlerts::new(&self.path, &self.options, self.lease.clone(), self.budget.clone())
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lease, for whoever sends.
    #[must_use]
    pub fn lease(&self) -> Lease {
        self.lease.clone()
    }

    /// The byte budget of the file, for whoever changes it.
    #[must_use]
    pub fn budget(&self) -> Budget {
        self.budget.clone()
    }

    /// Whether something may be sent: see [`Lease::may_send`].
    #[must_use]
    pub fn may_send(&self) -> bool {
        self.lease.may_send()
    }

    /// Quarantined items that somebody asked to be driven again, oldest request first, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn redrive_requests(&mut self, limit: usize) -> Result<Vec<Redrive>, StoreError> {
        self.read("read the requests to drive again", |c| quarantine::requests(c, limit))
    }

    /// An item of the quarantine that was sent again to the sink that had refused it: it leaves (`None`), or stays with the reason
    /// for which it was refused again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn settle_refused(&mut self, id: i64, refused_again: Option<&str>) -> Result<(), StoreError> {
        self.write("note what became of a document of the quarantine", |t| refused::settle(t, id, refused_again))
    }

    /// A note of the program beside the log (a counter, a name).
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn set_info(&mut self, name: &str, value: &str) -> Result<(), StoreError> {
        let sql = "INSERT INTO info VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
        self.write("write a note", |t| Ok(t.prepare_cached(sql)?.execute((format!("note:{name}"), value)).map(drop)?))
    }

    /// A note of the program, as [`SqliteStore::set_info`] left it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn info(&mut self, name: &str) -> Result<Option<String>, StoreError> {
        let sql = "SELECT CAST(value AS TEXT) FROM info WHERE name = ?1";
        let name = format!("note:{name}");
        self.read("read a note", |c| Ok(c.prepare_cached(sql)?.query_row([&name], |row| row.get(0)).optional()?))
    }

    /// Reads; a read of several statements sees one moment.
    pub(super) fn read<T>(&mut self, doing: &str, body: impl FnOnce(&Connection) -> Result<T, Trouble>) -> Result<T, StoreError> {
        self.freshen()?;
        let outcome = self.connection.transaction().map_err(Trouble::from).and_then(|t| body(&t));
        outcome.map_err(|trouble| self.failed(doing, trouble))
    }

    /// Writes under the owner's epoch, all of it or nothing, and renews the lease on the way when it is time.
    pub(super) fn write<T>(&mut self, doing: &str, body: impl FnOnce(&Transaction<'_>) -> Result<T, Trouble>) -> Result<T, StoreError> {
        let renew = self.lease.is_due();
        self.write_and_renew(doing, renew, body)
    }

    fn write_and_renew<T>(
        &mut self,
        doing: &str,
        renew: bool,
        body: impl FnOnce(&Transaction<'_>) -> Result<T, Trouble>,
    ) -> Result<T, StoreError> {
        if let Some(why) = self.lease.forfeited() {
            return Err(StoreError::Fenced(why.to_owned()));
        }
        self.freshen()?;
        let began = self.lease.now();
        let (path, lease) = (&self.path, &self.lease);
        let attempt = || -> Result<T, Trouble> {
            let transaction = begin(&self.connection, self.options.busy)?;
            check_epoch(&transaction, path, lease.epoch())?;
            let value = body(&transaction)?;
            if renew {
                renew_row(&transaction, lease.locked_or(|| try_lock(path).ok().flatten()))?;
            }
            transaction.commit()?;
            Ok(value)
        };
        let outcome = attempt();
        match outcome {
            Ok(value) => {
                if renew {
                    self.lease.renewed(began);
                }
                Ok(value)
            }
            Err(trouble) => Err(self.failed(doing, trouble)),
        }
    }

    fn failed(&mut self, doing: &str, trouble: Trouble) -> StoreError {
        self.suspect |= wants_new_connection(&trouble);
        let error = tell(&self.path, doing, trouble);
        if matches!(error, StoreError::Fenced(_)) {
            self.lease.lose();
        }
        error
    }

    fn freshen(&mut self) -> Result<(), StoreError> {
        if self.suspect {
            self.check_identity()?;
            (self.connection, _) = connect_to_write(&self.path, &self.options)?;
            self.suspect = false;
        }
        let bytes_max = self.budget.get();
        if bytes_max != self.options.bytes_max {
            limit(&self.connection, bytes_max).map_err(|e| tell(&self.path, "change the byte budget", e.into()))?;
            self.options.bytes_max = bytes_max;
        }
        Ok(())
    }

    fn check_identity(&self) -> Result<(), StoreError> {
        if identity(&self.path) == self.identity {
            return Ok(());
        }
        let why = "it was moved, deleted or replaced while it was in use: put back the file that was there; work goes on then";
        Err(StoreError::Unavailable(format!("cannot find the state file {}: {why}", self.path.display())))
    }
}

/// Between two long writes an append of another thread gets its turn.
fn give_way() {
    std::thread::sleep(Duration::from_millis(2));
}

impl Store for SqliteStore {
    fn recover(&mut self) -> Result<Recovered, StoreError> {
        recover::recover(self)
    }

    fn set_pipelines(&mut self, pipelines: u16) -> Result<(), StoreError> {
        let path = self.path.clone();
        self.write("write the number of Pipelines", |t| append::set_pipelines(t, &path, pipelines))
    }

    fn append(&mut self, batch: &Append<'_>) -> Result<(), StoreError> {
        let path = self.path.clone();
        self.write("append to the log", |t| append::append(t, &path, batch))
    }

    fn entry(&mut self, pipeline: u16, position: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.read("read the log", |c| append::entry(c, pipeline, position))
    }

    fn rules(&mut self, digest: &[u8; 32]) -> Result<Option<RuleFiles>, StoreError> {
        let path = self.path.clone();
        self.read("read a rule set", |c| rules::read(c, &path, digest))
    }

    fn snapshot(&mut self, pipeline: u16, position: u64) -> Result<Vec<u8>, StoreError> {
        let path = self.path.clone();
        self.read("read a snapshot", |c| snapshots::read(c, &path, pipeline, position))
    }

    fn put_piece(&mut self, pipeline: u16, position: u64, number: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.write("write a piece of a snapshot", |t| snapshots::put_piece(t, pipeline, position, number, bytes))?;
        give_way();
        Ok(())
    }

    fn seal_snapshot(&mut self, pipeline: u16, position: u64, pieces: u32, checksum: u128) -> Result<(), StoreError> {
        let path = self.path.clone();
        let found = self.read("verify a snapshot", |c| snapshots::verify_unsealed(c, &path, pipeline, position, pieces, checksum))?;
        self.write("seal a snapshot", |t| snapshots::seal(t, &found))?;
        while self.write("cut the log behind a snapshot", |t| snapshots::cut_slice(t, pipeline))? {
            give_way();
        }
        self.write("drop rule sets that nothing names", rules::drop_unnamed)
    }

    fn acknowledge(&mut self, pipeline: u16, lane: &str, cursor: &[u8]) -> Result<(), StoreError> {
        let sql = "INSERT INTO cursors VALUES (?1, ?2, ?3) ON CONFLICT (pipeline, lane) DO UPDATE SET cursor = excluded.cursor";
        self.write("write a cursor", |t| Ok(t.prepare_cached(sql)?.execute((pipeline, lane, cursor)).map(drop)?))
    }

    fn refuse(&mut self, refusals: &[Refusal]) -> Result<(), StoreError> {
        self.write("quarantine what a sink refused", |t| refused::store(t, refusals))
    }

    fn renew(&mut self) -> Result<(), StoreError> {
        self.check_identity()?;
        self.write_and_renew("renew the lease", true, |_| Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::pipeline::Entry;

    #[test]
    fn a_budget_that_is_raised_holds_for_connections_that_are_open() {
        let folder = std::env::temp_dir().join(format!("tidegate-budget-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        let options = OpenOptions { bytes_max: Some(1 << 20), ..OpenOptions::default() };
        let mut store = SqliteStore::open(&folder.join("state"), &options).expect("opens");
        let mut twin = store.twin().expect("twin");
        store.set_info("large", &"x".repeat(900_000)).expect("room");
        let refusal = twin.set_info("larger", &"x".repeat(900_000)).expect_err("no room");
        assert!(matches!(&refusal, StoreError::Unavailable(text) if text.contains("raise the budget")), "{refusal}");
        store.budget().set(Some(4 << 20));
        twin.set_info("larger", &"x".repeat(900_000)).expect("room");
        store.budget().set(None);
        store.set_info("largest", &"x".repeat(5_000_000)).expect("room without end");
        let _ = std::fs::remove_dir_all(&folder);
    }

    /// What a read-only file system does to a connection that is open: every write fails, and the next connection may do better.
    #[test]
    fn a_read_only_file_is_later_and_passes_by_itself() {
        let folder = std::env::temp_dir().join(format!("tidegate-read-only-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        let mut store = SqliteStore::open(&folder.join("state"), &OpenOptions::default()).expect("opens");
        store.set_pipelines(1).expect("pipelines");
        store.connection.pragma_update(None, "query_only", true).expect("set");
        let entries = [Entry::default()];
        let batch = Append { position: 1, entries: &entries, ..Append::default() };
        let refusal = store.append(&batch).expect_err("read-only");
        assert!(matches!(&refusal, StoreError::Unavailable(text) if text.contains("make it writable")), "{refusal}");
        assert!(store.suspect);
        store.append(&batch).expect("goes on");
        assert_eq!(store.recover().expect("recovers").head, 1);
        let _ = std::fs::remove_dir_all(&folder);
    }
}
