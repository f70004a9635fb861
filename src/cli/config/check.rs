//! `tidegate config check`.

use super::opened::{Rules, open};
use super::{file, overview};
use crate::cli::rules::{error_line, json};
use crate::cli::{Exit, Failure};
use crate::config::Config;
use tidegate_core::rule::{Diagnostic, Gravity};

const EXAMPLES: &str = "Examples:
  tidegate config check                      tidegate.yaml, or what TIDEGATE_CONFIG names
  tidegate config check tidegate.yaml
  tidegate config check --json tidegate.yaml

Exit codes: 0 fine; 1 there are errors; 2 the file cannot be read.";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The configuration (default: what TIDEGATE_CONFIG names, else ./tidegate.yaml)
    #[arg(value_name = "FILE")]
    file: Option<String>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let (name, parsed) = file::read(arguments.file.as_deref())?;
    let (found, rules) = open(&parsed);
    let mut diagnostics = parsed.diagnostics;
    diagnostics.extend(found);
    diagnostics.sort_by(|a, b| (*a.place.file != *name, &a.place).cmp(&(*b.place.file != *name, &b.place)));
    if arguments.json {
        print_json(&name, &diagnostics, parsed.config.as_ref(), &rules);
    } else {
        print_text(&name, &diagnostics, parsed.config.as_ref(), &rules);
    }
    Ok(if count(&diagnostics, Gravity::Error) > 0 { Exit::Found } else { Exit::Fine })
}

fn count(diagnostics: &[Diagnostic], gravity: Gravity) -> usize {
    diagnostics.iter().filter(|d| d.gravity == gravity).count()
}

fn print_text(name: &str, diagnostics: &[Diagnostic], config: Option<&Config>, rules: &Rules) {
    for diagnostic in diagnostics {
        anstream::println!("{}", error_line(diagnostic));
    }
    if let Some(config) = config {
        anstream::print!("{}", overview::text(config, rules));
    }
    let counted = |gravity, word| match count(diagnostics, gravity) {
        1 => format!("1 {word}"),
        n => format!("{n} {word}s"),
    };
    anstream::println!("{name}: {}, {}", counted(Gravity::Error, "error"), counted(Gravity::Warning, "warning"));
}

fn print_json(name: &str, diagnostics: &[Diagnostic], config: Option<&Config>, found: &Rules) {
    let Rules { rules, correlations, shadow, warnings } = found;
    let document = serde_json::json!({
        "file": name,
        "errors": count(diagnostics, Gravity::Error),
        "warnings": count(diagnostics, Gravity::Warning),
        "diagnostics": diagnostics.iter().map(json).collect::<Vec<_>>(),
        "rules": {"rules": rules, "correlations": correlations, "shadow": shadow, "warnings": warnings},
        "config": config,
    });
    println!("{document}");
}
