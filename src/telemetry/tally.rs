//! What is counted from the start of the process on, and is no part of the books.
//!
//! Owns the counters and histograms. A restart begins them at zero. Limits: [`OPENED_MAX`] combinations of rule, severity and
//! decision; what comes over stands under the rule `other`.

use crate::io::clock::{Stopwatch, now_ms};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Most combinations of rule, severity and decision.
pub const OPENED_MAX: usize = 2_000;
/// The rule under which all further ones stand.
pub const OTHER: &str = "other";

/// Upper bounds of histograms, in seconds: from half a millisecond (an append on a good disk) to the longest that a sink may take.
pub const BOUNDS: [f64; 17] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 60.0, f64::INFINITY];

/// A distribution of durations.
#[derive(Debug, Clone, Default)]
pub struct Histogram {
    counts: [u64; BOUNDS.len()],
    sum: Duration,
}

impl Histogram {
    /// Notes one.
    pub fn note(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len() - 1);
        self.counts[bucket] += 1;
        self.sum += took;
    }

    /// Sum in seconds, number, and the number in each bucket alone.
    #[must_use]
    pub fn parts(&self) -> (f64, u64, Vec<(f64, u64)>) {
        let buckets = BOUNDS.into_iter().zip(self.counts).collect();
        (self.sum.as_secs_f64(), self.counts.iter().sum(), buckets)
    }
}

/// How a sink answered for one delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delivered {
    /// Taken.
    Taken,
    /// Not taken; it is tried again.
    Again,
    /// Perhaps taken; it is tried again.
    Unknown,
    /// Refused for good.
    Refused,
}

impl Delivered {
    /// All there are.
    pub const ALL: [Delivered; 4] = [Delivered::Taken, Delivered::Again, Delivered::Unknown, Delivered::Refused];

    /// The label.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Delivered::Taken => "taken",
            Delivered::Again => "again",
            Delivered::Unknown => "unknown",
            Delivered::Refused => "refused",
        }
    }
}

/// What is counted of one source.
#[derive(Debug, Clone, Default)]
pub struct SourceTally {
    /// Records.
    pub records: u64,
    /// Times that something could not be read and was left out.
    pub lost: u64,
    /// Times that it could not go on.
    pub failed: u64,
    /// When the last record came, epoch milliseconds.
    pub last_ms: Option<i64>,
}

/// What is counted of one lane.
#[derive(Debug, Clone, Default)]
pub struct LaneTally {
    /// Deliveries by outcome.
    pub outcomes: BTreeMap<Delivered, u64>,
    /// How long the sink took for a batch.
    pub took: Histogram,
    /// Since when it does not take everything: from the first thing it did not take until nothing of that kind waits any more.
    pub failing: Option<Stopwatch>,
}

/// A snapshot that stands.
#[derive(Debug, Clone)]
pub struct Sealed {
    /// Its bytes.
    pub bytes: u64,
    /// When it was done.
    pub at: Stopwatch,
}

/// What loading the files again came to, the last time.
#[derive(Debug, Clone, Default)]
pub struct Reloads {
    /// Generations put in force.
    pub applied: u64,
    /// Generations refused.
    pub refused: u64,
    /// When one was put in force last, epoch milliseconds.
    pub applied_ms: Option<i64>,
    /// What the last one did to rules: kept, restarted, added, removed.
    pub rules: BTreeMap<&'static str, u64>,
    /// Why the files as they are cannot be used: which, and what is wrong with them. `None`: they can.
    pub refusal: Option<(&'static str, String)>,
    /// Rules that started afresh, over all reloads.
    pub restarted: u64,
}

/// Everything that is counted.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Rounds appended.
    pub append: Histogram,
    /// Rounds applied.
    pub apply: Histogram,
    /// Snapshots written.
    pub snapshot: Histogram,
    /// Snapshots that were not written.
    pub snapshots_failed: u64,
    /// By Pipeline.
    pub sealed: BTreeMap<u16, Sealed>,
    /// By name of the source.
    pub sources: BTreeMap<Arc<str>, SourceTally>,
    /// By name of the lane.
    pub lanes: BTreeMap<Arc<str>, LaneTally>,
    /// Alerts opened: (rule, severity, decision about paging).
    pub opened: BTreeMap<(String, &'static str, String), u64>,
    /// Pages asked for, by route.
    pub pages: BTreeMap<Arc<str>, u64>,
    /// Reloads.
    pub reloads: Reloads,
}

impl Tally {
    /// Notes records of a source.
    pub fn read(&mut self, source: &Arc<str>, records: u64, lost: bool) {
        let tally = self.sources.entry(source.clone()).or_default();
        tally.records += records;
        tally.lost += u64::from(lost);
        if records > 0 {
            tally.last_ms = Some(now_ms());
        }
    }

    /// Notes an answer of a sink; of what it did not take before, so much still waits.
    pub fn answered(&mut self, lane: &Arc<str>, took: Duration, outcomes: impl Iterator<Item = Delivered>, held: usize) {
        let tally = self.lanes.entry(lane.clone()).or_default();
        tally.took.note(took);
        let mut failing = false;
        for outcome in outcomes {
            *tally.outcomes.entry(outcome).or_default() += 1;
            failing |= matches!(outcome, Delivered::Again | Delivered::Unknown);
        }
        // A batch that is taken whole is no end of it while others wait to be tried again.
        tally.failing = match tally.failing {
            None if failing => Some(Stopwatch::start()),
            Some(_) if !failing && held == 0 => None,
            same => same,
        };
    }

    /// Notes a new alert.
    pub fn opened(&mut self, rule: &str, severity: &'static str, decision: &str) {
        let key = (rule.to_owned(), severity, decision.to_owned());
        let room = self.opened.len() < OPENED_MAX || self.opened.contains_key(&key);
        let key = if room { key } else { (OTHER.to_owned(), severity, decision.to_owned()) };
        *self.opened.entry(key).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_each_duration_once() {
        let mut histogram = Histogram::default();
        [0, 1, 1_500, 120_000].into_iter().for_each(|ms| histogram.note(Duration::from_millis(ms)));
        let (sum, count, buckets) = histogram.parts();
        assert!((sum - 121.501).abs() < 1e-9);
        assert_eq!((count, buckets.iter().map(|(_, n)| n).sum::<u64>()), (4, 4));
        assert_eq!(
            buckets.iter().filter(|(_, n)| *n > 0).map(|(bound, _)| *bound).collect::<Vec<_>>(),
            [0.0005, 0.001, 2.0, f64::INFINITY]
        );
    }

    #[test]
    fn a_lane_fails_from_its_first_refusal_until_it_takes_everything() {
        let (mut tally, lane) = (Tally::default(), Arc::from("opensearch"));
        tally.answered(&lane, Duration::ZERO, [Delivered::Taken, Delivered::Again].into_iter(), 1);
        let since = tally.lanes[&lane].failing.expect("it fails");
        tally.answered(&lane, Duration::ZERO, [Delivered::Unknown].into_iter(), 1);
        let before = since.elapsed();
        assert!(tally.lanes[&lane].failing.expect("it still fails").elapsed() >= before);
        tally.answered(&lane, Duration::ZERO, [Delivered::Taken].into_iter(), 1);
        assert!(tally.lanes[&lane].failing.is_some(), "others still wait");
        tally.answered(&lane, Duration::ZERO, [Delivered::Taken, Delivered::Refused].into_iter(), 0);
        assert!(tally.lanes[&lane].failing.is_none());
        assert_eq!(tally.lanes[&lane].outcomes[&Delivered::Taken], 3);
    }

    #[test]
    fn rules_without_end_take_no_memory_without_end() {
        let mut tally = Tally::default();
        (0..OPENED_MAX + 50).for_each(|n| tally.opened(&format!("rule-{n}"), "high", "page"));
        assert!(tally.opened.len() <= OPENED_MAX + 1);
        assert_eq!(tally.opened[&(OTHER.to_owned(), "high", "page".to_owned())], 50);
        tally.opened("rule-0", "high", "page");
        assert_eq!(tally.opened[&("rule-0".to_owned(), "high", "page".to_owned())], 2);
    }
}
