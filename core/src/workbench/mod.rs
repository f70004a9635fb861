//! For rule authors: the tests that stand beside rules, run through the same core as everything else; what rules mean, cover, cost
//! and would change.
//!
//! Owns the form of `NAME.test.yaml` ([`suite`], its keys in [`keys`]), the making of events from its templates, running
//! ([`run`]) and saying what differed. Never reads a file. What must make no difference is tried with every case ([`variants`]);
//! where it does, the smallest such variant is given as a case of its own.
//!
//! A case goes through `reader` (text to [`Suite`]), `script` (its events one by one), `engine` (the core) and `expect`; its
//! variants through `plan` (a list of changes) and `shrink`. Which parts of a rule its cases show is [`branch_coverage`]. What two
//! runs are compared by is an [`outline`].
//!
//! Beside the tests: explaining rules, alone and on given events ([`explain`]); what a set of rules covers ([`mod@coverage`]) and what a
//! rule has done so far ([`record`]); the cut of two sets into what both have and what each has alone ([`parts`]), the comparison of
//! their alerts ([`diff`]) and the figures of a rule ([`cost`]).

pub mod branch_coverage;
pub mod check;
pub mod cost;
pub mod coverage;
pub mod diff;
mod engine;
mod expect;
pub mod explain;
pub mod format;
pub mod keys;
mod nature;
pub mod outline;
pub mod parts;
mod plan;
mod reader;
pub mod record;
mod render;
pub mod run;
pub mod schema;
mod script;
mod shrink;
pub mod starter;
pub mod suite;
pub mod template;
#[cfg(test)]
mod tests;
pub mod variants;

pub use expect::Difference;
pub use parts::Parts;
pub use run::{Bench, CaseReport, Outcome, run_suite};
pub use suite::{Class, Suite};
pub use variants::{Counterexample, Options, VariantReport};
