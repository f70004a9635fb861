//! Readers: one thread per configured source, which reads, decodes and matches; what it found goes to the loop in the shard's order.
//!
//! Owns the shards' memories and the channel that is the back-pressure: it holds [`BATCHES_MAX`] batches, and with those of the round at
//! hand [`BYTES_MAX`](super::gate::BYTES_MAX) of records, then readers wait. Never
//! decides about windows and never writes. Until a batch is in the log its records stay with it, so that it can be matched again
//! when the rules changed in between.

use super::gate::{Gate, Held};
use super::preludes::Preludes;
use crate::io::archive::{Packed, pack};
use crate::io::clock::now_ms;
use crate::io::port::{Flow, Progress, Read, ReadPosition, Source};
use crate::telemetry::Board;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use tidegate_core::event::Record;
use tidegate_core::pipeline::{Gathered, Intake, ShardMemory};

/// Batches under way between readers and the loop.
pub const BATCHES_MAX: usize = 32;

/// The intakes of one generation: one per configured source, and the rule set they match with.
#[derive(Debug)]
pub struct Intakes {
    /// Digest of the rule set.
    pub rules: [u8; 32],
    /// In order of the configured sources.
    pub by_source: Vec<Intake>,
}

/// What a reader found in one batch.
#[derive(Debug)]
pub struct Fetched {
    /// Number of the configured source.
    pub source: usize,
    /// Shard.
    pub shard: Arc<str>,
    /// Where reading is after it.
    pub position: Option<ReadPosition>,
    /// How far it has come; `None`: it says nothing about that.
    pub progress: Option<Progress>,
    /// What could not be read and was left out.
    pub lost: Option<String>,
    /// Digest of the rule set it was matched with.
    pub rules: [u8; 32],
    /// What was found.
    pub gathered: Gathered,
    /// What goes into the archive before anything of it is in the log.
    pub archived: Option<Packed>,
    records: Vec<Record>,
    before: Option<ShardMemory>,
    _held: Option<Held>,
}

impl Fetched {
    /// One record that was read before and goes through once more: it moves no position and no watermark.
    #[must_use]
    pub fn again(source: usize, record: Record, intakes: &Intakes) -> Self {
        let before = intakes.by_source[source].shard();
        let mut fetched = Fetched {
            source,
            shard: record.position.shard.clone(),
            position: None,
            progress: None,
            lost: None,
            rules: intakes.rules,
            gathered: Gathered::default(),
            archived: None,
            records: vec![record],
            before: Some(before),
            _held: None,
        };
        fetched.match_again(intakes);
        fetched
    }

    /// Matches the same records again under other rules.
    pub fn match_again(&mut self, intakes: &Intakes) {
        self.rules = intakes.rules;
        let Some(before) = &self.before else { return };
        let (mut memory, mut gathered) = (before.fork(), Gathered::default());
        intakes.by_source[self.source].process(&mut memory, &self.records, &mut gathered);
        self.gathered = gathered;
    }
}

/// What comes from readers.
#[derive(Debug)]
pub enum FromReader {
    /// A batch.
    Batch(Box<Fetched>),
    /// A source ended: all of it was read, or it cannot go on.
    Ended(usize, Result<(), String>),
}

/// The threads that read.
#[derive(Debug)]
pub struct Readers {
    /// What they found.
    pub found: Receiver<FromReader>,
    intakes: Arc<RwLock<Arc<Intakes>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts reading. `stamped` tells, per source, whether its events carry their own arrival.
    #[must_use]
    pub fn start(sources: Vec<Box<dyn Source>>, stamped: &[bool], intakes: Arc<Intakes>, resume: &[ReadPosition]) -> Self {
        Readers::watched(sources, stamped, intakes, resume, None, false)
    }

    /// The same; a board hears who was heard of, and where the sources count. With `archive` records are packed for it as they came.
    #[must_use]
    pub fn watched(
        sources: Vec<Box<dyn Source>>,
        stamped: &[bool],
        intakes: Arc<Intakes>,
        resume: &[ReadPosition],
        board: Option<&Board>,
        archive: bool,
    ) -> Self {
        if let Some(board) = board {
            board.count(sources.iter().map(|source| (source.name(), source.counts())).collect());
        }
        let (sender, found) = bounded(BATCHES_MAX);
        let gate = Arc::new(Gate::default());
        let intakes = Arc::new(RwLock::new(intakes));
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for (number, mut source) in sources.into_iter().enumerate() {
            let name = source.name();
            let resume: Vec<ReadPosition> = resume.iter().filter(|p| p.source == name).cloned().collect();
            let stamped = stamped.get(number).copied().unwrap_or(false);
            let outlet = Outlet {
                number,
                stamped,
                intakes: intakes.clone(),
                stop: stop.clone(),
                sender: sender.clone(),
                gate: gate.clone(),
                memories: Mutex::default(),
                preludes: archive.then(Preludes::default),
                board: board.cloned(),
            };
            threads.push(std::thread::spawn(move || {
                let end = source.run(&resume, &|read| outlet.take(read));
                // A loop that is gone needs no word of the end.
                let _ = outlet.sender.send(FromReader::Ended(number, end));
            }));
        }
        Readers { found, intakes, stop, threads }
    }

    /// From the next batch on, match with these.
    pub fn switch(&self, intakes: Arc<Intakes>) {
        *self.intakes.write().unwrap_or_else(PoisonError::into_inner) = intakes;
    }

    /// Asks the readers to stop: at the latest when they next hand something over.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Waits for readers that are about to end; one that waits for input that never comes is left behind.
    pub fn join(self) {
        drop(self.found);
        self.threads.into_iter().filter(JoinHandle::is_finished).for_each(|thread| {
            // A reader that panicked has said so on standard error.
            let _ = thread.join();
        });
    }
}

/// What a source's `take` does.
struct Outlet {
    number: usize,
    stamped: bool,
    intakes: Arc<RwLock<Arc<Intakes>>>,
    stop: Arc<AtomicBool>,
    sender: Sender<FromReader>,
    gate: Arc<Gate>,
    memories: Mutex<BTreeMap<Arc<str>, ShardMemory>>,
    /// First lines of shards, where there is an archive.
    preludes: Option<Preludes>,
    board: Option<Board>,
}

impl Outlet {
    /// Decodes and matches what was read, and waits until the loop has room for it.
    fn take(&self, mut read: Read) -> Flow {
        if self.stop.load(Ordering::Relaxed) {
            return Flow::Stop;
        }
        let archived = self.preludes.as_ref().and_then(|preludes| pack(&read.records, preludes.of(&read), now_ms()));
        if self.stamped {
            read.records.iter_mut().for_each(|record| record.arrival_ms = None);
        }
        let held = self.gate.enter(read.records.iter().map(|record| record.bytes.len()).sum());
        let fetched = Fetched { _held: Some(held), archived, ..self.matched(read) };
        match self.sender.send(FromReader::Batch(Box::new(fetched))) {
            Ok(()) => Flow::Continue,
            Err(_) => Flow::Stop,
        }
    }

    fn matched(&self, read: Read) -> Fetched {
        let intakes = self.intakes.read().unwrap_or_else(PoisonError::into_inner).clone();
        let intake = &intakes.by_source[self.number];
        let mut memory = self.memories().remove(&read.shard).unwrap_or_else(|| intake.shard());
        if let Some(prelude) = &read.prelude {
            intake.process(&mut memory, std::slice::from_ref(prelude), &mut Gathered::default());
        }
        let before = (!read.records.is_empty()).then(|| memory.fork());
        let mut gathered = Gathered::default();
        intake.process(&mut memory, &read.records, &mut gathered);
        self.board.iter().for_each(|board| board.coverage().note(&gathered.coverage));
        if read.progress != Progress::Ended {
            self.memories().insert(read.shard.clone(), memory);
        }
        Fetched {
            source: self.number,
            shard: read.shard,
            position: read.position,
            progress: Some(read.progress),
            lost: read.lost,
            rules: intakes.rules,
            gathered,
            archived: None,
            records: read.records,
            before,
            _held: None,
        }
    }

    fn memories(&self) -> std::sync::MutexGuard<'_, BTreeMap<Arc<str>, ShardMemory>> {
        self.memories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
