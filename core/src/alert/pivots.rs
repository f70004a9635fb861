//! `resources[]` and `observables[]`: what to pivot on, each value once.

use super::evidence::{address, arn_part, indicators, said, text};
use super::limits::{OBSERVABLES_MAX, RESOURCES_MAX};
use super::neutral::bounded;
use super::subject::{AccountContext, Subject};
use crate::correlate::KeptEvent;
use crate::event::Fact;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The resources of all events, each once.
pub(crate) fn resources(subject: &Subject<'_>) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let facts = subject.events().iter().flat_map(|e| e.facts.all(Fact::Resource).map(move |r| (e, r)));
    facts.filter(|(_, r)| seen.insert(*r)).filter_map(|(e, r)| resource(subject, e, r)).take(RESOURCES_MAX).collect()
}

fn resource(subject: &Subject<'_>, event: &KeptEvent, fact: &str) -> Option<Value> {
    let (kind, uid) = fact.split_once('=').unwrap_or(("", fact));
    let mut out = Map::new();
    text(&mut out, "type", Some(kind));
    text(&mut out, "uid", Some(uid));
    out.get("uid")?;
    text(&mut out, "name", uid.rsplit(['/', ':']).next());
    out.insert("role_id".into(), 3.into());
    out.insert("role".into(), "Affected".into());
    text(&mut out, "region", arn_part(uid, 3).or_else(|| said(&event.facts, Fact::Region)));
    text(&mut out, "cloud_partition", arn_part(uid, 1));
    let account = arn_part(uid, 4).unwrap_or(&event.account);
    if !account.is_empty() {
        let context = subject.accounts.get(account);
        out.insert("owner".into(), json!({"account": account_object(account, context)}));
        // OCSF wants the organisation named before its unit.
        if let (Some(ou), Some(org)) = (context.and_then(|c| c.ou.as_deref()), subject.org) {
            out["owner"]["org"] = json!({"uid": org.uid, "ou_name": ou});
        }
        if let Some(labels) = context.map(|c| &c.labels).filter(|l| !l.is_empty()) {
            out.insert("labels".into(), json!(labels));
        }
    }
    Some(Value::Object(out))
}

/// An account with its name, if known.
pub(crate) fn account_object(uid: &str, context: Option<&AccountContext>) -> Value {
    match context.and_then(|c| c.name.as_deref()) {
        Some(name) => json!({"uid": bounded(uid), "name": name}),
        None => json!({"uid": bounded(uid)}),
    }
}

/// What to pivot on: (path inside an evidence, OCSF type id, its caption).
const PIVOTS: [(&str, u8, &str); 11] = [
    ("/src_endpoint/ip", 2, "IP Address"),
    ("/dst_endpoint/ip", 2, "IP Address"),
    ("/src_endpoint/domain", 1, "Hostname"),
    ("/query/hostname", 1, "Hostname"),
    ("/actor/user/name", 4, "User Name"),
    ("/actor/user/uid", 10, "Resource UID"),
    ("/actor/session/credential_uid", 19, "User Credential ID"),
    ("/http_request/user_agent", 16, "HTTP User-Agent"),
    ("/file/name", 9, "Process Name"),
    ("/file/path", 45, "File Path"),
    ("/file/hashes/0/value", 8, "Hash"),
];

/// The observables of evidences, resources and indicators, each value once.
pub(crate) fn observables(subject: &Subject<'_>, evidences: &[Value], resources: &[Value]) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    let mut put = |name: String, type_id: u8, caption: &str, value: &str| {
        if out.len() < OBSERVABLES_MAX && seen.insert((type_id, value.to_owned())) {
            out.push(json!({"name": name, "type_id": type_id, "type": caption, "value": value}));
        }
    };
    for (i, evidence) in evidences.iter().enumerate() {
        for (path, type_id, caption) in PIVOTS {
            if let Some(value) = evidence.pointer(path).and_then(Value::as_str) {
                put(format!("evidences[{i}]{}", path.replace("/0", "[0]").replace('/', ".")), type_id, caption, value);
            }
        }
    }
    for (i, uid) in resources.iter().enumerate().filter_map(|(i, r)| Some((i, r["uid"].as_str()?))) {
        put(format!("resources[{i}].uid"), 10, "Resource UID", uid);
    }
    for (key, value) in indicators(subject) {
        if let Some(ip) = address(value) {
            put(format!("sequence.indicator.{}", bounded(key)), 2, "IP Address", &ip);
        }
    }
    out
}
