//! Which fields of tables a rule or correlation names.

use crate::enrich::{self, Tables};
use crate::rule::{Body, Correlation, CorrelationKind, Expr, Rule, Test};

/// The fields that only a table can fill and that no table given fills, each once, in the order written. Places of addresses are
/// not told: many sources know them themselves.
pub(super) fn without_table<'r>(rule: &'r Rule, tables: &Tables) -> Vec<&'r str> {
    let mut names = Vec::new();
    match &rule.body {
        Body::Detection(detection) => of_condition(&detection.condition, &mut names),
        Body::Correlation(correlation) => of_correlation(correlation, &mut names),
    }
    let mut missing: Vec<&str> = Vec::new();
    for name in names {
        let field = enrich::field(name).filter(|field| !matches!(field.subject, enrich::Subject::Location(_)));
        if field.is_some_and(|field| !tables.can_fill(&field)) && !missing.contains(&name) {
            missing.push(name);
        }
    }
    missing
}

fn of_condition<'r>(expr: &'r Expr, names: &mut Vec<&'r str>) {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| of_condition(part, names)),
        Expr::Not(part) => of_condition(part, names),
        Expr::Keyword(_) => {}
        Expr::Field { field, test } => {
            names.push(field);
            if let Test::FieldRef { field, .. } = test {
                names.push(field);
            }
        }
    }
}

fn of_correlation<'r>(correlation: &'r Correlation, names: &mut Vec<&'r str>) {
    let is_alias = |name: &&String| correlation.aliases.contains_key(*name);
    names.extend(correlation.group_by.iter().filter(|name| !is_alias(name)).map(String::as_str));
    names.extend(correlation.aliases.values().flat_map(|of| of.values()).map(String::as_str));
    match &correlation.kind {
        CorrelationKind::ValueCount(fields, _) => names.extend(fields.iter().map(String::as_str)),
        CorrelationKind::ValueSum(field, _) | CorrelationKind::ValueAvg(field, _) | CorrelationKind::ValuePercentile(field, _, _) => {
            names.push(field);
        }
        CorrelationKind::EventCount(_) | CorrelationKind::Temporal(_) | CorrelationKind::TemporalOrdered(_) => {}
    }
}
