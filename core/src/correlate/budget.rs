//! What the state of one correlation costs, and who pays: the account whose event created a key.
//!
//! Per account the keys stand in order of eviction: those without an open alert first, then by their last activity. An entry is
//! brought up to date only when its turn comes; as a key's activity only grows, the first entry found up to date is the true first.

use crate::event::GroupKey;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Whether an alert is open, the last activity, the key.
pub(super) type Turn = (bool, u64, Arc<GroupKey>);

/// One account's share.
#[derive(Debug, Default)]
struct Share {
    bytes: u64,
    turns: BTreeSet<Turn>,
}

/// The books of one correlation.
#[derive(Debug, Default)]
pub(super) struct Budget {
    bytes: u64,
    shares: BTreeMap<Arc<str>, Share>,
}

impl Budget {
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A key waits for its turn, from when it is created.
    pub(super) fn enter(&mut self, account: &Arc<str>, turn: Turn) {
        self.shares.entry(Arc::clone(account)).or_default().turns.insert(turn);
    }

    /// A key now costs `new` instead of `old`.
    pub(super) fn rebook(&mut self, account: &Arc<str>, old: u64, new: u64) {
        if let Some(share) = self.shares.get_mut(account) {
            share.bytes = share.bytes + new - old;
            self.bytes = self.bytes + new - old;
        }
    }

    /// A key is gone, and with it the turn it waited for.
    pub(super) fn leave(&mut self, account: &Arc<str>, booked: u64, turn: &Turn) {
        self.rebook(account, booked, 0);
        if let Some(share) = self.shares.get_mut(account) {
            share.turns.remove(turn);
            if share.turns.is_empty() {
                self.shares.remove(account);
            }
        }
    }

    /// The account that must give something up, given who has just grown.
    pub(super) fn offender(&self, account: &Arc<str>, per_account: u64, per_rule: u64) -> Option<Arc<str>> {
        if self.shares.get(account).is_some_and(|s| s.bytes > per_account) {
            return Some(Arc::clone(account));
        }
        if self.bytes <= per_rule {
            return None;
        }
        // The biggest; of equals the first by name.
        let biggest = self.shares.iter().fold(None, |best: Option<(&Arc<str>, u64)>, (name, s)| match best {
            Some((_, bytes)) if bytes >= s.bytes => best,
            _ => Some((name, s.bytes)),
        });
        biggest.map(|(name, _)| Arc::clone(name))
    }

    pub(super) fn next_turn(&mut self, account: &Arc<str>) -> Option<Turn> {
        self.shares.get_mut(account)?.turns.pop_first()
    }
}
