//! `tidegate rules`: check, test and export Sigma rules.

mod check;
mod cost;
mod export;
mod test;

pub(super) use check::{add, compile, json};

use super::{Exit, Failure};
use clap::Subcommand;
use tidegate_core::rule::Diagnostic;

/// Check, test and export Sigma rules.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List everything that is wrong with rules: FILE:LINE:COLUMN: what: why: what to do
    Check(check::Arguments),
    /// Run the tests that stand beside rules (NAME.test.yaml beside NAME.yml)
    Test(test::Arguments),
    /// What each rule costs on given input: CPU time, state, candidates and matches per event
    Cost(cost::Arguments),
    /// Write the shipped rules and their tests to a folder
    Export(export::Arguments),
}

/// Runs one of them.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Check(a) => check::run(a),
        Command::Test(a) => test::run(a),
        Command::Cost(a) => cost::run(a),
        Command::Export(a) => export::run(a),
    }
}

/// One error of a rule, as every command prints it.
pub(super) fn error_line(diagnostic: &Diagnostic) -> String {
    check::line(diagnostic)
}
