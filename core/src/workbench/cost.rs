//! What a rule costs on given input, and in which order costs are told.
//!
//! Plain figures; whoever ran the rules fills them in. CPU is an estimate: matching is counted for every event and timed for one in
//! [`crate::detect::TIMED`], applying is timed as a whole and shared out by detections. Reading, decoding and looking up candidates serve all
//! rules and are in no rule's share.

use serde::Serialize;
use std::cmp::Reverse;

/// What one rule cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RuleCost {
    /// The rule's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Whether it is a correlation.
    pub correlation: bool,
    /// Events of the sources it reads.
    pub events: u64,
    /// Of these, those whose condition had to be evaluated.
    pub candidates: u64,
    /// Of these, those it matched. Of a correlation: detections and stretches of children that came to it.
    pub matches: u64,
    /// CPU nanoseconds of matching.
    pub matching_ns: u64,
    /// CPU nanoseconds of applying: windows, alerts, documents.
    pub applying_ns: u64,
    /// Both as a part of the CPU time of the whole run.
    pub cpu_share: f64,
    /// Most group keys at once.
    pub keys_peak: u64,
    /// Most logical bytes of state at once.
    pub bytes_peak: u64,
    /// Group keys when input ended.
    pub keys_end: u64,
    /// Logical bytes when input ended.
    pub bytes_end: u64,
    /// Alerts, without those joined into others.
    pub alerts: u64,
    /// Pages that would have been sent.
    pub pages: u64,
}

impl RuleCost {
    /// CPU nanoseconds.
    #[must_use]
    pub fn cpu_ns(&self) -> u64 {
        self.matching_ns.saturating_add(self.applying_ns)
    }

    /// Candidates per event it sees.
    #[must_use]
    pub fn candidates_per_event(&self) -> f64 {
        self.candidates as f64 / self.events.max(1) as f64
    }

    /// Matches per event it sees.
    #[must_use]
    pub fn matches_per_event(&self) -> f64 {
        self.matches as f64 / self.events.max(1) as f64
    }
}

/// The dearest first: by CPU time, then by state, then by id.
pub fn sort(costs: &mut [RuleCost]) {
    costs.sort_by(|a, b| (Reverse(a.cpu_ns()), Reverse(a.bytes_peak), &a.id).cmp(&(Reverse(b.cpu_ns()), Reverse(b.bytes_peak), &b.id)));
}
