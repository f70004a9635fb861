//! What the command line may ask of a state file, whether its owner runs or not.
//!
//! Owns reading through a read-only connection, and the one thing that somebody else than the owner may write: the wish to have
//! quarantined items driven again. Never makes a file, never migrates one, never holds the owner up (readers and the writer do not
//! wait for each other).

use super::append::{head, pipelines, positions};
use super::error::{Trouble, tell};
use super::open::{OpenOptions, begin, beside, connect, connect_to_write, present};
use super::owner::owner_row;
use super::schema::FORMAT;
use crate::io::clock::now_ms;
use crate::io::port::{ReadPosition, StoreError};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};

/// A look into a state file.
#[derive(Debug)]
pub struct View {
    path: PathBuf,
    connection: Connection,
}

/// What there is to know about a state file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Format of the file.
    pub format: i32,
    /// Version of the program that made it.
    pub created_by: String,
    /// Pipelines the log is written for; 0: nothing was appended yet.
    pub pipelines: u16,
    /// Last position of the log.
    pub head: u64,
    /// Entries in the log, over all Pipelines.
    pub entries: u64,
    /// Owner's epoch: how often the file was taken.
    pub epoch: i64,
    /// Who owns it, or did last.
    pub holder: String,
    /// When the owner last wrote that it lives, and how long that counts, in milliseconds.
    pub renewed_ms: i64,
    /// Length of its lease.
    pub lease_ms: i64,
    /// Milliseconds since then, by the wall clock.
    pub lease_age_ms: i64,
    /// Bytes of the file, of those that are free in it, and of the `-wal` beside it.
    pub bytes: u64,
    /// Bytes free within the file.
    pub free_bytes: u64,
    /// Bytes of the write-ahead log.
    pub wal_bytes: u64,
    /// Sealed snapshots: (Pipeline, position, bytes, taken).
    pub snapshots: Vec<(u16, u64, u64, i64)>,
    /// How far sources were read.
    pub positions: Vec<ReadPosition>,
    /// Acknowledgement cursors: (Pipeline, lane, bytes of the cursor).
    pub cursors: Vec<(u16, String, u64)>,
    /// Alerts in the index.
    pub alerts: u64,
    /// Items in quarantine.
    pub quarantined: u64,
    /// Items that wait to be driven again.
    pub redrives: u64,
    /// Notes of the program: see [`super::SqliteStore::set_info`].
    pub notes: Vec<(String, String)>,
}

impl View {
    /// Opens a state file to look into it.
    ///
    /// # Errors
    /// [`StoreError`]: there is none, it is not ours, or of a format that its owner must migrate first.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        if !present(path)? {
            return Err(StoreError::Unavailable(format!(
                "there is no state file {}: name the one that `tidegate run` writes",
                path.display()
            )));
        }
        let busy = OpenOptions::default().busy;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let (connection, format) = connect(path, flags, busy).or_else(|error| frozen(path, error))?;
        if format < FORMAT {
            return Err(StoreError::Unreadable(format!(
                "cannot look into {}: it has format {format}, this program reads format {FORMAT}: start `tidegate run` with it once, \
                 which copies it and brings it up to date",
                path.display()
            )));
        }
        Ok(View { path: path.to_owned(), connection })
    }

    pub(super) fn parts(&mut self) -> (&Path, &mut Connection) {
        (&self.path, &mut self.connection)
    }

    pub(super) fn read<T>(&mut self, doing: &str, body: impl FnOnce(&Connection) -> Result<T, Trouble>) -> Result<T, StoreError> {
        let outcome = self.connection.transaction().map_err(Trouble::from).and_then(|t| body(&t));
        outcome.map_err(|trouble| tell(&self.path, doing, trouble))
    }

    /// Numbers about the file.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn info(&mut self) -> Result<Info, StoreError> {
        let wal_bytes = std::fs::metadata(beside(&self.path, "-wal")).map_or(0, |meta| meta.len());
        self.read("read its numbers", |c| info(c, wal_bytes))
    }

    /// Asks the owner to drive quarantined items again; it does so when it next looks. Answers how many of the ids are there.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn request_redrive(&self, ids: &[i64]) -> Result<usize, StoreError> {
        let (connection, format) = connect_to_write(&self.path, &OpenOptions::default())?;
        if format != FORMAT {
            let why = format!("it has format {format} meanwhile, this program writes format {FORMAT}");
            return Err(StoreError::Unreadable(format!("cannot write into {}: {why}", self.path.display())));
        }
        request(&connection, ids).map_err(|e| tell(&self.path, "ask for items to be driven again", e.into()))
    }
}

/// A file nobody can write (a read-only mount, a copy kept as evidence) is opened as what it is: unchanging. Not while there is a
/// `-wal`, whose writes would be missed.
fn frozen(path: &Path, error: StoreError) -> Result<(Connection, i32), StoreError> {
    let wal = std::fs::metadata(beside(path, "-wal")).map_or(0, |meta| meta.len());
    let text = path.to_str().filter(|t| matches!(error, StoreError::Unavailable(_)) && wal == 0 && !t.contains(['?', '#', '%']));
    let Some(text) = text else { return Err(error) };
    let uri = PathBuf::from(format!("file:{text}?immutable=1"));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    connect(&uri, flags, OpenOptions::default().busy).map_err(|_| error)
}

fn request(connection: &Connection, ids: &[i64]) -> rusqlite::Result<usize> {
    let transaction = begin(connection, OpenOptions::default().busy)?;
    let mut known = 0;
    for id in ids {
        if transaction.prepare_cached("SELECT 1 FROM quarantine WHERE id = ?1")?.exists([id])? {
            transaction.prepare_cached("INSERT OR IGNORE INTO redrive VALUES (?1, ?2)")?.execute((id, now_ms()))?;
            known += 1;
        }
    }
    transaction.commit()?;
    Ok(known)
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

fn info(c: &Connection, wal_bytes: u64) -> Result<Info, Trouble> {
    let number = |sql: &str| c.query_row(sql, [], |row| row.get(0)).map(unsigned);
    let pragma = |name: &str| c.pragma_query_value(None, name, |row| row.get(0)).map(unsigned);
    let (owner, page) = (owner_row(c)?, pragma("page_size")?);
    Ok(Info {
        format: c.pragma_query_value(None, "user_version", |row| row.get(0))?,
        created_by: c.query_row("SELECT value FROM info WHERE name = 'created_by'", [], |row| row.get(0))?,
        pipelines: pipelines(c)?,
        head: head(c)?,
        entries: number("SELECT count(*) FROM log")?,
        epoch: owner.epoch,
        holder: owner.holder,
        renewed_ms: owner.renewed_ms,
        lease_ms: owner.lease_ms,
        lease_age_ms: now_ms().saturating_sub(owner.renewed_ms).max(0),
        bytes: page * pragma("page_count")?,
        free_bytes: page * pragma("freelist_count")?,
        wal_bytes,
        snapshots: snapshots(c)?,
        positions: positions(c)?,
        cursors: cursors(c)?,
        alerts: number("SELECT count(*) FROM alerts")?,
        quarantined: number("SELECT count(*) FROM quarantine")?,
        redrives: number("SELECT count(*) FROM redrive")?,
        notes: notes(c)?,
    })
}

fn snapshots(c: &Connection) -> rusqlite::Result<Vec<(u16, u64, u64, i64)>> {
    let sql = "SELECT pipeline, position, bytes, taken_ms FROM snapshots WHERE sealed = 1 ORDER BY pipeline, position DESC";
    let mut statement = c.prepare(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, unsigned(row.get(1)?), unsigned(row.get(2)?), row.get(3)?)))?;
    rows.collect()
}

fn cursors(c: &Connection) -> rusqlite::Result<Vec<(u16, String, u64)>> {
    let mut statement = c.prepare("SELECT pipeline, lane, length(cursor) FROM cursors ORDER BY pipeline, lane")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, unsigned(row.get(2)?))))?;
    rows.collect()
}

fn notes(c: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut statement = c.prepare("SELECT substr(name, 6), CAST(value AS TEXT) FROM info WHERE name LIKE 'note:%' ORDER BY name")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}
