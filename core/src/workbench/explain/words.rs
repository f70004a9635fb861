//! Conditions in words, and with them the answers that an event gave.

use crate::detect::{Traced, TracedPart};
use crate::rule::{Compare, Expr, Part, Pattern, RefMode, Test, TimePart};
use serde::Serialize;

/// Most values of a list that are written out.
const VALUES_MAX: usize = 12;
/// Most characters of a value that are shown.
const CHARS_MAX: usize = 200;

/// One line of a condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// How deep it stands.
    pub depth: usize,
    /// What is asked, in words.
    pub what: String,
    /// The answer; absent without an event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holds: Option<bool>,
    /// The values of the field in the event; empty: the field is absent. Absent where no single field is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<Vec<String>>,
}

/// A condition without an event.
#[must_use]
pub fn rows(expr: &Expr) -> Vec<Row> {
    let mut out = traced_rows(&Traced::unseen(expr));
    out.iter_mut().for_each(|row| (row.holds, row.seen) = (None, None));
    out
}

/// A condition with the answers of an event.
#[must_use]
pub(super) fn traced_rows(traced: &Traced) -> Vec<Row> {
    let mut out = Vec::new();
    write(traced, 0, &mut out);
    out
}

fn write(traced: &Traced, depth: usize, out: &mut Vec<Row>) {
    if let Some(mut row) = leaf(traced) {
        row.depth = depth;
        out.push(row);
        return;
    }
    let head = |what: &str| Row { depth, what: what.to_owned(), holds: Some(traced.holds), seen: None };
    match &traced.part {
        TracedPart::All(parts) if depth == 0 => parts.iter().for_each(|part| write(part, depth, out)),
        TracedPart::All(parts) | TracedPart::Any(parts) => {
            out.push(head(if matches!(traced.part, TracedPart::All(_)) { "all of:" } else { "one of:" }));
            parts.iter().for_each(|part| write(part, depth + 1, out));
        }
        TracedPart::Not(part) => {
            out.push(head("not:"));
            write(part, depth + 1, out);
        }
        TracedPart::Field { .. } | TracedPart::Keyword(_) => {}
    }
}

/// The single tests that made a condition what it is: of what holds those that hold, of what does not those that do not.
#[must_use]
pub(super) fn deciding(traced: &Traced) -> Vec<Row> {
    if let Some(row) = leaf(traced) {
        return vec![row];
    }
    match &traced.part {
        TracedPart::All(parts) | TracedPart::Any(parts) => {
            parts.iter().filter(|part| part.holds == traced.holds).flat_map(deciding).collect()
        }
        TracedPart::Not(part) => deciding(part),
        TracedPart::Field { .. } | TracedPart::Keyword(_) => Vec::new(),
    }
}

/// A single test, or a list of values for one field, or the opposite of such: one line.
fn leaf(traced: &Traced) -> Option<Row> {
    let row = |what: String, seen: Option<Vec<String>>| Row { depth: 0, what, holds: Some(traced.holds), seen };
    match &traced.part {
        TracedPart::Field { field, test, seen } => Some(row(format!("{field} {}", test_words(test)), Some(seen.clone()))),
        TracedPart::Keyword(test) => Some(row(format!("any value of the event {}", test_words(test)), None)),
        TracedPart::Any(parts) => of_one_field(parts, " or ").map(|(what, seen)| row(what, seen)),
        TracedPart::All(parts) => of_one_field(parts, " and ").map(|(what, seen)| row(what, seen)),
        TracedPart::Not(part) => leaf(part).map(|inner| row(format!("not ({})", inner.what), inner.seen)),
    }
}

type Words = (String, Option<Vec<String>>);

/// Several tests of one field. The first word (`is`, `contains`) is said once where all have it.
fn of_one_field(parts: &[Traced], join: &str) -> Option<Words> {
    let of = |part: &Traced| match &part.part {
        TracedPart::Field { field, test, seen } => Some((field.clone(), test_words(test), Some(seen.clone()))),
        TracedPart::Keyword(test) => Some(("any value of the event".to_owned(), test_words(test), None)),
        _ => None,
    };
    let all = parts.iter().map(of).collect::<Option<Vec<_>>>()?;
    let (field, first, seen) = all.first()?.clone();
    if parts.len() < 2 || all.iter().any(|(other, ..)| *other != field) {
        return None;
    }
    let verb = ["is inside ", "starts with ", "ends with ", "contains ", "is "].into_iter().find(|v| first.starts_with(v));
    let verb = verb.filter(|verb| all.iter().all(|(_, words, _)| words.starts_with(verb))).unwrap_or_default();
    let mut said: Vec<&str> = all.iter().take(VALUES_MAX).map(|(_, words, _)| &words[verb.len()..]).collect();
    let more = format!("{} more", all.len().saturating_sub(VALUES_MAX));
    if all.len() > VALUES_MAX {
        said.push(&more);
    }
    Some((format!("{field} {verb}{}", said.join(join)), seen))
}

/// What a test asks, behind the name of its field.
#[must_use]
pub fn test_words(test: &Test) -> String {
    match test {
        Test::Text { pattern, cased } => format!("{}{}", pattern_words(pattern), if *cased { " (case counts)" } else { "" }),
        Test::Number(n) => format!("is {n}"),
        Test::Bool(b) => format!("is {b}"),
        Test::Regex(text) => format!("fits the regular expression {}", shown(text)),
        Test::Cidr(net) => format!("is inside {net}"),
        Test::Compare(compare, n) => format!("is {} {n}", compare_words(*compare)),
        Test::Null => "is absent or null".to_owned(),
        Test::Exists(true) => "is present".to_owned(),
        Test::Exists(false) => "is not present".to_owned(),
        Test::FieldRef { field, mode, .. } => {
            let verb = match mode {
                RefMode::Equals => "equals",
                RefMode::Contains => "contains",
                RefMode::StartsWith => "starts with",
                RefMode::EndsWith => "ends with",
            };
            format!("{verb} the value of {field}")
        }
        Test::TimePart(part, compare, n) => format!("is a time whose {} is {} {n}", part_words(*part), compare_words(*compare)),
    }
}

fn pattern_words(pattern: &Pattern) -> String {
    match pattern.0.as_slice() {
        [] => "is empty".to_owned(),
        [Part::Any] => "has any text".to_owned(),
        [Part::Literal(text)] => format!("is {}", shown(text)),
        [Part::Literal(text), Part::Any] => format!("starts with {}", shown(text)),
        [Part::Any, Part::Literal(text)] => format!("ends with {}", shown(text)),
        [Part::Any, Part::Literal(text), Part::Any] => format!("contains {}", shown(text)),
        parts => format!("fits {}", shown(&parts.iter().map(part_text).collect::<String>())),
    }
}

fn part_text(part: &Part) -> String {
    match part {
        Part::Literal(text) => text.replace('\\', "\\\\").replace('*', "\\*").replace('?', "\\?"),
        Part::One => "?".to_owned(),
        Part::Any => "*".to_owned(),
    }
}

/// How a comparison is said.
#[must_use]
pub fn compare_words(compare: Compare) -> &'static str {
    match compare {
        Compare::Lt => "less than",
        Compare::Lte => "at most",
        Compare::Gt => "more than",
        Compare::Gte => "at least",
        Compare::Eq => "exactly",
        Compare::Neq => "not",
    }
}

fn part_words(part: TimePart) -> &'static str {
    match part {
        TimePart::Minute => "minute",
        TimePart::Hour => "hour (UTC)",
        TimePart::Day => "day of the month",
        TimePart::Week => "week",
        TimePart::Month => "month",
        TimePart::Year => "year",
    }
}

/// `1h30m`, `90s`, `7d`.
#[must_use]
pub fn span(ms: i64) -> String {
    let parts = [(ms / 86_400_000, "d"), (ms / 3_600_000 % 24, "h"), (ms / 60_000 % 60, "m"), (ms / 1000 % 60, "s"), (ms % 1000, "ms")];
    let text: String = parts.iter().filter(|(n, _)| *n > 0).map(|(n, unit)| format!("{n}{unit}")).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// A value of a rule or an event as it is shown: quoted, control characters escaped, cut.
#[must_use]
pub fn shown(text: &str) -> String {
    match text.char_indices().nth(CHARS_MAX) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}... ({} bytes)", &text[..end], text.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &str, test: Test) -> Expr {
        Expr::Field { field: name.to_owned(), test }
    }

    fn text(parts: Vec<Part>) -> Test {
        Test::Text { pattern: Pattern(parts), cased: false }
    }

    #[test]
    fn a_list_of_values_is_one_line_and_the_shape_stays() {
        let literal = |word: &str| text(vec![Part::Literal(word.to_owned())]);
        let values = Expr::Or(vec![field("a", literal("x")), field("a", literal("y\n"))]);
        let mixed = Expr::Or(vec![field("b", Test::Null), field("c", Test::Number(2.0))]);
        let expr = Expr::And(vec![values, Expr::Not(Box::new(mixed)), Expr::Not(Box::new(field("d", Test::Exists(true))))]);
        let lines: Vec<String> = rows(&expr).iter().map(|r| format!("{}{}", " ".repeat(r.depth), r.what)).collect();
        let expected = [r#"a is "x" or "y\n""#, "not:", " one of:", "  b is absent or null", "  c is 2", "not (d is present)"];
        assert_eq!(lines, expected);
    }

    #[test]
    fn long_lists_and_values_are_cut() {
        let many = Expr::Or((0..30).map(|n| field("a", Test::Number(f64::from(n)))).collect());
        assert!(rows(&many)[0].what.ends_with("11 or 18 more"), "{:?}", rows(&many));
        assert!(shown(&"x".repeat(500)).ends_with("(500 bytes)"));
    }
}
