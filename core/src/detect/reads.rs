//! Which sources a rule or correlation reads: they decide its watermark and lateness.

use crate::event::source::BUILT_IN;
use crate::event::{GenericSource, Source};
use crate::rule::{Body, RuleSet};
use std::collections::BTreeSet;

/// The sources whose events a rule sees, or that feed a correlation directly or through other correlations; sorted.
#[must_use]
pub fn sources_of(set: &RuleSet, rule: u32, generic: &[GenericSource]) -> Vec<Source> {
    let (mut sources, mut seen) = (BTreeSet::new(), BTreeSet::new());
    let mut waiting = vec![rule];
    while let Some(rule) = waiting.pop() {
        if !seen.insert(rule) {
            continue;
        }
        match &set.rule(rule).body {
            Body::Correlation(correlation) => waiting.extend(&correlation.rules),
            Body::Detection(detection) => {
                let stated = (0u16..).zip(generic).map(|(n, _)| Source::Generic(n));
                let all = BUILT_IN.into_iter().chain(stated);
                sources.extend(all.filter(|source| source.admitted_by(&detection.logsource, generic)));
            }
        }
    }
    sources.into_iter().collect()
}
