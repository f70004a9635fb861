//! The board: what whoever runs pins up, and requests read. A handle is cheap and may be given to any thread.
//!
//! Owns the locks, each held for the time of a copy. Never calculates. Nothing on it is needed by those who run: a board that nobody
//! reads costs a copy of the books four times a second.

use super::coverage::Coverage;
use super::standing::{Ownership, Row, Standing};
use super::tally::Tally;
use crate::io::clock::{Stopwatch, now_ms};
use crate::io::port::{SinkCounts, SourceCounts};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What this process is at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It has not asked for the state yet.
    Starting,
    /// Another process owns the state: who, in words.
    Standby(String),
    /// It owns the state and applies the log again.
    CatchingUp,
    /// It works.
    Running,
    /// It was asked to stop.
    Stopping,
}

impl Stage {
    /// Its word, as in labels and answers.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Stage::Starting => "starting",
            Stage::Standby(_) => "standby",
            Stage::CatchingUp => "catching_up",
            Stage::Running => "running",
            Stage::Stopping => "stopping",
        }
    }

    /// All words.
    pub const WORDS: [&'static str; 5] = ["starting", "standby", "catching_up", "running", "stopping"];
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Board(Arc<Pinned>);

#[derive(Debug)]
struct Pinned {
    clock: Stopwatch,
    started_ms: i64,
    state: PathBuf,
    stage: Mutex<(Stage, Stopwatch)>,
    /// Milliseconds on `clock` at which the loop turned last.
    turned_ms: AtomicU64,
    standing: Mutex<Option<Arc<Standing>>>,
    tally: Mutex<Tally>,
    ownership: Mutex<Option<Arc<Ownership>>>,
    row: Mutex<Option<Row>>,
    counts: Mutex<Vec<(Arc<str>, Arc<SourceCounts>)>>,
    sinks: Mutex<Vec<(Arc<str>, Arc<SinkCounts>)>>,
    coverage: Coverage,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Board {
    /// An empty board of a process over this state file.
    #[must_use]
    pub fn new(state: &Path) -> Self {
        Board(Arc::new(Pinned {
            clock: Stopwatch::start(),
            started_ms: now_ms(),
            state: state.to_owned(),
            stage: Mutex::new((Stage::Starting, Stopwatch::start())),
            turned_ms: AtomicU64::new(0),
            standing: Mutex::default(),
            tally: Mutex::default(),
            ownership: Mutex::default(),
            row: Mutex::default(),
            counts: Mutex::default(),
            sinks: Mutex::default(),
            coverage: Coverage::default(),
        }))
    }

    /// Says what the process is at.
    pub fn stage(&self, stage: Stage) {
        let mut held = lock(&self.0.stage);
        if held.0 != stage {
            *held = (stage, Stopwatch::start());
        }
        drop(held);
        self.turned();
    }

    /// Says that the loop, or whoever waits in its place, turned.
    pub fn turned(&self) {
        self.0.turned_ms.store(self.age_ms(), Ordering::Relaxed);
    }

    /// Pins how the run stands.
    pub fn pin(&self, standing: Standing) {
        *lock(&self.0.standing) = Some(Arc::new(standing));
    }

    /// Counts.
    pub fn tally(&self, count: impl FnOnce(&mut Tally)) {
        count(&mut lock(&self.0.tally));
    }

    /// Says that this process owns the state.
    pub fn own(&self, ownership: Ownership) {
        *lock(&self.0.ownership) = Some(Arc::new(ownership));
    }

    /// Says where sources count what no record tells.
    pub fn count(&self, counts: Vec<(Arc<str>, Arc<SourceCounts>)>) {
        *lock(&self.0.counts) = counts;
    }

    /// Says where sinks count what no answer tells.
    pub fn count_sinks(&self, counts: Vec<(Arc<str>, Arc<SinkCounts>)>) {
        *lock(&self.0.sinks) = counts;
    }

    /// Says how the row stands that says which process reads the sources.
    pub fn row(&self, row: Row) {
        *lock(&self.0.row) = Some(row);
    }

    /// Who was heard of.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.0.coverage
    }

    /// Everything on it at this moment.
    #[must_use]
    pub fn read(&self) -> Reading {
        let (stage, since) = lock(&self.0.stage).clone();
        let tally = lock(&self.0.tally).clone();
        let failing = tally.lanes.iter().filter_map(|(name, lane)| Some((name.clone(), lane.failing?.elapsed())));
        Reading {
            failing: failing.collect(),
            stage,
            stage_age: since.elapsed(),
            turn_age: Duration::from_millis(self.age_ms().saturating_sub(self.0.turned_ms.load(Ordering::Relaxed))),
            started_ms: self.0.started_ms,
            now_ms: now_ms(),
            state: self.0.state.clone(),
            standing: lock(&self.0.standing).clone(),
            tally,
            ownership: lock(&self.0.ownership).clone(),
            row: lock(&self.0.row).clone(),
            counts: lock(&self.0.counts).clone(),
            sinks: lock(&self.0.sinks).clone(),
        }
    }

    fn age_ms(&self) -> u64 {
        u64::try_from(self.0.clock.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A copy of the board.
#[derive(Debug, Clone)]
pub struct Reading {
    /// What the process is at.
    pub stage: Stage,
    /// For how long.
    pub stage_age: Duration,
    /// How long ago the loop turned.
    pub turn_age: Duration,
    /// When the process began, epoch milliseconds.
    pub started_ms: i64,
    /// When this was read, epoch milliseconds.
    pub now_ms: i64,
    /// The state file.
    pub state: PathBuf,
    /// How the run stands; `None`: it does not run yet.
    pub standing: Option<Arc<Standing>>,
    /// What was counted.
    pub tally: Tally,
    /// Lanes whose sinks do not take everything, and for how long.
    pub failing: BTreeMap<Arc<str>, Duration>,
    /// Ownership of the state; `None`: another process has it, or nobody.
    pub ownership: Option<Arc<Ownership>>,
    /// The row that says which process reads the sources; `None`: none is configured.
    pub row: Option<Row>,
    /// What sinks count.
    pub sinks: Vec<(Arc<str>, Arc<SinkCounts>)>,
    /// What sources count.
    pub counts: Vec<(Arc<str>, Arc<SourceCounts>)>,
}
