//! Severities: numbers, labels, OCSF ids, and back.

use super::{Function, Values, one, texts, values};
use crate::event::Value;

/// First value that can be read.
pub(super) fn derive<'a>(function: Function, inputs: &[&[Value<'a>]]) -> Values<'a> {
    let found = match function {
        Function::SeverityId => values(inputs).find_map(Value::number).map(id_of_number),
        Function::SeverityIdOfLabel => texts(inputs).find_map(|t| id_of_label(&t)),
        Function::SeverityOfLabel => texts(inputs).find_map(|t| id_of_label(&t)).map(number_of_id),
        _ => values(inputs).find_map(Value::number).map(|n| number_of_id(n as i64)),
    };
    found.map(|n| one(Value::Int(n))).unwrap_or_default()
}

/// Zero and what lies under Low is Informational (Security Hub's copies may say 0).
fn id_of_number(number: f64) -> i64 {
    match number {
        n if n < 1.0 => 1,
        n if n < 4.0 => 2,
        n if n < 7.0 => 3,
        n if n < 9.0 => 4,
        _ => 5,
    }
}

fn id_of_label(label: &str) -> Option<i64> {
    const LABELS: [(&str, i64); 6] = [("informational", 1), ("low", 2), ("medium", 3), ("high", 4), ("critical", 5), ("fatal", 6)];
    LABELS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(label)).map(|(_, id)| id)
}

/// The number AWS itself uses most for the band.
fn number_of_id(id: i64) -> i64 {
    match id {
        2 => 2,
        3 => 5,
        4 => 8,
        5 | 6 => 9,
        _ => 0,
    }
}
