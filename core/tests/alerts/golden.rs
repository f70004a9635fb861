//! One example of each kind of alert, as files a person reads. `UPDATE_GOLDEN=1` writes them anew; the diff is the review.

use crate::ocsf;
use crate::scene::*;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tidegate_core::alert::{Enrichment, RelatedAlert, State, Suppression, check, document, page};
use tidegate_core::event::{Fact, Source};

const ACCOUNTS: [&str; 6] = ["111122223333", "123456789012", "222233334444", "333344445555", "444455556666", "777788889999"];

fn sign_ins() -> Vec<tidegate_core::correlate::KeptEvent> {
    (0..14u64).map(|n| sign_in(n, ACCOUNTS[n as usize % ACCOUNTS.len()])).collect()
}

fn root_key() -> Scene {
    let facts = [
        (Fact::Region, "us-east-1"),
        (Fact::Principal, "arn:aws:iam::111122223333:root"),
        (Fact::UserType, "Root"),
        (Fact::SourceIp, "2001:db8::7"),
        (Fact::Operation, "CreateAccessKey"),
        (Fact::Service, "iam.amazonaws.com"),
        (Fact::EventUid, "e8d0b0c4-7c5d-4f8e-8b1a-0e4f7f0f9c55"),
    ];
    let made = event(1, ROOT_KEY, Source::CloudTrail, 0, "111122223333", &facts, r#"{"eventName":"CreateAccessKey"}"#);
    Scene::single(ROOT_KEY, "e8d0b0c4-7c5d-4f8e-8b1a-0e4f7f0f9c55", made)
}

fn value_count() -> Scene {
    let mut scene = Scene::correlation(VALUE_COUNT, &["203.0.113.77"], 6.0, sign_ins());
    scene.enrichments = vec![Enrichment {
        name: "src_endpoint.ip".into(),
        value: "203.0.113.77".into(),
        kind: "threat_intel".into(),
        provider: "corp-feed".into(),
        data: vec![("list".into(), "bulletproof-hosting".into())],
    }];
    scene
}

fn ordered() -> Scene {
    let mut stop = sign_in(5, "111122223333");
    (stop.rule, stop.step) = (STOP_LOGGING, 1);
    Scene::correlation(ORDERED, &["arn:aws:iam::111122223333:role/deploy"], 2.0, vec![sign_in(1, "111122223333"), stop])
}

fn parent() -> Scene {
    let mut scene = Scene::correlation(PARENT, &[], 2.0, vec![sign_in(1, "111122223333"), flow(2)]);
    scene.related = vec![
        RelatedAlert {
            alert_id: "a3f1c09be27d4c5f8e60b7d1924ac35e".into(),
            title: "One source address in many accounts".into(),
            severity: 4,
            paged: true,
        },
        RelatedAlert { alert_id: "b7d1924ac35ea3f1c09be27d4c5f8e60".into(), title: "Large transfer out".into(), severity: 4, paged: false },
    ];
    scene
}

fn merged() -> Scene {
    Scene { state: State::Merged, merged_into: Some("a3f1c09be27d4c5f8e60b7d1924ac35e".into()), ..value_count() }
}

fn sample() -> Scene {
    let mut scene = Scene::single(FINDING, FINDING_ARN, api_finding());
    scene.event.as_mut().expect("event").flags.sample = true;
    scene
}

fn archived() -> Scene {
    let mut scene = Scene { revision: 2, ..Scene::single(FINDING, FINDING_ARN, api_finding()) };
    scene.event.as_mut().expect("event").flags.archived = true;
    scene
}

pub(crate) fn scenes() -> Vec<(&'static str, Scene)> {
    let both = vec![api_finding(), sign_in(9, "444455556666")];
    vec![
        ("finding", Scene::single(FINDING, FINDING_ARN, api_finding())),
        ("attack_sequence", Scene { revision: 2, ..Scene::single(FINDING, FINDING_ARN, sequence_finding()) }),
        ("sample", sample()),
        ("archived", archived()),
        ("cloudtrail_rule", root_key()),
        ("event_count", Scene { revision: 1, ..Scene::correlation(EVENT_COUNT, &["203.0.113.77"], 23.0, sign_ins()) }),
        ("value_count", value_count()),
        ("sum", Scene::correlation(SUM, &["10.0.0.5", "198.51.100.9"], 5_200_000_000.0, (0..4).map(flow).collect())),
        ("temporal", Scene::correlation(TEMPORAL, &["444455556666"], 1.0, both)),
        ("ordered", Scene { state: State::Closed, ..ordered() }),
        ("parent", parent()),
        ("merged", merged()),
        ("suppressed", Scene { suppressed_by: Some("s-2026-11-scanner".into()), ..value_count() }),
        ("shadow", Scene { shadow: true, ..root_key() }),
    ]
}

fn golden_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/alerts")
}

#[expect(clippy::disallowed_methods, reason = "a switch of the person who runs the tests, not of the core")]
fn updating() -> bool {
    std::env::var("UPDATE_GOLDEN").is_ok_and(|v| v == "1")
}

fn compare(name: &str, text: &str) {
    let path = golden_dir().join(name);
    if updating() {
        std::fs::create_dir_all(golden_dir()).expect("directory");
        std::fs::write(&path, text).expect("write");
    }
    let want = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(want == text, "{name} differs: look at the change with UPDATE_GOLDEN=1 and git diff\n--- now\n{text}");
}

#[test]
fn documents_and_pages_are_as_recorded() {
    for (name, scene) in scenes() {
        let document = scene.with(document);
        compare(&format!("{name}.json"), &(serde_json::to_string_pretty(&document).expect("JSON") + "\n"));
    }
    let page = page(&value_count().with(document));
    let machine: Value = serde_json::from_str(&page.json).expect("JSON");
    let shown = serde_json::json!({"subject": page.subject, "sms": page.sms, "text": page.text.lines().collect::<Vec<_>>(), "json": machine,
        "attributes": page.attributes.iter().map(|(n, v)| serde_json::json!({"name": n, "value": v})).collect::<Vec<_>>()});
    compare("page.json", &(serde_json::to_string_pretty(&shown).expect("JSON") + "\n"));
}

#[test]
fn every_document_passes_both_validators() {
    let documents: Vec<_> = scenes().iter().map(|(_, scene)| scene.with(document)).collect();
    for ((name, _), document) in scenes().iter().zip(&documents) {
        assert_eq!(check(document), Vec::<String>::new(), "{name}");
    }
    ocsf::validate(&documents);
}

#[test]
fn ids_follow_the_moment_not_the_revision() {
    let id = |scene: &Scene| scene.with(document)["finding_info"]["uid"].clone();
    let first = Scene::single(FINDING, FINDING_ARN, api_finding());
    let mut later = Scene { revision: 9, ..Scene::single(FINDING, FINDING_ARN, api_finding()) };
    later.event.as_mut().expect("event").time_ms += 5_000;
    assert_eq!(id(&first), id(&later), "a finding's first moment is its creation");
    let document = later.with(document);
    assert_eq!(document["tidegate"]["episode"]["uid"], document["finding_info"]["uid"], "equal while the start is as it fired");
}

#[test]
fn the_example_of_the_contract_passes_our_own_check() {
    let Some(path) = ocsf::shared_file("reference/alert.example.json") else { return };
    let text = std::fs::read_to_string(path).expect("example");
    assert_eq!(check(&serde_json::from_str(&text).expect("JSON")), Vec::<String>::new());
}

#[test]
fn lists_are_bounded_and_totals_are_not() {
    let mut scene = Scene::correlation(VALUE_COUNT, &["203.0.113.77"], 900.0, sign_ins());
    let episode = scene.episode.as_mut().expect("episode");
    episode.accounts = (0..900).map(|n| format!("{n:012}").into()).collect();
    episode.count = 70_000;
    let document = scene.with(document);
    let ours = &document["tidegate"];
    assert_eq!((ours["accounts"].as_array().map(Vec::len), ours["records_total"].as_u64()), (Some(100), Some(70_000)));
    assert!(ours["accounts_total"].as_u64() >= Some(900));
    assert_eq!(document["evidences"].as_array().map(Vec::len), Some(10));
    assert_eq!(check(&document), Vec::<String>::new());
}

#[test]
fn a_suppression_reads_the_document_it_hides() {
    let document = value_count().with(document);
    let suppression = |field: &str, value: &str| Suppression {
        id: "s".into(),
        rule: document["finding_info"]["analytic"]["uid"].as_str().expect("uid").into(),
        conditions: [(field.to_owned(), value.to_owned())].into(),
        reason: "our scanner".into(),
        owner: "soc".into(),
        created_ms: FIRED,
        expires_ms: FIRED + 1_000,
        allow_critical: false,
    };
    let hides = |field, value| suppression(field, value).matches(&document, FIRED + 1);
    assert!(hides("src_endpoint.ip", "203.0.113.77") && hides("cloud.region", "us-*") && hides("actor.user.name", "deploy"));
    assert!(!hides("cloud.account.uid", "111122223333"), "five more accounts are in it");
    assert!(!hides("src_endpoint.ip", "203.0.113.7") && !hides("no.such.field", "x"));
}

#[test]
fn the_order_of_facts_and_hashes_never_shows() {
    for (name, scene) in scenes() {
        assert_eq!(scene.with(document).to_string(), scene.with(document).to_string(), "{name}");
    }
}
