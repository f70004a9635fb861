//! The books: what came in must equal what is known about it, after every entry.
//!
//! Owns the counters and the three equations of DESIGN section 6. Never estimates: a number is counted where it happens.

use crate::decode::{ErrorCode, unit::Filtered};
use crate::event::Source;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the Intake counted in one batch. Travels in the log, so that it survives a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputCounts {
    /// Units read: an envelope that holds n events counts as n.
    pub records: u64,
    /// Units that became events, by source.
    pub events: BTreeMap<Source, u64>,
    /// Units that are deliberately no events, by reason.
    pub filtered: BTreeMap<Filtered, u64>,
    /// Units that could not be read, by reason.
    pub quarantined: BTreeMap<ErrorCode, u64>,
    /// Bytes as they came.
    pub bytes: u64,
    /// Matches for which a `group-by` or value field was missing, by target rule.
    pub without_key: BTreeMap<u32, u64>,
    /// Events later than their source's lateness.
    pub late_events: u64,
    /// Events whose time was clamped.
    pub clock_skew: u64,
}

impl InputCounts {
    /// Adds another batch.
    pub fn add(&mut self, other: &InputCounts) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.late_events += other.late_events;
        self.clock_skew += other.clock_skew;
        merge(&mut self.events, &other.events);
        merge(&mut self.filtered, &other.filtered);
        merge(&mut self.quarantined, &other.quarantined);
        merge(&mut self.without_key, &other.without_key);
    }

    /// Goes over to the numbers of another rule set; what rules counted that are gone stands under `u32::MAX`.
    pub(super) fn inherit(&mut self, heirs: &[Option<u32>]) {
        for (rule, n) in std::mem::take(&mut self.without_key) {
            *self.without_key.entry(super::rules::heir(heirs, rule).unwrap_or(u32::MAX)).or_default() += n;
        }
    }

    /// `records = events + filtered + quarantined`.
    #[must_use]
    pub fn balance(&self) -> bool {
        self.records == total(&self.events) + total(&self.filtered) + total(&self.quarantined)
    }
}

/// What became of detections.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectionCounts {
    /// Detections applied, those without a key included.
    pub detections: u64,
    /// Moved a window or made an alert.
    pub counted: u64,
    /// The same event again.
    pub duplicates: u64,
    /// Too late for their window by their own arrival.
    pub late: u64,
    /// Older than the watermark allows when applied.
    pub behind: u64,
    /// A finding revision older than one already shown.
    pub stale: u64,
    /// Sample or archived findings, which do not count in correlations.
    pub ignored: u64,
    /// Without a group key or value.
    pub without_key: u64,
}

impl DetectionCounts {
    /// Adds another pipeline's.
    pub fn add(&mut self, other: &DetectionCounts) {
        self.detections += other.detections;
        self.counted += other.counted;
        self.duplicates += other.duplicates;
        self.late += other.late;
        self.behind += other.behind;
        self.stale += other.stale;
        self.ignored += other.ignored;
        self.without_key += other.without_key;
    }

    /// `detections = counted + duplicates + late + behind + stale + ignored + without key`.
    #[must_use]
    pub fn balance(&self) -> bool {
        let parts = [self.counted, self.duplicates, self.late, self.behind, self.stale, self.ignored, self.without_key];
        self.detections == parts.iter().sum::<u64>()
    }
}

/// What became of alerts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertCounts {
    /// Alerts ever opened.
    pub alerts: u64,
    /// Of these: suppressed, by their newest document.
    pub suppressed: u64,
    /// Alerts that each suppression ever held for, by its id.
    pub suppression_hits: BTreeMap<String, u64>,
    /// Alerts whose page a storm summary speaks for.
    pub storm: u64,
    /// Alerts whose rule runs in shadow.
    pub shadow: u64,
    /// Alerts merged into another one.
    pub merged: u64,
    /// Pages decided.
    pub pages: u64,
    /// Documents asked to be indexed (all versions).
    pub documents: u64,
    /// Keys evicted over the state budget.
    pub evicted: u64,
}

impl AlertCounts {
    /// Adds another pipeline's.
    pub fn add(&mut self, other: &AlertCounts) {
        self.alerts += other.alerts;
        self.suppressed += other.suppressed;
        self.storm += other.storm;
        for (id, n) in &other.suppression_hits {
            *self.suppression_hits.entry(id.clone()).or_default() += n;
        }
        self.shadow += other.shadow;
        self.merged += other.merged;
        self.pages += other.pages;
        self.documents += other.documents;
        self.evicted += other.evicted;
    }
}

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Books {
    /// Input side.
    pub input: InputCounts,
    /// Detections.
    pub detections: DetectionCounts,
    /// Alerts.
    pub alerts: AlertCounts,
}

impl Books {
    /// The equations that do not hold, in words. Empty when the books balance. `delivered` and `in_outbox` are the sink side.
    #[must_use]
    pub fn errors(&self, delivered: u64, quarantined_documents: u64, in_outbox: u64) -> Vec<String> {
        let mut errors = Vec::new();
        let input = &self.input;
        if !input.balance() {
            let (events, filtered, bad) = (total(&input.events), total(&input.filtered), total(&input.quarantined));
            errors.push(format!("records {} != events {events} + filtered {filtered} + quarantined {bad}", input.records));
        }
        if !self.detections.balance() {
            errors.push(format!("detections do not balance: {:?}", self.detections));
        }
        let known = delivered + self.alerts.suppressed + quarantined_documents + in_outbox;
        if self.alerts.alerts != known {
            let (alerts, suppressed) = (self.alerts.alerts, self.alerts.suppressed);
            errors.push(format!(
                "alerts {alerts} != delivered {delivered} + suppressed {suppressed} + quarantined {quarantined_documents} + in outbox {in_outbox}"
            ));
        }
        errors
    }
}

/// Sum over a counter's labels.
#[must_use]
pub fn total<K>(counts: &BTreeMap<K, u64>) -> u64 {
    counts.values().sum()
}

fn merge<K: Ord + Copy>(into: &mut BTreeMap<K, u64>, from: &BTreeMap<K, u64>) {
    for (k, n) in from {
        *into.entry(*k).or_default() += n;
    }
}
