//! The `detection` section: selections and conditions in, one [`Expr`] out.
//!
//! A map is linked with AND, a list with OR (of maps, of keywords, or of both), the values of a field with OR, with `all` AND.
//! A keyword is found anywhere in a leaf text of the event. `null` in a list of values is outside the specification; it is taken
//! as one of the alternatives, with a warning. Limits: 1,000 selections and 100,000 tests per rule.

use super::condition::{self, Resolver, Slip};
use super::legacy;
use super::modifiers::Chain;
use super::report::{Fault, Report, quoted};
use super::spelling::near_miss;
use super::value;
use super::yaml::{Entry, Kind, Node};
use super::{Expr, Pattern, Place, Test};
use std::collections::BTreeMap;

const TESTS_MAX: usize = 100_000;
const SELECTIONS_MAX: usize = 1_000;
pub(super) const RESERVED: [&str; 2] = ["condition", "timeframe"];

/// A named selection.
#[derive(Debug)]
pub(super) struct Selection {
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) expr: Expr,
}

/// The whole section of a rule. `None` if anything in it is wrong (all of it is reported).
pub(super) fn read(node: &Node, report: &mut Report) -> Option<Expr> {
    let errors = report.errors();
    if !matches!(node.kind, Kind::Map(_)) {
        report.error(&node.place, format!("`detection` is {}", node.describe()), "it holds selections and a condition", "make it a map");
        return None;
    }
    if let Some(entry) = node.entries().iter().find(|e| e.key == "timeframe") {
        legacy::timeframe(entry, node.get("condition"), report);
    }
    let selections = selections(node, &RESERVED, report);
    let expr = conditions(node, &selections, report);
    (report.errors() == errors).then_some(expr).flatten()
}

/// The selections under a node; keys in `others` mean something else.
pub(super) fn selections(node: &Node, others: &[&str], report: &mut Report) -> Vec<Selection> {
    let mut found = Vec::new();
    let mut tests = 0usize;
    for entry in node.entries().iter().filter(|e| !others.contains(&e.key.as_str())) {
        if let Some(known) = near_miss(&entry.key, others).filter(|known| node.get(known).is_none()) {
            let what = format!("unknown key {} (did you mean `{known}`?)", quoted(&entry.key));
            report.error(&entry.place, what, "it would be taken as a selection", format!("write `{known}`, or rename the selection"));
            continue;
        }
        // A selection that cannot be read still has its name, so that the condition is not said to be wrong too.
        let expr = selection(&entry.value, &entry.place, report).unwrap_or_else(|| Expr::any(Vec::new()));
        tests = tests.saturating_add(expr.size());
        if tests > TESTS_MAX {
            report.error(&entry.place, "too many values", "a rule may have 100,000 tests", "split the rule");
            break;
        }
        if found.len() >= SELECTIONS_MAX {
            report.error(&entry.place, "too many selections", "a rule may have 1,000", "split the rule");
            break;
        }
        found.push(Selection { name: entry.key.clone(), place: entry.place.clone(), expr });
    }
    found
}

/// The `condition` of a section, put together. A list of conditions is linked with OR.
fn conditions(node: &Node, selections: &[Selection], report: &mut Report) -> Option<Expr> {
    let Some(condition) = node.get("condition") else {
        report.error(&node.place, "no `condition`", "nothing says how the selections are linked", "add `condition: selection`");
        return None;
    };
    let texts: Vec<&Node> = match &condition.kind {
        Kind::List(items) => {
            if items.len() > 1 {
                report.warn(
                    &condition.place,
                    "a list of conditions",
                    "Sigma links them with OR, as one rule",
                    "write two rules if they are two findings",
                );
            }
            items.iter().collect()
        }
        _ => vec![condition],
    };
    let parts: Vec<Expr> = texts.iter().filter_map(|t| one_condition(t, node, selections, texts.len() == 1, report)).collect();
    if texts.is_empty() {
        report.error(&condition.place, "an empty list of conditions", "the rule would never match", "name a selection");
    }
    (parts.len() == texts.len() && !parts.is_empty()).then(|| Expr::any(parts))
}

fn one_condition(node: &Node, detection: &Node, selections: &[Selection], only: bool, report: &mut Report) -> Option<Expr> {
    if node.kind != Kind::Text && !node.is_word() {
        report.error(&node.place, format!("`condition` is {}", node.describe()), "it links selections in words", "write a text");
        return None;
    }
    if legacy::aggregation(node, detection.get("timeframe"), report) {
        return None;
    }
    link(node, selections, only, report)
}

/// Reads a condition text over selections. With `all_used` a selection that is not named is warned of.
pub(super) fn link(node: &Node, selections: &[Selection], all_used: bool, report: &mut Report) -> Option<Expr> {
    let tree = match condition::parse(&node.text) {
        Ok(tree) => tree,
        Err(slip) => {
            say(node, slip, report);
            return None;
        }
    };
    let mut resolver = Resolver::new(selections.iter().map(|s| (s.name.as_str(), &s.expr)).collect::<BTreeMap<_, _>>());
    let expr = resolver.resolve(&tree);
    let good = resolver.slips.is_empty();
    resolver.slips.into_iter().for_each(|slip| say(node, slip, report));
    if all_used && good {
        for unused in selections.iter().filter(|s| !resolver.used.contains(&s.name)) {
            let what = format!("selection {} is not used", quoted(&unused.name));
            report.warn(&unused.place, what, "the condition does not name it", "name it in the condition, or remove it");
        }
    }
    if node.text.to_ascii_lowercase().contains("all of them") {
        report.warn(
            &node.place,
            "`all of them`",
            "Sigma discourages it: a selection added later silently narrows the rule",
            "write `all of selection_*`",
        );
    }
    good.then_some(expr)
}

fn say(node: &Node, (at, fault): Slip, report: &mut Report) {
    report.fault(&node.place_at(at), fault);
}

fn selection(node: &Node, place: &Place, report: &mut Report) -> Option<Expr> {
    match &node.kind {
        Kind::Map(entries) => map(entries, place, report),
        Kind::List(items) if items.is_empty() => {
            report.error(place, "an empty selection", "it would match nothing", "add values, or remove it");
            None
        }
        Kind::List(items) => {
            let parts: Vec<Option<Expr>> = items.iter().map(|item| list_item(item, report)).collect();
            parts.into_iter().collect::<Option<Vec<Expr>>>().map(Expr::any)
        }
        _ => list_item(node, report),
    }
}

fn list_item(node: &Node, report: &mut Report) -> Option<Expr> {
    match &node.kind {
        Kind::Map(entries) => map(entries, &node.place, report),
        Kind::Text | Kind::Number(_) | Kind::Bool(_) => keywords("", &node.place, std::slice::from_ref(node), report),
        Kind::List(_) | Kind::Null => {
            let what = format!("{} in a selection", node.describe());
            report.error(&node.place, what, "a selection holds fields with values, or keywords", "write `field: value` or a text");
            None
        }
    }
}

fn map(entries: &[Entry], place: &Place, report: &mut Report) -> Option<Expr> {
    if entries.is_empty() {
        report.error(place, "an empty selection", "it would match every event", "add fields, or remove it");
        return None;
    }
    let parts: Vec<Option<Expr>> = entries.iter().map(|e| item(e, report)).collect();
    parts.into_iter().collect::<Option<Vec<Expr>>>().map(Expr::all)
}

/// `field|modifiers: value or list of values`.
fn item(entry: &Entry, report: &mut Report) -> Option<Expr> {
    let values = match &entry.value.kind {
        Kind::List(items) if items.is_empty() => {
            let what = format!("no values for {}", quoted(&entry.key));
            report.error(&entry.value.place, what, "an empty list matches nothing", "add values, or remove the field");
            return None;
        }
        Kind::List(items) => items.as_slice(),
        _ => std::slice::from_ref(&entry.value),
    };
    if entry.key.is_empty() || entry.key.starts_with('|') {
        return keywords(&entry.key, &entry.place, values, report);
    }
    let chain = chain(&entry.key, &entry.place, values, report)?;
    if values.len() > 1 {
        for null in values.iter().filter(|v| v.kind == Kind::Null) {
            let why = "the specification allows `null` only by itself; it is read as one of the alternatives";
            report.warn(&null.place, "`null` in a list of values", why, "put it in a selection of its own and link the two with `or`");
        }
    }
    let field = chain.field.clone();
    linked(&chain, values, report, |test| Expr::Field { field: field.clone(), test })
}

fn keywords(key: &str, place: &Place, values: &[Node], report: &mut Report) -> Option<Expr> {
    let chain = chain(key, place, values, report)?;
    if !chain.suits_keywords() {
        let what = format!("modifiers {} without a field", quoted(key));
        report.error(place, what, "keywords are texts or regular expressions", "write the field's name before the first `|`");
        return None;
    }
    if let Some(null) = values.iter().find(|v| v.kind == Kind::Null) {
        report.error(&null.place, "`null` as a keyword", "keywords are looked for in texts", "name the field that is null");
        return None;
    }
    let as_text: Vec<Node> = values.iter().map(Node::as_written).collect();
    linked(&chain, &as_text, report, |test| Expr::Keyword(anywhere(test)))
}

/// A keyword is found inside a text.
fn anywhere(test: Test) -> Test {
    match test {
        Test::Text { pattern, cased } => Test::Text { pattern: pattern.open_start().open_end(), cased },
        other => other,
    }
}

fn chain(key: &str, place: &Place, values: &[Node], report: &mut Report) -> Option<Chain> {
    let chain = match Chain::parse(key) {
        Ok(chain) => chain,
        Err(fault) => {
            report.fault(place, fault);
            return None;
        }
    };
    if chain.all && values.len() == 1 {
        let fault = Fault::new("`all` with a single value", "the specification forbids it: there is nothing to link", "remove `all`");
        report.fault(place, fault);
        return None;
    }
    Some(chain)
}

fn linked(chain: &Chain, values: &[Node], report: &mut Report, leaf: impl Fn(Test) -> Expr) -> Option<Expr> {
    let (mut parts, mut good, mut size) = (Vec::with_capacity(values.len()), true, 0usize);
    for node in values {
        match value::tests(chain, node) {
            Ok(tests) => {
                warn_of_anything(&tests, node, report);
                parts.push(Expr::any(tests.into_iter().map(&leaf).collect()));
            }
            Err(fault) => {
                report.fault(&node.place, fault);
                good = false;
            }
        }
        size = size.saturating_add(parts.last().map_or(0, Expr::size));
        if size > TESTS_MAX {
            report.error(&node.place, "too many values", "a rule may have 100,000 tests", "split the rule");
            return None;
        }
    }
    let joined = if chain.all { Expr::all(parts) } else { Expr::any(parts) };
    good.then(|| if chain.neq { Expr::Not(Box::new(joined)) } else { joined })
}

/// An empty value under `contains` matches every text: most likely the value was lost.
fn warn_of_anything(tests: &[Test], node: &Node, report: &mut Report) {
    let anything = Pattern(Vec::new()).open_end();
    if node.text.is_empty() && tests.iter().any(|t| matches!(t, Test::Text { pattern, .. } if *pattern == anything)) {
        report.warn(&node.place, "an empty value that matches every text", "`contains` of nothing is true", "write `'*'` if this is meant");
    }
}

#[cfg(test)]
mod tests;
