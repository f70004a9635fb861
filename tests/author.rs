//! The tools for rule authors as a user meets them: explain, check, new, fmt, schema.

use serde_json::Value;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-author-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("temp folder");
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.0.join(name), text).expect("write");
        self.path(name)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tidegate(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(arguments).stdin(Stdio::null()).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

const RULES: &str = "title: Refused
id: 5b1a3c50-3f4e-4c9b-9d55-000000000002
name: refused
status: test
level: informational
logsource:
    product: shop
    service: login
detection:
    sel:
        outcome: refused
        who|contains:
            - ann
            - bob
    robots:
        who|startswith: svc-
    condition: sel and not robots
---
title: Three refusals
id: 5b1a3c50-3f4e-4c9b-9d55-000000000001
status: test
level: high
correlation:
    type: event_count
    rules:
        - refused
    group-by:
        - who
    timespan: 60s
    condition:
        gte: 3
";

const READING: [&str; 8] = ["--format", "json", "--product", "shop", "--service", "login", "--time-field", "at"];

#[test]
fn an_event_that_did_not_match_is_explained() {
    let folder = Folder::new("explain");
    let rules = folder.write("rules.yml", RULES);
    let line =
        |who: &str, second: u32| format!("{{\"at\": \"2026-11-02T10:00:{second:02}Z\", \"who\": \"{who}\", \"outcome\": \"refused\"}}\n");
    let events = folder.write("e.ndjson", &[line("ann", 0), line("svc-bob", 1), line("carl", 2), line("ann", 3)].concat());
    let asked = [&["rules", "explain", &rules, "--rule", "refused", "--event", &events][..], &READING].concat();
    let output = tidegate(&asked);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    for part in [
        "Refused: MATCH",
        "because robots: who starts with \"svc-\": yes (seen: \"svc-bob\")",
        "because sel: who contains \"ann\" or \"bob\": no (seen: \"carl\")",
        "counts for correlation \"Three refusals\", key who = \"ann\"",
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    let asked =
        [&["rules", "explain", &rules, "--rule", "5b1a3c50-3f4e-4c9b-9d55-000000000001", "--json", "--event", &events][..], &READING]
            .concat();
    let explained = json(&tidegate(&asked));
    assert_eq!(explained["events"].as_array().map(Vec::len), Some(4));
    assert_eq!(explained["correlations"][0]["alerts"], serde_json::json!([]));
    assert_eq!(explained["correlations"][0]["keys"][0]["events"], serde_json::json!([2]));
}

#[test]
fn rules_are_explained_and_unknown_ones_are_said() {
    let folder = Folder::new("static");
    let rules = folder.write("rules.yml", RULES);
    let all = json(&tidegate(&["rules", "explain", &rules, "--json"]));
    assert_eq!(all["rules"][0]["meaning"], "for each who: at least 3 events of \"Refused\" within 1m");
    assert_eq!((&all["rules"][0]["pages"]["yes"], &all["rules"][1]["alerts"]["yes"]), (&Value::Bool(true), &Value::Bool(false)));
    let unknown = tidegate(&["rules", "explain", &rules, "--rule", "nobody"]);
    assert!(unknown.status.code() == Some(2) && text(&unknown.stderr).contains("no rule has the id, name or title `nobody`"));
    let builtin = tidegate(&["rules", "explain", "builtin"]);
    assert!(builtin.status.success() && text(&builtin.stdout).lines().count() > 1_000);
}

#[test]
fn doubts_are_warnings_and_sarif() {
    let folder = Folder::new("check");
    let doubtful =
        RULES.replace("product: shop\n    service: login", "product: aws\n    service: cloudtrail").replace("outcome:", "eventname:");
    let rules = folder.write("rules.yml", &doubtful);
    let sarif = folder.path("out.sarif");
    let output = tidegate(&["rules", "check", &rules, "--sarif", &sarif]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        text(&output.stdout).contains("rules.yml:11:9: warning: field `eventname` (did you mean `eventName`?)"),
        "{}",
        text(&output.stdout)
    );
    assert_eq!(tidegate(&["rules", "check", &rules, "--strict"]).status.code(), Some(1));
    let written: Value = serde_json::from_str(&std::fs::read_to_string(sarif).expect("written")).expect("JSON");
    let place = &written["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"];
    assert_eq!((&written["version"], &place["startLine"]), (&Value::from("2.1.0"), &Value::from(11)));
}

#[test]
fn a_new_rule_is_whole_and_overwrites_nothing() {
    let folder = Folder::new("new");
    let asked = ["rules", "new", "--kind", "sequence", "--title", "User, then: policy", "-o", &folder.path("r")];
    assert_eq!(tidegate(&asked).status.code(), Some(0));
    let rule = folder.path("r/user_then_policy.yml");
    for command in [&["rules", "check", &rule, "--strict"][..], &["rules", "test", &rule, "--strict"], &["rules", "fmt", "--check", &rule]]
    {
        let output = tidegate(command);
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", text(&output.stdout));
    }
    let again = tidegate(&asked);
    assert!(again.status.code() == Some(2) && text(&again.stderr).contains("is not overwritten"));
    assert_eq!(tidegate(&["rules", "new"]).status.code(), Some(2), "there is no terminal to ask on");
}

#[test]
fn files_are_formatted_in_place_or_only_named() {
    let folder = Folder::new("fmt");
    let mixed = "# ours\nlevel: high\ntitle: \"T\"\nid: t\n";
    let rule = folder.write("a.yml", mixed);
    let test = folder.write("a.test.yaml", "cases: []\n");
    let named = tidegate(&["rules", "fmt", "--check", &folder.path("")]);
    assert!(named.status.code() == Some(1) && text(&named.stdout).contains("not in its form"));
    assert_eq!(std::fs::read_to_string(&rule).expect("kept"), mixed, "--check writes nothing");
    assert_eq!(tidegate(&["rules", "fmt", &folder.path("")]).status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(&rule).expect("written"), "title: 'T'\nid: t\n# ours\nlevel: high\n");
    assert_eq!(tidegate(&["rules", "fmt", "--check", &folder.path("")]).status.code(), Some(0));
    assert_eq!(std::fs::read_to_string(&test).expect("kept"), "cases: []\n");
    assert_eq!(std::fs::read_dir(&folder.0).expect("folder").count(), 2, "nothing is left beside");
    assert_eq!(tidegate(&["rules", "fmt", "builtin"]).status.code(), Some(2));
}

#[test]
fn schemas_are_printed() {
    for of in ["alert", "rule", "test", "config"] {
        let schema = json(&tidegate(&["schema", of]));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{of}");
        assert_eq!(schema["type"], "object", "{of}");
    }
    for command in [&["rules", "explain"][..], &["rules", "new"], &["rules", "fmt"], &["schema"]] {
        let help = text(&tidegate(&[command, &["--help"]].concat()).stdout);
        assert!(help.contains("Examples:") && help.contains(&format!("tidegate {}", command.join(" "))), "{command:?}");
    }
}
