//! One finding is one alert: in whatever order and shape its revisions and copies come.

use super::support::{ACCOUNT, BASE_RULES, Correlation, Event, PLAIN, Plan, Revision, Run, World, arriving, fed, sorted};
use crate::render::shapes;
use fastrand::Rng;
use serde_json::Value;

const IPS: [&str; 3] = ["198.51.100.1", "198.51.100.2", "203.0.113.5"];
const APIS: [&str; 3] = ["ListBuckets", "GetObject", "DeleteBucket"];

fn three() -> Vec<Revision> {
    let severity = [2.0, 5.0, 8.0];
    (0..3)
        .map(|n| Revision {
            updated: n as i64 * 60_000,
            count: 1 + 2 * n as u32,
            severity: severity[n],
            ip: IPS[n],
            api: APIS[n],
            ..Revision::default()
        })
        .collect()
}

/// Everything that a document says about addresses and calls.
fn evidence(document: &Value) -> String {
    document["evidences"].to_string() + &document["tidegate"]["source_ips"].to_string()
}

fn only(run: &Run, rule: &str) -> Value {
    let all = run.of(rule);
    assert_eq!(all.len(), 1, "{all:?}");
    all[0].clone()
}

#[test]
fn revisions_and_copies_in_any_order_are_one_alert() {
    let world = World::new(BASE_RULES);
    let mut rng = Rng::with_seed(11);
    let mut ids = std::collections::BTreeSet::new();
    for round in 0..60 {
        let copies: Vec<Event> = three()
            .iter()
            .flat_map(|r| shapes(&r.json(), 1))
            .map(|shape| Event { text: shape.text, arrival_ms: None, shop: false })
            .collect();
        assert_eq!(copies.len(), 15, "native, event, API, OCSF, ASFF");
        // Every revision at least once, each in some shapes, in any order; arrival follows the order.
        let mut chosen: Vec<usize> = (0..3).map(|r| r * 5 + rng.usize(0..5)).collect();
        chosen.extend((0..15).filter(|_| rng.bool()));
        rng.shuffle(&mut chosen);
        let events: Vec<Event> = chosen.iter().zip(0..).map(|(c, n)| arriving(copies[*c].clone(), 300_000 + n * 1000)).collect();
        let run = fed(&world, &events);
        let alert = only(&run, "aws/guardduty/finding");
        ids.insert(alert["finding_info"]["uid"].to_string());
        assert_eq!((&alert["count"], &alert["severity_id"]), (&5.into(), &4.into()), "round {round}: the newest revision speaks");
        for text in IPS.iter().chain(&APIS) {
            assert!(evidence(&alert).contains(text), "round {round}: {text} is kept: {}", evidence(&alert));
        }
        assert_eq!(run.books.detections.duplicates, chosen.len() as u64 - 3, "round {round}: copies");
        assert_eq!(run.pages.len(), 1, "high when all is known: one page");
    }
    assert_eq!(ids.len(), 1, "one id in every order");
}

#[test]
fn an_older_revision_after_a_newer_one_is_stale_but_its_evidence_counts() {
    let world = World::new(BASE_RULES);
    let [old, _, new] = [0, 1, 2].map(|n| three()[n].clone());
    let run = fed(&world, &[arriving(new.event(), 300_000), arriving(old.event(), 301_000)]);
    let alert = only(&run, "aws/guardduty/finding");
    assert_eq!((run.books.detections.counted, run.books.detections.stale), (1, 1));
    assert_eq!(alert["count"], 5);
    assert!(evidence(&alert).contains(IPS[0]));
}

#[test]
fn a_finding_that_becomes_severe_pages_once() {
    let world = World::new(BASE_RULES);
    let more = Revision { updated: 400_000, count: 9, severity: 9.5, ..Revision::default() };
    let revisions: Vec<Revision> = three().into_iter().chain([more]).collect();
    let run = sorted(&world, &revisions.iter().map(Revision::event).collect::<Vec<_>>(), PLAIN);
    let alert = only(&run, "aws/guardduty/finding");
    assert_eq!((run.pages.len(), &alert["severity_id"]), (1, &5.into()));
    assert_eq!(alert["tidegate"]["paging"]["route"], "high", "it paged when it became high, and no second time");
}

#[test]
fn archived_and_sample_findings_are_marked_and_neither_page_nor_count() {
    let count = Correlation {
        id: "many",
        head: "level: high\n",
        kind: "event_count",
        rules: "finding",
        by: "cloud.account.uid",
        seconds: 3600,
        condition: "    condition: {gte: 2}\n",
        generate: true,
    };
    let world = World::new(&(BASE_RULES.to_owned() + &count.text()));
    let quiet = |finding, archived, sample| Revision { finding, severity: 9.5, archived, sample, ..Revision::default() }.event();
    let run = sorted(&world, &[quiet("f1", true, false), quiet("f2", false, true), quiet("f3", false, true)], PLAIN);
    let alerts = run.of("aws/guardduty/finding");
    assert_eq!((alerts.len(), run.pages.len(), run.of("many").len()), (3, 0, 0));
    let marked = |name: &str| alerts.iter().filter(|a| a["tidegate"][name] == true).count();
    assert_eq!((marked("archived"), marked("sample")), (1, 2));
    let decisions: Vec<_> = alerts.iter().map(|a| a["tidegate"]["paging"]["decision"].as_str().expect("a word")).collect();
    assert_eq!(decisions.iter().filter(|d| **d == "archived").count(), 1);
    assert_eq!(run.books.detections.ignored, 3);
    let back = Revision { finding: "f1", updated: 60_000, count: 2, severity: 9.5, ..Revision::default() };
    let run = sorted(&world, &[quiet("f1", true, false), back.event()], PLAIN);
    assert_eq!(run.pages.len(), 1, "it is archived no longer");
}

#[test]
fn event_count_over_findings_counts_findings_not_publications() {
    let count = |n: u32| {
        let condition = format!("    condition: {{gte: {n}}}\n");
        let many = Correlation {
            id: "many",
            head: "level: high\n",
            kind: "event_count",
            rules: "finding",
            by: "cloud.account.uid",
            seconds: 3600,
            condition: &condition,
            generate: true,
        };
        let world = World::new(&(BASE_RULES.to_owned() + &many.text()));
        let revision = |finding, n: i64| Revision { finding, updated: n * 1000, count: n as u32, ..Revision::default() }.event();
        let events: Vec<Event> = (1..=8).map(|n| revision("f1", n)).chain((1..=3).map(|n| revision("f2", n))).collect();
        let run = sorted(&world, &events, PLAIN);
        run.of("many").iter().map(|a| a["count"].as_u64().expect("a count")).collect::<Vec<_>>()
    };
    assert_eq!(count(2), [2]);
    assert!(count(3).is_empty());
}

const ASKS: &str = "---
title: Rose
id: rose
name: rose
level: high
logsource: {product: aws, service: guardduty}
detection: {s: {tidegate.revision: severity_raised, severity|gte: 4}, condition: s}
---
title: Publications
id: new
logsource: {product: aws, service: guardduty}
level: low
detection: {s: {tidegate.revision: new}, condition: s}
---
title: Updates
id: updated
logsource: {product: aws, service: guardduty}
level: low
detection: {s: {tidegate.revision: updated}, condition: s}
";

#[test]
fn rules_ask_what_a_revision_is() {
    let world = World::new(&(BASE_RULES.to_owned() + ASKS));
    let revision =
        |finding, n: i64, severity| Revision { finding, updated: n * 1000, count: n as u32, severity, ..Revision::default() }.event();
    let even = sorted(&world, &[revision("f1", 1, 5.0), revision("f1", 2, 5.0), revision("f1", 3, 4.0)], PLAIN);
    assert_eq!([even.of("new").len(), even.of("updated").len(), even.of("rose").len()], [1, 1, 0]);
    assert_eq!(even.books.detections.stale, 3, "three revisions that are not raised");
    // The first revision is below what the rest of the rule asks: it is an earlier and less severe one all the same.
    let events = [revision("f1", 1, 2.0), revision("f2", 1, 8.0), revision("f1", 2, 2.0), revision("f1", 3, 6.0), revision("f2", 2, 8.0)];
    for plan in [PLAIN, Plan { pipelines: 3, batch: 2, restarts: 100, seed: 1 }] {
        let run = sorted(&world, &events, plan);
        let rose = only(&run, "rose");
        assert!(rose["finding_info"]["uid_alt"].as_str().expect("an ARN").ends_with("f1"));
        assert_eq!(rose["count"], 3);
        assert_eq!(run.books.detections.stale, 4);
    }
}

#[test]
fn severity_raised_feeds_correlations() {
    let two = Correlation {
        id: "two",
        head: "level: critical\n",
        kind: "event_count",
        rules: "rose",
        by: "cloud.account.uid",
        seconds: 3600,
        condition: "    condition: {gte: 2}\n",
        generate: true,
    };
    let world = World::new(&(BASE_RULES.to_owned() + ASKS + &two.text()));
    let revision =
        |finding, n: i64, severity| Revision { finding, updated: n * 1000, count: n as u32, severity, ..Revision::default() }.event();
    let run = |events: &[Event]| sorted(&world, events, Plan { pipelines: 2, ..PLAIN });
    let both = run(&[revision("f1", 1, 2.0), revision("f2", 1, 2.0), revision("f1", 2, 6.0), revision("f2", 2, 7.0)]);
    let alert = only(&both, "two");
    assert_eq!((&alert["count"], &alert["tidegate"]["group_key"][0]["value"]), (&2.into(), &ACCOUNT.into()));
    let one = run(&[revision("f1", 1, 2.0), revision("f2", 1, 7.0), revision("f1", 2, 6.0), revision("f2", 2, 7.0)]);
    assert!(one.of("two").is_empty());
}
