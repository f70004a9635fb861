//! Watermarks: up to which arrival time everything of a source has been read.

use super::Source;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A watermark before anything was read.
pub const NOT_YET: i64 = i64::MIN / 4;
/// The watermark of finite input at its end.
pub const ENDED: i64 = i64::MAX / 4;

/// The watermarks a Pipeline knows. They never move back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watermarks {
    /// Per kind of source: the minimum over all shards that may carry it. A source that is absent is not fed at all and holds nobody back.
    pub sources: BTreeMap<Source, i64>,
    /// Per level of correlations: the minimum, over all pipelines, of what each published after the derived detections it
    /// covers. `derived[k]` bounds the derived detections made by correlations of level k (level 0 reads sources only).
    pub derived: Vec<i64>,
}

impl Watermarks {
    /// The watermark of a correlation that reads these sources, and children of levels below `level`.
    #[must_use]
    pub fn of(&self, sources: &[Source], level: usize) -> i64 {
        let of_sources = sources.iter().filter_map(|s| self.sources.get(s)).copied().min();
        let of_children = (level > 0).then(|| self.derived.iter().take(level).copied().min().unwrap_or(NOT_YET));
        match (of_sources, of_children) {
            (Some(a), Some(b)) => a.min(b),
            (Some(a), None) => a,
            (None, Some(b)) => b,
            // Nothing that could feed the correlation exists: only the end of all input completes it.
            (None, None) => self.sources.values().copied().min().unwrap_or(NOT_YET),
        }
    }

    /// Raises a source's watermark; a lower value changes nothing.
    pub fn raise(&mut self, source: Source, ms: i64) {
        let at = self.sources.entry(source).or_insert(NOT_YET);
        *at = (*at).max(ms);
    }
}
