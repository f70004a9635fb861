//! `not` in `temporal`: a positive moment counts only if no negated one lies less than T from it.

use super::interval::Intervals;
use super::presence::Occurrence;

/// The moments that negated occurrences remove.
pub(super) fn removed<'a>(negated: impl Iterator<Item = &'a Occurrence>, timespan: i64) -> Intervals {
    let mut out = Intervals::default();
    for o in negated {
        out.add((o.start - timespan + 1, o.end - 1 + timespan));
    }
    out
}

/// What is left of an occurrence, in pieces.
pub(super) fn left(o: &Occurrence, removed: &Intervals) -> Vec<Occurrence> {
    let (mut out, mut from) = (Vec::new(), o.start);
    for gone in removed.within(o.start, o.end) {
        if from < gone.0 {
            out.push(Occurrence { start: from, end: gone.0, ..*o });
        }
        from = from.max(gone.1);
    }
    if from < o.end {
        out.push(Occurrence { start: from, ..*o });
    }
    out
}
