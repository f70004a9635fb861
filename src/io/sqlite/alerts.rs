//! Alerts in the state file: the sink of lane `sqlite`, and the index that `tidegate alerts` asks.
//!
//! Owns one row per alert (its newest document) and a row per account named in it. An older version never replaces a newer one.
//! Never decides what an alert is: what is looked up by is read out of the document.

use super::append::sql;
use super::error::{Trouble, tell, wants_new_connection};
use super::lease::Lease;
use super::open::{Budget, OpenOptions, begin, connect_to_write};
use super::owner::check_epoch;
use crate::io::port::{Delivery, Outcome, Sink, StoreError};
use rusqlite::{Connection, Transaction};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The lane's name, and that of its cursor.
pub const LANE: &str = "sqlite";

/// The sink that writes alerts into the state file.
#[derive(Debug)]
pub struct SqliteAlerts {
    path: PathBuf,
    options: OpenOptions,
    connection: Option<Connection>,
    lease: Lease,
    budget: Budget,
}

impl SqliteAlerts {
    pub(super) fn new(path: &Path, options: &OpenOptions, lease: Lease, budget: Budget) -> Self {
        SqliteAlerts { path: path.to_owned(), options: options.clone(), connection: None, lease, budget }
    }

    fn write(&mut self, deliveries: &[Delivery]) -> Result<Vec<Outcome>, StoreError> {
        let bytes_max = self.budget.get();
        let changed = std::mem::replace(&mut self.options.bytes_max, bytes_max) != bytes_max;
        let connection = match self.connection.take().filter(|_| !changed) {
            Some(connection) => connection,
            None => connect(&self.path, &self.options)?,
        };
        let outcome = write(&connection, self, deliveries);
        if !outcome.as_ref().is_err_and(wants_new_connection) {
            self.connection = Some(connection);
        }
        outcome.map_err(|trouble| tell(&self.path, "write alerts", trouble))
    }
}

/// `synchronous=NORMAL`: a commit here is not synced by itself. It need not be: the lane's cursor, without which a delivery is
/// done again, is committed later with `FULL` into the same write-ahead log, and its sync covers everything before it.
fn connect(path: &Path, options: &OpenOptions) -> Result<Connection, StoreError> {
    let (connection, _) = connect_to_write(path, options)?;
    let relaxed = connection.pragma_update(None, "synchronous", "NORMAL");
    relaxed.map_err(|e| tell(path, "set up the connection", e.into()))?;
    Ok(connection)
}

fn write(connection: &Connection, sink: &SqliteAlerts, deliveries: &[Delivery]) -> Result<Vec<Outcome>, Trouble> {
    if let Some(why) = sink.lease.barred() {
        return Err(StoreError::Unavailable(why.to_owned()).into());
    }
    let transaction = begin(connection, sink.options.busy)?;
    check_epoch(&transaction, &sink.path, sink.lease.epoch())?;
    let outcomes = deliveries.iter().map(|d| put(&transaction, d)).collect::<Result<_, _>>()?;
    transaction.commit()?;
    Ok(outcomes)
}

fn put(t: &Transaction<'_>, delivery: &Delivery) -> Result<Outcome, Trouble> {
    let document: Document = match serde_json::from_str(&delivery.document) {
        Ok(document) => document,
        Err(e) => return Ok(Outcome::Refused(format!("the document of alert {} is no alert document: {e}", delivery.alert))),
    };
    let newer = "INSERT INTO alerts (id, version, first_seen_ms, last_seen_ms, modified_ms, severity, rule, title, status, document) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (id) DO UPDATE SET version = excluded.version, \
                 first_seen_ms = excluded.first_seen_ms, last_seen_ms = excluded.last_seen_ms, modified_ms = excluded.modified_ms, \
                 severity = excluded.severity, rule = excluded.rule, title = excluded.title, status = excluded.status, \
                 document = excluded.document WHERE excluded.version >= alerts.version";
    let (info, id) = (&document.finding_info, &*delivery.alert);
    let times = (info.first_seen_time.or(document.time), info.last_seen_time.or(document.time), info.modified_time.or(document.time));
    let [first, last, modified] = [times.0, times.1, times.2].map(Option::unwrap_or_default);
    let what = (document.severity_id.clamp(0, 99), &info.analytic.uid, &info.title, &document.status);
    let row = (id, sql(delivery.version), first, last, modified, what.0, what.1, what.2, what.3, &*delivery.document);
    if t.prepare_cached(newer)?.execute(row)? > 0 {
        put_accounts(t, id, &document.tidegate.accounts)?;
    }
    Ok(Outcome::Taken)
}

fn put_accounts(t: &Transaction<'_>, id: &str, accounts: &[String]) -> rusqlite::Result<()> {
    t.prepare_cached("DELETE FROM alert_accounts WHERE id = ?1")?.execute([id])?;
    let mut insert = t.prepare_cached("INSERT OR IGNORE INTO alert_accounts VALUES (?1, ?2)")?;
    accounts.iter().try_for_each(|account| insert.execute((account, id)).map(drop))
}

impl Sink for SqliteAlerts {
    fn lane(&self) -> Arc<str> {
        LANE.into()
    }

    fn deliver(&mut self, deliveries: &[Delivery]) -> Vec<Outcome> {
        let outcome = self.write(deliveries);
        if let Err(StoreError::Fenced(_)) = &outcome {
            self.lease.lose();
        }
        outcome.unwrap_or_else(|e| vec![Outcome::Again(e.to_string()); deliveries.len()])
    }
}

/// What the index looks alerts up by. Everything else stays in the document.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    time: Option<i64>,
    #[serde(default)]
    severity_id: i64,
    #[serde(default)]
    status: String,
    #[serde(default)]
    finding_info: FindingInfo,
    #[serde(default)]
    tidegate: Ours,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FindingInfo {
    title: String,
    first_seen_time: Option<i64>,
    last_seen_time: Option<i64>,
    modified_time: Option<i64>,
    analytic: Analytic,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Analytic {
    uid: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Ours {
    accounts: Vec<String>,
}
