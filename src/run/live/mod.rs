//! The service: readers in, log, Pipelines, sinks out.
//!
//! `reading` decodes and matches on threads of its own; `engine` appends, applies and keeps the books; `delivery` sends on threads
//! of its own; `service` is the loop that moves things between them. `restart` brings the engine back after a stop or a crash,
//! `generation` is what decides beside the events.

#[cfg(feature = "aws")]
pub mod aws;
pub mod delivery;
pub mod desk;
pub mod engine;
pub mod gate;
pub mod generation;
pub mod loader;
pub mod notice;
mod owning;
mod pace;
#[cfg(feature = "aws")]
pub mod pages;
mod preludes;
pub mod progress;
pub mod reading;
pub mod report;
pub mod restart;
pub mod service;
pub mod snapshots;
pub mod start;
pub mod wiring;
