//! The desk: what operators asked of the state file while the service runs, and what the service notes there for them.
//!
//! Owns quarantined items that are to be driven again and the notes beside the log. What could not be read goes through the same
//! readers' intakes and the same log, once: it leaves the quarantine in the transaction that appends what it gave. What a sink had
//! refused is sent to that sink again, and leaves when it is taken. Looks once a second.

use super::engine::Engine;
use super::reading::{Fetched, Intakes};
use crate::io::clock::{Stopwatch, now_ms};
use crate::io::port::{Delivery, Outcome, StoreError};
use crate::io::sqlite::{Redrive, SqliteStore, sent_again};
use std::collections::BTreeSet;
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
    /// What a sink had refused: its lane, the item's id and what is sent again.
    pub again: Vec<(Arc<str>, i64, Delivery)>,
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
    /// Items in the quarantine, when they were last counted.
    items: Option<u64>,
    /// Items that a sink has not answered for yet.
    sent: BTreeSet<i64>,
    reload: Arc<AtomicBool>,
}

impl Desk {
    /// A desk over a connection of its own. `reload` is how a reload is asked of whoever loads generations.
    #[must_use]
    pub fn new(store: SqliteStore, sources: Vec<(Arc<str>, bool)>, intakes: Arc<Intakes>, reload: Arc<AtomicBool>) -> Self {
        Desk {
            store,
            sources,
            intakes,
            looked: Stopwatch::start(),
            noted: Stopwatch::start(),
            hits: String::new(),
            items: None,
            sent: BTreeSet::new(),
            reload,
        }
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
        let lanes: BTreeSet<Arc<str>> = engine.machine().outbox(0).lanes().map(|(name, _)| name.clone()).collect();
        let mut out = Redriven { found: Vec::new(), ids: Vec::new(), again: Vec::new() };
        for item in items {
            let id = item.id;
            match sent_again(&item) {
                None => {
                    out.ids.push(id);
                    out.found.push(self.fetch(item));
                }
                Some((lane, _)) if !lanes.contains(&lane) => {
                    self.store.settle_refused(id, Some(&format!("no sink {lane} is configured: configure it, then ask again")))?;
                }
                Some((lane, delivery)) if self.sent.insert(id) => out.again.push((lane, id, delivery)),
                Some(_) => {}
            }
        }
        Ok(Some(out))
    }

    /// Notes what became of items that were sent again. One that its sink cannot take at this time stays asked for.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn settle(&mut self, redriven: Vec<(i64, Outcome)>) -> Result<(), StoreError> {
        for (id, outcome) in redriven {
            match outcome {
                Outcome::Taken => self.store.settle_refused(id, None)?,
                Outcome::Refused(why) => self.store.settle_refused(id, Some(&why))?,
                Outcome::Again(_) | Outcome::Unknown(_) => {}
            }
            self.sent.remove(&id);
        }
        Ok(())
    }

    /// An item of a source that is configured no more is read as any source would be.
    fn fetch(&self, item: Redrive) -> Fetched {
        let source = self.sources.iter().position(|(name, _)| *name == item.position.source).unwrap_or(0);
        let stamped = self.sources.get(source).is_some_and(|(_, stamped)| *stamped);
        let arrival_ms = (!stamped).then(now_ms);
        let record = Record { position: item.position, arrival_ms, bytes: item.bytes, lines: false };
        Fetched::again(source, record, &self.intakes)
    }

    /// Items in the quarantine, when they were last counted.
    #[must_use]
    pub fn quarantine_items(&self) -> Option<u64> {
        self.items
    }

    /// Writes the notes, now and then.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn note(&mut self, engine: &Engine) -> Result<(), StoreError> {
        if self.items.is_some() && self.noted.elapsed() < NOTE {
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
        self.items = Some(self.store.quarantine_items()?);
        let hits = serde_json::json!(engine.machine().books().alerts.suppression_hits).to_string();
        if hits != self.hits {
            self.store.set_info(SUPPRESSION_HITS, &hits)?;
            self.hits = hits;
        }
        Ok(())
    }
}
