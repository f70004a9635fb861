//! The dashboards that are shipped: they hold together, name only fields that are mapped and can be aggregated, and every aggregation
//! in them finds something in an OpenSearch that holds the alerts of the demo. Dashboards' own server can be had from no registry:
//! that it draws them is not tested here.

use super::mapping::mappings;
use super::real::{Prefix, ask, client};
use super::stub::delivery;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use tidegate::io::opensearch::plan;
use tidegate::io::port::{Delivery, Outcome, Sink};

const SHIPPED: &str = include_str!("../../opensearch/dashboards.ndjson");

fn objects() -> Vec<Value> {
    SHIPPED.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn inner(object: &Value, pointer: &str) -> Value {
    let text = object.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {}", object["id"]));
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {pointer} in {}", object["id"]))
}

const SOURCE: &str = "/attributes/kibanaSavedObjectMeta/searchSourceJSON";

/// Every name of a reference in a value.
fn named(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| match inner.as_str() {
            Some(name) if key == "indexRefName" || key == "panelRefName" => drop(out.insert(name.to_owned())),
            _ => named(inner, out),
        }),
        Value::Array(list) => list.iter().for_each(|inner| named(inner, out)),
        _ => {}
    }
}

#[test]
fn the_objects_hold_together() {
    let all = objects();
    let ids: BTreeSet<(String, String)> = all.iter().map(|o| (o["type"].to_string(), o["id"].to_string())).collect();
    assert_eq!(ids.len(), all.len(), "ids are used once");
    let mut shown = BTreeSet::new();
    for object in &all {
        let references = object["references"].as_array().expect("references");
        for reference in references {
            assert!(ids.contains(&(reference["type"].to_string(), reference["id"].to_string())), "{reference} in {}", object["id"]);
            shown.insert(reference["id"].to_string());
        }
        let mut names = BTreeSet::new();
        match object["type"].as_str().expect("a type") {
            "index-pattern" => continue,
            "visualization" => assert_eq!(inner(object, "/attributes/visState")["title"], object["attributes"]["title"]),
            "dashboard" => named(&inner(object, "/attributes/panelsJSON"), &mut names),
            "search" => {}
            other => panic!("{other}"),
        }
        named(&inner(object, SOURCE), &mut names);
        let held: BTreeSet<String> = references.iter().map(|r| r["name"].as_str().expect("a name").to_owned()).collect();
        assert_eq!(names, held, "{}", object["id"]);
        let words = |key: &str| object["attributes"][key].as_str().is_some_and(|text| !text.is_empty());
        assert!(words("title") && words("description"), "{}", object["id"]);
    }
    let unseen: Vec<_> = all.iter().filter(|o| o["type"] != "dashboard" && !shown.contains(&o["id"].to_string())).collect();
    assert!(unseen.is_empty(), "on no dashboard: {unseen:?}");
    let template: Value = serde_json::from_str(include_str!("../../opensearch/index-alerts.json")).expect("JSON");
    assert_eq!(all[0]["attributes"]["title"], template["index_patterns"][0]);
}

#[test]
fn no_panel_lies_on_another() {
    for board in objects().iter().filter(|o| o["type"] == "dashboard") {
        let mut taken = BTreeSet::new();
        for panel in inner(board, "/attributes/panelsJSON").as_array().expect("panels") {
            let at = |key: &str| panel["gridData"][key].as_u64().expect("a number");
            assert!(at("x") + at("w") <= 48, "{panel}");
            for x in at("x")..at("x") + at("w") {
                for y in at("y")..at("y") + at("h") {
                    assert!(taken.insert((x, y)), "{panel} of {}", board["id"]);
                }
            }
        }
    }
}

/// The mapping of a field: `a.b`, or `a.keyword` of a text.
fn field(name: &str) -> Value {
    let mut mapping = mappings();
    for step in name.split('.') {
        let next = if mapping["properties"][step].is_object() { &mapping["properties"][step] } else { &mapping["fields"][step] };
        mapping = next.clone();
    }
    mapping
}

/// The fields a query in Dashboards' language names, with the values it wants. Only `field: value` joined by `and` is used.
fn wanted(query: &str) -> Vec<(String, String)> {
    let pair = |part: &str| part.split_once(": ").map(|(field, value)| (field.trim().to_owned(), value.trim().to_owned()));
    query.split(" and ").filter(|part| !part.is_empty()).map(|part| pair(part).unwrap_or_else(|| panic!("{part}"))).collect()
}

#[test]
fn every_field_is_mapped_and_can_be_aggregated() {
    let mut count = 0;
    for object in objects().iter().filter(|o| o["type"] != "index-pattern") {
        for (name, _) in wanted(inner(object, SOURCE)["query"]["query"].as_str().expect("a query")) {
            assert!(field(&name)["type"].is_string(), "{name} in {}", object["id"]);
        }
        for column in object["attributes"]["columns"].as_array().into_iter().flatten() {
            assert!(field(column.as_str().expect("a name"))["type"].is_string(), "{column} in {}", object["id"]);
        }
        if object["type"] != "visualization" {
            continue;
        }
        for agg in inner(object, "/attributes/visState")["aggs"].as_array().expect("aggs") {
            let Some(name) = agg["params"]["field"].as_str() else { continue };
            let mapping = field(name);
            let kind = mapping["type"].as_str().unwrap_or_else(|| panic!("{name} in {} is not mapped", object["id"]));
            let able = matches!(kind, "keyword" | "long" | "short" | "date" | "ip" | "boolean") && mapping["doc_values"] != false;
            assert!(able, "{name} in {} is {kind}", object["id"]);
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

/// What Dashboards asks OpenSearch for: buckets within buckets, metrics in the innermost.
fn request(object: &Value) -> Value {
    let state = inner(object, "/attributes/visState");
    let (metrics, buckets): (Vec<&Value>, Vec<&Value>) =
        state["aggs"].as_array().expect("aggs").iter().partition(|agg| agg["schema"] == "metric");
    let metric = |agg: &&Value| {
        let kind = agg["type"].as_str().expect("a type");
        (kind != "count").then(|| (agg["id"].as_str().expect("an id").to_owned(), json!({ kind: {"field": agg["params"]["field"]} })))
    };
    let innermost: BTreeMap<String, Value> = metrics.iter().filter_map(metric).collect();
    let around = |inside: Value, agg: &&Value| {
        let own = match agg["type"].as_str().expect("a type") {
            "terms" => json!({"terms": {"field": agg["params"]["field"], "size": agg["params"]["size"], "order": {"_count": "desc"}}}),
            "date_histogram" => json!({"date_histogram": {"field": agg["params"]["field"], "fixed_interval": "1h", "min_doc_count": 1}}),
            other => panic!("{other}"),
        };
        let mut own = own;
        own["aggs"] = inside;
        json!({ agg["id"].as_str().expect("an id"): own })
    };
    let aggs = buckets.iter().rev().fold(json!(innermost), around);
    let query = wanted(inner(object, SOURCE)["query"]["query"].as_str().expect("a query"));
    let filters: Vec<Value> = query.into_iter().map(|(field, value)| json!({"term": { field: value }})).collect();
    let sample = json!({"match_phrase": {"tidegate.sample": true}});
    json!({"size": 0, "track_total_hits": true, "query": {"bool": {"filter": filters, "must_not": [sample]}}, "aggs": aggs})
}

/// Whether buckets are there at every level, and every metric has a value.
fn filled(aggregations: &Value) -> bool {
    let Some(map) = aggregations.as_object() else { return true };
    map.iter().filter(|(key, _)| key.parse::<u32>().is_ok()).all(|(_, agg)| match agg["buckets"].as_array() {
        Some(buckets) => !buckets.is_empty() && buckets.iter().any(filled),
        None => !agg["value"].is_null(),
    })
}

#[test]
#[ignore = "needs a real OpenSearch: make opensearch-test"]
fn every_aggregation_finds_something_in_the_alerts_of_the_demo() {
    let folder = std::env::temp_dir().join(format!("tidegate-dashboards-{}", std::process::id()));
    let mut demo = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let output = demo.args(["demo", "--accounts", "300", "--folder"]).arg(&folder).output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let alerts = std::fs::read_to_string(folder.join("alerts.ndjson")).expect("alerts");
    let all: Vec<Delivery> = alerts.lines().map(alert).collect();
    assert!(all.len() > 100, "{}", all.len());
    std::fs::remove_dir_all(&folder).expect("removed");

    let prefix = Prefix::new("tgtest-dash");
    plan(&client(), prefix.name()).expect("a plan").apply(&client()).expect("applied");
    let mut sink = prefix.sink();
    for some in all.chunks(200) {
        assert!(sink.deliver(some).iter().all(|outcome| *outcome == Outcome::Taken));
    }
    ask(&client(), ureq::http::Method::POST, &format!("/{}/_refresh", prefix.name()), None);
    let (mut empty, mut count) = (Vec::new(), 0);
    for object in objects().iter().filter(|o| o["type"] == "visualization") {
        let found = prefix.search(request(object));
        count += 1;
        if found["hits"]["total"]["value"] == 0 || !filled(&found["aggregations"]) {
            empty.push(format!("{}: {found}", object["id"]));
        }
    }
    assert!(empty.is_empty(), "nothing in:\n{}", empty.join("\n"));
    println!("{count} visualisations over {} alerts", all.len());
}

fn alert(line: &str) -> Delivery {
    let document: Value = serde_json::from_str(line).expect("JSON");
    let id = document["finding_info"]["uid"].as_str().expect("an id");
    let version = document["tidegate"]["revision"].as_u64().expect("a number");
    Delivery { document: line.into(), ..delivery(id, version) }
}
