//! JSON inside strings: `additionalInfo.value`, `resources[].data`.

use super::{JSON_BYTES_MAX, Values, owned, values};
use crate::event::Value;
use serde_json::Value as Json;

/// The members at a dotted name of every JSON text among the inputs.
pub(super) fn members<'a>(inputs: &[&[Value<'a>]], name: &str) -> Values<'a> {
    let mut found = Values::new();
    for value in values(inputs) {
        if let Some(json) = value.text().and_then(|t| parse(&t)) {
            collect(&json, name, &mut found);
        }
    }
    found
}

/// Whether a JSON text's top level has a member that says true. The cheap search spares most events the parser.
pub(super) fn flag(text: &str, name: &str) -> bool {
    text.contains(name) && parse(text).is_some_and(|json| json.get(name).is_some_and(|v| *v == Json::Bool(true) || *v == "true"))
}

fn parse(text: &str) -> Option<Json> {
    let is_candidate = text.starts_with(['{', '[']) && text.len() <= JSON_BYTES_MAX;
    is_candidate.then(|| serde_json::from_str(text).ok()).flatten()
}

fn collect(json: &Json, name: &str, found: &mut Values<'_>) {
    match json {
        Json::Array(items) => items.iter().for_each(|item| collect(item, name, found)),
        Json::Object(members) if !name.is_empty() => {
            let (key, rest) = name.split_once('.').unwrap_or((name, ""));
            if let Some(member) = members.get(key) {
                collect(member, rest, found);
            }
        }
        leaf if name.is_empty() => found.push(value_of(leaf)),
        _ => {}
    }
}

fn value_of<'a>(json: &Json) -> Value<'a> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => n.as_i64().map_or_else(|| Value::Float(n.as_f64().unwrap_or(f64::NAN)), Value::Int),
        Json::String(s) => owned(s.clone()),
        Json::Array(_) | Json::Object(_) => owned(json.to_string()),
    }
}
