//! Reading an alert document that may hold anything, and saying numbers and times.

use serde_json::Value;
use tidegate_core::event::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, format_rfc3339};

/// A text; nothing where there is none.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The texts of a list.
pub(super) fn texts<'a>(value: &'a Value, pointer: &str) -> Vec<&'a str> {
    value.pointer(pointer).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A number that is not negative.
pub(super) fn number(value: &Value, pointer: &str) -> Option<u64> {
    value.pointer(pointer).and_then(Value::as_u64)
}

/// A whole number.
pub(super) fn integer(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer).and_then(Value::as_i64)
}

/// `2026-11-23 17:53:04 UTC`
pub(super) fn moment(ms: i64) -> String {
    format!("{} {} UTC", day(ms), clock(ms))
}

/// `2026-11-23`
pub(super) fn day(ms: i64) -> String {
    let text = format_rfc3339(ms);
    text.split('T').next().unwrap_or_default().to_owned()
}

/// `17:53:04`
pub(super) fn clock(ms: i64) -> String {
    let text = format_rfc3339(ms);
    text.split('T').nth(1).and_then(|t| t.get(..8)).unwrap_or_default().to_owned()
}

/// `21 min 43 s`: the two largest units.
pub(super) fn span(ms: i64) -> String {
    let units = [(DAY_MS, "d"), (HOUR_MS, "h"), (MINUTE_MS, "min"), (SECOND_MS, "s")];
    let at = units.iter().position(|(unit, _)| ms >= *unit);
    let Some(at) = at else { return format!("{ms} ms") };
    let (unit, name) = units[at];
    let rest = units.get(at + 1).map(|(small, name)| (ms % unit / small, name)).filter(|(n, _)| *n > 0);
    rest.map_or_else(|| format!("{} {name}", ms / unit), |(n, small)| format!("{} {name} {n} {small}", ms / unit))
}

/// `1 event`, `2 events`.
pub(super) fn plural(n: u64, noun: &str) -> String {
    format!("{} {noun}{}", crate::cli::screen::thousands(n), if n == 1 { "" } else { "s" })
}
