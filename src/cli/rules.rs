//! `tidegate rules`: check, test, promote and export Sigma rules, and what they cover.

mod check;
mod coverage;
mod export;
mod promote;
mod test;

pub(super) use check::{add, compile, json};

use super::{Exit, Failure};
use clap::Subcommand;
use tidegate_core::rule::Diagnostic;

/// Check, test, promote and export Sigma rules; what they cover.
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
    /// What rules look at: techniques of ATT&CK, log sources; which can fire in which account
    Coverage(coverage::Arguments),
    /// Show what a rule in shadow has found, and let it page
    Promote(promote::Arguments),
    /// Write the shipped rules and their tests to a folder
    Export(export::Arguments),
}

/// Runs one of them.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Check(a) => check::run(a),
        Command::Test(a) => test::run(a),
        Command::Coverage(a) => coverage::run(a),
        Command::Promote(a) => promote::run(a),
        Command::Export(a) => export::run(a),
    }
}

/// One error of a rule, as every command prints it.
pub(super) fn error_line(diagnostic: &Diagnostic) -> String {
    check::line(diagnostic)
}
