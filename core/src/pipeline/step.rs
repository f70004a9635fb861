//! The Pipeline: the stateful half. One entry of its log in, numbered effects out.
//!
//! Owns all state of its key groups: windows and episodes (the correlator), findings that have an alert, severities of findings,
//! the ledger, the watermarks, the books, and what the log last said about rules and settings. Applying the same log gives the
//! same state, effects and numbers, wherever snapshots were taken. What becomes of alerts stands in `alerts`, going over to other
//! rules in `reload`, the state as bytes in `snapshot`.

use super::books::Books;
use super::control::Control;
use super::effect::{Action, Effect, EffectNumber};
use super::entry::Entry;
use super::ledger::Ledger;
use super::pressure::Pressure;
use super::reload::Change;
use super::rules::{Known, Rules};
use super::single::Singles;
use crate::alert::Org;
use crate::alert::storm::Storm;
use crate::correlate::{Correlator, Counted, Output};
use crate::dedup::Severities;
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
    /// Of so many: budgets are shared out.
    pub(super) of: u16,
    pub(super) known: Known,
    /// The set in force; `None` before the first control.
    pub(super) rules: Option<Arc<Rules>>,
    pub(super) set: Arc<RuleSet>,
    /// A name per rule that outlives reloads.
    pub(super) names: Vec<u64>,
    /// Rules that ask for `tidegate.revision: severity_raised`, sorted.
    pub(super) raised: Vec<u32>,
    /// The largest lateness of any correlation.
    pub(super) lateness_ms_max: i64,
    pub(super) control: Control,
    pub(super) org: Option<Org>,
    pub(super) correlator: Correlator,
    pub(super) singles: Singles,
    pub(super) severities: Severities,
    pub(super) pressure: Pressure,
    pub(super) storm: Storm,
    pub(super) ledger: Ledger,
    pub(super) watermarks: Watermarks,
    /// The lowest log position that may be applied.
    pub(super) next: u64,
    /// Largest arrival seen: the "now" of documents.
    pub(super) now_ms: i64,
    pub(super) derived: u64,
    pub(super) books: Books,
    /// What the newest entry changed about rules.
    pub(super) change: Option<Change>,
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
    /// Pipeline `number` of `of`, without state and without rules: the first entry of its log says which.
    #[must_use]
    pub fn new(number: u16, of: u16) -> Self {
        let control = Control::default();
        let set = Arc::new(RuleSet::default());
        Pipeline {
            number,
            of: of.max(1),
            known: Known::new(),
            rules: None,
            correlator: Correlator::new(&set, &[], control.settings.correlate.clone()),
            set,
            names: Vec::new(),
            raised: Vec::new(),
            lateness_ms_max: 0,
            control,
            org: None,
            singles: Singles::default(),
            severities: Severities::default(),
            pressure: Pressure::default(),
            storm: Storm::new(1),
            ledger: Ledger::default(),
            watermarks: Watermarks::default(),
            next: 0,
            now_ms: 0,
            derived: 0,
            books: Books::default(),
            change: None,
        }
    }

    /// Makes a rule set known: an entry's control may name it from here on.
    pub fn learn(&mut self, rules: &Arc<Rules>) {
        self.known.insert(rules.set.digest, Arc::clone(rules));
    }

    /// The rules in force; `None` before the first entry.
    #[must_use]
    pub fn rules(&self) -> Option<&Arc<Rules>> {
        self.rules.as_ref()
    }

    /// The control in force.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// The lowest log position that may be applied: all entries before it have been.
    #[must_use]
    pub fn next_position(&self) -> u64 {
        self.next
    }

    /// Whether an entry may be applied here: its control must name rules that are known, and it must have been matched with the
    /// rules that are in force after its control.
    ///
    /// # Errors
    /// If not: in words.
    pub fn admit(&self, entry: &Entry) -> Result<(), String> {
        let name = |digest: &[u8; 32]| digest[..4].iter().map(|b| format!("{b:02x}")).collect::<String>();
        let ours = match (&entry.control, &self.rules) {
            (Some(control), _) if !self.known.contains_key(&control.rules) => {
                let theirs = name(&control.rules);
                return Err(format!("the log goes over to rule set {theirs}..., which this Pipeline was not given: load its files first"));
            }
            (Some(control), _) => control.rules,
            (None, Some(rules)) => rules.set.digest,
            (None, None) => return Err("the log begins without a control: nothing says which rules it was matched with".to_owned()),
        };
        if entry.rules == ours {
            return Ok(());
        }
        let (theirs, ours) = (name(&entry.rules), name(&ours));
        Err(format!("the log entry was matched with rule set {theirs}..., this Pipeline runs {ours}...: match it again first"))
    }

    /// Applies the entry at a log position.
    ///
    /// # Panics
    /// If the entry was matched with another rule set (see [`Pipeline::admit`]): its rule numbers would mean other rules. If its
    /// position was applied before.
    pub fn apply(&mut self, position: u64, entry: &Entry) -> Vec<Effect> {
        if let Err(refusal) = self.admit(entry) {
            panic!("{refusal}");
        }
        assert!(position >= self.next, "position {position} was applied before: the next is {}", self.next);
        self.next = position + 1;
        let mut effects = Effects { position, list: Vec::new() };
        self.now_ms = self.now_ms.max(entry.arrival_ms);
        self.change = None;
        if let Some(control) = &entry.control {
            self.take_control(control, &mut effects);
        }
        self.books.input.add(&entry.counts);
        self.books.detections.without_key += super::books::total(&entry.counts.without_key);
        self.books.detections.detections += super::books::total(&entry.counts.without_key);
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

    /// The watermarks it knows.
    #[must_use]
    pub fn watermarks(&self) -> &Watermarks {
        &self.watermarks
    }

    /// Group keys that hold state, and the logical bytes they take.
    #[must_use]
    pub fn state_size(&self) -> (usize, u64) {
        (self.correlator.live_keys(), self.correlator.state_bytes())
    }

    /// The same by rule number.
    #[must_use]
    pub fn state_sizes(&self) -> Vec<(usize, u64)> {
        self.correlator.sizes()
    }

    /// Raises the watermarks. With a control, sources that are not named are fed no longer and hold nobody back.
    fn raise(&mut self, entry: &Entry) {
        if entry.control.is_some() && !entry.watermarks.is_empty() {
            self.watermarks.sources.retain(|source, _| entry.watermarks.iter().any(|(s, _)| s == source));
        }
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
        let [target, rule] = [d.target, d.rule].map(|n| self.name(n).to_le_bytes());
        let asks = [&target[..], &rule, &revision.finding.to_le_bytes(), d.key.bytes()].concat();
        self.severities.raised(id::hash128(&asks), revision, d.arrival_ms) && !d.flags.witness
    }

    /// The name of a rule that outlives reloads.
    pub(super) fn name(&self, rule: u32) -> u64 {
        self.names.get(rule as usize).copied().unwrap_or(0)
    }
}
