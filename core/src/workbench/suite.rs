//! The form of a rule test: templates of events, and cases that place them in time and say which alerts must come.
//!
//! ```yaml
//! with: [other_rule.yml]            # rule files needed besides NAME.yml, relative to it
//! base: 2026-11-02T10:00:00Z        # time zero of every case
//! tables:                           # what rules may ask about; the columns are those of the table files
//!   accounts: [{id: "111122223333", environment: prod, owner: team-pay}]
//!   networks: [{cidr: 10.0.0.0/8, kind: corporate}]
//!   intel: [{indicator: 203.0.113.0/24, source: feed, category: c2, expires: 2027-01-01}]
//! events:                           # templates; `kind` is cloudtrail, guardduty, vpcflow or raw
//!   failed: {kind: cloudtrail, eventName: ConsoleLogin, errorMessage: Failed authentication}
//! cases:
//!   - name: twelve failures
//!     is: true                      # true, false, edge, disorder, duplicate or accounts; several: [true, edge]
//!     order: reversed               # written (default), reversed or shuffled: the order of arrival
//!     events:
//!       - {use: failed, at: 1m, times: 12, every: 30s, copies: 2, arrives: 5m, set: {sourceIPAddress: "198.51.100.${n}"}}
//!     alerts: 1
//!     expect: [{count: 12, severity: high, start: 6m, accounts: ["111122223333"], key: {sourceIPAddress: 198.51.100.7}}]
//! ```

use crate::enrich::{Builder, TableKind, Tables};
use crate::event::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, parse_rfc3339_ms};
use crate::rule::yaml::{Kind, Node};
use crate::rule::{Diagnostic, Place, parse_documents, problem};
use serde_json::{Map, Number, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Time zero of a suite that names none: 2026-11-02T10:00:00Z.
pub const BASE_MS: i64 = 1_793_613_600_000;

/// What a case shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The rule must fire.
    True,
    /// It must not.
    False,
    /// Something happens at the edge of a window.
    Edge,
    /// Events arrive out of order.
    Disorder,
    /// Events arrive twice.
    Duplicate,
    /// It must, or must not, cross accounts.
    Accounts,
}

const CLASSES: [(&str, Class); 6] = [
    ("true", Class::True),
    ("false", Class::False),
    ("edge", Class::Edge),
    ("disorder", Class::Disorder),
    ("duplicate", Class::Duplicate),
    ("accounts", Class::Accounts),
];

/// In which order the events of a case arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// By arrival time, then as written.
    Written,
    /// All at once, last event first.
    Reversed,
    /// All at once, in a fixed mixed order.
    Shuffled,
}

/// A test file.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Other rule files it needs.
    pub with: Vec<String>,
    /// Time zero.
    pub base_ms: i64,
    /// Tables that rules may ask.
    pub tables: Arc<Tables>,
    /// Templates by name.
    pub templates: BTreeMap<String, Value>,
    /// Cases in order.
    pub cases: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone)]
pub struct Case {
    /// Name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// What it shows.
    pub classes: BTreeSet<Class>,
    /// Order of arrival.
    pub order: Order,
    /// Events.
    pub steps: Vec<Step>,
    /// How many alerts must come.
    pub alerts: usize,
    /// What they must look like, in order of first seen.
    pub expect: Vec<Value>,
}

/// One use of a template.
#[derive(Debug, Clone)]
pub struct Step {
    /// Template.
    pub template: String,
    /// First time, from the base.
    pub at_ms: i64,
    /// How many times.
    pub times: u32,
    /// Distance between two of them.
    pub every_ms: i64,
    /// How often each arrives.
    pub copies: u32,
    /// How long after its own time each arrives.
    pub arrives_ms: i64,
    /// Fields to set, by dotted name.
    pub set: Map<String, Value>,
}

/// Most events one step may make.
const TIMES_MAX: u32 = 20_000;

/// Reads a test file. Everything wrong with it is listed; the suite is there only if nothing is.
///
/// # Errors
/// The list of problems.
pub fn parse(name: &str, text: &str) -> Result<Suite, Vec<Diagnostic>> {
    let (documents, mut problems) = parse_documents(name, text);
    let nowhere = Place { file: name.into(), line: 1, column: 1 };
    let [document] = &documents[..] else {
        problems.push(problem(
            &nowhere,
            "not one YAML document",
            "a test file is one map with `events` and `cases`",
            "see `tidegate schema test`",
        ));
        return Err(problems);
    };
    let mut reader = Reader { problems };
    let suite = reader.suite(document);
    if reader.problems.is_empty() { Ok(suite) } else { Err(reader.problems) }
}

struct Reader {
    problems: Vec<Diagnostic>,
}

impl Reader {
    fn complain(&mut self, place: &Place, what: impl Into<String>, why: &str, remedy: &str) {
        self.problems.push(problem(place, what, why, remedy));
    }

    fn keys(&mut self, node: &Node, known: &[&str]) {
        for entry in node.entries() {
            if !known.contains(&entry.key.as_str()) {
                let remedy = format!("use one of: {}", known.join(", "));
                self.complain(
                    &entry.place,
                    format!("unknown key `{}`", entry.key.escape_default()),
                    "a misspelt key would test nothing",
                    &remedy,
                );
            }
        }
    }

    fn suite(&mut self, node: &Node) -> Suite {
        self.keys(node, &["with", "base", "tables", "events", "cases", "about"]);
        let with = node.get("with").map_or(Vec::new(), texts);
        let base_ms = node.get("base").and_then(|n| parse_rfc3339_ms(&n.text)).unwrap_or(BASE_MS);
        let tables = node.get("tables").map(|tables| self.tables(tables)).unwrap_or_default();
        let events = node.get("events").map_or(&[][..], Node::entries);
        let templates: BTreeMap<_, _> = events.iter().map(|e| (e.key.clone(), value(&e.value))).collect();
        let Some(Kind::List(cases)) = node.get("cases").map(|n| &n.kind) else {
            self.complain(&node.place, "no `cases`", "a test file without cases tests nothing", "add a list `cases`");
            return Suite { with, base_ms, tables, templates, cases: Vec::new() };
        };
        let cases = cases.iter().map(|c| self.case(c, &templates)).collect();
        Suite { with, base_ms, tables, templates, cases }
    }

    fn tables(&mut self, node: &Node) -> Arc<Tables> {
        let kinds = [TableKind::Accounts, TableKind::Networks, TableKind::Intel];
        self.keys(node, &kinds.map(TableKind::word));
        let mut builder = Builder::new();
        for kind in kinds {
            let Some(table) = node.get(kind.word()) else { continue };
            let Kind::List(rows) = &table.kind else {
                let what = format!("`{}` is {}", kind.word(), table.describe());
                self.complain(&table.place, what, "a table is a list of rows", &format!("write `- {}: ...`", kind.key()));
                continue;
            };
            builder.table(kind, &node.place.file, "test", b"");
            for row in rows {
                let cells = row.cells();
                let cells: Vec<(&str, &str)> = cells.iter().map(|(column, text)| (column.as_str(), text.as_str())).collect();
                builder.row(row.place.line.into(), &cells);
            }
        }
        for bad in builder.problems().0 {
            let place = Place { file: node.place.file.clone(), line: u32::try_from(bad.line).unwrap_or(1), column: 1 };
            self.complain(&place, bad.text.clone(), "a row of a test's table is read like that of a file", "correct the row");
        }
        Arc::new(builder.finish())
    }

    fn case(&mut self, node: &Node, templates: &BTreeMap<String, Value>) -> Case {
        self.keys(node, &["name", "is", "order", "events", "alerts", "expect", "why"]);
        let name = node.get("name").map_or_else(String::new, |n| n.text.clone());
        if name.is_empty() {
            self.complain(&node.place, "a case without `name`", "a failing case is found by its name", "add a name");
        }
        let steps = match node.get("events").map(|n| &n.kind) {
            Some(Kind::List(steps)) => steps.iter().map(|s| self.step(s, templates)).collect(),
            _ => Vec::new(),
        };
        let expect = match node.get("expect").map(|n| (n, &n.kind)) {
            Some((_, Kind::List(all))) => all.iter().map(value).collect(),
            Some((one, Kind::Map(_))) => vec![value(one)],
            _ => Vec::new(),
        };
        let classes = self.classes(node);
        let unsaid = if expect.is_empty() { usize::from(classes.contains(&Class::True)) } else { expect.len() };
        let alerts = node.get("alerts").and_then(|n| n.text.parse().ok()).unwrap_or(unsaid);
        Case { name, place: node.place.clone(), classes, order: self.order(node), steps, alerts, expect }
    }

    fn classes(&mut self, node: &Node) -> BTreeSet<Class> {
        let words = node.get("is").map_or(Vec::new(), texts);
        let mut classes = BTreeSet::new();
        for word in &words {
            match CLASSES.iter().find(|(name, _)| name == word) {
                Some((_, class)) => _ = classes.insert(*class),
                None => self.complain(
                    &node.place,
                    format!("`is: {}`", word.escape_default()),
                    "a case shows one of true, false, edge, disorder, duplicate, accounts",
                    "use these words",
                ),
            }
        }
        if classes.contains(&Class::True) == classes.contains(&Class::False) {
            self.complain(
                &node.place,
                "neither true nor false",
                "each case must say whether the rule fires",
                "add `true` or `false` to `is`",
            );
        }
        classes
    }

    fn order(&mut self, node: &Node) -> Order {
        match node.get("order").map(|n| (n, n.text.as_str())) {
            None | Some((_, "written")) => Order::Written,
            Some((_, "reversed")) => Order::Reversed,
            Some((_, "shuffled")) => Order::Shuffled,
            Some((n, _)) => {
                self.complain(&n.place, "unknown order", "events arrive as written, reversed or shuffled", "use one of these words");
                Order::Written
            }
        }
    }

    fn step(&mut self, node: &Node, templates: &BTreeMap<String, Value>) -> Step {
        self.keys(node, &["use", "at", "times", "every", "copies", "arrives", "set"]);
        let template = node.get("use").map_or_else(String::new, |n| n.text.clone());
        if !templates.contains_key(&template) {
            self.complain(
                &node.place,
                format!("no template `{}`", template.escape_default()),
                "`use` names an entry of `events`",
                "add the template, or correct the name",
            );
        }
        let count = |key: &str| node.get(key).and_then(|n| n.text.parse::<u32>().ok()).unwrap_or(1).clamp(1, TIMES_MAX);
        let set = match node.get("set").map(value) {
            Some(Value::Object(set)) => set,
            _ => Map::new(),
        };
        Step {
            template,
            at_ms: self.duration(node, "at"),
            times: count("times"),
            every_ms: self.duration(node, "every"),
            copies: count("copies"),
            arrives_ms: self.duration(node, "arrives"),
            set,
        }
    }

    fn duration(&mut self, node: &Node, key: &str) -> i64 {
        let Some(n) = node.get(key) else { return 0 };
        parse_duration_ms(&n.text).unwrap_or_else(|| {
            self.complain(
                &n.place,
                format!("`{key}: {}`", n.text.escape_default()),
                "it is no duration",
                "write it like 90s, 5m, 1h30m or -10s",
            );
            0
        })
    }
}

/// `90s`, `5m`, `1h30m`, `250ms`, `-10s`, `0`.
#[must_use]
pub fn parse_duration_ms(text: &str) -> Option<i64> {
    let (sign, mut rest) = text.strip_prefix('-').map_or((1, text), |r| (-1, r));
    if rest == "0" {
        return Some(0);
    }
    let mut total = 0i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: i64 = rest[..digits].parse().ok()?;
        let unit = &rest[digits..];
        let end = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let scale = match &unit[..end] {
            "ms" => 1,
            "s" => SECOND_MS,
            "m" => MINUTE_MS,
            "h" => HOUR_MS,
            "d" => DAY_MS,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(scale)?)?;
        rest = &unit[end..];
    }
    (!text.is_empty()).then_some(sign * total)
}

fn texts(node: &Node) -> Vec<String> {
    match &node.kind {
        Kind::List(all) => all.iter().map(|n| n.text.clone()).collect(),
        _ => vec![node.text.clone()],
    }
}

/// A YAML value as JSON.
fn value(node: &Node) -> Value {
    match &node.kind {
        Kind::Null => Value::Null,
        Kind::Bool(b) => Value::Bool(*b),
        Kind::Number(x) => integer(*x).or_else(|| Number::from_f64(*x)).map_or(Value::Null, Value::Number),
        Kind::Text => Value::String(node.text.clone()),
        Kind::List(all) => Value::Array(all.iter().map(value).collect()),
        Kind::Map(entries) => Value::Object(entries.iter().map(|e| (e.key.clone(), value(&e.value))).collect()),
    }
}

fn integer(x: f64) -> Option<Number> {
    (x.fract() == 0.0 && x.abs() < 9.0e15).then(|| Number::from(x as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in [("0", 0), ("90s", 90_000), ("1h30m", 5_400_000), ("-10s", -10_000), ("250ms", 250)] {
            assert_eq!(parse_duration_ms(text), Some(ms), "{text}");
        }
        for bad in ["", "5", "m", "5x", "1h30"] {
            assert_eq!(parse_duration_ms(bad), None, "{bad}");
        }
    }
}
