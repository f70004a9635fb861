//! What is remembered of findings and events, for how long, and what goes on when it was forgotten.

use super::support::{ACCOUNT, BASE, BASE_RULES, Event, Feed, Revision, World, arriving, trail};
use fastrand::Rng;
use tidegate_core::event::time::{DAY_MS, SECOND_MS};
use tidegate_core::pipeline::{Action, Batch, Effect, Embedded};

fn revision(n: i64, at: i64) -> Event {
    arriving(Revision { updated: at, count: n as u32, severity: 8.0, ..Revision::default() }.event(), at)
}

#[test]
fn a_finding_silent_for_a_quarter_goes_on_and_wakes_nobody_again() {
    let world = World::new(BASE_RULES);
    let mut feed = Feed::new(&world, world.embedded(1));
    feed.push(&revision(1, 0));
    feed.push(&revision(2, 60_000));
    feed.idle_until(BASE + 91 * DAY_MS);
    feed.embedded.restart().expect("its own snapshot");
    // Run checks that versions count up by one and that the books hold.
    feed.push(&revision(3, 92 * DAY_MS));
    let run = feed.finish();
    assert_eq!((run.documents.len(), run.pages.len(), run.books.alerts.alerts), (1, 1, 1));
    let alert = run.of("aws/guardduty/finding")[0];
    assert_eq!((&alert["tidegate"]["revision"], &alert["count"]), (&3.into(), &3.into()));
    assert_eq!(alert["time"], BASE, "created when it was");
}

fn send(world: &World, embedded: &mut Embedded, event: &Event, at: i64) -> Vec<Effect> {
    let gathered = world.gather(std::slice::from_ref(event));
    embedded.append(Batch { detections: gathered.detections, arrival_ms: BASE + at, watermark_ms: BASE + at, ..Batch::default() })
}

#[test]
fn a_copy_of_an_event_is_known_for_a_month_and_later_still_has_a_larger_version() {
    let world = World::new(BASE_RULES);
    let mut embedded = world.embedded(1);
    let versions = |effects: Vec<Effect>| -> Vec<u64> {
        effects.into_iter().filter_map(|e| if let Action::Index { version, .. } = e.action { Some(version) } else { None }).collect()
    };
    let mut copy = |at: i64| versions(send(&world, &mut embedded, &arriving(trail(0, "CreateUser", ACCOUNT, 7), at), at));
    assert_eq!(copy(0), [1]);
    assert!(copy(29 * DAY_MS).is_empty(), "a copy");
    copy(31 * DAY_MS);
    let late = copy(62 * DAY_MS);
    assert_eq!(late.len(), 1, "forgotten");
    assert!(late[0] as i64 > (BASE + 62 * DAY_MS) / SECOND_MS, "its version is above any there was: {late:?}");
}

#[test]
fn what_a_finding_overwrites_is_kept_from_every_revision_in_any_order() {
    let world = World::new(BASE_RULES);
    let mut shown = std::collections::BTreeSet::new();
    for seed in 0..5 {
        let revision = |n: i64| {
            let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
            let (ip, api) = (leak(format!("198.51.100.{n}")), leak(format!("Operation{n}")));
            Revision { updated: n * 1000, count: n as u32, ip, api, ..Revision::default() }.event()
        };
        let mut events: Vec<Event> = (1..=30).map(revision).collect();
        Rng::with_seed(seed).shuffle(&mut events);
        let mut feed = Feed::new(&world, world.embedded(1));
        for (event, n) in events.into_iter().zip(0..) {
            feed.push(&arriving(event, 100_000 + n));
        }
        let run = feed.finish();
        let alert = run.of("aws/guardduty/finding")[0].clone();
        let text = alert.to_string();
        for n in 1..=30 {
            assert!(alert["tidegate"]["source_ips"].to_string().contains(&format!("198.51.100.{n}\"")), "{n}: {text}");
            assert!(text.contains(&format!("Operation{n}\"")) || text.contains(&format!("Operation{n},")), "{n}: {text}");
        }
        assert_eq!(alert["evidences"].as_array().map(Vec::len), Some(10));
        shown.insert((alert["tidegate"]["source_ips"].to_string(), alert["evidences"][9]["data"]["unmapped"].to_string()));
    }
    assert_eq!(shown.len(), 1, "the same in every order");
}
