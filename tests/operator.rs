//! `suppress`, `quarantine` and `alerts` as an operator meets them.

use std::path::PathBuf;
use std::process::{Command, Output};

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

fn json(output: &Output) -> serde_json::Value {
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
    let document = json(&output);
    let lines: Vec<_> = document["diagnostics"].as_array().expect("a list").iter().map(|d| d["line"].clone()).collect();
    assert_eq!(lines, [3, 7, 9]);
    assert_eq!(document["standing"], serde_json::json!({"active": 0, "future": 0, "expired": 0}));

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

    let listed = json(&tidegate(&["suppress", "list", &file, "--json"]));
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
