//! The shell of Tidegate: command line, files, drivers of the core.
//!
//! The core (`tidegate-core`) decides everything; this crate moves bytes in and effects out. Arrows go one way:
//! `io <- run <- cli`. Only `io` touches files and the clock.

pub mod cli;
pub mod io;
pub mod run;
pub mod telemetry;
