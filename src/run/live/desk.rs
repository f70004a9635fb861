//! The desk: what operators asked of the state file while the service runs, and what the service notes there for them.
//!
//! Owns quarantined items that are to be driven again (they go through the same readers' intakes and the same log, once: they leave
//! the quarantine in the transaction that appends what they gave) and the notes beside the log. Looks once a second.

use super::engine::Engine;
use super::reading::{Fetched, Intakes};
use crate::io::clock::{Stopwatch, now_ms};
use crate::io::port::StoreError;
use crate::io::sqlite::{Redrive, SqliteStore};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tidegate_core::event::Record;

/// How often requests are looked for.
const LOOK: Duration = Duration::from_secs(1);
/// How often notes are written.
const NOTE: Duration = Duration::from_secs(10);
/// Most items in one round.
const ITEMS_MAX: usize = 500;
/// Name of the note that counts how often each suppression held: JSON `{id: alerts}`.
pub const SUPPRESSION_HITS: &str = "suppression_hits";

/// Items that went through once more.
#[derive(Debug)]
pub struct Redriven {
    /// What they gave.
    pub found: Vec<Fetched>,
    /// Their ids in the quarantine.
    pub ids: Vec<i64>,
}

/// See the module.
#[derive(Debug)]
pub struct Desk {
    store: SqliteStore,
    /// Names of the configured sources, and whether their events carry their own arrival.
    sources: Vec<(Arc<str>, bool)>,
    intakes: Arc<Intakes>,
    looked: Stopwatch,
    noted: Stopwatch,
    hits: String,
    reload: Arc<AtomicBool>,
}

impl Desk {
    /// A desk over a connection of its own. `reload` is how a reload is asked of whoever loads generations.
    #[must_use]
    pub fn new(store: SqliteStore, sources: Vec<(Arc<str>, bool)>, intakes: Arc<Intakes>, reload: Arc<AtomicBool>) -> Self {
        Desk { store, sources, intakes, looked: Stopwatch::start(), noted: Stopwatch::start(), hits: String::new(), reload }
    }

    /// From here on, items are matched with these.
    pub fn switch(&mut self, intakes: Arc<Intakes>) {
        self.intakes = intakes;
    }

    /// Asks for a reload.
    pub fn ask_reload(&self) {
        self.reload.store(true, Ordering::Relaxed);
    }

    /// Items to drive again, if there are any and a round may be made: what they gave, and their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn redriven(&mut self, engine: &Engine) -> Result<Option<Redriven>, StoreError> {
        if engine.blocked() || self.looked.elapsed() < LOOK {
            return Ok(None);
        }
        self.looked = Stopwatch::start();
        let items = self.store.redrive_requests(ITEMS_MAX)?;
        if items.is_empty() {
            return Ok(None);
        }
        let ids = items.iter().map(|item| item.id).collect();
        Ok(Some(Redriven { found: items.into_iter().map(|item| self.fetch(item)).collect(), ids }))
    }

    /// An item of a source that is configured no more is read as any source would be.
    fn fetch(&self, item: Redrive) -> Fetched {
        let source = self.sources.iter().position(|(name, _)| *name == item.position.source).unwrap_or(0);
        let stamped = self.sources.get(source).is_some_and(|(_, stamped)| *stamped);
        let arrival_ms = (!stamped).then(now_ms);
        let record = Record { position: item.position, arrival_ms, bytes: item.bytes, lines: false };
        Fetched::again(source, record, &self.intakes)
    }

    /// Writes the notes, now and then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note(&mut self, engine: &Engine) -> Result<(), StoreError> {
        if self.noted.elapsed() < NOTE {
            return Ok(());
        }
        self.noted = Stopwatch::start();
        self.note_at_last(engine)
    }

    /// Writes the notes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note_at_last(&mut self, engine: &Engine) -> Result<(), StoreError> {
        let hits = serde_json::json!(engine.machine().books().alerts.suppression_hits).to_string();
        if hits != self.hits {
            self.store.set_info(SUPPRESSION_HITS, &hits)?;
            self.hits = hits;
        }
        Ok(())
    }
}
