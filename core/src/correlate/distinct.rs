//! How many different identities were seen: exact up to a limit, from there on an estimate from the smallest hashes.

use crate::event::id::hash128;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Identities counted exactly; beyond, the relative standard error is about 1/sqrt(this), 3 %.
const EXACT_MAX: usize = 1024;

/// A mergeable set of identities in bounded memory (k minimum values).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct IdentSet {
    smallest: BTreeSet<u128>,
    /// Some identity was left out: the number is an estimate.
    beyond: bool,
}

impl IdentSet {
    /// Identities are hashed again, so that a chosen id cannot bend the estimate more than any other.
    pub(super) fn add(&mut self, ident: u128) {
        self.add_hash(hash128(&ident.to_le_bytes()));
    }

    fn add_hash(&mut self, hash: u128) {
        self.smallest.insert(hash);
        if self.smallest.len() > EXACT_MAX {
            self.smallest.pop_last();
            self.beyond = true;
        }
    }

    pub(super) fn merge(&mut self, other: &IdentSet) {
        other.smallest.iter().for_each(|h| self.add_hash(*h));
        self.beyond |= other.beyond;
    }

    pub(super) fn exact(&self) -> bool {
        !self.beyond
    }

    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate of a count")]
    pub(super) fn number(&self) -> u64 {
        match self.smallest.last() {
            Some(largest) if self.beyond => ((EXACT_MAX as f64 - 1.0) / (*largest as f64 / u128::MAX as f64)) as u64,
            _ => self.smallest.len() as u64,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        super::size::tree(self.smallest.len(), size_of::<u128>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_exact_up_to_the_limit_and_near_beyond() {
        let mut set = IdentSet::default();
        (0..1000u128).for_each(|n| set.add(n % 700));
        assert_eq!((set.number(), set.exact()), (700, true));
        (0..100_000u128).for_each(|n| set.add(n));
        assert!(!set.exact());
        assert!((90_000..110_000).contains(&set.number()), "{}", set.number());
    }
}
