//! A stream that is split and merged twenty times while the program reads it, and dies and is stopped in between.

use crate::hand::{Hand, url};
use crate::support::{Place, SHOP, event, numbers};
use std::collections::BTreeMap;

const ROUNDS: usize = 22;
const ROUND: usize = 40;

#[test]
fn twenty_splits_and_merges_with_restarts_each_record_once_by_polling() {
    reshard("reshard-polled", "polling");
}

#[test]
fn twenty_splits_and_merges_with_restarts_each_record_once_when_pushed() {
    reshard("reshard-pushed", "fan_out");
}

fn reshard(name: &str, consumer: &str) {
    let hand = Hand::new(name, 2);
    let config = format!(
        "snapshots: {{every: 2s}}
sources: [{{name: shop, {SHOP}, kinesis: {{stream: {}, region: us-east-1, endpoint_url: '{}', consumer: {consumer}}}}}]",
        hand.stream,
        url(),
    );
    let place = Place::new(name, &config);
    let mut service = place.start();
    let (mut splits, mut merges) = (0, 0);
    for round in 0..ROUNDS {
        hand.put_bytes((0..ROUND).map(|n| event("denied", &format!("who-{round}-{n}"), n as i64).into_bytes()));
        match round % 4 {
            // Two generations within moments: children that live a blink.
            0 => {
                hand.split(&hand.open()[0]);
                hand.split(&hand.open()[1]);
                splits += 2;
            }
            1 | 3 => {
                let (a, b) = hand.neighbours();
                hand.merge(&a, &b);
                merges += 1;
            }
            _ => {}
        }
        match round {
            5 | 15 => {
                service.signal("KILL");
                service.end();
                service = place.start();
            }
            10 => {
                service.stop();
                service = place.start();
            }
            _ => std::thread::sleep(std::time::Duration::from_millis(300)),
        }
    }
    assert!(splits + merges >= 20, "{splits} splits, {merges} merges");
    let alerts = place.wait_alerts(ROUNDS * ROUND);
    let log = service.stop();
    let mut of: BTreeMap<String, usize> = BTreeMap::new();
    for alert in &alerts {
        assert_eq!(alert["count"], 1, "{alert}");
        let evidence = &alert["tidegate"]["records"][0];
        *of.entry(format!("{} {}", evidence["shard"], evidence["sequence"])).or_default() += 1;
    }
    assert_eq!((alerts.len(), of.len()), (ROUNDS * ROUND, ROUNDS * ROUND), "each record once");
    let books = numbers(&log);
    assert_eq!((books["records"], books["events"]), ((ROUNDS * ROUND) as u64, (ROUNDS * ROUND) as u64), "{log}");
    assert!(!log.contains("input was lost"), "{log}");
    println!("{consumer}: {splits} splits, {merges} merges, {} shards, 2 kills, 1 stop", hand.shards().len());
}
