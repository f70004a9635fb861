//! Two rule sets in three parts: what both have, what only the old one has, what only the new one has. Each part runs by itself, so
//! what both have runs once.
//!
//! Owns the cut and the routes. A rule is the same in both if everything is that its alerts can come from or show: its meaning, its
//! description, whether it alerts, the same of all rules that it refers to, and the built-in rule of findings, whose alerts
//! correlations name. What a changed correlation refers to stands in its part too, though its alerts count elsewhere. All parts are
//! matched by one union, in which rules of equal meaning and level stand once.
//!
//! Why the parts together are two replays: the state of a correlation and its budgets, the memory of findings and the storm budget of
//! pages are kept per rule; one rule decides about another only through what it refers to. Limits, which nobody should meet: the ids of
//! a million events and 256 MiB of findings are remembered per machine, so per part instead of per set.

use crate::alert::pressure;
use crate::event::Detection;
use crate::pipeline::FINDING_RULE_ID;
use crate::rule::{Body, Correlation, Rule, RuleSet};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What both sets have.
pub const SHARED: usize = 0;
/// What only the old set has.
pub const OLD: usize = 1;
/// What only the new set has.
pub const NEW: usize = 2;

/// The cut.
#[derive(Debug, Clone)]
pub struct Parts {
    /// What events are matched with.
    pub union: Arc<RuleSet>,
    /// The parts: [`SHARED`], [`OLD`], [`NEW`]; of one set alone only the first.
    pub parts: Vec<Part>,
    routes: Vec<Vec<(usize, u32)>>,
}

/// What one machine runs.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its rules; empty: nothing is to run.
    pub set: Arc<RuleSet>,
    /// Per rule: its number in the union.
    pub in_union: Vec<u32>,
    /// Per rule: whether its alerts count here.
    pub owned: Vec<bool>,
    from_union: Vec<Option<u32>>,
}

impl Part {
    /// Whether a document of this part's machine counts: that of a rule whose alerts count here, or about the state of such a
    /// correlation.
    #[must_use]
    pub fn counts(&self, document: &serde_json::Value) -> bool {
        let uid = document["finding_info"]["analytic"]["uid"].as_str();
        let about = if uid == Some(pressure::RULE_ID) { document["tidegate"]["group_key"][0]["value"].as_str() } else { uid };
        self.set.rules.iter().zip(&self.owned).any(|(rule, owned)| *owned && Some(rule.meta.id.as_str()) == about)
    }
}

impl Parts {
    /// One set alone.
    #[must_use]
    pub fn alone(set: &RuleSet) -> Self {
        Parts::of(vec![(set.rules.clone(), vec![true; set.rules.len()])])
    }

    /// Two sets.
    #[must_use]
    pub fn between(old: &RuleSet, new: &RuleSet) -> Self {
        let (before, after) = (whole(old), whole(new));
        let [known, wanted] = [&before, &after].map(|all| all.iter().copied().collect::<BTreeSet<_>>());
        let shared: Vec<bool> = before.iter().map(|w| wanted.contains(w)).collect();
        let gone = shared.iter().map(|s| !s).collect();
        let fresh = after.iter().map(|w| !known.contains(w)).collect();
        Parts::of(vec![part(old, shared), part(old, gone), part(new, fresh)])
    }

    fn of(parts: Vec<(Vec<Rule>, Vec<bool>)>) -> Self {
        let mut union = Union::default();
        let placed: Vec<Vec<u32>> = parts.iter().map(|(rules, owned)| union.take(rules, owned)).collect();
        let mut routes = vec![Vec::new(); union.rules.len()];
        let mut made = Vec::new();
        for (number, ((rules, owned), in_union)) in parts.into_iter().zip(placed).enumerate() {
            let mut from_union = vec![None; union.rules.len()];
            for (local, (at, rule)) in (0u32..).zip(in_union.iter().zip(&rules)) {
                from_union[*at as usize] = Some(local);
                if matches!(rule.body, Body::Correlation(_)) || (owned[local as usize] && rule.alerts) {
                    routes[*at as usize].push((number, local));
                }
            }
            made.push(Part { set: Arc::new(RuleSet::of(rules)), in_union, owned, from_union });
        }
        Parts { union: Arc::new(RuleSet::of(union.rules)), parts: made, routes }
    }

    /// Hands a detection of the union to every part that it feeds, in the numbers of the part.
    pub fn route(&self, detection: Detection, take: &mut impl FnMut(usize, Detection)) {
        let Some((last, others)) = self.routes.get(detection.target as usize).and_then(|r| r.split_last()) else { return };
        for to in others {
            self.send(*to, detection.clone(), take);
        }
        self.send(*last, detection, take);
    }

    fn send(&self, (part, target): (usize, u32), mut detection: Detection, take: &mut impl FnMut(usize, Detection)) {
        let Some(rule) = self.parts[part].from_union.get(detection.rule as usize).copied().flatten() else { return };
        (detection.target, detection.rule) = (target, rule);
        take(part, detection);
    }

    /// Counts by target of the union, in the numbers of a part.
    #[must_use]
    pub fn counts(&self, part: usize, counts: &BTreeMap<u32, u64>) -> BTreeMap<u32, u64> {
        let to = |(target, n): (&u32, &u64)| {
            let mut routes = self.routes.get(*target as usize)?.iter();
            routes.find(|(of, _)| *of == part).map(|(_, local)| (*local, *n))
        };
        counts.iter().filter_map(to).collect()
    }
}

/// Per rule a digest of everything that its alerts come from or show.
fn whole(set: &RuleSet) -> Vec<[u8; 32]> {
    let finding = set.rules.iter().find(|r| r.meta.id == FINDING_RULE_ID && r.alerts).map(own);
    let mut known = vec![None; set.rules.len()];
    (0..set.rules.len() as u32).map(|rule| whole_of(set, rule, finding, &mut known)).collect()
}

fn whole_of(set: &RuleSet, rule: u32, finding: Option<[u8; 32]>, known: &mut [Option<[u8; 32]>]) -> [u8; 32] {
    if let Some(digest) = known[rule as usize] {
        return digest;
    }
    let mut hash = Sha256::new();
    hash.update(own(set.rule(rule)));
    if let Body::Correlation(c) = &set.rule(rule).body {
        hash.update(finding.unwrap_or_default());
        for child in &c.rules {
            hash.update(whole_of(set, *child, finding, known));
        }
        for (name, fields) in &c.aliases {
            for (child, field) in fields {
                hash.update(format!("{name:?} {:?} {field:?};", set.rule(*child).meta.id));
            }
        }
    }
    let digest = hash.finalize().into();
    known[rule as usize] = Some(digest);
    digest
}

/// Everything about the rule itself.
fn own(rule: &Rule) -> [u8; 32] {
    RuleSet::of(vec![rule.clone()]).digest
}

/// The rules that count here, those they refer to, and beside correlations the rule of findings; and which of them count.
fn part(set: &RuleSet, counts: Vec<bool>) -> (Vec<Rule>, Vec<bool>) {
    let mut wanted = BTreeSet::new();
    let mut waiting: Vec<u32> = (0u32..).zip(&counts).filter(|(_, counts)| **counts).map(|(rule, _)| rule).collect();
    while let Some(rule) = waiting.pop() {
        if wanted.insert(rule)
            && let Body::Correlation(c) = &set.rule(rule).body
        {
            waiting.extend(&c.rules);
            waiting.extend((0u32..).zip(&set.rules).find(|(_, r)| r.meta.id == FINDING_RULE_ID).map(|(rule, _)| rule));
        }
    }
    let number: BTreeMap<u32, u32> = wanted.iter().copied().zip(0u32..).collect();
    let rules = wanted.iter().map(|rule| renumbered(set.rule(*rule), &|child| number[&child])).collect();
    (rules, wanted.iter().map(|rule| counts[*rule as usize]).collect())
}

fn renumbered(rule: &Rule, number: &dyn Fn(u32) -> u32) -> Rule {
    let mut rule = rule.clone();
    if let Body::Correlation(c) = &mut rule.body {
        *c = correlation(c, number);
    }
    rule
}

fn correlation(c: &Correlation, number: &dyn Fn(u32) -> u32) -> Correlation {
    let fields = |of: &BTreeMap<u32, String>| of.iter().map(|(rule, field)| (number(*rule), field.clone())).collect();
    Correlation {
        rules: c.rules.iter().map(|rule| number(*rule)).collect(),
        aliases: c.aliases.iter().map(|(name, of)| (name.clone(), fields(of))).collect(),
        ..c.clone()
    }
}

/// What is matched: of rules of equal meaning and level one, of correlations over the same ones too.
#[derive(Default)]
struct Union {
    rules: Vec<Rule>,
    places: BTreeMap<(String, usize), u32>,
}

impl Union {
    /// Takes in a part; gives the place of each of its rules. Two rules of one part never share a place.
    fn take(&mut self, rules: &[Rule], owned: &[bool]) -> Vec<u32> {
        let mut placed: Vec<Option<u32>> = vec![None; rules.len()];
        let mut times: BTreeMap<String, usize> = BTreeMap::new();
        while let Some(local) = (0..rules.len()).find(|l| placed[*l].is_none() && ready(&rules[*l], &placed)) {
            let rule = renumbered(&rules[local], &|child| placed[child as usize].unwrap_or_default());
            let key = key(&rule);
            let nth = times.entry(key.clone()).or_default();
            let at = *self.places.entry((key, *nth)).or_insert(self.rules.len() as u32);
            *nth += 1;
            placed[local] = Some(at);
            let alerts = rule.alerts && owned[local];
            match self.rules.get_mut(at as usize) {
                Some(known) => known.alerts |= alerts,
                None => self.rules.push(Rule { alerts, ..rule }),
            }
        }
        placed.into_iter().flatten().collect()
    }
}

/// Whether all that a rule refers to has its place.
fn ready(rule: &Rule, placed: &[Option<u32>]) -> bool {
    match &rule.body {
        Body::Correlation(c) => c.rules.iter().all(|child| placed[*child as usize].is_some()),
        Body::Detection(_) => true,
    }
}

/// Rules with the same key give the same detections.
fn key(rule: &Rule) -> String {
    let level = rule.meta.level.map_or(0, |l| 1 + l as u8);
    match &rule.body {
        Body::Detection(_) => format!("{:?} {level}", rule.digest),
        Body::Correlation(c) => format!("{:?} {:?} {:?}", rule.digest, c.rules, c.aliases),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{RuleFile, load};

    const RULES: &str = "title: Refused
id: refused
name: refused
logsource: {product: shop, service: login}
detection: {s: {result: refused}, condition: s}
---
title: Opened
id: opened
logsource: {product: shop, service: login}
detection: {s: {result: opened}, condition: s}
---
title: Three refusals
id: three
name: three
level: high
correlation: {type: event_count, rules: [refused], group-by: [who], timespan: 60s, condition: {gte: 3}, generate: true}
---
title: Many who are refused
id: many
level: critical
correlation: {type: event_count, rules: [three], timespan: 1h, condition: {gte: 2}}
";

    fn set(text: &str) -> RuleSet {
        let loaded = load(&[RuleFile { name: "r.yml".into(), text: text.into() }]);
        assert!(loaded.diagnostics.iter().all(|d| d.gravity != crate::rule::Gravity::Error), "{:?}", loaded.diagnostics);
        loaded.set
    }

    fn ids(part: &Part) -> Vec<(&str, bool)> {
        part.set.rules.iter().zip(&part.owned).map(|(r, owned)| (r.meta.id.as_str(), *owned)).collect()
    }

    #[test]
    fn equal_sets_run_once() {
        let parts = Parts::between(&set(RULES), &set(RULES));
        assert_eq!(parts.union.rules.len(), 4);
        assert_eq!(ids(&parts.parts[SHARED]).len(), 4);
        assert!(parts.parts[OLD].set.rules.is_empty() && parts.parts[NEW].set.rules.is_empty());
    }

    #[test]
    fn a_changed_correlation_takes_what_it_refers_to_along() {
        let parts = Parts::between(&set(RULES), &set(&RULES.replace("gte: 2", "gte: 4")));
        assert_eq!(ids(&parts.parts[SHARED]), [("opened", true), ("refused", true), ("three", true)]);
        assert_eq!(ids(&parts.parts[NEW]), [("many", true), ("refused", false), ("three", false)]);
        // Matching is done once, and correlations over the same rules are fed once for all parts.
        assert_eq!(parts.union.rules.len(), 5);
        let three = parts.parts[SHARED].in_union[2] as usize;
        assert_eq!(parts.routes[three], [(SHARED, 2), (OLD, 2), (NEW, 2)]);
    }

    #[test]
    fn what_only_describes_is_matched_once_and_told_twice() {
        let parts = Parts::between(&set(RULES), &set(&RULES.replace("title: Opened", "title: Somebody opened")));
        assert_eq!(ids(&parts.parts[OLD]), [("opened", true)]);
        assert_eq!(parts.union.rules.len(), 4);
        let opened = parts.parts[OLD].in_union[0] as usize;
        assert_eq!(parts.routes[opened], [(OLD, 0), (NEW, 0)]);
    }

    #[test]
    fn a_child_that_is_heard_again_is_no_longer_the_same() {
        let without = RULES.split("---\ntitle: Three").next().expect("the rules before it");
        let muted = RULES.replace(", generate: true", "");
        let parts = Parts::between(&set(&muted), &set(without));
        assert_eq!(ids(&parts.parts[SHARED]), [("opened", true)]);
        assert_eq!(ids(&parts.parts[NEW]), [("refused", true)]);
        assert_eq!(parts.counts(NEW, &BTreeMap::from([(parts.parts[NEW].in_union[0], 7)])), BTreeMap::from([(0, 7)]));
    }

    #[test]
    fn rules_with_one_meaning_in_one_set_keep_places_of_their_own() {
        let twice = format!("{RULES}---\n{}", RULES.split("---\n").nth(1).expect("a rule").replace("opened\nlog", "again\nlog"));
        let parts = Parts::alone(&set(&twice));
        let part = &parts.parts[SHARED];
        let places: BTreeSet<u32> = part.in_union.iter().copied().collect();
        assert_eq!((part.set.rules.len(), places.len()), (5, 5));
    }
}
