//! A detection: "rule R matched event E", as it stands in the log. Compact: what an alert shows rides along only where needed.

use super::{ContentId, Facts, GroupKey, Position, Source};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Properties of the event behind a detection that decide how it counts. All are judged by the Intake, from the record alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DetectionFlags {
    /// Arrival minus event time exceeded the source's lateness: counted, moves no window.
    pub late: bool,
    /// The event time was later than arrival + 5 min and was clamped to arrival.
    pub clock_skew: bool,
    /// AWS sample finding: marked, neither paged nor counted by default.
    pub sample: bool,
    /// Archived finding: the same.
    pub archived: bool,
    /// The id is only a position: no copy of this event can come on another route.
    pub position_id: bool,
    /// No match: a revision that the rest of a rule's condition does not admit, told because the rule asks whether the severity
    /// of the finding rose. It carries no facts.
    pub witness: bool,
}

/// What a correlation measures of one event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Quantity {
    /// Nothing: the event only counts.
    #[default]
    None,
    /// `value_count`: the fixed hash of the values of `field` (all of them, in order).
    Distinct(u128),
    /// `value_sum`, `value_avg`, `value_median`, `value_percentile`: the number in millionths (fixed point, so that order cannot matter).
    Micros(i128),
}

/// One publication of a finding. The finding's key is `finding`, the order of revisions (`updated_ms`, `count`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingRevision {
    /// Hash of the finding's ARN: equal for native, ASFF and OCSF copies.
    pub finding: u128,
    /// `updatedAt` as written (the detection's `time_ms` may be clamped).
    pub updated_ms: i64,
    /// `createdAt`.
    pub created_ms: i64,
    /// `service.count`.
    pub count: i64,
    /// Severity in hundredths (8.5 is 850).
    pub severity: i32,
}

/// "Rule R matched event E", addressed to the one correlation or alert it feeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Index (in the rule set) of what this feeds: a correlation, or `rule` itself when its match is an alert.
    pub target: u32,
    /// Index of the rule that matched.
    pub rule: u32,
    /// Place of `rule` among the target correlation's rules; 0 for an alert of its own.
    pub step: u16,
    /// The source of the event.
    pub source: Source,
    /// The target's group key; for an alert of its own the finding's or event's id.
    pub key: GroupKey,
    /// Event time in epoch milliseconds, clamped where `flags.clock_skew`.
    pub time_ms: i64,
    /// Arrival in epoch milliseconds.
    pub arrival_ms: i64,
    /// The event's identity on every route.
    pub id: ContentId,
    /// How it counts.
    pub flags: DetectionFlags,
    /// Who pays for the state it creates.
    pub account: Arc<str>,
    /// What the correlation measures.
    pub quantity: Quantity,
    /// Set for findings.
    pub revision: Option<FindingRevision>,
    /// The record it came from.
    pub position: Position,
    /// Severity 1-5 of the rule or finding, for severity rules over children.
    pub severity: u8,
    /// What an alert would show of the event.
    pub facts: Arc<Facts>,
}

/// One unjoined stretch of moments at which a child correlation holds, on its way to a parent correlation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derived {
    /// Index of the parent correlation.
    pub target: u32,
    /// Index of the child correlation.
    pub child: u32,
    /// Place of the child among the parent's rules.
    pub step: u16,
    /// The child's group key.
    pub child_key: GroupKey,
    /// The parent's group key (from the child's key values or the stretch's evidence).
    pub key: GroupKey,
    /// First moment, epoch milliseconds.
    pub start_ms: i64,
    /// One past the last moment.
    pub end_ms: i64,
    /// Account that pays.
    pub account: Arc<str>,
    /// Origin: pipeline and effect number, by which repeats are dropped.
    pub origin: (u16, u64),
    /// Alert id of the child's alert if it has one.
    pub alert: Option<Arc<str>>,
    /// Severity 1-5 of the child, and whether it paged.
    pub severity: u8,
    /// Evidence of the child that the parent may show: earliest event's facts.
    pub facts: Option<Arc<Facts>>,
}
