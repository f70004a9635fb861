//! When each key of a correlation has something to do: one entry per key, so that a watermark costs what is due and no more.

use super::chain::{Chain, Links};
use std::collections::BTreeMap;

/// No time at all.
pub(super) const NEVER: i64 = i64::MAX;

/// Places of keys by time, in terms of W - L. Equal times are in no order.
#[derive(Debug, Default)]
pub(super) struct Timers {
    by_time: BTreeMap<i64, Chain>,
    links: Links,
}

impl Timers {
    /// Moves a key's entry.
    pub(super) fn set(&mut self, place: u32, old: i64, new: i64) {
        if old == new {
            return;
        }
        if let Some(chain) = self.by_time.get_mut(&old) {
            self.links.remove(chain, place);
            if chain.first().is_none() {
                self.by_time.remove(&old);
            }
        }
        if new != NEVER {
            self.links.append(self.by_time.entry(new).or_default(), place);
        }
    }

    /// The keys with something to do before `limit`.
    pub(super) fn due(&self, limit: i64) -> impl Iterator<Item = (i64, u32)> {
        self.by_time.range(..limit).flat_map(|(at, chain)| self.links.all(*chain).map(|place| (*at, place)))
    }
}
