//! What a restart finds: verified before it is believed.
//!
//! Owns the rule that a file is never silently begun anew: a Pipeline needs a verified snapshot with the log from there on, or the
//! log from its very start.

use super::append::{head, pipelines, positions};
use super::error::Trouble;
use super::snapshots::{inspect_all, unseal};
use super::store::SqliteStore;
use crate::io::port::{Recovered, StoreError};
use rusqlite::Connection;

/// Tables small enough to be checked page by page at every start.
const CHECKED: [&str; 6] = ["owner", "info", "positions", "cursors", "snapshots", "rule_history"];

pub(super) fn recover(store: &mut SqliteStore) -> Result<Recovered, StoreError> {
    let place = store.path().display().to_string();
    let (mut recovered, damaged) = store.read("read what is there", |c| gather(c, &place))?;
    for (id, why) in damaged {
        store.write("take the seal off a damaged snapshot", |t| unseal(t, id))?;
        recovered.warnings.push(why);
    }
    Ok(recovered)
}

type Damaged = Vec<(i64, String)>;

fn gather(connection: &Connection, place: &str) -> Result<(Recovered, Damaged), Trouble> {
    for table in CHECKED {
        let verdict: String = connection.query_row(&format!("PRAGMA quick_check('{table}')"), [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(unusable(place, &format!("its table {table} is damaged ({verdict})")));
        }
    }
    let mut found = Recovered { pipelines: pipelines(connection)?, head: head(connection)?, ..Recovered::default() };
    found.positions = positions(connection)?;
    let mut damaged = Damaged::new();
    for pipeline in 0..found.pipelines {
        let mut valid = Vec::new();
        for (id, position, wrong) in inspect_all(connection, pipeline)? {
            match wrong {
                None => valid.push(position),
                Some(why) => damaged.push((id, format!("left the snapshot of Pipeline {pipeline} at position {position} out: {why}"))),
            }
        }
        check_log(connection, place, pipeline, found.head, valid.first().copied())?;
        found.snapshots.push(valid);
        found.cursors.push(cursors(connection, pipeline)?);
    }
    Ok((found, damaged))
}

fn unusable(place: &str, why: &str) -> Trouble {
    let remedy = "Nothing was changed. Restore the file from a copy, or name another file to start anew (its windows would be lost)";
    StoreError::Unreadable(format!("cannot go on from {place}: {why}. {remedy}")).into()
}

/// The log must reach from the newest snapshot (or the start) to its head without a gap.
fn check_log(connection: &Connection, place: &str, pipeline: u16, head: u64, newest: Option<u64>) -> Result<(), Trouble> {
    let sql = "SELECT min(position), max(position), count(*) FROM log WHERE pipeline = ?1";
    let (first, last, count) = connection
        .prepare_cached(sql)?
        .query_row([pipeline], |row| Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?, row.get::<_, i64>(2)?)))?;
    let number = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
    let start = newest.unwrap_or(0);
    let Some((first, last)) = number(first).zip(number(last)) else {
        let gone = head > start;
        return if gone { Err(unusable(place, &format!("the log of Pipeline {pipeline} is gone"))) } else { Ok(()) };
    };
    if u64::try_from(count) != Ok(last - first + 1) || last != head {
        return Err(unusable(place, &format!("the log of Pipeline {pipeline} has gaps")));
    }
    if first > start + 1 {
        let why = match newest {
            Some(at) => format!("the log of Pipeline {pipeline} begins at {first}, its newest whole snapshot is of position {at}"),
            None => format!("no snapshot of Pipeline {pipeline} is whole, and its log was cut (it begins at position {first})"),
        };
        return Err(unusable(place, &why));
    }
    Ok(())
}

fn cursors(connection: &Connection, pipeline: u16) -> rusqlite::Result<Vec<(String, Vec<u8>)>> {
    let mut statement = connection.prepare_cached("SELECT lane, cursor FROM cursors WHERE pipeline = ?1 ORDER BY lane")?;
    statement.query_map([pipeline], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}
