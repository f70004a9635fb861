//! Several Pipelines: the same alerts, and a number that stays.

use crate::support::{Place, SHOP, assert_same, event, found, numbers};
use std::fmt::Write;

fn config(pipelines: u16) -> String {
    format!("pipelines: {pipelines}\nsources: [{{name: shop, folder: ./in, follow: false, {SHOP}}}]")
}

fn run(name: &str, pipelines: u16) -> (Place, String) {
    let place = Place::new(name, &config(pipelines));
    let mut text = String::new();
    for n in 0..6_000 {
        let result = if n % 500 == 3 { "denied" } else { "refused" };
        assert!(write!(text, "{}", event(result, &format!("u{}", n % 700), n / 10)).is_ok(), "a text takes everything");
    }
    place.write("in/a.ndjson", text);
    let (status, log) = place.start().end();
    assert_eq!(status.code(), Some(0), "{log}");
    (place, log)
}

#[test]
fn four_pipelines_find_what_one_finds_and_stay_four() {
    let (one, _) = run("one", 1);
    let (four, log) = run("four", 4);
    assert!(log.contains("pipelines=4"), "{log}");
    assert!(one.alerts().len() > 100, "{}", one.alerts().len());
    assert_same(&found(&four.alerts()), &found(&one.alerts()));

    four.configure(&config(2));
    four.write("in/b.ndjson", event("denied", "late", 601));
    let (status, log) = four.start().end();
    assert_eq!((status.code(), numbers(&log)["records"]), (Some(0), 6_001), "{log}");
    assert!(log.contains("made for another number of pipelines and keeps it") && log.contains("pipelines=4"), "{log}");
    assert_eq!(four.alerts().len(), one.alerts().len() + 1);
}
