//! Detect: one decoded unit in, detections out. Stateless.
//!
//! Owns the meaning of a condition on an event, the slot plans that say which fields are read, the candidate index, group keys
//! and quantities. Never keeps anything between events, never decides whether a detection counts, never looks at a clock.
//!
//! What a test means on an event:
//! - Texts are compared whole and without regard to case (simple Unicode lower case) unless `cased`; every value but null has
//!   a text (`443`, `true`, `10.0.0.1`). Regular expressions are searched, with case.
//! - Several values at a field (arrays): one that passes is enough. An object passes text tests with its JSON text or with any
//!   text inside it.
//! - `null` holds for a field that is absent or has nothing but nulls; beside a value, nulls are not seen.
//! - `not` is true where its operand is false, also for an absent field.
//! - A keyword is looked for in every scalar of the event (keys are not), and of flows in the whole line.
//! - Times are read as epoch seconds or milliseconds or RFC 3339, their parts in UTC; weeks are ISO weeks.
//!
//! What tables say ([`crate::enrich`]) is filled in before matching, by the event's own time, for the fields that rules and group
//! keys name; an event that matched notes as facts what they say of its account, addresses, domains and hashes.
//!
//! Limits: 4,096 slots per form and plan; [`KEYS_MAX`] keys per event and target; regular expressions of 1 MiB.

mod asked;
mod calendar;
mod compile;
mod detector;
mod fold;
mod form;
mod identity;
mod index;
mod matcher;
mod passage;
mod plan;
mod quantity;
mod reads;
mod required;
mod scratch;
mod tally;
mod text;
mod trace;

pub use detector::{Cost, Detector, Warning, WarningKind, raised_rules};
pub use identity::{CLOCK_SKEW_MAX_MS, Stamp};
pub use passage::Seen;
pub use quantity::KEYS_MAX;
pub use reads::sources_of;
pub use scratch::Scratch;
pub use tally::{Evaluated, TIMED, Tally};
pub use trace::{Trace, Traced, TracedPart, Tracer, VALUES_TOLD_MAX};
