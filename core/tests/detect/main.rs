//! The detector through its public entry: against the naive oracle, and by example.

mod example;
mod feeds;
mod findings;
mod naive;
mod properties;
mod support;
mod trace;
