//! What each test means, by example.

use super::support::{Rules, detect, detect_in, field, hints, logsource, pattern, text};
use std::sync::Arc;
use tidegate_core::decode::Context;
use tidegate_core::decode::Unit;
use tidegate_core::decode::vpcflow::{FlowDecoder, FlowLine};
use tidegate_core::detect::{Detector, Scratch, WarningKind, sources_of};
use tidegate_core::event::{Form, Source};
use tidegate_core::rule::{Compare, Expr, RefMode, Test, TimePart};

/// Whether one condition holds for one event.
fn holds(condition: &Expr, event: &str) -> bool {
    let mut rules = Rules::default();
    rules.detection(logsource("p", None), condition.clone(), None);
    let (detector, _) = rules.build();
    detect(&detector, Form::Generic(0), event).0.matched == 1
}

#[track_caller]
fn check(condition: &Expr, yes: &[&str], no: &[&str]) {
    for event in yes {
        assert!(holds(condition, event), "should hold for {event}");
    }
    for event in no {
        assert!(!holds(condition, event), "should not hold for {event}");
    }
}

fn not(expr: Expr) -> Expr {
    Expr::Not(Box::new(expr))
}

#[test]
fn texts_are_compared_whole_and_without_case() {
    check(
        &field("a", text("Root")),
        &[r#"{"a":"ROOT"}"#, r#"{"a":["x","root"]}"#],
        &[r#"{"a":"root "}"#, r#"{"b":"root"}"#, r#"{"a":null}"#],
    );
    check(&field("a", text("ÉCOLE*")), &[r#"{"a":"école 42"}"#, r#"{"a":"\u00c9cole"}"#], &[r#"{"a":"ecole"}"#]);
    check(&field("a", text("a?c")), &[r#"{"a":"aéc"}"#], &[r#"{"a":"ac"}"#]);
    let cased = Test::Text { pattern: pattern("Root*"), cased: true };
    check(&field("a", cased), &[r#"{"a":"Rooted"}"#], &[r#"{"a":"rooted"}"#]);
}

#[test]
fn every_value_but_null_has_a_text() {
    check(&field("a", text("443")), &[r#"{"a":443}"#, r#"{"a":"443"}"#], &[r#"{"a":4430}"#]);
    check(&field("a", text("false")), &[r#"{"a":false}"#, r#"{"a":"False"}"#], &[r#"{"a":null}"#, r#"{"a":0}"#]);
    check(&field("a", text("*")), &[r#"{"a":""}"#, r#"{"a":0}"#, r#"{"a":{}}"#], &[r#"{"a":null}"#, "{}", r#"{"a":[]}"#]);
    check(&field("a", text("")), &[r#"{"a":""}"#], &[r#"{"a":" "}"#, "{}"]);
}

#[test]
fn an_object_passes_with_its_text_or_a_text_inside() {
    let event = [r#"{"a":{"cidrIp":"0.0.0.0/0","n":[{"m":"say \"Hi\""}]}}"#];
    for inside in ["*cidrip*", "0.0.0.0/0", r#"say "hi""#, r#"*"0.0.0.0/0","n"*"#] {
        check(&field("a", text(inside)), &event, &[]);
    }
    check(&field("a", text("cidrIp")), &[], &event);
    check(&field("a.n.m", text("say*")), &event, &[]);
}

#[test]
fn numbers_and_booleans_in_any_spelling() {
    check(
        &field("a", Test::Number(443.0)),
        &[r#"{"a":443}"#, r#"{"a":443.0}"#, r#"{"a":"443"}"#, r#"{"a":[1,443]}"#],
        &[r#"{"a":"x443"}"#],
    );
    check(&field("a", Test::Number(0.0)), &[r#"{"a":-0.0}"#, r#"{"a":0}"#], &[r#"{"a":""}"#]);
    check(&field("a", Test::Bool(true)), &[r#"{"a":true}"#, r#"{"a":"True"}"#], &[r#"{"a":1}"#, r#"{"a":false}"#]);
    check(&field("a", Test::Compare(Compare::Gte, 7.0)), &[r#"{"a":7}"#, r#"{"a":"8.5"}"#], &[r#"{"a":6.9}"#, r#"{"a":"high"}"#]);
    check(&field("a", Test::Compare(Compare::Neq, 7.0)), &[r#"{"a":8}"#], &[r#"{"a":7}"#, r#"{"a":"x"}"#, "{}"]);
}

#[test]
fn null_exists_and_not() {
    check(&field("a", Test::Null), &["{}", r#"{"a":null}"#, r#"{"a":[null]}"#], &[r#"{"a":""}"#, r#"{"a":[null,1]}"#]);
    check(&field("a", Test::Exists(true)), &[r#"{"a":null}"#, r#"{"a":1}"#], &["{}"]);
    check(&field("a", Test::Exists(false)), &["{}"], &[r#"{"a":null}"#]);
    check(&not(field("a", text("x"))), &["{}", r#"{"a":"y"}"#], &[r#"{"a":"x"}"#, r#"{"a":["y","x"]}"#]);
    check(&not(field("a", Test::Null)), &[r#"{"a":"x"}"#], &["{}"]);
    check(&Expr::And(vec![]), &["{}"], &[]);
    check(&Expr::Or(vec![]), &[], &["{}"]);
}

#[test]
fn regular_expressions_are_searched_with_case() {
    check(&field("a", Test::Regex("b+c".into())), &[r#"{"a":"abbc"}"#], &[r#"{"a":"ABBC"}"#, "{}"]);
    check(&field("a", Test::Regex("(?i)^b+c$".into())), &[r#"{"a":"BBC"}"#], &[r#"{"a":"abbc"}"#]);
}

#[test]
fn networks_hold_texts_and_mapped_addresses() {
    let net = field("a", Test::Cidr("10.0.0.0/8".parse().expect("network")));
    check(&net, &[r#"{"a":"10.1.2.3"}"#, r#"{"a":"::ffff:10.1.2.3"}"#], &[r#"{"a":"11.0.0.1"}"#, r#"{"a":"10.1.2.3/32"}"#, r#"{"a":"x"}"#]);
    let net = field("a", Test::Cidr("2001:db8::/32".parse().expect("network")));
    check(&net, &[r#"{"a":"2001:DB8::5"}"#], &[r#"{"a":"10.0.0.1"}"#]);
}

#[test]
fn fields_refer_to_fields() {
    let reference = |mode| field("a", Test::FieldRef { field: "b".into(), mode, cased: false });
    check(
        &reference(RefMode::Equals),
        &[r#"{"a":"X","b":["y","x"]}"#, r#"{"a":1,"b":"1"}"#],
        &[r#"{"a":"x"}"#, "{}", r#"{"a":null,"b":null}"#],
    );
    check(&reference(RefMode::EndsWith), &[r#"{"a":"path/Key","b":"key"}"#], &[r#"{"a":"key/x","b":"key"}"#]);
}

#[test]
fn parts_of_times() {
    let hour = field("a", Test::TimePart(TimePart::Hour, Compare::Lt, 6.0));
    check(&hour, &[r#"{"a":"2026-11-23T05:59:59Z"}"#, r#"{"a":0}"#], &[r#"{"a":"2026-11-23T06:00:00Z"}"#, r#"{"a":"soon"}"#, "{}"]);
}

#[test]
fn keywords_are_looked_for_in_every_scalar() {
    check(&Expr::Keyword(text("evil")), &[r#"{"x":[{"y":"an EVIL one"}]}"#], &[r#"{"evil":"good"}"#]);
    check(&Expr::Keyword(text("e?il*x")), &[r#"{"x":"so evil, x!"}"#], &[r#"{"x":"evil"}"#]);
    check(&Expr::Keyword(text("443")), &[r#"{"x":14430}"#], &["{}"]);
}

#[test]
fn flattened_events_have_dotted_keys() {
    check(&field("a.b", text("x")), &[r#"{"a.b":"x"}"#, r#"{"a":{"b":"x"}}"#, r#"{"a":[{"b":"y"},{"b":"x"}]}"#], &[r#"{"a":"x"}"#]);
}

#[test]
fn flow_lines_have_columns() {
    let mut rules = Rules::default();
    let conditions = [
        field("dstport", Test::Number(443.0)),
        field("dst_port", text("443")),
        field("srcaddr", Test::Cidr("172.31.0.0/16".parse().expect("network"))),
        field("action", text("accept")),
        Expr::Keyword(text("eni-1235b8ca123456789 172.31")),
        field("pkt-srcaddr", Test::Null),
        field("dstport", text("80")),
    ];
    for condition in conditions {
        rules.detection(logsource("aws", Some("vpcflow")), condition, None);
    }
    let (detector, _) = rules.build();
    let line = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 443 6 20 4249 1418530010 1418530070 ACCEPT OK";
    let mut decoder = FlowDecoder::new(None);
    let Ok(FlowLine::Flow(flow)) = decoder.decode(line) else { panic!("a flow") };
    let context = Context::default();
    let (mut scratch, mut out) = (Scratch::new(), Vec::new());
    let unit = Unit { form: Form::VpcFlow, text: line, context: &context };
    let stamp = super::support::stamp(Some(1_418_530_080_000));
    let seen = detector.detect(&unit, Some(&flow), &mut scratch, &stamp, &mut out).expect("a flow");
    assert_eq!(out.iter().map(|d| d.rule).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    assert!(out.iter().all(|d| d.flags.position_id && &*d.facts.body == line));
    assert_eq!(seen.source, Source::VpcFlow);
}

#[test]
fn rules_see_their_own_sources_only() {
    let mut rules = Rules::default();
    let trail = rules.detection(logsource("aws", Some("cloudtrail")), field("a", text("x")), None);
    let aws = rules.detection(logsource("aws", None), field("a", text("x")), None);
    let nobody = rules.detection(logsource("okta", None), field("a", text("x")), None);
    let generic = hints().generic;
    assert_eq!(sources_of(rules.set(), trail, &generic), [Source::CloudTrail]);
    assert_eq!(sources_of(rules.set(), aws, &generic).len(), 9);
    assert_eq!(sources_of(rules.set(), nobody, &generic), []);
    let (detector, warnings) = rules.build();
    let matched = |form| detect(&detector, form, r#"{"a":"x"}"#).1.iter().map(|d| d.rule).collect::<Vec<_>>();
    assert_eq!(matched(Form::CloudTrail), [trail, aws]);
    assert_eq!(matched(Form::Waf), [aws]);
    assert!(matched(Form::Generic(0)).is_empty());
    assert!(detector.wants(Form::Waf) && !detector.wants(Form::Generic(0)));
    assert_eq!(warnings.iter().map(|w| (w.rule, w.kind)).collect::<Vec<_>>(), [(nobody, WarningKind::NoSource)]);
    assert!(detect_in(&detector, Form::Generic(7), "{}", &Context::default(), Some(0)).is_err());
}

#[test]
fn loading_says_what_is_dear_and_what_is_left_out() {
    let mut rules = Rules::default();
    rules.detection(logsource("p", None), not(field("a", text("x"))), None);
    rules.detection(logsource("p", None), not(field("a", Test::Regex("(".into()))), None);
    rules.detection(logsource("p", None), Expr::And(vec![field("eventSource", text("ec2.amazonaws.com")), field("b", text("Run*"))]), None);
    let (detector, warnings) = rules.build();
    let kinds: Vec<_> = warnings.iter().map(|w| (w.rule, w.kind)).collect();
    assert_eq!(kinds, [(0, WarningKind::EveryEvent), (1, WarningKind::LeftOut)]);
    assert_eq!(detect(&detector, Form::Generic(0), "{}").1.iter().map(|d| d.rule).collect::<Vec<_>>(), [0]);
    assert_eq!(detector.cost(2)[0].condition.as_deref(), Some(r#"b starts with "run""#));
}

#[test]
fn a_detector_is_shared_by_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let (detector, _) = Detector::new(Arc::default(), &hints());
    shared(&detector);
}
