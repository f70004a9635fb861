//! Entries: what the log of one Pipeline holds. Everything that decides anything is in them, in order.

use super::books::InputCounts;
use super::compact::{Lent, Owned};
use super::control::Control;
use super::sealed::{seal, unseal};
use crate::event::{Derived, Detection, Source};

/// Version of the entry's encoding.
pub const ENTRY_VERSION: u8 = 2;

/// One entry of a Pipeline's log. Within it the control comes first, then detections, then derived detections, and the watermarks
/// last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// What changes about the machine itself. The first entry of a log holds one.
    pub control: Option<Box<Control>>,
    /// Digest of the rule set that `detections` were matched with: that of the control, if there is one here.
    pub rules: [u8; 32],
    /// Detections for this Pipeline's key groups, in the order of their shard.
    pub detections: Vec<Detection>,
    /// Derived detections from child correlations of any Pipeline.
    pub derived: Vec<Derived>,
    /// New watermarks of sources: they never move back.
    pub watermarks: Vec<(Source, i64)>,
    /// New published watermarks of the Pipelines' levels, the minimum over all Pipelines.
    pub published: Vec<i64>,
    /// What the Intake counted (in the entry of one Pipeline of a batch only, or it would count P times).
    pub counts: InputCounts,
    /// Largest arrival time behind this entry, epoch milliseconds; 0 where nothing arrived.
    pub arrival_ms: i64,
}

impl Entry {
    /// The entry as bytes: a version, its compact form in postcard, a checksum.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        seal(ENTRY_VERSION, &Lent::from(self))
    }

    /// Reads an entry back.
    ///
    /// # Errors
    /// If the version is unknown or the bytes are damaged: in words.
    pub fn decode(bytes: &[u8]) -> Result<Self, String> {
        let read = unseal::<Owned>(ENTRY_VERSION, bytes);
        let entry = read.and_then(|read| read.entry().ok_or_else(|| "it is damaged: it names what it does not hold".to_owned()));
        entry.map_err(|e| format!("cannot read the log entry: {e}"))
    }
}
