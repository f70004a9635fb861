//! A mergeable sketch of numbers for quantiles with less than 1 % relative error, in integers only, so that every machine agrees.
//!
//! A bucket holds the numbers with the same sign, the same highest bit and the same six bits after it: it is 1/64 of its lower
//! end wide, and its middle is at most 0.8 % off. Zero and numbers below 64 millionths are exact.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bits after the highest one that are told apart.
const BITS: u32 = 6;

/// Numbers in millionths, by bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sketch(BTreeMap<i32, u64>);

impl Sketch {
    pub(super) fn add(&mut self, micros: i128) {
        *self.0.entry(bucket(micros)).or_insert(0) += 1;
    }

    pub(super) fn merge(&mut self, other: &Sketch) {
        for (bucket, n) in &other.0 {
            *self.0.entry(*bucket).or_insert(0) += n;
        }
    }

    /// Takes out what was merged before.
    pub(super) fn subtract(&mut self, other: &Sketch) {
        for (bucket, n) in &other.0 {
            let left = self.0.get(bucket).map_or(0, |all| all - n);
            if left == 0 {
                self.0.remove(bucket);
            } else {
                self.0.insert(*bucket, left);
            }
        }
    }

    /// The value at the rank ceil(percent / 100 * n), at least the first.
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank among counts")]
    pub(super) fn quantile(&self, percent: f64) -> Option<i128> {
        let n: u64 = self.0.values().sum();
        let rank = ((percent / 100.0 * n as f64).ceil() as u64).clamp(1, n.max(1));
        let mut below = 0;
        self.0.iter().find_map(|(bucket, n)| {
            below += n;
            (below >= rank).then(|| middle(*bucket))
        })
    }

    pub(super) fn bytes(&self) -> u64 {
        super::size::tree(self.0.len(), size_of::<(u64, i32)>())
    }
}

fn bucket(micros: i128) -> i32 {
    let size = micros.unsigned_abs();
    let index = if size < 1 << BITS {
        size as i32
    } else {
        let shift = size.ilog2() - BITS;
        (((shift + 1) << BITS) + ((size >> shift) as u32 & ((1 << BITS) - 1))) as i32
    };
    if micros < 0 { -index } else { index }
}

fn middle(bucket: i32) -> i128 {
    let index = bucket.unsigned_abs();
    let size = if index < 1 << BITS {
        i128::from(index)
    } else {
        let shift = (index >> BITS) - 1;
        let lower = i128::from((1 << BITS) + (index & ((1 << BITS) - 1))) << shift;
        lower + ((1i128 << shift) - 1) / 2
    };
    if bucket < 0 { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_comes_back_within_one_percent() {
        for n in [0i128, 1, 63, 64, 65, 1000, 999_999, 123_456_789, 5_000_000_000_000, i128::from(i64::MAX) * 1_000_000] {
            for signed in [n, -n] {
                let back = middle(bucket(signed));
                assert!((back - signed).abs() * 100 <= n, "{signed} came back as {back}");
            }
        }
    }

    #[test]
    fn quantiles_are_values_at_a_rank() {
        let mut all = Sketch::default();
        (1..=9).for_each(|n| all.add(n));
        assert_eq!(all.quantile(50.0), Some(5));
        assert_eq!(all.quantile(0.0), Some(1));
        assert_eq!(all.quantile(100.0), Some(9));
        let copy = all.clone();
        all.merge(&copy);
        all.subtract(&copy);
        assert_eq!(all, copy);
        assert_eq!(Sketch::default().quantile(50.0), None);
    }
}
