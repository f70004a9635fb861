//! For rule authors: the tests that stand beside rules, run through the same core as everything else.
//!
//! Owns the form of `NAME.test.yaml` ([`suite`], its keys in [`keys`]), the making of events from its templates, running
//! ([`run`]) and saying what differed. Never reads a file. What must make no difference is tried with every case ([`variants`]);
//! where it does, the smallest such variant is given as a case of its own.
//!
//! A case goes through `reader` (text to [`Suite`]), `script` (its events one by one), `engine` (the core) and `expect`; its
//! variants through `plan` (a list of changes) and `shrink`. Which parts of a rule its cases show is [`mod@coverage`]. What two runs are compared by is an [`outline`].

pub mod coverage;
mod engine;
mod expect;
pub mod keys;
mod nature;
pub mod outline;
mod plan;
mod reader;
mod render;
pub mod run;
mod script;
mod shrink;
pub mod suite;
pub mod template;
#[cfg(test)]
mod tests;
pub mod variants;

pub use expect::Difference;
pub use run::{Bench, CaseReport, Outcome, run_suite};
pub use suite::{Class, Suite};
pub use variants::{Counterexample, Options, VariantReport};
