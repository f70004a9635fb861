//! `tidegate rules check`.

use super::sarif;
use crate::cli::{Exit, Failure, screen};
use crate::io::rules::read_rules;
use std::path::PathBuf;
use std::sync::Arc;
use tidegate_core::decode::Hints;
use tidegate_core::detect::{Detector, Warning, WarningKind};
use tidegate_core::rule::{Body, Diagnostic, Gravity, Loaded, load};

const EXAMPLES: &str = "Examples:
  tidegate rules check my-rules/
  tidegate rules check builtin --json
  tidegate rules check my-rules/ --strict --sarif rules.sarif      # shown beside the lines of a pull request";

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
    /// Also write what was found as SARIF 2.1.0, for code review
    #[arg(long, value_name = "FILE")]
    sarif: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let files = read_rules(&arguments.paths).map_err(Failure::failed)?;
    let mut loaded = load(&files);
    let doubts = tidegate_core::workbench::check::check(&files, &loaded, &Hints::default());
    loaded.diagnostics.extend(doubts);
    let warnings = compile(&loaded, &Hints::default());
    let (of_tables, of_rules): (Vec<_>, Vec<_>) = warnings.into_iter().partition(|w| w.kind == WarningKind::NoTable);
    add(&mut loaded, of_rules);
    let errors = loaded.diagnostics.iter().any(|d| d.gravity == Gravity::Error || arguments.strict);
    // Tables are given where rules run, not here: that one is missing is told and is no fault of the rule.
    add(&mut loaded, of_tables);
    loaded.diagnostics.sort_by(|a, b| (&a.place, a.gravity, &a.what).cmp(&(&b.place, b.gravity, &b.what)));
    if let Some(path) = &arguments.sarif {
        let text = format!("{:#}\n", sarif::document(&loaded.diagnostics));
        std::fs::write(path, text).map_err(|e| Failure::failed(format!("cannot write {}: {e}", path.display())))?;
    }
    if arguments.json {
        print_json(&loaded)
    } else {
        print_text(&loaded)
    }
    Ok(if errors { Exit::Found } else { Exit::Fine })
}

fn print_text(loaded: &Loaded) {
    for diagnostic in &loaded.diagnostics {
        anstream::println!("{}", line(diagnostic));
    }
    let correlations = loaded.set.rules.iter().filter(|r| matches!(r.body, Body::Correlation(_))).count();
    let shadow = loaded.set.shadows();
    let count = |gravity| loaded.diagnostics.iter().filter(|d| d.gravity == gravity).count();
    let rules = loaded.set.rules.len() - correlations;
    anstream::println!(
        "{rules} rules and {correlations} correlations loaded ({shadow} in shadow, never paged); {} errors, {} warnings",
        count(Gravity::Error),
        count(Gravity::Warning)
    );
}

/// One diagnostic, as printed everywhere: `FILE:LINE:COLUMN: what: why: what to do`, coloured on a terminal.
pub(in crate::cli) fn line(diagnostic: &Diagnostic) -> String {
    match diagnostic.gravity {
        Gravity::Error => screen::red(&diagnostic.to_string()),
        Gravity::Warning => screen::yellow(&diagnostic.to_string()),
    }
}

/// What only compiling tells: a rule that cannot be used, that no source feeds, that every event must be tested against, or that
/// asks for a table.
pub(in crate::cli) fn compile(loaded: &Loaded, hints: &Hints) -> Vec<Warning> {
    Detector::new(Arc::new(loaded.set.clone()), hints).1
}

/// Adds warnings to what is wrong with the rules.
pub(in crate::cli) fn add(loaded: &mut Loaded, warnings: Vec<Warning>) {
    for warning in warnings {
        let gravity = if warning.kind == WarningKind::LeftOut { Gravity::Error } else { Gravity::Warning };
        let mut parts = warning.text.splitn(3, ": ").map(str::to_owned);
        let mut part = || parts.next().unwrap_or_default();
        loaded.diagnostics.push(Diagnostic { gravity, place: warning.place, what: part(), why: part(), remedy: part() });
    }
}

/// One diagnostic for machines.
pub(in crate::cli) fn json(diagnostic: &Diagnostic) -> serde_json::Value {
    serde_json::json!({
        "gravity": if diagnostic.gravity == Gravity::Error { "error" } else { "warning" },
        "file": &*diagnostic.place.file, "line": diagnostic.place.line, "column": diagnostic.place.column,
        "what": diagnostic.what, "why": diagnostic.why, "remedy": diagnostic.remedy,
    })
}

fn print_json(loaded: &Loaded) {
    let diagnostics: Vec<_> = loaded.diagnostics.iter().map(json).collect();
    let rules: Vec<_> = loaded
        .set
        .rules
        .iter()
        .map(|r| serde_json::json!({"id": r.meta.id, "title": r.meta.title, "file": &*r.meta.place.file, "line": r.meta.place.line}))
        .collect();
    println!("{}", serde_json::json!({"rules": rules, "diagnostics": diagnostics}));
}
