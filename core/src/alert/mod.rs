//! Alerts: the OCSF document, the sentence "why", the page, ids, suppressions, and text made harmless for each sink.
//!
//! Owns what an alert *looks like* and whether it wakes somebody. Never decides that something is an alert (that is the
//! Pipeline's), keeps no state, knows no sink's protocol. Everything here is a pure function of [`Subject`] or of a document.
//! Limits: see [`limits`]; a document stays below 1.5 MiB whatever the events hold (usually it has 5 to 50 KiB).

pub mod attack;
pub mod check;
pub mod context;
pub mod document;
mod evidence;
pub mod identity;
pub mod limits;
pub mod neutral;
mod ours;
pub mod page;
pub mod paging;
mod pivots;
pub mod pressure;
mod related;
pub mod schema;
pub mod severity;
pub mod storm;
pub mod subject;
pub mod suppression;
#[cfg(test)]
mod testing;
mod why;

pub use check::check;
pub use context::{accounts_of, enrichments_of};
pub use document::{document, link};
pub use identity::{alert_id, episode_uid};
pub use page::{Page, page};
pub use paging::{Decision, Paging, paging_decision};
pub use subject::{AccountContext, Enrichment, Org, RelatedAlert, State, Subject, first_moment};
pub use suppression::Suppression;
pub use why::why;
