//! The quarantine (dead-letter store): what could not be read, kept with its reason, to be driven again.
//!
//! Owns the life of an item: it comes with the batch that met it, and leaves with the batch that drove it again. One that fails
//! again keeps its id.

use super::append::{sequence, sequence_text};
use super::error::Trouble;
use super::store::SqliteStore;
use crate::io::clock::now_ms;
use crate::io::port::{Append, StoreError};
use rusqlite::{Connection, OptionalExtension, Transaction};
use tidegate_core::event::Position;
use tidegate_core::pipeline::{Quarantined, intake::reason};

/// A quarantined item that is to go through the machine again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// Its id: goes into [`Append::redriven`].
    pub id: i64,
    /// Where it stood.
    pub position: Position,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether they were cut: such an item fails again for want of its end.
    pub truncated: bool,
    /// The largest arrival of the batch that it came with.
    pub arrival_ms: i64,
    /// How often it was driven again before.
    pub attempts: u32,
}

/// An item on its way out.
struct Leaving {
    id: i64,
    record: (String, String, String),
    sub_sequence: u32,
}

pub(super) fn store(t: &Transaction<'_>, batch: &Append<'_>) -> Result<(), Trouble> {
    let mut leaving = Vec::new();
    for id in batch.redriven {
        t.prepare_cached("DELETE FROM redrive WHERE item = ?1")?.execute([id])?;
        leaving.extend(self::leaving(t, *id)?);
    }
    let arrival_ms = batch.entries.iter().map(|e| e.arrival_ms).max().unwrap_or(0);
    for item in batch.quarantined {
        match returns(&leaving, item).map(|at| leaving.swap_remove(at)) {
            Some(same) => fail_again(t, &same, item)?,
            None => insert(t, item, arrival_ms)?,
        }
    }
    for item in leaving {
        t.prepare_cached("DELETE FROM quarantine WHERE id = ?1")?.execute([item.id])?;
    }
    Ok(())
}

fn leaving(t: &Transaction<'_>, id: i64) -> rusqlite::Result<Option<Leaving>> {
    let mut statement = t.prepare_cached("SELECT source, shard, sequence, sub_sequence FROM quarantine WHERE id = ?1")?;
    let row =
        statement.query_row([id], |row| Ok(Leaving { id, record: (row.get(0)?, row.get(1)?, row.get(2)?), sub_sequence: row.get(3)? }));
    row.optional()
}

/// Which of those that were driven again this is: the one of the same place, else one of the same record.
fn returns(leaving: &[Leaving], item: &Quarantined) -> Option<usize> {
    let p = &item.position;
    let (source, shard, sequence) = (&*p.source, &*p.shard, sequence_text(p.sequence));
    let same_record = |l: &Leaving| (l.record.0.as_str(), l.record.1.as_str(), l.record.2.as_str()) == (source, shard, sequence.as_str());
    let exact = leaving.iter().position(|l| same_record(l) && l.sub_sequence == p.sub_sequence);
    exact.or_else(|| leaving.iter().position(same_record))
}

fn fail_again(t: &Transaction<'_>, same: &Leaving, item: &Quarantined) -> rusqlite::Result<()> {
    let sql = "UPDATE quarantine SET code = ?2, offset = ?3, detail = ?4, attempts = attempts + 1 WHERE id = ?1";
    let (error, offset) = (&item.error, item.error.offset as i64);
    t.prepare_cached(sql)?.execute((same.id, reason(error.code), offset, &*error.detail)).map(drop)
}

fn insert(t: &Transaction<'_>, item: &Quarantined, arrival_ms: i64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO quarantine (source, shard, sequence, sub_sequence, code, offset, detail, bytes, truncated, arrival_ms, stored_ms) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    let (p, error) = (&item.position, &item.error);
    let place = (&*p.source, &*p.shard, sequence_text(p.sequence), p.sub_sequence);
    let why = (reason(error.code), error.offset as i64, &*error.detail);
    let row = (place.0, place.1, place.2, place.3, why.0, why.1, why.2, &item.bytes, item.truncated, arrival_ms, now_ms());
    t.prepare_cached(sql)?.execute(row).map(drop)
}

impl SqliteStore {
    /// How many items there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn quarantine_items(&mut self) -> Result<u64, StoreError> {
        let items = |c: &Connection| Ok(c.prepare_cached("SELECT count(*) FROM quarantine")?.query_row([], |row| row.get::<_, i64>(0))?);
        self.read("count the quarantine", items).map(|n| u64::try_from(n).unwrap_or(0))
    }
}

pub(super) fn requests(connection: &Connection, limit: usize) -> Result<Vec<Redrive>, Trouble> {
    let sql = "SELECT q.id, q.source, q.shard, q.sequence, q.sub_sequence, q.bytes, q.truncated, q.arrival_ms, q.attempts \
               FROM redrive r JOIN quarantine q ON q.id = r.item ORDER BY r.requested_ms, q.id LIMIT ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([limit as i64], |row| {
        let (source, shard): (String, String) = (row.get(1)?, row.get(2)?);
        let position = Position { source: source.into(), shard: shard.into(), sequence: sequence(row, 3)?, sub_sequence: row.get(4)? };
        Ok(Redrive {
            id: row.get(0)?,
            position,
            bytes: row.get(5)?,
            truncated: row.get(6)?,
            arrival_ms: row.get(7)?,
            attempts: row.get(8)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
