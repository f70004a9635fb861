//! A detection rule taken apart: its selections, the values in them, and the tree of its condition, each with its place.
//!
//! For those who must say which part of a rule decided. Sigma filters of other documents are not among the parts.

use super::condition::{self, Tree, reaches};
use super::detection::selections;
use super::report::Report;
use super::yaml::{self, Entry, Kind, Node};
use super::{Expr, Place};
use std::sync::Arc;

/// A detection rule taken apart.
#[derive(Debug, Clone)]
pub struct Apart {
    /// Where its document starts: that of the rule's [`super::Meta`].
    pub place: Place,
    /// Its selections, in the order written.
    pub selections: Vec<Selection>,
    /// Its condition; `None` where it has several.
    pub condition: Option<Branch>,
}

/// A selection and its parts.
#[derive(Debug, Clone)]
pub struct Selection {
    /// Name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// What it tests.
    pub expr: Expr,
    /// Of lists: each value by itself.
    pub values: Vec<Value>,
}

/// One value of a list.
#[derive(Debug, Clone)]
pub struct Value {
    /// The field and the value as written.
    pub text: String,
    /// Where it stands.
    pub place: Place,
    /// What it tests alone.
    pub expr: Expr,
}

/// A condition over selections, which are counted as in [`Apart::selections`].
#[derive(Debug, Clone, PartialEq)]
pub enum Branch {
    /// A selection, and where the condition names it.
    Selection(usize, Place),
    /// All.
    And(Vec<Branch>),
    /// One.
    Or(Vec<Branch>),
    /// Not.
    Not(Box<Branch>),
}

/// The detection rules of a file. What cannot be read is left out: loading tells it.
#[must_use]
pub fn apart(name: &str, text: &str) -> Vec<Apart> {
    let mut report = Report::default();
    let documents = yaml::documents(&Arc::from(name), text, &mut report);
    documents.iter().filter_map(|document| document.get("detection").map(|detection| of(document, detection))).collect()
}

fn of(document: &Node, detection: &Node) -> Apart {
    let mut report = Report::default();
    let found = selections(detection, &["condition", "timeframe"], &mut report);
    let selections: Vec<Selection> = found
        .into_iter()
        .map(|s| {
            let values = detection.get(&s.name).map(|node| values(&s.name, detection, node)).unwrap_or_default();
            Selection { name: s.name, place: s.place, expr: s.expr, values }
        })
        .collect();
    let condition = detection.get("condition").filter(|node| !matches!(node.kind, Kind::List(_)));
    let condition = condition.and_then(|node| condition::parse(&node.text).ok().and_then(|tree| branch(&tree, node, &selections)));
    Apart { place: document.place.clone(), selections, condition }
}

/// Each value of a selection's lists, by itself. Where all values must match none can be missing: those lists are left out.
fn values(name: &str, detection: &Node, node: &Node) -> Vec<Value> {
    let maps: Vec<&[Entry]> = match &node.kind {
        Kind::List(items) if items.iter().all(Node::is_word) => {
            return items.iter().filter_map(|item| alone(name, detection, item.clone(), &item.text, &item.place)).collect();
        }
        Kind::List(items) => items.iter().map(Node::entries).collect(),
        _ => vec![node.entries()],
    };
    let mut found = Vec::new();
    for entry in maps.into_iter().flatten() {
        let together = entry.key.split('|').skip(1).any(|modifier| matches!(modifier, "all" | "neq"));
        let Kind::List(items) = &entry.value.kind else { continue };
        for item in items.iter().filter(|_| !together && items.len() > 1) {
            let only = node.instead(Kind::Map(vec![Entry { value: item.clone(), ..entry.clone() }]));
            let text = format!("{}: {}", entry.key, item.text);
            found.extend(alone(name, detection, only, &text, &item.place));
        }
    }
    found
}

fn alone(name: &str, detection: &Node, selection: Node, text: &str, place: &Place) -> Option<Value> {
    let entry = Entry { key: name.to_owned(), place: place.clone(), value: selection };
    let mut report = Report::default();
    let one = selections(&detection.instead(Kind::Map(vec![entry])), &[], &mut report).pop()?;
    Some(Value { text: text.to_owned(), place: place.clone(), expr: one.expr })
}

fn branch(tree: &Tree, node: &Node, known: &[Selection]) -> Option<Branch> {
    let all = |parts: &[Tree]| parts.iter().map(|part| branch(part, node, known)).collect::<Option<Vec<_>>>();
    Some(match tree {
        Tree::And(parts) => Branch::And(all(parts)?),
        Tree::Or(parts) => Branch::Or(all(parts)?),
        Tree::Not(part) => Branch::Not(Box::new(branch(part, node, known)?)),
        Tree::Name(name, at) => Branch::Selection(known.iter().position(|s| s.name == *name)?, node.place_at(*at)),
        Tree::Of { all, pattern, at } => {
            let fitting = known.iter().enumerate().filter(|(_, s)| reaches(pattern, &s.name));
            let parts = fitting.map(|(n, _)| Branch::Selection(n, node.place_at(*at))).collect();
            if *all { Branch::And(parts) } else { Branch::Or(parts) }
        }
    })
}

impl Branch {
    /// Whether it holds, given which selections do.
    #[must_use]
    pub fn holds(&self, selections: &dyn Fn(usize) -> bool) -> bool {
        match self {
            Branch::Selection(n, _) => selections(*n),
            Branch::And(parts) => parts.iter().all(|part| part.holds(selections)),
            Branch::Or(parts) => parts.iter().any(|part| part.holds(selections)),
            Branch::Not(part) => !part.holds(selections),
        }
    }

    /// The selections it names, each once, with the place where it is first named.
    #[must_use]
    pub fn named(&self) -> Vec<(usize, &Place)> {
        let mut found: Vec<(usize, &Place)> = Vec::new();
        match self {
            Branch::Selection(n, place) => found.push((*n, place)),
            Branch::And(parts) | Branch::Or(parts) => found.extend(parts.iter().flat_map(Branch::named)),
            Branch::Not(part) => found.extend(part.named()),
        }
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|(n, _)| seen.insert(*n));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_values_and_branches_have_their_places() {
        let text = "title: x\nlogsource: {product: aws}\ndetection:\n  a:\n    f: [1, 2]\n    g|all|contains: [x, y]\n  b_1: [u, v]\n  b_2: {h: 1}\n  condition: a and not 1 of b_*\n";
        let all = apart("r.yml", text);
        let [rule] = &all[..] else { panic!("one rule: {all:?}") };
        let names: Vec<(&str, u32, usize)> = rule.selections.iter().map(|s| (s.name.as_str(), s.place.line, s.values.len())).collect();
        assert_eq!(names, [("a", 4, 2), ("b_1", 7, 2), ("b_2", 8, 0)]);
        assert_eq!(rule.selections[0].values[1].text, "f: 2");
        assert_eq!((rule.selections[0].values[1].place.line, rule.selections[0].values[1].place.column), (5, 12));
        let condition = rule.condition.as_ref().expect("a condition");
        assert!(condition.holds(&|n| n == 0) && !condition.holds(&|n| n != 1));
        let named: Vec<(usize, u32)> = condition.named().iter().map(|(n, place)| (*n, place.column)).collect();
        assert_eq!(named, [(0, 14), (1, 29), (2, 29)]);
    }
}
