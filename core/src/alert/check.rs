//! Our own validator of alert documents: what the schema, the index template and every consumer may rely on.
//!
//! It knows the shape that Tidegate writes, which is narrower than OCSF: a field outside the lists here is an error even where OCSF
//! would take it. Never repairs anything.

use super::schema::Kind::{self, AnyTime, Bool, Int, Object, Objects, Text, Texts, Time};
use super::schema::{DOCUMENT, EPISODE, FINDING_INFO, Field, METADATA, OBSERVABLE, OBSERVABLE_IDS, PAGING, PAIR, RECORD, TABLE, TIDEGATE};
use serde_json::{Map, Value};

/// Everything wrong with a document. Empty: it may be indexed.
#[must_use]
pub fn check(document: &Value) -> Vec<String> {
    let mut errors = Vec::new();
    fields("", document, &DOCUMENT, &mut errors);
    fields("metadata.", &document["metadata"], &METADATA, &mut errors);
    fields("finding_info.", &document["finding_info"], &FINDING_INFO, &mut errors);
    let ours = &document["tidegate"];
    fields("tidegate.", ours, &TIDEGATE, &mut errors);
    fields("tidegate.episode.", &ours["episode"], &EPISODE, &mut errors);
    fields("tidegate.paging.", &ours["paging"], &PAGING, &mut errors);
    each("tidegate.group_key[].", &ours["group_key"], &PAIR, &mut errors);
    each("tidegate.tables[].", &ours["tables"], &TABLE, &mut errors);
    each("tidegate.records[].", &ours["records"], &RECORD, &mut errors);
    each("observables[].", &document["observables"], &OBSERVABLE, &mut errors);
    enums(document, &mut errors);
    agreement(document, &mut errors);
    objects(document, &mut errors);
    addresses("", document, &mut errors);
    errors
}

fn fields(path: &str, value: &Value, known: &[Field], errors: &mut Vec<String>) {
    // A missing object has been reported by its parent.
    let Some(map) = value.as_object() else { return };
    for (name, kind, required) in known {
        match map.get(*name) {
            None if *required => errors.push(format!("{path}{name}: required, missing")),
            Some(value) if !is(value, *kind) => errors.push(format!("{path}{name}: is no {kind:?}")),
            _ => {}
        }
    }
    errors.extend(map.keys().filter(|k| known.iter().all(|(name, ..)| name != k)).map(|k| format!("{path}{k}: unknown")));
}

fn each(path: &str, list: &Value, known: &[Field], errors: &mut Vec<String>) {
    list.as_array().into_iter().flatten().for_each(|item| fields(path, item, known, errors));
}

fn is(value: &Value, kind: Kind) -> bool {
    match kind {
        Text => value.is_string(),
        Int => value.is_u64(),
        Bool => value.is_boolean(),
        Time => value.as_i64().is_some_and(|ms| ms >= super::limits::EARLIEST_MS),
        AnyTime => value.is_i64() || value.is_u64(),
        Object => value.is_object(),
        Objects => value.as_array().is_some_and(|items| items.iter().all(Value::is_object)),
        Texts => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
    }
}

fn enums(document: &Value, errors: &mut Vec<String>) {
    let numbers: [(&str, &[u64]); 6] = [
        ("/activity_id", &[1, 2, 3]),
        ("/category_uid", &[2]),
        ("/class_uid", &[2004]),
        ("/severity_id", &[1, 2, 3, 4, 5]),
        ("/status_id", &[1, 2, 3, 4, 5, 6, 99]),
        ("/finding_info/analytic/state_id", &[1, 3]),
    ];
    for (path, allowed) in numbers {
        if document.pointer(path).and_then(Value::as_u64).is_none_or(|n| !allowed.contains(&n)) {
            errors.push(format!("{path}: not in the enum"));
        }
    }
    let words: [(&str, &[&str]); 4] = [
        ("/tidegate/kind", &["detection", "correlation"]),
        ("/tidegate/episode/state", &["open", "closed", "merged"]),
        ("/tidegate/paging/decision", &super::paging::WORDS),
        ("/tidegate/paging/route", &["informational", "low", "medium", "high", "critical"]),
    ];
    for (path, allowed) in words {
        if document.pointer(path).and_then(Value::as_str).is_none_or(|w| !allowed.contains(&w)) {
            errors.push(format!("{path}: not in the enum"));
        }
    }
    let ids = document["observables"].as_array().into_iter().flatten().filter_map(|o| o["type_id"].as_u64());
    errors.extend(ids.filter(|id| !OBSERVABLE_IDS.contains(id)).map(|id| format!("observables[].type_id: {id} not in the enum")));
}

/// What two places say must agree.
fn agreement(document: &Value, errors: &mut Vec<String>) {
    let number = |name: &str| document[name].as_u64().unwrap_or(0);
    let mut must = |holds: bool, what: &str| {
        if !holds {
            errors.push(what.to_owned());
        }
    };
    must(number("type_uid") == number("class_uid") * 100 + number("activity_id"), "type_uid: is not class_uid * 100 + activity_id");
    must(number("start_time") <= number("end_time"), "end_time: before start_time");
    let stamp = document["@timestamp"].as_str().and_then(crate::event::time::parse_rfc3339_ms);
    must(stamp == document["time"].as_i64(), "@timestamp: is not time");
    let ours = &document["tidegate"];
    let merged = ours["episode"]["state"] == "merged";
    must(merged == (number("status_id") == 99), "status_id: 99 is for merged alerts");
    must(merged == ours.get("merged_into").is_some(), "tidegate.merged_into: only of merged alerts");
    let silent = ["shadow", "sample"].iter().any(|f| ours[*f] == true) || ours.get("suppressed_by").is_some();
    must(document["is_alert"] != silent, "is_alert: false exactly for shadow, suppressed and sample");
    let shown = ours["accounts"].as_array().map_or(0, Vec::len) as u64;
    must(ours["accounts_total"].as_u64().is_some_and(|n| n >= shown), "tidegate.accounts_total: less than shown");
    must(ours["group_key"].as_array().is_some_and(|k| !k.is_empty()) || ours["kind"] == "correlation", "tidegate.group_key: empty");
}

/// What OCSF asks of the objects we write.
fn objects(document: &Value, errors: &mut Vec<String>) {
    let mut need = |path: &str, value: &Value, names: &[&str]| {
        if !value.is_null() && names.iter().all(|n| value.get(n).is_none()) {
            errors.push(format!("{path}: needs one of {names:?}"));
        }
    };
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    need("actor", &document["actor"], &["user", "session", "process"]);
    items(&document["resources"]).iter().for_each(|r| need("resources[]", r, &["uid", "name"]));
    for evidence in items(&document["evidences"]) {
        need("evidences[]", &evidence, &["actor", "api", "src_endpoint", "dst_endpoint", "file", "query", "connection_info", "data"]);
        need("evidences[].api", &evidence["api"], &["operation"]);
        for end in ["src_endpoint", "dst_endpoint"] {
            need("evidences[] endpoint", &evidence[end], &["ip", "domain"]);
        }
    }
    let finding = &document["finding_info"];
    items(&finding["attacks"]).iter().for_each(|a| need("finding_info.attacks[]", a, &["tactic", "technique"]));
    items(&finding["related_events"]).iter().for_each(|r| need("finding_info.related_events[]", r, &["uid"]));
    need("remediation", &document["remediation"], &["desc"]);
    items(&document["enrichments"]).iter().for_each(|e| ["name", "value", "data"].iter().for_each(|n| need("enrichments[]", e, &[n])));
}

/// Addresses stand only under `evidences[]`, where they are addresses.
fn addresses(path: &str, value: &Value, errors: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| endpoint(path, key, inner, map, errors)),
        Value::Array(items) => items.iter().for_each(|item| addresses(&format!("{path}[]"), item, errors)),
        _ => {}
    }
}

fn endpoint(path: &str, key: &str, value: &Value, parent: &Map<String, Value>, errors: &mut Vec<String>) {
    let here = format!("{path}.{key}");
    if matches!(key, "src_endpoint" | "dst_endpoint") && path != ".evidences[]" {
        errors.push(format!("{here}: addresses stand only in evidences[]"));
    }
    if key == "ip" && path.ends_with("_endpoint") && value.as_str().is_none_or(|ip| ip.parse::<std::net::IpAddr>().is_err()) {
        errors.push(format!("{here}: {:?} is no address", parent[key]));
    }
    if !matches!(here.as_str(), ".unmapped" | ".evidences[].data") {
        addresses(&here, value, errors);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_empty_document_lacks_everything_once() {
        let errors = check(&json!({}));
        let missing = DOCUMENT.iter().filter(|(_, _, required)| *required).count();
        assert_eq!(errors.iter().filter(|e| e.ends_with("missing")).count(), missing);
    }

    #[test]
    fn addresses_elsewhere_are_refused() {
        let mut errors = Vec::new();
        addresses("", &json!({"src_endpoint": {"ip": "192.0.2.1"}, "evidences": [{"src_endpoint": {"ip": "x"}}]}), &mut errors);
        assert_eq!(errors.len(), 2, "{errors:?}");
    }
}
