//! The state of one group key of one correlation, and how its moments are evaluated.

use super::cells::{Cells, Question};
use super::children::Children;
use super::episode::Alerted;
use super::interval::{Interval, Intervals};
use super::packed::Packed;
use super::size::{block, list};
use super::spec::{Ident, Kind, Measure, Spec};
use super::store::{Entry, Store, identity};
use super::table::PLACE_BYTES;
use super::timers::NEVER;
use crate::event::watermark::NOT_YET;
use crate::event::{Derived, Detection, GroupKey, Quantity};
use serde::{Deserialize, Serialize};

/// Late events remembered until an episode may claim them.
const LATE_MAX: usize = 64;
/// A timer that may be the only one at its moment, in logical bytes.
const TIMER_BYTES: u64 = 40;

/// Everything kept for one key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeyState {
    /// The key itself; it stands apart while it is worked on.
    #[serde(skip)]
    pub(super) key: GroupKey,
    pub(super) store: Store,
    /// Moments before this have their verdict (only where the correlation waits).
    pub(super) judged: i64,
    /// Number of the step that last used this key, or gave it or took from it an open alert.
    pub(super) activity: u64,
    /// When the timer stands, in terms of W - L.
    pub(super) due: i64,
    /// Logical bytes as booked.
    pub(super) booked: u64,
    pub(super) grown: Option<Box<Grown>>,
    /// Who pays: a number of the budget's.
    #[serde(skip)]
    pub(super) payer: u32,
    /// In which order of eviction it stands: whether it had an open alert when it was put back.
    #[serde(skip)]
    pub(super) alerting: bool,
}

/// What a key has only once something came of it; most never do.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Grown {
    pub(super) cells: Cells,
    pub(super) children: Children,
    /// The moments found to hold, unjoined.
    pub(super) held: Intervals,
    /// Moments before `settled` that negated events removed for good (`not` in `temporal`).
    pub(super) removed: Intervals,
    pub(super) settled: Option<i64>,
    pub(super) episodes: Vec<Alerted>,
    /// Times of late events.
    pub(super) late: Vec<i64>,
    cell_bytes: u64,
    /// Logical bytes of what episodes hold of forgotten events.
    pub(super) folded_bytes: u64,
}

static NOTHING: Grown = Grown {
    cells: Cells::NONE,
    children: Children::NONE,
    held: Intervals::NONE,
    removed: Intervals::NONE,
    settled: None,
    episodes: Vec::new(),
    late: Vec::new(),
    cell_bytes: 0,
    folded_bytes: 0,
};

impl KeyState {
    pub(super) fn new(key: GroupKey, payer: u32, judged: i64) -> Self {
        let store = Store::default();
        KeyState { key, store, judged, activity: 0, due: NEVER, booked: 0, grown: None, payer, alerting: false }
    }

    pub(super) fn grown(&self) -> &Grown {
        self.grown.as_deref().unwrap_or(&NOTHING)
    }

    pub(super) fn grow_mut(&mut self) -> &mut Grown {
        self.grown.get_or_insert_default()
    }

    pub(super) fn episodes(&self) -> &[Alerted] {
        &self.grown().episodes
    }

    /// Whether the event behind a detection is counted already.
    pub(super) fn knows(&self, spec: &Spec, d: &Detection) -> bool {
        may_repeat(spec, d) && self.store.holds(spec, d.time_ms, d.id.0, d.step, d.flags.clock_skew)
    }

    /// Puts an event in. Gives its place and the moments it may change. `room` is for packing.
    pub(super) fn insert(&mut self, spec: &Spec, d: &Detection, payer: &str, room: &mut Vec<u8>) -> (usize, Interval) {
        let place = self.store.insert(
            spec,
            Entry {
                time: d.time_ms,
                id: d.id.0,
                step: d.step,
                ident: ident(spec, d),
                may_repeat: may_repeat(spec, d),
                skewed: d.flags.clock_skew,
                event: Some(Packed::of(spec, d, payer, room)),
            },
        );
        let Some(question) = question(spec) else {
            let touched = self.touched(spec, place, d.time_ms);
            return (place, touched);
        };
        let micros = if let Quantity::Micros(n) = d.quantity { n } else { 0 };
        let grown = self.grow_mut();
        let before = grown.cells.bytes_at(d.time_ms.div_euclid(question.cell) * question.cell);
        let start = grown.cells.add(&question, d.time_ms, micros, d.revision.as_ref());
        grown.cell_bytes = grown.cell_bytes + grown.cells.bytes_at(start) - before;
        (place, (start, start.saturating_add(spec.timespan)))
    }

    /// Remembers a late event, if a later episode may claim it.
    pub(super) fn late(&mut self, spec: &Spec, time: i64) {
        let claimed = self.episodes_at(spec, (time, time.saturating_add(1)));
        let grown = self.grow_mut();
        match grown.episodes.get_mut(claimed.start).filter(|_| !claimed.is_empty()) {
            Some(episode) => episode.folded.late += 1,
            None if grown.late.len() < LATE_MAX => grown.late.push(time),
            None => {}
        }
    }

    /// The places of the episodes to which something in `moments` belongs. Episodes stand in order of time, apart.
    pub(super) fn episodes_at(&self, spec: &Spec, moments: Interval) -> std::ops::Range<usize> {
        let first = self.episodes().partition_point(|e| e.end <= moments.0);
        let last = self.episodes().partition_point(|e| spec.reach(e.start, e.end).0 < moments.1);
        first..last.max(first)
    }

    pub(super) fn add_child(&mut self, spec: &Spec, d: &Derived) -> Option<Interval> {
        let (start, end) = self.grow_mut().children.add(d)?;
        Some((start, (end - 1).saturating_add(spec.timespan)))
    }

    /// When, in terms of W - L, there is something to do. It is done once W - L is beyond.
    pub(super) fn next_due(&self, spec: &Spec) -> i64 {
        let judge = if spec.waits { self.next_judgement(spec) } else { i64::MAX };
        let close = self.episodes().first().map_or(i64::MAX, |e| e.end.saturating_add(spec.close));
        judge.min(close).min(self.next_drop(spec))
    }

    fn next_judgement(&self, spec: &Spec) -> i64 {
        let (at, grown) = (self.judged, self.grown());
        let holding = !matches!(spec.kind, Kind::Aligned(..)) && grown.held.all().last().is_some_and(|i| i.1 >= at);
        let reaching = grown.children.ends().is_some_and(|(_, last)| last.saturating_add(2 * spec.timespan) >= at);
        let first = self.store.entries.get(self.store.entries.partition_point(|e| e.time < at)).map(|e| e.time);
        // Verdicts that begin where the rule does need no event of their own.
        let overdue = self.store.entries.first().is_some_and(|e| e.time < at && grown.held.is_empty() && e.time + 2 * spec.timespan > at);
        let moment = if holding || reaching || overdue {
            Some(at)
        } else if let Some(q) = question(spec) {
            grown.cells.next_point(&q, at)
        } else {
            first
        };
        let unit = if matches!(spec.kind, Kind::Aligned(..)) { spec.timespan } else { spec.cell() };
        let end = |m: i64| (m.div_euclid(unit) + 1).saturating_mul(unit) - 1;
        moment.map_or(i64::MAX, |m| end(m).saturating_add(spec.look))
    }

    fn next_drop(&self, spec: &Spec) -> i64 {
        let (unit, grown) = (spec.pane, self.grown());
        let of_event = self.store.entries.first().map(|e| (e.time.div_euclid(unit) + 1).saturating_mul(unit));
        let of_cell = grown.cells.oldest().map(|c| c.saturating_add(spec.cell()));
        let of_child = grown.children.ends().map(|(first, _)| first);
        let of_held = grown.held.all().first().map(|i| i.1);
        let first = of_event.into_iter().chain(of_cell).chain(of_child).chain(of_held).min();
        first.map_or(NOT_YET, |end| end.saturating_add(spec.keep).saturating_sub(1))
    }

    /// Forgets what can matter no more, noting what episodes need of it.
    pub(super) fn drop_before(&mut self, spec: &Spec, cut: i64) {
        let bound = cut.div_euclid(spec.pane) * spec.pane;
        self.settle(spec, cut.saturating_add(spec.keep).saturating_sub(spec.look));
        self.fold(spec, bound, cut);
        self.store.drop_before(spec, cut);
        let Some(grown) = &mut self.grown else { return };
        grown.cells.drop_before(super::gather::cells_gone(spec, cut));
        grown.cell_bytes = grown.cells.bytes();
        grown.children.drop_before(cut);
        grown.held.drop_before(cut);
        grown.removed.drop_before(bound.min(grown.children.first_start().unwrap_or(bound)));
        grown.late.retain(|time| *time >= bound);
    }

    pub(super) fn is_empty(&self) -> bool {
        let grown = self.grown();
        self.store.entries.is_empty() && grown.children.is_empty() && grown.episodes.is_empty() && grown.held.is_empty()
    }

    /// Logical bytes; those of the key's text are given, as it may stand apart.
    pub(super) fn bytes(&self, spec: &Spec, key_bytes: usize) -> u64 {
        let timer = if spec.waits { TIMER_BYTES } else { 0 };
        let own = PLACE_BYTES + timer + block(size_of::<KeyState>()) + block(key_bytes);
        own + self.store.bytes(spec) + self.grown.as_deref().map_or(0, Grown::bytes)
    }
}

impl Grown {
    fn bytes(&self) -> u64 {
        let intervals = |held: &Intervals| list(held.all().len(), size_of::<Interval>());
        let lists = intervals(&self.held) + intervals(&self.removed) + list(self.late.len(), size_of::<i64>());
        let episodes = list(self.episodes.len(), size_of::<Alerted>()) + self.folded_bytes;
        block(size_of::<Grown>()) + lists + episodes + self.cell_bytes + self.cells.tree_bytes() + self.children.bytes()
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
