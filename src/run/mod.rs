//! Drivers of the core. Each moves inputs in and effects out; decisions are in the core.

pub mod doctor;
pub mod journal;
pub mod latency;
pub mod live;
pub mod outcome;
pub mod replay;

pub use outcome::{AlertStore, Outcome};

use std::sync::Arc;
use tidegate_core::decode::Hints;
use tidegate_core::detect::{Detector, WarningKind, sources_of};
use tidegate_core::enrich::Tables;
use tidegate_core::pipeline::{Embedded, Intake, Settings};
use tidegate_core::rule::RuleSet;

/// The stateful half alone.
fn machine(set: &Arc<RuleSet>, hints: &Hints, tables: &Tables, pipelines: u16) -> Embedded {
    let sources = (0..set.rules.len() as u32).map(|rule| sources_of(set, rule, &hints.generic)).collect();
    let settings = Settings { product_version: env!("CARGO_PKG_VERSION").to_owned(), ..Settings::default() };
    let mut embedded = Embedded::new(set, sources, settings, pipelines);
    embedded.begin_with(|control| control.tables = tables.versions());
    embedded
}

/// The two halves of the machine for a rule set and the tables that rules and events ask, state in memory.
///
/// # Errors
/// If the stated flow-log format is none, or, unless a `partial` set is allowed, if a rule cannot be compiled for the sources it
/// reads: in words.
pub fn build(set: &Arc<RuleSet>, hints: Hints, tables: Arc<Tables>, pipelines: u16, partial: bool) -> Result<(Intake, Embedded), String> {
    let embedded = machine(set, &hints, &tables, pipelines);
    let (detector, warnings) = Detector::with_tables(set.clone(), &hints, tables);
    let left_out: Vec<String> =
        warnings.iter().filter(|w| w.kind == WarningKind::LeftOut).map(|w| format!("{}: {}", w.place, w.text)).collect();
    if !left_out.is_empty() && !partial {
        return Err(format!("{}\ncorrect the rules, or start without them by --partial", left_out.join("\n")));
    }
    Ok((Intake::new(detector, hints)?, embedded))
}
