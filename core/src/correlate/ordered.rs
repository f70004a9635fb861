//! `temporal_ordered`: chains of distinct events, one per step, each at or after the one before.
//!
//! Time is cut where anything begins or ends; between two cuts the same things are present. One pass over these pieces keeps,
//! per place in the chain, the latest first moment a chain up to there can have: later is never worse. Inside a piece several
//! steps may follow each other at one moment; then their events are matched, so that one event never serves two steps.

use super::interval::{Interval, Intervals};
use super::presence::Occurrence;
use crate::rule::Presence;

/// Conjuncts of a condition; the rule loader keeps conditions far below this.
const CONJUNCTS_MAX: usize = 1024;

/// One way to satisfy a condition: steps in order, and which steps may not occur before, between and after them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Conjunct {
    steps: Vec<u16>,
    /// `gaps[i]` stands before the i-th step, `gaps[steps.len()]` after the last.
    gaps: Vec<Vec<u16>>,
}

impl Conjunct {
    fn new(literals: &[(u16, bool)]) -> Self {
        let mut out = Conjunct { steps: Vec::new(), gaps: vec![Vec::new()] };
        for (step, not) in literals {
            if *not {
                out.gaps[out.steps.len()].push(*step);
            } else {
                out.steps.push(*step);
                out.gaps.push(Vec::new());
            }
        }
        out
    }

    /// The step every chain begins with, and the one it ends with. A conjunct has at least one.
    pub(super) fn first(&self) -> u16 {
        self.steps.first().copied().unwrap_or(u16::MAX)
    }

    pub(super) fn last(&self) -> u16 {
        self.steps.last().copied().unwrap_or(u16::MAX)
    }

    pub(super) fn negates(&self) -> bool {
        self.gaps.iter().any(|g| !g.is_empty())
    }

    pub(super) fn looks_back(&self) -> bool {
        !self.gaps[0].is_empty()
    }

    pub(super) fn looks_ahead(&self) -> bool {
        !self.gaps[self.steps.len()].is_empty()
    }
}

/// The disjunctive normal form of a condition, without conjuncts that ask for nothing positive.
pub(super) fn conjuncts(p: &Presence) -> Vec<Conjunct> {
    let mut all = normal_form(p, false);
    for literals in &mut all {
        literals.sort_unstable();
        literals.dedup();
    }
    all.sort_unstable();
    all.dedup();
    all.iter().map(|l| Conjunct::new(l)).filter(|c| !c.steps.is_empty()).collect()
}

fn normal_form(p: &Presence, not: bool) -> Vec<Vec<(u16, bool)>> {
    match (p, not) {
        (Presence::Rule(step), _) => vec![vec![(*step, not)]],
        (Presence::Not(q), _) => normal_form(q, !not),
        (Presence::Or(any), false) | (Presence::And(any), true) => any.iter().flat_map(|q| normal_form(q, not)).collect(),
        (Presence::And(all), false) | (Presence::Or(all), true) => all.iter().fold(vec![Vec::new()], |left, q| {
            let right = normal_form(q, not);
            let pairs = left.iter().flat_map(|l| right.iter().map(move |r| [l.as_slice(), r.as_slice()].concat()));
            pairs.take(CONJUNCTS_MAX).collect()
        }),
    }
}

/// The stretches that chains of these occurrences (sorted) give. None is invented; all are found whose events are among them.
pub(super) fn stretches(c: &Conjunct, occurrences: &[Occurrence], timespan: i64) -> Vec<Interval> {
    let mut sweep = Sweep::new(c, occurrences, timespan);
    let cuts = sweep.cuts(occurrences);
    let (mut active, mut next): (Vec<Occurrence>, usize) = (Vec::new(), 0);
    for piece in cuts.windows(2) {
        active.retain(|o| o.end > piece[0]);
        while let Some(o) = occurrences.get(next).filter(|o| o.start <= piece[0]) {
            active.push(*o);
            next += 1;
        }
        if !active.is_empty() {
            sweep.step((piece[0], piece[1]), &active);
        }
    }
    sweep.found
}

struct Sweep<'a> {
    conjunct: &'a Conjunct,
    timespan: i64,
    /// Moments that cannot be the first, or the last, of a chain.
    no_first: Intervals,
    no_last: Intervals,
    /// For chains up to each place (1-based): the latest possible first moment.
    first: Vec<Option<i64>>,
    found: Vec<Interval>,
}

impl<'a> Sweep<'a> {
    fn new(conjunct: &'a Conjunct, occurrences: &[Occurrence], timespan: i64) -> Self {
        let places = conjunct.steps.len();
        let (mut no_first, mut no_last) = (Intervals::default(), Intervals::default());
        for o in occurrences {
            if conjunct.gaps[0].contains(&o.step) {
                no_first.add((o.start, o.end - 1 + timespan));
            }
            if conjunct.gaps[places].contains(&o.step) {
                no_last.add((o.start - timespan + 1, o.end));
            }
        }
        Sweep { conjunct, timespan, no_first, no_last, first: vec![None; places + 1], found: Vec::new() }
    }

    fn cuts(&self, occurrences: &[Occurrence]) -> Vec<i64> {
        let of_negated = self.no_first.all().iter().chain(self.no_last.all()).flat_map(|i| [i.0, i.1]);
        let mut cuts: Vec<i64> = occurrences.iter().flat_map(|o| [o.start, o.end]).chain(of_negated).collect();
        cuts.sort_unstable();
        cuts.dedup();
        cuts
    }

    fn step(&mut self, piece: Interval, active: &[Occurrence]) {
        let places = self.conjunct.steps.len();
        let present: Vec<Vec<u128>> = self.conjunct.steps.iter().map(|s| ids(active, &[*s])).collect();
        let barred: Vec<bool> = self.conjunct.gaps.iter().map(|g| !ids(active, g).is_empty()).collect();
        let mut after = self.first.clone();
        (1..places).filter(|i| barred[*i]).for_each(|i| after[i] = None);
        for from in 0..places {
            let starts = from == 0 && self.no_first.within(piece.0, piece.0 + 1).is_empty();
            let first = if starts { Some(piece.1 - 1) } else { self.first[from].filter(|_| from > 0 && !barred[from]) };
            if let Some(first) = first {
                self.follow(piece, from, first, &present, &barred, &mut after);
            }
        }
        self.first = after;
    }

    /// Follows chains that stand at place `from` through the steps present in this piece.
    fn follow(&mut self, piece: Interval, from: usize, first: i64, present: &[Vec<u128>], barred: &[bool], after: &mut [Option<i64>]) {
        let mut matching = Vec::new();
        for place in from + 1..=present.len() {
            if (place - 1 > from && barred[place - 1]) || !matched(&mut matching, &present[from..place]) {
                return;
            }
            if place < present.len() {
                if !barred[place] {
                    after[place] = after[place].max(Some(first));
                }
            } else if self.no_last.within(piece.0, piece.0 + 1).is_empty() && piece.0 < first + self.timespan {
                self.found.push((piece.0, first + self.timespan));
            }
        }
    }
}

fn ids(active: &[Occurrence], steps: &[u16]) -> Vec<u128> {
    active.iter().filter(|o| steps.contains(&o.step)).map(|o| o.id).collect()
}

/// Extends a matching of steps to different events by the last of `steps` (one augmenting path). False: there is none.
fn matched(matching: &mut Vec<(u128, usize)>, steps: &[Vec<u128>]) -> bool {
    fn augment(step: usize, steps: &[Vec<u128>], matching: &mut Vec<(u128, usize)>, tried: &mut Vec<u128>) -> bool {
        for id in &steps[step] {
            if tried.contains(id) {
                continue;
            }
            tried.push(*id);
            let holder = matching.iter().position(|m| m.0 == *id);
            let free = match holder {
                None => true,
                Some(at) => augment(matching[at].1, steps, matching, tried),
            };
            if free {
                matching.retain(|m| m.0 != *id);
                matching.push((*id, step));
                return true;
            }
        }
        false
    }
    augment(steps.len() - 1, steps, matching, &mut Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(time: i64, step: u16, id: u128) -> Occurrence {
        Occurrence { start: time, end: time + 1, step, ident: u128::from(step), id }
    }

    #[test]
    fn one_event_never_serves_two_steps() {
        let both = conjuncts(&Presence::And(vec![Presence::Rule(0), Presence::Rule(1)]));
        assert_eq!(stretches(&both[0], &[at(5, 0, 1), at(5, 1, 1)], 10), []);
        assert_eq!(stretches(&both[0], &[at(5, 0, 1), at(5, 0, 2), at(5, 1, 1)], 10), [(5, 15)]);
    }

    #[test]
    fn a_negation_between_two_steps_breaks_the_chain_at_its_ends_too() {
        let c = conjuncts(&Presence::And(vec![Presence::Rule(0), Presence::Not(Box::new(Presence::Rule(1))), Presence::Rule(2)]));
        assert_eq!(stretches(&c[0], &[at(5, 0, 1), at(9, 2, 2)], 10), [(9, 15)]);
        for between in [5, 7, 9] {
            let mut all = vec![at(5, 0, 1), at(between, 1, 3), at(9, 2, 2)];
            all.sort_unstable();
            assert_eq!(stretches(&c[0], &all, 10), [], "{between}");
        }
    }
}
