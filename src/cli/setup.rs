//! `tidegate setup`: what Tidegate writes into, made ready.

mod opensearch;

use super::{Exit, Failure};
use clap::Subcommand;

/// Set up what Tidegate writes into.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Templates for the indices of alerts: shows what differs, and writes only that
    Opensearch(opensearch::Arguments),
}

/// Runs one of them.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Opensearch(a) => opensearch::run(a),
    }
}
