//! Every way in which OpenSearch can fail, and what the sink makes of it.

use super::stub::{Answer, Request, Stub, deliveries, delivery};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tidegate::io::opensearch::{Access, Client, OpenSearchSink, Secret, Settings};
use tidegate::io::port::{Delivery, Outcome, Sink};

fn error(kind: &str) -> Value {
    json!({"type": kind, "reason": "because of the test"})
}

fn whole(kind: &str, status: u16) -> String {
    json!({"error": error(kind), "status": status}).to_string()
}

fn names(outcomes: &[Outcome]) -> Vec<&'static str> {
    let name = |outcome: &Outcome| match outcome {
        Outcome::Taken => "taken",
        Outcome::Again(_) => "again",
        Outcome::Unknown(_) => "unknown",
        Outcome::Refused(_) => "refused",
    };
    outcomes.iter().map(name).collect()
}

#[test]
fn a_request_is_compressed_and_says_who_we_are_and_what_is_asked() {
    let stub = Stub::start(|_| Answer::Taken);
    let file = std::env::temp_dir().join(format!("tidegate-opensearch-password-{}", std::process::id()));
    std::fs::write(&file, "pass word\n").expect("write");
    let access = Access::Basic { user: "ada".into(), password: Secret::File(file.clone()) };
    let settings = Settings { url: format!("{}/", stub.url), access, ca_file: None, timeout: Duration::from_secs(20) };
    let client = Client::new(settings).expect("a client");
    let mut sink = OpenSearchSink::new(client, "soc".into(), 1 << 20, Box::new(|| Duration::from_secs(60)));
    assert_eq!(sink.deliver(&[delivery("a", 3)]), [Outcome::Taken]);
    std::fs::write(&file, "other").expect("write");
    assert_eq!(sink.deliver(&[delivery("a", 4)]), [Outcome::Taken], "a rotated password needs no restart");
    let index = stub.index();
    let request = &index.requests[0];
    assert_eq!(request.path, "/_bulk?filter_path=took,errors,items.*._id,items.*.status,items.*.error");
    let header = |name: &str| request.headers.get(name).map(String::as_str);
    assert_eq!((header("content-encoding"), header("content-type")), (Some("gzip"), Some("application/x-ndjson")));
    assert_eq!(header("authorization"), Some("Basic YWRhOnBhc3Mgd29yZA=="));
    assert_eq!(index.requests[1].headers.get("authorization").map(String::as_str), Some("Basic YWRhOm90aGVy"));
    assert!(request.body.ends_with('\n'));
    assert_eq!(request.documents()[0].index, "soc-v1-2026.11");
    drop(index);
    std::fs::remove_file(&file).expect("remove");
    let outcomes = sink.deliver(&[delivery("a", 5)]);
    assert!(matches!(&outcomes[..], [Outcome::Again(why)] if why.contains("cannot read the secret")), "{outcomes:?}");
}

#[test]
fn items_are_told_apart() {
    let stub = Stub::start(|_| {
        Answer::Items(vec![
            (200, Value::Null),
            (409, error("version_conflict_engine_exception")),
            (400, error("mapper_parsing_exception")),
            (429, error("rejected_execution_exception")),
            (403, error("security_exception")),
            (400, error("validation_exception")),
            (404, error("index_not_found_exception")),
            (503, error("unavailable_shards_exception")),
        ])
    });
    let outcomes = stub.sink(1 << 20).deliver(&deliveries(8));
    assert_eq!(names(&outcomes), ["taken", "taken", "refused", "again", "again", "again", "again", "again"]);
    assert!(matches!(&outcomes[2], Outcome::Refused(why) if why == "mapper_parsing_exception: because of the test"));
}

#[test]
fn an_older_version_changes_nothing_and_is_done_with() {
    let stub = Stub::start(|_| Answer::Taken);
    let mut sink = stub.sink(1 << 20);
    assert_eq!(names(&sink.deliver(&[delivery("a", 2), delivery("b", 1), delivery("a", 5), delivery("a", 3)])), ["taken"; 4]);
    assert_eq!(names(&sink.deliver(&[delivery("a", 4)])), ["taken"], "a conflict says that a newer one is there");
    let index = stub.index();
    assert_eq!(index.documents["a"].0, 5);
    assert_eq!(index.requests[0].documents().len(), 2, "no id twice in one request");
}

#[test]
fn what_concerns_the_whole_server_stops_the_delivery_and_blames_no_document() {
    for (status, body, words) in [
        (401, "Unauthorized".to_owned(), "correct `sinks.opensearch.user`"),
        (403, whole("security_exception", 403), "give this user, or whoever signs, the writer's role"),
        (403, whole("cluster_block_exception", 403), "remove the block"),
        (429, whole("circuit_breaking_exception", 429), "under pressure (status 429, circuit_breaking_exception)"),
        (502, "<html>".to_owned(), "under pressure (status 502)"),
        (503, String::new(), "under pressure (status 503)"),
        (504, String::new(), "under pressure"),
        (400, "<html>".to_owned(), "not in OpenSearch's words"),
        (302, String::new(), "points elsewhere"),
        (200, "{}".to_owned(), "2 documents were sent and 0 answered for"),
        (200, "no JSON".to_owned(), "is not what it must be"),
    ] {
        let stub = Stub::start(move |_| Answer::Status(status, body.clone()));
        let outcomes = stub.sink(64 << 10).deliver(&big(10, 30_000));
        assert_eq!(names(&outcomes), ["again"; 10], "{status}");
        assert!(matches!(&outcomes[0], Outcome::Again(why) if why.contains(words)), "{words}: {:?}", outcomes[0]);
        assert_eq!(stub.index().requests.len(), 1, "{status}: the rest would have met the same");
    }
}

/// Deliveries of documents of so many bytes.
fn big(count: usize, bytes: usize) -> Vec<Delivery> {
    let one = |n: usize| {
        let document = json!({"n": n, "pad": "x".repeat(bytes)}).to_string();
        Delivery { document: document.into(), ..delivery(&format!("big-{n:03}"), 1) }
    };
    (0..count).map(one).collect()
}

#[test]
fn a_request_refused_as_a_whole_is_halved_until_one_document_is_to_blame() {
    let poison = |request: &Request| request.documents().iter().any(|d| matches!(d.id.as_str(), "alert-0013" | "alert-0077"));
    let stub = Stub::start(move |request| match poison(request) {
        true => Answer::Status(400, whole("action_request_validation_exception", 400)),
        false => Answer::Taken,
    });
    let outcomes = stub.sink(5 << 20).deliver(&deliveries(100));
    let refused: Vec<usize> = (0..100).filter(|n| matches!(outcomes[*n], Outcome::Refused(_))).collect();
    assert_eq!(refused, [13, 77]);
    assert_eq!(names(&outcomes).iter().filter(|n| **n == "taken").count(), 98);
    let requests = stub.index().requests.len();
    assert!(requests < 32, "{requests} requests for two documents in a hundred");
}

#[test]
fn a_body_that_is_too_large_is_halved_and_the_next_ones_are_smaller() {
    let stub = Stub::start(|request| if request.body.len() > 100_000 { Answer::Status(413, String::new()) } else { Answer::Taken });
    let mut sink = stub.sink(1 << 20);
    assert_eq!(names(&sink.deliver(&big(20, 20_000))), ["taken"; 20]);
    assert!(sink.body_bytes() < 1 << 20);
    assert_eq!(stub.index().documents.len(), 20);
    let outcomes = sink.deliver(&big(1, 150_000));
    assert!(matches!(&outcomes[..], [Outcome::Again(why)] if why.contains("raise the limit")), "{outcomes:?}");
    let outcomes = sink.deliver(&big(2, 2 << 20));
    assert_eq!(names(&outcomes), ["refused"; 2], "documents that really are large");
}

#[test]
fn bodies_shrink_under_pressure_and_grow_slowly_again() {
    let pressed = Arc::new(AtomicBool::new(true));
    let asked = pressed.clone();
    let stub = Stub::start(move |request| match asked.load(Ordering::Relaxed) {
        true => Answer::Items(request.documents().iter().map(|_| (429, error("rejected_execution_exception"))).collect()),
        false => Answer::Taken,
    });
    let mut sink = stub.sink(1 << 20);
    for expected in [1 << 19, 1 << 18, 1 << 17, 1 << 16, 1 << 16] {
        assert_eq!(names(&sink.deliver(&deliveries(3))), ["again"; 3]);
        assert_eq!(sink.body_bytes(), expected);
    }
    pressed.store(false, Ordering::Relaxed);
    for _ in 0..9 {
        let before = sink.body_bytes();
        assert_eq!(names(&sink.deliver(&deliveries(3))), ["taken"; 3]);
        assert!(sink.body_bytes() > before && sink.body_bytes() - before <= (1 << 20) / 10);
    }
    sink.deliver(&deliveries(1));
    assert_eq!(sink.body_bytes(), 1 << 20);
}

#[test]
fn a_connection_that_is_cut_and_an_answer_that_is_late_are_tried_again_without_harm() {
    let step = AtomicU64::new(0);
    let stub = Stub::start(move |_| match step.fetch_add(1, Ordering::Relaxed) {
        0 => Answer::Cut,
        1 => Answer::TakenAndCut,
        2 => Answer::TakenLate(Duration::from_secs(30)),
        _ => Answer::Taken,
    });
    let client = stub.client(Duration::from_secs(2));
    let mut sink = OpenSearchSink::new(client, "tidegate-alerts".into(), 1 << 20, Box::new(|| Duration::from_secs(60)));
    for words in ["broke", "did not come whole", "did not answer in time"] {
        let outcomes = sink.deliver(&deliveries(5));
        assert!(matches!(&outcomes[0], Outcome::Again(why) if why.contains(words)), "{words}: {:?}", outcomes[0]);
        assert_eq!(names(&outcomes), ["again"; 5]);
    }
    assert_eq!(names(&sink.deliver(&deliveries(5))), ["taken"; 5]);
    assert_eq!(stub.index().documents.len(), 5);
}

#[test]
fn a_server_that_is_not_there_is_said_so() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", free.local_addr().expect("an address"));
    drop(free);
    let client = Client::new(Settings { url, access: Access::Open, ca_file: None, timeout: Duration::from_secs(5) }).expect("a client");
    let mut sink = OpenSearchSink::new(client, "p".into(), 1 << 20, Box::new(|| Duration::from_secs(60)));
    let outcomes = sink.deliver(&deliveries(2));
    assert!(matches!(&outcomes[..], [Outcome::Again(why), Outcome::Again(_)] if why.contains("refuses the connection")), "{outcomes:?}");
}

#[test]
fn an_answer_without_end_is_read_to_its_limit_only() {
    let stub = Stub::start(|_| Answer::Endless);
    let outcomes = stub.sink(1 << 20).deliver(&deliveries(3));
    assert!(matches!(&outcomes[0], Outcome::Again(why) if why.contains("larger than 32 MiB")), "{:?}", outcomes[0]);
    std::thread::sleep(Duration::from_millis(200));
    let sent = stub.index().endless_bytes;
    assert!(sent < 64 << 20, "{sent} bytes were taken");
}

#[test]
fn without_the_lease_nothing_is_sent() {
    let stub = Stub::start(|_| Answer::Taken);
    let (ours, client) = (Arc::new(AtomicBool::new(false)), stub.client(Duration::from_secs(20)));
    let asked = ours.clone();
    let permit = move || if asked.load(Ordering::Relaxed) { Duration::from_secs(5) } else { Duration::ZERO };
    let mut sink = OpenSearchSink::new(client, "p".into(), 1 << 20, Box::new(permit));
    assert_eq!(names(&sink.deliver(&deliveries(2))), ["again"; 2]);
    assert!(stub.index().requests.is_empty());
    ours.store(true, Ordering::Relaxed);
    assert_eq!(names(&sink.deliver(&deliveries(2))), ["taken"; 2]);
}
