//! Against a real OpenSearch. `make opensearch-test` starts one and names it in `OPENSEARCH_URL`; with the security plugin also
//! `OPENSEARCH_USERNAME`, `OPENSEARCH_PASSWORD` and `OPENSEARCH_CACERT`.

use super::stub::delivery;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tidegate::io::opensearch::{Access, Client, OpenSearchSink, Secret, Settings, plan};
use tidegate::io::port::{Delivery, Outcome, Sink};
use ureq::http::Method;

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|v| !v.is_empty())
}

pub(crate) fn client() -> Client {
    let url = variable("OPENSEARCH_URL").expect("OPENSEARCH_URL names the server: run `make opensearch-test`");
    let password = || Secret::Variable("OPENSEARCH_PASSWORD".to_owned());
    let access = variable("OPENSEARCH_USERNAME").map_or(Access::Open, |user| Access::Basic { user, password: password() });
    let ca_file = variable("OPENSEARCH_CACERT").map(Into::into);
    Client::new(Settings { url, access, ca_file, timeout: Duration::from_secs(60) }).expect("a client")
}

pub(crate) fn ask(client: &Client, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
    let reply = client.json(method, path, body.as_ref()).expect("an answer");
    (reply.status, serde_json::from_slice(&reply.body).unwrap_or(Value::Null))
}

/// One test at a time has the server: some of them make it refuse everybody.
static SERVER: Mutex<()> = Mutex::new(());

/// An index family of its own, gone when the test is over.
pub(crate) struct Prefix(&'static str, #[expect(dead_code, reason = "it is held, not read")] MutexGuard<'static, ()>);

impl Prefix {
    pub(crate) fn new(name: &'static str) -> Self {
        let prefix = Prefix(name, SERVER.lock().unwrap_or_else(PoisonError::into_inner));
        prefix.clear();
        prefix
    }

    fn clear(&self) {
        let client = client();
        let path = format!("/{}-v1-2026.11,{}-v1-2026.10?ignore_unavailable=true", self.0, self.0);
        ask(&client, Method::DELETE, &path, None);
        ask(&client, Method::DELETE, &format!("/_index_template/{}-v1", self.0), None);
        for part in ["common", "fields", "custom"] {
            ask(&client, Method::DELETE, &format!("/_component_template/{}-{part}", self.0), None);
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.0
    }

    pub(crate) fn sink(&self) -> OpenSearchSink {
        OpenSearchSink::new(client(), self.0.to_owned(), 256 << 10, Box::new(|| Duration::from_secs(60)))
    }

    pub(crate) fn search(&self, query: Value) -> Value {
        let client = client();
        let (status, _) = ask(&client, Method::POST, &format!("/{}/_refresh", self.0), None);
        assert_eq!(status, 200);
        let (status, found) = ask(&client, Method::POST, &format!("/{}/_search", self.0), Some(query));
        assert_eq!(status, 200, "{found}");
        found
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The golden documents of alerts, as deliveries.
fn golden() -> Vec<Delivery> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/tests/golden/alerts");
    let files = std::fs::read_dir(folder).expect("golden documents").flatten().filter(|e| e.file_name() != "page.json");
    let read = |entry: std::fs::DirEntry| {
        let document: Value = serde_json::from_slice(&std::fs::read(entry.path()).expect("read")).expect("JSON");
        let name = entry.file_name().to_string_lossy().into_owned();
        Delivery { document: document.to_string().into(), ..delivery(&name, 1) }
    };
    files.map(read).collect()
}

#[test]
#[ignore = "needs a real OpenSearch: make opensearch-test"]
fn five_hundred_documents_with_versions_out_of_order_end_as_the_newest_of_each() {
    let prefix = Prefix::new("tgtest-order");
    let templates = plan(&client(), prefix.0).expect("a plan");
    assert!(templates.changes.iter().all(|c| c.new));
    templates.apply(&client()).expect("applied");
    let again = plan(&client(), prefix.0).expect("a plan");
    let due: Vec<_> = again.changes.iter().filter(|c| c.is_due()).collect();
    assert!(due.is_empty(), "what was written comes back otherwise: {due:?}");

    let mut rng = fastrand::Rng::with_seed(11);
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    let mut all: Vec<Delivery> = Vec::new();
    for n in 0..500 {
        let id = format!("alert-{n:03}");
        for version in 1..=rng.u64(1..=5) {
            let document = json!({"finding_info": {"uid": id, "title": format!("Alert {n}")}, "severity_id": n % 5 + 1,
                "time": 1_795_456_384_000_i64 + n, "tidegate": {"revision": version, "accounts": [format!("{:012}", n % 7)]}});
            all.push(Delivery { document: document.to_string().into(), ..delivery(&id, version) });
            newest.insert(id.clone(), version);
        }
    }
    rng.shuffle(&mut all);
    let mut sink = prefix.sink();
    for some in all.chunks(200) {
        assert!(sink.deliver(some).iter().all(|outcome| *outcome == Outcome::Taken));
    }
    let client = client();
    for (id, version) in &newest {
        let (status, found) = ask(&client, Method::GET, &format!("/{}-v1-2026.11/_doc/{id}", prefix.0), None);
        assert_eq!(
            (status, found["_version"].as_u64(), found["_source"]["tidegate"]["revision"].as_u64()),
            (200, Some(*version), Some(*version))
        );
    }
    let body = json!({"size": 0, "track_total_hits": true, "query": {"term": {"tidegate.accounts": "000000000003"}},
        "aggs": {"severities": {"terms": {"field": "severity_id"}}, "accounts": {"cardinality": {"field": "tidegate.accounts"}}}});
    let found = prefix.search(body);
    assert_eq!(found["hits"]["total"]["value"], (0..500).filter(|n| n % 7 == 3).count());
    assert_eq!(found["aggregations"]["severities"]["buckets"].as_array().map(Vec::len), Some(5));
    assert_eq!(prefix.search(json!({"track_total_hits": true}))["hits"]["total"]["value"], 500, "by the alias");
}

#[test]
#[ignore = "needs a real OpenSearch: make opensearch-test"]
fn our_documents_are_taken_by_a_strict_mapping_and_poison_is_told_apart() {
    let prefix = Prefix::new("tgtest-strict");
    plan(&client(), prefix.0).expect("a plan").apply(&client()).expect("applied");
    // The operator's own template goes over ours: with it, a field that is not mapped refuses the document.
    let strict = json!({"template": {"mappings": {"dynamic": "strict"}}});
    let (status, _) = ask(&client(), Method::PUT, &format!("/_component_template/{}-custom", prefix.0), Some(strict));
    assert_eq!(status, 200);
    assert!(plan(&client(), prefix.0).expect("a plan").changes.iter().all(|c| !c.is_due()), "what is theirs is left alone");
    let mut all = golden();
    assert!(all.len() >= 14);
    let poison = Delivery { document: json!({"finding_info": "no object"}).to_string().into(), ..delivery("poison", 1) };
    let unknown = Delivery { document: json!({"not_ours": 1}).to_string().into(), ..delivery("unknown", 1) };
    all.extend([poison, unknown]);
    let outcomes = prefix.sink().deliver(&all);
    let (good, bad) = outcomes.split_at(all.len() - 2);
    assert!(good.iter().all(|outcome| *outcome == Outcome::Taken), "{good:?}");
    assert!(matches!(&bad[0], Outcome::Refused(why) if why.contains("mapper_parsing_exception")), "{:?}", bad[0]);
    assert!(matches!(&bad[1], Outcome::Refused(why) if why.contains("strict_dynamic_mapping_exception")), "{:?}", bad[1]);
}

#[test]
#[ignore = "needs a real OpenSearch: make opensearch-test"]
fn a_blocked_index_holds_the_lane_and_refuses_nothing() {
    let prefix = Prefix::new("tgtest-block");
    plan(&client(), prefix.0).expect("a plan").apply(&client()).expect("applied");
    let (mut sink, client) = (prefix.sink(), client());
    let block = |key: &str, on: bool| {
        let path = format!("/{}-v1-2026.11/_settings", prefix.0);
        assert_eq!(ask(&client, Method::PUT, &path, Some(json!({ key: if on { json!(true) } else { Value::Null } }))).0, 200);
    };
    assert_eq!(sink.deliver(&[delivery("a", 1)]), [Outcome::Taken]);
    // The tests' month is long over in years to come: then such a document is refused, as it should be.
    for key in ["index.blocks.write", "index.blocks.read_only_allow_delete"] {
        block(key, true);
        let outcomes = sink.deliver(&[delivery("a", 2), delivery("b", 1)]);
        let closed = key == "index.blocks.write"
            && outcomes.iter().all(|o| matches!(o, Outcome::Refused(why) if why.contains("its month is closed")));
        assert!(closed || outcomes.iter().all(|o| matches!(o, Outcome::Again(_))), "{key}: {outcomes:?}");
        block(key, false);
    }
    assert_eq!(sink.deliver(&[delivery("a", 2), delivery("b", 1)]), [Outcome::Taken, Outcome::Taken]);
}

#[test]
#[ignore = "needs a real OpenSearch: make opensearch-test"]
fn a_server_short_of_memory_is_tried_again_and_nothing_is_lost() {
    let prefix = Prefix::new("tgtest-breaker");
    plan(&client(), prefix.0).expect("a plan").apply(&client()).expect("applied");
    let breaker = |limit: Value| {
        let settings = json!({"transient": {"network.breaker.inflight_requests.limit": limit}});
        assert_eq!(ask(&client(), Method::PUT, "/_cluster/settings", Some(settings)).0, 200);
    };
    let (mut sink, all) = (prefix.sink(), golden());
    let before = sink.body_bytes();
    breaker(json!("2kb"));
    let outcomes = sink.deliver(&all);
    breaker(Value::Null);
    let pressed = |outcome: &Outcome| matches!(outcome, Outcome::Again(why) if why.contains("(status 429, circuit_breaking_exception)"));
    assert!(outcomes.iter().all(pressed), "{outcomes:?}");
    assert!(sink.body_bytes() < before);
    assert!(sink.deliver(&all).iter().all(|outcome| *outcome == Outcome::Taken));
    assert_eq!(prefix.search(json!({"track_total_hits": true}))["hits"]["total"]["value"], all.len());
}

#[test]
#[ignore = "needs a real OpenSearch: make opensearch-test"]
fn the_command_shows_what_differs_and_writes_only_that() {
    let prefix = Prefix::new("tgtest-command");
    let folder = std::env::temp_dir().join(format!("tidegate-opensearch-setup-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("temp folder");
    let url = variable("OPENSEARCH_URL").expect("OPENSEARCH_URL");
    let user = variable("OPENSEARCH_USERNAME").map(|u| format!(", user: {u}, password: {{env: OPENSEARCH_PASSWORD}}")).unwrap_or_default();
    let ca = variable("OPENSEARCH_CACERT").map(|path| format!(", ca_file: {path}")).unwrap_or_default();
    let sinks = format!("sinks: {{opensearch: {{url: '{url}', index_prefix: {}{user}{ca}}}}}\n", prefix.0);
    let config = folder.join("tidegate.yaml");
    std::fs::write(&config, format!("sources: [{{name: pipe, stdin: true}}]\n{sinks}")).expect("write");
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        let output = command.args(["setup", "opensearch", "-c"]).arg(&config).args(more).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said, _) = run(&["--dry-run"]);
    assert_eq!((code, said.matches("would be made").count()), (Some(1), 4), "{said}");
    let (code, said, wrong) = run(&[]);
    assert_eq!((code, said.matches(": made").count()), (Some(0), 4), "{said}{wrong}");
    assert!(said.starts_with("OpenSearch "));
    let (code, said, _) = run(&["--dry-run"]);
    assert_eq!((code, said.matches("unchanged").count()), (Some(0), 4), "{said}");
    std::fs::remove_dir_all(&folder).expect("remove");
}
