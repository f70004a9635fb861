//! `suppress`, `quarantine` and `alerts` as an operator meets them.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tidegate::io::port::{Append, Delivery, Outcome, Sink, Store};
use tidegate::io::sqlite::{OpenOptions, SqliteStore};
use tidegate_core::decode::{DecodeError, ErrorCode};
use tidegate_core::event::{Position, Sequence};
use tidegate_core::pipeline::{Entry, Quarantined};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-operator-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("temp folder");
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.0.join(name), text).expect("write");
        self.path(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).expect("read")
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
    Command::new(env!("CARGO_BIN_EXE_tidegate")).args(arguments).env_remove("TIDEGATE_STATE").output().expect("the binary runs")
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn parsed(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {} {}", out(output), err(output)))
}

/// Suppressions that ended long ago: the clock of the machine the test runs on cannot matter.
const OLD: &str = "# reviewed in May
suppressions:
  - id: old-scan
    rule: aws/guardduty/finding
    where: {src_endpoint.ip: 198.51.100.7}   # the scanner
    reason: our own scanner
    owner: soc
    created: 2020-01-01
    expires: 2020-03-01
";

fn add<'a>(file: &'a str, id: &'a str, more: &[&'a str]) -> Output {
    let mut all =
        vec!["suppress", "add", file, "--id", id, "--rule", "aws/guardduty/finding", "--reason", "a \"drill\": #1", "--owner", "soc"];
    all.extend(more);
    tidegate(&all)
}

#[test]
fn check_says_everything_at_once_and_its_exit_code_tells() {
    let folder = Folder::new("check");
    let file = folder.write("s.yaml", OLD);
    let output = tidegate(&["suppress", "check", &file, "-r", "builtin"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("s.yaml:9:14: warning: suppression `old-scan` expired "), "{}", out(&output));
    assert!(
        out(&output).ends_with("1 good suppression: 0 active, 0 not yet in force, 1 expired; 0 errors, 1 warnings\n"),
        "{}",
        out(&output)
    );
    assert_eq!(tidegate(&["suppress", "check", &file, "--strict"]).status.code(), Some(1));

    let bad = folder.write("bad.yaml", &OLD.replace("    owner: soc\n", "    ownr: soc\n").replace("2020-03-01", "2021-03-01"));
    let output = tidegate(&["suppress", "check", &bad, "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let document = parsed(&output);
    let lines: Vec<_> = document["diagnostics"].as_array().expect("a list").iter().map(|d| d["line"].clone()).collect();
    assert_eq!(lines, [3, 7, 9]);
    assert_eq!(document["standing"], json!({"active": 0, "future": 0, "expired": 0}));

    let output = tidegate(&["suppress", "check", &folder.path("none.yaml")]);
    assert_eq!(output.status.code(), Some(3));
    assert!(err(&output).contains("none.yaml") && err(&output).contains("check the path"), "{}", err(&output));
}

#[test]
fn add_keeps_the_file_and_list_shows_it() {
    let folder = Folder::new("add");
    let file = folder.write("s.yaml", OLD);
    let output = add(&file, "drill", &["--where", "cloud.account.uid=012345678901", "--days", "3", "--allow-critical", "-r", "builtin"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("added drill to "), "{}", out(&output));
    assert!(err(&output).contains("suppression `drill` expires in "), "the warnings are said: {}", err(&output));
    let text = folder.read("s.yaml");
    let new = text.strip_prefix(OLD).expect("what stood there stands there");
    assert!(new.starts_with("  - id: drill\n    rule: aws/guardduty/finding\n    where:\n      cloud.account.uid: \"012345678901\"\n    reason: \"a \\\"drill\\\": #1\"\n"), "{new}");

    let listed = parsed(&tidegate(&["suppress", "list", &file, "--json"]));
    assert_eq!(listed["suppressions"][0]["state"], "expired");
    assert_eq!(listed["suppressions"][1]["state"], "active");
    assert_eq!(listed["suppressions"][1]["allow_critical"], true);
    let table = out(&tidegate(&["suppress", "list", &file]));
    assert!(table.contains("drill") && table.contains("in 2 days") && table.contains("(Critical too)"), "{table}");

    let fresh = folder.path("new.yaml");
    assert_eq!(add(&fresh, "first", &["--where", "a=b", "--days", "1"]).status.code(), Some(0));
    assert!(folder.read("new.yaml").starts_with("suppressions:\n  - id: first\n"));
}

#[test]
fn add_refuses_with_a_reason_and_touches_nothing() {
    let folder = Folder::new("refuse");
    let file = folder.write("s.yaml", OLD);
    let cases: [(&str, &[&str], &str); 7] = [
        ("old-scan", &["--where", "a=b", "--days", "3"], "s.yaml:3 has the id old-scan already"),
        ("new", &["--where", "a=*", "--days", "3"], "`where.a` needs a value that says something"),
        ("new", &["--where", "a=b", "--expires", "2020-01-01"], "`expires` must be after `created`"),
        ("new", &["--where", "a=b", "--expires", "2999-01-01"], "more than 90 days"),
        ("new", &["--where", "a=b", "--days", "91"], "91 is not in 1..=90"),
        ("new", &["--where", "a=b", "--where", "a=c", "--days", "3"], "--where names a twice"),
        ("new", &["--where", "nothing", "--days", "3"], "write FIELD=VALUE"),
    ];
    for (id, more, want) in cases {
        let output = add(&file, id, more);
        assert_eq!(output.status.code(), Some(2), "{want}");
        assert!(err(&output).contains(want), "{want}: {}", err(&output));
        assert_eq!(folder.read("s.yaml"), OLD);
    }
    assert!(err(&add(&file, "new", &["--where", "a=b"])).contains("--days"), "a life is required");
    let bad = folder.write("bad.yaml", "suppresions: []\n");
    let output = add(&bad, "new", &["--where", "a=b", "--days", "3"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("bad.yaml:1:1: unknown key `suppresions` (did you mean `suppressions`?)"), "{}", err(&output));
}

#[test]
fn a_state_file_is_never_made_by_looking() {
    let folder = Folder::new("absent");
    let state = folder.path("none.db");
    for command in [&["alerts", "list"][..], &["alerts", "show", "x"], &["quarantine", "list"], &["quarantine", "redrive", "--all"]] {
        let output = tidegate(&[command, &["--state", &state]].concat());
        assert_eq!(output.status.code(), Some(3), "{command:?}");
        assert!(err(&output).contains("none.db"), "{}", err(&output));
    }
    let output = tidegate(&["suppress", "list", &folder.write("s.yaml", OLD), "--state", &state]);
    assert_eq!(output.status.code(), Some(3));
    assert!(!std::path::Path::new(&state).exists());
}

#[test]
fn every_command_has_examples() {
    for command in [
        ["suppress", "check"],
        ["suppress", "list"],
        ["suppress", "add"],
        ["alerts", "list"],
        ["alerts", "show"],
        ["quarantine", "list"],
        ["quarantine", "show"],
        ["quarantine", "redrive"],
    ] {
        let output = tidegate(&[command[0], command[1], "--help"]);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains(&format!("Examples:\n  tidegate {} {}", command[0], command[1])), "{}", out(&output));
    }
}

const DAY_MS: i64 = 86_400_000;
const BASE_MS: i64 = 1_793_613_600_000;

/// An alert whose activity took the hour from noon of day `n`.
fn alert(id: &str, n: i64, severity: u8, rule: &str, accounts: &[&str]) -> Value {
    let (first, last) = (BASE_MS + n * DAY_MS, BASE_MS + n * DAY_MS + 3_600_000);
    json!({
        "time": first, "start_time": first, "end_time": last, "count": 2, "severity_id": severity, "severity": format!("Level {severity}"),
        "status": "New", "message": format!("why {id} fired\u{1b}[2J"), "metadata": {"sequence": 1},
        "finding_info": {"uid": id, "title": format!("Title of {id}\u{1b}]0;owned\u{7}\u{202e}"), "first_seen_time": first, "last_seen_time": last,
            "analytic": {"uid": rule, "name": "Rule", "category": "correlation/event_count"}},
        "tidegate": {"kind": "correlation", "episode": {"start": first, "end": last, "state": "closed"}, "principals": ["arn:aws:iam::1:user/eve"],
            "source_ips": ["198.51.100.23"], "accounts": accounts, "accounts_total": accounts.len()}
    })
}

fn delivery(document: &Value) -> Delivery {
    let id = document["finding_info"]["uid"].as_str().expect("an id");
    Delivery { alert: id.into(), version: 1, route: "".into(), document: document.to_string().into(), repeated: false }
}

/// A state file with four alerts, whose owner runs as long as the store is kept.
fn with_alerts(path: &str) -> SqliteStore {
    let store = SqliteStore::open(Path::new(path), &OpenOptions::default()).expect("opens");
    let all = [
        alert("aa11", 0, 2, "r1", &["111122223333"]),
        alert("aa12", 1, 4, "r2", &["111122223333", "444455556666"]),
        alert("bb22", 2, 5, "r1", &["444455556666"]),
        alert("cc33", 3, 3, "r2", &[]),
    ];
    let outcomes = store.alerts().deliver(&all.iter().map(delivery).collect::<Vec<_>>());
    assert!(outcomes.iter().all(|o| *o == Outcome::Taken), "{outcomes:?}");
    store
}

#[test]
fn alerts_are_listed_by_what_they_are() {
    let folder = Folder::new("list");
    let state = folder.path("t.db");
    let _owner = with_alerts(&state);
    let ids = |filter: &[&str]| -> Vec<String> {
        let output = tidegate(&[&["alerts", "list", "--state", &state, "--json"], filter].concat());
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        let lines = out(&output);
        lines
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).expect("NDJSON")["finding_info"]["uid"].as_str().expect("id").to_owned())
            .collect()
    };
    let cases: [(&[&str], &[&str]); 11] = [
        (&[], &["cc33", "bb22", "aa12", "aa11"]),
        (&["--severity", "high"], &["bb22", "aa12"]),
        (&["--severity", "critical", "--rule", "r2"], &[]),
        (&["--rule", "r1"], &["bb22", "aa11"]),
        (&["--account", "111122223333"], &["aa12", "aa11"]),
        (&["--account", "1111"], &[]),
        (&["--from", "2026-11-04"], &["cc33", "bb22"]),
        (&["--from", "2026-11-03T11:00:00Z", "--to", "2026-11-04T10:00:00Z"], &["aa12"]),
        (&["--from", "2026-11-03T11:00:00.001Z", "--to", "2026-11-04T10:00:00.001Z"], &["bb22"]),
        (&["--text", "WHY BB22"], &["bb22"]),
        (&["--limit", "2"], &["cc33", "bb22"]),
    ];
    for (filter, want) in cases {
        assert_eq!(ids(filter), want, "{filter:?}");
    }
    let table = out(&tidegate(&["alerts", "list", "--state", &state, "--limit", "3"]));
    assert!(table.contains("... only the latest 3") && table.contains("aa12") && !table.contains("aa11"), "{table}");
    assert!(table.contains("Title of cc33\\u{1b}]0;owned\\u{7}\\u{202e}") && !table.contains('\u{1b}'), "{table}");
    let output =
        Command::new(env!("CARGO_BIN_EXE_tidegate")).args(["alerts", "list"]).env("TIDEGATE_STATE", &state).output().expect("runs");
    assert!(out(&output).contains("bb22"), "the environment names the file: {}", err(&output));
    let output = tidegate(&["alerts", "list", "--state", &state, "--from", "2026-11-04", "--to", "2026-11-04"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn one_alert_is_shown_by_the_beginning_of_its_id() {
    let folder = Folder::new("show");
    let state = folder.path("t.db");
    drop(with_alerts(&state));
    let show = |more: &[&str]| tidegate(&[&["alerts", "show", "--state", &state], more].concat());
    let story = out(&show(&["bb"]));
    assert!(story.starts_with("[LEVEL 5] Title of bb22\\u{1b}]0;owned"), "{story}");
    assert!(story.contains("\nWhy\n  why bb22 fired\\u{1b}[2J\n") && story.contains("first seen  2026-11-04 10:00:00 UTC"), "{story}");
    assert!(!story.contains('\u{1b}') && !story.contains('\u{7}'), "no colour and no escape in a pipe");
    assert_eq!(parsed(&show(&["bb22", "--json"]))["finding_info"]["uid"], "bb22");
    for (id, want) in
        [("aa", "several alerts begin with aa: aa11, aa12; write more of the id"), ("zz\u{1b}[2J", "no alert begins with zz\\u{1b}[2J in ")]
    {
        let output = show(&[id]);
        assert_eq!(output.status.code(), Some(2));
        assert!(err(&output).contains(want), "{}", err(&output));
    }
}

fn refused(source: &str, n: u64, code: ErrorCode, bytes: &[u8], truncated: bool) -> Quarantined {
    Quarantined {
        position: Position { source: source.into(), shard: "day.log".into(), sequence: Sequence::from(n), sub_sequence: 0 },
        error: DecodeError::new(code, 3, "expected a value"),
        bytes: bytes.to_vec(),
        truncated,
    }
}

/// A state file with four items: three of one reason, one of them cut.
fn with_quarantine(path: &str) -> SqliteStore {
    let mut store = SqliteStore::open(Path::new(path), &OpenOptions::default()).expect("opens");
    store.set_pipelines(1).expect("pipelines");
    let items = [
        refused("trail", 1, ErrorCode::JsonSyntax, b"{\"ts\": oops\x1b[31m}", false),
        refused("trail", 2, ErrorCode::JsonSyntax, b"{\"cut", true),
        refused("flows", 3, ErrorCode::GzipCorrupt, b"\x1f\x8b\x08\x00\xff", false),
        refused("flows", 4, ErrorCode::JsonSyntax, b"{", false),
    ];
    store.append(&Append { position: 1, entries: &[Entry::default()], quarantined: &items, ..Append::default() }).expect("appended");
    store
}

#[test]
fn the_quarantine_is_listed_and_shown() {
    let folder = Folder::new("quarantine");
    let state = folder.path("t.db");
    let _owner = with_quarantine(&state);
    let list = |more: &[&str]| parsed(&tidegate(&[&["quarantine", "list", "--state", &state, "--json"], more].concat()));
    let ids =
        |more: &[&str]| list(more)["items"].as_array().expect("items").iter().map(|i| i["id"].as_i64().expect("id")).collect::<Vec<_>>();
    assert_eq!(list(&[])["counts"], json!({"json_syntax": 3, "gzip_corrupt": 1}));
    assert_eq!(ids(&[]), [4, 3, 2, 1], "the latest first");
    assert_eq!(ids(&["--limit", "1"]), [4]);
    assert_eq!(ids(&["--code", "json_syntax", "--source", "trail"]), [2, 1]);
    assert_eq!(ids(&["--source", "none"]), [0_i64; 0]);
    let table = out(&tidegate(&["quarantine", "list", "--state", &state]));
    assert!(table.contains("4 in the quarantine (dead-letter store)") && table.contains("3  json_syntax: it is no JSON"), "{table}");

    let show = |more: &[&str]| tidegate(&[&["quarantine", "show", "--state", &state], more].concat());
    let text = out(&show(&["1"]));
    assert!(
        text.contains("trail, shard day.log, record 1") && text.contains("{\"ts\": oops\\u{1b}[31m}") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert!(out(&show(&["3"])).contains("00000000  1f 8b 08 00 ff"));
    assert_eq!(show(&["3", "--raw"]).stdout, b"\x1f\x8b\x08\x00\xff");
    assert_eq!(parsed(&show(&["2", "--json"]))["text"], "{\"cut");
    let output = show(&["9"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("no item 9 in the quarantine of "), "{}", err(&output));
}

#[test]
fn redrive_asks_the_owner_once() {
    let folder = Folder::new("redrive");
    let state = folder.path("t.db");
    let mut owner = with_quarantine(&state);
    let redrive = |more: &[&str]| tidegate(&[&["quarantine", "redrive", "--state", &state], more].concat());
    let mut asked = || owner.redrive_requests(10).expect("reads").iter().map(|r| r.id).collect::<Vec<_>>();
    let output = redrive(&["--all", "--dry-run"]);
    assert!(
        out(&output).starts_with("3 items would be asked for\nnot asked for: 2: only a part of their bytes was kept"),
        "{}",
        out(&output)
    );
    assert_eq!(asked(), [0_i64; 0]);
    let output = redrive(&["1", "2"]);
    assert_eq!(output.status.code(), Some(1), "one of those named cannot be had");
    assert!(out(&output).contains("1 item asked for") && out(&output).contains("not asked for: 2"), "{}", out(&output));
    assert_eq!(asked(), [1]);
    let output = redrive(&["--code", "json_syntax"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        out(&output).contains("1 item asked for") && out(&output).contains("asked for before and still waiting: 1"),
        "{}",
        out(&output)
    );
    assert_eq!(asked(), [1, 4]);
    assert_eq!(redrive(&["77"]).status.code(), Some(2));
    assert_eq!(redrive(&[]).status.code(), Some(2), "what is to be driven again must be said");
    assert!(out(&redrive(&["--code", "no_such_code"])).contains("nothing to drive again"));
}

#[test]
fn hits_are_those_the_service_noted() {
    let folder = Folder::new("hits");
    let (state, file) = (folder.path("t.db"), folder.write("s.yaml", OLD));
    let mut owner = SqliteStore::open(Path::new(&state), &OpenOptions::default()).expect("opens");
    let list = || tidegate(&["suppress", "list", &file, "--state", &state, "--json"]);
    assert_eq!(parsed(&list())["suppressions"][0]["hits"], Value::Null, "nobody counted yet");
    owner.set_info("suppression_hits", r#"{"old-scan": 12, "gone": 3}"#).expect("noted");
    assert_eq!(parsed(&list())["suppressions"][0]["hits"], 12);
    owner.set_info("suppression_hits", "no map").expect("noted");
    assert_eq!(list().status.code(), Some(3));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let folder = Folder::new("pipe");
    let state = folder.path("t.db");
    drop(with_alerts(&state));
    for arguments in [&["alerts", "show", "bb"][..], &["alerts", "list", "--json"], &["alerts", "list"], &["quarantine", "list"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(arguments).args(["--state", &state]).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn().expect("runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("ends");
        assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""), "{arguments:?}");
    }
}
