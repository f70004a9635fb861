//! `tidegate rules explain`: what a rule needs, means and costs; and why given events matched it or did not.

use crate::cli::{Exit, Failure, screen};
use crate::config::{Format, JsonSource, columns};
use crate::io::input::expand;
use crate::io::reader::Reader;
use crate::io::rules::read_rules;
use crate::io::tables::{self, TableFiles};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use tidegate_core::decode::Hints;
use tidegate_core::event::Record;
use tidegate_core::rule::anatomy::anatomy;
use tidegate_core::rule::{Body, Gravity, RuleSet, load};
use tidegate_core::workbench::explain::{EventExplained, Explainer, events::EVENTS_MAX, on_events, outcome};

const EXAMPLES: &str = "Examples:
  tidegate rules explain my-rules/console_brute_force.yml
  tidegate rules explain builtin --rule probe_from_inside
  tidegate rules explain my-rules/ --rule failed_sign_in --event trail.json
  zcat flows.gz | head -100 | tidegate rules explain builtin --format vpcflow --event -";

/// Most bytes of events that are read.
const EVENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Of more rules than this, those that did not match are only counted.
const RULES_SHOWN: usize = 5;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Rule files, folders, or `builtin` for the shipped pack
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Only this rule: its id, name or title, or the first letters of its id (repeatable)
    #[arg(long, value_name = "RULE")]
    rule: Vec<String>,
    /// Say why these events matched or did not: files, folders or `-`, in any format that replay reads (repeatable)
    #[arg(long, value_name = "FILE")]
    event: Vec<String>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    reading: Reading,
}

/// How events are read, and the tables that rules may ask.
#[derive(Debug, clap::Args)]
struct Reading {
    /// How to read the events
    #[arg(long, default_value = "auto", value_enum)]
    format: Format,
    /// Columns of header-less flow logs: '${version} ${account-id} ...'
    #[arg(long, value_name = "COLUMNS")]
    flow_format: Option<String>,
    /// Logsource of --format json: product
    #[arg(long, value_name = "P")]
    product: Option<String>,
    /// Logsource of --format json: service
    #[arg(long, value_name = "S")]
    service: Option<String>,
    /// Logsource of --format json: category
    #[arg(long, value_name = "C")]
    category: Option<String>,
    /// Field of --format json with the event time
    #[arg(long, value_name = "F", default_value = "time")]
    time_field: String,
    /// Table of accounts
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// Table of networks
    #[arg(long, value_name = "FILE")]
    networks: Option<PathBuf>,
    /// Table of threat intelligence (repeatable)
    #[arg(long, value_name = "FILE")]
    intel: Vec<PathBuf>,
    /// GeoIP or ASN database in MaxMind's format (repeatable)
    #[arg(long, value_name = "FILE.mmdb")]
    geo: Vec<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let explainer = explainer(arguments)?;
    let chosen = chosen(&explainer, &arguments.rule)?;
    if arguments.event.is_empty() {
        return print_rules(&explainer, &chosen, arguments.json);
    }
    print_events(&explainer, &chosen, arguments)
}

/// Loads the rules. Those with errors are said and left out: they have no meaning that could be explained.
fn explainer(arguments: &Arguments) -> Result<Explainer, Failure> {
    let files = read_rules(&arguments.paths).map_err(Failure::failed)?;
    let loaded = load(&files);
    let errors = loaded.diagnostics.iter().filter(|d| d.gravity == Gravity::Error);
    errors.for_each(|error| anstream::eprintln!("{}", super::error_line(error)));
    if loaded.set.rules.is_empty() {
        return Err(Failure::usage("no rule was loaded, so there is nothing to explain: correct the errors, or name other files"));
    }
    Ok(Explainer::new(Arc::new(loaded.set), anatomy(&files), hints(&arguments.reading)?))
}

fn hints(reading: &Reading) -> Result<Hints, Failure> {
    let Reading { product, service, category, .. } = reading;
    let stated = product.is_some() || service.is_some() || category.is_some();
    if stated != (reading.format == Format::Json) {
        return Err(Failure::usage(
            "--format json and the logsource of its events (--product P --service S) belong together: give both or none",
        ));
    }
    let source = JsonSource {
        product: product.clone(),
        service: service.clone(),
        category: category.clone(),
        time_field: reading.time_field.clone(),
        arrival_field: None,
    };
    let generic = if stated { vec![source.generic()] } else { Vec::new() };
    let flow_format = reading.flow_format.as_ref().map(|f| columns(f).map(str::to_owned).collect());
    Ok(Hints { form: reading.format.form(0), flow_format, generic, ..Hints::default() })
}

fn chosen(explainer: &Explainer, words: &[String]) -> Result<Vec<u32>, Failure> {
    if words.is_empty() {
        return Ok((0..explainer.set().rules.len() as u32).collect());
    }
    let mut chosen = Vec::new();
    for word in words {
        let found = explainer.find(word);
        if found.is_empty() {
            return Err(Failure::usage(format!(
                "no rule has the id, name or title `{word}`; `tidegate rules check --json PATH` lists them"
            )));
        }
        chosen.extend(found);
    }
    Ok(chosen)
}

fn print_rules(explainer: &Explainer, chosen: &[u32], json: bool) -> Result<Exit, Failure> {
    let explained: Vec<_> = chosen.iter().map(|rule| explainer.explain(*rule)).collect();
    if json {
        screen::print([serde_json::json!({ "rules": explained }).to_string()])?;
        return Ok(Exit::Fine);
    }
    screen::print(explained.iter().flat_map(|rule| {
        let mut lines = rule.lines();
        if let Some(first) = lines.first_mut() {
            *first = screen::bold(first);
        }
        lines.push(String::new());
        lines
    }))?;
    Ok(Exit::Fine)
}

fn print_events(explainer: &Explainer, chosen: &[u32], arguments: &Arguments) -> Result<Exit, Failure> {
    let records = records(&arguments.event)?;
    let Reading { accounts, networks, intel, geo, .. } = &arguments.reading;
    let files = TableFiles { accounts: accounts.clone(), networks: networks.clone(), intel: intel.clone(), geo: geo.clone() };
    let tables = tables::load(&files, false).map_err(Failure::usage)?.0;
    let set = explainer.set();
    let rules = with_children(set, chosen);
    let events = on_events(explainer, &rules, &records, &tables);
    let correlations: Vec<u32> = chosen.iter().copied().filter(|r| matches!(set.rule(*r).body, Body::Correlation(_))).collect();
    let counted = outcome(explainer, &correlations, &records, &tables).map_err(Failure::usage)?;
    if arguments.json {
        screen::print([serde_json::json!({ "events": events, "correlations": counted }).to_string()])?;
        return Ok(Exit::Fine);
    }
    let named = !arguments.rule.is_empty();
    screen::print(events.into_iter().flat_map(|event| shown(event, named || rules.len() <= RULES_SHOWN)))?;
    let counted = counted.iter().filter(|c| named || !c.keys.is_empty());
    screen::print(counted.flat_map(tidegate_core::workbench::explain::Counting::lines))?;
    Ok(Exit::Fine)
}

/// The chosen rules, and all that correlations among them read.
fn with_children(set: &RuleSet, chosen: &[u32]) -> Vec<u32> {
    let (mut found, mut waiting) = (BTreeSet::new(), chosen.to_vec());
    while let Some(rule) = waiting.pop() {
        if let (true, Body::Correlation(correlation)) = (found.insert(rule), &set.rule(rule).body) {
            waiting.extend(&correlation.rules);
        }
    }
    found.into_iter().collect()
}

/// An event's lines. Where many rules are asked, those that did not match are only counted.
fn shown(mut event: EventExplained, all: bool) -> Vec<String> {
    let asked = event.rules.iter().filter(|rule| rule.admitted).count();
    if !all {
        event.rules.retain(|rule| rule.matched);
    }
    let mut lines = event.lines();
    if let Some(first) = lines.first_mut() {
        *first = screen::bold(first);
    }
    if !all && event.refused.is_none() {
        let (matched, others) = (event.rules.len(), asked - event.rules.len());
        lines.push(format!("  {matched} rules matched; {others} others of this source did not: name one by --rule to see why"));
    }
    lines
}

/// The records of what was named, up to a limit that says so.
fn records(named: &[String]) -> Result<Vec<Record>, Failure> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    for input in expand(named, &mut |_| Ok(None)).map_err(Failure::failed)? {
        let failed = |e: std::io::Error| Failure::failed(format!("cannot read {}: {e}", input.name()));
        let mut reader = Reader::open(&input, "explain").map_err(failed)?;
        while let Some(record) = reader.next_record().map_err(|e| failed(e.error))? {
            bytes += record.bytes.len();
            if bytes > EVENT_BYTES_MAX {
                let limit = EVENT_BYTES_MAX / 1024 / 1024;
                let message =
                    format!("more than {limit} MiB of events; explain looks at {EVENTS_MAX} of them: give it the few that matter");
                return Err(Failure::usage(message));
            }
            records.push(record);
        }
    }
    Ok(records)
}
