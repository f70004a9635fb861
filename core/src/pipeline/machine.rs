//! P Pipelines over one log: what is found becomes a round of entries, a round becomes effects.
//!
//! Owns the rounds. A batch becomes one entry per Pipeline; what Pipelines derive goes into the entries of a later round, exactly
//! once; the watermark that all have published goes with it. Proposing changes nothing: whoever drives it makes the entries durable
//! first and applies them then, or proposes them again if that failed. After a restart ([`Machine::restore`]) the log behind the
//! snapshots is applied again, and everything stands as if there had been none. Never reads a source and never waits.

use super::books::{Books, InputCounts};
use super::control::Control;
use super::effect::{Action, Effect};
use super::entry::Entry;
use super::lane::LaneKind;
use super::outbox::Outbox;
use super::rules::{Known, Reload, Rules, feeds, heirs, inherited};
use super::step::{Pipeline, RestoreError};
use crate::event::watermark::{ENDED, NOT_YET};
use crate::event::{Derived, Detection, KeyGroup, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Detections of some records, and how far reading has come.
#[derive(Debug, Clone)]
pub struct Batch {
    /// In the order of the log.
    pub detections: Vec<Detection>,
    /// Up to this arrival time everything was read, in every source that feeds a rule.
    pub watermark_ms: i64,
    /// The same by source. Where this is given and `watermark_ms` is not, sources that are not named are not fed at all.
    pub watermarks: Vec<(Source, i64)>,
    /// Largest arrival so far.
    pub arrival_ms: i64,
    /// What the Intake counted.
    pub counts: InputCounts,
    /// What is to change from here on, before these detections.
    pub control: Option<Control>,
    /// Digest of the rules that the detections were matched with; `None`: those in force (after the control).
    pub rules: Option<[u8; 32]>,
}

impl Default for Batch {
    fn default() -> Self {
        Batch {
            detections: Vec::new(),
            watermark_ms: NOT_YET,
            watermarks: Vec::new(),
            arrival_ms: 0,
            counts: InputCounts::default(),
            control: None,
            rules: None,
        }
    }
}

/// When derived detections go into the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Once the published watermark has passed them, in order of time: two replays are identical, however they were cut.
    Hold,
    /// With the next round: a live machine waits for nothing.
    AtOnce,
}

/// What is left of a Pipeline after a restart.
#[derive(Debug, Default)]
pub struct Remains<'a> {
    /// Its newest verified snapshot, as [`Machine::snapshot`] gave it; `None`: the log is applied from its beginning.
    pub snapshot: Option<&'a [u8]>,
    /// The cursors of its lanes, as stored.
    pub cursors: &'a [(String, Vec<u8>)],
}

/// P Pipelines and their outboxes.
#[derive(Debug)]
pub struct Machine {
    mode: Mode,
    known: Known,
    pipelines: Vec<Pipeline>,
    outboxes: Vec<Outbox>,
    /// What all Pipelines have published.
    published: Vec<i64>,
    /// What of it stands in the log.
    told: Vec<i64>,
    reload: Option<Reload>,
}

impl Machine {
    /// P Pipelines at the beginning of a log.
    #[must_use]
    pub fn new(pipelines: u16, mode: Mode, lanes: &[(Arc<str>, LaneKind)]) -> Self {
        let of = pipelines.max(1);
        let mut machine = Machine {
            mode,
            known: Known::new(),
            pipelines: (0..of).map(|number| Pipeline::new(number, of)).collect(),
            outboxes: (0..of).map(|_| Outbox::new(lanes)).collect(),
            published: Vec::new(),
            told: Vec::new(),
            reload: None,
        };
        machine.publish();
        machine
    }

    /// The machine as it stood at its Pipelines' snapshots. Then the log is applied again from [`Machine::next_position`] on
    /// ([`Machine::reapply`]), up to `head`, its last position, and [`Machine::resume`] ends the restart.
    ///
    /// # Errors
    /// If a snapshot or cursor cannot be used.
    pub fn restore(
        known: &[Arc<Rules>],
        mode: Mode,
        lanes: &[(Arc<str>, LaneKind)],
        remains: &[Remains<'_>],
        head: u64,
    ) -> Result<Self, RestoreError> {
        let mut machine = Machine::new(u16::try_from(remains.len()).unwrap_or(u16::MAX), mode, lanes);
        for (number, left) in remains.iter().enumerate() {
            let parts = left.snapshot.map(split).transpose()?;
            if let Some(snapshot) = &parts {
                machine.pipelines[number] = Pipeline::restore(known, snapshot.state)?;
                let (is, of) = (machine.pipelines[number].number, machine.pipelines[number].of);
                if (usize::from(is), usize::from(of)) != (number, remains.len()) {
                    return Err(RestoreError(format!(
                        "it is that of Pipeline {is} of {of}, not of Pipeline {number} of {}",
                        remains.len()
                    )));
                }
            }
            let outbox = Outbox::restore(parts.map(|p| p.outbox), lanes, left.cursors, head);
            machine.outboxes[number] = outbox.map_err(RestoreError)?;
        }
        known.iter().for_each(|rules| machine.learn(rules));
        machine.publish();
        Ok(machine)
    }

    /// Makes a rule set known: a control may name it from here on.
    pub fn learn(&mut self, rules: &Arc<Rules>) {
        self.known.insert(rules.set.digest, Arc::clone(rules));
        self.pipelines.iter_mut().for_each(|p| p.learn(rules));
    }

    /// All rule sets that were made known.
    #[must_use]
    pub fn known(&self) -> Vec<Arc<Rules>> {
        self.known.values().cloned().collect()
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Option<&Arc<Rules>> {
        self.pipelines[0].rules()
    }

    /// The control in force.
    #[must_use]
    pub fn control(&self) -> &Control {
        self.pipelines[0].control()
    }

    /// The lowest position that some Pipeline has not applied.
    #[must_use]
    pub fn next_position(&self) -> u64 {
        self.pipelines.iter().map(Pipeline::next_position).min().unwrap_or(0)
    }

    /// The Pipelines.
    #[must_use]
    pub fn pipelines(&self) -> &[Pipeline] {
        &self.pipelines
    }

    /// The outbox of a Pipeline.
    #[must_use]
    pub fn outbox(&self, pipeline: u16) -> &Outbox {
        &self.outboxes[usize::from(pipeline)]
    }

    /// The same, to take from it and to answer.
    pub fn outbox_mut(&mut self, pipeline: u16) -> &mut Outbox {
        &mut self.outboxes[usize::from(pipeline)]
    }

    /// The entries of a round, one per Pipeline: not applied, and nothing is changed. Between a proposal and its
    /// [`Machine::apply`] no other may be made, unless this one is given up.
    #[must_use]
    pub fn propose(&self, batch: Batch) -> Vec<Entry> {
        let next = match &batch.control {
            Some(control) => self.known.get(&control.rules),
            None => self.rules(),
        };
        let pipelines = self.pipelines.len() as u16;
        let digest = batch.control.as_ref().map(|c| c.rules).or_else(|| next.map(|r| r.set.digest));
        let now_ms = self.pipelines.iter().map(|p| p.now_ms).max().unwrap_or(0);
        let blank = Entry {
            rules: batch.rules.or(digest).unwrap_or_default(),
            watermarks: watermarks(&batch, next.map(|r| feeds(r)).unwrap_or_default()),
            published: self.published.clone(),
            arrival_ms: now_ms.max(batch.arrival_ms),
            ..Entry::default()
        };
        let derived = self.released(batch.control.is_some().then_some(next).flatten(), batch.control.is_some());
        let mut entries = vec![blank; usize::from(pipelines)];
        entries[0].counts = batch.counts;
        let control = batch.control.map(Box::new);
        entries.iter_mut().for_each(|e| e.control.clone_from(&control));
        for detection in batch.detections {
            let owner = KeyGroup::of(&detection.key).pipeline(pipelines);
            entries[usize::from(owner)].detections.push(detection);
        }
        for derived in derived {
            let owner = KeyGroup::of(&derived.key).pipeline(pipelines);
            entries[usize::from(owner)].derived.push(derived);
        }
        entries
    }

    /// Whether proposed entries may be applied: see [`Pipeline::admit`].
    ///
    /// # Errors
    /// If not: in words.
    pub fn admit(&self, entries: &[Entry]) -> Result<(), String> {
        self.pipelines.iter().zip(entries).try_for_each(|(pipeline, entry)| pipeline.admit(entry))
    }

    /// Applies a round that stands in the log. The effects go into the outboxes; those that leave the machine are given too, with
    /// the number of their Pipeline, in its order.
    ///
    /// # Panics
    /// If an entry may not be applied (see [`Pipeline::apply`]), or there is not one per Pipeline.
    pub fn apply(&mut self, position: u64, entries: &[Entry]) -> Vec<(u16, Effect)> {
        assert_eq!(entries.len(), self.pipelines.len(), "a round has one entry per Pipeline");
        let entries: Vec<Option<&Entry>> = entries.iter().map(Some).collect();
        self.step(position, &entries)
    }

    /// Applies a round of the log again, where it is not in a Pipeline's snapshot already. `None` stands for an entry that was cut
    /// from the log.
    ///
    /// # Errors
    /// If an entry is missing that a Pipeline needs, or was made under rules that are not known: in words.
    pub fn reapply(&mut self, position: u64, entries: &[Option<Entry>]) -> Result<Vec<(u16, Effect)>, String> {
        for (pipeline, entry) in self.pipelines.iter().zip(entries).filter(|(p, _)| p.next_position() <= position) {
            let Some(entry) = entry else {
                return Err(format!("the log of Pipeline {} has no entry at position {position}: it was cut too early", pipeline.number));
            };
            pipeline.admit(entry)?;
        }
        let entries: Vec<Option<&Entry>> = entries.iter().map(Option::as_ref).collect();
        Ok(self.step(position, &entries))
    }

    /// Ends a restart: the log was applied again to its head. Pages that may have been under way are marked as repeated.
    pub fn resume(&mut self) {
        self.outboxes.iter_mut().for_each(Outbox::mark_repeated);
    }

    fn step(&mut self, position: u64, entries: &[Option<&Entry>]) -> Vec<(u16, Effect)> {
        let carried: BTreeSet<(u16, u64)> = entries.iter().flatten().flat_map(|e| e.derived.iter().map(|d| d.origin)).collect();
        let mut leaving = Vec::new();
        self.reload = None;
        for ((pipeline, outbox), entry) in self.pipelines.iter_mut().zip(&mut self.outboxes).zip(entries) {
            outbox.carried(&carried);
            let Some(entry) = entry.filter(|_| position >= pipeline.next_position()) else { continue };
            let effects = pipeline.apply(position, entry);
            if let Some(change) = &pipeline.change {
                outbox.inherit(&change.heirs);
                self.reload.get_or_insert_with(|| Reload { closed: BTreeMap::new(), ..change.reload.clone() }).add(&change.reload);
            }
            let leaves = effects.iter().filter(|e| !matches!(e.action, Action::Derive(_)));
            leaving.extend(leaves.map(|e| (pipeline.number, e.clone())));
            outbox.take(effects);
        }
        if let Some(entry) = entries.iter().flatten().next() {
            self.told.clone_from(&entry.published);
        }
        self.publish();
        leaving
    }

    fn publish(&mut self) {
        let levels = self.pipelines[0].levels();
        let each = self.pipelines.iter().map(|p| p.published(levels));
        self.published = each.reduce(|a, b| a.iter().zip(&b).map(|(x, y)| *x.min(y)).collect()).unwrap_or_default();
    }

    /// What the round applied last did to the rules, over all Pipelines.
    #[must_use]
    pub fn reloaded(&self) -> Option<&Reload> {
        self.reload.as_ref()
    }

    /// Whether a round is due though nothing new came: derived detections wait, or input has ended and not every level has heard
    /// of it.
    #[must_use]
    pub fn pending(&self) -> bool {
        let waits = match self.mode {
            Mode::AtOnce => self.outboxes.iter().any(|o| !o.held().is_empty()),
            Mode::Hold => !self.released(None, false).is_empty(),
        };
        let ended = self.published.first().is_some_and(|w| *w >= ENDED);
        waits || (ended && self.told != self.published)
    }

    /// Whether watermarks that correlations over correlations wait for are published but stand in no entry yet. The next round tells
    /// them; when nothing comes, whoever drives a live machine makes one for them, or what such rules wait for is told only when
    /// something else happens.
    #[must_use]
    pub fn lagging(&self) -> bool {
        let heard = self.pipelines[0].levels().saturating_sub(1);
        self.published.iter().take(heard).ne(self.told.iter().take(heard))
    }

    /// How many rounds the end of all input takes at most, until every timer has fired and everything derived has arrived.
    #[must_use]
    pub fn rounds_to_end(&self) -> usize {
        2 * self.pipelines[0].levels() + 2
    }

    /// Derived detections that go into the next round. With a control: in the words of the rules it names.
    fn released(&self, next: Option<&Arc<Rules>>, control: bool) -> Vec<Derived> {
        let goes = |d: &&Derived| self.mode == Mode::AtOnce || self.passed(d);
        let held = self.outboxes.iter().flat_map(|o| o.held()).filter(goes);
        let mut released: Vec<Derived> = match (control, self.rules(), next) {
            (false, ..) => held.cloned().collect(),
            (true, Some(now), Some(next)) => {
                let heirs = heirs(&now.set, &next.set);
                held.filter_map(|d| inherited(d, &heirs)).collect()
            }
            (true, ..) => Vec::new(),
        };
        if self.mode == Mode::Hold {
            released.sort_by(|a, b| order(a).cmp(&order(b)));
        }
        released
    }

    /// Whether the published watermark has passed a derived detection.
    fn passed(&self, d: &Derived) -> bool {
        let below = self.pipelines[0].level(d.target).saturating_sub(1);
        let watermark = self.published.iter().take(below + 1).copied().min().unwrap_or(NOT_YET);
        d.start_ms < watermark.saturating_sub(self.pipelines[0].lateness_ms(d.target))
    }

    /// The books of all Pipelines together.
    #[must_use]
    pub fn books(&self) -> Books {
        let mut books = Books::default();
        for pipeline in &self.pipelines {
            books.input.add(&pipeline.books().input);
            books.detections.add(&pipeline.books().detections);
            books.alerts.add(&pipeline.books().alerts);
        }
        books
    }

    /// Group keys that hold state, and the logical bytes they take, over all Pipelines.
    #[must_use]
    pub fn state_size(&self) -> (usize, u64) {
        self.pipelines.iter().map(Pipeline::state_size).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    }

    /// The same by rule number.
    #[must_use]
    pub fn state_sizes(&self) -> Vec<(usize, u64)> {
        let mut sum = Vec::new();
        for sizes in self.pipelines.iter().map(Pipeline::state_sizes) {
            sum.resize(sum.len().max(sizes.len()), (0, 0));
            sum.iter_mut().zip(sizes).for_each(|(sum, of): (&mut (usize, u64), _)| *sum = (sum.0 + of.0, sum.1 + of.1));
        }
        sum
    }

    /// A snapshot of a Pipeline and its outbox, at the position before its [`Pipeline::next_position`].
    #[must_use]
    pub fn snapshot(&self, pipeline: u16) -> Vec<u8> {
        let of = usize::from(pipeline);
        let digest = self.pipelines[of].rules().map(|r| r.set.digest).unwrap_or_default();
        let (state, outbox) = (self.pipelines[of].snapshot(), self.outboxes[of].encode());
        [&digest[..], &(state.len() as u64).to_le_bytes(), &state, &outbox].concat()
    }

    /// The digest of the rules that a snapshot needs; `None`: it was taken before any.
    ///
    /// # Errors
    /// If the bytes are no snapshot.
    pub fn snapshot_rules(snapshot: &[u8]) -> Result<Option<[u8; 32]>, RestoreError> {
        split(snapshot).map(|parts| (parts.rules != [0; 32]).then_some(parts.rules))
    }
}

type DerivedOrder<'a> = (i64, u32, &'a crate::event::GroupKey, u32, u16, i64);

fn order(d: &Derived) -> DerivedOrder<'_> {
    (d.start_ms, d.child, &d.child_key, d.target, d.step, d.end_ms)
}

fn watermarks(batch: &Batch, feeds: Vec<Source>) -> Vec<(Source, i64)> {
    let all = batch.watermarks.is_empty() || batch.watermark_ms != NOT_YET;
    let feeds = if all { feeds } else { Vec::new() };
    let mut out: BTreeMap<Source, i64> = feeds.into_iter().map(|s| (s, batch.watermark_ms)).collect();
    out.extend(batch.watermarks.iter().copied());
    out.into_iter().collect()
}

struct Parts<'a> {
    rules: [u8; 32],
    state: &'a [u8],
    outbox: &'a [u8],
}

fn split(snapshot: &[u8]) -> Result<Parts<'_>, RestoreError> {
    let damaged = || RestoreError("it is damaged: it is too short".into());
    let (rules, rest) = snapshot.split_first_chunk::<32>().ok_or_else(damaged)?;
    let (length, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| damaged())?;
    let (state, outbox) = rest.split_at_checked(length).ok_or_else(damaged)?;
    Ok(Parts { rules: *rules, state, outbox })
}
