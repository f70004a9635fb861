//! `tidegate rules check`.

use crate::cli::{Exit, Failure, screen};
use crate::io::rules::read_rules;
use tidegate_core::rule::{Body, Diagnostic, Gravity, Loaded, Status, load};

const EXAMPLES: &str = "Examples:
  tidegate rules check my-rules/
  tidegate rules check builtin --json";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Rule files, folders, or `builtin` for the shipped pack
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
    /// Warnings count as errors
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let loaded = load(&read_rules(&arguments.paths).map_err(Failure::failed)?);
    if arguments.json {
        print_json(&loaded)
    } else {
        print_text(&loaded)
    }
    let errors = loaded.diagnostics.iter().any(|d| d.gravity == Gravity::Error || arguments.strict);
    Ok(if errors { Exit::Found } else { Exit::Fine })
}

fn print_text(loaded: &Loaded) {
    for diagnostic in &loaded.diagnostics {
        anstream::println!("{}", line(diagnostic));
    }
    let correlations = loaded.set.rules.iter().filter(|r| matches!(r.body, Body::Correlation(_))).count();
    let shadow = loaded.set.rules.iter().filter(|r| r.meta.status == Status::Experimental).count();
    let count = |gravity| loaded.diagnostics.iter().filter(|d| d.gravity == gravity).count();
    let rules = loaded.set.rules.len() - correlations;
    anstream::println!(
        "{rules} rules and {correlations} correlations loaded ({shadow} experimental: in shadow, never paged); {} errors, {} warnings",
        count(Gravity::Error),
        count(Gravity::Warning)
    );
}

/// One diagnostic, as printed everywhere: the word in front is coloured on a terminal.
pub(in crate::cli) fn line(diagnostic: &Diagnostic) -> String {
    match diagnostic.gravity {
        Gravity::Error => format!("{}{diagnostic}", screen::red("error: ")),
        Gravity::Warning => format!("{}{diagnostic}", screen::yellow("warning: ")),
    }
}

fn print_json(loaded: &Loaded) {
    let diagnostics = loaded.diagnostics.iter().map(|d| {
        serde_json::json!({
            "gravity": if d.gravity == Gravity::Error { "error" } else { "warning" },
            "file": &*d.place.file, "line": d.place.line, "column": d.place.column,
            "what": d.what, "why": d.why, "remedy": d.remedy,
        })
    });
    let diagnostics: Vec<_> = diagnostics.collect();
    let rules: Vec<_> = loaded
        .set
        .rules
        .iter()
        .map(|r| serde_json::json!({"id": r.meta.id, "title": r.meta.title, "file": &*r.meta.place.file, "line": r.meta.place.line}))
        .collect();
    println!("{}", serde_json::json!({"rules": rules, "diagnostics": diagnostics}));
}
