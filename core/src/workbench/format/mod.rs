//! One form for rule files: the order of keys, four spaces, single quotes where they are enough. Comments stay with their keys.
//!
//! Works on the author's own lines: they are moved and shifted, never written anew, so nothing can be lost that YAML does not carry.
//! A document is left as it is wherever that is not safe: a root that is no plain map, texts or brackets over several lines, tabs,
//! tags, anchors. At the end the result must read as the same tree and format to itself; else the document is left as it is, too.
//!
//! The order is that of the Sigma specification's examples; attributes of our own follow. Never changes a meaning digest (a test runs
//! over the shipped rules, over random mutilations of them, and over public rules where they are at hand).

mod indent;

use crate::rule::yaml::{Kind, Node};
use crate::rule::{Gravity, parse_documents};
use indent::reindent;

/// Top-level keys in their order; others follow, in the order written.
const ORDER: [&str; 24] = [
    "title",
    "id",
    "name",
    "related",
    "taxonomy",
    "status",
    "description",
    "license",
    "references",
    "author",
    "date",
    "modified",
    "tags",
    "scope",
    "logsource",
    "detection",
    "correlation",
    "generate",
    "filter",
    "fields",
    "falsepositives",
    "level",
    "owner",
    "runbook",
];

/// A file in its one form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Formatted {
    /// The text.
    pub text: String,
    /// First lines of documents that were left as they are, and why.
    pub left: Vec<(usize, &'static str)>,
}

/// Formats a rule file.
#[must_use]
pub fn format(text: &str) -> Formatted {
    if text.contains(['\r', '\t', '\u{feff}']) {
        return untouched(text, "it has tabs, carriage returns or a byte order mark");
    }
    if parse_documents("file", text).1.iter().any(|d| d.gravity == Gravity::Error) {
        return untouched(text, "it is not valid YAML, or has a key twice");
    }
    let mut out = Formatted { text: String::new(), left: Vec::new() };
    let mut line = 1;
    for piece in pieces(text) {
        let lines = piece.lines().count();
        match document(piece) {
            Ok(done) => out.text.push_str(&done),
            Err(why) => {
                out.left.push((line, why));
                out.text.push_str(piece);
            }
        }
        line += lines;
    }
    out
}

fn untouched(text: &str, why: &'static str) -> Formatted {
    Formatted { text: text.to_owned(), left: vec![(1, why)] }
}

/// The file cut in front of every `---` line.
fn pieces(text: &str) -> Vec<&str> {
    let (mut found, mut start, mut at) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        if is_mark(line) && at > start {
            found.push(&text[start..at]);
            start = at;
        }
        at += line.len();
    }
    found.push(&text[start..]);
    found
}

fn is_mark(line: &str) -> bool {
    line.strip_prefix("---").is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
}

/// A document with its `---` line, in its one form.
fn document(piece: &str) -> Result<String, &'static str> {
    let (mark, body) = match piece.split_once('\n') {
        Some((first, rest)) if is_mark(first) => (Some(first.trim_end()), rest),
        _ => (None, piece),
    };
    if mark.is_some_and(|mark| mark.len() > 3) {
        return Err("something stands behind its `---`");
    }
    if body.trim().is_empty() {
        return Ok(piece.to_owned());
    }
    let formatted = body_of(body)?;
    let again = body_of(&formatted)?;
    if again != formatted || !same(body, &formatted) {
        return Err("its lines cannot be moved without changing it");
    }
    Ok(mark.map_or(String::new(), |mark| format!("{mark}\n")) + &formatted)
}

fn body_of(body: &str) -> Result<String, &'static str> {
    let (documents, _) = parse_documents("document", body);
    let [root] = documents.as_slice() else { return Err("it is not one document") };
    let keys: Vec<(usize, &str)> = root.entries().iter().map(|e| (e.place.line as usize, e.key.as_str())).collect();
    let rising = keys.windows(2).all(|pair| pair[0].0 < pair[1].0);
    if keys.is_empty() || !rising || root.entries().iter().any(|e| e.place.column != 1) {
        return Err("its keys do not stand one below the other at the first column");
    }
    let lines: Vec<&str> = body.lines().collect();
    let (header, mut blocks, tail) = blocks(&lines, &keys);
    blocks.sort_by_key(|block| ORDER.iter().position(|key| *key == block.key).unwrap_or(ORDER.len()));
    let mut out: Vec<String> = header.iter().map(|line| line.trim_end().to_owned()).collect();
    for block in &blocks {
        out.extend(block.lead.iter().map(|line| line.trim_end().to_owned()));
        out.extend(reindent(&block.lines)?);
    }
    out.extend(tail.iter().map(|line| line.trim_end().to_owned()));
    while out.first().is_some_and(String::is_empty) {
        out.remove(0);
    }
    while out.last().is_some_and(String::is_empty) {
        out.pop();
    }
    Ok(out.join("\n") + "\n")
}

/// A top-level key with what belongs to it.
struct Block<'t> {
    key: &'t str,
    /// Comments and blank lines in front of it.
    lead: Vec<&'t str>,
    lines: Vec<&'t str>,
}

/// The comments at the top, the keys, and the comments behind the last one.
fn blocks<'t>(lines: &[&'t str], keys: &[(usize, &'t str)]) -> (Vec<&'t str>, Vec<Block<'t>>, Vec<&'t str>) {
    let loose = |line: &&str| line.is_empty() || line.starts_with('#');
    let mut blocks: Vec<Block<'t>> = Vec::new();
    let (mut from, mut header) = (0, Vec::new());
    for (n, (line, key)) in keys.iter().enumerate() {
        let at = line - 1;
        let lead_start = (from..at).rev().take_while(|i| loose(&lines[*i])).last().unwrap_or(at);
        if let Some(before) = blocks.last_mut() {
            before.lines.extend(&lines[from..lead_start]);
        }
        let mut lead = lines[lead_start..at].to_vec();
        if n == 0 {
            // What a blank line parts from the first key, and a word to the editor, belongs to the file.
            let own = lead.iter().rposition(|l| l.is_empty() || l.starts_with("# yaml-language-server:")).map_or(0, |i| i + 1);
            header = lead.drain(..own).collect();
        }
        blocks.push(Block { key, lead, lines: vec![lines[at]] });
        from = at + 1;
    }
    let end = (from..lines.len()).rev().take_while(|i| loose(&lines[*i])).last().unwrap_or(lines.len());
    if let Some(before) = blocks.last_mut() {
        before.lines.extend(&lines[from..end]);
    }
    (header, blocks, lines[end..].to_vec())
}

/// Whether two texts read as the same tree, the order of the outermost keys apart.
fn same(before: &str, after: &str) -> bool {
    let (before, after) = (parse_documents("a", before), parse_documents("b", after));
    let sorted = |node: &Node| {
        let mut entries: Vec<(String, Node)> = node.entries().iter().map(|e| (e.key.clone(), e.value.clone())).collect();
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        entries
    };
    match (before.0.as_slice(), after.0.as_slice()) {
        ([before], [after]) => {
            let (before, after) = (sorted(before), sorted(after));
            before.len() == after.len() && before.iter().zip(&after).all(|(a, b)| a.0 == b.0 && equal(&a.1, &b.1))
        }
        _ => false,
    }
}

fn equal(a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (Kind::List(a), Kind::List(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b)),
        (Kind::Map(a), Kind::Map(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.key == b.key && equal(&a.value, &b.value)),
        (left, right) => left == right && a.text == b.text,
    }
}

#[cfg(test)]
mod tests;
