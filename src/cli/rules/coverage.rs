//! `tidegate rules coverage`.

mod accounts;
mod html;
mod json;
mod navigator;

use crate::cli::replay::load_rules;
use crate::cli::{Exit, Failure, columns, screen};
use accounts::Profile;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use tidegate_core::alert::attack;
use tidegate_core::event::source::BUILT_IN;
use tidegate_core::rule::RuleSet;
use tidegate_core::workbench::coverage::{Cell, Coverage, Reach, coverage};

const EXAMPLES: &str = "Examples:
  tidegate rules coverage builtin
  tidegate rules coverage my-rules/ builtin --html coverage.html --navigator layer.json
  curl -s http://127.0.0.1:9187/coverage | tidegate rules coverage builtin --seen -     which rules can fire in which account

A layer is for https://mitre-attack.github.io/attack-navigator/ (Open Existing Layer).";

/// Rules that are named in a cell of a text; the other forms name all.
const NAMED_MAX: usize = 3;

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
    /// Write a layer for ATT&CK Navigator
    #[arg(long, value_name = "FILE")]
    navigator: Option<PathBuf>,
    /// Write one HTML page that needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// What arrives: the JSON that a running service answers on /coverage; `-` is standard input
    #[arg(long, value_name = "FILE")]
    seen: Option<String>,
}

/// All there is to show.
struct Found {
    set: std::sync::Arc<RuleSet>,
    coverage: Coverage,
    /// Accounts by what arrives from them; `None`: nobody said.
    profiles: Option<Vec<Profile>>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let set = load_rules(&arguments.paths, false)?;
    let profiles = arguments.seen.as_deref().map(|path| accounts::read(path, &set)).transpose()?;
    let found = Found { coverage: coverage(&set), profiles, set };
    if let Some(path) = &arguments.navigator {
        write(path, &format!("{:#}\n", navigator::layer(&found.coverage)))?;
    }
    if let Some(path) = &arguments.html {
        write(path, &html::page(&found))?;
    }
    if arguments.json {
        screen::print([json::document(&found).to_string()])?;
    } else {
        screen::print([text(&found)])?;
    }
    Ok(Exit::Fine)
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|e| Failure::failed(format!("cannot write {}: {e}; check the folder", path.display())))
}

/// The title of a rule: ids are for machines.
fn titled<'a>(set: &'a RuleSet, id: &'a str) -> &'a str {
    set.rules.iter().find(|rule| rule.meta.id == id).map_or(id, |rule| rule.meta.title.as_str())
}

/// Techniques that something looks at, and how many are known.
fn counted(coverage: &Coverage) -> (usize, usize) {
    let known: BTreeSet<&str> = attack::techniques().collect();
    let looked_at: BTreeSet<&str> = coverage.cells.keys().map(|(_, technique)| technique.as_str()).collect();
    (looked_at.intersection(&known).count(), known.len())
}

/// The name of a technique; that of a tactic alone is said so.
fn named(technique: &str) -> &str {
    match attack::technique(technique) {
        Some((_, name)) => name,
        None if technique.is_empty() => "(the tactic, no technique)",
        None => "",
    }
}

/// Services that no rule looks at.
fn unused(coverage: &Coverage) -> Vec<&'static str> {
    BUILT_IN.into_iter().map(tidegate_core::event::Source::service).filter(|s| !coverage.services.contains_key(s)).collect()
}

fn text(found: &Found) -> String {
    let coverage = &found.coverage;
    let mut out = vec![matrix(found), String::new(), sources(coverage)];
    let (covered, known) = counted(coverage);
    let alerting = found.set.rules.iter().filter(|rule| rule.alerts).count();
    out.push(String::new());
    out.push(format!(
        "{covered} of the {known} techniques known here (ATT&CK {}, those of cloud findings) are looked at by {alerting} rules that alert; {} show no technique or tactic",
        attack::VERSION,
        coverage.untagged.len()
    ));
    if let Some(profiles) = &found.profiles {
        out.extend([String::new(), accounts::text(profiles)]);
    }
    out.join("\n")
}

fn matrix(found: &Found) -> String {
    let coverage = &found.coverage;
    let rows = coverage.cells.iter().map(|((tactic, technique), cell)| {
        let first = coverage.cells.range((*tactic, String::new())..).next().is_some_and(|((_, t), _)| t == technique);
        let tactic = if first { attack::TACTICS[*tactic].1.to_owned() } else { String::new() };
        vec![tactic, technique.clone(), named(technique).to_owned(), few(found, cell), shadows(cell), types(cell)]
    });
    columns::table(&["TACTIC", "TECHNIQUE", "NAME", "RULES", "IN SHADOW", "FINDING TYPES"], rows)
}

fn few(found: &Found, cell: &Cell) -> String {
    let shown: Vec<&str> = cell.rules.iter().take(NAMED_MAX).map(|id| titled(&found.set, id)).collect();
    let more = cell.rules.len().saturating_sub(NAMED_MAX);
    if more == 0 { shown.join(", ") } else { format!("{} +{more}", shown.join(", ")) }
}

fn shadows(cell: &Cell) -> String {
    if cell.shadow.is_empty() { String::new() } else { cell.shadow.len().to_string() }
}

fn types(cell: &Cell) -> String {
    if cell.finding_types.is_empty() { String::new() } else { cell.finding_types.len().to_string() }
}

fn sources(coverage: &Coverage) -> String {
    let used = coverage.services.iter().map(|(service, rules)| vec![(*service).to_owned(), rules.len().to_string()]);
    let rows = used.chain(unused(coverage).into_iter().map(|service| vec![service.to_owned(), "none".to_owned()]));
    columns::table(&["LOG SOURCE", "RULES THAT NEED IT"], rows)
}

/// Ids of the rules of a profile that stand so.
fn standing(profile: &Profile, reach: Reach) -> impl Iterator<Item = &tidegate_core::workbench::coverage::Standing> {
    profile.standings.iter().filter(move |s| s.reach == reach)
}

/// A list as JSON.
fn list<T: Into<Value>>(items: impl IntoIterator<Item = T>) -> Value {
    items.into_iter().map(Into::into).collect()
}
