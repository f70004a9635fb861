//! A file against the table: every error at once, and the values with their defaults.
//!
//! A value that is wrong does not hide what else is wrong: the walk goes on, and the settings are given only if there is no error.

use super::between;
use super::field::{Field, Kind, Opened, Presence, Shape};
use super::settings::Config;
use super::table::ROOT;
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use tidegate_core::rule::yaml::{self, Node};
use tidegate_core::rule::{Diagnostic, Gravity, Place, hint, parse_documents, problem, quoted};

const FILE_BYTES_MAX: usize = 1 << 20;

/// What a file holds.
#[derive(Debug)]
pub struct Parsed {
    /// The settings, unless there are errors.
    pub config: Option<Config>,
    /// Errors and warnings, by place.
    pub diagnostics: Vec<Diagnostic>,
    /// Every path in it, written or by default, in the order of the table.
    pub named: Vec<Named>,
}

/// A path of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Dotted key.
    pub key: String,
    /// Path, resolved; `builtin` as it is.
    pub path: PathBuf,
    /// Where it stands; a default stands at the start of the file.
    pub place: Place,
    /// What for.
    pub opened: Opened,
}

/// Reads the text of a configuration file. Relative paths are relative to `base`.
#[must_use]
pub fn parse(name: &str, text: &str, base: &Path) -> Parsed {
    let start = Place { file: name.into(), line: 1, column: 1 };
    if text.len() > FILE_BYTES_MAX {
        let what = format!("a file of {} bytes", text.len());
        let problem = problem(&start, what, "a configuration has at most 1 MiB", "name the right file");
        return Parsed { config: None, diagnostics: vec![problem], named: Vec::new() };
    }
    let (documents, problems) = parse_documents(name, text);
    let broken = !problems.is_empty();
    let mut checker = Checker { base, start, problems, named: Vec::new() };
    let value = checker.document(&documents, broken);
    finish(checker, value, text)
}

fn finish(checker: Checker<'_>, value: Value, text: &str) -> Parsed {
    let mut diagnostics = checker.problems;
    let width = |line: &str| u32::try_from(line.chars().count()).unwrap_or(u32::MAX);
    let columns: Vec<u32> = text.split('\n').map(width).collect();
    for diagnostic in &mut diagnostics {
        clamp(&mut diagnostic.place, &columns);
    }
    diagnostics.sort_by(|a, b| (&a.place, a.gravity, &a.what).cmp(&(&b.place, b.gravity, &b.what)));
    diagnostics.dedup();
    let good = diagnostics.iter().all(|d| d.gravity == Gravity::Warning);
    let config = good.then(|| serde_json::from_value(value).expect("invariant: the structs mirror the table, and the table was checked"));
    Parsed { config, diagnostics, named: checker.named }
}

/// A parser may see the end of a file behind its last line.
fn clamp(place: &mut Place, columns: &[u32]) {
    place.line = place.line.clamp(1, u32::try_from(columns.len()).unwrap_or(u32::MAX).max(1));
    let width = columns.get(place.line as usize - 1).copied().unwrap_or_default();
    place.column = place.column.clamp(1, width.saturating_add(1));
}

pub(super) struct Checker<'a> {
    pub(super) base: &'a Path,
    start: Place,
    problems: Vec<Diagnostic>,
    pub(super) named: Vec<Named>,
}

impl Checker<'_> {
    pub(super) fn error(&mut self, place: &Place, what: impl Into<String>, why: &str, remedy: &str) {
        self.problems.push(problem(place, what, why, remedy));
    }

    pub(super) fn warn(&mut self, place: &Place, what: impl Into<String>, why: &str, remedy: &str) {
        self.problems.push(Diagnostic { gravity: Gravity::Warning, ..problem(place, what, why, remedy) });
    }

    fn document(&mut self, documents: &[Node], broken: bool) -> Value {
        let (nothing, _) = parse_documents(&self.start.file, "~");
        let document = match documents {
            [document] => document,
            // What is left of a file that is no YAML says nothing about what it lacks.
            [] if broken => return Value::Null,
            [] => match nothing.first() {
                Some(nothing) => nothing,
                None => return Value::Null,
            },
            [document, second, ..] => {
                self.error(&second.place, "a second document", "a configuration is one YAML document", "remove the `---` and what follows");
                document
            }
        };
        if !matches!(document.kind, yaml::Kind::Map(_) | yaml::Kind::Null) {
            let what = format!("the document is {}", document.describe());
            self.error(&document.place, what, "a configuration is a map", "write `KEY: VALUE` lines; `sources` is required");
            return Value::Null;
        }
        let value = self.map("", document, &ROOT);
        between::check(self, document);
        value
    }

    pub(super) fn map(&mut self, at: &str, node: &Node, shape: &'static Shape) -> Value {
        if !matches!(node.kind, yaml::Kind::Map(_) | yaml::Kind::Null) {
            self.wrong(at, node, &Kind::Map(shape));
            return Value::Null;
        }
        for entry in node.entries().iter().filter(|e| shape.fields.iter().all(|f| f.name != e.key)) {
            self.unknown(at, entry, shape);
        }
        let mut out = Map::new();
        for field in shape.fields {
            // Of a duplicate key both values are checked; the file is refused anyway.
            let written = node.entries().iter().filter(|e| e.key == field.name).map(|e| &e.value);
            let mut values: Vec<Value> = written.map(|node| self.value(&inside(at, field.name), node, field)).collect();
            if values.is_empty() {
                values.extend(self.absent(at, node, field));
            }
            out.extend(values.into_iter().next().map(|value| (field.name.to_owned(), value)));
        }
        self.groups(at, node, shape);
        Value::Object(out)
    }

    fn unknown(&mut self, at: &str, entry: &yaml::Entry, shape: &Shape) {
        let names: Vec<&str> = shape.fields.iter().map(|f| f.name).collect();
        let near = hint(&entry.key, &names);
        let inside = if at.is_empty() { String::new() } else { format!(" in `{at}`") };
        let remedy = match elsewhere(&ROOT, "", &entry.key) {
            _ if !near.is_empty() => "correct it, or remove it".to_owned(),
            Some(path) => format!("write it as `{path}`, or remove it"),
            None => format!("use one of {}, or remove it", shape.names()),
        };
        self.error(&entry.place, format!("unknown key {}{inside}{near}", quoted(&entry.key)), "it would be ignored", &remedy);
    }

    /// The value of a key that is not written.
    fn absent(&mut self, at: &str, node: &Node, field: &'static Field) -> Option<Value> {
        match field.presence {
            Presence::Optional => None,
            Presence::Required => {
                let inside = if at.is_empty() { String::new() } else { format!(" in `{at}`") };
                let remedy = format!("add `{}: {}`", field.name, field.kind.example());
                self.error(&node.place, format!("no `{}`{inside}", field.name), "it is required", &remedy);
                None
            }
            Presence::Default(text) => {
                let (documents, _) = parse_documents(&self.start.file, text);
                let mut node = documents.into_iter().next()?;
                node.place = self.start.clone();
                Some(self.value(&inside(at, field.name), &node, field))
            }
        }
    }

    /// Keys of which one must be there.
    fn groups(&mut self, at: &str, node: &Node, shape: &Shape) {
        let present = |keys: &[&str]| keys.iter().filter(|k| node.get(k).is_some()).map(|k| format!("`{k}`")).collect::<Vec<_>>();
        let all = |keys: &[&str]| format!("write one of {}", keys.join(", "));
        let (one, any) = (present(shape.exactly_one), present(shape.at_least_one));
        let source = at == "sources";
        if !shape.exactly_one.is_empty() && one.is_empty() {
            let what = if source { format!("nothing to read in `{at}`") } else { format!("nothing in `{at}`") };
            let why = if source { "a source reads one thing" } else { "it must say where to look" };
            self.error(&node.place, what, why, &all(shape.exactly_one));
        }
        if one.len() > 1 && !source {
            let what = format!("{} in one `{at}`", one.join(" and "));
            self.error(&node.place, what, "only one of them can hold", "keep one");
        } else if one.len() > 1 {
            let remedy = "keep one, and make a source of its own of the other";
            self.error(&node.place, format!("{} in one of `{at}`", one.join(" and ")), "a source reads one thing", remedy);
        }
        if !shape.at_least_one.is_empty() && any.is_empty() {
            let why = "rules find their events by their logsource";
            self.error(&node.place, format!("no logsource in `{at}`"), why, &format!("{} at least", all(shape.at_least_one)));
        }
    }
}

/// Dotted key of a key inside.
fn inside(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// Where else a key of this name is known.
fn elsewhere(shape: &Shape, at: &str, name: &str) -> Option<String> {
    shape.fields.iter().find_map(|field| {
        let path = inside(at, field.name);
        let below = match field.kind {
            Kind::Map(shape) => elsewhere(shape, &path, name),
            Kind::List { of: Kind::Map(shape), .. } => elsewhere(shape, &path, name),
            _ => None,
        };
        if field.name == name { Some(path) } else { below }
    })
}
