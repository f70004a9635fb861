//! `finding_info.related_events[]`: older alerts, findings and signals inside an alert.

use super::evidence::{said, text};
use super::limits::{EARLIEST_MS, RELATED_MAX};
use super::neutral::bounded;
use super::severity;
use super::subject::Subject;
use crate::correlate::KeptEvent;
use crate::event::time::parse_any_ms;
use crate::event::{Fact, Source};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Older alerts, the findings inside a correlation, and the signals of an attack sequence.
pub(super) fn events(subject: &Subject<'_>) -> Vec<Value> {
    let alerts = subject.related.iter().map(|r| {
        json!({"uid": r.alert_id, "title": bounded(&r.title), "type_uid": 200_401, "severity_id": r.severity,
            "product": {"name": "Tidegate", "vendor_name": "Tidegate"}})
    });
    let mut seen = BTreeSet::new();
    let inside = subject.events().iter().rev().filter(|_| subject.main_event().is_none());
    let findings = inside.filter_map(|e| Some((e, said(&e.facts, Fact::FindingArn)?))).filter(|(_, arn)| seen.insert(*arn));
    let mut findings: Vec<Value> = findings.map(|(e, arn)| related_finding(e, arn)).collect();
    findings.reverse();
    let main = subject.main_event();
    let arn = main.and_then(|e| said(&e.facts, Fact::FindingArn));
    let signals = main.into_iter().flat_map(|e| e.facts.all(Fact::Signal)).filter_map(|s| signal(s, arn));
    alerts.chain(findings).chain(signals).take(RELATED_MAX).collect()
}

fn related_finding(event: &KeptEvent, arn: &str) -> Value {
    let facts = &*event.facts;
    let updated = event.revision.is_some_and(|r| r.count > 1);
    let mut out = Map::new();
    text(&mut out, "uid", Some(arn));
    text(&mut out, "title", facts.first(Fact::Title));
    text(&mut out, "type", facts.first(Fact::FindingType));
    out.insert("type_uid".into(), if updated { 200_402 } else { 200_401 }.into());
    // The finding's own band: the rule that matched it may have another level.
    let own = facts.first(Fact::Severity).and_then(|s| s.parse().ok()).map(severity::of_finding);
    out.insert("severity_id".into(), own.unwrap_or(event.severity).clamp(1, 5).into());
    out.extend(event.revision.filter(|r| r.count > 0).map(|r| ("count".to_owned(), r.count.into())));
    for (name, fact) in [("first_seen_time", Fact::FirstSeen), ("last_seen_time", Fact::LastSeen)] {
        out.extend(facts.first(fact).and_then(parse_any_ms).filter(|ms| *ms >= EARLIEST_MS).map(|ms| (name.to_owned(), ms.into())));
    }
    let product = if event.source == Source::GuardDuty { "GuardDuty" } else { "Security Hub" };
    out.insert("product".into(), json!({"name": product, "vendor_name": "AWS"}));
    Value::Object(out)
}

/// `uid|type|name|severity|count|first ms|last ms` of the sequence with this ARN. A signal that is a finding is often named by
/// the bare id: it is one of the same detector, so its ARN is known, and the ARN is how its own alert is found.
fn signal(fact: &str, sequence_arn: Option<&str>) -> Option<Value> {
    let parts: Vec<&str> = fact.splitn(7, '|').collect();
    let part = |i: usize| parts.get(i).copied().filter(|p| !p.is_empty());
    let mut out = Map::new();
    let detector = sequence_arn.and_then(|arn| arn.split_once("/finding/")).map(|(detector, _)| detector);
    let bare = |id: &str| part(1) == Some("FINDING") && id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    match (part(0), detector) {
        (Some(id), Some(detector)) if bare(id) => text(&mut out, "uid", Some(&format!("{detector}/finding/{id}"))),
        (uid, _) => text(&mut out, "uid", uid),
    }
    out.get("uid")?;
    // A signal that is a finding is named by the finding's type; others by their log.
    text(&mut out, "type", part(1).filter(|kind| *kind != "FINDING").or(part(2)));
    text(&mut out, "title", part(2));
    out.insert("type_uid".into(), 200_401.into());
    let severity = part(3).and_then(|s| s.parse().ok()).map(severity::of_finding);
    out.extend(severity.map(|s| ("severity_id".to_owned(), s.into())));
    out.extend(part(4).and_then(|n| n.parse::<u32>().ok()).map(|n| ("count".to_owned(), n.into())));
    for (name, at) in [("first_seen_time", 5), ("last_seen_time", 6)] {
        out.extend(part(at).and_then(parse_any_ms).filter(|ms| *ms >= EARLIEST_MS).map(|ms| (name.to_owned(), ms.into())));
    }
    out.insert("product".into(), json!({"name": "GuardDuty", "vendor_name": "AWS"}));
    Some(Value::Object(out))
}
