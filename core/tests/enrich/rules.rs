//! Fields of tables in conditions and group keys.

use crate::support::{BASE_MS, HASH, PROD, TEST, detect, detect_flow, detector, tables, trail};
use std::sync::Arc;
use tidegate_core::detect::WarningKind;
use tidegate_core::event::Form;

fn rule(service: &str, selection: &str) -> String {
    format!(
        "title: x\nid: x\nlevel: high\nlogsource: {{product: aws, service: {service}}}\ndetection: {{s: {{{selection}}}, condition: s}}\n"
    )
}

#[test]
fn an_environment_fires_only_for_its_accounts() {
    let (detector, _) = detector(&rule("cloudtrail", "eventName: CreateUser, account.environment: prod"), &tables());
    assert_eq!(detect(&detector, Form::CloudTrail, &trail(PROD, "192.0.2.1")).len(), 1);
    assert_eq!(detect(&detector, Form::CloudTrail, &trail(TEST, "192.0.2.1")).len(), 0);
    assert_eq!(detect(&detector, Form::CloudTrail, &trail("999900001111", "192.0.2.1")).len(), 0);
}

#[test]
fn every_field_of_an_account_can_be_asked() {
    let asked = "account.name: pay, account.ou|startswith: Root/, account.owner: TEAM-PAY, account.data_class|all: [CHD, PII], account.tags.tier: 1";
    let (detector, _) = detector(&rule("cloudtrail", asked), &tables());
    assert_eq!(detect(&detector, Form::CloudTrail, &trail(PROD, "192.0.2.1")).len(), 1);
    assert_eq!(detect(&detector, Form::CloudTrail, &trail(TEST, "192.0.2.1")).len(), 0);
}

#[test]
fn without_tables_the_fields_are_absent_and_checking_says_so() {
    let text = rule("cloudtrail", "eventName: CreateUser, account.environment: null");
    let (with, none) = detector(&text, &tables());
    let (without, warnings) = detector(&text, &Arc::default());
    assert_eq!(none, []);
    assert_eq!(warnings.iter().map(|w| w.kind).collect::<Vec<_>>(), [WarningKind::NoTable]);
    assert!(warnings[0].text.contains("account.environment"), "{}", warnings[0].text);
    assert_eq!(detect(&with, Form::CloudTrail, &trail(PROD, "192.0.2.1")).len(), 0);
    assert_eq!(detect(&without, Form::CloudTrail, &trail(PROD, "192.0.2.1")).len(), 1);
}

#[test]
fn a_flow_to_an_indicator_fires_while_the_indicator_is_in_force() {
    let (c2, _) = detector(&rule("vpcflow", "dst_endpoint.intel.category: c2"), &tables());
    assert_eq!(detect_flow(&c2, "10.0.0.1", "203.0.113.7", BASE_MS + 9_000).len(), 1);
    assert_eq!(detect_flow(&c2, "10.0.0.1", "203.0.113.7", BASE_MS + 10_000).len(), 0, "the expiry itself is too late");
    assert_eq!(detect_flow(&c2, "10.0.0.1", "203.0.113.8", BASE_MS).len(), 0);
    assert_eq!(detect_flow(&c2, "203.0.113.7", "10.0.0.1", BASE_MS).len(), 0, "the other end");
    let (hosting, _) =
        detector(&rule("vpcflow", "dst_endpoint.intel.category: hosting, dst_endpoint.intel.indicator: 203.0.113.0/24"), &tables());
    assert_eq!(detect_flow(&hosting, "10.0.0.1", "203.0.113.7", BASE_MS).len(), 0, "the closest speaks");
    assert_eq!(detect_flow(&hosting, "10.0.0.1", "203.0.113.7", BASE_MS + 10_000).len(), 1, "until it has expired");
}

#[test]
fn networks_domains_and_files_are_asked() {
    let (corporate, _) = detector(&rule("vpcflow", "src_endpoint.network.kind: corporate, dst_endpoint.network.name: posture"), &tables());
    assert_eq!(detect_flow(&corporate, "10.9.9.9", "198.51.100.9", BASE_MS).len(), 1);
    assert_eq!(detect_flow(&corporate, "198.51.100.9", "10.9.9.9", BASE_MS).len(), 0);

    let dns = |name: &str| {
        format!(
            r#"{{"version":"1.100000","account_id":"{PROD}","query_timestamp":"2026-11-02T10:00:00Z","query_name":"{name}","query_type":"A","rcode":"NOERROR","srcaddr":"10.0.0.1","srcids":{{"instance":"i-1"}}}}"#
        )
    };
    let (query, _) = detector(&rule("route53", "query.intel.source: names, intel.category: phishing"), &tables());
    assert_eq!(detect(&query, Form::Route53, &dns("A.Evil.Example.")).len(), 1);
    assert_eq!(detect(&query, Form::Route53, &dns("notevil.example.")).len(), 0);

    let finding = |hash: &str| {
        format!(
            r#"{{"schemaVersion":"2.0","accountId":"{PROD}","region":"us-east-1","partition":"aws","id":"f","arn":"arn:aws:guardduty:us-east-1:{PROD}:detector/d/finding/f","type":"Execution:Runtime/NewBinaryExecuted","severity":5,"createdAt":"2026-11-02T10:00:00Z","updatedAt":"2026-11-02T10:00:00Z","title":"t","description":"d","resource":{{"resourceType":"Instance"}},"service":{{"count":1,"runtimeDetails":{{"process":{{"name":"x","executableSha256":"{hash}"}}}}}}}}"#
        )
    };
    let (file, _) = detector(&rule("guardduty", "file.intel.category: miner"), &tables());
    assert_eq!(detect(&file, Form::GuardDuty, &finding(HASH)).len(), 1);
    assert_eq!(detect(&file, Form::GuardDuty, &finding(&HASH.replace('0', "1"))).len(), 0);
}

#[test]
fn what_the_event_itself_says_wins() {
    let text = "title: x\nid: x\nlogsource: {product: p}\ndetection: {s: {account.environment: prod}, condition: s}\n";
    let (detector, _) = detector(text, &tables());
    let event = |own: &str, id: &str| format!(r#"{{"t":1793613600,"cloud":{{"account":{{"uid":"{id}"}}}},"account":{own}}}"#);
    assert_eq!(detect(&detector, Form::Generic(0), &event("{}", PROD)).len(), 1);
    assert_eq!(detect(&detector, Form::Generic(0), &event(r#"{"environment":null}"#, PROD)).len(), 1);
    assert_eq!(detect(&detector, Form::Generic(0), &event(r#"{"environment":"test"}"#, PROD)).len(), 0);
    assert_eq!(detect(&detector, Form::Generic(0), &event(r#"{"environment":"prod"}"#, TEST)).len(), 1);
}

#[test]
fn group_keys_are_made_of_what_tables_say() {
    let text = format!(
        "{}name: base\n---\ntitle: c\nid: c\nlevel: high\ncorrelation: {{type: event_count, rules: [base], group-by: [account.owner, account.data_class], timespan: 5m, condition: {{gte: 2}}}}\n",
        rule("cloudtrail", "eventName: CreateUser")
    );
    let (detector, _) = detector(&text, &tables());
    let keys = |account: &str| {
        let detections = detect(&detector, Form::CloudTrail, &trail(account, "192.0.2.1"));
        detections.iter().map(|d| d.key.values().join("|")).collect::<Vec<_>>()
    };
    assert_eq!(keys(PROD), ["team-pay|CHD", "team-pay|PII"]);
    assert_eq!(keys(TEST), [""; 0], "no data class, no key");
}
