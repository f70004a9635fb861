//! Conditions of `temporal` and `temporal_ordered`: which rules must have events, and which must not.
//!
//! Owns the boolean conditions of Sigma 2.2 over rule names and ids, and `gte: N` (at least N of the rules, written out as the
//! combinations, at most 200). `not` is moved inwards until it stands before a rule. Refused: a rule named in `rules` but not in
//! the condition and the other way round; a rule both wanted and excluded; a condition that holds without any wanted event.

use super::condition::{self, Tree};
use super::correlation::Occurrence;
use super::report::{Fault, Report, quoted};
use super::threshold::comparisons;
use super::yaml::{Kind, Node};
use super::{Compare, Presence};
use std::collections::{BTreeMap, BTreeSet};

const COMBINATIONS_MAX: usize = 200;

/// Reads `condition` of a temporal type.
pub(super) fn read(node: &Node, ordered: bool, report: &mut Report) -> Option<Occurrence> {
    let Some(condition) = node.get("condition") else { return Some(Occurrence::All) };
    match &condition.kind {
        Kind::Text => expression(node, condition, ordered, report),
        Kind::Map(_) => at_least(condition, report),
        _ => {
            let what = format!("`condition` is {}", condition.describe());
            report.error(&condition.place, what, "a temporal correlation needs rules", "write `a and b`, or leave it out for all rules");
            None
        }
    }
}

fn expression(node: &Node, condition: &Node, ordered: bool, report: &mut Report) -> Option<Occurrence> {
    let tree = match condition::parse(&condition.text) {
        Ok(tree) => tree,
        Err((at, fault)) => {
            report.fault(&condition.place_at(at), fault);
            return None;
        }
    };
    if let Some((pattern, at)) = quantified(&tree) {
        let why = "a correlation's condition names its rules one by one";
        report.error(&condition.place_at(at), format!("`of {pattern}` in a correlation"), why, "write the names with `and` and `or`");
        return None;
    }
    if ordered && node.get("rules").is_none() {
        report.error(&node.place, "no `rules`", "their order is the order of the events", "add `rules:` in order");
        return None;
    }
    Some(Occurrence::Expression(tree, condition.clone()))
}

fn quantified(tree: &Tree) -> Option<(String, usize)> {
    match tree {
        Tree::Of { pattern, at, .. } => Some((pattern.clone(), *at)),
        Tree::And(parts) | Tree::Or(parts) => parts.iter().find_map(quantified),
        Tree::Not(part) => quantified(part),
        Tree::Name(..) => None,
    }
}

fn at_least(condition: &Node, report: &mut Report) -> Option<Occurrence> {
    let errors = report.errors();
    for entry in condition.entries().iter().filter(|e| !matches!(e.key.as_str(), "lt" | "lte" | "gt" | "gte" | "eq" | "neq")) {
        let what = format!("unknown key {} in `condition`", quoted(&entry.key));
        report.error(&entry.place, what, "a temporal correlation counts rules", "write `gte: 2`, or `a and b`");
    }
    let found = comparisons(condition, report);
    if report.errors() > errors {
        return None;
    }
    match found.as_slice() {
        [(Compare::Gte | Compare::Eq, n, place)] if n.fract() == 0.0 && *n >= 1.0 && *n <= 1e6 => {
            Some(Occurrence::AtLeast(*n as usize, (*place).clone()))
        }
        [(Compare::Gt, n, place)] if n.fract() == 0.0 && *n >= 0.0 && *n <= 1e6 => {
            Some(Occurrence::AtLeast(*n as usize + 1, (*place).clone()))
        }
        _ => {
            let why = "a temporal correlation holds when at least so many of its rules have events";
            report.error(&condition.place, "condition of a temporal correlation", why, "write `gte: 2`, or a text like `a and not b`");
            None
        }
    }
}

/// The names in a condition, each once, in the order written.
pub(super) fn names(tree: &Tree) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    collect(tree, &mut found);
    let mut seen = BTreeSet::new();
    found.retain(|(name, _)| seen.insert(name.clone()));
    found
}

fn collect(tree: &Tree, found: &mut Vec<(String, usize)>) {
    match tree {
        Tree::Name(name, at) => found.push((name.clone(), *at)),
        Tree::And(parts) | Tree::Or(parts) => parts.iter().for_each(|p| collect(p, found)),
        Tree::Not(part) => collect(part, found),
        Tree::Of { .. } => {}
    }
}

/// The condition over places in `rules`. `places` maps every word a rule may be called by; `rules` are the words as written.
pub(super) fn resolve(occurrence: &Occurrence, rules: &[String], places: &BTreeMap<String, u16>, report: &mut Report) -> Option<Presence> {
    let count = u16::try_from(rules.len()).ok()?;
    match occurrence {
        Occurrence::All => Some(Presence::And((0..count).map(Presence::Rule).collect())),
        Occurrence::AtLeast(n, place) => match combinations(count, *n) {
            Ok(presence) => Some(presence),
            Err(fault) => {
                report.fault(place, fault);
                None
            }
        },
        Occurrence::Expression(tree, node) => boolean(tree, node, rules, places, report),
    }
}

fn combinations(count: u16, n: usize) -> Result<Presence, Fault> {
    let what = format!("at least {n} of {count} rules");
    if n > usize::from(count) {
        return Err(Fault::new(what, "there are not so many rules, and it would never hold", "lower the number"));
    }
    let mut sets: Vec<Vec<u16>> = vec![Vec::new()];
    for rule in 0..count {
        let left = usize::from(count - rule);
        let longer: Vec<Vec<u16>> = sets.iter().filter(|s| s.len() < n).map(|s| s.iter().copied().chain([rule]).collect()).collect();
        sets.retain(|s| s.len() + left > n || s.len() == n);
        sets.extend(longer);
        if sets.len() > 4 * COMBINATIONS_MAX {
            return Err(Fault::new(what, "it has more than 200 combinations", "use fewer rules, or all of them"));
        }
    }
    sets.retain(|s| s.len() == n);
    if sets.len() > COMBINATIONS_MAX {
        return Err(Fault::new(what, "it has more than 200 combinations", "use fewer rules, or all of them"));
    }
    sets.sort();
    let mut parts: Vec<Presence> = sets.into_iter().map(|s| Presence::And(s.into_iter().map(Presence::Rule).collect())).collect();
    Ok(if parts.len() == 1 { parts.remove(0) } else { Presence::Or(parts) })
}

fn boolean(tree: &Tree, node: &Node, rules: &[String], places: &BTreeMap<String, u16>, report: &mut Report) -> Option<Presence> {
    let errors = report.errors();
    for (name, at) in names(tree).iter().filter(|(name, _)| !places.contains_key(name)) {
        let what = format!("rule {} in the condition is not in `rules`", quoted(name));
        report.error(&node.place_at(*at), what, "its events would not be read", "add it to `rules`, or correct the name");
    }
    if report.errors() > errors {
        return None;
    }
    let presence = push_down(tree, false, places);
    let (mut wanted, mut excluded) = (BTreeSet::new(), BTreeSet::new());
    polarity(&presence, false, &mut wanted, &mut excluded);
    for (place, rule) in rules.iter().enumerate() {
        let place = u16::try_from(place).ok()?;
        let (is_wanted, is_excluded) = (wanted.contains(&place), excluded.contains(&place));
        if is_wanted && is_excluded {
            let what = format!("rule {} both wanted and excluded", quoted(rule));
            report.error(&node.place, what, "its events cannot be kept and removed at once", "name it once, with or without `not`");
        } else if !is_wanted && !is_excluded {
            let what = format!("rule {} of `rules` is not in the condition", quoted(rule));
            report.error(&node.place, what, "it would have no effect", "name it in the condition, or remove it from `rules`");
        }
    }
    if holds_without_events(&presence) {
        let why = "it would hold at every moment without any event";
        report.error(&node.place, "a condition without a positive part", why, "join the `not` to a rule that must occur: `a and not b`");
    }
    (report.errors() == errors).then_some(presence)
}

/// With `not` only before rules (De Morgan).
fn push_down(tree: &Tree, negated: bool, places: &BTreeMap<String, u16>) -> Presence {
    let all = |parts: &[Tree]| parts.iter().map(|p| push_down(p, negated, places)).collect();
    match (tree, negated) {
        (Tree::Not(part), _) => push_down(part, !negated, places),
        (Tree::And(parts), false) | (Tree::Or(parts), true) => Presence::And(all(parts)),
        (Tree::Or(parts), false) | (Tree::And(parts), true) => Presence::Or(all(parts)),
        (Tree::Name(name, _), _) => {
            let rule = Presence::Rule(places.get(name).copied().unwrap_or(0));
            if negated { Presence::Not(Box::new(rule)) } else { rule }
        }
        (Tree::Of { .. }, _) => Presence::Or(Vec::new()),
    }
}

fn polarity(presence: &Presence, negated: bool, wanted: &mut BTreeSet<u16>, excluded: &mut BTreeSet<u16>) {
    match presence {
        Presence::Rule(place) => {
            if negated {
                excluded.insert(*place)
            } else {
                wanted.insert(*place)
            };
        }
        Presence::And(parts) | Presence::Or(parts) => parts.iter().for_each(|p| polarity(p, negated, wanted, excluded)),
        Presence::Not(part) => polarity(part, !negated, wanted, excluded),
    }
}

/// `not` is true of an absent rule, so no event at all is the easiest case for a condition to hold without a wanted one.
fn holds_without_events(presence: &Presence) -> bool {
    match presence {
        Presence::Rule(_) => false,
        Presence::And(parts) => parts.iter().all(holds_without_events),
        Presence::Or(parts) => parts.iter().any(holds_without_events),
        Presence::Not(part) => !holds_without_events(part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_least_is_written_out() {
        assert_eq!(combinations(2, 2).unwrap(), Presence::And(vec![Presence::Rule(0), Presence::Rule(1)]));
        let Presence::Or(parts) = combinations(4, 2).unwrap() else { panic!() };
        assert_eq!(parts.len(), 6);
        assert!(combinations(2, 3).unwrap_err().why.contains("not so many"));
        assert!(combinations(40, 20).unwrap_err().why.contains("200"));
        let Presence::Or(parts) = combinations(10, 9).unwrap() else { panic!() };
        assert_eq!(parts.len(), 10);
        assert!(matches!(combinations(300, 300).unwrap(), Presence::And(parts) if parts.len() == 300));
    }

    #[test]
    fn not_moves_to_the_rules() {
        let places = BTreeMap::from([("a".to_owned(), 0), ("b".to_owned(), 1), ("c".to_owned(), 2)]);
        let tree = condition::parse("a and not (b or not c)").unwrap();
        let not_b = Presence::Not(Box::new(Presence::Rule(1)));
        let expected = Presence::And(vec![Presence::Rule(0), Presence::And(vec![not_b, Presence::Rule(2)])]);
        assert_eq!(push_down(&tree, false, &places), expected);
        assert!(!holds_without_events(&expected));
    }
}
