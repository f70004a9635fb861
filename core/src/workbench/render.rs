//! From a template and what a case sets to the text of one record.

use super::suite::Suite;
use super::template::{self, Template, complete_finding};
use crate::event::flow::Column;
use crate::event::time::format_rfc3339;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The columns every flow line has.
const FLOW_COLUMNS: [Column; 14] = [
    Column::Version,
    Column::AccountId,
    Column::InterfaceId,
    Column::SrcAddr,
    Column::DstAddr,
    Column::SrcPort,
    Column::DstPort,
    Column::Protocol,
    Column::Packets,
    Column::Bytes,
    Column::Start,
    Column::End,
    Column::Action,
    Column::LogStatus,
];

/// What one event is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipe<'s> {
    /// The template, under its name.
    pub(super) template: (&'s str, &'s Template),
    /// What the case sets.
    pub(super) set: &'s Map<String, Value>,
    /// The account, if the case says one.
    pub(super) account: Option<&'s str>,
    /// Which step of the case, and which repetition: with the template it makes the event's id.
    pub(super) origin: (usize, u32),
    /// Its time.
    pub(super) time_ms: i64,
}

/// The columns of all flow lines of a suite: those of version 2, and every other one that a template or step sets.
#[must_use]
pub(super) fn flow_columns(suite: &Suite) -> Vec<Column> {
    let steps = suite.cases.iter().flat_map(|c| &c.steps).flat_map(|s| s.set.keys());
    let templates = suite.templates.values().filter(|t| t.kind == "vpcflow").flat_map(|t| t.fields.keys());
    let named: BTreeSet<Column> = templates.chain(steps).filter_map(|k| Column::from_name(k)).collect();
    let extra = named.into_iter().filter(|c| !FLOW_COLUMNS.contains(c));
    FLOW_COLUMNS.into_iter().chain(extra).collect()
}

/// The record, and the account it is about, if it names one.
pub(super) fn record(recipe: &Recipe<'_>, columns: &[Column]) -> (String, Option<String>) {
    let ((name, template), (step, n)) = (recipe.template, recipe.origin);
    let unique = format!("{:08x}-{step:04x}-4000-8000-{n:012x}", crate::event::id::hash128(name.as_bytes()) as u32);
    let mut event = template.base(recipe.time_ms, &unique);
    let flat = template.kind == "vpcflow";
    // A template may spell nested fields by dotted name, as `set` does.
    for (name, value) in template.fields.iter().chain(recipe.set) {
        put(&mut event, name, count(value, n), flat);
    }
    if template.kind == "guardduty" {
        complete_finding(&mut event);
    }
    let own = template.account_of(&event);
    let text = if flat { line(&event, columns) } else { event.to_string() };
    let mut text = text.replace("${time}", &format_rfc3339(recipe.time_ms));
    if template.kind == "eks" {
        text = template::logged(&text, own.as_deref(), recipe.time_ms, &unique);
    }
    match (own, recipe.account) {
        (Some(own), Some(other)) if !own.is_empty() => (text.replace(&own, other), Some(other.to_owned())),
        (own, _) => (text, own),
    }
}

/// `${n}` becomes the number of the repetition.
fn count(value: &Value, n: u32) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace("${n}", &n.to_string())),
        Value::Array(all) => Value::Array(all.iter().map(|v| count(v, n)).collect()),
        Value::Object(all) => Value::Object(all.iter().map(|(k, v)| (k.clone(), count(v, n))).collect()),
        other => other.clone(),
    }
}

/// Sets a field by dotted name; maps on both sides are merged; `null` with a trailing `!` in the name removes.
fn put(event: &mut Value, name: &str, value: Value, flat: bool) {
    if let Some(name) = name.strip_suffix('!') {
        return remove(event, name);
    }
    let mut at = event;
    if !flat {
        for key in name.split('.') {
            if !at.is_object() {
                *at = json!({});
            }
            at = &mut at[key];
        }
        return merge(at, value);
    }
    merge(&mut at[name], value);
}

fn merge(at: &mut Value, value: Value) {
    match (at, value) {
        (Value::Object(held), Value::Object(new)) => {
            for (key, value) in new {
                merge(held.entry(key).or_insert(Value::Null), value);
            }
        }
        (at, value) => *at = value,
    }
}

fn remove(event: &mut Value, name: &str) {
    match name.split_once('.') {
        None => _ = event.as_object_mut().and_then(|o| o.shift_remove(name)),
        Some((first, rest)) => {
            if let Some(inner) = event.get_mut(first) {
                remove(inner, rest);
            }
        }
    }
}

fn line(event: &Value, columns: &[Column]) -> String {
    let word = |column: &Column| match &event[column.name()] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    columns.iter().map(word).collect::<Vec<_>>().join(" ")
}
