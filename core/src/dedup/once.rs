//! Events that make an alert of their own, remembered so that a copy makes no second one.

use crate::event::ContentId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A memory of (what it was for, content id), dropped in order of arrival.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Once {
    seen: BTreeMap<(u32, ContentId), i64>,
    by_arrival: BTreeSet<(i64, u32, ContentId)>,
}

impl Once {
    /// Whether this is the first time `id` is seen for `target`.
    pub fn first(&mut self, target: u32, id: ContentId, arrival_ms: i64) -> bool {
        if self.seen.contains_key(&(target, id)) {
            return false;
        }
        self.seen.insert((target, id), arrival_ms);
        self.by_arrival.insert((arrival_ms, target, id));
        true
    }

    /// Forgets what arrived before.
    pub fn forget_before(&mut self, arrival_ms: i64) {
        while let Some(&(at, target, id)) = self.by_arrival.first() {
            if at >= arrival_ms {
                break;
            }
            self.by_arrival.pop_first();
            self.seen.remove(&(target, id));
        }
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_told_until_it_is_forgotten() {
        let mut once = Once::default();
        assert!(once.first(1, ContentId(7), 100));
        assert!(!once.first(1, ContentId(7), 200), "the copy does not renew the memory");
        assert!(once.first(2, ContentId(7), 100), "another rule's alert is another thing");
        once.forget_before(101);
        assert!(once.is_empty());
        assert!(once.first(1, ContentId(7), 300));
    }
}
