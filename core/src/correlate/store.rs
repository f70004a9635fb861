//! The events of one group key, sorted by (time, id, step), in bounded memory.
//!
//! Every event is kept until its pane holds more than the kind needs; what is dropped then stands in the pane's [`Overflow`] as a
//! number. A window covers a pane (2 w <= T), or is cut by it on one side. So a pane needs: for N events the N earliest (windows
//! that end in it) and the N latest (windows that begin in it); for N identities the first event of the N that appear first and
//! the last event of the N that are seen last; for steps the first and the last event of each.

use super::distinct::IdentSet;
use super::packed::{Packed, Shown};
use super::size::{block, tree};
use super::spec::{Ident, Kind, Spec, above};
use super::tally::Tally;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::mem::size_of;

/// With so many events of a key, identities are counted by a [`Tally`]; below, a sweep over the window costs less.
const TALLY_LEAST: usize = 64;
/// What an event costs there, in logical bytes.
const TALLY_BYTES: usize = 112;

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
    /// Its time was clamped.
    pub(super) skewed: bool,
    /// What to show of it; only near the ends of its pane.
    pub(super) event: Option<Packed>,
}

impl Entry {
    pub(super) fn shown(&self) -> Option<Shown> {
        self.event.as_ref().map(|event| Shown { time: self.time, id: self.id, step: self.step, event: event.clone() })
    }

    fn evidence_bytes(&self) -> u64 {
        self.event.as_ref().map_or(0, Packed::bytes)
    }
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
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Store {
    /// Most keys never see a second event: the first has its place in the key.
    pub(super) entries: SmallVec<[Entry; 1]>,
    /// By pane.
    pub(super) overflow: BTreeMap<i64, Overflow>,
    /// Some event's time was clamped, so that a copy may stand at another time.
    pub(super) skewed: bool,
    /// Logical bytes of evidence and overflow.
    beside: u64,
    #[serde(skip)]
    pub(super) tally: Option<Box<Tally>>,
}

impl Store {
    /// Logical bytes beside the key's own.
    pub(super) fn bytes(&self, spec: &Spec) -> u64 {
        let n = self.entries.len();
        let room = if n <= 4 { n } else { n + n / 4 };
        let entries = if n <= 1 { 0 } else { block(room * size_of::<Entry>()) };
        let tally = if tallied(spec, n) { n * TALLY_BYTES } else { 0 };
        entries + tally as u64 + tree(self.overflow.len(), size_of::<(i64, Overflow)>()) + self.beside
    }

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
        self.entries[first..].iter().take_while(|e| e.time == time && e.id == id).any(same)
    }

    /// Puts an event in its place, which is returned.
    pub(super) fn insert(&mut self, spec: &Spec, entry: Entry) -> usize {
        let key = (entry.time, entry.id, entry.step);
        let place = self.entries.partition_point(|e| (e.time, e.id, e.step) < key);
        self.skewed |= entry.skewed;
        if let Some(over) = self.overflow.get_mut(&entry.time.div_euclid(spec.pane)) {
            let dropped = entry.may_repeat && (over.first..=over.last).contains(&entry.time);
            over.recounted |= dropped && !matches!(spec.kind, Kind::Cells(..));
        }
        self.beside += entry.evidence_bytes();
        if self.entries.len() == self.entries.capacity() {
            // No room is kept for what does not come.
            self.entries.reserve_exact((self.entries.len() / 4).max(1));
        }
        self.entries.insert(place, entry);
        self.count_in(spec, place);
        place
    }

    /// Brings the tally up to date with the event at `place`; makes it where it begins to pay.
    fn count_in(&mut self, spec: &Spec, place: usize) {
        if !tallied(spec, self.entries.len()) {
            return;
        }
        if let Some(tally) = &mut self.tally {
            let e = &self.entries[place];
            return tally.add(e.ident, e.time);
        }
        let mut tally = Tally::new(spec.timespan);
        self.entries.iter().for_each(|e| tally.add(e.ident, e.time));
        self.tally = Some(Box::new(tally));
    }

    fn count_out(&mut self, spec: &Spec, gone: &[Entry]) {
        if !tallied(spec, self.entries.len()) {
            self.tally = None;
        }
        if let Some(tally) = &mut self.tally {
            gone.iter().for_each(|e| tally.remove(e.ident, e.time));
        }
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
        self.beside -= self.entries[middle].evidence_bytes();
        self.entries[middle].event = None;
    }

    fn drop_middle(&mut self, spec: &Spec, pane: i64, from: usize, to: usize) {
        let stay = self.needed(spec, from, to);
        let over = self.overflow.entry(pane).or_insert(Overflow { first: i64::MAX, last: i64::MIN, ..Overflow::default() });
        self.beside -= over.bytes();
        let tail: Vec<Entry> = self.entries.drain(to..).collect();
        let (mut kept, mut gone): (Vec<Entry>, Vec<Entry>) = (Vec::new(), Vec::new());
        self.entries.drain(from..).zip(stay).for_each(|(e, stays)| if stays { kept.push(e) } else { gone.push(e) });
        over.take(spec, &kept, &gone);
        self.beside += over.bytes();
        self.beside -= gone.iter().map(Entry::evidence_bytes).sum::<u64>();
        self.entries.extend(kept);
        self.entries.extend(tail);
        self.count_out(spec, &gone);
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
        let gone = self.entries.partition_point(|e| e.time < bound);
        if gone == self.entries.len() {
            *self = Store::default();
            return;
        }
        let gone: Vec<Entry> = self.entries.drain(..gone).collect();
        self.beside -= gone.iter().map(Entry::evidence_bytes).sum::<u64>();
        self.count_out(spec, &gone);
        if self.entries.capacity() > self.entries.len() + self.entries.len() / 4 {
            self.entries.shrink_to_fit();
        }
        while let Some(first) = self.overflow.first_entry().filter(|o| *o.key() < bound.div_euclid(spec.pane)) {
            self.beside -= first.remove().bytes();
        }
    }

    /// The places of the events in [from, to).
    pub(super) fn places(&self, from: i64, to: i64) -> std::ops::Range<usize> {
        let first = self.entries.partition_point(|e| e.time < from);
        first..self.entries.partition_point(|e| e.time < to).max(first)
    }
}

impl Overflow {
    /// Takes in what a pane gives up, beside what it keeps.
    fn take(&mut self, spec: &Spec, kept: &[Entry], gone: &[Entry]) {
        let left = |time: i64, id: u128| kept.binary_search_by(|k| (k.time, k.id).cmp(&(time, id))).is_ok();
        let mut before = None;
        for e in gone {
            (self.first, self.last) = (self.first.min(e.time), self.last.max(e.time));
            if before.replace((e.time, e.id)) != Some((e.time, e.id)) && counted_by_event(spec, e) && !left(e.time, e.id) {
                self.dropped += 1;
            }
        }
        if identity(&spec.kind).is_some() {
            let idents: BTreeSet<u128> = kept.iter().map(|e| e.ident).collect();
            gone.iter().filter(|e| e.ident != e.id && !idents.contains(&e.ident)).for_each(|e| self.idents.add(e.ident));
        }
        if matches!(spec.kind, Kind::Cells(..)) {
            self.ids.extend(gone.iter().filter(|e| e.may_repeat).map(|e| e.id));
        }
    }

    fn bytes(&self) -> u64 {
        self.idents.bytes() + tree(self.ids.len(), size_of::<u128>())
    }
}

fn tallied(spec: &Spec, events: usize) -> bool {
    events >= TALLY_LEAST && matches!(spec.kind, Kind::Distinct(..))
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
