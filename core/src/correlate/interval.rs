//! Sets of moments as sorted, disjoint, non-touching half-open intervals of milliseconds.

use serde::{Deserialize, Serialize};

/// [start, end).
pub(super) type Interval = (i64, i64);

/// A set of moments.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Intervals(Vec<Interval>);

impl Intervals {
    pub(super) const NONE: Intervals = Intervals(Vec::new());

    /// Adds the moments [start, end). Gives the maximal interval that now holds them, if anything was new.
    pub(super) fn add(&mut self, (start, end): Interval) -> Option<Interval> {
        if start >= end {
            return None;
        }
        let first = self.0.partition_point(|i| i.1 < start);
        let last = self.0.partition_point(|i| i.0 <= end);
        let Some(touched) = self.0.get(first..last).filter(|t| !t.is_empty()) else {
            self.0.insert(first, (start, end));
            return Some((start, end));
        };
        let whole = (touched[0].0.min(start), touched[touched.len() - 1].1.max(end));
        if touched.len() == 1 && touched[0] == whole {
            return None;
        }
        self.0.splice(first..last, [whole]);
        Some(whole)
    }

    /// What of [start, end) is not in the set, as the hull of the gaps. `None`: all of it is.
    pub(super) fn missing(&self, (start, end): Interval) -> Option<Interval> {
        let (mut start, mut end) = (start, end);
        let first = self.0.partition_point(|i| i.1 <= start);
        if let Some(i) = self.0.get(first).filter(|i| i.0 <= start) {
            start = i.1;
        }
        let last = self.0.partition_point(|i| i.0 < end);
        if let Some(i) = last.checked_sub(1).map(|n| self.0[n]).filter(|i| i.1 >= end) {
            end = end.min(i.0);
        }
        (start < end).then_some((start, end))
    }

    /// The intervals that have a moment in [start, end).
    pub(super) fn within(&self, start: i64, end: i64) -> &[Interval] {
        let first = self.0.partition_point(|i| i.1 <= start);
        let last = self.0.partition_point(|i| i.0 < end);
        self.0.get(first..last).unwrap_or(&[])
    }

    /// Forgets the intervals that end at or before `cut`; gives them.
    pub(super) fn drop_before(&mut self, cut: i64) -> Vec<Interval> {
        let n = self.0.partition_point(|i| i.1 <= cut);
        self.0.drain(..n).collect()
    }

    pub(super) fn all(&self) -> &[Interval] {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_joins_what_touches_and_says_what_changed() {
        let mut set = Intervals::default();
        assert_eq!(set.add((5, 7)), Some((5, 7)));
        assert_eq!(set.add((10, 12)), Some((10, 12)));
        assert_eq!(set.add((10, 11)), None);
        assert_eq!(set.add((3, 3)), None);
        assert_eq!(set.missing((5, 12)), Some((7, 10)));
        assert_eq!(set.missing((4, 6)), Some((4, 5)));
        assert_eq!(set.missing((5, 7)), None);
        assert_eq!(set.add((7, 10)), Some((5, 12)));
        assert_eq!(set.within(11, 20), [(5, 12)]);
        assert_eq!(set.within(12, 20), []);
        assert_eq!(set.drop_before(12), [(5, 12)]);
        assert!(set.is_empty());
    }
}
