//! `tidegate doctor`: what it says of topics, and which test pages it sends.

use crate::folder::Folder;
use crate::stub::{Answer, Call, Stub, nobody};
use serde_json::Value;
use std::collections::BTreeSet;

fn place(name: &str, stub: &Stub, second: &str) -> Folder {
    let folder = Folder::new(name);
    folder.events("events.ndjson", 0, &[]);
    let arn = "arn:aws:sns:us-east-1:123456789012";
    let sns =
        format!("{{routes: {{critical: '{arn}:first.fifo', default: '{arn}:rest'}}, endpoint_url: '{}', timeout: 2s{second}}}", stub.url);
    folder.configure(&format!("sinks: {{sns: {sns}}}"));
    folder
}

fn other(stub: &Stub) -> String {
    format!(", second: {{routes: {{default: 'arn:aws:sns:us-west-2:123456789012:other'}}, endpoint_url: '{}'}}", stub.url)
}

fn report(folder: &Folder, arguments: &[&str]) -> (Option<i32>, Value) {
    let out = folder.tidegate(&[&["doctor", "--json"], arguments].concat());
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    (out.status.code(), serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {said}")))
}

fn result(report: &Value, part: &str) -> (String, String) {
    let checks = report["checks"].as_array().expect("checks");
    let check = checks.iter().find(|check| check["part"] == part).unwrap_or_else(|| panic!("{part} in {report:#}"));
    let text = |name: &str| check[name].as_str().expect("a text").to_owned();
    (text("result"), text("text"))
}

#[test]
fn topics_are_looked_at_and_nothing_is_sent() {
    let stub = Stub::start(|_| Answer::Taken);
    let folder = place("look", &stub, &other(&stub));
    let (code, report) = report(&folder, &[]);
    assert_eq!((code, &report["failed"], &report["doubtful"]), (Some(0), &0.into(), &0.into()), "{report:#}");
    for part in ["routes.critical", "routes.high", "second.routes.critical", "second.routes.high"] {
        let (result, text) = result(&report, &format!("sinks.sns.{part}"));
        assert!(result == "ok" && text.ends_with(": 2 subscriptions confirmed, 1 pending"), "{text}");
    }
    assert_eq!(result(&report, "state").0, "ok");
    assert!(stub.book().calls.is_empty(), "no page");
    assert!(!folder.path("state.db").exists(), "and no state file is made");
}

#[test]
fn what_may_not_be_looked_at_is_a_doubt_and_what_is_gone_a_failure() {
    for (answer, code, word) in [
        (Answer::Error(403, "AuthorizationError", "no"), 0, "doubt"),
        (Answer::Error(404, "NotFound", "Topic does not exist"), 3, "failed"),
    ] {
        let stub = Stub::start(move |_| answer.clone());
        let (ended, report) = report(&place("faults", &stub, ", second: {file: ./second.ndjson}"), &[]);
        assert_eq!((ended, result(&report, "sinks.sns.routes.high").0.as_str()), (Some(code), word), "{report:#}");
        assert_eq!(result(&report, "sinks.sns.second.file").0, "ok");
    }
}

#[test]
fn a_test_page_goes_by_every_route_of_both_channels_and_says_that_it_is_one() {
    let stub = Stub::start(|_| Answer::Taken);
    let (code, sent) = report(&place("send", &stub, &other(&stub)), &["--test-page"]);
    assert_eq!((code, &sent["failed"]), (Some(0), &0.into()), "{sent:#}");
    let book = stub.book();
    let keys: BTreeSet<String> = book.taken.iter().map(Call::alert).collect();
    assert_eq!((book.taken.len(), keys.len()), (4, 4), "no two have an id: a FIFO topic would drop one");
    assert!(book.taken.iter().all(|call| call.mark("test")));
    assert_eq!(book.taken.iter().filter(|call| call.mark("channel")).count(), 2);
    let severities: Vec<Value> = book.taken.iter().map(|call| call.event()["payload"]["severity"].clone()).collect();
    assert_eq!(severities, ["critical", "critical", "error", "error"]);
    let accepted = |check: &&Value| check["text"].as_str().is_some_and(|text| text.contains(" was accepted by arn:aws:sns:"));
    assert_eq!(sent["checks"].as_array().expect("checks").iter().filter(accepted).count(), 4);
}

#[test]
fn a_channel_that_takes_no_test_page_fails_and_the_others_are_sent_all_the_same() {
    let stub = Stub::start(|call| match call.text("TopicArn").ends_with(":other") && call.text("Action") == "Publish" {
        true => Answer::Error(403, "AuthorizationError", "not authorized to perform: SNS:Publish"),
        false => Answer::Taken,
    });
    let folder = place("half", &stub, &other(&stub));
    let out = folder.tidegate(&["doctor", "--test-page"]);
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(3), "{said}");
    assert_eq!(said.matches("\nfailed sinks.sns.second.routes.").count(), 2, "{said}");
    assert!(said.contains("allow sns:Publish") && said.ends_with("tidegate.yaml: 2 failed, 0 doubtful\n"), "{said}");
    assert_eq!(stub.book().taken.len(), 2);
}

#[test]
fn a_wrong_configuration_is_told_before_anything_is_asked() {
    let folder = Folder::new("wrong");
    folder.configure("sinks: {sns: {routes: {critical: here}}}");
    let out = folder.tidegate(&["doctor", "--test-page"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(said.contains("no topic for high pages") && said.contains("config check"), "{said}");
}

/// Without an account nothing leaves, and what to do is said.
#[test]
fn what_does_not_answer_is_named_with_the_remedy() {
    let folder = Folder::new("dead");
    folder.events("events.ndjson", 0, &[]);
    let routes = "{default: 'arn:aws:sns:us-east-1:123456789012:rest'}";
    folder.configure(&format!("sinks: {{opensearch: {{url: '{}', timeout: 2s}}, sns: {{routes: {routes}}}}}", nobody()));
    let (code, report) = report(&folder, &[]);
    assert_eq!((code, &report["failed"]), (Some(3), &3.into()), "{report:#}");
    let (word, text) = result(&report, "sinks.sns.routes.critical");
    assert!(word == "failed" && text.contains("check credentials and role"), "{text}");
    assert_eq!(result(&report, "sinks.opensearch").0, "failed");
}

#[test]
fn what_waits_in_the_quarantine_is_a_doubt() {
    let stub = Stub::start(|_| Answer::Taken);
    let folder = place("quarantine", &stub, "");
    std::fs::write(folder.path("events.ndjson"), "{\n").expect("write");
    assert_eq!(folder.tidegate(&["run", "-c", "tidegate.yaml"]).status.code(), Some(0));
    let (code, report) = report(&folder, &[]);
    assert_eq!((code, &report["doubtful"]), (Some(0), &1.into()), "{report:#}");
    assert!(result(&report, "quarantine").1.starts_with("1 items wait"), "{report:#}");
}
