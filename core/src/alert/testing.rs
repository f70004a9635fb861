//! What the unit tests of this stage share.

use crate::correlate::KeptEvent;
use crate::event::{ContentId, Position, Source};
use std::sync::Arc;

/// An event without facts.
pub(crate) fn event(source: Source) -> KeptEvent {
    KeptEvent {
        time_ms: 0,
        id: ContentId(0),
        step: 0,
        rule: 0,
        source,
        flags: Default::default(),
        account: "111122223333".into(),
        severity: 3,
        revision: None,
        position: Position { source: "s".into(), shard: "0".into(), sequence: 1.into(), sub_sequence: 0 },
        facts: Arc::default(),
        child_alert: None,
    }
}
