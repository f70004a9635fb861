//! Runs the cases of a suite through the core and says what differed.

use super::render::{Made, flow_columns, records};
use super::suite::{Case, Class, Suite};
use crate::alert::check;
use crate::decode::Hints;
use crate::detect::{Detector, sources_of};
use crate::event::time::format_rfc3339;
use crate::event::{Position, Record};
use crate::pipeline::{Action, Batch, Effect, Embedded, Gathered, Intake, Settings};
use crate::rule::{Place, RuleSet};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A watermark trails arrival by this much, as everywhere.
const SLACK_MS: i64 = 10_000;

/// How a case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Passed,
    /// What differed, a line each.
    Failed(Vec<String>),
}

/// A case and how it ended.
#[derive(Debug, Clone)]
pub struct CaseReport {
    /// Name of the case.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// How it ended.
    pub outcome: Outcome,
    /// The alerts that came, in their final state.
    pub alerts: Vec<Value>,
}

/// Runs every case of a suite. Alerts count when their rule stands in one of `own` (the file the test stands beside).
#[must_use]
pub fn run_suite(set: &Arc<RuleSet>, suite: &Suite, own: &[String]) -> Vec<CaseReport> {
    suite.cases.iter().map(|case| run_case(set, suite, case, own)).collect()
}

/// Which of the required classes a suite lacks, in words: 2 true, 3 false, an edge, disorder, a duplicate, accounts.
#[must_use]
pub fn missing_classes(suite: &Suite) -> Vec<String> {
    let count = |class| suite.cases.iter().filter(|c| c.classes.contains(&class)).count();
    let wanted = [(Class::True, 2), (Class::False, 3), (Class::Edge, 1), (Class::Disorder, 1), (Class::Duplicate, 1), (Class::Accounts, 1)];
    let lacks = wanted.into_iter().filter(|(class, n)| count(*class) < *n);
    lacks.map(|(class, n)| format!("{n} case(s) of class {}, there are {}", format!("{class:?}").to_lowercase(), count(class))).collect()
}

/// How a case is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drive {
    Plain,
    ThreePipelines,
    Restarts,
}

fn run_case(set: &Arc<RuleSet>, suite: &Suite, case: &Case, own: &[String]) -> CaseReport {
    let made = records(suite, case);
    let (alerts, mut differences) = drive(set, suite, &made, Drive::Plain, own);
    differences.extend(compare(suite, case, &alerts));
    differences.extend(alerts.iter().flat_map(check).map(|e| format!("the document is not valid: {e}")));
    for other in [Drive::ThreePipelines, Drive::Restarts] {
        let (again, _) = drive(set, suite, &made, other, own);
        if identities(&again) != identities(&alerts) {
            differences.push(format!(
                "driven with {other:?} it gave other alerts: {:?} instead of {:?}",
                identities(&again),
                identities(&alerts)
            ));
        }
    }
    let outcome = if differences.is_empty() { Outcome::Passed } else { Outcome::Failed(differences) };
    CaseReport { name: case.name.clone(), place: case.place.clone(), outcome, alerts }
}

/// Runs records through the machine; gives the final alerts of the file's own rules, by first seen, and what was refused.
fn drive(set: &Arc<RuleSet>, suite: &Suite, made: &[Made], drive: Drive, own: &[String]) -> (Vec<Value>, Vec<String>) {
    let hints = Hints { flow_format: Some(flow_columns(suite).iter().map(|c| c.name().to_owned()).collect()), ..Hints::default() };
    let sources = (0..set.rules.len() as u32).map(|rule| sources_of(set, rule, &hints.generic)).collect();
    let pipelines = if drive == Drive::ThreePipelines { 3 } else { 1 };
    let mut embedded = Embedded::new(set, sources, Settings::default(), pipelines);
    let intake = match Intake::new(Detector::with_tables(set.clone(), &hints, suite.tables.clone()).0, hints) {
        Ok(intake) => intake,
        Err(error) => return (Vec::new(), vec![error]),
    };
    let (mut documents, mut refused, mut memory) = (BTreeMap::new(), Vec::new(), intake.shard());
    let mut arrival = i64::MIN / 4;
    for (number, one) in made.iter().enumerate() {
        let position = Position { source: "test".into(), shard: "0".into(), sequence: (number as u64).into(), sub_sequence: 0 };
        let record = Record { position, arrival_ms: Some(one.arrival_ms), bytes: one.text.clone().into_bytes(), lines: false };
        let mut gathered = Gathered::default();
        intake.process(&mut memory, &[record], &mut gathered);
        refused.extend(gathered.quarantined.iter().map(|q| format!("event {} was refused: {}", number + 1, q.error)));
        arrival = arrival.max(one.arrival_ms);
        let batch = Batch { detections: gathered.detections, watermark_ms: arrival - SLACK_MS, arrival_ms: arrival, ..Batch::default() };
        keep(&mut documents, embedded.append(batch));
        if drive == Drive::Restarts
            && let Err(error) = embedded.restart()
        {
            refused.push(error.to_string());
        }
    }
    keep(&mut documents, embedded.finish());
    (own_alerts(set, documents, own), refused)
}

fn keep(documents: &mut BTreeMap<Arc<str>, Arc<str>>, effects: Vec<Effect>) {
    for effect in effects {
        if let Action::Index { alert, document, .. } = effect.action {
            documents.insert(alert, document);
        }
    }
}

fn own_alerts(set: &RuleSet, documents: BTreeMap<Arc<str>, Arc<str>>, own: &[String]) -> Vec<Value> {
    let ids: Vec<&str> = set.rules.iter().filter(|r| own.iter().any(|f| **f == *r.meta.place.file)).map(|r| r.meta.id.as_str()).collect();
    let parsed = documents.into_values().filter_map(|text| serde_json::from_str::<Value>(&text).ok());
    let ours = |a: &Value| a["finding_info"]["analytic"]["uid"].as_str().is_some_and(|id| ids.contains(&id));
    let mut alerts: Vec<Value> = parsed.filter(|a| ours(a) && a["tidegate"]["episode"]["state"] != "merged").collect();
    alerts.sort_by_key(|a| (a["finding_info"]["first_seen_time"].as_i64(), a["finding_info"]["uid"].as_str().map(str::to_owned)));
    alerts
}

fn identities(alerts: &[Value]) -> Vec<String> {
    let mut all: Vec<String> =
        alerts.iter().map(|a| format!("{} x{}", a["tidegate"]["episode"]["uid"].as_str().unwrap_or("?"), a["count"])).collect();
    all.sort();
    all
}

fn compare(suite: &Suite, case: &Case, alerts: &[Value]) -> Vec<String> {
    let mut differences = Vec::new();
    if alerts.len() != case.alerts {
        differences.push(format!("{} alert(s) expected, {} came", case.alerts, alerts.len()));
        differences.extend(alerts.iter().map(|a| format!("  came: {}", describe(suite, a))));
        return differences;
    }
    for (number, (wanted, alert)) in case.expect.iter().zip(alerts).enumerate() {
        for (name, want) in wanted.as_object().into_iter().flatten() {
            let got = actual(suite, alert, name);
            if !fits(name, want, &got) {
                differences.push(format!("alert {}: {name}: {} expected, {} came", number + 1, text(want), text(&got)));
            }
        }
    }
    differences
}

fn describe(suite: &Suite, alert: &Value) -> String {
    let names = ["rule", "key", "start", "count", "accounts"];
    names.map(|n| format!("{n} {}", text(&actual(suite, alert, n)))).join(", ")
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// What an alert says under a name that `expect` may use.
fn actual(suite: &Suite, alert: &Value, name: &str) -> Value {
    let since = |ms: &Value| Value::String(duration(ms.as_i64().unwrap_or(0) - suite.base_ms));
    let ours = &alert["tidegate"];
    match name {
        "rule" => alert["finding_info"]["analytic"]["uid"].clone(),
        "title" => alert["finding_info"]["title"].clone(),
        "severity" => Value::String(text(&alert["severity"]).to_lowercase()),
        "count" => alert["count"].clone(),
        "message" => alert["message"].clone(),
        "start" => since(&ours["episode"]["start"]),
        "end" => since(&ours["episode"]["end"]),
        "first_seen" => since(&alert["finding_info"]["first_seen_time"]),
        "last_seen" => since(&alert["finding_info"]["last_seen_time"]),
        "page" => Value::Bool(ours["paging"]["decision"] == "page"),
        "key" => {
            Value::Object(ours["group_key"].as_array().into_iter().flatten().map(|k| (text(&k["name"]), k["value"].clone())).collect())
        }
        other => ours[other].clone(),
    }
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
        "start" | "end" | "first_seen" | "last_seen" => {
            super::suite::parse_duration_ms(&text(want)) == super::suite::parse_duration_ms(&text(got))
        }
        "key" => want.as_object().into_iter().flatten().all(|(k, v)| text(&got[k]) == text(v)),
        _ if want.is_array() => sorted(want) == sorted(got),
        _ => text(want) == text(got),
    }
}

/// A duration as a person writes it; times far off the base as a date.
fn duration(ms: i64) -> String {
    if ms.abs() > 90 * crate::event::time::DAY_MS {
        return format_rfc3339(ms);
    }
    let (sign, t) = (if ms < 0 { "-" } else { "" }, ms.abs());
    let parts = [(t / 3_600_000, "h"), (t / 60_000 % 60, "m"), (t / 1000 % 60, "s"), (t % 1000, "ms")];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { "0".into() } else { format!("{sign}{text}") }
}
