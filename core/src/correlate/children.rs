//! What a parent knows of its children: per child rule and child key the set of moments at which it holds.

use super::change::KeptEvent;
use super::interval::{Interval, Intervals};
use super::presence::Occurrence;
use super::spec::Spec;
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
    facts: Option<Arc<Facts>>,
}

/// All children of one parent key, by step and child key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Children {
    by_key: BTreeMap<(u16, GroupKey), Child>,
    /// No stretch ends before the first of these; the last one to end ends at the second.
    ends: Option<Interval>,
    bytes: u64,
}

impl Children {
    /// Adds a stretch. `None`: nothing of it is new, though its alert or severity may be.
    pub(super) fn add(&mut self, d: &Derived) -> Option<Interval> {
        let before = self.by_key.len();
        let child = self.by_key.entry((d.step, d.child_key.clone())).or_insert_with(|| Child {
            held: Intervals::default(),
            account: Arc::clone(&d.account),
            severity: d.severity,
            alert: None,
            facts: d.facts.clone(),
        });
        child.severity = child.severity.max(d.severity);
        if d.alert.is_some() {
            child.alert.clone_from(&d.alert);
        }
        let stretches = child.held.all().len() as u64;
        let changed = child.held.add((d.start_ms, d.end_ms));
        self.bytes = self.bytes + 16 * child.held.all().len() as u64 - 16 * stretches;
        if self.by_key.len() > before {
            self.bytes += 160 + d.child_key.bytes().len() as u64;
        }
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
        self.by_key.iter().flat_map(move |(key, child)| child.held.within(from, to).iter().map(move |i| (key, child, *i)))
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

    /// The stretches with a moment in [from, to) as evidence.
    pub(super) fn evidence(&self, spec: &Spec, from: i64, to: i64) -> Vec<Arc<KeptEvent>> {
        let none: Arc<str> = Arc::from("");
        let of = |((step, key), child, (start, _)): (&(u16, GroupKey), &Child, Interval)| {
            Arc::new(KeptEvent {
                time_ms: start,
                id: ContentId(hash128(&[key.bytes(), &start.to_le_bytes()].concat())),
                step: *step,
                rule: spec.rules.get(usize::from(*step)).copied().unwrap_or(u32::MAX),
                source: spec.sources.first().copied().unwrap_or(Source::GuardDuty),
                flags: DetectionFlags::default(),
                account: Arc::clone(&child.account),
                severity: child.severity,
                revision: None,
                position: Position { source: Arc::clone(&none), shard: Arc::clone(&none), sequence: 0.into(), sub_sequence: 0 },
                facts: child.facts.clone().unwrap_or_default(),
                child_alert: child.alert.clone(),
            })
        };
        self.within(from, to).map(of).collect()
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
        let of = |(key, child): (&(u16, GroupKey), &Child)| 160 + key.1.bytes().len() + 16 * child.held.all().len();
        self.bytes = self.by_key.iter().map(|x| of(x) as u64).sum();
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
        self.bytes
    }
}
