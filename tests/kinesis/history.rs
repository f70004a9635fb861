//! History out of a stream: what a replay reads of it, when it ends, and that it is what stamped records of a file give.

use crate::hand::{Hand, PATIENCE, stream, url};
use crate::support::{Place, SHOP};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tidegate::io::aws::history::{Span, records};
use tidegate::io::clock::{Stopwatch, now_ms};
use tidegate::io::input::Opened;
use tidegate::io::tally::Tally;
use tidegate_core::event::Record;

const ALL: Span = Span { from_ms: None, to_ms: None };

/// What a replay reads, until it ends or was told to stop after so many records.
fn read(hand: &Hand, span: Span, tally: &Arc<Tally>, stop_after: usize) -> Vec<Record> {
    let far = records(stream(&hand.stream, None), span, tally.clone());
    let Opened::Records(found) = (far.open)().expect("opened") else { panic!("records") };
    let mut out = Vec::new();
    for record in found {
        out.push(record.expect("a record"));
        if out.len() == stop_after {
            tally.stop_flag().store(true, Ordering::Relaxed);
        }
    }
    out
}

fn texts(records: &[Record]) -> Vec<String> {
    let mut texts: Vec<String> = records.iter().map(|r| String::from_utf8_lossy(&r.bytes).into_owned()).collect();
    texts.sort();
    texts
}

fn wanted(range: std::ops::Range<usize>) -> Vec<String> {
    let mut texts: Vec<String> = range.map(|n| format!("record {n}")).collect();
    texts.sort();
    texts
}

/// A moment that lies between what was put and what will be.
fn between() -> i64 {
    std::thread::sleep(Duration::from_millis(1_200));
    let at = now_ms();
    std::thread::sleep(Duration::from_millis(1_200));
    at
}

/// Records 0-199, 200-399 and 400-599, with splits and merges in and between; and the two moments between.
fn three_parts(name: &str) -> (Hand, i64, i64) {
    let hand = Hand::new(name, 2);
    hand.put(0, 100);
    hand.split(&hand.open()[0]);
    hand.put(100, 100);
    let first = between();
    let (a, b) = hand.neighbours();
    hand.merge(&a, &b);
    hand.put(200, 200);
    let second = between();
    hand.split(&hand.open()[0]);
    hand.split(&hand.open()[1]);
    hand.put(400, 200);
    (hand, first, second)
}

#[test]
fn a_part_of_a_resharded_stream_is_read_once_in_order_of_arrival() {
    let (hand, first, second) = three_parts("history-parts");
    assert!(hand.shards().len() >= 8, "{} shards", hand.shards().len());
    for (span, range) in [
        (ALL, 0..600),
        (Span { from_ms: Some(first), to_ms: Some(second) }, 200..400),
        (Span { from_ms: Some(second), to_ms: None }, 400..600),
        (Span { from_ms: None, to_ms: Some(first) }, 0..200),
        (Span { from_ms: Some(now_ms() + 60_000), to_ms: None }, 0..0),
    ] {
        let tally = Arc::new(Tally::default());
        let found = read(&hand, span, &tally, usize::MAX);
        let (found_texts, wanted) = (texts(&found), wanted(range));
        let missing: Vec<&String> = wanted.iter().filter(|text| found_texts.binary_search(text).is_err()).collect();
        assert!(missing.is_empty(), "{span:?}: {missing:?} of {:?}", hand.everything().iter().map(|r| (r.0, &r.1)).max());
        assert_eq!(found_texts, wanted, "{span:?}");
        assert!(found.is_sorted_by_key(|r| r.arrival_ms), "{span:?}");
        assert!(!tally.is_unfinished(), "{span:?}");
        assert_eq!(tally.notes(), Vec::<String>::new(), "{span:?}");
        let mut places: Vec<_> = found.iter().map(|r| r.position.clone()).collect();
        places.sort();
        places.dedup();
        assert_eq!(places.len(), found.len(), "positions are the stream's own");
    }
}

#[test]
fn it_ends_though_the_stream_goes_on_and_says_where_it_was_stopped() {
    let hand = Hand::new("history-busy", 2);
    hand.put(0, 300);
    std::thread::sleep(Duration::from_millis(1_500));
    let ended = AtomicBool::new(false);
    let clock = Stopwatch::start();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in (1_000..).step_by(10) {
                if ended.load(Ordering::Relaxed) || clock.elapsed() > PATIENCE {
                    return;
                }
                hand_of(&hand).put(n, 10);
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let found = read(&hand, ALL, &Arc::default(), usize::MAX);
        ended.store(true, Ordering::Relaxed);
        let numbers = texts(&found);
        assert!(wanted(0..300).iter().all(|text| numbers.binary_search(text).is_ok()));
    });
    assert!(clock.elapsed() < PATIENCE, "it does not end");
    let tally = Arc::new(Tally::default());
    let found = read(&hand, ALL, &tally, 200);
    assert_eq!(found.len(), 200, "a stop is heard at the next record");
    let left = tally.resume_ms().expect("where it goes on");
    let rest = read(&hand, Span { from_ms: Some(left), to_ms: None }, &Arc::default(), usize::MAX);
    let mut both = [texts(&found), texts(&rest)].concat();
    both.sort();
    both.dedup();
    assert!(wanted(0..300).iter().all(|text| both.binary_search(text).is_ok()), "without a gap");
}

/// A second hand on the same stream, with a runtime of its own.
fn hand_of(hand: &Hand) -> Hand {
    Hand::on(&hand.stream)
}

#[test]
fn a_start_before_the_retention_is_told() {
    let hand = Hand::new("history-old", 1);
    hand.put(0, 10);
    let tally = Arc::new(Tally::default());
    let found = read(&hand, Span { from_ms: Some(now_ms() - 48 * 3_600_000), to_ms: None }, &tally, usize::MAX);
    assert_eq!(texts(&found), wanted(0..10));
    let notes = tally.notes();
    assert!(notes.len() == 1 && notes[0].contains("is gone, because the stream keeps records for 24 hours"), "{notes:?}");
}

/// Events that arrive in time, late, and much too late to count.
fn events() -> Vec<Vec<u8>> {
    let now = now_ms() / 1_000;
    let event = |n: i64| {
        let at = now - if n % 11 == 0 { 5 * 86_400 } else { (n * 37) % 900 };
        let result = if n % 7 == 0 { "denied" } else { "refused" };
        json!({"time": at, "who": format!("who-{}", n % 17), "result": result, "cloud": {"account": {"uid": "111122223333"}}})
    };
    (0..400).map(|n| event(n).to_string().into_bytes()).collect()
}

/// What an alert says, but for where its evidence stood.
fn told(place: &Place, arguments: &[&str], keys: bool) -> (Vec<Value>, Value) {
    let common =
        ["replay", "-r", "rules", "--format", "json", "--product", "shop", "--service", "login", "--summary", "json", "--alerts", "-"];
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(common).args(arguments).current_dir(place.path(""));
    if keys {
        command.args(["--aws-region", "us-east-1", "--aws-endpoint", &url()]);
    }
    let output = command.output().expect("the binary runs");
    let (out, err) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(0), "{err}");
    let lines = out.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let mut alerts: Vec<Value> = lines
        .map(|a| {
            let t = &a["tidegate"];
            // The file's lines hold one member more: what is named by an event's content has another name.
            let by_content = t["kind"] == "detection";
            let key = if by_content { json!([t["episode"]["start"]]) } else { json!([t["group_key"], t["episode"], a["message"]]) };
            let counts = json!([a["count"], a["start_time"], a["end_time"], t["late_events"], t["records_total"]]);
            json!([a["finding_info"]["analytic"], key, counts, a["severity_id"], t["accounts"]])
        })
        .collect();
    alerts.sort_by_key(ToString::to_string);
    (alerts, err.lines().find_map(|line| serde_json::from_str(line).ok()).expect("a summary"))
}

#[test]
fn its_alerts_are_those_of_the_same_records_stamped_in_a_file() {
    let hand = Hand::new("history-alerts", 2);
    for (n, part) in events().chunks(50).enumerate() {
        hand.put_bytes(part.iter().cloned());
        if n == 2 || n == 5 {
            hand.split(&hand.open()[0]);
        }
        if n == 4 {
            let (a, b) = hand.neighbours();
            hand.merge(&a, &b);
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    std::thread::sleep(Duration::from_millis(1_500));
    // The oracle reads each shard by itself, and sorts.
    let mut stamped = hand.everything();
    stamped.sort_by(|a, b| (a.0, &a.1, a.2.len(), &a.2).cmp(&(b.0, &b.1, b.2.len(), &b.2)));
    assert_eq!(stamped.len(), 400);
    let lines = stamped.iter().map(|(arrival_ms, _, _, bytes)| {
        let mut event: BTreeMap<String, Value> = serde_json::from_slice(bytes).expect("an event");
        event.insert("received".to_owned(), json!(arrival_ms));
        format!("{}\n", json!(event))
    });
    let place = Place::new("history-alerts", &format!("sources: [{{name: pipe, {SHOP}, stdin: true}}]"));
    place.write("stamped.ndjson", lines.collect::<String>());
    let (from_file, books) = told(&place, &["--arrival-field", "received", "stamped.ndjson"], false);
    let (from_stream, ours) = told(&place, &[&format!("kinesis:{}", hand.stream)], true);
    let (books, ours) = (&books["books"]["detections"], &ours["books"]["detections"]);
    assert!(books["late"].as_u64() > Some(0) && books["counted"].as_u64() > Some(300), "{books}");
    assert_eq!(ours, books, "late and counted alike");
    assert!(from_file.len() > 50, "{}", from_file.len());
    assert_eq!(from_stream, from_file);
    // Again with fewer threads: the same.
    assert_eq!(told(&place, &["--threads", "1", &format!("kinesis:{}", hand.stream)], true).0, from_stream);
}

#[test]
fn a_stream_that_is_not_there_or_stands_beside_files_is_told() {
    let place = Place::new("history-missing", &format!("sources: [{{name: pipe, {SHOP}, stdin: true}}]"));
    let run = |inputs: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(["replay", "-r", "rules", "--aws-region", "us-east-1", "--aws-endpoint", &url()]).args(inputs);
        let output = command.current_dir(place.path("")).output().expect("the binary runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, text) = run(&["kinesis:nobody-made-it"]);
    assert!(code == Some(3) && text.contains("cannot list the shards of stream nobody-made-it"), "{code:?} {text}");
    let (code, text) = run(&["kinesis:a", "rules"]);
    assert!(code == Some(2) && text.contains("replay them one at a time"), "{code:?} {text}");
    let (code, text) = run(&["kinesis:a/b"]);
    assert!(code == Some(2) && text.contains("is no stream"), "{code:?} {text}");
}
