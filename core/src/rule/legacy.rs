//! Sigma before correlations: `timeframe`, and aggregations behind a pipe in a condition. Refused, with the correlation to write.
//!
//! Owns the messages only. Nothing of this loads, because it would be read differently by every tool.

use super::report::{Report, quoted};
use super::yaml::{Entry, Node};

const OLD: &str = "Sigma replaced it by correlation rules";

/// `timeframe:` in a detection.
pub(super) fn timeframe(entry: &Entry, condition: Option<&Node>, report: &mut Report) {
    let span = if entry.value.text.is_empty() { "10m" } else { entry.value.text.as_str() };
    let aggregated = condition.is_some_and(|c| c.text.contains('|'));
    let remedy = if aggregated {
        format!("move it into the correlation that replaces the aggregation: `timespan: {span}`")
    } else {
        format!(
            "remove it; if the selections are to match different events, make each a rule with a `name` and add \
             `correlation: {{type: temporal, rules: [NAME, NAME], timespan: {span}}}`"
        )
    };
    report.error(&entry.place, format!("unsupported `timeframe: {span}`"), format!("a rule looks at one event; {OLD}"), remedy);
}

/// Reports the aggregation of a condition, if there is one.
pub(super) fn aggregation(node: &Node, timeframe: Option<&Node>, report: &mut Report) -> bool {
    let Some((before, behind)) = node.text.split_once('|') else { return false };
    let at = before.chars().count() + 1 + behind.chars().take_while(|c| c.is_whitespace()).count();
    let behind = behind.trim();
    let (base, word) = (before.trim(), behind.split(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default());
    let word_shown = if behind.contains('(') { format!("{word}()") } else { word.to_owned() };
    let what = format!("unsupported {} behind `|` in the condition", quoted(&word_shown));
    let why = format!("aggregations couple a rule with time and other events; {OLD}");
    let span = timeframe.filter(|t| t.is_word()).map_or("10m", |t| t.text.as_str());
    report.error(&node.place_at(at), what, why, replacement(base, behind, word, span));
    true
}

fn replacement(base: &str, behind: &str, word: &str, span: &str) -> String {
    let keep = format!("keep `condition: {base}`, give the rule a `name: NAME`, and add");
    let (field, group, condition) = parts(behind);
    let group = if group.is_empty() { String::new() } else { format!("group-by: [{group}], ") };
    let correlation = match (word, field.is_empty()) {
        ("near", _) => {
            let names: Vec<&str> = behind.split_whitespace().skip(1).filter(|w| *w != "and").collect();
            return format!(
                "make {} rules of their own, each with a `name`, and add `correlation: {{type: temporal, rules: [{base}, {}], timespan: {span}}}`",
                quoted(&format!("{base}, {}", names.join(", "))),
                names.join(", ")
            );
        }
        ("count", true) => format!("type: event_count, rules: [NAME], {group}timespan: {span}, condition: {{{condition}}}"),
        ("count", false) => {
            format!("type: value_count, rules: [NAME], {group}timespan: {span}, condition: {{field: {field}, {condition}}}")
        }
        ("sum" | "avg", _) => {
            format!("type: value_{word}, rules: [NAME], {group}timespan: {span}, condition: {{field: {field}, {condition}}}")
        }
        _ => format!(
            "a correlation of a type that fits (event_count, value_count, value_sum, value_avg, temporal); {word} has no direct one"
        ),
    };
    format!("{keep} `correlation: {{{correlation}}}`")
}

/// `count(field) by group > 5` as (field, group, `gt: 5`).
fn parts(behind: &str) -> (String, String, String) {
    let inside = behind.split_once('(').and_then(|(_, rest)| rest.split_once(')'));
    let (field, rest) = inside.map_or(("", behind), |(field, rest)| (field.trim(), rest));
    let group = rest.trim().strip_prefix("by ").map_or("", |g| g.split(['<', '>', '=']).next().unwrap_or_default().trim());
    let compare = [(">=", "gte"), ("<=", "lte"), ("==", "eq"), (">", "gt"), ("<", "lt"), ("=", "eq")];
    let found = compare.iter().find_map(|(sign, word)| rest.split_once(sign).map(|(_, n)| format!("{word}: {}", n.trim())));
    (field.to_owned(), group.split_whitespace().collect::<Vec<_>>().join(", "), found.unwrap_or_else(|| "gte: 1".to_owned()))
}
