//! A JSON Schema (2020-12) of a rule test, for editors and other tools: made from the table of its keys.

use super::keys::{FILE, Form, KIND_RAW, KINDS, Key};
use serde_json::{Map, Value, json};

/// The schema of `NAME.test.yaml`.
#[must_use]
pub fn schema() -> Value {
    let mut out = map(&FILE);
    out["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    out["title"] = "Tidegate rule test: NAME.test.yaml beside NAME.yml".into();
    out
}

fn map(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), of_key(key))).collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn of_key(key: &Key) -> Value {
    let mut out = of_form(key.form);
    out["description"] = key.about.into();
    out
}

fn of_form(form: Form) -> Value {
    let text = json!({"type": ["string", "number", "boolean"]});
    match form {
        Form::Text => text,
        Form::Time => json!({"type": "string", "format": "date-time"}),
        Form::Duration => json!({"anyOf": [{"const": 0}, {"type": "string", "pattern": "^(0|-?([0-9]+(ms|s|m|h|d))+)$"}]}),
        Form::Count => json!({"type": "integer", "minimum": 0}),
        Form::Yes => json!({"type": "boolean"}),
        Form::Words(words) => {
            // YAML reads `true` as a boolean, not as a word.
            let one: Vec<Value> = words.iter().flat_map(|word| [json!(word), serde_json::from_str(word).unwrap_or(json!(word))]).collect();
            let mut once: Vec<Value> = Vec::new();
            one.into_iter().for_each(|word| {
                if !once.contains(&word) {
                    once.push(word)
                }
            });
            json!({"anyOf": [{"enum": once}, {"type": "array", "items": {"enum": once}}]})
        }
        Form::Texts => json!({"anyOf": [text, {"type": "array", "items": text}]}),
        Form::Counts => json!({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}),
        Form::CountOrAll => json!({"anyOf": [{"type": "integer", "minimum": 0}, {"const": "all"}]}),
        Form::Map => json!({"type": "object"}),
        Form::Any => json!({}),
        Form::Of(keys) => map(keys),
        Form::ListOf(keys) => json!({"anyOf": [{"type": "array", "items": map(keys)}, map(keys)]}),
        Form::Templates => {
            let kinds: Vec<&str> = KINDS.into_iter().chain([KIND_RAW]).collect();
            let template = json!({"type": "object", "properties": {"kind": {"enum": kinds}}});
            json!({"type": "object", "additionalProperties": template})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_closed_and_words_of_yaml_are_known() {
        let schema = schema();
        assert_eq!((&schema["additionalProperties"], &schema["required"]), (&json!(false), &json!(["cases"])));
        let is = &schema["properties"]["cases"]["anyOf"][0]["items"]["properties"]["is"]["anyOf"][0]["enum"];
        assert!(is.as_array().is_some_and(|words| words.contains(&json!(true)) && words.contains(&json!("edge"))), "{is}");
    }
}
