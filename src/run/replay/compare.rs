//! Two rule sets over the same history: their difference, and what the rules of both cost.

use super::measure::Measured;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeSet;
use tidegate_core::rule::RuleSet;
use tidegate_core::workbench::cost::{RuleCost, sort};
use tidegate_core::workbench::diff::{Difference, Side};
use tidegate_core::workbench::parts::{NEW, OLD, Parts, SHARED};

/// What became of a rule between the two sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleChange {
    /// Its id.
    pub id: String,
    /// Its title, that of the new set if it is there.
    pub title: String,
    /// What became of it.
    pub kind: Became,
    /// Of a rule that is new: the ids of rules that are gone and mean the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub was: Vec<String>,
}

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Became {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It means something else: its state would start afresh.
    Meaning,
    /// Only what is told of it, or whether it alerts by itself, is different; or something that its alerts name.
    Description,
}

/// What one run over two sets tells.
#[derive(Debug)]
pub struct Comparison {
    /// The difference.
    pub difference: Difference,
    /// Rules that are not the same in both sets, in order of id.
    pub rules: Vec<RuleChange>,
    /// Costs of the rules that are the same, of those of the old set and of those of the new one; each the dearest first.
    pub costs: [Vec<RuleCost>; 3],
    /// All final documents of the new set.
    pub alerts: Vec<Value>,
}

impl Comparison {
    /// Compares what a run over [`Parts::between`] has left. `keep` says which alerts are asked for.
    #[must_use]
    pub fn of(measured: &Measured, keep: &dyn Fn(&Value) -> bool) -> Self {
        let alerts = [SHARED, OLD, NEW].map(|part| measured.alerts(part).into_iter().filter(|a| keep(a)).collect::<Vec<_>>());
        let paged = [SHARED, OLD, NEW].map(|part| measured.paged(part));
        let side = |part: usize| Side { alerts: &alerts[part], paged: &paged[part] };
        let mut difference = Difference::between(&side(OLD), &side(NEW));
        difference.add_shared(&side(SHARED));
        let mut costs = [SHARED, OLD, NEW].map(|part| measured.costs(part, &alerts[part]));
        costs.iter_mut().for_each(|c| sort(c));
        let [mut shared, _, new] = alerts;
        shared.extend(new);
        shared
            .sort_by_cached_key(|a| (a["finding_info"]["first_seen_time"].as_i64(), a["finding_info"]["uid"].as_str().map(str::to_owned)));
        Comparison { difference, rules: rule_changes(&measured.parts), costs, alerts: shared }
    }
}

fn rule_changes(parts: &Parts) -> Vec<RuleChange> {
    let (old, new) = (&parts.parts[OLD], &parts.parts[NEW]);
    let owned = |part: &tidegate_core::workbench::parts::Part| {
        let all = part.set.rules.iter().zip(&part.owned).filter(|(_, owned)| **owned);
        all.map(|(rule, _)| rule.clone()).collect::<Vec<_>>()
    };
    let [before, after] = [RuleSet::of(owned(old)), RuleSet::of(owned(new))];
    let [known, wanted] = [&before, &after].map(|set| set.rules.iter().map(|r| r.meta.id.as_str()).collect::<BTreeSet<_>>());
    let gone = before.rules.iter().filter(|r| !wanted.contains(r.meta.id.as_str()));
    let mut changes: Vec<RuleChange> = gone
        .clone()
        .map(|r| RuleChange { id: r.meta.id.clone(), title: r.meta.title.clone(), kind: Became::Removed, was: Vec::new() })
        .collect();
    for rule in &after.rules {
        let (id, title) = (rule.meta.id.clone(), rule.meta.title.clone());
        let same = before.rules.iter().find(|r| r.meta.id == id).map(|r| r.digest == rule.digest);
        let kind = match same {
            None => Became::Added,
            Some(false) => Became::Meaning,
            Some(true) => Became::Description,
        };
        let was = gone.clone().filter(|r| !known.contains(&*id) && r.digest == rule.digest).map(|r| r.meta.id.clone()).collect();
        changes.push(RuleChange { id, title, kind, was });
    }
    changes.sort_by(|a, b| a.id.cmp(&b.id));
    changes
}
