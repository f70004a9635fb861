//! Sigma filters: exclusions kept beside the rules they apply to.
//!
//! **What a filter's condition means.** The specification's purpose is "to suppress matches", and its example excludes with
//! `condition: selection`. pySigma ANDs the condition to the rule as it stands, so its users write `condition: not selection`.
//! Both are read as they are meant: a condition in which every part is negated (`not selection`, `not 1 of filter_*`) says which
//! events are *kept* and is ANDed as written; any other says which events are *excluded* and is ANDed behind a `not`. The one
//! form on which the two readings differ silently, a mixture such as `a and not b`, is taken as an exclusion, with a warning.
//!
//! A filter applies to the rules it names (by id or name), or with `rules: any` to every rule inside its logsource. A rule it
//! names must lie inside its logsource. Filters never apply to correlations.

use super::Expr;
use super::condition::{self, Tree};
use super::correlation::Word;
use super::detection;
use super::report::{Report, quoted};
use super::yaml::{Kind, Node};
use crate::event::LogSource;

/// A filter, read but not applied.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    pub(super) title: String,
    pub(super) logsource: LogSource,
    pub(super) targets: Targets,
    /// What is ANDed to each rule.
    pub(super) keep: Expr,
}

/// The rules a filter applies to.
#[derive(Debug, Clone)]
pub(super) enum Targets {
    /// All inside the logsource.
    Any,
    /// These.
    Named(Vec<Word>),
}

/// Reads the `filter` section. `None` if anything in it is wrong (all of it is reported).
pub(super) fn read(node: &Node, title: &str, logsource: Option<LogSource>, report: &mut Report) -> Option<Filter> {
    if !matches!(node.kind, Kind::Map(_)) {
        report.error(&node.place, format!("`filter` is {}", node.describe()), "it holds rules, selections, a condition", "make it a map");
        return None;
    }
    let errors = report.errors();
    let targets = targets(node, report);
    let selections = detection::selections(node, &["rules", "condition"], report);
    let keep = match node.get("condition") {
        Some(condition) if condition.kind == Kind::Text => {
            let expr = detection::link(condition, &selections, report.errors() == errors, report);
            expr.map(|e| keep(e, condition, report))
        }
        Some(condition) => {
            report.error(&condition.place, format!("`condition` is {}", condition.describe()), "one text is expected", "write a text");
            None
        }
        None => {
            report.error(&node.place, "no `condition`", "nothing says what is excluded", "add `condition: selection`");
            None
        }
    };
    if report.errors() > errors {
        return None;
    }
    Some(Filter { title: title.to_owned(), logsource: logsource?, targets: targets?, keep: keep? })
}

fn targets(node: &Node, report: &mut Report) -> Option<Targets> {
    let missing = ("nothing says to which rules it applies", "name them by id or name, or write `rules: any`");
    let Some(rules) = node.get("rules") else {
        report.error(&node.place, "no `rules`", missing.0, missing.1);
        return None;
    };
    let items = match &rules.kind {
        Kind::Text if rules.text.eq_ignore_ascii_case("any") || rules.text.eq_ignore_ascii_case("all") => return Some(Targets::Any),
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(rules),
    };
    if items.is_empty() || !items.iter().all(Node::is_word) {
        report.error(&rules.place, format!("`rules` is {}", rules.describe()), missing.0, missing.1);
        return None;
    }
    Some(Targets::Named(items.iter().map(|n| Word { text: n.text.clone(), place: n.place.clone() }).collect()))
}

/// How the parts of a condition are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    Plain,
    Negated,
    Mixed,
}

fn sign(tree: &Tree) -> Sign {
    match tree {
        Tree::Name(..) | Tree::Of { .. } => Sign::Plain,
        Tree::Not(_) => Sign::Negated,
        Tree::And(parts) | Tree::Or(parts) => {
            let signs: Vec<Sign> = parts.iter().map(sign).collect();
            let first = signs.first().copied().unwrap_or(Sign::Plain);
            if signs.iter().all(|s| *s == first) { first } else { Sign::Mixed }
        }
    }
}

fn keep(expr: Expr, condition: &Node, report: &mut Report) -> Expr {
    match condition::parse(&condition.text).map_or(Sign::Plain, |tree| sign(&tree)) {
        Sign::Negated => expr,
        Sign::Plain => Expr::Not(Box::new(expr)),
        Sign::Mixed => {
            let what = format!("filter condition {}", quoted(&condition.text));
            let why = "tools differ on whether it says what is excluded or what is kept; it is read as what is excluded";
            report.warn(&condition.place, what, why, "name what is excluded in selections, and write `condition: selection`");
            Expr::Not(Box::new(expr))
        }
    }
}

/// Whether a rule lies inside a filter's logsource: what the filter states, the rule states too.
pub(super) fn covers(filter: &LogSource, rule: &LogSource) -> bool {
    let inside = |filter: &Option<String>, rule: &Option<String>| filter.is_none() || filter == rule;
    inside(&filter.category, &rule.category) && inside(&filter.product, &rule.product) && inside(&filter.service, &rule.service)
}
