//! Subscriptions that fall silent, are refused, and end: what stand-ins do not show.

use crate::stub::{After, Call, Reply, Stub};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tidegate::io::aws::{KinesisSource, Start, Stream};
use tidegate::io::clock::{Stopwatch, now_ms};
use tidegate::io::port::{Flow, Progress, Source};

const ARN: &str = "arn:aws:kinesis:us-east-1:111122223333:stream/s";

/// A record whose payload is its number, in base64.
fn record(number: u8) -> Value {
    let data = ["MA==", "MQ==", "Mg==", "Mw=="][usize::from(number)];
    let at = now_ms() as f64 / 1_000.0;
    json!({"Data": data, "PartitionKey": "k", "SequenceNumber": format!("490000{number}0"), "ApproximateArrivalTimestamp": at})
}

fn event(records: &[u8], continuation: Option<u32>, children: &[&str]) -> Value {
    let records: Vec<Value> = records.iter().map(|n| record(*n)).collect();
    let child = |id: &&str| json!({"ShardId": id, "ParentShards": ["a"], "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"}});
    let children: Vec<Value> = children.iter().map(child).collect();
    let number = continuation.map_or_else(String::new, |n| format!("490000{n}"));
    let mut event = json!({"Records": records, "ContinuationSequenceNumber": number, "MillisBehindLatest": 0});
    if !children.is_empty() {
        event["ChildShards"] = children.into();
    }
    event
}

/// The service: one shard, which ends, and its child.
fn service(call: &Call, described: &AtomicUsize, subscribed: &AtomicUsize) -> Reply {
    let shard = |id: &str, parent: Option<&str>| {
        json!({"ShardId": id, "ParentShardId": parent.unwrap_or_default(), "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "1"},
            "SequenceNumberRange": {"StartingSequenceNumber": "1"}})
    };
    let consumer = |status: &str| json!({"ConsumerName": "soc", "ConsumerARN": format!("{ARN}/consumer/soc:1"), "ConsumerStatus": status, "ConsumerCreationTimestamp": 1, "StreamARN": ARN});
    match call.what.as_str() {
        "ListShards" => Reply::Json(json!({"Shards": [shard("a", None), shard("b", Some("a"))]})),
        "DescribeStreamSummary" => Reply::Json(json!({"StreamDescriptionSummary": {
            "StreamName": "s", "StreamARN": ARN, "StreamStatus": "ACTIVE", "RetentionPeriodHours": 24, "StreamCreationTimestamp": 1,
            "EnhancedMonitoring": [], "OpenShardCount": 1,
        }})),
        "DescribeStreamConsumer" => match described.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::Error("ResourceNotFoundException"),
            1 => Reply::Json(json!({"ConsumerDescription": consumer("CREATING")})),
            _ => Reply::Json(json!({"ConsumerDescription": consumer("ACTIVE")})),
        },
        "RegisterStreamConsumer" => Reply::Json(json!({"Consumer": consumer("CREATING")})),
        "SubscribeToShard" if call.json()["ShardId"] == "b" => Reply::Events(vec![event(&[], Some(99), &[])], After::Silence),
        "SubscribeToShard" => match subscribed.fetch_add(1, Ordering::Relaxed) {
            0 => Reply::Events(vec![event(&[1], Some(15), &[])], After::Silence),
            1 => Reply::Error("ResourceInUseException"),
            // It begins anew with what was read, and says too early that the shard ends.
            _ => Reply::Events(vec![event(&[1, 2], None, &["b"])], After::End),
        },
        "GetShardIterator" => Reply::Json(json!({"ShardIterator": "i"})),
        "GetRecords" => Reply::Json(json!({"Records": [record(2), record(3)], "MillisBehindLatest": 0})),
        _ => Reply::Error("UnknownOperationException"),
    }
}

#[test]
fn a_silent_subscription_is_opened_anew_and_an_end_is_believed_after_a_look() {
    let (described, subscribed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let times = std::sync::Arc::new(Mutex::new(Vec::new()));
    let (noted, since) = (times.clone(), Stopwatch::start());
    let stub = Stub::start(move |call| {
        if call.what == "SubscribeToShard" && call.json()["ShardId"] == "a" {
            noted.lock().expect("times").push((since.elapsed(), call.json()["StartingPosition"].clone()));
        }
        service(call, &described, &subscribed)
    });
    let stream = Stream {
        stream: "s".to_owned(),
        region: Some("us-east-1".to_owned()),
        endpoint_url: Some(stub.url.clone()),
        role_arn: None,
        external_id: None,
        consumer: Some("soc".to_owned()),
    };
    let seen = Mutex::new(Vec::<String>::new());
    let mut source = KinesisSource::new("s", stream, Start::TrimHorizon, Vec::new()).silent_at_most(Duration::from_secs(1));
    let end = source.run(&[], &|read| {
        let mut seen = seen.lock().expect("seen");
        assert!(since.elapsed() < Duration::from_secs(60), "{seen:?}");
        assert!(read.lost.is_none(), "{:?}", read.lost);
        seen.extend(read.records.iter().map(|r| format!("{} {}", read.shard, String::from_utf8_lossy(&r.bytes))));
        if read.progress == Progress::Ended && &*read.shard == "a" {
            seen.push("a ended".to_owned());
        }
        if seen.iter().any(|what| what == "a ended") { Flow::Stop } else { Flow::Continue }
    });
    end.expect("no error");
    assert_eq!(*seen.lock().expect("seen"), ["a 1", "a 2", "a 3", "a ended"]);
    let times = times.lock().expect("times");
    assert_eq!(times.len(), 3, "{times:?}");
    assert!(times.windows(2).all(|w| w[1].0 - w[0].0 >= Duration::from_millis(4_900)), "{times:?}");
    assert_eq!(times[0].1["Type"], "TRIM_HORIZON");
    assert_eq!((&times[1].1["Type"], &times[1].1["SequenceNumber"]), (&json!("AT_SEQUENCE_NUMBER"), &json!("49000015")));
    assert_eq!(times[2].1, times[1].1);
    assert_eq!((stub.count("RegisterStreamConsumer"), stub.count("GetRecords")), (1, 1));
}
