//! The state file: log, snapshots, cursors, read positions, quarantine, rule sets and alerts in one SQLite file.
//!
//! Owns durability on one machine. Every call is one transaction that is synced to disk before it returns (WAL, `synchronous=FULL`)
//! and that checks the owner's epoch. Never decides what is kept in it, never decodes an entry or a snapshot.
//!
//! Files: `PATH` (mode 0600), `PATH-wal` and `PATH-shm` beside it while it is open, `PATH.lock`, and `PATH.format-N.bak` from
//! before a migration. Formats: `PRAGMA application_id` is `TDGT` (0x54444754), `PRAGMA user_version` the format. A file of another
//! program, a damaged one, an empty one and one of a newer format are refused; an earlier format is copied, then brought up to date
//! in one transaction.
//!
//! Threads: [`SqliteStore::twin`] is a second connection of the same owner, so that a snapshot is written beside the appends;
//! [`SqliteStore::alerts`] is the sink, with a connection of its own. Writers wait for each other, readers for nobody. One snapshot
//! per Pipeline at a time.
//!
//! Limits. It must be on a local disk (SQLite's shared memory and locks do not work over a network), and `PATH.lock` must not be
//! removed while anybody uses it. The number of Pipelines is fixed once the log holds an entry. Space that the cut frees is used
//! again; the file does not shrink; a budget must hold three snapshots of every Pipeline (two, and the one being written). A copy of
//! the file alone is no backup while it is open: use `sqlite3 PATH ".backup COPY"`. On a full *disk* the lease cannot be renewed
//! either, so nothing is sent until there is room; at a full *budget* ([`OpenOptions::bytes_max`]) it can: set one. An owner stopped
//! in the middle of a write holds SQLite's own lock: a standby waits until it ends or is woken.

mod alerts;
mod append;
mod error;
mod find;
mod lease;
mod open;
mod owner;
mod quarantine;
mod recover;
mod refused;
mod retained;
mod rules;
mod schema;
mod snapshots;
mod stamp;
mod store;
mod view;

pub use alerts::{LANE, SqliteAlerts};
pub use find::{AlertFilter, AlertLine, Found, QuarantineFilter, QuarantineItem};
pub use lease::Lease;
pub use open::{Budget, OpenOptions};
pub use owner::acquire;
pub use quarantine::Redrive;
pub use refused::{REFUSED, sent_again};
pub use retained::Retained;
pub use store::SqliteStore;
pub use view::{Info, View};
