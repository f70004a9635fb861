//! Rules in shadow: counted, stored, never paged; promoted without losing what is in their windows.

use crate::support::{Place, RULES, SHOP, event, until};
use serde_json::{Value, json};

fn config(more: &str) -> String {
    format!("sources: [{{name: shop, file: ./in/shop.ndjson, {SHOP}}}]\n{more}")
}

fn decided(alert: &Value) -> (&Value, &Value) {
    (&alert["tidegate"]["shadow"], &alert["tidegate"]["paging"]["decision"])
}

#[test]
fn a_rule_that_the_configuration_lists_pages_nobody_until_it_is_promoted_and_keeps_its_windows() {
    let place = Place::new("shadow", &config("shadow: ['den*', three]"));
    let service = place.start();
    service.says("shadow=2");
    let lines = [event("denied", "ann", 0), event("refused", "bob", 1), event("refused", "bob", 2)].concat();
    place.append("in/shop.ndjson", &lines);
    assert_eq!(decided(&place.wait_alert("denied", "ann")), (&json!(true), &json!("shadow")));
    assert_eq!(service.said(" page: "), 0);

    // The log of a process that was killed names the rules as they were, those in shadow too.
    service.signal("KILL");
    service.end();
    let service = place.start();
    place.append("in/shop.ndjson", &event("denied", "cem", 3));
    assert_eq!(decided(&place.wait_alert("denied", "cem")), (&json!(true), &json!("shadow")));
    assert_eq!(service.said(" page: "), 0);

    place.configure(&config(""));
    let line = service.says("rules reloaded");
    assert!(line.contains("3 kept their state") && line.contains("shadow=0"), "{line}");
    place.append("in/shop.ndjson", &(event("refused", "bob", 4) + &event("denied", "dan", 5)));
    let three = place.wait_alert("three", "bob");
    assert_eq!((&three["count"], decided(&three)), (&json!(3), (&json!(false), &json!("page"))), "two of them came while it was in shadow");
    assert_eq!(decided(&place.wait_alert("denied", "dan")), (&json!(false), &json!("page")));
    until("the pages", || (service.said(" page: ") == 2).then_some(()));
    service.stop();
}

#[test]
fn an_experimental_rule_pages_nobody_and_neither_does_what_rests_on_it() {
    let place = Place::new("experimental", &config(""));
    place.write("rules/rules.yml", RULES.replace("name: refused", "name: refused\nstatus: experimental"));
    let service = place.start();
    let warning = service.says("runs in shadow");
    assert!(warning.contains("Three refusals") && warning.contains("rules.yml:"), "{warning}");
    let refusals: String = (0..3).map(|second| event("refused", "ann", second)).collect();
    place.append("in/shop.ndjson", &(refusals + &event("denied", "bob", 4)));
    assert_eq!(decided(&place.wait_alert("denied", "bob")), (&json!(false), &json!("page")));
    assert_eq!(decided(&place.wait_alert("three", "ann")), (&json!(true), &json!("shadow")));
    until("the page", || (service.said(" page: ") == 1).then_some(()));
    service.stop();
}

#[test]
fn a_rule_is_promoted_by_its_record_and_pages_from_then_on() {
    let place = Place::new("promote", &config(""));
    let experimental = RULES.replace("id: denied\nlevel: high\n", "id: denied\nlevel: high\nstatus: experimental # since today\n");
    place.write("rules/rules.yml", &experimental);
    let rules = || std::fs::read_to_string(place.path("rules/rules.yml")).expect("reads");
    let promote = |more: &[&str]| {
        let output = place.ask(&[&["rules", "promote", "denied", "rules"], more].concat());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let service = place.start();
    service.says("rules in force");
    let (code, _, why) = promote(&["--yes"]);
    assert_eq!(code, Some(1), "{why}");
    assert!(why.contains("it has found nothing"), "{why}");

    let denials: String = (0..13).map(|n| event("denied", &format!("u{n}"), n)).collect();
    place.append("in/shop.ndjson", &denials);
    place.wait_alerts(13);
    let (code, told, _) = promote(&["--dry-run"]);
    assert_eq!(code, Some(0), "{told}");
    for words in [
        "Denied (denied)",
        "alerts     13 (13 high) over 13 events",
        "pages      11 if it were not in shadow",
        "2 more would be held by the storm budget",
        "2026-11-02",
        "111122223333",
        "rules.yml:4: status: experimental # since today -> status: test # since today",
    ] {
        assert!(told.contains(words), "no `{words}` in\n{told}");
    }
    let (code, _, why) = promote(&[]);
    assert!(code == Some(2) && why.contains("there is nobody to ask"), "{why}");
    assert_eq!(rules(), experimental, "nothing was changed so far");
    assert_eq!(service.said(" page: "), 0);

    let (code, told, _) = promote(&["--yes", "--json"]);
    assert_eq!(code, Some(0), "{told}");
    let told: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((&told["record"]["pages"], &told["record"]["shadow"], &told["change"]["line"]), (&json!(11), &json!(13), &json!(4)));
    assert_eq!(rules(), experimental.replace("experimental #", "test #"));
    service.says("rules reloaded");
    place.append("in/shop.ndjson", &event("denied", "zoe9", 4_000));
    assert_eq!(decided(&place.wait_alert("denied", "zoe9")), (&json!(false), &json!("page")));
    let (code, _, why) = promote(&["--yes"]);
    assert!(code == Some(2) && why.contains("is not `status: experimental`"), "{why}");
    service.stop();
}
