//! `evidences[]`, `actor`, `resources[]`, `observables[]`: what events show, as OCSF objects.

use super::limits::{EVIDENCES_EACH_END, OBSERVABLES_MAX, RESOURCES_MAX};
use super::neutral::bounded;
use super::subject::{AccountContext, Subject};
use crate::correlate::KeptEvent;
use crate::event::{Fact, Facts, Position, Source};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// `aws/guardduty`, `aws/cloudtrail`, ...
pub(crate) fn source_name(source: Source) -> String {
    match source {
        Source::Generic(_) => source.service().to_owned(),
        _ => format!("aws/{}", source.service()),
    }
}

/// The events shown: the first and the last few.
pub(crate) fn shown<'a>(events: &'a [KeptEvent]) -> impl Iterator<Item = &'a KeptEvent> {
    let tail = events.len().saturating_sub(EVIDENCES_EACH_END).max(EVIDENCES_EACH_END.min(events.len()));
    events[..EVIDENCES_EACH_END.min(events.len())].iter().chain(&events[tail..])
}

/// All evidences.
pub(crate) fn evidences(subject: &Subject<'_>, records: &[&Position]) -> Vec<Value> {
    let mut out: Vec<Value> = shown(subject.events()).map(|e| evidence(subject, e, records)).collect();
    if let Some(event) = subject.main_event() {
        out.extend(event.facts.all(Fact::SequenceActor).filter_map(sequence_actor).take(10));
        out.extend(event.facts.all(Fact::SequenceEndpoint).filter_map(sequence_endpoint).take(20));
    }
    out
}

fn evidence(subject: &Subject<'_>, event: &KeptEvent, records: &[&Position]) -> Value {
    let facts = &*event.facts;
    let mut out = Map::new();
    text(&mut out, "uid", facts.first(Fact::EventUid).or_else(|| facts.first(Fact::FindingArn)));
    out.insert("name".into(), source_name(event.source).into());
    let parts = [
        ("actor", actor(facts)),
        ("api", api(facts)),
        ("src_endpoint", source_endpoint(facts)),
        ("dst_endpoint", target_endpoint(facts)),
        ("connection_info", connection(facts)),
        ("query", facts.first(Fact::Domain).map(|d| json!({"hostname": bounded(d)}))),
        ("http_request", facts.first(Fact::UserAgent).map(|u| json!({"user_agent": bounded(u)}))),
        ("file", file(facts)),
        ("container", facts.first(Fact::Image).map(|i| json!({"name": bounded(i), "image": {"uid": bounded(i), "name": bounded(i)}}))),
    ];
    out.extend(parts.into_iter().filter_map(|(name, part)| Some((name.to_owned(), part?))));
    out.insert("data".into(), data(subject, event, records));
    Value::Object(out)
}

fn data(subject: &Subject<'_>, event: &KeptEvent, records: &[&Position]) -> Value {
    let facts = &*event.facts;
    let mut out = Map::new();
    out.insert("time".into(), event.time_ms.into());
    text(&mut out, "region", facts.first(Fact::Region));
    if let Some(at) = records.iter().position(|p| **p == event.position) {
        out.insert("record".into(), at.into());
    }
    out.insert("rule".into(), subject.set.rule(event.rule).meta.id.clone().into());
    if !facts.body.is_empty() {
        out.insert("event".into(), (&*facts.body).into());
    }
    out.insert("truncated".into(), facts.truncated.into());
    Value::Object(out)
}

/// Puts a text, bounded, if there is one.
pub(crate) fn text(out: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value.filter(|v| !v.is_empty()) {
        out.insert(name.to_owned(), bounded(value).into());
    }
}

/// Who acted. An actor needs a user or a session; a process alone has no number here and is shown as a file.
pub(crate) fn actor(facts: &Facts) -> Option<Value> {
    let (mut user, mut session) = (Map::new(), Map::new());
    let principal = facts.first(Fact::Principal);
    text(&mut user, "uid", principal);
    text(&mut user, "name", facts.first(Fact::UserName));
    if !user.is_empty() {
        text(&mut user, "type", facts.first(Fact::UserType));
        if let Some(account) = principal.and_then(|p| arn_part(p, 4)) {
            user.insert("account".into(), json!({"uid": account, "type_id": 10, "type": "AWS Account"}));
        }
    }
    let session_name = principal.filter(|p| p.contains(":assumed-role/")).and_then(|p| p.rsplit('/').next());
    text(&mut session, "uid", session_name);
    text(&mut session, "issuer", facts.first(Fact::SessionIssuer));
    text(&mut session, "credential_uid", facts.first(Fact::AccessKey));
    let parts = [("user", user), ("session", session)];
    let out: Map<_, _> = parts.into_iter().filter(|(_, m)| !m.is_empty()).map(|(n, m)| (n.to_owned(), Value::Object(m))).collect();
    (!out.is_empty()).then_some(Value::Object(out))
}

/// A part of an ARN by its place (3 is the Region, 4 the account), if it is one and the part is not empty.
pub(crate) fn arn_part(arn: &str, at: usize) -> Option<&str> {
    let part = arn.strip_prefix("arn:").and_then(|_| arn.split(':').nth(at))?;
    (!part.is_empty() && part.len() <= 64).then_some(part)
}

fn api(facts: &Facts) -> Option<Value> {
    let mut out = Map::new();
    text(&mut out, "operation", facts.first(Fact::Operation));
    if out.is_empty() {
        return None;
    }
    let wrapped = [("service", "name", Fact::Service), ("request", "uid", Fact::RequestId), ("response", "error", Fact::ErrorCode)];
    for (name, inner, fact) in wrapped {
        if let Some(value) = facts.first(fact).filter(|v| !v.is_empty()) {
            out.insert(name.into(), json!({inner: bounded(value)}));
        }
    }
    Some(Value::Object(out))
}

/// The address, if it is one: written in its one canonical form, without a zone.
pub(crate) fn address(value: &str) -> Option<String> {
    value.trim().parse::<IpAddr>().ok().map(|ip| ip.to_string())
}

fn endpoint(ip: Option<&str>, port: Option<&str>, domain: Option<&str>) -> Map<String, Value> {
    let mut out = Map::new();
    match ip.map(|ip| (ip, address(ip))) {
        Some((_, Some(ip))) => drop(out.insert("ip".into(), ip.into())),
        Some((name, None)) => text(&mut out, "domain", domain.or(Some(name))),
        None => {}
    }
    text(&mut out, "domain", domain);
    if let Some(port) = port.and_then(|p| p.parse::<u16>().ok()).filter(|_| !out.is_empty()) {
        out.insert("port".into(), port.into());
    }
    out
}

fn source_endpoint(facts: &Facts) -> Option<Value> {
    let mut out = endpoint(facts.first(Fact::SourceIp), facts.first(Fact::SourcePort), facts.first(Fact::SourceDomain));
    if out.is_empty() {
        return None;
    }
    let (mut location, mut system) = (Map::new(), Map::new());
    text(&mut location, "country", facts.first(Fact::SourceCountry));
    text(&mut location, "city", facts.first(Fact::SourceCity));
    let number = facts.first(Fact::SourceAsn).and_then(|n| n.trim_start_matches("AS").parse::<u32>().ok());
    system.extend(number.map(|n| ("number".to_owned(), n.into())));
    text(&mut system, "name", facts.first(Fact::SourceAsOrg));
    let parts = [("location", location), ("autonomous_system", system)];
    out.extend(parts.into_iter().filter(|(_, m)| !m.is_empty()).map(|(n, m)| (n.to_owned(), Value::Object(m))));
    Some(Value::Object(out))
}

fn target_endpoint(facts: &Facts) -> Option<Value> {
    let out = endpoint(facts.first(Fact::TargetIp), facts.first(Fact::TargetPort), None);
    (!out.is_empty()).then_some(Value::Object(out))
}

fn connection(facts: &Facts) -> Option<Value> {
    let protocol = facts.first(Fact::Protocol)?;
    Some(match protocol.parse::<u8>() {
        Ok(number) => json!({"direction_id": 0, "protocol_num": number}),
        Err(_) => json!({"direction_id": 0, "protocol_name": bounded(protocol)}),
    })
}

fn file(facts: &Facts) -> Option<Value> {
    let path = facts.first(Fact::ProcessPath).or_else(|| facts.first(Fact::ProcessName))?;
    let name = facts.first(Fact::ProcessName).or_else(|| path.rsplit('/').next()).filter(|n| !n.is_empty()).unwrap_or(path);
    let mut out = Map::new();
    out.insert("name".into(), bounded(name).into());
    out.insert("type_id".into(), 8.into());
    text(&mut out, "path", facts.first(Fact::ProcessPath));
    if let Some(hash) = facts.first(Fact::Sha256) {
        out.insert("hashes".into(), json!([{"algorithm_id": 3, "algorithm": "SHA-256", "value": bounded(hash)}]));
    }
    Some(Value::Object(out))
}

fn sequence_actor(fact: &str) -> Option<Value> {
    let mut parts = fact.splitn(3, '|').skip(1);
    let mut user = Map::new();
    text(&mut user, "name", parts.next());
    text(&mut user, "uid", parts.next());
    (!user.is_empty()).then(|| json!({"name": "aws/guardduty", "actor": {"user": user}}))
}

fn sequence_endpoint(fact: &str) -> Option<Value> {
    let mut parts = fact.splitn(3, '|').skip(1);
    let out = endpoint(parts.next().filter(|p| !p.is_empty()), parts.next(), None);
    (!out.is_empty()).then(|| json!({"name": "aws/guardduty", "src_endpoint": out}))
}

/// The resources of all events, each once.
pub(crate) fn resources(subject: &Subject<'_>) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let facts = subject.events().iter().flat_map(|e| e.facts.all(Fact::Resource).map(move |r| (e, r)));
    facts.filter(|(_, r)| seen.insert(*r)).filter_map(|(e, r)| resource(subject.accounts, e, r)).take(RESOURCES_MAX).collect()
}

fn resource(accounts: &BTreeMap<String, AccountContext>, event: &KeptEvent, fact: &str) -> Option<Value> {
    let (kind, uid) = fact.split_once('=').unwrap_or(("", fact));
    let mut out = Map::new();
    text(&mut out, "type", Some(kind));
    text(&mut out, "uid", Some(uid));
    out.get("uid")?;
    text(&mut out, "name", uid.rsplit(['/', ':']).next());
    out.insert("role_id".into(), 3.into());
    out.insert("role".into(), "Affected".into());
    text(&mut out, "region", arn_part(uid, 3).or_else(|| event.facts.first(Fact::Region)));
    text(&mut out, "cloud_partition", arn_part(uid, 1));
    let account = arn_part(uid, 4).unwrap_or(&event.account);
    if !account.is_empty() {
        let context = accounts.get(account);
        out.insert("owner".into(), json!({"account": account_object(account, context)}));
        if let Some(ou) = context.and_then(|c| c.ou.as_deref()) {
            out["owner"]["org"] = json!({"ou_name": ou});
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
            put(format!("unmapped.sequence.indicator.{}", bounded(key)), 2, "IP Address", &ip);
        }
    }
    out
}

/// Indicators of an attack sequence as (key, value).
pub(crate) fn indicators<'a>(subject: &Subject<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let facts = subject.main_event().map(|e| &*e.facts);
    facts.into_iter().flat_map(|f| f.all(Fact::Indicator)).filter_map(|i| i.split_once('|'))
}
