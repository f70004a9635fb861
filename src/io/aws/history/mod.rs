//! History that services of AWS keep, as inputs of a replay: findings of GuardDuty (90 days) and records of a Kinesis stream (its
//! retention).
//!
//! Owns the reading of what is there, once, from a time to a time, and its end. `pages` decides which findings are asked for and
//! `merge` which shard is read, both without clock and network; `findings` and `records` make the calls, `patience` says how
//! long to wait for a service that refuses. Never writes anything: no consumer is registered, no position kept, nobody's lease
//! touched. A live reader of the same stream loses nothing but a part of what its shards give in a second.

mod findings;
mod merge;
mod pages;
mod patience;
mod records;

pub use findings::{detectors, findings};
pub use records::records;

use super::protocol::Refusal;
use crate::io::reader::ReadError;
use crate::io::tally::Tally;
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::event::{Position, Sequence};
use tokio::runtime::Runtime;

/// What is read: the first and the last moment, as far as they are bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Nothing before is wanted.
    pub from_ms: Option<i64>,
    /// Nothing at or after is wanted.
    pub to_ms: Option<i64>,
}

/// A stop is heard within this time, also while a call or a pause lasts.
const EAR: Duration = Duration::from_millis(100);

/// Waits for something; `None`: a person stopped the reading.
fn unless_stopped<T>(runtime: &Runtime, tally: &Tally, what: impl Future<Output = T>) -> Option<T> {
    runtime.block_on(async {
        let stopped = async {
            while !tally.stopped() {
                tokio::time::sleep(EAR).await;
            }
        };
        tokio::select! {
            done = what => Some(done),
            () = stopped => None,
        }
    })
}

/// Waits; `None`: a person stopped the reading.
fn pause(runtime: &Runtime, tally: &Tally, ms: u64) -> Option<()> {
    unless_stopped(runtime, tally, async { tokio::time::sleep(Duration::from_millis(ms)).await })
}

/// Reading ends here, and why.
fn failed(source: &Arc<str>, shard: &Arc<str>, sequence: Sequence, why: String) -> ReadError {
    let position = Position { source: source.clone(), shard: shard.clone(), sequence, sub_sequence: 0 };
    ReadError { position, error: std::io::Error::other(why) }
}

/// What a refusal says, for a person.
fn words(refusal: &Refusal) -> &str {
    match refusal {
        Refusal::Throttled => "the service asks to be called more slowly",
        Refusal::Expired => "an iterator expired",
        Refusal::InUse(why) | Refusal::Invalid(why) | Refusal::Missing(why) | Refusal::Denied(why) | Refusal::Unavailable(why) => why,
    }
}
