//! A unit: one event's own bytes, taken out of its envelopes, with what the envelopes said about it.

use super::DecodeError;
use crate::event::{Form, GenericSource, Lateness};
use std::borrow::Cow;

/// What the envelopes around a unit said. Everything is optional: a unit may come bare.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context<'a> {
    /// CloudWatch Logs `logEvents[].id`.
    pub log_event_id: Option<Cow<'a, str>>,
    /// CloudWatch Logs `logEvents[].timestamp`.
    pub log_event_ms: Option<i64>,
    /// CloudWatch Logs `logGroup`: decides the flow-log format where one is configured for it.
    pub log_group: Option<Cow<'a, str>>,
    /// Account of the envelope (CloudWatch Logs `owner`, EventBridge `account`).
    pub account: Option<Cow<'a, str>>,
    /// Region of the envelope.
    pub region: Option<Cow<'a, str>>,
    /// EventBridge `detail-type`.
    pub detail_type: Option<Cow<'a, str>>,
    /// EventBridge `time`.
    pub envelope_ms: Option<i64>,
}

/// One event's bytes and the form they are in. Not parsed yet.
#[derive(Debug, Clone)]
pub struct Unit<'a> {
    /// Recognised form.
    pub form: Form,
    /// The event's own bytes (UTF-8): one JSON object, or one flow-log line without its line end.
    pub text: &'a str,
    /// What surrounded it.
    pub context: &'a Context<'a>,
}

/// What unwrapping a record gives, in order of appearance.
#[derive(Debug)]
pub enum Emit<'a> {
    /// An event to decode.
    Unit(Unit<'a>),
    /// Deliberately not an event, counted as filtered: a CloudWatch Logs control message, a header line, NODATA, SKIPDATA, a test notification.
    Filtered(Filtered),
    /// Something that could not be read: goes to quarantine with these bytes.
    Bad(DecodeError, &'a [u8]),
}

/// Why something was filtered. Bounded: it is a counter's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filtered {
    /// CloudWatch Logs `CONTROL_MESSAGE`.
    ControlMessage,
    /// A flow log's header line.
    Header,
    /// `NODATA`: the interface was quiet: coverage, no flow.
    NoData,
    /// `SKIPDATA`: flows were lost upstream: a loss signal, no flow.
    SkipData,
    /// An empty line or record.
    Empty,
    /// A notice that carries no event (S3 test event, SNS subscription confirmation).
    Notice,
    /// An event of an account, Region or source that a replay is not about.
    NotSelected,
}

/// What the operator said about the input.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// `--format`: read everything as this form; `None` recognises by content.
    pub form: Option<Form>,
    /// `--flow-format`: columns of header-less flow logs, hyphenated names.
    pub flow_format: Option<Vec<String>>,
    /// The same for CloudWatch Logs log groups, as (pattern, columns): the first pattern that fits decides, entries of one pattern
    /// are alternatives.
    pub flow_formats: Vec<(String, Vec<String>)>,
    /// Stated logsources of generic JSON; `Form::Generic(n)` is the n-th.
    pub generic: Vec<GenericSource>,
    /// Allowed lateness, where it is not the source's own.
    pub lateness: Lateness,
}
