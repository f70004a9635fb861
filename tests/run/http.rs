//! Health, metrics and coverage over HTTP, asked as Prometheus, an orchestrator and somebody hostile ask.

use crate::support::{Place, RULES, SHOP, Service, event, until};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use tidegate::io::clock::Stopwatch;

const PORT_OF_ITS_OWN: &str = "http: {listen: '127.0.0.1:0'}";

fn config(more: &str) -> String {
    format!("lease: 1s\nsources: [{{name: shop, folder: ./in, {SHOP}}}]\n{PORT_OF_ITS_OWN}\n{more}")
}

/// Where a service listens, as its log says.
fn address(service: &Service) -> String {
    let line = service.says("health and metrics are served");
    line.split("address=").nth(1).expect("the address").trim().to_owned()
}

/// Sends bytes as they are and reads all that comes back; nothing if the other end is gone.
fn send(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
    // A refusal may come before everything was sent.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Status and body.
fn get(address: &str, path: &str) -> (u16, String) {
    let answer = send(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer for {path}: {answer}"));
    assert!(head.to_lowercase().contains("connection: close"), "{head}");
    (head.split(' ').nth(1).expect("a status").parse().expect("a number"), body.to_owned())
}

fn ready(address: &str) -> (u16, Value) {
    let (status, body) = get(address, "/ready");
    (status, serde_json::from_str(&body).expect("JSON"))
}

fn codes(of: &Value) -> Vec<&str> {
    of.as_array().expect("a list").iter().filter_map(|r| r["code"].as_str()).collect()
}

/// Samples of `/metrics`: name with labels -> value.
fn metrics(address: &str) -> BTreeMap<String, f64> {
    let (status, body) = get(address, "/metrics");
    assert_eq!(status, 200);
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').expect("a sample");
        (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
    };
    body.lines().filter(|line| !line.starts_with('#')).map(sample).collect()
}

fn value(metrics: &BTreeMap<String, f64>, name: &str) -> f64 {
    *metrics.get(name).unwrap_or_else(|| panic!("no {name}"))
}

fn sum(metrics: &BTreeMap<String, f64>, name: &str) -> f64 {
    let of = |key: &&String| **key == name || key.starts_with(&format!("{name}{{"));
    metrics.keys().filter(of).map(|key| metrics[key]).sum()
}

/// The three books, for the lane of the state file.
fn balanced(metrics: &BTreeMap<String, f64>) {
    let total = |name: &str| sum(metrics, &format!("tidegate_{name}"));
    assert_eq!(total("records_total"), total("events_total") + total("filtered_total") + total("quarantined_total"));
    assert_eq!(total("detections_total"), total("detection_outcomes_total"));
    assert_eq!(total("alerts_total"), total("alerts_suppressed") + total("lane_alerts"));
}

#[test]
fn the_books_are_told_and_survive_a_restart() {
    let place = Place::new("http-books", &config(""));
    let events: String = (0..5).map(|n| event("refused", "zoe-the-secret", n)).collect();
    place.write("in/a.ndjson", events + "no json at all\n" + &event("denied", "m1", 9));
    let service = place.start();
    let at = address(&service);
    place.wait_alerts(2);
    let told = until("everything is delivered", || {
        let told = metrics(&at);
        balanced(&told);
        let done = sum(&told, "tidegate_alerts_total") == 2.0 && sum(&told, "tidegate_outbox_waiting") == 0.0;
        done.then_some(told)
    });
    assert_eq!(value(&told, "tidegate_records_total"), 7.0);
    assert_eq!(value(&told, "tidegate_quarantined_total{reason=\"unknown_shape\"}"), 1.0);
    assert_eq!(value(&told, "tidegate_lane_alerts{lane=\"sqlite\",state=\"delivered\"}"), 2.0);
    assert_eq!(value(&told, "tidegate_pages_total"), 2.0);
    assert_eq!(value(&told, "tidegate_alerts_opened_total{rule=\"three\",severity=\"high\",decision=\"page\"}"), 1.0);
    assert_eq!(value(&told, "tidegate_pages_routed_total{route=\"high\"}"), 2.0);
    assert_eq!(value(&told, "tidegate_source_records_total{source=\"shop\"}"), 7.0);
    assert_eq!((value(&told, "tidegate_owner"), value(&told, "tidegate_ready")), (1.0, 1.0));
    assert!(value(&told, "tidegate_append_duration_seconds_count") >= 1.0 && value(&told, "tidegate_log_position") >= 2.0);
    let (_, text) = get(&at, "/metrics");
    assert!(!text.contains("111122223333") && !text.contains("zoe-the-secret"), "no account and no text of events");
    let (_, coverage) = get(&at, "/coverage");
    let coverage: Value = serde_json::from_str(&coverage).expect("JSON");
    assert_eq!((&coverage["rows"][0]["account"], &coverage["rows"][0]["records"]), (&"111122223333".into(), &6.into()));

    let quarantine = until("the quarantine is counted", || metrics(&at).get("tidegate_quarantine_items").copied().filter(|n| *n > 0.0));
    assert_eq!(quarantine, 1.0);
    service.stop();
    let again = place.start();
    let at = address(&again);
    let told = until("the books are back", || Some(metrics(&at)).filter(|told| told.contains_key("tidegate_records_total")));
    balanced(&told);
    assert_eq!((value(&told, "tidegate_records_total"), value(&told, "tidegate_alerts_total")), (7.0, 2.0));
    assert_eq!(value(&told, "tidegate_owner_epoch"), 2.0);
    again.stop();
}

/// The third book is of documents: no lane of pages has one, whatever its kind.
#[cfg(feature = "aws")]
#[test]
fn lanes_of_pages_have_no_book_of_documents() {
    let sns = "sinks: {sns: {routes: {default: 'arn:aws:sns:us-east-1:123456789012:pages'}, endpoint_url: 'http://127.0.0.1:1'}}";
    let place = Place::new("http-pages", &config(sns));
    place.write("in/a.ndjson", event("denied", "m1", 1));
    let service = place.start();
    let at = address(&service);
    let waits = |told: &BTreeMap<String, f64>| told.get("tidegate_outbox_waiting{lane=\"sns\"}") == Some(&1.0);
    let told = until("a page waits for its topic", || Some(metrics(&at)).filter(waits));
    balanced(&told);
    assert!(told.keys().all(|name| !name.starts_with("tidegate_lane_alerts{lane=\"sns")), "{told:?}");
    service.stop();
}

#[test]
fn only_what_is_offered_is_answered() {
    let place = Place::new("http-hostile", &config(""));
    let service = place.start();
    let at = address(&service);
    for path in ["/", "/metrics/", "/metrics/../live", "//live", "/%6dive", "/../../etc/passwd", "/coverage%00", "/live\u{202e}"] {
        let (status, body) = get(&at, path);
        assert!((status == 404 || status == 400) && !body.contains("passwd"), "{path}: {status} {body}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW"] {
        let answer = send(&at, format!("{method} /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 405"), "{method}: {answer}");
    }
    let head = send(&at, b"HEAD /live HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    let garbage: [&[u8]; 4] = [b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"\x00\xff\xfe\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"];
    garbage.iter().for_each(|bytes| assert!(!send_and_leave(&at, bytes).contains("200"), "{bytes:?}"));
    let long = format!("GET /live HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(4 << 20));
    assert!(!send(&at, long.as_bytes()).contains(" 200 "), "headers have an end");
    assert_eq!(get(&at, "/live").0, 200);
    assert!(!service.log().contains("passwd"), "{}", service.log());
    service.stop();
}

/// Sends, says that this is all, and reads what comes.
fn send_and_leave(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let _ = stream.write_all(request);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn guests_that_say_nothing_are_shown_out() {
    let place = Place::new("http-slow", &config(""));
    let service = place.start();
    let at = address(&service);
    let guests: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(&at).expect("the backlog takes it")).collect();
    guests.iter().for_each(|mut guest| drop(guest.write(b"GET /live HTT")));
    let clock = Stopwatch::start();
    // Four times as many as there is room for, each 10 seconds long.
    assert_eq!(get_patiently(&at, "/live"), 200);
    assert!(clock.elapsed() < Duration::from_secs(55), "{:?}", clock.elapsed());
    drop(guests);
    service.stop();
}

fn get_patiently(address: &str, path: &str) -> u16 {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn a_standby_lives_and_is_not_ready_until_it_owns_the_state() {
    let place = Place::new("http-standby", &config(""));
    let first = place.start();
    let owner = address(&first);
    until("the owner is ready", || (ready(&owner).0 == 200).then_some(()));
    let second = place.start();
    let standby = address(&second);
    second.says("standby: ");
    let (status, told) = ready(&standby);
    assert_eq!((status, codes(&told["reasons"])), (503, vec!["standby"]));
    assert!(told["reasons"][0]["text"].as_str().is_some_and(|text| text.contains(&format!("pid {}", first.pid()))), "{told}");
    assert_eq!(get(&standby, "/live").0, 200);
    let waiting = metrics(&standby);
    assert_eq!((value(&waiting, "tidegate_owner"), value(&waiting, "tidegate_stage{stage=\"standby\"}")), (0.0, 1.0));
    assert!(!waiting.contains_key("tidegate_records_total"), "a standby has no books");
    first.signal("KILL");
    let told = until("it is ready", || Some(ready(&standby)).filter(|(status, _)| *status == 200)).1;
    assert_eq!((&told["stage"], &told["epoch"]), (&"running".into(), &2.into()));
    assert_eq!(value(&metrics(&standby), "tidegate_owner"), 1.0);
    second.stop();
}

#[test]
fn an_address_that_is_taken_is_taken_over_with_the_rest() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let config = format!("lease: 1s\nsources: [{{name: shop, folder: ./in, {SHOP}}}]\nhttp: {{listen: '{free}'}}");
    let place = Place::new("http-taken", &config);
    let first = place.start();
    assert_eq!(address(&first), free.to_string());
    first.says("started");
    let second = place.start();
    second.says("is taken");
    second.says("standby: ");
    first.stop();
    assert_eq!(address(&second), free.to_string());
    until("it is ready", || (ready(&free.to_string()).0 == 200).then_some(()));
    second.stop();
}

#[test]
fn an_address_of_nobody_is_refused_at_the_start() {
    let place = Place::new("http-nobody", &format!("sources: [{{name: shop, folder: ./in, {SHOP}}}]\nhttp: {{listen: '192.0.2.1:9187'}}"));
    let (status, log) = place.start().end();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(log.contains("`http.listen`: cannot listen on 192.0.2.1:9187") && log.contains("choose an address"), "{log}");
}

#[test]
fn a_refused_reload_is_told_until_the_files_can_be_used() {
    let place = Place::new("http-reload", &config(""));
    let service = place.start();
    let at = address(&service);
    until("it is ready", || (ready(&at).0 == 200).then_some(()));
    place.write("rules/rules.yml", RULES.replace("condition: s}", "condition: s or}"));
    service.says("nothing was reloaded");
    let (status, told) = ready(&at);
    assert_eq!((status, codes(&told["remarks"])), (200, vec!["reload_refused"]), "{told}");
    assert!(told["remarks"][0]["text"].as_str().is_some_and(|text| text.contains("rules.yml")), "{told}");
    let numbers = metrics(&at);
    let refused = |numbers: &_, what: &str| value(numbers, &format!("tidegate_reload_refused{{what=\"{what}\"}}"));
    assert_eq!(
        (refused(&numbers, "rules"), refused(&numbers, "tables"), value(&numbers, "tidegate_reloads_total{result=\"refused\"}")),
        (1.0, 0.0, 1.0)
    );
    place.write("rules/rules.yml", RULES.replace("timespan: 10m", "timespan: 20m"));
    service.says("rules reloaded");
    let numbers =
        until("it is applied", || Some(metrics(&at)).filter(|numbers| value(numbers, "tidegate_reloads_total{result=\"applied\"}") == 1.0));
    assert_eq!((refused(&numbers, "rules"), value(&numbers, "tidegate_rules_restarted_total")), (0.0, 1.0));
    assert_eq!(value(&numbers, "tidegate_reload_rules{change=\"restarted\"}"), 1.0);
    assert_eq!(value(&numbers, "tidegate_reload_rules{change=\"kept\"}"), 2.0);
    assert!(codes(&ready(&at).1["remarks"]).is_empty());
    service.stop();
}

#[test]
fn a_state_file_that_cannot_be_written_makes_unready_and_the_books_still_balance() {
    let place = Place::new("http-blocked", &config("state_bytes_max: 1MiB"));
    for file in 0..6 {
        let lines: String = (0..4_000).map(|n| event("refused", &format!("u{}", n % 300), file * 40 + n / 100)).collect();
        place.write(&format!("in/{file}.ndjson"), lines);
    }
    let service = place.start();
    let at = address(&service);
    service.says("the state file cannot be written");
    let told = until("it says so", || Some(ready(&at)).filter(|(status, _)| *status == 503)).1;
    assert_eq!(codes(&told["reasons"]), ["store_blocked"]);
    let numbers = metrics(&at);
    balanced(&numbers);
    assert_eq!((value(&numbers, "tidegate_log_blocked"), value(&numbers, "tidegate_state_file_budget_bytes")), (1.0, 1_048_576.0));
    place.configure(&config("state_bytes_max: 1GiB"));
    until("it is ready again", || (ready(&at).0 == 200).then_some(()));
    service.stop();
}
