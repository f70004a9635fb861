//! A real OpenSearch in real trouble. These tests start a node of their own by `tests/services/opensearch.sh`, kill it and start it
//! again; it is left running from test to test, and `make opensearch-test` ends it.

use super::lab::{Index, Lab, Run};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tidegate::io::clock::now_ms;
use tidegate::io::opensearch::{Access, Client, OpenSearchSink, Settings, plan};
use ureq::http::Method;

const EVENTS: u64 = 6_000;
const MOST: Duration = Duration::from_secs(240);
/// Two nodes have no place in a small machine's memory, and faults are of the whole node.
static NODE: Mutex<()> = Mutex::new(());

/// A node with a write queue of one, and an index family of its own on it.
struct Node {
    url: String,
    prefix: &'static str,
    #[expect(dead_code, reason = "it is held, not read")]
    alone: MutexGuard<'static, ()>,
}

fn script(order: &str, port: Option<&str>) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/services/opensearch.sh");
    let mut command = Command::new(file);
    command.arg(order).env("NAME", "faults").env("SETTINGS", "thread_pool.write.queue_size=1").env_remove("SECURE").env_remove("PORT");
    if let Some(port) = port {
        command.env("PORT", port);
    }
    let output = command.output().expect("bash is here");
    assert!(output.status.success(), "{order}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}

impl Node {
    /// The templates stand, with the operator's own over them: so many shards, and users that are no numbers are poison.
    fn start(prefix: &'static str, shards: u32) -> Self {
        let alone = NODE.lock().unwrap_or_else(PoisonError::into_inner);
        let node = Node { url: script("start", None), prefix, alone };
        for key in ["cluster.max_shards_per_node", "cluster.blocks.read_only_allow_delete"] {
            node.set(key, &Value::Null);
        }
        for index in node.indices() {
            node.ask(Method::DELETE, &format!("/{index}"), None);
        }
        plan(&node.client(), prefix).expect("a plan").apply(&node.client()).expect("applied");
        let poison = json!({"properties": {"tidegate": {"properties": {"group_key": {"properties": {"value": {"type": "long"}}}}}}});
        let custom = json!({"template": {"settings": {"number_of_shards": shards, "number_of_replicas": 0}, "mappings": poison}});
        assert_eq!(node.ask(Method::PUT, &format!("/_component_template/{prefix}-custom"), Some(custom)).0, 200);
        node
    }

    fn client(&self) -> Client {
        let settings = Settings { url: self.url.clone(), access: Access::Open, ca_file: None, timeout: Duration::from_secs(20) };
        Client::new(settings).expect("a client")
    }

    fn sink(&self) -> Box<OpenSearchSink> {
        Box::new(OpenSearchSink::new(self.client(), self.prefix.to_owned(), 5 << 20, Box::new(|| Duration::from_secs(60))))
    }

    fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let reply = self.client().json(method, path, body.as_ref()).expect("an answer");
        (reply.status, serde_json::from_slice(&reply.body).unwrap_or(Value::Null))
    }

    fn set(&self, key: &str, value: &Value) {
        assert_eq!(self.ask(Method::PUT, "/_cluster/settings", Some(json!({"persistent": {key: value}}))).0, 200);
    }

    fn indices(&self) -> Vec<String> {
        let (_, list) = self.ask(Method::GET, &format!("/_cat/indices/{}-v1-*?format=json&h=index", self.prefix), None);
        list.as_array().into_iter().flatten().filter_map(|one| one["index"].as_str()).map(str::to_owned).collect()
    }

    /// Everything the indices hold, page by page.
    fn held(&self) -> Index {
        assert_eq!(self.ask(Method::POST, &format!("/{}/_refresh", self.prefix), None).0, 200);
        let mut out = Index::new();
        let mut after = None;
        loop {
            let sort = json!([{"finding_info.uid": "asc"}]);
            let mut query = json!({"size": 500, "version": true, "track_total_hits": true, "sort": sort});
            if let Some(after) = &after {
                query["search_after"] = json!([after]);
            }
            let (status, found) = self.ask(Method::POST, &format!("/{}/_search", self.prefix), Some(query));
            assert_eq!(status, 200, "{found}");
            let hits = found["hits"]["hits"].as_array().expect("hits");
            for hit in hits {
                let id = hit["_id"].as_str().expect("an id");
                let document = (hit["_version"].as_u64().expect("a version"), hit["_source"].to_string().into());
                assert!(out.insert(id.into(), document).is_none(), "{id} is there twice");
            }
            match hits.last() {
                Some(last) => after = Some(last["sort"][0].clone()),
                None => {
                    assert_eq!(found["hits"]["total"]["value"], out.len());
                    return out;
                }
            }
        }
    }
}

/// Events of the last hours: their month's index is open.
fn lab(name: &str) -> Lab {
    Lab::new(name, now_ms() - 3_600_000, 1_000)
}

/// Feeds the rest, drains, and compares.
fn finish(node: &Node, mut run: Run<'_>, expected: &Index, fed: u64) -> u64 {
    run.feed(EVENTS - fed);
    run.drain(MOST);
    run.judge(&node.held(), expected, true);
    run.again
}

#[test]
#[ignore = "needs a real OpenSearch: make opensearch-test"]
fn a_write_queue_of_one_refuses_parts_and_all_of_it_arrives() {
    let (node, lab) = (Node::start("tgfault-queue", 8), lab("real-queue"));
    let expected = lab.undisturbed(EVENTS);
    // The first request makes the index; then a backlog goes out at once.
    let mut run = lab.run(node.sink());
    run.feed(400);
    run.drain(MOST);
    run.feed_only(5_000);
    let again = finish(&node, run, &expected, 5_400);
    assert!(again > 50, "only {again} were refused: the queue was never full");
    println!("a write queue of one: {again} deliveries tried again");
}

#[test]
#[ignore = "needs a real OpenSearch: make opensearch-test"]
fn a_full_disk_s_block_holds_the_lane_until_it_is_lifted() {
    let (node, lab) = (Node::start("tgfault-block", 1), lab("real-block"));
    let expected = lab.undisturbed(EVENTS);
    let mut run = lab.run(node.sink());
    run.feed(2_000);
    run.drain(MOST);
    let block = |on: Value| {
        let path = format!("/{}-v1-*/_settings", node.prefix);
        assert_eq!(node.ask(Method::PUT, &path, Some(json!({"index.blocks.read_only_allow_delete": on}))).0, 200);
    };
    block(json!(true));
    run.feed(2_000);
    run.turns(Duration::from_secs(1));
    assert!(run.waiting() > 900 && run.again > 0, "{} wait", run.waiting());
    block(Value::Null);
    finish(&node, run, &expected, 4_000);
}

#[test]
#[ignore = "needs a real OpenSearch: make opensearch-test"]
fn a_server_killed_and_started_again_has_everything_once() {
    let (node, lab) = (Node::start("tgfault-kill", 2), lab("real-kill"));
    let expected = lab.undisturbed(EVENTS);
    let mut run = lab.run(node.sink());
    let mut fed = 0;
    let port = node.url.rsplit(':').next().expect("a port").to_owned();
    for _ in 0..2 {
        run.feed(2_000);
        fed += 2_000;
        // In the middle of a request, as likely as not.
        run.turns(Duration::from_millis(30));
        script("kill", None);
        run.feed(500);
        fed += 500;
        run.turns(Duration::from_millis(300));
        assert!(run.waiting() > 300, "{} wait for a server that is gone", run.waiting());
        assert_eq!(script("start", Some(&port)), node.url);
    }
    finish(&node, run, &expected, fed);
}

#[test]
#[ignore = "needs a real OpenSearch: make opensearch-test"]
fn a_limit_of_shards_holds_the_lane_and_blames_no_document() {
    let (node, lab) = (Node::start("tgfault-shards", 2), lab("real-shards"));
    let expected = lab.undisturbed(EVENTS);
    node.set("cluster.max_shards_per_node", &json!(1));
    let mut run = lab.run(node.sink());
    run.feed(3_000);
    run.turns(Duration::from_secs(1));
    assert!(node.indices().is_empty() && run.refused().is_empty());
    assert_eq!(run.waiting(), expected.len() as u64);
    node.set("cluster.max_shards_per_node", &Value::Null);
    finish(&node, run, &expected, 3_000);
}
