//! `tidegate run`: live, until it is stopped or every source has ended.

use super::config::file;
use super::{Exit, Failure, rules, screen};
use crate::config::{Config, LogFormat};
use crate::io::port::StoreError;
use crate::run::live::generation::line;
use crate::run::live::service::Ending;
use crate::run::live::start::{self, Trouble};
use crate::telemetry;
use std::path::PathBuf;
use tidegate_core::alert::neutral;
use tidegate_core::pipeline::books::total;
use tidegate_core::rule::Gravity;

const EXAMPLES: &str = "Examples:
  tidegate config check tidegate.yaml && tidegate run -c tidegate.yaml
  TIDEGATE_CONFIG=/etc/tidegate/tidegate.yaml tidegate run
  TIDEGATE_LOG=debug tidegate run -c tidegate.yaml
  kill -HUP PID       # read rules, tables and suppressions again (changed files are noticed without it)
  kill -TERM PID      # drain, snapshot, stop: within 10 seconds; a second signal stops at once

A second process on the same state file waits as standby and takes over when the first one dies or falls silent.
Alerts: tidegate alerts list --state FILE. Pages go to the log on standard error (target `page`), and through SNS where
`sinks.sns` says so; `tidegate doctor --test-page` sends one.";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Configuration (default: TIDEGATE_CONFIG, else ./tidegate.yaml)
    #[arg(short, long, value_name = "FILE")]
    config: Option<String>,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let (name, config) = load(arguments.config.as_deref())?;
    let format = match config.log.format {
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
    };
    telemetry::start(&config.log.level, format).map_err(Failure::usage)?;
    end_with_any_thread();
    let again = name.clone();
    let reread = Box::new(move || reload(&again));
    match start::run(config, PathBuf::from(name), reread) {
        Ok(None) => Ok(Exit::Fine),
        Ok(Some(ending)) => Ok(end(&ending)),
        Err(Trouble::Configuration(why)) => Err(Failure::usage(why)),
        Err(Trouble::Store(StoreError::Fenced(why))) => Err(Failure::failed(format!("another process has taken over: {why}"))),
        Err(Trouble::Refused(why)) => Err(Failure::failed(why)),
        Err(Trouble::Store(error)) => Err(Failure::failed(error.to_string())),
    }
}

/// A broken invariant in one thread ends the process: a service that goes on without a reader or a sink would look alive. Whoever
/// starts it again goes on from the log.
fn end_with_any_thread() {
    let told = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        told(panic);
        std::process::abort();
    }));
}

/// The configuration, with everything that is wrong with it printed.
fn load(named: Option<&str>) -> Result<(String, Config), Failure> {
    let (name, parsed) = file::read(named)?;
    for diagnostic in &parsed.diagnostics {
        anstream::eprintln!("{}", rules::error_line(diagnostic));
    }
    let errors = parsed.diagnostics.iter().filter(|d| d.gravity == Gravity::Error).count();
    let refused =
        || Failure::usage(format!("{errors} error{} in {name}: see `tidegate config check {name}`", if errors == 1 { "" } else { "s" }));
    let config = parsed.config.ok_or_else(refused)?;
    Ok((name, config))
}

/// The configuration, read again while the program's log is the only place to say what is wrong with it.
fn reload(name: &str) -> Result<Config, String> {
    let (_, parsed) = file::read(Some(name)).map_err(|failure| failure.to_string())?;
    let (errors, doubts): (Vec<_>, Vec<_>) = parsed.diagnostics.iter().partition(|d| d.gravity == Gravity::Error);
    doubts.iter().for_each(|doubt| tracing::warn!("{}", neutral::terminal(&line(doubt))));
    parsed.config.ok_or_else(|| errors.into_iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Says how it ended.
fn end(ending: &Ending) -> Exit {
    let books = &ending.books;
    let how = if ending.stopped { "stopped" } else { "every source has ended" };
    anstream::eprintln!(
        "{how}: {} records, {} alerts, {} pages; {} deliveries wait for the next start",
        books.input.records,
        books.alerts.alerts,
        books.alerts.pages,
        ending.outstanding
    );
    anstream::eprintln!(
        "books: {} records = {} events + {} filtered + {} quarantined",
        books.input.records,
        total(&books.input.events),
        total(&books.input.filtered),
        total(&books.input.quarantined)
    );
    if ending.unwritten {
        let lost = "what was read last is not in the log: files are read again from there at the next start, standard input is not";
        anstream::eprintln!("{}the state file could not be written: {lost}", screen::red("error: "));
    }
    for why in &ending.failed {
        anstream::eprintln!("{}{why}", screen::red("error: "));
    }
    if ending.failed.is_empty() && !ending.unwritten { Exit::Fine } else { Exit::Failed }
}
