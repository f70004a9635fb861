//! What the state of one correlation costs, and who pays: the account whose event created a key.
//!
//! Per account the keys stand in order of eviction: those without an open alert first, then by their last activity. Activity is a
//! number given in the order of the log, so the order of eviction is a function of the log.

use super::chain::{Chain, Links};
use super::size::push_sparingly;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Logical bytes of an account itself: its share, its name, its places in the two orders.
const SHARE_BYTES: u64 = 288;
/// Accounts are told apart by size in steps of this, so that their order is not touched by every event.
const SIZE_STEP: u64 = 4096;

/// One account's part.
#[derive(Debug)]
struct Share {
    account: Arc<str>,
    bytes: u64,
    /// Keys without an open alert, and those with one; the longest unused first.
    quiet: Chain,
    alerting: Chain,
}

/// The books of one correlation.
#[derive(Debug, Default)]
pub(super) struct Budget {
    bytes: u64,
    shares: Vec<Option<Share>>,
    free: Vec<u32>,
    by_account: BTreeMap<Arc<str>, u32>,
    /// The biggest first, of equals the first by name.
    by_size: BTreeSet<(Reverse<u64>, Arc<str>)>,
    links: Links,
}

impl Budget {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The number by which an account pays.
    pub(super) fn payer(&mut self, account: &Arc<str>) -> u32 {
        if let Some(payer) = self.by_account.get(account) {
            return *payer;
        }
        let payer = self.free.pop().unwrap_or_else(|| {
            push_sparingly(&mut self.shares, None);
            self.shares.len() as u32 - 1
        });
        // A name of its own: it must not keep a log entry's text alive.
        let account: Arc<str> = Arc::from(&**account);
        let share = Share { account: Arc::clone(&account), bytes: 0, quiet: Chain::default(), alerting: Chain::default() };
        self.shares[payer as usize] = Some(share);
        self.by_size.insert((Reverse(0), Arc::clone(&account)));
        self.by_account.insert(account, payer);
        self.rebook(payer, 0, SHARE_BYTES);
        payer
    }

    pub(super) fn account(&self, payer: u32) -> Arc<str> {
        self.shares.get(payer as usize).and_then(Option::as_ref).map_or_else(|| Arc::from(""), |share| Arc::clone(&share.account))
    }

    /// A key becomes the last in the order of eviction.
    pub(super) fn enter(&mut self, payer: u32, place: u32, alerting: bool) {
        if let Some(Some(share)) = self.shares.get_mut(payer as usize) {
            self.links.append(share.chain(alerting), place);
        }
    }

    /// A key was used, or got or lost its open alert: it becomes the last in the order.
    pub(super) fn touch(&mut self, payer: u32, place: u32, was_alerting: bool, alerting: bool) {
        if let Some(Some(share)) = self.shares.get_mut(payer as usize) {
            self.links.remove(share.chain(was_alerting), place);
            self.links.append(share.chain(alerting), place);
        }
    }

    /// A key now costs `new` instead of `old`.
    pub(super) fn rebook(&mut self, payer: u32, old: u64, new: u64) {
        let Some(Some(share)) = self.shares.get_mut(payer as usize) else { return };
        let before = share.bytes / SIZE_STEP;
        share.bytes = share.bytes + new - old;
        self.bytes = self.bytes + new - old;
        let after = share.bytes / SIZE_STEP;
        if before != after {
            let mut entry = (Reverse(before), Arc::clone(&share.account));
            self.by_size.remove(&entry);
            entry.0 = Reverse(after);
            self.by_size.insert(entry);
        }
    }

    /// A key is gone, and with it its turn; with the last one goes the account.
    pub(super) fn leave(&mut self, payer: u32, place: u32, alerting: bool, booked: u64) {
        if let Some(Some(share)) = self.shares.get_mut(payer as usize) {
            self.links.remove(share.chain(alerting), place);
        }
        self.rebook(payer, booked, 0);
        if self.next_turn(payer).is_some() {
            return;
        }
        self.rebook(payer, SHARE_BYTES, 0);
        if let Some(share) = self.shares.get_mut(payer as usize).and_then(Option::take) {
            self.by_size.remove(&(Reverse(share.bytes / SIZE_STEP), Arc::clone(&share.account)));
            self.by_account.remove(&share.account);
            push_sparingly(&mut self.free, payer);
        }
    }

    /// The account that must give something up, given who has just grown.
    pub(super) fn offender(&self, payer: u32, per_account: u64, per_rule: u64) -> Option<u32> {
        if self.shares.get(payer as usize).and_then(Option::as_ref).is_some_and(|s| s.bytes > per_account) {
            return Some(payer);
        }
        if self.bytes <= per_rule {
            return None;
        }
        self.by_size.first().and_then(|(_, account)| self.by_account.get(account)).copied()
    }

    /// Which key of an account goes next.
    pub(super) fn next_turn(&self, payer: u32) -> Option<u32> {
        let share = self.shares.get(payer as usize)?.as_ref()?;
        share.quiet.first().or_else(|| share.alerting.first())
    }
}

impl Share {
    fn chain(&mut self, alerting: bool) -> &mut Chain {
        if alerting { &mut self.alerting } else { &mut self.quiet }
    }
}
