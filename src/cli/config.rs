//! `tidegate config`: check the configuration, print its schema.

mod check;
pub(super) mod file;
pub(super) mod opened;
mod overview;

use super::{Exit, Failure};
use clap::Subcommand;
use std::io::Write;

/// Check the configuration, print its schema.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List everything that is wrong with a configuration and with what it names: FILE:LINE:COLUMN: what: why: what to do
    Check(check::Arguments),
    /// Print the JSON Schema (2020-12) of the configuration
    #[command(after_help = "Examples:
  tidegate config schema > tidegate.schema.json
  sed -i '1i # yaml-language-server: $schema=tidegate.schema.json' tidegate.yaml   # editors complete and check")]
    Schema,
}

/// Runs one of them.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::Check(a) => check::run(a),
        Command::Schema => {
            let schema = crate::config::schema();
            writeln!(std::io::stdout(), "{schema:#}").map_err(|e| Failure::failed(format!("cannot write the schema: {e}")))?;
            Ok(Exit::Fine)
        }
    }
}
