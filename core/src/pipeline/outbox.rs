//! The outbox of a Pipeline: numbered effects that nobody has taken yet.
//!
//! Owns one lane per sink, and the derived detections that no entry of the log carries yet. Never sends: the shell asks what is
//! due, delivers, and says how that went; then it stores the lane's cursor. Stored beside the state in a snapshot, but no state:
//! the speed of a sink must not enter that. Limits: an index lane holds one document per alert; a page lane is bounded by whoever
//! stops the sources ([`Outbox::counts`]). Documents are shared by all lanes.

use super::cursor::Cursor;
use super::effect::{Action, Effect, EffectNumber};
use super::lane::{Item, Lane, LaneCounts, LaneImage, LaneKind, Verdict};
use super::sealed::{seal, unseal};
use crate::event::Derived;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Version of the outbox's encoding.
const OUTBOX_VERSION: u8 = 2;

/// A document or page to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Its effect number: what an answer names.
    pub number: EffectNumber,
    /// Alert id.
    pub alert: Arc<str>,
    /// Version of the document; of a page, of the document it is written from.
    pub version: u64,
    /// Route of a page; the index of a document.
    pub place: Arc<str>,
    /// The document as JSON text.
    pub document: Arc<str>,
    /// The receiver may have it already.
    pub repeated: bool,
}

/// The effects of one Pipeline that are not done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outbox {
    lanes: BTreeMap<Arc<str>, Lane>,
    held: Vec<Derived>,
    /// Alerts so far that are not suppressed: what a new lane begins with.
    alerts: i64,
}

#[derive(Serialize, Deserialize)]
struct Image {
    held: Vec<Derived>,
    alerts: i64,
    items: BTreeMap<EffectNumber, Arc<Item>>,
    lanes: BTreeMap<Arc<str>, LaneImage>,
}

impl Outbox {
    /// An empty outbox at the beginning of a log.
    #[must_use]
    pub fn new(lanes: &[(Arc<str>, LaneKind)]) -> Self {
        let lanes = lanes.iter().map(|(name, kind)| (Arc::clone(name), Lane::after(*kind, 0, 0))).collect();
        Outbox { lanes, held: Vec::new(), alerts: 0 }
    }

    /// The outbox as it stood in a snapshot (`None`: at the beginning of the log), less what the cursors know. The effects behind
    /// it have to be taken again. A lane that has neither a place in the snapshot nor a cursor begins behind `head`, the last
    /// position of the log (without a snapshot: at the beginning); its cursor is to be stored at once. One that is not named any
    /// more is given up.
    ///
    /// # Errors
    /// If bytes are damaged or of another version: in words.
    pub fn restore(
        snapshot: Option<&[u8]>,
        lanes: &[(Arc<str>, LaneKind)],
        cursors: &[(String, Vec<u8>)],
        head: u64,
    ) -> Result<Self, String> {
        let image: Option<Image> = snapshot.map(|bytes| unseal(OUTBOX_VERSION, bytes)).transpose()?;
        let Image { held, alerts, items, lanes: mut known } = image.unwrap_or_else(Image::empty);
        let cursors: BTreeMap<&str, &Vec<u8>> = cursors.iter().map(|(name, bytes)| (name.as_str(), bytes)).collect();
        let mut out = Outbox { lanes: BTreeMap::new(), held, alerts };
        for (name, kind) in lanes {
            let cursor = cursors.get(&**name).map(|bytes| Cursor::decode(bytes)).transpose()?;
            let image = known.remove(name).filter(|image| image.kind == *kind);
            let lane = match (image, cursor) {
                (Some(image), cursor) => {
                    let lane = Lane::restore(image, cursor.unwrap_or_default(), &items);
                    lane.ok_or_else(|| format!("it is damaged: a document of the lane {name} is missing"))?
                }
                (None, Some(cursor)) => Lane::with_cursor(*kind, cursor, alerts),
                // The process before this one may have died before it noted where its lanes begin: better too much than a loss.
                (None, None) if snapshot.is_none() => Lane::after(*kind, 0, 0),
                (None, None) => Lane::after(*kind, head, alerts),
            };
            out.lanes.insert(Arc::clone(name), lane);
        }
        Ok(out)
    }

    /// Takes effects into every lane of their kind, derived detections into what is held.
    pub fn take(&mut self, effects: impl IntoIterator<Item = Effect>) {
        for Effect { number, action } in effects {
            match action {
                Action::Derive(derived) => self.held.push(derived),
                Action::Index { alert, version, suppressed, before, index, document } => {
                    self.alerts += i64::from(!suppressed) - i64::from(before == Some(false));
                    let item = Arc::new(Item { alert, version, place: index, suppressed, document });
                    self.of(|kind| kind == LaneKind::Index).for_each(|lane| lane.take_document(number, &item, before));
                }
                Action::Page { alert, version, route, document } => {
                    let item = Arc::new(Item { alert, version, place: Arc::clone(&route), suppressed: false, document });
                    self.of(|kind| kind.takes_page(&route)).for_each(|lane| lane.take_page(number, &item));
                }
            }
        }
    }

    fn of(&mut self, wanted: impl Fn(LaneKind) -> bool) -> impl Iterator<Item = &mut Lane> {
        self.lanes.values_mut().filter(move |lane| wanted(lane.kind))
    }

    /// What a lane is to send: the lowest numbers that wait, at most `max`, and of a page lane so many that at most
    /// [`super::lane::UNDER_WAY_MAX`] are under way. From here on they are under way, until they are answered.
    pub fn due(&mut self, lane: &str, max: usize) -> Vec<Due> {
        self.due_but(lane, max, &|_| false)
    }

    /// The same, but not what is held back by whoever sends.
    pub fn due_but(&mut self, lane: &str, max: usize, held: &dyn Fn(EffectNumber) -> bool) -> Vec<Due> {
        let due = self.lanes.get_mut(lane).map(|lane| lane.due(max, held)).unwrap_or_default();
        let shown = |(number, waiting): (EffectNumber, super::lane::Waiting)| {
            let Item { alert, version, place, document, .. } = &*waiting.item;
            let (alert, place, document) = (Arc::clone(alert), Arc::clone(place), Arc::clone(document));
            Due { number, alert, version: *version, place, document, repeated: waiting.mark.repeated }
        };
        due.into_iter().map(shown).collect()
    }

    /// How a sink answered for a number. False: nothing of that number was under way.
    pub fn acknowledge(&mut self, lane: &str, number: EffectNumber, verdict: Verdict) -> bool {
        self.lanes.get_mut(lane).is_some_and(|lane| lane.acknowledge(number, verdict))
    }

    /// A lane's cursor as bytes: to be stored after answers, and once when a lane is new.
    #[must_use]
    pub fn cursor(&self, lane: &str) -> Option<Vec<u8>> {
        self.lanes.get(lane).map(|lane| lane.cursor.encode())
    }

    /// Names and kinds of the lanes.
    pub fn lanes(&self) -> impl Iterator<Item = (&Arc<str>, LaneKind)> {
        self.lanes.iter().map(|(name, lane)| (name, lane.kind))
    }

    /// How many a lane has under way.
    #[must_use]
    pub fn under_way(&self, lane: &str) -> usize {
        self.lanes.get(lane).map_or(0, Lane::under_way)
    }

    /// The first effect for which a lane's sink has not answered, neither for itself nor by a newer version of the same alert.
    #[must_use]
    pub fn oldest(&self, lane: &str) -> Option<EffectNumber> {
        self.lanes.get(lane).and_then(Lane::oldest)
    }

    /// How many wait in a lane, those under way included.
    #[must_use]
    pub fn waiting(&self, lane: &str) -> usize {
        self.lanes.get(lane).map_or(0, Lane::waiting)
    }

    /// What a lane counts; for the books.
    #[must_use]
    pub fn counts(&self, lane: &str) -> LaneCounts {
        self.lanes.get(lane).map(Lane::counts).unwrap_or_default()
    }

    /// After a restart, when the log was applied again: pages that may have been under way are marked as repeated.
    pub fn mark_repeated(&mut self) {
        self.lanes.values_mut().for_each(Lane::mark_repeated);
    }

    /// Derived detections that no entry carries yet.
    #[must_use]
    pub fn held(&self) -> &[Derived] {
        &self.held
    }

    /// Entries carry these: by (Pipeline, number).
    pub fn carried(&mut self, origins: &BTreeSet<(u16, u64)>) {
        if !origins.is_empty() {
            self.held.retain(|d| !origins.contains(&d.origin));
        }
    }

    /// Puts what is held into the words of another rule set.
    pub(super) fn inherit(&mut self, heirs: &[Option<u32>]) {
        self.held = self.held.iter().filter_map(|d| super::rules::inherited(d, heirs)).collect();
    }

    /// The outbox as bytes, to be stored beside a snapshot.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let items = self.lanes.values().flat_map(Lane::items).map(|(number, item)| (number, Arc::clone(item))).collect();
        let lanes = self.lanes.iter().map(|(name, lane)| (Arc::clone(name), lane.image())).collect();
        seal(OUTBOX_VERSION, &Image { held: self.held.clone(), alerts: self.alerts, items, lanes })
    }
}

impl Image {
    fn empty() -> Self {
        Image { held: Vec::new(), alerts: 0, items: BTreeMap::new(), lanes: BTreeMap::new() }
    }
}
