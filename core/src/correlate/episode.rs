//! Episodes with an alert: what was gathered of events already forgotten, joining, and the whole as it is shown.

use super::change::{Episode, KeptEvent};
use super::distinct::IdentSet;
use super::packed::Shown;
use super::size::list;
use super::store::EVIDENCE;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is known of the events of an episode, or of a part of it. Parts are merged in order of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Gathered {
    pub(super) events: u64,
    pub(super) idents: IdentSet,
    pub(super) first_seen: i64,
    pub(super) last_seen: i64,
    pub(super) earliest: Vec<Shown>,
    pub(super) latest: Vec<Shown>,
    pub(super) approximate: bool,
    pub(super) clock_skew: bool,
    pub(super) late: u64,
    pub(super) measured: f64,
}

impl Default for Gathered {
    fn default() -> Self {
        Gathered {
            events: 0,
            idents: IdentSet::default(),
            first_seen: i64::MAX,
            last_seen: i64::MIN,
            earliest: Vec::new(),
            latest: Vec::new(),
            approximate: false,
            clock_skew: false,
            late: 0,
            measured: 0.0,
        }
    }
}

impl Gathered {
    pub(super) fn merge(&mut self, other: Gathered) {
        self.events += other.events;
        self.idents.merge(&other.idents);
        self.first_seen = self.first_seen.min(other.first_seen);
        self.last_seen = self.last_seen.max(other.last_seen);
        self.earliest.extend(other.earliest);
        self.latest.extend(other.latest);
        self.order();
        self.approximate |= other.approximate;
        self.clock_skew |= other.clock_skew;
        self.late += other.late;
        self.measured = self.measured.max(other.measured);
    }

    /// Keeps the earliest and the latest, by (time, id, step).
    pub(super) fn order(&mut self) {
        for side in [&mut self.earliest, &mut self.latest] {
            side.sort_by_key(Shown::key);
            side.dedup_by_key(|e| e.key());
        }
        self.earliest.truncate(EVIDENCE);
        let surplus = self.latest.len().saturating_sub(EVIDENCE);
        self.latest.drain(..surplus);
    }

    pub(super) fn saw(&mut self, time: i64) {
        self.first_seen = self.first_seen.min(time);
        self.last_seen = self.last_seen.max(time);
    }

    fn count(&self) -> u64 {
        self.events + self.idents.number()
    }

    pub(super) fn bytes(&self) -> u64 {
        let shown = |side: &[Shown]| 2 * list(side.len(), size_of::<Shown>()) + side.iter().map(|e| e.event.bytes()).sum::<u64>();
        shown(&self.earliest) + shown(&self.latest) + self.idents.bytes()
    }
}

/// An episode with its alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Alerted {
    pub(super) start: i64,
    pub(super) end: i64,
    /// First moment as known when it fired.
    pub(super) fired: i64,
    /// Order of firing in the log: of two that join, the lower lives on.
    pub(super) order: u64,
    /// Of events that are forgotten.
    pub(super) folded: Gathered,
    /// It fired only because the data stopped.
    pub(super) truncated: bool,
}

impl Alerted {
    /// The episode as it is shown, with what is still kept of its events. `payer` is who pays for the key.
    pub(super) fn show(&self, kept: Gathered, evaluated_to: i64, truncated: bool, payer: &Arc<str>) -> Episode {
        let mut all = self.folded.clone();
        all.merge(kept);
        let mut shown: Vec<Shown> = [all.earliest.as_slice(), all.latest.as_slice()].concat();
        shown.sort_by_key(Shown::key);
        shown.dedup_by_key(|e| e.key());
        let events: Vec<KeptEvent> = shown.iter().filter_map(|e| e.unpack(payer)).collect();
        let accounts: BTreeSet<Arc<str>> = events.iter().map(|e| Arc::clone(&e.account)).collect();
        Episode {
            start_ms: self.start,
            end_ms: self.end,
            count: all.count(),
            first_seen_ms: if all.first_seen == i64::MAX { self.start } else { all.first_seen },
            last_seen_ms: if all.last_seen == i64::MIN { self.end - 1 } else { all.last_seen },
            late_events: all.late,
            approximate: all.approximate || !all.idents.exact(),
            clock_skew: all.clock_skew,
            evaluated_to_ms: evaluated_to,
            truncated: truncated || self.truncated,
            events,
            measured: all.measured,
            accounts: accounts.into_iter().collect(),
        }
    }
}
