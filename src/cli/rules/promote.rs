//! `tidegate rules promote`: what a rule in shadow has found, and the change of its status.

mod status;
mod told;

use crate::cli::replay::load_rules;
use crate::cli::{Exit, Failure, screen, state};
use crate::io::replace::replace;
use crate::io::rules::{BUILTIN, read_rules};
use crate::io::sqlite::AlertFilter;
use serde_json::{Value, json};
use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use tidegate_core::alert::storm::PAGES_PER_HOUR;
use tidegate_core::rule::{Body, Rule, RuleSet, Status, hint};
use tidegate_core::workbench::record::{Record, record};

const EXAMPLES: &str = "Examples:
  tidegate rules promote my-rule rules/                        its record, from the configured state file, and the question
  tidegate rules promote my-rule rules/ --state tidegate.db --yes
  tidegate replay -r rules/ --alerts month.ndjson ./AWSLogs && tidegate rules promote my-rule rules/ --alerts month.ndjson --dry-run

Exit codes: 0 changed, or shown with --dry-run; 1 it was left as it is; 2 usage; 3 a file cannot be read or written.";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Id or name of the rule
    #[arg(value_name = "RULE")]
    rule: String,
    /// Rule files or folders among which it is, with all it refers to
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// State file with its alerts (default: TIDEGATE_STATE, else that of TIDEGATE_CONFIG or ./tidegate.yaml, else ./tidegate.db)
    #[arg(long, value_name = "FILE", conflicts_with = "alerts")]
    state: Option<PathBuf>,
    /// Its alerts as `tidegate replay --alerts FILE` wrote them
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// The status it gets
    #[arg(long, value_name = "STATUS", value_enum, default_value = "test")]
    to: To,
    /// Storm budget by which pages are counted
    #[arg(long, value_name = "N", default_value_t = PAGES_PER_HOUR, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pages_per_hour: u32,
    /// Show the record and the change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Promote it though nothing was found by it
    #[arg(long)]
    force: bool,
    /// Print one JSON document instead of text (does not ask)
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum To {
    Test,
    Stable,
}

impl To {
    fn word(self) -> &'static str {
        match self {
            To::Test => "test",
            To::Stable => "stable",
        }
    }

    fn status(self) -> Status {
        match self {
            To::Test => Status::Test,
            To::Stable => Status::Stable,
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let set = load_rules(&arguments.paths, false)?;
    let index = find(&set, &arguments.rule)?;
    let rule = set.rule(index);
    in_shadow(rule)?;
    let change = status::change(&read_rules(&arguments.paths).map_err(Failure::failed)?, rule, arguments.to.word(), arguments.to.status())?;
    let (all, of_before) = alerts(arguments, rule)?;
    let record = record(&rule.meta.id, &all, arguments.pages_per_hour);
    if arguments.json {
        screen::print([told::json(rule, &record, of_before, &change).to_string()])?;
    } else {
        screen::print([told::text(rule, &record, of_before)])?;
    }
    if let Some(why) = doubt(&set, index, &record, of_before).filter(|_| !arguments.force) {
        anstream::eprintln!("{}", screen::yellow(&format!("not promoted: {why}; --force promotes it all the same")));
        return Ok(Exit::Found);
    }
    if !arguments.json {
        screen::print([format!("{}:{}: {} -> {}", change.file, change.line, change.before.trim(), change.after.trim())])?;
        screen::print(told::still(&set, index).iter())?;
    }
    if arguments.dry_run {
        return Ok(Exit::Fine);
    }
    if !agreed(arguments)? {
        anstream::eprintln!("left as it is");
        return Ok(Exit::Found);
    }
    write(&change)?;
    if !arguments.json {
        screen::print(["changed; a running service takes it within two seconds, and what is in the rule's windows stays"])?;
    }
    Ok(Exit::Fine)
}

fn find(set: &RuleSet, word: &str) -> Result<u32, Failure> {
    let is = |rule: &Rule| rule.meta.id == word || rule.meta.name.as_deref() == Some(word);
    let at = set.rules.iter().position(is).map(|at| at as u32);
    at.ok_or_else(|| {
        let known: Vec<&str> = set.rules.iter().map(|r| r.meta.id.as_str()).collect();
        Failure::usage(format!("no rule has the id or name `{word}`{}; `tidegate rules check --json` lists ids", hint(word, &known)))
    })
}

fn in_shadow(rule: &Rule) -> Result<(), Failure> {
    if rule.meta.status == Status::Experimental {
        return Ok(());
    }
    let remedy = "if the configuration lists it under `shadow`, remove it there; if it refers to a rule in shadow, promote that one";
    Err(Failure::usage(format!("{}: `{}` is not `status: experimental`; {remedy}", rule.meta.place, rule.meta.id)))
}

/// Alerts of the rule as it is, and how many there are of the same rule when it meant something else.
fn alerts(arguments: &Arguments, rule: &Rule) -> Result<(Vec<Value>, usize), Failure> {
    let all = match &arguments.alerts {
        Some(path) => lines(path)?,
        None => {
            let filter = AlertFilter { rule: Some(rule.meta.id.clone()), ..AlertFilter::default() };
            state::open(arguments.state.as_ref())?.alerts(&filter)?
        }
    };
    let digest: String = rule.digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = format!("sha256:{digest}");
    let own = all.into_iter().filter(|alert| alert["finding_info"]["analytic"]["uid"] == *rule.meta.id);
    let (of_now, of_before): (Vec<Value>, Vec<Value>) = own.partition(|alert| alert["tidegate"]["rule_digest"] == *digest);
    Ok((of_now, of_before.len()))
}

fn lines(path: &Path) -> Result<Vec<Value>, Failure> {
    let failed = |e: std::io::Error| Failure::failed(format!("cannot read {}: {e}", path.display()));
    let file = std::io::BufReader::new(std::fs::File::open(path).map_err(failed)?);
    let mut out = Vec::new();
    for (line, number) in file.lines().zip(1u64..) {
        let parsed = serde_json::from_str(&line.map_err(failed)?);
        let remedy = "give what `tidegate replay --alerts FILE` wrote";
        out.push(parsed.map_err(|e| Failure::usage(format!("{}:{number}: this is no alert: {e}; {remedy}", path.display())))?);
    }
    Ok(out)
}

/// Why nobody can know what the rule would do.
fn doubt(set: &RuleSet, rule: u32, record: &Record, of_before: usize) -> Option<String> {
    let refers = |r: &&Rule| matches!(&r.body, Body::Correlation(c) if c.rules.contains(&rule));
    match (record.alerts, of_before) {
        _ if !set.rule(rule).alerts => {
            let by: Vec<&str> = set.rules.iter().filter(refers).map(|r| r.meta.id.as_str()).collect();
            Some(format!("it has no alerts of its own, because {} refers to it: look at the record of that one", by.join(", ")))
        }
        (0, 0) => Some("it has found nothing, so nobody knows whom it would wake".to_owned()),
        (0, n) => {
            Some(format!("it has found nothing since its meaning changed ({n} alerts are older), so nobody knows whom it would wake"))
        }
        _ => None,
    }
}

fn agreed(arguments: &Arguments) -> Result<bool, Failure> {
    if arguments.yes {
        return Ok(true);
    }
    if arguments.json || !std::io::stdin().is_terminal() {
        return Err(Failure::usage("nothing was changed: there is nobody to ask; add --yes, or --dry-run to look only"));
    }
    let failed = |e: std::io::Error| Failure::failed(format!("cannot ask: {e}"));
    let mut answer = String::new();
    anstream::eprint!("Let it page? [y/N] ");
    std::io::stderr().flush().map_err(failed)?;
    std::io::stdin().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn write(change: &status::Change) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::failed(format!("cannot write {}: {e}; nothing was changed", change.file));
    // Through a link the file itself is replaced, never the link.
    let target = std::fs::canonicalize(&change.file).map_err(failed)?;
    let folder = target.parent().unwrap_or(Path::new("/")).to_owned();
    let mode = std::fs::metadata(&target).map_err(failed)?.permissions();
    replace(&target, &folder, change.text.as_bytes(), Some(mode)).map_err(failed)
}

/// Whether a file is of the shipped pack, which nobody can change.
fn shipped(file: &str) -> bool {
    file.strip_prefix(BUILTIN).is_some_and(|rest| rest.starts_with('/'))
}

/// The change, for machines.
fn described(change: &status::Change) -> Value {
    json!({"file": change.file, "line": change.line, "before": change.before.trim(), "after": change.after.trim()})
}
