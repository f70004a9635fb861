//! The one seeded generator of the synthetic organisation.
//!
//! Owns every random choice. Integers only and never a platform-sized range, so the same seed gives the same bytes on every machine.
//! Each part of the organisation draws from its own stream (seed, name of the part): selecting fewer attacks changes nothing else.

use crate::event::id::hash128;
use std::net::Ipv4Addr;

/// A stream of choices.
pub(super) struct Draw(fastrand::Rng);

impl Draw {
    /// The stream of one named part.
    pub(super) fn new(seed: u64, part: &str) -> Self {
        let mut bytes = seed.to_le_bytes().to_vec();
        bytes.extend_from_slice(part.as_bytes());
        Draw(fastrand::Rng::with_seed(hash128(&bytes) as u64))
    }

    /// A number in `0..n` (0 for n = 0).
    pub(super) fn below(&mut self, n: u64) -> u64 {
        self.0.u64(0..n.max(1))
    }

    /// An index into something of this length.
    pub(super) fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// A number in `low..=high`.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + self.below((high - low).max(0) as u64 + 1) as i64
    }

    /// True in `permille` of 1,000 cases.
    pub(super) fn chance(&mut self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of these.
    pub(super) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.index(items.len())]
    }

    /// Fisher and Yates, with 64-bit draws.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.index(last + 1);
            items.swap(last, other);
        }
    }

    /// Lower-case hexadecimal digits.
    pub(super) fn hex(&mut self, length: usize) -> String {
        self.spell(b"0123456789abcdef", length)
    }

    /// Capital letters and digits, as in access keys and file names.
    pub(super) fn token(&mut self, length: usize) -> String {
        self.spell(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", length)
    }

    fn spell(&mut self, alphabet: &[u8], length: usize) -> String {
        let mut text = String::with_capacity(length);
        let (mut bits, base) = (0u64, alphabet.len() as u64);
        for at in 0..length {
            if at % 12 == 0 {
                bits = self.0.u64(..);
            }
            text.push(char::from(alphabet[(bits % base) as usize]));
            bits /= base;
        }
        text
    }

    /// A version-4 UUID.
    pub(super) fn uuid(&mut self) -> String {
        let h = self.hex(30);
        format!("{}-{}-4{}-a{}-{}", &h[..8], &h[8..12], &h[12..15], &h[15..18], &h[18..30])
    }

    /// An id such as `i-0123456789abcdef0`.
    pub(super) fn resource(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{}", self.hex(16))
    }

    /// An address of the background Internet (198.18.0.0/15, reserved for benchmarks): never one of an attacker or an office.
    pub(super) fn internet(&mut self) -> Ipv4Addr {
        let n = self.below(1 << 16) as u32;
        Ipv4Addr::from(0xc613_0000 | n)
    }
}
