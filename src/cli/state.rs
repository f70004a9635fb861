//! The state file as the operator's commands see it: how it is found, and what it cannot answer in words for a person.
//!
//! Owns where to look (`--state FILE`, else TIDEGATE_STATE, else `state:` of the configuration that TIDEGATE_CONFIG
//! names or that is `./tidegate.yaml`, else `./tidegate.db`) and what an absent or ambiguous id is told.
//! Reads beside a running service; writes nothing but requests to drive quarantined items again. Never makes a file.

use super::Failure;
use crate::io::port::StoreError;
use crate::io::sqlite::{AlertFilter, Found, QuarantineFilter, QuarantineItem, View};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tidegate_core::alert::neutral;

/// Where the state file is if nobody says.
const DEFAULT: &str = "./tidegate.db";
const VARIABLE: &str = "TIDEGATE_STATE";
/// The note in which the service keeps how often each suppression hid an alert: JSON, id -> number.
const HITS: &str = "suppression_hits";
/// Requests written at once: the owner waits for no more.
const REQUESTS_AT_ONCE: usize = 1_000;

/// The state file that somebody named: by option, by environment, or in the configuration.
pub(in crate::cli) fn stated(option: Option<&PathBuf>) -> Option<PathBuf> {
    option.cloned().or_else(|| std::env::var_os(VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from)).or_else(configured)
}

/// The one of the configuration, if there is a good one. What is wrong with it is for `config check` to say.
fn configured() -> Option<PathBuf> {
    super::config::file::read(None).ok().and_then(|(_, parsed)| parsed.config).map(|config| config.state)
}

/// A state file, open for reading.
#[derive(Debug)]
pub(in crate::cli) struct State {
    view: View,
    path: PathBuf,
}

fn failed(error: StoreError) -> Failure {
    Failure::failed(error.to_string())
}

/// Opens the state file that was named, or the one that is there if none was.
pub(in crate::cli) fn open(option: Option<&PathBuf>) -> Result<State, Failure> {
    open_at(&stated(option).unwrap_or_else(|| PathBuf::from(DEFAULT)))
}

/// Opens a state file.
pub(in crate::cli) fn open_at(path: &Path) -> Result<State, Failure> {
    Ok(State { view: View::open(path).map_err(failed)?, path: path.to_owned() })
}

impl State {
    /// Documents of alerts, the latest first.
    pub(in crate::cli) fn alerts(&mut self, filter: &AlertFilter) -> Result<Vec<Value>, Failure> {
        let lines = self.view.alerts(filter).map_err(failed)?;
        lines.iter().map(|line| self.alert(&line.id)).collect()
    }

    /// The document of the alert of this id, or whose id is the only one that begins so.
    pub(in crate::cli) fn alert(&mut self, id: &str) -> Result<Value, Failure> {
        let (shown, file) = (neutral::cut(&neutral::terminal(id), 64), self.path.display());
        match self.view.alert(id).map_err(failed)? {
            Found::One(_, document) => serde_json::from_str(&document).map_err(|e| {
                Failure::failed(format!("the document of alert {shown} in {file} is no JSON: {e}; it was changed from outside"))
            }),
            Found::Nothing => {
                Err(Failure::usage(format!("no alert begins with {shown} in {file}; `tidegate alerts list` shows what is there")))
            }
            Found::Several(ids) => {
                Err(Failure::usage(format!("several alerts begin with {shown}: {}; write more of the id", ids.join(", "))))
            }
        }
    }

    /// How many items are quarantined for each reason, the most first.
    pub(in crate::cli) fn quarantine_counts(&mut self) -> Result<Vec<(String, u64)>, Failure> {
        self.view.quarantine_counts().map_err(failed)
    }

    /// Quarantined items.
    pub(in crate::cli) fn quarantine(&mut self, filter: &QuarantineFilter) -> Result<Vec<QuarantineItem>, Failure> {
        self.view.quarantine(filter).map_err(failed)
    }

    /// One quarantined item with its bytes.
    pub(in crate::cli) fn quarantined(&mut self, id: i64) -> Result<(QuarantineItem, Vec<u8>), Failure> {
        let file = self.path.display();
        let absent = || {
            let why = "it was driven again and read, or never was";
            Failure::usage(format!("no item {id} in the quarantine of {file}: {why}; `tidegate quarantine list` shows what is there"))
        };
        self.view.quarantined(id).map_err(failed)?.ok_or_else(absent)
    }

    /// Asks the owner of the file to drive items again. How many are still there.
    pub(in crate::cli) fn request_redrive(&self, ids: &[i64]) -> Result<usize, Failure> {
        ids.chunks(REQUESTS_AT_ONCE).map(|some| self.view.request_redrive(some).map_err(failed)).sum()
    }

    /// How often each suppression hid an alert; `None` where nobody counted yet.
    pub(in crate::cli) fn suppression_hits(&mut self) -> Result<Option<BTreeMap<String, u64>>, Failure> {
        let notes = self.view.info().map_err(failed)?.notes;
        let Some((_, text)) = notes.iter().find(|(name, _)| name == HITS) else { return Ok(None) };
        let bad = |e| {
            Failure::failed(format!("the note {HITS} in {} is no map of numbers: {e}; it was changed from outside", self.path.display()))
        };
        serde_json::from_str(text).map(Some).map_err(bad)
    }
}
