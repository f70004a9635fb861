//! `tidegate suppress check`.

use crate::cli::{Exit, Failure, replay, rules, screen};
use crate::io::clock;
use crate::io::suppressions::{Standing, doubts, read};
use std::path::PathBuf;
use tidegate_core::rule::{Diagnostic, Gravity};

const EXAMPLES: &str = "Examples:
  tidegate suppress check suppressions.yaml
  tidegate suppress check suppressions.yaml -r builtin -r my-rules/
  tidegate suppress check suppressions.yaml --json --strict

Warned of are: what has expired or expires within 7 days; with -r also unknown rules, fields that no alert of the rule has,
and Critical rules without `allow_critical`. Exit code 1: something is wrong (with --strict: or doubtful).";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The suppressions file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Compare with these rules: file, folder, or `builtin` for the shipped pack (repeatable)
    #[arg(short, long = "rules", value_name = "PATH")]
    rules: Vec<String>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
    /// Warnings count as errors
    #[arg(long)]
    strict: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let now_ms = clock::now_ms();
    let set = if arguments.rules.is_empty() { None } else { Some(replay::load_rules(&arguments.rules, true)?) };
    let loaded = read(&arguments.file).map_err(Failure::failed)?;
    let mut all = loaded.problems;
    let errors = all.len();
    all.extend(doubts(&loaded.entries, now_ms, set.as_deref()));
    all.sort_by(|a, b| (&a.place, a.gravity).cmp(&(&b.place, b.gravity)));
    let standings: Vec<Standing> = loaded.entries.iter().map(|e| Standing::of(&e.suppression, now_ms)).collect();
    let count = |standing: Standing| standings.iter().filter(|s| **s == standing).count();
    let counts = [Standing::Active, Standing::Future, Standing::Expired].map(|s| (s.word(), count(s)));
    if arguments.json {
        screen::print([json(&all, loaded.entries.len(), counts).to_string()])?;
    } else {
        screen::print(all.iter().map(rules::error_line))?;
        let [(_, active), (_, future), (_, expired)] = counts;
        let (good, warnings) = (loaded.entries.len(), all.len() - errors);
        let plural = if good == 1 { "" } else { "s" };
        let sums = format!("{active} active, {future} not yet in force, {expired} expired; {errors} errors, {warnings} warnings");
        screen::print([format!("{good} good suppression{plural}: {sums}")])?;
    }
    Ok(if errors > 0 || (arguments.strict && !all.is_empty()) { Exit::Found } else { Exit::Fine })
}

fn json(all: &[Diagnostic], good: usize, counts: [(&str, usize); 3]) -> serde_json::Value {
    let one = |d: &Diagnostic| {
        serde_json::json!({
            "gravity": if d.gravity == Gravity::Error { "error" } else { "warning" },
            "file": &*d.place.file, "line": d.place.line, "column": d.place.column,
            "what": d.what, "why": d.why, "remedy": d.remedy,
        })
    };
    let counts: serde_json::Map<_, _> = counts.into_iter().map(|(word, n)| (word.to_owned(), n.into())).collect();
    serde_json::json!({"suppressions": good, "standing": counts, "diagnostics": all.iter().map(one).collect::<Vec<_>>()})
}
