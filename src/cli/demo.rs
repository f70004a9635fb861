//! `tidegate demo`: the main job on the embedded default. A synthetic organisation goes in as files in AWS's own layouts, the
//! real pipeline reads them, and what it found is held against what was seeded.

mod listing;
mod verdict;

use super::generate::{self, Size};
use super::replay::{Bar, write_lines};
use super::{Exit, Failure, screen, summary};
use crate::io::clock::Stopwatch;
use crate::io::input::{Input, expand};
use crate::io::rules::{BUILTIN, read_rules};
use crate::io::sorter::RUN_DETECTIONS;
use crate::io::tables::{self, TableFiles};
use crate::run::Outcome;
use crate::run::replay::{Archived, Recorded, Settings, replay};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidegate_core::decode::Hints;
use tidegate_core::enrich::Tables;
use tidegate_core::generate::Truth;
use tidegate_core::rule::{RuleSet, load};
use verdict::Verdict;

const EXAMPLES: &str = "Examples:
  tidegate demo
  tidegate demo --accounts 5000 --seed 7
  tidegate demo --json";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    size: Size,
    /// Where input, truth and alerts are written
    #[arg(long, default_value = "tidegate-demo", value_name = "FOLDER")]
    folder: PathBuf,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Runs the command. Exits 1 if a seeded attack was missed or too much was raised that belongs to none.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let plan = arguments.size.plan()?;
    let clock = Stopwatch::start();
    let written = generate::write(&arguments.folder, &plan)?;
    let made = clock.elapsed();
    if !arguments.json {
        let (files, bytes) = (screen::thousands(written.files), screen::thousands(written.bytes));
        println!(
            "An organisation of {} accounts, {} day(s): {files} files, {bytes} bytes, {} seeded attacks, written in {:.1} s",
            plan.accounts,
            plan.days,
            written.truth.attacks.len(),
            made.as_secs_f64()
        );
    }
    let set = Arc::new(load(&read_rules(&[BUILTIN.to_owned()]).map_err(Failure::failed)?).set);
    let tables = load_tables(&arguments.folder)?;
    let (mut outcome, findings) = execute(&set, tables, &arguments.folder.join("input"))?;
    let alerts = outcome.store.alerts();
    let path = arguments.folder.join("alerts.ndjson");
    write_lines(&path.to_string_lossy(), alerts.iter().map(ToString::to_string))?;
    let verdict = verdict::judge(&set, &written.truth, &alerts);
    if arguments.json {
        println!(
            "{}",
            serde_json::json!({"verdict": verdict.as_json(), "summary": summary::as_json(&outcome, &alerts), "alerts": alerts.len(), "findings": findings})
        );
    } else {
        listing::lines(&set, &alerts_to_show(&alerts)).iter().for_each(|line| anstream::println!("{line}"));
        report(&arguments.folder, &written.truth, &verdict, &alerts, findings, &mut outcome);
    }
    let fine = verdict.passed() && outcome.unread.is_empty() && outcome.book_errors().is_empty();
    Ok(if fine { Exit::Fine } else { Exit::Found })
}

/// The tables that the generator wrote, read as anybody's are.
fn load_tables(folder: &Path) -> Result<Arc<Tables>, Failure> {
    let file = |name: &str| folder.join("tables").join(name);
    let files = TableFiles {
        accounts: Some(file("accounts.csv")),
        networks: Some(file("networks.csv")),
        intel: vec![file("intel.csv")],
        geo: Vec::new(),
    };
    Ok(tables::load(&files, false).map_err(Failure::failed)?.0)
}

fn execute(set: &Arc<RuleSet>, tables: Arc<Tables>, input: &Path) -> Result<(Outcome, u64), Failure> {
    let inputs = expand(&[input.to_string_lossy().into_owned()], &mut |_| Ok(None)).map_err(Failure::failed)?;
    let watcher = Bar::new(inputs.iter().map(Input::size).sum())?;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let scratch = std::env::temp_dir().join(format!("tidegate-demo-{}", std::process::id()));
    let settings = Settings {
        inputs,
        threads,
        stamped: false,
        scratch,
        in_memory: RUN_DETECTIONS,
        archived: Archived::default(),
        range_ms: (i64::MIN, i64::MAX),
    };
    let (intake, pipelines) = crate::run::build(set, Hints::default(), tables, 1, false).map_err(Failure::usage)?;
    let mut recorded = Recorded { pipelines, journal: None };
    let outcome =
        replay(&intake, &mut recorded, &settings, &watcher).map_err(|e| Failure::failed(format!("the replay cannot go on: {e}")))?;
    watcher.bar.finish_and_clear();
    let findings = outcome.books.input.events.get(&tidegate_core::event::Source::GuardDuty).copied().unwrap_or(0);
    Ok((outcome, findings))
}

fn alerts_to_show(alerts: &[Value]) -> Vec<Value> {
    alerts.iter().filter(|a| verdict::worth_showing(a)).cloned().collect()
}

fn report(folder: &Path, truth: &Truth, verdict: &Verdict, alerts: &[Value], findings: u64, outcome: &mut Outcome) {
    let n = screen::thousands;
    println!(
        "\n{} raw finding revisions became {} alerts; {} are correlations or page, shown above",
        n(findings),
        n(alerts.len() as u64),
        alerts_to_show(alerts).len()
    );
    println!("\nSeeded attacks:");
    for (attack, found) in truth.attacks.iter().zip(&verdict.found) {
        let word = if *found { screen::green("found ") } else { screen::red("MISSED") };
        anstream::println!("  {word} {:26} {}", attack.kind, attack.expect);
    }
    println!(
        "\n{} of {} attacks found; {} correlation alerts and {} pages belong to no seeded attack (5 of each are allowed)",
        verdict.found.iter().filter(|f| **f).count(),
        truth.attacks.len(),
        verdict.stray_correlations,
        verdict.stray_pages
    );
    println!();
    summary::as_text(outcome, alerts).iter().for_each(|line| anstream::println!("{line}"));
    let folder = folder.display();
    println!("\ninput   {folder}/input\ntables  {folder}/tables\ntruth   {folder}/truth.json\nalerts  {folder}/alerts.ndjson");
    println!(
        "\nNext:\n  tidegate rules export my-rules               the rules that found them, to read and change\n  tidegate rules test my-rules                 their tests\n  tidegate replay -r my-rules {folder}/input   the same input through your rules; add\n      --accounts {folder}/tables/accounts.csv --networks {folder}/tables/networks.csv --intel {folder}/tables/intel.csv\n  tidegate replay -r builtin PATH              your own findings, flow logs and trails"
    );
}
