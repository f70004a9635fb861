//! `tidegate replay`: history through the rules.

#[cfg(feature = "aws")]
mod aws;
mod diff;
mod far;
mod inputs;
mod kept;
mod log;
mod selection;

pub(super) use diff::{cost_table, measured, shared_line, tell_input};

use super::{Exit, Failure, rules, screen, summary};
use crate::config::{Format, JsonSource, columns};
use crate::io::input::Input;
use crate::io::rules::read_rules;
use crate::io::selection::LeftOut;
use crate::io::sorter::RUN_DETECTIONS;
use crate::io::tables::{self, TableFiles};
use crate::io::tally::Tally;
use crate::run::Outcome;
use crate::run::replay::{Archived, Recorded, Settings, Watcher, replay};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tidegate_core::alert::suppression::Suppression;
use tidegate_core::decode::Hints;
use tidegate_core::enrich::Tables;
use tidegate_core::event::time;
use tidegate_core::pipeline::Selected;
use tidegate_core::rule::{Body, Gravity, RuleSet, load};

const EXAMPLES: &str = "Examples:
  tidegate replay -r builtin ./AWSLogs
  tidegate replay -r my-rules/ -r more.yml --alerts alerts.ndjson findings/ trail.json.gz
  zcat flows.gz | tidegate replay -r builtin --format vpcflow -
  tidegate replay -r builtin --accounts accounts.csv --intel feed.csv --geo city.mmdb ./AWSLogs
  tidegate replay -r my-rules/ --from 2026-10-01T00:00:00Z --source cloudtrail s3://trails/AWSLogs/o-abc1234567/
  tidegate replay -r builtin --from 2026-11-01T00:00:00Z guardduty:eu-central-1,us-east-1
  tidegate replay -r builtin --from 2026-11-02T08:00:00Z --to 2026-11-02T10:00:00Z kinesis:findings
  tidegate replay -r my-rules/ --baseline builtin --html diff.html ./AWSLogs
  tidegate replay -r rules.yml --format json --product shop --service login --time-field ts events.ndjson
  tidegate replay --log tidegate.db --alerts alerts.ndjson";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Rule file or folder, or `builtin` for the shipped pack (repeatable)
    #[arg(short, long = "rules", required_unless_present = "log", value_name = "PATH")]
    rules: Vec<String>,
    /// Files, folders, or `-` for standard input; gzip and Parquet are undone, formats and archives are recognised.
    /// `s3://BUCKET/PREFIX`: objects; `guardduty:` or `guardduty:REGION,REGION`: the findings that GuardDuty keeps; `kinesis:NAME` or
    /// `kinesis:ARN`: the records of a stream; `quarantine:STATEFILE`: what a state file keeps in quarantine
    #[arg(required_unless_present = "log", value_name = "INPUT")]
    inputs: Vec<String>,
    /// Write alerts as NDJSON, one final state per alert, sorted by first seen; `-` is standard output
    #[arg(long, value_name = "FILE")]
    alerts: Option<String>,
    /// Write refused input as NDJSON with its reason
    #[arg(long, value_name = "FILE")]
    quarantine: Option<PathBuf>,
    /// How to read the input
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
    /// Field of --format json with the event time (epoch s or ms, or RFC 3339)
    #[arg(long, value_name = "F", default_value = "time")]
    time_field: String,
    /// Field of --format json with the arrival time: then the file's order is the order of arrival
    #[arg(long, value_name = "F")]
    arrival_field: Option<String>,
    /// Report only alerts whose first moment is at or after this time (RFC 3339)
    #[arg(long, value_name = "T", value_parser = parse_time)]
    from: Option<i64>,
    /// Report only alerts whose first moment is before this time (RFC 3339)
    #[arg(long, value_name = "T", value_parser = parse_time)]
    to: Option<i64>,
    /// Form of the summary on standard error
    #[arg(long, default_value = "text", value_enum)]
    summary: summary::Form,
    /// Table of accounts: CSV, JSON or YAML with id, name, ou, environment, owner, data_class, tags
    #[arg(long, value_name = "FILE")]
    accounts: Option<PathBuf>,
    /// Table of networks: CSV, JSON or YAML with cidr, name, kind
    #[arg(long, value_name = "FILE")]
    networks: Option<PathBuf>,
    /// Table of threat intelligence: CSV, JSON or YAML with indicator, type, source, category, expires (repeatable)
    #[arg(long, value_name = "FILE")]
    intel: Vec<PathBuf>,
    /// GeoIP or ASN database in MaxMind's format (repeatable; the first that knows an address answers)
    #[arg(long, value_name = "FILE.mmdb")]
    geo: Vec<PathBuf>,
    /// Suppressions that hold in this replay, by the times of the events
    #[arg(long, value_name = "FILE")]
    suppressions: Option<PathBuf>,
    /// Keep the log and the alerts in this state file: a replay that was stopped or killed goes on from it, and
    /// `tidegate alerts` reads it
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Start although some rules or rows of tables have errors; they are listed and left out
    #[arg(long)]
    partial: bool,
    /// Threads that read and decode (default: all cores; 16 for what is not on this machine)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Pipelines that share the key groups
    #[arg(long, value_name = "P", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pipelines: u16,
    #[command(flatten)]
    selection: selection::SelectionArguments,
    #[cfg(feature = "aws")]
    #[command(flatten)]
    aws: aws::AwsArguments,
    #[command(flatten)]
    log: log::LogArguments,
    #[command(flatten)]
    diff: diff::DiffOptions,
}

fn parse_time(text: &str) -> Result<i64, String> {
    time::parse_any_ms(text).ok_or_else(|| format!("`{text}` is no time; write it like 2026-11-02T08:00:00Z"))
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if let (Some(from), Some(to)) = (arguments.from, arguments.to)
        && from >= to
    {
        return Err(Failure::usage("--from is not before --to, so no alert could be between them"));
    }
    if arguments.diff.asked() {
        return diff::run(arguments);
    }
    let mut outcome = match log::execute(arguments)? {
        Some(outcome) => outcome,
        None => read_input(arguments)?,
    };
    let alerts: Vec<_> = outcome.store.alerts().into_iter().filter(|a| in_range(a, arguments)).collect();
    if let Some(path) = &arguments.alerts {
        write_lines(path, alerts.iter().map(ToString::to_string))?;
    }
    if let Some(path) = &arguments.quarantine {
        write_lines(&path.to_string_lossy(), outcome.quarantined.iter().map(|q| summary::quarantine_line(q).to_string()))?;
    }
    if arguments.alerts.is_none() {
        anstream::println!("{}", summary::table(&alerts));
    }
    summary::print(arguments.summary, &mut outcome, &alerts);
    Ok(match (outcome.unread.is_empty() && outcome.book_errors().is_empty(), outcome.interrupted) {
        (false, _) => Exit::Failed,
        (true, true) => Exit::Interrupted,
        (true, false) => Exit::Fine,
    })
}

/// Records through the rules.
fn read_input(arguments: &Arguments) -> Result<Outcome, Failure> {
    let set = load_rules(&arguments.rules, arguments.partial)?;
    let given = Given::of(arguments, margin(&set, arguments))?;
    execute(&set, given, arguments)
}

/// What is to be read, and all that is said about it.
struct Given {
    hints: Hints,
    tables: Arc<Tables>,
    suppressions: Vec<Suppression>,
    settings: Settings,
    /// Events that count.
    selected: Selected,
    left_out: LeftOut,
    tally: Arc<Tally>,
}

impl Given {
    /// Names become inputs, for events in this range of time.
    fn of(arguments: &Arguments, range_ms: (i64, i64)) -> Result<Self, Failure> {
        let (mut hints, tables, tally) = (hints(arguments)?, load_tables(arguments)?, Arc::new(Tally::default()));
        let (mut inputs, left_out) = inputs::named(arguments, range_ms, &tally)?;
        let archived = Archived::survey(&mut inputs.inputs, &mut hints).map_err(Failure::failed)?;
        if arguments.arrival_field.is_some() && !archived.is_empty() {
            return Err(Failure::usage(
                "--arrival-field is for plain files, and the records of an archive have their own stamps; replay them apart",
            ));
        }
        let stamped = inputs.stamped || arguments.arrival_field.is_some();
        let threads = arguments.threads.unwrap_or_else(|| inputs::threads(&inputs.inputs));
        let scratch = std::env::temp_dir().join(format!("tidegate-replay-{}", std::process::id()));
        let settings = Settings { inputs: inputs.inputs, threads, stamped, scratch, in_memory: RUN_DETECTIONS, archived, range_ms };
        let suppressions = load_suppressions(arguments)?;
        let selected = arguments.selection.selection(range_ms).events;
        Ok(Given { hints, tables, suppressions, settings, selected, left_out, tally })
    }

    /// A bar over all of it.
    fn bar(&self) -> Result<Bar, Failure> {
        Bar::watching(self.settings.inputs.iter().map(Input::size).sum(), &self.tally)
    }
}

/// Loads rules, printing what is wrong with them.
pub(super) fn load_rules(paths: &[String], partial: bool) -> Result<Arc<RuleSet>, Failure> {
    let loaded = load(&read_rules(paths).map_err(Failure::failed)?);
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|d| d.gravity == Gravity::Error).collect();
    for error in &errors {
        anstream::eprintln!("{}", rules::error_line(error));
    }
    if !errors.is_empty() && !partial {
        let (bad, good) = (errors.len(), loaded.set.rules.len());
        return Err(Failure::usage(format!(
            "{bad} error{} in the rules, {good} good; correct them, or start without the bad ones by --partial",
            if bad == 1 { "" } else { "s" }
        )));
    }
    if loaded.set.rules.is_empty() {
        return Err(Failure::usage("no rule was loaded; name rule files or folders by -r, or `-r builtin`"));
    }
    Ok(Arc::new(loaded.set))
}

/// Loads the tables, printing what is left out of them.
fn load_tables(arguments: &Arguments) -> Result<Arc<Tables>, Failure> {
    let Arguments { accounts, networks, intel, geo, .. } = arguments;
    let files = TableFiles { accounts: accounts.clone(), networks: networks.clone(), intel: intel.clone(), geo: geo.clone() };
    let (tables, left_out) = tables::load(&files, arguments.partial).map_err(Failure::usage)?;
    left_out.iter().for_each(|line| anstream::eprintln!("{}", screen::yellow(line)));
    Ok(tables)
}

fn hints(arguments: &Arguments) -> Result<Hints, Failure> {
    if arguments.format != Format::Json && (arguments.product.is_some() || arguments.service.is_some() || arguments.arrival_field.is_some())
    {
        return Err(Failure::usage("--product, --service and --arrival-field belong to --format json; add it, or leave them out"));
    }
    if arguments.format == Format::Json && arguments.product.is_none() && arguments.service.is_none() && arguments.category.is_none() {
        return Err(Failure::usage("--format json needs the logsource of the events: --product P --service S"));
    }
    let stated = JsonSource {
        product: arguments.product.clone(),
        service: arguments.service.clone(),
        category: arguments.category.clone(),
        time_field: arguments.time_field.clone(),
        arrival_field: arguments.arrival_field.clone(),
    };
    let generic = if arguments.format == Format::Json { vec![stated.generic()] } else { Vec::new() };
    let flow_format = arguments.flow_format.as_ref().map(|f| columns(f).map(str::to_owned).collect());
    Ok(Hints { form: arguments.format.form(0), flow_format, generic, ..Hints::default() })
}

fn execute(set: &Arc<RuleSet>, given: Given, arguments: &Arguments) -> Result<Outcome, Failure> {
    let watcher = given.bar()?;
    let Given { hints, tables, suppressions, settings, selected, left_out, tally } = given;
    let built = crate::run::build(set, hints, tables, arguments.pipelines, arguments.partial);
    let (intake, mut pipelines) = built.map_err(Failure::usage)?;
    let intake = intake.select(selected);
    pipelines.begin_with(|control| control.suppressions = suppressions);
    pipelines.begin_with(|control| settings.archived.begin(&mut control.settings.correlate));
    let kept = kept::open(arguments, set)?;
    let (journal, index) = kept.map_or((None, None), |kept| (Some(kept.journal), Some(kept.index)));
    let mut recorded = Recorded { pipelines, journal };
    let outcome = replay(&intake, &mut recorded, &settings, &watcher);
    watcher.bar.finish_and_clear();
    let mut outcome = outcome.map_err(|e| Failure::failed(format!("the replay cannot go on: {e}")))?;
    outcome.left_out = left_out;
    kept::close(recorded.journal.as_ref(), index, &outcome)?;
    far::tell(&tally, arguments.state.is_some());
    Ok(outcome)
}

/// What these words on the command line of `replay` mean.
pub(super) fn typed(words: &[String]) -> Result<Arguments, Failure> {
    use clap::{Args, FromArgMatches};
    let command = Arguments::augment_args(clap::Command::new("replay"));
    let matches = command.no_binary_name(true).try_get_matches_from(words);
    matches
        .and_then(|m| Arguments::from_arg_matches(&m))
        .map_err(|e| Failure::usage(e.to_string().trim_start_matches("error: ").trim_end()))
}

fn load_suppressions(arguments: &Arguments) -> Result<Vec<Suppression>, Failure> {
    let Some(path) = &arguments.suppressions else { return Ok(Vec::new()) };
    let problems = match crate::io::suppressions::read(path).map_err(Failure::failed)?.accept() {
        Ok(suppressions) => return Ok(suppressions),
        Err(problems) => problems,
    };
    problems.iter().for_each(|problem| anstream::eprintln!("{}", rules::error_line(problem)));
    Err(Failure::usage(format!("{} in the suppressions: see `tidegate suppress check`", problems.len())))
}

/// Events outside [from, to) count in windows that reach inside: a margin of the largest lateness and the farthest that any
/// correlation looks, those it refers to included.
fn margin(set: &RuleSet, arguments: &Arguments) -> (i64, i64) {
    let farthest = (0..set.rules.len() as u32).map(|rule| looks(set, rule)).max().unwrap_or(0);
    let margin = time::HOUR_MS.saturating_add(farthest);
    (arguments.from.map_or(i64::MIN, |t| t.saturating_sub(margin)), arguments.to.map_or(i64::MAX, |t| t.saturating_add(margin)))
}

/// Twice its timespan (with negations three times), and what its children look.
fn looks(set: &RuleSet, rule: u32) -> i64 {
    match &set.rule(rule).body {
        Body::Correlation(c) => (3 * c.timespan_ms).saturating_add(c.rules.iter().map(|child| looks(set, *child)).max().unwrap_or(0)),
        Body::Detection(_) => 0,
    }
}

fn in_range(alert: &serde_json::Value, arguments: &Arguments) -> bool {
    let start = alert["tidegate"]["episode"]["start"].as_i64().unwrap_or(0);
    arguments.from.is_none_or(|t| start >= t) && arguments.to.is_none_or(|t| start < t)
}

/// Writes lines to a file or standard output.
pub(super) fn write_lines(path: &str, lines: impl Iterator<Item = String>) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::failed(format!("cannot write {path}: {e}"));
    let mut out: Box<dyn Write> = match path {
        "-" => Box::new(std::io::BufWriter::new(std::io::stdout().lock())),
        _ => Box::new(std::io::BufWriter::new(std::fs::File::create(path).map_err(failed)?)),
    };
    for line in lines {
        writeln!(out, "{line}").map_err(failed)?;
    }
    out.flush().map_err(failed)
}

/// A progress bar, and Ctrl-C.
pub(super) struct Bar {
    /// The bar.
    pub(super) bar: indicatif::ProgressBar,
    stopped: Arc<AtomicBool>,
    far: Option<far::Progress>,
}

impl Bar {
    /// A bar over `total` bytes. The first Ctrl-C stops reading: what was read is finished and reported.
    pub(super) fn new(total: u64) -> Result<Self, Failure> {
        Self::watching(total, &Arc::default())
    }

    /// The same; where no size is known, over what the tally is told.
    fn watching(total: u64, tally: &Arc<Tally>) -> Result<Self, Failure> {
        let stopped = tally.stop_flag();
        let flag = stopped.clone();
        ctrlc::set_handler(move || {
            if flag.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        })
        .map_err(|e| Failure::failed(format!("cannot listen for Ctrl-C: {e}")))?;
        let far = far::Progress::new(total, tally);
        let bar = if far.is_some() { screen::time_progress("reading") } else { screen::byte_progress(total, "reading") };
        Ok(Bar { bar, stopped, far })
    }
}

impl Watcher for Bar {
    fn read(&self, bytes: u64) {
        match &self.far {
            Some(far) => far.show(&self.bar),
            None => self.bar.inc(bytes),
        }
    }

    fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}
