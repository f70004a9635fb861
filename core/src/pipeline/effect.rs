//! Effects: what a Pipeline asks the shell to do. Numbered, the same number every time the same log is applied.

use crate::event::Derived;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The number of an effect: the log position of the entry that caused it, and its place among that entry's effects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectNumber {
    /// Log position of the entry.
    pub position: u64,
    /// Place within the entry.
    pub index: u32,
}

impl EffectNumber {
    /// The smallest number behind this one.
    #[must_use]
    pub fn next(self) -> Self {
        EffectNumber { index: self.index.saturating_add(1), ..self }
    }
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
        alert: Arc<str>,
        /// External version: a counter in the alert's state.
        version: u64,
        /// Whether this alert is suppressed (it is indexed all the same, and counted apart).
        suppressed: bool,
        /// Whether it was suppressed in the version before; `None`: this is its first document.
        before: Option<bool>,
        /// The index it belongs to: that of the month it was first seen in, as known when it fired.
        index: Arc<str>,
        /// The document as JSON text.
        document: Arc<str>,
    },
    /// Page about an alert. Decided once in its life.
    Page {
        /// Deduplication key: the alert's id.
        alert: Arc<str>,
        /// The version of the document that the page is written from.
        version: u64,
        /// `critical`, `high`, ...: the route.
        route: Arc<str>,
        /// The alert's document at that moment, from which the page is written. Of a page that speaks for a storm the message
        /// says so.
        document: Arc<str>,
    },
    /// Append a derived detection to the log of the Pipeline that owns its key group.
    Derive(Derived),
}
