//! Snapshots at leisure: one Pipeline at a time, one piece per turn of the loop, so that appends are never held up by writing.
//!
//! Owns when a snapshot is due and how far the one under way has come. Never decides anything from it: a snapshot taken earlier or
//! later changes no effect. Limit: the state is turned into bytes in one go (about 3 ms per MB), its writing is spread.

use crate::io::clock::Stopwatch;
use crate::io::port::{Store, StoreError};
use std::time::Duration;
use tidegate_core::event::id::hash128;

/// Bytes of one piece.
pub const PIECE_BYTES: usize = 1 << 20;
/// Applying the log again must not take longer than this after a restart: a snapshot is due well before.
const APPLY_MAX: Duration = Duration::from_secs(3);

/// One on its way to the store.
#[derive(Debug)]
struct Writing {
    pipeline: u16,
    position: u64,
    bytes: Vec<u8>,
    next: u32,
}

/// What a turn of writing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing is under way.
    Idle,
    /// A piece was written.
    Piece,
    /// The last piece was, and the snapshot is sealed: (Pipeline, position).
    Sealed(u16, u64),
}

/// When snapshots are due, per Pipeline.
#[derive(Debug)]
pub struct Snapshots {
    every: Duration,
    /// Per Pipeline: since its last snapshot, time spent applying, and the position of that snapshot.
    since: Vec<(Stopwatch, Duration, u64)>,
    writing: Option<Writing>,
}

impl Snapshots {
    /// Nothing is due at once: what was restored stands at these positions.
    #[must_use]
    pub fn new(every: Duration, positions: Vec<u64>) -> Self {
        Snapshots { every, since: positions.into_iter().map(|at| (Stopwatch::start(), Duration::ZERO, at)).collect(), writing: None }
    }

    /// Notes time that every Pipeline spent on its log.
    pub fn applied(&mut self, took: Duration) {
        self.since.iter_mut().for_each(|(_, spent, _)| *spent += took);
    }

    /// The Pipeline whose snapshot is due at a head of the log, if none is under way.
    #[must_use]
    pub fn due(&self, head: u64) -> Option<u16> {
        if self.writing.is_some() {
            return None;
        }
        let due = |(clock, spent, at): &(Stopwatch, Duration, u64)| *at < head && (*spent >= APPLY_MAX || clock.elapsed() >= self.every);
        self.since.iter().position(due).map(|p| p as u16)
    }

    /// Whether a Pipeline has a snapshot at this head, or one is on its way.
    #[must_use]
    pub fn covers(&self, pipeline: u16, head: u64) -> bool {
        self.since.get(usize::from(pipeline)).is_some_and(|(_, _, at)| *at == head)
    }

    /// Whether one is under way.
    #[must_use]
    pub fn writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Begins to write one.
    pub fn begin(&mut self, pipeline: u16, position: u64, bytes: Vec<u8>) {
        if let Some(since) = self.since.get_mut(usize::from(pipeline)) {
            *since = (Stopwatch::start(), Duration::ZERO, position);
        }
        self.writing = Some(Writing { pipeline, position, bytes, next: 0 });
    }

    /// Writes the next piece of what is under way; after the last it seals.
    ///
    /// # Errors
    /// [`StoreError`]: the same piece is written at the next turn.
    pub fn turn(&mut self, store: &mut dyn Store) -> Result<Turn, StoreError> {
        let Some(writing) = &mut self.writing else { return Ok(Turn::Idle) };
        let at = writing.next as usize * PIECE_BYTES;
        if at < writing.bytes.len() {
            let piece = &writing.bytes[at..writing.bytes.len().min(at + PIECE_BYTES)];
            tracing::trace!(target: "window", pipeline = writing.pipeline, piece = writing.next, "snapshot piece");
            store.put_piece(writing.pipeline, writing.position, writing.next, piece)?;
            writing.next += 1;
            return Ok(Turn::Piece);
        }
        tracing::trace!(target: "window", pipeline = writing.pipeline, "sealing");
        store.seal_snapshot(writing.pipeline, writing.position, writing.next, hash128(&writing.bytes))?;
        tracing::trace!(target: "window", pipeline = writing.pipeline, "sealed");
        let sealed = Turn::Sealed(writing.pipeline, writing.position);
        self.writing = None;
        Ok(sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_due_when_applying_again_would_take_long() {
        let mut snapshots = Snapshots::new(Duration::from_secs(3600), vec![5, 5]);
        assert_eq!(snapshots.due(9), None);
        snapshots.applied(APPLY_MAX);
        assert_eq!(snapshots.due(5), None, "nothing was appended");
        assert_eq!(snapshots.due(9), Some(0));
        snapshots.begin(0, 9, vec![1]);
        assert_eq!(snapshots.due(9), None, "one at a time");
        assert!(snapshots.covers(0, 9) && !snapshots.covers(1, 9));
    }
}
