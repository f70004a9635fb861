//! Going over to other rules: what is unchanged keeps its state wherever it stands, what is changed ends and starts afresh.

use super::support::{BASE_RULES, Correlation, Event, Feed, Revision, World, arriving, random_events, random_rules, shop, shop_rule};
use fastrand::Rng;
use serde_json::Value;

/// Rules of another id that sort before all others, so that every number moves.
fn with_more(rules: &str) -> String {
    let by = "who";
    let condition = "    condition: {gte: 2}\n";
    let many =
        Correlation { id: "aab", head: "level: high\n", kind: "event_count", rules: "aaa", by, seconds: 60, condition, generate: true };
    rules.to_owned() + &shop_rule("aaa", "low") + &many.text()
}

fn many(at_least: u32) -> String {
    let condition = format!("    condition: {{gte: {at_least}}}\n");
    let head = "level: high\n";
    let c = Correlation {
        id: "many",
        head,
        kind: "event_count",
        rules: "refused",
        by: "who",
        seconds: 600,
        condition: &condition,
        generate: true,
    };
    BASE_RULES.to_owned() + &shop_rule("refused", "medium") + &c.text()
}

fn refused(at: i64) -> Event {
    arriving(shop(at, "a", "refused", "1", 0), at)
}

fn finding(n: i64, severity: f64) -> Event {
    let revision = Revision { updated: n * 1000, count: n as u32, severity, ..Revision::default() };
    arriving(revision.event(), n * 1000)
}

fn ids(run: &super::support::Run) -> Vec<(&str, u64)> {
    run.emitted.iter().map(|(id, version, _)| (id.as_str(), *version)).collect()
}

#[test]
fn unchanged_rules_keep_their_state_whatever_their_numbers() {
    let (before, after) = (World::new(&many(3)), World::new(&with_more(&many(3))));
    let mut feed = Feed::new(&before, before.embedded(1));
    [refused(0), refused(1000), finding(2, 5.0)].iter().for_each(|e| feed.push(e));
    feed.go_over(&after, |_| {});
    feed.push(&refused(3000));
    let report = feed.embedded.machine().reloaded().expect("a reload").clone();
    assert_eq!((report.kept.len(), report.added.len(), report.closed.len()), (before.set.rules.len(), 2, 0), "{report:?}");
    assert!(report.restarted.is_empty() && report.removed.is_empty());
    feed.embedded.restart().expect("its own snapshot");
    feed.push(&finding(9, 8.0));
    let run = feed.finish();
    let alert = run.of("many")[0];
    assert_eq!(alert["count"], 3, "two before, one after");
    let evidences = alert["evidences"].as_array().expect("evidences");
    assert!(evidences.iter().all(|e| e["data"]["rule"] == "refused"), "{evidences:?}");
    assert_eq!(alert["finding_info"]["related_events"][0]["uid"].as_str().map(str::len), Some(32), "the alerts of the events inside");
    assert_eq!((run.of("aws/guardduty/finding").len(), run.pages.len()), (1, 2));
    assert_eq!(run.of("aws/guardduty/finding")[0]["tidegate"]["revision"], 2);
}

#[test]
fn a_reload_that_changes_no_rule_changes_no_byte() {
    let (mut documents, mut reloads) = (0, 0);
    for seed in 0..40 {
        let mut rng = Rng::with_seed(seed);
        let rules = random_rules(&mut rng);
        let (a, b) = (World::new(&rules), World::new(&with_more(&rules)));
        let events: Vec<Event> = random_events(&mut rng, 60).into_iter().zip(0..).map(|(e, n)| arriving(e, 200_000 + n * 2_000)).collect();
        let plain = events.iter().fold(Feed::new(&a, a.embedded(1)), |mut feed, event| {
            feed.push(event);
            feed
        });
        let mut feed = Feed::new(&a, a.embedded(1));
        for event in &events {
            if rng.u8(0..8) == 0 {
                let next = if rng.bool() { &a } else { &b };
                feed.go_over(next, |_| {});
                reloads += 1;
            }
            if rng.u8(0..8) == 0 {
                feed.embedded.restart().expect("its own snapshot");
            }
            feed.push(event);
        }
        let (plain, other) = (plain.finish(), feed.finish());
        assert_eq!(ids(&plain), ids(&other), "seed {seed}");
        for (one, two) in plain.emitted.iter().zip(&other.emitted) {
            assert_eq!(one.2, two.2, "seed {seed}");
        }
        assert_eq!(plain.pages, other.pages);
        documents += plain.emitted.len();
    }
    assert!(documents > 1_000 && reloads > 100, "{documents} documents, {reloads} reloads");
}

#[test]
fn what_is_changed_ends_truncated_and_starts_afresh() {
    let (before, after) = (World::new(&many(2)), World::new(&many(3)));
    let mut feed = Feed::new(&before, before.embedded(1));
    [refused(0), refused(1000)].iter().for_each(|e| feed.push(e));
    let pages = feed.run.pages.len();
    feed.go_over(&after, |_| {});
    feed.push(&refused(2000));
    let report = feed.embedded.machine().reloaded().expect("a reload").clone();
    assert!(report.restarted.contains("many") && report.closed.get("many") == Some(&1), "{report:?}");
    let episode = &feed.run.of("many")[0]["tidegate"]["episode"];
    assert_eq!((&episode["state"], &episode["truncated"]), (&"closed".into(), &true.into()));
    assert_eq!(feed.run.pages.len(), pages, "nobody is woken by a reload");
    [refused(3000), refused(4000)].iter().for_each(|e| feed.push(e));
    let run = feed.finish();
    let counts: Vec<&Value> = run.of("many").iter().map(|a| &a["count"]).collect();
    assert_eq!(counts, [&Value::from(2), &Value::from(3)], "the changed rule counts from its beginning");
}

#[test]
fn a_rule_that_comes_back_goes_on_with_its_alerts() {
    let with = World::new(BASE_RULES);
    let without = World::new(BASE_RULES.split_once("---").expect("two rules").1);
    let mut feed = Feed::new(&with, with.embedded(1));
    feed.push(&finding(1, 8.0));
    assert_eq!(feed.run.pages.len(), 1);
    feed.go_over(&without, |_| {});
    feed.push(&finding(2, 8.0));
    let closed = &feed.run.of("aws/guardduty/finding")[0]["tidegate"]["episode"];
    assert_eq!((&closed["state"], &closed["truncated"]), (&"closed".into(), &true.into()));
    feed.go_over(&with, |_| {});
    feed.push(&finding(3, 8.0));
    feed.push(&finding(1, 8.0));
    let run = feed.finish();
    assert_eq!(run.documents.len(), 1, "the same alert");
    assert!(run.of("aws/guardduty/finding")[0]["tidegate"]["revision"].as_u64() >= Some(3), "its versions go on");
    assert_eq!(run.pages.len(), 1, "and it wakes nobody twice");
    assert_eq!(run.books.detections.duplicates, 1, "what was seen before is known");
}

#[test]
fn entries_of_unknown_rules_are_refused_in_words() {
    let (a, b) = (World::new(&many(2)), World::new(&many(3)));
    let mut pipeline = a.pipeline();
    let begin = |world: &World| tidegate_core::pipeline::Entry {
        control: Some(Box::new(tidegate_core::pipeline::Control::begin(&world.rules(), world.settings()))),
        rules: world.set.digest,
        ..Default::default()
    };
    let bare = tidegate_core::pipeline::Entry { rules: a.set.digest, ..Default::default() };
    assert!(pipeline.admit(&bare).is_err_and(|e| e.contains("without a control")));
    assert!(pipeline.admit(&begin(&b)).is_err_and(|e| e.contains("load its files first")));
    assert_eq!(pipeline.admit(&begin(&a)), Ok(()));
    pipeline.apply(1, &begin(&a));
    pipeline.learn(&b.rules());
    assert_eq!(pipeline.admit(&begin(&b)), Ok(()));
    let stale = tidegate_core::pipeline::Entry { rules: a.set.digest, ..begin(&b) };
    assert!(pipeline.admit(&stale).is_err_and(|e| e.contains("match it again")));
}
