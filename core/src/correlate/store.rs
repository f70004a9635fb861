//! The events of one group key, sorted by (time, id, step), in bounded memory.
//!
//! Every event is kept until its pane holds more than the kind needs; what is dropped then stands in the pane's [`Overflow`] as a
//! number. A window covers a pane (2 w <= T), or is cut by it on one side. So a pane needs: for N events the N earliest (windows
//! that end in it) and the N latest (windows that begin in it); for N identities the first event of the N that appear first and
//! the last event of the N that are seen last; for steps the first and the last event of each.

use super::change::KeptEvent;
use super::distinct::IdentSet;
use super::spec::{Ident, Kind, Spec, above};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem::size_of;
use std::sync::Arc;

/// Events kept whole at either end of a pane, and shown at either end of an episode.
pub(super) const EVIDENCE: usize = 25;

/// One event of a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) time: i64,
    pub(super) id: u128,
    pub(super) step: u16,
    /// What it counts as: finding, value, step or itself.
    pub(super) ident: u128,
    /// A copy of it may come: by another route, or because it matched another rule too.
    pub(super) may_repeat: bool,
    /// What to show of it; only near the ends of its pane.
    pub(super) event: Option<Arc<KeptEvent>>,
}

/// What a pane no longer holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Overflow {
    /// Events of which nothing is left.
    pub(super) dropped: u64,
    /// Identities of which nothing is left: findings and values (a plain event is its own).
    pub(super) idents: IdentSet,
    /// Ids of dropped events that may come again; only where a copy could change an episode (sums, averages, quantiles: beyond
    /// what is kept, one more event changes no count's verdict).
    pub(super) ids: BTreeSet<u128>,
    /// The dropped events lie in here, both ends included.
    pub(super) first: i64,
    pub(super) last: i64,
    /// A copy of a dropped event may have been counted again.
    pub(super) recounted: bool,
}

/// All events of a key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Store {
    pub(super) entries: VecDeque<Entry>,
    /// By pane.
    pub(super) overflow: BTreeMap<i64, Overflow>,
    /// Some event's time was clamped, so that a copy may stand at another time.
    pub(super) skewed: bool,
    /// Logical bytes.
    pub(super) bytes: u64,
}

impl Store {
    /// Whether this event is there already.
    pub(super) fn holds(&self, spec: &Spec, time: i64, id: u128, step: u16, skewed: bool) -> bool {
        let same = |e: &Entry| e.id == id && (e.step == step || !spec.by_step());
        if skewed || self.skewed {
            return self.entries.iter().any(same) || self.overflow.values().any(|o| o.ids.contains(&id));
        }
        if self.overflow.get(&time.div_euclid(spec.pane)).is_some_and(|o| o.ids.contains(&id)) {
            return true;
        }
        let first = self.entries.partition_point(|e| (e.time, e.id) < (time, id));
        self.entries.range(first..).take_while(|e| e.time == time && e.id == id).any(same)
    }

    /// Puts an event in its place, which is returned.
    pub(super) fn insert(&mut self, spec: &Spec, entry: Entry) -> usize {
        let key = (entry.time, entry.id, entry.step);
        let place = self.entries.partition_point(|e| (e.time, e.id, e.step) < key);
        self.skewed |= entry.event.as_ref().is_some_and(|e| e.flags.clock_skew);
        if let Some(over) = self.overflow.get_mut(&entry.time.div_euclid(spec.pane)) {
            let dropped = entry.may_repeat && (over.first..=over.last).contains(&entry.time);
            over.recounted |= dropped && !matches!(spec.kind, Kind::Cells(..));
        }
        self.bytes += weight(&entry);
        if self.entries.len() < 4 {
            // Most keys never see more: no room is kept for what does not come.
            self.entries.reserve_exact(1);
        }
        self.entries.insert(place, entry);
        place
    }

    /// Drops what the event just put at `place` makes superfluous in its pane.
    pub(super) fn trim(&mut self, spec: &Spec, place: usize) {
        if self.entries.len() <= (2 * EVIDENCE).min(spec.cap) {
            return;
        }
        let pane = self.entries[place].time.div_euclid(spec.pane);
        let from = self.entries.partition_point(|e| e.time < pane * spec.pane);
        let to = self.entries.partition_point(|e| e.time < (pane + 1) * spec.pane);
        self.hide(from, to, place);
        if to - from > spec.cap + (spec.cap / 4).max(spec.kept) {
            self.drop_middle(spec, pane, from, to);
        }
    }

    /// Forgets the evidence that the event put at `place` pushes into the middle of its pane.
    fn hide(&mut self, from: usize, to: usize, place: usize) {
        if to - from <= 2 * EVIDENCE {
            return;
        }
        let middle = if place - from < EVIDENCE {
            from + EVIDENCE
        } else if to - place <= EVIDENCE {
            to - EVIDENCE - 1
        } else {
            place
        };
        let before = weight(&self.entries[middle]);
        self.entries[middle].event = None;
        self.bytes -= before - weight(&self.entries[middle]);
    }

    fn drop_middle(&mut self, spec: &Spec, pane: i64, from: usize, to: usize) {
        let stay = self.needed(spec, from, to);
        let over = self.overflow.entry(pane).or_insert(Overflow { first: i64::MAX, last: i64::MIN, ..Overflow::default() });
        self.bytes -= over.bytes();
        let all: Vec<Entry> = self.entries.drain(from..to).collect();
        let (mut kept, mut gone): (Vec<Entry>, Vec<Entry>) = (Vec::new(), Vec::new());
        all.into_iter().zip(stay).for_each(|(e, stays)| if stays { kept.push(e) } else { gone.push(e) });
        let left = |time: i64, id: u128| kept.binary_search_by(|k| (k.time, k.id).cmp(&(time, id))).is_ok();
        let mut before = None;
        for e in &gone {
            (over.first, over.last) = (over.first.min(e.time), over.last.max(e.time));
            self.bytes -= weight(e);
            if before.replace((e.time, e.id)) != Some((e.time, e.id)) && counted_by_event(spec, e) && !left(e.time, e.id) {
                over.dropped += 1;
            }
        }
        if identity(&spec.kind).is_some() {
            let idents: BTreeSet<u128> = kept.iter().map(|e| e.ident).collect();
            gone.iter().filter(|e| e.ident != e.id && !idents.contains(&e.ident)).for_each(|e| over.idents.add(e.ident));
        }
        if matches!(spec.kind, Kind::Cells(..)) {
            over.ids.extend(gone.iter().filter(|e| e.may_repeat).map(|e| e.id));
        }
        self.bytes += over.bytes();
        let tail = self.entries.split_off(from);
        self.entries.extend(kept);
        self.entries.extend(tail);
    }

    /// Which events of a full pane must stay.
    fn needed(&self, spec: &Spec, from: usize, to: usize) -> Vec<bool> {
        let n = to - from;
        let ends = match spec.kind {
            Kind::Count(n) => n.max(spec.kept / 2),
            _ => spec.kept / 2,
        };
        let mut stay: Vec<bool> = (0..n).map(|i| i < ends || i + ends >= n).collect();
        let idents = match &spec.kind {
            Kind::Count(_) | Kind::Cells(..) => return stay,
            Kind::Distinct(n, _) => *n,
            Kind::Aligned(t, _) => above(t),
            Kind::Temporal(_) | Kind::Remaining(..) | Kind::Ordered(..) => usize::MAX,
        };
        // The first N identities in order of their first event, and the last N in order of their last event, backwards.
        let of = |i: usize| self.entries[from + i].ident;
        for order in [Box::new(0..n) as Box<dyn Iterator<Item = usize>>, Box::new((0..n).rev())] {
            let mut seen = BTreeSet::new();
            for i in order {
                if seen.len() < idents && seen.insert(of(i)) {
                    stay[i] = true;
                }
            }
        }
        stay
    }

    /// Forgets the panes that end at or before `cut`. Gives the bound up to which events are gone.
    pub(super) fn drop_before(&mut self, spec: &Spec, cut: i64) {
        let bound = cut.div_euclid(spec.pane) * spec.pane;
        while self.entries.front().is_some_and(|e| e.time < bound) {
            if let Some(e) = self.entries.pop_front() {
                self.bytes -= weight(&e);
            }
        }
        while let Some(first) = self.overflow.first_entry().filter(|o| *o.key() < bound.div_euclid(spec.pane)) {
            self.bytes -= first.remove().bytes();
        }
        if self.entries.is_empty() {
            *self = Store::default();
        }
    }

    /// The places of the events in [from, to).
    pub(super) fn places(&self, from: i64, to: i64) -> std::ops::Range<usize> {
        let first = self.entries.partition_point(|e| e.time < from);
        first..self.entries.partition_point(|e| e.time < to).max(first)
    }
}

impl Overflow {
    fn bytes(&self) -> u64 {
        self.idents.bytes() + 32 * self.ids.len() as u64
    }
}

/// Whether `count` counts the event itself: not a negated one, and not a finding's revision where findings are counted.
pub(super) fn counted_by_event(spec: &Spec, e: &Entry) -> bool {
    !spec.negates(e.step) && (identity(&spec.kind) != Some(Ident::Event) || e.ident == e.id)
}

/// Whether a kind counts identities, and which.
pub(super) fn identity(kind: &Kind) -> Option<Ident> {
    match kind {
        Kind::Distinct(_, ident) | Kind::Aligned(_, ident) => Some(*ident),
        _ => None,
    }
}

/// Logical bytes of an event. Shared facts are charged to everyone who holds them: a budget must not depend on who came first.
fn weight(e: &Entry) -> u64 {
    let of_event = e.event.as_ref().map_or(0, |k| {
        let items: usize = k.facts.items.iter().map(|(_, text)| text.len() + size_of::<Box<str>>() + 8).sum();
        size_of::<KeptEvent>() + items + k.facts.body.len()
    });
    (size_of::<Entry>() + of_event) as u64
}
