//! Who is not woken, and why: suppressions that hold for a while, storms that one page speaks for.

use super::support::{ACCOUNT, BASE, BASE_RULES, Correlation, Event, Feed, Revision, World, arriving, shop, shop_rule};
use tidegate_core::alert::Suppression;
use tidegate_core::event::time::HOUR_MS;

const MINUTE: i64 = 60_000;

fn world() -> World {
    let condition = "    condition: {gte: 2}\n";
    let head = "level: high\n";
    let many =
        Correlation { id: "many", head, kind: "event_count", rules: "refused", by: "who", seconds: 3600, condition, generate: false };
    World::new(&(BASE_RULES.to_owned() + &shop_rule("refused", "low") + &many.text()))
}

fn suppression(id: &str, who: &str, expires: i64) -> Suppression {
    Suppression {
        id: id.into(),
        rule: "many".into(),
        conditions: [("who".to_owned(), who.to_owned())].into(),
        reason: "our scanner".into(),
        owner: "soc".into(),
        created_ms: BASE - MINUTE,
        expires_ms: BASE + expires,
        allow_critical: false,
    }
}

fn refused(at: i64, who: &str) -> Event {
    arriving(shop(at, who, "refused", "1", 0), at)
}

#[test]
fn a_suppressed_alert_is_indexed_counted_and_wakes_nobody_until_it_expires() {
    let world = world();
    for restart in [false, true] {
        let mut feed = Feed::new(&world, world.embedded(1));
        feed.go_over(&world, |c| c.suppressions = vec![suppression("s-1", "scanner", 10 * MINUTE)]);
        for at in 0..4 {
            feed.push(&refused(at * 6_000, "scanner"));
            feed.push(&refused(at * 6_000 + 1, "other"));
            if restart {
                feed.embedded.restart().expect("its own snapshot");
            }
        }
        let alert = feed.run.of("many").into_iter().find(|a| a["tidegate"]["group_key"][0]["value"] == "scanner").expect("one").clone();
        assert_eq!(
            (&alert["tidegate"]["suppressed_by"], &alert["status_id"], &alert["is_alert"]),
            (&"s-1".into(), &3.into(), &false.into())
        );
        assert_eq!(alert["tidegate"]["paging"]["decision"], "suppressed");
        assert_eq!((feed.run.pages.len(), feed.run.books.alerts.suppressed), (1, 1), "the other one pages");
        assert_eq!(feed.run.books.alerts.suppression_hits, [("s-1".to_owned(), 1)].into(), "alerts are counted, not versions");
        feed.push(&refused(10 * MINUTE, "scanner"));
        assert_eq!((feed.run.pages.len(), feed.run.books.alerts.suppressed), (2, 0), "it fits no longer: it pages");
        feed.push(&refused(11 * MINUTE, "scanner"));
        let run = feed.finish();
        assert_eq!(run.pages.len(), 2, "once");
        let alert = run.of("many").into_iter().find(|a| a["tidegate"]["group_key"][0]["value"] == "scanner").expect("one");
        assert_eq!((alert["tidegate"]["suppressed_by"].as_str(), &alert["status_id"]), (None, &1.into()));
    }
}

#[test]
fn a_suppression_that_comes_later_holds_from_the_next_document_on() {
    let world = world();
    let mut feed = Feed::new(&world, world.embedded(1));
    [0, 1000].iter().for_each(|at| feed.push(&refused(*at, "scanner")));
    assert_eq!(feed.run.pages.len(), 1);
    feed.go_over(&world, |c| {
        c.suppressions = vec![suppression("s-2", "scanner", HOUR_MS)];
        c.tables = vec![("networks".into(), "v7".into())];
        c.settings.dashboards_url = Some("https://search.example.com/_dashboards".into());
        c.settings.organisation = Some(("o-1".into(), Some("Example".into())));
    });
    feed.push(&refused(10_000, "scanner"));
    assert!(feed.embedded.machine().reloaded().is_none(), "no rule was touched");
    let run = feed.finish();
    let alert = run.of("many")[0];
    assert_eq!((&alert["tidegate"]["suppressed_by"], run.books.alerts.suppressed), (&"s-2".into(), 1));
    assert_eq!(alert["tidegate"]["paging"]["decision"], "page", "it had paged");
    assert_eq!(alert["tidegate"]["tables"][0]["version"], "v7");
    assert_eq!(alert["cloud"]["org"]["name"], "Example");
    let link = alert["finding_info"]["src_url"].as_str().expect("a link");
    assert!(link.contains("tidegate-alerts-v1-2026.11?id="), "{link}");
}

/// Findings of one account, one a second.
fn burst(from: i64, n: i64, severity: f64) -> Vec<Event> {
    let one = |i: i64| {
        let name: &'static str = Box::leak(format!("storm{from}-{i}").into_boxed_str());
        let at = from + i * 1000;
        arriving(Revision { finding: name, created: at, updated: at, severity, ..Revision::default() }.event(), at)
    };
    (0..n).map(one).collect()
}

#[test]
fn a_storm_pages_its_budget_and_one_summary() {
    let world = World::new(BASE_RULES);
    let mut feed = Feed::new(&world, world.embedded(1));
    burst(0, 25, 8.0).iter().for_each(|e| feed.push(e));
    feed.embedded.restart().expect("its own snapshot");
    burst(30_000, 5, 8.0).iter().for_each(|e| feed.push(e));
    assert_eq!(feed.run.pages.len(), 11, "ten, and the one that speaks for the rest");
    let messages: Vec<&str> = feed.run.page_documents.iter().filter_map(|d| d["message"].as_str()).collect();
    assert!(messages[..10].iter().all(|m| !m.contains("storm")) && messages[10].starts_with("Alert storm"), "{messages:?}");
    assert!(messages[10].contains(ACCOUNT));
    burst(60_000, 2, 9.5).iter().for_each(|e| feed.push(e));
    assert_eq!(feed.run.pages.len(), 13, "critical ones are never held");
    burst(HOUR_MS, 1, 8.0).iter().for_each(|e| feed.push(e));
    assert_eq!(feed.run.pages.len(), 14, "the next hour");
    let run = feed.finish();
    let held = run.of("aws/guardduty/finding").into_iter().filter(|a| a["tidegate"]["paging"]["decision"] == "storm").count();
    assert_eq!((held, run.books.alerts.storm), (19, 19));
    assert_eq!(run.documents.len(), 33, "every one is indexed");
}

#[test]
fn budgets_are_shared_out_over_pipelines() {
    let world = World::new(BASE_RULES);
    let mut embedded = world.embedded(4);
    let events = burst(0, 200, 8.0);
    let gathered = world.gather(&events);
    let batch = tidegate_core::pipeline::Batch { detections: gathered.detections, arrival_ms: BASE + 200_000, ..Default::default() };
    let effects = embedded.append(batch);
    let pages = effects.iter().filter(|e| matches!(e.action, tidegate_core::pipeline::Action::Page { .. })).count();
    assert_eq!(pages, 4 * (3 + 1), "ten divided by four, rounded up, and a summary each");
}
