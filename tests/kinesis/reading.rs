//! The source alone: what it hands over.

use crate::hand::{Hand, PATIENCE, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate::io::aws::{KinesisSource, Start};
use tidegate::io::clock::Stopwatch;
use tidegate::io::port::{Flow, Progress, Read, ReadPosition, Source};

const RECORDS: usize = 1_000;
const ROUND: usize = 100;

/// What a machine keeps: every record and position that was handed over.
#[derive(Default)]
struct Kept {
    records: Vec<(Arc<str>, String)>,
    positions: BTreeMap<Arc<str>, ReadPosition>,
    ended: BTreeSet<Arc<str>>,
    idle: BTreeSet<Arc<str>>,
    lost: Vec<String>,
}

impl Kept {
    fn keep(&mut self, read: Read) {
        for record in read.records {
            assert!(record.arrival_ms.is_some_and(|ms| ms > 1_600_000_000_000), "stamped by the service");
            self.records.push((read.shard.clone(), String::from_utf8_lossy(&record.bytes).into_owned()));
        }
        self.positions.extend(read.position.map(|p| (read.shard.clone(), p)));
        self.lost.extend(read.lost);
        match read.progress {
            Progress::Ended => drop(self.ended.insert(read.shard)),
            Progress::Idle(ms) => {
                assert!(ms > 1_600_000_000_000);
                self.idle.insert(read.shard);
            }
            Progress::Records => {}
        }
    }
}

/// Reads until it is enough, and says how long the stop took.
fn read(source: &mut KinesisSource, kept: &Mutex<Kept>, enough: &(dyn Fn(&Kept) -> bool + Sync)) -> Duration {
    let resume: Vec<ReadPosition> = kept.lock().expect("kept").positions.values().cloned().collect();
    let (since, stopped) = (Stopwatch::start(), Mutex::new(None::<Stopwatch>));
    let end = source.run(&resume, &|read| {
        let mut kept = kept.lock().expect("kept");
        if stopped.lock().expect("stopped").is_some() {
            return Flow::Stop;
        }
        kept.keep(read);
        assert!(since.elapsed() < PATIENCE, "{} records after {PATIENCE:?}", kept.records.len());
        if !enough(&kept) {
            return Flow::Continue;
        }
        *stopped.lock().expect("stopped") = Some(Stopwatch::start());
        Flow::Stop
    });
    end.expect("no error");
    stopped.into_inner().expect("stopped").expect("enough").elapsed()
}

#[test]
fn a_thousand_records_once_through_splits_a_merge_and_a_restart() {
    a_thousand_records("polled", None);
}

#[test]
fn a_thousand_records_are_pushed_once_through_splits_a_merge_and_a_restart() {
    a_thousand_records("pushed", Some("tidegate"));
}

fn a_thousand_records(name: &str, consumer: Option<&str>) {
    let hand = Hand::new(name, 4);
    let kept = Mutex::new(Kept::default());
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(&mut hand.source(Start::TrimHorizon, consumer), &kept, &|kept| kept.records.len() >= 450));
        for round in 0..RECORDS / ROUND {
            hand.put(round * ROUND, ROUND);
            match round {
                2 | 5 => hand.split(&hand.open()[1]),
                3 | 7 => {
                    let (a, b) = hand.neighbours();
                    hand.merge(&a, &b);
                }
                _ => {}
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        let took = reader.join().expect("the first reader");
        assert!(took < Duration::from_secs(1), "a stop took {took:?}");
    });
    let before = kept.lock().expect("kept").records.len();
    let open: BTreeSet<Arc<str>> = hand.open().iter().map(|s| s.shard_id.as_str().into()).collect();
    kept.lock().expect("kept").idle.clear();
    read(&mut hand.source(Start::TrimHorizon, consumer), &kept, &|kept| kept.records.len() >= RECORDS && kept.idle.is_superset(&open));
    let kept = kept.into_inner().expect("kept");
    check(&hand, &kept);
    println!("{before} records before the restart, {} shards, {} of them ended", hand.shards().len(), kept.ended.len() - 1);
}

fn check(hand: &Hand, kept: &Kept) {
    let mut found: Vec<&str> = kept.records.iter().map(|(_, text)| text.as_str()).collect();
    found.sort_unstable();
    let mut put: Vec<String> = (0..RECORDS).map(|n| format!("record {n}")).collect();
    put.sort_unstable();
    assert_eq!(found, put, "every record once");
    assert!(kept.lost.is_empty(), "{:?}", kept.lost);
    let place = |shard: &str, last: bool| {
        let mut of = kept.records.iter().enumerate().filter(|(_, (s, _))| **s == *shard).map(|(n, _)| n);
        if last { of.next_back() } else { of.next() }
    };
    for shard in hand.shards() {
        let closed = shard.sequence_number_range.as_ref().is_some_and(|r| r.ending_sequence_number.is_some());
        assert_eq!(closed, kept.ended.contains(shard.shard_id.as_str()), "{}", shard.shard_id);
        for parent in [&shard.parent_shard_id, &shard.adjacent_parent_shard_id].into_iter().flatten() {
            let (last, first) = (place(parent, true), place(&shard.shard_id, false));
            assert!(last.is_none() || first.is_none() || last < first, "{} is read before its parent {parent}", shard.shard_id);
        }
    }
}

#[test]
fn latest_is_the_time_of_the_first_start_also_after_a_restart() {
    let hand = Hand::new("latest", 2);
    hand.put(0, 50);
    std::thread::sleep(Duration::from_millis(2_100));
    let kept = Mutex::new(Kept::default());
    read(&mut hand.source(Start::Latest, None), &kept, &|kept| kept.idle.len() == 2);
    assert_eq!(kept.lock().expect("kept").records.len(), 0);
    hand.put(50, 50);
    read(&mut hand.source(Start::Latest, None), &kept, &|kept| kept.records.len() >= 50);
    let kept = kept.into_inner().expect("kept");
    assert!(kept.records.iter().all(|(_, text)| text[7..].parse::<usize>().is_ok_and(|n| n >= 50)), "{:?}", kept.records);
}

#[test]
fn iterators_that_expire_are_replaced() {
    let hand = Hand::new("slow", 1);
    let kept = Mutex::new(Kept::default());
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let slowly = |kept: &Kept| {
                std::thread::sleep(Duration::from_millis(1_300));
                kept.records.len() >= 30
            };
            read(&mut hand.source(Start::TrimHorizon, None), &kept, &slowly)
        });
        for round in 0..3 {
            hand.put(round * 10, 10);
            std::thread::sleep(Duration::from_secs(3));
        }
        reader.join().expect("the reader");
    });
    let kept = kept.into_inner().expect("kept");
    assert_eq!((kept.records.len(), kept.lost.len()), (30, 0));
}

#[test]
fn a_stream_that_is_not_there_is_told_at_once() {
    let why = KinesisSource::new("s", stream("nowhere", None), Start::Latest, Vec::new())
        .run(&[], &|_| Flow::Continue)
        .expect_err("no such stream");
    assert!(why.starts_with("source s: cannot list the shards of stream nowhere: ResourceNotFoundException: "), "{why}");
    assert!(why.ends_with("; check its name, account and Region"), "{why}");
}
