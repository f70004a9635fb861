//! The engine: log first, then act. Batches become one round of entries, a round is made durable, then applied; what it asks for
//! goes to the lanes, what the lanes answer goes to the cursors.
//!
//! Owns the store, the machine and how far reading has come. Never reads, waits or sends. If the store cannot take a round, the
//! round is kept and tried again: until then nothing else is appended, so that nothing is lost and nothing overtakes it.

use super::delivery::{Answer, Job, Lane, Lanes, Origin};
use super::generation::Generation;
use super::progress::Shards;
use super::reading::{Fetched, Intakes};
use super::snapshots::{Snapshots, Written};
use crate::io::archive::{Archive, Packed};
use crate::io::clock::Stopwatch;
use crate::io::port::{Append, Delivery, Outcome, ReadPosition, Refusal, RuleFiles, Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::pipeline::{Action, Batch, Control, Due, Entry, LaneKind, Machine, Quarantined, Reload, UPDATE_EVERY_MS, Verdict};

/// Documents handed to a sink at once.
const DOCUMENTS_MAX: usize = 200;
/// A watermark that moved less than this and carries nothing else waits for the next round.
const QUIET_MS: i64 = 1_000;

/// A round that is to be appended.
#[derive(Debug)]
struct Round {
    entries: Vec<Entry>,
    positions: Vec<ReadPosition>,
    quarantined: Vec<Quarantined>,
    redriven: Vec<i64>,
    rules: Option<RuleFiles>,
    /// What goes into the archive first.
    archived: Vec<Packed>,
}

impl Round {
    /// One that carries entries only.
    fn of(entries: Vec<Entry>) -> Self {
        Round { entries, positions: Vec::new(), quarantined: Vec::new(), redriven: Vec::new(), rules: None, archived: Vec::new() }
    }
}

/// What a round did, for the program's log.
#[derive(Debug, Default)]
pub struct Applied {
    /// Its position.
    pub position: u64,
    /// Time the store took.
    pub append: Duration,
    /// Time the Pipelines took.
    pub apply: Duration,
    /// What changed about the rules.
    pub reload: Option<Reload>,
    /// What went into the outboxes.
    pub actions: Vec<Action>,
}

/// What this process put into the archive.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveCounts {
    /// Records.
    pub records: u64,
    /// Bytes of the records.
    pub bytes: u64,
    /// Bytes written, compressed.
    pub written: u64,
    /// Writes that failed; each was tried again.
    pub failures: u64,
    /// The last one failed: nothing is read until it can be written.
    pub failing: bool,
}

/// The durable machine.
pub struct Engine {
    pub(super) store: Box<dyn Store>,
    pub(super) machine: Machine,
    pub(super) head: u64,
    pub(super) shards: Shards,
    pub(super) intakes: Arc<Intakes>,
    pub(super) snapshots: Snapshots,
    unwritten: Option<Round>,
    /// Cursors that moved and are not stored: (Pipeline, lane).
    moved: BTreeSet<(u16, Arc<str>)>,
    /// What sinks refused and the quarantine does not hold yet: no cursor and no snapshot passes it before.
    refused: Vec<Refusal>,
    /// Items of the quarantine that are to be sent again, by lane.
    again: BTreeMap<Arc<str>, Vec<Job>>,
    archive: Option<Archive>,
    archive_counts: ArchiveCounts,
    arrival_ms: i64,
    quiet_ms: i64,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("head", &self.head).field("machine", &self.machine).finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine over what a restart found.
    #[must_use]
    pub(super) fn new(
        store: Box<dyn Store>,
        machine: Machine,
        head: u64,
        shards: Shards,
        intakes: Arc<Intakes>,
        snapshots: Snapshots,
    ) -> Self {
        // A lane that is new begins where its first cursor says: it is stored before anything is sent.
        let lanes = |p: u16| machine.outbox(p).lanes().map(move |(name, _)| (p, Arc::clone(name))).collect::<Vec<_>>();
        let moved = (0..machine.pipelines().len() as u16).flat_map(lanes).collect();
        Engine {
            store,
            machine,
            head,
            shards,
            intakes,
            snapshots,
            unwritten: None,
            moved,
            refused: Vec::new(),
            again: BTreeMap::new(),
            archive: None,
            archive_counts: ArchiveCounts::default(),
            arrival_ms: 0,
            quiet_ms: i64::MIN,
        }
    }

    /// From here on records go into an archive before their positions go into the log.
    pub fn archive(&mut self, archive: Archive) {
        self.archive = Some(archive);
    }

    /// What was put into the archive; `None`: there is none.
    #[must_use]
    pub fn archived(&self) -> Option<ArchiveCounts> {
        self.archive.as_ref().map(|_| self.archive_counts)
    }

    /// Ends the segments of the archive.
    ///
    /// # Errors
    /// In words. What was put is there all the same.
    pub fn close_archive(&mut self) -> Result<(), String> {
        self.archive.as_mut().map_or(Ok(()), Archive::close)
    }

    /// The machine, to look at.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// The last position of the log.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.head
    }

    /// Whether a round waits for the store.
    #[must_use]
    pub fn blocked(&self) -> bool {
        self.unwritten.is_some()
    }

    /// Whether a round is due though nothing was read.
    #[must_use]
    pub fn pending(&self) -> bool {
        self.machine.pending()
    }

    /// Whether rules over rules wait for a round though nothing was read.
    #[must_use]
    pub fn lagging(&self) -> bool {
        self.machine.lagging()
    }

    /// Notes that a source ended for ever.
    pub fn ended(&mut self, source: usize) {
        self.shards.finish(source);
    }

    /// Takes what readers found into one round, appends and applies it. Nothing is done where nothing is worth a round.
    ///
    /// # Errors
    /// [`StoreError`]: the round is kept; see [`Engine::write`].
    pub fn append(&mut self, fetched: Vec<Fetched>, redriven: Vec<i64>) -> Result<Option<Applied>, StoreError> {
        assert!(self.unwritten.is_none(), "a round that waits for the store goes first");
        let mut batch = Batch { rules: Some(self.intakes.rules), ..Batch::default() };
        let (mut positions, mut quarantined, mut archived) = (Vec::new(), Vec::new(), Vec::new());
        for mut one in fetched {
            if one.rules != self.intakes.rules {
                one.match_again(&self.intakes);
            }
            let note = |progress| self.shards.note(one.source, &one.shard, progress, one.gathered.arrival_ms);
            let come = one.progress.and_then(note).max(one.gathered.arrival_ms);
            self.arrival_ms = self.arrival_ms.max(come.unwrap_or(0));
            batch.counts.add(&one.gathered.counts);
            batch.detections.extend(one.gathered.detections);
            quarantined.extend(one.gathered.quarantined);
            positions.extend(one.position);
            archived.extend(one.archived);
        }
        batch.watermarks = self.shards.watermarks();
        batch.arrival_ms = self.arrival_ms;
        let lowest = batch.watermarks.iter().map(|(_, ms)| *ms).min().unwrap_or(i64::MIN);
        let read = !(positions.is_empty() && quarantined.is_empty() && archived.is_empty());
        let quiet = batch.detections.is_empty() && !read && redriven.is_empty();
        let due = self.machine.pending() || self.machine.lagging();
        if quiet && !due && lowest < self.quiet_ms.saturating_add(QUIET_MS) {
            return Ok(None);
        }
        self.quiet_ms = lowest;
        let entries = self.machine.propose(batch);
        self.unwritten = Some(Round { positions, quarantined, redriven, archived, ..Round::of(entries) });
        self.write()
    }

    /// All input has ended: what waits for its time to be indexed again does not wait for more.
    ///
    /// # Errors
    /// [`StoreError`]: the round is kept; see [`Engine::write`].
    pub fn conclude(&mut self) -> Result<Option<Applied>, StoreError> {
        assert!(self.unwritten.is_none(), "a round that waits for the store goes first");
        self.arrival_ms += UPDATE_EVERY_MS;
        let batch = Batch { watermarks: self.shards.watermarks(), arrival_ms: self.arrival_ms, ..Batch::default() };
        let entries = self.machine.propose(batch);
        self.unwritten = Some(Round::of(entries));
        self.write()
    }

    /// Puts another generation in force, as an entry of the log.
    ///
    /// # Errors
    /// [`StoreError`]: the round is kept; see [`Engine::write`].
    pub fn change(&mut self, generation: &Generation) -> Result<Option<Applied>, StoreError> {
        assert!(self.unwritten.is_none(), "a round that waits for the store goes first");
        self.machine.learn(&generation.rules);
        self.intakes = generation.intakes.clone();
        let control: Control = generation.control.clone();
        let batch = Batch { control: Some(control), watermarks: self.shards.watermarks(), arrival_ms: self.arrival_ms, ..Batch::default() };
        let entries = self.machine.propose(batch);
        let rules = Some(generation.files.clone());
        self.unwritten = Some(Round { rules, ..Round::of(entries) });
        self.write()
    }

    /// Appends the round that waits, if one does, and applies it.
    ///
    /// # Errors
    /// [`StoreError`]: it still waits.
    pub fn write(&mut self) -> Result<Option<Applied>, StoreError> {
        self.put_archive()?;
        let Some(round) = &self.unwritten else { return Ok(None) };
        let position = self.head + 1;
        let append = Append {
            position,
            entries: &round.entries,
            positions: &round.positions,
            quarantined: &round.quarantined,
            redriven: &round.redriven,
            rules: round.rules.as_ref(),
        };
        tracing::trace!(target: "window", position, "appending");
        let clock = Stopwatch::start();
        self.store.append(&append)?;
        let appended = clock.elapsed();
        tracing::trace!(target: "window", position, "appended");
        let Some(round) = self.unwritten.take() else { return Ok(None) };
        self.head = position;
        let clock = Stopwatch::start();
        let effects = self.machine.apply(position, &round.entries);
        let apply = clock.elapsed();
        tracing::trace!(target: "window", position, "applied");
        self.snapshots.applied(apply);
        let actions = effects.into_iter().map(|(_, effect)| effect.action).collect();
        Ok(Some(Applied { position, append: appended, apply, reload: self.machine.reloaded().cloned(), actions }))
    }

    /// Puts the records of the round that waits into the archive, once.
    fn put_archive(&mut self) -> Result<(), StoreError> {
        let (Some(archive), Some(round)) = (&mut self.archive, &mut self.unwritten) else { return Ok(()) };
        let size = |packed: &[Packed]| {
            packed.iter().fold((0, 0, 0), |(r, b, w), one| (r + one.records, b + one.bytes, w + one.member.len() as u64))
        };
        let before = size(&round.archived);
        let done = archive.put(&mut round.archived);
        let left = size(&round.archived);
        let counts = &mut self.archive_counts;
        counts.records += before.0 - left.0;
        counts.bytes += before.1 - left.1;
        counts.written += before.2 - left.2;
        counts.failing = done.is_err();
        counts.failures += u64::from(done.is_err());
        done.map_err(StoreError::Unavailable)
    }

    /// Gives every free lane what is due: a batch, and full ones beside it while the lane has room.
    pub fn send(&mut self, lanes: &mut Lanes) {
        for lane in &mut lanes.lanes {
            // Which pages a crash may repeat is told by the cursor: none goes before the answers to the last are noted.
            if lane.pages && self.moved.iter().any(|(_, name)| *name == lane.name) {
                continue;
            }
            while lane.free() && (lane.under_way() == 0 || self.ready(lane) >= DOCUMENTS_MAX) {
                let jobs = self.batch(lane);
                if jobs.is_empty() {
                    break;
                }
                lane.give(jobs);
            }
        }
    }

    /// About how many deliveries could go.
    fn ready(&self, lane: &Lane) -> usize {
        let of = |pipeline: u16| {
            let outbox = self.machine.outbox(pipeline);
            outbox.waiting(&lane.name).saturating_sub(outbox.under_way(&lane.name))
        };
        (0..self.machine.pipelines().len() as u16).map(of).sum::<usize>().saturating_sub(lane.held())
    }

    fn batch(&mut self, lane: &Lane) -> Vec<Job> {
        let mut jobs: Vec<Job> = self.again.remove(&lane.name).unwrap_or_default();
        let holds = lane.holds();
        for pipeline in 0..self.machine.pipelines().len() as u16 {
            let room = DOCUMENTS_MAX.saturating_sub(jobs.len());
            let due = self.machine.outbox_mut(pipeline).due_but(&lane.name, room, &|number| holds((pipeline, number)));
            if !due.is_empty() {
                tracing::trace!(target: "window", pipeline, lane = &*lane.name, deliveries = due.len(), "sending");
            }
            jobs.extend(due.into_iter().map(|due| job(pipeline, due)));
        }
        jobs
    }

    /// Queues an item of the quarantine for its lane.
    pub fn send_again(&mut self, lane: Arc<str>, item: i64, delivery: Delivery) {
        self.again.entry(lane).or_default().push(Job { origin: Origin::Quarantine(item), delivery });
    }

    /// Notes what a sink answered; gives what it refused for good.
    pub fn answered(&mut self, lane: &Lane, answer: Answer) -> Vec<(u16, String)> {
        let mut refused = Vec::new();
        self.refused.extend(answer.refused);
        for (pipeline, number, outcome) in answer.outcomes {
            let verdict = match outcome {
                Outcome::Taken => Verdict::Taken,
                Outcome::Again(_) => Verdict::Again,
                Outcome::Unknown(_) => Verdict::Unknown,
                Outcome::Refused(why) => {
                    refused.push((pipeline, why));
                    Verdict::Refused
                }
            };
            self.machine.outbox_mut(pipeline).acknowledge(&lane.name, number, verdict);
            if matches!(verdict, Verdict::Taken | Verdict::Refused) {
                self.moved.insert((pipeline, lane.name.clone()));
            }
        }
        refused
    }

    /// Stores what was refused, then the cursors that moved.
    ///
    /// # Errors
    /// [`StoreError`]: what is not stored yet stays noted.
    pub fn acknowledge(&mut self) -> Result<(), StoreError> {
        if !self.refused.is_empty() {
            self.store.refuse(&self.refused)?;
            self.refused.clear();
        }
        while let Some((pipeline, lane)) = self.moved.first().cloned() {
            if let Some(cursor) = self.machine.outbox(pipeline).cursor(&lane) {
                tracing::trace!(target: "window", pipeline, lane = &*lane, "acknowledging");
                self.store.acknowledge(pipeline, &lane, &cursor)?;
                tracing::trace!(target: "window", pipeline, lane = &*lane, "acknowledged");
            }
            self.moved.pop_first();
        }
        Ok(())
    }

    /// Begins a snapshot, if one is due; gives what became of the last.
    pub fn snapshot(&mut self) -> Option<Written> {
        let written = self.snapshots.written();
        if let Some(pipeline) = self.snapshots.due(self.head) {
            self.begin_snapshot(pipeline);
        }
        written
    }

    /// Snapshots of all Pipelines at the head of the log, for a clean stop, as far as they can be written in this time.
    pub fn snapshot_all(&mut self, most: Duration) -> Vec<Written> {
        let clock = Stopwatch::start();
        let left = || most.saturating_sub(clock.elapsed());
        let mut all: Vec<Written> = self.snapshots.wait(left()).into_iter().collect();
        for pipeline in 0..self.machine.pipelines().len() as u16 {
            if self.head > 0 && !self.snapshots.covers(pipeline, self.head) && !left().is_zero() {
                self.begin_snapshot(pipeline);
                all.extend(self.snapshots.wait(left()));
            }
        }
        all
    }

    fn begin_snapshot(&mut self, pipeline: u16) {
        if !self.refused.is_empty() {
            return;
        }
        tracing::trace!(target: "window", pipeline, position = self.head, "snapshot");
        let bytes = self.machine.snapshot(pipeline);
        self.snapshots.begin(pipeline, self.head, bytes);
    }

    /// Renews the owner's lease.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn renew(&mut self) -> Result<(), StoreError> {
        self.store.renew()
    }

    /// Pages that no sink has taken.
    #[must_use]
    pub fn pages_waiting(&self) -> u64 {
        self.waiting(LaneKind::is_page)
    }

    /// Documents and pages that no sink has answered for.
    #[must_use]
    pub fn outstanding(&self) -> u64 {
        self.waiting(|_| true)
    }

    fn waiting(&self, wanted: fn(LaneKind) -> bool) -> u64 {
        let of = |pipeline: u16| {
            let outbox = self.machine.outbox(pipeline);
            outbox.lanes().filter(|(_, kind)| wanted(*kind)).map(|(name, _)| outbox.counts(name).waiting).sum::<u64>()
        };
        (0..self.machine.pipelines().len() as u16).map(of).sum()
    }
}

fn job(pipeline: u16, due: Due) -> Job {
    let Due { number, alert, version, place, document, repeated } = due;
    Job { origin: Origin::Outbox(pipeline, number), delivery: Delivery { alert, version, route: place, document, repeated } }
}
