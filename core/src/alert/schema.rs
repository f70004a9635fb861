//! The shape of an alert document as tables: what [`super::check()`] enforces and what `schema()` publishes as JSON Schema.
//!
//! Inside OCSF's own objects (actor, resources, attacks, ...) OCSF 1.8 is the schema; the tables name only what is ours to promise.

use serde_json::{Map, Value, json};

/// Kinds of value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Text,
    Int,
    Bool,
    /// Epoch milliseconds of this century.
    Time,
    /// Epoch milliseconds, whatever was written.
    AnyTime,
    Object,
    Objects,
    Texts,
}
use Kind::{AnyTime, Bool, Int, Object, Objects, Text, Texts, Time};

/// A field: name, kind, whether it must be there.
pub(super) type Field = (&'static str, Kind, bool);

pub(super) const DOCUMENT: [Field; 34] = [
    ("@timestamp", Text, true),
    ("activity_id", Int, true),
    ("activity_name", Text, true),
    ("category_uid", Int, true),
    ("category_name", Text, true),
    ("class_uid", Int, true),
    ("class_name", Text, true),
    ("type_uid", Int, true),
    ("type_name", Text, true),
    ("time", Time, true),
    ("start_time", Time, true),
    ("end_time", Time, true),
    ("count", Int, true),
    ("severity_id", Int, true),
    ("severity", Text, true),
    ("status_id", Int, true),
    ("status", Text, true),
    ("is_alert", Bool, true),
    ("confidence_id", Int, false),
    ("confidence", Text, false),
    ("confidence_score", Int, false),
    ("message", Text, true),
    ("metadata", Object, true),
    ("finding_info", Object, true),
    ("cloud", Object, true),
    ("actor", Object, false),
    ("resources", Objects, false),
    ("evidences", Objects, false),
    ("observables", Objects, false),
    ("enrichments", Objects, false),
    ("remediation", Object, false),
    ("unmapped", Object, false),
    ("tidegate", Object, true),
    ("raw_data", Text, false),
];

pub(super) const METADATA: [Field; 9] = [
    ("version", Text, true),
    ("uid", Text, true),
    ("sequence", Int, true),
    ("product", Object, true),
    ("profiles", Texts, true),
    ("extensions", Objects, true),
    ("log_name", Text, true),
    ("processed_time", Time, true),
    ("tenant_uid", Text, false),
];

pub(super) const FINDING_INFO: [Field; 16] = [
    ("uid", Text, true),
    ("uid_alt", Text, false),
    ("title", Text, true),
    ("desc", Text, false),
    ("types", Texts, false),
    ("created_time", Time, true),
    ("modified_time", Time, true),
    ("first_seen_time", Time, true),
    ("last_seen_time", Time, true),
    ("data_sources", Texts, false),
    ("src_url", Text, false),
    ("analytic", Object, true),
    ("related_analytics", Objects, false),
    ("attacks", Objects, false),
    ("related_events", Objects, false),
    ("tags", Objects, false),
];

pub(super) const TIDEGATE: [Field; 29] = [
    ("schema_version", Int, true),
    ("kind", Text, true),
    ("revision", Int, true),
    ("group_key", Objects, true),
    ("group_key_text", Text, true),
    ("episode", Object, true),
    ("merged_into", Text, false),
    ("evaluated_to", AnyTime, true),
    ("late_events", Int, true),
    ("approximate", Bool, true),
    ("clock_skew", Bool, true),
    ("sample", Bool, true),
    ("archived", Bool, true),
    ("shadow", Bool, true),
    ("suppressed_by", Text, false),
    ("paging", Object, true),
    ("principals", Texts, true),
    ("source_ips", Texts, true),
    ("accounts", Texts, true),
    ("accounts_total", Int, true),
    ("regions", Texts, true),
    ("owners", Texts, true),
    ("environments", Texts, true),
    ("records", Objects, true),
    ("records_total", Int, true),
    ("rule_digest", Text, true),
    ("tables", Objects, true),
    ("compliance", Texts, true),
    ("false_positives", Texts, true),
];

pub(super) const EPISODE: [Field; 5] =
    [("uid", Text, true), ("start", AnyTime, true), ("end", AnyTime, true), ("state", Text, true), ("truncated", Bool, true)];
pub(super) const PAGING: [Field; 2] = [("decision", Text, true), ("route", Text, true)];
pub(super) const PAIR: [Field; 2] = [("name", Text, true), ("value", Text, true)];
pub(super) const TABLE: [Field; 2] = [("name", Text, true), ("version", Text, true)];
pub(super) const RECORD: [Field; 4] =
    [("source", Text, true), ("shard", Text, true), ("sequence", Text, true), ("sub_sequence", Int, true)];
pub(super) const OBSERVABLE: [Field; 4] = [("name", Text, true), ("type_id", Int, true), ("type", Text, true), ("value", Text, true)];

pub(super) const OBSERVABLE_IDS: [u64; 26] =
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 19, 20, 21, 22, 23, 24, 25, 26, 27, 45];

/// The JSON Schema (2020-12) of an alert document.
#[must_use]
pub fn schema() -> Value {
    let mut out = object(&DOCUMENT);
    out["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    out["title"] = "Tidegate alert: OCSF 1.8.0 Detection Finding (2004) with the object `tidegate`".into();
    out["properties"]["metadata"] = object(&METADATA);
    out["properties"]["finding_info"] = object(&FINDING_INFO);
    out["properties"]["observables"] = list(object(&OBSERVABLE));
    let mut ours = object(&TIDEGATE);
    let parts = [("episode", object(&EPISODE)), ("paging", object(&PAGING))];
    let lists = [("group_key", list(object(&PAIR))), ("tables", list(object(&TABLE))), ("records", list(object(&RECORD)))];
    for (name, part) in parts.into_iter().chain(lists) {
        ours["properties"][name] = part;
    }
    out["properties"]["tidegate"] = ours;
    out
}

fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> = fields.iter().map(|(name, kind, _)| ((*name).to_owned(), of_kind(*kind))).collect();
    let required: Vec<&str> = fields.iter().filter(|(_, _, required)| *required).map(|(name, ..)| *name).collect();
    json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
}

fn list(items: Value) -> Value {
    json!({"type": "array", "items": items})
}

fn of_kind(kind: Kind) -> Value {
    match kind {
        Text => json!({"type": "string"}),
        Int => json!({"type": "integer", "minimum": 0}),
        Bool => json!({"type": "boolean"}),
        Time => json!({"type": "integer", "minimum": super::limits::EARLIEST_MS}),
        AnyTime => json!({"type": "integer"}),
        Object => json!({"type": "object"}),
        Objects => list(json!({"type": "object"})),
        Texts => list(json!({"type": "string"})),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_closed_and_names_what_is_required() {
        let schema = schema();
        assert_eq!(schema["properties"]["tidegate"]["properties"]["episode"]["required"][0], "uid");
        assert_eq!(schema["additionalProperties"], false);
        let names = |fields: &[Field]| fields.iter().map(|(name, ..)| *name).collect::<std::collections::BTreeSet<_>>().len();
        assert_eq!((names(&DOCUMENT), names(&TIDEGATE)), (DOCUMENT.len(), TIDEGATE.len()), "each name once");
    }
}
