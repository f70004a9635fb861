//! For rule authors: the tests that stand beside rules, run through the same core as everything else.
//!
//! Owns the form of `NAME.test.yaml` ([`suite`]), the making of events from its templates ([`render`]), running ([`run`]) and
//! saying what differed. Never reads a file. Every case runs four times: plain, over three Pipelines, with a restart from
//! snapshots after every record, and as sorted history; the alerts must be the same each time.

pub mod render;
pub mod run;
pub mod suite;

pub use run::{CaseReport, Outcome, run_suite};
pub use suite::{Class, Suite};
