//! What becomes of alerts in a Pipeline: opened, changed, joined, closed; their documents and their one page.
//!
//! Owns the step from what the correlator and the findings say to effects. A document is emitted when an alert opens and when it
//! ends; between the two the ledger's throttle says when. Whether it pages is decided when it opens, and again only while it did
//! not page: when it became more severe, or is a sample, archived or suppressed no longer. So at most one page in an alert's life.
//! Suppressions are asked for every document; the storm budget once a page is decided.

use super::effect::Action;
use super::ledger::{Account, AlertKey};
use super::place;
use super::pressure::PRESSURE;
use super::related::related;
use super::single::{Standing, kept};
use super::step::{Effects, Pipeline};
use super::told::{Context, Told};
use crate::alert::paging::{Decision, paging_decision};
use crate::alert::subject::State;
use crate::alert::{alert_id, document, storm, suppression};
use crate::correlate::{AlertChange, ChangeKind, Episode, KeptEvent, Output};
use crate::event::watermark::ENDED;
use crate::event::{Derived, Detection, GroupKey};
use crate::rule::Body;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The episodes of alerts that close in a step, by (correlation, first moment as known when it fired, key).
type Ends<'a> = BTreeMap<(u32, i64, &'a GroupKey), &'a Episode>;

/// What to do about paging with a document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wake {
    Nobody,
    Page,
    /// This page speaks for a storm.
    Summary,
}

impl Pipeline {
    /// A match that is an alert of its own.
    pub(super) fn single(&mut self, d: &Detection, effects: &mut Effects) {
        let (standing, fired_ms) = self.singles.judge(self.name(d.target), d);
        let counts = &mut self.books.detections;
        match standing {
            Standing::Copy => return counts.duplicates += 1,
            Standing::Change { stale: true } => counts.stale += 1,
            _ => counts.counted += 1,
        }
        let at: AlertKey = (d.target, d.key.clone(), fired_ms);
        let unheard = |a: &Account| !a.paging.pages() && a.paging.severity < d.severity;
        if standing == Standing::New {
            let base = self.singles.version_base(d.revision.is_some(), fired_ms, self.now_ms);
            self.open(at.clone(), base);
            self.emit_single(&at, Some(&kept(d)), effects);
        } else if self.ledger.get(&at).is_some_and(unheard) {
            self.emit_single(&at, None, effects);
        } else {
            self.ledger.touch(&at, self.now_ms);
        }
        if d.revision.is_none() {
            self.ledger.close(&at);
        }
    }

    /// Turns what the correlator said into effects.
    pub(super) fn carry(&mut self, outputs: &mut Vec<Output>, effects: &mut Effects) {
        let list = std::mem::take(outputs);
        let ends = ends(&list);
        for (i, output) in list.iter().enumerate() {
            match output {
                Output::Alert(change) => self.change(change, &ends, effects),
                Output::Stretch(derived) => self.derive(derived, &list[..i], effects),
                Output::Pressure { correlation, account, evicted } => self.press(*correlation, account, *evicted, effects),
            }
        }
        *outputs = list;
        outputs.clear();
    }

    /// A child's stretch on its way, with the alert it is part of: what stands before it in the same step names that.
    fn derive(&mut self, derived: &Derived, before: &[Output], effects: &mut Effects) {
        let mut derived = derived.clone();
        derived.origin = (self.number, self.derived);
        let fired = alert_over(&derived, before);
        derived.alert = fired.map(|fired| self.alert_id(&(derived.child, derived.child_key.clone(), fired)).into());
        self.derived += 1;
        effects.push(Action::Derive(derived));
    }

    fn change(&mut self, change: &AlertChange, ends: &Ends<'_>, effects: &mut Effects) {
        let at: AlertKey = (change.correlation, change.key.clone(), change.fired_ms);
        match change.kind {
            ChangeKind::Opened => {
                let standing = self.correlator.episode(at.0, &at.1, at.2, &self.watermarks);
                // One that opens and closes in one step is known by its end. One that is joined with an older one before the
                // step is over was never an alert.
                let ended = || ends.get(&(at.0, at.2, &at.1)).map(|e| (*e).clone());
                let Some(episode) = standing.or_else(ended) else { return };
                self.open(at.clone(), 0);
                self.emit_episode(&at, episode, State::Open, None, effects);
            }
            ChangeKind::Updated => self.ledger.touch(&at, self.now_ms),
            ChangeKind::Closed | ChangeKind::Merged => self.end(&at, change, effects),
        }
    }

    fn end(&mut self, at: &AlertKey, change: &AlertChange, effects: &mut Effects) {
        let Some(episode) = change.episode.as_deref().filter(|_| self.ledger.get(at).is_some()) else { return };
        let state = if change.kind == ChangeKind::Merged { State::Merged } else { State::Closed };
        self.books.alerts.merged += u64::from(state == State::Merged);
        let into = change.merged_into.map(|fired| self.alert_id(&(at.0, at.1.clone(), fired)));
        self.emit_episode(at, episode.clone(), state, into.as_deref(), effects);
        let evicted = state == State::Closed && episode.truncated && !self.ended();
        if evicted { self.ledger.park(at) } else { self.ledger.close(at) }
    }

    fn open(&mut self, at: AlertKey, base: u64) {
        let (shadow, id) = (self.shadow(at.0), self.alert_id(&at));
        if self.ledger.open(at, id, base, self.now_ms) {
            self.books.alerts.alerts += 1;
            self.books.alerts.shadow += u64::from(shadow);
        }
    }

    /// Whether all input has ended.
    fn ended(&self) -> bool {
        let sources = &self.watermarks.sources;
        !sources.is_empty() && sources.values().all(|w| *w >= ENDED)
    }

    pub(super) fn shadow(&self, rule: u32) -> bool {
        self.set.in_shadow(rule)
    }

    /// The id of an alert: that of its account, also where a reload gave its rule another id since.
    pub(super) fn alert_id(&self, at: &AlertKey) -> String {
        let rule = self.set.rule(at.0);
        self.ledger.get(at).map_or_else(|| alert_id(&rule.meta.id, &rule.digest, &at.1, at.2), |account| account.id.clone())
    }

    /// Documents that the throttle held back and that are due, and findings to forget.
    pub(super) fn flush(&mut self, effects: &mut Effects) {
        for at in self.ledger.due(if self.ended() { i64::MAX } else { self.now_ms }) {
            if at.0 == PRESSURE {
                self.emit_pressure(&at, effects);
            } else if !self.is_correlation(at.0) {
                self.emit_single(&at, None, effects);
            } else if let Some(episode) = self.correlator.episode(at.0, &at.1, at.2, &self.watermarks) {
                self.emit_episode(&at, episode, State::Open, None, effects);
            }
        }
        for at in self.singles.forget(self.now_ms) {
            self.ledger.bury(&at);
        }
        let known = self.watermarks.sources.values().chain(&self.watermarks.derived).min();
        self.ledger.forget_parked_before(known.map_or(i64::MIN, |w| w.saturating_sub(self.lateness_ms_max)));
        self.severities.forget_before(self.now_ms.saturating_sub(super::single::REMEMBER_MS));
    }

    pub(super) fn is_correlation(&self, rule: u32) -> bool {
        matches!(self.set.rule(rule).body, Body::Correlation(_))
    }

    fn emit_single(&mut self, at: &AlertKey, event: Option<&KeptEvent>, effects: &mut Effects) {
        let finding = self.singles.by_key(self.name(at.0), &at.1);
        let (episode, newest) = match finding {
            Some(finding) => (Some(finding.episode()), finding.newest()),
            None => (None, event.cloned()),
        };
        self.emit(at, &Told { episode: episode.as_ref(), event: newest.as_ref(), ..Told::default() }, effects);
    }

    /// The last document of a finding's alert: its rule is changed or gone.
    pub(super) fn close_finding(&mut self, at: &AlertKey, effects: &mut Effects) {
        let Some(finding) = self.singles.by_key(self.name(at.0), &at.1) else { return };
        let (episode, newest) = (Episode { truncated: true, ..finding.episode() }, finding.newest());
        let told = Told { episode: Some(&episode), event: newest.as_ref(), state: State::Closed, quiet: true, ..Told::default() };
        self.emit(at, &told, effects);
    }

    /// The last document of a correlation's alert: its rule is changed or gone.
    pub(super) fn close_correlated(&mut self, at: &AlertKey, episode: &Episode, effects: &mut Effects) {
        let episode = self.renumbered(at.0, episode.clone());
        self.emit(at, &Told { episode: Some(&episode), state: State::Closed, quiet: true, ..Told::default() }, effects);
    }

    fn emit_episode(&mut self, at: &AlertKey, episode: Episode, state: State, into: Option<&str>, effects: &mut Effects) {
        let episode = self.renumbered(at.0, episode);
        self.emit(at, &Told { episode: Some(&episode), state, into, ..Told::default() }, effects);
    }

    /// An episode whose events name their rules by the numbers in force: those kept since before a reload have older ones.
    fn renumbered(&self, correlation: u32, mut episode: Episode) -> Episode {
        if let Body::Correlation(c) = &self.set.rule(correlation).body {
            for event in &mut episode.events {
                event.rule = c.rules.get(usize::from(event.step)).copied().unwrap_or(event.rule);
            }
        }
        episode
    }

    /// Counts a version and asks for it to be indexed, and for the page if that is decided.
    fn emit(&mut self, at: &AlertKey, told: &Told<'_>, effects: &mut Effects) {
        if let Some(episode) = told.episode.filter(|_| self.is_correlation(at.0)) {
            self.ledger.relate(at, related(&self.set, &episode.events));
        }
        self.ledger.file(at, place::filed(told.first_seen_ms().unwrap_or(at.2), self.now_ms));
        let Some(mut context) = self.context(at, told) else { return };
        context.suppressed_by = self.suppression(at, told, &context);
        let wake = self.decide(at, told, &context);
        self.ledger.revise(at, self.now_ms);
        let suppressed = context.suppressed_by.is_some();
        let before = self.tell(at, context.suppressed_by.as_deref());
        let Some(account) = self.ledger.get(at) else { return };
        let shown = document(&self.subject(at, account, told, &context));
        let (alert, version): (Arc<str>, u64) = (account.id.as_str().into(), account.revision);
        let (route, index) = (account.paging.route().into(), account.index().into());
        let document: Arc<str> = shown.to_string().into();
        let page = match wake {
            Wake::Nobody => None,
            Wake::Page => Some(Arc::clone(&document)),
            Wake::Summary => Some(self.summary(at, told, shown)),
        };
        let page = page.map(|document| Action::Page { alert: Arc::clone(&alert), version, route, document });
        self.books.alerts.documents += 1;
        self.books.alerts.pages += u64::from(page.is_some());
        effects.push(Action::Index { alert, version, suppressed, before, index, document });
        page.into_iter().for_each(|page| effects.push(page));
    }

    /// The suppression that holds for an alert as it stands.
    fn suppression(&self, at: &AlertKey, told: &Told<'_>, context: &Context) -> Option<String> {
        let id = &self.set.rule(at.0).meta.id;
        let all = &self.control.suppressions;
        if !all.iter().any(|s| s.rule == *id) {
            return None;
        }
        let document = document(&self.subject(at, self.ledger.get(at)?, told, context));
        suppression::find(all, &document, self.now_ms).map(|s| s.id.clone())
    }

    /// Enters into the books what the document about to be emitted says of suppression. Gives what was told before.
    fn tell(&mut self, at: &AlertKey, suppressed_by: Option<&str>) -> Option<bool> {
        let (before, hit) = self.ledger.tell(at, suppressed_by);
        let alerts = &mut self.books.alerts;
        alerts.suppressed += u64::from(suppressed_by.is_some());
        alerts.suppressed -= u64::from(before == Some(true));
        if let Some(id) = suppressed_by.filter(|_| hit) {
            *alerts.suppression_hits.entry(id.to_owned()).or_default() += 1;
        }
        before
    }

    /// Decides about the page.
    fn decide(&mut self, at: &AlertKey, told: &Told<'_>, context: &Context) -> Wake {
        let undecided = |a: &&Account| !a.paging.pages() && told.state != State::Merged && !told.quiet;
        let Some(account) = self.ledger.get(at).filter(undecided) else { return Wake::Nobody };
        let subject = self.subject(at, account, told, context);
        let severity = subject.severity();
        let again = matches!(account.paging.decision, Decision::Sample | Decision::Archived | Decision::Suppressed);
        if severity <= account.paging.severity && !again {
            return Wake::Nobody;
        }
        let (sample, archived) = (subject.sample(), subject.archived());
        let suppressed = context.suppressed_by.is_some();
        let mut paging = paging_decision(severity, subject.shadow, suppressed, sample, archived, subject.related);
        let verdict = paging.pages().then(|| {
            let (name, payer) = (self.name(at.0), told.account());
            self.storm.ask(name, &payer, severity, self.is_correlation(at.0), self.now_ms)
        });
        if verdict == Some(storm::Verdict::Hold) {
            paging.decision = Decision::Storm;
            self.books.alerts.storm += 1;
        }
        self.ledger.decide(at, paging);
        match verdict {
            Some(storm::Verdict::Page) => Wake::Page,
            Some(storm::Verdict::Summary) => Wake::Summary,
            Some(storm::Verdict::Hold) | None => Wake::Nobody,
        }
    }

    /// The document of a page that speaks for a storm.
    fn summary(&self, at: &AlertKey, told: &Told<'_>, mut document: Value) -> Arc<str> {
        let why = document["message"].as_str().unwrap_or_default();
        document["message"] = storm::summary(&self.set.rule(at.0).meta.title, &told.account(), why).into();
        document.to_string().into()
    }
}

/// What closes in a step in which something opens.
fn ends(outputs: &[Output]) -> Ends<'_> {
    let changes = || outputs.iter().filter_map(|o| if let Output::Alert(change) = o { Some(change) } else { None });
    if !changes().any(|c| c.kind == ChangeKind::Opened) {
        return Ends::new();
    }
    let closed = changes().filter(|c| c.kind == ChangeKind::Closed);
    closed.filter_map(|c| Some(((c.correlation, c.fired_ms, &c.key), c.episode.as_deref()?))).collect()
}

/// The first moment, as known when it fired, of the child's alert over a stretch just found: the correlator says it right
/// before.
fn alert_over(stretch: &Derived, before: &[Output]) -> Option<i64> {
    for output in before.iter().rev() {
        match output {
            Output::Stretch(other) if other.child == stretch.child && other.child_key == stretch.child_key => {}
            Output::Alert(change) if change.correlation == stretch.child && change.key == stretch.child_key => {
                let covers = change.start_ms <= stretch.start_ms && stretch.end_ms <= change.end_ms;
                if covers && matches!(change.kind, ChangeKind::Opened | ChangeKind::Updated) {
                    return Some(change.fired_ms);
                }
            }
            _ => return None,
        }
    }
    None
}
