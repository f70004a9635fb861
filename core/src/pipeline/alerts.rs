//! What becomes of alerts in a Pipeline: opened, changed, joined, closed; their documents and their one page.
//!
//! Owns the step from what the correlator and the findings say to effects. A document is emitted when an alert opens and when it
//! ends; between the two the ledger's throttle says when. Whether it pages is decided when it opens, and again only while it did
//! not page: when it became more severe, or is a sample or archived no longer. So at most one page in an alert's life.

use super::effect::Action;
use super::ledger::{Account, AlertKey};
use super::machine::{Effects, Pipeline};
use super::pressure::PRESSURE;
use super::related::related;
use super::single::{Standing, kept};
use crate::alert::paging::{Decision, paging_decision};
use crate::alert::subject::{AccountContext, State, Subject};
use crate::alert::{alert_id, document};
use crate::correlate::{AlertChange, ChangeKind, Episode, KeptEvent, Output};
use crate::event::watermark::ENDED;
use crate::event::{Derived, Detection, GroupKey};
use crate::rule::{Body, Status};
use std::collections::BTreeMap;

/// No accounts table.
static NO_ACCOUNTS: BTreeMap<String, AccountContext> = BTreeMap::new();

/// What a document is to tell of an alert.
struct Told<'a> {
    episode: Option<&'a Episode>,
    event: Option<&'a KeptEvent>,
    state: State,
    into: Option<&'a str>,
}

impl<'a> Told<'a> {
    fn open(episode: &'a Episode) -> Self {
        Told { episode: Some(episode), event: None, state: State::Open, into: None }
    }
}

/// The episodes of alerts that close in a step, by (correlation, first moment as known when it fired, key).
type Ends<'a> = BTreeMap<(u32, i64, &'a GroupKey), &'a Episode>;

impl Pipeline {
    /// A match that is an alert of its own.
    pub(super) fn single(&mut self, d: &Detection, effects: &mut Effects) {
        let (standing, fired_ms) = self.singles.judge(d);
        let counts = &mut self.books.detections;
        match standing {
            Standing::Copy => return counts.duplicates += 1,
            Standing::Change { stale: true } => counts.stale += 1,
            _ => counts.counted += 1,
        }
        let at: AlertKey = (d.target, d.key.clone(), fired_ms);
        let unheard = |a: &Account| !a.paging.pages() && a.paging.severity < d.severity;
        if standing == Standing::New {
            self.open(at.clone());
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
        derived.alert = alert_over(&derived, before).map(|fired| self.correlation_id(derived.child, &derived.child_key, fired).into());
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
                self.open(at.clone());
                self.emit(&at, &Told::open(&episode), effects);
            }
            ChangeKind::Updated => self.ledger.touch(&at, self.now_ms),
            ChangeKind::Closed | ChangeKind::Merged => self.end(&at, change, effects),
        }
    }

    fn end(&mut self, at: &AlertKey, change: &AlertChange, effects: &mut Effects) {
        let Some(episode) = change.episode.as_deref().filter(|_| self.ledger.get(at).is_some()) else { return };
        let state = if change.kind == ChangeKind::Merged { State::Merged } else { State::Closed };
        self.books.alerts.merged += u64::from(state == State::Merged);
        let into = change.merged_into.map(|fired| self.correlation_id(at.0, &at.1, fired));
        self.emit(at, &Told { episode: Some(episode), event: None, state, into: into.as_deref() }, effects);
        let evicted = state == State::Closed && episode.truncated && !self.ended();
        if evicted { self.ledger.park(at) } else { self.ledger.close(at) }
    }

    fn open(&mut self, at: AlertKey) {
        let (shadow, id) = (self.shadow(at.0), self.correlation_id(at.0, &at.1, at.2));
        if self.ledger.open(at, id, self.now_ms) {
            self.books.alerts.alerts += 1;
            self.books.alerts.shadow += u64::from(shadow);
        }
    }

    /// Whether all input has ended.
    fn ended(&self) -> bool {
        let sources = &self.watermarks.sources;
        !sources.is_empty() && sources.values().all(|w| *w >= ENDED)
    }

    fn shadow(&self, rule: u32) -> bool {
        self.set.rule(rule).meta.status == Status::Experimental
    }

    fn correlation_id(&self, rule: u32, key: &GroupKey, fired_ms: i64) -> String {
        let rule = self.set.rule(rule);
        alert_id(&rule.meta.id, &rule.digest, key, fired_ms)
    }

    /// Documents that the throttle held back and that are due, and findings to forget.
    pub(super) fn flush(&mut self, effects: &mut Effects) {
        for at in self.ledger.due(if self.ended() { i64::MAX } else { self.now_ms }) {
            if at.0 == PRESSURE {
                self.emit_pressure(&at, effects);
            } else if !self.is_correlation(at.0) {
                self.emit_single(&at, None, effects);
            } else if let Some(episode) = self.correlator.episode(at.0, &at.1, at.2, &self.watermarks) {
                self.emit(&at, &Told::open(&episode), effects);
            }
        }
        for at in self.singles.forget(self.now_ms) {
            self.ledger.close(&at);
        }
        let known = self.watermarks.sources.values().chain(&self.watermarks.derived).min();
        self.ledger.forget_parked_before(known.map_or(i64::MIN, |w| w.saturating_sub(self.lateness_ms_max)));
        self.severities.forget_before(self.now_ms.saturating_sub(super::single::REMEMBER_MS));
    }

    fn is_correlation(&self, rule: u32) -> bool {
        matches!(self.set.rule(rule).body, Body::Correlation(_))
    }

    fn emit_single(&mut self, at: &AlertKey, event: Option<&KeptEvent>, effects: &mut Effects) {
        let finding = self.singles.by_key(at.0, &at.1);
        let (episode, newest) = match finding {
            Some(finding) => (Some(finding.episode()), finding.newest().cloned()),
            None => (None, event.cloned()),
        };
        let told = Told { episode: episode.as_ref(), event: newest.as_ref(), state: State::Open, into: None };
        self.emit(at, &told, effects);
    }

    /// Counts a version and asks for it to be indexed, and for the page if that is decided.
    fn emit(&mut self, at: &AlertKey, told: &Told<'_>, effects: &mut Effects) {
        if let Some(episode) = told.episode.filter(|_| self.is_correlation(at.0)) {
            self.ledger.relate(at, related(&self.set, &episode.events));
        }
        let pages = self.decide(at, told);
        self.ledger.revise(at, self.now_ms);
        let Some(account) = self.ledger.get(at) else { return };
        let document = document(&self.subject(at, account, told)).to_string();
        let (alert, version, route) = (account.id.clone(), account.revision, account.paging.route().to_owned());
        let page = pages.then(|| Action::Page { alert: alert.clone(), route, document: document.clone() });
        self.books.alerts.documents += 1;
        self.books.alerts.pages += u64::from(pages);
        effects.push(Action::Index { alert, version, suppressed: false, document });
        page.into_iter().for_each(|page| effects.push(page));
    }

    /// Decides about the page. True: it is to be sent with this version.
    fn decide(&mut self, at: &AlertKey, told: &Told<'_>) -> bool {
        let Some(account) = self.ledger.get(at).filter(|a| !a.paging.pages() && told.state != State::Merged) else { return false };
        let subject = self.subject(at, account, told);
        let again = matches!(account.paging.decision, Decision::Sample | Decision::Archived);
        if subject.severity() <= account.paging.severity && !again {
            return false;
        }
        let (sample, archived) = (subject.sample(), subject.archived());
        let paging = paging_decision(subject.severity(), subject.shadow, false, sample, archived, subject.related);
        self.ledger.decide(at, paging);
        paging.pages()
    }

    fn subject<'a>(&'a self, at: &'a AlertKey, account: &'a Account, told: &Told<'a>) -> Subject<'a> {
        Subject {
            set: &self.set,
            rule: at.0,
            key: &at.1,
            alert_id: &account.id,
            revision: account.revision,
            created_ms: account.created_ms,
            modified_ms: account.modified_ms,
            episode: told.episode,
            event: told.event,
            state: told.state,
            merged_into: told.into,
            related: &account.related,
            paging: account.paging,
            shadow: self.shadow(at.0),
            suppressed_by: None,
            tables: &[],
            product_version: &self.settings.product_version,
            org: None,
            accounts: &NO_ACCOUNTS,
            enrichments: &[],
            link: None,
        }
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
