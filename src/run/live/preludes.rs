//! First lines of the shards that are being read: what a later segment of the archive needs to be read by itself.
//!
//! Owns one short member per shard, until the shard ends. Limits: a line above [`LINE_BYTES_MAX`], or one that begins a JSON value,
//! says nothing about a format and is not kept.

use crate::io::archive::{PreludeMember, prelude};
use crate::io::port::{Progress, Read};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tidegate_core::event::Record;

/// Longest first line that is kept.
const LINE_BYTES_MAX: usize = 4 << 10;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Preludes {
    known: Mutex<BTreeMap<Arc<str>, Option<PreludeMember>>>,
}

impl Preludes {
    /// That of the shard which was read: the line it was resumed with, or its own first.
    pub(super) fn of(&self, read: &Read) -> Option<PreludeMember> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let found = match known.get(&read.shard) {
            Some(found) => found.clone(),
            None => {
                let first = read.prelude.as_ref().or_else(|| read.records.first().filter(|record| record.lines));
                let found = first.and_then(header_line).map(|line| prelude(&line));
                known.insert(read.shard.clone(), found.clone());
                found
            }
        };
        if read.progress == Progress::Ended {
            known.remove(&read.shard);
        }
        found
    }
}

/// The first line of a run of lines, if it may be a header.
fn header_line(record: &Record) -> Option<Record> {
    let end = record.bytes.iter().position(|b| *b == b'\n').map_or(record.bytes.len(), |at| at + 1);
    let line = &record.bytes[..end];
    let value = matches!(line.trim_ascii_start().first(), Some(b'{' | b'[') | None);
    (!value && line.len() <= LINE_BYTES_MAX).then(|| Record { bytes: line.to_vec(), ..record.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::event::Position;

    fn read(prelude: Option<&str>, text: &str, progress: Progress) -> Read {
        let position = Position { source: "s".into(), shard: "a".into(), sequence: 1.into(), sub_sequence: 0 };
        let record = |text: &str| Record { position: position.clone(), arrival_ms: Some(1), bytes: text.as_bytes().to_vec(), lines: true };
        Read { shard: "a".into(), prelude: prelude.map(record), records: vec![record(text)], position: None, progress, lost: None }
    }

    #[test]
    fn a_header_is_kept_until_its_shard_ends_and_json_is_none() {
        let preludes = Preludes::default();
        let header = preludes.of(&read(None, "version account-id\n2 1\n", Progress::Records)).expect("kept");
        assert_eq!(preludes.of(&read(None, "2 3\n", Progress::Ended)), Some(header));
        assert_ne!(preludes.of(&read(Some("version\n"), "2 3\n", Progress::Ended)), None, "the line it was resumed with");
        assert_eq!(preludes.of(&read(None, "{\"a\":1}\n", Progress::Ended)), None);
        assert_eq!(preludes.of(&read(None, &"x".repeat(LINE_BYTES_MAX + 1), Progress::Ended)), None);
    }
}
