//! The two halves of the machine: the [`Intake`] (stateless, one for all cores) and the [`Pipeline`] (stateful, one owner).
//!
//! Owns the log's entries, the effects and their numbers, snapshots, the books. Never sends anything and never waits: the shell
//! appends entries and carries effects out. A Pipeline is a deterministic function of its log: no clock, no randomness, no
//! iteration order, no speed of a sink enters. Limits: see [`intake`] and [`crate::correlate::Settings`].

mod alerts;
pub mod books;
pub mod control;
pub mod effect;
pub mod embedded;
pub mod entry;
pub mod intake;
mod ledger;
mod machine;
mod pressure;
mod related;
mod sealed;
mod single;
mod snapshot;

pub use books::Books;
pub use control::{Control, Settings};
pub use effect::{Action, Effect, EffectNumber};
pub use embedded::{Batch, Embedded};
pub use entry::Entry;
pub use intake::{Gathered, Intake, Quarantined, ShardMemory};
pub use machine::{Pipeline, RestoreError};

/// The built-in rule by which every finding becomes one alert.
pub const FINDING_RULE_ID: &str = "aws/guardduty/finding";
