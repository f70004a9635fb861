//! Older alerts inside an alert, and who is woken for what.

use super::support::{BASE_RULES, Correlation, Event, PLAIN, Revision, Run, World, arriving, fed, shop, shop_rule, sorted};
use serde_json::Value;

fn correlation<'a>(id: &'a str, head: &'a str, kind: &'a str, rules: &'a str, by: &'a str, generate: bool) -> Correlation<'a> {
    let condition = if kind == "event_count" { "    condition: {gte: 2}\n" } else { "" };
    Correlation { id, head, kind, rules, by, seconds: 3600, condition, generate }
}

fn inside(alert: &Value) -> Vec<&str> {
    let related = alert["finding_info"]["related_events"].as_array().map_or(&[][..], Vec::as_slice);
    related.iter().filter_map(|r| r["uid"].as_str()).filter(|uid| !uid.starts_with("arn:")).collect()
}

fn findings(severities: [f64; 2]) -> Vec<Event> {
    let of = |(finding, severity, at)| Revision { finding, severity, created: at, updated: at, ..Revision::default() }.event();
    [("f1", severities[0], 0), ("f2", severities[1], 60_000)].map(of).into()
}

fn many(level: &str) -> World {
    let head = format!("level: {level}\n");
    World::new(&(BASE_RULES.to_owned() + &correlation("many", &head, "event_count", "finding", "cloud.account.uid", true).text()))
}

fn decision(alert: &Value) -> &str {
    alert["tidegate"]["paging"]["decision"].as_str().expect("a word")
}

#[test]
fn a_correlation_over_findings_names_their_alerts_and_pages_only_for_more() {
    for (level, severities, expected) in [
        ("high", [8.0, 8.0], "related"),
        ("critical", [8.0, 8.0], "page"),
        ("high", [5.0, 5.0], "page"),
        ("high", [8.0, 5.0], "related"),
        ("medium", [2.0, 2.0], "severity"),
    ] {
        let run = sorted(&many(level), &findings(severities), PLAIN);
        let alert = run.of("many")[0];
        let mut ids: Vec<&str> =
            run.of("aws/guardduty/finding").iter().map(|a| a["finding_info"]["uid"].as_str().expect("an id")).collect();
        let mut named = inside(alert);
        ids.sort_unstable();
        named.sort_unstable();
        assert_eq!(named, ids, "{level} over {severities:?}");
        assert_eq!((decision(alert), run.paged(alert)), (expected, expected == "page"), "{level} over {severities:?}");
    }
}

#[test]
fn a_parent_names_its_childs_alert() {
    let rules = BASE_RULES.to_owned()
        + &shop_rule("refused", "low")
        + &correlation("child", "level: high\n", "event_count", "refused", "who", false).text()
        + &Correlation {
            condition: "    condition: {gte: 1}\n",
            ..correlation("parent", "level: high\n", "event_count", "child", "who", true)
        }
        .text();
    let world = World::new(&rules);
    let run = sorted(&world, &[shop(0, "a", "refused", "1", 0), shop(1000, "a", "refused", "1", 0)], PLAIN);
    let (child, parent) = (run.of("child")[0], run.of("parent")[0]);
    assert_eq!(inside(parent), [child["finding_info"]["uid"].as_str().expect("an id")]);
    assert_eq!((decision(child), decision(parent)), ("page", "related"));
    assert_eq!(run.pages.len(), 1);
}

#[test]
fn shadow_rules_never_page() {
    let rules = BASE_RULES.to_owned()
        + &shop_rule("refused", "critical\nstatus: experimental")
        + &correlation("many", "level: critical\nstatus: experimental\n", "event_count", "refused", "who", true).text();
    let run = sorted(&World::new(&rules), &[shop(0, "a", "refused", "1", 0), shop(1000, "a", "refused", "1", 0)], PLAIN);
    assert_eq!((run.pages.len(), run.documents.len(), run.books.alerts.shadow), (0, 3, 3));
    assert!(run.documents.values().all(|(_, d)| d["is_alert"] == false && d["tidegate"]["shadow"] == true));
}

#[test]
fn what_rests_on_a_shadow_rule_pages_nobody_either() {
    let over = |status: &str| {
        let rules = BASE_RULES.to_owned()
            + &shop_rule("refused", &format!("low\nstatus: {status}"))
            + &correlation("child", "level: critical\n", "event_count", "refused", "who", false).text()
            + &Correlation {
                condition: "    condition: {gte: 1}\n",
                ..correlation("parent", "level: critical\n", "event_count", "child", "who", true)
            }
            .text();
        sorted(&World::new(&rules), &[shop(0, "a", "refused", "1", 0), shop(1000, "a", "refused", "1", 0)], PLAIN)
    };
    let (proven, shadow) = (over("test"), over("experimental"));
    assert_eq!((proven.pages.len(), proven.books.alerts.shadow), (1, 0));
    assert_eq!((shadow.pages.len(), shadow.books.alerts.shadow), (0, 2));
    assert_eq!((decision(shadow.of("child")[0]), decision(shadow.of("parent")[0])), ("shadow", "shadow"));
    let times = |run: &Run| run.of("parent")[0]["tidegate"]["episode"]["start"].clone();
    assert_eq!(times(&proven), times(&shadow), "it is counted all the same");
}

/// Two episodes with an alert each, and then an event out of order that joins them.
fn merged() -> Run {
    let rules = BASE_RULES.to_owned()
        + &shop_rule("refused", "low")
        + &Correlation { seconds: 60, ..correlation("many", "level: high\n", "event_count", "refused", "who", false) }.text();
    let at = |time: i64, arrival: i64| arriving(shop(time, "a", "refused", "1", 0), arrival);
    // Episodes [10, 60) and [310, 360) s; the events between make them one.
    let late = [70, 120, 130, 190, 240, 250].map(|s| at(s * 1000, 400_000 + s));
    let first = [at(0, 0), at(10_000, 10_000), at(300_000, 300_000), at(310_000, 310_000)];
    fed(&World::new(&rules), &first.into_iter().chain(late).collect::<Vec<_>>())
}

#[test]
fn joined_alerts_point_to_the_one_that_lives_on() {
    let run = merged();
    let all = run.of("many");
    let (dead, alive): (Vec<&Value>, Vec<&Value>) = all.iter().partition(|a| a["tidegate"]["episode"]["state"] == "merged");
    assert_eq!((dead.len(), alive.len()), (1, 1), "{all:#?}");
    assert_eq!(dead[0]["tidegate"]["merged_into"], alive[0]["finding_info"]["uid"]);
    assert_eq!((&dead[0]["activity_id"], &dead[0]["status_id"]), (&3.into(), &99.into()));
    assert_eq!(alive[0]["count"], 10);
    assert_eq!(run.pages.len(), 2, "each paged when it opened, none for the joining");
    assert_eq!(run.books.alerts.merged, 1);
}

#[test]
fn what_opens_and_closes_in_one_step_is_an_alert_too() {
    let absent = Correlation {
        id: "absent",
        head: "level: high\n",
        kind: "temporal",
        rules: "refused, granted",
        by: "who",
        seconds: 60,
        condition: "    condition: refused and not granted\n",
        generate: false,
    };
    let rules = BASE_RULES.to_owned() + &shop_rule("refused", "low") + &shop_rule("granted", "low") + &absent.text();
    let world = World::new(&rules);
    let run = sorted(&world, &[shop(0, "a", "refused", "1", 0)], PLAIN);
    assert_eq!(run.of("absent").len(), 1, "judged and closed when the input ends");
    assert_eq!(run.pages.len(), 1);
    assert_eq!(run.of("absent")[0]["tidegate"]["episode"]["state"], "closed");
    let silent = sorted(&world, &[shop(0, "a", "refused", "1", 0), shop(5000, "a", "granted", "1", 0)], PLAIN);
    assert!(silent.of("absent").is_empty());
}
