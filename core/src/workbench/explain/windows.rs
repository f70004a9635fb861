//! A rule in one sentence.

use super::words::{compare_words, span};
use crate::rule::{Body, Correlation, CorrelationKind, Presence, Rule, RuleSet, Thresholds};

/// `detection`, or the type of the correlation.
pub(super) fn kind(rule: &Rule) -> &'static str {
    match &rule.body {
        Body::Detection(_) => "detection",
        Body::Correlation(correlation) => match &correlation.kind {
            CorrelationKind::EventCount(_) => "event_count",
            CorrelationKind::ValueCount(..) => "value_count",
            CorrelationKind::ValueSum(..) => "value_sum",
            CorrelationKind::ValueAvg(..) => "value_avg",
            CorrelationKind::ValuePercentile(..) => "value_percentile",
            CorrelationKind::Temporal(_) => "temporal",
            CorrelationKind::TemporalOrdered(_) => "temporal_ordered",
        },
    }
}

/// What a rule says.
#[must_use]
pub fn meaning(set: &RuleSet, number: u32) -> String {
    match &set.rule(number).body {
        Body::Detection(_) => "an event of its logsource that meets the condition".to_owned(),
        Body::Correlation(correlation) => {
            let whom = match correlation.group_by.as_slice() {
                [] => "over everything".to_owned(),
                fields => format!("for each {}", fields.join(" and ")),
            };
            format!("{whom}: {} within {}", of_kind(set, correlation), span(correlation.timespan_ms))
        }
    }
}

fn of_kind(set: &RuleSet, correlation: &Correlation) -> String {
    let rules = names(set, correlation).join(" or ");
    match &correlation.kind {
        CorrelationKind::EventCount(limits) => format!("{} events of {rules}", limit(limits)),
        CorrelationKind::ValueCount(fields, limits) => {
            format!("{} different values of {} in events of {rules}", limit(limits), fields.join(" with "))
        }
        CorrelationKind::ValueSum(field, limits) => format!("the sum of {field} in events of {rules} is {}", limit(limits)),
        CorrelationKind::ValueAvg(field, limits) => format!("the average of {field} in events of {rules} is {}", limit(limits)),
        CorrelationKind::ValuePercentile(field, rank, limits) => {
            let what = if *rank == 50.0 { "the median".to_owned() } else { format!("percentile {rank}") };
            format!("{what} of {field} in events of {rules} is {}", limit(limits))
        }
        CorrelationKind::Temporal(presence) => said(presence, &names(set, correlation), " and ", false),
        CorrelationKind::TemporalOrdered(presence) => said(presence, &names(set, correlation), ", then ", false),
    }
}

fn names(set: &RuleSet, correlation: &Correlation) -> Vec<String> {
    correlation.rules.iter().map(|rule| format!("\"{}\"", set.rule(*rule).meta.title)).collect()
}

fn limit(limits: &Thresholds) -> String {
    limits.0.iter().map(|(compare, n)| format!("{} {n}", compare_words(*compare))).collect::<Vec<_>>().join(" and ")
}

fn said(presence: &Presence, names: &[String], and: &str, inside: bool) -> String {
    let of = |all: &[Presence], join: &str| {
        let words = all.iter().map(|p| said(p, names, and, true)).collect::<Vec<_>>().join(join);
        if inside && all.len() > 1 { format!("({words})") } else { words }
    };
    match presence {
        Presence::Rule(step) => names.get(usize::from(*step)).cloned().unwrap_or_default(),
        Presence::And(all) => of(all, and),
        Presence::Or(all) => of(all, " or "),
        Presence::Not(inner) => format!("no {}", said(inner, names, and, true)),
    }
}
