//! The mapping names every field that a document can have: what the code writes, and what the golden documents hold.

use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

const FIELDS: &str = include_str!("../../opensearch/component-fields.json");

/// Whether a path is mapped: itself, or below a flat object.
fn mapped(mapping: &Value, path: &[String]) -> bool {
    let Some((name, rest)) = path.split_first() else { return mapping.get("type").is_some() };
    if mapping["type"] == "flat_object" {
        return true;
    }
    mapping["properties"].get(name).is_some_and(|inner| mapped(inner, rest))
}

fn leaves(value: &Value, path: &mut Vec<String>, out: &mut BTreeSet<Vec<String>>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| {
            path.push(key.clone());
            leaves(inner, path, out);
            path.pop();
        }),
        Value::Array(list) => list.iter().for_each(|inner| leaves(inner, path, out)),
        _ => drop(out.insert(path.clone())),
    }
}

pub(crate) fn mappings() -> Value {
    serde_json::from_str::<Value>(FIELDS).expect("JSON")["template"]["mappings"].clone()
}

#[test]
fn every_field_of_the_golden_documents_is_mapped() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/tests/golden/alerts");
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("golden documents").flatten().filter(|e| e.file_name() != "page.json") {
        let document: Value = serde_json::from_slice(&std::fs::read(entry.path()).expect("read")).expect("JSON");
        leaves(&document, &mut Vec::new(), &mut found);
    }
    assert!(found.len() > 150, "{}", found.len());
    let mapping = mappings();
    let missing: Vec<String> = found.iter().filter(|path| !mapped(&mapping, path)).map(|path| path.join(".")).collect();
    assert!(missing.is_empty(), "not in opensearch/component-fields.json: {missing:?}");
}

#[test]
fn every_key_of_the_published_schema_is_mapped() {
    fn keys(schema: &Value, path: &mut Vec<String>, out: &mut Vec<Vec<String>>) {
        let schema = if schema["items"].is_object() { &schema["items"] } else { schema };
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            path.push(name.clone());
            out.push(path.clone());
            keys(inner, path, out);
            path.pop();
        }
    }
    fn there(mapping: &Value, path: &[String]) -> bool {
        let Some((name, rest)) = path.split_first() else { return true };
        mapping["type"] == "flat_object" || mapping["properties"].get(name).is_some_and(|inner| there(inner, rest))
    }
    let (mut all, mapping) = (Vec::new(), mappings());
    keys(&tidegate_core::alert::schema::schema(), &mut Vec::new(), &mut all);
    assert!(all.len() > 60, "{}", all.len());
    let missing: Vec<String> = all.iter().filter(|path| !there(&mapping, path)).map(|path| path.join(".")).collect();
    assert!(missing.is_empty(), "not in opensearch/component-fields.json: {missing:?}");
}

/// A document must never be refused for one field: long words are not indexed, odd numbers ignored, unknown fields left alone.
#[test]
fn no_field_can_refuse_a_document() {
    fn walk(mapping: &Value, path: &str, leaves: &mut usize) {
        for (name, inner) in mapping["properties"].as_object().into_iter().flatten() {
            walk(inner, &format!("{path}.{name}"), leaves);
        }
        for (name, inner) in mapping["fields"].as_object().into_iter().flatten() {
            walk(inner, &format!("{path}.{name}"), leaves);
        }
        let Some(kind) = mapping["type"].as_str() else { return };
        *leaves += 1;
        match kind {
            "keyword" => assert!(mapping["ignore_above"] == 1024 || mapping["doc_values"] == false, "{path}"),
            "long" | "short" | "ip" => assert_eq!(mapping["ignore_malformed"], true, "{path}"),
            "date" => assert!(mapping["ignore_malformed"] == true || path == ".@timestamp", "{path}"),
            "boolean" | "text" | "flat_object" => {}
            other => panic!("{path} is {other}"),
        }
    }
    let (mapping, mut leaves) = (mappings(), 0);
    assert_eq!(mapping["dynamic"], false);
    walk(&mapping, "", &mut leaves);
    assert!((150..500).contains(&leaves), "{leaves} fields");
}
