//! What a parent knows of its children: per child rule and child key the set of moments at which it holds, and what was told of each
//! stretch: its alert, its severity, its evidence. A stretch never shows what belongs to another one.

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
    /// What was told, by start: one for each stretch, more while it was told in parts.
    told: Vec<Told>,
}

/// What a child told of a stretch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Told {
    start: i64,
    severity: u8,
    alert: Option<Arc<str>>,
    /// Its evidence, packed.
    #[serde(with = "serde_bytes")]
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
        let key = (d.step, d.child_key.clone());
        let was = self.by_key.get(&key).map_or(0, |child| child.bytes(&key.1));
        let new = || Box::new(Child { held: Intervals::default(), account: Arc::clone(&d.account), told: Vec::new() });
        let child = self.by_key.entry(key.clone()).or_insert_with(new);
        let changed = child.held.add((d.start_ms, d.end_ms));
        child.note(d);
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
        let all = self.within(from, to).map(|((step, key), child, held)| (held.0, id(key, held.0), *step, child, held));
        let mut all: Vec<(i64, u128, u16, &Child, Interval)> = all.collect();
        all.sort_unstable_by_key(|x| (x.0, x.1, x.2));
        if all.len() > 2 * EVIDENCE {
            all.drain(EVIDENCE..all.len() - EVIDENCE);
        }
        all.into_iter().map(|(_, id, step, child, held)| child.shown(spec, held, id, step)).collect()
    }

    /// Forgets stretches that end at or before `cut`.
    pub(super) fn drop_before(&mut self, cut: i64) {
        if self.ends.is_none_or(|e| e.0 > cut) {
            return;
        }
        self.by_key.retain(|_, child| {
            child.drop_before(cut);
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
    /// Keeps what was told. What stands in the same stretch and was told of a part of it goes: this speaks for all of it.
    fn note(&mut self, d: &Derived) {
        let whole = (d.start_ms, d.end_ms);
        if self.held.within(d.start_ms, d.end_ms) == [whole] {
            self.told.retain(|told| told.start == d.start_ms || !(whole.0..whole.1).contains(&told.start));
        }
        let at = self.told.partition_point(|told| told.start < d.start_ms);
        if self.told.get(at).is_none_or(|told| told.start != d.start_ms) {
            self.told.insert(at, Told { start: d.start_ms, severity: d.severity, alert: None, facts: None });
        }
        let told = &mut self.told[at];
        told.severity = told.severity.max(d.severity);
        if d.alert.is_some() {
            told.alert.clone_from(&d.alert);
        }
        if let Some(facts) = d.facts.as_deref() {
            told.facts = Some(pack_facts(facts));
        }
    }

    fn drop_before(&mut self, cut: i64) {
        self.held.drop_before(cut);
        let held = &self.held;
        self.told.retain(|told| !held.within(told.start, told.start + 1).is_empty());
    }

    /// What was told of a stretch: the alert and the evidence of its earliest part.
    fn told(&self, (start, end): Interval) -> Told {
        let parts = self.told.iter().filter(|told| (start..end).contains(&told.start));
        Told {
            start,
            severity: parts.clone().map(|told| told.severity).max().unwrap_or(0),
            alert: parts.clone().find_map(|told| told.alert.clone()),
            facts: parts.clone().find_map(|told| told.facts.clone()),
        }
    }

    fn shown(&self, spec: &Spec, held: Interval, id: u128, step: u16) -> Shown {
        let none: Arc<str> = Arc::from("");
        let (time, told) = (held.0, self.told(held));
        let facts: Option<Facts> = told.facts.as_deref().and_then(|bytes| postcard::from_bytes(bytes).ok());
        let event = KeptEvent {
            time_ms: time,
            id: ContentId(id),
            step,
            rule: spec.rules.get(usize::from(step)).copied().unwrap_or(u32::MAX),
            source: spec.sources.first().copied().unwrap_or(Source::GuardDuty),
            flags: DetectionFlags::default(),
            account: Arc::clone(&self.account),
            severity: told.severity,
            revision: None,
            position: Position { source: Arc::clone(&none), shard: none, sequence: 0.into(), sub_sequence: 0 },
            facts: Arc::new(facts.unwrap_or_default()),
            child_alert: told.alert,
        };
        Shown { time, id, step, event: Packed::new(&event) }
    }

    /// Logical bytes, those of the key included.
    fn bytes(&self, key: &GroupKey) -> u64 {
        let told: u64 = self.told.iter().map(Told::bytes).sum();
        let lists = list(self.held.all().len(), size_of::<Interval>()) + list(self.told.len(), size_of::<Told>());
        block(size_of::<Child>()) + block(key.bytes().len()) + block(16 + self.account.len()) + told + lists
    }
}

impl Told {
    fn bytes(&self) -> u64 {
        let alert = self.alert.as_ref().map_or(0, |alert| block(16 + alert.len()));
        alert + self.facts.as_ref().map_or(0, |facts| block(facts.len()))
    }
}

fn pack_facts(facts: &Facts) -> Box<[u8]> {
    postcard::to_extend(facts, Vec::new()).expect("writing plain data to memory cannot fail").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Fact;

    fn told(start_ms: i64, end_ms: i64, alert: &str) -> Derived {
        let account: Arc<str> = "111122223333".into();
        let facts = Some(Arc::new(Facts::from_iter([(Fact::SourceIp, alert)])));
        let (child_key, key) = (GroupKey::new(["k"]), GroupKey::new(["p"]));
        let (target, child, step, origin, severity) = (1, 0, 0, (0, 0), if alert == "b" { 4 } else { 2 });
        Derived { target, child, step, child_key, key, start_ms, end_ms, account, origin, alert: Some(alert.into()), severity, facts }
    }

    /// Start, alert, severity and address of each stretch.
    fn shows(children: &Children) -> Vec<(i64, String, u8, String)> {
        let of = |(_, child, held): (&(u16, GroupKey), &Child, Interval)| {
            let told = child.told(held);
            let facts: Facts = postcard::from_bytes(told.facts.as_deref().unwrap()).unwrap();
            (held.0, told.alert.unwrap().to_string(), told.severity, facts.first(Fact::SourceIp).unwrap().to_owned())
        };
        children.within(i64::MIN, i64::MAX).map(of).collect()
    }

    fn shown(start: i64, alert: &str, severity: u8) -> (i64, String, u8, String) {
        (start, alert.to_owned(), severity, alert.to_owned())
    }

    #[test]
    fn each_stretch_shows_its_own_alert_and_evidence_in_whatever_order_they_came() {
        for order in [[told(10, 20, "a"), told(50, 60, "b")], [told(50, 60, "b"), told(10, 20, "a")]] {
            let mut children = Children::NONE;
            for d in &order {
                children.add(d);
            }
            assert_eq!(shows(&children), [shown(10, "a", 2), shown(50, "b", 4)]);
            children.drop_before(20);
            assert_eq!(shows(&children), [shown(50, "b", 4)]);
            assert_eq!(children.bytes, children.by_key.iter().map(|(key, child)| child.bytes(&key.1)).sum::<u64>());
        }
    }

    #[test]
    fn stretches_that_join_show_what_is_told_of_the_whole() {
        let mut children = Children::NONE;
        for d in [told(10, 20, "a"), told(50, 60, "b")] {
            children.add(&d);
        }
        // Its parts are known from their own words until the whole is told.
        children.add(&told(20, 50, "c"));
        assert_eq!(shows(&children), [shown(10, "a", 4)]);
        children.add(&told(10, 60, "b"));
        assert_eq!(shows(&children), [shown(10, "b", 4)]);
        assert_eq!(children.by_key.values().map(|child| child.told.len()).sum::<usize>(), 1);
    }
}
