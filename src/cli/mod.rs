//! The command line: one file per command. What was typed becomes settings; settings become a run; the run becomes an exit code.
//!
//! Exit codes: 0 fine; 1 the check found something; 2 usage or configuration; 3 a needed service or file failed; 130 stopped by
//! Ctrl-C, with what was read before reported.

mod alerts;
mod columns;
mod config;
mod demo;
mod doctor;
mod failure;
mod generate;
mod quarantine;
mod replay;
mod rules;
mod run;
mod schema;
mod screen;
mod setup;
mod state;
mod story;
mod summary;
mod suppress;

pub use failure::{Exit, Failure};

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Threat findings in, one alert per incident out.
///
/// Tidegate reads GuardDuty findings, VPC flow logs and CloudTrail, correlates them across AWS accounts with windowed
/// Sigma rules in event time, and writes one OCSF alert per incident.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, arg_required_else_help = true, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "Examples:
  tidegate demo                                            see it work on a synthetic organisation
  tidegate replay -r builtin ./AWSLogs                     run the shipped rules over exported logs
  tidegate replay -r my-rules/ --alerts - findings.jsonl   print alerts as NDJSON
  tidegate rules check my-rules/                           every error at once, with file, line and column
  tidegate rules test my-rules/                            run the tests beside the rules
  tidegate alerts show a3f1c09b                            the story of one alert
  tidegate suppress check suppressions.yaml -r builtin     what is wrong, doubtful or about to expire

Exit codes: 0 fine; 1 the check found something; 2 usage or configuration; 3 a needed service or file failed;
130 stopped by Ctrl-C, with what was read before reported.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Live: read the configured sources until stopped, index one alert per incident, page
    Run(run::Arguments),
    /// The main job on a synthetic organisation with seeded attacks: no AWS, no configuration
    Demo(demo::Arguments),
    /// History through the rules: files, folders or standard input
    Replay(Box<replay::Arguments>),
    /// Check, test and export Sigma rules
    Rules(rules::Arguments),
    /// Check the configuration, print its schema
    Config(config::Arguments),
    /// Print the JSON Schema of alerts, rules, rule tests or the configuration, for editors and other tools
    Schema(schema::Arguments),
    /// List alerts of a state file, and tell the story of one
    Alerts(alerts::Arguments),
    /// Check, list and add suppressions: alerts that somebody has explained, for a while
    Suppress(suppress::Arguments),
    /// List, show and re-drive what could not be read (the dead-letter store)
    Quarantine(quarantine::Arguments),
    /// Set up what Tidegate writes into: templates of OpenSearch
    Setup(setup::Arguments),
    /// Look at what the configuration names, and send a test page
    Doctor(doctor::Arguments),
    /// Write a synthetic organisation: findings, flow logs, trails, with seeded attacks and the truth beside them
    Generate(generate::Arguments),
}

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let code = if error.use_stderr() { Exit::Usage } else { Exit::Fine };
            // Nothing to do about a closed terminal.
            let _ = error.print();
            return code.into();
        }
    };
    let result = match arguments.command {
        Command::Run(a) => run::run(&a),
        Command::Demo(a) => demo::run(&a),
        Command::Replay(a) => replay::run(&a),
        Command::Rules(a) => rules::run(&a),
        Command::Config(a) => config::run(&a),
        Command::Schema(a) => schema::run(&a),
        Command::Alerts(a) => alerts::run(&a),
        Command::Suppress(a) => suppress::run(&a),
        Command::Quarantine(a) => quarantine::run(&a),
        Command::Setup(a) => setup::run(&a),
        Command::Doctor(a) => doctor::run(&a),
        Command::Generate(a) => generate::run(&a),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            anstream::eprintln!("{}{failure}", screen::red("error: "));
            failure.exit.into()
        }
    }
}
