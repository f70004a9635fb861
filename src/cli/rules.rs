//! `tidegate rules`: check, test, explain, begin, format, promote and export Sigma rules, and what they cover.

mod check;
mod cost;
mod coverage;
mod explain;
mod export;
mod fmt;
mod new;
mod promote;
mod sarif;
mod test;

pub(super) use check::{add, compile, json};

use super::{Exit, Failure};
use clap::Subcommand;
use tidegate_core::rule::Diagnostic;

/// Check, test, explain, format, promote and export Sigma rules; what they cover
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
    /// What a rule needs, means, is woken by and costs; by --event why events matched it or did not
    Explain(explain::Arguments),
    /// Write a rule and its tests to begin with
    New(new::Arguments),
    /// Bring rule files into one form: order of keys, indentation, quotes; comments stay
    Fmt(fmt::Arguments),
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
        Command::Coverage(a) => coverage::run(a),
        Command::Promote(a) => promote::run(a),
        Command::Explain(a) => explain::run(a),
        Command::New(a) => new::run(a),
        Command::Fmt(a) => fmt::run(a),
        Command::Cost(a) => cost::run(a),
        Command::Export(a) => export::run(a),
    }
}

/// One error of a rule, as every command prints it.
pub(super) fn error_line(diagnostic: &Diagnostic) -> String {
    check::line(diagnostic)
}
