//! Drivers of the core. Each moves inputs in and effects out; decisions are in the core.

pub mod latency;
pub mod outcome;
pub mod replay;

pub use outcome::{AlertStore, Outcome};

use std::sync::Arc;
use tidegate_core::decode::Hints;
use tidegate_core::detect::{Detector, sources_of};
use tidegate_core::pipeline::{Embedded, Intake, Settings};
use tidegate_core::rule::RuleSet;

/// The two halves of the machine for a rule set, state in memory.
///
/// # Errors
/// If the stated flow-log format is none: in words.
pub fn build(set: &Arc<RuleSet>, hints: Hints, pipelines: u16) -> Result<(Intake, Embedded), String> {
    let sources = (0..set.rules.len() as u32).map(|rule| sources_of(set, rule, &hints.generic)).collect();
    let settings = Settings { product_version: env!("CARGO_PKG_VERSION").to_owned(), ..Settings::default() };
    let embedded = Embedded::new(set, sources, settings, pipelines);
    let (detector, _) = Detector::new(set.clone(), &hints);
    Ok((Intake::new(detector, hints)?, embedded))
}
