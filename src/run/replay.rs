//! History through the same core: read, decode and match on all cores, put in order, apply, finish.
//!
//! History is put in order of arrival first, so that neither file order nor threads can matter. Without arrival stamps (plain
//! files) arrival = event time: nothing is late. Segments of an archive and other records with stamps have the arrival they had. With `--arrival-field` the file's order is the log's order and every record is judged by its
//! own arrival. Limits: detections beyond a million are sorted on disk.

mod archived;
pub mod compare;
mod from_log;
pub mod measure;

pub use archived::Archived;
pub use from_log::LogReplay;

use self::archived::Repeats;
use super::journal::Journal;
use super::outcome::Outcome;
use crate::io::clock::{Stopwatch, process_cpu_seconds};
use crate::io::input::Input;
use crate::io::reader::{ReadError, Reader};
use crate::io::sorter::Sorter;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;
use tidegate_core::decode::Hints;
use tidegate_core::event::time::HOUR_MS;
use tidegate_core::event::{Detection, Position};
use tidegate_core::pipeline::{Batch, Embedded, Entry, Gathered, Intake, ShardMemory};

/// Detections handed to the pipelines at once.
const BATCH: usize = 4096;
/// A watermark trails the largest arrival by this much: arrival stamps are not monotone.
const SLACK_MS: i64 = 10_000;

/// What to replay.
#[derive(Debug)]
pub struct Settings {
    /// What to read.
    pub inputs: Vec<Input>,
    /// Threads that decode.
    pub threads: usize,
    /// Whether records carry arrival stamps: then their order is the log's order.
    pub stamped: bool,
    /// Where sorted runs may be spilled.
    pub scratch: std::path::PathBuf,
    /// Detections sorted in memory; more are sorted on disk.
    pub in_memory: usize,
    /// What is known of the inputs that are segments of an archive.
    pub archived: Archived,
    /// Only detections in this range of event time are applied (margins included).
    pub range_ms: (i64, i64),
}

/// A machine and, where the replay is to be kept, the journal of its log.
#[derive(Debug)]
pub struct Recorded {
    /// The Pipelines.
    pub pipelines: Embedded,
    /// Where their log is kept; `None`: in memory only.
    pub journal: Option<Journal>,
}

/// Told about progress, and asked whether to go on.
pub trait Watcher: Sync {
    /// This many more bytes of input were read.
    fn read(&self, bytes: u64);
    /// Whether the user asked to stop.
    fn stopped(&self) -> bool;
}

/// Runs history through the pipelines.
///
/// # Errors
/// If sorted runs cannot be written or read back, or the journal cannot be kept. A file that cannot be read is noted in the outcome instead.
pub fn replay(intake: &Intake, pipelines: &mut Recorded, settings: &Settings, watcher: &dyn Watcher) -> io::Result<Outcome> {
    let (clock, cpu) = (Stopwatch::start(), process_cpu_seconds());
    let mut outcome = Outcome::default();
    if settings.stamped {
        in_order(intake, pipelines, settings, watcher, &mut outcome)?
    } else {
        sorted(intake, pipelines, settings, watcher, &mut outcome)?
    }
    // A replay that is kept is not ended by a stop: it goes on from its log.
    if !(pipelines.journal.is_some() && watcher.stopped()) {
        apply(pipelines, None, &mut outcome)?;
    }
    outcome.notes.sort();
    outcome.quarantined.sort_by(|a, b| a.position.cmp(&b.position));
    outcome.books = pipelines.pipelines.books();
    outcome.interrupted = watcher.stopped();
    outcome.wall = clock.elapsed();
    outcome.cpu_seconds = process_cpu_seconds() - cpu;
    Ok(outcome)
}

/// What a reading thread sends.
enum Read {
    Batch(Box<Gathered>, Duration),
    Unread(String, ReadError),
    Note(String),
}

impl Read {
    fn arrival_ms(&self) -> Option<i64> {
        match self {
            Read::Batch(gathered, _) => gathered.arrival_ms,
            Read::Unread(..) | Read::Note(_) => None,
        }
    }
}

/// All cores decode; what they found is sorted by arrival and applied.
fn sorted(intake: &Intake, pipelines: &mut Recorded, settings: &Settings, watcher: &dyn Watcher, outcome: &mut Outcome) -> io::Result<()> {
    let mut sorter = Sorter::new(settings.scratch.clone(), settings.in_memory);
    let newest = each_session(intake, settings, watcher, &mut |read| {
        let detections = note(read, pipelines, outcome).into_iter();
        sorter.add(detections.filter(|d| (settings.range_ms.0..settings.range_ms.1).contains(&d.time_ms)).collect())
    })?;
    if pipelines.journal.is_some() && watcher.stopped() {
        return Ok(());
    }
    sorter.drain(BATCH, &mut |detections| hours(detections).into_iter().try_for_each(|batch| apply(pipelines, Some(batch), outcome)))?;
    let rounds = pipelines.pipelines.machine().rounds_to_end();
    up_to(newest, rounds).try_for_each(|batch| apply(pipelines, Some(batch), outcome))
}

/// Reads everything, session by session of an archive. Answers the newest arrival of an archive: everything up to there was read,
/// whether a rule saw it or not. Plain files do not say so: there a forged time would.
fn each_session(
    intake: &Intake,
    settings: &Settings,
    watcher: &dyn Watcher,
    take: &mut dyn FnMut(Read) -> io::Result<()>,
) -> io::Result<Option<i64>> {
    let (mut repeats, mut newest) = (Repeats::default(), None);
    for places in settings.archived.sessions(settings.inputs.len()) {
        read_all(&places, &Reading { intake, settings, watcher, repeats: &repeats }, &mut |read| {
            newest = newest.max(read.arrival_ms());
            take(read)
        })?;
        repeats.next_session();
    }
    Ok(newest.filter(|_| !settings.archived.is_empty()))
}

/// What ends before the newest arrival ends by itself, and is not cut off by the end of the input: batches that say so.
fn up_to(newest_ms: Option<i64>, rounds: usize) -> impl Iterator<Item = Batch> {
    let batch = |newest: i64| Batch { watermark_ms: newest.saturating_sub(SLACK_MS), arrival_ms: newest, ..Batch::default() };
    newest_ms.into_iter().flat_map(move |newest| (0..rounds).map(move |_| batch(newest)))
}

/// Cuts sorted detections where an hour begins: what is counted by the hour of arrival does not depend on how many detections other
/// rules have.
fn hours(mut detections: Vec<Detection>) -> Vec<Batch> {
    let mut batches = Vec::new();
    while let Some(first) = detections.first() {
        let hour = first.arrival_ms.div_euclid(HOUR_MS);
        let rest = detections.split_off(detections.partition_point(|d| d.arrival_ms.div_euclid(HOUR_MS) <= hour));
        let last = detections.last().map_or(i64::MIN / 4, |d| d.arrival_ms);
        batches.push(Batch { detections, watermark_ms: last - SLACK_MS, arrival_ms: last, ..Batch::default() });
        detections = rest;
    }
    batches
}

/// What reading threads share.
#[derive(Clone, Copy)]
struct Reading<'a> {
    intake: &'a Intake,
    settings: &'a Settings,
    watcher: &'a dyn Watcher,
    repeats: &'a Repeats,
}

/// Reads some inputs on all cores; what they gave comes in any order.
fn read_all(places: &[usize], reading: &Reading<'_>, take: &mut dyn FnMut(Read) -> io::Result<()>) -> io::Result<()> {
    let (next, failed) = (AtomicUsize::new(0), AtomicBool::new(false));
    let (sender, receiver) = sync_channel::<Read>(64);
    std::thread::scope(|scope| {
        let receiver = receiver;
        for _ in 0..reading.settings.threads.max(1) {
            let (sender, next, failed) = (sender.clone(), &next, &failed);
            scope.spawn(move || {
                while let Some(place) = places.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if reading.watcher.stopped() || failed.load(Ordering::Relaxed) {
                        break;
                    }
                    read_input(reading, *place, &sender);
                }
            });
        }
        drop(sender);
        let result = receiver.iter().try_for_each(take);
        failed.store(result.is_err(), Ordering::Relaxed);
        // Whoever still waits to send is let go.
        drop(receiver);
        result
    })
}

fn read_input(reading: &Reading<'_>, place: usize, sender: &SyncSender<Read>) {
    let input = &reading.settings.inputs[place];
    // A receiver that is gone means the run failed: nothing is left to tell.
    let mut take = |gathered, took| {
        let _ = sender.send(Read::Batch(Box::new(gathered), took));
    };
    let result = match reading.settings.archived.of_input(place) {
        None => each_record(reading.intake, input, reading.watcher, &mut take),
        Some(stated) => match each_archived(reading, input, stated, &mut take) {
            Ok(cut) => {
                cut.into_iter().for_each(|cut| {
                    let _ = sender.send(Read::Note(cut));
                });
                Ok(())
            }
            Err(error) => Err(error),
        },
    };
    if let Err(error) = result {
        let _ = sender.send(Read::Unread(input.name().to_string(), error));
    }
}

/// One file after the other; the order read is the order applied.
fn in_order(
    intake: &Intake,
    pipelines: &mut Recorded,
    settings: &Settings,
    watcher: &dyn Watcher,
    outcome: &mut Outcome,
) -> io::Result<()> {
    let (mut arrival, mut failed) = (i64::MIN / 4, None);
    for (i, input) in settings.inputs.iter().enumerate() {
        let last_file = i + 1 == settings.inputs.len();
        let result = each_record(intake, input, watcher, &mut |gathered, took| {
            if failed.is_some() {
                return;
            }
            let before = arrival;
            arrival = arrival.max(gathered.arrival_ms.unwrap_or(arrival));
            let detections = note(Read::Batch(Box::new(gathered), took), pipelines, outcome);
            for mut batch in by_arrival(detections, before, arrival) {
                // A file that was not begun holds the watermark back: its records may be of any age.
                batch.watermark_ms = if last_file { batch.watermark_ms } else { i64::MIN / 4 };
                failed = failed.take().or_else(|| apply(pipelines, Some(batch), outcome).err());
            }
        });
        if let Some(error) = failed.take() {
            return Err(error);
        }
        if let Err(error) = result {
            outcome.unread.push((input.name().to_string(), error));
        }
    }
    Ok(())
}

/// Cuts detections behind each that raises the largest arrival, so that the watermark moves with the records and not with the
/// size of the reader's buffer: what stands behind such a record is judged by the watermark it gave.
fn by_arrival(detections: Vec<Detection>, before: i64, after: i64) -> Vec<Batch> {
    let fresh = |arrival| Batch { detections: Vec::new(), watermark_ms: arrival - SLACK_MS, arrival_ms: arrival, ..Batch::default() };
    let (mut batches, mut open) = (Vec::new(), fresh(before));
    for detection in detections {
        let arrival = detection.arrival_ms;
        open.detections.push(detection);
        if arrival > open.arrival_ms {
            let full = std::mem::replace(&mut open, fresh(arrival));
            batches.push(Batch { detections: full.detections, ..fresh(arrival) });
        }
    }
    let arrival = open.arrival_ms.max(after);
    batches.push(Batch { detections: open.detections, ..fresh(arrival) });
    batches
}

/// The records of a segment, each shard with a memory of its own; gives how the segment was cut, if it was.
fn each_archived(
    reading: &Reading<'_>,
    input: &Input,
    (hints, stamped): (&Hints, bool),
    take: &mut dyn FnMut(Gathered, Duration),
) -> Result<Option<String>, ReadError> {
    let failed = |error| ReadError { position: nowhere(input), error };
    let intake = reading.intake.with_hints(hints.clone()).map_err(|why| failed(io::Error::other(why)))?;
    let mut segment = archived::open(input).map_err(failed)?;
    let mut memories: BTreeMap<Arc<str>, ShardMemory> = BTreeMap::new();
    archived::each(&mut segment, stamped, reading.repeats, &mut |shard, framed| {
        let memory = memories.entry(shard.clone()).or_insert_with(|| intake.shard());
        let (clock, record, mut gathered) = (Stopwatch::start(), framed.record, Gathered::default());
        intake.process(memory, std::slice::from_ref(&record), &mut gathered);
        if !framed.prelude {
            reading.watcher.read(record.bytes.len() as u64);
            take(gathered, clock.elapsed());
        }
        !reading.watcher.stopped()
    })?;
    Ok(segment.cut().map(str::to_owned))
}

/// The place of an input that could not be opened.
fn nowhere(input: &Input) -> Position {
    Position { source: "file".into(), shard: input.name(), sequence: 0.into(), sub_sequence: 0 }
}

fn each_record(intake: &Intake, input: &Input, watcher: &dyn Watcher, take: &mut dyn FnMut(Gathered, Duration)) -> Result<(), ReadError> {
    let failed = |error| ReadError { position: nowhere(input), error };
    let mut reader = Reader::open(input, "file").map_err(failed)?;
    if reader.is_archived() {
        let why = "it is a segment of an archive, which is read by its name only: write it to a file that ends in .tidegate.gz";
        return Err(failed(io::Error::other(why)));
    }
    let mut memory = intake.shard();
    while let Some(record) = reader.next_record()? {
        if watcher.stopped() {
            break;
        }
        let (clock, bytes) = (Stopwatch::start(), record.bytes.len() as u64);
        let mut gathered = Gathered::default();
        intake.process(&mut memory, std::slice::from_ref(&record), &mut gathered);
        watcher.read(bytes);
        take(gathered, clock.elapsed());
    }
    Ok(())
}

/// Enters what was read into the books and gives its detections.
fn note(read: Read, pipelines: &mut Recorded, outcome: &mut Outcome) -> Vec<Detection> {
    match read {
        Read::Batch(gathered, took) => {
            outcome.intake.note(took);
            pipelines.pipelines.count(&gathered.counts);
            if let Some(journal) = &mut pipelines.journal {
                journal.quarantine(&gathered.quarantined);
            }
            outcome.cover(gathered.coverage);
            gathered.quarantined.into_iter().for_each(|refused| outcome.keep(refused));
            gathered.detections
        }
        Read::Unread(name, error) => {
            outcome.unread.push((name, error));
            Vec::new()
        }
        Read::Note(text) => {
            outcome.notes.push(text);
            Vec::new()
        }
    }
}

/// Applies a batch, or the end of all input, once it stands in the journal, and hands the effects to the store.
fn apply(recorded: &mut Recorded, batch: Option<Batch>, outcome: &mut Outcome) -> io::Result<()> {
    let clock = Stopwatch::start();
    let Recorded { pipelines, journal } = recorded;
    let mut log = |position: u64, entries: &[Entry]| match journal {
        Some(journal) => journal.enter(position, entries).map_err(io::Error::other),
        None => Ok(()),
    };
    let effects = match batch {
        Some(batch) => pipelines.append_logged(batch, &mut log)?,
        None => pipelines.finish_logged(&mut log)?,
    };
    outcome.pipeline.note(clock.elapsed());
    effects.into_iter().for_each(|effect| outcome.store.take(effect));
    Ok(())
}
