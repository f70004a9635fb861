//! What is known of the events of an episode: counted, bounded, with the earliest and the latest as evidence.

use super::distinct::IdentSet;
use super::episode::{Alerted, Gathered};
use super::interval::{Interval, Intervals};
use super::key::{KeyState, question};
use super::spec::{Ident, Kind, Spec};
use super::store::{EVIDENCE, Entry, counted_by_event, identity};
use std::collections::BTreeMap;

impl KeyState {
    /// Everything kept of an episode's events.
    pub(super) fn gather(&self, spec: &Spec, episode: &Alerted) -> Gathered {
        let reach = spec.reach(episode.start, episode.end);
        let removed = self.removed(spec, reach.0, reach.1);
        let mut out = self.gather_events(spec, cells_of(spec, reach), &removed);
        self.gather_children(spec, reach, i64::MAX, &removed, &mut out);
        out.events += self.grown().cells.numbers(reach.0, reach.1);
        out.late += self.grown().late.iter().filter(|t| (reach.0..reach.1).contains(*t)).count() as u64;
        out.measured = self.measured(spec, episode);
        out
    }

    /// Moves what is about to be forgotten (events before `bound`, stretches that end at or before `cut`) into the episodes.
    pub(super) fn fold(&mut self, spec: &Spec, bound: i64, cut: i64) {
        for i in 0..self.episodes().len() {
            let (from, to) = cells_of(spec, spec.reach(self.episodes()[i].start, self.episodes()[i].end));
            if from >= cut {
                break;
            }
            let removed = self.removed(spec, from, to);
            let mut part = self.gather_events(spec, (from, to.min(bound)), &removed);
            self.gather_children(spec, (from, to), cut, &removed, &mut part);
            part.events += self.grown().cells.numbers(from, to.min(cells_gone(spec, cut)));
            part.late += self.grown().late.iter().filter(|t| (from..to.min(bound)).contains(*t)).count() as u64;
            part.measured = self.measured(spec, &self.episodes()[i]);
            let grown = self.grow_mut();
            let folded = &mut grown.episodes[i].folded;
            grown.folded_bytes -= folded.bytes();
            folded.merge(part);
            grown.folded_bytes += folded.bytes();
        }
    }

    fn gather_events(&self, spec: &Spec, reach: Interval, removed: &Intervals) -> Gathered {
        let mut out = Gathered::default();
        if reach.0 >= reach.1 {
            return out;
        }
        let counts = |e: &&Entry| !spec.negates(e.step) && removed.within(e.time, e.time + 1).is_empty();
        let events = || self.store.entries[self.store.places(reach.0, reach.1)].iter().filter(counts);
        match &spec.kind {
            Kind::Count(_) => out.events = self.store.places(reach.0, reach.1).len() as u64,
            Kind::Cells(..) => {}
            _ => {
                let mut last = None;
                let by_event = events().filter(|e| counted_by_event(spec, e));
                out.events = by_event.filter(|e| last.replace((e.time, e.id)) != Some((e.time, e.id))).count() as u64;
                events().filter(|e| !counted_by_event(spec, e)).for_each(|e| out.idents.add(e.ident));
            }
        }
        events().next().into_iter().chain(events().next_back()).for_each(|e| out.saw(e.time));
        out.earliest = events().filter_map(Entry::shown).take(EVIDENCE).collect();
        out.latest = events().rev().filter_map(Entry::shown).take(EVIDENCE).collect();
        out.order();
        out.clock_skew = self.store.skewed && events().any(|e| e.skewed);
        out.approximate = matches!(spec.kind, Kind::Cells(super::spec::Measure::Percentile(_), ..));
        self.gather_overflow(spec, reach, &mut out);
        out
    }

    /// Adds the numbers of what panes no longer hold. An edge that cuts such a pane makes the count approximate, except for
    /// `event_count` of plain events: the kept ones reach to both edges of an episode.
    fn gather_overflow(&self, spec: &Spec, reach: Interval, out: &mut Gathered) {
        let panes = reach.0.div_euclid(spec.pane)..=reach.1.div_euclid(spec.pane);
        for over in self.store.overflow.range(panes).map(|(_, o)| o) {
            if over.last < reach.0 || over.first >= reach.1 {
                continue;
            }
            if !matches!(spec.kind, Kind::Cells(..)) {
                out.events += over.dropped;
            }
            if identity(&spec.kind) == Some(Ident::Event) {
                out.idents.merge(&over.idents);
            }
            let cut = over.first < reach.0 || over.last >= reach.1;
            let order_lost = matches!(spec.kind, Kind::Ordered(..) | Kind::Remaining(..));
            out.approximate |= over.recounted || order_lost || (cut && !matches!(spec.kind, Kind::Count(_)));
            [over.first.max(reach.0), over.last.min(reach.1 - 1)].into_iter().for_each(|t| out.saw(t));
        }
    }

    /// Adds child stretches that have a moment in `reach` and end at or before `cut`.
    fn gather_children(&self, spec: &Spec, reach: Interval, cut: i64, removed: &Intervals, out: &mut Gathered) {
        let children = &self.grown().children;
        if children.is_empty() {
            return;
        }
        let mut last = None;
        for o in children.occurrences(spec, reach.0, reach.1).filter(|o| o.end <= cut && !spec.negates(o.step)) {
            let inside = super::presence::Occurrence { start: o.start.max(reach.0), end: o.end.min(reach.1), ..o };
            let left = super::removal::left(&inside, removed);
            if let (Some(first), Some(final_piece)) = (left.first(), left.last()) {
                out.events += u64::from(last.replace((o.id, o.step)) != Some((o.id, o.step)));
                out.saw(first.start);
                out.saw(final_piece.end - 1);
            }
        }
        let evidence = children.evidence(spec, reach.0, reach.1);
        out.earliest.extend(evidence.iter().cloned());
        out.latest.extend(evidence);
        out.order();
    }

    /// The largest count, distinct count or value in any window of the episode, from what is kept.
    fn measured(&self, spec: &Spec, episode: &Alerted) -> f64 {
        let reach = spec.reach(episode.start, episode.end);
        let places = self.store.places(reach.0, reach.1);
        match &spec.kind {
            Kind::Cells(..) => question(spec).and_then(|q| self.grown().cells.largest(&q, episode.start, episode.end)).unwrap_or(0.0),
            Kind::Count(_) => self.most_at_once(spec, places),
            Kind::Distinct(..) | Kind::Aligned(..) => self.most_at_once(spec, places).max(self.estimated(spec, reach)),
            _ => 0.0,
        }
    }

    /// Where panes no longer hold every identity: how many there were in the windows that end with such panes.
    #[expect(clippy::cast_precision_loss, reason = "for display")]
    fn estimated(&self, spec: &Spec, reach: Interval) -> f64 {
        let panes = reach.0.div_euclid(spec.pane)..=reach.1.div_euclid(spec.pane);
        let of = |pane: &i64| {
            let end = (pane + 1).saturating_mul(spec.pane);
            let start = end.saturating_sub(spec.timespan);
            let mut idents = IdentSet::default();
            self.store.entries[self.store.places(start, end)].iter().for_each(|e| idents.add(e.ident));
            self.store.overflow.range(start.div_euclid(spec.pane)..=*pane).for_each(|(_, o)| idents.merge(&o.idents));
            idents.number()
        };
        self.store.overflow.range(panes).map(|(pane, _)| of(pane)).max().unwrap_or(0) as f64
    }

    #[expect(clippy::cast_precision_loss, reason = "for display")]
    fn most_at_once(&self, spec: &Spec, places: std::ops::Range<usize>) -> f64 {
        let (mut oldest, mut most, mut present) = (places.start, 0, BTreeMap::<u128, u32>::new());
        let start = |time: i64| match spec.kind {
            Kind::Aligned(..) => time.div_euclid(spec.timespan) * spec.timespan,
            _ => time.saturating_sub(spec.timespan).saturating_add(1),
        };
        for i in places {
            *present.entry(self.store.entries[i].ident).or_insert(0) += 1;
            let from = start(self.store.entries[i].time);
            while self.store.entries[oldest].time < from {
                let ident = self.store.entries[oldest].ident;
                match present.get_mut(&ident) {
                    Some(n) if *n > 1 => *n -= 1,
                    _ => drop(present.remove(&ident)),
                }
                oldest += 1;
            }
            let whole = from.div_euclid(spec.pane) + 1..self.store.entries[i].time.div_euclid(spec.pane);
            let hidden: u64 = match spec.kind {
                Kind::Count(_) if whole.start < whole.end => self.store.overflow.range(whole).map(|(_, o)| o.dropped).sum(),
                _ => 0,
            };
            most = most.max(present.len() as u64 + hidden);
        }
        most as f64
    }
}

/// Cells that begin before this end at or before `cut`.
pub(super) fn cells_gone(spec: &Spec, cut: i64) -> i64 {
    cut.saturating_sub(spec.cell() - 1)
}

/// On cells an event belongs where its cell does.
fn cells_of(spec: &Spec, (from, to): Interval) -> Interval {
    let cell = spec.cell();
    let up = |t: i64| if cell == 1 { t } else { t.saturating_add(cell - 1).div_euclid(cell).saturating_mul(cell) };
    (up(from), up(to))
}
