//! One shard: its stage, how far it was read, and what is new in an answer.
//!
//! Owns the order of records (nothing at or before the mark is handed over again). Never decides what is read next.

use super::lag::Lag;
use super::pace::Pace;
use super::protocol::{Got, Way};
use super::token::Mark;
use std::sync::Arc;
use tidegate_core::event::{Position, Record, Sequence};

/// Empty answers that come no nearer to the tip, after which a position counts as older than the oldest record.
pub(super) const STALLED_MAX: u32 = 30;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// For its parents, or to be announced.
    Waiting,
    /// The hand-over of this name announces it.
    Announced(Arc<str>),
    /// An iterator is needed.
    Unopened,
    Opening,
    Ready(String),
    Fetching,
    /// Records are handed over; then this iterator is next.
    Handing(Option<String>),
    /// Read to its end; its children are looked for. Listings without them so far.
    Drained(u32),
    /// Its end is handed over.
    Ending,
    Ended,
}

#[derive(Debug)]
pub(super) struct Shard {
    pub(super) parents: Vec<Arc<str>>,
    pub(super) stage: Stage,
    pub(super) mark: Mark,
    pub(super) pace: Pace,
    pub(super) due_ms: u64,
    /// Read from the oldest record on, whatever the mark says: what the mark says is gone.
    pub(super) restarted: bool,
    /// What arrived before is not wanted; 0: all is.
    pub(super) since_ms: i64,
    /// A subscription said that the shard ends: what is left is fetched, so that its end is certain.
    pub(super) tail: bool,
    /// Where the subscription goes on; empty: behind the mark.
    pub(super) continuation: String,
    /// When it was last subscribed to.
    pub(super) subscribed_ms: Option<u64>,
    /// Iterators or subscriptions that ended one after the other without an answer in between.
    pub(super) expired: u32,
    pub(super) lag: Lag,
    /// Distance to the tip in the last empty answer, and how many of them came no nearer.
    pub(super) behind_ms: i64,
    pub(super) stalled: u32,
    /// To be told with what is handed over next.
    pub(super) lost: Option<String>,
}

impl Shard {
    pub(super) fn new(stage: Stage, mark: Mark) -> Self {
        Shard {
            parents: Vec::new(),
            stage,
            mark,
            pace: Pace::new(),
            due_ms: 0,
            restarted: false,
            since_ms: 0,
            tail: false,
            continuation: String::new(),
            subscribed_ms: None,
            expired: 0,
            lag: Lag::default(),
            behind_ms: i64::MAX,
            stalled: 0,
            lost: None,
        }
    }

    /// How it is read, where this is the stream's way.
    pub(super) fn way(&self, stream: Way) -> Way {
        if self.tail { Way::Poll } else { stream }
    }

    /// Whether an answer is asked for, or waits to be taken. A subscription that waits for something to happen holds nothing.
    pub(super) fn under_way(&self, stream: Way) -> bool {
        match self.stage {
            Stage::Opening | Stage::Handing(_) => true,
            Stage::Fetching => self.way(stream) == Way::Poll,
            _ => false,
        }
    }

    pub(super) fn over(&self) -> bool {
        matches!(self.stage, Stage::Ending | Stage::Ended)
    }

    /// What is new among the records, and in words what could not be used.
    pub(super) fn records(&mut self, source: &Arc<str>, name: &Arc<str>, got: Vec<Got>, service_ms: i64) -> (Vec<Record>, Option<String>) {
        let (mut records, mut lost) = (Vec::new(), None);
        for got in got {
            let Some(sequence) = Sequence::parse(&got.sequence) else {
                lost = Some(format!("{name} holds a record whose sequence number is no number of up to 57 digits"));
                continue;
            };
            // Read before: an iterator may begin at the mark itself.
            if sequence <= self.mark.sequence {
                continue;
            }
            let arrival_ms = got.arrival_ms.unwrap_or(service_ms);
            // One stand-in begins with the oldest record where none arrived since.
            if arrival_ms < self.since_ms {
                continue;
            }
            self.mark = Mark { sequence, text: got.sequence, read_ms: arrival_ms.max(self.mark.read_ms), arrival_ms };
            self.restarted = false;
            let position = Position { source: source.clone(), shard: name.clone(), sequence, sub_sequence: 0 };
            records.push(Record { position, arrival_ms: Some(arrival_ms), bytes: got.bytes, lines: false });
        }
        (records, lost)
    }

    pub(super) fn comes_no_nearer(&mut self, behind_ms: i64) -> bool {
        self.stalled = if behind_ms >= self.behind_ms { self.stalled + 1 } else { 0 };
        self.behind_ms = behind_ms;
        self.stalled >= STALLED_MAX && !self.restarted && !self.mark.text.is_empty()
    }
}

/// What is said of a shard that is not there any more.
pub(super) fn gone(name: &str, mark: &Mark) -> String {
    let read = if mark.text.is_empty() { "nothing of it was read".to_owned() } else { format!("it was read up to {}", mark.text) };
    format!("{name} is gone (older than the stream keeps records), and {read}: the rest of it is lost")
}
