//! `replay --account --region --source`: what is not selected is not read where its path says so, and does not count where it does not.

use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;

const RULES: &str = "title: Key made
id: key-made
level: high
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: CreateAccessKey}, condition: s}
---
title: Refused flow
id: refused
level: low
logsource: {product: aws, service: vpcflow}
detection: {s: {action: REJECT}, condition: s}
---
title: Two keys anywhere
id: two-keys
level: high
correlation: {type: event_count, rules: [made], group-by: [eventName], timespan: 1h, condition: {gte: 2}}
---
title: Key made, for counting
name: made
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: CreateAccessKey}, condition: s}
";
const ONE: &str = "111122223333";
const OTHER: &str = "444455556666";

fn trail(account: &str, region: &str, minute: u32) -> Value {
    json!({
        "eventVersion": "1.11", "eventTime": format!("2026-11-02T09:{minute:02}:00Z"), "eventID": format!("{account}-{region}-{minute}"),
        "eventSource": "iam.amazonaws.com", "eventName": "CreateAccessKey", "awsRegion": region, "recipientAccountId": account,
        "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::{account}:user/ada"), "accountId": account},
    })
}

struct History(PathBuf);

impl Drop for History {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl History {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tidegate-selection-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        let history = History(folder);
        history.write("rules.yml", RULES);
        for (account, region, day) in [(ONE, "eu-central-1", 2), (ONE, "us-east-1", 2), (OTHER, "eu-central-1", 2)] {
            let records = json!({"Records": [trail(account, region, 1)]});
            history.write(&format!("in/AWSLogs/{account}/CloudTrail/{region}/2026/11/{day:02}/t.json"), &records.to_string());
        }
        history.write(&format!("in/AWSLogs/{ONE}/CloudTrail-Digest/eu-central-1/2026/11/02/d.json"), "{\"awsAccountId\":\"111122223333\"}");
        history.write(&format!("in/AWSLogs/{ONE}/CloudTrail/eu-central-1/2025/01/02/t.json"), "this would be refused");
        let mixed = json!({"Records": [trail(ONE, "eu-central-1", 5), trail(OTHER, "eu-central-1", 6), trail(OTHER, "us-east-1", 7)]});
        history.write("in/mixed.json", &mixed.to_string());
        history.write(
            "in/flows.log",
            &format!("2 {ONE} eni-0a1b2c3d4e5f60718 203.0.113.5 10.0.0.9 40000 22 6 9 900 1793610000 1793610059 REJECT OK\n"),
        );
        history
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("below")).expect("folder");
        std::fs::write(path, content).expect("write");
    }

    /// Alerts by rule, and the summary.
    fn replay(&self, more: &[&str]) -> ([usize; 3], Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.current_dir(&self.0).args(["replay", "-r", "rules.yml", "--alerts", "-", "--summary", "json", "in"]);
        command.args(["--from", "2026-11-01T00:00:00Z"]).args(more);
        let output = command.output().expect("it runs");
        let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let summary: Value = serde_json::from_str(error.trim()).unwrap_or_else(|e| panic!("{e}: {error}"));
        assert_eq!(summary["books"]["balanced"], true, "{summary}");
        assert_eq!((output.status.code(), &summary["quarantined"]), (Some(0), &0.into()), "{summary}");
        (["key-made", "refused", "two-keys"].map(|rule| out.matches(&format!("\"analytic\":{{\"uid\":\"{rule}\"")).count()), summary)
    }
}

#[test]
fn paths_are_left_out_and_events_are_filtered() {
    let history = History::new("all");
    let filtered = |summary: &Value| summary["books"]["input"]["filtered"]["not_selected"].as_u64().unwrap_or(0);
    let left_out = |summary: &Value| (summary["left_out"]["not_selected"].as_u64(), summary["left_out"]["digests"].as_u64());
    for (more, alerts, events, not_selected, paths, digests) in [
        // All but the file of the year before, and the digest.
        (&[][..], [6, 1, 1], 7, 0, 1, 1),
        (&["--account", ONE], [3, 1, 1], 4, 2, 2, 1),
        (&["--account", OTHER], [3, 0, 1], 3, 2, 4, 0),
        // The flow does not say its Region.
        (&["--region", "us-east-1"], [2, 1, 1], 3, 2, 4, 0),
        (&["--source", "vpcflow"], [0, 1, 0], 1, 3, 5, 0),
        (&["--source", "cloudtrail", "--account", OTHER, "--region", "us-east-1"], [1, 0, 0], 1, 3, 5, 0),
        (&["--account", ONE, "--account", OTHER], [6, 1, 1], 7, 0, 1, 1),
    ] {
        let (got, summary) = history.replay(more);
        assert_eq!(got, alerts, "{more:?}");
        assert_eq!((&summary["events"], filtered(&summary)), (&events.into(), not_selected), "{more:?}");
        assert_eq!(left_out(&summary), (Some(paths), Some(digests)), "{more:?}");
    }
}

#[test]
fn what_is_no_account_region_or_source_is_refused() {
    let history = History::new("bad");
    for (option, value, part) in
        [("--account", "1111", "12 digits"), ("--region", "Frankfurt", "like eu-central-1"), ("--source", "duty", "there are")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        let output = command.current_dir(&history.0).args(["replay", "-r", "rules.yml", "in", option, value]).output().expect("it runs");
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(part), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
