//! Reads a test file: everything wrong with it is told, with its place.

use super::keys::{self, Key};
use super::suite::{BASE_MS, Case, Class, Drive, Order, Step, Suite, parse_duration_ms};
use super::template::Template;
use crate::enrich::{Builder, TableKind, Tables};
use crate::event::GenericSource;
use crate::event::time::parse_rfc3339_ms;
use crate::rule::yaml::{Kind, Node};
use crate::rule::{Diagnostic, Place, did_you_mean, parse_documents, problem};
use serde_json::{Map, Number, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most events one step may make.
const TIMES_MAX: u64 = 20_000;

/// Reads a test file. Everything wrong with it is listed; the suite is there only if nothing is.
///
/// # Errors
/// The list of problems.
pub fn parse(name: &str, text: &str) -> Result<Suite, Vec<Diagnostic>> {
    let (documents, mut problems) = parse_documents(name, text);
    let nowhere = Place { file: name.into(), line: 1, column: 1 };
    let [document] = &documents[..] else {
        let why = "a test file is one map with `events` and `cases`";
        problems.push(problem(&nowhere, "not one YAML document", why, "write `cases:` and a list of cases"));
        return Err(problems);
    };
    let mut reader = Reader { problems, generic: Vec::new() };
    let suite = reader.suite(document);
    if reader.problems.is_empty() { Ok(suite) } else { Err(reader.problems) }
}

struct Reader {
    problems: Vec<Diagnostic>,
    generic: Vec<GenericSource>,
}

impl Reader {
    fn complain(&mut self, place: &Place, what: impl Into<String>, why: &str, remedy: &str) {
        self.problems.push(problem(place, what, why, remedy));
    }

    /// A map whose keys are these. Unknown and missing ones are told.
    fn keys(&mut self, node: &Node, known: &[Key]) {
        let names = keys::names(known);
        if !matches!(node.kind, Kind::Map(_)) {
            let remedy = format!("write a map with {}", names.join(", "));
            return self.complain(&node.place, format!("{} instead of a map", node.describe()), "nothing can be read from it", &remedy);
        }
        for entry in node.entries().iter().filter(|entry| !names.contains(&entry.key.as_str())) {
            let what = format!("unknown key `{}`{}", entry.key.escape_default(), did_you_mean(&entry.key, &names));
            self.complain(&entry.place, what, "a misspelt key would test nothing", &format!("use one of: {}", names.join(", ")));
        }
        for key in known.iter().filter(|key| key.required && node.get(key.name).is_none()) {
            let remedy = format!("add `{}`: {}", key.name, key.about);
            self.complain(&node.place, format!("no `{}`", key.name), "without it nothing is tested", &remedy);
        }
    }

    fn suite(&mut self, node: &Node) -> Suite {
        self.keys(node, &keys::FILE);
        let with = node.get("with").map_or(Vec::new(), texts);
        let base_ms = node.get("base").map_or(BASE_MS, |n| self.time(n));
        let tables = node.get("tables").map(|tables| self.tables(tables)).unwrap_or_default();
        let intel = node.get("tables").and_then(|tables| tables.get("intel"));
        let dated_tables = matches!(intel.map(|n| &n.kind), Some(Kind::List(rows)) if rows.iter().any(|row| row.get("expires").is_some()));
        let events = node.get("events").map_or(&[][..], Node::entries);
        let templates: BTreeMap<String, Template> = events.iter().map(|e| (e.key.clone(), self.template(&e.value))).collect();
        let cases = node.get("cases").map(list).unwrap_or_default();
        let cases = cases.into_iter().map(|c| self.case(c, &templates)).collect();
        Suite { with, base_ms, tables, dated_tables, templates, generic: std::mem::take(&mut self.generic), cases }
    }

    fn template(&mut self, node: &Node) -> Template {
        let fields = match value(node) {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        let kind = node.get("kind").map_or("", |kind| kind.text.as_str());
        let kinds: Vec<&str> = keys::KINDS.into_iter().chain([keys::KIND_RAW]).collect();
        if !kinds.contains(&kind) {
            let place = node.get("kind").map_or(&node.place, |kind| &kind.place);
            let what = format!("`kind: {}`{}", kind.escape_default(), did_you_mean(kind, &kinds));
            let why = "it says which service's event the template is";
            self.complain(place, what, why, &format!("use one of: {}", kinds.join(", ")));
        }
        Template::new(kind, fields, &mut self.generic)
    }

    fn tables(&mut self, node: &Node) -> Arc<Tables> {
        self.keys(node, &keys::TABLES);
        let mut builder = Builder::new();
        for kind in [TableKind::Accounts, TableKind::Networks, TableKind::Intel] {
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

    fn case(&mut self, node: &Node, templates: &BTreeMap<String, Template>) -> Case {
        self.keys(node, &keys::CASE);
        let name = node.get("name").map_or_else(String::new, |n| n.text.clone());
        let steps = node.get("events").map(list).unwrap_or_default();
        let steps = steps.into_iter().map(|s| self.step(s, templates)).collect();
        let expect = node.get("expect").map(list).unwrap_or_default();
        expect.iter().for_each(|alert| self.keys(alert, &keys::EXPECT));
        let expect: Vec<Value> = expect.into_iter().map(value).collect();
        let classes = self.classes(node);
        let unsaid = if expect.is_empty() { usize::from(classes.contains(&Class::True)) } else { expect.len() };
        let alerts = node.get("alerts").map_or(unsaid, |n| self.count(n, "alerts", TIMES_MAX) as usize);
        let order = node.get("order").and_then(|n| self.word(n, "order", &keys::ORDERS));
        let order = match order.as_deref() {
            Some("reversed") => Order::Reversed,
            Some("shuffled") => Order::Shuffled,
            _ => Order::Written,
        };
        Case {
            name,
            place: node.place.clone(),
            classes,
            order,
            shift_ms: self.duration(node, "shift"),
            drive: node.get("drive").map(|drive| self.drive(drive)).unwrap_or_default(),
            variants: self.variants(node),
            steps,
            alerts,
            expect,
        }
    }

    fn drive(&mut self, node: &Node) -> Drive {
        self.keys(node, &keys::DRIVE);
        let batch = match node.get("batch") {
            None => 1,
            Some(n) if n.text == "all" => usize::MAX,
            Some(n) => self.count(n, "batch", TIMES_MAX).max(1) as usize,
        };
        let pipelines = node.get("pipelines").map_or(1, |n| self.count(n, "pipelines", 64).max(1) as u16);
        let restarts = node.get("restart").map(list).unwrap_or_default();
        let restarts = restarts.iter().map(|n| self.count(n, "restart", TIMES_MAX) as usize).collect();
        Drive { batch, pipelines, restarts }
    }

    fn variants(&mut self, node: &Node) -> BTreeSet<String> {
        match node.get("variants") {
            None => keys::VARIANTS.iter().map(|&word| word.to_owned()).collect(),
            Some(Node { kind: Kind::Bool(false), .. }) => BTreeSet::new(),
            Some(node) => list(node).iter().filter_map(|n| self.word(n, "variants", &keys::VARIANTS)).collect(),
        }
    }

    fn classes(&mut self, node: &Node) -> BTreeSet<Class> {
        let words = node.get("is").map(list).unwrap_or_default();
        let classes: BTreeSet<Class> =
            words.iter().filter_map(|n| self.word(n, "is", &keys::CLASSES)).filter_map(|word| Class::of(&word)).collect();
        if classes.contains(&Class::True) == classes.contains(&Class::False) {
            let why = "each case must say whether the rule fires";
            self.complain(&node.place, "neither true nor false", why, "add `true` or `false` to `is`");
        }
        classes
    }

    fn step(&mut self, node: &Node, templates: &BTreeMap<String, Template>) -> Step {
        self.keys(node, &keys::STEP);
        let template = node.get("use").map_or_else(String::new, |n| n.text.clone());
        if let Some(used) = node.get("use").filter(|_| !templates.contains_key(&template)) {
            let known: Vec<&str> = templates.keys().map(String::as_str).collect();
            let what = format!("no template `{}`{}", template.escape_default(), did_you_mean(&template, &known));
            self.complain(&used.place, what, "`use` names an entry of `events`", "add the template, or correct the name");
        }
        let set = match node.get("set").map(value) {
            Some(Value::Object(set)) => set,
            _ => Map::new(),
        };
        let mut count = |key, unsaid| node.get(key).map_or(unsaid, |n| self.count(n, key, TIMES_MAX) as u32);
        let (times, copies, first) = (count("times", 1), count("copies", 1), count("n", 0));
        Step {
            template,
            at_ms: self.duration(node, "at"),
            times,
            every_ms: self.duration(node, "every"),
            copies,
            copies_after_ms: self.duration(node, "copies_after"),
            arrives_ms: self.duration(node, "arrives"),
            first,
            account: node.get("account").map(|n| n.text.clone()),
            set,
        }
    }

    fn time(&mut self, node: &Node) -> i64 {
        parse_rfc3339_ms(&node.text).unwrap_or_else(|| {
            let what = format!("`{}` is no time", node.text.escape_default());
            self.complain(&node.place, what, "all times of the file are counted from it", "write it like 2026-11-02T10:00:00Z");
            BASE_MS
        })
    }

    fn count(&mut self, node: &Node, key: &str, most: u64) -> u64 {
        node.text.parse().ok().filter(|n| *n <= most).unwrap_or_else(|| {
            let what = format!("`{key}: {}`", node.text.escape_default());
            self.complain(&node.place, what, &format!("a whole number up to {most} is expected"), "correct the number");
            0
        })
    }

    fn word(&mut self, node: &Node, key: &str, known: &[&str]) -> Option<String> {
        if known.contains(&node.text.as_str()) {
            return Some(node.text.clone());
        }
        let what = format!("`{key}: {}`{}", node.text.escape_default(), did_you_mean(&node.text, known));
        self.complain(&node.place, what, "the word is not known here", &format!("use one of: {}", known.join(", ")));
        None
    }

    fn duration(&mut self, node: &Node, key: &str) -> i64 {
        let Some(n) = node.get(key) else { return 0 };
        parse_duration_ms(&n.text).unwrap_or_else(|| {
            let what = format!("`{key}: {}`", n.text.escape_default());
            self.complain(&n.place, what, "it is no duration", "write it like 90s, 5m, 1h30m or -10s");
            0
        })
    }
}

/// The items of a list; anything else is a list of one.
fn list(node: &Node) -> Vec<&Node> {
    match &node.kind {
        Kind::List(all) => all.iter().collect(),
        Kind::Null => Vec::new(),
        _ => vec![node],
    }
}

fn texts(node: &Node) -> Vec<String> {
    list(node).into_iter().map(|n| n.text.clone()).collect()
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
    use super::super::keys::Form;
    use super::*;

    fn told(text: &str) -> Vec<String> {
        parse("x.test.yaml", text).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    const GOOD: &str = "events: {a: {kind: dns}}\ncases:\n  - {name: x, is: true, events: [{use: a, at: 1m}], expect: {count: 1}}\n";

    #[test]
    fn what_cannot_be_meant_is_told_with_line_and_suggestion() {
        assert_eq!(told(GOOD), Vec::<String>::new());
        for (good, bad, wanted) in [
            ("kind: dns", "kind: dnss", "x.test.yaml:1:20: `kind: dnss`"),
            ("at: 1m", "att: 1m", "unknown key `att`"),
            ("events: [", "event: [", "unknown key `event` (did you mean `events`?)"),
            ("at: 1m", "at: 1 minute", "`at: 1 minute`"),
            ("at: 1m", "times: ten", "`times: ten`"),
            ("use: a", "use: b", "no template `b`"),
            ("is: true", "is: edge", "neither true nor false"),
            ("is: true", "is: tru", "`is: tru` (did you mean `true`?)"),
            ("count: 1", "cuont: 1", "unknown key `cuont` (did you mean `count`?)"),
            ("name: x, ", "", "no `name`"),
            ("is: true", "is: true, variants: [shufled]", "(did you mean `shuffled`?)"),
            ("is: true", "is: true, drive: {batch: some}", "`batch: some`"),
            ("is: true", "is: true, alerts: many", "`alerts: many`"),
        ] {
            let said = told(&GOOD.replacen(good, bad, 1));
            assert!(said.iter().any(|line| line.contains(wanted)), "{bad}: {said:?}");
        }
    }

    #[test]
    fn every_table_of_keys_names_each_once() {
        for table in [&keys::FILE[..], &keys::CASE, &keys::STEP, &keys::DRIVE, &keys::EXPECT, &keys::TABLES] {
            let names: BTreeSet<&str> = table.iter().map(|key| key.name).collect();
            assert_eq!(names.len(), table.len());
            assert!(table.iter().all(|key| !key.about.is_empty() && key.form != Form::Of(&[])));
        }
    }
}
