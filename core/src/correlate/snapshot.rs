//! The state as bytes: sorted, versioned, equal for equal state. Timers and turns of eviction are made again from the keys.

use super::correlator::{Correlator, Numbers, Settings};
use super::key::KeyState;
use super::state::State;
use crate::event::{GroupKey, Source};
use crate::rule::RuleSet;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Leads every snapshot: the format and its version.
const HEADER: &[u8; 8] = b"tgcorr\x00\x04";

/// Why a snapshot was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotError {
    /// Not a snapshot of correlations, or of another version.
    Format,
    /// Damaged.
    Damaged,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SnapshotError::Format => "not a snapshot of correlations of this version",
            SnapshotError::Damaged => "the snapshot of correlations is damaged",
        })
    }
}

impl std::error::Error for SnapshotError {}

/// Index, digest, last real watermark, beginning, keys.
type Correlation<Key> = (u32, [u8; 32], i64, Option<i64>, Vec<Key>);
/// A key, who pays for it, and what is kept for it.
type Lent<'a> = (&'a GroupKey, Arc<str>, &'a KeyState);
type Owned = (GroupKey, Arc<str>, Box<KeyState>);

#[derive(Serialize)]
struct Written<'a> {
    numbers: Numbers,
    correlations: Vec<Correlation<Lent<'a>>>,
}

#[derive(Deserialize)]
struct Read {
    numbers: Numbers,
    correlations: Vec<Correlation<Owned>>,
}

impl Correlator {
    /// The whole state.
    ///
    /// # Panics
    /// Never, as long as every type of the state has an encoding: the same state that could be built can be written.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let correlations = self.states.iter().flatten().map(|s| {
            let keys = s.keys.sorted().into_iter().map(|held| (&held.key, s.budget.account(held.payer), held)).collect();
            (s.spec.index, s.spec.digest, s.real, s.started, keys)
        });
        let written = Written { numbers: self.numbers, correlations: correlations.collect() };
        postcard::to_extend(&written, HEADER.to_vec()).expect("writing plain data to memory cannot fail")
    }

    /// The state of a snapshot under a rule set that may be another one: a correlation whose meaning (digest) is unchanged
    /// keeps its state, any other begins afresh.
    ///
    /// # Errors
    /// If the bytes are not a snapshot of this version, or damaged.
    pub fn restore(set: &RuleSet, sources: &[Vec<Source>], settings: Settings, bytes: &[u8]) -> Result<Self, SnapshotError> {
        let body = bytes.strip_prefix(HEADER).ok_or(SnapshotError::Format)?;
        let read: Read = postcard::from_bytes(body).map_err(|_| SnapshotError::Damaged)?;
        let mut out = Correlator::new(set, sources, settings);
        out.numbers = read.numbers;
        for (index, digest, real, started, keys) in read.correlations {
            if let Some(state) = out.same_meaning(index, digest) {
                (state.real, state.started) = (real, started);
                let whole = |(key, account, mut held): Owned| {
                    held.key = key;
                    (account, held)
                };
                state.revive(keys.into_iter().map(whole).collect());
            }
        }
        Ok(out)
    }

    /// The correlation with this digest: at its old index, else wherever it stands now.
    pub(super) fn same_meaning(&mut self, index: u32, digest: [u8; 32]) -> Option<&mut State> {
        let same = |s: &Option<State>| s.as_ref().is_some_and(|s| s.spec.digest == digest);
        let here = self.states.get(index as usize).is_some_and(same);
        let place = if here { Some(index as usize) } else { self.states.iter().position(same) };
        self.states.get_mut(place?)?.as_mut()
    }
}
