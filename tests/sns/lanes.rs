//! The whole service: what does not work stands before nothing that does.

use crate::folder::Folder;
use crate::stub::{Answer, Call, Stub, nobody};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;
use tidegate::io::clock::Stopwatch;

const HIGH: usize = 40;
const PATIENCE: Duration = Duration::from_secs(40);

fn wait(folder: &Folder, what: &str, there: impl Fn() -> bool) {
    let clock = Stopwatch::start();
    while !there() {
        assert!(clock.elapsed() < PATIENCE, "it never came: {what}\n{}", folder.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn configuration(url: &str, second: &str) -> String {
    let routes = "{critical: 'arn:aws:sns:us-east-1:123456789012:first.fifo', high: 'arn:aws:sns:us-east-1:123456789012:gone'}";
    let sns = format!("{{routes: {routes}, endpoint_url: '{url}', timeout: 2s{second}}}");
    format!("paging: {{pages_per_hour: 1000}}\nsinks: {{sqlite: true, opensearch: {{url: '{}'}}, sns: {sns}}}", nobody())
}

/// The topic of high pages is gone and so is OpenSearch: a critical page behind all of that comes at once. The others wait, through
/// a `kill -9` too, and come by the second channel when there is one.
#[test]
fn a_critical_page_waits_for_nothing_and_the_others_are_not_lost() {
    let gone = |call: &Call| call.text("TopicArn").ends_with(":gone");
    let answer = move |call: &Call| if gone(call) { Answer::Error(404, "NotFound", "Topic does not exist") } else { Answer::Taken };
    let stub = Stub::start(answer);
    let folder = Folder::new("lanes");
    let results: Vec<&str> = std::iter::repeat_n("refused", HIGH).chain(["denied"]).collect();
    folder.events("events.ndjson", 0, &results);
    folder.configure(&configuration(&stub.url, ""));
    let service = folder.start();
    wait(&folder, "the critical page", || !stub.book().taken.is_empty());
    wait(&folder, "a second try of the others", || stub.book().calls.iter().filter(|call| gone(call)).count() > 10);
    drop(service);
    assert_eq!(stub.book().alerts().len(), 1);
    assert_eq!(stub.book().taken[0].event()["payload"]["severity"], "critical");
    folder.configure(&configuration(&stub.url, ", second: {file: ./second.ndjson, after: 1s}"));
    let lines = || std::fs::read_to_string(folder.path("second.ndjson")).unwrap_or_default();
    let service = folder.start();
    wait(&folder, "all pages by the second channel", || lines().lines().count() >= HIGH);
    std::thread::sleep(Duration::from_millis(300));
    drop(service);
    let pages: Vec<Value> = lines().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let alerts: BTreeSet<&str> = pages.iter().map(|page| page["dedup_key"].as_str().expect("a key")).collect();
    assert_eq!((pages.len(), alerts.len()), (HIGH, HIGH), "each once");
    let marked = pages.iter().filter(|page| page["payload"]["custom_details"]["repeated"] == true).count();
    assert!(marked <= 10, "only those that may have been under way are marked: {marked}");
    assert!(folder.log().contains("pages go by the second channel"), "{}", folder.log());
    // The third start has nothing left to send.
    let calls = stub.book().calls.len();
    let service = folder.start();
    wait(&folder, "the start", || folder.log().contains("started"));
    std::thread::sleep(Duration::from_secs(1));
    drop(service);
    assert_eq!((stub.book().calls.len(), lines().lines().count()), (calls, HIGH));
}
