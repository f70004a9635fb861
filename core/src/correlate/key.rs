//! The state of one group key of one correlation, and how its moments are evaluated.

use super::cells::{Cells, Question};
use super::children::Children;
use super::episode::Alerted;
use super::interval::{Interval, Intervals};
use super::presence::{self, Occurrence, Wanted};
use super::spec::{Ident, Kind, Measure, Spec};
use super::store::{Entry, Store, identity};
use super::{aligned, count, ordered, removal};
use crate::event::watermark::NOT_YET;
use crate::event::{Derived, Detection, Quantity};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Late events remembered until an episode may claim them.
const LATE_MAX: usize = 64;
/// How far to look for the same identity beside a new event: only a short cut.
const NEIGHBOURS: usize = 128;
/// What a key costs by itself, in logical bytes: its state, its places in the tables of keys, timers and turns.
const KEY_BYTES: u64 = 512;

/// Everything kept for one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct KeyState {
    pub(super) store: Store,
    pub(super) cells: Cells,
    pub(super) children: Children,
    /// The moments found to hold, unjoined.
    pub(super) held: Intervals,
    /// Moments before this have their verdict (only where the correlation waits).
    pub(super) judged: i64,
    /// Moments before `settled` that negated events removed for good (`not` in `temporal`).
    removed: Intervals,
    settled: i64,
    pub(super) episodes: Vec<Alerted>,
    /// Times of late events.
    pub(super) late: Vec<i64>,
    /// Who pays.
    pub(super) account: Arc<str>,
    /// Number of the last step that touched this key.
    pub(super) activity: u64,
    /// When the timer stands, in terms of W - L; `None`: it has none yet.
    pub(super) due: Option<i64>,
    /// Logical bytes as booked.
    pub(super) booked: u64,
    /// The turn this key waits for in the order of eviction. Not state: it lags behind, and is made anew after a restart.
    #[serde(skip)]
    pub(super) turn: (bool, u64),
    cell_bytes: u64,
    /// Logical bytes of what episodes hold of forgotten events.
    pub(super) folded_bytes: u64,
}

impl KeyState {
    pub(super) fn new(account: &Arc<str>, judged: i64) -> Self {
        KeyState {
            store: Store::default(),
            cells: Cells::default(),
            children: Children::default(),
            held: Intervals::default(),
            judged,
            removed: Intervals::default(),
            settled: NOT_YET,
            episodes: Vec::new(),
            late: Vec::new(),
            account: Arc::clone(account),
            activity: 0,
            due: None,
            booked: 0,
            turn: (false, 0),
            cell_bytes: 0,
            folded_bytes: 0,
        }
    }

    /// Whether the event behind a detection is counted already.
    pub(super) fn knows(&self, spec: &Spec, d: &Detection) -> bool {
        // Only a copy can carry the same id, and what is known by position has none; but one event may match several rules.
        let may_repeat = !d.flags.position_id || spec.rules.len() > 1;
        may_repeat && self.store.holds(spec, d.time_ms, d.id.0, d.step, d.flags.clock_skew)
    }

    /// Puts an event in. Gives its place and the moments it may change.
    pub(super) fn insert(&mut self, spec: &Spec, d: &Detection) -> (usize, Interval) {
        let entry = Entry { time: d.time_ms, id: d.id.0, step: d.step, ident: ident(spec, d), event: Some(Arc::new(kept(spec, d))) };
        let place = self.store.insert(spec, entry);
        let Some(question) = question(spec) else {
            let touched = self.touched(spec, place, d.time_ms);
            return (place, touched);
        };
        let micros = if let Quantity::Micros(n) = d.quantity { n } else { 0 };
        let before = self.cells.bytes_at(d.time_ms.div_euclid(question.cell) * question.cell);
        let start = self.cells.add(&question, d.time_ms, micros, d.revision.as_ref());
        self.cell_bytes = self.cell_bytes + self.cells.bytes_at(start) - before;
        (place, (start, start.saturating_add(spec.timespan)))
    }

    /// [x, x + T), less the moments at which a neighbour of the same identity is in the window anyway.
    fn touched(&self, spec: &Spec, place: usize, time: i64) -> Interval {
        let whole = (time, time.saturating_add(spec.timespan));
        if !matches!(spec.kind, Kind::Distinct(..) | Kind::Temporal(_)) {
            return whole;
        }
        let ident = self.store.entries[place].ident;
        let before = self.store.entries.range(..place).rev().take(NEIGHBOURS).find(|e| e.ident == ident);
        let after = self.store.entries.range(place + 1..).take(NEIGHBOURS).find(|e| e.ident == ident);
        let from = before.map_or(whole.0, |e| whole.0.max(e.time.saturating_add(spec.timespan)));
        (from, after.map_or(whole.1, |e| whole.1.min(e.time)))
    }

    /// Evaluates the moments in `touched` that do not hold yet and adds what is found. Gives the stretches that changed.
    pub(super) fn grow(&mut self, spec: &Spec, place: Option<usize>, touched: Interval) -> Vec<Interval> {
        if touched.0 >= touched.1 {
            return Vec::new();
        }
        let Some(missing) = self.held.missing(touched) else { return Vec::new() };
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
        let (Some(place), true) = (place, self.children.is_empty()) else { return false };
        let from = missing.0.saturating_sub(spec.timespan).saturating_add(1);
        match &spec.kind {
            Kind::Distinct(n, _) => self.store.places(from, missing.1).len() < *n,
            Kind::Ordered(conjuncts, _) => {
                let time = self.store.entries[place].time;
                let before = self.store.places(from, time.saturating_add(1));
                let after = self.store.places(time, missing.1);
                let any = |places: std::ops::Range<usize>, step: u16| self.store.entries.range(places).rev().any(|e| e.step == step);
                !conjuncts.iter().any(|c| any(after.clone(), c.last()) && any(before.clone(), c.first()))
            }
            _ => false,
        }
    }

    /// Adds stretches found. Gives those that are new or grew, as they are now.
    fn hold(&mut self, found: Vec<Interval>) -> Vec<Interval> {
        let mut changed: Vec<Interval> = found.into_iter().filter_map(|i| self.held.add(i)).collect();
        changed.retain(|i| self.held.within(i.0, i.1) == [*i]);
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
        match &spec.kind {
            Kind::Count(n) => {
                let all = self.occurrences(spec, window.0, window.1);
                presence::stretches(&all, t, &Wanted::Number(*n), range).all().to_vec()
            }
            Kind::Distinct(n, _) => {
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
                let all = self.occurrences(spec, window.0.saturating_sub(spec.keep), window.1.saturating_add(spec.look));
                let found = conjuncts.iter().flat_map(|c| ordered::stretches(c, &all, t));
                found.map(|i| (i.0.max(range.0), i.1.min(range.1))).filter(|i| i.0 < i.1).collect()
            }
            Kind::Aligned(thresholds, _) => {
                let all = self.occurrences(spec, range.0, range.1);
                aligned::stretches(&all, t, thresholds, range).all().to_vec()
            }
            Kind::Cells(..) => question(spec).map_or(Vec::new(), |q| self.cells.stretches(&q, range.0, range.1).all().to_vec()),
        }
    }

    /// Everything with a moment in [from, to), sorted.
    pub(super) fn occurrences(&self, spec: &Spec, from: i64, to: i64) -> Vec<Occurrence> {
        let events = self.store.entries.range(self.store.places(from, to));
        let of = |e: &Entry| Occurrence { start: e.time, end: e.time + 1, step: e.step, ident: e.ident, id: e.id };
        let mut all: Vec<Occurrence> = events.map(of).collect();
        if !self.children.is_empty() {
            all.extend(self.children.occurrences(spec, from, to));
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
        let mut out = self.removed_since(spec, from.max(self.settled), to);
        for known in self.removed.within(from, to) {
            out.add(*known);
        }
        out
    }

    fn removed_since(&self, spec: &Spec, from: i64, to: i64) -> Intervals {
        let near = self.occurrences(spec, from.saturating_sub(spec.timespan), to.saturating_add(spec.timespan));
        removal::removed(near.iter().filter(|o| spec.negates(o.step)), spec.timespan)
    }

    /// Notes what is removed before `horizon`: no event can come that changes it, and the negated ones may now be forgotten.
    fn settle(&mut self, spec: &Spec, horizon: i64) {
        let from = self.settled;
        if from >= horizon || !matches!(spec.kind, Kind::Remaining(..)) {
            return;
        }
        for i in self.removed_since(spec, from, horizon).all() {
            self.removed.add((i.0.max(from), i.1.min(horizon)));
        }
        self.settled = horizon;
    }

    /// Remembers a late event, if a later episode may claim it.
    pub(super) fn late(&mut self, spec: &Spec, time: i64) {
        let claimed = self.episodes_at(spec, (time, time.saturating_add(1)));
        match self.episodes.get_mut(claimed.start).filter(|_| !claimed.is_empty()) {
            Some(episode) => episode.folded.late += 1,
            None if self.late.len() < LATE_MAX => self.late.push(time),
            None => {}
        }
    }

    /// The places of the episodes to which something in `moments` belongs. Episodes stand in order of time, apart.
    pub(super) fn episodes_at(&self, spec: &Spec, moments: Interval) -> std::ops::Range<usize> {
        let first = self.episodes.partition_point(|e| e.end <= moments.0);
        let last = self.episodes.partition_point(|e| spec.reach(e.start, e.end).0 < moments.1);
        first..last.max(first)
    }

    pub(super) fn add_child(&mut self, spec: &Spec, d: &Derived) -> Option<Interval> {
        let (start, end) = self.children.add(d)?;
        Some((start, (end - 1).saturating_add(spec.timespan)))
    }

    /// When, in terms of W - L, there is something to do. It is done once W - L is beyond.
    pub(super) fn next_due(&self, spec: &Spec) -> i64 {
        let judge = if spec.waits { self.next_judgement(spec) } else { i64::MAX };
        let close = self.episodes.first().map_or(i64::MAX, |e| e.end.saturating_add(spec.close));
        judge.min(close).min(self.next_drop(spec))
    }

    fn next_judgement(&self, spec: &Spec) -> i64 {
        let at = self.judged;
        let holding = !matches!(spec.kind, Kind::Aligned(..)) && self.held.all().last().is_some_and(|i| i.1 >= at);
        let reaching = self.children.ends().is_some_and(|(_, last)| last.saturating_add(2 * spec.timespan) >= at);
        let first = self.store.entries.get(self.store.entries.partition_point(|e| e.time < at)).map(|e| e.time);
        // Verdicts that begin where the rule does need no event of their own.
        let overdue = self.store.entries.front().is_some_and(|e| e.time < at && self.held.is_empty() && e.time + 2 * spec.timespan > at);
        let moment = if holding || reaching || overdue {
            Some(at)
        } else if let Some(q) = question(spec) {
            self.cells.next_point(&q, at)
        } else {
            first
        };
        let unit = if matches!(spec.kind, Kind::Aligned(..)) { spec.timespan } else { spec.cell() };
        let end = |m: i64| (m.div_euclid(unit) + 1).saturating_mul(unit) - 1;
        moment.map_or(i64::MAX, |m| end(m).saturating_add(spec.look))
    }

    fn next_drop(&self, spec: &Spec) -> i64 {
        let unit = spec.pane;
        let of_event = self.store.entries.front().map(|e| (e.time.div_euclid(unit) + 1).saturating_mul(unit));
        let of_cell = self.cells.oldest().map(|c| c.saturating_add(spec.cell()));
        let of_child = self.children.ends().map(|(first, _)| first);
        let of_held = self.held.all().first().map(|i| i.1);
        let first = of_event.into_iter().chain(of_cell).chain(of_child).chain(of_held).min();
        first.map_or(NOT_YET, |end| end.saturating_add(spec.keep).saturating_sub(1))
    }

    /// Forgets what can matter no more, noting what episodes need of it.
    pub(super) fn drop_before(&mut self, spec: &Spec, cut: i64) {
        let bound = cut.div_euclid(spec.pane) * spec.pane;
        self.settle(spec, cut.saturating_add(spec.keep).saturating_sub(spec.look));
        self.fold(spec, bound, cut);
        self.store.drop_before(spec, cut);
        self.cells.drop_before(cut.saturating_sub(spec.cell() - 1));
        self.cell_bytes = self.cells.bytes();
        self.children.drop_before(cut);
        self.held.drop_before(cut);
        self.removed.drop_before(bound.min(self.children.first_start().unwrap_or(bound)));
        self.late.retain(|time| *time >= bound);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.store.entries.is_empty() && self.children.is_empty() && self.episodes.is_empty() && self.held.is_empty()
    }

    /// Logical bytes.
    pub(super) fn bytes(&self, key_bytes: usize) -> u64 {
        let episodes = 200 * self.episodes.len() as u64 + self.folded_bytes;
        let held = (self.held.all().len() + self.removed.all().len()) as u64 * 16;
        let children = if self.children.is_empty() { 0 } else { self.children.bytes() };
        KEY_BYTES + key_bytes as u64 + self.store.bytes + self.cell_bytes + children + episodes + held
    }
}

/// What is asked of the cells, where the kind has them.
pub(super) fn question(spec: &Spec) -> Option<Question<'_>> {
    match &spec.kind {
        Kind::Cells(measure, thresholds, cell) => {
            Some(Question { measure: *measure, thresholds, cell: *cell, timespan: spec.timespan, grows: !spec.waits })
        }
        _ => None,
    }
}

/// Whether a detection carries what the correlation measures.
pub(super) fn measurable(spec: &Spec, d: &Detection) -> bool {
    match &spec.kind {
        Kind::Distinct(_, Ident::Value) | Kind::Aligned(_, Ident::Value) => matches!(d.quantity, Quantity::Distinct(_)),
        Kind::Cells(Measure::FindingCount, ..) => d.revision.is_some(),
        Kind::Cells(..) => matches!(d.quantity, Quantity::Micros(_)),
        _ => true,
    }
}

fn ident(spec: &Spec, d: &Detection) -> u128 {
    match (identity(&spec.kind), d.quantity) {
        (Some(Ident::Value), Quantity::Distinct(value)) => value,
        (Some(_), _) => d.revision.map_or(d.id.0, |r| r.finding),
        (None, _) if spec.by_step() => u128::from(d.step),
        (None, _) => d.id.0,
    }
}

fn kept(spec: &Spec, d: &Detection) -> super::change::KeptEvent {
    super::change::KeptEvent {
        time_ms: d.time_ms,
        id: d.id,
        step: d.step,
        rule: spec.rules.get(usize::from(d.step)).copied().unwrap_or(d.rule),
        source: d.source,
        flags: d.flags,
        account: Arc::clone(&d.account),
        severity: d.severity,
        revision: d.revision,
        position: d.position.clone(),
        facts: Arc::clone(&d.facts),
        child_alert: None,
    }
}
