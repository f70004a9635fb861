//! The naive matcher: a rule's AST against a whole JSON tree, as plainly as the semantics can be said. The oracle.

use regex::Regex;
use serde_json::Value as Json;
use std::net::IpAddr;
use tidegate_core::event::time::{civil_from_days, days_from_civil, epoch_number_ms, parse_any_ms};
use tidegate_core::rule::{Compare, Expr, Part, RefMode, Test, TimePart};

/// Whether the event meets the condition.
pub(crate) fn matches(expr: &Expr, event: &Json) -> bool {
    match expr {
        Expr::And(parts) => parts.iter().all(|p| matches(p, event)),
        Expr::Or(parts) => parts.iter().any(|p| matches(p, event)),
        Expr::Not(part) => !matches(part, event),
        Expr::Field { field, test } => passes(&values_at(event, field), test, event),
        Expr::Keyword(test) => keyword(event, test),
    }
}

/// All values of a field: nested or flat, arrays opened once at the end and always on the way. Nulls only if nothing else is there.
fn values_at(event: &Json, field: &str) -> Vec<Json> {
    let mut found = Vec::new();
    let keys: Vec<&str> = field.split('.').collect();
    walk(event, &keys, &mut found);
    if keys.len() > 1 {
        walk(event, &[field], &mut found);
    }
    if found.iter().any(|v| !v.is_null()) {
        found.retain(|v| !v.is_null());
    }
    found
}

fn walk(value: &Json, keys: &[&str], found: &mut Vec<Json>) {
    match (value, keys) {
        (Json::Array(items), []) => found.extend(items.iter().cloned()),
        (value, []) => found.push(value.clone()),
        (Json::Array(items), keys) => items.iter().for_each(|item| walk(item, keys, found)),
        (Json::Object(map), [key, rest @ ..]) => map.get(*key).into_iter().for_each(|v| walk(v, rest, found)),
        _ => {}
    }
}

fn leaves(value: &Json, out: &mut Vec<Json>) {
    match value {
        Json::Array(items) => items.iter().for_each(|v| leaves(v, out)),
        Json::Object(map) => map.values().for_each(|v| leaves(v, out)),
        scalar => out.push(scalar.clone()),
    }
}

fn scalar_text(value: &Json) -> Option<String> {
    match value {
        Json::Null => None,
        Json::Bool(b) => Some(b.to_string()),
        Json::Number(n) => Some(n.as_i64().map_or_else(|| n.as_f64().expect("a number").to_string(), |n| n.to_string())),
        Json::String(t) => Some(t.clone()),
        other => Some(other.to_string()),
    }
}

/// The texts of a value: its own, and of an object or array those inside.
fn texts(value: &Json) -> Vec<String> {
    let mut all: Vec<String> = scalar_text(value).into_iter().collect();
    if value.is_object() || value.is_array() {
        let mut inside = Vec::new();
        leaves(value, &mut inside);
        all.extend(inside.iter().filter_map(scalar_text));
    }
    all
}

fn number(value: &Json) -> Option<f64> {
    match value {
        Json::Number(n) => n.as_f64(),
        Json::String(t) => t.trim().parse().ok().filter(|x: &f64| x.is_finite()),
        _ => None,
    }
}

fn passes(values: &[Json], test: &Test, event: &Json) -> bool {
    let any_text = |f: &dyn Fn(&str) -> bool| values.iter().flat_map(texts).any(|t| f(&t));
    match test {
        Test::Text { pattern, cased } => any_text(&|t| fits(&pattern.0, &chars(t, *cased), *cased)),
        Test::Regex(regex) => {
            let regex = Regex::new(regex).expect("a regular expression");
            any_text(&|t| regex.is_match(t))
        }
        Test::Null => values.iter().all(Json::is_null),
        Test::Exists(wanted) => values.is_empty() != *wanted,
        Test::FieldRef { field, mode, cased } => {
            let others: Vec<String> = values_at(event, field).iter().flat_map(texts).map(|t| folded(&t, *cased)).collect();
            any_text(&|t| others.iter().any(|o| refers(&folded(t, *cased), o, *mode)))
        }
        other => values.iter().any(|v| value_passes(v, other)),
    }
}

fn refers(own: &str, other: &str, mode: RefMode) -> bool {
    match mode {
        RefMode::Equals => own == other,
        RefMode::Contains => own.contains(other),
        RefMode::StartsWith => own.starts_with(other),
        RefMode::EndsWith => own.ends_with(other),
    }
}

fn value_passes(value: &Json, test: &Test) -> bool {
    match test {
        Test::Number(n) => number(value) == Some(*n),
        Test::Bool(b) => !value.is_number() && scalar_text(value).is_some_and(|t| t.to_lowercase() == b.to_string()),
        Test::Cidr(net) => value.as_str().and_then(|t| t.parse::<IpAddr>().ok()).is_some_and(|ip| net.contains(&ip.to_canonical())),
        Test::Compare(compare, n) => number(value).is_some_and(|x| compares(x, *compare, *n)),
        Test::TimePart(part, compare, n) => time(value).is_some_and(|ms| compares(part_of(ms, *part) as f64, *compare, *n)),
        _ => unreachable!("tested on texts"),
    }
}

fn time(value: &Json) -> Option<i64> {
    match value {
        Json::String(t) => parse_any_ms(t),
        Json::Number(n) => n.as_f64().and_then(epoch_number_ms),
        _ => None,
    }
}

fn part_of(ms: i64, part: TimePart) -> i64 {
    let day_number = ms.div_euclid(86_400_000);
    let (year, month, day) = civil_from_days(day_number);
    match part {
        TimePart::Minute => ms.div_euclid(60_000).rem_euclid(60),
        TimePart::Hour => ms.div_euclid(3_600_000).rem_euclid(24),
        TimePart::Day => i64::from(day),
        TimePart::Month => i64::from(month),
        TimePart::Year => year,
        // The first week is the one with 4 January in it; weeks start on Monday.
        TimePart::Week => {
            let monday = |d: i64| d - (d + 3).rem_euclid(7);
            let first = |y: i64| monday(days_from_civil(y, 1, 4));
            let start = [year + 1, year, year - 1].into_iter().map(first).find(|s| *s <= day_number);
            (day_number - start.expect("a year before")) / 7 + 1
        }
    }
}

fn compares(x: f64, compare: Compare, n: f64) -> bool {
    match compare {
        Compare::Lt => x < n,
        Compare::Lte => x <= n,
        Compare::Gt => x > n,
        Compare::Gte => x >= n,
        Compare::Eq => x == n,
        Compare::Neq => x != n,
    }
}

fn keyword(event: &Json, test: &Test) -> bool {
    let mut all = Vec::new();
    leaves(event, &mut all);
    let texts: Vec<Json> = all.iter().filter_map(scalar_text).map(Json::String).collect();
    match test {
        Test::Text { pattern, cased } => {
            let anywhere: Vec<Part> = [Part::Any].into_iter().chain(pattern.0.iter().cloned()).chain([Part::Any]).collect();
            texts.iter().filter_map(Json::as_str).any(|t| fits(&anywhere, &chars(t, *cased), *cased))
        }
        Test::Null => false,
        Test::Exists(wanted) => *wanted,
        other => passes(&texts, other, event),
    }
}

fn folded(text: &str, cased: bool) -> String {
    chars(text, cased).into_iter().collect()
}

fn chars(text: &str, cased: bool) -> Vec<char> {
    text.chars().map(|c| if cased { c } else { c.to_lowercase().next().expect("a character") }).collect()
}

fn fits(parts: &[Part], text: &[char], cased: bool) -> bool {
    match parts {
        [] => text.is_empty(),
        [Part::Literal(literal), rest @ ..] => text.strip_prefix(chars(literal, cased).as_slice()).is_some_and(|t| fits(rest, t, cased)),
        [Part::One, rest @ ..] => text.split_first().is_some_and(|(_, t)| fits(rest, t, cased)),
        [Part::Any, rest @ ..] => (0..=text.len()).any(|n| fits(rest, &text[n..], cased)),
    }
}
