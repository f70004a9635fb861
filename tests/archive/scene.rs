//! A day of the shop over three sources, with a stop in the middle: counting, joined episodes, rules that wait, rules over rules,
//! events that are late.

use crate::support::{BASE, Place, Service, until};
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

const RULES: &str = "title: Denied
id: denied
level: high
logsource: {product: shop, service: login}
detection: {s: {result: denied}, condition: s}
---
title: Refused
id: refused
name: refused
logsource: {product: shop, service: login}
detection: {s: {result: refused}, condition: s}
---
title: Asked
id: asked
name: asked
logsource: {product: shop, service: login}
detection: {s: {result: asked}, condition: s}
---
title: Three refusals
id: three
name: three
level: medium
correlation:
    type: event_count
    rules: [refused]
    group-by: [who]
    timespan: 10m
    condition: {gte: 3}
---
title: Refused at the door
id: door
level: low
logsource: {product: aws, service: vpcflow}
detection: {s: {action: REJECT, dstport: 22}, condition: s}
---
title: Refusals of two
id: spread
level: high
correlation:
    type: event_count
    rules: [three]
    generate: true
    timespan: 30m
    condition: {gte: 2}
---
title: Asked exactly twice
id: twice
level: low
correlation:
    type: event_count
    rules: [asked]
    group-by: [who]
    timespan: 10m
    condition: {eq: 2}
---
title: Refused and nothing asked
id: silent
level: low
correlation:
    type: temporal
    rules: [refused, asked]
    group-by: [who]
    timespan: 5m
    condition: refused and not asked
";

/// Three sources of shop events.
const SOURCES: &str = "sources:
- {name: file, file: ./in/file.ndjson, FORM}
- {name: other, file: ./in/other.ndjson, FORM}
- {name: pipe, stdin: true, FORM}
FLOWSsinks: {ndjson: {file: ./alerts.ndjson}}
";
const FORM: &str = "format: json, json: {product: shop, service: login, time_field: time, arrival_field: received}";

/// An event at a second after [`BASE`], arrived at another.
pub(crate) fn event(result: &str, who: &str, second: i64, arrived: i64) -> String {
    let (at, received) = (BASE + second, BASE + arrived);
    format!(
        "{{\"time\":{at},\"received\":{received},\"who\":\"{who}\",\"result\":\"{result}\",\"cloud\":{{\"account\":{{\"uid\":\"{}\"}}}}}}\n",
        if who < "c" { "111122223333" } else { "444455556666" }
    )
}

fn events(result: &str, who: &str, seconds: &[i64], delay: i64) -> String {
    seconds.iter().map(|second| event(result, who, *second, second + delay)).collect()
}

/// Flows of this moment that were refused, to these ports; `header` names the columns.
fn flows(header: bool, sources: &[u8]) -> String {
    let second = tidegate::io::clock::now_ms() / 1_000 - 30;
    let flow = |n: &u8| format!("{second} 10.0.0.{n} 10.1.0.1 123456789012 22 REJECT eni-{n} {} 6 40{n} 1 40 OK 2\n", second + 1);
    let columns = "start srcaddr dstaddr account-id dstport action interface-id end protocol srcport packets bytes log-status version\n";
    let lines: String = sources.iter().map(flow).collect();
    if header { format!("{columns}{lines}") } else { lines }
}

/// A place with this scene; `more` are lines of its configuration. With flows there is a source whose events the reader stamps: rules
/// that wait for what does not come begin with the service then, and say nothing of what happened before.
pub(crate) fn place(name: &str, more: &str, flows: bool) -> Place {
    let flows = if flows { "- {name: flows, folder: ./in/flows}\n" } else { "" };
    let place = Place::new(name, &format!("{}{more}", SOURCES.replace("FORM", FORM).replace("FLOWS", flows)));
    place.write("rules/rules.yml", RULES);
    std::fs::create_dir_all(place.path("in/flows")).expect("folder");
    place
}

/// The first half: ends with a stop by SIGTERM.
pub(crate) fn first_half(place: &Place, with_flows: bool) {
    place.write("in/file.ndjson", events("refused", "ann", &[0, 1, 2], 1) + &events("asked", "bob", &[30, 31], 2));
    place.write("in/other.ndjson", events("refused", "bob", &[10, 11, 12], 1));
    place.write("in/flows/a.log", flows(true, &[1, 2]));
    let mut service = place.start();
    service.feed(&(events("denied", "cem", &[5], 1) + &events("refused", "ann", &[1_300, 1_301, 1_302], 1)));
    place.wait_alert("spread", "three");
    if with_flows {
        place.wait_alert("door", "10.0.0.2");
    }
    place.wait_alert("denied", "cem");
    until("both episodes of ann", || (of_rule(place, "three", "ann") == 2).then_some(()));
    service.stop();
}

/// The second half: joins what was apart, and ends all windows. The service runs on.
pub(crate) fn second_half(place: &Place, with_flows: bool) -> Service {
    let mut service = place.start();
    // Behind its header, which stands in what was read before the stop.
    place.append("in/flows/a.log", &flows(false, &[3]));
    // Out of order, and inside the lateness: it joins the two episodes of ann.
    place.append("in/file.ndjson", &events("refused", "ann", &[690, 691, 692], 700));
    // Beyond it: counted as late.
    place.append("in/file.ndjson", &event("refused", "dan", 0, 2_400));
    place.append("in/other.ndjson", &(events("refused", "dan", &[2_000, 2_001], 1) + &events("asked", "dan", &[2_010], 1)));
    service.feed(&events("denied", "erin", &[2_500], 3));
    until("one episode of ann", || merged(place).then_some(()));
    // Everything is over: every window ends before the last events.
    let end = |name: &str| event("end", name, 40_000, 40_000);
    place.append("in/file.ndjson", &end("file"));
    place.append("in/other.ndjson", &end("other"));
    service.feed(&end("pipe"));
    place.wait_alert("denied", "erin");
    if with_flows {
        place.wait_alert("door", "10.0.0.3");
    }
    until("all windows to end", || place.alerts().iter().all(over).then_some(()));
    service
}

fn of_rule(place: &Place, rule: &str, who: &str) -> usize {
    let fits = |a: &&Value| a["finding_info"]["analytic"]["uid"] == rule && a["tidegate"]["group_key_text"].to_string().contains(who);
    place.alerts().iter().filter(fits).count()
}

/// A correlation's alert that is over; one of a single event is told once.
fn over(alert: &Value) -> bool {
    alert["tidegate"]["kind"] == "detection" || alert["tidegate"]["episode"]["state"] != "open"
}

fn merged(place: &Place) -> bool {
    place.alerts().iter().any(|a| a["tidegate"]["episode"]["state"] == "merged")
}

/// The newest document of every alert the service wrote, byte by byte.
pub(crate) fn told(place: &Place) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(place.path("alerts.ndjson")).expect("alerts");
    by_id(&text)
}

pub(crate) fn by_id(text: &str) -> BTreeMap<String, String> {
    let mut newest: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for line in text.lines() {
        let alert: Value = serde_json::from_str(line).expect("JSON");
        let (id, revision) = (alert["finding_info"]["uid"].as_str().expect("id").to_owned(), alert["tidegate"]["revision"].as_u64());
        let held = newest.entry(id).or_default();
        if revision.unwrap_or(0) >= held.0 {
            *held = (revision.unwrap_or(0), line.to_owned());
        }
    }
    newest.into_iter().map(|(id, (_, line))| (id, line)).collect()
}

/// A replay at a place; its alerts, and what it said.
pub(crate) fn replay(place: &Place, arguments: &[&str]) -> (BTreeMap<String, String>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.arg("replay").args(arguments).args(["--alerts", "-"]).current_dir(place.path(""));
    let out = command.output().expect("runs");
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(out.status.success(), "{said}");
    (by_id(&String::from_utf8_lossy(&out.stdout)), said)
}
