//! `evidences[]` and `actor`: what events show, as OCSF objects. Text is bounded here; addresses must be addresses.

use super::limits::{EVIDENCES_EACH_END, UNMAPPED_MAX};
use super::neutral::bounded;
use super::subject::Subject;
use crate::correlate::KeptEvent;
use crate::event::{Fact, Facts, Position, Source};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// `aws/guardduty`, `aws/cloudtrail`, ...
pub(crate) fn source_name(source: Source) -> String {
    match source {
        Source::Generic(_) => source.service().to_owned(),
        _ => format!("aws/{}", source.service()),
    }
}

/// The events shown: the first and the last few.
pub(crate) fn shown(events: &[KeptEvent]) -> impl Iterator<Item = &KeptEvent> {
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
    text(&mut out, "uid", said(facts, Fact::EventUid).or_else(|| said(facts, Fact::FindingArn)));
    out.insert("name".into(), source_name(event.source).into());
    let parts = [
        ("actor", actor(facts)),
        ("api", api(facts)),
        ("src_endpoint", source_endpoint(facts)),
        ("dst_endpoint", target_endpoint(facts)),
        ("connection_info", connection(facts)),
        ("query", said(facts, Fact::Domain).map(|d| json!({"hostname": bounded(d)}))),
        ("http_request", said(facts, Fact::UserAgent).map(|u| json!({"user_agent": bounded(u)}))),
        ("file", file(facts)),
        ("container", said(facts, Fact::Image).map(|i| json!({"name": bounded(i), "image": {"uid": bounded(i), "name": bounded(i)}}))),
    ];
    out.extend(parts.into_iter().filter_map(|(name, part)| Some((name.to_owned(), part?))));
    out.insert("data".into(), data(subject, event, records));
    Value::Object(out)
}

fn data(subject: &Subject<'_>, event: &KeptEvent, records: &[&Position]) -> Value {
    let facts = &*event.facts;
    let mut out = Map::new();
    out.insert("time".into(), event.time_ms.into());
    text(&mut out, "region", said(facts, Fact::Region));
    if let Some(at) = records.iter().position(|p| **p == event.position) {
        out.insert("record".into(), at.into());
    }
    out.insert("rule".into(), subject.set.rule(event.rule).meta.id.clone().into());
    let numbers = [("bytes", Fact::Bytes), ("packets", Fact::Packets)];
    out.extend(numbers.into_iter().filter_map(|(name, fact)| Some((name.to_owned(), said(facts, fact)?.parse::<u64>().ok()?.into()))));
    text(&mut out, "action", said(facts, Fact::Action));
    text(&mut out, "shared_event_uid", said(facts, Fact::SharedEventUid));
    if !facts.body.is_empty() {
        out.insert("event".into(), (&*facts.body).into());
    }
    out.insert("truncated".into(), facts.truncated.into());
    if let Some(leftovers) = leftovers(subject) {
        out.insert("unmapped".into(), leftovers);
    }
    Value::Object(out)
}

/// What a stand-alone finding says beyond OCSF: a sequence's indicators and its leftovers, as names and values.
fn leftovers(subject: &Subject<'_>) -> Option<Value> {
    let mut indicated: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (key, value) in indicators(subject) {
        indicated.entry(key).or_default().push(value);
    }
    let indicated = indicated.into_iter().map(|(key, values)| (format!("sequence.indicator.{key}"), values.join(", ")));
    let facts = subject.main_event().into_iter().flat_map(|e| e.facts.all(Fact::Unmapped)).filter_map(|f| f.split_once('='));
    let all = indicated.chain(facts.map(|(name, value)| (name.to_owned(), value.to_owned()))).take(UNMAPPED_MAX);
    let list: Vec<Value> = all.map(|(name, value)| json!({"name": bounded(&name), "value": bounded(&value)})).collect();
    (!list.is_empty()).then_some(Value::Array(list))
}

/// The first fact of a kind that is not empty.
pub(crate) fn said(facts: &Facts, fact: Fact) -> Option<&str> {
    facts.all(fact).find(|value| !value.is_empty())
}

/// Puts a text, bounded, if there is one.
pub(crate) fn text(out: &mut Map<String, Value>, name: &str, value: Option<&str>) {
    if let Some(value) = value.filter(|v| !v.is_empty()) {
        out.insert(name.to_owned(), bounded(value).into());
    }
}

/// Who acted. An actor needs a user or a session; a process alone has no number here and is shown as a file.
pub(crate) fn actor(facts: &Facts) -> Option<Value> {
    let principal = said(facts, Fact::Principal);
    let user = user(principal, said(facts, Fact::UserName), said(facts, Fact::UserType));
    let mut session = Map::new();
    let session_name = principal.filter(|p| p.contains(":assumed-role/")).and_then(|p| p.rsplit('/').next());
    text(&mut session, "uid", session_name);
    text(&mut session, "issuer", said(facts, Fact::SessionIssuer));
    text(&mut session, "credential_uid", said(facts, Fact::AccessKey));
    let parts = [("user", user), ("session", session)];
    let out: Map<_, _> = parts.into_iter().filter(|(_, m)| !m.is_empty()).map(|(n, m)| (n.to_owned(), Value::Object(m))).collect();
    (!out.is_empty()).then_some(Value::Object(out))
}

fn user(uid: Option<&str>, name: Option<&str>, kind: Option<&str>) -> Map<String, Value> {
    let mut out = Map::new();
    text(&mut out, "uid", uid);
    text(&mut out, "name", name);
    if !out.is_empty() {
        text(&mut out, "type", kind);
        if let Some(account) = uid.and_then(|p| arn_part(p, 4)) {
            out.insert("account".into(), json!({"uid": account, "type_id": 10, "type": "AWS Account"}));
        }
    }
    out
}

/// A part of an ARN by its place (3 is the Region, 4 the account), if it is one and the part is not empty.
pub(crate) fn arn_part(arn: &str, at: usize) -> Option<&str> {
    let part = arn.strip_prefix("arn:").and_then(|_| arn.split(':').nth(at))?;
    (!part.is_empty() && part.len() <= 64).then_some(part)
}

fn api(facts: &Facts) -> Option<Value> {
    let mut out = Map::new();
    text(&mut out, "operation", said(facts, Fact::Operation));
    if out.is_empty() {
        return None;
    }
    let wrapped = [("service", "name", Fact::Service), ("request", "uid", Fact::RequestId), ("response", "error", Fact::ErrorCode)];
    for (name, inner, fact) in wrapped {
        if let Some(value) = said(facts, fact) {
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
    let mut out = endpoint(said(facts, Fact::SourceIp), said(facts, Fact::SourcePort), said(facts, Fact::SourceDomain));
    if out.is_empty() {
        return None;
    }
    let (mut location, mut system) = (Map::new(), Map::new());
    text(&mut location, "country", said(facts, Fact::SourceCountry));
    text(&mut location, "city", said(facts, Fact::SourceCity));
    let number = said(facts, Fact::SourceAsn).and_then(|n| n.trim_start_matches("AS").parse::<u32>().ok());
    system.extend(number.map(|n| ("number".to_owned(), n.into())));
    text(&mut system, "name", said(facts, Fact::SourceAsOrg));
    let parts = [("location", location), ("autonomous_system", system)];
    out.extend(parts.into_iter().filter(|(_, m)| !m.is_empty()).map(|(n, m)| (n.to_owned(), Value::Object(m))));
    Some(Value::Object(out))
}

fn target_endpoint(facts: &Facts) -> Option<Value> {
    let out = endpoint(said(facts, Fact::TargetIp), said(facts, Fact::TargetPort), None);
    (!out.is_empty()).then_some(Value::Object(out))
}

fn connection(facts: &Facts) -> Option<Value> {
    let protocol = said(facts, Fact::Protocol)?;
    Some(match protocol.parse::<u8>() {
        Ok(number) => json!({"direction_id": 0, "protocol_num": number}),
        Err(_) => json!({"direction_id": 0, "protocol_name": bounded(protocol)}),
    })
}

fn file(facts: &Facts) -> Option<Value> {
    let path = said(facts, Fact::ProcessPath).or_else(|| said(facts, Fact::ProcessName))?;
    let name = said(facts, Fact::ProcessName).or_else(|| path.rsplit('/').next()).filter(|n| !n.is_empty()).unwrap_or(path);
    let mut out = Map::new();
    out.insert("name".into(), bounded(name).into());
    out.insert("type_id".into(), 8.into());
    text(&mut out, "path", said(facts, Fact::ProcessPath));
    if let Some(hash) = said(facts, Fact::Sha256) {
        out.insert("hashes".into(), json!([{"algorithm_id": 3, "algorithm": "SHA-256", "value": bounded(hash)}]));
    }
    Some(Value::Object(out))
}

/// `id|user or process name|uid`
fn sequence_actor(fact: &str) -> Option<Value> {
    let mut parts = fact.splitn(3, '|').skip(1);
    let name = parts.next();
    let user = user(parts.next(), name, None);
    (!user.is_empty()).then(|| json!({"name": "aws/guardduty", "actor": {"user": user}}))
}

/// `id|ip or domain|port`
fn sequence_endpoint(fact: &str) -> Option<Value> {
    let mut parts = fact.splitn(3, '|').skip(1);
    let out = endpoint(parts.next().filter(|p| !p.is_empty()), parts.next(), None);
    (!out.is_empty()).then(|| json!({"name": "aws/guardduty", "src_endpoint": out}))
}

/// Indicators of an attack sequence as (key, value).
pub(crate) fn indicators<'a>(subject: &Subject<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let facts = subject.main_event().map(|e| &*e.facts);
    facts.into_iter().flat_map(|f| f.all(Fact::Indicator)).filter_map(|i| i.split_once('|'))
}
