//! Documents of an alert: the first at once, changes at most every five seconds of arrival, the last one final.

use super::support::{BASE_RULES, Correlation, Feed, World, arriving, shop, shop_rule};

fn world() -> World {
    let many = Correlation {
        id: "many",
        head: "level: high\n",
        kind: "event_count",
        rules: "refused",
        by: "who",
        seconds: 60,
        condition: "    condition: {gte: 2}\n",
        generate: false,
    };
    World::new(&(BASE_RULES.to_owned() + &shop_rule("refused", "low") + &many.text()))
}

#[test]
fn changes_come_at_most_every_five_seconds_of_arrival() {
    let world = world();
    let mut feed = Feed::new(&world, world.embedded(1));
    let mut when = Vec::new();
    for n in 0..200 {
        let before = feed.run.emitted.len();
        feed.push(&arriving(shop(n * 300, "a", "refused", "1", 0), n * 300));
        when.extend(std::iter::repeat_n(n * 300, feed.run.emitted.len() - before));
    }
    assert_eq!(when[0], 300, "the first at once");
    assert!(when.windows(2).all(|w| w[1] - w[0] >= 5_000), "{when:?}");
    assert!(when.windows(2).all(|w| w[1] - w[0] < 5_600), "and no later than it may: {when:?}");
    let run = feed.finish();
    let alert = run.of("many")[0];
    assert_eq!((&alert["count"], &alert["tidegate"]["episode"]["state"]), (&200.into(), &"closed".into()), "the last one is final");
    assert_eq!(run.pages.len(), 1);
}

#[test]
fn an_episode_closes_at_the_watermark_without_any_event() {
    let world = world();
    let mut feed = Feed::new(&world, world.embedded(1));
    [0, 1000].into_iter().for_each(|at| feed.push(&arriving(shop(at, "a", "refused", "1", 0), at)));
    let state = |feed: &Feed<'_>| feed.run.of("many")[0]["tidegate"]["episode"]["state"].as_str().expect("a word").to_owned();
    // The episode is [1, 60) s: it closes when 60 s + T < W - L, L being half an hour and W ten seconds behind arrival.
    let closes = super::support::BASE + 60_000 + 60_000 + 30 * 60_000 + 10_000;
    feed.idle_until(closes);
    assert_eq!(state(&feed), "open");
    feed.idle_until(closes + 1);
    assert_eq!(state(&feed), "closed");
    assert_eq!(feed.embedded.state_size().0, 0, "and its state is gone");
    let before = feed.run.emitted.len();
    assert_eq!(feed.finish().emitted.len(), before, "nothing is said twice");
}
