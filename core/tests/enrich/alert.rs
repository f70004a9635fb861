//! What tables said, in the alert: from an event's bytes through the facts to the document.

#[path = "../alerts/ocsf.rs"]
mod ocsf;

use crate::support::{BASE_MS, HASH, PROD, detect, detector, rules, tables, trail};
use std::collections::BTreeMap;
use tidegate_core::alert::{Org, State, Subject, accounts_of, alert_id, check, document, enrichments_of, paging_decision};
use tidegate_core::correlate::KeptEvent;
use tidegate_core::event::{Detection, Fact, Form};

const RULE: &str = "title: A user was made\nid: made\nlevel: high\nlogsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: CreateUser}, condition: s}\n";

fn kept(d: &Detection) -> KeptEvent {
    KeptEvent {
        time_ms: d.time_ms,
        id: d.id,
        step: d.step,
        rule: d.rule,
        source: d.source,
        flags: d.flags,
        account: d.account.clone(),
        severity: d.severity,
        revision: d.revision,
        position: d.position.clone(),
        facts: d.facts.clone(),
        child_alert: None,
    }
}

#[test]
fn the_document_tells_what_tables_said_whether_a_rule_asked_or_not() {
    let (detector, _) = detector(RULE, &tables());
    let text = trail(PROD, "203.0.113.7")
        .replace("\"userIdentity\"", "\"resources\":[{\"ARN\":\"arn:aws:s3:::cards\",\"type\":\"AWS::S3::Bucket\"}],\"userIdentity\"");
    let detections = detect(&detector, Form::CloudTrail, &text);
    let event = kept(&detections[0]);
    let events = [event.clone()];
    let (accounts, enrichments, set) = (accounts_of(&events), enrichments_of(&events), rules(RULE));
    let id = alert_id("made", &set.rules[0].digest, &detections[0].key, BASE_MS);
    let org = Org { uid: "o-example".into(), name: None };
    let alert = document(&Subject {
        set: &set,
        rule: 0,
        key: &detections[0].key,
        alert_id: &id,
        revision: 1,
        created_ms: BASE_MS,
        modified_ms: BASE_MS,
        episode: None,
        event: Some(&event),
        state: State::Open,
        merged_into: None,
        related: &[],
        paging: paging_decision(4, false, false, false, false, &[]),
        shadow: false,
        suppressed_by: None,
        tables: &detector.tables().versions(),
        product_version: "0.1.0",
        org: Some(&org),
        accounts: &accounts,
        enrichments: &enrichments,
        link: None,
    });
    assert_eq!(check(&alert), Vec::<String>::new());
    assert_eq!(alert["tidegate"]["owners"], serde_json::json!(["team-pay"]));
    assert_eq!(alert["tidegate"]["environments"], serde_json::json!(["prod"]));
    assert_eq!(alert["tidegate"]["tables"].as_array().map(Vec::len), Some(3));
    let resource = &alert["resources"][0];
    assert_eq!(resource["owner"]["account"], serde_json::json!({"uid": PROD, "name": "pay"}));
    assert_eq!(resource["owner"]["org"]["ou_name"], "Root/Work");
    assert_eq!(resource["labels"], serde_json::json!(["data_class:CHD", "data_class:PII", "tier:1"]));
    let intel = serde_json::json!({
        "name": "src_endpoint.ip", "value": "203.0.113.7", "type": "threat_intel", "provider": "intel:feed",
        "data": {"source": "narrow", "category": "c2", "indicator": "203.0.113.7", "expires": "2026-11-02T10:00:10.000Z"},
    });
    assert_eq!(alert["enrichments"], serde_json::json!([intel]));
    ocsf::validate(&[alert]);
}

#[test]
fn every_value_that_tables_know_is_noted() {
    let text = "title: x\nid: x\nlogsource: {product: aws}\ndetection: {s: {tidegate.time|exists: true}, condition: s}\n";
    let (detector, _) = detector(text, &tables());
    let noted = |form, text: &str| {
        let detections = detect(&detector, form, text);
        let facts = detections[0].facts.clone();
        facts.all(Fact::Enrichment).map(|n| n.split('\u{1f}').take(3).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>()
    };
    let dns = format!(
        r#"{{"version":"1.1","account_id":"{PROD}","query_timestamp":"2026-11-02T10:00:00Z","query_name":"a.evil.example.","query_type":"A","srcaddr":"10.0.0.1"}}"#
    );
    assert_eq!(noted(Form::Route53, &dns), ["query.hostname a.evil.example threat_intel", "src_endpoint.ip 10.0.0.1 network"]);
    let finding = format!(
        r#"{{"schemaVersion":"2.0","accountId":"{PROD}","region":"us-east-1","id":"f","arn":"arn:aws:guardduty:us-east-1:{PROD}:detector/d/finding/f","type":"Execution:Runtime/NewBinaryExecuted","severity":5,"createdAt":"2026-11-02T10:00:00Z","updatedAt":"2026-11-02T10:00:00Z","title":"t","description":"d","service":{{"count":1,"runtimeDetails":{{"process":{{"name":"x","executableSha256":"{HASH}"}}}}}}}}"#
    );
    assert_eq!(noted(Form::GuardDuty, &finding), [format!("file.hashes.value {HASH} threat_intel")]);
    assert_eq!(noted(Form::CloudTrail, &trail("999900001111", "192.0.2.1")), [""; 0]);
}

#[test]
fn without_tables_nothing_is_noted() {
    let (detector, _) = detector(RULE, &std::sync::Arc::default());
    let facts = detect(&detector, Form::CloudTrail, &trail(PROD, "203.0.113.7"))[0].facts.clone();
    let of_tables = [
        Fact::AccountName,
        Fact::AccountOu,
        Fact::AccountEnvironment,
        Fact::AccountOwner,
        Fact::AccountDataClass,
        Fact::AccountTag,
        Fact::Enrichment,
    ];
    assert!(of_tables.iter().all(|fact| facts.first(*fact).is_none()));
    assert_eq!(accounts_of(&[]), BTreeMap::new());
}
