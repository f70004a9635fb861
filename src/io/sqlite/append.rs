//! Appending a batch, and the small tables that go with the log.

use super::error::Trouble;
use super::quarantine;
use super::rules;
use crate::io::port::{Append, ReadPosition, StoreError};
use rusqlite::{Connection, OptionalExtension, Transaction};
use std::path::Path;
use tidegate_core::event::Sequence;

/// Digits a sequence is filled up to: what [`Sequence::parse`] takes, so that text order is the order of sequences.
const SEQUENCE_DIGITS: usize = 57;

pub(super) fn sequence_text(sequence: Sequence) -> String {
    format!("{:0>SEQUENCE_DIGITS$}", sequence.to_string())
}

/// A number as SQLite keeps it. Log positions and versions count up from 0 and never come near the limit.
pub(super) fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A stop that no retry helps: driver and file do not fit.
fn refuse<T>(path: &Path, why: String) -> Result<T, Trouble> {
    Err(StoreError::Unreadable(format!("cannot append to the log in {}: {why}. Nothing was written", path.display())).into())
}

pub(super) fn pipelines(connection: &Connection) -> rusqlite::Result<u16> {
    connection.prepare_cached("SELECT value FROM info WHERE name = 'pipelines'")?.query_row([], |row| row.get(0))
}

/// The last position of the log. Behind a snapshot the log is cut, never before one, so one of the two knows it.
pub(super) fn head(connection: &Connection) -> rusqlite::Result<u64> {
    let sql = "SELECT coalesce((SELECT max(position) FROM log WHERE pipeline = 0), \
               (SELECT max(position) FROM snapshots WHERE pipeline = 0 AND sealed = 1), 0)";
    connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0)).map(|n| u64::try_from(n).unwrap_or(0))
}

pub(super) fn set_pipelines(transaction: &Transaction<'_>, path: &Path, wanted: u16) -> Result<(), Trouble> {
    let there = pipelines(transaction)?;
    if there == wanted {
        return Ok(());
    }
    if head(transaction)? > 0 {
        let why =
            format!("it was written for {there} Pipelines, not for {wanted}: set that number again, or name another file to start anew");
        return refuse(path, why);
    }
    transaction.execute("UPDATE info SET value = ?1 WHERE name = 'pipelines'", [wanted])?;
    Ok(())
}

pub(super) fn append(transaction: &Transaction<'_>, path: &Path, batch: &Append<'_>) -> Result<(), Trouble> {
    let (pipelines, head) = (pipelines(transaction)?, head(transaction)?);
    if pipelines == 0 {
        return refuse(path, "the number of its Pipelines was not set".into());
    }
    if batch.position != head + 1 {
        return refuse(path, format!("it ends at position {head}, and position {} was to follow", batch.position));
    }
    if batch.entries.len() != usize::from(pipelines) {
        return refuse(path, format!("it is written for {pipelines} Pipelines, and {} entries came", batch.entries.len()));
    }
    let mut insert = transaction.prepare_cached("INSERT INTO log VALUES (?1, ?2, ?3)")?;
    for (pipeline, entry) in (0..pipelines).zip(batch.entries) {
        insert.execute((pipeline, sql(batch.position), entry.encode()))?;
    }
    batch.positions.iter().try_for_each(|position| put_position(transaction, position))?;
    quarantine::store(transaction, batch)?;
    if let Some(files) = batch.rules {
        rules::register(transaction, batch.position, files)?;
    }
    Ok(())
}

/// A read position is replaced by a later one only.
fn put_position(transaction: &Transaction<'_>, p: &ReadPosition) -> rusqlite::Result<()> {
    let sql = "INSERT INTO positions VALUES (?1, ?2, ?3, ?4) ON CONFLICT (source, shard) \
               DO UPDATE SET sequence = excluded.sequence, token = excluded.token WHERE excluded.sequence >= positions.sequence";
    let mut statement = transaction.prepare_cached(sql)?;
    statement.execute((&*p.source, &*p.shard, sequence_text(p.sequence), &p.token)).map(drop)
}

pub(super) fn positions(connection: &Connection) -> rusqlite::Result<Vec<ReadPosition>> {
    let mut statement = connection.prepare_cached("SELECT source, shard, sequence, token FROM positions")?;
    let rows = statement.query_map([], |row| {
        let (source, shard): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(ReadPosition { source: source.into(), shard: shard.into(), sequence: sequence(row, 2)?, token: row.get(3)? })
    })?;
    rows.collect()
}

/// A sequence as it was stored.
pub(super) fn sequence(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Sequence> {
    let text: String = row.get(column)?;
    let damaged = || rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, "no sequence of digits".into());
    Sequence::parse(&text).ok_or_else(damaged)
}

pub(super) fn entry(connection: &Connection, pipeline: u16, position: u64) -> Result<Option<Vec<u8>>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT entry FROM log WHERE pipeline = ?1 AND position = ?2")?;
    Ok(statement.query_row((pipeline, sql(position)), |row| row.get(0)).optional()?)
}
