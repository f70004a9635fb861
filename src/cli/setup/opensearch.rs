//! `tidegate setup opensearch`.

use crate::cli::config::file;
use crate::cli::{Exit, Failure, screen};
use crate::config::OpenSearch;
use crate::io::opensearch::{Change, Plan, plan};
use crate::run::live::wiring::open_search;
use tidegate_core::alert::neutral;

const EXAMPLES: &str = "Examples:
  tidegate setup opensearch --dry-run        what would be made or changed; writes nothing
  tidegate setup opensearch -c tidegate.yaml

It uses `sinks.opensearch` of the configuration; the user must be allowed to manage templates and retention policies (the service itself need not).
A changed template holds from the next index on, that is from the next month. The component template that ends in `-custom` is
yours: it is made empty once and never written again. So is a retention policy whose description you changed.

Exit codes: 0 fine; 1 with --dry-run: something would be written; 2 no usable configuration; 3 OpenSearch failed.";

/// Lines of differences shown for one template.
const LINES_MAX: usize = 40;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The configuration (default: what TIDEGATE_CONFIG names, else ./tidegate.yaml)
    #[arg(short, long, value_name = "FILE")]
    config: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let settings = settings(arguments.config.as_deref())?;
    let client = open_search(&settings).map_err(Failure::usage)?;
    let plan = plan(&client, &settings.index_prefix).map_err(Failure::failed)?;
    if !arguments.dry_run {
        plan.apply(&client).map_err(Failure::failed)?;
    }
    screen::print(said(&plan, client.url(), arguments.dry_run))?;
    let due = plan.changes.iter().any(Change::is_due);
    Ok(if due && arguments.dry_run { Exit::Found } else { Exit::Fine })
}

fn settings(config: Option<&str>) -> Result<OpenSearch, Failure> {
    let (name, parsed) = file::read(config)?;
    let wrong = || Failure::usage(format!("{name} has errors; `tidegate config check {name}` lists them"));
    let absent = || Failure::usage(format!("{name} names no OpenSearch: add `sinks: {{opensearch: {{url: URL}}}}`"));
    parsed.config.ok_or_else(wrong)?.sinks.opensearch.ok_or_else(absent)
}

fn said(plan: &Plan, url: &str, dry_run: bool) -> Vec<String> {
    let mut out = vec![format!("{} at {url}", plan.server)];
    for change in &plan.changes {
        let done = match (change.is_due(), change.new, dry_run) {
            (false, ..) => "unchanged",
            (true, true, false) => "made",
            (true, false, false) => "changed",
            (true, true, true) => "would be made",
            (true, false, true) => "would be changed",
        };
        out.push(format!("{}: {done}", change.name));
        out.extend(change.differences.iter().take(LINES_MAX).map(|line| format!("    {}", neutral::terminal(line))));
        if change.differences.len() > LINES_MAX {
            out.push(format!("    and {} more", change.differences.len() - LINES_MAX));
        }
    }
    out.extend(plan.left.iter().map(|line| neutral::terminal(line).into_owned()));
    out
}
