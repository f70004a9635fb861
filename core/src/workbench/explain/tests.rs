use super::*;
use crate::enrich::Tables;
use crate::event::{Position, Record};
use crate::rule::anatomy::anatomy;
use crate::rule::{RuleFile, load};

const RULES: &str = "title: Failed\nid: f\nname: failed\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  call:\n    eventName: \
                     ConsoleLogin\n    errorMessage|contains: [Failed, denied]\n  own: {userIdentity.userName: [bot1, bot2]}\n  condition: \
                     call and not own\n---\ntitle: Many failed\nid: m\ncorrelation:\n  type: event_count\n  rules: [failed]\n  group-by: \
                     [recipientAccountId]\n  timespan: 10m\n  condition: {gte: 2}\nlevel: high\n---\ntitle: Not our robots\nid: x\nlogsource: \
                     {product: aws, service: cloudtrail}\nfilter:\n  rules: [failed]\n  scanner: {sourceIPAddress|cidr: 10.0.0.0/8}\n  condition: scanner\n";

fn explainer() -> Explainer {
    let files = [RuleFile { name: "r.yml".into(), text: RULES.into() }];
    let loaded = load(&files);
    Explainer::new(Arc::new(loaded.set), anatomy(&files), Hints::default())
}

fn record(lines: &[String]) -> Record {
    let position = Position { source: "test".into(), shard: "t.ndjson".into(), sequence: 1u64.into(), sub_sequence: 0 };
    Record { position, arrival_ms: None, bytes: lines.join("\n").into_bytes(), lines: true }
}

fn trail(user: &str, message: &str, ip: &str, minute: u32) -> String {
    format!(
        r#"{{"eventVersion":"1.11","eventID":"{user}{minute}","eventTime":"2026-11-02T10:{minute:02}:00Z","eventSource":"signin.amazonaws.com","eventName":"ConsoleLogin","errorMessage":"{message}","sourceIPAddress":"{ip}","awsRegion":"eu-central-1","recipientAccountId":"111122223333","userIdentity":{{"type":"IAMUser","userName":"{user}"}}}}"#
    )
}

#[test]
fn a_rule_is_explained_whole() {
    let explainer = explainer();
    let rule = explainer.explain(explainer.find("failed")[0]);
    let text = rule.lines().join("\n");
    for part in [
        "an organisation trail",
        "eventName = \"consolelogin\"",
        "errorMessage contains \"Failed\" or \"denied\"",
        "and by a filter",
        "not (sourceIPAddress is inside 10.0.0.0/8)",
        "no: correlation \"Many failed\" refers to it",
        "feeds      \"Many failed\"",
        "recipientAccountId <-",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    let many = explainer.explain(explainer.find("m")[0]);
    assert_eq!(many.meaning, "for each recipientAccountId: at least 2 events of \"Failed\" within 10m");
    let (window, state) = (many.window.expect("window"), many.state.expect("state"));
    assert!(!window.waits && window.lateness_ms == 1_800_000 && window.kept_ms == 2_400_000, "{window:?}");
    assert!((300..2_000).contains(&state.first_event_bytes) && state.further_event_bytes > 0, "{state:?}");
    assert!(many.lines().join("\n").contains("yes: its level is high"));
}

#[test]
fn an_event_is_explained_by_selection_and_value() {
    let explainer = explainer();
    let rules = explainer.find("failed");
    let lines = [
        trail("mara", "Failed authentication", "198.51.100.7", 0),
        trail("bot1", "Failed authentication", "198.51.100.7", 1),
        trail("mara", "ok", "198.51.100.7", 2),
        trail("mara", "Failed authentication", "10.0.0.1", 3),
        "{\"nothing\": 1}".to_owned(),
    ];
    let explained = on_events(&explainer, &rules, &[record(&lines)], &Arc::new(Tables::default()));
    let matched: Vec<Option<bool>> = explained.iter().map(|e| e.rules.first().map(|r| r.matched)).collect();
    assert_eq!(matched, [Some(true), Some(false), Some(false), Some(false), None]);
    let by = |n: usize| explained[n].rules[0].decided_by.join("; ");
    assert_eq!(by(1), r#"own: userIdentity.userName is "bot1" or "bot2": yes (seen: "bot1")"#);
    assert_eq!(by(2), r#"call: errorMessage contains "Failed" or "denied": no (seen: "ok")"#);
    assert_eq!(by(3), r#"filter: not (sourceIPAddress is inside 10.0.0.0/8): no (seen: "10.0.0.1")"#);
    assert_eq!(explained[0].rules[0].counts, [r#"correlation "Many failed", key recipientAccountId = "111122223333""#]);
    assert!(explained[4].refused.is_some());
}

#[test]
fn a_correlation_says_how_far_each_key_got() {
    let explainer = explainer();
    let many = explainer.find("m");
    let tables = Arc::new(Tables::default());
    let lines = [trail("mara", "Failed", "198.51.100.7", 0), trail("mara", "Failed", "198.51.100.7", 5)];
    let of = |lines: &[String]| outcome(&explainer, &many, &[record(lines)], &tables).expect("runs").remove(0);
    assert_eq!((of(&lines).alerts.len(), of(&lines[..1]).alerts.len()), (1, 0));
    assert_eq!(of(&lines[..1]).keys[0].events, [1]);
}
