//! The probes that a peer fails (facts/reliability.md, section 5), through the whole machine: text in, alerts out.

use super::support::{BASE_RULES, Correlation, Event, Feed, World, arriving, fed, shop, shop_rule, trail};
use tidegate_core::correlate::Settings as CorrelateSettings;
use tidegate_core::pipeline::{Embedded, Settings};

const YEAR: i64 = 365 * 24 * 3_600_000;

fn rules(kind: &str, condition: &str, by: &str) -> String {
    let over = if kind == "temporal" { "refused, granted" } else { "refused" };
    let many = Correlation { id: "many", head: "level: high\n", kind, rules: over, by, seconds: 60, condition, generate: false };
    BASE_RULES.to_owned() + &shop_rule("refused", "low") + &shop_rule("granted", "low") + &many.text()
}

/// `event_count >= 3` per account in 60 s.
fn three() -> World {
    World::new(&rules("event_count", "    condition: {gte: 3}\n", "cloud.account.uid"))
}

/// An event of an account `time` ms after the beginning, arriving at `arrival`.
fn refused(account: &str, time: i64, arrival: i64) -> Event {
    arriving(shop(time, "who", "refused", account, 0), arrival)
}

#[test]
fn an_old_event_after_two_new_ones_is_not_a_third() {
    let run = fed(&three(), &[refused("1", 1_000_000, 1_000_000), refused("1", 1_010_000, 1_010_000), refused("1", 100_000, 1_011_000)]);
    assert!(run.of("many").is_empty());
}

#[test]
fn a_record_dated_28_years_ahead_wipes_no_window() {
    let events = [(0, 0), (10_000, 10_000), (28 * YEAR, 11_000), (20_000, 20_000)].map(|(time, arrival)| refused("1", time, arrival));
    assert_eq!(fed(&three(), &events).of("many").len(), 1);
}

/// Forty accounts with two events each, then something, then the third event of each: how many alerts?
fn forty(budget: CorrelateSettings, between: &[Event]) -> usize {
    let world = three();
    let settings = Settings { correlate: budget, ..Settings::default() };
    let mut feed = Feed::new(&world, Embedded::new(&world.set, world.sources.clone(), settings, 1));
    let of_all = |feed: &mut Feed<'_>, at: i64| (0..40).for_each(|n| feed.push(&refused(&format!("quiet{n}"), at, at)));
    of_all(&mut feed, 0);
    of_all(&mut feed, 10_000);
    between.iter().for_each(|e| feed.push(e));
    of_all(&mut feed, 20_000);
    feed.finish().of("many").len()
}

/// Room for about sixty keys with a few events.
fn small() -> CorrelateSettings {
    CorrelateSettings { budget_bytes_per_rule: 200_000, budget_bytes_per_account: 20_000, ..CorrelateSettings::default() }
}

#[test]
fn one_new_key_from_the_future_at_the_cap_costs_no_account_its_alert() {
    assert_eq!(forty(CorrelateSettings::default(), &[refused("new", 28 * YEAR, 11_000)]), 40);
    let flood: Vec<Event> = (0..500).map(|_| refused("loud", 28 * YEAR, 11_000)).collect();
    // The loud one has an alert of its own: evicted and found again, it is the same one.
    assert_eq!(forty(small(), &flood), 41, "the loud account pays for itself");
}

#[test]
fn two_hundred_new_keys_of_other_accounts_cost_no_account_its_alert() {
    let others: Vec<Event> = (0..200).map(|n| refused(&format!("other{n}"), 11_000, 11_000)).collect();
    assert_eq!(forty(CorrelateSettings::default(), &others), 40);
}

#[test]
fn absence_is_judged_when_it_is_known() {
    let world = World::new(&rules("temporal", "    condition: refused and not granted\n", "who"));
    let granted = arriving(shop(5_000, "who", "granted", "1", 0), 5_000);
    let mut feed = Feed::new(&world, world.embedded(1));
    feed.push(&refused("1", 0, 0));
    assert!(feed.run.of("many").is_empty(), "nothing is known at A");
    feed.push(&granted);
    assert!(feed.finish().of("many").is_empty(), "A at 0 s, B at 5 s");
    let mut feed = Feed::new(&world, world.embedded(1));
    feed.push(&refused("1", 0, 0));
    // 60 s of absence, half an hour of lateness, ten seconds of slack: a timer in the log is enough.
    feed.idle_until(super::support::BASE + 60_000 + 30 * 60_000 + 20_000);
    assert_eq!(feed.run.of("many").len(), 1, "no event is needed to judge absence");
}

#[test]
fn two_events_then_a_kill_then_the_third() {
    let world = three();
    let mut feed = Feed::new(&world, world.embedded(1));
    for at in [0, 10_000, 20_000] {
        feed.embedded.restart().expect("its own snapshot");
        feed.push(&refused("1", at, at));
        feed.embedded.restart().expect("its own snapshot");
    }
    let run = feed.finish();
    assert_eq!((run.of("many").len(), run.pages.len()), (1, 1));
}

#[test]
fn a_rule_sees_no_other_services_events() {
    let world = three();
    let mut wrong = trail(0, "refused", "1", 1);
    wrong.text = wrong.text.replacen('{', "{\"what\":\"refused\",", 1);
    let gathered = world.gather(&[wrong, shop(0, "who", "refused", "1", 0)]);
    assert_eq!(gathered.detections.len(), 1, "the shop's own event only");
}
