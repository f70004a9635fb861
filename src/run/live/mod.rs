//! The service: readers in, log, Pipelines, sinks out.

pub mod delivery;
pub mod progress;
pub mod reading;
pub mod snapshots;
