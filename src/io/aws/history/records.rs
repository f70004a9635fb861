//! The records of a stream, from a time to a time or to its tip at the start.
//!
//! Owns the calls that `merge` asks for, and their repetition. Reads by polling, as anybody may: nothing is registered, no
//! position is kept, no ownership taken. Limits: see `merge`.

use super::super::protocol::{Answer, Listing, Refusal};
use super::super::service::{Service, Stream};
use super::merge::{Call, Merge};
use super::patience::Patience;
use super::{Span, failed, pause, unless_stopped, words};
use crate::io::aws::call;
use crate::io::clock::{Stopwatch, now_ms};
use crate::io::input::{Far, Opened};
use crate::io::reader::ReadError;
use crate::io::tally::Tally;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::event::time::format_rfc3339;
use tidegate_core::event::{Record, Sequence};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// The service tells its time in seconds, and its hosts do not agree to the second: what was put before the start is surely older.
const TIP_MS: i64 = 5_000;
/// Progress is told after so many records.
const TELL_EVERY: u64 = 256;

/// A stream as an input: its records, stamped with their arrivals, in order of arrival. Nothing is called before it is opened.
#[must_use]
pub fn records(stream: Stream, span: Span, tally: Arc<Tally>) -> Far {
    let name: Arc<str> = format!("kinesis:{}", stream.stream).into();
    tally.expect(&name, (span.from_ms, span.to_ms.unwrap_or_else(now_ms)));
    let shown = name.clone();
    let open = move || {
        let history = History::open(stream.clone(), name.clone(), span, tally.clone());
        history.map(|history| Opened::Records(Box::new(history))).map_err(std::io::Error::other)
    };
    Far { name: shown, bytes: 0, open: Arc::new(open) }
}

/// What became of a call.
type Ended = (Call, Result<Reply, Refusal>);

enum Reply {
    Iterator(String),
    Records(Answer),
}

struct History {
    runtime: Runtime,
    service: Service,
    input: Arc<str>,
    source: Arc<str>,
    merge: Merge,
    calls: JoinSet<Ended>,
    patience: BTreeMap<Arc<str>, Patience>,
    tally: Arc<Tally>,
    since: Stopwatch,
    untold: u64,
    over: bool,
}

impl History {
    /// Lists the shards: the time of that answer is the tip.
    fn open(stream: Stream, input: Arc<str>, span: Span, tally: Arc<Tally>) -> Result<Self, String> {
        let source: Arc<str> = stream.stream.rsplit('/').next().unwrap_or(&stream.stream).into();
        let runtime = call::runtime()?;
        let service = runtime.block_on(Service::connect(stream))?;
        let listing = list(&runtime, &service, &tally)?;
        let tip_ms = listing.service_ms + TIP_MS;
        let until_ms = span.to_ms.map_or(tip_ms, |to| to.min(tip_ms));
        let oldest_ms = listing.retention_ms.map(|kept| listing.service_ms - kept);
        if let (Some(from), Some(oldest)) = (span.from_ms, oldest_ms)
            && from < oldest
        {
            tally.note(format!(
                "{input}: what arrived between {} and {} is gone, because the stream keeps records for {} hours; reading begins with the oldest there is",
                format_rfc3339(from),
                format_rfc3339(oldest),
                listing.retention_ms.unwrap_or_default() / 3_600_000
            ));
        }
        tally.expect(&input, (span.from_ms.max(oldest_ms.filter(|_| span.from_ms.is_some())), until_ms));
        // The service takes no start that is still to come.
        let none = span.from_ms.is_some_and(|from| from >= until_ms);
        let shards = if none { Vec::new() } else { listing.shards };
        // Any seed does: the order of records does not depend on it.
        let merge = Merge::new(source.clone(), shards, span, until_ms, now_ms().unsigned_abs());
        let (calls, patience, since) = (JoinSet::new(), BTreeMap::new(), Stopwatch::start());
        Ok(History { runtime, service, input, source, merge, calls, patience, tally, since, untold: 0, over: false })
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Makes calls until there is a next record; `None`: the end, or a stop.
    fn step(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            if let Some(record) = self.merge.take() {
                return Ok(Some(record));
            }
            if self.merge.is_over() {
                self.tell();
                self.tally.end(&self.input);
                return Ok(None);
            }
            let now = self.now_ms();
            for call in self.merge.calls() {
                self.calls.spawn_on(made(self.service.clone(), call, now), self.runtime.handle());
            }
            let Some(ended) = unless_stopped(&self.runtime, &self.tally, self.calls.join_next()) else { return Ok(None) };
            let Some(ended) = ended else { return Err(self.failed("no call is under way, and the stream is not at its end".to_owned())) };
            let (call, result) = ended.map_err(|e| self.failed(format!("a call ended unexpectedly: {e}")))?;
            self.answered(call, result)?;
        }
    }

    fn answered(&mut self, call: Call, result: Result<Reply, Refusal>) -> Result<(), ReadError> {
        let now = self.now_ms();
        let refusal = match result {
            Ok(reply) => {
                self.patience.remove(&call.shard);
                match reply {
                    Reply::Iterator(iterator) => self.merge.opened(&call.shard, iterator, now),
                    Reply::Records(answer) => self.merge.answered(&call.shard, answer, now),
                }
                return Ok(());
            }
            Err(refusal) => refusal,
        };
        match &refusal {
            // The shards were listed a moment ago: this one has expired since.
            Refusal::Missing(_) => {
                self.tally.note(format!("{}: shard {} is gone: it expired before it was read to its end", self.input, call.shard));
                self.merge.gone(&call.shard);
                return Ok(());
            }
            Refusal::Invalid(_) if call.iterator.is_none() && self.merge.restart(&call.shard) => {
                let what = "records expired before they were read; reading goes on with the oldest there is";
                self.tally.note(format!("{}: shard {}: {what}", self.input, call.shard));
                return Ok(());
            }
            _ => {}
        }
        let seed = now.wrapping_add(self.patience.len() as u64);
        let patience = self.patience.entry(call.shard.clone()).or_insert_with(|| Patience::new(seed));
        match patience.refused(&refusal) {
            Some(wait_ms) => {
                // An iterator that expired is no fault: a new one costs one call.
                self.merge.later(call, refusal == Refusal::Expired, now + wait_ms);
                Ok(())
            }
            None => Err(self.failed(words(&refusal).to_owned())),
        }
    }

    fn failed(&self, why: String) -> ReadError {
        failed(&self.source, &self.input, Sequence::default(), why)
    }

    fn tell(&mut self) {
        self.tally.read(&self.input, std::mem::take(&mut self.untold), self.merge.reached_ms());
    }
}

impl Iterator for History {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over || self.tally.stopped() {
            self.tell();
            return None;
        }
        let step = self.step();
        self.over = !matches!(step, Ok(Some(_)));
        self.untold += u64::from(!self.over);
        if self.over || self.untold >= TELL_EVERY {
            self.tell();
        }
        step.transpose()
    }
}

/// All shards, however often the service must be asked.
fn list(runtime: &Runtime, service: &Service, tally: &Tally) -> Result<Listing, String> {
    let mut patience = Patience::new(now_ms().unsigned_abs());
    loop {
        let stopped = || "it was stopped before it began".to_owned();
        let refusal = match unless_stopped(runtime, tally, service.list()).ok_or_else(stopped)? {
            Ok(listing) => return Ok(listing),
            Err(refusal) => refusal,
        };
        let wait_ms = patience.refused(&refusal).ok_or_else(|| words(&refusal).to_owned())?;
        pause(runtime, tally, wait_ms).ok_or_else(stopped)?;
    }
}

/// Makes a call when it is due.
async fn made(service: Service, call: Call, now_ms: u64) -> Ended {
    tokio::time::sleep(Duration::from_millis(call.due_ms.saturating_sub(now_ms))).await;
    let result = match call.iterator.clone() {
        None => service.open(&call.shard, call.from.clone()).await.map(Reply::Iterator),
        Some(iterator) => service.fetch(&call.shard, iterator, call.limit).await.map(Reply::Records),
    };
    (call, result)
}
