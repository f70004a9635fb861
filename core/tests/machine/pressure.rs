//! The state budget: who floods a rule pays alone, and it is told once.

use super::support::{BASE_RULES, Correlation, Feed, World, arriving, shop, shop_rule};
use tidegate_core::correlate::Settings as CorrelateSettings;
use tidegate_core::pipeline::{Embedded, Settings};

const KEYS: i64 = 200_000;
const BUDGET: u64 = 2 << 20;

#[test]
fn a_flood_of_keys_costs_nobody_else_a_window_and_is_told_once() {
    let many = Correlation {
        id: "many",
        head: "level: high\n",
        kind: "event_count",
        rules: "refused",
        by: "who",
        seconds: 3600,
        condition: "    condition: {gte: 3}\n",
        generate: false,
    };
    let world = World::new(&(BASE_RULES.to_owned() + &shop_rule("refused", "low") + &many.text()));
    let correlate =
        CorrelateSettings { budget_bytes_per_rule: 2 * BUDGET, budget_bytes_per_account: BUDGET, ..CorrelateSettings::default() };
    let settings = Settings { correlate, product_version: "0.0.0".into(), ..Settings::default() };
    let mut feed = Feed::new(&world, Embedded::new(&world.set, world.sources.clone(), settings, 1));
    let quiet = |at: i64| arriving(shop(at, "quiet", "refused", "222222222222", 0), at);
    feed.push(&quiet(0));
    for n in 0..KEYS {
        if n == KEYS / 2 {
            feed.push(&quiet(n));
            feed.embedded.restart().expect("its own snapshot");
        }
        feed.push(&arriving(shop(n, &format!("flood{n}"), "refused", "111111111111", 0), n));
    }
    assert!(feed.embedded.state_size().1 <= 2 * BUDGET, "{:?}", feed.embedded.state_size());
    feed.push(&quiet(KEYS));
    let run = feed.finish();
    assert_eq!(run.of("many").len(), 1, "the quiet account's slow sequence fires");
    assert_eq!(run.of("many")[0]["tidegate"]["group_key"][0]["value"], "quiet");
    let told = run.of("tidegate/state_pressure");
    assert_eq!(told.len(), 1, "one alert per correlation and account");
    let told = told[0];
    assert_eq!(told["tidegate"]["accounts"], serde_json::json!(["111111111111"]));
    assert_eq!(told["count"], run.books.alerts.evicted, "the final version has the final number");
    let message = told["message"].as_str().expect("a sentence");
    for part in ["Correlation many", "111111111111", &run.books.alerts.evicted.to_string()] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!((&told["severity"], &told["tidegate"]["paging"]["decision"]), (&"Medium".into(), &"severity".into()));
    let versions = run.emitted.iter().filter(|(id, ..)| told["finding_info"]["uid"] == **id).count();
    assert!(versions <= 2 + KEYS as usize / 5_000, "the throttle holds for it too: {versions}");
}
