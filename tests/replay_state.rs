//! `replay --state FILE`: a replay that was killed goes on from its log and comes to the same alerts; another replay's log is refused.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const RULES: &str = r#"
title: Refused
id: 6b1f7a52-0000-4000-8000-000000000001
name: refused
logsource: {product: lab, service: lab}
detection: {s: {k: no}, condition: s}
---
title: Three refusals of one user
id: 6b1f7a52-0000-4000-8000-000000000002
level: high
correlation:
  type: event_count
  rules: [refused]
  group-by: [user]
  timespan: 10m
  condition: {gte: 3}
"#;

struct Lab(PathBuf);

impl Lab {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tidegate-replay-state-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        let lab = Lab(folder);
        lab.write("rules.yml", RULES);
        lab
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("write");
        path
    }

    /// Events of many users, in order of arrival.
    fn events(&self, count: u64) -> PathBuf {
        let line = |n: u64| {
            let t = 1_795_456_384_000 + n * 250;
            format!(
                "{{\"t\":{t},\"a\":{},\"k\":\"{}\",\"user\":\"u{}\"}}\n",
                t + 700,
                if n.is_multiple_of(3) { "no" } else { "yes" },
                n * 7 % 401
            )
        };
        self.write("events.ndjson", &(0..count).map(line).collect::<String>())
    }

    fn replay(&self, rules: &str, state: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.current_dir(&self.0).args(["replay", "-r", rules, "--format", "json", "--product", "lab", "--service", "lab"]);
        command.args(["--time-field", "t", "--state", state, "--alerts", "-"]).args(more).arg("events.ndjson");
        command
    }

    fn done(&self, rules: &str, state: &str, more: &[&str]) -> Output {
        self.replay(rules, state, more).output().expect("runs")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Alerts as `tidegate alerts list` finds them in a state file.
fn listed(state: &Path) -> Vec<Value> {
    let out = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["alerts", "list", "--json", "--limit", "100000", "--state"])
        .arg(state)
        .output()
        .expect("runs");
    assert!(out.status.success(), "{}", text(&out.stderr));
    let mut alerts: Vec<Value> = text(&out.stdout).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    alerts.sort_by_key(|a| a["finding_info"]["uid"].as_str().map(str::to_owned));
    alerts
}

fn alerts(out: &Output) -> Vec<Value> {
    assert!(out.status.success(), "{}", text(&out.stderr));
    let mut alerts: Vec<Value> = text(&out.stdout).lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
    alerts.sort_by_key(|a| a["finding_info"]["uid"].as_str().map(str::to_owned));
    alerts
}

#[test]
fn a_second_time_it_compares_its_log_and_a_third_party_is_refused() {
    let lab = Lab::new("again");
    lab.events(6_000);
    let first = lab.done("rules.yml", "s.db", &[]);
    let expected = alerts(&first);
    assert!(expected.len() > 20, "{}", expected.len());
    assert_eq!(listed(&lab.0.join("s.db")), expected, "the state file's index");
    let second = lab.done("rules.yml", "s.db", &["--threads", "1"]);
    assert_eq!(alerts(&second), expected);
    assert!(text(&second.stderr).contains("rounds were in the log already"), "{}", text(&second.stderr));
    let other = RULES.replace("gte: 3", "gte: 4");
    lab.write("other.yml", &other);
    let refused = lab.done("other.yml", "s.db", &[]);
    assert_eq!(refused.status.code(), Some(3), "{}", text(&refused.stderr));
    assert!(text(&refused.stderr).contains("the log of another replay"), "{}", text(&refused.stderr));
    let split = lab.done("rules.yml", "s.db", &["--pipelines", "2"]);
    assert_eq!(split.status.code(), Some(3));
    assert!(text(&split.stderr).contains("1 pipelines"), "{}", text(&split.stderr));
    assert_eq!(listed(&lab.0.join("s.db")), expected, "refusals change nothing");
}

#[test]
fn killed_at_any_moment_it_goes_on_to_the_same_alerts() {
    let lab = Lab::new("killed");
    lab.events(12_000);
    for stamped in [&[][..], &["--arrival-field", "a"]] {
        let expected = alerts(&lab.done("rules.yml", &format!("whole{}.db", stamped.len()), stamped));
        let state = format!("killed{}.db", stamped.len());
        let mut killed = 0;
        for wait_ms in [5, 30, 60, 120, 250, 400] {
            let mut child = lab.replay("rules.yml", &state, stamped).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starts");
            std::thread::sleep(Duration::from_millis(wait_ms));
            killed += u32::from(child.try_wait().expect("asked").is_none());
            let _ = child.kill();
            child.wait().expect("ended");
        }
        assert!(killed > 0, "every run was over before it could be killed");
        let last = lab.done("rules.yml", &state, stamped);
        assert_eq!(alerts(&last), expected, "{stamped:?}");
        assert_eq!(listed(&lab.0.join(&state)), expected);
    }
}

#[test]
fn suppressions_hold_in_a_replay_by_the_times_of_the_events() {
    let lab = Lab::new("suppressed");
    lab.events(3_000);
    let all = alerts(&lab.done("rules.yml", "a.db", &[]));
    let user = all[0]["tidegate"]["group_key"][0]["value"].as_str().expect("user").to_owned();
    let entry = |expires: &str| {
        format!(
            "- id: known\n  rule: 6b1f7a52-0000-4000-8000-000000000002\n  where: {{user: {user}}}\n  reason: our scanner\n  owner: soc\n  \
             created: 2026-11-20\n  expires: {expires}\n"
        )
    };
    for (expires, suppressed) in [("2026-12-20", true), ("2026-11-21", false)] {
        lab.write("s.yaml", &entry(expires));
        let found = alerts(&lab.done("rules.yml", &format!("{expires}.db"), &["--suppressions", "s.yaml"]));
        let of_user: Vec<&Value> = found.iter().filter(|a| a["tidegate"]["group_key"][0]["value"] == *user).collect();
        assert!(!of_user.is_empty() && found.len() == all.len());
        for alert in of_user {
            assert_eq!(alert["status_id"] == 3, suppressed, "{alert}");
            assert_eq!(alert["tidegate"]["suppressed_by"] == "known", suppressed);
        }
    }
    lab.write("s.yaml", "- id: known\n  rule: x\n");
    let refused = lab.done("rules.yml", "b.db", &["--suppressions", "s.yaml"]);
    assert_eq!(refused.status.code(), Some(2));
}
