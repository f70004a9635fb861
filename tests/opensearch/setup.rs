//! Templates: made once, changed where they differ, left alone where they do not.

use super::stub::{Answer, Stub};
use serde_json::json;
use std::time::Duration;
use tidegate::io::opensearch::plan;
use ureq::http::Method;

#[test]
fn templates_are_made_then_unchanged_and_a_difference_is_shown_and_mended() {
    let stub = Stub::start(|_| Answer::Taken);
    let client = stub.client(Duration::from_secs(20));
    let first = plan(&client, "tidegate-alerts").expect("a plan");
    assert_eq!(first.server, "OpenSearch 3.8.0");
    assert!(first.left.iter().any(|why| why.contains("no Index State Management")), "{:?}", first.left);
    assert!(first.changes.len() == 4 && first.changes.iter().all(|c| c.new && c.is_due()));
    assert!(stub.index().requests.iter().all(|r| r.method == "GET"), "a plan writes nothing");
    first.apply(&client).expect("applied");
    assert!(plan(&client, "tidegate-alerts").expect("a plan").changes.iter().all(|c| !c.is_due()));

    let theirs = json!({"template": {"settings": {"index": {"number_of_replicas": 2}}}});
    client.json(Method::PUT, "/_component_template/tidegate-custom", Some(&theirs)).expect("written");
    let bent = json!({"template": {"settings": {"index": {"number_of_shards": 1, "refresh_interval": "30s"}}}});
    client.json(Method::PUT, "/_component_template/tidegate-common", Some(&bent)).expect("written");
    let plan_again = plan(&client, "tidegate-alerts").expect("a plan");
    let due: Vec<&str> = plan_again.changes.iter().filter(|c| c.is_due()).map(|c| c.name.as_str()).collect();
    assert_eq!(due, ["component template tidegate-common"], "what is the operator's is left alone");
    let lines = &plan_again.changes[0].differences;
    assert!(lines.contains(&"template.settings.index.refresh_interval: 30s -> 1s".to_owned()), "{lines:?}");
    plan_again.apply(&client).expect("applied");
    assert!(plan(&client, "tidegate-alerts").expect("a plan").changes.iter().all(|c| !c.is_due()));
}

/// As the documented API says; the plugin itself can be had from no registry.
#[test]
fn the_retention_policy_is_made_changed_by_number_and_left_alone_once_it_is_the_operators() {
    let stub = Stub::start(|_| Answer::Taken);
    stub.index().retention = true;
    let client = stub.client(Duration::from_secs(20));
    let due = || {
        let plan = plan(&client, "soc-alerts").expect("a plan");
        let due: Vec<_> = plan.changes.iter().filter(|c| c.is_due()).cloned().collect();
        (plan, due)
    };
    let (first, all) = due();
    assert_eq!((all.len(), all[4].name.as_str(), all[4].new), (5, "retention policy soc-alerts", true));
    first.apply(&client).expect("applied");
    let written = stub.index().requests.iter().rfind(|r| r.method == "PUT").cloned().expect("a policy");
    assert_eq!(written.path, "/_plugins/_ism/policies/soc-alerts");
    assert!(written.body.contains("\"index_patterns\":[\"soc-alerts-v1-*\"]"), "{}", written.body);
    assert!(due().1.is_empty(), "what the plugin adds is no difference");

    let mut theirs: serde_json::Value = serde_json::from_str(&written.body).expect("JSON");
    theirs["policy"]["states"][0]["transitions"][0]["conditions"]["min_index_age"] = json!("10d");
    let put = |body: &serde_json::Value, number: u64| {
        let path = format!("/_plugins/_ism/policies/soc-alerts?if_seq_no={number}&if_primary_term=1");
        assert_eq!(client.json(Method::PUT, &path, Some(body)).expect("written").status, 200);
    };
    put(&theirs, 1);
    let (bent, changes) = due();
    assert_eq!((changes.len(), changes[0].new), (1, false));
    assert_eq!(changes[0].differences, ["states.0.transitions.0.conditions.min_index_age: 10d -> 75d"]);
    bent.apply(&client).expect("by the number that was read");
    assert!(due().1.is_empty());
    // Somebody was quicker: nothing is written over what was not seen.
    put(&theirs, 3);
    let (stale, _) = due();
    put(&theirs, 4);
    assert!(stale.apply(&client).unwrap_err().contains("409"), "a conflict is told");

    theirs["policy"]["description"] = json!("kept for seven years");
    put(&theirs, 5);
    let (left, changes) = due();
    assert!(changes.is_empty() && left.left.iter().any(|why| why.contains("yours")), "{:?}", left.left);
}
