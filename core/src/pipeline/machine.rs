//! The Pipeline: the stateful half. One entry of its log in, numbered effects out.
//!
//! Owns all state of its key groups: windows and episodes (the correlator), findings that have an alert, severities of findings,
//! the ledger, the watermarks, the books. Applying the same log gives the same state, effects and numbers, wherever snapshots
//! were taken. What becomes of alerts stands in `alerts`, the state as bytes in `snapshot`.

use super::books::Books;
use super::control::Settings;
use super::effect::{Action, Effect, EffectNumber};
use super::entry::Entry;
use super::ledger::Ledger;
use super::pressure::Pressure;
use super::single::Singles;
use crate::correlate::{Correlator, Counted, Output};
use crate::dedup::Severities;
use crate::detect::raised_rules;
use crate::event::{Detection, Source, Watermarks, id};
use crate::rule::RuleSet;
use std::sync::Arc;

/// Why a snapshot cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreError(pub String);

impl std::fmt::Display for RestoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot use the snapshot: {}", self.0)
    }
}

impl std::error::Error for RestoreError {}

/// The stateful half.
pub struct Pipeline {
    pub(super) number: u16,
    pub(super) set: Arc<RuleSet>,
    /// Rules that ask for `tidegate.revision: severity_raised`, sorted.
    pub(super) raised: Vec<u32>,
    /// The largest lateness of any correlation.
    pub(super) lateness_ms_max: i64,
    pub(super) settings: Settings,
    pub(super) correlator: Correlator,
    pub(super) singles: Singles,
    pub(super) severities: Severities,
    pub(super) pressure: Pressure,
    pub(super) ledger: Ledger,
    pub(super) watermarks: Watermarks,
    /// Largest arrival seen: the "now" of documents.
    pub(super) now_ms: i64,
    pub(super) derived: u64,
    pub(super) books: Books,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (keys, bytes) = self.state_size();
        f.debug_struct("Pipeline").field("number", &self.number).field("keys", &keys).field("bytes", &bytes).finish_non_exhaustive()
    }
}

/// Collects the effects of one entry and numbers them.
pub(super) struct Effects {
    position: u64,
    list: Vec<Effect>,
}

impl Effects {
    pub(super) fn push(&mut self, action: Action) {
        let number = EffectNumber { position: self.position, index: self.list.len() as u32 };
        self.list.push(Effect { number, action });
    }
}

impl Pipeline {
    /// A Pipeline without state. `sources` tells, per rule, which sources feed it.
    #[must_use]
    pub fn new(number: u16, set: Arc<RuleSet>, sources: &[Vec<Source>], settings: Settings) -> Self {
        let correlator = Correlator::new(&set, sources, settings.correlate.clone());
        Pipeline {
            number,
            raised: raised_rules(&set),
            lateness_ms_max: (0..set.rules.len() as u32).map(|rule| correlator.lateness_ms(rule)).max().unwrap_or(0),
            set,
            settings,
            correlator,
            singles: Singles::default(),
            severities: Severities::default(),
            pressure: Pressure::default(),
            ledger: Ledger::default(),
            watermarks: Watermarks::default(),
            now_ms: 0,
            derived: 0,
            books: Books::default(),
        }
    }

    /// Whether an entry may be applied here: it must have been matched with this rule set.
    ///
    /// # Errors
    /// If it was matched with another one: in words. It has to be matched again first.
    pub fn admit(&self, entry: &Entry) -> Result<(), String> {
        let name = |digest: &[u8; 32]| digest[..4].iter().map(|b| format!("{b:02x}")).collect::<String>();
        if entry.rules == self.set.digest {
            return Ok(());
        }
        let (theirs, ours) = (name(&entry.rules), name(&self.set.digest));
        Err(format!("the log entry was matched with rule set {theirs}..., this Pipeline runs {ours}...: match it again first"))
    }

    /// Applies the entry at a log position.
    ///
    /// # Panics
    /// If the entry was matched with another rule set (see [`Pipeline::admit`]): its rule numbers would mean other rules.
    pub fn apply(&mut self, position: u64, entry: &Entry) -> Vec<Effect> {
        if let Err(refusal) = self.admit(entry) {
            panic!("{refusal}");
        }
        let mut effects = Effects { position, list: Vec::new() };
        self.books.input.add(&entry.counts);
        self.books.detections.without_key += super::books::total(&entry.counts.without_key);
        self.books.detections.detections += super::books::total(&entry.counts.without_key);
        self.now_ms = self.now_ms.max(entry.arrival_ms);
        let mut outputs = Vec::new();
        for d in &entry.detections {
            self.detection(d, &mut outputs, &mut effects);
            self.carry(&mut outputs, &mut effects);
        }
        for d in &entry.derived {
            self.correlator.apply_derived(d, &self.watermarks, &mut outputs);
            self.carry(&mut outputs, &mut effects);
        }
        self.raise(entry);
        self.correlator.advance(&self.watermarks, &mut outputs);
        self.carry(&mut outputs, &mut effects);
        self.flush(&mut effects);
        effects.list
    }

    /// The watermark this Pipeline publishes for each level: everything derived up to it has been sent.
    #[must_use]
    pub fn published(&self, levels: usize) -> Vec<i64> {
        let sources: Vec<Source> = self.watermarks.sources.keys().copied().collect();
        (0..levels).map(|level| self.watermarks.of(&sources, level)).collect()
    }

    /// How many levels of correlations there are: 1 where none refers to another.
    #[must_use]
    pub fn levels(&self) -> usize {
        (0..self.set.rules.len() as u32).map(|rule| self.level(rule) + 1).max().unwrap_or(1)
    }

    /// The level of a correlation: 0 reads sources only.
    #[must_use]
    pub fn level(&self, correlation: u32) -> usize {
        self.correlator.level(correlation)
    }

    /// Allowed lateness of a correlation, that of its children included.
    #[must_use]
    pub fn lateness_ms(&self, correlation: u32) -> i64 {
        self.correlator.lateness_ms(correlation)
    }

    /// The books of this Pipeline.
    #[must_use]
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// Group keys that hold state, and the logical bytes they take.
    #[must_use]
    pub fn state_size(&self) -> (usize, u64) {
        (self.correlator.live_keys(), self.correlator.state_bytes())
    }

    fn raise(&mut self, entry: &Entry) {
        entry.watermarks.iter().for_each(|(source, ms)| self.watermarks.raise(*source, *ms));
        for (level, ms) in entry.published.iter().enumerate() {
            if self.watermarks.derived.len() <= level {
                self.watermarks.derived.push(*ms);
            }
            let held = &mut self.watermarks.derived[level];
            *held = (*held).max(*ms);
        }
    }

    fn detection(&mut self, d: &Detection, outputs: &mut Vec<Output>, effects: &mut Effects) {
        self.books.detections.detections += 1;
        if !self.severity_allows(d) {
            return self.books.detections.stale += 1;
        }
        if d.target == d.rule {
            return self.single(d, effects);
        }
        let counts = &mut self.books.detections;
        let counted = match self.correlator.apply(d, &self.watermarks, outputs) {
            Counted::Counted => &mut counts.counted,
            Counted::Duplicate => &mut counts.duplicates,
            Counted::Late => &mut counts.late,
            Counted::Behind => &mut counts.behind,
            Counted::Stale => &mut counts.stale,
            Counted::Ignored => &mut counts.ignored,
        };
        *counted += 1;
    }

    /// Whether a detection of a rule that asks for `severity_raised` is one: an earlier revision with the same group key was less
    /// severe. Every revision is remembered, also those that the rest of the rule's condition does not admit.
    fn severity_allows(&mut self, d: &Detection) -> bool {
        let Some(revision) = d.revision.as_ref().filter(|_| self.raised.binary_search(&d.rule).is_ok()) else { return !d.flags.witness };
        let asks = [&d.target.to_le_bytes()[..], &d.rule.to_le_bytes(), &revision.finding.to_le_bytes(), d.key.bytes()].concat();
        self.severities.raised(id::hash128(&asks), revision, d.arrival_ms) && !d.flags.witness
    }
}
