//! What the rules of a file are by nature: which variants of their tests must not make a difference, and why others may.

use super::suite::{Case, Suite};
use crate::event::time::{DAY_MS, parse_rfc3339_ms};
use crate::rule::{Body, Compare, Correlation, CorrelationKind, Expr, RuleSet, Test, Thresholds};
use serde_json::Value;
use std::collections::BTreeSet;

/// What matters about some rules and all they refer to.
#[derive(Debug)]
pub(super) struct Nature {
    /// Every correlation among them has an account in its group key: other accounts cannot matter.
    pub(super) by_account: bool,
    /// Why times must not be moved.
    pub(super) fixed: Option<&'static str>,
    /// Longest timespan; a day where there is none.
    pub(super) timespan_ms: i64,
    /// Times may only be moved by multiples of this.
    pub(super) unit_ms: i64,
}

impl Nature {
    /// That of the rules marked in `own`.
    pub(super) fn of(set: &RuleSet, own: &[bool]) -> Self {
        let mut nature = Nature { by_account: true, fixed: None, timespan_ms: 0, unit_ms: 1 };
        for rule in reached(set, own) {
            match &set.rule(rule).body {
                Body::Detection(rule) if asks_time(&rule.condition) => nature.fixed = Some("a rule asks for the hour or day"),
                Body::Detection(_) => {}
                Body::Correlation(correlation) => nature.add(correlation),
            }
        }
        if nature.timespan_ms == 0 {
            nature.timespan_ms = DAY_MS;
        }
        nature
    }

    fn add(&mut self, correlation: &Correlation) {
        self.by_account &= correlation.group_by.iter().any(|field| field.to_lowercase().contains("account"));
        self.timespan_ms = self.timespan_ms.max(correlation.timespan_ms);
        let (thresholds, cells) = match &correlation.kind {
            CorrelationKind::EventCount(t) | CorrelationKind::ValueCount(_, t) => (Some(t), false),
            CorrelationKind::ValueSum(_, t) | CorrelationKind::ValueAvg(_, t) | CorrelationKind::ValuePercentile(_, _, t) => {
                (Some(t), true)
            }
            CorrelationKind::Temporal(_) | CorrelationKind::TemporalOrdered(_) => (None, false),
        };
        if thresholds.is_some_and(aligned) {
            self.fixed = Some("`lt`, `lte`, `eq` and `neq` are judged per window of the epoch");
        }
        if cells {
            self.unit_ms = least_multiple(self.unit_ms, (correlation.timespan_ms / 1440).max(1000));
        }
    }
}

fn aligned(thresholds: &Thresholds) -> bool {
    thresholds.0.iter().any(|(compare, _)| matches!(compare, Compare::Lt | Compare::Lte | Compare::Eq | Compare::Neq))
}

/// The rules marked in `own`, and all they refer to.
pub(super) fn reached(set: &RuleSet, own: &[bool]) -> BTreeSet<u32> {
    let mut waiting: Vec<u32> = (0u32..).zip(own).filter(|(_, own)| **own).map(|(rule, _)| rule).collect();
    let mut seen = BTreeSet::new();
    while let Some(rule) = waiting.pop() {
        if seen.insert(rule)
            && let Body::Correlation(correlation) = &set.rule(rule).body
        {
            waiting.extend(&correlation.rules);
        }
    }
    seen
}

fn asks_time(condition: &Expr) -> bool {
    match condition {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(asks_time),
        Expr::Not(part) => asks_time(part),
        Expr::Field { test, .. } | Expr::Keyword(test) => matches!(test, Test::TimePart(..)),
    }
}

pub(super) fn least_multiple(a: i64, b: i64) -> i64 {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    (a / x.max(1)).saturating_mul(b)
}

/// Why the times of a case must not be moved, whatever its rules are.
pub(super) fn fixed_times(suite: &Suite, case: &Case) -> Option<&'static str> {
    if suite.dated_tables {
        return Some("a table says until when something holds");
    }
    let dated = case.steps.iter().any(|step| {
        let template = suite.templates.get(&step.template);
        step.set.values().chain(template.iter().flat_map(|t| t.fields.values())).any(has_date)
    });
    dated.then_some("an event names a date")
}

fn has_date(value: &Value) -> bool {
    match value {
        Value::String(text) => parse_rfc3339_ms(text).is_some(),
        Value::Array(all) => all.iter().any(has_date),
        Value::Object(all) => all.values().any(has_date),
        _ => false,
    }
}

/// Times of services that write whole seconds can only be moved by these.
pub(super) fn resolution_ms(suite: &Suite, case: &Case) -> i64 {
    let coarse = |kind: &str| matches!(kind, "cloudtrail" | "vpcflow" | "dns" | "eventbridge");
    let kinds = case.steps.iter().filter_map(|step| suite.templates.get(&step.template));
    if kinds.into_iter().any(|template| coarse(template.kind)) { 1000 } else { 1 }
}
