//! What a parent knows of its children: per child rule and child key the set of moments at which it holds.

use super::change::KeptEvent;
use super::interval::{Interval, Intervals};
use super::packed::{Packed, Shown};
use super::presence::Occurrence;
use super::size::{block, list, tree};
use super::spec::Spec;
use super::store::EVIDENCE;
use crate::event::id::hash128;
use crate::event::{ContentId, Derived, DetectionFlags, Facts, GroupKey, Position, Source};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One child key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Child {
    held: Intervals,
    account: Arc<str>,
    severity: u8,
    alert: Option<Arc<str>>,
    /// Its evidence, packed.
    facts: Option<Box<[u8]>>,
}

/// All children of one parent key, by step and child key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Children {
    /// Boxed: most parents have few, and a node of the tree has room for eleven.
    by_key: BTreeMap<(u16, GroupKey), Box<Child>>,
    /// No stretch ends before the first of these; the last one to end ends at the second.
    ends: Option<Interval>,
    /// Logical bytes of all, without the tree they stand in.
    bytes: u64,
}

impl Children {
    pub(super) const NONE: Children = Children { by_key: BTreeMap::new(), ends: None, bytes: 0 };

    /// Adds a stretch. `None`: nothing of it is new, though its alert or severity may be.
    pub(super) fn add(&mut self, d: &Derived) -> Option<Interval> {
        let before = self.by_key.len();
        let key = (d.step, d.child_key.clone());
        self.by_key.entry(key.clone()).or_insert_with(|| {
            let facts = d.facts.as_deref().map(pack_facts);
            let (held, account) = (Intervals::default(), Arc::clone(&d.account));
            Box::new(Child { held, account, severity: d.severity, alert: None, facts })
        });
        let known = self.by_key.len() == before;
        let child = self.by_key.get_mut(&key)?;
        let was = if known { child.bytes(&key.1) } else { 0 };
        child.severity = child.severity.max(d.severity);
        if d.alert.is_some() {
            child.alert.clone_from(&d.alert);
        }
        let changed = child.held.add((d.start_ms, d.end_ms));
        self.bytes = self.bytes + child.bytes(&key.1) - was;
        if let Some((_, end)) = changed {
            self.ends = Some(self.ends.map_or((end, end), |(first, last)| (first.min(end), last.max(end))));
        }
        changed
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// Every maximal stretch with a moment in [from, to).
    fn within(&self, from: i64, to: i64) -> impl Iterator<Item = (&(u16, GroupKey), &Child, Interval)> {
        self.by_key.iter().flat_map(move |(key, child)| child.held.within(from, to).iter().map(move |i| (key, &**child, *i)))
    }

    /// The same as occurrences.
    pub(super) fn occurrences<'a>(&'a self, spec: &'a Spec, from: i64, to: i64) -> impl Iterator<Item = Occurrence> + 'a {
        self.within(from, to).map(move |((step, key), _, (start, end))| {
            let child = spec.rules.get(usize::from(*step)).copied().unwrap_or(u32::MAX);
            let ident = hash128(&[&child.to_le_bytes(), key.bytes()].concat());
            let ident_here = if spec.by_step() { u128::from(*step) } else { ident };
            let id = hash128(&[&ident.to_le_bytes()[..], &start.to_le_bytes()[..]].concat());
            Occurrence { start, end, step: *step, ident: ident_here, id }
        })
    }

    /// The stretches with a moment in [from, to) as evidence: the earliest and the latest.
    pub(super) fn evidence(&self, spec: &Spec, from: i64, to: i64) -> Vec<Shown> {
        let id = |key: &GroupKey, start: i64| hash128(&[key.bytes(), &start.to_le_bytes()].concat());
        let all = self.within(from, to).map(|((step, key), child, (start, _))| (start, id(key, start), *step, child));
        let mut all: Vec<(i64, u128, u16, &Child)> = all.collect();
        all.sort_unstable_by_key(|x| (x.0, x.1, x.2));
        if all.len() > 2 * EVIDENCE {
            all.drain(EVIDENCE..all.len() - EVIDENCE);
        }
        all.into_iter().map(|(time, id, step, child)| child.shown(spec, time, id, step)).collect()
    }

    /// Forgets stretches that end at or before `cut`.
    pub(super) fn drop_before(&mut self, cut: i64) {
        if self.ends.is_none_or(|e| e.0 > cut) {
            return;
        }
        self.by_key.retain(|_, child| {
            child.held.drop_before(cut);
            !child.held.is_empty()
        });
        let ends = || self.by_key.values().flat_map(|c| c.held.all().iter().map(|i| i.1));
        self.ends = ends().min().zip(ends().max());
        self.bytes = self.by_key.iter().map(|(key, child)| child.bytes(&key.1)).sum();
    }

    /// A bound below every stretch's end, and the latest end.
    pub(super) fn ends(&self) -> Option<Interval> {
        self.ends
    }

    /// The earliest moment of any stretch.
    pub(super) fn first_start(&self) -> Option<i64> {
        self.by_key.values().filter_map(|c| c.held.all().first()).map(|i| i.0).min()
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes + tree(self.by_key.len(), size_of::<(u16, GroupKey, Box<Child>)>())
    }
}

impl Child {
    fn shown(&self, spec: &Spec, time: i64, id: u128, step: u16) -> Shown {
        let none: Arc<str> = Arc::from("");
        let facts: Option<Facts> = self.facts.as_deref().and_then(|bytes| postcard::from_bytes(bytes).ok());
        let event = KeptEvent {
            time_ms: time,
            id: ContentId(id),
            step,
            rule: spec.rules.get(usize::from(step)).copied().unwrap_or(u32::MAX),
            source: spec.sources.first().copied().unwrap_or(Source::GuardDuty),
            flags: DetectionFlags::default(),
            account: Arc::clone(&self.account),
            severity: self.severity,
            revision: None,
            position: Position { source: Arc::clone(&none), shard: none, sequence: 0.into(), sub_sequence: 0 },
            facts: Arc::new(facts.unwrap_or_default()),
            child_alert: self.alert.clone(),
        };
        Shown { time, id, step, event: Packed::new(&event) }
    }

    /// Logical bytes, those of the key included.
    fn bytes(&self, key: &GroupKey) -> u64 {
        let texts = block(16 + self.account.len()) + self.alert.as_ref().map_or(0, |alert| block(16 + alert.len()));
        let facts = self.facts.as_ref().map_or(0, |facts| block(facts.len()));
        block(size_of::<Child>()) + block(key.bytes().len()) + texts + facts + list(self.held.all().len(), size_of::<Interval>())
    }
}

fn pack_facts(facts: &Facts) -> Box<[u8]> {
    postcard::to_extend(facts, Vec::new()).expect("writing plain data to memory cannot fail").into()
}
