//! Revisions of one finding: the same id, a larger count, a newer `updatedAt`; never an unrelated new event.

use crate::event::{ContentId, FindingRevision};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// Most revision ids remembered per finding; the oldest are forgotten first.
pub const IDS_MAX: usize = 256;

/// What a revision is to what was seen before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The finding is seen for the first time.
    New,
    /// A newer revision.
    Newer,
    /// A revision older than the newest one seen: its evidence counts, its text does not.
    Older,
    /// The same revision on another route.
    Copy,
}

/// The revisions seen, per (what they are for, finding).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revisions {
    known: BTreeMap<(u64, u128), Known>,
    by_arrival: BTreeSet<(i64, u64, u128)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    newest: (i64, i64),
    ids: SmallVec<[ContentId; 2]>,
    arrival_ms: i64,
}

impl Revisions {
    /// Judges one revision and remembers it.
    pub fn judge(&mut self, of: u64, revision: &FindingRevision, id: ContentId, arrival_ms: i64) -> Verdict {
        let key = (of, revision.finding);
        let order = (revision.updated_ms, revision.count);
        let Some(known) = self.known.get_mut(&key) else {
            let ids = SmallVec::from_elem(id, 1);
            self.known.insert(key, Known { newest: order, ids, arrival_ms });
            self.by_arrival.insert((arrival_ms, key.0, key.1));
            return Verdict::New;
        };
        if known.ids.contains(&id) {
            return Verdict::Copy;
        }
        if known.ids.len() >= IDS_MAX {
            known.ids.remove(0);
        }
        known.ids.push(id);
        self.by_arrival.remove(&(known.arrival_ms, key.0, key.1));
        known.arrival_ms = known.arrival_ms.max(arrival_ms);
        self.by_arrival.insert((known.arrival_ms, key.0, key.1));
        if order > known.newest {
            known.newest = order;
            return Verdict::Newer;
        }
        Verdict::Older
    }

    /// Forgets the finding whose last revision arrived the longest ago.
    pub fn forget_oldest(&mut self) -> Option<(u64, u128)> {
        let (_, of, finding) = self.by_arrival.pop_first()?;
        self.known.remove(&(of, finding));
        Some((of, finding))
    }

    /// Forgets findings whose last revision arrived before.
    pub fn forget_before(&mut self, arrival_ms: i64) -> Vec<(u64, u128)> {
        let mut forgotten = Vec::new();
        while let Some(&(at, of, finding)) = self.by_arrival.first() {
            if at >= arrival_ms {
                break;
            }
            self.by_arrival.pop_first();
            self.known.remove(&(of, finding));
            forgotten.push((of, finding));
        }
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(updated_ms: i64, count: i64, severity: i32) -> FindingRevision {
        FindingRevision { finding: 9, updated_ms, created_ms: 0, count, severity }
    }

    #[test]
    fn copies_revisions_and_disorder_are_told_apart() {
        let mut seen = Revisions::default();
        assert_eq!(seen.judge(1, &revision(20, 2, 500), ContentId(2), 0), Verdict::New);
        assert_eq!(seen.judge(1, &revision(20, 2, 500), ContentId(2), 0), Verdict::Copy);
        assert_eq!(seen.judge(1, &revision(10, 1, 200), ContentId(1), 1), Verdict::Older);
        assert_eq!(seen.judge(1, &revision(30, 3, 500), ContentId(3), 2), Verdict::Newer);
        assert_eq!(seen.judge(2, &revision(30, 3, 500), ContentId(3), 2), Verdict::New, "another rule");
    }

    #[test]
    fn what_arrives_again_is_remembered_longer() {
        let mut seen = Revisions::default();
        seen.judge(1, &revision(10, 1, 200), ContentId(1), 100);
        seen.judge(1, &revision(20, 2, 200), ContentId(2), 500);
        assert!(seen.forget_before(500).is_empty());
        assert_eq!(seen.forget_before(501), [(1, 9)]);
        assert_eq!(seen.judge(1, &revision(30, 3, 200), ContentId(3), 600), Verdict::New);
    }
}
