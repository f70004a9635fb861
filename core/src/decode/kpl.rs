//! Aggregated records of the Kinesis Producer Library: a magic number, a protobuf message, the MD5 of that message.
//!
//! Owns the container. Never looks into the user records. What carries the magic but is malformed, or whose checksum is wrong,
//! is no aggregate: the whole blob is a plain record, as the KCL has it.

use md5::{Digest, Md5};

const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
const DIGEST_BYTES: usize = 16;

/// One record as a producer put it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRecord<'a> {
    /// The producer's partition key.
    pub partition_key: &'a [u8],
    /// The producer's explicit hash key, if it gave one.
    pub explicit_hash_key: Option<&'a [u8]>,
    /// The payload.
    pub data: &'a [u8],
}

/// Whether the bytes start like an aggregate.
#[must_use]
pub fn is_aggregate(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The user records of an aggregate, in order; `None` when the bytes are none.
#[must_use]
pub fn user_records(bytes: &[u8]) -> Option<Vec<UserRecord<'_>>> {
    let (message, digest) = bytes.strip_prefix(&MAGIC)?.split_last_chunk::<DIGEST_BYTES>()?;
    if Md5::digest(message).as_slice() != digest {
        return None;
    }
    let (mut keys, mut hashes, mut records) = (Vec::new(), Vec::new(), Vec::new());
    let mut fields = Fields(message);
    while let Some(field) = fields.next_field()? {
        match field {
            (1, Wire::Bytes(key)) => keys.push(key),
            (2, Wire::Bytes(hash)) => hashes.push(hash),
            (3, Wire::Bytes(record)) => records.push(record),
            _ => {}
        }
    }
    records.into_iter().map(|record| user_record(record, &keys, &hashes)).collect()
}

fn user_record<'a>(message: &'a [u8], keys: &[&'a [u8]], hashes: &[&'a [u8]]) -> Option<UserRecord<'a>> {
    let (mut key, mut hash, mut data) = (None, None, None);
    let mut fields = Fields(message);
    while let Some(field) = fields.next_field()? {
        match field {
            (1, Wire::Number(n)) => key = Some(n),
            (2, Wire::Number(n)) => hash = Some(n),
            (3, Wire::Bytes(bytes)) => data = Some(bytes),
            _ => {}
        }
    }
    let at = |table: &[&'a [u8]], n: u64| usize::try_from(n).ok().and_then(|n| table.get(n).copied());
    let explicit_hash_key = match hash {
        Some(n) => Some(at(hashes, n)?),
        None => None,
    };
    Some(UserRecord { partition_key: at(keys, key?)?, explicit_hash_key, data: data? })
}

/// A protobuf field's value.
enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// The fields of a protobuf message.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The next field's number and value; `Some(None)` at the end, `None` when the message is malformed.
    #[expect(clippy::option_option, reason = "the outer None is malformed, the inner one is the end")]
    fn next_field(&mut self) -> Option<Option<(u64, Wire<'a>)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Wire::Number(self.varint()?),
            1 => self.take(8).map(|_| Wire::Fixed)?,
            2 => {
                let length = self.varint()?;
                Wire::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            5 => self.take(4).map(|_| Wire::Fixed)?,
            _ => return None,
        };
        Some(Some((tag >> 3, value)))
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        [&[number << 3 | 2, bytes.len() as u8][..], bytes].concat()
    }

    fn aggregate(message: &[u8]) -> Vec<u8> {
        [&MAGIC[..], message, Md5::digest(message).as_slice()].concat()
    }

    fn message() -> Vec<u8> {
        let with_hash = [&[8, 1, 16, 0][..], &field(3, b"two"), &field(4, &field(1, b"tag"))].concat();
        let plain = [&[8, 0][..], &field(3, b"one")].concat();
        [field(1, b"pk-a"), field(1, b"pk-b"), field(2, b"17"), field(3, &plain), field(3, &with_hash)].concat()
    }

    #[test]
    fn user_records_come_out_with_their_keys() {
        let blob = aggregate(&message());
        let expected = [
            UserRecord { partition_key: b"pk-a", explicit_hash_key: None, data: b"one" },
            UserRecord { partition_key: b"pk-b", explicit_hash_key: Some(b"17"), data: b"two" },
        ];
        assert_eq!(user_records(&blob).unwrap(), expected);
    }

    #[test]
    fn what_is_damaged_is_no_aggregate() {
        let blob = aggregate(&message());
        for n in 0..blob.len() {
            let mut damaged = blob.clone();
            damaged[n] ^= 0x10;
            assert_eq!(user_records(&damaged), None, "byte {n}");
            assert_eq!(user_records(&blob[..n]), None, "cut at {n}");
        }
        let key_out_of_range = field(3, &[&[8, 9][..], &field(3, b"x")].concat());
        assert_eq!(user_records(&aggregate(&key_out_of_range)), None);
        assert_eq!(user_records(&aggregate(&[0xff; 11])), None);
    }
}
