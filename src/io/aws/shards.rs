//! Which shard is read when: a state machine without clock and network. What is to be done comes out ([`Shards::next`]), what became
//! of it goes in ([`Shards::answer`]); the same events at the same times give the same actions.
//!
//! Owns discovery (every 30 s, and whenever a shard ends), parents before children, where each shard is read from, what is said of
//! idle, ended and lost shards, and the bound on memory: at most [`READS_MAX`] answers are asked for or wait to be taken, besides what
//! was pushed (one event per shard). A shard has at most one call or hand-over under way, so that its records stay in order and a slow
//! taker stops the polling, or the pushing.
//!
//! A shard is announced (a hand-over without records) before it is read, and children are announced before the end of their parent is
//! told, in the same hand-over: so the watermark never runs ahead of records in a shard that nobody has heard of.
//!
//! Where a source began is a position of its own, under the shard `.`: `latest` means the time of the first start, also after a
//! restart and for shards that were not read until then. The children of a shard that was read are read from their first record.
//!
//! **Subscriptions** (enhanced fan-out) are opened and asked for their next event as iterators are; they are renewed shortly before
//! they end after five minutes, never within five seconds of the last attempt, and go on at the number the last event named. That a
//! shard ends is believed only after a poll of what is left, and is looked for when an idle shard has children: services differ in how
//! a subscription says so.
//!
//! Lost is: a position older than the stream's retention (told once it is found, reading goes on with the oldest record), a shard
//! that is gone before it was read to its end, and what expires while it is being read (`lag.rs`). An idle shard whose last
//! record expired lost nothing. Not seen: shards that came and went unread while the stream did not say how long it keeps records.

mod answers;
mod listing;

use super::pace::{Dice, Pace};
pub use super::protocol::{Action, Answer, Event, From, Got, Listing, Refusal, Start, Way};
use super::shard::{Shard, Stage};
use super::token::{self, Kept, Origin};
use crate::io::port::{Progress, Read, ReadPosition};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use tidegate_core::event::Sequence;

/// Answers asked for or waiting to be taken: usually of at most 2 MiB each, of 10 MiB where single records are that large.
pub const READS_MAX: usize = 16;
/// The shard under which the source speaks for itself. No shard of Kinesis has this name.
pub const SELF: &str = ".";
/// Between two listings, when nothing calls for one.
const LIST_MS: u64 = 30_000;
/// A subscription is renewed after this time: the service ends it after five minutes.
const SESSION_MS: u64 = 290_000;
/// Between two attempts to subscribe to a shard.
const SUBSCRIBE_MS: u64 = 5_000;

/// The shards of a stream.
#[derive(Debug)]
pub struct Shards {
    source: Arc<str>,
    start: Start,
    way: Way,
    origin: Option<Origin>,
    /// Time of the service at the first start.
    began_ms: i64,
    /// The origin is not kept yet.
    origin_is_new: bool,
    /// How long the stream keeps records, as it last said.
    retention_ms: Option<i64>,
    /// The latest time of the service.
    service_ms: i64,
    shards: BTreeMap<Arc<str>, Shard>,
    listed: BTreeSet<Arc<str>>,
    listings: u32,
    listing: bool,
    list_due_ms: u64,
    list_pace: Pace,
    /// A hand-over of [`SELF`] is under way.
    speaking: bool,
    hand: VecDeque<Action>,
    dice: Dice,
    fatal: Option<String>,
    /// To be told of the source as a whole.
    lost: Option<String>,
    warnings: VecDeque<String>,
}

impl Shards {
    /// A stream as far as it was read. `seed`: of the jitter.
    #[must_use]
    pub fn new(source: Arc<str>, start: Start, way: Way, resume: &[ReadPosition], seed: u64) -> Self {
        let (mut origin, mut began_ms, mut shards) = (None, 0, BTreeMap::new());
        for position in resume.iter().filter(|p| p.source == source) {
            match token::read(position) {
                Kept::Origin(kept, ms) => (origin, began_ms) = (Some(kept), ms),
                Kept::After(mark) => drop(shards.insert(position.shard.clone(), Shard::new(Stage::Waiting, mark))),
                Kept::End(mark) => drop(shards.insert(position.shard.clone(), Shard::new(Stage::Ended, mark))),
            }
        }
        // Positions without an origin: nothing may be left out.
        let origin_is_new = origin.is_none();
        let origin = origin.or((!shards.is_empty()).then_some(Origin::Horizon));
        Shards {
            source,
            start,
            way,
            origin,
            began_ms,
            origin_is_new,
            retention_ms: None,
            service_ms: 0,
            shards,
            listed: BTreeSet::new(),
            listings: 0,
            listing: false,
            list_due_ms: 0,
            list_pace: Pace::new(),
            speaking: false,
            hand: VecDeque::new(),
            dice: Dice::new(seed),
            fatal: None,
            lost: None,
            warnings: VecDeque::new(),
        }
    }

    /// What is to be done next; `None`: nothing before [`Shards::wake_ms`], or an answer.
    pub fn next(&mut self, now_ms: u64) -> Option<Action> {
        if let Some(action) = self.hand.pop_front() {
            return Some(action);
        }
        if !self.listing && now_ms >= self.list_due_ms {
            self.listing = true;
            return Some(Action::List);
        }
        if self.reads() >= READS_MAX {
            return None;
        }
        let due = |s: &Shard| matches!(s.stage, Stage::Unopened | Stage::Ready(_)) && s.due_ms <= now_ms;
        let (name, _) = self.shards.iter().filter(|(_, s)| due(s)).min_by_key(|(_, s)| s.due_ms)?;
        let (name, way) = (name.clone(), self.way);
        let from = self.from(&name);
        let shard = self.shards.get_mut(&name)?;
        let way = shard.way(way);
        let over = way == Way::Subscribe && shard.subscribed_ms.is_some_and(|ms| now_ms >= ms + SESSION_MS);
        Some(match std::mem::replace(&mut shard.stage, Stage::Opening) {
            Stage::Ready(iterator) if !over => {
                shard.stage = Stage::Fetching;
                Action::Fetch { shard: name, iterator, limit: shard.pace.limit() }
            }
            _ => {
                shard.since_ms = if let From::At(ms) = &from { *ms } else { 0 };
                shard.subscribed_ms = (way == Way::Subscribe).then_some(now_ms);
                Action::Open { shard: name, from, way }
            }
        })
    }

    /// When something is due that no answer brings.
    #[must_use]
    pub fn wake_ms(&self) -> Option<u64> {
        let list = (!self.listing).then_some(self.list_due_ms);
        let read = |s: &Shard| matches!(s.stage, Stage::Unopened | Stage::Ready(_)).then_some(s.due_ms);
        let reads = (self.reads() < READS_MAX).then(|| self.shards.values().filter_map(read).min()).flatten();
        list.into_iter().chain(reads).min()
    }

    /// Why reading cannot even begin: what is configured is wrong.
    #[must_use]
    pub fn fatal(&self) -> Option<&str> {
        self.fatal.as_deref()
    }

    /// Something to be said in the program's log: no record is lost by it, but one may be.
    pub fn warning(&mut self) -> Option<String> {
        self.warnings.pop_front()
    }

    /// Says that the source lives, and nothing else; to be called when nothing was handed over for a while.
    pub fn beat(&mut self) {
        if !self.speaking {
            self.speak(Vec::new());
        }
    }

    /// Takes what became of an action.
    pub fn answer(&mut self, event: Event, now_ms: u64) {
        match event {
            Event::Listed(result) => self.listed(result, now_ms),
            Event::Opened(name, result) => self.opened(&name, result, now_ms),
            Event::Fetched(name, Ok(answer)) => self.fetched(&name, answer, now_ms),
            Event::Fetched(name, Err(refusal)) => self.refused(&name, &refusal, now_ms),
            Event::Taken(name) => self.taken(&name, now_ms),
        }
    }

    fn reads(&self) -> usize {
        self.shards.values().filter(|s| s.under_way(self.way)).count()
    }

    fn from(&self, name: &Arc<str>) -> From {
        let Some(shard) = self.shards.get(name) else { return From::Horizon };
        let was_read = |parent: &Arc<str>| self.shards.get(parent).is_some_and(|p| p.mark.sequence > Sequence::default());
        match self.origin {
            _ if shard.restarted => From::Horizon,
            _ if !shard.continuation.is_empty() => From::Number(shard.continuation.clone()),
            // Idle for longer than records are kept: its last record is gone, and everything the shard holds is newer.
            _ if self.expired(shard.mark.arrival_ms) && !self.expired(shard.mark.read_ms) => From::Horizon,
            _ if !shard.mark.text.is_empty() => From::After(shard.mark.text.clone()),
            Some(Origin::At(ms)) if !shard.parents.iter().any(was_read) => From::At(ms),
            _ => From::Horizon,
        }
    }

    /// Whether what arrived then is gone; 0 is no time.
    fn expired(&self, ms: i64) -> bool {
        ms > 0 && self.retention_ms.is_some_and(|kept| self.service_ms - ms > kept)
    }
}

fn said(shard: &Arc<str>, position: Option<ReadPosition>, progress: Progress, lost: Option<String>) -> Read {
    Read { shard: shard.clone(), prelude: None, records: Vec::new(), position, progress, lost }
}

#[cfg(test)]
mod tests;
