//! The engine and its lanes before a server that fails by order: whatever it answers, every alert's newest version is in the index
//! or in the quarantine at the end, once, and every page has gone its way.

use super::lab::{Index, Lab};
use super::stub::{Answer, Request, Stub};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tidegate::io::opensearch::{Access, Client, OpenSearchSink, Settings};

/// 2026-11-23, 18:33 UTC.
const FROM_MS: i64 = 1_795_456_384_000;
/// Alerts.
const USERS: u64 = 1_000;
/// Four and more versions of each alert.
const EVENTS: u64 = 6_000;
const MOST: Duration = Duration::from_secs(120);

fn error(kind: &str) -> Value {
    json!({"type": kind, "reason": "because of the test"})
}

fn sink(stub: &Stub) -> Box<OpenSearchSink> {
    let client = stub.client(Duration::from_millis(500));
    Box::new(OpenSearchSink::new(client, "tidegate-alerts".to_owned(), 1 << 20, Box::new(|| Duration::from_secs(60))))
}

fn held(stub: &Stub) -> Index {
    stub.index().documents.iter().map(|(id, (version, text))| (id.as_str().into(), (*version, text.as_str().into()))).collect()
}

/// Whether an index with a number for a user refuses it.
fn is_poison(document: &str) -> bool {
    ["\"zoe\"", "\"yan\"", "\"xia\""].iter().any(|user| document.contains(user))
}

/// Every item by itself: poison is refused, so many of a hundred others cannot be taken at this time.
fn items(request: &Request, random: &mut fastrand::Rng, percent: u32) -> Answer {
    let kinds = [(429, "rejected_execution_exception"), (503, "unavailable_shards_exception"), (403, "security_exception")];
    let told = request.documents().into_iter().map(|sent| match is_poison(&sent.document) {
        true => (400, error("mapper_parsing_exception")),
        false if random.u32(0..100) < percent => {
            let (status, kind) = kinds[random.usize(0..3)];
            (status, error(kind))
        }
        false => (200, Value::Null),
    });
    Answer::Items(told.collect())
}

#[test]
fn a_part_of_the_items_fails_at_every_request_and_all_are_delivered() {
    for (percent, users) in [(1, USERS), (20, USERS), (99, 60)] {
        let (lab, events) = (Lab::new("part", FROM_MS, users), users * 6);
        let expected = lab.undisturbed(events);
        let mut random = fastrand::Rng::with_seed(u64::from(percent));
        let stub = Stub::start(move |request| items(request, &mut random, percent));
        let mut run = lab.run(sink(&stub));
        run.feed(events);
        run.drain(MOST);
        run.judge(&held(&stub), &expected, true);
        let index = stub.index();
        assert_eq!(index.conflicts, 0, "what was taken is not sent again");
        println!("{percent} % of items failing: {} requests, {} tried again", index.requests.len(), run.again);
    }
}

/// What a server in trouble may answer, one after the other.
fn anything(request: &Request, random: &mut fastrand::Rng, seen: &mut BTreeMap<&'static str, u32>) -> Answer {
    let whole = |status: u16, kind: &str| Answer::Status(status, json!({"error": error(kind), "status": status}).to_string());
    let poison = request.documents().iter().any(|sent| is_poison(&sent.document));
    let refuse_all = poison && (!seen.contains_key("400") || random.u8(0..4) == 0);
    let (name, answer) = match random.u8(0..16) {
        _ if refuse_all => ("400", whole(400, "action_request_validation_exception")),
        0 => ("503", Answer::Status(503, String::new())),
        1 => ("429", whole(429, "circuit_breaking_exception")),
        2 => ("401", Answer::Status(401, "Unauthorized".to_owned())),
        3 => ("cut before", Answer::Cut),
        4 => ("cut after", Answer::TakenAndCut),
        5 => ("late", Answer::TakenLate(Duration::from_millis(700))),
        6 if request.body.len() > 70_000 => ("413", Answer::Status(413, String::new())),
        7 => ("no answer to it", Answer::Status(200, "{\"errors\":false,\"items\":[]}".to_owned())),
        9 | 10 => ("all items", items(request, random, 100)),
        11..13 => ("some items", items(request, random, 20)),
        _ => ("taken", items(request, random, 0)),
    };
    *seen.entry(name).or_default() += 1;
    // What the index takes by itself must not hold poison.
    match answer {
        Answer::TakenAndCut | Answer::TakenLate(_) if poison => items(request, random, 0),
        answer => answer,
    }
}

#[test]
fn whatever_is_answered_every_document_ends_taken_or_refused_the_newest_last() {
    let lab = Lab::new("anything", FROM_MS, USERS);
    let expected = lab.undisturbed(EVENTS);
    let seen = Arc::new(std::sync::Mutex::new(BTreeMap::new()));
    for seed in 0..6 {
        let (mut random, counts) = (fastrand::Rng::with_seed(seed), seen.clone());
        let stub = Stub::start(move |request| anything(request, &mut random, &mut counts.lock().expect("lock")));
        let mut run = lab.run(sink(&stub));
        run.feed(EVENTS);
        run.drain(MOST);
        run.judge(&held(&stub), &expected, true);
    }
    let seen = seen.lock().expect("lock");
    println!("{seen:?}");
    assert_eq!(seen.len(), 12, "{seen:?}");
}

#[test]
fn a_few_that_are_stuck_hold_up_nobody() {
    let lab = Lab::new("stuck", FROM_MS, USERS);
    let expected = lab.undisturbed(EVENTS);
    let stuck = Arc::new(AtomicBool::new(true));
    let asked = stuck.clone();
    let stub = Stub::start(move |request| {
        let busy = |document: &str| asked.load(Ordering::Relaxed) && is_poison(document);
        let one = |document: &str| if busy(document) { (429, error("rejected_execution_exception")) } else { (200, Value::Null) };
        Answer::Items(request.documents().iter().map(|sent| one(&sent.document)).collect())
    });
    let mut run = lab.run(sink(&stub));
    run.feed(EVENTS);
    let clock = tidegate::io::clock::Stopwatch::start();
    while run.waiting() > 3 {
        assert!(clock.elapsed() < Duration::from_secs(20), "{} wait", run.waiting());
        run.turn(Duration::from_millis(20));
    }
    let before = stub.index().requests.len();
    run.turns(Duration::from_secs(1));
    let asked_again = stub.index().requests.len() - before;
    assert_eq!(run.waiting(), 3);
    assert!((10..=250).contains(&asked_again), "{asked_again} requests in a second for what waits at most 20 ms");
    stuck.store(false, Ordering::Relaxed);
    run.drain(MOST);
    run.judge(&held(&stub), &expected, false);
}

/// Down for as long as it takes: one document per alert waits, whatever happens to the alert meanwhile, and pages go. When the server
/// is there again, several requests go side by side.
#[test]
fn a_server_that_is_down_delays_no_page_and_one_document_per_alert_waits() {
    let lab = Lab::new("down", FROM_MS, USERS);
    let expected = lab.undisturbed(EVENTS);
    let down = Arc::new(AtomicBool::new(true));
    let asked = down.clone();
    let stub = Stub::start(move |_| match asked.load(Ordering::Relaxed) {
        true => Answer::Status(503, String::new()),
        false => Answer::TakenLate(Duration::from_millis(30)),
    });
    let mut run = lab.run(sink(&stub));
    run.feed(EVENTS);
    run.turns(Duration::from_millis(500));
    assert_eq!(run.pages(), expected.len() as u64, "every page is out");
    assert_eq!(run.waiting(), USERS, "one document for each alert");
    assert_eq!(run.side_by_side, 1, "a server that takes nothing is asked by one request at a time");
    down.store(false, Ordering::Relaxed);
    run.drain(MOST);
    assert!((2..=4).contains(&run.side_by_side), "{}", run.side_by_side);
    run.judge(&held(&stub), &expected, false);
}

#[test]
fn nobody_there_at_all_delays_no_page() {
    let lab = Lab::new("nobody", FROM_MS, USERS);
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let client = Client::new(Settings { url, access: Access::Open, ca_file: None, timeout: Duration::from_secs(5) }).expect("a client");
    let mut run = lab.run(Box::new(OpenSearchSink::new(client, "p".into(), 1 << 20, Box::new(|| Duration::from_secs(60)))));
    run.feed(EVENTS);
    run.turns(Duration::from_millis(300));
    assert_eq!((run.pages(), run.waiting()), (USERS, USERS));
}
