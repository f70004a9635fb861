//! Finding revisions, and copies from other routes, for alerts of a single finding or event.
//!
//! Owns the memory of what has been seen. Never decides about windows: a correlation remembers its own events as long as they
//! can count. Limits: [`IDS_MAX`] ids per finding; memory is dropped by arrival time, so no event can hold it for ever.

mod once;
mod revisions;
mod severities;

pub use once::Once;
pub use revisions::{IDS_MAX, Revisions, Verdict};
pub use severities::Severities;
