//! Engines that are wrong on purpose, and what the runner finds about them.

use super::engine::Engine;
use super::nature::Nature;
use super::outline::Outline;
use super::run::{Bench, Outcome, run_suite};
use super::script::{Event, Script};
use super::suite::{Suite, parse};
use super::variants::{Counterexample, Options, Subject, VariantReport, run};
use crate::rule::{Gravity, RuleFile, RuleSet, load};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const RULES: &str = "title: Three of a kind
id: three
level: high
correlation: {type: event_count, rules: [one], group-by: [recipientAccountId], timespan: 10m, condition: {gte: 3}}
---
title: One
id: one
name: one
level: low
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: [CreateUser, DeleteUser]}, condition: s}
";

const TEMPLATES: &str = "events: {made: {kind: cloudtrail, eventSource: iam.amazonaws.com, eventName: CreateUser}}\n";

fn rules(text: &str) -> Arc<RuleSet> {
    let loaded = load(&[RuleFile { name: "r.yml".into(), text: text.into() }]);
    assert!(loaded.diagnostics.iter().all(|d| d.gravity != Gravity::Error), "{:?}", loaded.diagnostics);
    Arc::new(loaded.set)
}

fn suite(cases: &str) -> Suite {
    parse("r.test.yaml", &format!("{TEMPLATES}cases:\n{cases}")).unwrap_or_else(|problems| panic!("{problems:?}\n{cases}"))
}

/// One alert per account: how many events, when first and last.
fn outlines(events: &[&Event], of: impl Fn(&Event) -> String) -> Vec<Outline> {
    let mut accounts: BTreeMap<String, Vec<&Event>> = BTreeMap::new();
    events.iter().for_each(|e| accounts.entry(of(e)).or_default().push(e));
    let outline = |(key, events): (String, Vec<&Event>)| {
        let times: Vec<i64> = events.iter().map(|e| e.at_ms).collect();
        let (first, last) = (times.iter().min().copied().unwrap_or(0), times.iter().max().copied().unwrap_or(0));
        let accounts = events.iter().filter_map(|e| e.about.as_deref().map(str::to_owned)).collect::<BTreeSet<_>>();
        Outline {
            rule: "three".into(),
            key,
            start_ms: first,
            end_ms: last + 1,
            severity: "high".into(),
            accounts: accounts.into_iter().collect(),
            counted: Some((events.len() as i64, first, last)),
        }
    };
    accounts.into_iter().map(outline).collect()
}

fn account(event: &Event) -> String {
    event.about.as_deref().unwrap_or("").to_owned()
}

/// Every event once: its time and id tell copies.
fn distinct(script: &Script) -> Vec<&Event> {
    let mut seen = BTreeSet::new();
    script.events.iter().filter(|e| seen.insert((e.origin, e.about.clone()))).collect()
}

fn sound(script: &Script) -> Vec<Outline> {
    outlines(&distinct(script), account)
}

const CASE: &str = "  - {name: six, is: true, events: [{use: made, at: 5s, times: 6, every: 1m}]}\n";

fn tried(cases: &str, judge: &dyn Fn(&Script) -> Vec<Outline>) -> Vec<VariantReport> {
    let (set, suite) = (rules(RULES), suite(cases));
    let engine = Engine::new(&set, &suite).expect("engine");
    let script = Script::of(&suite, &suite.cases[0], &engine.columns);
    let (traits, nature) = (engine.run(&script).traits, Nature::of(&set, &[true, true]));
    let subject = Subject { case: &suite.cases[0], script: &script, traits: &traits, nature: &nature, outlines: &judge(&script) };
    run(&engine, judge, &subject, &Options { variants: Some(2), seed: 3 }).0
}

fn failure<'r>(reports: &'r [VariantReport], kind: &str) -> &'r Counterexample {
    let found = reports.iter().filter(|r| r.kind == kind).find_map(|r| r.failure.as_ref());
    found.unwrap_or_else(|| panic!("no failing {kind} among {reports:#?}"))
}

/// The case that is offered can be pasted, and shows the fault.
fn pasted(smallest: &Counterexample, judge: &dyn Fn(&Script) -> Vec<Outline>) -> Script {
    let (set, suite) = (rules(RULES), suite(&smallest.yaml));
    let engine = Engine::new(&set, &suite).expect("engine");
    let script = Script::of(&suite, &suite.cases[0], &engine.columns);
    let shape = |all: &[Outline]| all.iter().map(|o| (o.start_ms, o.counted)).collect::<Vec<_>>();
    let came: Vec<Outline> = judge(&script).into_iter().filter(|o| !o.accounts.iter().all(|a| a.starts_with("99"))).collect();
    assert_eq!(shape(&came), shape(&smallest.came), "{}", smallest.yaml);
    assert_ne!(shape(&came), shape(&smallest.expected), "{}", smallest.yaml);
    script
}

#[test]
fn a_sound_engine_passes_every_variant() {
    let reports = tried(CASE, &sound);
    assert_eq!(reports.iter().find(|r| r.failure.is_some()), None);
    let kinds: BTreeSet<&str> = reports.iter().map(|r| r.kind).collect();
    assert_eq!(kinds, super::keys::VARIANTS.into_iter().collect());
}

#[test]
fn copies_that_count_are_found_with_one_event() {
    let judge = |script: &Script| outlines(&script.events.iter().collect::<Vec<_>>(), account);
    let reports = tried(CASE, &judge);
    let smallest = failure(&reports, "duplicated");
    assert_eq!(pasted(smallest, &judge).events.len(), 2, "one event and its copy: {}", smallest.yaml);
    assert!(smallest.yaml.contains("copies: 2"), "{}", smallest.yaml);
}

#[test]
fn an_order_that_matters_is_found_with_two_events() {
    // Whatever comes first starts it.
    let judge = |script: &Script| {
        let mut all = sound(script);
        let first = script.events.first().map_or(0, |e| e.at_ms);
        all.iter_mut().for_each(|o| o.start_ms = first);
        all
    };
    let reports = tried(CASE, &judge);
    let smallest = failure(&reports, "shuffled");
    let script = pasted(smallest, &judge);
    assert_eq!(script.events.len(), 2, "{}", smallest.yaml);
    assert_eq!(script.events.iter().filter(|e| e.arrival_ms != e.at_ms).count(), 1, "one is moved: {}", smallest.yaml);
    assert!(reports.iter().all(|r| r.failure.is_none() || ["shuffled", "mixed", "noise"].contains(&r.kind)), "{reports:#?}");
}

#[test]
fn a_restart_that_forgets_is_found_with_one_event() {
    let judge = |script: &Script| {
        let forgotten = script.drive.restarts.last().copied().unwrap_or(0).min(script.events.len());
        outlines(&script.events[forgotten..].iter().collect::<Vec<_>>(), account)
    };
    let reports = tried(CASE, &judge);
    let smallest = failure(&reports, "restarted");
    assert_eq!(pasted(smallest, &judge).events.len(), 1, "{}", smallest.yaml);
    assert!(smallest.yaml.contains("drive: {restart: [1]}"), "{}", smallest.yaml);
}

#[test]
fn a_window_that_hangs_on_the_clock_is_found_with_the_smallest_shift() {
    // Within the first five minutes of the hour all is well.
    let judge = |script: &Script| if script.shift_ms.rem_euclid(3_600_000) < 300_000 { sound(script) } else { Vec::new() };
    let reports = tried(CASE, &judge);
    let smallest = failure(&reports, "shifted");
    let script = pasted(smallest, &judge);
    assert_eq!(script.events.len(), 1, "{}", smallest.yaml);
    assert!([-1000, 300_000].contains(&script.shift_ms), "the edge itself: {}", smallest.yaml);
}

#[test]
fn accounts_that_are_joined_are_found() {
    let judge = |script: &Script| outlines(&distinct(script), |_| String::new());
    let reports = tried(CASE, &judge);
    let smallest = failure(&reports, "noise");
    let script = pasted(smallest, &judge);
    assert_eq!(script.events.len(), 2, "{}", smallest.yaml);
    assert!(smallest.yaml.contains("account: \"9900"), "{}", smallest.yaml);
}

#[test]
fn a_case_may_choose_its_variants_and_none() {
    let chosen = CASE.replace("is: true", "is: true, variants: [batched]");
    let kinds: Vec<&str> = tried(&chosen, &sound).iter().map(|r| r.kind).collect();
    assert_eq!(kinds, ["batched"]);
    assert!(tried(&CASE.replace("is: true", "is: true, variants: false"), &sound).is_empty());
}

#[test]
fn a_case_runs_with_its_variants_and_differences_stand_side_by_side() {
    let (set, good) = (rules(RULES), suite(CASE));
    let report = Bench::new(&set, &good, &["r.yml".into()], Options::default()).expect("bench").run(&good.cases[0]);
    assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    assert!(report.variants.len() > 8, "{:?}", report.variants);
    let wrong = suite(&CASE.replace("is: true", "is: true, expect: {count: 7, severity: high}"));
    let reports = run_suite(&set, &wrong, &["r.yml".into()]);
    let Outcome::Failed(differences) = &reports[0].outcome else { panic!("it fails") };
    assert_eq!(differences.iter().map(ToString::to_string).collect::<Vec<_>>(), ["alert 1: count: 7 expected, 6 came"]);
    assert!(reports[0].variants.is_empty(), "a case that fails by itself has no variants");
}

#[test]
fn what_is_late_or_counts_by_the_clock_is_left_out_with_its_reason() {
    let below = RULES.replace("gte: 3", "lt: 3").replace("recipientAccountId", "userIdentity.userName");
    let (set, suite) = (rules(&below), suite("  - {name: late, is: true, events: [{use: made}, {use: made, at: 1m, arrives: 40m}]}\n"));
    let report = Bench::new(&set, &suite, &["r.yml".into()], Options::default()).expect("bench").run(&suite.cases[0]);
    assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    let left_out: BTreeSet<&str> = report.left_out.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(left_out, BTreeSet::from(["delayed", "noise", "shifted"]));
}

#[test]
fn every_kind_of_template_is_an_event_of_its_service() {
    let kinds = [
        ("cloudtrail", "cloudtrail", "eventName: X, eventSource: x.amazonaws.com"),
        ("guardduty", "guardduty", "type: 'Recon:EC2/Portscan'"),
        ("vpcflow", "vpcflow", "dstport: 22"),
        ("dns", "route53", "rcode: NXDOMAIN"),
        ("waf", "waf", "action: BLOCK"),
        ("securityhub", "securityhub", "Title: X"),
        ("eks", "eks_audit", "verb: delete"),
        ("eventbridge", "eventbridge", "source: aws.x"),
    ];
    for (kind, service, fields) in kinds {
        let rule = format!(
            "title: x\nid: x\nlevel: low\nlogsource: {{product: aws, service: {service}}}\ndetection: {{s: {{cloud.account.uid: '000011112222'}}, condition: s}}\n"
        );
        let text = format!(
            "events: {{a: {{kind: {kind}, {fields}}}}}\ncases:\n  - {{name: x, is: true, events: [{{use: a, at: 90s, account: '000011112222'}}, {{use: a}}], expect: {{first_seen: 90s}}}}\n"
        );
        let suite = parse("r.test.yaml", &text).unwrap_or_else(|problems| panic!("{problems:?}"));
        for report in run_suite(&rules(&rule), &suite, &["r.yml".into()]) {
            assert_eq!(report.outcome, Outcome::Passed, "{kind}: {report:#?}");
        }
    }
}

#[test]
fn json_states_its_logsource() {
    let rule =
        "title: x\nid: x\nlevel: low\nlogsource: {product: okta, service: system}\ndetection: {s: {outcome: FAILURE}, condition: s}\n";
    let text = "events:
  a: {kind: json, logsource: {product: okta, service: system}, time_field: published, outcome: FAILURE}
  b: {kind: json, logsource: {product: other}, outcome: FAILURE}
cases:
  - {name: x, is: true, events: [{use: a, at: 90s}, {use: b}], expect: {first_seen: 90s, count: 1}}
";
    let suite = parse("r.test.yaml", text).unwrap_or_else(|problems| panic!("{problems:?}"));
    for report in run_suite(&rules(rule), &suite, &["r.yml".into()]) {
        assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    }
}
