//! Children and parents: levels, inherited lateness, and how a child's key becomes its parent's.

use super::correlator::Settings;
use super::spec::{Spec, correlation};
use crate::event::GroupKey;
use crate::rule::RuleSet;

/// A parent that wants this correlation's stretches.
#[derive(Debug, Clone)]
pub(super) struct Parent {
    pub(super) index: u32,
    pub(super) step: u16,
    /// For each of the parent's group-by names the place of its value in the child's key.
    pub(super) key: Option<Vec<usize>>,
}

/// 0 reads sources only; a parent is one above its deepest child. The linker refuses cycles; depth is bounded all the same.
pub(super) fn level_of(set: &RuleSet, index: u32, depth: usize) -> usize {
    let Some(c) = correlation(set, index).filter(|_| depth < 64) else { return 0 };
    let children = c.rules.iter().filter(|r| correlation(set, **r).is_some());
    children.map(|r| 1 + level_of(set, *r, depth + 1)).max().unwrap_or(0)
}

pub(super) fn lateness_of(set: &RuleSet, specs: &[Option<Spec>], index: u32, settings: &Settings, depth: usize) -> i64 {
    let (Some(c), Some(spec)) = (correlation(set, index), &specs[index as usize]) else { return 0 };
    let own = spec.sources.iter().map(|s| settings.lateness_ms.unwrap_or(settings.lateness.ms(*s))).max().unwrap_or(0);
    let of_child = |r: &u32| {
        let child = specs[*r as usize].as_ref().filter(|_| depth < 64)?;
        // A sum's stretch begins with its cell, up to a cell before the event that made it.
        let waits = if child.waits { child.timespan.max(child.look + child.cell()) } else { child.cell() - 1 };
        Some(lateness_of(set, specs, *r, settings, depth + 1) + waits)
    };
    c.rules.iter().filter_map(of_child).max().unwrap_or(0).max(own)
}

/// Who refers to correlation `index`, with the place of each of its group-by values in the child's key.
pub(super) fn parents(set: &RuleSet, index: u32) -> Vec<Parent> {
    let Some(child) = correlation(set, index) else { return Vec::new() };
    let mut out = Vec::new();
    for parent in 0..set.rules.len() as u32 {
        let Some(c) = correlation(set, parent) else { continue };
        let place = |name: &String| {
            let field = c.aliases.get(name).and_then(|a| a.get(&index)).unwrap_or(name);
            child.group_by.iter().position(|g| g == field)
        };
        let key: Option<Vec<usize>> = c.group_by.iter().map(place).collect();
        for (step, rule) in c.rules.iter().enumerate() {
            if *rule == index {
                out.push(Parent { index: parent, step: step as u16, key: key.clone() });
            }
        }
    }
    out
}

impl Parent {
    /// The parent's key for a key of the child.
    pub(super) fn key_of(&self, child: &GroupKey) -> Option<GroupKey> {
        let values = child.values();
        let picked: Option<Vec<&str>> = self.key.as_ref()?.iter().map(|place| values.get(*place).copied()).collect();
        picked.map(GroupKey::new)
    }
}
