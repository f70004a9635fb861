//! A JSON Schema (2020-12) of a rule document, for editors and other tools: made from the tables by which rules are read.
//!
//! It says less than `rules check`: references between rules, conditions, regular expressions and near-misses of keys are beyond a
//! schema. It never refuses what the parser accepts (a test runs every shipped rule through a validator, and the words of the tables
//! are the parser's own).

use super::correlation::{KEYS as CORRELATION_KEYS, TYPES};
use super::document::LOGSOURCE_KEYS;
use super::meta::{KNOWN, LEVELS, STATUSES, TITLE_CHARS_MAX};
use super::modifiers::modifier_names;
use super::threshold::CONDITION_KEYS;
use serde_json::{Map, Value, json};

/// The schema.
#[must_use]
pub fn schema() -> Value {
    let properties: Map<String, Value> = KNOWN.iter().chain(&OUR_ATTRIBUTES).map(|key| ((*key).to_owned(), of_key(key))).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sigma rule, correlation or filter, as Tidegate reads it",
        "description": "One document of a rule file. Other top-level keys are custom attributes and are kept.",
        "type": "object",
        "required": ["title"],
        "properties": properties,
        "oneOf": [
            {"required": ["detection"]},
            {"required": ["correlation"]},
            {"required": ["filter"]},
        ],
        "if": {"required": ["correlation"]},
        "then": {"not": {"required": ["logsource"]}},
        "else": {"required": ["logsource"]},
        "$defs": {
            "word": {"type": ["string", "number", "boolean"]},
            "texts": {"anyOf": [{"$ref": "#/$defs/word"}, {"type": "null"}, {"type": "array", "items": {"$ref": "#/$defs/word"}}]},
            "value": {"type": ["string", "number", "boolean", "null"]},
            "values": {"anyOf": [{"$ref": "#/$defs/value"}, {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/value"}}]},
            "fields": {
                "type": "object",
                "minProperties": 1,
                "propertyNames": {"pattern": field_pattern()},
                "additionalProperties": {"$ref": "#/$defs/values"},
            },
            "selection": {
                "description": "A map: all of its fields; a list: one of its maps or keywords.",
                "anyOf": [
                    {"$ref": "#/$defs/fields"},
                    {"$ref": "#/$defs/word"},
                    {"type": "array", "minItems": 1, "items": {"anyOf": [{"$ref": "#/$defs/fields"}, {"$ref": "#/$defs/word"}]}},
                ],
            },
        },
    })
}

/// Custom attributes with a meaning of ours.
const OUR_ATTRIBUTES: [&str; 2] = ["owner", "runbook"];

fn of_key(key: &str) -> Value {
    let mut schema = match key {
        "title" => json!({"$ref": "#/$defs/word", "minLength": 1, "maxLength": TITLE_CHARS_MAX}),
        "status" => json!({"enum": STATUSES}),
        "level" => json!({"enum": LEVELS}),
        "references" | "tags" | "fields" | "falsepositives" | "author" => json!({"$ref": "#/$defs/texts"}),
        "logsource" => logsource(),
        "detection" => detection(),
        "correlation" => correlation(),
        "filter" => filter(),
        "id" | "name" | "owner" | "runbook" => json!({"$ref": "#/$defs/word"}),
        "description" | "date" | "modified" => json!({"$ref": "#/$defs/texts"}),
        _ => json!({}),
    };
    if let Some(text) = description(key) {
        schema["description"] = text.into();
    }
    schema
}

/// What a top-level key is for: what an editor shows.
fn description(key: &str) -> Option<&'static str> {
    Some(match key {
        "title" => "Alerts and pages begin with it.",
        "id" => "A UUID: alerts and state are found by it.",
        "name" => "By which correlations and aliases refer to the rule.",
        "related" => "Other rules, by id and type.",
        "taxonomy" => "Whose field names are used: `sigma` (those of the source) or `ocsf`.",
        "status" => "`experimental` runs in shadow: counted and stored, never paged.",
        "description" => "What the rule finds, in one or two sentences.",
        "license" => "Licence of the rule.",
        "author" => "Who wrote it.",
        "references" => "Where to read more.",
        "date" => "When it was written.",
        "modified" => "When it was last changed: the version that alerts name.",
        "tags" => "ATT&CK tactics and techniques (`attack.t1078.004`), compliance, CVEs.",
        "fields" => "Fields that matter to whoever looks at an alert.",
        "falsepositives" => "What else looks like this.",
        "level" => "Severity of the alert; high and critical page. Left out, a finding's own severity is taken.",
        "scope" => "For whom the rule is meant.",
        "logsource" => "Whose events the rule sees.",
        "detection" => "Selections, and the condition that links them.",
        "correlation" => "A condition over the events of other rules within a time.",
        "filter" => "What is excluded from other rules.",
        "owner" => "The team that answers for the rule.",
        "runbook" => "What to do when it fires.",
        _ => return None,
    })
}

fn logsource() -> Value {
    let words: Map<String, Value> = LOGSOURCE_KEYS.iter().map(|key| ((*key).to_owned(), json!({"$ref": "#/$defs/texts"}))).collect();
    json!({"type": "object", "properties": words, "additionalProperties": false, "minProperties": 1})
}

fn detection() -> Value {
    json!({
        "type": "object",
        "required": ["condition"],
        "minProperties": 2,
        "properties": {"condition": {"$ref": "#/$defs/texts"}, "timeframe": {"$ref": "#/$defs/word"}},
        "additionalProperties": {"$ref": "#/$defs/selection"},
    })
}

fn filter() -> Value {
    json!({
        "type": "object",
        "required": ["rules", "condition"],
        "properties": {"condition": {"type": "string"}, "rules": {"$ref": "#/$defs/texts"}},
        "additionalProperties": {"$ref": "#/$defs/selection"},
    })
}

fn correlation() -> Value {
    let properties: Map<String, Value> = CORRELATION_KEYS.iter().map(|key| ((*key).to_owned(), of_correlation(key))).collect();
    json!({"type": "object", "required": ["type", "timespan"], "properties": properties, "additionalProperties": false})
}

fn of_correlation(key: &str) -> Value {
    match key {
        "type" => json!({"enum": TYPES}),
        "rules" => json!({"$ref": "#/$defs/texts", "description": "The rules it reads, by id or name."}),
        "group-by" => json!({"$ref": "#/$defs/texts", "description": "Fields whose values are kept apart."}),
        "timespan" => json!({"type": "string", "pattern": "^[0-9]+[smhd]$", "description": "Like `90m`; at most `366d`."}),
        "condition" => {
            let compared: Map<String, Value> =
                CONDITION_KEYS.iter().map(|key| ((*key).to_owned(), json!({"$ref": "#/$defs/texts"}))).collect();
            let map = json!({"type": "object", "minProperties": 1, "properties": compared, "additionalProperties": false});
            json!({"anyOf": [{"type": "string"}, map]})
        }
        "aliases" => {
            let fields = json!({"type": "object", "additionalProperties": {"$ref": "#/$defs/word"}});
            json!({"type": "object", "additionalProperties": fields, "description": "Name in `group-by` -> rule -> field in its events."})
        }
        "generate" => json!({"type": "boolean", "description": "Whether the rules it reads alert by themselves too."}),
        _ => json!({}),
    }
}

/// A field with known modifiers, or modifiers alone (keywords).
fn field_pattern() -> String {
    format!("^[^|]*(\\|({}))*$", modifier_names().join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_parser_is_described() {
        let schema = schema();
        for key in KNOWN.iter().chain(&OUR_ATTRIBUTES) {
            assert!(schema["properties"][key]["description"].is_string(), "{key}");
        }
        for key in CORRELATION_KEYS {
            assert_ne!(of_correlation(key), json!({}), "{key}");
        }
        assert_eq!(schema["properties"]["correlation"]["additionalProperties"], false);
        assert!(field_pattern().contains("base64offset|"));
    }
}
