//! Standard input, or a named pipe: a stream that comes once.
//!
//! Owns the thread that waits for bytes, so that a stop and idle time are heard meanwhile. A stream cannot be read again: what was
//! handed over but not in the log when the process died is lost, and a new process reads another stream, a shard of its own (`-`,
//! `-#2`, ...). Limits: four chunks of 64 KiB are read ahead; the thread is left behind where it waits when a stop comes first.

use super::cut::{Cutter, Piece};
use super::hand::{BEAT, Hand, Stopped};
use super::register::{name_of, shard_of};
use crate::io::port::{Flow, Progress, Read as Handed, ReadPosition, Source};
use crate::io::reader::GZIP_MAGIC;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufReader, Read};
use std::sync::Arc;
use tidegate_core::event::Source as Service;

const CHUNK_BYTES: usize = 64 * 1024;
const CHUNKS_AHEAD: usize = 4;

/// Standard input.
pub struct StdinSource {
    name: Arc<str>,
    stream: Arc<str>,
    services: Vec<Service>,
    bytes: Option<Box<dyn Read + Send>>,
}

impl std::fmt::Debug for StdinSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StdinSource").field("name", &self.name).field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl StdinSource {
    /// Standard input of this process.
    #[must_use]
    pub fn new(name: &str, services: Vec<Service>) -> Self {
        Self::over(name, "-", services, Box::new(io::stdin()))
    }

    /// Another stream, its shards named after `stream`.
    #[must_use]
    pub fn over(name: &str, stream: &str, services: Vec<Service>, bytes: Box<dyn Read + Send>) -> Self {
        StdinSource { name: name.into(), stream: stream.into(), services, bytes: Some(bytes) }
    }

    /// The shard of the next stream: a later generation than any that was read.
    fn shard(&self, resume: &[ReadPosition]) -> Arc<str> {
        let ours = resume.iter().filter(|position| position.source == self.name).map(|position| name_of(&position.shard));
        let last = ours.filter(|(name, _)| **name == *self.stream).map(|(_, generation)| generation).max();
        shard_of(&self.stream, last.unwrap_or(0) + 1)
    }
}

impl Source for StdinSource {
    fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    fn services(&self) -> &[Service] {
        &self.services
    }

    fn run(&mut self, resume: &[ReadPosition], take: &(dyn Fn(Handed) -> Flow + Sync)) -> Result<(), String> {
        let Some(bytes) = self.bytes.take() else { return Ok(()) };
        let (sender, chunks) = bounded(CHUNKS_AHEAD);
        let thread = std::thread::Builder::new().name("stdin".to_owned());
        thread.spawn(move || pump(bytes, &sender)).map_err(|e| format!("cannot start a thread to read {}: {e}", self.stream))?;
        let mut hand = Hand::new(self.name.clone(), take);
        // A stop is no failure: what was handed over is in the log.
        let _ = carry(&self.shard(resume), &chunks, &mut hand);
        Ok(())
    }
}

/// Hands over what comes until nothing more does.
fn carry(shard: &Arc<str>, chunks: &Receiver<io::Result<Vec<u8>>>, hand: &mut Hand<'_>) -> Result<(), Stopped> {
    let (mut cutter, mut lost) = (Cutter::new(), None);
    loop {
        match chunks.recv_timeout(BEAT) {
            Ok(Ok(chunk)) => {
                // Memory cannot fail to be read.
                let _ = cutter.fill(&mut &*chunk, chunk.len());
                give(shard, &mut cutter, false, hand)?;
                hand.beat(shard, Progress::Records)?;
            }
            Ok(Err(error)) => {
                lost = Some(format!("cannot read {shard} behind line {}: {error}; the rest is left out", cutter.place().next - 1));
            }
            Err(RecvTimeoutError::Timeout) => {
                let now = hand.now_ms();
                hand.tell(shard, None, Progress::Idle(now), None)?;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    give(shard, &mut cutter, lost.is_none(), hand)?;
    hand.tell(shard, None, Progress::Ended, lost)
}

fn give(shard: &Arc<str>, cutter: &mut Cutter, end: bool, hand: &mut Hand<'_>) -> Result<(), Stopped> {
    while let Some(piece) = cutter.next(end) {
        let pieces: Vec<Piece> = if piece.lines { vec![piece] } else { std::iter::once(piece).chain(values(cutter, end)).collect() };
        hand.pieces(shard, None, pieces, String::new())?;
    }
    Ok(())
}

/// More values, about as many bytes as a chunk holds.
fn values(cutter: &mut Cutter, end: bool) -> Vec<Piece> {
    let mut bytes = 0;
    let more = std::iter::from_fn(|| {
        let piece = (bytes < CHUNK_BYTES).then(|| cutter.next(end)).flatten()?;
        bytes += piece.bytes.len();
        Some(piece)
    });
    more.take(super::cut::LINES_MAX - 1).collect()
}

/// Reads chunks as they come and undoes gzip. Ends with the stream, or when nobody takes chunks any more.
fn pump(mut raw: Box<dyn Read + Send>, sender: &Sender<io::Result<Vec<u8>>>) {
    let mut head = Vec::new();
    let mut result = raw.by_ref().take(GZIP_MAGIC.len() as u64).read_to_end(&mut head).map(|_| ());
    if result.is_ok() {
        let gzip = head == GZIP_MAGIC;
        let whole = io::Cursor::new(head).chain(raw);
        result = if gzip { chunks(MultiGzDecoder::new(BufReader::new(whole)), sender) } else { chunks(whole, sender) };
    }
    if let Err(error) = result {
        // Nobody to tell: the run was stopped.
        let _ = sender.send(Err(error));
    }
}

fn chunks(mut from: impl Read, sender: &Sender<io::Result<Vec<u8>>>) -> io::Result<()> {
    loop {
        let mut chunk = vec![0; CHUNK_BYTES];
        match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(length) => chunk.truncate(length),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        }
        if sender.send(Ok(chunk)).is_err() {
            return Ok(());
        }
    }
}
