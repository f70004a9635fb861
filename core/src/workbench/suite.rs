//! The form of a rule test: templates of events, and cases that place them in time and say which alerts must come.
//!
//! ```yaml
//! with: [other_rule.yml]            # rule files needed besides NAME.yml, relative to it
//! base: 2026-11-02T10:00:00Z        # time zero of every case
//! tables:                           # what rules may ask about; the columns are those of the table files
//!   accounts: [{id: "111122223333", environment: prod, owner: team-pay}]
//! events:                           # templates: `kind` says what the event is, the rest overrides what its service always writes
//!   failed: {kind: cloudtrail, eventName: ConsoleLogin, errorMessage: Failed authentication}
//! cases:
//!   - name: twelve failures
//!     is: true                      # true, false, edge, disorder, duplicate or accounts; several: [true, edge]
//!     events:
//!       - {use: failed, at: 1m, times: 12, every: 30s, arrives: 5m, set: {sourceIPAddress: "198.51.100.${n}"}}
//!     expect: [{count: 12, severity: high, start: 6m, accounts: ["111122223333"], key: {sourceIPAddress: 198.51.100.7}}]
//! ```
//!
//! All keys are in [`super::keys`]; what the event of a template starts from is in [`super::template`].

use super::keys;
use super::template::Template;
use crate::enrich::Tables;
use crate::event::GenericSource;
use crate::event::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
use crate::rule::Place;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use super::reader::parse;

/// Time zero of a suite that names none: 2026-11-02T10:00:00Z.
pub const BASE_MS: i64 = 1_793_613_600_000;

/// What a case shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The rule must fire.
    True,
    /// It must not.
    False,
    /// Something happens at the edge of a window.
    Edge,
    /// Events arrive out of order.
    Disorder,
    /// Events arrive twice.
    Duplicate,
    /// It must, or must not, cross accounts.
    Accounts,
}

impl Class {
    /// In the order of [`keys::CLASSES`].
    const ALL: [Class; 6] = [Class::True, Class::False, Class::Edge, Class::Disorder, Class::Duplicate, Class::Accounts];

    /// The class of a word of `is`.
    #[must_use]
    pub fn of(word: &str) -> Option<Class> {
        keys::CLASSES.iter().zip(Class::ALL).find(|(name, _)| **name == word).map(|(_, class)| class)
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        keys::CLASSES[Class::ALL.iter().position(|class| *class == self).unwrap_or(0)]
    }
}

/// In which order the events of a case arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By arrival time, then as written.
    Written,
    /// All at once, last event first.
    Reversed,
    /// All at once, in a fixed mixed order.
    Shuffled,
}

/// A test file.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Other rule files it needs.
    pub with: Vec<String>,
    /// Time zero.
    pub base_ms: i64,
    /// Tables that rules may ask.
    pub tables: Arc<Tables>,
    /// Whether a table says until when something holds: times cannot be moved then.
    pub dated_tables: bool,
    /// Templates by name.
    pub templates: BTreeMap<String, Template>,
    /// The logsources of templates of `kind: json`.
    pub generic: Vec<GenericSource>,
    /// Cases in order.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// What it shows.
    pub classes: BTreeSet<Class>,
    /// Order of arrival.
    pub order: Order,
    /// Moves all times.
    pub shift_ms: i64,
    /// How the engine is run.
    pub drive: Drive,
    /// Which variants are run: words of [`keys::VARIANTS`].
    pub variants: BTreeSet<String>,
    /// Events.
    pub steps: Vec<Step>,
    /// How many alerts must come.
    pub alerts: usize,
    /// What they must look like, in order of first seen.
    pub expect: Vec<Value>,
}

/// How the engine is run: no way may make a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drive {
    /// Records that are applied together.
    pub batch: usize,
    /// Pipelines.
    pub pipelines: u16,
    /// After which records it is restarted from a snapshot.
    pub restarts: BTreeSet<usize>,
}

impl Default for Drive {
    fn default() -> Self {
        Drive { batch: 1, pipelines: 1, restarts: BTreeSet::new() }
    }
}

/// One use of a template.
#[derive(Debug, Clone)]
pub struct Step {
    /// Template.
    pub template: String,
    /// First time, from the base.
    pub at_ms: i64,
    /// How many times.
    pub times: u32,
    /// Distance between two of them.
    pub every_ms: i64,
    /// How often each arrives.
    pub copies: u32,
    /// How long after the one before each copy arrives.
    pub copies_after_ms: i64,
    /// How long after its own time each arrives.
    pub arrives_ms: i64,
    /// Number of the first, for `${n}`.
    pub first: u32,
    /// The account of the event.
    pub account: Option<String>,
    /// Fields to set, by dotted name.
    pub set: Map<String, Value>,
}

/// `90s`, `5m`, `1h30m`, `250ms`, `-10s`, `0`.
#[must_use]
pub fn parse_duration_ms(text: &str) -> Option<i64> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |r| (-1, r));
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let scale = match &unit[..end] {
            "ms" => 1,
            "s" => SECOND_MS,
            "m" => MINUTE_MS,
            "h" => HOUR_MS,
            "d" => DAY_MS,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(scale)?)?;
        rest = &unit[end..];
    }
    (!text.is_empty()).then_some(sign * total)
}

/// A duration as a person writes it.
#[must_use]
pub fn duration(ms: i64) -> String {
    let (sign, t) = (if ms < 0 { "-" } else { "" }, ms.abs());
    let parts = [(t / 3_600_000, "h"), (t / 60_000 % 60, "m"), (t / 1000 % 60, "s"), (t % 1000, "ms")];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { "0".into() } else { format!("{sign}{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [("0", 0), ("90s", 90_000), ("1h30m", 5_400_000), ("-10s", -10_000), ("250ms", 250)] {
            assert_eq!(parse_duration_ms(text), Some(ms), "{text}");
        }
        for ms in [0, 1, -10_000, 5_400_001, 86_400_000] {
            assert_eq!(parse_duration_ms(&duration(ms)), Some(ms), "{ms}");
        }
        for bad in ["", "5", "m", "5x", "1h30"] {
            assert_eq!(parse_duration_ms(bad), None, "{bad}");
        }
    }
}
