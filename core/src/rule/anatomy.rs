//! Detection rules as their authors wrote them: selections by name, the words of the condition. What links away the names is
//! elsewhere; this is for those who explain a rule or look at how it is written.
//!
//! Reads the same files with the same readers, so it cannot disagree with what is loaded. Rules that do not load have no anatomy.

use super::condition::{self, Tree, reaches};
use super::detection::{self, RESERVED};
use super::report::Report;
use super::yaml::{self, Kind, Node};
use super::{Expr, Place, RuleFile};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A detection rule by its parts.
#[derive(Debug, Clone)]
pub struct Anatomy {
    /// Selections, in the order written.
    pub selections: Vec<NamedSelection>,
    /// The conditions as written; several are linked with OR.
    pub written: Vec<String>,
    /// What they say, with patterns of names resolved.
    pub clause: Clause,
    /// The condition with its selections put in, before filters.
    pub own: Expr,
}

/// A selection and its name.
#[derive(Debug, Clone)]
pub struct NamedSelection {
    /// Name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// What it says.
    pub expr: Expr,
}

/// A condition over names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clause {
    /// This selection.
    Selection(String),
    /// All of these.
    All(Vec<Clause>),
    /// One of these.
    Any(Vec<Clause>),
    /// Not this.
    Not(Box<Clause>),
}

impl Anatomy {
    /// The selection of this name.
    #[must_use]
    pub fn selection(&self, name: &str) -> Option<&NamedSelection> {
        self.selections.iter().find(|s| s.name == name)
    }
}

/// The detection rules of some files, by the place of their documents.
#[must_use]
pub fn anatomy(files: &[RuleFile]) -> BTreeMap<Place, Anatomy> {
    let mut found = BTreeMap::new();
    for file in files {
        let documents = yaml::documents(&Arc::from(file.name.as_str()), &file.text, &mut Report::default());
        let parts = documents.iter().filter_map(|document| Some((document.place.clone(), of(document.get("detection")?)?)));
        found.extend(parts);
    }
    found
}

fn of(detection: &Node) -> Option<Anatomy> {
    let mut report = Report::default();
    let own = detection::read(detection, &mut report)?;
    let selections = detection::selections(detection, &RESERVED, &mut report);
    let names: Vec<&str> = selections.iter().map(|s| s.name.as_str()).collect();
    let condition = detection.get("condition")?;
    let texts = match &condition.kind {
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(condition),
    };
    let clauses = texts.iter().map(|text| condition::parse(&text.text).ok().map(|tree| clause(&tree, &names)));
    let clause = single(clauses.collect::<Option<Vec<_>>>()?, Clause::Any);
    let written = texts.iter().map(|text| text.text.trim().to_owned()).collect();
    let selections = selections.into_iter().map(|s| NamedSelection { name: s.name, place: s.place, expr: s.expr }).collect();
    Some(Anatomy { selections, written, clause, own })
}

fn clause(tree: &Tree, names: &[&str]) -> Clause {
    let all = |trees: &[Tree]| trees.iter().map(|tree| clause(tree, names)).collect();
    match tree {
        Tree::Name(name, _) => Clause::Selection(name.clone()),
        Tree::And(trees) => Clause::All(all(trees)),
        Tree::Or(trees) => Clause::Any(all(trees)),
        Tree::Not(tree) => Clause::Not(Box::new(clause(tree, names))),
        Tree::Of { all, pattern, .. } => {
            let reached = names.iter().filter(|name| reaches(pattern, name)).map(|&name| Clause::Selection(name.to_owned()));
            single(reached.collect(), if *all { Clause::All } else { Clause::Any })
        }
    }
}

fn single(mut clauses: Vec<Clause>, join: fn(Vec<Clause>) -> Clause) -> Clause {
    if clauses.len() == 1 { clauses.remove(0) } else { join(clauses) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "title: T\nid: t\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  sel_a: {x: 1}\n  sel_b: {y: 2}\n  \
                        not_this: {z: 3}\n  condition: 1 of sel_* and not not_this\n";

    #[test]
    fn names_stay_and_patterns_are_resolved() {
        let files = [RuleFile { name: "a.yml".into(), text: format!("title: broken\n---\n{RULE}") }];
        let found = anatomy(&files);
        let (place, one) = found.first_key_value().expect("one rule");
        assert_eq!((found.len(), place.line), (1, 3));
        let named = |name: &str| Clause::Selection(name.to_owned());
        let not = Clause::Not(Box::new(named("not_this")));
        assert_eq!(one.clause, Clause::All(vec![Clause::Any(vec![named("sel_a"), named("sel_b")]), not]));
        assert_eq!(one.selection("sel_b").map(|s| s.place.line), Some(8));
        assert_eq!(one.written, ["1 of sel_* and not not_this"]);
    }
}
