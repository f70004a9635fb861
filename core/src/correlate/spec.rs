//! A correlation as the engine runs it: its kind with thresholds made ready, its times, its parents.

use super::correlator::Settings;
use super::family::{Parent, lateness_of, level_of, parents};
use super::ordered::{Conjunct, conjuncts};
use crate::event::Source;
use crate::event::dictionary::is_non_negative;
use crate::rule::{Body, Compare, Correlation, CorrelationKind, Presence, RuleSet, Thresholds};
use std::sync::Arc;

/// Where every timestamp matters (chains, removal), this many times as many are kept.
const IN_ORDER: usize = 16;
/// A threshold above this is refused by the rule loader.
const THRESHOLD_MAX: f64 = 10_000.0;

/// What `Distinct` tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ident {
    /// The measured value.
    Value,
    /// The finding, else the event.
    Event,
}

/// What is measured in cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Measure {
    Sum,
    Average,
    /// Rank in percent.
    Percentile(f64),
    /// `service.count` of findings, as a lower bound per finding.
    FindingCount,
}

/// How a correlation is evaluated.
#[derive(Debug, Clone)]
pub(super) enum Kind {
    /// N events, none of them findings or child stretches.
    Count(usize),
    /// N identities.
    Distinct(usize, Ident),
    /// A boolean over steps without `not`.
    Temporal(Presence),
    /// The same on what negated steps leave.
    Remaining(Presence, Vec<bool>),
    /// Chains; one per conjunct of the condition.
    Ordered(Vec<Conjunct>, Vec<bool>),
    /// Windows of the epoch.
    Aligned(Thresholds, Ident),
    /// Cells of this width.
    Cells(Measure, Thresholds, i64),
}

/// One compiled correlation.
#[derive(Debug, Clone)]
pub(super) struct Spec {
    pub(super) index: u32,
    pub(super) kind: Kind,
    /// T; rounded up to whole cells where there are cells.
    pub(super) timespan: i64,
    pub(super) pane: i64,
    pub(super) lateness: i64,
    pub(super) level: usize,
    pub(super) sources: Vec<Source>,
    /// Judged at the watermark.
    pub(super) waits: bool,
    /// How far after a moment events still decide on it.
    pub(super) look: i64,
    /// Events older than W - L - this are forgotten.
    pub(super) keep: i64,
    /// An alert is closed once W - L is past end + this.
    pub(super) close: i64,
    /// Timestamps kept per pane before any is dropped, for every kind.
    pub(super) kept: usize,
    /// The same for this kind and threshold.
    pub(super) cap: usize,
    /// Rule index of each step.
    pub(super) rules: Vec<u32>,
    pub(super) parents: Vec<Parent>,
    pub(super) alerts: bool,
    pub(super) severity: u8,
    pub(super) digest: [u8; 32],
}

impl Spec {
    /// Whether the same event may stand at several steps.
    pub(super) fn by_step(&self) -> bool {
        matches!(self.kind, Kind::Temporal(_) | Kind::Remaining(..) | Kind::Ordered(..))
    }

    /// The width of a cell; 1 where there are none.
    pub(super) fn cell(&self) -> i64 {
        if let Kind::Cells(_, _, cell) = self.kind { cell } else { 1 }
    }

    /// Whether a step is one that the condition negates.
    pub(super) fn negates(&self, step: u16) -> bool {
        match &self.kind {
            Kind::Remaining(_, not) | Kind::Ordered(_, not) => not.get(usize::from(step)).copied().unwrap_or(false),
            _ => false,
        }
    }

    /// The group of events that belong to an episode: (first moment, one past the last).
    pub(super) fn reach(&self, start: i64, end: i64) -> (i64, i64) {
        match self.kind {
            Kind::Aligned(..) => (start, end),
            _ => (start.saturating_sub(self.timespan).saturating_add(1), end),
        }
    }
}

/// Compiles every correlation of a rule set.
pub(super) fn compile(set: &RuleSet, sources: &[Vec<Source>], settings: &Settings) -> Vec<Option<Arc<Spec>>> {
    let mut specs: Vec<Option<Spec>> = Vec::with_capacity(set.rules.len());
    for index in 0..set.rules.len() as u32 {
        let own = sources.get(index as usize).cloned().unwrap_or_default();
        specs.push(correlation(set, index).map(|c| compile_one(set, index, c, own, settings.kept_per_pane.max(2))));
    }
    for index in 0..specs.len() as u32 {
        let late = lateness_of(set, &specs, index, settings, 0);
        if let Some(spec) = &mut specs[index as usize] {
            spec.lateness = late;
        }
    }
    specs.into_iter().map(|s| s.map(Arc::new)).collect()
}

pub(super) fn correlation(set: &RuleSet, index: u32) -> Option<&Correlation> {
    match &set.rules.get(index as usize)?.body {
        Body::Correlation(c) => Some(c),
        Body::Detection(_) => None,
    }
}

fn compile_one(set: &RuleSet, index: u32, c: &Correlation, sources: Vec<Source>, kept: usize) -> Spec {
    let findings = sources.iter().any(|s| matches!(s, Source::GuardDuty | Source::SecurityHub));
    let children = c.rules.iter().any(|r| correlation(set, *r).is_some());
    let kind = kind_of(c, findings || children);
    let cell = if let Kind::Cells(_, _, cell) = kind { cell } else { 1 };
    let timespan = (c.timespan_ms.max(1) + cell - 1) / cell * cell;
    let (waits, look, reach_back) = times(&kind, timespan);
    let keep = look + reach_back + if cell > 1 { cell } else { 0 };
    let rule = set.rule(index);
    Spec {
        index,
        timespan,
        pane: if matches!(kind, Kind::Aligned(..)) { timespan } else { (timespan / 4).max(1) },
        lateness: 0,
        level: level_of(set, index, 0),
        sources,
        waits,
        look,
        keep,
        close: timespan * (1 + i64::from(waits)) + if cell > 1 { cell } else { 0 },
        kept,
        cap: cap(&kind, kept, c.rules.len()),
        rules: c.rules.clone(),
        parents: parents(set, index),
        alerts: rule.alerts,
        severity: rule.meta.level.map_or(0, |l| l as u8 + 1),
        digest: rule.digest,
        kind,
    }
}

/// Whether the kind waits for the watermark, how far it looks ahead, and how far before a judged moment its events reach.
fn times(kind: &Kind, t: i64) -> (bool, i64, i64) {
    match kind {
        Kind::Count(_) | Kind::Distinct(..) | Kind::Temporal(_) => (false, 0, t),
        Kind::Remaining(..) => (true, t, t),
        Kind::Ordered(conjuncts, _) if conjuncts.iter().any(Conjunct::negates) => {
            let look = if conjuncts.iter().any(Conjunct::looks_ahead) { t } else { 0 };
            (true, look, if conjuncts.iter().any(Conjunct::looks_back) { 2 * t } else { t })
        }
        Kind::Ordered(..) => (false, 0, t),
        Kind::Aligned(..) => (true, 0, 2 * t),
        Kind::Cells(measure, thresholds, _) => {
            let grows = lower_bound(thresholds).is_some() && matches!(measure, Measure::Sum | Measure::FindingCount);
            (!grows, 0, 2 * t)
        }
    }
}

fn kind_of(c: &Correlation, identities: bool) -> Kind {
    let cell = (c.timespan_ms / 1440).max(1000);
    match &c.kind {
        CorrelationKind::EventCount(t) => match lower_bound(t) {
            Some(n) if identities => Kind::Distinct(n, Ident::Event),
            Some(n) => Kind::Count(n),
            None => Kind::Aligned(t.clone(), Ident::Event),
        },
        CorrelationKind::ValueCount(_, t) => match lower_bound(t) {
            Some(n) => Kind::Distinct(n, Ident::Value),
            None => Kind::Aligned(t.clone(), Ident::Value),
        },
        CorrelationKind::ValueSum(field, t) => {
            // A sum that may be negative is an average without the division: judged. The mark for it is a rank of its own.
            let measure = if field == "service.count" { Measure::FindingCount } else { Measure::Sum };
            if is_non_negative(field) { Kind::Cells(measure, t.clone(), cell) } else { Kind::Cells(Measure::Sum, judged(t), cell) }
        }
        CorrelationKind::ValueAvg(_, t) => Kind::Cells(Measure::Average, t.clone(), cell),
        CorrelationKind::ValuePercentile(_, rank, t) => Kind::Cells(Measure::Percentile(*rank), t.clone(), cell),
        CorrelationKind::Temporal(p) => match negated(p, c.rules.len()) {
            Some(not) => Kind::Remaining(p.clone(), not),
            None => Kind::Temporal(p.clone()),
        },
        CorrelationKind::TemporalOrdered(p) => Kind::Ordered(conjuncts(p), negated(p, c.rules.len()).unwrap_or_default()),
    }
}

/// The same condition in a form that no longer counts as one that only grows: `x < infinity` beside it is always true.
fn judged(t: &Thresholds) -> Thresholds {
    let mut all = t.0.clone();
    all.push((Compare::Lt, f64::INFINITY));
    Thresholds(all)
}

/// N of "at least N", if the condition is only `gt` and `gte`.
fn lower_bound(t: &Thresholds) -> Option<usize> {
    let of = |(c, x): &(Compare, f64)| match c {
        Compare::Gt => Some(x.floor() + 1.0),
        Compare::Gte => Some(x.ceil()),
        _ => None,
    };
    let all: Option<Vec<f64>> = t.0.iter().map(of).collect();
    let largest = all?.into_iter().fold(1.0, f64::max);
    Some(largest.min(THRESHOLD_MAX + 1.0) as usize)
}

/// Which steps stand under a `not`; `None` if none does.
fn negated(p: &Presence, steps: usize) -> Option<Vec<bool>> {
    fn mark(p: &Presence, under: bool, out: &mut [bool]) {
        match p {
            Presence::Rule(step) => {
                if let Some(place) = out.get_mut(usize::from(*step)) {
                    *place |= under;
                }
            }
            Presence::And(all) | Presence::Or(all) => all.iter().for_each(|q| mark(q, under, out)),
            Presence::Not(q) => mark(q, true, out),
        }
    }
    let mut out = vec![false; steps];
    mark(p, false, &mut out);
    out.contains(&true).then_some(out)
}

fn cap(kind: &Kind, kept: usize, steps: usize) -> usize {
    match kind {
        Kind::Count(n) => kept.max(2 * n),
        Kind::Distinct(n, _) => kept.max(4 * n),
        Kind::Aligned(t, _) => kept.max(4 * above(t)),
        Kind::Temporal(_) => kept.max(4 * steps),
        Kind::Cells(..) => kept,
        Kind::Remaining(..) | Kind::Ordered(..) => IN_ORDER * kept.max(steps),
    }
}

/// A number of identities from which on more of them change nothing.
pub(super) fn above(t: &Thresholds) -> usize {
    t.0.iter().map(|(_, x)| x.clamp(0.0, THRESHOLD_MAX) as usize + 2).max().unwrap_or(1)
}
