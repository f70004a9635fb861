//! Control: what an entry may change about the machine itself. In the log, so that the machine stays a function of it.

use crate::alert::suppression::Suppression;
use serde::{Deserialize, Serialize};

/// What decides about alerts beside the events: rules, suppressions, the names of the tables used, settings. The first entry of a
/// log holds one; a reload, a new version of the program or a changed configuration appends another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Control {
    /// Digest of the rule set from here on. The store keeps its files.
    pub rules: [u8; 32],
    /// Tables from here on: (name, version). What they said travels in the detections.
    pub tables: Vec<(String, String)>,
    /// Suppressions from here on.
    pub suppressions: Vec<Suppression>,
    /// Settings from here on.
    pub settings: Settings,
}

/// Settings that shape state, documents or pages. Plain data; the same for every Pipeline of one installation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// State budgets, lateness, the start of the rules.
    pub correlate: crate::correlate::Settings,
    /// Pages per rule, account and hour before a summary speaks for the rest; 0: the default.
    pub pages_per_hour: u32,
    /// The product's version, named in every document.
    pub product_version: String,
    /// The AWS organisation: (id, name).
    pub organisation: Option<(String, Option<String>)>,
    /// Base of the link to an alert in Dashboards.
    pub dashboards_url: Option<String>,
}

impl Control {
    /// The control that a log begins with, where nothing but rules and settings is known.
    #[must_use]
    pub fn begin(rules: &super::Rules, settings: Settings) -> Self {
        Control { rules: rules.set.digest, settings, ..Control::default() }
    }
}
