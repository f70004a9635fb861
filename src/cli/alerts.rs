//! `tidegate alerts`: what has been found.

mod list;
mod show;

use super::{Exit, Failure};
use clap::Subcommand;

/// List alerts, and tell the story of one.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Alerts of a state file, latest first
    List(list::Arguments),
    /// The story of one: why, when, who, from where, the timeline, related alerts, what to do
    Show(show::Arguments),
}

/// Runs one of them.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::List(a) => list::run(a),
        Command::Show(a) => show::run(a),
    }
}
