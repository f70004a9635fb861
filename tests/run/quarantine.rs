//! The quarantine (dead-letter store) end to end: a bad line, a fix, the same line again.

use crate::support::{Place, numbers, until};
use serde_json::Value;
use tidegate::io::clock::now_ms;

const RULE: &str = "title: Rejected flow
id: rejected
level: high
logsource: {product: aws, service: vpcflow}
detection: {s: {action: REJECT}, condition: s}
";

fn config(format: &str) -> String {
    format!("sources: [{{name: flows, file: ./in/flows.log, format: vpcflow{format}}}]")
}

/// A line of columns that nobody can guess.
fn line(source: &str, seconds_ago: i64) -> String {
    format!("111122223333 {source} 10.0.0.7 REJECT {}\n", now_ms() / 1_000 - seconds_ago)
}

fn id(items: &[Value], n: usize) -> String {
    items.iter().map(|item| item["id"].as_i64().expect("a number")).nth(n).expect("an item").to_string()
}

#[test]
fn what_could_not_be_read_goes_through_once_after_a_fix() {
    let place = Place::new("quarantine", &config(""));
    place.write("rules/rules.yml", RULE);
    place.append("in/flows.log", &(line("198.51.100.1", 60) + &line("198.51.100.2", 3 * 3_600) + "one word too few\n"));
    let service = place.start();
    let mut items = until("three items", || Some(place.quarantine()).filter(|items| items.len() == 3));
    let log = service.stop();
    assert_eq!((numbers(&log)["records"], numbers(&log)["quarantined"], place.alerts().len()), (3, 3, 0), "{log}");
    items.sort_by_key(|item| item["id"].as_i64());
    let shown = place.ask(&["quarantine", "show", &id(&items, 0)]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("198.51.100.1"), "the bytes are shown");

    // Asked for while nothing runs, and again while it does.
    let asked = place.ask(&["quarantine", "redrive", &id(&items, 0)]);
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    place.configure(&config(", flow_format: 'account-id srcaddr dstaddr action start'"));
    let service = place.start();
    place.wait_alert("rejected", "198.51.100.1");
    assert!(place.ask(&["quarantine", "redrive", &id(&items, 1), &id(&items, 2)]).status.success());
    place.wait_alert("rejected", "198.51.100.2");
    let left = until("one is left", || {
        let items = place.quarantine();
        (items.len() == 1 && items[0]["redrive_requested"] == false).then_some(items)
    });
    assert_eq!((&left[0]["id"], &left[0]["attempts"]), (&items[2]["id"], &1.into()), "{left:?}");
    let log = service.stop();
    let end = numbers(&log);
    assert_eq!((end["records"], end["events"], end["quarantined"], end["alerts"]), (6, 2, 4, 2), "each try is a record: {log}");
    assert_eq!(place.alerts().len(), 2);
}
