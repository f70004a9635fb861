//! `replay --baseline`: what another rule set would have done with the same history.

mod html;
mod junit;
mod limits;
mod text;

pub(in crate::cli) use text::{cost_table, shared_line};

use super::{Arguments, Given, far, in_range, load_rules, margin, write_lines};
use crate::cli::{Exit, Failure, screen, summary};
use crate::run::replay::compare::Comparison;
use crate::run::replay::measure::{Measured, Measuring, measure};
use limits::{Crossed, Limits};
use serde_json::{Value, json};
use std::path::PathBuf;
use tidegate_core::alert::neutral;
use tidegate_core::pipeline::books::total;
use tidegate_core::rule::RuleSet;
use tidegate_core::workbench::Parts;

/// What was typed.
#[derive(Debug, clap::Args)]
pub(super) struct DiffOptions {
    /// Second rule set, the one before: report the difference of the alerts instead of the alerts (repeatable)
    #[arg(long, value_name = "PATH", conflicts_with = "log")]
    baseline: Vec<String>,
    /// Print the difference as one JSON document
    #[arg(long, requires = "baseline")]
    json: bool,
    /// Also write the difference as a JUnit report
    #[arg(long, value_name = "FILE", requires = "baseline")]
    junit: Option<PathBuf>,
    /// Also write the difference as one self-contained page with charts
    #[arg(long, value_name = "FILE", requires = "baseline")]
    html: Option<PathBuf>,
    /// Exit with 1 if any of these holds, such as `added>10,removed>0,changed>=5,pages>3`
    #[arg(long, value_name = "LIMITS", requires = "baseline", value_parser = limits::parse)]
    fail_on: Option<Limits>,
}

impl DiffOptions {
    /// Whether the difference is asked for.
    pub(super) fn asked(&self) -> bool {
        !self.baseline.is_empty()
    }
}

/// What all forms of the report tell.
struct Report<'a> {
    comparison: &'a Comparison,
    measured: &'a Measured,
    /// Digest and number of rules, of the old and of the new set.
    sets: [(String, usize); 2],
    crossed: Vec<Crossed>,
    limits: Option<&'a Limits>,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let options = &arguments.diff;
    if arguments.state.is_some() {
        return Err(Failure::usage("--state keeps the log of one rule set; leave it out with --baseline"));
    }
    let (old, new) = (load_rules(&options.baseline, arguments.partial)?, load_rules(&arguments.rules, arguments.partial)?);
    let range = widest(margin(&old, arguments), margin(&new, arguments));
    let measured = measured(arguments, Parts::between(&old, &new), range)?;
    let comparison = Comparison::of(&measured, &|alert| in_range(alert, arguments));
    let limits = options.fail_on.as_ref();
    let crossed = limits.map(|l| l.crossed(&comparison.difference.total)).unwrap_or_default();
    let report = Report { comparison: &comparison, measured: &measured, sets: [name(&old), name(&new)], crossed, limits };
    write(&report, arguments)?;
    let errors = tell_input(&measured);
    for crossed in &report.crossed {
        anstream::eprintln!("{}{crossed}", screen::red("over the limit: "));
    }
    Ok(match (errors, measured.outcome.interrupted, report.crossed.is_empty()) {
        (true, ..) => Exit::Failed,
        (_, true, _) => Exit::Interrupted,
        (_, _, false) => Exit::Found,
        (_, _, true) => Exit::Fine,
    })
}

fn name(set: &RuleSet) -> (String, usize) {
    (set.digest[..4].iter().map(|b| format!("{b:02x}")).collect(), set.rules.len())
}

fn widest(a: (i64, i64), b: (i64, i64)) -> (i64, i64) {
    (a.0.min(b.0), a.1.max(b.1))
}

fn write(report: &Report<'_>, arguments: &Arguments) -> Result<(), Failure> {
    let options = &arguments.diff;
    if let Some(path) = &arguments.alerts {
        write_lines(path, report.comparison.alerts.iter().map(ToString::to_string))?;
    }
    if let Some(path) = &arguments.quarantine {
        let refused = &report.measured.outcome.quarantined;
        write_lines(&path.to_string_lossy(), refused.iter().map(|q| summary::quarantine_line(q).to_string()))?;
    }
    if let Some(path) = &options.html {
        write_lines(&path.to_string_lossy(), std::iter::once(html::page(report)))?;
    }
    if let Some(path) = &options.junit {
        write_lines(&path.to_string_lossy(), std::iter::once(junit::report(report)?))?;
    }
    if options.json { screen::print([document(report).to_string()]) } else { screen::print(text::lines(report)) }
}

/// The report as one document.
fn document(report: &Report<'_>) -> Value {
    let set = |(digest, rules): &(String, usize)| json!({"digest": digest, "rules": rules});
    let [shared, old, new] = &report.comparison.costs;
    let outcome = &report.measured.outcome;
    json!({
        "old": set(&report.sets[0]), "new": set(&report.sets[1]),
        "rules": report.comparison.rules,
        "difference": report.comparison.difference,
        "costs": {"shared": shared, "old": old, "new": new},
        "over": report.crossed.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "input": {
            "records": outcome.books.input.records, "events": total(&outcome.books.input.events),
            "quarantined": total(&outcome.books.input.quarantined), "unread": outcome.unread.len(),
            "cpu_seconds": outcome.cpu_seconds, "wall_seconds": outcome.wall.as_secs_f64(), "interrupted": outcome.interrupted,
        },
    })
}

/// Runs history through the parts of one or two sets.
pub(in crate::cli) fn measured(arguments: &Arguments, parts: Parts, range_ms: (i64, i64)) -> Result<Measured, Failure> {
    let given = Given::of(arguments, range_ms)?;
    let watcher = given.bar()?;
    let Given { hints, tables, suppressions, settings, selected, left_out, tally } = given;
    let measuring =
        Measuring::new(parts, hints, tables, &suppressions, (arguments.pipelines, arguments.partial)).map_err(Failure::usage)?;
    let measured = measure(measuring.over(selected, &settings.archived), &settings, &watcher);
    watcher.bar.finish_and_clear();
    far::tell(&tally, false);
    let mut measured = measured.map_err(|e| Failure::failed(format!("the replay cannot go on: {e}")))?;
    measured.outcome.left_out = left_out;
    Ok(measured)
}

/// Says on standard error what was read and what was not. Gives whether something was left unread or does not balance.
pub(in crate::cli) fn tell_input(measured: &Measured) -> bool {
    let (outcome, n) = (&measured.outcome, screen::thousands);
    let input = &outcome.books.input;
    anstream::eprintln!(
        "{} records: {} events, {} filtered, {} quarantined; {:.2} s, {:.2} CPU s",
        n(input.records),
        n(total(&input.events)),
        n(total(&input.filtered)),
        n(total(&input.quarantined)),
        outcome.wall.as_secs_f64(),
        outcome.cpu_seconds
    );
    for (name, error) in &outcome.unread {
        anstream::eprintln!("{}cannot read {}: {}", screen::red("error: "), neutral::terminal(name), error.error);
    }
    let errors = measured.book_errors();
    errors.iter().for_each(|e| anstream::eprintln!("{}the books do not balance: {e}", screen::red("error: ")));
    if outcome.interrupted {
        anstream::eprintln!("{}", screen::yellow("stopped by the user: what was read before is complete"));
    }
    !outcome.unread.is_empty() || !errors.is_empty()
}
