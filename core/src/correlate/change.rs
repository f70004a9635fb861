//! What a correlation tells the Pipeline.

use crate::event::{ContentId, Derived, DetectionFlags, Facts, FindingRevision, GroupKey, Position, Source};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One thing that came out of applying a detection or a watermark.
#[derive(Debug, Clone)]
pub enum Output {
    /// An alert was opened, grew, merged or closed.
    Alert(AlertChange),
    /// A stretch of a child correlation appeared or grew: goes to the parent through the log. `origin` is set by the Pipeline.
    Stretch(Derived),
    /// State was evicted over budget. One alert per (correlation, account) is raised, however many evictions follow.
    Pressure {
        /// Correlation whose budget was exceeded.
        correlation: u32,
        /// The account that pays (empty: none was known).
        account: Arc<str>,
        /// Keys evicted by this step.
        evicted: u64,
    },
}

/// How an alert changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeKind {
    /// The first moment was found: a new alert.
    Opened,
    /// Count, bounds or evidence changed.
    Updated,
    /// Nothing can change it any more.
    Closed,
    /// Joined with an alert that came earlier in the log.
    Merged,
}

/// An alert of a correlation as it stands.
#[derive(Debug, Clone)]
pub struct AlertChange {
    /// Index of the correlation.
    pub correlation: u32,
    /// Its group key.
    pub key: GroupKey,
    /// The first moment as known when it fired: part of the alert's id for ever.
    pub fired_ms: i64,
    /// `fired_ms` of the alert this one was merged into.
    pub merged_into: Option<i64>,
    /// What happened.
    pub kind: ChangeKind,
    /// First moment of the episode now.
    pub start_ms: i64,
    /// One past its last moment.
    pub end_ms: i64,
    /// The whole episode where this change is the last to be heard of it (closed, merged). For the others ask
    /// [`super::Correlator::episode`]: an event of a hot key must not pay for fifty kept ones.
    pub episode: Option<Box<Episode>>,
}

/// One episode of one group key, with what is known of its events.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Episode {
    /// First moment.
    pub start_ms: i64,
    /// One past the last moment (of an open episode: where it would end if nothing more came).
    pub end_ms: i64,
    /// Events (or distinct findings, or child stretches) in (start - T, end).
    pub count: u64,
    /// Earliest event.
    pub first_seen_ms: i64,
    /// Latest event.
    pub last_seen_ms: i64,
    /// Late events of this key: counted, they moved no window.
    pub late_events: u64,
    /// Count, first seen or values may be off, for a stated cause.
    pub approximate: bool,
    /// Some event was clamped.
    pub clock_skew: bool,
    /// The correlation was judged up to this moment.
    pub evaluated_to_ms: i64,
    /// Ended only because the input did, or by a reload.
    pub truncated: bool,
    /// The kept events inside, by (time, id, step): at most 25 earliest and 25 latest.
    pub events: Vec<KeptEvent>,
    /// The measured value: the largest count, distinct count or sum seen, for the sentence "why".
    pub measured: f64,
    /// Accounts of all kept events, sorted.
    pub accounts: Vec<Arc<str>>,
}

/// An event kept for evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptEvent {
    /// Event time.
    pub time_ms: i64,
    /// Identity.
    pub id: ContentId,
    /// Place of its rule among the correlation's rules.
    pub step: u16,
    /// The rule that matched.
    pub rule: u32,
    /// Its source.
    pub source: Source,
    /// Flags.
    pub flags: DetectionFlags,
    /// Account.
    pub account: Arc<str>,
    /// Severity 1-5.
    pub severity: u8,
    /// For findings.
    pub revision: Option<FindingRevision>,
    /// Record.
    pub position: Position,
    /// What to show.
    pub facts: Arc<Facts>,
    /// For a child's stretch: the child's alert id, if it has one.
    pub child_alert: Option<Arc<str>>,
}
