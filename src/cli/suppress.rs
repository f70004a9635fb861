//! `tidegate suppress`: alerts somebody has explained, for a while.

mod add;
mod check;
mod list;

use super::{Exit, Failure, rules};
use crate::io::suppressions::{self, Loaded, Placed};
use clap::Subcommand;
use std::path::Path;
use tidegate_core::rule::Diagnostic;

/// Check, list and add suppressions.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List everything that is wrong or doubtful: FILE:LINE:COLUMN: what: why: what to do
    Check(check::Arguments),
    /// Show what is hidden, by whom, until when, and how often it was
    List(list::Arguments),
    /// Add one, leaving comments and order as they are
    Add(add::Arguments),
}

/// Runs one of them.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Check(a) => check::run(a),
        Command::List(a) => list::run(a),
        Command::Add(a) => add::run(a),
    }
}

/// The entries of a file without problems; else the problems are printed.
fn read_good(path: &Path) -> Result<Vec<Placed>, Failure> {
    let loaded: Loaded = suppressions::read(path).map_err(Failure::failed)?;
    if loaded.problems.is_empty() { Ok(loaded.entries) } else { Err(refused(path, &loaded.problems)) }
}

/// Prints problems; the failure that counts them.
fn refused(path: &Path, problems: &[Diagnostic]) -> Failure {
    problems.iter().for_each(|p| anstream::eprintln!("{}", rules::error_line(p)));
    let (n, s) = (problems.len(), if problems.len() == 1 { "" } else { "s" });
    Failure::usage(format!("{n} problem{s} in {}; correct them: a file with problems hides nothing", path.display()))
}
