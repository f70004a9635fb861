//! The state file as the operator's commands see it: what is asked of it, and how its rows look to them.
//!
//! Owns how the file is found (`--state FILE`, else TIDEGATE_STATE, else `./tidegate.db`). Reads beside a running service; writes
//! nothing but requests to drive quarantined items again. Never makes a file.

use super::Failure;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where the state file is if nobody says.
const DEFAULT: &str = "./tidegate.db";
const VARIABLE: &str = "TIDEGATE_STATE";

/// The state file that somebody named: by option, else by environment.
pub(in crate::cli) fn stated(option: Option<&PathBuf>) -> Option<PathBuf> {
    option.cloned().or_else(|| std::env::var_os(VARIABLE).filter(|v| !v.is_empty()).map(PathBuf::from))
}

/// The state file to use.
pub(in crate::cli) fn found(option: Option<&PathBuf>) -> PathBuf {
    stated(option).unwrap_or_else(|| PathBuf::from(DEFAULT))
}

/// An alert as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct AlertRow {
    /// The newest document.
    pub(in crate::cli) document: serde_json::Value,
}

/// Which alerts.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct AlertFilter {
    pub(in crate::cli) from_ms: Option<i64>,
    pub(in crate::cli) to_ms: Option<i64>,
    pub(in crate::cli) rule: Option<String>,
    pub(in crate::cli) account: Option<String>,
    pub(in crate::cli) severity_min: Option<u8>,
    pub(in crate::cli) limit: usize,
}

/// A quarantined item.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::cli) struct QuarantineRow {
    pub(in crate::cli) id: i64,
    pub(in crate::cli) source: String,
    pub(in crate::cli) shard: String,
    pub(in crate::cli) sequence: String,
    pub(in crate::cli) sub_sequence: u32,
    pub(in crate::cli) code: String,
    pub(in crate::cli) offset: u64,
    pub(in crate::cli) detail: String,
    pub(in crate::cli) bytes: Vec<u8>,
    pub(in crate::cli) truncated: bool,
    pub(in crate::cli) at_ms: i64,
    pub(in crate::cli) attempts: u32,
    pub(in crate::cli) requested: bool,
}

/// Which quarantined items.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct QuarantineFilter {
    pub(in crate::cli) code: Option<String>,
    pub(in crate::cli) source: Option<String>,
    /// At most this many, the latest; `None`: all.
    pub(in crate::cli) limit: Option<usize>,
}

/// A state file, open for reading.
#[derive(Debug)]
pub(in crate::cli) struct State {}

/// Opens a state file.
pub(in crate::cli) fn open(path: &Path) -> Result<State, Failure> {
    Err(Failure::failed(format!("cannot open {}", path.display())))
}

impl State {
    pub(in crate::cli) fn alerts(&self, _filter: &AlertFilter) -> Result<Vec<AlertRow>, Failure> {
        Err(Failure::failed(""))
    }
    pub(in crate::cli) fn alert(&self, _id: &str) -> Result<AlertRow, Failure> {
        Err(Failure::failed(""))
    }
    pub(in crate::cli) fn quarantine_counts(&self) -> Result<Vec<(String, u64)>, Failure> {
        Err(Failure::failed(""))
    }
    pub(in crate::cli) fn quarantine(&self, _filter: &QuarantineFilter) -> Result<Vec<QuarantineRow>, Failure> {
        Err(Failure::failed(""))
    }
    pub(in crate::cli) fn quarantined(&self, _id: i64) -> Result<QuarantineRow, Failure> {
        Err(Failure::failed(""))
    }
    pub(in crate::cli) fn request_redrive(&self, _ids: &[i64]) -> Result<(), Failure> {
        Err(Failure::failed(""))
    }
    pub(in crate::cli) fn suppression_hits(&self) -> Result<Option<BTreeMap<String, u64>>, Failure> {
        Err(Failure::failed(""))
    }
}
