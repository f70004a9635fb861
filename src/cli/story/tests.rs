//! The whole page of some alerts, beside this file. To write the pages anew after a wanted change: `TIDEGATE_BLESS=1`.

use super::*;
use serde_json::json;

fn told(document: &Value, telling: Telling) -> String {
    let lines: Vec<String> = story(document, telling).into_iter().map(|l| l.text).collect();
    lines.join("\n") + "\n"
}

fn golden(name: &str, document: &Value, telling: Telling) {
    let text = told(document, telling);
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cli/story/golden").join(name);
    if std::env::var_os("TIDEGATE_BLESS").is_some() {
        std::fs::write(&path, &text).expect("golden file written");
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, want, "{name}");
}

const BASE_MS: i64 = 1_793_613_600_000;

fn call(n: i64, operation: &str, account: &str, error: Option<&str>) -> Value {
    let mut api = json!({"operation": operation, "service": {"name": "iam.amazonaws.com"}});
    if let Some(error) = error {
        api["response"] = json!({"error": error});
    }
    json!({
        "uid": format!("event-{n}"), "name": "aws/cloudtrail", "api": api,
        "actor": {"user": {"uid": format!("arn:aws:sts::{account}:assumed-role/build/run-{n}"), "name": "build", "account": {"uid": account}},
            "session": {"uid": format!("run-{n}"), "credential_uid": "ASIAEXAMPLE0000000001"}},
        "src_endpoint": {"ip": "198.51.100.23", "location": {"country": "NL", "city": "Utrecht"}, "autonomous_system": {"number": 64501, "name": "EXAMPLE-NET"}},
        "http_request": {"user_agent": "aws-cli/2.31.0"},
        "data": {"time": BASE_MS + n * 61_000, "region": "eu-west-1", "record": n, "rule": "r-call", "event": format!("{{\"eventName\":\"{operation}\"}}"), "truncated": false}
    })
}

fn correlation() -> Value {
    let accounts = ["111122223333", "444455556666"];
    let evidences: Vec<Value> = [0, 1, 2, 3, 4, 37, 38, 39, 40, 1500]
        .iter()
        .map(|n| {
            call(
                *n,
                if n % 2 == 0 { "CreateAccessKey" } else { "AttachRolePolicy" },
                accounts[(*n % 2) as usize],
                (*n == 3).then_some("AccessDenied"),
            )
        })
        .collect();
    let mut document = json!({
        "time": BASE_MS + 300_000, "start_time": BASE_MS, "end_time": BASE_MS + 91_500_000, "count": 1_042, "severity_id": 4, "severity": "High",
        "status_id": 1, "status": "New", "is_alert": true,
        "message": "\"Change of identities\": 1,042 events in 2 accounts for 198.51.100.23 within 1 hour (limit 20), first in 111122223333 (payments-prod).",
        "metadata": {"sequence": 7},
        "finding_info": {
            "uid": "0b7a3c5d9e1f20416283a4c5e6f70819", "title": "One address changes identities in many accounts",
            "desc": "Somebody with keys of several accounts prepares to stay.", "src_url": "https://search.example.com/_dashboards/app/discover#/doc/x?id=0b7a",
            "analytic": {"uid": "9c4f0a11-0000-4000-8000-000000000001", "name": "One address changes identities in many accounts", "category": "correlation/event_count", "version": "2026-10-30"},
            "related_analytics": [{"uid": "r-call", "name": "Change of identities"}],
            "attacks": [{"tactic": {"uid": "TA0003", "name": "Persistence"}, "technique": {"uid": "T1098", "name": "Account Manipulation"}, "sub_technique": {"uid": "T1098.001", "name": "Additional Cloud Credentials"}}],
            "related_events": [
                {"uid": "77777777777777777777777777777777", "title": "A key from nowhere", "severity_id": 3, "product": {"name": "Tidegate"}},
                {"uid": "arn:aws:guardduty:eu-west-1:444455556666:detector/d/finding/f", "type": "UnauthorizedAccess:IAMUser/TorIPCaller", "severity_id": 3, "count": 4, "first_seen_time": BASE_MS - 60_000, "product": {"name": "GuardDuty"}}],
        },
        "resources": [
            {"type": "AWS::IAM::User", "uid": "arn:aws:iam::111122223333:user/backup", "owner": {"account": {"uid": "111122223333", "name": "payments-prod"}, "org": {"uid": "o-1", "ou_name": "Root/Prod"}}, "labels": ["data_class:CHD"]},
            {"type": "AWS::IAM::Role", "uid": "arn:aws:iam::444455556666:role/build", "owner": {"account": {"uid": "444455556666"}}}],
        "evidences": evidences,
        "enrichments": [
            {"name": "src_endpoint.ip", "value": "198.51.100.23", "type": "threat_intel", "provider": "corp-feed", "data": {"category": "proxy", "expires": 1_798_761_600_000_i64}},
            {"name": "cloud.account.uid", "value": "444455556666", "type": "account", "provider": "accounts", "data": {"contact": "crm@example.com"}},
            {"name": "query.hostname", "value": "drop.example", "type": "threat_intel", "provider": "corp-feed", "data": {"category": "c2"}}],
        "remediation": {"desc": "Disable the new keys, then revoke the role's sessions.", "references": ["https://runbooks.example.com/D12"]},
    });
    document["tidegate"] = ours(&accounts);
    document
}

fn ours(accounts: &[&str]) -> Value {
    json!({
        "kind": "correlation", "group_key_text": "src_endpoint.ip=198.51.100.23",
        "episode": {"start": BASE_MS + 244_000, "end": BASE_MS + 95_100_000, "state": "open", "truncated": false},
        "late_events": 2, "approximate": true, "clock_skew": false, "sample": false, "archived": false, "shadow": false,
        "paging": {"decision": "page", "route": "high"},
        "principals": ["arn:aws:iam::111122223333:role/build", "arn:aws:iam::444455556666:role/build"], "source_ips": ["198.51.100.23"],
        "accounts": accounts, "accounts_total": 2, "regions": ["eu-west-1"], "owners": ["team-crm", "team-payments"], "environments": ["prod"],
        "records": (0..25).map(|n| json!({"source": "trail", "shard": "shardId-000000000001", "sequence": (4_000 + n).to_string(), "sub_sequence": n % 2})).collect::<Vec<_>>(),
        "records_total": 1_042, "rule_digest": "sha256:1f2e3d4c5b6a7980",
        "tables": [{"name": "accounts", "version": "9d1c0b2a3f4e"}], "compliance": ["compliance.pci_dss_4.10_4_1"], "false_positives": ["A migration between accounts"],
    })
}

#[test]
fn a_correlation_over_two_days() {
    golden("correlation.txt", &correlation(), Telling { width: 100, events: false });
}

#[test]
fn the_same_on_a_narrow_terminal_with_the_events() {
    golden("narrow.txt", &correlation(), Telling { width: 60, events: true });
}

#[test]
fn a_finding_that_was_suppressed() {
    let arn = "arn:aws:guardduty:eu-west-1:111122223333:detector/d/finding/f1";
    let document = json!({
        "time": BASE_MS, "start_time": BASE_MS - 500_000, "end_time": BASE_MS - 500_000, "count": 31, "severity_id": 5, "severity": "Critical", "status": "Suppressed",
        "message": "EC2 instance i-0abc queries a domain of a known command and control server.",
        "metadata": {"sequence": 1},
        "finding_info": {"uid": "ffeeddccbbaa99887766554433221100", "uid_alt": arn, "title": "Command and control over DNS", "types": ["Backdoor:EC2/C&CActivity.B!DNS"],
            "analytic": {"uid": "aws/guardduty/finding", "name": "GuardDuty finding", "category": "detection/guardduty"}},
        "evidences": [
            {"uid": arn, "name": "aws/guardduty", "query": {"hostname": "cc.example"}, "data": {"time": BASE_MS - 500_000, "region": "eu-west-1", "truncated": true}},
            {"name": "aws/guardduty", "actor": {"user": {"name": "no time: part of the sequence"}}}],
        "tidegate": {"kind": "detection", "suppressed_by": "drill-nov", "paging": {"decision": "suppressed", "route": "critical"},
            "episode": {"start": BASE_MS, "end": BASE_MS + 1, "state": "open"}, "principals": [], "source_ips": [], "accounts": ["111122223333"], "accounts_total": 1,
            "records": [{"source": "findings", "shard": "findings/a.json", "sequence": "7", "sub_sequence": 0}], "records_total": 1, "rule_digest": "sha256:00"}
    });
    golden("finding.txt", &document, Telling { width: 100, events: false });
}

#[test]
fn flows_that_were_merged() {
    let flow = |n: i64| {
        json!({"name": "aws/vpcflow", "src_endpoint": {"ip": "203.0.113.9", "port": 51_000 + n}, "dst_endpoint": {"ip": "10.1.2.3", "port": 22},
            "connection_info": {"protocol_num": 6}, "data": {"time": BASE_MS + n * 250, "action": "REJECT", "bytes": 1_240 * n + 1, "region": "eu-west-1"}})
    };
    let document = json!({
        "time": BASE_MS, "start_time": BASE_MS, "end_time": BASE_MS + 500, "count": 3, "severity_id": 2, "severity": "Low", "status": "Merged",
        "message": "3 refused connections.", "metadata": {"sequence": 4},
        "finding_info": {"uid": "1", "title": "Probe", "analytic": {"uid": "p", "name": "Probe", "category": "correlation/event_count"}},
        "cloud": {"account": {"uid": "111122223333", "name": "shop"}}, "evidences": [flow(0), flow(1), flow(2)],
        "tidegate": {"kind": "correlation", "merged_into": "0b7a3c5d9e1f20416283a4c5e6f70819", "episode": {"start": BASE_MS, "end": BASE_MS + 500, "state": "merged", "truncated": true},
            "clock_skew": true, "shadow": true, "source_ips": ["203.0.113.9"], "paging": {"decision": "word_of_tomorrow", "route": "low"}, "records_total": 3}
    });
    golden("flows.txt", &document, Telling { width: 100, events: false });
}

/// Puts hostile text into every text and name of a document, and wild numbers into every number.
fn poison(value: &Value) -> Value {
    const TEXT: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\r\nalert 1: closed\n\u{202e}\u{2066}\u{200b}\0";
    match value {
        Value::String(text) => format!("{TEXT}{text}{}", "x".repeat(400)).into(),
        Value::Number(_) => i64::MIN.into(),
        Value::Array(all) => all.iter().map(poison).collect(),
        Value::Object(map) => Value::Object(
            map.iter()
                .map(|(k, v)| (if k == "data" || map.len() > 3 { k.clone() } else { format!("{k}{TEXT}") }, poison(v)))
                .chain(map.iter().map(|(k, v)| (k.clone(), poison(v))))
                .collect(),
        ),
        other => other.clone(),
    }
}

#[test]
fn hostile_documents_harm_no_terminal() {
    let poisoned = poison(&correlation());
    for width in [50, 100] {
        for line in story(&poisoned, Telling { width, events: true }) {
            let bad = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}');
            assert!(!line.text.chars().any(bad), "{:?}", line.text);
            let link = line.text.contains("https://");
            assert!(line.text.chars().count() <= width || link, "{:?}", line.text);
        }
    }
}

/// The documents that the core promises to write.
#[test]
fn every_form_of_document_is_told() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("core/tests/golden/alerts");
    let mut told_of = 0;
    for entry in std::fs::read_dir(folder).expect("the core's golden documents").flatten() {
        let document: Value = serde_json::from_slice(&std::fs::read(entry.path()).expect("read")).expect("JSON");
        if document["finding_info"].is_object() {
            let text = told(&document, Telling { width: 100, events: false });
            for heading in ["Why", "When", "Timeline (", "Accounts (", "Paging", "Rule", "Records (", "What to do"] {
                assert!(text.contains(&format!("\n{heading}")), "{}: {heading}\n{text}", entry.path().display());
            }
            told_of += 1;
        }
    }
    assert!(told_of > 10);
}

#[test]
fn any_value_can_be_told() {
    let whole = correlation();
    let mut odd = vec![
        json!(null),
        json!([]),
        json!("text"),
        json!({"tidegate": {"accounts": "1", "records": [null, 3]}, "evidences": [1, {"data": {"time": 3}}, {"data": {"time": i64::MAX}}], "finding_info": {"attacks": [1]}}),
    ];
    // Each part in turn replaced by something else.
    let names: Vec<String> = whole.as_object().expect("a map").keys().cloned().collect();
    for name in names {
        for other in [json!(null), json!(-1), json!([[]]), json!("x")] {
            let mut document = whole.clone();
            document[&name] = other;
            odd.push(document);
        }
    }
    for document in odd {
        assert!(!story(&document, Telling { width: 80, events: true }).is_empty());
    }
}
