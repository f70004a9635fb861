//! Two processes on one state file: one owns it, the other waits.

use crate::support::{Place, RULES, SHOP, Service, event};
use std::time::Duration;
use tidegate::io::clock::Stopwatch;

/// Stops a process so that another can take over: not in the middle of a write, where it would hold the file's own lock.
fn freeze(service: &Service, taken: impl Fn() -> bool) {
    for _ in 0..10 {
        service.signal("STOP");
        let clock = Stopwatch::start();
        while clock.elapsed() < Duration::from_secs(6) {
            if taken() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        service.signal("CONT");
        std::thread::sleep(Duration::from_millis(37));
    }
    panic!("nobody took over");
}

#[test]
fn a_standby_takes_over_from_a_dead_owner_and_from_a_stopped_one() {
    let config = format!("lease: 1s\nsources: [{{name: shop, file: ./in/shop.ndjson, {SHOP}}}]");
    let place = Place::new("standby", &config);
    let first = place.start();
    first.says("started");
    place.append("in/shop.ndjson", &(event("refused", "ann", 0) + &event("refused", "ann", 1) + &event("denied", "m1", 2)));
    place.wait_alert("denied", "m1");

    let second = place.start();
    let waits = second.says("standby: ");
    assert!(waits.contains(&format!("pid {}", first.pid())), "{waits}");
    // The owner learns of other rules while the standby waits; the standby must not bring the old ones back.
    place.write(
        "rules/rules.yml",
        RULES.replace("title: Denied", "title: Denied at the door").replace("who]\n    timespan: 10m", "who]\n    timespan: 15m"),
    );
    first.says("reloaded");
    place.append("in/shop.ndjson", &(event("refused", "bob", 3) + &event("refused", "bob", 4) + &event("denied", "m2", 5)));
    place.wait_alert("denied", "m2");
    assert!(!second.log().contains("started"), "{}", second.log());

    first.signal("KILL");
    second.says("started");
    place.append("in/shop.ndjson", &(event("refused", "bob", 6) + &event("denied", "m3", 7)));
    assert_eq!(place.wait_alert("three", "bob")["count"], 3, "the windows went on under the rules the first one had");
    assert_eq!(place.wait_alert("denied", "m3")["finding_info"]["title"], "Denied at the door");
    assert!(!second.log().contains("start afresh"), "{}", second.log());

    let third = place.start();
    third.says("standby: ");
    freeze(&second, || third.log().contains("started"));
    place.append("in/shop.ndjson", &event("denied", "m4", 8));
    place.wait_alert("denied", "m4");
    second.signal("CONT");
    let (status, log) = second.end();
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains("another process has taken over") && !log.contains("m4"), "{log}");

    place.append("in/shop.ndjson", &event("denied", "m5", 9));
    place.wait_alert("denied", "m5");
    let log = third.stop();
    assert_eq!((log.matches(" page: ").count(), place.alerts().len()), (2, 6), "{log}");
}
