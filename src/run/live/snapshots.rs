//! Snapshots at leisure: one Pipeline at a time, written piece by piece on a thread and a connection of its own, so that appends
//! are never held up by writing.
//!
//! Owns when a snapshot is due, and the thread. Never decides anything from it: a snapshot taken earlier or later changes no
//! effect. Limit: the state is turned into bytes in one go between two rounds (some milliseconds per MB); only its writing is
//! spread.

use crate::io::clock::Stopwatch;
use crate::io::port::{Store, StoreError};
use crossbeam_channel::{Receiver, Sender, bounded};
use std::time::Duration;
use tidegate_core::event::id::hash128;

/// Bytes of one piece.
pub const PIECE_BYTES: usize = 1 << 20;
/// Applying the log again must not take longer than this after a restart: a snapshot is due well before.
pub const APPLY_MAX: Duration = Duration::from_secs(2);
/// A store that cannot take a piece is asked again after this.
const AGAIN: Duration = Duration::from_secs(1);

/// One to be written.
#[derive(Debug)]
struct Image {
    pipeline: u16,
    position: u64,
    bytes: Vec<u8>,
}

/// What became of one.
#[derive(Debug)]
pub struct Written {
    /// Pipeline.
    pub pipeline: u16,
    /// Its position.
    pub position: u64,
    /// Its bytes.
    pub bytes: u64,
    /// How long writing it took.
    pub took: Duration,
    /// Whether it stands; else why it does not: the ones before it still do.
    pub done: Result<(), StoreError>,
}

/// When snapshots are due, per Pipeline, and the thread that writes them.
#[derive(Debug)]
pub struct Snapshots {
    every: Duration,
    /// Per Pipeline: since its last snapshot, time spent applying, and the position of that snapshot.
    since: Vec<(Stopwatch, Duration, u64)>,
    images: Sender<Image>,
    written: Receiver<Written>,
    writing: bool,
}

impl Snapshots {
    /// `positions` are those of the snapshots that there are, 0 where there is none. `store` is a connection of their own.
    #[must_use]
    pub fn new(every: Duration, positions: Vec<u64>, store: Box<dyn Store>) -> Self {
        let (images, work) = bounded::<Image>(1);
        let (tell, written) = bounded(1);
        std::thread::spawn(move || {
            let mut store = store;
            for image in work {
                let clock = Stopwatch::start();
                let done = write(store.as_mut(), &image);
                let Image { pipeline, position, bytes } = image;
                if tell.send(Written { pipeline, position, bytes: bytes.len() as u64, took: clock.elapsed(), done }).is_err() {
                    break;
                }
            }
        });
        let since = positions.into_iter().map(|at| (Stopwatch::start(), Duration::ZERO, at)).collect();
        Snapshots { every, since, images, written, writing: false }
    }

    /// Notes time that every Pipeline spent on its log.
    pub fn applied(&mut self, took: Duration) {
        self.since.iter_mut().for_each(|(_, spent, _)| *spent += took);
    }

    /// The Pipeline whose snapshot is due at a head of the log, if none is under way.
    #[must_use]
    pub fn due(&self, head: u64) -> Option<u16> {
        if self.writing {
            return None;
        }
        let due = |(clock, spent, at): &(Stopwatch, Duration, u64)| *at < head && (*spent >= APPLY_MAX || clock.elapsed() >= self.every);
        self.since.iter().position(due).map(|p| p as u16)
    }

    /// Per Pipeline: the position of its newest snapshot, or of the one under way.
    pub fn positions(&self) -> impl Iterator<Item = u64> {
        self.since.iter().map(|(_, _, at)| *at)
    }

    /// Whether a Pipeline has a snapshot at this head, or one is on its way.
    #[must_use]
    pub fn covers(&self, pipeline: u16, head: u64) -> bool {
        self.since.get(usize::from(pipeline)).is_some_and(|(_, _, at)| *at == head)
    }

    /// Begins to write one. Only if none is under way.
    pub fn begin(&mut self, pipeline: u16, position: u64, bytes: Vec<u8>) {
        if let Some(since) = self.since.get_mut(usize::from(pipeline)) {
            *since = (Stopwatch::start(), Duration::ZERO, position);
        }
        self.writing = self.images.send(Image { pipeline, position, bytes }).is_ok();
    }

    /// What became of the one under way, if that is known.
    pub fn written(&mut self) -> Option<Written> {
        let written = self.written.try_recv().ok()?;
        self.writing = false;
        Some(written)
    }

    /// Waits for the one under way, so long.
    pub fn wait(&mut self, most: Duration) -> Option<Written> {
        let written = self.writing.then(|| self.written.recv_timeout(most).ok()).flatten()?;
        self.writing = false;
        Some(written)
    }
}

/// Writes all pieces, then seals. What is unavailable for a while is tried again.
fn write(store: &mut dyn Store, image: &Image) -> Result<(), StoreError> {
    let Image { pipeline, position, bytes } = image;
    let mut pieces = 0;
    for piece in bytes.chunks(PIECE_BYTES) {
        tracing::trace!(target: "window", pipeline, position, piece = pieces, "snapshot piece");
        patiently(|| store.put_piece(*pipeline, *position, pieces, piece))?;
        pieces += 1;
    }
    tracing::trace!(target: "window", pipeline, position, "snapshot sealing");
    patiently(|| store.seal_snapshot(*pipeline, *position, pieces, hash128(bytes)))?;
    tracing::trace!(target: "window", pipeline, position, "snapshot sealed");
    Ok(())
}

fn patiently(mut doing: impl FnMut() -> Result<(), StoreError>) -> Result<(), StoreError> {
    loop {
        match doing() {
            Err(StoreError::Unavailable(_)) => std::thread::sleep(AGAIN),
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::memory::MemoryStore;

    #[test]
    fn one_is_due_when_applying_again_would_take_long() {
        let mut snapshots = Snapshots::new(Duration::from_secs(3600), vec![5, 5], Box::new(MemoryStore::new()));
        assert_eq!(snapshots.due(9), None);
        snapshots.applied(APPLY_MAX);
        assert_eq!(snapshots.due(5), None, "nothing was appended");
        assert_eq!(snapshots.due(9), Some(0));
        snapshots.begin(0, 9, vec![1]);
        assert_eq!(snapshots.due(9), None, "one at a time");
        assert!(snapshots.covers(0, 9) && !snapshots.covers(1, 9));
        assert!(snapshots.wait(Duration::from_secs(5)).is_some(), "its end is told");
        assert_eq!(snapshots.due(9), Some(1));
    }
}
