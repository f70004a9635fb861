//! A process that reads the stream, its log, and what must hold.
//!
//! Calls are answered, and hand-overs taken read by read, at any time and in any order; the log takes what was handed over in that
//! order, some later; a crash loses what is under way and what the log does not hold.

use crate::stream::{RETENTION_MS, Stream};
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tidegate::io::aws::shards::{Action, Event, READS_MAX, Refusal, SELF, Shards, Start, Way};
use tidegate::io::port::{Progress, Read, ReadPosition};
use tidegate::run::live::progress;
use tidegate_core::event::Source as Kind;

const STEPS: usize = 1_500;
const QUIET_STEPS_MAX: usize = 60_000;
const EPOCH_MS: i64 = 1_700_000_000_000;

/// What really occurred.
#[derive(Debug, Default)]
pub(crate) struct Met {
    records: u64,
    splits: u64,
    merges: u64,
    crashes: u64,
    rolled_back: u64,
    throttles: u64,
    expired: u64,
    lost_answers: u64,
    outages: u64,
    trimmed: u64,
    told_lost: u64,
    ended: u64,
    waited_for_parents: u64,
    latest: u64,
    pushed: u64,
    renewed: u64,
    tails: u64,
    waited: u64,
}

impl Met {
    pub(crate) fn all(&self) {
        println!("{self:?}");
        let zero = format!("{self:?}").split([',', '}']).any(|field| field.trim_end().ends_with(": 0"));
        assert!(!zero, "something never occurred: {self:?}");
    }
}

struct Life {
    shards: Shards,
    calls: Vec<Action>,
    /// Hand-overs that are being taken.
    parcels: Vec<(Arc<str>, VecDeque<Read>)>,
    /// Taken, not in the log.
    taken: VecDeque<Read>,
    progress: progress::Shards,
    ended: BTreeSet<Arc<str>>,
    /// Unread records that were gone when this life began, and whether that was told.
    must_tell: bool,
    told: bool,
}

struct World<'a> {
    seed: u64,
    dice: Rng,
    stream: Stream,
    now_ms: u64,
    start: Start,
    way: Way,
    life: Life,
    positions: BTreeMap<Arc<str>, ReadPosition>,
    /// Per shard, the numbers of records in the log.
    log: BTreeMap<Arc<str>, Vec<u64>>,
    watermark_ms: i64,
    origin_ms: i64,
    calm: bool,
    met: &'a mut Met,
}

fn resume(positions: &BTreeMap<Arc<str>, ReadPosition>, start: Start, way: Way, seed: u64) -> Life {
    let resume: Vec<ReadPosition> = positions.values().cloned().collect();
    let mut progress = progress::Shards::default();
    progress.add(vec![Kind::GuardDuty], false);
    Life {
        shards: Shards::new("s".into(), start, way, &resume, seed),
        calls: Vec::new(),
        parcels: Vec::new(),
        taken: VecDeque::new(),
        progress,
        ended: BTreeSet::new(),
        must_tell: false,
        told: false,
    }
}

pub(crate) fn run(seed: u64, met: &mut Met) {
    let mut dice = Rng::with_seed(seed);
    let start = if dice.u8(..3) == 0 { Start::Latest } else { Start::TrimHorizon };
    let stream = Stream::new(dice.usize(1..6), dice.bool(), dice.bool());
    let way = if dice.u8(..3) == 0 { Way::Subscribe } else { Way::Poll };
    let life = resume(&BTreeMap::new(), start, way, seed);
    let (positions, log) = (BTreeMap::new(), BTreeMap::new());
    let (watermark_ms, origin_ms) = (i64::MIN / 2, i64::MIN);
    let mut world = World { seed, dice, stream, now_ms: 0, start, way, life, positions, log, watermark_ms, origin_ms, calm: false, met };
    (0..50).for_each(|_| world.change_stream());
    (0..STEPS).for_each(|_| world.step());
    world.calm = true;
    let done = (0..QUIET_STEPS_MAX).any(|_| {
        world.step();
        world.all_read() && world.watermark_ms > world.service_ms() - 30_000
    });
    assert!(done, "seed {seed}: reading does not come to an end: {:?}", world.life.shards);
    world.told_or_not();
    world.met.latest += u64::from(start == Start::Latest);
}

impl World<'_> {
    fn service_ms(&self) -> i64 {
        EPOCH_MS + i64::try_from(self.now_ms).expect("small")
    }

    fn step(&mut self) {
        if !self.calm {
            match self.dice.u16(..1_000) {
                0..400 => self.change_stream(),
                400..408 => self.crash(),
                408..410 => self.now_ms += 310_000,
                _ => {}
            }
        }
        while let Some(action) = self.life.shards.next(self.now_ms) {
            match action {
                Action::Hand { shard, reads } => {
                    let tokens =
                        reads.iter().filter_map(|r| r.position.as_ref()?.token.strip_prefix("start ")?.split(' ').next()?.parse().ok());
                    tokens.for_each(|ms| self.origin_ms = ms);
                    self.life.parcels.push((shard, reads.into()));
                }
                call => self.life.calls.push(call),
            }
        }
        self.bounded();
        match self.dice.u8(..4) {
            0 if !self.life.calls.is_empty() => self.answer(),
            1 if !self.life.parcels.is_empty() => self.take(),
            2 => self.append(),
            _ => self.wait(),
        }
    }

    /// One call or hand-over per shard, and a bound on all reads.
    fn bounded(&self) {
        let of_call = |a: &Action| match a {
            Action::Open { shard, .. } | Action::Fetch { shard, .. } => Some(shard.clone()),
            _ => None,
        };
        let calls = self.life.calls.iter().filter_map(of_call);
        let names: Vec<Arc<str>> = calls.chain(self.life.parcels.iter().map(|(name, _)| name.clone())).collect();
        let distinct: BTreeSet<&Arc<str>> = names.iter().collect();
        assert_eq!(distinct.len(), names.len(), "seed {}: a shard twice under way", self.seed);
        assert!(
            self.way == Way::Subscribe || self.life.calls.len() <= READS_MAX + 1,
            "seed {}: {} calls",
            self.seed,
            self.life.calls.len()
        );
    }

    fn change_stream(&mut self) {
        let (open, now) = (self.stream.open_shards(), self.service_ms());
        let shard = open[self.dice.usize(..open.len())];
        match self.dice.u8(..100) {
            0 if open.len() < 12 => {
                self.stream.split(shard, now);
                self.met.splits += 1;
            }
            1 if open.len() > 1 => {
                let other = *open.iter().find(|n| **n != shard).expect("another");
                self.stream.merge(shard, other, now);
                self.met.merges += 1;
            }
            _ => {
                (0..self.dice.u8(1..4)).for_each(|_| self.stream.put(shard, now));
                self.met.records += 1;
            }
        }
    }

    fn crash(&mut self) {
        self.told_or_not();
        self.met.crashes += 1;
        self.met.rolled_back += self.life.taken.len() as u64;
        let long = self.dice.u8(..8) == 0;
        if long {
            self.met.outages += 1;
            // Some arrive early and are gone, some are still there.
            (0..20).for_each(|_| self.change_stream());
            self.now_ms += u64::try_from(RETENTION_MS).expect("positive") / 2;
            (0..20).for_each(|_| self.change_stream());
            self.now_ms += u64::try_from(RETENTION_MS).expect("positive") * 2 / 3;
            (0..20).for_each(|_| self.change_stream());
            self.stream.trim(self.service_ms());
        } else {
            self.now_ms += self.dice.u64(..20_000);
        }
        self.stream.unsubscribe_all();
        self.life = resume(&self.positions, self.start, self.way, self.dice.u64(..));
        self.life.must_tell = long && !self.positions.is_empty() && self.unread(true) > 0;
        // What is gone is not waited for.
        self.forget();
    }

    /// Records that the log does not hold and, if `gone`, the stream does not either.
    fn unread(&self, gone: bool) -> u64 {
        let none = Vec::new();
        let count = |shard: &crate::stream::Kept| {
            let read: BTreeSet<u64> = self.log.get(&shard.name).unwrap_or(&none).iter().copied().collect();
            let records = if gone { &shard.records[..shard.trimmed] } else { &shard.records[shard.trimmed..] };
            records.iter().filter(|(n, at)| *at >= self.origin_ms && !read.contains(n)).count() as u64
        };
        self.stream.shards.iter().map(count).sum()
    }

    fn forget(&mut self) {
        for shard in &mut self.stream.shards {
            let read: BTreeSet<u64> = self.log.get(&shard.name).into_iter().flatten().copied().collect();
            let before = shard.records.len();
            let (trimmed, mut n) = (shard.trimmed, 0);
            shard.records.retain(|(number, _)| {
                n += 1;
                n > trimmed || read.contains(number)
            });
            let forgotten = before - shard.records.len();
            shard.trimmed -= forgotten;
            self.met.trimmed += forgotten as u64;
        }
    }

    fn told_or_not(&mut self) {
        let started = self.life.progress.watermarks().iter().any(|(_, ms)| *ms > 0);
        if self.life.must_tell && started {
            assert!(self.life.told, "seed {}: records are lost, and nobody was told", self.seed);
        }
    }

    fn answer(&mut self) {
        let call = self.life.calls.swap_remove(self.dice.usize(..self.life.calls.len()));
        let now = self.service_ms();
        let trouble = match self.dice.u8(..100) {
            _ if self.calm => None,
            0..4 => Some(Refusal::Throttled),
            4..6 => Some(Refusal::Unavailable("cut".to_owned())),
            _ => None,
        };
        self.met.throttles += u64::from(trouble == Some(Refusal::Throttled));
        self.met.lost_answers += u64::from(matches!(trouble, Some(Refusal::Unavailable(_))));
        let event = match call {
            Action::List => Event::Listed(trouble.map_or_else(|| Ok(self.stream.list(now)), Err)),
            Action::Open { shard, from, way } => {
                self.children_wait(&shard);
                self.met.renewed += u64::from(self.stream.unsubscribe(&shard) && way == Way::Subscribe);
                self.met.tails += u64::from(self.way == Way::Subscribe && way == Way::Poll);
                let result = match (&trouble, way) {
                    (Some(_), _) => Ok(String::new()),
                    (None, Way::Poll) => self.stream.open(&shard, &from, now),
                    (None, Way::Subscribe) => self.stream.subscribe(&shard, &from),
                };
                Event::Opened(shard, trouble.map_or(result, Err))
            }
            Action::Fetch { shard, .. } if self.stream.subscribed(&shard) => {
                let (most, waited, end) = (self.dice.usize(..6), self.dice.u8(..10) == 0, self.dice.u8(..10) == 0);
                let trouble = trouble.or_else(|| (!self.calm && self.dice.u8(..50) == 0).then_some(Refusal::Expired));
                let result = match trouble {
                    Some(refusal) => {
                        self.stream.unsubscribe(&shard);
                        Err(refusal)
                    }
                    None => Ok(self.stream.pushed(&shard, most, waited, end, now)),
                };
                self.met.pushed += 1;
                self.met.waited += u64::from(waited);
                Event::Fetched(shard, result)
            }
            Action::Fetch { shard, iterator, limit } => {
                let most = self.dice.usize(..6).min(limit as usize);
                let result = self.stream.fetch(&shard, &iterator, most, now);
                self.met.expired += u64::from(result.as_ref().err() == Some(&Refusal::Expired));
                Event::Fetched(shard, trouble.map_or(result, Err))
            }
            Action::Hand { .. } => unreachable!("not a call"),
        };
        self.life.shards.answer(event, self.now_ms);
    }

    /// A shard is read when every record of its parents was taken.
    fn children_wait(&mut self, name: &Arc<str>) {
        let shard = self.stream.shards.iter().find(|s| s.name == *name).expect("a shard of the stream");
        for parent in shard.parents.clone() {
            let parent = self.stream.shards.iter().find(|s| s.name == parent).expect("a shard of the stream");
            let taken = |n: u64| {
                let bytes = n.to_string().into_bytes();
                let in_log = self.log.get(&parent.name).is_some_and(|log| log.contains(&n));
                in_log || self.life.taken.iter().any(|r| r.shard == parent.name && r.records.iter().any(|r| r.bytes == bytes))
            };
            let all = parent.gone || parent.records.iter().filter(|(_, at)| *at >= self.origin_ms).all(|(n, _)| taken(*n));
            assert!(all, "seed {}: {name} is read before {}", self.seed, parent.name);
            self.met.waited_for_parents += 1;
        }
    }

    fn take(&mut self) {
        let n = self.dice.usize(..self.life.parcels.len());
        let (name, reads) = &mut self.life.parcels[n];
        let name = name.clone();
        match reads.pop_front() {
            Some(read) => {
                self.life.told |= read.lost.is_some();
                self.met.told_lost += u64::from(read.lost.is_some());
                self.life.taken.push_back(read);
            }
            None => {
                self.life.parcels.swap_remove(n);
                self.life.shards.answer(Event::Taken(name), self.now_ms);
            }
        }
    }

    /// The log takes some of what was handed over: records, positions and progress together.
    fn append(&mut self) {
        for _ in 0..self.dice.usize(..4) {
            let Some(read) = self.life.taken.pop_front() else { return };
            let arrival = read.records.iter().filter_map(|r| r.arrival_ms).max();
            self.life.progress.note(0, &read.shard, read.progress, arrival);
            assert!(!self.life.ended.contains(&read.shard), "seed {}: {} goes on after its end", self.seed, read.shard);
            if read.progress == Progress::Ended && *read.shard != *SELF {
                self.life.ended.insert(read.shard.clone());
                self.met.ended += 1;
            }
            let log = self.log.entry(read.shard.clone()).or_default();
            for record in &read.records {
                let number: u64 = String::from_utf8_lossy(&record.bytes).parse().expect("a number");
                assert!(log.last().is_none_or(|last| *last < number), "seed {}: {} twice or out of order", self.seed, read.shard);
                log.push(number);
            }
            if let Some(position) = read.position {
                let kept = self.positions.entry(read.shard.clone()).or_insert_with(|| position.clone());
                if position.sequence >= kept.sequence {
                    *kept = position;
                }
            }
            self.watermark();
        }
    }

    /// Every record that arrived before the watermark (here without its slack) is in the log.
    fn watermark(&mut self) {
        let ms = self.life.progress.watermarks()[0].1.saturating_add(progress::SLACK_MS);
        self.watermark_ms = self.watermark_ms.max(ms);
        if self.stream.endless && self.way == Way::Subscribe {
            return;
        }
        for shard in &self.stream.shards {
            let log = self.log.get(&shard.name);
            let due = shard.records.iter().filter(|(_, at)| *at >= self.origin_ms && *at < ms);
            for (number, at) in due {
                let there = log.is_some_and(|log| log.binary_search(number).is_ok());
                assert!(there, "seed {}: watermark {ms}, and {number} of {} arrived at {at} unread", self.seed, shard.name);
            }
        }
    }

    fn wait(&mut self) {
        let busy = !self.life.calls.is_empty() || !self.life.parcels.is_empty();
        let wake = self.life.shards.wake_ms().unwrap_or(self.now_ms + 400);
        self.now_ms = if busy { self.now_ms + self.dice.u64(1..100) } else { wake.clamp(self.now_ms + 1, self.now_ms + 2_000) };
        if self.dice.u8(..20) == 0 {
            self.life.shards.beat();
        }
    }

    fn all_read(&self) -> bool {
        self.unread(false) == 0
    }
}
