//! What a call for a shard gave, and what follows from it.

use super::super::lag::Verdict;
use super::super::protocol::{Answer, Refusal, Way};
use super::super::shard::{Shard, Stage, gone};
use super::super::token;
use super::listing::ORPHAN_LISTINGS;
use super::{Action, From, SELF, SUBSCRIBE_MS, Shards, said};
use crate::io::port::{Progress, Read};
use std::sync::Arc;
use tidegate_core::event::Sequence;

/// An idle shard's position says so anew after this time of the service.
const IDLE_MARK_MS: i64 = 10 * 60_000;
const HOUR_MS: i64 = 3_600_000;

impl Shards {
    pub(super) fn opened(&mut self, name: &Arc<str>, result: Result<String, Refusal>, now_ms: u64) {
        let (from, listed) = (self.from(name), self.listed.contains(name));
        let Some(shard) = self.shards.get_mut(name) else { return };
        match result {
            Ok(iterator) => {
                (shard.stage, shard.due_ms) = (Stage::Ready(iterator), now_ms);
                (shard.behind_ms, shard.stalled) = (i64::MAX, 0);
            }
            // A number that only the subscription named: the mark is older, and sure.
            Err(Refusal::Invalid(_)) if matches!(from, From::Number(_)) => {
                shard.continuation.clear();
                (shard.stage, shard.due_ms) = (Stage::Unopened, now_ms + SUBSCRIBE_MS);
            }
            Err(Refusal::Invalid(why)) if matches!(from, From::After(_)) && listed => {
                // Of a stream that was made anew the numbers may be anything.
                shard.mark.sequence = Sequence::default();
                self.restart(name, &why);
            }
            Err(refusal) => self.refused(name, &refusal, now_ms),
        }
    }

    /// What follows the mark is gone: goes on with the oldest record there is, and says so.
    fn restart(&mut self, name: &Arc<str>, why: &str) {
        let Some(shard) = self.shards.get_mut(name) else { return };
        let lost = format!(
            "{name} cannot be read on behind {}: what followed is older than the stream keeps records, or the stream was made anew; \
             reading goes on with the oldest record there is ({why})",
            shard.mark.text
        );
        shard.restarted = true;
        shard.continuation.clear();
        shard.stage = Stage::Announced(name.clone());
        self.hand.push_back(Action::Hand { shard: name.clone(), reads: vec![said(name, None, Progress::Records, Some(lost))] });
    }

    pub(super) fn refused(&mut self, name: &Arc<str>, refusal: &Refusal, now_ms: u64) {
        let Some(shard) = self.shards.get_mut(name) else { return };
        let wait_ms = match refusal {
            Refusal::Expired => {
                shard.expired += 1;
                // An iterator lives for five minutes: a new one costs one call and always fits.
                if shard.expired > 1 { shard.pace.refused(false, &mut self.dice) } else { 0 }
            }
            Refusal::InUse(_) => SUBSCRIBE_MS,
            refusal => shard.pace.refused(*refusal == Refusal::Throttled, &mut self.dice),
        };
        let subscribed = shard.subscribed_ms.filter(|_| shard.way(self.way) == Way::Subscribe);
        shard.due_ms = subscribed.map_or(0, |ms| ms + SUBSCRIBE_MS).max(now_ms + wait_ms);
        if matches!(refusal, Refusal::Missing(_) | Refusal::Invalid(_)) && !self.listed.contains(name) {
            shard.lost = Some(gone(name, &shard.mark));
            shard.stage = Stage::Drained(ORPHAN_LISTINGS);
            self.finish(now_ms);
            return;
        }
        if matches!(refusal, Refusal::Missing(_)) {
            self.list_due_ms = self.list_due_ms.min(shard.due_ms);
        }
        shard.stage = Stage::Unopened;
    }

    pub(super) fn fetched(&mut self, name: &Arc<str>, answer: Answer, now_ms: u64) {
        let lagging = self.lagging(name, &answer);
        let has_children = self.shards.values().any(|child| child.parents.contains(name));
        let Some(shard) = self.shards.get_mut(name) else { return };
        let bytes: usize = answer.records.iter().map(|r| r.bytes.len()).sum();
        let (count, more) = (answer.records.len() as u64, answer.behind_ms > 0);
        let pause_ms = shard.pace.answered(count, bytes as u64, more, &mut self.dice);
        shard.expired = 0;
        shard.due_ms = now_ms;
        match shard.way(self.way) {
            Way::Poll => shard.due_ms += pause_ms,
            Way::Subscribe => shard.continuation = answer.next.clone().unwrap_or_default(),
        }
        let (records, odd) = shard.records(&self.source, name, answer.records, answer.service_ms);
        let idle = count == 0 && !more && answer.fresh && answer.next.is_some();
        let old = idle && answer.service_ms - shard.mark.read_ms >= IDLE_MARK_MS;
        if old {
            shard.mark.read_ms = answer.service_ms;
        }
        let moved = !records.is_empty() || old;
        let position = moved.then(|| token::position(&self.source, name, shard.mark.sequence, token::after(&shard.mark)));
        let lost = shard.lost.take().or(lagging).or(odd);
        // Nothing more comes to a shard that has children, whether or not its subscription says so.
        let over = idle && has_children && shard.way(self.way) == Way::Subscribe;
        let next = answer.next.filter(|_| !over);
        let progress = if idle { Progress::Idle(answer.service_ms) } else { Progress::Records };
        if !records.is_empty() || idle || lost.is_some() {
            shard.stage = Stage::Handing(next);
            let reads = vec![Read { records, ..said(name, position, progress, lost) }];
            self.hand.push_back(Action::Hand { shard: name.clone(), reads });
            return;
        }
        if next.is_some() && more && shard.comes_no_nearer(answer.behind_ms) {
            self.restart(name, "it comes no nearer to the end of the shard");
        } else {
            self.go_on(name, next, now_ms);
        }
    }

    /// Warns of a shard that is read too slowly; gives what is to be told when records went unread.
    fn lagging(&mut self, name: &Arc<str>, answer: &Answer) -> Option<String> {
        self.service_ms = self.service_ms.max(answer.service_ms);
        let (retention_ms, shard) = (self.retention_ms?, self.shards.get_mut(name)?);
        let (hours, kept) = (answer.behind_ms / HOUR_MS, retention_ms / HOUR_MS);
        let remedy = "raise the retention of the stream (`aws kinesis increase-stream-retention-period`), then find out what is slow";
        match shard.lag.judge(answer.behind_ms, retention_ms, answer.service_ms) {
            Verdict::Nothing => {}
            Verdict::Late => {
                self.warnings.push_back(format!("{name} is read {hours} hours late, and records are kept for {kept}: {remedy}"))
            }
            Verdict::Better => self.warnings.push_back(format!("{name} is read less late than a quarter of the time records are kept")),
            Verdict::Lost => {
                return Some(format!("{name} is read too slowly: records expire after {kept} hours before they are read; {remedy}"));
            }
        }
        None
    }

    pub(super) fn taken(&mut self, name: &Arc<str>, now_ms: u64) {
        if **name == *SELF {
            self.speaking = false;
        }
        for shard in self.shards.values_mut().filter(|s| s.stage == Stage::Announced(name.clone())) {
            (shard.stage, shard.due_ms) = (Stage::Unopened, now_ms);
        }
        match self.shards.get_mut(name) {
            Some(shard) if shard.stage == Stage::Ending => shard.stage = Stage::Ended,
            Some(Shard { stage: Stage::Handing(next), .. }) => {
                let next = next.take();
                self.go_on(name, next, now_ms);
            }
            _ => {}
        }
        self.admit();
    }

    fn go_on(&mut self, name: &Arc<str>, next: Option<String>, now_ms: u64) {
        let Some(shard) = self.shards.get_mut(name) else { return };
        match next {
            Some(next) => shard.stage = Stage::Ready(next),
            None if shard.way(self.way) == Way::Subscribe => {
                shard.tail = true;
                shard.continuation.clear();
                (shard.stage, shard.due_ms) = (Stage::Unopened, now_ms);
            }
            None => {
                shard.stage = Stage::Drained(0);
                self.finish(now_ms);
            }
        }
    }
}
