//! A rule set as Pipelines hold it, and what becomes of each rule when another set takes its place.
//!
//! Owns who is whose heir. Never loads a rule. Limit: of several correlations with the same meaning in one set only the first
//! inherits what has moved (as [`crate::correlate::Correlator::reload`] does it).

use crate::event::id::hash128;
use crate::event::{Derived, Source};
use crate::rule::{Body, RuleSet};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A rule set and, per rule, the sources that feed it. Immutable and shared by all Pipelines.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// The set.
    pub set: Arc<RuleSet>,
    /// Per rule index: the sources it reads.
    pub sources: Vec<Vec<Source>>,
}

/// The sets a machine may be told to go over to.
pub(super) type Known = BTreeMap<[u8; 32], Arc<Rules>>;

/// What a reload did to rules and alerts. Rules are named by id.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reload {
    /// Digest of the set before; zeros: there was none.
    pub from: [u8; 32],
    /// Digest of the set since.
    pub to: [u8; 32],
    /// Unchanged in meaning: state kept.
    pub kept: BTreeSet<String>,
    /// Changed in meaning: started afresh.
    pub restarted: BTreeSet<String>,
    /// New.
    pub added: BTreeSet<String>,
    /// Gone.
    pub removed: BTreeSet<String>,
    /// Alerts closed (`truncated`), by the id of their rule.
    pub closed: BTreeMap<String, u64>,
}

impl Reload {
    /// What becomes of the rules between two sets. Nothing is closed yet.
    #[must_use]
    pub fn between(old: &RuleSet, new: &RuleSet) -> Self {
        let ids = |set: &RuleSet| set.rules.iter().map(|r| r.meta.id.clone()).collect::<BTreeSet<_>>();
        let (before, after) = (ids(old), ids(new));
        let kept: BTreeSet<String> =
            heirs(old, new).into_iter().flatten().map(|heir| new.rule(heir).meta.id.clone()).filter(|id| before.contains(id)).collect();
        Reload {
            from: old.digest,
            to: new.digest,
            restarted: before.intersection(&after).filter(|id| !kept.contains(*id)).cloned().collect(),
            added: after.difference(&before).cloned().collect(),
            removed: before.difference(&after).cloned().collect(),
            kept,
            closed: BTreeMap::new(),
        }
    }

    /// Adds what it closed in another Pipeline.
    pub fn add(&mut self, other: &Reload) {
        other.closed.iter().for_each(|(id, n)| *self.closed.entry(id.clone()).or_default() += n);
    }
}

/// Per rule of the old set its place in the new one, where it means the same: a correlation by its digest (at its old place
/// first), a rule of single events by id and digest, since its alerts carry both in their ids.
pub(super) fn heirs(old: &RuleSet, new: &RuleSet) -> Vec<Option<u32>> {
    let correlation = |set: &RuleSet, at: usize| set.rules.get(at).is_some_and(|r| matches!(r.body, Body::Correlation(_)));
    let heir = |(at, rule): (usize, &crate::rule::Rule)| {
        let is = correlation(old, at);
        let same = |place: usize| {
            let other = &new.rules[place];
            correlation(new, place) == is && other.digest == rule.digest && (is || other.meta.id == rule.meta.id)
        };
        let place = if at < new.rules.len() && same(at) { Some(at) } else { (0..new.rules.len()).find(|p| same(*p)) };
        place.map(|p| p as u32)
    };
    old.rules.iter().enumerate().map(heir).collect()
}

/// The heir of a rule.
pub(super) fn heir(heirs: &[Option<u32>], rule: u32) -> Option<u32> {
    heirs.get(rule as usize).copied().flatten()
}

/// A derived detection under the new set; `None` where the child or the parent means something else there.
pub(super) fn inherited(derived: &Derived, heirs: &[Option<u32>]) -> Option<Derived> {
    let (target, child) = (heir(heirs, derived.target)?, heir(heirs, derived.child)?);
    Some(Derived { target, child, ..derived.clone() })
}

/// A name for each rule that outlives a reload: a hash of its id and meaning.
pub(super) fn names(set: &RuleSet) -> Vec<u64> {
    set.rules.iter().map(|r| hash128(&[r.meta.id.as_bytes(), &[0], &r.digest].concat()) as u64).collect()
}

/// The sources that feed any rule, sorted.
pub(super) fn feeds(rules: &Rules) -> Vec<Source> {
    rules.sources.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect()
}
