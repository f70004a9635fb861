//! How a run stands: plain data that whoever runs pins to the board several times a second.
//!
//! Owns the shapes. All of one standing is of one moment between two rounds: the books in it balance.

use crate::io::clock::Stopwatch;
use crate::io::ownership::Tenure;
use crate::io::sqlite::Budget;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::pipeline::Books;

/// How a run stands.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// The books of all Pipelines together.
    pub books: Books,
    /// Matches without a group key or value, by the id of the rule they were for.
    pub without_key: BTreeMap<String, u64>,
    /// Last position of the log.
    pub position: u64,
    /// Why nothing can be written, while that is so.
    pub blocked: Option<String>,
    /// Group keys that hold state.
    pub keys: u64,
    /// Logical bytes of state.
    pub state_bytes: u64,
    /// What one correlation may hold, and one account in it.
    pub budget_bytes: (u64, u64),
    /// Items in the quarantine, when they were last counted.
    pub quarantine_items: Option<u64>,
    /// Per Pipeline: position of its newest snapshot.
    pub snapshots: Vec<u64>,
    /// Sources, in the order of the configuration.
    pub sources: Vec<SourceStanding>,
    /// Lanes.
    pub lanes: Vec<LaneStanding>,
    /// Rules in force.
    pub rules: RulesStanding,
    /// What went into the archive; `None`: there is none.
    pub archive: Option<ArchiveStanding>,
}

/// How the archive of records stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct ArchiveStanding {
    /// Records.
    pub records: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Bytes written for them.
    pub written: u64,
    /// Writes that failed.
    pub failures: u64,
}

/// How a source stands.
#[derive(Debug, Clone, Default)]
pub struct SourceStanding {
    /// Its name.
    pub name: Arc<str>,
    /// What its slowest shard has been read up to (arrival time); `None`: nothing is known yet.
    pub watermark_ms: Option<i64>,
    /// Shards that are read.
    pub shards: u64,
    /// Nothing can come any more.
    pub ended: bool,
}

/// How a lane stands.
#[derive(Debug, Clone, Default)]
pub struct LaneStanding {
    /// Its name.
    pub name: Arc<str>,
    /// Whether it takes pages (else documents).
    pub pages: bool,
    /// Alerts of which the sink has some document.
    pub delivered: u64,
    /// Alerts that it refused for good.
    pub quarantined: u64,
    /// Alerts of which it has nothing yet.
    pub in_outbox: u64,
    /// Documents or pages that wait, those under way included.
    pub waiting: u64,
    /// Of these: under way.
    pub under_way: u64,
    /// Since when the oldest waits.
    pub oldest: Option<Stopwatch>,
}

/// Rules in force.
#[derive(Debug, Clone, Default)]
pub struct RulesStanding {
    /// Beginning of the digest of the set, in hex.
    pub digest: String,
    /// Rules of single events.
    pub rules: u64,
    /// Correlations.
    pub correlations: u64,
    /// Of both: those in shadow.
    pub shadow: u64,
    /// Suppressions.
    pub suppressions: u64,
}

/// The row that says which process reads the sources.
#[derive(Debug, Clone)]
pub enum Row {
    /// Another process has it, and it is watched whether that one lives.
    Watching,
    /// This process took it.
    Taken(Tenure),
}

impl Row {
    /// All words: without one configured it is `none`.
    pub const WORDS: [&'static str; 5] = ["none", "watching", "held", "unrenewed", "lost"];

    /// How it stands at this moment.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Row::Watching => "watching",
            Row::Taken(tenure) if tenure.lost().is_some() => "lost",
            Row::Taken(tenure) if tenure.remaining().is_zero() => "unrenewed",
            Row::Taken(_) => "held",
        }
    }

    /// The epoch it was taken in.
    #[must_use]
    pub fn epoch(&self) -> Option<u64> {
        match self {
            Row::Watching => None,
            Row::Taken(tenure) => Some(tenure.epoch()),
        }
    }
}

/// The ownership of the state, as far as it is told.
pub struct Ownership {
    /// The owner's epoch.
    pub epoch: i64,
    /// How long something may be sent without another renewal.
    pub remaining: Box<dyn Fn() -> Duration + Send + Sync>,
    /// The byte budget of the state file.
    pub budget: Budget,
}

impl std::fmt::Debug for Ownership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ownership").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}
