//! The table as a JSON Schema (2020-12), for editors and other tools. It says less than `config check`: what keys owe each other
//! beyond one map, and what the paths name, no schema can tell.

use super::field::{Field, Kind, Presence, Shape};
use super::quantity::{DURATIONS, SIZES};
use super::table::ROOT;
use serde_json::{Map, Value, json};
use tidegate_core::rule::parse_documents;
use tidegate_core::rule::yaml;

/// The schema.
#[must_use]
pub fn schema() -> Value {
    let mut out = Map::new();
    out.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    out.insert("title".to_owned(), json!("Tidegate configuration"));
    out.extend(map(&ROOT));
    Value::Object(out)
}

fn map(shape: &Shape) -> Map<String, Value> {
    let required = |f: &&Field| matches!(f.presence, Presence::Required);
    let required: Vec<&str> = shape.fields.iter().filter(required).map(|f| f.name).collect();
    let properties: Map<String, Value> = shape.fields.iter().map(|f| (f.name.to_owned(), Value::Object(field(f)))).collect();
    let mut out = Map::new();
    // A map without entries may be written as nothing: all of its keys commented out.
    let owed = !required.is_empty() || !shape.exactly_one.is_empty() || !shape.at_least_one.is_empty();
    out.insert("type".to_owned(), if owed { json!("object") } else { json!(["object", "null"]) });
    out.insert("properties".to_owned(), Value::Object(properties));
    out.insert("additionalProperties".to_owned(), json!(false));
    if !required.is_empty() {
        out.insert("required".to_owned(), json!(required));
    }
    for (word, keys) in [("oneOf", shape.exactly_one), ("anyOf", shape.at_least_one)] {
        if !keys.is_empty() {
            out.insert(word.to_owned(), keys.iter().map(|key| json!({"required": [key]})).collect());
        }
    }
    out
}

fn field(field: &Field) -> Map<String, Value> {
    let mut out = Map::new();
    let description = match field.kind {
        Kind::Map(_) | Kind::List { of: Kind::Map(_), .. } | Kind::True => field.text.to_owned(),
        kind => format!("{} Expected: {}.", field.text, kind.expected()),
    };
    out.insert("description".to_owned(), Value::String(description));
    if let (Presence::Default(text), false) = (field.presence, matches!(field.kind, Kind::Map(_))) {
        let (documents, _) = parse_documents("default", text);
        out.insert("default".to_owned(), documents.first().map_or(Value::Null, literal));
    }
    out.extend(kind(&field.kind));
    out
}

fn kind(kind: &Kind) -> Map<String, Value> {
    let value = match kind {
        Kind::Flag => json!({"type": "boolean"}),
        Kind::True => json!({"const": true}),
        Kind::Count { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
        Kind::Size { .. } => json!({"type": "string", "pattern": pattern(&SIZES)}),
        Kind::Duration { .. } => json!({"type": "string", "pattern": pattern(&DURATIONS)}),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Text(wording) => match wording.pattern() {
            Some(pattern) => json!({"type": "string", "pattern": pattern}),
            None => json!({"type": "string", "minLength": 1}),
        },
        Kind::Path(_) => json!({"type": "string", "minLength": 1}),
        Kind::List { of, most } => json!({"type": "array", "minItems": 1, "maxItems": most, "uniqueItems": true, "items": self::kind(of)}),
        Kind::Map(shape) => return map(shape),
    };
    match value {
        Value::Object(out) => out,
        _ => Map::new(),
    }
}

fn pattern(units: &[(&str, u64)]) -> String {
    let units: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    format!("^[0-9]+({})$", units.join("|"))
}

/// A default, as it is written.
fn literal(node: &yaml::Node) -> Value {
    match &node.kind {
        yaml::Kind::Null | yaml::Kind::Map(_) => Value::Null,
        yaml::Kind::Bool(flag) => Value::Bool(*flag),
        yaml::Kind::Number(n) => Value::from(*n as u64),
        yaml::Kind::Text => Value::String(node.text.clone()),
        yaml::Kind::List(items) => items.iter().map(literal).collect(),
    }
}
