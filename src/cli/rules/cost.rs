//! `tidegate rules cost`: what each rule costs on given input.

use crate::cli::replay::{self, cost_table, measured, shared_line, tell_input};
use crate::cli::{Exit, Failure, screen};
use serde_json::json;
use tidegate_core::pipeline::books::total;
use tidegate_core::workbench::cost::sort;
use tidegate_core::workbench::parts::{Parts, SHARED};

const EXAMPLES: &str = "Examples:
  tidegate rules cost builtin -i ./AWSLogs
  tidegate rules cost my-rules/ -i trail/ -i flows.gz --accounts accounts.csv --json

Candidates: events that met the rule's necessary condition, so that its whole condition was evaluated.
CPU: matching is counted for every event and timed for one in 64; applying is timed as a whole and shared out by detections.";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Rule files, folders, or `builtin` for the shipped pack
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// What to run them on: files, folders, whatever `replay` reads (repeatable)
    #[arg(short, long = "input", required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// How to read the input
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    format: String,
    /// Columns of header-less flow logs: '${version} ${account-id} ...'
    #[arg(long, value_name = "COLUMNS")]
    flow_format: Option<String>,
    /// Table of accounts
    #[arg(long, value_name = "FILE")]
    accounts: Option<String>,
    /// Table of networks
    #[arg(long, value_name = "FILE")]
    networks: Option<String>,
    /// Table of threat intelligence (repeatable)
    #[arg(long, value_name = "FILE")]
    intel: Vec<String>,
    /// GeoIP or ASN database (repeatable)
    #[arg(long, value_name = "FILE.mmdb")]
    geo: Vec<String>,
    /// Start although some rules or rows of tables have errors
    #[arg(long)]
    partial: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let typed = replay::typed(&words(arguments))?;
    let set = replay::load_rules(&arguments.paths, arguments.partial)?;
    let run = measured(&typed, Parts::alone(&set), (i64::MIN, i64::MAX))?;
    let mut costs = run.costs(SHARED, &run.alerts(SHARED));
    sort(&mut costs);
    if arguments.json {
        let input = &run.outcome.books.input;
        let told = json!({
            "rules": costs,
            "input": {"records": input.records, "events": total(&input.events), "cpu_seconds": run.outcome.cpu_seconds},
        });
        screen::print([told.to_string()])?;
    } else {
        let line = shared_line(&costs);
        let rows: Vec<_> = costs.into_iter().map(|cost| (String::new(), cost)).collect();
        screen::print([cost_table(&rows), line])?;
    }
    Ok(match (tell_input(&run), run.outcome.interrupted) {
        (true, _) => Exit::Failed,
        (false, true) => Exit::Interrupted,
        (false, false) => Exit::Fine,
    })
}

/// The same as a replay of these rules over this input.
fn words(arguments: &Arguments) -> Vec<String> {
    let Arguments { paths, inputs, format, flow_format, accounts, networks, intel, geo, partial, .. } = arguments;
    let mut words = vec![format!("--format={format}")];
    let named = [("flow-format", flow_format), ("accounts", accounts), ("networks", networks)];
    words.extend(named.into_iter().filter_map(|(name, value)| Some(format!("--{name}={}", value.as_ref()?))));
    words.extend(paths.iter().map(|path| format!("--rules={path}")));
    words.extend(intel.iter().map(|path| format!("--intel={path}")));
    words.extend(geo.iter().map(|path| format!("--geo={path}")));
    words.extend(partial.then(|| "--partial".to_owned()));
    words.push("--".to_owned());
    words.extend(inputs.iter().cloned());
    words
}
