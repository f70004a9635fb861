//! Where detections go and what they carry.

use super::support::{Rules, detect, detect_in, field, logsource, stamp, text};
use tidegate_core::decode::{Context, ErrorCode, Unit};
use tidegate_core::detect::{Detector, Scratch};
use tidegate_core::event::{ContentId, Detection, Form, Quantity};
use tidegate_core::rule::{Compare, CorrelationKind, Level, Presence, Test, Thresholds};

fn at_least(n: f64) -> Thresholds {
    Thresholds(vec![(Compare::Gte, n)])
}

fn addressed(detections: &[Detection]) -> Vec<(u32, u32, u16, Vec<&str>)> {
    detections.iter().map(|d| (d.target, d.rule, d.step, d.key.values())).collect()
}

#[test]
fn a_match_feeds_every_correlation_or_alerts() {
    let mut rules = Rules::default();
    let own = rules.detection(logsource("p", None), field("a", text("x")), Some(Level::High));
    let fed = rules.detection(logsource("p", None), field("a", text("x")), None);
    let count = rules.correlation(CorrelationKind::EventCount(at_least(2.0)), &[fed], &["user"]);
    let ordered = Presence::And(vec![Presence::Rule(0), Presence::Rule(1)]);
    let steps = rules.correlation(CorrelationKind::TemporalOrdered(ordered), &[fed, fed], &[]);
    let missing = rules.correlation(CorrelationKind::EventCount(at_least(2.0)), &[fed], &["user", "nowhere"]);
    let (detector, _) = rules.build();
    let (seen, found) = detect(&detector, Form::Generic(0), r#"{"a":"x","user":"u1","t":1}"#);
    let id = found[0].key.values()[0].to_owned();
    let expected = [(own, own, 0, vec![id.as_str()]), (count, fed, 0, vec!["u1"]), (steps, fed, 0, vec![]), (steps, fed, 1, vec![])];
    assert_eq!(addressed(&found), expected);
    assert_eq!((seen.matched, seen.without_key), (2, 1));
    assert_eq!(found.iter().map(|d| d.severity).collect::<Vec<_>>(), [4, 3, 3, 3]);
    assert_eq!(id, format!("{:032x}", found[0].id.0));
    assert_eq!(&*found[0].facts.body, r#"{"a":"x","user":"u1","t":1}"#);
    assert!(missing > steps);
}

#[test]
fn aliases_name_a_field_per_rule_and_arrays_spread() {
    let mut rules = Rules::default();
    let a = rules.detection(logsource("p", None), field("kind", text("a")), None);
    let b = rules.detection(logsource("p", None), field("kind", text("b")), None);
    let both = Presence::And(vec![Presence::Rule(0), Presence::Rule(1)]);
    let joined = rules.correlation(CorrelationKind::Temporal(both), &[a, b], &["ip"]);
    rules.alias(joined, "ip", a, "src");
    rules.alias(joined, "ip", b, "dst.ip");
    let (detector, _) = rules.build();
    let keys = |event| detect(&detector, Form::Generic(0), event).1.iter().map(|d| d.key.values().concat()).collect::<Vec<_>>();
    assert_eq!(keys(r#"{"kind":"a","src":"10.0.0.1","ip":"no"}"#), ["10.0.0.1"]);
    assert_eq!(keys(r#"{"kind":"b","dst":[{"ip":"10.0.0.1"},{"ip":"10.0.0.2"},{"ip":"10.0.0.1"}]}"#), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(keys(r#"{"kind":"b","src":"10.0.0.1"}"#), Vec::<String>::new());
}

#[test]
fn quantities_are_measured() {
    let mut rules = Rules::default();
    let rule = rules.detection(logsource("p", None), field("a", text("x")), None);
    let distinct = rules.correlation(CorrelationKind::ValueCount(vec!["user".into(), "host".into()], at_least(2.0)), &[rule], &[]);
    let sum = rules.correlation(CorrelationKind::ValueSum("bytes".into(), at_least(2.0)), &[rule], &[]);
    let (detector, _) = rules.build();
    let quantities = |event| detect(&detector, Form::Generic(0), event).1.iter().map(|d| (d.target, d.quantity)).collect::<Vec<_>>();
    let one = quantities(r#"{"a":"x","user":"u","host":"h","bytes":"1.5"}"#);
    assert!(matches!(one[..], [(t, Quantity::Distinct(_)), (s, Quantity::Micros(1_500_000))] if t == distinct && s == sum));
    assert_eq!(quantities(r#"{"a":"x","user":"u","host":"h"}"#), one[..1]);
    assert_eq!(quantities(r#"{"a":"x","user":"u","bytes":"many"}"#), []);
}

#[test]
fn times_are_the_events_own_or_its_arrival() {
    let mut rules = Rules::default();
    rules.detection(logsource("p", None), field("a", Test::Exists(true)), None);
    let (detector, _) = rules.build();
    let at = |event, arrival| detect_in(&detector, Form::Generic(0), event, &Context::default(), arrival);
    let (seen, found) = at(r#"{"a":1,"t":"2026-11-23T17:53:04Z"}"#, Some(1_795_456_384_000 + 31 * 60_000)).expect("a time");
    assert!(seen.late && found[0].flags.late && found[0].time_ms == 1_795_456_384_000);
    let (seen, found) = at(r#"{"a":1,"t":1795456384}"#, Some(1_000)).expect("a time");
    assert!(seen.clock_skew && found[0].flags.clock_skew && found[0].time_ms == 1_000);
    assert_eq!(at(r#"{"a":1,"t":"soon"}"#, Some(7)).map(|(s, _)| (s.time_ms, s.arrival_ms)), Ok((7, 7)));
    assert_eq!(at(r#"{"a":1,"t":9}"#, None).map(|(s, _)| (s.time_ms, s.arrival_ms)), Ok((9_000, 9_000)));
    assert_eq!(at(r#"{"a":1}"#, None).map_err(|e| e.code), Err(ErrorCode::FieldMissing));
    assert_eq!(at(r#"{"a":1"#, Some(7)).map_err(|e| e.code), Err(ErrorCode::JsonTruncated));
}

#[test]
fn a_log_event_id_names_the_event_on_every_route() {
    let mut rules = Rules::default();
    rules.detection(logsource("p", None), field("a", Test::Exists(true)), None);
    let (detector, _) = rules.build();
    let context = Context { log_event_id: Some("3817".into()), ..Context::default() };
    let id = |event| {
        let found = detect_in(&detector, Form::Generic(0), event, &context, Some(7)).expect("a time").1;
        (found[0].id, found[0].flags.position_id)
    };
    assert_eq!(id(r#"{"a":1}"#), id(r#"{"a":1}"#));
    assert_ne!(id(r#"{"a":1}"#), id(r#"{"a":2}"#));
    assert!(!id(r#"{"a":1}"#).1);
    let bare = detect(&detector, Form::Generic(0), r#"{"a":1}"#).1;
    assert!(bare[0].flags.position_id && bare[0].id == ContentId::of_position(&bare[0].position));
}

#[test]
fn a_scratch_carries_nothing_over() {
    let (mut one, mut other) = (Rules::default(), Rules::default());
    let rule = one.detection(logsource("p", None), field("a", text("x")), None);
    let count = one.correlation(CorrelationKind::EventCount(at_least(2.0)), &[rule], &["user"]);
    other.detection(logsource("p", None), field("b.c.d", text("x")), None);
    other.detection(logsource("p", None), field("e", text("x")), None);
    let (one, other) = (one.build().0, other.build().0);
    let (mut scratch, mut out, context) = (Scratch::new(), Vec::new(), Context::default());
    let mut run = |detector: &Detector, form, event: &str| {
        out.clear();
        let seen = detector.detect(&Unit { form, text: event, context: &context }, None, &mut scratch, &stamp(Some(7)), &mut out);
        (seen.map(|s| s.matched).ok(), out.len(), scratch.without_key().to_vec())
    };
    assert_eq!(run(&one, Form::Generic(0), r#"{"a":"x"}"#), (Some(1), 0, vec![count]));
    assert_eq!(run(&one, Form::Generic(9), r#"{"a":"x","user":"u"}"#), (None, 0, vec![]));
    assert_eq!(run(&one, Form::Generic(0), r#"{"a":"x","user""#), (None, 0, vec![]));
    assert_eq!(run(&other, Form::Generic(0), r#"{"a":"x","e":"X"}"#), (Some(1), 1, vec![]));
    assert_eq!(run(&one, Form::Generic(0), r#"{"a":"x","user":"u"}"#), (Some(1), 1, vec![]));
}
