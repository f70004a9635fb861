//! What a source hands over: bytes, where they stood, and when they arrived.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A place in a shard, comparable within it. Kinesis numbers have up to 56 digits, files use line numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sequence([u64; 3]);

impl From<u64> for Sequence {
    fn from(n: u64) -> Self {
        Sequence([0, 0, n])
    }
}

impl Sequence {
    /// Parses a decimal number of at most 57 digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.is_empty() || text.len() > 57 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut limbs = [0u64; 3];
        for digit in text.bytes() {
            let mut carry = u128::from(digit - b'0');
            for limb in limbs.iter_mut().rev() {
                let wide = u128::from(*limb) * 10 + carry;
                *limb = (wide & u128::from(u64::MAX)) as u64;
                carry = wide >> 64;
            }
        }
        Some(Sequence(limbs))
    }
}

impl Sequence {
    /// The sequence `n` places further on.
    #[must_use]
    pub fn plus(self, n: u64) -> Self {
        let (low, carry) = self.0[2].overflowing_add(n);
        let (middle, carry) = self.0[1].overflowing_add(u64::from(carry));
        Sequence([self.0[0] + u64::from(carry), middle, low])
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut limbs, mut digits) = (self.0, Vec::with_capacity(57));
        while limbs != [0; 3] {
            let mut rest = 0u128;
            for limb in &mut limbs {
                let wide = (rest << 64) | u128::from(*limb);
                *limb = (wide / 10) as u64;
                rest = wide % 10;
            }
            digits.push(b'0' + rest as u8);
        }
        if digits.is_empty() {
            digits.push(b'0');
        }
        digits.iter().rev().try_for_each(|d| write!(f, "{}", char::from(*d)))
    }
}

/// Where a record, or an event inside it, stood. Unique: nothing else has the same position.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The configured source's name (a stream, `file`, `stdin`).
    pub source: Arc<str>,
    /// The shard within it (a Kinesis shard id, a file's path).
    pub shard: Arc<str>,
    /// The record within the shard.
    pub sequence: Sequence,
    /// The event within the record (an envelope may hold many).
    pub sub_sequence: u32,
}

/// One Kinesis record or one file line: bytes, position, arrival time.
#[derive(Debug, Clone)]
pub struct Record {
    /// Where it stood.
    pub position: Position,
    /// When the service (or the reader, at its first read) stamped it, in epoch milliseconds.
    /// `None` for history without arrival stamps: there arrival = event time.
    pub arrival_ms: Option<i64>,
    /// The payload as it came.
    pub bytes: Vec<u8>,
    /// Whether the payload is a run of file lines, each a record of its own: `position` is that of the first line and every
    /// line counts one up. A Kinesis record is never such a run.
    pub lines: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_keep_56_digits_and_their_order() {
        let text = "49655012345678901234567890123456789012345678901234567890";
        let n = Sequence::parse(text).expect("56 digits");
        assert_eq!(n.to_string(), text);
        assert!(Sequence::parse("9").expect("digit") < Sequence::parse("10").expect("digits"));
        assert_eq!(Sequence::from(0).to_string(), "0");
        assert_eq!(Sequence::parse("12a"), None);
        assert_eq!(Sequence::parse(""), None);
        assert_eq!(Sequence::from(u64::MAX).plus(1).to_string(), "18446744073709551616");
    }
}
