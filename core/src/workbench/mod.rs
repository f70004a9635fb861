//! For rule authors: the tests that stand beside rules, run through the same core as everything else; the difference of two rule
//! sets; what rules cost.
//!
//! Owns the form of `NAME.test.yaml` ([`suite`]), the making of events from its templates ([`render`]), running ([`run`]) and
//! saying what differed; the cut of two sets into what both have and what each has alone ([`parts`]), the comparison of their alerts
//! ([`diff`]) and the figures of a rule ([`cost`]). Never reads a file. Every case runs three times: plain, over three Pipelines, and with a restart from
//! snapshots after every record; the alerts must be the same each time, and every document valid.

pub mod cost;
pub mod diff;
pub mod parts;
pub mod render;
pub mod run;
pub mod suite;

pub use diff::{Difference, Side};
pub use parts::Parts;
pub use run::{CaseReport, Outcome, run_suite};
pub use suite::{Class, Suite};
