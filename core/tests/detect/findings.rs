//! Findings: revisions, ids, severity, flags; and the ids of trails.

use super::support::{Rules, detect, detect_in, field, logsource, text};
use tidegate_core::decode::Context;
use tidegate_core::detect::WarningKind;
use tidegate_core::event::{ContentId, Fact, Form};
use tidegate_core::rule::{Compare, Expr, Level, Test};

const ARN: &str = "arn:aws:guardduty:eu-central-1:111122223333:detector/d1/finding/f1";

fn finding(count: u32, severity: &str, archived: bool) -> String {
    format!(
        r#"{{"schemaVersion":"2.0","accountId":"111122223333","region":"eu-central-1","partition":"aws","id":"f1","arn":"{ARN}",
        "type":"UnauthorizedAccess:IAMUser/MaliciousIPCaller","resource":{{"resourceType":"AccessKey"}},
        "service":{{"serviceName":"guardduty","detectorId":"d1","count":{count},"archived":{archived},"eventFirstSeen":"2026-11-23T17:00:00Z",
        "eventLastSeen":"2026-11-23T17:40:00Z"}},
        "severity":{severity},"createdAt":"2026-11-23T17:10:00.000Z","updatedAt":"2026-11-23T17:53:04.000Z","title":"A title","description":"d"}}"#
    )
}

const UPDATED_MS: i64 = 1_795_456_384_000;

#[test]
fn a_finding_carries_its_revision() {
    let mut rules = Rules::default();
    let any = rules.detection(logsource("aws", Some("guardduty")), field("type", text("unauthorizedaccess:*")), None);
    let leveled = rules.detection(logsource("aws", Some("guardduty")), field("type", text("unauthorizedaccess:*")), Some(Level::Low));
    let (detector, _) = rules.build();
    let event = finding(3, "8.5", true);
    let (seen, found) = detect_in(&detector, Form::GuardDuty, &event, &Context::default(), Some(UPDATED_MS + 1_000)).expect("a finding");
    assert_eq!(found.iter().map(|d| (d.rule, d.severity)).collect::<Vec<_>>(), [(any, 4), (leveled, 2)]);
    let revision = found[0].revision.expect("a finding has a revision");
    assert_eq!((revision.count, revision.severity, revision.updated_ms), (3, 850, UPDATED_MS));
    assert_eq!(revision.created_ms, UPDATED_MS - 43 * 60_000 - 4_000);
    assert_eq!(found[0].key.values(), [ARN]);
    assert_eq!(found[0].id, ContentId::of("guardduty", &format!("{ARN}\0{UPDATED_MS}\03")));
    assert!(found[0].flags.archived && !found[0].flags.sample && !found[0].flags.position_id && !found[0].flags.late);
    assert_eq!((seen.account.as_deref(), seen.region.as_deref()), (Some("111122223333"), Some("eu-central-1")));
    assert_eq!(&*found[0].account, "111122223333");
    assert_eq!(found[0].facts.first(Fact::Title), Some("A title"));
}

#[test]
fn severity_follows_the_bands() {
    let mut rules = Rules::default();
    rules.detection(logsource("aws", Some("guardduty")), field("type", text("*")), None);
    let (detector, _) = rules.build();
    for (written, severity) in [("0.5", 1), ("1", 2), ("3.9", 2), ("4.0", 3), ("6.9", 3), ("7", 4), ("8.9", 4), ("9.0", 5), ("null", 3)] {
        let found = detect(&detector, Form::GuardDuty, &finding(1, written, false)).1;
        assert_eq!(found[0].severity, severity, "{written}");
    }
}

#[test]
fn rules_ask_for_new_or_updated_revisions() {
    let mut rules = Rules::default();
    let ask = |word: &str| field("tidegate.revision", text(word));
    let source = logsource("aws", Some("guardduty"));
    let new = rules.detection(source.clone(), ask("new"), None);
    let updated = rules.detection(source.clone(), ask("Updated"), None);
    let raised = rules.detection(source.clone(), Expr::And(vec![ask("severity_raised"), field("type", text("*"))]), None);
    let refused = rules.detection(source, Expr::Not(Box::new(ask("severity_raised"))), None);
    let (detector, warnings) = rules.build();
    let matched = |count| detect(&detector, Form::GuardDuty, &finding(count, "5", false)).1.iter().map(|d| d.rule).collect::<Vec<_>>();
    assert_eq!(matched(1), [new, raised], "whether it rose is for the holder of the revisions to say");
    assert_eq!(matched(2), [updated, raised]);
    assert_eq!([new, updated, raised].map(|rule| detector.must_be_raised(rule)), [false, false, true]);
    assert_eq!(warnings.iter().map(|w| (w.rule, w.kind)).collect::<Vec<_>>(), [(refused, WarningKind::LeftOut)]);
}

#[test]
fn a_rule_that_asks_whether_the_severity_rose_hears_of_every_revision() {
    let mut rules = Rules::default();
    let source = logsource("aws", Some("guardduty"));
    let asks = vec![field("tidegate.revision", text("severity_raised")), field("severity", Test::Compare(Compare::Gte, 7.0))];
    rules.detection(source, Expr::And(asks), None);
    let (detector, _) = rules.build();
    let heard = |severity| detect(&detector, Form::GuardDuty, &finding(1, severity, false));
    let (seen, low) = heard("5");
    assert_eq!((seen.matched, low.len()), (0, 1));
    assert!(low[0].flags.witness && low[0].facts.is_empty() && low[0].revision.is_some_and(|r| r.severity == 500));
    let (seen, high) = heard("8");
    assert_eq!((seen.matched, high.len(), high[0].flags.witness), (1, 1, false));
}

#[test]
fn trails_are_known_by_their_event_id() {
    let mut rules = Rules::default();
    rules.detection(logsource("aws", Some("cloudtrail")), field("eventName", text("x")), None);
    let (detector, _) = rules.build();
    let event =
        r#"{"eventName":"X","eventTime":"2026-11-23T17:53:04Z","eventID":"e1","sharedEventID":"s1","recipientAccountId":"111122223333"}"#;
    let found = detect(&detector, Form::CloudTrail, event).1;
    assert_eq!(found[0].id, ContentId::of("cloudtrail", "e1"));
    assert_eq!(found[0].key.values(), [format!("{:032x}", found[0].id.0)]);
    assert_eq!(&*found[0].account, "111122223333");
}
