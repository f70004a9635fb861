//! The acknowledgement cursor of a lane: which effects its sink has answered for good.
//!
//! Owns a low mark (everything below it is done), the answered numbers above it, and which of the answered were refused. Never
//! moves back. Limit: [`REFUSED_MAX`] refusals are remembered; what an older one refused counts as taken after a restart.

use super::effect::EffectNumber;
use super::sealed::{seal, unseal};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Version of a cursor's encoding.
const CURSOR_VERSION: u8 = 1;
/// Most refusals remembered.
const REFUSED_MAX: usize = 1_024;

/// Which effects a lane is done with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// Everything below is done.
    low: EffectNumber,
    /// Answered, at or above `low`.
    above: BTreeSet<EffectNumber>,
    /// Answered "never", whether below or above: the first version that was never heard, and a name of the alert. What stands
    /// between the two was replaced and never sent, so it was not heard either.
    refused: BTreeMap<EffectNumber, (EffectNumber, u64)>,
}

impl Cursor {
    /// A cursor that is done with everything up to a log position.
    pub(super) fn after(position: u64) -> Self {
        Cursor { low: EffectNumber { position: position.saturating_add(1), index: 0 }, ..Cursor::default() }
    }

    pub(super) fn done(&self, number: EffectNumber) -> bool {
        number < self.low || self.above.contains(&number)
    }

    /// Whether an alert's version ended with a refusal, its own or that of the version that took its place.
    pub(super) fn is_refused(&self, number: EffectNumber, name: u64) -> bool {
        self.refused.range(number..).any(|(_, (since, of))| *of == name && *since <= number)
    }

    /// Numbers answered above the low mark.
    pub(super) fn scattered(&self) -> usize {
        self.above.len()
    }

    /// Notes an answer that ends the matter.
    pub(super) fn note(&mut self, number: EffectNumber) {
        self.above.insert(number);
    }

    /// Notes that a version is refused, of an alert that nothing was heard of since.
    pub(super) fn refuse(&mut self, number: EffectNumber, since: EffectNumber, name: u64) {
        self.note(number);
        self.refused.insert(number, (since, name));
        if self.refused.len() > REFUSED_MAX {
            self.refused.pop_first();
        }
    }

    /// Raises the low mark: everything below `floor` is done.
    pub(super) fn settle(&mut self, floor: EffectNumber) {
        if floor > self.low {
            self.low = floor;
            self.above = self.above.split_off(&floor);
        }
    }

    /// What either of two cursors of the same lane knows.
    pub(super) fn merge(&mut self, other: Cursor) {
        self.above.extend(other.above);
        self.refused.extend(other.refused);
        let low = self.low.max(other.low);
        self.low = low;
        self.above = self.above.split_off(&low);
        while self.refused.len() > REFUSED_MAX {
            self.refused.pop_first();
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        seal(CURSOR_VERSION, self)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        unseal(CURSOR_VERSION, bytes).map_err(|e| format!("cannot read the acknowledgement cursor: {e}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(position: u64) -> EffectNumber {
        EffectNumber { position, index: 0 }
    }

    #[test]
    fn it_knows_what_is_below_and_what_is_scattered_above() {
        let mut cursor = Cursor::after(2);
        assert!(cursor.done(EffectNumber { position: 2, index: u32::MAX }) && !cursor.done(at(3)));
        cursor.refuse(at(5), at(3), 7);
        assert!(cursor.done(at(5)) && cursor.is_refused(at(5), 7) && !cursor.done(at(4)));
        assert!(cursor.is_refused(at(4), 7) && !cursor.is_refused(at(4), 8) && !cursor.is_refused(at(2), 7));
        cursor.settle(at(4));
        assert_eq!(cursor.scattered(), 1);
        cursor.settle(at(6));
        assert!(cursor.done(at(4)) && cursor.is_refused(at(5), 7) && cursor.scattered() == 0);
        cursor.settle(at(1));
        assert!(cursor.done(at(5)), "it never moves back");
        assert_eq!(Cursor::decode(&cursor.encode()), Ok(cursor.clone()));
        assert!(Cursor::decode(&cursor.encode()[1..]).is_err());
    }

    #[test]
    fn two_cursors_together_know_what_either_knows() {
        let (mut a, mut b) = (Cursor::after(2), Cursor::after(4));
        a.note(at(4));
        a.note(at(9));
        b.refuse(at(7), at(7), 1);
        a.merge(b);
        assert!([3, 4, 7, 9].iter().all(|p| a.done(at(*p))) && !a.done(at(5)) && a.is_refused(at(7), 1));
        assert_eq!(a.scattered(), 2);
    }
}
