//! Compares alerts with what a case expects of them.

use super::suite::{Case, Suite, duration, parse_duration_ms};
use crate::event::time::{DAY_MS, format_rfc3339};
use serde_json::Value;

/// One thing that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What differs: `alerts`, `alert 1: count`, ...
    pub what: String,
    /// What the case expects.
    pub expected: String,
    /// What came.
    pub came: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} expected, {} came", self.what, self.expected, self.came)
    }
}

impl Difference {
    pub(super) fn new(what: impl Into<String>, expected: impl Into<String>, came: impl Into<String>) -> Self {
        Difference { what: what.into(), expected: expected.into(), came: came.into() }
    }
}

pub(super) fn compare(suite: &Suite, case: &Case, alerts: &[&Value]) -> Vec<Difference> {
    let base_ms = suite.base_ms + case.shift_ms;
    if alerts.len() != case.alerts {
        let mut differences = vec![Difference::new("alerts", case.alerts.to_string(), alerts.len().to_string())];
        for number in 0..case.alerts.max(alerts.len()) {
            let wanted = case.expect.get(number).map_or_else(|| if number < case.alerts { "any" } else { "none" }.to_owned(), text);
            let came = alerts.get(number).map_or_else(|| "none".to_owned(), |alert| describe(base_ms, alert));
            differences.push(Difference::new(format!("alert {}", number + 1), wanted, came));
        }
        return differences;
    }
    let mut differences = Vec::new();
    for (number, (wanted, alert)) in case.expect.iter().zip(alerts).enumerate() {
        for (name, want) in wanted.as_object().into_iter().flatten() {
            let got = actual(base_ms, alert, name);
            if !fits(name, want, &got) {
                differences.push(Difference::new(format!("alert {}: {name}", number + 1), text(want), text(&got)));
            }
        }
    }
    differences
}

fn describe(base_ms: i64, alert: &Value) -> String {
    let names = ["title", "key", "severity", "start", "count", "accounts"];
    names.map(|n| format!("{n} {}", text(&actual(base_ms, alert, n)))).join(", ")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What an alert says under a name that `expect` may use.
fn actual(base_ms: i64, alert: &Value, name: &str) -> Value {
    let since = |ms: &Value| Value::String(moment(ms.as_i64().unwrap_or(0), base_ms));
    let ours = &alert["tidegate"];
    match name {
        "rule" => alert["finding_info"]["analytic"]["uid"].clone(),
        "title" => alert["finding_info"]["title"].clone(),
        "severity" => Value::String(text(&alert["severity"]).to_lowercase()),
        "count" => alert["count"].clone(),
        "message" => alert["message"].clone(),
        "start" => since(&ours["episode"]["start"]),
        "end" => since(&ours["episode"]["end"]),
        "truncated" | "state" => ours["episode"][name].clone(),
        "first_seen" => since(&alert["finding_info"]["first_seen_time"]),
        "last_seen" => since(&alert["finding_info"]["last_seen_time"]),
        "page" => Value::Bool(ours["paging"]["decision"] == "page"),
        "key" => {
            Value::Object(ours["group_key"].as_array().into_iter().flatten().map(|k| (text(&k["name"]), k["value"].clone())).collect())
        }
        other => ours[other].clone(),
    }
}

/// A moment from the base; one far off as a date.
fn moment(ms: i64, base_ms: i64) -> String {
    if (ms - base_ms).abs() > 90 * DAY_MS { format_rfc3339(ms) } else { duration(ms - base_ms) }
}

/// Lists are compared as sets, durations by value, a message by containment, everything else as text.
fn fits(name: &str, want: &Value, got: &Value) -> bool {
    let sorted = |v: &Value| {
        let mut all: Vec<String> = v.as_array().map_or_else(|| vec![text(v)], |a| a.iter().map(text).collect());
        all.sort();
        all
    };
    match name {
        "message" => text(got).contains(&text(want)),
        "start" | "end" | "first_seen" | "last_seen" => parse_duration_ms(&text(want)) == parse_duration_ms(&text(got)),
        "key" => want.as_object().into_iter().flatten().all(|(k, v)| text(&got[k]) == text(v)),
        _ if want.is_array() => sorted(want) == sorted(got),
        _ => text(want) == text(got),
    }
}
