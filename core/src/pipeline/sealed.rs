//! Bytes that are kept: a version in front, postcard, a checksum behind. Damage is told, never read as something else.

use crate::event::id::hash128;
use serde::{Deserialize, Serialize};

/// Bytes of the checksum: the low half of the fixed hash over everything before it.
const CHECKSUM_BYTES: usize = 8;

/// A value as bytes: equal values give equal bytes.
///
/// # Panics
/// Never: a `Vec` takes everything.
pub(super) fn seal(version: u8, value: &impl Serialize) -> Vec<u8> {
    let mut bytes = postcard::to_extend(value, vec![version]).expect("a Vec takes everything and every field has a postcard form");
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum);
    bytes
}

/// Reads a value back, or says why not.
pub(super) fn unseal<'a, T: Deserialize<'a>>(version: u8, bytes: &'a [u8]) -> Result<T, String> {
    match bytes.first() {
        None => return Err("it is empty".into()),
        Some(other) if *other != version => return Err(format!("it is of version {other}, this program reads version {version}")),
        Some(_) => {}
    }
    let sealed = bytes.split_last_chunk().filter(|(body, sum)| !body.is_empty() && checksum(body) == **sum);
    let Some((body, _)) = sealed else { return Err("it is damaged: its checksum does not fit".into()) };
    postcard::from_bytes(&body[1..]).map_err(|e| format!("it is damaged: {e}"))
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
    (hash128(bytes) as u64).to_le_bytes()
}
