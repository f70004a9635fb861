//! Moments at which enough identities, or the right steps, are in the window: a sweep over what enters and what leaves.

use super::interval::{Interval, Intervals};
use crate::rule::Presence;
use std::collections::BTreeMap;

/// What has moments [start, end): an event has one, a child's stretch may have many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Occurrence {
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) step: u16,
    pub(super) ident: u128,
    /// Distinct per event; what fits several steps has it once.
    pub(super) id: u128,
}

/// When a set of identities satisfies a correlation.
pub(super) enum Wanted<'a> {
    Number(usize),
    Steps(&'a Presence),
}

impl Wanted<'_> {
    fn met(&self, present: &BTreeMap<u128, u32>) -> bool {
        match self {
            Wanted::Number(n) => present.len() >= *n,
            Wanted::Steps(p) => holds(p, &|step| present.contains_key(&u128::from(step))),
        }
    }
}

/// A condition over steps; what stands under a `not` has done its work by removing events and counts as true.
pub(super) fn holds(p: &Presence, has: &dyn Fn(u16) -> bool) -> bool {
    match p {
        Presence::Rule(step) => has(*step),
        Presence::And(all) => all.iter().all(|q| holds(q, has)),
        Presence::Or(any) => any.iter().any(|q| holds(q, has)),
        Presence::Not(_) => true,
    }
}

/// The stretches of moments in [range) at which what is wanted is in the window of `timespan`.
pub(super) fn stretches(occurrences: &[Occurrence], timespan: i64, wanted: &Wanted<'_>, range: Interval) -> Intervals {
    let mut turns: Vec<(i64, bool, u128)> = Vec::with_capacity(2 * occurrences.len());
    for o in occurrences {
        let (enters, leaves) = (o.start.max(range.0), (o.end - 1).saturating_add(timespan).min(range.1));
        if enters < leaves {
            turns.push((enters, true, o.ident));
            turns.push((leaves, false, o.ident));
        }
    }
    turns.sort_unstable();
    let (mut out, mut present, mut at) = (Intervals::default(), BTreeMap::<u128, u32>::new(), 0);
    while let Some(&(now, ..)) = turns.get(at) {
        while let Some(&(_, enters, ident)) = turns.get(at).filter(|t| t.0 == now) {
            turn(&mut present, ident, enters);
            at += 1;
        }
        let Some(&(next, ..)) = turns.get(at) else { break };
        // A condition that nothing satisfies too (`not a or b`) speaks only of windows with something in them.
        if !present.is_empty() && wanted.met(&present) {
            out.add((now, next));
        }
    }
    out
}

/// Every stay is longer than nothing, so what leaves has entered at an earlier moment.
fn turn(present: &mut BTreeMap<u128, u32>, ident: u128, enters: bool) {
    let n = present.entry(ident).or_insert(0);
    *n = if enters { *n + 1 } else { *n - 1 };
    if *n == 0 {
        present.remove(&ident);
    }
}
