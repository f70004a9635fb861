//! YAML with places: text in, a tree in which every key and value knows its line and column out. Rules, rule tests, suppressions
//! and the configuration are read with it.
//!
//! Owns the limits of rule files. Never interprets keys.
//! Documents are cut at `---` lines first, so a mistake in one document does not hide the others of its file.
//! Limits: 1 MiB and 200,000 nodes per file, nesting 64, 100 uses of aliases. Duplicate keys, merge keys and foreign tags are refused.

use super::Place;
use super::report::{Fault, Report, quoted};
use super::scalar;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

const FILE_BYTES_MAX: usize = 1 << 20;
const DEPTH_MAX: usize = 64;
const ALIAS_USES_MAX: usize = 100;
const NODES_MAX: usize = 200_000;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands.
    pub place: Place,
    /// A scalar's text as written (quotes and escapes resolved); empty for lists and maps.
    pub text: String,
    /// What it is.
    pub kind: Kind,
    /// Columns from `place` to the text's first character, if the text stands on one line as it is.
    inset: Option<u32>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Any other scalar.
    Text,
    /// A list.
    List(Vec<Node>),
    /// A map, in the order written.
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Where the key stands.
    pub place: Place,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The value of a key, if this is a map that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|e| e.key == key).map(|e| &e.value)
    }

    /// The entries of a map; nothing for anything else.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        if let Kind::Map(entries) = &self.kind { entries } else { &[] }
    }

    /// Whether this is a scalar with a value.
    #[must_use]
    pub fn is_word(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Number(_) | Kind::Bool(_))
    }

    /// Another value at this place.
    #[must_use]
    pub(super) fn instead(&self, kind: Kind) -> Node {
        Node { kind, ..self.clone() }
    }

    /// A copy in which a number or boolean is its text.
    #[must_use]
    pub fn as_written(&self) -> Node {
        let kind = if self.is_word() { Kind::Text } else { self.kind.clone() };
        Node { kind, ..self.clone() }
    }

    /// The words of a map as (key, text) pairs: a table's row. A list gives its key several times, a map inside dotted keys.
    #[must_use]
    pub fn cells(&self) -> Vec<(String, String)> {
        let mut cells = Vec::new();
        self.entries().iter().for_each(|entry| entry.value.add_cells(&entry.key, &mut cells));
        cells
    }

    fn add_cells(&self, key: &str, cells: &mut Vec<(String, String)>) {
        match &self.kind {
            Kind::Null => {}
            Kind::List(items) => items.iter().for_each(|item| item.add_cells(key, cells)),
            Kind::Map(entries) => entries.iter().for_each(|e| e.value.add_cells(&format!("{key}.{}", e.key), cells)),
            _ => cells.push((key.to_owned(), self.text.clone())),
        }
    }

    /// What this is, for messages.
    #[must_use]
    pub fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing (null)",
            Kind::Bool(_) => "a boolean",
            Kind::Number(_) => "a number",
            Kind::Text => "a text",
            Kind::List(_) => "a list",
            Kind::Map(_) => "a map",
        }
    }

    /// Where the character at `offset` (counted in characters) of the scalar's text stands, as exactly as is known.
    #[must_use]
    pub fn place_at(&self, offset: usize) -> Place {
        let mut place = self.place.clone();
        if let Some(inset) = self.inset {
            place.column = place.column.saturating_add(inset).saturating_add(u32::try_from(offset).unwrap_or(0));
        }
        place
    }
}

/// The documents of a file; what cannot be read is reported and left out.
pub(super) fn documents(file: &Arc<str>, text: &str, report: &mut Report) -> Vec<Node> {
    read(file, text, Spoilt::Dropped, report)
}

/// What becomes of a document with a duplicate key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoilt {
    /// It is left out: one of the two values would be lost, and with it a meaning.
    Dropped,
    /// It is given, both entries in it, so that the rest of it can be checked too. It must not be used.
    Given,
}

pub(super) fn read(file: &Arc<str>, text: &str, spoilt: Spoilt, report: &mut Report) -> Vec<Node> {
    if text.len() > FILE_BYTES_MAX {
        let place = Place { file: file.clone(), line: 1, column: 1 };
        report.error(&place, format!("a file of {} bytes", text.len()), "rule files may have at most 1 MiB", "split the file");
        return Vec::new();
    }
    let mut builder = Builder::new(file.clone());
    for (lines_before, chunk) in chunks(text.strip_prefix('\u{feff}').unwrap_or(text)) {
        builder.lines_before = lines_before;
        let before = builder.documents.len();
        let broken = builder.read(chunk).err();
        if !builder.duplicates.is_empty() && spoilt == Spoilt::Dropped {
            builder.documents.truncate(before);
        }
        for (place, fault) in builder.duplicates.drain(..).chain(broken) {
            report.fault(&place, fault);
        }
        builder.open.clear();
        builder.anchors.clear();
    }
    builder.documents
}

/// Cuts a file in front of every `---` line, with the number of lines before each piece. YAML allows such a line nowhere else.
fn chunks(text: &str) -> Vec<(u32, &str)> {
    let mut found = Vec::new();
    let (mut start, mut start_line, mut at, mut line) = (0, 0, 0, 0u32);
    for piece in text.split_inclusive('\n') {
        let marks = piece.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace));
        if marks && at > start {
            found.push((start_line, &text[start..at]));
            (start, start_line) = (at, line);
        }
        at += piece.len();
        line = line.saturating_add(1);
    }
    found.push((start_line, &text[start..]));
    found
}

type Refusal = (Place, Fault);

/// A list or map that has begun.
struct Open {
    node: Node,
    anchor: usize,
    key: Option<(String, Place)>,
    /// Lines of the keys so far.
    lines: BTreeMap<String, u32>,
}

struct Builder {
    file: Arc<str>,
    lines_before: u32,
    documents: Vec<Node>,
    open: Vec<Open>,
    /// Finished anchored nodes with their number of nodes and depth.
    anchors: BTreeMap<usize, (Node, usize, usize)>,
    /// Duplicate keys of the chunk.
    duplicates: Vec<Refusal>,
    alias_uses: usize,
    nodes: usize,
}

impl Builder {
    fn new(file: Arc<str>) -> Self {
        let (documents, open, anchors, duplicates) = (Vec::new(), Vec::new(), BTreeMap::new(), Vec::new());
        Builder { file, lines_before: 0, documents, open, anchors, duplicates, alias_uses: 0, nodes: 0 }
    }

    fn read(&mut self, chunk: &str) -> Result<(), Refusal> {
        let mut parser = Parser::new_from_str(chunk);
        while let Some(next) = parser.next_event() {
            match next {
                Ok((event, span)) => self.take(event, span)?,
                Err(e) => {
                    let fault = Fault::new("not valid YAML", e.info(), "correct the YAML at this place (indentation, quotes, colons)");
                    return Err((self.place(*e.marker()), fault));
                }
            }
        }
        Ok(())
    }

    fn place(&self, marker: Marker) -> Place {
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Place {
            file: self.file.clone(),
            line: number(marker.line()).saturating_add(self.lines_before),
            column: number(marker.col()).saturating_add(1),
        }
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Refusal> {
        let place = self.place(span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let text_tag = check_tag(tag.as_ref(), &place)?;
                let node = scalar_node(text, style, text_tag, place, span);
                self.attach(node, anchor, 1, 0)
            }
            Event::SequenceStart(anchor, tag) => self.begin(Kind::List(Vec::new()), anchor, tag.as_ref(), place),
            Event::MappingStart(anchor, tag) => self.begin(Kind::Map(Vec::new()), anchor, tag.as_ref(), place),
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, place),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, kind: Kind, anchor: usize, tag: Option<&Cow<'_, Tag>>, place: Place) -> Result<(), Refusal> {
        check_tag(tag, &place)?;
        if self.open.len() >= DEPTH_MAX {
            return Err((place, Fault::new("nested too deep", "rule files may nest 64 levels", "flatten the structure")));
        }
        self.open.push(Open { node: Node { place, text: String::new(), kind, inset: None }, anchor, key: None, lines: BTreeMap::new() });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Refusal> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        let (size, depth) = if open.anchor > 0 { measure(&open.node) } else { (1, 0) };
        self.attach(open.node, open.anchor, size, depth)
    }

    fn alias(&mut self, anchor: usize, place: Place) -> Result<(), Refusal> {
        self.alias_uses += 1;
        if self.alias_uses > ALIAS_USES_MAX {
            return Err((place, Fault::new("too many YAML aliases", "a file may use aliases 100 times", "write the values out")));
        }
        let Some((node, size, depth)) = self.anchors.get(&anchor).cloned() else {
            return Err((place, Fault::new("an alias inside its own anchor", "it would never end", "write the value out")));
        };
        if self.open.len() + depth > DEPTH_MAX {
            return Err((place, Fault::new("nested too deep", "rule files may nest 64 levels", "flatten the structure")));
        }
        self.nodes = self.nodes.saturating_add(size);
        self.attach(Node { place, ..node }, 0, size, depth)
    }

    /// Puts a finished node where it belongs.
    fn attach(&mut self, node: Node, anchor: usize, size: usize, depth: usize) -> Result<(), Refusal> {
        self.nodes = self.nodes.saturating_add(1);
        if self.nodes > NODES_MAX {
            return Err((node.place, Fault::new("too many values", "a rule file may hold 200,000 of them", "split the file")));
        }
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size, depth));
        }
        let Some(open) = self.open.last_mut() else {
            self.documents.push(node);
            return Ok(());
        };
        match (&mut open.node.kind, open.key.take()) {
            (Kind::List(items), _) => items.push(node),
            (Kind::Map(entries), Some((key, place))) => entries.push(Entry { key, place, value: node }),
            (Kind::Map(_), None) => {
                let (key, duplicate) = map_key(node, &mut open.lines)?;
                open.key = Some(key);
                self.duplicates.extend(duplicate);
            }
            _ => {}
        }
        Ok(())
    }
}

/// Number of nodes in a tree, and how deep it goes (a scalar: 0).
fn measure(node: &Node) -> (usize, usize) {
    let children: Vec<&Node> = match &node.kind {
        Kind::List(items) => items.iter().collect(),
        Kind::Map(entries) => entries.iter().map(|e| &e.value).collect(),
        _ => return (1, 0),
    };
    let (sizes, depths): (Vec<usize>, Vec<usize>) = children.into_iter().map(measure).unzip();
    (1 + sizes.iter().sum::<usize>(), 1 + depths.iter().max().copied().unwrap_or(0))
}

/// The key, and what is wrong with it if the map has it already.
fn map_key(node: Node, lines: &mut BTreeMap<String, u32>) -> Result<((String, Place), Option<Refusal>), Refusal> {
    if matches!(node.kind, Kind::List(_) | Kind::Map(_)) {
        return Err((node.place, Fault::new("a key that is a list or map", "rules have plain keys", "write a plain key")));
    }
    if node.text == "<<" {
        return Err((node.place, Fault::new("merge key `<<`", "it is not part of YAML 1.2", "write the keys out")));
    }
    let known = lines.len();
    let first = *lines.entry(node.text.clone()).or_insert(node.place.line);
    let key = (node.text, node.place);
    if lines.len() == known {
        let why = format!("it stands at line {first} already, and one of the two would be lost");
        let fault = Fault::new(format!("duplicate key {}", quoted(&key.0)), why, "keep one of them (join the values in a list)");
        let place = key.1.clone();
        return Ok((key, Some((place, fault))));
    }
    Ok((key, None))
}

/// Whether a tag makes a text of a scalar. Tags outside YAML's core schema are refused.
fn check_tag(tag: Option<&Cow<'_, Tag>>, place: &Place) -> Result<bool, Refusal> {
    match tag {
        None => Ok(false),
        Some(t) if t.is_yaml_core_schema() => Ok(t.suffix == "str"),
        Some(t) if t.handle.is_empty() && t.suffix == "!" => Ok(true),
        Some(t) => {
            Err((place.clone(), Fault::new(format!("YAML tag {}", quoted(&t.to_string())), "rules have plain values", "remove the tag")))
        }
    }
}

fn scalar_node(text: Cow<'_, str>, style: ScalarStyle, text_tag: bool, place: Place, span: Span) -> Node {
    let (kind, inset) = match style {
        ScalarStyle::Plain if text_tag => (Kind::Text, 0),
        ScalarStyle::Plain => (scalar::plain(&text), 0),
        _ => (Kind::Text, 1),
    };
    // Only text that takes exactly as many columns as it has characters stands there as it is.
    let columns = span.end.col().saturating_sub(span.start.col());
    let as_it_is = span.start.line() == span.end.line() && columns == text.chars().count() + 2 * inset as usize;
    Node { place, kind, inset: as_it_is.then_some(inset), text: text.into_owned() }
}

#[cfg(test)]
mod tests;
