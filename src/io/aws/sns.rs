//! Pages through SNS.
//!
//! [`message`] says what a page looks like on the wire (pure), [`fault`] what an error means, [`topic`] makes the calls, [`sink`] owns
//! the lanes and the second channel. Two lanes, because one topic that takes nothing must not stand before the other: `sns-critical`
//! for critical pages, `sns` for the rest. Never decides who is paged. Limits: SNS has no idempotent call for standard topics, so a
//! page whose answer was lost comes again, marked `repeated`, with the same `dedup_key`; a FIFO topic drops it within five minutes.

pub mod fault;
pub mod message;
pub mod sink;
pub mod topic;

pub use fault::Fault;
pub use message::{Marks, Message};
pub use sink::{Second, SnsSink};
pub use topic::{Topic, TopicSettings};

/// The lane of critical pages.
pub const CRITICAL_LANE: &str = "sns-critical";
/// The lane of all others.
pub const LANE: &str = "sns";
