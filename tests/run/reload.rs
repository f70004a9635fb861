//! Reloading while running: what changed starts afresh, what did not goes on, what is broken changes nothing.

use crate::support::{Place, RULES, SHOP, Service, event, until};
use serde_json::{Value, json};
use tidegate::io::clock::now_ms;
use tidegate_core::event::time::format_rfc3339;

const TWO_FAILED: &str = "title: Two failures
id: two-failed
level: high
correlation:
    type: event_count
    rules: [failed]
    group-by: [who]
    timespan: 10m
    condition: {gte: 2}
---
title: Failed
id: failed
name: failed
logsource: {product: shop, service: login}
detection: {s: {result: failed}, condition: s}
";

const CREATED: &str = "title: User created
id: created
level: high
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: CreateUser}, condition: s}
";

/// Somebody makes a user, a moment ago.
fn created(who: &str) -> String {
    let (time, account) = (format_rfc3339(now_ms()), "111122223333");
    let by = json!({"type": "IAMUser", "userName": who, "accountId": account, "arn": format!("arn:aws:iam::{account}:user/{who}")});
    let event = json!({
        "eventVersion": "1.11", "eventTime": time, "eventSource": "iam.amazonaws.com", "eventName": "CreateUser", "awsRegion": "us-east-1",
        "eventID": format!("event-of-{who}"), "eventType": "AwsApiCall", "recipientAccountId": account, "sourceIPAddress": "198.51.100.7",
        "userIdentity": by,
    });
    format!("{event}\n")
}

fn config(more: &str) -> String {
    format!("sources: [{{name: shop, file: ./in/shop.ndjson, {SHOP}}}]\n{more}")
}

/// Writes events and then a denial of `mark`; returns when that is an alert: everything before it was applied.
fn feed(place: &Place, events: &[String], mark: &str, second: i64) -> Value {
    place.append("in/shop.ndjson", &(events.concat() + &event("denied", mark, second)));
    place.wait_alert("denied", mark)
}

fn reloaded(service: &Service, before: usize) {
    until("a reload", || (service.said("reloaded") > before).then_some(()));
}

#[test]
fn a_changed_rule_starts_afresh_and_the_others_keep_their_state() {
    let place = Place::new("rules", &config(""));
    place.write("rules/failed.yml", TWO_FAILED);
    let service = place.start();
    feed(&place, &[event("refused", "ann", 0), event("refused", "ann", 10), event("failed", "ann", 20)], "m1", 30);
    let before = service.said("reloaded");
    place.write("rules/failed.yml", TWO_FAILED.replace("timespan: 10m", "timespan: 20m"));
    reloaded(&service, before);
    assert!(service.log().contains("1 changed and start afresh (two-failed)"), "{}", service.log());

    feed(&place, &[event("refused", "ann", 40), event("failed", "ann", 50)], "m2", 60);
    let three = place.wait_alert("three", "ann");
    assert_eq!(three["count"], 3, "two before the reload, one after");
    assert!(place.alerts().iter().all(|a| a["finding_info"]["analytic"]["uid"] != "two-failed"), "one failure since it began afresh");
    feed(&place, &[event("failed", "ann", 70)], "m3", 80);
    assert_eq!(place.wait_alert("two-failed", "ann")["count"], 2);

    // Asked for: everything is read again, and keeps its state.
    let before = service.said("reloaded");
    service.signal("HUP");
    reloaded(&service, before);
    feed(&place, &[event("refused", "bob", 90), event("refused", "bob", 91)], "m4", 92);
    service.signal("HUP");
    reloaded(&service, before + 1);
    feed(&place, &[event("refused", "bob", 93)], "m5", 94);
    assert_eq!(place.wait_alert("three", "bob")["count"], 3);
    service.stop();
}

#[test]
fn a_rule_that_is_only_written_otherwise_keeps_its_state() {
    let place = Place::new("rewritten", &config(""));
    let service = place.start();
    feed(&place, &[event("refused", "ann", 0), event("refused", "ann", 10)], "m1", 20);
    let rewritten = RULES
        .replace(
            "title: Three refusals\nid: three\nlevel: high\n",
            "# Who is refused three times.\nlevel: medium\nid: three\ntitle: Refused too often\n",
        )
        .replace("    type: event_count\n    rules: [refused]\n", "    rules:\n        - refused # the rule below\n    type: event_count\n")
        .replace(
            "detection: {s: {result: refused}, condition: s}",
            "detection:\n    condition: 1 of chosen_*\n    chosen_ones:\n        result: [Refused]",
        );
    place.write("rules/rules.yml", &rewritten);
    reloaded(&service, 0);
    let line = service.says("rules reloaded");
    assert!(line.contains("3 kept their state, 0 new") && !line.contains("changed"), "{line}");
    feed(&place, &[event("refused", "ann", 30)], "m2", 40);
    let alert = place.wait_alert("three", "ann");
    assert_eq!((&alert["count"], &alert["severity_id"]), (&json!(3), &json!(3)), "two before, one after: {alert}");
    assert_eq!(alert["finding_info"]["title"], "Refused too often");

    place.write("rules/rules.yml", rewritten.replace("gte: 3", "gte: 2"));
    reloaded(&service, 1);
    assert!(service.log().contains("1 changed and start afresh (three)"), "{}", service.log());
    service.stop();
}

#[test]
fn a_broken_rule_changes_nothing_and_its_place_is_told() {
    let place = Place::new("broken", &config(""));
    let service = place.start();
    feed(&place, &[event("refused", "ann", 0), event("refused", "ann", 1)], "m1", 2);
    place.write("rules/rules.yml", RULES.replace("condition: s}", "condition: nothing}"));
    let line = service.says("nothing was reloaded");
    assert!(line.contains("ERROR") && line.contains("rules.yml:5"), "{line}");
    feed(&place, &[event("refused", "ann", 3)], "m2", 4);
    assert_eq!(place.wait_alert("three", "ann")["count"], 3);

    // A configuration that is broken is told in the same way.
    place.configure("sources: []\nnonsense: 1");
    until("a second refusal", || (service.said("nothing was reloaded") == 2).then_some(()));
    feed(&place, &[], "m3", 5);
    let log = service.stop();
    let refusal = log.lines().filter(|line| line.contains("nothing was reloaded")).nth(1).expect("the second one");
    assert!(refusal.contains("tidegate.yaml:4:1") && refusal.contains("nonsense"), "{refusal}");
}

#[test]
fn a_suppression_that_is_added_hides_the_next_alert() {
    let place = Place::new("suppress", &config(""));
    let service = place.start();
    feed(&place, &[], "scanner", 0);
    let entry = |id: &str, created: &str, expires: &str| {
        let times = format!("created: {created}, expires: {expires}");
        format!("- {{id: {id}, rule: denied, where: {{cloud.account.uid: '111122223333'}}, reason: drill, owner: soc, {times}}}\n")
    };
    place.write("suppressions.yaml", entry("over", "2026-08-01", "2026-10-01"));
    place.configure(&config("suppressions: ./suppressions.yaml"));
    reloaded(&service, 0);
    let before = feed(&place, &[], "gardener", 10);
    assert_eq!((&before["status_id"], &before["tidegate"]["suppressed_by"]), (&json!(1), &Value::Null), "it is over");

    place.write("suppressions.yaml", entry("over", "2026-08-01", "2026-10-01") + &entry("drill", "2026-10-20", "2026-12-20"));
    reloaded(&service, 1);
    let hidden = feed(&place, &[], "plumber", 20);
    assert_eq!((&hidden["status_id"], &hidden["tidegate"]["suppressed_by"]), (&json!(3), &json!("drill")), "{hidden}");
    let log = service.stop();
    assert_eq!(log.matches(" page: ").count(), 2, "{log}");

    let list = place.ask(&["suppress", "list", "suppressions.yaml", "--json"]);
    let list: Value = serde_json::from_slice(&list.stdout).expect("JSON");
    let hits = |id: &str| list["suppressions"].as_array().expect("a list").iter().find(|s| s["id"] == id).map(|s| s["hits"].clone());
    assert_eq!((hits("drill"), hits("over")), (Some(json!(1)), Some(json!(0))), "{list}");
}

#[test]
fn tables_and_paging_that_change_decide_about_the_next_alert() {
    let of = |more: &str| {
        format!("sources: [{{name: trail, file: ./in/shop.ndjson, format: cloudtrail}}{more}]\ntables: {{accounts: ./accounts.csv}}")
    };
    let place = Place::new("tables", &of(""));
    place.write("rules/rules.yml", CREATED);
    let feed = |place: &Place, who: &str| {
        place.append("in/shop.ndjson", &created(who));
        place.wait_alert("created", who)
    };
    place.write("accounts.csv", "id,name,owner\n111122223333,shop,team-a\n");
    let service = place.start();
    let first = feed(&place, "ann-1");
    assert_eq!(first["tidegate"]["owners"], json!(["team-a"]), "{first}");

    place.write("accounts.csv", "id,name,owner\n111122223333,shop,team-b\n");
    reloaded(&service, 0);
    let second = feed(&place, "bob-2");
    assert_eq!(second["tidegate"]["owners"], json!(["team-b"]));
    assert_ne!(first["tidegate"]["tables"], second["tidegate"]["tables"], "the version of the table is named");

    place.append("in/more.ndjson", &created("unread"));
    place.configure(&format!("{}\npaging: {{pages_per_hour: 2}}", of(", {name: more, file: ./in/more.ndjson, format: cloudtrail}")));
    service.says("take effect at the next start");
    reloaded(&service, 1);
    feed(&place, "cem-3");
    service.says("page: Alert storm");
    service.stop();
    assert!(place.alerts().iter().all(|a| !a.to_string().contains("unread")), "sources are those of the start");

    let service = place.start();
    place.wait_alert("created", "unread");
    service.stop();
}
