//! The ledger: every alert's own bookkeeping. Version counter, when it was created, whether it paged, what waits to be indexed.
//!
//! Owns revisions and the throttle (one document per alert and [`UPDATE_EVERY_MS`] of arrival time while it changes). Never
//! builds a document. Alerts that are closed are forgotten, except those whose state was evicted: events that still may come can
//! find the same first moment again, which is the same alert by its id; it is opened again with the version after its last.
//! Of alerts that were forgotten though more may come (findings, alerts closed by a reload) a gravestone is kept.

use super::graves::{Grave, Graves};
use super::related::RELATED_MAX;
use super::rules::heir;
use crate::alert::paging::{Decision, Paging};
use crate::alert::subject::RelatedAlert;
use crate::event::GroupKey;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// An alert is indexed again at most this often, in arrival time.
pub const UPDATE_EVERY_MS: i64 = 5_000;
/// Most accounts kept of alerts whose state was evicted.
const PARKED_MAX: usize = 10_000;

/// What an alert is about: (rule, key, first moment as known when it fired).
pub(super) type AlertKey = (u32, GroupKey, i64);

/// The bookkeeping of one alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) id: String,
    pub(super) revision: u64,
    pub(super) created_ms: i64,
    pub(super) modified_ms: i64,
    pub(super) paging: Paging,
    pub(super) related: Vec<RelatedAlert>,
    /// The month whose index its documents belong to; set with the first one.
    pub(super) month: Option<i64>,
    /// Whether it was suppressed in its newest document; `None` before the first.
    pub(super) told: Option<bool>,
    /// Suppressions that ever held for it.
    pub(super) hits: Vec<String>,
    emitted_ms: i64,
    due_ms: Option<i64>,
}

impl Account {
    /// The index its documents belong to.
    pub(super) fn index(&self) -> String {
        super::place::index(self.month.unwrap_or(0))
    }
}

/// All alerts that may still change.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ledger {
    accounts: BTreeMap<AlertKey, Account>,
    due: BTreeSet<(i64, AlertKey)>,
    /// Ended before their time, by first moment.
    parked: BTreeSet<(i64, AlertKey)>,
    graves: Graves,
}

impl Ledger {
    /// Opens an account, and tells whether it is a new one. Its first document is due at once. Versions of a new one go on from
    /// `base`.
    pub(super) fn open(&mut self, key: AlertKey, id: String, base: u64, now_ms: i64) -> bool {
        if self.parked.remove(&(key.2, key.clone())) {
            return false;
        }
        let grave = self.graves.open(&id);
        let account = Account {
            id,
            revision: grave.map_or(base, |g| g.revision),
            created_ms: grave.map_or(now_ms, |g| g.created_ms),
            modified_ms: now_ms,
            // Below every severity there is: the first document decides.
            paging: grave.map_or(Paging { decision: Decision::Severity, severity: 0 }, |g| g.paging),
            related: Vec::new(),
            month: grave.and_then(|g| g.month),
            told: grave.and_then(|g| g.told),
            hits: Vec::new(),
            emitted_ms: now_ms,
            due_ms: None,
        };
        self.accounts.insert(key, account);
        grave.is_none()
    }

    pub(super) fn get(&self, key: &AlertKey) -> Option<&Account> {
        self.accounts.get(key)
    }

    /// The alert changed: a document becomes due, now or when the throttle allows it.
    pub(super) fn touch(&mut self, key: &AlertKey, now_ms: i64) {
        let Some(account) = self.accounts.get_mut(key) else { return };
        account.modified_ms = account.modified_ms.max(now_ms);
        if account.due_ms.is_none() {
            let due = account.emitted_ms.saturating_add(UPDATE_EVERY_MS).max(now_ms);
            account.due_ms = Some(due);
            self.due.insert((due, key.clone()));
        }
    }

    /// Alerts whose documents are due by `now_ms`, in order.
    pub(super) fn due(&mut self, now_ms: i64) -> Vec<AlertKey> {
        let mut keys = Vec::new();
        while let Some((at, _)) = self.due.first() {
            if *at > now_ms {
                break;
            }
            if let Some((_, key)) = self.due.pop_first() {
                keys.push(key);
            }
        }
        keys
    }

    /// Counts a new version, about to be emitted.
    pub(super) fn revise(&mut self, key: &AlertKey, now_ms: i64) {
        if let Some(account) = self.accounts.get_mut(key) {
            account.revision += 1;
            account.emitted_ms = now_ms;
            if let Some(due) = account.due_ms.take() {
                self.due.remove(&(due, key.clone()));
            }
        }
    }

    /// Notes the older alerts inside, beside those noted before: evidence that gives way to newer takes no alert with it.
    pub(super) fn relate(&mut self, key: &AlertKey, related: Vec<RelatedAlert>) {
        let Some(account) = self.accounts.get_mut(key) else { return };
        for alert in related {
            match account.related.binary_search_by(|r| r.alert_id.cmp(&alert.alert_id)) {
                Ok(known) => account.related[known] = alert,
                Err(place) if account.related.len() < RELATED_MAX => account.related.insert(place, alert),
                Err(_) => {}
            }
        }
    }

    /// Notes where its documents belong, unless that is known.
    pub(super) fn file(&mut self, key: &AlertKey, month: i64) {
        if let Some(account) = self.accounts.get_mut(key) {
            account.month.get_or_insert(month);
        }
    }

    /// Notes which suppression holds in the document about to be emitted. Gives what was told before, and whether this
    /// suppression holds for the first time.
    pub(super) fn tell(&mut self, key: &AlertKey, suppressed_by: Option<&str>) -> (Option<bool>, bool) {
        let Some(account) = self.accounts.get_mut(key) else { return (None, false) };
        let hit = suppressed_by.filter(|id| !account.hits.iter().any(|h| h == id));
        account.hits.extend(hit.map(str::to_owned));
        (account.told.replace(suppressed_by.is_some()), hit.is_some())
    }

    /// Notes what was decided about paging.
    pub(super) fn decide(&mut self, key: &AlertKey, paging: Paging) {
        if let Some(account) = self.accounts.get_mut(key) {
            account.paging = paging;
        }
    }

    /// Forgets an alert that cannot change any more.
    pub(super) fn close(&mut self, key: &AlertKey) {
        if let Some(account) = self.accounts.remove(key)
            && let Some(due) = account.due_ms
        {
            self.due.remove(&(due, key.clone()));
        }
    }

    /// Forgets an alert that may yet come again: what must go on then is kept.
    pub(super) fn bury(&mut self, key: &AlertKey) {
        if let Some(account) = self.accounts.get(key) {
            let Account { revision, created_ms, paging, month, told, .. } = *account;
            self.graves.dig(&account.id, Grave { revision, created_ms, paging, month, told });
        }
        self.parked.remove(&(key.2, key.clone()));
        self.close(key);
    }

    /// Goes over to the numbers of another rule set; what has no heir is buried.
    pub(super) fn inherit(&mut self, heirs: &[Option<u32>]) {
        let moved = |key: &AlertKey| if key.0 == super::pressure::PRESSURE { Some(key.0) } else { heir(heirs, key.0) };
        let gone: Vec<AlertKey> = self.accounts.keys().filter(|k| moved(k).is_none()).cloned().collect();
        gone.iter().for_each(|key| self.bury(key));
        let under = |key: AlertKey| moved(&key).map(|rule| (rule, key.1, key.2));
        let placed = |all: BTreeSet<(i64, AlertKey)>| all.into_iter().filter_map(|(at, key)| Some((at, under(key)?))).collect();
        self.accounts = std::mem::take(&mut self.accounts).into_iter().filter_map(|(key, a)| Some((under(key)?, a))).collect();
        self.due = placed(std::mem::take(&mut self.due));
        self.parked = placed(std::mem::take(&mut self.parked));
    }

    /// Keeps the account of an alert that ended because its state was evicted.
    pub(super) fn park(&mut self, key: &AlertKey) {
        self.parked.insert((key.2, key.clone()));
        self.bury_parked_beyond(PARKED_MAX);
    }

    /// Who opens alerts only to have them evicted must not fill the memory with their accounts: of the earliest a gravestone is kept.
    fn bury_parked_beyond(&mut self, most: usize) {
        while self.parked.len() > most {
            let Some((_, key)) = self.parked.pop_first() else { break };
            self.bury(&key);
        }
    }

    /// Forgets parked accounts whose first moment cannot be found again.
    pub(super) fn forget_parked_before(&mut self, moment_ms: i64) {
        while let Some((_, key)) = self.parked.first().filter(|(at, _)| *at < moment_ms).cloned() {
            self.parked.pop_first();
            self.close(&key);
        }
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.accounts.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_within_five_seconds_become_one_document() {
        let (mut ledger, key) = (Ledger::default(), (1, GroupKey::new(["k"]), 10));
        ledger.open(key.clone(), "id".into(), 0, 1_000);
        ledger.revise(&key, 1_000);
        ledger.touch(&key, 1_500);
        ledger.touch(&key, 2_000);
        assert!(ledger.due(5_999).is_empty());
        assert_eq!(ledger.due(6_000), std::slice::from_ref(&key));
        ledger.revise(&key, 6_000);
        let account = ledger.get(&key).expect("open");
        assert_eq!((account.revision, account.modified_ms), (2, 2_000));
        ledger.park(&key);
        assert!(!ledger.open(key.clone(), "id".into(), 0, 9_000), "the same alert again");
        assert_eq!(ledger.get(&key).map(|a| a.revision), Some(2), "its versions go on");
        ledger.touch(&key, 20_000);
        ledger.park(&key);
        ledger.forget_parked_before(10);
        assert_eq!(ledger.len(), 1);
        ledger.forget_parked_before(11);
        assert!(ledger.due(i64::MAX).is_empty());
        assert_eq!(ledger.len(), 0);
    }

    #[test]
    fn of_many_evicted_alerts_a_gravestone_is_kept() {
        let mut ledger = Ledger::default();
        let keys: Vec<AlertKey> = (0..5).map(|n| (1, GroupKey::new(["k"]), n)).collect();
        for key in &keys {
            ledger.open(key.clone(), key.2.to_string(), 0, 1_000);
            ledger.revise(key, 1_000);
            ledger.park(key);
        }
        ledger.bury_parked_beyond(2);
        assert_eq!(ledger.len(), 2);
        assert!(!ledger.open(keys[0].clone(), "0".into(), 0, 2_000), "the same alert again");
        ledger.revise(&keys[0], 2_000);
        assert_eq!(ledger.get(&keys[0]).map(|a| a.revision), Some(2), "its versions go on");
    }
}
