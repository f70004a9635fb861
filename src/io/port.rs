//! The ports of the shell: what the drivers need of the outside world, and nothing else. Files, SQLite, Kinesis, OpenSearch and
//! SNS stand behind them.
//!
//! Owns the shapes that cross: what a source hands over, what a batch makes durable, what a sink answers. Never decides anything.

mod lease;

pub use lease::{Holder, LeaseError, LeaseRow, LeaseTable, Renewal};

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};
use tidegate_core::event::{Record, Sequence, Source as Service};
use tidegate_core::pipeline::{Entry, Quarantined};

/// How far a shard of a source has been read. Moved with the log's entries, never lowered, and nothing else moves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadPosition {
    /// Name of the configured source.
    pub source: Arc<str>,
    /// Shard: a Kinesis shard, a file's path, `-`.
    pub shard: Arc<str>,
    /// Sequence of the last record handed over.
    pub sequence: Sequence,
    /// What the source needs to go on from there, in its own words (a file's offset and identity). Opaque to everybody else.
    pub token: String,
}

/// How far reading has come in arrival time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The largest arrival of the shard's records so far, less the slack, is its watermark.
    Records,
    /// Nothing more is there: everything that arrived up to this time (of the service, or the reader) has been read.
    Idle(i64),
    /// The shard is at its end for ever: it holds nobody back any more.
    Ended,
}

/// What a source hands over: records of one shard, in order, and how far it has come.
#[derive(Debug)]
pub struct Read {
    /// Shard.
    pub shard: Arc<str>,
    /// A line the shard's format depends on (a flow log's header), when reading resumes behind it: read for what it says about
    /// the format, never counted.
    pub prelude: Option<Record>,
    /// Records, each stamped with its arrival.
    pub records: Vec<Record>,
    /// Where reading is after them.
    pub position: Option<ReadPosition>,
    /// How far it has come.
    pub progress: Progress,
    /// Something that could not be read and was left out, in words (a broken gzip member, an expired shard): counted, alarmed.
    pub lost: Option<String>,
}

/// Whether a source is to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop and return.
    Stop,
}

/// Most shards of a source that are told apart; a stream has fewer.
const BEHIND_MAX: usize = 20_000;

/// What a source counts beside its records, for whoever watches. Counted from the start of the process.
#[derive(Debug, Default)]
pub struct SourceCounts {
    /// Times that the service asked to be read more slowly.
    pub throttled: AtomicU64,
    /// By shard: how far behind its newest record the service says the reader is.
    behind_ms: Mutex<BTreeMap<Arc<str>, i64>>,
}

impl SourceCounts {
    /// Notes how far behind a shard's newest record the reader is, as the service says; `None`: the shard is at its end.
    pub fn behind(&self, shard: &Arc<str>, ms: Option<i64>) {
        let mut shards = self.behind_ms.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(ms) = ms else {
            shards.remove(shard);
            return;
        };
        if shards.len() < BEHIND_MAX || shards.contains_key(shard) {
            shards.insert(shard.clone(), ms);
        }
    }

    /// The farthest of all shards; 0 where nobody says.
    #[must_use]
    pub fn farthest_behind_ms(&self) -> i64 {
        self.behind_ms.lock().unwrap_or_else(PoisonError::into_inner).values().copied().max().unwrap_or(0)
    }
}

/// What a sink says beside its answers, for whoever watches.
#[derive(Debug, Default)]
pub struct SinkCounts {
    /// Pages go by the second channel: the first takes none.
    pub second: AtomicBool,
    /// Pages that the second channel has taken.
    pub by_second: AtomicU64,
}

/// Where records come from.
pub trait Source: Send {
    /// The configured name.
    fn name(&self) -> Arc<str>;

    /// The kinds of events its shards may carry; empty: any.
    fn services(&self) -> &[Service];

    /// Where it counts; one that has nothing to count gives counters that stay at zero.
    fn counts(&self) -> Arc<SourceCounts> {
        Arc::default()
    }

    /// Reads until there is nothing more ever, or `take` says stop. Blocks; `take` blocks while the machine is busy, and that is
    /// the back-pressure. `take` is called at least once a second, with no records if there are none, so that a stop is heard and
    /// idle time passes. Shards may be handed over from several threads, each shard in its order.
    ///
    /// # Errors
    /// If it cannot go on: in words, naming the place, the cause and the remedy.
    fn run(&mut self, resume: &[ReadPosition], take: &(dyn Fn(Read) -> Flow + Sync)) -> Result<(), String>;
}

/// One batch, made durable in one write: a row for the log of every Pipeline, and what stands behind them.
#[derive(Debug, Default)]
pub struct Append<'a> {
    /// Log position: one more than the last.
    pub position: u64,
    /// One entry per Pipeline, in order of Pipeline.
    pub entries: &'a [Entry],
    /// New read positions.
    pub positions: &'a [ReadPosition],
    /// What could not be read.
    pub quarantined: &'a [Quarantined],
    /// Quarantined items (by id) that this batch drove again: they leave the quarantine with it.
    pub redriven: &'a [i64],
    /// Files of a rule set that the entries' control names and the store may not hold yet.
    pub rules: Option<&'a RuleFiles>,
}

/// The files a rule set was loaded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFiles {
    /// Digest of the set.
    pub digest: [u8; 32],
    /// Files as (name, text).
    pub files: Vec<(String, String)>,
}

/// Why a store could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// Another process owns the store: this one must not write or send anything any more.
    Fenced(String),
    /// It may work again later: disk full, read-only, locked, an I/O error. Nothing of the write is there.
    Unavailable(String),
    /// What is stored cannot be read: damaged, foreign, or of a newer format.
    Unreadable(String),
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            StoreError::Fenced(text) | StoreError::Unavailable(text) | StoreError::Unreadable(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for StoreError {}

/// What a store held when it was opened.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Pipelines the log was written for; 0: a new store.
    pub pipelines: u16,
    /// The last position of the log; 0: none.
    pub head: u64,
    /// Per Pipeline, newest first: positions of its verified snapshots.
    pub snapshots: Vec<Vec<u64>>,
    /// Per Pipeline: its sealed acknowledgement cursors, by lane.
    pub cursors: Vec<Vec<(String, Vec<u8>)>>,
    /// How far the sources were read.
    pub positions: Vec<ReadPosition>,
    /// What was found damaged and left out, in words: to be logged and alarmed.
    pub warnings: Vec<String>,
}

/// The durable half of the machine: log, snapshots, cursors, positions, quarantine, rule sets. Every write carries the owner's
/// epoch; a write of anybody else is refused ([`StoreError::Fenced`]). Every call is one transaction: all of it, or nothing.
pub trait Store: Send {
    /// What is there.
    ///
    /// # Errors
    /// [`StoreError`].
    fn recover(&mut self) -> Result<Recovered, StoreError>;

    /// Says for how many Pipelines the log is written. Only while the log is empty, or cut at a clean snapshot of all Pipelines.
    ///
    /// # Errors
    /// [`StoreError`].
    fn set_pipelines(&mut self, pipelines: u16) -> Result<(), StoreError>;

    /// Appends a batch. Durable when it returns.
    ///
    /// # Errors
    /// [`StoreError`].
    fn append(&mut self, append: &Append<'_>) -> Result<(), StoreError>;

    /// The entry of a Pipeline at a position, as it was sealed; `None` where the log was cut.
    ///
    /// # Errors
    /// [`StoreError`].
    fn entry(&mut self, pipeline: u16, position: u64) -> Result<Option<Vec<u8>>, StoreError>;

    /// The files of a rule set, by digest.
    ///
    /// # Errors
    /// [`StoreError`].
    fn rules(&mut self, digest: &[u8; 32]) -> Result<Option<RuleFiles>, StoreError>;

    /// The bytes of a snapshot, its pieces put together and checked.
    ///
    /// # Errors
    /// [`StoreError`].
    fn snapshot(&mut self, pipeline: u16, position: u64) -> Result<Vec<u8>, StoreError>;

    /// Writes one piece of a snapshot (at most 1 MiB). Pieces without [`Store::seal_snapshot`] are no snapshot.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_piece(&mut self, pipeline: u16, position: u64, number: u32, bytes: &[u8]) -> Result<(), StoreError>;

    /// Verifies the pieces against the checksum of the whole and makes them a snapshot. Then everything behind the older of the
    /// two newest verified snapshots goes: older snapshots, the Pipeline's log, rule sets nobody names any more. The cut may follow
    /// the seal in transactions of its own: after a crash some of it may be there still.
    ///
    /// # Errors
    /// [`StoreError`].
    fn seal_snapshot(&mut self, pipeline: u16, position: u64, pieces: u32, checksum: u128) -> Result<(), StoreError>;

    /// Replaces a lane's acknowledgement cursor.
    ///
    /// # Errors
    /// [`StoreError`].
    fn acknowledge(&mut self, pipeline: u16, lane: &str, cursor: &[u8]) -> Result<(), StoreError>;

    /// Puts documents and pages that a sink refused for good into the quarantine: one item per lane, place and alert, the newest
    /// version. Before the lane's cursor passes them.
    ///
    /// # Errors
    /// [`StoreError`].
    fn refuse(&mut self, refusals: &[Refusal]) -> Result<(), StoreError>;

    /// Renews the owner's lease: the standby counts from here.
    ///
    /// # Errors
    /// [`StoreError`].
    fn renew(&mut self) -> Result<(), StoreError>;
}

/// A document or a page on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Alert id: the document's id, and the page's deduplication key.
    pub alert: Arc<str>,
    /// External version of the document; of a page, the document it was written from.
    pub version: u64,
    /// Route of a page (`critical`, ...); empty for documents.
    pub route: Arc<str>,
    /// The document as JSON text.
    pub document: Arc<str>,
    /// The receiver may have it already: it was under way when the process before this one died, or its answer was lost.
    pub repeated: bool,
}

/// What a sink says of one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Taken (a version conflict says the same: a newer one is there).
    Taken,
    /// Try again later; nothing is wrong with it.
    Again(String),
    /// It may have been taken: the answer was lost. Try again, marked.
    Unknown(String),
    /// Never: the sink refuses this one for what it is.
    Refused(String),
}

/// A document or page that a sink refused for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The sink's lane.
    pub lane: Arc<str>,
    /// What it refused.
    pub delivery: Delivery,
    /// Why, in words.
    pub why: String,
}

/// Where documents or pages go. Delivers by id: the same again changes nothing, where the receiver allows.
pub trait Sink: Send {
    /// The lane it serves: `sqlite`, `ndjson`, `log`, ...: the name of its cursor.
    fn lane(&self) -> Arc<str>;

    /// Delivers; one outcome per delivery, in order. Blocks, at most until the deadline that it was built with.
    fn deliver(&mut self, deliveries: &[Delivery]) -> Vec<Outcome>;

    /// Where it counts; one that has nothing to count gives counters that stay at zero.
    fn counts(&self) -> Arc<SinkCounts> {
        Arc::default()
    }

    /// Another one on the same receiver, for deliveries side by side; none where they go one after the other.
    fn twin(&self) -> Option<Box<dyn Sink>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_farthest_shard_is_told_and_one_that_ended_is_forgotten() {
        let (counts, [a, b]) = (SourceCounts::default(), ["a", "b"].map(Arc::<str>::from));
        assert_eq!(counts.farthest_behind_ms(), 0);
        counts.behind(&a, Some(7_000));
        counts.behind(&b, Some(90_000));
        assert_eq!(counts.farthest_behind_ms(), 90_000);
        counts.behind(&b, None);
        assert_eq!(counts.farthest_behind_ms(), 7_000);
        counts.behind(&a, Some(0));
        assert_eq!(counts.farthest_behind_ms(), 0);
    }
}
