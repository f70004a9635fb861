//! When each key of a correlation has something to do: one entry per key, so that a watermark costs what is due and no more.

use crate::event::GroupKey;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Times are in terms of W - L.
#[derive(Debug, Default)]
pub(super) struct Timers(BTreeSet<(i64, Arc<GroupKey>)>);

impl Timers {
    /// Moves a key's entry.
    pub(super) fn set(&mut self, key: &Arc<GroupKey>, old: Option<i64>, new: Option<i64>) {
        if old == new {
            return;
        }
        if let Some(at) = old {
            self.0.remove(&(at, Arc::clone(key)));
        }
        if let Some(at) = new {
            self.0.insert((at, Arc::clone(key)));
        }
    }

    /// The keys with something to do before `limit`, earliest first, equal times by key.
    pub(super) fn due(&self, limit: i64) -> Vec<(i64, Arc<GroupKey>)> {
        self.0.iter().take_while(|t| t.0 < limit).cloned().collect()
    }
}
