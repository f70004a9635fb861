//! A lane: what one sink has not answered yet, and the cursor of what it has.
//!
//! Owns the order of sending and what an answer means. An index lane holds at most one document per alert, the newest: it takes
//! the place of an older one that was not answered. A page lane is a queue of which at most [`UNDER_WAY_MAX`] are sent at a time:
//! so many can be repeated by a crash. It sends its lowest numbers first, so what cannot be sent stands before what could: a sink
//! that must not be held up so has a lane for critical pages and one for the rest. Never sends and never waits.
//!
//! What is counted must come out the same after a restart, from an older snapshot, the log behind it and the newest cursor. So
//! nothing is counted in the cursor: an effect that comes again and is done by the cursor counts then. And the low mark never
//! passes the first document of an alert before some document of it was answered (`since`).

use super::cursor::Cursor;
use super::effect::EffectNumber;
use crate::event::id::hash128;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most pages of a lane under way at a time.
pub const UNDER_WAY_MAX: usize = 10;
/// The route of critical pages: [`crate::alert::severity::route`].
const CRITICAL: &str = "critical";
/// Most answers noted above an unanswered one before the lane waits for that one.
const SCATTERED_MAX: usize = 4_096;

/// What a lane carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LaneKind {
    /// Documents, the newest of each alert.
    Index,
    /// Pages, each of them.
    Page,
    /// Pages of the route `critical`.
    CriticalPage,
    /// Pages of every other route.
    OtherPage,
}

impl LaneKind {
    /// Whether it carries pages.
    #[must_use]
    pub fn is_page(self) -> bool {
        self != LaneKind::Index
    }

    /// Whether it carries pages of this route.
    #[must_use]
    pub fn takes_page(self, route: &str) -> bool {
        match self {
            LaneKind::Index => false,
            LaneKind::Page => true,
            LaneKind::CriticalPage => route == CRITICAL,
            LaneKind::OtherPage => route != CRITICAL,
        }
    }
}

/// A document or a page, shared by all lanes that have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Item {
    pub(super) alert: Arc<str>,
    pub(super) version: u64,
    /// The index of a document, the route of a page.
    pub(super) place: Arc<str>,
    pub(super) suppressed: bool,
    pub(super) document: Arc<str>,
}

impl Item {
    /// A name of the alert for cursors.
    fn name(&self) -> u64 {
        hash128(self.alert.as_bytes()) as u64
    }
}

/// How a sink answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Taken.
    Taken,
    /// Not taken: again later.
    Again,
    /// Perhaps taken: again later, marked as repeated.
    Unknown,
    /// Never: it leaves the lane for the quarantine.
    Refused,
}

/// What a lane counts. `delivered` and `quarantined` are alerts that are not suppressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LaneCounts {
    /// Alerts of which the sink has some document.
    pub delivered: u64,
    /// Alerts of which it refused the newest document and has none.
    pub quarantined: u64,
    /// Alerts of which it has none yet: they wait here.
    pub unheard: u64,
    /// Documents or pages waiting, those under way included.
    pub waiting: u64,
    /// Of these: under way.
    pub under_way: u64,
}

/// A document or page in a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) item: Arc<Item>,
    pub(super) mark: Mark,
}

/// What is known of one that waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    /// The receiver may have it already.
    pub(super) repeated: bool,
    /// The sink has no document of this alert.
    unheard: bool,
    /// While unheard: the first document that none was answered since. Else its own number.
    since: EffectNumber,
    /// An older version of the alert that is under way.
    earlier: Option<EffectNumber>,
}

/// One lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lane {
    pub(super) kind: LaneKind,
    pub(super) cursor: Cursor,
    waiting: BTreeMap<EffectNumber, Waiting>,
    /// Index lane: the number of what waits for an alert.
    by_alert: BTreeMap<Arc<str>, EffectNumber>,
    /// What holds the low mark back.
    holds: BTreeSet<EffectNumber>,
    under_way: BTreeMap<EffectNumber, Arc<str>>,
    /// Behind the last effect there was.
    next: EffectNumber,
    delivered: i64,
    /// Alerts whose newest document was refused and that the sink has none of, and whether they are suppressed.
    refused: BTreeMap<Arc<str>, bool>,
}

/// What of a lane is stored with a snapshot.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct LaneImage {
    pub(super) kind: LaneKind,
    cursor: Cursor,
    pub(super) waiting: Vec<(EffectNumber, Mark)>,
    next: EffectNumber,
    delivered: i64,
    refused: BTreeMap<Arc<str>, bool>,
}

impl Lane {
    /// A lane that begins behind a log position; `delivered` alerts were there before it.
    pub(super) fn after(kind: LaneKind, position: u64, delivered: i64) -> Self {
        Lane::with_cursor(kind, Cursor::after(position), delivered)
    }

    pub(super) fn with_cursor(kind: LaneKind, cursor: Cursor, delivered: i64) -> Self {
        Lane {
            kind,
            cursor,
            waiting: BTreeMap::new(),
            by_alert: BTreeMap::new(),
            holds: BTreeSet::new(),
            under_way: BTreeMap::new(),
            next: EffectNumber::default(),
            delivered,
            refused: BTreeMap::new(),
        }
    }

    /// Queues a page.
    pub(super) fn take_page(&mut self, number: EffectNumber, item: &Arc<Item>) {
        self.next = self.next.max(number.next());
        if !self.cursor.done(number) {
            self.put(number, Waiting { item: Arc::clone(item), mark: Mark { since: number, ..Mark::default() } });
        }
    }

    /// Takes a document in the place of an older version of it.
    pub(super) fn take_document(&mut self, number: EffectNumber, item: &Arc<Item>, before: Option<bool>) {
        self.next = self.next.max(number.next());
        let older = self.by_alert.get(&item.alert).copied().and_then(|at| Some((at, self.remove(at)?)));
        let refused = self.refused.remove(&item.alert).is_some();
        let unheard = older.as_ref().map_or(refused || before.is_none(), |(_, w)| w.mark.unheard);
        if !unheard && before.is_some_and(|b| b != item.suppressed) {
            self.delivered += if item.suppressed { -1 } else { 1 };
        }
        if self.cursor.done(number) {
            return self.answered(number, item, unheard);
        }
        let since = older.as_ref().filter(|_| unheard).map_or(number, |(_, w)| w.mark.since);
        let earlier = older.and_then(|(at, w)| if self.under_way.contains_key(&at) { Some(at) } else { w.mark.earlier });
        self.put(number, Waiting { item: Arc::clone(item), mark: Mark { repeated: false, unheard, since, earlier } });
    }

    /// The sink is done with this document: taken or refused by the cursor.
    fn answered(&mut self, number: EffectNumber, item: &Item, unheard: bool) {
        if unheard && self.cursor.is_refused(number, item.name()) {
            self.refused.insert(Arc::clone(&item.alert), item.suppressed);
        } else if unheard && !item.suppressed {
            self.delivered += 1;
        }
    }

    /// The lowest that wait and are neither under way nor held back, at most `max`; from here on they are under way. Of pages only the
    /// [`UNDER_WAY_MAX`] lowest that are not answered ever go, also where some of these are held back: they are marked after a crash.
    pub(super) fn due(&mut self, max: usize, held: &dyn Fn(EffectNumber) -> bool) -> Vec<(EffectNumber, Waiting)> {
        let window = if self.kind.is_page() { UNDER_WAY_MAX } else { usize::MAX };
        let free = |(at, w): &(&EffectNumber, &Waiting)| w.mark.earlier.is_none() && !self.under_way.contains_key(at) && !held(**at);
        // Too much is answered above one that is not: only that one goes.
        let low = self.holds.first().filter(|_| self.cursor.scattered() >= SCATTERED_MAX);
        let goes = |(_, w): &(&EffectNumber, &Waiting)| low.is_none_or(|low| w.mark.since == *low);
        let due = self.waiting.iter().take(window).filter(free).filter(goes).take(max).map(|(at, w)| (*at, w.clone())).collect::<Vec<_>>();
        self.under_way.extend(due.iter().map(|(at, w)| (*at, Arc::clone(&w.item.alert))));
        due
    }

    /// An answer. False: nothing of that number is under way.
    pub(super) fn acknowledge(&mut self, number: EffectNumber, verdict: Verdict) -> bool {
        let Some(alert) = self.under_way.remove(&number) else { return false };
        if self.waiting.contains_key(&number) {
            self.acknowledge_newest(number, verdict);
        } else if let Some(newer) = self.by_alert.get(&alert).copied() {
            self.acknowledge_older(number, newer, verdict);
        }
        self.cursor.settle(self.holds.first().copied().unwrap_or(self.next));
        true
    }

    fn acknowledge_newest(&mut self, number: EffectNumber, verdict: Verdict) {
        match verdict {
            Verdict::Again => {}
            Verdict::Unknown => {
                if let Some(waiting) = self.waiting.get_mut(&number) {
                    waiting.mark.repeated = true;
                }
            }
            Verdict::Taken | Verdict::Refused => {
                let Some(Waiting { item, mark }) = self.remove(number) else { return };
                match verdict {
                    Verdict::Refused => self.cursor.refuse(number, mark.since, item.name()),
                    _ => self.cursor.note(number),
                }
                if self.kind == LaneKind::Index {
                    self.answered(number, &item, mark.unheard);
                }
            }
        }
    }

    /// The answer for a version that a newer one stands in the place of.
    fn acknowledge_older(&mut self, number: EffectNumber, newer: EffectNumber, verdict: Verdict) {
        let Some(mut waiting) = self.remove(newer) else { return };
        waiting.mark.earlier = waiting.mark.earlier.filter(|e| *e != number);
        if verdict == Verdict::Taken {
            self.cursor.note(number);
            self.hear(newer, &mut waiting);
        }
        self.put(newer, waiting);
    }

    /// The sink has an older document of the alert.
    fn hear(&mut self, number: EffectNumber, waiting: &mut Waiting) {
        if std::mem::take(&mut waiting.mark.unheard) {
            self.delivered += i64::from(!waiting.item.suppressed);
        }
        waiting.mark.since = number;
    }

    /// Marks the pages that may have been under way when the process before this one died.
    pub(super) fn mark_repeated(&mut self) {
        if self.kind.is_page() {
            self.waiting.values_mut().take(UNDER_WAY_MAX).for_each(|w| w.mark.repeated = true);
        }
    }

    pub(super) fn counts(&self) -> LaneCounts {
        LaneCounts {
            delivered: u64::try_from(self.delivered).unwrap_or(0),
            quarantined: self.refused.values().filter(|suppressed| !**suppressed).count() as u64,
            unheard: self.waiting.values().filter(|w| w.mark.unheard && !w.item.suppressed).count() as u64,
            waiting: self.waiting.len() as u64,
            under_way: self.under_way.len() as u64,
        }
    }

    pub(super) fn oldest(&self) -> Option<EffectNumber> {
        self.holds.first().copied()
    }

    pub(super) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn items(&self) -> impl Iterator<Item = (EffectNumber, &Arc<Item>)> {
        self.waiting.iter().map(|(at, w)| (*at, &w.item))
    }

    pub(super) fn image(&self) -> LaneImage {
        LaneImage {
            kind: self.kind,
            cursor: self.cursor.clone(),
            waiting: self.waiting.iter().map(|(at, w)| (*at, w.mark)).collect(),
            next: self.next,
            delivered: self.delivered,
            refused: self.refused.clone(),
        }
    }

    /// The lane of a snapshot, less what a newer cursor knows to be done.
    pub(super) fn restore(image: LaneImage, cursor: Cursor, items: &BTreeMap<EffectNumber, Arc<Item>>) -> Option<Self> {
        let mut lane = Lane::after(image.kind, 0, image.delivered);
        lane.cursor = image.cursor;
        lane.cursor.merge(cursor);
        (lane.next, lane.refused) = (image.next, image.refused);
        for (number, mark) in image.waiting {
            let mut waiting = Waiting { item: Arc::clone(items.get(&number)?), mark };
            let earlier = std::mem::take(&mut waiting.mark.earlier);
            let taken = |at: EffectNumber| at < number && lane.cursor.done(at) && !lane.cursor.is_refused(at, waiting.item.name());
            if taken(mark.since) || earlier.is_some_and(taken) {
                lane.hear(number, &mut waiting);
            }
            if !lane.cursor.done(number) {
                lane.put(number, waiting);
            } else if lane.kind == LaneKind::Index {
                lane.answered(number, &waiting.item, waiting.mark.unheard);
            }
        }
        Some(lane)
    }

    fn put(&mut self, number: EffectNumber, waiting: Waiting) {
        self.holds.insert(waiting.mark.since);
        if self.kind == LaneKind::Index {
            self.by_alert.insert(Arc::clone(&waiting.item.alert), number);
        }
        self.waiting.insert(number, waiting);
    }

    fn remove(&mut self, number: EffectNumber) -> Option<Waiting> {
        let waiting = self.waiting.remove(&number)?;
        self.holds.remove(&waiting.mark.since);
        self.by_alert.remove(&waiting.item.alert);
        Some(waiting)
    }
}
