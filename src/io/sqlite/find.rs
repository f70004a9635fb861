//! Finding alerts and quarantined items in a state file.
//!
//! Owns the filters and what they answer. Values of a filter only ever travel as parameters of a statement, never as its text.

use super::append::sequence;
use super::error::Trouble;
use super::view::View;
use crate::io::port::StoreError;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};
use tidegate_core::event::Position;

/// Which alerts. Nothing set: all, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AlertFilter {
    /// Last seen at or after this.
    pub from_ms: Option<i64>,
    /// First seen before this.
    pub to_ms: Option<i64>,
    /// Id of its rule.
    pub rule: Option<String>,
    /// An account it names.
    pub account: Option<String>,
    /// At least this severe (OCSF: 1 informational to 5 critical).
    pub severity_min: Option<u8>,
    /// Text that its document holds (letters A to Z in either case).
    pub text: Option<String>,
    /// At most so many; `None`: all.
    pub limit: Option<usize>,
}

/// A line of a list of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertLine {
    /// Alert id.
    pub id: String,
    /// Version of its document.
    pub version: u64,
    /// First event.
    pub first_seen_ms: i64,
    /// Last event.
    pub last_seen_ms: i64,
    /// When the document was last changed.
    pub modified_ms: i64,
    /// OCSF severity.
    pub severity: u8,
    /// Id of its rule.
    pub rule: String,
    /// Title.
    pub title: String,
    /// Status.
    pub status: String,
    /// Accounts it names, sorted.
    pub accounts: Vec<String>,
}

/// What an id, or the beginning of one, leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// To nothing.
    Nothing,
    /// To one alert: its line and its document as JSON text.
    One(Box<AlertLine>, String),
    /// To several, of which these are some.
    Several(Vec<String>),
}

/// Which quarantined items. Nothing set: all, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuarantineFilter {
    /// Name of the source.
    pub source: Option<String>,
    /// Reason, as `tidegate quarantine list` prints it.
    pub code: Option<String>,
    /// Put there at or after this.
    pub from_ms: Option<i64>,
    /// Put there before this.
    pub to_ms: Option<i64>,
    /// The newest first, so that a limit keeps those.
    pub newest_first: bool,
    /// At most so many; `None`: all.
    pub limit: Option<usize>,
}

/// A quarantined item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineItem {
    /// Its id.
    pub id: i64,
    /// Where it stood.
    pub position: Position,
    /// Bounded reason.
    pub code: String,
    /// Byte at which it was met.
    pub offset: u64,
    /// In words.
    pub detail: String,
    /// How many bytes are kept.
    pub size: u64,
    /// Whether they were cut.
    pub truncated: bool,
    /// Largest arrival of the batch that it came with.
    pub arrival_ms: i64,
    /// When it was put here.
    pub stored_ms: i64,
    /// How often it was driven again.
    pub attempts: u32,
    /// Whether it waits to be driven again.
    pub requested: bool,
}

impl View {
    /// Alerts that a filter lets through, newest first seen first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alerts(&mut self, filter: &AlertFilter) -> Result<Vec<AlertLine>, StoreError> {
        self.read("list alerts", |c| alerts(c, filter))
    }

    /// The alert of this id, or whose id is the only one that begins so.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn alert(&mut self, id: &str) -> Result<Found, StoreError> {
        self.read("read an alert", |c| alert(c, id))
    }

    /// Quarantined items that a filter lets through, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn quarantine(&mut self, filter: &QuarantineFilter) -> Result<Vec<QuarantineItem>, StoreError> {
        self.read("list the quarantine", |c| quarantine(c, filter))
    }

    /// How many items are quarantined for each reason.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn quarantine_counts(&mut self) -> Result<Vec<(String, u64)>, StoreError> {
        self.read("count the quarantine", |c| {
            let mut statement = c.prepare("SELECT code, count(*) FROM quarantine GROUP BY code ORDER BY 2 DESC, code")?;
            let rows = statement.query_map([], |row| Ok((row.get(0)?, u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0))))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    /// A quarantined item with its bytes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn quarantined(&mut self, id: i64) -> Result<Option<(QuarantineItem, Vec<u8>)>, StoreError> {
        self.read("read a quarantined item", |c| quarantined(c, id))
    }
}

/// Conditions and their values, side by side.
#[derive(Default)]
struct Conditions {
    text: Vec<&'static str>,
    values: Vec<Value>,
}

impl Conditions {
    fn add(&mut self, condition: &'static str, value: Option<Value>) {
        if let Some(value) = value {
            self.text.push(condition);
            self.values.push(value);
        }
    }

    /// A limit comes last: every condition has its `?` before it.
    fn end(mut self, order: &str, limit: Option<usize>) -> (String, Vec<Value>) {
        self.values.push(Value::Integer(limit.and_then(|n| i64::try_from(n).ok()).unwrap_or(-1)));
        let filter = if self.text.is_empty() { String::new() } else { format!("WHERE {}", self.text.join(" AND ")) };
        (format!("{filter} ORDER BY {order} LIMIT ?"), self.values)
    }
}

fn text(value: Option<&String>) -> Option<Value> {
    value.cloned().map(Value::Text)
}

const LINE: &str = "id, version, first_seen_ms, last_seen_ms, modified_ms, severity, rule, title, status, \
    (SELECT group_concat(account, char(31)) FROM alert_accounts WHERE alert_accounts.id = alerts.id)";

fn line(row: &Row<'_>) -> rusqlite::Result<AlertLine> {
    let accounts: Option<String> = row.get(9)?;
    let mut accounts: Vec<String> = accounts.iter().flat_map(|a| a.split('\u{1f}')).map(str::to_owned).collect();
    accounts.sort();
    Ok(AlertLine {
        id: row.get(0)?,
        version: u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0),
        first_seen_ms: row.get(2)?,
        last_seen_ms: row.get(3)?,
        modified_ms: row.get(4)?,
        severity: row.get(5)?,
        rule: row.get(6)?,
        title: row.get(7)?,
        status: row.get(8)?,
        accounts,
    })
}

fn alerts(c: &Connection, filter: &AlertFilter) -> Result<Vec<AlertLine>, Trouble> {
    let mut conditions = Conditions::default();
    conditions.add("last_seen_ms >= ?", filter.from_ms.map(Value::Integer));
    conditions.add("first_seen_ms < ?", filter.to_ms.map(Value::Integer));
    conditions.add("rule = ?", text(filter.rule.as_ref()));
    conditions.add("id IN (SELECT id FROM alert_accounts WHERE account = ?)", text(filter.account.as_ref()));
    conditions.add("severity >= ?", filter.severity_min.map(|s| Value::Integer(s.into())));
    let pattern = filter.text.as_ref().map(|t| format!("%{}%", t.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")));
    conditions.add("document LIKE ? ESCAPE '\\'", pattern.map(Value::Text));
    let (rest, values) = conditions.end("first_seen_ms DESC, id", filter.limit);
    let mut statement = c.prepare(&format!("SELECT {LINE} FROM alerts {rest}"))?;
    Ok(statement.query_map(params_from_iter(values), line)?.collect::<Result<_, _>>()?)
}

/// Ids that are named when a beginning leads to several.
const SEVERAL_MAX: i64 = 10;

fn alert(c: &Connection, id: &str) -> Result<Found, Trouble> {
    let mut like = c.prepare("SELECT id FROM alerts WHERE id >= ?1 AND substr(id, 1, length(?1)) = ?1 ORDER BY id LIMIT ?2")?;
    let ids: Vec<String> = like.query_map((id, SEVERAL_MAX), |row| row.get(0))?.collect::<Result<_, _>>()?;
    let exact = ids.iter().find(|i| *i == id).cloned();
    let one = match (exact.as_ref(), &ids[..]) {
        (Some(one), _) | (None, [one]) => one,
        (None, []) => return Ok(Found::Nothing),
        (None, _) => return Ok(Found::Several(ids)),
    };
    let sql = format!("SELECT {LINE}, document FROM alerts WHERE id = ?1");
    Ok(c.query_row(&sql, [one], |row| Ok(Found::One(Box::new(line(row)?), row.get(10)?)))?)
}

fn quarantine(c: &Connection, filter: &QuarantineFilter) -> Result<Vec<QuarantineItem>, Trouble> {
    let mut conditions = Conditions::default();
    conditions.add("source = ?", text(filter.source.as_ref()));
    conditions.add("code = ?", text(filter.code.as_ref()));
    conditions.add("stored_ms >= ?", filter.from_ms.map(Value::Integer));
    conditions.add("stored_ms < ?", filter.to_ms.map(Value::Integer));
    let (rest, values) = conditions.end(if filter.newest_first { "id DESC" } else { "id" }, filter.limit);
    let mut statement = c.prepare(&format!("SELECT {ITEM} FROM quarantine {rest}"))?;
    Ok(statement.query_map(params_from_iter(values), item)?.collect::<Result<_, _>>()?)
}

const ITEM: &str = "id, source, shard, sequence, sub_sequence, code, offset, detail, length(bytes), truncated, arrival_ms, stored_ms, \
    attempts, EXISTS (SELECT 1 FROM redrive WHERE redrive.item = quarantine.id)";

fn item(row: &Row<'_>) -> rusqlite::Result<QuarantineItem> {
    let (source, shard): (String, String) = (row.get(1)?, row.get(2)?);
    Ok(QuarantineItem {
        id: row.get(0)?,
        position: Position { source: source.into(), shard: shard.into(), sequence: sequence(row, 3)?, sub_sequence: row.get(4)? },
        code: row.get(5)?,
        offset: u64::try_from(row.get::<_, i64>(6)?).unwrap_or(0),
        detail: row.get(7)?,
        size: u64::try_from(row.get::<_, i64>(8)?).unwrap_or(0),
        truncated: row.get(9)?,
        arrival_ms: row.get(10)?,
        stored_ms: row.get(11)?,
        attempts: row.get(12)?,
        requested: row.get(13)?,
    })
}

fn quarantined(c: &Connection, id: i64) -> Result<Option<(QuarantineItem, Vec<u8>)>, Trouble> {
    let sql = format!("SELECT {ITEM}, bytes FROM quarantine WHERE id = ?1");
    Ok(c.query_row(&sql, [id], |row| Ok((item(row)?, row.get(14)?))).optional()?)
}
