//! The retention of alert indices: a policy of OpenSearch's Index State Management (ISM).
//!
//! Owns what the policy says (`opensearch/ism-alerts.json`) and the difference between that and what is there. A policy whose
//! description somebody changed belongs to the operator and is left alone: how long alerts are kept is theirs to say. Where the
//! plugin does not answer there is no policy. The plugin can be had from no registry: its answers are known from its documented API.

use super::client::Client;
use super::setup::{Change, ask, differences, refused};
use serde_json::{Map, Value};
use ureq::http::Method;

/// Shipped, for indices that begin with `tidegate-alerts`.
pub(super) const POLICY: &str = include_str!("../../../opensearch/ism-alerts.json");
/// What the plugin adds to what was written.
const ADDED: [&str; 7] = ["policy_id", "last_updated_time", "schema_version", "error_notification", "user", "retry", "timeout"];

/// What became of the policy.
pub(super) enum Retention {
    /// It is to be written, or stands as it should.
    Ours(Change),
    /// Why it is not touched.
    Left(String),
}

/// Compares the policy that is there with the one that must be. `name` is the prefix of indices, `wanted` the shipped policy for it.
///
/// # Errors
/// In words.
pub(super) fn compare(client: &Client, name: &str, wanted: Value) -> Result<Retention, String> {
    let path = format!("/_plugins/_ism/policies/{name}");
    let (status, answer) = ask(client, Method::GET, &path, None)?;
    let label = format!("retention policy {name}");
    match status {
        200 => {}
        404 => return Ok(Retention::Ours(Change { name: label, differences: Vec::new(), new: true, path, body: wanted })),
        // How OpenSearch without the plugin answers to a path that nobody serves.
        400 if answer["error"].as_str().is_some_and(|e| e.starts_with("no handler found")) => {
            return Ok(Retention::Left(format!(
                "{label}: there is no Index State Management here; indices are kept until somebody removes them"
            )));
        }
        _ => return Err(refused(client, &format!("read the {label}"), status, &answer)),
    }
    let held = &answer["policy"];
    if held["description"] != wanted["policy"]["description"] {
        return Ok(Retention::Left(format!("{label}: yours (by its description), left alone")));
    }
    let (Some(number), Some(term)) = (answer["_seq_no"].as_u64(), answer["_primary_term"].as_u64()) else {
        return Err(format!("{} says no `_seq_no` of the {label}: look at its version", client.url()));
    };
    let differences = differences(&without_added(held), &wanted["policy"]);
    let path = format!("{path}?if_seq_no={number}&if_primary_term={term}");
    Ok(Retention::Ours(Change { name: label, differences, new: false, path, body: wanted }))
}

fn without_added(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !ADDED.contains(&key.as_str()));
            Value::Object(kept.map(|(key, inner)| (key.clone(), without_added(inner))).collect::<Map<_, _>>())
        }
        Value::Array(list) => Value::Array(list.iter().map(without_added).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_plugin_adds_is_no_difference_and_another_age_is_one() {
        let wanted: Value = serde_json::from_str(POLICY).unwrap();
        let mut held = wanted["policy"].clone();
        let retry = json!({"count": 3, "backoff": "exponential", "delay": "1m"});
        held["policy_id"] = json!("tidegate-alerts");
        held["schema_version"] = json!(21);
        held["error_notification"] = Value::Null;
        held["ism_template"][0]["last_updated_time"] = json!(1_795_456_384_000_i64);
        held["states"][1]["actions"] = json!([{"retry": retry, "read_only": {}}, {"retry": retry, "force_merge": {"max_num_segments": 1}}]);
        assert_eq!(differences(&without_added(&held), &wanted["policy"]), Vec::<String>::new());
        held["states"][0]["transitions"][0]["conditions"]["min_index_age"] = json!("10d");
        let found = differences(&without_added(&held), &wanted["policy"]);
        assert_eq!(found, ["states.0.transitions.0.conditions.min_index_age: 10d -> 75d"]);
    }
}
