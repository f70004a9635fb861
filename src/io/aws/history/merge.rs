//! Which shard is read next, and which record is next: a state machine without clock and network.
//!
//! Owns the merge of all shards of a stream by (arrival, shard, sequence): each shard is read in its own order, a child after its
//! parents, and a record is given when every shard that may hold an earlier one has shown its next. So the order is a function of what
//! the stream holds, never of the sizes or times of answers. Owns the end: a shard is over when it is closed and read, when its records
//! arrived [`SLACK_MS`] after the last moment that is wanted, or when an answer is empty and says that nothing more is there.
//!
//! Limits: about [`BYTES_MAX`] of answers wait, over all shards. A shard is read once a second with at most 1 MB a second, so that a
//! live reader, who needs what is written (1 MB a second at most), has what it needs. Arrival stamps within a shard may go back by
//! less than the slack.

use super::super::pace::{Dice, Pace};
use super::super::protocol::{Answer, From, Got};
use super::Span;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tidegate_core::event::{Position, Record, Sequence};

/// Arrival stamps of a shard are not monotone.
pub(super) const SLACK_MS: i64 = 10_000;
/// Answers that wait.
const BYTES_MAX: u64 = 128 << 20;
/// One answer, and what a shard gives in a second.
const ANSWER_BYTES: u64 = 1 << 20;
/// Between two reads of a shard: after records, after an empty answer.
const FULL_MS: u64 = 1_000;
const EMPTY_MS: u64 = 500;

/// A shard that is to be read, not before some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) shard: Arc<str>,
    /// What the service gave to go on with; `None`: an iterator is to be had, from `from` on.
    pub(super) iterator: Option<String>,
    pub(super) from: From,
    pub(super) limit: i32,
    pub(super) due_ms: u64,
}

/// All shards of a stream.
#[derive(Debug)]
pub(super) struct Merge {
    source: Arc<str>,
    span: Span,
    until_ms: i64,
    shards: BTreeMap<Arc<str>, Lane>,
    dice: Dice,
    /// Everything before was given.
    reached_ms: Option<i64>,
}

#[derive(Debug)]
struct Lane {
    parents: Vec<Arc<str>>,
    stage: Stage,
    /// Read, and not given yet.
    records: VecDeque<Record>,
    /// How many the last answer had.
    last_answer: usize,
    /// The last record that was read, as the service wrote it.
    mark: Option<(Sequence, String)>,
    iterator: Option<String>,
    horizon: bool,
    due_ms: u64,
    record_bytes: u64,
    pace: Pace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// For its parents.
    Waiting,
    Ready,
    Calling,
    /// Nothing more of it is wanted.
    Over,
}

impl Merge {
    /// The shards of a listing, each with its parents; `until_ms`: nothing that arrived then or later is wanted.
    pub(super) fn new(source: Arc<str>, shards: Vec<(Arc<str>, Vec<Arc<str>>)>, span: Span, until_ms: i64, seed: u64) -> Self {
        let shards = shards.into_iter().map(|(name, parents)| (name, Lane::new(parents))).collect();
        let mut merge = Merge { source, span, until_ms, shards, dice: Dice::new(seed), reached_ms: None };
        merge.admit();
        merge
    }

    /// The next record, if it is certain which one that is.
    pub(super) fn take(&mut self) -> Option<Record> {
        if self.shards.values().any(Lane::is_hungry) {
            return None;
        }
        let key = |(name, lane): (&Arc<str>, &Lane)| lane.records.front().map(|r| (r.arrival_ms, name.clone(), r.position.sequence));
        let (_, name, _) = self.shards.iter().filter_map(key).min()?;
        let record = self.shards.get_mut(&name)?.records.pop_front()?;
        self.reached_ms = self.reached_ms.max(record.arrival_ms);
        self.admit();
        Some(record)
    }

    /// Everything was given.
    pub(super) fn is_over(&self) -> bool {
        self.shards.values().all(Lane::is_spent)
    }

    /// Up to here nothing is missing.
    pub(super) fn reached_ms(&self) -> Option<i64> {
        self.reached_ms
    }

    /// What is to be read: when any shard must be, those too that will be soon.
    pub(super) fn calls(&mut self) -> Vec<Call> {
        if !self.shards.values().any(|lane| lane.stage == Stage::Ready && lane.records.is_empty()) {
            return Vec::new();
        }
        let open = self.shards.values().filter(|lane| matches!(lane.stage, Stage::Ready | Stage::Calling)).count() as u64;
        let bytes = ANSWER_BYTES.min(BYTES_MAX / open.max(1));
        let due = |lane: &Lane| lane.stage == Stage::Ready && lane.records.len() * 2 <= lane.last_answer;
        let mut calls = Vec::new();
        for (name, lane) in self.shards.iter_mut().filter(|(_, lane)| due(lane)) {
            lane.stage = Stage::Calling;
            let limit = (bytes / lane.record_bytes.max(1)).clamp(1, 10_000) as i32;
            calls.push(Call {
                shard: name.clone(),
                iterator: lane.iterator.take(),
                from: lane.from(self.span),
                limit,
                due_ms: lane.due_ms,
            });
        }
        calls
    }

    /// An iterator.
    pub(super) fn opened(&mut self, shard: &Arc<str>, iterator: String, now_ms: u64) {
        if let Some(lane) = self.shards.get_mut(shard) {
            (lane.stage, lane.iterator, lane.due_ms) = (Stage::Ready, Some(iterator), lane.due_ms.max(now_ms));
        }
    }

    /// Records.
    pub(super) fn answered(&mut self, shard: &Arc<str>, answer: Answer, now_ms: u64) {
        let Some(lane) = self.shards.get_mut(shard) else { return };
        let (bytes, count) = (answer.records.iter().map(|r| r.bytes.len() as u64).sum::<u64>(), answer.records.len());
        lane.pause(count as u64, bytes, now_ms, &mut self.dice);
        let at_tip = count == 0 && answer.behind_ms == 0;
        lane.last_answer = count;
        let mut past = false;
        for got in answer.records {
            past |= got.arrival_ms.is_some_and(|at| at >= self.until_ms.saturating_add(SLACK_MS));
            let wanted = |at: i64| at < self.until_ms && self.span.from_ms.is_none_or(|from| at >= from);
            if let Some(record) = lane.record(&self.source, shard, got, answer.service_ms).filter(|r| r.arrival_ms.is_some_and(wanted)) {
                lane.records.push_back(record);
            }
        }
        lane.iterator = answer.next;
        lane.stage = if past || at_tip || lane.iterator.is_none() { Stage::Over } else { Stage::Ready };
        self.admit();
    }

    /// The call was refused; it is tried again so much later, with a new iterator where `anew` says so.
    pub(super) fn later(&mut self, call: Call, anew: bool, due_ms: u64) {
        if let Some(lane) = self.shards.get_mut(&call.shard) {
            (lane.stage, lane.due_ms) = (Stage::Ready, due_ms);
            lane.iterator = call.iterator.filter(|_| !anew);
        }
    }

    /// What follows the last record of a shard is gone: goes on with the oldest there is. False: it did so before, or has read nothing.
    pub(super) fn restart(&mut self, shard: &Arc<str>) -> bool {
        let Some(lane) = self.shards.get_mut(shard).filter(|lane| !lane.horizon && lane.mark.is_some()) else { return false };
        (lane.horizon, lane.stage, lane.iterator) = (true, Stage::Ready, None);
        true
    }

    /// The shard is not there any more.
    pub(super) fn gone(&mut self, shard: &Arc<str>) {
        if let Some(lane) = self.shards.get_mut(shard) {
            lane.stage = Stage::Over;
        }
        self.admit();
    }

    /// Begins with shards whose parents were given to their end, or are not listed any more.
    fn admit(&mut self) {
        let spent = |parent: &Arc<str>| self.shards.get(parent).is_none_or(Lane::is_spent);
        let free = |lane: &Lane| lane.stage == Stage::Waiting && lane.parents.iter().all(spent);
        let free: Vec<Arc<str>> = self.shards.iter().filter(|(_, lane)| free(lane)).map(|(name, _)| name.clone()).collect();
        for name in free {
            if let Some(lane) = self.shards.get_mut(&name) {
                lane.stage = Stage::Ready;
            }
        }
    }
}

impl Lane {
    fn new(parents: Vec<Arc<str>>) -> Self {
        Lane {
            parents,
            stage: Stage::Waiting,
            records: VecDeque::new(),
            last_answer: 0,
            mark: None,
            iterator: None,
            horizon: false,
            due_ms: 0,
            record_bytes: 4 << 10,
            pace: Pace::new(),
        }
    }

    /// It may hold the next record, and has not shown it.
    fn is_hungry(&self) -> bool {
        matches!(self.stage, Stage::Ready | Stage::Calling) && self.records.is_empty()
    }

    fn is_spent(&self) -> bool {
        self.stage == Stage::Over && self.records.is_empty()
    }

    fn from(&self, span: Span) -> From {
        match (&self.mark, span.from_ms) {
            _ if self.horizon => From::Horizon,
            (Some((_, text)), _) => From::After(text.clone()),
            (None, Some(from)) => From::At(from),
            (None, None) => From::Horizon,
        }
    }

    fn pause(&mut self, count: u64, bytes: u64, now_ms: u64, dice: &mut Dice) {
        // The live reader's memory of throttles serves here as well.
        let floor_ms = self.pace.answered(count, bytes, false, dice);
        let own_ms = if count > 0 { FULL_MS.max(bytes / 1_000) } else { EMPTY_MS };
        if let Some(mean) = bytes.checked_div(count) {
            self.record_bytes = (self.record_bytes + mean) / 2;
        }
        self.due_ms = now_ms + if count > 0 { floor_ms.max(own_ms) } else { own_ms };
    }

    /// A record that was not read before.
    fn record(&mut self, source: &Arc<str>, shard: &Arc<str>, got: Got, service_ms: i64) -> Option<Record> {
        let sequence = Sequence::parse(&got.sequence)?;
        if self.mark.as_ref().is_some_and(|(mark, _)| sequence <= *mark) {
            return None;
        }
        (self.mark, self.horizon) = (Some((sequence, got.sequence)), false);
        let position = Position { source: source.clone(), shard: shard.clone(), sequence, sub_sequence: 0 };
        Some(Record { position, arrival_ms: Some(got.arrival_ms.unwrap_or(service_ms)), bytes: got.bytes, lines: false })
    }
}

#[cfg(test)]
mod tests;
