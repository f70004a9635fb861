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
