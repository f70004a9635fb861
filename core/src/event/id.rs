//! Identities: content ids, group keys, key groups. All are fixed functions of bytes: the same on every machine and for ever.
//!
//! The hash is SipHash-1-3 with 128 bits and a zero key, chosen for being small, documented and stable; it is *not* used to
//! size tables in memory (those hash with a random seed, because attackers choose keys).

use serde::{Deserialize, Serialize};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

/// Key groups: the unit in which state is kept, snapshotted and moved.
pub const KEY_GROUPS: u16 = 4096;

/// The fixed 128-bit hash of some bytes.
#[must_use]
pub fn hash128(bytes: &[u8]) -> u128 {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    hasher.finish128().as_u128()
}

/// [`hash128`] of bytes that come in pieces: what matters is the bytes, not where they were cut.
#[derive(Debug, Clone, Default)]
pub struct Hash128(SipHasher13);

impl Hash128 {
    /// Takes the next bytes in.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// The hash of everything so far.
    #[must_use]
    pub fn finish(&self) -> u128 {
        self.0.finish128().as_u128()
    }
}

/// What makes an event the same event on every route it comes: `CloudTrail` `eventID`, finding ARN + revision, ...
/// Events without an own id are identified by their position (two equal lines are two events).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContentId(pub u128);

impl ContentId {
    /// The id of an event that names itself: `kind` keeps id spaces apart (`cloudtrail`, `guardduty`, ...).
    #[must_use]
    pub fn of(kind: &str, id: &str) -> Self {
        let mut bytes = Vec::with_capacity(kind.len() + id.len() + 1);
        bytes.extend_from_slice(kind.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(id.as_bytes());
        ContentId(hash128(&bytes))
    }

    /// The id of an event that has nothing but its place.
    #[must_use]
    pub fn of_position(p: &super::Position) -> Self {
        Self::of("position", &format!("{}\0{}\0{}\0{}", p.source, p.shard, p.sequence, p.sub_sequence))
    }
}

/// The values of a correlation's `group-by`, in order, as canonical bytes: per value a length (LEB128) and the text.
/// Values are equal when their texts are (`443` and `"443"` are one key). Case matters.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupKey(#[serde(with = "serde_bytes")] Box<[u8]>);

impl GroupKey {
    /// Builds the key from the texts of its values.
    pub fn new<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> Self {
        let mut bytes = Vec::new();
        for value in values {
            let text = value.as_ref().as_bytes();
            let mut length = text.len();
            while length >= 0x80 {
                bytes.push((length & 0x7f) as u8 | 0x80);
                length >>= 7;
            }
            bytes.push(length as u8);
            bytes.extend_from_slice(text);
        }
        GroupKey(bytes.into_boxed_slice())
    }

    /// The values it was built from.
    #[must_use]
    pub fn values(&self) -> Vec<&str> {
        let (mut out, mut rest) = (Vec::new(), &self.0[..]);
        while !rest.is_empty() {
            let (mut length, mut shift) = (0usize, 0);
            while let Some((&byte, tail)) = rest.split_first() {
                rest = tail;
                length |= usize::from(byte & 0x7f) << shift;
                shift += 7;
                if byte < 0x80 {
                    break;
                }
            }
            let (text, tail) = rest.split_at(length.min(rest.len()));
            out.push(std::str::from_utf8(text).unwrap_or(""));
            rest = tail;
        }
        out
    }

    /// The canonical bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The fixed 128-bit hash of the key.
    #[must_use]
    pub fn hash(&self) -> u128 {
        hash128(&self.0)
    }
}

/// One of the [`KEY_GROUPS`] hash ranges of group keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyGroup(pub u16);

impl KeyGroup {
    /// The group a key belongs to: the top 12 bits of its hash.
    #[must_use]
    pub fn of(key: &GroupKey) -> Self {
        KeyGroup((key.hash() >> 116) as u16)
    }

    /// Which of `pipelines` pipelines owns this group (contiguous ranges of equal size).
    #[must_use]
    pub fn pipeline(self, pipelines: u16) -> u16 {
        (u32::from(self.0) * u32::from(pipelines.max(1)) / u32::from(KEY_GROUPS)) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_does_not_depend_on_the_cuts() {
        let bytes: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for size in [1, 7, 8, 63, 999, 1000] {
            let mut hash = Hash128::default();
            bytes.chunks(size).for_each(|piece| hash.update(piece));
            assert_eq!(hash.finish(), hash128(&bytes), "pieces of {size}");
        }
        assert_eq!(Hash128::default().finish(), hash128(b""));
    }

    #[test]
    fn keys_give_their_values_back() {
        let long = "x".repeat(300);
        let key = GroupKey::new(["10.0.0.1", "", &long]);
        assert_eq!(key.values(), ["10.0.0.1", "", &long]);
        assert_ne!(GroupKey::new(["ab", "c"]), GroupKey::new(["a", "bc"]));
    }

    /// These values are stored and compared across machines: they may never change.
    #[test]
    fn the_hash_is_fixed() {
        assert_eq!(hash128(b""), GOLDEN_EMPTY);
        assert_eq!(KeyGroup::of(&GroupKey::new(["111122223333"])).0, GOLDEN_GROUP);
        assert_eq!(KeyGroup(4095).pipeline(4), 3);
        assert_eq!(KeyGroup(0).pipeline(4), 0);
    }

    const GOLDEN_EMPTY: u128 = 246_054_486_573_677_404_645_197_968_742_568_014_861;
    const GOLDEN_GROUP: u16 = 2467;
}
