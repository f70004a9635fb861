//! Entries: what the log of one Pipeline holds. Everything that decides anything is in them, in order.

use super::books::InputCounts;
use crate::event::{Derived, Detection, Sequence, Source};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Version of the entry's encoding.
pub const ENTRY_VERSION: u8 = 1;

/// One entry of a Pipeline's log. Within it detections stand before derived detections, and both before the watermarks.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Digest of the rule set that `detections` were matched with.
    pub rules: [u8; 32],
    /// Detections for this Pipeline's key groups, in the order of their shard.
    pub detections: Vec<Detection>,
    /// Derived detections from child correlations of any Pipeline.
    pub derived: Vec<Derived>,
    /// New watermarks of sources: they never move back.
    pub watermarks: Vec<(Source, i64)>,
    /// New published watermarks of the Pipelines' levels, the minimum over all Pipelines.
    pub published: Vec<i64>,
    /// Read positions after this entry: (source, shard, last sequence read).
    pub positions: Vec<(Arc<str>, Arc<str>, Sequence)>,
    /// What the Intake counted (in the entry of one Pipeline of a batch only, or it would count P times).
    pub counts: InputCounts,
    /// Largest arrival time behind this entry, epoch milliseconds; 0 where nothing arrived.
    pub arrival_ms: i64,
}

impl Entry {
    /// The entry as bytes: a version, then postcard.
    ///
    /// # Panics
    /// Never: a `Vec` takes everything.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        postcard::to_extend(self, vec![ENTRY_VERSION]).expect("a Vec takes everything and every field has a postcard form")
    }

    /// Reads an entry back.
    ///
    /// # Errors
    /// If the version is unknown or the bytes are damaged: in words.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        match bytes.split_first() {
            Some((&ENTRY_VERSION, rest)) => postcard::from_bytes(rest).map_err(|e| format!("damaged log entry: {e}")),
            Some((version, _)) => Err(format!("log entry of version {version}; this program reads version {ENTRY_VERSION}")),
            None => Err("empty log entry".into()),
        }
    }
}
