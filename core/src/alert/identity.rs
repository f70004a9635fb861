//! Names of alerts and episodes: a fixed function of what they are about, the same after any restart and on any machine.

use crate::event::GroupKey;
use sha2::{Digest, Sha256};
use std::fmt::Write;

const DOMAIN: &[u8] = b"tidegate-alert-v1";
/// Hex digits kept of the hash.
const HEX_DIGITS: usize = 32;

/// The alert's id: 32 hex digits of SHA-256 over the rule, its meaning, what the alert is about and the first moment as known
/// when it fired. Every part is preceded by its length (8 bytes, big-endian), so that no two inputs can run together.
#[must_use]
pub fn alert_id(rule_id: &str, digest: &[u8; 32], key: &GroupKey, first_moment_ms: i64) -> String {
    let mut hasher = Sha256::new();
    for part in [DOMAIN, rule_id.as_bytes(), digest, key.bytes(), &first_moment_ms.to_be_bytes()] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut out = hex(&hasher.finalize());
    out.truncate(HEX_DIGITS);
    out
}

/// The episode's name: the same hash over the *final* start. Equal in every order of arrival: live, replay and tests compare by it.
#[must_use]
pub fn episode_uid(rule_id: &str, digest: &[u8; 32], key: &GroupKey, final_start_ms: i64) -> String {
    alert_id(rule_id, digest, key, final_start_ms)
}

/// Lower-case hex.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, b| {
        // Writing to a String cannot fail.
        let _ = write!(out, "{b:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stored, indexed and used as deduplication keys: these may never change.
    #[test]
    fn ids_are_fixed() {
        let key = GroupKey::new(["203.0.113.77"]);
        assert_eq!(alert_id("rule-1", &[7; 32], &key, 1_795_456_384_000), GOLDEN);
        assert_eq!(episode_uid("rule-1", &[7; 32], &key, 1_795_456_384_000), GOLDEN);
    }

    #[test]
    fn every_part_counts() {
        let id = |rule: &str, digest: u8, key: &str, ms| alert_id(rule, &[digest; 32], &GroupKey::new([key]), ms);
        let all = [id("a", 1, "k", 5), id("b", 1, "k", 5), id("a", 2, "k", 5), id("a", 1, "l", 5), id("a", 1, "k", 6)];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|id| id.len() == HEX_DIGITS));
    }

    const GOLDEN: &str = "63f1fa977883bf4ff30ab33ca24f2f18";
}
