//! The `correlation` section, before its rules are found: type, rules, group-by, timespan, condition, aliases, generate.
//!
//! Every key that is not Sigma's is refused by name. `timespan` is a number with `s`, `m`, `h` or `d`, at most 366 days.
//! `generate` may stand here (pySigma) or at the top of the document (the schema). `rules` may be left out where a boolean
//! condition of a `temporal` names them. Limits: 1,000 rules, 32 fields in `group-by`, 100 aliases. The types `tidegate.*` are reserved and not available in this version.

use super::Place;
use super::condition::Tree;
use super::presence;
use super::report::{Fault, Report, quoted};
use super::spelling::hint;
use super::threshold::{self, Measure};
use super::yaml::{Entry, Kind, Node};

pub(super) const KEYS: [&str; 7] = ["type", "rules", "group-by", "timespan", "condition", "aliases", "generate"];
pub(super) const TYPES: [&str; 8] =
    ["event_count", "value_count", "value_sum", "value_avg", "value_percentile", "value_median", "temporal", "temporal_ordered"];
const EXTENSIONS: [&str; 4] = ["tidegate.first_seen", "tidegate.ratio", "tidegate.baseline", "tidegate.periodic"];
const DAY_MS: i64 = 24 * 60 * 60_000;
const TIMESPAN_MS_MAX: i64 = 366 * DAY_MS;
const WORDS_MAX: usize = 1_000;
const GROUP_BY_MAX: usize = 32;
const ALIASES_MAX: usize = 100;

/// A word with its place.
#[derive(Debug, Clone)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) place: Place,
}

/// An alias: its name, and the field for each rule named.
#[derive(Debug, Clone)]
pub(super) struct Alias {
    pub(super) name: Word,
    pub(super) fields: Vec<(Word, String)>,
}

/// A correlation whose references are still words.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) kind: DraftKind,
    pub(super) rules: Vec<Word>,
    pub(super) group_by: Vec<Word>,
    pub(super) aliases: Vec<Alias>,
    pub(super) timespan_ms: i64,
    pub(super) generate: bool,
}

/// The type, with what its condition says.
#[derive(Debug, Clone)]
pub(super) enum DraftKind {
    Measure(Measure),
    Temporal { ordered: bool, condition: Occurrence },
}

/// The condition of a `temporal`.
#[derive(Debug, Clone)]
pub(super) enum Occurrence {
    /// All rules.
    All,
    /// At least so many of them.
    AtLeast(usize, Place),
    /// A boolean expression; the node is where it stands.
    Expression(Tree, Node),
}

/// Reads the section. `None` if anything in it is wrong (all of it is reported).
pub(super) fn read(document: &Node, node: &Node, report: &mut Report) -> Option<Draft> {
    if !matches!(node.kind, Kind::Map(_)) {
        report.error(&node.place, format!("`correlation` is {}", node.describe()), "it holds a type, rules and a time", "make it a map");
        return None;
    }
    let errors = report.errors();
    check_keys(node, report);
    let generate = generate(document, node, report);
    let timespan_ms = timespan(node, report);
    let group_by = words(node, "group-by", report);
    if group_by.len() > GROUP_BY_MAX {
        report.error(&node.place, "too many fields in `group-by`", "there may be 32", "group by fewer fields");
    }
    let aliases = aliases(node, report);
    let kind = kind(node, report);
    let rules = rules(node, kind.as_ref(), report);
    let draft = Draft { kind: kind?, rules, group_by, aliases, timespan_ms: timespan_ms?, generate };
    (report.errors() == errors).then_some(draft)
}

fn check_keys(node: &Node, report: &mut Report) {
    for Entry { key, place, .. } in node.entries().iter().filter(|e| !KEYS.contains(&e.key.as_str())) {
        let (why, remedy) = match key.as_str() {
            "timeframe" => ("Sigma's word in correlations is `timespan`".to_owned(), "write `timespan`".to_owned()),
            "tidegate" => ("the types `tidegate.*` are not available in this version".to_owned(), "remove it".to_owned()),
            _ => {
                ("Sigma correlations have no such key, and it would have no effect".to_owned(), format!("use one of: {}", KEYS.join(", ")))
            }
        };
        report.error(place, format!("unknown key {} in `correlation`{}", quoted(key), hint(key, &KEYS)), why, remedy);
    }
}

fn generate(document: &Node, node: &Node, report: &mut Report) -> bool {
    let mut read = |node: &Node| match node.kind {
        Kind::Bool(b) => Some(b),
        _ => {
            let what = format!("`generate` is {}", node.describe());
            report.error(&node.place, what, "it says whether the referred rules alert themselves", "write `true` or `false`");
            None
        }
    };
    let (inner, outer) = (node.get("generate").and_then(&mut read), document.get("generate").and_then(&mut read));
    if let (Some(a), Some(b), Some(n)) = (inner, outer, document.get("generate"))
        && a != b
    {
        report.error(&n.place, "`generate` twice, with different values", "one of them would be ignored", "keep one of them");
    }
    inner.or(outer).unwrap_or(false)
}

fn timespan(node: &Node, report: &mut Report) -> Option<i64> {
    let Some(span) = node.get("timespan") else {
        report.error(&node.place, "no `timespan`", "a correlation looks at a stretch of time", "add `timespan: 10m`");
        return None;
    };
    match timespan_ms(&span.text) {
        Ok(ms) if span.is_word() => Some(ms),
        Ok(_) => None,
        Err((why, remedy)) => {
            report.error(&span.place, format!("timespan {}", quoted(&span.text)), why, remedy);
            None
        }
    }
}

fn timespan_ms(text: &str) -> Result<i64, (&'static str, String)> {
    let form = ("it must be a whole number and a unit: s, m, h or d", "write it like `90m`".to_owned());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(form);
    }
    let number: i64 = number.parse().unwrap_or(i64::MAX);
    let unit_ms = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 60 * 60_000,
        "d" => DAY_MS,
        "w" => return Err(("weeks are no unit of the specification", format!("write `{}d`", number.saturating_mul(7)))),
        "M" | "y" => return Err(("months and years have no fixed length", "write days, at most `366d`".to_owned())),
        "" => return Err(("it has no unit", format!("write `{number}s` if seconds are meant"))),
        _ => return Err(form),
    };
    match number.saturating_mul(unit_ms) {
        0 => Err(("a window without length holds nothing", "write at least `1s`".to_owned())),
        ms if ms > TIMESPAN_MS_MAX => Err(("state is kept for at most 366 days", "write `366d` or less".to_owned())),
        ms => Ok(ms),
    }
}

/// A list of different words, or one.
fn words(node: &Node, key: &str, report: &mut Report) -> Vec<Word> {
    let Some(value) = node.get(key) else { return Vec::new() };
    let items = match &value.kind {
        Kind::List(items) => items.as_slice(),
        Kind::Null => &[],
        _ => std::slice::from_ref(value),
    };
    if items.len() > WORDS_MAX {
        report.error(&value.place, format!("too many names in `{key}`"), "there may be 1,000", "split the correlation");
        return Vec::new();
    }
    let mut found: Vec<Word> = Vec::new();
    for item in items {
        if !item.is_word() || item.text.is_empty() {
            report.error(&item.place, format!("{} in `{key}`", item.describe()), "names are expected", "write a list of names");
        } else if found.iter().any(|w| w.text == item.text) {
            let what = format!("{} twice in `{key}`", quoted(&item.text));
            report.error(&item.place, what, "it would count once", "remove one of them");
        } else {
            found.push(Word { text: item.text.clone(), place: item.place.clone() });
        }
    }
    found
}

fn aliases(node: &Node, report: &mut Report) -> Vec<Alias> {
    let Some(value) = node.get("aliases") else { return Vec::new() };
    if !matches!(value.kind, Kind::Map(_)) {
        report.error(&value.place, format!("`aliases` is {}", value.describe()), "it maps names to rules and fields", "make it a map");
    }
    if value.entries().len() > ALIASES_MAX {
        report.error(&value.place, "too many `aliases`", "there may be 100", "remove those that `group-by` does not name");
        return Vec::new();
    }
    value.entries().iter().map(|e| alias(e, report)).collect()
}

fn alias(entry: &Entry, report: &mut Report) -> Alias {
    let name = Word { text: entry.key.clone(), place: entry.place.clone() };
    let mut fields = Vec::new();
    if entry.value.entries().is_empty() {
        let what = format!("alias {} has no rules", quoted(&entry.key));
        report.error(&entry.value.place, what, "it says for each rule which field is meant", "write `rule_name: field` under it");
    }
    for Entry { key, place, value } in entry.value.entries() {
        if value.is_word() && !value.text.is_empty() {
            fields.push((Word { text: key.clone(), place: place.clone() }, value.text.clone()));
        } else {
            report.error(&value.place, format!("{} as the field of an alias", value.describe()), "a field name is expected", "write one");
        }
    }
    Alias { name, fields }
}

fn kind(node: &Node, report: &mut Report) -> Option<DraftKind> {
    let Some(kind) = node.get("type") else {
        report.error(&node.place, "no `type`", "it says what is measured", format!("add one of: {}", TYPES.join(", ")));
        return None;
    };
    match kind.text.as_str() {
        "temporal" => presence::read(node, false, report).map(|condition| DraftKind::Temporal { ordered: false, condition }),
        "temporal_ordered" => presence::read(node, true, report).map(|condition| DraftKind::Temporal { ordered: true, condition }),
        measure if TYPES.contains(&measure) => threshold::read(node, measure, report).map(DraftKind::Measure),
        other => {
            report.fault(&kind.place, unknown_type(other));
            None
        }
    }
}

fn unknown_type(name: &str) -> Fault {
    if EXTENSIONS.contains(&name) {
        let why = "it is an extension of Tidegate that this version does not have";
        return Fault::new(format!("correlation type {}", quoted(name)), why, format!("use one of: {}", TYPES.join(", ")));
    }
    let what = format!("unknown correlation type {}{}", quoted(name), hint(name, &TYPES));
    Fault::new(what, "nothing says what to measure", format!("use one of: {}", TYPES.join(", ")))
}

fn rules(node: &Node, kind: Option<&DraftKind>, report: &mut Report) -> Vec<Word> {
    let named = words(node, "rules", report);
    if !named.is_empty() {
        return named;
    }
    if let (Some(DraftKind::Temporal { ordered: false, condition: Occurrence::Expression(tree, at) }), None) = (kind, node.get("rules")) {
        return presence::names(tree).into_iter().map(|(text, offset)| Word { text, place: at.place_at(offset) }).collect();
    }
    report.error(&node.place, "no `rules`", "a correlation looks at the matches of rules", "add `rules:` with names or ids");
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timespans() {
        for (text, ms) in [("15s", 15_000), ("10m", 600_000), ("2h", 7_200_000), ("366d", TIMESPAN_MS_MAX)] {
            assert_eq!(timespan_ms(text).unwrap(), ms);
        }
        for (text, word) in [
            ("", "whole number"),
            ("m", "whole number"),
            ("1.5h", "whole number"),
            ("10 m", "whole number"),
            ("10", "no unit"),
            ("1w", "weeks"),
            ("1M", "months"),
            ("0s", "without length"),
            ("367d", "366 days"),
            ("99999999999999999999d", "366 days"),
        ] {
            assert!(timespan_ms(text).unwrap_err().0.contains(word), "{text}");
        }
        assert_eq!(timespan_ms("2w").unwrap_err().1, "write `14d`");
    }
}
