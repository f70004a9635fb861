//! For rule authors: the tests that stand beside rules, run through the same core as everything else; what rules mean, cover, cost
//! and would change.
//!
//! Owns the form of `NAME.test.yaml` ([`suite`]), the making of events from its templates ([`render`]), running ([`run`]) and
//! saying what differed; explaining rules, alone and on given events ([`explain`]); what a set of rules covers ([`coverage`]) and what
//! a rule has done so far ([`record`]); the cut of two sets into what both have and what each has alone ([`parts`]), the comparison
//! of their alerts ([`diff`]) and the figures of a rule ([`cost`]). Never reads a file. Every case runs three times: plain, over three
//! Pipelines, and with a restart from snapshots after every record; the alerts must be the same each time, and every document valid.

pub mod check;
pub mod cost;
pub mod coverage;
pub mod diff;
pub mod explain;
pub mod format;
pub mod keys;
pub mod parts;
pub mod record;
pub mod render;
pub mod run;
pub mod schema;
pub mod starter;
pub mod suite;

pub use diff::{Difference, Side};
pub use parts::Parts;
pub use run::{CaseReport, Outcome, run_suite};
pub use suite::{Class, Suite};
