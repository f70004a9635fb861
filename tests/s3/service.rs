//! Replay from S3 against a real service on this machine (`make s3-test`): the same alerts as from a folder, byte for byte, whatever is
//! selected and however keys are laid out; only what may be needed is listed and read. Needs TIDEGATE_AWS_URL, and fails without it: it
//! is run by name only.

use aws_config::{BehaviorVersion, Region};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::primitives::ByteStream;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::runtime::Runtime;

fn url() -> String {
    std::env::var("TIDEGATE_AWS_URL").expect("TIDEGATE_AWS_URL: run `make s3-test`")
}

/// Somebody else who fills buckets.
struct Filler {
    runtime: Runtime,
    client: Client,
}

impl Filler {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime");
        let loader = aws_config::defaults(BehaviorVersion::latest()).region(Region::new("us-east-1")).endpoint_url(url());
        let config = Builder::from(&runtime.block_on(loader.load())).force_path_style(true).build();
        Filler { runtime, client: Client::from_conf(config) }
    }

    fn bucket(&self, name: &str) {
        self.runtime.block_on(self.client.create_bucket().bucket(name).send()).expect("bucket");
    }

    fn put(&self, bucket: &str, key: &str, body: Vec<u8>) {
        let call = self.client.put_object().bucket(bucket).key(key).body(ByteStream::from(body));
        self.runtime.block_on(call.send()).expect("put");
    }
}

/// A folder of this test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-s3-test-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("folder");
        Place(path)
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("below")).expect("folder");
        std::fs::write(path, content).expect("write");
    }

    /// Puts everything beneath a folder into a bucket.
    fn upload(&self, folder: &str, filler: &Filler, bucket: &str, prefix: &str) -> usize {
        let (root, mut count) = (self.0.join(folder), 0);
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("folder") {
                let path = entry.expect("entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let key = path.strip_prefix(&root).expect("below").to_string_lossy().into_owned();
                    filler.put(bucket, &format!("{prefix}{key}"), std::fs::read(&path).expect("read"));
                    count += 1;
                }
            }
        }
        count
    }

    fn replay(&self, input: &str, more: &[&str]) -> Told {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.current_dir(&self.0).args(["replay", "-r", "builtin", "--alerts", "-", "--summary", "json"]).args(more);
        if input.starts_with("s3://") {
            command.args(["--aws-endpoint", &url()]);
        }
        let output = command.arg(input).output().expect("it runs");
        Told {
            alerts: String::from_utf8_lossy(&output.stdout).into_owned(),
            error: String::from_utf8_lossy(&output.stderr).into_owned(),
            code: output.status.code(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Told {
    alerts: String,
    error: String,
    code: Option<i32>,
}

impl Told {
    fn summary(&self) -> Value {
        let line = self.error.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {}", self.error))
    }

    fn parsed(&self) -> Vec<Value> {
        self.alerts.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

fn organisation(place: &Place) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.current_dir(&place.0).args(["generate", "org", "--accounts", "24", "--days", "4", "--noise", "0.05"]);
    assert!(command.output().expect("it runs").status.success());
    serde_json::from_slice(&std::fs::read(place.0.join("org/truth.json")).expect("truth")).expect("JSON")
}

/// The same alerts: records of the one are named by paths, of the other by keys.
#[track_caller]
fn same(place: &Place, (folder, bucket): (&str, &str), more: &[&str]) -> (Told, Told) {
    let (local, far) = (place.replay(folder, more), place.replay(bucket, more));
    assert_eq!((local.code, far.code), (Some(0), Some(0)), "{more:?}: {} {}", local.error, far.error);
    let (renamed, mut flows) = (far.alerts.replace(bucket, folder), 0);
    assert_eq!(renamed.lines().count(), local.alerts.lines().count(), "{more:?}");
    for (far, local) in renamed.lines().zip(local.alerts.lines()).filter(|(far, local)| far != local) {
        // A flow has no id but its position: of several at one moment others come first, and are shown.
        let (far, local) = (shown(far), shown(local));
        assert!(far["finding_info"]["data_sources"] == serde_json::json!(["aws/vpcflow"]), "{more:?}: {}", far["finding_info"]["title"]);
        assert!(far == local, "{more:?}: {}", far["finding_info"]["title"]);
        flows += 1;
    }
    assert!(flows <= 3, "{flows} alerts differ");
    let (local_summary, far_summary) = (local.summary(), far.summary());
    for part in ["records", "events", "filtered", "quarantined", "alerts"] {
        assert_eq!(far_summary[part], local_summary[part], "{part} {more:?}");
    }
    assert_eq!(far_summary["books"]["balanced"], true);
    (local, far)
}

/// An alert without what it shows of single flows.
fn shown(line: &str) -> Value {
    let mut alert: Value = serde_json::from_str(line).expect("JSON");
    for part in ["evidences", "observables", "resources"] {
        alert[part] = Value::Null;
    }
    alert["tidegate"]["records"] = Value::Null;
    alert
}

#[test]
fn replay_from_a_bucket_is_replay_from_a_folder_whatever_is_selected() {
    let (place, filler) = (Place::new("org"), Filler::new());
    organisation(&place);
    filler.bucket("organisation");
    let count = place.upload("org/input", &filler, "organisation", "exports/all/");
    filler.put("organisation", "exports/all-old/AWSLogs/x.json", b"{}".to_vec());
    let pair = ("org/input", "s3://organisation/exports/all");
    let (whole, _) = same(&place, pair, &[]);
    println!("{count} objects, {} alerts", whole.parsed().len());
    assert!(whole.parsed().len() > 50 && count > 100);

    // What is selected of it: the alerts of a range are those of the whole history in that range.
    let range = ["--from", "2026-11-03T06:00:00Z", "--to", "2026-11-04T00:00:00Z"];
    let (ranged, _) = same(&place, pair, &range);
    let (from, to) = (1_793_685_600_000, 1_793_750_400_000);
    let start = |alert: &Value| alert["tidegate"]["episode"]["start"].as_i64().expect("a start");
    let expected = whole.parsed().iter().filter(|a| (from..to).contains(&start(a))).count();
    assert_eq!(ranged.parsed().len(), expected);

    let account = whole.parsed().iter().find_map(|a| a["tidegate"]["accounts"][0].as_str().map(str::to_owned)).expect("an account");
    let (one, _) = same(&place, pair, &["--account", &account]);
    let accounts = one.parsed();
    assert!(
        !accounts.is_empty() && accounts.iter().all(|a| a["tidegate"]["accounts"].as_array().is_none_or(|all| *all == [account.as_str()]))
    );
    assert!(one.summary()["books"]["input"]["filtered"]["not_selected"].as_u64() > Some(0), "findings of others, in the same export");
    let region = whole.parsed().iter().find_map(|a| a["tidegate"]["regions"][0].as_str().map(str::to_owned)).expect("a Region");
    let (one, _) = same(&place, pair, &["--region", &region]);
    assert!(one.parsed().iter().all(|a| a["tidegate"]["regions"].as_array().is_none_or(|all| all.is_empty() || *all == [region.as_str()])));
    let (findings, _) = same(&place, pair, &["--source", "guardduty"]);
    let events = &findings.summary()["books"]["input"]["events"];
    assert!(events["guardduty"].as_u64() > Some(0) && events.as_object().is_some_and(|all| all.len() == 1), "{events}");
    same(&place, pair, &["--source", "cloudtrail", "--source", "vpcflow", "--region", &region, "--account", &account, range[0], range[1]]);
    same(&place, pair, &["--account", "000000000000"]);
}

const FLOW: &str = "2 111122223333 eni-0a1b2c3d4e5f60718 203.0.113.5 10.0.0.9 40000 22 6 9 900";

fn flows(day: i64, n: i64) -> Vec<u8> {
    let start = 1_793_577_600 + day * 86_400 + n * 60;
    format!("version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n{FLOW} {start} {} REJECT OK\n", start + 59)
        .into_bytes()
}

#[test]
fn layouts_with_and_without_organisation_and_hive_style_are_listed_by_date() {
    let (place, filler) = (Place::new("layouts"), Filler::new());
    filler.bucket("layouts");
    for day in 0..28 {
        let (d, hour) = (day + 2, 9);
        for (n, key) in [
            format!("AWSLogs/111122223333/vpcflowlogs/eu-central-1/2026/11/{d:02}/f.log"),
            format!("x/AWSLogs/o-abc1234567/111122223333/vpcflowlogs/eu-central-1/2026/11/{d:02}/{hour:02}/f.log"),
            format!("AWSLogs/aws-account-id=111122223333/aws-service=vpcflowlogs/aws-region=eu-central-1/year=2026/month=11/day={d:02}/hour={hour:02}/f.log"),
            format!("AWSLogs/444455556666/vpcflowlogs/eu-central-1/2026/11/{d:02}/f.log"),
            format!("AWSLogs/111122223333/CloudTrail-Digest/eu-central-1/2026/11/{d:02}/d.json"),
        ]
        .into_iter()
        .enumerate()
        {
            let content = if key.contains("Digest") { b"{\"awsAccountId\":\"111122223333\"}".to_vec() } else { flows(day, n as i64) };
            place.write(&format!("logs/{key}"), &content);
        }
    }
    place.write("logs/other/odd.log", &flows(0, 9));
    place.upload("logs", &filler, "layouts", "logs/");
    filler.put("layouts", "logs/AWSLogs/", Vec::new());
    let pair = ("logs", "s3://layouts/logs");
    let (_, far) = same(&place, pair, &[]);
    assert_eq!(far.summary()["events"], 28 * 4 + 1);
    assert_eq!(far.summary()["left_out"]["digests"], 28);
    // Margins: an hour of lateness, the farthest look of the rules (less than two days), and a day of delivery.
    let (_, far) = same(&place, pair, &["--from", "2026-11-20T00:00:00Z", "--to", "2026-11-21T00:00:00Z"]);
    let events = far.summary()["events"].as_u64().expect("a number");
    assert!((12..=60).contains(&events), "{events} of 113");
    let (_, far) = same(&place, pair, &["--account", "444455556666", "--source", "vpcflow"]);
    assert_eq!(
        (&far.summary()["events"], &far.summary()["books"]["input"]["filtered"]["not_selected"]),
        (&0.into(), &29.into()),
        "{}",
        far.error
    );
    let (_, far) = same(&place, pair, &["--account", "111122223333"]);
    assert_eq!(far.summary()["events"], 28 * 3 + 1);
    // One object, one day, by name.
    let day = "AWSLogs/111122223333/vpcflowlogs/eu-central-1/2026/11/05";
    for (name, events) in [(format!("{day}/f.log"), 1), (day.to_owned(), 1), (format!("{day}/"), 1), ("other".into(), 1)] {
        let told = place.replay(&format!("s3://layouts/logs/{name}"), &[]);
        assert_eq!(told.summary()["events"], events, "{name}: {}", told.error);
    }
}

#[test]
fn what_cannot_be_read_says_what_to_do() {
    let (place, filler) = (Place::new("errors"), Filler::new());
    filler.bucket("some-logs");
    filler.put("some-logs", "a/f.log", flows(0, 0));
    for (input, part) in [
        ("s3://no-such-logs/a", "there is no bucket `no-such-logs`"),
        ("s3://some-logs/b", "nothing is there; check the prefix"),
        ("s3://some-logs/a/f", "nothing is there"),
        ("s3://A/f", "names no bucket"),
    ] {
        let told = place.replay(input, &[]);
        assert_eq!(told.code, Some(3), "{}", told.error);
        assert!(told.error.contains(part), "{}", told.error);
    }
}

#[test]
fn a_kept_replay_goes_on_after_a_stop_and_comes_to_the_same_alerts() {
    let (place, filler) = (Place::new("state"), Filler::new());
    organisation(&place);
    filler.bucket("kept");
    place.upload("org/input", &filler, "kept", "");
    let input = "s3://kept/AWSLogs";
    let expected = place.replay(input, &[]).alerts;
    for pause_ms in [150, 600, 1_200, 2_500] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.current_dir(&place.0).args(["replay", "-r", "builtin", "--state", "kept.db", "--aws-endpoint", &url(), input]);
        let mut child = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().expect("it runs");
        std::thread::sleep(std::time::Duration::from_millis(pause_ms));
        let _ = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        println!("stopped after {pause_ms} ms: {:?}", child.wait().expect("it ends").code());
    }
    let told = place.replay(input, &["--state", "kept.db"]);
    assert_eq!((told.code, told.alerts), (Some(0), expected), "{}", told.error);
}

#[test]
fn every_object_is_read_also_where_there_are_many_pages() {
    let (place, filler) = (Place::new("pages"), Filler::new());
    filler.bucket("many");
    for n in 0..1_250 {
        filler.put("many", &format!("AWSLogs/111122223333/vpcflowlogs/eu-central-1/2026/11/02/{n:04}.log"), flows(0, n));
    }
    let told = place.replay("s3://many", &["--threads", "3"]);
    assert_eq!(told.summary()["events"], 1_250, "{}", told.error);
    assert!(Path::new(&place.0).exists());
}
