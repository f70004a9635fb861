//! Which moments of a key hold: those a new event touches, or those the watermark has passed.

use super::interval::{Interval, Intervals};
use super::key::{KeyState, question};
use super::presence::{self, Occurrence, Wanted};
use super::spec::{Kind, Spec};
use super::store::Entry;
use super::{aligned, count, ordered, removal};
use crate::event::watermark::NOT_YET;

/// How far to look for the same identity beside a new event: only a short cut.
const NEIGHBOURS: usize = 128;

impl KeyState {
    /// [x, x + T), less the moments at which a neighbour of the same identity is in the window anyway.
    pub(super) fn touched(&self, spec: &Spec, place: usize, time: i64) -> Interval {
        let whole = (time, time.saturating_add(spec.timespan));
        if !matches!(spec.kind, Kind::Distinct(..) | Kind::Temporal(_)) {
            return whole;
        }
        let ident = self.store.entries[place].ident;
        if let Some(tally) = &self.store.tally {
            return tally.alone(ident, time);
        }
        let before = self.store.entries[..place].iter().rev().take(NEIGHBOURS).find(|e| e.ident == ident);
        let after = self.store.entries[place + 1..].iter().take(NEIGHBOURS).find(|e| e.ident == ident);
        let from = before.map_or(whole.0, |e| whole.0.max(e.time.saturating_add(spec.timespan)));
        (from, after.map_or(whole.1, |e| whole.1.min(e.time)))
    }

    /// Evaluates the moments in `touched` that do not hold yet and adds what is found. Gives the stretches that changed.
    pub(super) fn grow(&mut self, spec: &Spec, place: Option<usize>, touched: Interval) -> Vec<Interval> {
        if touched.0 >= touched.1 {
            return Vec::new();
        }
        let Some(missing) = self.grown().held.missing(touched) else { return Vec::new() };
        let found = match (&spec.kind, place) {
            (Kind::Count(n), Some(place)) => count::stretches(&self.store, place, *n, spec.timespan, missing),
            _ if self.hopeless(spec, place, missing) => return Vec::new(),
            _ => self.evaluate(spec, missing),
        };
        self.hold(found)
    }

    /// A cheap look that spares most events of a busy key the sweep: too few events at all, or no first step before this event
    /// or no last step after it.
    fn hopeless(&self, spec: &Spec, place: Option<usize>, missing: Interval) -> bool {
        let (Some(place), true) = (place, self.grown().children.is_empty()) else { return false };
        let from = missing.0.saturating_sub(spec.timespan).saturating_add(1);
        match &spec.kind {
            Kind::Distinct(n, _) => self.store.places(from, missing.1).len() < *n,
            Kind::Ordered(conjuncts, _) => {
                let time = self.store.entries[place].time;
                let before = self.store.places(from, time.saturating_add(1));
                let after = self.store.places(time, missing.1);
                let any = |places: std::ops::Range<usize>, step: u16| self.store.entries[places].iter().rev().any(|e| e.step == step);
                !conjuncts.iter().any(|c| any(after.clone(), c.last()) && any(before.clone(), c.first()))
            }
            _ => false,
        }
    }

    /// Adds stretches found. Gives those that are new or grew, as they are now.
    fn hold(&mut self, found: Vec<Interval>) -> Vec<Interval> {
        if found.is_empty() {
            return found;
        }
        let held = &mut self.grow_mut().held;
        let mut changed: Vec<Interval> = found.into_iter().filter_map(|i| held.add(i)).collect();
        changed.retain(|i| held.within(i.0, i.1) == [*i]);
        changed.sort_unstable();
        changed.dedup();
        changed
    }

    /// Gives the moments up to `horizon` their verdict.
    pub(super) fn judge(&mut self, spec: &Spec, horizon: i64) -> Vec<Interval> {
        self.settle(spec, horizon);
        let from = self.judged;
        if horizon <= from {
            return Vec::new();
        }
        self.judged = horizon;
        let found = self.evaluate(spec, (from, horizon));
        self.hold(found)
    }

    /// The moments in `range` at which the correlation holds, from what is kept.
    fn evaluate(&self, spec: &Spec, range: Interval) -> Vec<Interval> {
        let (t, window) = (spec.timespan, (range.0.saturating_sub(spec.timespan).saturating_add(1), range.1));
        let children = !self.grown().children.is_empty();
        match (&spec.kind, &self.store.tally) {
            (Kind::Distinct(n, _), Some(tally)) if !children => return tally.stretches(range, *n),
            _ => {}
        }
        match &spec.kind {
            Kind::Count(n) | Kind::Distinct(n, _) => {
                let all = self.occurrences(spec, window.0, window.1);
                presence::stretches(&all, t, &Wanted::Number(*n), range).all().to_vec()
            }
            Kind::Temporal(p) => {
                let all = self.occurrences(spec, window.0, window.1);
                presence::stretches(&all, t, &Wanted::Steps(p), range).all().to_vec()
            }
            Kind::Remaining(p, _) => {
                let all = self.remaining(spec, window.0, window.1);
                presence::stretches(&all, t, &Wanted::Steps(p), range).all().to_vec()
            }
            Kind::Ordered(conjuncts, _) => {
                // Negated steps reach further than the chain they forbid.
                let back = if spec.waits { t } else { 0 };
                let all = self.occurrences(spec, window.0.saturating_sub(back), window.1.saturating_add(spec.look));
                let found = conjuncts.iter().flat_map(|c| ordered::stretches(c, &all, t));
                found.map(|i| (i.0.max(range.0), i.1.min(range.1))).filter(|i| i.0 < i.1).collect()
            }
            Kind::Aligned(thresholds, _) => {
                let all = self.occurrences(spec, range.0, range.1);
                aligned::stretches(&all, t, thresholds, range).all().to_vec()
            }
            Kind::Cells(..) => question(spec).map_or(Vec::new(), |q| self.grown().cells.stretches(&q, range.0, range.1).all().to_vec()),
        }
    }

    /// Everything with a moment in [from, to), sorted.
    pub(super) fn occurrences(&self, spec: &Spec, from: i64, to: i64) -> Vec<Occurrence> {
        let events = self.store.entries[self.store.places(from, to)].iter();
        let of = |e: &Entry| Occurrence { start: e.time, end: e.time + 1, step: e.step, ident: e.ident, id: e.id };
        let mut all: Vec<Occurrence> = events.map(of).collect();
        let children = &self.grown().children;
        if !children.is_empty() {
            all.extend(children.occurrences(spec, from, to));
            all.sort_unstable();
        }
        all
    }

    /// What negated steps leave of the positive ones, with a moment in [from, to).
    fn remaining(&self, spec: &Spec, from: i64, to: i64) -> Vec<Occurrence> {
        let removed = self.removed(spec, from, to);
        let all = self.occurrences(spec, from, to);
        all.iter().filter(|o| !spec.negates(o.step)).flat_map(|o| removal::left(o, &removed)).collect()
    }

    /// The moments in [from, to) that negated steps remove.
    pub(super) fn removed(&self, spec: &Spec, from: i64, to: i64) -> Intervals {
        if !matches!(spec.kind, Kind::Remaining(..)) {
            return Intervals::default();
        }
        let grown = self.grown();
        let mut out = self.removed_since(spec, from.max(grown.settled.unwrap_or(from)), to);
        for known in grown.removed.within(from, to) {
            out.add(*known);
        }
        out
    }

    fn removed_since(&self, spec: &Spec, from: i64, to: i64) -> Intervals {
        let near = self.occurrences(spec, from.saturating_sub(spec.timespan), to.saturating_add(spec.timespan));
        removal::removed(near.iter().filter(|o| spec.negates(o.step)), spec.timespan)
    }

    /// Notes what is removed before `horizon`: no event can come that changes it, and the negated ones may now be forgotten.
    pub(super) fn settle(&mut self, spec: &Spec, horizon: i64) {
        let from = self.grown().settled.unwrap_or(NOT_YET);
        if from >= horizon || !matches!(spec.kind, Kind::Remaining(..)) {
            return;
        }
        let new = self.removed_since(spec, from, horizon);
        let grown = self.grow_mut();
        for i in new.all() {
            grown.removed.add((i.0.max(from), i.1.min(horizon)));
        }
        grown.settled = Some(horizon);
    }
}
