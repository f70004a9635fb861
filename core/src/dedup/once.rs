//! Events that make an alert of their own, remembered so that a copy makes no second one.

use crate::event::ContentId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A memory of (what it was for, content id), dropped in order of arrival.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Once {
    seen: BTreeMap<(u64, ContentId), i64>,
    by_arrival: BTreeSet<(i64, u64, ContentId)>,
}

impl Once {
    /// Whether this is the first time `id` is seen for what `of` names.
    pub fn first(&mut self, of: u64, id: ContentId, arrival_ms: i64) -> bool {
        if self.seen.contains_key(&(of, id)) {
            return false;
        }
        self.seen.insert((of, id), arrival_ms);
        self.by_arrival.insert((arrival_ms, of, id));
        true
    }

    /// Forgets what arrived before.
    pub fn forget_before(&mut self, arrival_ms: i64) {
        while let Some(&(at, of, id)) = self.by_arrival.first() {
            if at >= arrival_ms {
                break;
            }
            self.by_arrival.pop_first();
            self.seen.remove(&(of, id));
        }
    }

    /// Forgets what arrived first until at most `most` are remembered; gives the arrival of the last one forgotten.
    pub fn forget_beyond(&mut self, most: usize) -> Option<i64> {
        let mut last = None;
        while self.seen.len() > most {
            let (at, of, id) = self.by_arrival.pop_first()?;
            self.seen.remove(&(of, id));
            last = Some(at);
        }
        last
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
