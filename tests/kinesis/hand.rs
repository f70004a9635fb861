//! The other side: who puts, splits and merges.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{PutRecordsRequestEntry, Shard, ShardIteratorType, StreamStatus};
use std::time::Duration;
use tidegate::io::aws::{KinesisSource, Start, Stream};
use tidegate::io::clock::Stopwatch;
use tokio::runtime::Runtime;

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn url() -> String {
    std::env::var("TIDEGATE_KINESIS_URL").expect("TIDEGATE_KINESIS_URL: run `make kinesis-test`")
}

/// A stream of the stand-in.
pub(crate) fn stream(name: &str, consumer: Option<&str>) -> Stream {
    Stream {
        stream: name.to_owned(),
        region: Some("us-east-1".to_owned()),
        endpoint_url: Some(url()),
        role_arn: None,
        external_id: None,
        consumer: consumer.map(str::to_owned),
    }
}

/// A stream, made for one test.
pub(crate) struct Hand {
    runtime: Runtime,
    client: Client,
    pub(crate) stream: String,
}

impl Hand {
    pub(crate) fn new(stream: &str, shards: i32) -> Self {
        let hand = Hand::on(&format!("{stream}-{}", std::process::id()));
        let call = hand.client.create_stream().stream_name(&hand.stream).shard_count(shards).send();
        hand.runtime.block_on(call).expect("created");
        hand.active();
        hand
    }

    /// On a stream that is there.
    pub(crate) fn on(stream: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        let loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::new("us-east-1")).endpoint_url(url());
        let client = Client::new(&runtime.block_on(loader.load()));
        Hand { runtime, client, stream: stream.to_owned() }
    }

    /// All records, shard by shard: (arrival, shard, sequence number, bytes).
    pub(crate) fn everything(&self) -> Vec<(i64, String, String, Vec<u8>)> {
        let mut all = Vec::new();
        for shard in self.shards() {
            let call = self.client.get_shard_iterator().stream_name(&self.stream).shard_id(&shard.shard_id);
            let call = call.shard_iterator_type(ShardIteratorType::TrimHorizon);
            let mut next = self.runtime.block_on(call.send()).expect("an iterator").shard_iterator;
            let mut empty = 0;
            while let Some(iterator) = next.filter(|_| empty < 3) {
                let answer = self.runtime.block_on(self.client.get_records().shard_iterator(iterator).send()).expect("records");
                empty = if answer.records.is_empty() { empty + 1 } else { 0 };
                all.extend(answer.records.into_iter().map(|r| {
                    let arrival = r.approximate_arrival_timestamp.expect("stamped").to_millis().expect("a time");
                    (arrival, shard.shard_id.clone(), r.sequence_number, r.data.into_inner())
                }));
                next = answer.next_shard_iterator.filter(|iterator| !iterator.is_empty());
            }
        }
        all
    }

    fn active(&self) {
        let since = Stopwatch::start();
        loop {
            let call = self.client.describe_stream_summary().stream_name(&self.stream).send();
            let summary = self.runtime.block_on(call).expect("described").stream_description_summary.expect("a summary");
            if summary.stream_status == StreamStatus::Active {
                return;
            }
            assert!(since.elapsed() < PATIENCE, "the stream stays {:?}", summary.stream_status);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn shards(&self) -> Vec<Shard> {
        let call = self.client.list_shards().stream_name(&self.stream).send();
        self.runtime.block_on(call).expect("listed").shards.expect("shards")
    }

    pub(crate) fn open(&self) -> Vec<Shard> {
        let open = |s: &Shard| s.sequence_number_range.as_ref().is_some_and(|r| r.ending_sequence_number.is_none());
        self.shards().into_iter().filter(open).collect()
    }

    /// Puts `record N` for these N.
    pub(crate) fn put(&self, first: usize, count: usize) {
        self.put_bytes((first..first + count).map(|n| format!("record {n}").into_bytes()));
    }

    pub(crate) fn put_bytes(&self, records: impl IntoIterator<Item = Vec<u8>>) {
        let entry = |(n, bytes): (usize, Vec<u8>)| {
            let key = format!("key-{n}-{}", bytes.iter().map(|b| u32::from(*b)).sum::<u32>());
            PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(bytes)).build().expect("an entry")
        };
        let entries = records.into_iter().enumerate().map(entry).collect();
        let call = self.client.put_records().stream_name(&self.stream).set_records(Some(entries)).send();
        assert_eq!(self.runtime.block_on(call).expect("put").failed_record_count, Some(0));
    }

    pub(crate) fn split(&self, shard: &Shard) {
        let range = shard.hash_key_range.as_ref().expect("a range");
        let number = |text: &str| text.parse::<u128>().expect("a hash key");
        let (start, end) = (number(&range.starting_hash_key), number(&range.ending_hash_key));
        let middle = (start + (end - start) / 2).to_string();
        let call = self.client.split_shard().stream_name(&self.stream).shard_to_split(&shard.shard_id).new_starting_hash_key(middle);
        self.runtime.block_on(call.send()).expect("split");
        self.active();
    }

    pub(crate) fn merge(&self, a: &Shard, b: &Shard) {
        let call = self.client.merge_shards().stream_name(&self.stream).shard_to_merge(&a.shard_id).adjacent_shard_to_merge(&b.shard_id);
        self.runtime.block_on(call.send()).expect("merged");
        self.active();
    }

    /// Two open shards that touch.
    pub(crate) fn neighbours(&self) -> (Shard, Shard) {
        let start = |s: &Shard| s.hash_key_range.as_ref().map(|r| r.starting_hash_key.parse::<u128>().expect("a hash key"));
        let mut open = self.open();
        open.sort_by_key(start);
        (open[0].clone(), open[1].clone())
    }

    /// A source that polls, or one that is pushed to.
    pub(crate) fn source(&self, start: Start, consumer: Option<&str>) -> KinesisSource {
        KinesisSource::new("s", stream(&self.stream, consumer), start, Vec::new())
    }
}
