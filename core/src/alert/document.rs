//! The alert document: OCSF 1.8 Detection Finding (class 2004) with our own object `tidegate`. A pure function of [`Subject`].
//!
//! Decisions. `time` and `@timestamp` are the arrival at which the alert was created and never change: OCSF 1.8 defines `time` as
//! the finding's creation, and the activity's own time is in `start_time` and `end_time`. `metadata.processed_time` is the arrival
//! of the newest change. A closed episode stays activity "Update": only people and merges close. `confidence` is left out: nothing
//! here knows it. Text of events stands as it is (JSON escapes it), bounded; only `message`, which people read, is neutralised.
//! A finding's leftovers stand as `evidences[].data.unmapped`, a list of names and values: the class's compiled schema knows no key
//! inside the top-level `unmapped`, and validators refuse it. Addresses stand only under `evidences[]`, so that one mapping and one pivot find them. Times before 2001 are left out or lifted
//! to [`limits::EARLIEST_MS`]; `tidegate.episode` and `evidences[].data.time` keep the truth.

use super::evidence::{actor, arn_part, evidences, source_name, text};
use super::limits::EARLIEST_MS;
use super::neutral::bounded;
use super::pivots::{account_object, observables, resources};
use super::subject::{State, Subject};
use super::{attack, limits, ours, related, severity, why};
use crate::event::Fact;
use crate::event::time::{format_rfc3339, parse_any_ms};
use crate::rule::{Body, CorrelationKind, Meta};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The version of OCSF in every document.
pub const OCSF_VERSION: &str = "1.8.0";

/// Builds the document.
#[must_use]
pub fn document(subject: &Subject<'_>) -> Value {
    let records = ours::records(subject);
    let evidences = evidences(subject, &records);
    let resources = resources(subject);
    let observables = observables(subject, &evidences, &resources);
    let gathered = attack::gather(subject);
    let mut out = head(subject);
    out.insert("metadata".into(), metadata(subject));
    out.insert("finding_info".into(), finding_info(subject, &gathered));
    out.insert("cloud".into(), cloud(subject));
    let first_actor = subject.events().first().and_then(|e| actor(&e.facts));
    if let Some(actor) = first_actor.or_else(|| evidences.iter().find_map(|e| e.get("actor").cloned())) {
        out.insert("actor".into(), actor);
    }
    let lists = [("resources", resources), ("evidences", evidences), ("observables", observables), ("enrichments", enrichments(subject))];
    out.extend(lists.into_iter().filter(|(_, l)| !l.is_empty()).map(|(name, l)| (name.to_owned(), Value::Array(l))));
    out.extend(remediation(&subject.rule().meta).map(|r| ("remediation".to_owned(), r)));
    out.insert("tidegate".into(), ours::object(subject, &records));
    Value::Object(out)
}

fn head(subject: &Subject<'_>) -> Map<String, Value> {
    let (activity, activity_name) = match (subject.state, subject.revision) {
        (State::Merged, _) => (3, "Close"),
        (_, ..=1) => (1, "Create"),
        _ => (2, "Update"),
    };
    let (status, status_name) = match subject.state {
        State::Merged => (99, "Merged"),
        _ if subject.suppressed_by.is_some() => (3, "Suppressed"),
        _ if subject.archived() => (5, "Archived"),
        _ => (1, "New"),
    };
    let (severity, time) = (subject.severity(), sane(subject.created_ms));
    let (first, last) = seen(subject);
    let value = json!({
        "@timestamp": format_rfc3339(time),
        "activity_id": activity, "activity_name": activity_name, "category_uid": 2, "category_name": "Findings",
        "class_uid": 2004, "class_name": "Detection Finding", "type_uid": 200_400 + activity,
        "type_name": format!("Detection Finding: {activity_name}"),
        "time": time, "start_time": sane(first), "end_time": sane(last), "count": count(subject),
        "severity_id": severity, "severity": severity::name(severity), "status_id": status, "status": status_name,
        "is_alert": !(subject.shadow || subject.suppressed_by.is_some() || subject.sample()),
        "message": why(subject),
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// A moment that a document may hold.
fn sane(ms: i64) -> i64 {
    ms.max(EARLIEST_MS)
}

/// How often it happened: a finding counts itself.
fn count(subject: &Subject<'_>) -> u64 {
    match (subject.main_event(), subject.episode) {
        (Some(event), _) => {
            event.facts.first(Fact::Count).and_then(|n| n.parse().ok()).filter(|n| (1..=i32::MAX as u64).contains(n)).unwrap_or(1)
        }
        (None, Some(episode)) => episode.count,
        (None, None) => 1,
    }
}

/// First and last moment of the activity.
fn seen(subject: &Subject<'_>) -> (i64, i64) {
    if let Some(event) = subject.main_event() {
        let time = |fact| event.facts.first(fact).and_then(parse_any_ms).unwrap_or(event.time_ms);
        return (time(Fact::FirstSeen), time(Fact::LastSeen));
    }
    subject.episode.map_or((subject.created_ms, subject.created_ms), |e| (e.first_seen_ms, e.last_seen_ms))
}

fn metadata(subject: &Subject<'_>) -> Value {
    let mut out = json!({
        "version": OCSF_VERSION,
        "uid": format!("{}.{}", subject.alert_id, subject.revision),
        "sequence": subject.revision,
        "product": {"name": "Tidegate", "vendor_name": "Tidegate", "version": subject.product_version},
        "profiles": ["cloud", "host", "tidegate/alert"],
        "extensions": [{"name": "tidegate", "uid": "999", "version": "1.0.0"}],
        "log_name": "tidegate-alerts",
        "processed_time": sane(subject.modified_ms),
    });
    if let Some(org) = subject.org {
        out["tenant_uid"] = org.uid.clone().into();
    }
    out
}

fn finding_info(subject: &Subject<'_>, gathered: &attack::Gathered) -> Value {
    let meta = &subject.rule().meta;
    let (first, last) = seen(subject);
    let spoken = subject.speaking_finding().and_then(|e| e.facts.first(Fact::Description));
    let mut out = Map::new();
    text(&mut out, "uid", Some(subject.alert_id));
    text(&mut out, "uid_alt", subject.main_event().and_then(|e| e.facts.first(Fact::FindingArn)));
    text(&mut out, "title", Some(subject.title()));
    text(&mut out, "desc", spoken.or(Some(&meta.description)));
    list(&mut out, "types", all(subject, Fact::FindingType).into_iter().take(limits::VALUES_MAX).map(|t| bounded(t).into()).collect());
    for (name, ms) in
        [("created_time", subject.created_ms), ("modified_time", subject.modified_ms), ("first_seen_time", first), ("last_seen_time", last)]
    {
        out.insert(name.into(), sane(ms).into());
    }
    let sources: BTreeSet<String> = subject.events().iter().map(|e| source_name(e.source)).collect();
    list(&mut out, "data_sources", sources.into_iter().map(Value::from).collect());
    text(&mut out, "src_url", subject.link);
    out.insert("analytic".into(), analytic(subject));
    if let Body::Correlation(c) = &subject.rule().body {
        let rule = |r: &u32| &subject.set.rule(*r).meta;
        let related = c.rules.iter().map(rule).map(|m| json!({"uid": m.id, "name": m.title, "type_id": 1, "type": "Rule"}));
        list(&mut out, "related_analytics", related.collect());
    }
    list(&mut out, "attacks", gathered.objects());
    list(&mut out, "related_events", related::events(subject));
    list(&mut out, "tags", tags(subject, gathered));
    Value::Object(out)
}

fn list(out: &mut Map<String, Value>, name: &str, values: Vec<Value>) {
    if !values.is_empty() {
        out.insert(name.to_owned(), Value::Array(values));
    }
}

/// All values of a fact over all events, sorted, each once.
pub(super) fn all<'a>(subject: &Subject<'a>, fact: Fact) -> BTreeSet<&'a str> {
    subject.events().iter().flat_map(|e| e.facts.all(fact)).filter(|v| !v.is_empty()).collect()
}

fn analytic(subject: &Subject<'_>) -> Value {
    let meta = &subject.rule().meta;
    let (state_id, state) = if subject.shadow { (3, "Experimental") } else { (1, "Active") };
    let mut out = json!({"uid": meta.id, "name": meta.title, "type_id": 1, "type": "Rule", "category": category(subject)});
    if !meta.version.is_empty() {
        out["version"] = meta.version.clone().into();
    }
    out["state_id"] = state_id.into();
    out["state"] = state.into();
    out
}

fn category(subject: &Subject<'_>) -> String {
    match &subject.rule().body {
        Body::Detection(rule) => {
            let source = &rule.logsource;
            let word = source.service.as_deref().or(source.product.as_deref()).or(source.category.as_deref());
            word.map_or_else(|| "detection".to_owned(), |w| format!("detection/{w}"))
        }
        Body::Correlation(c) => format!("correlation/{}", kind_word(&c.kind)),
    }
}

fn kind_word(kind: &CorrelationKind) -> &'static str {
    match kind {
        CorrelationKind::EventCount(_) => "event_count",
        CorrelationKind::ValueCount(..) => "value_count",
        CorrelationKind::ValueSum(..) => "value_sum",
        CorrelationKind::ValueAvg(..) => "value_avg",
        CorrelationKind::ValuePercentile(..) => "value_percentile",
        CorrelationKind::Temporal(_) => "temporal",
        CorrelationKind::TemporalOrdered(_) => "temporal_ordered",
    }
}

/// Lists under a name: compliance tags, whose word the ATT&CK ids are, and the threats that findings name.
fn tags(subject: &Subject<'_>, gathered: &attack::Gathered) -> Vec<Value> {
    let threats: Vec<&str> = all(subject, Fact::Threat).into_iter().take(limits::VALUES_MAX).map(bounded).collect();
    let named = [
        ("compliance", json!(ours::compliance(&subject.rule().meta))),
        ("attack_basis", json!(gathered.basis)),
        ("threat", json!(threats)),
    ];
    named.into_iter().filter(|(_, v)| v.as_array().is_some_and(|a| !a.is_empty())).map(|(n, v)| json!({"name": n, "values": v})).collect()
}

fn cloud(subject: &Subject<'_>) -> Value {
    let arns = subject.events().iter().flat_map(|e| e.facts.all(Fact::FindingArn).chain(e.facts.all(Fact::Principal)));
    let partition = arns.filter_map(|arn| arn_part(arn, 1)).next().unwrap_or("aws");
    let mut out = json!({"provider": "AWS", "cloud_partition": partition});
    if let [account] = &ours::accounts(subject)[..] {
        out["account"] = account_object(account, subject.accounts.get(*account));
    }
    let regions = all(subject, Fact::Region);
    if let (Some(region), 1) = (regions.first(), regions.len()) {
        out["region"] = bounded(region).into();
    }
    if let Some(org) = subject.org {
        out["org"] = match &org.name {
            Some(name) => json!({"uid": org.uid, "name": name}),
            None => json!({"uid": org.uid}),
        };
    }
    out
}

fn enrichments(subject: &Subject<'_>) -> Vec<Value> {
    let one = |e: &super::Enrichment| {
        let data: Map<String, Value> = e.data.iter().map(|(k, v)| (k.clone(), bounded(v).into())).collect();
        json!({"name": e.name, "value": bounded(&e.value), "type": e.kind, "provider": e.provider, "data": data})
    };
    subject.enrichments.iter().take(limits::VALUES_MAX).map(one).collect()
}

/// The runbook: a link, or the steps themselves.
fn remediation(meta: &Meta) -> Option<Value> {
    let runbook = meta.runbook.as_deref().map(str::trim).filter(|r| !r.is_empty())?;
    let is_link = runbook.starts_with("https://") && !runbook.contains(char::is_whitespace);
    Some(if is_link { json!({"desc": "Follow the runbook.", "references": [runbook]}) } else { json!({"desc": runbook}) })
}

/// The link to an alert in OpenSearch Dashboards: `base` is `dashboards_url` of the configuration.
#[must_use]
pub fn link(base: &str, index: &str, alert_id: &str) -> String {
    format!("{}/app/discover#/doc/tidegate-alerts/{index}?id={alert_id}", base.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::evidence::shown;
    use crate::correlate::KeptEvent;
    use crate::event::Source;

    #[test]
    fn the_link_leads_to_one_document() {
        let want = "https://search.example.com/_dashboards/app/discover#/doc/tidegate-alerts/tidegate-alerts-v1-2026.11?id=a3";
        assert_eq!(link("https://search.example.com/_dashboards/", "tidegate-alerts-v1-2026.11", "a3"), want);
    }

    #[test]
    fn shown_events_never_overlap() {
        let event = |n: i64| KeptEvent { time_ms: n, ..crate::alert::testing::event(Source::CloudTrail) };
        for n in 0..14 {
            let events: Vec<_> = (0..n).map(event).collect();
            let times: Vec<i64> = shown(&events).map(|e| e.time_ms).collect();
            let want: Vec<i64> = (0..n).filter(|i| *i < 5 || *i >= n - 5).collect();
            assert_eq!(times, want);
        }
    }
}
