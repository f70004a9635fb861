//! The archive of a service's records, replayed: the same alerts by episode, the same documents but for what says when they were
//! written.

use crate::scene::{event, first_half, place, replay, second_half, told};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// What a document says about its writing, and not about what happened.
const OF_WRITING: [&str; 14] = [
    "/@timestamp",
    "/time",
    "/finding_info/uid",
    "/finding_info/created_time",
    "/finding_info/modified_time",
    "/metadata/processed_time",
    "/metadata/uid",
    "/metadata/sequence",
    "/activity_id",
    "/activity_name",
    "/type_uid",
    "/type_name",
    "/tidegate/revision",
    "/tidegate/evaluated_to",
];
/// The same, and what depends on the order of arrival within the lateness.
const OF_ORDER: [&str; 2] = ["/tidegate/late_events", "/tidegate/paging"];

/// Documents by episode and rule, those that were merged into others aside.
fn by_episode(alerts: BTreeMap<String, String>) -> BTreeMap<String, Value> {
    let mut out = BTreeMap::new();
    for text in alerts.into_values() {
        let mut alert: Value = serde_json::from_str(&text).expect("JSON");
        if alert["tidegate"]["episode"]["state"] == "merged" {
            continue;
        }
        let episode = alert["tidegate"]["episode"]["uid"].as_str().expect("uid").to_owned();
        OF_WRITING.iter().chain(&OF_ORDER).for_each(|path| remove(&mut alert, path));
        assert!(out.insert(episode, alert).is_none(), "an episode has one alert");
    }
    out
}

fn remove(value: &mut Value, path: &str) {
    let (parent, name) = path.rsplit_once('/').expect("a path");
    if let Some(parent) = value.pointer_mut(parent).and_then(Value::as_object_mut) {
        parent.remove(name);
    }
}

fn segments(folder: PathBuf) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect();
    found.sort();
    found
}

fn assert_equal(found: &BTreeMap<String, Value>, expected: &BTreeMap<String, Value>) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "episodes");
    for (episode, alert) in expected {
        assert_eq!(serde_json::to_string_pretty(&found[episode]).expect("JSON"), serde_json::to_string_pretty(alert).expect("JSON"));
    }
}

#[test]
fn the_archive_of_a_service_gives_its_alerts_again() {
    again("replay-archive", false, &["denied", "silent", "spread", "three", "twice"]);
}

#[test]
fn so_it_does_where_the_reader_stamps_and_a_header_stands_in_front() {
    again("replay-archive-flows", true, &["denied", "door", "spread", "three"]);
}

fn again(name: &str, flows: bool, rules: &[&str]) {
    let place = place(name, "archive: {folder: ./archive, segment_bytes: 1KiB}\npipelines: 2\n", flows);
    first_half(&place, flows);
    second_half(&place, flows).stop();
    let live = by_episode(told(&place));
    let named: BTreeSet<&str> = live.values().filter_map(|alert| alert["finding_info"]["analytic"]["uid"].as_str()).collect();
    assert_eq!(named.into_iter().collect::<Vec<_>>(), rules, "every kind of rule has told something");
    let (replayed, said) = replay(&place, &["-r", "rules", "archive"]);
    assert!(!said.contains("note:"), "every segment has its end: {said}");
    assert_equal(&by_episode(replayed.clone()), &live);

    // Another order, other threads, a copy beside it: the same bytes.
    let all = segments(place.path("archive"));
    assert!(all.len() >= 6, "{all:?}");
    let mut names: Vec<String> = all.iter().rev().map(|path| path.to_string_lossy().into_owned()).collect();
    std::fs::copy(&all[0], place.path("copy")).expect("copied");
    names.push("copy".to_owned());
    let arguments: Vec<&str> = ["-r", "rules", "--threads", "1"].into_iter().chain(names.iter().map(String::as_str)).collect();
    assert_eq!(replay(&place, &arguments).0, replayed);

    // A pipe gives its beginning only once.
    let mut piped = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
    piped.args(["replay", "-r", "rules", "-"]).current_dir(place.path("")).stdin(std::fs::File::open(&all[0]).expect("there"));
    let out = piped.output().expect("runs");
    assert!(out.status.code() == Some(3) && String::from_utf8_lossy(&out.stderr).contains("segment of an archive"), "{out:?}");

    // A segment that was cut is read as far as it goes, and told.
    let last = all.last().expect("some");
    let bytes = std::fs::read(last).expect("there");
    std::fs::write(place.path("cut"), &bytes[..bytes.len() - 30]).expect("written");
    let (_, said) = replay(&place, &["-r", "rules", "cut"]);
    assert!(said.contains("note: cut is cut behind"), "{said}");
}

#[test]
fn an_archive_that_cannot_be_written_holds_the_reading_up_and_loses_nothing() {
    let place = place("archive-full", "archive: {folder: ./archive}\n", true);
    // A file where a folder is to be.
    place.write("archive", "");
    place.write("in/other.ndjson", event("denied", "ann", 1, 2));
    let service = place.start();
    let line = service.says("the archive cannot be written");
    assert!(line.contains("nothing is read until it can"), "{line}");
    assert!(place.alerts().is_empty(), "what is not in the archive is not in the log");
    std::fs::remove_file(place.path("archive")).expect("removed");
    place.wait_alert("denied", "ann");
    service.says("it can be written again; nothing was lost");
    service.stop();
    let (replayed, _) = replay(&place, &["-r", "rules", "archive"]);
    assert_eq!(by_episode(replayed), by_episode(told(&place)).into_iter().collect::<BTreeMap<_, _>>());
}

#[test]
fn the_quarantine_is_an_input_of_its_own() {
    let place = place("replay-quarantine", "", false);
    place.write("in/other.ndjson", event("denied", "ann", 1, 2) + "{\"broken\": \n");
    let service = place.start();
    crate::support::until("the broken line", || (!place.quarantine().is_empty()).then_some(()));
    service.stop();
    let form = ["--format", "json", "--product", "shop", "--service", "login"];
    let (alerts, said) = replay(&place, &[&["-r", "rules"], &form[..], &["quarantine:state.db", "--quarantine", "again"]].concat());
    assert!(alerts.is_empty() && said.contains("1 quarantined"), "{said}");
    let again = std::fs::read_to_string(place.path("again")).expect("written");
    assert!(again.contains("other.ndjson"), "it keeps its place: {again}");
}
