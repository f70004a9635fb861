//! The shell of Tidegate: command line, files, drivers of the core.
//!
//! The core (`tidegate-core`) decides everything; this crate moves bytes in and effects out. Arrows go one way:
//! `io <- run <- cli`. Only `io` touches files and the clock. `config` turns the text of the configuration into settings; it imports
//! nothing but the core.

pub mod cli;
pub mod config;
pub mod io;
pub mod run;
pub mod telemetry;
