//! Pages through SNS: against a server written here, which can fail in every way of the table, and against a real one in its place
//! (`make sns-test`; those tests are ignored elsewhere, and fail where the server is missing).
#![cfg(feature = "aws")]

mod doctor;
mod faults;
mod folder;
mod kills;
mod lanes;
mod second;
mod service;

mod stub;

use serde_json::json;
use std::time::Duration;
use tidegate::io::aws::sns::{Second, SnsSink, Topic};
use tidegate::io::port::{Delivery, Outcome};

const SECOND: Duration = Duration::from_secs(1);

fn delivery(alert: &str, repeated: bool) -> Delivery {
    let document = json!({
        "@timestamp": "2026-11-23T17:58:04.000Z",
        "severity_id": 5,
        "message": format!("why {alert}"),
        "finding_info": {"uid": alert, "title": "Keys used from two places", "analytic": {"uid": "rule-1"}},
        "tidegate": {"kind": "correlation", "accounts": ["111122223333"], "revision": 1},
    });
    Delivery { alert: alert.into(), version: 1, route: "critical".into(), document: document.to_string().into(), repeated }
}

fn deliveries(count: usize) -> Vec<Delivery> {
    (0..count).map(|n| delivery(&format!("alert-{n:04}"), false)).collect()
}

fn sink(first: Topic, second: Option<(Second, Duration)>) -> SnsSink {
    SnsSink::new("sns", first, second, Box::new(|| Duration::from_secs(60))).expect("a runtime")
}

/// The only outcome.
fn one(outcomes: Vec<Outcome>) -> Outcome {
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    outcomes.into_iter().next().expect("one")
}

fn to(topic: Topic) -> Second {
    Second::Topic(Box::new(topic))
}

/// Waits, but not for ever.
fn until(mut there: impl FnMut() -> bool) {
    let clock = tidegate::io::clock::Stopwatch::start();
    while !there() {
        assert!(clock.elapsed() < 120 * SECOND, "it never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}
