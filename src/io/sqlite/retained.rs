//! The retained log of a state file, for whoever applies it without owning it: also while its owner runs.
//!
//! Owns one read transaction: everything read through it is of one instant, whatever the owner appends or cuts meanwhile. Never
//! writes. Limit: as long as it is open the owner's `-wal` cannot shrink.

use super::append::{entry, head, pipelines, sql};
use super::error::{Trouble, tell};
use super::view::View;
use super::{rules, snapshots};
use crate::io::port::{RuleFiles, StoreError};
use rusqlite::{Connection, OptionalExtension, Transaction};
use std::path::Path;

/// See the module.
#[derive(Debug)]
pub struct Retained<'a> {
    path: &'a Path,
    transaction: Transaction<'a>,
}

impl View {
    /// The log as it is retained at this instant.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn retained(&mut self) -> Result<Retained<'_>, StoreError> {
        let (path, connection) = self.parts();
        let transaction = connection.transaction().map_err(|e| tell(path, "read the log", e.into()))?;
        Ok(Retained { path, transaction })
    }
}

impl Retained<'_> {
    fn read<T>(&self, doing: &str, body: impl FnOnce(&Connection) -> Result<T, Trouble>) -> Result<T, StoreError> {
        body(&self.transaction).map_err(|trouble| tell(self.path, doing, trouble))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.path
    }

    /// Pipelines the log is written for (0: nothing was appended yet), and its last position.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn extent(&self) -> Result<(u16, u64), StoreError> {
        self.read("read its numbers", |c| Ok((pipelines(c)?, head(c)?)))
    }

    /// Bytes of the entries behind `position`, over all Pipelines.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn bytes_behind(&self, position: u64) -> Result<u64, StoreError> {
        let text = "SELECT coalesce(sum(length(entry)), 0) FROM log WHERE position > ?1";
        let bytes: i64 = self.read("measure the log", |c| Ok(c.query_row(text, [sql(position)], |row| row.get(0))?))?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    /// The first position of a Pipeline's log that is still there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn first(&self, pipeline: u16) -> Result<Option<u64>, StoreError> {
        let text = "SELECT min(position) FROM log WHERE pipeline = ?1";
        let first: Option<i64> = self.read("read the log", |c| Ok(c.query_row(text, [pipeline], |row| row.get(0))?))?;
        Ok(first.and_then(|n| u64::try_from(n).ok()))
    }

    /// Positions of a Pipeline's sealed snapshots, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn snapshots(&self, pipeline: u16) -> Result<Vec<u64>, StoreError> {
        let text = "SELECT position FROM snapshots WHERE pipeline = ?1 AND sealed = 1 ORDER BY position";
        self.read("list its snapshots", |c| {
            let mut statement = c.prepare(text)?;
            let rows = statement.query_map([pipeline], |row| row.get::<_, i64>(0))?;
            let positions: Vec<i64> = rows.collect::<Result<_, _>>()?;
            Ok(positions.into_iter().filter_map(|n| u64::try_from(n).ok()).collect())
        })
    }

    /// The bytes of a snapshot, checked.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn snapshot(&self, pipeline: u16, position: u64) -> Result<Vec<u8>, StoreError> {
        self.read("read a snapshot", |c| snapshots::read(c, self.path, pipeline, position))
    }

    /// The entry of a Pipeline at a position, as it was sealed; `None` where the log was cut.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn entry(&self, pipeline: u16, position: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.read("read the log", |c| entry(c, pipeline, position))
    }

    /// The files of a rule set, by digest.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rules(&self, digest: &[u8; 32]) -> Result<Option<RuleFiles>, StoreError> {
        self.read("read a rule set", |c| rules::read(c, self.path, digest))
    }

    /// A note of the program: see [`super::SqliteStore::set_info`].
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note(&self, name: &str) -> Result<Option<String>, StoreError> {
        let text = "SELECT CAST(value AS TEXT) FROM info WHERE name = ?1";
        self.read("read a note", |c| Ok(c.query_row(text, [format!("note:{name}")], |row| row.get(0)).optional()?))
    }
}
