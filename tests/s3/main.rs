//! Replay from a bucket that breaks off, refuses, throttles or lies elsewhere: what is read is whole, and what cannot be read is told.
#![cfg(feature = "aws")]

mod stub;

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use stub::{Answer, Stub};

const RULES: &str = "title: Refused
id: refused
logsource: {product: aws, service: vpcflow}
detection: {s: {action: REJECT}, condition: s}
";
const HEADER: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n";

/// So many flows of a day of November 2026.
fn flows(day: i64, count: i64) -> Vec<u8> {
    let line = |n: i64| {
        let start = 1_793_491_200 + (day - 1) * 86_400 + n;
        let action = if n == 0 { "REJECT" } else { "ACCEPT" };
        format!("2 111122223333 eni-0a1b2c3d4e5f60718 203.0.113.5 10.0.0.9 40000 22 6 9 900 {start} {} {action} OK\n", start + 59)
    };
    (HEADER.to_owned() + &(0..count).map(line).collect::<String>()).into_bytes()
}

fn key(day: i64) -> String {
    format!("AWSLogs/111122223333/vpcflowlogs/eu-central-1/2026/11/{day:02}/f.log")
}

fn objects(days: &[i64], count: i64) -> BTreeMap<String, Vec<u8>> {
    days.iter().map(|day| (key(*day), flows(*day, count))).collect()
}

struct Told {
    alerts: usize,
    error: String,
    code: Option<i32>,
}

impl Told {
    fn summary(&self) -> Value {
        serde_json::from_str(self.error.trim()).unwrap_or_else(|e| panic!("{e}: {}", self.error))
    }
}

fn replay(stub: &Stub, input: &str, more: &[&str]) -> Told {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let folder: PathBuf = std::env::temp_dir().join(format!("tidegate-s3-stub-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("folder");
    std::fs::write(folder.join("rules.yml"), RULES).expect("rules");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.current_dir(&folder).args(["replay", "-r", "rules.yml", "--alerts", "-", "--summary", "json", "--aws-endpoint", &stub.url]);
    for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"] {
        command.env_remove(name);
    }
    let nobody = [("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_CONFIG_FILE", "/dev/null"), ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")];
    let output = command.envs(nobody).env("AWS_REGION", "us-east-1").args(more).arg(input).output().expect("it runs");
    let _ = std::fs::remove_dir_all(&folder);
    Told {
        alerts: String::from_utf8_lossy(&output.stdout).lines().count(),
        error: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code(),
    }
}

#[test]
fn an_object_that_breaks_off_is_read_on_from_there() {
    let whole = flows(2, 8_000);
    let length = whole.len();
    let stub = Stub::start(objects(&[2, 3], 8_000), |request, mut answer| {
        if request.key == key(2) {
            answer.sent = answer.body.len().min(300_000);
        }
        answer
    });
    let told = replay(&stub, "s3://logs/AWSLogs/", &[]);
    assert_eq!(told.code, Some(0), "{}", told.error);
    assert_eq!((&told.summary()["events"], told.alerts), (&16_000.into(), 2), "{}", told.error);
    let gets = stub.gets(&key(2));
    assert!(gets.len() >= length / 300_000 && gets.len() <= length / 300_000 + 2, "{}", gets.len());
    assert!(gets[0].header("range").is_empty() && gets[0].header("if-match").is_empty());
    assert!(gets[1..].iter().all(|get| get.header("range").starts_with("bytes=") && get.header("if-match") == "\"one\""));
    assert_eq!(stub.gets(&key(3)).len(), 1);
}

#[test]
fn an_object_that_is_replaced_refused_or_never_whole_is_told_and_the_others_are_read() {
    for (case, why) in [
        ("replaced", "replaced while it was read"),
        ("denied", "s3:GetObject"),
        ("silent", "closed before"),
        ("glacier", "restore it first"),
    ] {
        let stub = Stub::start(objects(&[2, 3, 4], 2_000), move |request, mut answer| match (case, request.key == key(3)) {
            (_, false) => answer,
            ("replaced", true) if !request.header("if-match").is_empty() => Answer::error(412, "PreconditionFailed"),
            ("replaced", true) => {
                answer.sent /= 2;
                answer
            }
            ("denied", true) => Answer::error(403, "AccessDenied"),
            ("glacier", true) => Answer::error(403, "InvalidObjectState"),
            (_, true) => {
                answer.sent = 0;
                answer
            }
        });
        let told = replay(&stub, "s3://logs", &[]);
        assert_eq!(told.code, Some(3), "{}", told.error);
        let summary = told.summary();
        let unread = summary["unread"].as_array().expect("a list");
        assert_eq!(unread.len(), 1);
        assert_eq!(unread[0]["file"], format!("s3://logs/{}", key(3)));
        // Where the service only closes connections the cause is the client's own word for it.
        let said = unread[0]["why"].as_str().unwrap_or_default();
        assert!(said.contains(why) || (case == "silent" && said.contains("to its end")), "{case}: {said}");
        assert!(summary["events"].as_u64() >= Some(4_000), "{summary}");
    }
}

#[test]
fn a_bucket_that_throttles_is_asked_again_and_one_that_refuses_is_not() {
    let asked = AtomicU32::new(0);
    let stub = Stub::start(objects(&[2], 10), move |_, answer| match asked.fetch_add(1, Ordering::Relaxed) {
        0 | 2 => Answer::error(503, "SlowDown"),
        _ => answer,
    });
    let told = replay(&stub, "s3://logs/AWSLogs", &[]);
    assert_eq!((told.code, &told.summary()["events"]), (Some(0), &10.into()), "{}", told.error);
    let stub = Stub::start(objects(&[2], 10), |_, _| Answer::error(403, "AccessDenied"));
    let told = replay(&stub, "s3://logs/AWSLogs", &[]);
    assert_eq!((told.code, stub.requests().len()), (Some(3), 1), "{}", told.error);
    assert!(told.error.contains("cannot list s3://logs/AWSLogs") && told.error.contains("s3:ListBucket"), "{}", told.error);
}

#[test]
fn a_bucket_in_another_region_is_asked_there() {
    let stub = Stub::start(objects(&[2], 10), |request, answer| match request.header("authorization").contains("/eu-central-1/s3/") {
        true => answer,
        false => Answer::error(301, "PermanentRedirect").with("x-amz-bucket-region", "eu-central-1"),
    });
    let told = replay(&stub, "s3://logs", &[]);
    assert_eq!((told.code, &told.summary()["events"]), (Some(0), &10.into()), "{}", told.error);
}

#[test]
fn only_days_that_may_be_needed_are_listed() {
    let days: Vec<i64> = (1..=30).collect();
    let stub = Stub::start(objects(&days, 5), |_, answer| answer);
    let told = replay(&stub, "s3://logs/AWSLogs/", &["--from", "2026-11-20T12:00:00Z", "--to", "2026-11-21T00:00:00Z"]);
    // An hour of margin and a day on either side: 19, 20, 21, 22.
    assert_eq!(told.summary()["events"], 5 * 4, "{}", told.error);
    let listed: Vec<String> = stub.listings().iter().map(|listing| listing.prefix().to_owned()).collect();
    assert!(
        !listed.iter().any(|prefix| prefix.ends_with("/11/05/")) && listed.iter().any(|prefix| prefix.ends_with("/11/20/")),
        "{listed:?}"
    );
    assert!(listed.len() < 14, "{listed:?}");
    let stub = Stub::start(objects(&days, 5), |_, answer| answer);
    let told = replay(&stub, "s3://logs/AWSLogs/", &["--source", "guardduty"]);
    assert_eq!((&told.summary()["events"], told.code), (&0.into(), Some(0)), "{}", told.error);
    assert!(!stub.listings().iter().any(|listing| listing.prefix().contains("eu-central-1")), "flow logs were not looked at");
}
