//! Replay is live: what a service read and told comes out again from its log, and from the archive of its records.

mod cuts;
mod log;
mod records;
mod scene;
#[expect(dead_code, reason = "the place and the service of the tests of `run`; not all of it is needed here")]
#[path = "../run/support.rs"]
mod support;
