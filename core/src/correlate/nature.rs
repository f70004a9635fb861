//! How a correlation treats its windows and what it keeps, for people: the numbers by which the engine itself works.

use super::correlator::Settings;
use super::spec::{Kind, compile};
use crate::event::Source;
use crate::rule::RuleSet;

/// A correlation's times and bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Nature {
    /// Judged once, when the watermark has passed; otherwise it fires as soon as its condition holds.
    pub waits: bool,
    /// Its timespan; rounded up to whole cells where numbers are summed.
    pub timespan_ms: i64,
    /// Allowed lateness: the largest of its sources', plus what its children wait.
    pub lateness_ms: i64,
    /// How far after a moment events still decide on it.
    pub looks_ahead_ms: i64,
    /// How long behind the watermark events are kept, the lateness included.
    pub kept_ms: i64,
    /// How long after the end of an episode, by the watermark, its alert is closed.
    pub closes_ms: i64,
    /// Most events of one key that are kept one by one; `None` for sums and quantiles, which keep numbers per cell.
    pub kept_events_max: Option<u64>,
    /// Windows of the epoch instead of windows that end at each moment.
    pub aligned: bool,
}

/// The nature of a correlation; `None` for a detection rule. `sources` are those of every rule, as for [`super::Correlator::new`].
#[must_use]
pub fn nature(set: &RuleSet, rule: u32, sources: &[Vec<Source>], settings: &Settings) -> Option<Nature> {
    let specs = compile(set, sources, settings);
    let spec = specs.get(rule as usize)?.as_ref()?;
    let kept_ms = spec.keep.saturating_add(spec.lateness);
    let panes = kept_ms.div_euclid(spec.pane.max(1)).saturating_add(2).unsigned_abs();
    let single = !matches!(spec.kind, Kind::Cells(..));
    Some(Nature {
        waits: spec.waits,
        timespan_ms: spec.timespan,
        lateness_ms: spec.lateness,
        looks_ahead_ms: spec.look,
        kept_ms,
        closes_ms: spec.close.saturating_add(spec.lateness),
        kept_events_max: single.then(|| panes.saturating_mul((spec.cap + (spec.cap / 4).max(spec.kept)) as u64)),
        aligned: matches!(spec.kind, Kind::Aligned(..)),
    })
}
