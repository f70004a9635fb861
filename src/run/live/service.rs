//! The loop: what readers found goes into the log, what the log asks for goes to the sinks, what they answer goes to the cursors.
//!
//! Owns the order of a turn and the end of a run. Never decides about events or alerts. Back-pressure is whether the channel of
//! the readers is emptied: not while a round waits for the store, and not while [`PAGES_MAX`] pages wait for their sinks.

use super::delivery::{Answer, Lanes};
use super::engine::{Applied, Engine};
use super::generation::Generation;
use super::reading::{Fetched, FromReader, Readers};
use super::report::Reporter;
use super::snapshots::Written;
use crate::io::clock::Stopwatch;
use crate::io::port::StoreError;
use crate::io::signal::Signal;
use crossbeam_channel::{Receiver, never, select};
use std::time::Duration;
use tidegate_core::pipeline::Books;

/// Most batches of readers in one round.
const ROUND_MAX: usize = 64;
/// Sources are not read while this many deliveries of page lanes wait.
pub const PAGES_MAX: u64 = 10_000;
/// Longest wait for something to do.
const TURN: Duration = Duration::from_millis(200);
/// After a stop, readers have this long to hand over what they hold.
const DRAIN: Duration = Duration::from_secs(2);
/// After a stop, sinks have this long to take what waits for them.
const DELIVER: Duration = Duration::from_secs(4);
/// After the end of all sources, sinks have this long: twice the longest wait of a lane.
const PATIENCE: Duration = Duration::from_secs(60);
/// After a stop, snapshots may take this long: without them the next start applies more of the log again.
const SNAPSHOT: Duration = Duration::from_secs(3);
/// A store that could not take a round is asked again after this, then twice as long each time up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(5);

/// A running service.
#[derive(Debug)]
pub struct Service {
    /// Log and Pipelines.
    pub engine: Engine,
    /// Sources.
    pub readers: Readers,
    /// Sinks.
    pub lanes: Lanes,
    /// What the operator asks for.
    pub signals: Receiver<Signal>,
    /// New generations, as they are loaded.
    pub generations: Receiver<Box<Generation>>,
    /// What was asked of the quarantine, and notes beside the log.
    pub desk: super::desk::Desk,
    /// What is told of all this.
    pub reporter: Reporter,
    /// How often the lease is renewed.
    pub renew_every: Duration,
}

/// How a run ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ending {
    /// It was asked to stop; else every source ended.
    pub stopped: bool,
    /// Sources that could not go on, in words.
    pub failed: Vec<String>,
    /// Deliveries that no sink has taken: they are sent at the next start.
    pub outstanding: u64,
    /// What was read last could not be written into the log.
    pub unwritten: bool,
    /// The books at the end.
    pub books: Books,
}

/// What the loop remembers between turns.
struct Turns {
    open: usize,
    failed: Vec<String>,
    stopped: bool,
    stopping: Option<Stopwatch>,
    renewed: Stopwatch,
    retry: Option<(Stopwatch, Duration)>,
    /// Since when nothing more can be read.
    ended: Option<Stopwatch>,
    /// A generation whose control waits for the store.
    changing: Option<Box<Generation>>,
}

impl Service {
    /// Runs until every source has ended or a stop is asked for; then what was read is in the log, snapshots stand at its head and
    /// the sinks had time to take what waits.
    ///
    /// # Errors
    /// [`StoreError`]: the store is another's, or cannot be read.
    pub fn run(mut self, sources: usize) -> Result<Ending, StoreError> {
        let renewed = Stopwatch::start();
        let mut turns =
            Turns { open: sources, failed: Vec::new(), stopped: false, stopping: None, renewed, retry: None, ended: None, changing: None };
        while !turns.over(&self.engine) {
            self.engine.send(&mut self.lanes);
            self.wait(&mut turns)?;
            let done = self.tend(&mut turns);
            self.survive(&mut turns, done)?;
            self.reporter.tell(&self.engine, self.desk.quarantine_items());
        }
        self.finish(turns)
    }

    /// Waits for the next thing to do, and does it.
    fn wait(&mut self, turns: &mut Turns) -> Result<(), StoreError> {
        let full = turns.open == 0 || self.engine.blocked() || self.engine.pages_waiting() >= PAGES_MAX;
        let (nothing, unchanged) = (never(), never());
        let found = if full { &nothing } else { &self.readers.found };
        // A generation that cannot go into the log yet stays where it is; the loader replaces it by a newer one.
        let generations = if self.engine.blocked() { &unchanged } else { &self.generations };
        let done = select! {
            recv(found) -> found => found.map_or(Ok(()), |found| self.found(turns, found)),
            recv(self.lanes.answers) -> answer => answer.map_or(Ok(()), |answer| self.answered(answer)),
            recv(self.signals) -> signal => { self.signal(turns, signal.ok()); Ok(()) },
            recv(generations) -> generation => generation.map_or(Ok(()), |generation| self.change(turns, generation)),
            default(TURN) => self.settle(),
        };
        self.survive(turns, done)
    }

    /// What is due at every turn, whether something came or not.
    fn tend(&mut self, turns: &mut Turns) -> Result<(), StoreError> {
        if turns.renewed.elapsed() >= self.renew_every {
            self.engine.renew()?;
            turns.renewed = Stopwatch::start();
        }
        if self.engine.blocked() {
            if turns.retry.is_some_and(|(since, wait)| since.elapsed() < wait) {
                return Ok(());
            }
            let applied = self.engine.write()?;
            if let Some(generation) = turns.changing.take() {
                self.reporter.changed(&generation, applied.as_ref());
            }
            self.reporter.applied(applied);
        }
        self.engine.acknowledge()?;
        if let Some(redriven) = self.desk.redriven(&self.engine)? {
            redriven.again.into_iter().for_each(|(lane, item, delivery)| self.engine.send_again(lane, item, delivery));
            if !redriven.ids.is_empty() {
                self.append(redriven.found, redriven.ids)?;
            }
        }
        while self.engine.pending() && !self.engine.blocked() {
            self.append(Vec::new(), Vec::new())?;
        }
        if let Some(written) = self.engine.snapshot() {
            self.sealed(written)?;
        }
        self.desk.note(&self.engine)?;
        if turns.retry.take().is_some() {
            self.reporter.recovered();
            self.lanes.hurry();
        }
        Ok(())
    }

    /// A store that is unavailable is alarmed and tried again; everything else ends the run.
    fn survive(&mut self, turns: &mut Turns, done: Result<(), StoreError>) -> Result<(), StoreError> {
        match done {
            Err(StoreError::Unavailable(why)) => {
                let wait = turns.retry.map_or(RETRY, |(_, wait)| (wait * 2).min(RETRY_MAX));
                turns.retry = Some((Stopwatch::start(), wait));
                self.reporter.unavailable(&why, self.engine.archived().is_some_and(|archive| archive.failing));
                Ok(())
            }
            other => other,
        }
    }

    /// Takes what readers found, this and what came right behind it, into one round.
    fn found(&mut self, turns: &mut Turns, first: FromReader) -> Result<(), StoreError> {
        let mut fetched: Vec<Fetched> = Vec::new();
        let more = self.readers.found.clone();
        for found in std::iter::once(first).chain(more.try_iter().take(ROUND_MAX)) {
            match found {
                FromReader::Batch(batch) => fetched.push(*batch),
                FromReader::Ended(source, end) => {
                    turns.open = turns.open.saturating_sub(1);
                    self.engine.ended(source);
                    self.reporter.ended(source, &end);
                    turns.failed.extend(end.err());
                }
            }
        }
        if turns.open == 0 {
            turns.ended.get_or_insert_with(Stopwatch::start);
        }
        self.reporter.fetched(&fetched);
        self.append(fetched, Vec::new())
    }

    /// Nothing comes: what only rounds bring further is brought to its end.
    fn settle(&mut self) -> Result<(), StoreError> {
        while (self.engine.pending() || self.engine.lagging()) && !self.engine.blocked() {
            self.append(Vec::new(), Vec::new())?;
        }
        Ok(())
    }

    fn append(&mut self, fetched: Vec<Fetched>, redriven: Vec<i64>) -> Result<(), StoreError> {
        let applied: Option<Applied> = self.engine.append(fetched, redriven)?;
        self.reporter.applied(applied);
        Ok(())
    }

    fn answered(&mut self, mut answer: Answer) -> Result<(), StoreError> {
        let lane = &mut self.lanes.lanes[answer.lane];
        lane.answered(&answer);
        self.reporter.answered(&lane.name, &answer, lane.held());
        let redriven = std::mem::take(&mut answer.redriven);
        let refused = self.engine.answered(lane, answer);
        self.reporter.refused(&lane.name, &refused);
        self.engine.acknowledge()?;
        self.desk.settle(redriven)
    }

    /// A snapshot that does not stand is missed by nobody but the next start, unless the store is another's.
    fn sealed(&self, written: Written) -> Result<(), StoreError> {
        self.reporter.sealed(&written);
        match written.done {
            Err(error @ StoreError::Fenced(_)) => Err(error),
            _ => Ok(()),
        }
    }

    fn change(&mut self, turns: &mut Turns, generation: Box<Generation>) -> Result<(), StoreError> {
        tracing::trace!(target: "window", "reloading");
        self.readers.switch(generation.intakes.clone());
        self.desk.switch(generation.intakes.clone());
        match self.engine.change(&generation) {
            Ok(applied) => {
                tracing::trace!(target: "window", "reloaded");
                self.reporter.changed(&generation, applied.as_ref());
                self.reporter.applied(applied);
                Ok(())
            }
            Err(error) => {
                turns.changing = Some(generation);
                Err(error)
            }
        }
    }

    fn signal(&mut self, turns: &mut Turns, signal: Option<Signal>) {
        match signal {
            Some(Signal::Reload) => self.desk.ask_reload(),
            Some(Signal::Stop) | None => {
                self.reporter.stopping();
                self.readers.stop();
                turns.stopped = true;
                turns.stopping.get_or_insert_with(Stopwatch::start);
            }
        }
    }

    /// The end: everything read is appended, snapshots stand at the head, sinks take what they can in the time there is.
    fn finish(mut self, mut turns: Turns) -> Result<Ending, StoreError> {
        self.readers.stop();
        let clock = Stopwatch::start();
        let done = self.tend(&mut turns).and_then(|()| self.settle()).and_then(|()| self.conclude(&turns));
        self.survive(&mut turns, done)?;
        for written in self.engine.snapshot_all(SNAPSHOT) {
            self.sealed(written)?;
        }
        while clock.elapsed() < DELIVER && self.engine.outstanding() > 0 {
            self.engine.send(&mut self.lanes);
            if let Ok(answer) = self.lanes.answers.recv_timeout(TURN) {
                let done = self.answered(answer);
                self.survive(&mut turns, done)?;
            }
        }
        let done = self.engine.acknowledge().and_then(|()| self.desk.note_at_last(&self.engine));
        self.survive(&mut turns, done)?;
        self.reporter.archived(self.engine.close_archive());
        self.readers.join();
        let (outstanding, unwritten, books) = (self.engine.outstanding(), self.engine.blocked(), self.engine.machine().books());
        Ok(Ending { stopped: turns.stopped, failed: turns.failed, outstanding, unwritten, books })
    }
}

impl Service {
    /// Where every source has ended, nothing will come that could bring held documents out.
    fn conclude(&mut self, turns: &Turns) -> Result<(), StoreError> {
        if turns.open > 0 || self.engine.blocked() {
            return Ok(());
        }
        let applied = self.engine.conclude()?;
        self.reporter.applied(applied);
        Ok(())
    }
}

impl Turns {
    /// Whether nothing more will be done in turns. Where nobody asked for a stop, what was read goes into the log first, however
    /// long that takes (a stream could not give it again), and sinks are waited for.
    fn over(&self, engine: &Engine) -> bool {
        let patient = |since: Stopwatch| since.elapsed() < PATIENCE && self.stopping.is_none() && engine.outstanding() > 0;
        (!engine.blocked() && self.ended.is_some_and(|since| !patient(since)))
            || self.stopping.is_some_and(|since| since.elapsed() >= DRAIN)
    }
}
