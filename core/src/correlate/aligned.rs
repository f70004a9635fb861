//! Counts with `lt`, `lte`, `eq`, `neq`: one verdict per window [kT, (k+1)T) of the epoch, for windows with an event.

use super::interval::{Interval, Intervals};
use super::presence::Occurrence;
use crate::rule::{Compare, Thresholds};
use std::collections::{BTreeMap, BTreeSet};

/// The windows wholly inside `range` (whose ends are multiples of T) in which the number of identities is as wanted.
pub(super) fn stretches(occurrences: &[Occurrence], timespan: i64, thresholds: &Thresholds, range: Interval) -> Intervals {
    let mut windows: BTreeMap<i64, BTreeSet<u128>> = BTreeMap::new();
    for o in occurrences {
        let (from, to) = (o.start.max(range.0), o.end.min(range.1));
        if from < to {
            for k in from.div_euclid(timespan)..=(to - 1).div_euclid(timespan) {
                windows.entry(k).or_default().insert(o.ident);
            }
        }
    }
    let mut out = Intervals::default();
    for (k, idents) in windows {
        if met(thresholds, idents.len()) {
            out.add((k * timespan, (k + 1) * timespan));
        }
    }
    out
}

#[expect(clippy::cast_precision_loss, clippy::float_cmp, reason = "counts are far below 2^53, and Sigma allows float thresholds")]
fn met(t: &Thresholds, n: usize) -> bool {
    let n = n as f64;
    t.0.iter().all(|(c, y)| match c {
        Compare::Lt => n < *y,
        Compare::Lte => n <= *y,
        Compare::Gt => n > *y,
        Compare::Gte => n >= *y,
        Compare::Eq => n == *y,
        Compare::Neq => n != *y,
    })
}
