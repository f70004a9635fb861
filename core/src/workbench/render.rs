//! Events from templates: `CloudTrail` records, `GuardDuty` findings, flow-log lines, raw JSON, each with its time, its id and
//! whatever its service always writes.

use super::suite::{Case, Order, Step, Suite};
use crate::event::flow::Column;
use crate::event::time::format_rfc3339;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// One record of a case, ready for the Intake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Event time.
    pub time_ms: i64,
    /// Arrival time.
    pub arrival_ms: i64,
    /// The record.
    pub text: String,
}

const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";

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

/// The records of a case, in order of arrival.
#[must_use]
pub fn records(suite: &Suite, case: &Case) -> Vec<Made> {
    let columns = flow_columns(suite);
    let mut made = Vec::new();
    for (number, step) in case.steps.iter().enumerate() {
        for n in 0..step.times {
            let one = event(suite, step, number, n, &columns);
            made.extend(std::iter::repeat_n(one, step.copies as usize));
        }
    }
    arrange(&mut made, case.order);
    made
}

/// The columns of all flow lines of a suite: those of version 2, and every other one that a template or step sets.
#[must_use]
pub fn flow_columns(suite: &Suite) -> Vec<Column> {
    let steps = suite.cases.iter().flat_map(|c| &c.steps).flat_map(|s| s.set.keys());
    let templates = suite.templates.values().filter(|t| t["kind"] == "vpcflow").filter_map(Value::as_object);
    let named: BTreeSet<Column> = templates.flat_map(Map::keys).chain(steps).filter_map(|k| Column::from_name(k)).collect();
    let extra = named.into_iter().filter(|c| !FLOW_COLUMNS.contains(c));
    FLOW_COLUMNS.into_iter().chain(extra).collect()
}

fn arrange(made: &mut [Made], order: Order) {
    if order == Order::Written {
        made.sort_by_key(|m| m.arrival_ms);
        return;
    }
    let together = made.iter().map(|m| m.arrival_ms).max().unwrap_or(0);
    made.iter_mut().for_each(|m| m.arrival_ms = together);
    match order {
        Order::Reversed => made.reverse(),
        _ => fastrand::Rng::with_seed(made.len() as u64).shuffle(made),
    }
}

fn event(suite: &Suite, step: &Step, number: usize, n: u32, columns: &[Column]) -> Made {
    let time_ms = suite.base_ms + step.at_ms + i64::from(n) * step.every_ms;
    let mut template = suite.templates.get(&step.template).and_then(Value::as_object).cloned().unwrap_or_default();
    let kind = template.shift_remove("kind").and_then(|k| k.as_str().map(str::to_owned)).unwrap_or_default();
    let unique = format!("{:08x}-{number:04x}-4000-8000-{n:012x}", crate::event::id::hash128(step.template.as_bytes()) as u32);
    let mut event = match kind.as_str() {
        "cloudtrail" => trail(time_ms, &unique),
        "guardduty" => finding(time_ms, &unique),
        "vpcflow" => flow(time_ms),
        _ => json!({}),
    };
    // A template may spell nested fields by dotted name, as `set` does.
    for (name, value) in template.iter().chain(&step.set) {
        put(&mut event, name, count(value, n), kind == "vpcflow");
    }
    if kind == "guardduty" {
        complete_finding(&mut event);
    }
    let text = if kind == "vpcflow" { line(&event, columns) } else { event.to_string() };
    Made { time_ms, arrival_ms: time_ms + step.arrives_ms, text: text.replace("${time}", &format_rfc3339(time_ms)) }
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

fn trail(time_ms: i64, unique: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventTime": seconds(time_ms), "eventID": unique, "requestID": unique, "eventType": "AwsApiCall",
        "eventCategory": "Management", "awsRegion": REGION, "recipientAccountId": ACCOUNT, "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.31.0", "readOnly": false, "managementEvent": true,
        "userIdentity": {"type": "IAMUser", "accountId": ACCOUNT, "userName": "mara", "arn": format!("arn:aws:iam::{ACCOUNT}:user/mara"),
            "principalId": "AIDAEXAMPLE0000000001", "accessKeyId": "AKIAEXAMPLE000000001"},
    })
}

fn finding(time_ms: i64, unique: &str) -> Value {
    let at = format_rfc3339(time_ms);
    json!({
        "schemaVersion": "2.0", "accountId": ACCOUNT, "region": REGION, "partition": "aws", "id": unique.replace('-', ""),
        "severity": 5, "createdAt": at, "updatedAt": at, "title": "A finding", "description": "A finding made for a test.",
        "resource": {"resourceType": "Instance"},
        "service": {"serviceName": "guardduty", "detectorId": "12abc34d567e8fa901bc2d34e56789f0", "count": 1, "archived": false,
            "eventFirstSeen": at, "eventLastSeen": at, "resourceRole": "TARGET"},
    })
}

fn complete_finding(event: &mut Value) {
    let text = |name: &str| event[name].as_str().unwrap_or("").to_owned();
    let arn = format!(
        "arn:aws:guardduty:{}:{}:detector/12abc34d567e8fa901bc2d34e56789f0/finding/{}",
        text("region"),
        text("accountId"),
        text("id")
    );
    if event["arn"].is_null() {
        event["arn"] = Value::String(arn);
    }
}

fn flow(time_ms: i64) -> Value {
    json!({
        "version": 2, "account-id": ACCOUNT, "interface-id": "eni-0a1b2c3d4e5f60718", "srcaddr": "10.0.0.5", "dstaddr": "10.0.1.9",
        "srcport": 49152, "dstport": 443, "protocol": 6, "packets": 10, "bytes": 840, "start": time_ms.div_euclid(1000),
        "end": time_ms.div_euclid(1000) + 60, "action": "ACCEPT", "log-status": "OK",
    })
}

fn line(event: &Value, columns: &[Column]) -> String {
    let word = |column: &Column| match &event[column.name()] {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    columns.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// `CloudTrail` writes whole seconds.
fn seconds(ms: i64) -> String {
    let mut text = format_rfc3339(ms.div_euclid(1000) * 1000);
    text.truncate(19);
    text + "Z"
}
