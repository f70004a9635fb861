//! `tidegate setup`: what Tidegate writes into, made ready.

#[cfg(feature = "aws")]
mod aws;
mod opensearch;
#[cfg(feature = "aws")]
mod policy;

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
    /// The table of the ownership row, and the least that IAM must allow for this configuration
    #[cfg(feature = "aws")]
    Aws(aws::Arguments),
}

/// Runs one of them.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Opensearch(a) => opensearch::run(a),
        #[cfg(feature = "aws")]
        Command::Aws(a) => aws::run(a),
    }
}
