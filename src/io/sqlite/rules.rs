//! Rule sets by digest, kept as long as the retained log or a snapshot may need them.
//!
//! The history says from which log position on a set rules. A state at position n needs the set that ruled at n and all later
//! ones; what ruled before every Pipeline's oldest snapshot and was replaced by then is needed by nobody.

use super::append::sql;
use super::error::Trouble;
use crate::io::port::{RuleFiles, StoreError};
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use rusqlite::{Connection, OptionalExtension, Transaction};
use std::io::Read;
use std::path::Path;

/// Most bytes of text a stored rule set may unpack to.
const FILES_BYTES_MAX: u64 = 1 << 30;

pub(super) fn register(transaction: &Transaction<'_>, position: u64, rules: &RuleFiles) -> Result<(), Trouble> {
    let mut there = transaction.prepare_cached("SELECT 1 FROM rule_sets WHERE digest = ?1")?;
    if !there.exists([rules.digest])? {
        transaction.execute("INSERT INTO rule_sets VALUES (?1, ?2)", (rules.digest, pack(&rules.files)))?;
    }
    transaction.execute("INSERT INTO rule_history VALUES (?1, ?2)", (sql(position), rules.digest))?;
    Ok(())
}

fn pack(files: &[(String, String)]) -> Vec<u8> {
    let plain = postcard::to_allocvec(files).expect("text has a postcard form");
    let mut packed = Vec::new();
    DeflateEncoder::new(&plain[..], Compression::default()).read_to_end(&mut packed).expect("memory can be read and written");
    packed
}

fn unpack(packed: &[u8]) -> Option<Vec<(String, String)>> {
    let mut plain = Vec::new();
    DeflateDecoder::new(packed).take(FILES_BYTES_MAX).read_to_end(&mut plain).ok()?;
    postcard::from_bytes(&plain).ok()
}

pub(super) fn read(connection: &Connection, path: &Path, digest: &[u8; 32]) -> Result<Option<RuleFiles>, Trouble> {
    let mut statement = connection.prepare_cached("SELECT files FROM rule_sets WHERE digest = ?1")?;
    let packed: Option<Vec<u8>> = statement.query_row([digest], |row| row.get(0)).optional()?;
    let Some(packed) = packed else { return Ok(None) };
    let why = format!("cannot read a rule set in {}: its bytes are damaged. Restore the file from a copy", path.display());
    let files = unpack(&packed).ok_or(StoreError::Unreadable(why))?;
    Ok(Some(RuleFiles { digest: *digest, files }))
}

/// Forgets the sets that no retained state or entry can name.
pub(super) fn drop_unnamed(transaction: &Transaction<'_>) -> Result<(), Trouble> {
    let floor = floor(transaction)?;
    let replaced = "DELETE FROM rule_history WHERE position < (SELECT max(position) FROM rule_history WHERE position <= ?1)";
    if transaction.execute(replaced, [floor])? > 0 {
        transaction.execute("DELETE FROM rule_sets WHERE digest NOT IN (SELECT digest FROM rule_history)", [])?;
    }
    Ok(())
}

/// The oldest position from which any Pipeline may have to start again.
fn floor(transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
    let mut floor = i64::MAX;
    for pipeline in 0..super::append::pipelines(transaction)? {
        let first: Option<i64> =
            transaction.prepare_cached("SELECT min(position) FROM log WHERE pipeline = ?1")?.query_row([pipeline], |row| row.get(0))?;
        let kept: Option<i64> = transaction
            .prepare_cached("SELECT min(position) FROM snapshots WHERE pipeline = ?1 AND sealed = 1")?
            .query_row([pipeline], |row| row.get(0))?;
        // With the log from its very start, the start itself is a place to begin at.
        let start = if first == Some(1) { Some(0) } else { kept };
        floor = floor.min(start.unwrap_or(0));
    }
    Ok(floor)
}
