//! Conditions with numbers: `gte: 10`, ranges, and the field that is measured.
//!
//! Counts are whole numbers from 0 to 10,000; other measures take any finite number. A condition that holds without any event,
//! or that no number meets, is refused. `value_percentile` takes its rank from `percentile` (0 to 100); without it the
//! specification says nothing, so the median is taken, as other tools do, and a warning says so. `value_median` is rank 50.

use super::report::{Report, quoted};
use super::spelling::hint;
use super::yaml::{Entry, Kind, Node};
use super::{Compare, CorrelationKind, Place, Thresholds};

const COUNT_MAX: f64 = 10_000.0;
const OPERATORS: [(&str, Compare); 6] =
    [("lt", Compare::Lt), ("lte", Compare::Lte), ("gt", Compare::Gt), ("gte", Compare::Gte), ("eq", Compare::Eq), ("neq", Compare::Neq)];

/// All keys of such a condition.
pub(super) const CONDITION_KEYS: [&str; 8] = ["field", "percentile", "lt", "lte", "gt", "gte", "eq", "neq"];

/// A measuring correlation's kind, which needs no references.
pub(super) type Measure = CorrelationKind;

/// Reads `condition` for a measuring type.
pub(super) fn read(node: &Node, kind: &str, report: &mut Report) -> Option<Measure> {
    let Some(condition) = node.get("condition") else {
        report.error(&node.place, "no `condition`", format!("`{kind}` compares a number"), "add `condition: {gte: 10}`");
        return None;
    };
    if condition.entries().is_empty() {
        let what = format!("`condition` is {}", condition.describe());
        report.error(&condition.place, what, format!("`{kind}` compares a number"), "write it like `condition: {gte: 10}`");
        return None;
    }
    let errors = report.errors();
    let counts = matches!(kind, "event_count" | "value_count");
    check_keys(condition, kind, report);
    let thresholds = thresholds(condition, counts, report);
    let fields = fields(condition, kind, report);
    let rank = (kind == "value_percentile").then(|| rank(condition, report));
    if report.errors() > errors {
        return None;
    }
    let field = fields.first().cloned().unwrap_or_default();
    Some(match kind {
        "event_count" => CorrelationKind::EventCount(thresholds),
        "value_count" => CorrelationKind::ValueCount(fields, thresholds),
        "value_sum" => CorrelationKind::ValueSum(field, thresholds),
        "value_avg" => CorrelationKind::ValueAvg(field, thresholds),
        _ => CorrelationKind::ValuePercentile(field, rank.flatten().unwrap_or(50.0), thresholds),
    })
}

fn check_keys(condition: &Node, kind: &str, report: &mut Report) {
    for Entry { key, place, .. } in condition.entries() {
        match key.as_str() {
            "field" if kind == "event_count" => {
                report.error(place, "`field` in an `event_count`", "it counts events, not values", "use `type: value_count`");
            }
            "percentile" if kind != "value_percentile" => {
                let what = format!("`percentile` in a `{kind}`");
                report.error(place, what, "only `value_percentile` has a rank", "remove it, or use `type: value_percentile`");
            }
            "field" | "percentile" => {}
            word if OPERATORS.iter().any(|(name, _)| *name == word) => {}
            word => {
                let what = format!("unknown key {} in `condition`{}", quoted(word), hint(word, &CONDITION_KEYS));
                report.error(place, what, "it would have no effect", format!("use one of: {}", CONDITION_KEYS.join(", ")));
            }
        }
    }
}

/// The comparisons of a condition map, in the order written.
pub(super) fn comparisons<'n>(condition: &'n Node, report: &mut Report) -> Vec<(Compare, f64, &'n Place)> {
    let mut found = Vec::new();
    for Entry { key, value, .. } in condition.entries() {
        let Some((_, compare)) = OPERATORS.iter().find(|(name, _)| name == key) else { continue };
        let number = match value.kind {
            Kind::Number(n) => Some(n),
            Kind::Text => value.text.trim().parse().ok().filter(|n: &f64| n.is_finite()),
            _ => None,
        };
        match number {
            Some(n) => found.push((*compare, n, &value.place)),
            None => {
                let what = format!("`{key}` with {}", value.describe());
                report.error(&value.place, what, "it is compared with a number", "write a number");
            }
        }
    }
    found
}

fn thresholds(condition: &Node, counts: bool, report: &mut Report) -> Thresholds {
    let errors = report.errors();
    let found = comparisons(condition, report);
    if found.is_empty() && report.errors() == errors {
        report.error(&condition.place, "a condition without a comparison", "nothing says when it holds", "add `gte: 10`");
    }
    if counts {
        found.iter().for_each(|(compare, n, place)| check_count(*compare, *n, place, report));
    }
    let plain: Vec<(Compare, f64)> = found.iter().map(|(c, n, _)| (*c, *n)).collect();
    if report.errors() == errors && never(&plain, counts) {
        report.error(&condition.place, "a condition that no number meets", "its comparisons exclude each other", "correct the range");
    }
    Thresholds(plain)
}

fn check_count(compare: Compare, n: f64, place: &Place, report: &mut Report) {
    if n < 0.0 || n.fract() != 0.0 {
        report.error(place, format!("count {n}"), "events and values are counted in whole numbers from 0", "write a whole number");
    } else if n > COUNT_MAX {
        let why = "thresholds on counts are at most 10,000, so that state stays bounded";
        report.error(place, format!("count {n}"), why, "lower it, or sum a count field with `value_sum`");
    } else if n == 0.0 && matches!(compare, Compare::Gte | Compare::Lte | Compare::Eq) {
        let what = format!("`{}: 0`", name(compare));
        report.error(place, what, "it would hold without any event, always and for every key", "write `gte: 1`, or a larger number");
    }
}

fn name(compare: Compare) -> &'static str {
    OPERATORS.iter().find(|(_, c)| *c == compare).map_or("", |(name, _)| name)
}

/// Whether no number meets all comparisons. Counts are at least 1: a key without events is not judged.
fn never(all: &[(Compare, f64)], counts: bool) -> bool {
    let step = if counts { 1.0 } else { f64::MIN_POSITIVE };
    let mut candidates: Vec<f64> = all.iter().flat_map(|(_, n)| [*n, n - step, n + step, n - 1.0, n + 1.0]).collect();
    candidates.extend([f64::MIN, f64::MAX]);
    // Between two neighbouring bounds one number stands for all.
    let mut sorted: Vec<f64> = all.iter().map(|(_, n)| *n).collect();
    sorted.sort_by(f64::total_cmp);
    candidates.extend(sorted.windows(2).map(|w| if counts { (f64::midpoint(w[0], w[1])).floor() } else { f64::midpoint(w[0], w[1]) }));
    !candidates.into_iter().filter(|x| !counts || *x >= 1.0).any(|x| all.iter().all(|(compare, n)| compare.holds(x, *n)))
}

impl Compare {
    /// Whether `value` compares so with `bound`.
    #[must_use]
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Compare::Lt => value < bound,
            Compare::Lte => value <= bound,
            Compare::Gt => value > bound,
            Compare::Gte => value >= bound,
            #[expect(clippy::float_cmp, reason = "Sigma's eq and neq are exact")]
            Compare::Eq => value == bound,
            #[expect(clippy::float_cmp, reason = "Sigma's eq and neq are exact")]
            Compare::Neq => value != bound,
        }
    }
}

fn fields(condition: &Node, kind: &str, report: &mut Report) -> Vec<String> {
    if kind == "event_count" {
        return Vec::new();
    }
    let Some(field) = condition.get("field") else {
        let why = format!("`{kind}` measures the values of a field");
        report.error(&condition.place, "no `field` in `condition`", why, "add `field: NAME` beside the number");
        return Vec::new();
    };
    let items = if let Kind::List(items) = &field.kind { items.as_slice() } else { std::slice::from_ref(field) };
    if items.is_empty() || !items.iter().all(|n| n.is_word() && !n.text.is_empty()) {
        report.error(&field.place, format!("`field` is {}", field.describe()), "field names are expected", "write a name or a list");
    } else if items.len() > 1 && kind != "value_count" {
        report.error(&field.place, format!("several fields in a `{kind}`"), "only `value_count` takes several", "write one field");
    }
    items.iter().map(|n| n.text.clone()).collect()
}

fn rank(condition: &Node, report: &mut Report) -> Option<f64> {
    let Some(node) = condition.get("percentile") else {
        let why = "the specification does not say which is meant; the median (50) is taken";
        report.warn(&condition.place, "`value_percentile` without `percentile`", why, "add `percentile: 95`, or use `value_median`");
        return None;
    };
    match node.text.trim().parse::<f64>() {
        Ok(rank) if (0.0..=100.0).contains(&rank) => Some(rank),
        _ => {
            report.error(&node.place, format!("percentile {}", quoted(&node.text)), "it is a rank from 0 to 100", "write such a number");
            None
        }
    }
}
