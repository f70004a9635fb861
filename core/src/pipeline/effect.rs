//! Effects: what a Pipeline asks the shell to do. Numbered, the same number every time the same log is applied.

use crate::event::Derived;
use serde::{Deserialize, Serialize};

/// The number of an effect: the log position of the entry that caused it, and its place among that entry's effects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectNumber {
    /// Log position of the entry.
    pub position: u64,
    /// Place within the entry.
    pub index: u32,
}

/// A numbered request to the shell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// Its number.
    pub number: EffectNumber,
    /// What to do.
    pub action: Action,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Index this version of an alert's document; newer versions supersede older ones.
    Index {
        /// Document id.
        alert: String,
        /// External version: a counter in the alert's state.
        version: u64,
        /// Whether this alert was suppressed (it is indexed all the same, and counted apart).
        suppressed: bool,
        /// The document as JSON text.
        document: String,
    },
    /// Page about an alert. Decided once, when it opened.
    Page {
        /// Deduplication key: the alert's id.
        alert: String,
        /// `critical`, `high`, ...: the route.
        route: String,
        /// The alert's document at that moment, from which the page is written.
        document: String,
    },
    /// Append a derived detection to the log of the Pipeline that owns its key group.
    Derive(Derived),
}
