//! `replay --log FILE`: the retained log of a state file instead of records.

use crate::cli::Failure;
use crate::cli::replay::{Arguments, Bar};
use crate::io::port::StoreError;
use crate::io::sqlite::View;
use crate::run::Outcome;
use crate::run::replay::LogReplay;
use std::path::PathBuf;

/// What was typed.
#[derive(Debug, clap::Args)]
pub(super) struct LogArguments {
    /// Apply the retained log of this state file instead of reading INPUT: the alerts that its service told, with their ids and
    /// versions. The file is only read, also while its service runs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["inputs", "state", "quarantine", "format", "flow_format", "product", "service",
        "category", "time_field", "arrival_field", "accounts", "networks", "intel", "geo", "suppressions", "partial", "threads", "pipelines"])]
    pub(super) log: Option<PathBuf>,
}

/// Applies the log that was asked for, if one was.
pub(super) fn execute(arguments: &Arguments) -> Result<Option<Outcome>, Failure> {
    let Some(path) = &arguments.log.log else { return Ok(None) };
    if !arguments.rules.is_empty() {
        let why = "a log holds what its own rules found, and other rules would have found something else";
        let remedy = "leave out -r, or replay the records: `tidegate replay -r RULES INPUT` (the archive of a `run` is such an INPUT)";
        return Err(Failure::usage(format!("--log takes no rules: {why}; {remedy}")));
    }
    let failed = |e: StoreError| Failure::failed(e.to_string());
    let mut view = View::open(path).map_err(failed)?;
    let log = view.retained().map_err(failed)?;
    let replay = LogReplay::open(&log).map_err(failed)?;
    let (first, last) = replay.positions();
    if replay.snapshots.iter().any(Option::is_some) {
        anstream::eprintln!(
            "the log begins behind a snapshot: positions {first} to {last} are applied; alerts that ended before are not told again \
             (`tidegate alerts list --state {}` has them)",
            path.display()
        );
    }
    let watcher = Bar::new(replay.bytes().map_err(failed)?)?;
    let outcome = replay.apply(&watcher);
    watcher.bar.finish_and_clear();
    outcome.map(Some).map_err(failed)
}
