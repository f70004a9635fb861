//! The two halves of the machine: the [`Intake`] (stateless, one for all cores) and the [`Pipeline`] (stateful, one owner).
//!
//! Owns the log's entries, the effects and their numbers, the outbox, snapshots, the books; [`Machine`] drives several Pipelines.
//! Never sends anything and never waits: the shell appends entries and carries effects out. A Pipeline is a deterministic function
//! of its log: no clock, no randomness, no iteration order, no speed of a sink enters. Limits: see [`intake`] and
//! [`crate::correlate::Settings`].

mod alerts;
pub mod books;
mod compact;
pub mod control;
mod cursor;
pub mod effect;
pub mod embedded;
pub mod entry;
mod flows;
mod graves;
pub mod intake;
pub mod lane;
mod ledger;
pub mod machine;
pub mod outbox;
mod place;
mod pressure;
mod related;
mod reload;
pub mod rules;
mod sealed;
mod selected;
mod single;
mod snapshot;
mod step;
mod told;

pub use books::Books;
pub use control::{Control, Settings};
pub use effect::{Action, Effect, EffectNumber};
pub use embedded::Embedded;
pub use entry::Entry;
pub use intake::{Gathered, Intake, Quarantined, ShardMemory};
pub use lane::{LaneCounts, LaneKind, Verdict};
pub use ledger::UPDATE_EVERY_MS;
pub use machine::{Batch, Machine, Mode, Remains};
pub use outbox::{Due, Outbox};
pub use rules::{Reload, Rules};
pub use selected::Selected;
pub use step::{Pipeline, RestoreError};

/// The built-in rule by which every finding becomes one alert.
pub const FINDING_RULE_ID: &str = "aws/guardduty/finding";
