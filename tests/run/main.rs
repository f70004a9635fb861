//! `tidegate run` as a user and an operator meet it: the real binary, real files, real signals.
//!
//! Everything is waited for with a deadline, never for a fixed time. Events are those of a made-up shop and bring their own arrival,
//! so that no window depends on the clock of the machine; flow logs stand for sources that do not.

mod disk;
mod files;
mod http;
mod layout;
mod logs;
mod quarantine;
mod reload;
mod shadow;
mod standby;
mod stop;
mod support;
