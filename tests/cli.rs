//! The command line as a user meets it: exit codes, errors that say what to do, output for scripts.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-cli-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("temp folder");
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("folder");
        std::fs::write(&path, text).expect("write");
        path.to_string_lossy().into_owned()
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
    Command::new(env!("CARGO_BIN_EXE_tidegate")).args(arguments).output().expect("the binary runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const RULE: &str = "title: Three refusals
id: 5b1a3c50-3f4e-4c9b-9d55-000000000001
status: test
level: high
correlation:
    type: event_count
    rules: [refused]
    group-by: [who]
    timespan: 60s
    condition:
        gte: 3
---
title: Refused
id: 5b1a3c50-3f4e-4c9b-9d55-000000000002
name: refused
status: test
logsource:
    product: shop
    service: login
detection:
    selection:
        result: refused
    condition: selection
";

fn event(who: &str, second: u32) -> String {
    format!("{{\"ts\":{},\"who\":\"{who}\",\"result\":\"refused\"}}\n", 1_793_613_600 + second)
}

fn replay(folder: &Folder, rules: &str, events: &str, more: &[&str]) -> Output {
    let events = folder.write("events.ndjson", events);
    let mut arguments = vec!["replay", "-r", rules, "--format", "json", "--product", "shop", "--service", "login", "--time-field", "ts"];
    arguments.extend(more);
    arguments.push(&events);
    tidegate(&arguments)
}

#[test]
fn replay_writes_one_alert_per_incident() {
    let folder = Folder::new("replay");
    let rules = folder.write("rule.yml", RULE);
    let events: String = [("a", 0), ("a", 20), ("b", 30), ("a", 59), ("a", 70), ("b", 95)].iter().map(|(w, s)| event(w, *s)).collect();
    let output = replay(&folder, &rules, &events, &["--alerts", "-", "--summary", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let alerts: Vec<serde_json::Value> = text(&output.stdout).lines().map(|l| serde_json::from_str(l).expect("NDJSON")).collect();
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0]["count"], 4);
    assert_eq!(alerts[0]["tidegate"]["group_key"][0]["value"], "a");
    assert_eq!(alerts[0]["tidegate"]["episode"]["start"], 1_793_613_659_000_i64);
    let summary: serde_json::Value = serde_json::from_str(text(&output.stderr).trim()).expect("one JSON object");
    assert_eq!(summary["records"], 6);
    assert_eq!(summary["books"]["balanced"], true);
}

#[test]
fn the_order_of_lines_does_not_matter() {
    let folder = Folder::new("order");
    let rules = folder.write("rule.yml", RULE);
    let lines: Vec<String> = [0, 20, 59, 70, 400, 410, 420].iter().map(|s| event("a", *s)).collect();
    let run = |events: String| {
        let output = replay(&folder, &rules, &events, &["--alerts", "-"]);
        let out = text(&output.stdout);
        let ids = out.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).expect("NDJSON")["tidegate"]["episode"].clone());
        ids.map(|e| e.to_string()).collect::<Vec<_>>()
    };
    let forward = run(lines.concat());
    assert_eq!(forward.len(), 2);
    assert_eq!(forward, run(lines.iter().rev().cloned().collect()));
}

#[test]
fn bad_input_is_quarantined_and_named_and_takes_nothing_with_it() {
    let folder = Folder::new("quarantine");
    let rules = folder.write("rule.yml", RULE);
    let events = [event("a", 0), "{\"ts\": oops}\n".into(), event("a", 1), event("a", 2)].concat();
    let quarantine = folder.path("bad.ndjson");
    let output = replay(&folder, &rules, &events, &["--alerts", "-", "--quarantine", &quarantine, "--summary", "json"]);
    assert_eq!(text(&output.stdout).lines().count(), 1);
    let bad: serde_json::Value = serde_json::from_str(std::fs::read_to_string(quarantine).expect("written").trim()).expect("one item");
    assert_eq!(bad["reason"], "json_syntax");
    assert_eq!(bad["sequence"], "2", "the line");
    let summary: serde_json::Value = serde_json::from_str(text(&output.stderr).trim()).expect("one JSON object");
    assert_eq!((&summary["records"], &summary["quarantined"]), (&4.into(), &1.into()));
}

#[test]
fn a_broken_rule_is_refused_by_place_and_hides_no_other() {
    let folder = Folder::new("rules");
    folder.write("rules/good.yml", RULE);
    folder.write("rules/bad.yml", "title: Old\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n    s: {eventName: A}\n    timeframe: 5m\n    condition: s | count() > 3\n");
    let output = tidegate(&["rules", "check", &folder.path("rules")]);
    assert_eq!(output.status.code(), Some(1));
    let out = text(&output.stdout);
    assert!(out.contains("bad.yml:5:5") && out.contains("timeframe"), "{out}");
    assert!(out.contains("1 rules and 1 correlations loaded"), "{out}");
    let input = folder.write("input.ndjson", "{}\n");
    let run = tidegate(&["replay", "-r", &folder.path("rules"), &input]);
    assert_eq!(run.status.code(), Some(2), "a partial set only if the operator allows it");
    assert!(text(&run.stderr).contains("--partial"));
}

#[test]
fn mistakes_say_what_to_do() {
    let folder = Folder::new("mistakes");
    let rules = folder.write("rule.yml", RULE);
    let cases: [(&[&str], i32, &str); 6] = [
        (&["replay", "-r", &rules, "/nonexistent/input"], 3, "check the path"),
        (&["replay", "-r", "/nonexistent/rules", "-"], 3, "check the path"),
        (&["replay", "-r", &rules, "--format", "json", &rules], 2, "--product"),
        (&["replay", "-r", &rules, "--flow-format", "${version} ${srcadr}", &rules], 2, "srcaddr"),
        (&["generate", "--attacks", "no-such-attack", &folder.path("x")], 2, "--list-attacks"),
        (&["generate", &folder.0.to_string_lossy()], 2, "empty folder"),
    ];
    for (arguments, code, words) in cases {
        let output = tidegate(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in [
        &["demo"][..],
        &["replay"],
        &["generate"],
        &["rules", "check"],
        &["rules", "test"],
        &["rules", "coverage"],
        &["rules", "promote"],
        &["rules", "export"],
    ] {
        let output = tidegate(&[command, &["--help"]].concat());
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains(&format!("tidegate {}", command.join(" "))), "{command:?}");
        assert!(text(&output.stdout).contains("Examples:"), "{command:?}");
    }
    assert_eq!(tidegate(&[]).status.code(), Some(2));
    assert_eq!(tidegate(&["--version"]).status.code(), Some(0));
}

#[test]
fn the_shipped_pack_can_be_exported_and_passes_its_tests() {
    let folder = Folder::new("export");
    let target = folder.path("mine");
    assert_eq!(tidegate(&["rules", "export", &target]).status.code(), Some(0));
    assert!(Path::new(&target).join("aws").is_dir());
    let output = tidegate(&["rules", "check", &target, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    assert_eq!(tidegate(&["rules", "export", &target]).status.code(), Some(2), "nothing is overwritten unasked");
}

#[test]
fn hostile_text_cannot_move_the_cursor() {
    let folder = Folder::new("hostile");
    let rules = folder.write("rule.yml", RULE);
    let events: String = (0..3).map(|s| event("x\\u001b[2J\\u202eevil", s)).collect();
    let output = replay(&folder, &rules, &events, &[]);
    assert_eq!(output.status.code(), Some(0));
    let all = [output.stdout, output.stderr].concat();
    assert!(!all.contains(&0x1b), "no escape sequence reaches a pipe");
    assert!(!text(&all).contains('\u{202e}'), "no bidi override");
}

#[test]
fn quiet_and_lossy_interfaces_are_coverage_and_no_flows() {
    let folder = Folder::new("coverage");
    let rules = folder.write("rule.yml", RULE);
    let lines = "2 111122223333 eni-0a1b2c3d - - - - - - - 1793613600 1793613660 - NODATA\n\
                 2 111122223333 eni-0a1b2c3d - - - - - - - 1793613660 1793613720 - SKIPDATA\n\
                 2 444455556666 eni-0a1b2c3e 10.0.0.5 10.0.1.9 49152 443 6 10 840 1793613600 1793613660 ACCEPT OK\n";
    let flows = folder.write("flows.log", lines);
    let output = tidegate(&["replay", "-r", &rules, "--alerts", "-", "--summary", "json", &flows]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let summary: serde_json::Value = serde_json::from_str(text(&output.stderr).trim()).expect("one JSON object");
    assert_eq!((&summary["events"], &summary["filtered"]), (&1.into(), &2.into()));
    let heard = &summary["coverage"]["vpcflow"];
    assert_eq!((&heard["accounts"], &heard["losses"], &heard["accounts_with_losses"]), (&2.into(), &1.into(), &1.into()));
}

#[test]
fn coverage_is_told_as_text_json_page_and_layer_and_per_account() {
    let folder = Folder::new("attack");
    let hostile = "title: X\nid: '<script>alert(1)</script>'\nstatus: test\ntags: [attack.impact, attack.t1485]\nlogsource: {product: aws, service: waf}\ndetection: {s: {a: 1}, condition: s}\n";
    let rules = folder.write("hostile.yml", hostile);
    let row = |account: &str, service: &str| serde_json::json!({"account": account, "region": null, "service": service, "records": 1});
    let rows = vec![row("111122223333", "cloudtrail"), row("111122223333", "guardduty"), row("444455556666", "vpcflow")];
    let seen = folder.write("seen.json", &serde_json::json!({ "rows": rows }).to_string());
    let (layer, page) = (folder.path("layer.json"), folder.path("coverage.html"));
    let out = tidegate(&["rules", "coverage", "builtin", &rules, "--seen", &seen, "--navigator", &layer, "--html", &page]);
    let told = text(&out.stdout);
    assert_eq!(out.status.code(), Some(0), "{}", text(&out.stderr));
    for words in ["Credential Access", "T1110", "LOG SOURCE", "cloudtrail, guardduty", "444455556666"] {
        assert!(told.contains(words), "no `{words}` in\n{told}");
    }
    let layer: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(layer).expect("a layer")).expect("JSON");
    assert_eq!(layer["versions"]["layer"], "4.5");
    let techniques = layer["techniques"].as_array().expect("a list");
    assert!(techniques.len() > 50 && techniques.iter().all(|t| t["tactic"].is_string()), "{}", techniques.len());
    let page = std::fs::read_to_string(page).expect("a page");
    assert!(
        page.contains("&lt;script&gt;") && !page.contains("<script") && !page.contains("http://") && page.contains("default-src 'none'")
    );

    let out = tidegate(&["rules", "coverage", "builtin", "--json", "--seen", &seen]);
    let told: serde_json::Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let profile = |account: &str| {
        let all = told["profiles"].as_array().expect("a list");
        all.iter().find(|p| p["accounts"][0] == account).expect("an account").clone()
    };
    let count = |account: &str, reach: &str| profile(account)[reach].as_array().expect("a list").len();
    assert!(count("111122223333", "fires") > count("444455556666", "fires") && count("444455556666", "fires") > 0);
    let blind = profile("444455556666")["blind"].as_array().expect("a list").clone();
    let finding = blind.iter().find(|b| b["rule"] == "aws/guardduty/finding").expect("no findings arrive");
    assert_eq!(finding["missing"], serde_json::json!(["guardduty"]));
    let alerting =
        |p: &serde_json::Value| ["fires", "partly", "blind"].iter().map(|k| p[*k].as_array().expect("a list").len()).sum::<usize>();
    assert_eq!(alerting(&profile("111122223333")), alerting(&profile("444455556666")));

    let out = tidegate(&["rules", "coverage", "builtin", "--seen", &rules]);
    assert_eq!(out.status.code(), Some(2));
    assert!(text(&out.stderr).contains("is not what a service answers on /coverage"), "{}", text(&out.stderr));
}

const SHARED: &str = "title: Three shares
id: 5b1a3c50-3f4e-4c9b-9d55-000000000011
status: test
level: high
correlation: {type: event_count, rules: [shared], group-by: [requestParameters.accountId], timespan: 10m, condition: {gte: 3}}
---
title: Shared
id: 5b1a3c50-3f4e-4c9b-9d55-000000000012
name: shared
status: test
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: [ModifySnapshotAttribute, ModifyImageAttribute]}, condition: s}
level: low
";

const SHARED_TEST: &str = "events:
  shared: {kind: cloudtrail, eventSource: ec2.amazonaws.com, eventName: ModifySnapshotAttribute, requestParameters: {accountId: '444455556666'}}
cases:
  - {name: three snapshots, is: true, events: [{use: shared, times: 3, every: 1m}], expect: {count: 3}}
";

#[test]
fn a_rule_test_finds_what_its_author_forgot() {
    let folder = Folder::new("variants");
    folder.write("shared.yml", SHARED);
    let test = folder.write("shared.test.yaml", SHARED_TEST);
    let junit = folder.path("report.xml");
    let written = tidegate(&["rules", "test", &test, "--no-variants"]);
    assert_eq!(written.status.code(), Some(0), "{}", text(&written.stdout));
    let varied = tidegate(&["rules", "test", &test, "--junit", &junit]);
    let said = text(&varied.stdout);
    assert_eq!(varied.status.code(), Some(1), "{said}");
    assert!(said.contains("variant noise") && said.contains("account: \"990000000001\""), "{said}");
    let report = std::fs::read_to_string(junit).expect("a report");
    assert!(report.contains("three snapshots [noise: ") && report.contains("account: &quot;990000000001&quot;"), "{report}");
    // The case that is offered can be pasted, and fails by itself.
    let offered: String = said
        .lines()
        .skip_while(|line| !line.starts_with("  - name: \"three snapshots, noise"))
        .take_while(|line| line.starts_with("  - name: \"three snapshots, noise") || line.starts_with("    "))
        .map(|line| format!("{line}\n"))
        .filter(|line| !line.starts_with("       ") || line.starts_with("      - "))
        .collect();
    folder.write("shared.test.yaml", &format!("{SHARED_TEST}{offered}"));
    let pasted = tidegate(&["rules", "test", &test, "--filter", ", noise", "--no-variants"]);
    let said = text(&pasted.stdout);
    assert_eq!(pasted.status.code(), Some(1), "{said}\n{}", text(&pasted.stderr));
    assert!(said.contains("expected  came") && said.contains("1 test files, 1 cases"), "{said}");
}

#[test]
fn coverage_names_what_no_case_shows_with_its_line() {
    let folder = Folder::new("coverage");
    folder.write("shared.yml", SHARED);
    let test = folder.write("shared.test.yaml", SHARED_TEST);
    let covered = tidegate(&["rules", "test", &test, "--no-variants", "--coverage"]);
    let said = text(&covered.stdout);
    assert!(said.contains("shared.yml:12: `eventName: ModifyImageAttribute` in `s` never matches (Shared)"), "{said}");
    assert!(said.contains("shared.yml:1: the threshold is never missed by one (2) (Three shares)"), "{said}");
    let json: serde_json::Value =
        serde_json::from_slice(&tidegate(&["rules", "test", &test, "--coverage", "--json"]).stdout).expect("JSON");
    let points = json["files"][0]["coverage"].as_array().expect("points");
    assert!(points.iter().any(|p| p["covered"] == true) && points.iter().any(|p| p["covered"] == false), "{points:?}");
}

#[test]
fn a_misspelt_key_of_a_test_is_told_with_its_line() {
    let folder = Folder::new("misspelt");
    folder.write("shared.yml", SHARED);
    let test = folder.write("shared.test.yaml", &SHARED_TEST.replace("times: 3", "time: 3"));
    let refused = tidegate(&["rules", "test", &test]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("shared.test.yaml:4:") && said.contains("unknown key `time` (did you mean `times`?)"), "{said}");
}
