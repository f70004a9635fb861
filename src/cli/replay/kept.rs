//! `replay --state FILE`: the log, the quarantine and the final alerts of a replay in a state file.

use super::Arguments;
use crate::cli::Failure;
use crate::io::port::RuleFiles;
use crate::io::rules::read_rules;
use crate::io::sqlite::{OpenOptions, SqliteAlerts, SqliteStore};
use crate::run::Outcome;
use crate::run::journal::{self, Journal};
use std::time::Duration;
use tidegate_core::rule::RuleSet;

/// Reading may take long before anything is written.
const LEASE: Duration = Duration::from_secs(300);

/// A state file in use.
pub(super) struct Kept {
    /// The log.
    pub(super) journal: Journal,
    /// The alerts.
    pub(super) index: SqliteAlerts,
}

/// Opens the state file that was asked for.
pub(super) fn open(arguments: &Arguments, set: &RuleSet) -> Result<Option<Kept>, Failure> {
    let Some(path) = &arguments.state else { return Ok(None) };
    let failed = |e: crate::io::port::StoreError| Failure::failed(e.to_string());
    // A replay can be made again: no write need wait for the disk.
    let options = OpenOptions { lease: LEASE, synced: false, ..OpenOptions::default() };
    let store = SqliteStore::open(path, &options).map_err(failed)?;
    let index = store.alerts();
    let files = read_rules(&arguments.rules).map_err(Failure::failed)?;
    let rules = RuleFiles { digest: set.digest, files: files.into_iter().map(|f| (f.name, f.text)).collect() };
    let journal = Journal::open(Box::new(store), arguments.pipelines, rules).map_err(failed)?;
    Ok(Some(Kept { journal, index }))
}

/// Writes the final alerts, unless the replay was stopped: then it says how to go on.
pub(super) fn close(journal: Option<&Journal>, index: Option<SqliteAlerts>, outcome: &Outcome) -> Result<(), Failure> {
    let (Some(journal), Some(mut index)) = (journal, index) else { return Ok(()) };
    if journal.compared() > 0 {
        anstream::eprintln!("{} rounds were in the log already", journal.compared());
    }
    if outcome.interrupted {
        anstream::eprintln!("stopped: the same command reads its input again and goes on where the log ends");
        return Ok(());
    }
    journal::index(&mut index, outcome.store.documents()).map_err(|why| Failure::failed(format!("cannot write the alerts: {why}")))
}
