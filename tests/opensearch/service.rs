//! The service with an OpenSearch that refuses a document: its page goes out, the document waits in the quarantine, and is sent
//! again when somebody asks.

use super::stub::{Answer, Stub};
use serde_json::{Value, json};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const RULE: &str = "title: Refused sign-in to the shop
id: 1d4a3c52-93f1-4a60-8f3e-6a1f0c7d2b11
name: refused_sign_in
status: stable
description: Somebody was refused.
author: test
date: 2026-11-01
level: critical
logsource: {product: shop, service: login}
detection:
  selection:
    result: refused
  condition: selection
";

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-opensearch-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("temp folder");
        Folder(path)
    }

    fn tidegate(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(arguments).current_dir(&self.0).env_remove("TIDEGATE_STATE").env_remove("TIDEGATE_CONFIG");
        command.env_remove("TIDEGATE_LOG");
        command
    }

    /// Starts the service; what it says goes into `log`.
    fn run(&self) -> Child {
        let log = std::fs::File::options().create(true).append(true).open(self.0.join("log")).expect("a log");
        let mut run = self.tidegate(&["run", "-c", "tidegate.yaml"]);
        run.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log).spawn().expect("it starts")
    }

    /// One rule, events from a pipe, this OpenSearch.
    fn configure(&self, url: &str) {
        let source = "{name: shop, stdin: true, format: json, json: {product: shop, service: login}}";
        let config = format!("sources:\n  - {source}\nrules: [rule.yml]\nsinks:\n  opensearch: {{url: '{url}'}}\n");
        std::fs::write(self.0.join("tidegate.yaml"), config).expect("write");
        std::fs::write(self.0.join("rule.yml"), RULE).expect("write");
    }

    fn quarantine(&self) -> Vec<Value> {
        let output = self.tidegate(&["quarantine", "list", "--json"]).output().expect("it runs");
        let list: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"));
        list["items"].as_array().expect("items").clone()
    }
}

fn until(what: &str, done: impl Fn() -> bool) {
    for _ in 0..600 {
        if done() {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    panic!("it never came: {what}");
}

fn finish(mut child: Child) -> Output {
    drop(child.stdin.take());
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_refused_document_is_quarantined_paged_all_the_same_and_sent_again_when_asked() {
    let mended = Arc::new(AtomicBool::new(false));
    let asked = mended.clone();
    let stub = Stub::start(move |request| match asked.load(Ordering::Relaxed) {
        true => Answer::Taken,
        false => {
            let error = json!({"type": "mapper_parsing_exception", "reason": "failed to parse field [count]"});
            Answer::Items(request.documents().iter().map(|_| (400, error.clone())).collect())
        }
    });
    let folder = Folder::new("service");
    folder.configure(&stub.url);
    let mut child = folder.run();
    let said = || std::fs::read_to_string(folder.0.join("log")).unwrap_or_default();
    let event = json!({"time": "2026-11-23T12:00:00Z", "result": "refused", "user": "ada"});
    writeln!(child.stdin.as_mut().expect("stdin"), "{event}").expect("written");

    until("a document in the quarantine", || folder.0.join("tidegate.db").exists() && !folder.quarantine().is_empty());
    until("its page", || said().contains("Refused sign-in to the shop"));
    assert!(said().contains("a document was refused for good: mapper_parsing_exception: failed to parse field [count]"), "{}", said());
    let items = folder.quarantine();
    let item = &items[0];
    assert_eq!((items.len(), &item["source"], &item["reason"]), (1, &json!("sink/opensearch"), &json!("document_refused")));
    let (index, alert) = item["shard"].as_str().expect("a place").split_once('/').expect("index and alert");
    assert!(index.starts_with("tidegate-alerts-v1-"), "{item}");
    let id = item["id"].to_string();
    let shown = folder.tidegate(&["quarantine", "show", &id, "--raw"]).output().expect("it runs");
    let document: Value = serde_json::from_slice(&shown.stdout).expect("the whole document");
    assert_eq!(document["finding_info"]["uid"], json!(alert));

    // Asked for too early: it stays, tried once more.
    assert!(folder.tidegate(&["quarantine", "redrive", &id]).status().expect("it runs").success());
    until("a second refusal", || folder.quarantine()[0]["attempts"] == json!(1));
    mended.store(true, Ordering::Relaxed);
    assert!(folder.tidegate(&["quarantine", "redrive", &id]).status().expect("it runs").success());
    until("an empty quarantine", || folder.quarantine().is_empty());
    assert!(stub.index().documents.contains_key(alert));

    let output = finish(child);
    assert!(output.status.success(), "{}", said());
}

#[test]
fn a_service_whose_opensearch_is_down_pages_stops_in_time_and_delivers_after_the_next_start() {
    let down = Arc::new(AtomicBool::new(true));
    let asked = down.clone();
    let stub = Stub::start(move |_| if asked.load(Ordering::Relaxed) { Answer::Cut } else { Answer::Taken });
    let folder = Folder::new("down");
    folder.configure(&stub.url);
    let said = || std::fs::read_to_string(folder.0.join("log")).unwrap_or_default();
    let mut child = folder.run();
    for n in 0..5 {
        let event = json!({"time": format!("2026-11-23T12:0{n}:00Z"), "result": "refused", "user": format!("user-{n}")});
        writeln!(child.stdin.as_mut().expect("stdin"), "{event}").expect("written");
    }
    let is_page = |line: &&str| line.contains(" page:") && line.contains("Refused sign-in to the shop");
    until("five pages", || said().lines().filter(is_page).count() >= 5);
    assert!(said().contains("the sink cannot take everything; it is tried again"), "{}", said());
    assert!(stub.index().documents.is_empty());
    let clock = tidegate::io::clock::Stopwatch::start();
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().expect("kill").success());
    child.wait().expect("it ends");
    let took = clock.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}\n{}", said());

    down.store(false, Ordering::Relaxed);
    let output = finish(folder.run());
    assert!(output.status.success(), "{}", said());
    let index = stub.index();
    assert_eq!((index.documents.len(), folder.quarantine().len()), (5, 0), "{}", said());
}
