//! `tidegate doctor`: whether what the configuration names answers, and whether a page arrives.

use super::config::{file, opened};
use super::rules::error_line;
use super::{Exit, Failure, screen};
use crate::config::{Config, Parsed};
use crate::io::clock::now_ms;
use crate::run::doctor::{Finding, Health, look, test_pages};
use tidegate_core::alert::neutral;
use tidegate_core::rule::{Diagnostic, Gravity};

const EXAMPLES: &str = "Examples:
  tidegate doctor -c tidegate.yaml          state, streams, OpenSearch, topics: what answers and what does not
  tidegate doctor --test-page               a page that says it is a test, by every route of every channel; tell who is on call
  tidegate doctor --json

It may run beside the service: it reads no event and moves no position.

Exit codes: 0 all of it answers (doubts are only told); 2 the configuration has errors; 3 something does not answer.";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The configuration (default: what TIDEGATE_CONFIG names, else ./tidegate.yaml)
    #[arg(short, long, value_name = "FILE")]
    config: Option<String>,
    /// Send a page that is marked as a test by every route of every channel
    #[arg(long)]
    test_page: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let (name, parsed) = file::read(arguments.config.as_deref())?;
    let (config, mut findings) = checked(&name, parsed)?;
    findings.extend(look(&config));
    if arguments.test_page {
        findings.extend(test_pages(&config, &format!("test-{}", now_ms())));
    }
    let failed = count(&findings, Health::Failed);
    if arguments.json {
        println!("{}", json(&name, &findings));
    } else {
        screen::print(text(&name, &findings))?;
    }
    Ok(if failed > 0 { Exit::Failed } else { Exit::Fine })
}

/// The configuration and what was found about its files.
fn checked(name: &str, parsed: Parsed) -> Result<(Config, Vec<Finding>), Failure> {
    let (about_files, _) = opened::open(&parsed);
    let all: Vec<&Diagnostic> = parsed.diagnostics.iter().chain(&about_files).collect();
    let errors: Vec<&&Diagnostic> = all.iter().filter(|d| d.gravity == Gravity::Error).collect();
    for error in &errors {
        anstream::eprintln!("{}", error_line(error));
    }
    let refused = || Failure::usage(format!("{} errors in {name}: see `tidegate config check {name}`", errors.len()));
    if !errors.is_empty() {
        return Err(refused());
    }
    let doubts = all.iter().map(|doubt| Finding::new("configuration", Health::Doubtful, doubt.to_string()));
    let fine = Finding::new("configuration", Health::Fine, format!("{name}: rules, tables and files can be used"));
    let findings = doubts.chain([fine]).collect();
    let config = parsed.config.as_ref().cloned().ok_or_else(refused)?;
    Ok((config, findings))
}

fn count(findings: &[Finding], health: Health) -> usize {
    findings.iter().filter(|finding| finding.health == health).count()
}

fn text(name: &str, findings: &[Finding]) -> Vec<String> {
    let line = |Finding { part, health, text }: &Finding| {
        let word = format!("{:6}", health.word());
        let word = match health {
            Health::Fine => screen::green(&word),
            Health::Doubtful => screen::yellow(&word),
            Health::Failed => screen::red(&word),
        };
        format!("{word} {part}: {}", neutral::terminal(text))
    };
    let total = format!("{name}: {} failed, {} doubtful", count(findings, Health::Failed), count(findings, Health::Doubtful));
    findings.iter().map(line).chain([total]).collect()
}

fn json(name: &str, findings: &[Finding]) -> serde_json::Value {
    let checks =
        findings.iter().map(|Finding { part, health, text }| serde_json::json!({"part": part, "result": health.word(), "text": text}));
    serde_json::json!({
        "file": name,
        "failed": count(findings, Health::Failed),
        "doubtful": count(findings, Health::Doubtful),
        "checks": checks.collect::<Vec<_>>(),
    })
}
