//! What a plain YAML scalar is: null, boolean, number or text.
//!
//! YAML 1.2's core schema with one difference: a number with leading zeros, or one that a float cannot hold exactly, stays text,
//! because account ids are written so and must keep their digits.

use super::yaml::Kind;

/// What a scalar without quotes is.
pub(super) fn plain(text: &str) -> Kind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Kind::Null,
        "true" | "True" | "TRUE" => Kind::Bool(true),
        "false" | "False" | "FALSE" => Kind::Bool(false),
        _ => number(text).map_or(Kind::Text, Kind::Number),
    }
}

fn number(text: &str) -> Option<f64> {
    const EXACT_MAX: i64 = 1 << 53;
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let exact = |n: i64| (n.abs() <= EXACT_MAX).then_some(n as f64);
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().filter(|_| !hex.starts_with(['+', '-'])).and_then(exact);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok().filter(|_| !octal.starts_with(['+', '-'])).and_then(exact);
    }
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
    if leading_zero || !digits.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok().and_then(exact);
    }
    let shaped = digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'));
    text.parse().ok().filter(|x: &f64| shaped && x.is_finite())
}
