//! The object `tidegate`: what OCSF has no place for. Exactly the keys of the published schema; no map with free keys, because
//! those cannot be aggregated. `merged_into` and `suppressed_by` are absent where they do not apply.

use super::document::all;
use super::evidence::address;
use super::identity::{episode_uid, hex};
use super::limits::{RECORDS_MAX, VALUES_MAX};
use super::neutral::bounded;
use super::subject::{AccountContext, Subject};
use crate::event::watermark::ENDED;
use crate::event::{Fact, Position};
use crate::rule::Meta;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The version of this object's shape.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// The records of the kept events, in their order, each once. The stretch of a child correlation stands in no record.
pub(super) fn records<'a>(subject: &Subject<'a>) -> Vec<&'a Position> {
    let mut seen = BTreeSet::new();
    let positions = subject.events().iter().map(|e| &e.position).filter(|p| !p.source.is_empty());
    positions.filter(|p| seen.insert(*p)).take(RECORDS_MAX).collect()
}

/// How many records there are: those listed, or the events where more than those happened. A finding's `count` speaks of
/// occurrences inside GuardDuty, and that of a parent of stretches: neither are records.
fn records_total(subject: &Subject<'_>, listed: usize) -> u64 {
    let children = subject.events().iter().any(|e| e.position.source.is_empty());
    let events = subject.episode.filter(|_| subject.is_correlation() && !children).map_or(0, |e| e.count);
    events.max(listed as u64)
}

/// Up to which moment the rule was judged. Before any watermark that is the moment at which it fired, at the end of finite
/// input (where the watermark is infinite) the newest arrival.
fn evaluated_to(subject: &Subject<'_>) -> i64 {
    let start = subject.span().0;
    // A stand-alone alert is judged by itself: up to its own event.
    let Some(episode) = subject.episode else { return start };
    if episode.evaluated_to_ms >= ENDED / 2 {
        return subject.modified_ms.max(episode.last_seen_ms).max(start);
    }
    episode.evaluated_to_ms.max(start)
}

/// All accounts, sorted.
pub(super) fn accounts<'a>(subject: &Subject<'a>) -> Vec<&'a str> {
    let of_episode = subject.episode.into_iter().flat_map(|e| e.accounts.iter().map(|a| &**a));
    let of_events = subject.events().iter().map(|e| &*e.account);
    of_episode.chain(of_events).filter(|a| !a.is_empty()).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The rule's compliance tags.
pub(super) fn compliance(meta: &Meta) -> Vec<&str> {
    meta.tags.iter().map(String::as_str).filter(|t| t.starts_with("compliance.")).collect()
}

/// Builds the object.
pub(super) fn object(subject: &Subject<'_>, records: &[&Position]) -> Value {
    let rule = subject.rule();
    let accounts = accounts(subject);
    let mut out = json!({
        "schema_version": SCHEMA_VERSION,
        "kind": if subject.is_correlation() { "correlation" } else { "detection" },
        "revision": subject.revision,
    });
    put_key(&mut out, subject);
    put_episode(&mut out, subject);
    put_flags(&mut out, subject);
    put_people_and_places(&mut out, subject, &accounts);
    let positions = records.iter().map(
        |p| json!({"source": &*p.source, "shard": bounded(&p.shard), "sequence": p.sequence.to_string(), "sub_sequence": p.sub_sequence}),
    );
    out["records"] = positions.collect();
    out["records_total"] = records_total(subject, records.len()).into();
    out["rule_digest"] = format!("sha256:{}", hex(&rule.digest[..8])).into();
    out["tables"] = subject.tables.iter().map(|(name, version)| json!({"name": name, "version": version})).collect();
    out["compliance"] = json!(compliance(&rule.meta));
    out["false_positives"] = json!(rule.meta.falsepositives);
    out
}

fn put_key(out: &mut Value, subject: &Subject<'_>) {
    let pairs = subject.group_key();
    out["group_key"] = pairs.iter().map(|(name, value)| json!({"name": name, "value": bounded(value)})).collect();
    let text: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    out["group_key_text"] = bounded(&text.join(", ")).into();
}

fn put_episode(out: &mut Value, subject: &Subject<'_>) {
    let (start, end) = subject.span();
    let rule = subject.rule();
    out["episode"] = json!({
        "uid": episode_uid(&rule.meta.id, &rule.digest, subject.key, start),
        "start": start, "end": end, "state": subject.state.word(),
        "truncated": subject.episode.is_some_and(|e| e.truncated),
    });
    if let Some(other) = subject.merged_into {
        out["merged_into"] = other.into();
    }
}

fn put_flags(out: &mut Value, subject: &Subject<'_>) {
    let episode = subject.episode;
    let events = subject.events();
    let late = events.iter().filter(|e| e.flags.late).count() as u64;
    out["evaluated_to"] = evaluated_to(subject).into();
    out["late_events"] = episode.map_or(late, |e| e.late_events).into();
    out["approximate"] = episode.is_some_and(|e| e.approximate).into();
    out["clock_skew"] = (episode.is_some_and(|e| e.clock_skew) || events.iter().any(|e| e.flags.clock_skew)).into();
    out["sample"] = subject.sample().into();
    out["archived"] = subject.archived().into();
    out["shadow"] = subject.shadow.into();
    if let Some(suppression) = subject.suppressed_by {
        out["suppressed_by"] = suppression.into();
    }
    out["paging"] = json!({"decision": subject.paging.decision.word(), "route": subject.paging.route()});
}

fn put_people_and_places(out: &mut Value, subject: &Subject<'_>, accounts: &[&str]) {
    let roots = subject.events().iter().filter_map(|e| e.facts.first(Fact::PrincipalRoot).or_else(|| e.facts.first(Fact::Principal)));
    let actors = subject.main_event().into_iter().flat_map(|e| e.facts.all(Fact::SequenceActor)).filter_map(|a| a.splitn(3, '|').nth(2));
    out["principals"] = values(roots.chain(actors).map(str::to_owned));
    let ends = subject.main_event().into_iter().flat_map(|e| e.facts.all(Fact::SequenceEndpoint)).filter_map(|e| e.split('|').nth(1));
    out["source_ips"] = values(all(subject, Fact::SourceIp).into_iter().chain(ends).filter_map(address));
    out["accounts"] = accounts.iter().take(VALUES_MAX).map(|a| bounded(a)).collect();
    out["accounts_total"] = accounts.len().into();
    out["regions"] = values(all(subject, Fact::Region).into_iter().map(str::to_owned));
    let context = |pick: fn(&AccountContext) -> &Option<String>| {
        let known = accounts.iter().filter_map(|a| subject.accounts.get(*a)).filter_map(move |c| pick(c).clone());
        known.collect::<BTreeSet<_>>()
    };
    let mut owners = context(|c| &c.owner);
    owners.extend(subject.rule().meta.owner.clone());
    out["owners"] = values(owners);
    out["environments"] = values(context(|c| &c.environment));
}

/// Sorted, each once, bounded in number and length.
fn values(texts: impl IntoIterator<Item = String>) -> Value {
    let sorted: BTreeSet<String> = texts.into_iter().filter(|t| !t.is_empty()).map(|t| bounded(&t).to_owned()).collect();
    sorted.into_iter().take(VALUES_MAX).collect()
}
