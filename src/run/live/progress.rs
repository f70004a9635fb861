//! How far reading has come: per configured source and shard, and from these per kind of event the watermark that entries carry.
//!
//! Owns the slack and the minimum. Never reads a clock: arrival times come with the records, idle times with the answers.
//! A source that has not said anything yet holds its kinds back; a shard that ended for ever holds nobody back; when nothing is
//! left, watermarks stay where they are.

use crate::io::port::Progress;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate_core::event::Source as Service;
use tidegate_core::event::watermark::NOT_YET;

/// A watermark trails the largest arrival by this much: arrival stamps are not monotone.
pub const SLACK_MS: i64 = 10_000;

/// What is known of one configured source.
#[derive(Debug)]
struct Known {
    /// What its shards may carry.
    services: Vec<Service>,
    /// Events carry their own arrival: the reader's idle time says nothing about them.
    stamped: bool,
    /// Watermarks of shards under way.
    shards: BTreeMap<Arc<str>, i64>,
    /// Largest watermark of shards that ended.
    ended_ms: Option<i64>,
    /// The source ended: no shard will come any more.
    finished: bool,
}

/// All sources of a run.
#[derive(Debug, Default)]
pub struct Shards {
    sources: Vec<Known>,
}

/// How a source stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// Watermark of its slowest shard; `None`: nothing can come any more.
    pub watermark_ms: Option<i64>,
    /// Shards under way.
    pub shards: usize,
    /// It ended for ever.
    pub finished: bool,
}

impl Shards {
    /// How each source stands, in order.
    pub fn standing(&self) -> impl Iterator<Item = Stand> {
        self.sources.iter().map(|k| Stand { watermark_ms: k.watermark(), shards: k.shards.len(), finished: k.finished })
    }

    /// Adds a source; its number is its place. `services` are the kinds of events it may carry.
    pub fn add(&mut self, services: Vec<Service>, stamped: bool) {
        self.sources.push(Known { services, stamped, shards: BTreeMap::new(), ended_ms: None, finished: false });
    }

    /// Notes how far a shard has come. `arrival_ms` is the largest arrival among the records handed over with it. Gives the latest
    /// time that is known to have come: that arrival, or the reader's clock where nothing more was there.
    pub fn note(&mut self, source: usize, shard: &Arc<str>, progress: Progress, arrival_ms: Option<i64>) -> Option<i64> {
        let known = self.sources.get_mut(source)?;
        let idle_ms = match progress {
            Progress::Idle(now_ms) if !known.stamped => Some(now_ms),
            _ => None,
        };
        let at = known.shards.entry(shard.clone()).or_insert(NOT_YET);
        let come = arrival_ms.into_iter().chain(idle_ms).max();
        *at = (*at).max(come.map_or(NOT_YET, |ms| ms.saturating_sub(SLACK_MS)));
        if progress == Progress::Ended {
            let last = known.shards.remove(shard);
            known.ended_ms = known.ended_ms.max(last);
        }
        come
    }

    /// Notes that a source ended for ever.
    pub fn finish(&mut self, source: usize) {
        if let Some(known) = self.sources.get_mut(source) {
            known.finished = true;
        }
    }

    /// The watermark of every kind of event that some source may carry.
    #[must_use]
    pub fn watermarks(&self) -> Vec<(Service, i64)> {
        let mut of: BTreeMap<Service, i64> = BTreeMap::new();
        for known in &self.sources {
            let Some(ms) = known.watermark() else { continue };
            for service in &known.services {
                let held = of.entry(*service).or_insert(i64::MAX);
                *held = (*held).min(ms);
            }
        }
        // What no source can carry any more stays where its last shard came to.
        let mut over: BTreeMap<Service, i64> = BTreeMap::new();
        for known in self.sources.iter().filter(|k| k.watermark().is_none()) {
            for service in known.services.iter().filter(|s| !of.contains_key(s)) {
                let held = over.entry(*service).or_insert(NOT_YET);
                *held = (*held).max(known.ended_ms.unwrap_or(NOT_YET));
            }
        }
        of.append(&mut over);
        of.into_iter().collect()
    }
}

impl Known {
    /// `None`: nothing can come any more.
    fn watermark(&self) -> Option<i64> {
        let open = self.shards.values().copied().min();
        match (open, self.finished) {
            (Some(ms), _) => Some(ms),
            (None, true) => None,
            (None, false) => Some(self.ended_ms.unwrap_or(NOT_YET)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(stamped: bool) -> (Shards, Arc<str>, Arc<str>) {
        let mut shards = Shards::default();
        shards.add(vec![Service::CloudTrail], stamped);
        shards.add(vec![Service::CloudTrail, Service::VpcFlow], false);
        (shards, "a".into(), "b".into())
    }

    #[test]
    fn the_slowest_shard_that_may_carry_a_kind_decides() {
        let (mut shards, a, b) = shards(false);
        shards.note(0, &a, Progress::Records, Some(100_000));
        assert_eq!(shards.watermarks(), [(Service::CloudTrail, NOT_YET), (Service::VpcFlow, NOT_YET)], "the other has said nothing");
        shards.note(1, &b, Progress::Idle(50_000), None);
        assert_eq!(shards.watermarks(), [(Service::CloudTrail, 40_000), (Service::VpcFlow, 40_000)]);
        shards.note(1, &b, Progress::Records, Some(20_000));
        shards.note(1, &b, Progress::Idle(200_000), None);
        assert_eq!(shards.watermarks(), [(Service::CloudTrail, 90_000), (Service::VpcFlow, 190_000)], "it never moves back");
    }

    #[test]
    fn what_ended_holds_nobody_back() {
        let (mut shards, a, b) = shards(false);
        shards.note(0, &a, Progress::Records, Some(100_000));
        shards.note(0, &a, Progress::Ended, None);
        shards.note(1, &b, Progress::Idle(500_000), None);
        assert_eq!(shards.watermarks()[0].1, 90_000, "another shard of the source may come");
        shards.finish(0);
        assert_eq!(shards.watermarks()[0].1, 490_000);
        shards.note(1, &b, Progress::Ended, None);
        shards.finish(1);
        assert_eq!(shards.watermarks(), [(Service::CloudTrail, 490_000), (Service::VpcFlow, 490_000)], "nothing is raised at the end");
    }

    #[test]
    fn the_readers_clock_says_nothing_of_events_with_their_own_stamps() {
        let (mut shards, a, b) = shards(true);
        assert_eq!(shards.note(0, &a, Progress::Idle(900_001), None), None);
        shards.note(0, &a, Progress::Records, Some(30_000));
        assert_eq!(shards.note(1, &b, Progress::Idle(900_000), None), Some(900_000), "the other source goes by it");
        assert_eq!(shards.watermarks()[0].1, 20_000);
    }
}
