//! What the state machine asks for and what it is told. Plain data.

use crate::io::port::Read;
use std::sync::Arc;

/// Where a source begins that was never read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the oldest record there is.
    TrimHorizon,
    /// With what arrives from its first start on.
    Latest,
    /// With what arrived at this time (epoch milliseconds), or later.
    At(i64),
}

/// From where a shard is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// Its oldest record.
    Horizon,
    /// The first record that arrived at this time, or later.
    At(i64),
    /// The record behind this sequence number.
    After(String),
    /// The record of this sequence number, or the first behind it.
    Number(String),
}

/// How records come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// They are fetched: all who fetch share what a shard gives.
    Poll,
    /// They are pushed to a subscriber, at a rate of its own.
    Subscribe,
}

/// What is to be done. [`Action::List`], `Open` and `Fetch` are calls to the service; `Hand` goes to whoever takes records.
#[derive(Debug)]
pub enum Action {
    /// List all shards of the stream.
    List,
    /// Get an iterator, or subscribe; a subscription of the shard that is open is given up.
    Open {
        /// Of this shard.
        shard: Arc<str>,
        /// From here on.
        from: From,
        /// Which of the two.
        way: Way,
    },
    /// Read, or wait for what the subscription brings next.
    Fetch {
        /// This shard.
        shard: Arc<str>,
        /// With this iterator.
        iterator: String,
        /// At most so many records.
        limit: i32,
    },
    /// Hand over, in this order.
    Hand {
        /// What [`Event::Taken`] must name.
        shard: Arc<str>,
        /// What is handed over.
        reads: Vec<Read>,
    },
}

impl Action {
    /// The shard that a call is about.
    #[must_use]
    pub fn shard(&self) -> Option<&Arc<str>> {
        match self {
            Action::Open { shard, .. } | Action::Fetch { shard, .. } => Some(shard),
            Action::List | Action::Hand { .. } => None,
        }
    }
}

/// What became of an action: each has exactly one.
#[derive(Debug)]
pub enum Event {
    /// Of [`Action::List`].
    Listed(Result<Listing, Refusal>),
    /// Of [`Action::Open`]: the iterator; of a subscription any text.
    Opened(Arc<str>, Result<String, Refusal>),
    /// Of [`Action::Fetch`].
    Fetched(Arc<str>, Result<Answer, Refusal>),
    /// Of [`Action::Hand`]: all of it was taken.
    Taken(Arc<str>),
}

/// All shards of a stream, open and closed.
#[derive(Debug, Clone)]
pub struct Listing {
    /// The shards, each with its parents (one after a split, two after a merge).
    pub shards: Vec<(Arc<str>, Vec<Arc<str>>)>,
    /// Time of the service.
    pub service_ms: i64,
    /// How long the stream keeps records; `None`: it did not say.
    pub retention_ms: Option<i64>,
}

/// A record as the service gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Got {
    /// Sequence number.
    pub sequence: String,
    /// When the service stamped it; `None`: it did not.
    pub arrival_ms: Option<i64>,
    /// Payload.
    pub bytes: Vec<u8>,
}

/// An answer of the service.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Records, in order.
    pub records: Vec<Got>,
    /// Iterator of what follows, or the number at which a subscription goes on; `None`: the shard is closed, and this is its end.
    pub next: Option<String>,
    /// How far behind the shard's tip this answer is.
    pub behind_ms: i64,
    /// Time of the service.
    pub service_ms: i64,
    /// Whether it speaks of that time: what was pushed may have waited to be taken, and says nothing of the time since.
    pub fresh: bool,
}

/// Why the service did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Too many calls, or too many bytes.
    Throttled,
    /// The iterator is too old, or the subscription is over.
    Expired,
    /// Somebody subscribed to the shard a moment ago.
    InUse(String),
    /// An argument is wrong: a sequence number that is not there any more, a broken iterator.
    Invalid(String),
    /// The stream or the shard is not there.
    Missing(String),
    /// Not allowed: credentials, policies, keys.
    Denied(String),
    /// It may work again later: no connection, a time-out, a fault of the service.
    Unavailable(String),
}
