//! The Pipeline: the stateful half. One entry of its log in, numbered effects out.
//!
//! Owns all state of its key groups: windows and episodes (the correlator), findings that have an alert, the ledger, the
//! watermarks, the books. Applying the same log gives the same state, effects and numbers, wherever snapshots were taken.

use super::books::Books;
use super::effect::{Action, Effect, EffectNumber};
use super::entry::Entry;
use super::ledger::{AlertKey, Ledger};
use super::related::related;
use super::single::{Singles, Standing, kept};
use crate::alert::paging::{Paging, paging_decision};
use crate::alert::subject::{State, Subject, first_moment};
use crate::alert::{alert_id, document};
use crate::correlate::{AlertChange, ChangeKind, Correlator, Counted, Episode, KeptEvent, Output};
use crate::event::{Detection, GroupKey, Source, Watermarks};
use crate::rule::{RuleSet, Status};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a Pipeline is started with. Plain data; the same for every Pipeline of one installation.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// State budgets and the start of the rules.
    pub correlate: crate::correlate::Settings,
    /// The product's version, named in every document.
    pub product_version: String,
}

/// Why a snapshot cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreError(pub String);

impl std::fmt::Display for RestoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot use the snapshot: {}", self.0)
    }
}

impl std::error::Error for RestoreError {}

/// Version of the snapshot's own envelope.
const SNAPSHOT_VERSION: u8 = 1;

/// The stateful half.
pub struct Pipeline {
    number: u16,
    set: Arc<RuleSet>,
    settings: Settings,
    correlator: Correlator,
    singles: Singles,
    ledger: Ledger,
    watermarks: Watermarks,
    /// Largest arrival seen: the "now" of documents.
    now_ms: i64,
    derived: u64,
    books: Books,
}

impl std::fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (keys, bytes) = self.state_size();
        f.debug_struct("Pipeline").field("number", &self.number).field("keys", &keys).field("bytes", &bytes).finish_non_exhaustive()
    }
}

/// Collects the effects of one entry and numbers them.
struct Effects {
    position: u64,
    list: Vec<Effect>,
}

impl Effects {
    fn push(&mut self, action: Action) {
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
            set,
            settings,
            correlator,
            singles: Singles::default(),
            ledger: Ledger::default(),
            watermarks: Watermarks::default(),
            now_ms: 0,
            derived: 0,
            books: Books::default(),
        }
    }

    /// Applies the entry at a log position.
    pub fn apply(&mut self, position: u64, entry: &Entry) -> Vec<Effect> {
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
        let counts = &mut self.books.detections;
        counts.detections += 1;
        if d.target == d.rule {
            return self.single(d, effects);
        }
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

    /// A match that is an alert of its own.
    fn single(&mut self, d: &Detection, effects: &mut Effects) {
        let standing = self.singles.judge(d);
        let counts = &mut self.books.detections;
        match standing {
            Standing::Copy => return counts.duplicates += 1,
            Standing::Change { stale: true } => counts.stale += 1,
            _ => counts.counted += 1,
        }
        let event = kept(d);
        let at: AlertKey = (d.target, d.key.clone(), first_moment(&event));
        if standing == Standing::New {
            let rule = self.set.rule(d.target);
            let shadow = rule.meta.status == Status::Experimental;
            let paging = paging_decision(d.severity, shadow, false, d.flags.sample, d.flags.archived, &[]);
            let id = alert_id(&rule.meta.id, &rule.digest, &d.key, at.2);
            self.open(at.clone(), id, paging, Vec::new());
            self.emit_single(&at, Some(&event), effects);
            self.page(&at, effects);
            if d.revision.is_none() {
                self.ledger.close(&at);
            }
        } else {
            self.ledger.touch(&at, self.now_ms);
        }
    }

    fn open(&mut self, at: AlertKey, id: String, paging: Paging, related: Vec<crate::alert::subject::RelatedAlert>) {
        self.books.alerts.alerts += 1;
        self.books.alerts.shadow += u64::from(self.set.rule(at.0).meta.status == Status::Experimental);
        self.ledger.open(at, id, self.now_ms, paging, related);
    }

    /// Turns what the correlator said into effects.
    fn carry(&mut self, outputs: &mut Vec<Output>, effects: &mut Effects) {
        for output in outputs.drain(..) {
            match output {
                Output::Alert(change) => self.change(&change, effects),
                Output::Stretch(mut derived) => {
                    derived.origin = (self.number, self.derived);
                    self.derived += 1;
                    effects.push(Action::Derive(derived));
                }
                Output::Pressure { evicted, .. } => self.books.alerts.evicted += evicted,
            }
        }
    }

    fn change(&mut self, change: &AlertChange, effects: &mut Effects) {
        let at: AlertKey = (change.correlation, change.key.clone(), change.fired_ms);
        match change.kind {
            ChangeKind::Opened => {
                let Some(episode) = self.episode_of(change) else { return };
                let rule = self.set.rule(at.0);
                let related = related(&self.set, &episode.events);
                let severity = severity_of(rule, &episode.events);
                let paging = paging_decision(severity, rule.meta.status == Status::Experimental, false, false, false, &related);
                let id = alert_id(&rule.meta.id, &rule.digest, &change.key, change.fired_ms);
                self.open(at.clone(), id, paging, related);
                self.emit(&at, Some(&episode), None, State::Open, None, effects);
                self.page(&at, effects);
            }
            ChangeKind::Updated => self.ledger.touch(&at, self.now_ms),
            ChangeKind::Closed | ChangeKind::Merged => {
                let Some(episode) = self.episode_of(change) else { return };
                let state = if change.kind == ChangeKind::Merged { State::Merged } else { State::Closed };
                self.books.alerts.merged += u64::from(state == State::Merged);
                let into = change.merged_into.map(|fired| self.correlation_id(change.correlation, &change.key, fired));
                self.refresh_related(&at, &episode);
                self.emit(&at, Some(&episode), None, state, into.as_deref(), effects);
                self.ledger.close(&at);
            }
        }
    }

    fn episode_of(&self, change: &AlertChange) -> Option<Episode> {
        match &change.episode {
            Some(episode) => Some((**episode).clone()),
            None => self.correlator.episode(change.correlation, &change.key, change.fired_ms, &self.watermarks),
        }
    }

    fn correlation_id(&self, correlation: u32, key: &GroupKey, fired_ms: i64) -> String {
        let rule = self.set.rule(correlation);
        alert_id(&rule.meta.id, &rule.digest, key, fired_ms)
    }

    /// Documents that the throttle held back and that are due.
    fn flush(&mut self, effects: &mut Effects) {
        let ended = !self.watermarks.sources.is_empty() && self.watermarks.sources.values().all(|w| *w >= crate::event::watermark::ENDED);
        let until = if ended { i64::MAX } else { self.now_ms };
        for at in self.ledger.due(until) {
            if self.is_correlation(at.0) {
                if let Some(episode) = self.correlator.episode(at.0, &at.1, at.2, &self.watermarks) {
                    self.refresh_related(&at, &episode);
                    self.emit(&at, Some(&episode), None, State::Open, None, effects);
                }
            } else {
                self.emit_single(&at, None, effects);
            }
        }
        for (target, finding) in self.singles.forget(self.now_ms) {
            if let Some(event) = finding.newest() {
                self.ledger.close(&(target, finding.key.clone(), first_moment(event)));
            }
        }
    }

    fn is_correlation(&self, rule: u32) -> bool {
        matches!(self.set.rule(rule).body, crate::rule::Body::Correlation(_))
    }

    fn emit_single(&mut self, at: &AlertKey, event: Option<&KeptEvent>, effects: &mut Effects) {
        let finding = self.singles.by_key(at.0, &at.1);
        let (episode, newest) = match finding {
            Some(finding) => (Some(finding.episode()), finding.newest().cloned()),
            None => (None, event.cloned()),
        };
        self.emit(at, episode.as_ref(), newest.as_ref(), State::Open, None, effects);
    }

    fn refresh_related(&mut self, at: &AlertKey, episode: &Episode) {
        let related = related(&self.set, &episode.events);
        self.ledger.relate(at, related);
    }

    /// Counts a version and asks for it to be indexed.
    fn emit(
        &mut self,
        at: &AlertKey,
        episode: Option<&Episode>,
        event: Option<&KeptEvent>,
        state: State,
        into: Option<&str>,
        effects: &mut Effects,
    ) {
        self.ledger.revise(at, self.now_ms);
        let Some(account) = self.ledger.get(at) else { return };
        let subject = Subject {
            set: &self.set,
            rule: at.0,
            key: &at.1,
            alert_id: &account.id,
            revision: account.revision,
            created_ms: account.created_ms,
            modified_ms: account.modified_ms,
            episode,
            event,
            state,
            merged_into: into,
            related: &account.related,
            paging: account.paging,
            shadow: self.set.rule(at.0).meta.status == Status::Experimental,
            suppressed_by: None,
            tables: &[],
            product_version: &self.settings.product_version,
            org: None,
            accounts: &BTreeMap::new(),
            enrichments: &[],
            link: None,
        };
        let document = document(&subject).to_string();
        let action = Action::Index { alert: account.id.clone(), version: account.revision, suppressed: false, document };
        self.books.alerts.documents += 1;
        effects.push(action);
    }

    /// Asks for the page, if one was decided. Its text is that of the document just emitted.
    fn page(&mut self, at: &AlertKey, effects: &mut Effects) {
        let Some(account) = self.ledger.get(at).filter(|a| a.paging.pages()) else { return };
        let Some(Action::Index { document, .. }) = effects.list.last().map(|e| &e.action) else { return };
        let (alert, route, document) = (account.id.clone(), account.paging.route().to_owned(), document.clone());
        self.books.alerts.pages += 1;
        effects.push(Action::Page { alert, route, document });
    }
}

/// Severity of a correlation's alert: the rule's level, else that of its most severe event.
fn severity_of(rule: &crate::rule::Rule, events: &[KeptEvent]) -> u8 {
    match rule.meta.level {
        Some(level) => crate::alert::severity::of_level(level),
        None => events.iter().map(|e| e.severity).max().unwrap_or(1).clamp(1, 5),
    }
}

mod snapshot {
    //! The whole state at one log position, as bytes. The outbox is beside it: it is not state.

    use super::{Books, Correlator, Ledger, Pipeline, RestoreError, SNAPSHOT_VERSION, Settings, Singles};
    use crate::event::{Source, Watermarks};
    use crate::rule::RuleSet;
    use serde::{Deserialize, Serialize};
    use std::borrow::Cow;
    use std::sync::Arc;

    #[derive(Serialize, Deserialize)]
    struct Image<'a> {
        number: u16,
        rules: [u8; 32],
        correlator: Cow<'a, [u8]>,
        singles: Cow<'a, Singles>,
        ledger: Cow<'a, Ledger>,
        watermarks: Cow<'a, Watermarks>,
        now_ms: i64,
        derived: u64,
        books: Cow<'a, Books>,
    }

    impl Pipeline {
        /// The state as bytes: equal state gives equal bytes.
        ///
        /// # Panics
        /// Never: a `Vec` takes everything.
        #[must_use]
        pub fn snapshot(&self) -> Vec<u8> {
            let image = Image {
                number: self.number,
                rules: self.set.digest,
                correlator: self.correlator.snapshot().into(),
                singles: Cow::Borrowed(&self.singles),
                ledger: Cow::Borrowed(&self.ledger),
                watermarks: Cow::Borrowed(&self.watermarks),
                now_ms: self.now_ms,
                derived: self.derived,
                books: Cow::Borrowed(&self.books),
            };
            postcard::to_extend(&image, vec![SNAPSHOT_VERSION]).expect("a Vec takes everything and every field has a postcard form")
        }

        /// A Pipeline as it was when the snapshot was taken.
        ///
        /// # Errors
        /// If the bytes are damaged, of another version, or of another rule set.
        pub fn restore(set: Arc<RuleSet>, sources: &[Vec<Source>], settings: Settings, bytes: &[u8]) -> Result<Self, RestoreError> {
            let rest = match bytes.split_first() {
                Some((&SNAPSHOT_VERSION, rest)) => rest,
                Some((version, _)) => {
                    return Err(RestoreError(format!("it is of version {version}, this program reads version {SNAPSHOT_VERSION}")));
                }
                None => return Err(RestoreError("it is empty".into())),
            };
            let image: Image<'_> = postcard::from_bytes(rest).map_err(|e| RestoreError(format!("it is damaged: {e}")))?;
            if image.rules != set.digest {
                return Err(RestoreError("it was taken under another rule set".into()));
            }
            let correlator = Correlator::restore(&set, sources, settings.correlate.clone(), &image.correlator);
            Ok(Pipeline {
                number: image.number,
                set,
                settings,
                correlator: correlator.map_err(|e| RestoreError(e.to_string()))?,
                singles: image.singles.into_owned(),
                ledger: image.ledger.into_owned(),
                watermarks: image.watermarks.into_owned(),
                now_ms: image.now_ms,
                derived: image.derived,
                books: image.books.into_owned(),
            })
        }
    }
}
