//! JSON: an array of objects, or one object per line. Numbers and booleans are their text; a list is a cell several times; an
//! object inside a row gives cells with dotted names (`tags.KEY`).

use serde_json::{Map, Value};
use tidegate_core::enrich::{Builder, TableKind};

/// Hands over all rows.
pub(super) fn rows(builder: &mut Builder, _kind: TableKind, _file: &str, text: &str) {
    if !text.trim_start().starts_with('[') {
        for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
            row(builder, number, line);
        }
        return;
    }
    let mut elements = Elements::new(text);
    while let Some((line, element)) = elements.next() {
        row(builder, line, element);
    }
    if !elements.ended {
        builder.refuse(elements.line, "the array does not end: the file is cut off".to_owned());
    }
}

fn row(builder: &mut Builder, line: u64, text: &str) {
    match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(object) => {
            let mut cells = Vec::new();
            object.iter().for_each(|(column, value)| flatten(column, value, &mut cells));
            super::give(builder, line, &cells);
        }
        Err(error) => builder.refuse(line + error.line().saturating_sub(1) as u64, format!("no JSON object: {error}")),
    }
}

fn flatten(column: &str, value: &Value, cells: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::String(text) => cells.push((column.to_owned(), text.clone())),
        Value::Bool(_) | Value::Number(_) => cells.push((column.to_owned(), value.to_string())),
        Value::Array(list) => list.iter().for_each(|value| flatten(column, value, cells)),
        Value::Object(map) => map.iter().for_each(|(key, value)| flatten(&format!("{column}.{key}"), value, cells)),
    }
}

/// The elements of an array as texts, each with its line. Only strings and brackets are looked at.
struct Elements<'t> {
    text: &'t str,
    at: usize,
    line: u64,
    ended: bool,
}

impl<'t> Elements<'t> {
    fn new(text: &'t str) -> Self {
        let start = text.find('[').map_or(text.len(), |at| at + 1);
        let line = 1 + text[..start].matches('\n').count() as u64;
        Elements { text, at: start, line, ended: false }
    }

    fn next(&mut self) -> Option<(u64, &'t str)> {
        let bytes = self.text.as_bytes();
        while let Some(b) = bytes.get(self.at).filter(|b| b.is_ascii_whitespace() || **b == b',') {
            self.line += u64::from(*b == b'\n');
            self.at += 1;
        }
        let (start, line) = (self.at, self.line);
        let (mut depth, mut quoted, mut escaped) = (0u32, false, false);
        while let Some(&b) = bytes.get(self.at) {
            match b {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ if quoted => {}
                b'{' | b'[' => depth += 1,
                b',' | b']' if depth == 0 => {
                    self.ended = b == b']';
                    break;
                }
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            self.line += u64::from(b == b'\n');
            self.at += 1;
        }
        let element = self.text[start..self.at].trim_end();
        (!element.is_empty()).then_some((line, element))
    }
}
