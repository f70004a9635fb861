//! The state of one group key of one correlation, and how its moments are evaluated.

use super::cells::{Cells, Question};
use super::children::Children;
use super::episode::Alerted;
use super::interval::{Interval, Intervals};
use super::spec::{Ident, Kind, Measure, Spec};
use super::store::{Entry, Store, identity};
use crate::event::watermark::NOT_YET;
use crate::event::{Derived, Detection, Quantity};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Late events remembered until an episode may claim them.
const LATE_MAX: usize = 64;
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
    pub(super) removed: Intervals,
    pub(super) settled: i64,
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
        may_repeat(spec, d) && self.store.holds(spec, d.time_ms, d.id.0, d.step, d.flags.clock_skew)
    }

    /// Puts an event in. Gives its place and the moments it may change.
    pub(super) fn insert(&mut self, spec: &Spec, d: &Detection) -> (usize, Interval) {
        let event = Some(Arc::new(kept(spec, d)));
        let entry = Entry { time: d.time_ms, id: d.id.0, step: d.step, ident: ident(spec, d), may_repeat: may_repeat(spec, d), event };
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
        self.cells.drop_before(super::gather::cells_gone(spec, cut));
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

/// Only a copy can carry the same id, and what is known by position has none; but one event may match several rules.
fn may_repeat(spec: &Spec, d: &Detection) -> bool {
    !d.flags.position_id || spec.rules.len() > 1
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

/// Keeps findings and values apart from events, whose ids are hashes of another kind of text.
const APART: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

fn ident(spec: &Spec, d: &Detection) -> u128 {
    match (identity(&spec.kind), d.quantity) {
        (Some(Ident::Value), Quantity::Distinct(value)) => value ^ APART,
        (Some(_), _) => d.revision.map_or(d.id.0, |r| r.finding ^ APART),
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
