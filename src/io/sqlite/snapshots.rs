//! Snapshots in pieces: written beside the appends, believed only when sealed, cut behind the older of two.
//!
//! Limits: while a snapshot is verified one piece at a time is in memory; a slice of the cut is one transaction of at most
//! [`LOG_SLICE`] entries or [`PIECE_SLICE`] pieces, so no append waits longer than for one.

use super::append::sql;
use super::error::Trouble;
use crate::io::clock::now_ms;
use crate::io::port::StoreError;
use rusqlite::{Connection, OptionalExtension, Transaction};
use std::path::Path;
use tidegate_core::event::id::{Hash128, hash128};

/// Log positions deleted in one transaction.
const LOG_SLICE: i64 = 2_000;
/// Pieces deleted in one transaction.
const PIECE_SLICE: i64 = 2;
/// Snapshots kept per Pipeline: if the newest turns out damaged, the one before it and the log from there tell the same.
const KEPT: i64 = 2;

/// A snapshot whose pieces were found whole.
pub(super) struct Found {
    id: i64,
    pipeline: u16,
    position: u64,
    pieces: u32,
    bytes: u64,
    checksum: u128,
}

/// The snapshot at a position that is being written, if there is one.
fn unsealed(connection: &Connection, pipeline: u16, position: u64) -> rusqlite::Result<Option<i64>> {
    let sql_text = "SELECT max(id) FROM snapshots WHERE pipeline = ?1 AND position = ?2 AND sealed = 0";
    connection.prepare_cached(sql_text)?.query_row((pipeline, sql(position)), |row| row.get(0))
}

fn sealed(connection: &Connection, pipeline: u16, position: u64) -> rusqlite::Result<Option<i64>> {
    let sql_text = "SELECT id FROM snapshots WHERE pipeline = ?1 AND position = ?2 AND sealed = 1";
    connection.prepare_cached(sql_text)?.query_row((pipeline, sql(position)), |row| row.get(0)).optional()
}

pub(super) fn put_piece(t: &Transaction<'_>, pipeline: u16, position: u64, number: u32, bytes: &[u8]) -> Result<(), Trouble> {
    // The first piece begins a snapshot: what an earlier process left at this position is not mixed with it.
    let begun = if number == 0 { None } else { unsealed(t, pipeline, position)? };
    let id = match begun {
        Some(id) => id,
        None => {
            t.prepare_cached("INSERT INTO snapshots (pipeline, position) VALUES (?1, ?2)")?.execute((pipeline, sql(position)))?;
            t.last_insert_rowid()
        }
    };
    let mut insert = t.prepare_cached("INSERT OR REPLACE INTO pieces VALUES (?1, ?2, ?3, ?4)")?;
    insert.execute((id, number, hash128(bytes).to_be_bytes(), bytes))?;
    Ok(())
}

/// Hands the pieces over in order, each checked against its own checksum. Answers how many there were, or what is wrong.
fn each_piece(connection: &Connection, id: i64, mut take: impl FnMut(&[u8])) -> rusqlite::Result<Result<u32, String>> {
    let mut statement = connection.prepare_cached("SELECT number, checksum, bytes FROM pieces WHERE snapshot = ?1 ORDER BY number")?;
    let mut rows = statement.query([id])?;
    let mut expected = 0;
    while let Some(row) = rows.next()? {
        let number: u32 = row.get(0)?;
        if number != expected {
            return Ok(Err(format!("piece {expected} is missing")));
        }
        match (row.get_ref(1)?.as_blob(), row.get_ref(2)?.as_blob()) {
            (Ok(checksum), Ok(bytes)) if checksum == hash128(bytes).to_be_bytes() => take(bytes),
            _ => return Ok(Err(format!("piece {number} is damaged"))),
        }
        expected += 1;
    }
    Ok(Ok(expected))
}

/// Reads a snapshot through; what is wrong with it, in words.
fn inspect(connection: &Connection, id: i64, pieces: u32, checksum: &[u8]) -> rusqlite::Result<Result<u64, String>> {
    let (mut whole, mut bytes) = (Hash128::default(), 0u64);
    let counted = each_piece(connection, id, |piece| {
        whole.update(piece);
        bytes += piece.len() as u64;
    })?;
    Ok(match counted {
        Err(why) => Err(why),
        Ok(count) if count != pieces => Err(format!("it has {count} pieces instead of {pieces}")),
        Ok(_) if whole.finish().to_be_bytes() != checksum => Err("its checksum does not fit".into()),
        Ok(_) => Ok(bytes),
    })
}

pub(super) fn verify_unsealed(
    connection: &Connection,
    path: &Path,
    pipeline: u16,
    position: u64,
    pieces: u32,
    checksum: u128,
) -> Result<Found, Trouble> {
    let refuse = |why: &str| {
        let what = format!("cannot seal the snapshot of Pipeline {pipeline} at position {position} in {}", path.display());
        Trouble::from(StoreError::Unavailable(format!("{what}: {why}: the one before it stays valid; take it again")))
    };
    let id = unsealed(connection, pipeline, position)?.ok_or_else(|| refuse("it has no pieces"))?;
    let bytes = inspect(connection, id, pieces, &checksum.to_be_bytes())?.map_err(|why| refuse(&why))?;
    Ok(Found { id, pipeline, position, pieces, bytes, checksum })
}

/// Makes it a snapshot and unmakes those that it replaces. They go slice by slice afterwards.
pub(super) fn seal(t: &Transaction<'_>, found: &Found) -> Result<(), Trouble> {
    t.execute("UPDATE snapshots SET sealed = 0 WHERE pipeline = ?1 AND position = ?2", (found.pipeline, sql(found.position)))?;
    t.execute(
        "UPDATE snapshots SET sealed = 1, pieces = ?2, bytes = ?3, checksum = ?4, taken_ms = ?5 WHERE id = ?1",
        (found.id, found.pieces, sql(found.bytes), found.checksum.to_be_bytes(), now_ms()),
    )?;
    let older = "UPDATE snapshots SET sealed = 0 WHERE pipeline = ?1 AND sealed = 1 AND id NOT IN \
                 (SELECT id FROM snapshots WHERE pipeline = ?1 AND sealed = 1 ORDER BY position DESC LIMIT ?2)";
    t.execute(older, (found.pipeline, KEPT))?;
    Ok(())
}

/// Deletes some of what stands behind the older of two snapshots. `true`: there may be more.
pub(super) fn cut_slice(t: &Transaction<'_>, pipeline: u16) -> Result<bool, Trouble> {
    Ok(cut_pieces(t, pipeline)? || cut_log(t, pipeline)?)
}

fn cut_pieces(t: &Transaction<'_>, pipeline: u16) -> rusqlite::Result<bool> {
    let leftover = "SELECT min(id) FROM snapshots WHERE pipeline = ?1 AND sealed = 0";
    let Some(id) = t.prepare_cached(leftover)?.query_row([pipeline], |row| row.get::<_, Option<i64>>(0))? else { return Ok(false) };
    let slice = "DELETE FROM pieces WHERE snapshot = ?1 AND number IN (SELECT number FROM pieces WHERE snapshot = ?1 LIMIT ?2)";
    if t.prepare_cached(slice)?.execute((id, PIECE_SLICE))? == 0 {
        t.execute("DELETE FROM snapshots WHERE id = ?1", [id])?;
    }
    Ok(true)
}

fn cut_log(t: &Transaction<'_>, pipeline: u16) -> rusqlite::Result<bool> {
    let older = "SELECT position FROM snapshots WHERE pipeline = ?1 AND sealed = 1 ORDER BY position DESC LIMIT 1 OFFSET ?2";
    let behind: Option<i64> = t.prepare_cached(older)?.query_row((pipeline, KEPT - 1), |row| row.get(0)).optional()?;
    let first = "SELECT min(position) FROM log WHERE pipeline = ?1";
    let first: Option<i64> = t.prepare_cached(first)?.query_row([pipeline], |row| row.get(0))?;
    let (Some(behind), Some(first)) = (behind, first) else { return Ok(false) };
    if first > behind {
        return Ok(false);
    }
    let last = behind.min(first + LOG_SLICE - 1);
    t.prepare_cached("DELETE FROM log WHERE pipeline = ?1 AND position <= ?2")?.execute((pipeline, last))?;
    Ok(last < behind)
}

pub(super) fn read(connection: &Connection, path: &Path, pipeline: u16, position: u64) -> Result<Vec<u8>, Trouble> {
    let refuse = |why: &str| {
        let what = format!("cannot use the snapshot of Pipeline {pipeline} at position {position} in {}", path.display());
        Trouble::from(StoreError::Unreadable(format!("{what}: {why}")))
    };
    let id = sealed(connection, pipeline, position)?.ok_or_else(|| refuse("there is none"))?;
    let (pieces, checksum) = seal_of(connection, id)?;
    let (mut all, mut whole) = (Vec::new(), Hash128::default());
    let counted = each_piece(connection, id, |piece| {
        whole.update(piece);
        all.extend_from_slice(piece);
    })?;
    let count = counted.map_err(|why| refuse(&why))?;
    if count != pieces || whole.finish().to_be_bytes()[..] != checksum[..] {
        return Err(refuse("its checksum does not fit"));
    }
    Ok(all)
}

fn seal_of(connection: &Connection, id: i64) -> rusqlite::Result<(u32, Vec<u8>)> {
    let sql_text = "SELECT pieces, checksum FROM snapshots WHERE id = ?1";
    connection.prepare_cached(sql_text)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// The sealed snapshots of a Pipeline, newest first, each with what is wrong with it, if anything.
pub(super) fn inspect_all(connection: &Connection, pipeline: u16) -> Result<Vec<(i64, u64, Option<String>)>, Trouble> {
    let sql_text = "SELECT id, position FROM snapshots WHERE pipeline = ?1 AND sealed = 1 ORDER BY position DESC";
    let mut statement = connection.prepare_cached(sql_text)?;
    let rows: Vec<(i64, i64)> = statement.query_map([pipeline], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
    let mut out = Vec::new();
    for (id, position) in rows {
        let (pieces, checksum) = seal_of(connection, id)?;
        let wrong = inspect(connection, id, pieces, &checksum)?.err();
        out.push((id, u64::try_from(position).unwrap_or(0), wrong));
    }
    Ok(out)
}

/// Takes the seal off a snapshot that was found damaged: the next cut removes it.
pub(super) fn unseal(t: &Transaction<'_>, id: i64) -> Result<(), Trouble> {
    t.execute("UPDATE snapshots SET sealed = 0 WHERE id = ?1", [id])?;
    Ok(())
}
