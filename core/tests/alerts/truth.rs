//! Statements of a document that could be wrong without being invalid: whose severity, how many records, judged up to when.

use crate::scene::*;
use serde_json::{Value, json};
use tidegate_core::alert::{document, why};
use tidegate_core::event::watermark::{ENDED, NOT_YET};

fn evaluated(judged_to: i64) -> i64 {
    let mut scene = Scene::correlation(EVENT_COUNT, &["203.0.113.77"], 20.0, vec![sign_in(1, "111122223333")]);
    scene.episode.as_mut().expect("episode").evaluated_to_ms = judged_to;
    scene.with(document)["tidegate"]["evaluated_to"].as_i64().expect("a moment")
}

#[test]
fn no_alert_was_judged_in_a_far_future_or_before_it_fired() {
    assert_eq!(evaluated(FIRED + 600_000), FIRED + 600_000);
    let newest_arrival = FIRED + 700_000;
    assert_eq!(evaluated(ENDED), newest_arrival);
    assert_eq!(evaluated(ENDED - 3_600_000), newest_arrival);
    assert_eq!(evaluated(NOT_YET - 1_800_000), FIRED + 240_000, "it holds at its start");
}

#[test]
fn a_related_finding_has_its_own_severity_whatever_the_level_of_the_rule_that_matched_it() {
    let mut low = api_finding();
    low.severity = 1;
    let document = Scene::correlation(TEMPORAL, &["444455556666"], 1.0, vec![low]).with(document);
    assert_eq!(document["finding_info"]["related_events"][0]["severity_id"], 4, "the finding says 8");
}

#[test]
fn a_signal_that_is_a_finding_is_related_by_its_arn() {
    let document = Scene::single(FINDING, FINDING_ARN, sequence_finding()).with(document);
    let uids: Vec<&str> =
        document["finding_info"]["related_events"].as_array().expect("list").iter().filter_map(|r| r["uid"].as_str()).collect();
    assert_eq!(uids, [FINDING_ARN, "s-2"]);
}

#[test]
fn a_childs_stretch_is_no_record() {
    let mut child = sign_in(1, "111122223333");
    child.position.source = "".into();
    child.position.sequence = 0.into();
    let mut scene = Scene::correlation(PARENT, &[], 2.0, vec![child.clone()]);
    scene.episode.as_mut().expect("episode").count = 7;
    let mixed = scene.with(document);
    assert_eq!((&mixed["tidegate"]["records"], &mixed["tidegate"]["records_total"]), (&json!([]), &json!(0)));
    assert_eq!(mixed["evidences"][0]["data"]["record"], Value::Null);
    scene.episode.as_mut().expect("episode").events.push(flow(2));
    let mixed = scene.with(document);
    assert_eq!(mixed["tidegate"]["records"].as_array().map(Vec::len), Some(1));
    assert_eq!(mixed["evidences"][1]["data"]["record"], 0);
}

#[test]
fn occurrences_inside_guardduty_are_no_records() {
    let scene = Scene::correlation(FINDING, &[FINDING_ARN], 0.0, vec![api_finding()]);
    let mut scene = Scene { event: Some(api_finding()), ..scene };
    scene.episode.as_mut().expect("episode").count = 27;
    assert_eq!(scene.with(document)["tidegate"]["records_total"], 1);
    let many = Scene::correlation(EVENT_COUNT, &["203.0.113.77"], 23.0, vec![sign_in(1, "111122223333")]);
    let mut many = many;
    many.episode.as_mut().expect("episode").count = 23;
    assert_eq!(many.with(document)["tidegate"]["records_total"], 23);
}

#[test]
fn one_of_a_thing_is_not_many() {
    let one = Scene::correlation(EVENT_COUNT, &["203.0.113.77"], 1.0, vec![sign_in(1, "111122223333")]);
    let want = "\"Failed console sign-in\": 1 event for 203.0.113.77 within 1 hour (limit 20), first in 111122223333 (payments-prod), \
                by arn:aws:iam::111122223333:role/deploy.";
    assert_eq!(one.with(why), want);
    let ordered = Scene::correlation(ORDERED, &["x"], 1.0, vec![sign_in(1, "111122223333")]).with(why);
    assert!(
        ordered.contains("(1 match)") && ordered.ends_with("by arn:aws:iam::111122223333:role/deploy, from 203.0.113.77."),
        "{ordered}"
    );
}
