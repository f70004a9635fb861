//! What the program tells of itself: its log on standard error, and over HTTP whether it lives, whether it is ready, its metrics and
//! who was heard of.
//!
//! Owns the form of all of it, the table of metrics ([`catalog`]) and the server. Never decides anything and never asks the loop: whoever
//! runs pins what there is to tell to a [`Board`], and requests read the board. So a loop that stands still is seen from outside.
//!
//! Limits: labels come from the configuration, the rules and fixed lists, never from events. Accounts and Regions stand in
//! `/coverage` alone.

pub mod board;
pub mod catalog;
pub mod coverage;
pub mod health;
pub mod log;
pub mod metric;
pub mod process;
pub mod server;
pub mod standing;
pub mod tally;

pub use board::{Board, Stage};
#[cfg(test)]
pub(crate) use log::testing;
pub use log::{Format, LEVEL_VARIABLE, start};
pub use standing::Standing;
