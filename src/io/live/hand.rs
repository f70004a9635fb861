//! Handing over: pieces become records stamped with their arrival, and `take` is called at least once a second.
//!
//! Owns the arrival stamps of what has none: the reader's clock when it first reads, never moving back within a run. Never reads.

use super::cut::Piece;
use crate::io::clock::{Stopwatch, now_ms};
use crate::io::port::{Flow, Progress, Read, ReadPosition};
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::event::{Position, Record};

/// `take` is called this often at least.
pub(super) const BEAT: Duration = Duration::from_millis(400);

/// `take` said stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopped;

/// Hands over what a source reads.
pub(super) struct Hand<'a> {
    source: Arc<str>,
    take: &'a (dyn Fn(Read) -> Flow + Sync),
    beat: Stopwatch,
    now_ms: i64,
    /// The largest arrival handed over.
    arrival_ms: Option<i64>,
}

impl<'a> Hand<'a> {
    pub(super) fn new(source: Arc<str>, take: &'a (dyn Fn(Read) -> Flow + Sync)) -> Self {
        Hand { source, take, beat: Stopwatch::start(), now_ms: now_ms(), arrival_ms: None }
    }

    /// The reader's clock. A clock that is set back does not take arrivals back with it.
    pub(super) fn now_ms(&mut self) -> i64 {
        self.now_ms = self.now_ms.max(now_ms());
        self.now_ms
    }

    /// How far a source has come whose records are stamped as they are read, while it is busy: what comes arrives later.
    pub(super) fn busy(&self) -> Progress {
        self.arrival_ms.map_or(Progress::Records, Progress::Idle)
    }

    /// Hands over pieces of a shard; `token` leads to the place behind them.
    pub(super) fn pieces(&mut self, shard: &Arc<str>, header: Option<&Piece>, pieces: Vec<Piece>, token: String) -> Result<(), Stopped> {
        let arrival = self.now_ms();
        self.arrival_ms = Some(arrival);
        let position = pieces.last().map(|piece| self.position(shard, piece.last, token));
        let record = |piece: Piece| Record {
            position: Position { source: self.source.clone(), shard: shard.clone(), sequence: piece.first.into(), sub_sequence: 0 },
            arrival_ms: Some(arrival),
            bytes: piece.bytes,
            lines: piece.lines,
        };
        let prelude = header.cloned().map(record);
        let records = pieces.into_iter().map(record).collect();
        self.give(Read { shard: shard.clone(), prelude, records, position, progress: Progress::Records, lost: None })
    }

    /// A read position behind a line or value.
    pub(super) fn position(&self, shard: &Arc<str>, last: u64, token: String) -> ReadPosition {
        ReadPosition { source: self.source.clone(), shard: shard.clone(), sequence: last.into(), token }
    }

    /// Says something of a shard that is no records.
    pub(super) fn tell(
        &mut self,
        shard: &Arc<str>,
        position: Option<ReadPosition>,
        progress: Progress,
        lost: Option<String>,
    ) -> Result<(), Stopped> {
        self.give(Read { shard: shard.clone(), prelude: None, records: Vec::new(), position, progress, lost })
    }

    /// Says how far the shard has come, if nothing was said for a while.
    pub(super) fn beat(&mut self, shard: &Arc<str>, progress: Progress) -> Result<(), Stopped> {
        if self.beat.elapsed() < BEAT { Ok(()) } else { self.tell(shard, None, progress, None) }
    }

    fn give(&mut self, read: Read) -> Result<(), Stopped> {
        let flow = (self.take)(read);
        self.beat = Stopwatch::start();
        if flow == Flow::Stop { Err(Stopped) } else { Ok(()) }
    }
}
