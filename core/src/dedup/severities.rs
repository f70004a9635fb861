//! Severities of a finding's earlier revisions: what `tidegate.revision: severity_raised` asks for.
//!
//! Owns, per (who asks, finding), the revisions that were less severe than every one before them: of any number of revisions
//! those answer the question. Limits: an earlier revision that arrives after the later one does not raise it afterwards;
//! `STEPS_MAX` steps per finding; memory is dropped by arrival time.

use crate::event::FindingRevision;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// Most steps kept per finding: a finding has a handful of severities.
const STEPS_MAX: usize = 32;

/// The severities seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Severities {
    known: BTreeMap<u128, Known>,
    by_arrival: BTreeSet<(i64, u128)>,
}

/// A revision's order and its severity.
type Step = ((i64, i64), i32);

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    /// Later and less severe from step to step.
    steps: SmallVec<[Step; 1]>,
    arrival_ms: i64,
}

impl Severities {
    /// Remembers a revision of what `of` names (who asks, and which finding), and tells whether some earlier one was less severe.
    pub fn raised(&mut self, of: u128, revision: &FindingRevision, arrival_ms: i64) -> bool {
        let known = self.known.entry(of).or_insert_with(|| Known { steps: SmallVec::new(), arrival_ms });
        self.by_arrival.remove(&(known.arrival_ms, of));
        known.arrival_ms = known.arrival_ms.max(arrival_ms);
        self.by_arrival.insert((known.arrival_ms, of));
        known.see((revision.updated_ms, revision.count), revision.severity)
    }

    /// Forgets findings whose last revision arrived before.
    pub fn forget_before(&mut self, arrival_ms: i64) {
        while let Some(&(at, of)) = self.by_arrival.first().filter(|(at, _)| *at < arrival_ms) {
            self.by_arrival.remove(&(at, of));
            self.known.remove(&of);
        }
    }
}

impl Known {
    fn see(&mut self, order: (i64, i64), severity: i32) -> bool {
        let place = self.steps.partition_point(|(at, _)| *at < order);
        let lowest = place.checked_sub(1).map(|i| self.steps[i].1);
        if lowest.is_none_or(|l| severity < l) && self.steps.get(place).is_none_or(|s| s.0 != order) && self.steps.len() < STEPS_MAX {
            self.steps.insert(place, (order, severity));
            let covered = self.steps[place + 1..].iter().take_while(|s| s.1 >= severity).count();
            self.steps.drain(place + 1..place + 1 + covered);
        }
        lowest.is_some_and(|l| l < severity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(updated_ms: i64, severity: i32) -> FindingRevision {
        FindingRevision { finding: 9, updated_ms, created_ms: 0, count: updated_ms, severity }
    }

    #[test]
    fn only_a_less_severe_earlier_revision_raises() {
        let mut seen = Severities::default();
        let mut ask = |updated, severity| seen.raised(1, &revision(updated, severity), updated);
        assert!(!ask(20, 500), "the first one seen");
        assert!(!ask(30, 500), "as severe");
        assert!(ask(40, 800));
        assert!(ask(40, 800), "a copy gets the same answer");
        assert!(!ask(50, 200), "it fell");
        assert!(ask(60, 500));
        assert!(!ask(10, 900), "older than all");
        assert!(ask(45, 800), "less severe: that of 20");
        assert!(!seen.raised(2, &revision(70, 900), 70), "another one asks");
    }

    #[test]
    fn it_agrees_with_the_naive_answer() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..300 {
            let (mut seen, mut all) = (Severities::default(), Vec::<(i64, i32)>::new());
            for _ in 0..20 {
                let (at, severity) = (rng.i64(0..1000), rng.i32(1..8) * 100);
                if all.iter().any(|a| a.0 == at) {
                    continue;
                }
                let naive = all.iter().any(|a| a.0 < at && a.1 < severity);
                assert_eq!(seen.raised(1, &revision(at, severity), at), naive);
                all.push((at, severity));
            }
        }
    }

    #[test]
    fn memory_goes_by_arrival() {
        let mut seen = Severities::default();
        seen.raised(1, &revision(10, 200), 100);
        seen.raised(1, &revision(20, 200), 500);
        seen.forget_before(500);
        assert!(seen.raised(1, &revision(30, 300), 600));
        seen.forget_before(601);
        assert_eq!(seen, Severities::default());
    }
}
