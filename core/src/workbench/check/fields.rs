//! Fields that the rule's sources do not have, or that are nearly one they have; for group keys and measured values too.

use super::dictionary;
use super::{Checker, Subject};
use crate::enrich;
use crate::event::Form;
use crate::normalize;
use crate::rule::yaml::{Entry, Kind, Node};
use crate::rule::{Body, Place, near_miss, quoted};
use crate::workbench::explain::{fields_of_correlation, forms};
use std::collections::BTreeSet;

pub(super) fn check(checker: &mut Checker<'_>, subject: &Subject<'_>) {
    match &subject.rule.body {
        Body::Detection(_) => of_detection(checker, subject),
        Body::Correlation(_) => of_correlation(checker, subject),
    }
}

fn of_detection(checker: &mut Checker<'_>, subject: &Subject<'_>) {
    let forms = forms(&subject.sources);
    let known = dictionary::known(&forms);
    for (field, place) in items(subject.document).into_iter().map(|entry| (field_of(entry), &entry.place)) {
        if let Some((what, why)) = doubt(field, &forms, &known) {
            checker.warn(place, what, why, "correct the name, or check it on a real event (`tidegate rules explain --event`)");
        }
    }
}

/// `field` of `field|modifiers`.
pub(super) fn field_of(entry: &Entry) -> &str {
    entry.key.split('|').next().unwrap_or_default()
}

/// Every `field|modifiers: values` of a detection.
pub(super) fn items(document: &Node) -> Vec<&Entry> {
    let mut found = Vec::new();
    let selections = document.get("detection").map_or(&[][..], Node::entries);
    for selection in selections.iter().filter(|e| e.key != "condition" && e.key != "timeframe") {
        collect(&selection.value, &mut found);
    }
    found
}

fn collect<'n>(node: &'n Node, found: &mut Vec<&'n Entry>) {
    match &node.kind {
        Kind::Map(entries) => found.extend(entries.iter().filter(|e| !field_of(e).is_empty())),
        Kind::List(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

/// What is doubtful about a name: the sources cannot have it, or have one that is nearly it.
fn doubt(field: &str, forms: &[Form], known: &BTreeSet<&'static str>) -> Option<(String, String)> {
    if forms.is_empty() || known.contains(field) || enrich::field(field).is_some() {
        return None;
    }
    let names: Vec<&str> = known.iter().copied().collect();
    let near = near(field, &names);
    if forms.iter().all(|form| normalize::resolve(*form, field).is_empty()) {
        return Some((
            format!("field {}{near}", quoted(field)),
            "events of its sources cannot have it, so the test is never true".to_owned(),
        ));
    }
    let why = "its sources have a field that is nearly called so, and this one is looked for as it is written".to_owned();
    (!near.is_empty() && !is_spelling(field, known)).then(|| (format!("field {}{near}", quoted(field)), why))
}

/// A spelling that another rule of names admits (`detail.` in front, `_` for `-`).
fn is_spelling(field: &str, known: &BTreeSet<&'static str>) -> bool {
    let plain = field.strip_prefix("detail.").unwrap_or(field);
    known.contains(plain) || known.contains(plain.replace('_', "-").as_str()) || known.contains(plain.replace('-', "_").as_str())
}

/// ` (did you mean ...?)` or nothing. Letter case alone is the commonest slip.
fn near(field: &str, names: &[&str]) -> String {
    let lowered: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let words: Vec<&str> = lowered.iter().map(String::as_str).collect();
    let word = field.to_lowercase();
    let found = words.iter().position(|known| *known == word);
    let found = found.or_else(|| near_miss(&word, &words).and_then(|near| words.iter().position(|known| *known == near)));
    found.map_or_else(String::new, |at| format!(" (did you mean `{}`?)", names[at]))
}

fn of_correlation(checker: &mut Checker<'_>, subject: &Subject<'_>) {
    let Body::Correlation(correlation) = &subject.rule.body else { return };
    for child in &correlation.rules {
        let child_rule = checker.set.rule(*child);
        if !matches!(child_rule.body, Body::Detection(_)) {
            continue;
        }
        let forms = forms(&crate::detect::sources_of(checker.set, *child, &checker.hints.generic));
        let known = dictionary::known(&forms);
        for field in fields_of_correlation(correlation, *child) {
            let Some((what, _)) = doubt(&field, &forms, &known) else { continue };
            let why = format!("events of rule {} may not have it, and an event without it does not count", quoted(&child_rule.meta.title));
            checker.warn(&place_of(subject, &field), what, why, "correct the name, or give the field of each rule by `aliases`");
        }
    }
}

/// Where a field of `group-by`, `condition` or `aliases` stands.
fn place_of(subject: &Subject<'_>, field: &str) -> Place {
    let Some(correlation) = subject.document.get("correlation") else { return subject.rule.meta.place.clone() };
    find(correlation, field).unwrap_or_else(|| correlation.place.clone())
}

fn find(node: &Node, text: &str) -> Option<Place> {
    match &node.kind {
        Kind::List(items) => items.iter().find_map(|item| find(item, text)),
        Kind::Map(entries) => entries.iter().find_map(|entry| find(&entry.value, text)),
        _ => (node.text == text).then(|| node.place.clone()),
    }
}
