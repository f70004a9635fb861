//! `tidegate quarantine`: what could not be read (the dead-letter store), why, and driving it again.

mod advice;
mod bytes;
mod list;
mod redrive;
mod show;

use super::{Exit, Failure};
use clap::Subcommand;

/// List, show and drive again what could not be read.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Refused input, latest first, with counts per reason
    List(list::Arguments),
    /// One item: where it stood, why it was refused, what to do about it, its bytes
    Show(show::Arguments),
    /// Ask for items to go through the pipeline again, after a fix
    Redrive(redrive::Arguments),
}

/// Runs one of them.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::List(a) => list::run(a),
        Command::Show(a) => show::run(a),
        Command::Redrive(a) => redrive::run(a),
    }
}
