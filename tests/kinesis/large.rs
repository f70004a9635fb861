//! Records as large as Kinesis takes them, on several shards at once: all of them are read, and memory stays bounded.

use crate::idle::memory_kib;
use crate::run::start_with;
use crate::stub::{Call, Reply, Stub};
use crate::support::{Place, SHOP, event, numbers};
use serde_json::json;
use std::sync::atomic::{AtomicUsize, Ordering};

const SHARDS: usize = 8;
const RECORDS: usize = 2;
const RECORD_BYTES: usize = 10 << 20;
/// What is under way (64 MiB), answers that wait with their base64, and the program itself.
const MEMORY_KIB_MAX: u64 = 512 << 10;

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len() * 4 / 3 + 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0u32, |bits, b| bits << 8 | u32::from(*b)) << (8 * (3 - three.len()));
        let digit = |n: usize| char::from(DIGITS[(bits >> (18 - 6 * n)) as usize & 63]);
        out.extend((0..=three.len()).map(digit));
        out.extend((three.len()..3).map(|_| '='));
    }
    out
}

/// One event that matters, and padding in another that does not.
fn record(n: usize) -> String {
    let mut text = event("denied", &format!("who-{n}"), n as i64);
    let quiet = event("allowed", &"x".repeat(60 << 10), n as i64);
    while text.len() + quiet.len() <= RECORD_BYTES {
        text.push_str(&quiet);
    }
    base64(text.as_bytes())
}

fn service(call: &Call, read: &[AtomicUsize; SHARDS]) -> Reply {
    let shard = |n: usize| {
        json!({"ShardId": format!("s{n}"), "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"},
            "SequenceNumberRange": {"StartingSequenceNumber": "1"}})
    };
    match call.what.as_str() {
        "ListShards" => Reply::Json(json!({"Shards": (0..SHARDS).map(shard).collect::<Vec<_>>()})),
        "GetShardIterator" => Reply::Json(json!({"ShardIterator": call.json()["ShardId"]})),
        "GetRecords" => {
            let name = call.json()["ShardIterator"].as_str().unwrap_or_default().to_owned();
            let shard: usize = name[1..].parse().expect("a shard");
            let n = read[shard].fetch_add(1, Ordering::Relaxed);
            let one = || {
                let number = format!("{}", 49_000 + n);
                let data = record(shard * RECORDS + n);
                json!([{"Data": data, "PartitionKey": "k", "SequenceNumber": number, "ApproximateArrivalTimestamp": 1.7e9}])
            };
            let (records, behind) = if n < RECORDS { (one(), 1_000) } else { (json!([]), 0) };
            Reply::Json(json!({"Records": records, "NextShardIterator": name, "MillisBehindLatest": behind}))
        }
        _ => Reply::Error("AccessDeniedException"),
    }
}

#[test]
fn records_of_ten_mebibytes() {
    let read = [const { AtomicUsize::new(0) }; SHARDS];
    let stub = Stub::start(move |call| service(call, &read));
    let keys = format!("stream: large, region: us-east-1, endpoint_url: '{}'", stub.url);
    let place = Place::new("large", &format!("sources: [{{name: large, {SHOP}, kinesis: {{{keys}}}}}]"));
    let service = start_with(&place, &[]);
    let alerts = place.wait_alerts(SHARDS * RECORDS);
    let most = memory_kib(service.pid(), "VmHWM:");
    let log = service.stop();
    println!("{} records of 10 MiB on {SHARDS} shards: {} MiB at most", SHARDS * RECORDS, most >> 10);
    assert_eq!((alerts.len(), numbers(&log)["quarantined"]), (SHARDS * RECORDS, 0), "{log}");
    assert!(most < MEMORY_KIB_MAX, "{most} KiB");
}
