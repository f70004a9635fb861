//! Events that come late, behind the watermark, or from the future.

use super::support::{BASE_RULES, Correlation, Event, Feed, World, arriving, fed, shop, shop_rule};

const MINUTE: i64 = 60_000;

fn world() -> World {
    let many = Correlation {
        id: "many",
        head: "level: high\n",
        kind: "event_count",
        rules: "refused",
        by: "who",
        seconds: 60,
        condition: "    condition: {gte: 3}\n",
        generate: false,
    };
    World::new(&(BASE_RULES.to_owned() + &shop_rule("refused", "low") + &many.text()))
}

fn refused(time: i64, arrival: i64) -> Event {
    arriving(shop(time, "a", "refused", "1", 0), arrival)
}

#[test]
fn a_late_event_moves_no_window_but_is_counted_and_told() {
    let run = fed(&world(), &[refused(0, 0), refused(1000, 1000), refused(2000, 2000 + 31 * MINUTE)]);
    assert!(run.of("many").is_empty());
    assert_eq!((run.books.detections.late, run.books.input.late_events), (1, 1));
    // Half an hour is allowed: the last one in time completes the window, the one after it is late and named in the alert.
    let events = [refused(0, 0), refused(1000, 1000), refused(2000, 2000 + 30 * MINUTE), refused(3000, 3001 + 30 * MINUTE)];
    let run = fed(&world(), &events);
    let alert = run.of("many")[0];
    assert_eq!((&alert["count"], &alert["tidegate"]["late_events"]), (&3.into(), &1.into()));
}

#[test]
fn an_event_that_is_not_late_by_its_own_arrival_may_still_be_behind() {
    // Arrival stamps are not monotone beyond the slack: the record's own lateness is below half an hour, the watermark is past it.
    let run = fed(&world(), &[refused(0, 0), refused(40 * MINUTE, 40 * MINUTE), refused(5 * MINUTE, 30 * MINUTE)]);
    assert_eq!((run.books.detections.behind, run.books.detections.late), (1, 0));
}

#[test]
fn an_event_from_the_future_is_clamped_and_marked_and_moves_nobody_elses_window() {
    let year = 365 * 24 * 60 * MINUTE;
    let run = fed(&world(), &[refused(0, 0), refused(10_000, 10_000), refused(28 * year, 15_000), refused(20_000, 20_000)]);
    let alert = run.of("many")[0];
    assert_eq!((&alert["count"], &alert["tidegate"]["clock_skew"]), (&4.into(), &true.into()));
    assert_eq!(run.books.input.clock_skew, 1);
    let stamp = super::support::BASE + 15_000;
    assert_eq!(alert["tidegate"]["episode"]["start"], stamp, "it counts at its arrival");
}

#[test]
fn an_event_without_a_time_takes_its_arrival() {
    let mut bare = refused(0, 2_000);
    bare.text = bare.text.replacen("ts", "other", 1);
    let run = fed(&world(), &[refused(0, 0), refused(1000, 1000), bare]);
    assert_eq!(run.of("many").len(), 1);
}

#[test]
fn the_books_hold_whatever_comes() {
    let mut rng = fastrand::Rng::with_seed(99);
    for seed in 0..40 {
        let world = World::new(&super::support::random_rules(&mut fastrand::Rng::with_seed(seed)));
        let mut feed = Feed::new(&world, world.embedded(1));
        let mut arrival = 0;
        for event in super::support::random_events(&mut rng, 60) {
            arrival += rng.i64(-5_000..60_000);
            // Feed::push checks the equations after every entry.
            feed.push(&arriving(event, arrival.max(0) + rng.i64(0..2) * 20 * MINUTE));
            if rng.u8(0..10) == 0 {
                feed.embedded.restart().expect("its own snapshot");
            }
        }
        let run = feed.finish();
        assert!(run.books.input.records >= 40);
        assert!(run.documents.values().all(|(_, d)| d["tidegate"]["kind"] == "detection" || d["tidegate"]["episode"]["state"] != "open"));
    }
}
