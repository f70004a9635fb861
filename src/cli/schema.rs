//! `tidegate schema`: the shapes of alerts, rules, rule tests and the configuration as JSON Schemas, made from the tables by which
//! they are read or written.

use super::{Exit, Failure, screen};
use clap::ValueEnum;

const EXAMPLES: &str = "Examples:
  tidegate schema rule > rule.schema.json
  tidegate schema test > test.schema.json
  sed -i '1i # yaml-language-server: $schema=rule.schema.json' my-rules/*.yml   # editors complete and check
  tidegate schema alert | jq '.properties.tidegate.properties | keys'";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Of what
    #[arg(value_enum)]
    of: Of,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Of {
    /// An alert document, as indexed and as `--alerts` writes it
    Alert,
    /// A Sigma rule, correlation or filter
    Rule,
    /// A rule test (NAME.test.yaml)
    Test,
    /// The configuration of `tidegate run`
    Config,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let schema = match arguments.of {
        Of::Alert => tidegate_core::alert::schema::schema(),
        Of::Rule => tidegate_core::rule::schema::schema(),
        Of::Test => tidegate_core::workbench::schema::schema(),
        Of::Config => crate::config::schema(),
    };
    screen::print([format!("{schema:#}")])?;
    Ok(Exit::Fine)
}
