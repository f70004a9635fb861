//! What stands in the file: its tables, format by format.
//!
//! Owns the formats. A new file is made by the steps that an old one is migrated with, so there is one truth about each table.
//! A step that was released is never edited: the next format is another step at the end.

use rusqlite::Connection;

/// `TDGT`: whose file this is (bytes 68 to 71 of the file).
pub(super) const APPLICATION_ID: i32 = 0x5444_4754;

/// The format this program writes: as many steps as there are.
pub(super) const FORMAT: i32 = STEPS.len() as i32;

/// Step n makes format n of format n - 1; the first one makes format 1 of nothing.
const STEPS: [&str; 2] = [FORMAT_1, FORMAT_2];

/// Sequences are decimal digits filled up to 57 places, so that text order is their order.
const FORMAT_1: &str = "
CREATE TABLE info (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE owner (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    epoch INTEGER NOT NULL,
    holder TEXT NOT NULL,
    locked INTEGER NOT NULL,
    renewed INTEGER NOT NULL,
    renewed_ms INTEGER NOT NULL,
    lease_ms INTEGER NOT NULL
);
INSERT INTO owner VALUES (1, 0, '', 1, 0, 0, 0);
CREATE TABLE log (
    pipeline INTEGER NOT NULL,
    position INTEGER NOT NULL,
    entry BLOB NOT NULL,
    PRIMARY KEY (pipeline, position)
) WITHOUT ROWID;
CREATE TABLE positions (
    source TEXT NOT NULL,
    shard TEXT NOT NULL,
    sequence TEXT NOT NULL,
    token TEXT NOT NULL,
    PRIMARY KEY (source, shard)
) WITHOUT ROWID;
CREATE TABLE snapshots (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    pipeline INTEGER NOT NULL,
    position INTEGER NOT NULL,
    sealed INTEGER NOT NULL DEFAULT 0,
    pieces INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    checksum BLOB,
    taken_ms INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE pieces (
    snapshot INTEGER NOT NULL,
    number INTEGER NOT NULL,
    checksum BLOB NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (snapshot, number)
) WITHOUT ROWID;
CREATE TABLE cursors (
    pipeline INTEGER NOT NULL,
    lane TEXT NOT NULL,
    cursor BLOB NOT NULL,
    PRIMARY KEY (pipeline, lane)
) WITHOUT ROWID;
CREATE TABLE rule_sets (digest BLOB PRIMARY KEY, files BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE rule_history (position INTEGER PRIMARY KEY, digest BLOB NOT NULL);
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    shard TEXT NOT NULL,
    sequence TEXT NOT NULL,
    sub_sequence INTEGER NOT NULL,
    code TEXT NOT NULL,
    offset INTEGER NOT NULL,
    detail TEXT NOT NULL,
    bytes BLOB NOT NULL,
    truncated INTEGER NOT NULL,
    arrival_ms INTEGER NOT NULL,
    stored_ms INTEGER NOT NULL
);
CREATE TABLE redrive (item INTEGER PRIMARY KEY, requested_ms INTEGER NOT NULL);
CREATE TABLE alerts (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL,
    first_seen_ms INTEGER NOT NULL,
    last_seen_ms INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    rule TEXT NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL,
    document TEXT NOT NULL
);
";

/// Quarantined items count how often they were driven again; alerts are found by account, time, rule and severity. The accounts of
/// alerts that are there are read out of their documents.
const FORMAT_2: &str = "
ALTER TABLE quarantine ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
CREATE TABLE alert_accounts (
    account TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (account, id)
) WITHOUT ROWID;
INSERT OR IGNORE INTO alert_accounts
    SELECT account.value, alerts.id FROM alerts,
    json_each(CASE WHEN json_valid(alerts.document) THEN alerts.document ELSE '{}' END, '$.tidegate.accounts') AS account
    WHERE account.type = 'text';
CREATE INDEX alert_accounts_by_id ON alert_accounts (id);
CREATE INDEX alerts_by_time ON alerts (first_seen_ms);
CREATE INDEX alerts_by_rule ON alerts (rule, first_seen_ms);
";

/// Takes a file from a format to another one; the caller's transaction holds it together.
pub(super) fn advance(connection: &Connection, from: i32, to: i32) -> rusqlite::Result<()> {
    for step in STEPS.iter().skip(usize::try_from(from).unwrap_or(0)).take(usize::try_from(to - from).unwrap_or(0)) {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "user_version", to)
}
