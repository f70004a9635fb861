//! The words of the stream: records, events, detections, their ids and their time.
//!
//! Owns the plain data that every later stage passes on. Never decodes, matches or decides anything.
//! Limits: one event has at most [`slots::SLOTS_MAX`] slots; text in ids is bounded by the decoders.

pub mod detection;
pub mod dictionary;
pub mod facts;
pub mod flow;
pub mod id;
pub mod record;
pub mod slots;
pub mod source;
pub mod time;
pub mod value;
pub mod watermark;

pub use detection::{Derived, Detection, DetectionFlags, FindingRevision, Quantity};
pub use facts::{Fact, Facts};
pub use id::{ContentId, GroupKey, KeyGroup};
pub use record::{Position, Record, Sequence};
pub use slots::{PathTree, Slot, Slots};
pub use source::{Form, GenericSource, Lateness, LogSource, Source};
pub use value::Value;
pub use watermark::Watermarks;
