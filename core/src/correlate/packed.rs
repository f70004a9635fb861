//! An event kept for evidence, packed into one block: most are never shown, so they are unpacked only when an alert tells of them.
//!
//! A block stands for itself: it shares no name and no facts with other blocks, because what is shared cannot be charged to one
//! account. Only the account is left out where it is the one that pays for the key.

use super::change::KeptEvent;
use super::size::block;
use super::spec::Spec;
use crate::event::record::Sequence;
use crate::event::{ContentId, Detection, DetectionFlags, Facts, FindingRevision, Position, Source};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An event as evidence: its place in the order, and the rest of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Shown {
    pub(super) time: i64,
    pub(super) id: u128,
    pub(super) step: u16,
    pub(super) event: Packed,
}

/// Everything of a [`KeptEvent`] but its time, id and step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packed(Arc<[u8]>);

impl Serialize for Packed {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Packed {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde_bytes::deserialize::<&[u8], D>(deserializer).map(|bytes| Packed(bytes.into()))
    }
}

/// The content of the block; how texts and facts are held depends on the direction.
#[derive(Serialize, Deserialize)]
struct Content<Text, Held> {
    rule: u32,
    source: Source,
    flags: DetectionFlags,
    /// `None`: that of the key.
    account: Option<Text>,
    severity: u8,
    revision: Option<FindingRevision>,
    place: (Text, Text),
    sequence: Sequence,
    sub_sequence: u32,
    facts: Held,
    child_alert: Option<Text>,
}

impl Packed {
    /// What is kept of a detection, under a key that `payer` pays for. `room` is where it is written first, to be used again.
    pub(super) fn of(spec: &Spec, d: &Detection, payer: &str, room: &mut Vec<u8>) -> Self {
        let content = Content {
            rule: spec.rules.get(usize::from(d.step)).copied().unwrap_or(d.rule),
            source: d.source,
            flags: d.flags,
            account: Some(&*d.account).filter(|account| *account != payer),
            severity: d.severity,
            revision: d.revision,
            place: (&*d.position.source, &*d.position.shard),
            sequence: d.position.sequence,
            sub_sequence: d.position.sub_sequence,
            facts: &*d.facts,
            child_alert: None,
        };
        pack(&content, room)
    }

    /// An event that is not kept but made to be shown.
    pub(super) fn new(event: &KeptEvent) -> Self {
        let content = Content {
            rule: event.rule,
            source: event.source,
            flags: event.flags,
            account: Some(&*event.account),
            severity: event.severity,
            revision: event.revision,
            place: (&*event.position.source, &*event.position.shard),
            sequence: event.position.sequence,
            sub_sequence: event.position.sub_sequence,
            facts: &*event.facts,
            child_alert: event.child_alert.as_deref(),
        };
        pack(&content, &mut Vec::new())
    }

    pub(super) fn bytes(&self) -> u64 {
        block(16 + self.0.len())
    }
}

fn pack(content: &Content<&str, &Facts>, room: &mut Vec<u8>) -> Packed {
    room.clear();
    *room = postcard::to_extend(content, std::mem::take(room)).expect("writing plain data to memory cannot fail");
    Packed(room.as_slice().into())
}

impl Shown {
    /// The event itself. A block that cannot be read (only a damaged snapshot has one) shows nothing.
    pub(super) fn unpack(&self, payer: &Arc<str>) -> Option<KeptEvent> {
        let content: Content<Arc<str>, Facts> = postcard::from_bytes(&self.event.0).ok()?;
        let position =
            Position { source: content.place.0, shard: content.place.1, sequence: content.sequence, sub_sequence: content.sub_sequence };
        Some(KeptEvent {
            time_ms: self.time,
            id: ContentId(self.id),
            step: self.step,
            rule: content.rule,
            source: content.source,
            flags: content.flags,
            account: content.account.unwrap_or_else(|| Arc::clone(payer)),
            severity: content.severity,
            revision: content.revision,
            position,
            facts: Arc::new(content.facts),
            child_alert: content.child_alert,
        })
    }

    pub(super) fn key(&self) -> (i64, u128, u16) {
        (self.time, self.id, self.step)
    }
}
