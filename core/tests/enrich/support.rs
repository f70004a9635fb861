//! Rules as text, tables as rows, events as JSON.

use std::sync::Arc;
use tidegate_core::decode::{Context, Hints, Unit, vpcflow};
use tidegate_core::detect::{Detector, Scratch, Stamp, Warning};
use tidegate_core::enrich::{Builder, TableKind, Tables};
use tidegate_core::event::{Detection, Form, GenericSource, LogSource, Position, Sequence};
use tidegate_core::rule::{Gravity, RuleFile, RuleSet, load};

/// 2026-11-02T10:00:00Z
pub(crate) const BASE_MS: i64 = 1_793_613_600_000;

pub(crate) const PROD: &str = "111122223333";
pub(crate) const TEST: &str = "444455556666";

pub(crate) fn rules(text: &str) -> Arc<RuleSet> {
    let loaded = load(&[RuleFile { name: "r.yml".into(), text: text.into() }]);
    let errors: Vec<String> = loaded.diagnostics.iter().filter(|d| d.gravity == Gravity::Error).map(ToString::to_string).collect();
    assert!(errors.is_empty(), "{errors:?}");
    Arc::new(loaded.set)
}

/// Two accounts, some networks, some intelligence.
pub(crate) fn tables() -> Arc<Tables> {
    let mut builder = Builder::new();
    builder.table(TableKind::Accounts, "accounts", "accounts", b"a");
    let row = [
        ("id", PROD),
        ("name", "pay"),
        ("ou", "Root/Work"),
        ("environment", "prod"),
        ("owner", "team-pay"),
        ("data_class", "CHD;PII"),
        ("tier", "1"),
    ];
    builder.row(1, &row);
    builder.row(2, &[("id", TEST), ("environment", "test"), ("owner", "team-pay")]);
    builder.table(TableKind::Networks, "networks", "networks", b"n");
    builder.row(1, &[("cidr", "10.0.0.0/8"), ("name", "VPCs"), ("kind", "corporate")]);
    builder.row(2, &[("cidr", "198.51.100.9"), ("name", "posture"), ("kind", "scanner")]);
    builder.table(TableKind::Intel, "feed", "feed", b"i");
    builder.row(1, &[("indicator", "203.0.113.0/24"), ("source", "wide"), ("category", "hosting")]);
    builder.row(2, &[("indicator", "203.0.113.7"), ("source", "narrow"), ("category", "c2"), ("expires", "2026-11-02T10:00:10Z")]);
    builder.row(3, &[("indicator", "evil.example"), ("source", "names"), ("category", "phishing")]);
    builder.row(4, &[("indicator", HASH), ("source", "files"), ("category", "miner")]);
    assert_eq!(builder.problems(), (&[][..], 0));
    Arc::new(builder.finish())
}

pub(crate) const HASH: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9";

pub(crate) fn hints() -> Hints {
    let logsource = LogSource { category: None, product: Some("p".into()), service: None };
    Hints { generic: vec![GenericSource { logsource, time_field: "t".into(), arrival_field: None }], ..Hints::default() }
}

pub(crate) fn detector(rules_text: &str, tables: &Arc<Tables>) -> (Detector, Vec<Warning>) {
    Detector::with_tables(rules(rules_text), &hints(), tables.clone())
}

fn stamp(arrival_ms: i64) -> Stamp {
    let position = Position { source: "s".into(), shard: "0".into(), sequence: Sequence::from(1), sub_sequence: 0 };
    Stamp { position, arrival_ms: Some(arrival_ms) }
}

pub(crate) fn detect(detector: &Detector, form: Form, text: &str) -> Vec<Detection> {
    let (context, mut out) = (Context::default(), Vec::new());
    detector
        .detect(&Unit { form, text, context: &context }, None, &mut Scratch::new(), &stamp(BASE_MS), &mut out)
        .expect("the event can be read");
    out
}

/// A flow of version 2 that starts at a moment.
pub(crate) fn detect_flow(detector: &Detector, source: &str, target: &str, start_ms: i64) -> Vec<Detection> {
    let start = start_ms / 1000;
    let line = format!("2 {PROD} eni-1 {source} {target} 4000 443 6 10 8000 {start} {start} ACCEPT OK");
    let mut decoder = vpcflow::FlowDecoder::new(None);
    let Ok(vpcflow::FlowLine::Flow(flow)) = decoder.decode(&line) else { panic!("no flow: {line}") };
    let (context, mut out) = (Context::default(), Vec::new());
    let unit = Unit { form: Form::VpcFlow, text: &line, context: &context };
    detector.detect(&unit, Some(&flow), &mut Scratch::new(), &stamp(BASE_MS + 60_000), &mut out).expect("a flow");
    out
}

pub(crate) fn trail(account: &str, ip: &str) -> String {
    format!(
        r#"{{"eventVersion":"1.09","eventID":"{account}-{ip}","eventTime":"2026-11-02T10:00:00Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1","sourceIPAddress":"{ip}","recipientAccountId":"{account}","userIdentity":{{"type":"IAMUser","userName":"u","accountId":"{account}"}}}}"#
    )
}
