//! Restart: the newest snapshot of every Pipeline that can be used, then the log behind it. The same effects come out with the
//! same numbers; what the cursors know is dropped, the rest is sent.
//!
//! Owns the order of a start. Never decides: a log that cannot be applied is an error with a remedy, never a silent new start.

use super::engine::Engine;
use super::generation::{Generation, kept_rules};
use super::progress::Shards;
use super::snapshots::Snapshots;
use crate::io::clock::Stopwatch;
use crate::io::port::{ReadPosition, Recovered, Store, StoreError};
use crossbeam_channel::bounded;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::event::GenericSource;
use tidegate_core::pipeline::{Entry, LaneKind, Machine, Mode, Remains, Rules};

/// What a start needs beside the store.
#[derive(Debug)]
pub struct Plan {
    /// Pipelines of a new store; one that exists keeps its own.
    pub pipelines: u16,
    /// Lanes of the sinks.
    pub lanes: Vec<(Arc<str>, LaneKind)>,
    /// Sources, in order: what feeds the watermarks.
    pub shards: Shards,
    /// Stated logsources.
    pub generic: Vec<GenericSource>,
    /// At latest so often a snapshot.
    pub snapshot_every: Duration,
    /// How often the lease is renewed, also while the log is applied again.
    pub renew_every: Duration,
}

/// What a start found.
#[derive(Debug)]
pub struct Started {
    /// The engine, at the head of its log.
    pub engine: Engine,
    /// Where the sources go on.
    pub resume: Vec<ReadPosition>,
    /// Positions applied again.
    pub again: u64,
    /// How long that took.
    pub took: Duration,
    /// What was damaged and left out, in words.
    pub warnings: Vec<String>,
}

/// Brings the machine back to where its log ends. `beside` is another connection to the same store, for snapshots.
///
/// # Errors
/// [`StoreError`]: the store cannot be read, or what it holds cannot be applied.
pub fn start(mut store: Box<dyn Store>, mut beside: Box<dyn Store>, plan: Plan, generation: &Generation) -> Result<Started, StoreError> {
    let clock = Stopwatch::start();
    tracing::trace!(target: "window", "restarting");
    let mut recovered = store.recover()?;
    if recovered.pipelines == 0 {
        store.set_pipelines(plan.pipelines)?;
        recovered = Recovered { pipelines: plan.pipelines, ..recovered };
    }
    let mut known = Known { generic: &plan.generic, sets: BTreeMap::from([(generation.rules.set.digest, generation.rules.clone())]) };
    let images = images(store.as_mut(), &mut recovered)?;
    for image in images.iter().flatten() {
        let digest = Machine::snapshot_rules(image).map_err(unusable)?;
        digest.map(|digest| known.need(store.as_mut(), &digest)).transpose()?;
    }
    let cursors = |p: usize| recovered.cursors.get(p).map_or(&[][..], Vec::as_slice);
    let remains: Vec<Remains<'_>> =
        images.iter().enumerate().map(|(p, image)| Remains { snapshot: image.as_deref(), cursors: cursors(p) }).collect();
    let sets: Vec<Arc<Rules>> = known.sets.values().cloned().collect();
    let mut machine = Machine::restore(&sets, Mode::AtOnce, &plan.lanes, &remains, recovered.head).map_err(unusable)?;
    let from = machine.next_position().max(1);
    let taken = machine.pipelines().iter().map(|p| p.next_position().saturating_sub(1)).collect();
    let applying = Stopwatch::start();
    catch_up(store.as_mut(), beside.as_mut(), &mut machine, &mut known, from..=recovered.head, plan.renew_every)?;
    machine.resume();
    tracing::trace!(target: "window", position = recovered.head, "caught up");
    // What was applied again is not in a snapshot yet: a service that dies again and again must not have more of it every time.
    let mut snapshots = Snapshots::new(plan.snapshot_every, taken, beside);
    snapshots.applied(applying.elapsed());
    let engine = Engine::new(store, machine, recovered.head, plan.shards, generation.intakes.clone(), snapshots);
    let again = (recovered.head + 1).saturating_sub(from);
    Ok(Started { engine, resume: recovered.positions, again, took: clock.elapsed(), warnings: recovered.warnings })
}

/// The newest usable snapshot of each Pipeline.
fn images(store: &mut dyn Store, recovered: &mut Recovered) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
    let mut images = Vec::new();
    for pipeline in 0..recovered.pipelines {
        let mut image = None;
        for position in recovered.snapshots.get(usize::from(pipeline)).cloned().unwrap_or_default() {
            match store.snapshot(pipeline, position) {
                Ok(bytes) => {
                    image = Some(bytes);
                    break;
                }
                Err(StoreError::Unreadable(why)) => recovered.warnings.push(why),
                Err(other) => return Err(other),
            }
        }
        images.push(image);
    }
    Ok(images)
}

/// Positions that are read and decoded ahead of the one that is applied.
const AHEAD: usize = 64;

/// One position of the log: an entry per Pipeline, none where its log was cut.
type Position = Vec<Option<Entry>>;

/// Applies these positions again, in order. Another thread reads and decodes ahead, over the other connection: applying is the
/// longer half, and only it must wait for itself.
fn catch_up(
    store: &mut dyn Store,
    beside: &mut dyn Store,
    machine: &mut Machine,
    known: &mut Known<'_>,
    positions: RangeInclusive<u64>,
    renew_every: Duration,
) -> Result<(), StoreError> {
    let (pipelines, first) = (machine.pipelines().len() as u16, *positions.start());
    std::thread::scope(|scope| {
        let (ahead, read) = bounded::<Result<Position, StoreError>>(AHEAD);
        scope.spawn(move || {
            let all = positions.map(|position| read_position(beside, pipelines, position));
            // Nobody waits for more once one could not be applied.
            all.map(|one| ahead.send(one)).find(Result::is_err)
        });
        let mut renewed = Stopwatch::start();
        for (position, entries) in (first..).zip(read) {
            tracing::trace!(target: "window", position, "catching up");
            if renewed.elapsed() >= renew_every {
                store.renew()?;
                renewed = Stopwatch::start();
            }
            apply_again(store, machine, known, position, &entries?)?;
        }
        Ok(())
    })
}

fn read_position(store: &mut dyn Store, pipelines: u16, position: u64) -> Result<Position, StoreError> {
    let decode = |bytes: Vec<u8>| Entry::decode(&bytes).map_err(|e| unreadable(format!("position {position}: {e}")));
    (0..pipelines).map(|pipeline| store.entry(pipeline, position)?.map(decode).transpose()).collect()
}

fn apply_again(
    store: &mut dyn Store,
    machine: &mut Machine,
    known: &mut Known<'_>,
    position: u64,
    entries: &[Option<Entry>],
) -> Result<(), StoreError> {
    for control in entries.iter().flatten().filter_map(|entry| entry.control.as_ref()) {
        machine.learn(&known.need(store, &control.rules)?);
    }
    machine.reapply(position, entries).map_err(unreadable)?;
    Ok(())
}

/// Rule sets that snapshots and entries name.
struct Known<'a> {
    generic: &'a [GenericSource],
    sets: BTreeMap<[u8; 32], Arc<Rules>>,
}

impl Known<'_> {
    fn need(&mut self, store: &mut dyn Store, digest: &[u8; 32]) -> Result<Arc<Rules>, StoreError> {
        if let Some(rules) = self.sets.get(digest) {
            return Ok(rules.clone());
        }
        let missing = || unreadable("a rule set that it names is not in the state file");
        let files = store.rules(digest)?.ok_or_else(missing)?;
        let rules = Arc::new(kept_rules(&files, self.generic).map_err(unreadable)?);
        self.sets.insert(*digest, rules.clone());
        Ok(rules)
    }
}

fn unusable(error: impl std::fmt::Display) -> StoreError {
    unreadable(error.to_string())
}

fn unreadable(why: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable(format!("the log cannot be applied: {why}"))
}
