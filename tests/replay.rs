//! `tidegate replay` on files as they are found: many, compressed, cut off, empty, junk, huge, endless.

use flate2::{Compression, write::GzEncoder};
use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-replay-test-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("temp folder");
        Folder(path)
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("folder");
        std::fs::write(&path, content).expect("write");
        path.to_string_lossy().into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const RULES: &str = "title: Three refusals
id: three
level: high
correlation:
    type: event_count
    rules: [refused]
    group-by: [who]
    timespan: 60s
    condition: {gte: 3}
---
title: Refused
id: refused
name: refused
logsource: {product: shop, service: login}
detection: {s: {result: refused}, condition: s}
";

const BASE: i64 = 1_793_613_600;
const JSON: [&str; 8] = ["--format", "json", "--product", "shop", "--service", "login", "--time-field", "ts"];

fn event(who: &str, second: i64) -> String {
    format!("{{\"ts\":{},\"who\":\"{who}\",\"result\":\"refused\"}}\n", BASE + second)
}

fn command(folder: &Folder, more: &[&str]) -> Command {
    let rules = folder.write("rules/rules.yml", RULES);
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["replay", "-r", &rules, "--alerts", "-", "--summary", "json"]).args(JSON).args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Alerts, summary, exit code.
struct Told {
    alerts: Vec<Value>,
    summary: Value,
    code: Option<i32>,
}

fn told(output: &Output) -> Told {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let alerts = out.lines().map(|l| serde_json::from_str(l).expect("NDJSON")).collect();
    let summary = serde_json::from_str(err.trim()).unwrap_or_else(|e| panic!("one JSON object: {e}: {err}"));
    Told { alerts, summary, code: output.status.code() }
}

fn replay(folder: &Folder, more: &[&str]) -> Told {
    let told = told(&command(folder, more).output().expect("the binary runs"));
    assert_eq!(told.summary["books"]["balanced"], true, "{}", told.summary);
    told
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("gzip");
    encoder.finish().expect("gzip")
}

fn episodes(told: &Told) -> Vec<(String, i64, u64)> {
    let one = |a: &Value| {
        let episode = &a["tidegate"]["episode"];
        (episode["uid"].as_str().expect("a uid").to_owned(), episode["start"].as_i64().expect("ms"), a["count"].as_u64().expect("a count"))
    };
    told.alerts.iter().map(one).collect()
}

#[test]
fn files_folders_and_compressed_files_are_one_history() {
    let folder = Folder::new("many");
    folder.write("logs/a.json", event("a", 20));
    folder.write("logs/deep/b.json.gz", gzip(&(event("a", 0) + &event("b", 1))));
    folder.write("logs/.hidden", event("a", 1));
    folder.write("logs/empty.json", "");
    let logs = folder.0.join("logs").to_string_lossy().into_owned();
    let last = folder.write("c.json", event("a", 40));
    let told = replay(&folder, &[&logs, &last]);
    assert_eq!((told.code, told.alerts.len(), &told.summary["records"]), (Some(0), 1, &4.into()));
    assert_eq!(told.alerts[0]["count"], 3);
    let again = replay(&folder, &[&logs, &last, &last, &format!("{logs}/a.json"), &format!("{logs}/../c.json")]);
    assert_eq!(episodes(&again), episodes(&told), "a file that is named twice is read once");
    assert_eq!(again.summary["records"], 4);
}

#[test]
fn a_truncated_file_is_named_and_what_stood_before_is_kept() {
    let folder = Folder::new("truncated");
    let noise: String =
        (0..3000).map(|n| format!("{{\"ts\":{},\"who\":\"{:x}\",\"result\":\"ok\"}}\n", BASE + n, n * 7919 % 4093)).collect();
    let packed = gzip(&(event("a", 0) + &event("a", 1) + &event("a", 2) + &noise));
    let cut = folder.write("cut.json.gz", &packed[..packed.len() / 2]);
    let told = replay(&folder, &[&cut]);
    assert_eq!((told.code, told.alerts.len(), &told.summary["quarantined"]), (Some(3), 1, &0.into()));
    let unread = &told.summary["unread"][0];
    assert!(unread["file"].as_str().expect("a name").ends_with("cut.json.gz"));
    assert_eq!(unread["after"].as_str().and_then(|n| n.parse::<u64>().ok()), told.summary["records"].as_u64());
}

#[test]
fn junk_takes_nothing_with_it() {
    let folder = Folder::new("junk");
    let mut rng = fastrand::Rng::with_seed(1);
    let junk: Vec<u8> = [0u8, 0xff].into_iter().chain(std::iter::repeat_with(|| rng.u8(..)).take(50_000)).collect();
    let (junk, blank) = (folder.write("junk.bin", junk), folder.write("blank.json", "\n\n \n"));
    let good = folder.write("good.json", (0..3).map(|s| event("a", s)).collect::<String>());
    let told = replay(&folder, &[&junk, &blank, &good]);
    assert_eq!((told.code, told.alerts.len()), (Some(0), 1));
    assert!(told.summary["quarantined"].as_u64().is_some_and(|n| n > 0));
}

#[test]
fn standard_input_is_read_plain_and_compressed() {
    let folder = Folder::new("stdin");
    let text: String = (0..3).map(|s| event("a", s)).collect();
    for bytes in [text.clone().into_bytes(), gzip(&text)] {
        let mut child = command(&folder, &["-"]).stdin(Stdio::piped()).spawn().expect("the binary runs");
        let mut input = child.stdin.take().expect("piped");
        // One byte, then the rest: a pipe may be that slow.
        input.write_all(&bytes[..1]).expect("written");
        input.flush().expect("flushed");
        std::thread::sleep(std::time::Duration::from_millis(100));
        input.write_all(&bytes[1..]).expect("written");
        drop(input);
        let told = told(&child.wait_with_output().expect("it ends"));
        assert_eq!((told.code, told.alerts.len()), (Some(0), 1));
    }
}

#[test]
fn a_range_of_time_reports_what_begins_inside_and_reads_what_reaches_in() {
    let folder = Folder::new("range");
    let seconds = [0, 10, 20, 5000, 5010, 5020, 9000, 9010, 9020];
    let input = folder.write("in.json", seconds.iter().map(|s| event("a", *s)).collect::<String>());
    let range = |from: &str, to: &str| {
        let ranged: Vec<String> = [("--from", from), ("--to", to)].iter().flat_map(|(f, t)| [f.to_string(), t.to_string()]).collect();
        let mut more: Vec<&str> = ranged.iter().map(String::as_str).collect();
        more.push(&input);
        episodes(&replay(&folder, &more)).iter().map(|e| e.1 / 1000 - BASE).collect::<Vec<_>>()
    };
    // 1793613600 is 2026-11-02T10:00:00Z.
    assert_eq!(range("2026-11-02T10:00:00Z", "2026-11-02T14:00:00Z"), [20, 5020, 9020]);
    assert_eq!(range("2026-11-02T11:23:40Z", "2026-11-02T12:00:00Z"), [5020], "its first events lie before the range");
    assert!(range("2026-11-02T11:23:41Z", "2026-11-02T12:00:00Z").is_empty());
}

#[test]
fn with_arrival_stamps_the_order_of_the_file_is_the_order_of_the_log() {
    let folder = Folder::new("arrival");
    let stamped = |second: i64, arrival: i64| {
        format!("{{\"ts\":{},\"seen\":{},\"who\":\"a\",\"result\":\"refused\"}}\n", BASE + second, BASE + arrival)
    };
    let lines = [stamped(0, 0), stamped(10, 10), stamped(30, 30), stamped(900_000_000, 31), stamped(20, 1900)];
    let input = folder.write("in.json", lines.concat());
    let told = replay(&folder, &["--arrival-field", "seen", &input]);
    let input = &told.summary["books"]["input"];
    assert_eq!((&input["late_events"], &input["clock_skew"]), (&1.into(), &1.into()));
    assert_eq!((told.alerts.len(), &told.alerts[0]["count"], &told.alerts[0]["tidegate"]["clock_skew"]), (1, &4.into(), &true.into()));
}

#[test]
fn arrival_disorder_above_the_slack_is_behind_wherever_a_buffer_ends() {
    let folder = Folder::new("behind");
    let stamped = |second: i64, arrival: i64, padding: usize| {
        let padding = "x".repeat(padding);
        format!("{{\"ts\":{},\"seen\":{},\"who\":\"a\",\"result\":\"refused\",\"p\":\"{padding}\"}}\n", BASE + second, BASE + arrival)
    };
    // The first record gives the watermark 4990 s; less the lateness of 30 min, what is older than 3190 s is behind.
    for padding in [0, 300_000, 3_000_000] {
        let lines =
            [stamped(5000, 5000, padding), stamped(3189, 4000, 0), stamped(3190, 4000, 0), stamped(3191, 4991, 0), stamped(3192, 4992, 0)];
        let input = folder.write("in.json", lines.concat());
        let told = replay(&folder, &["--arrival-field", "seen", &input]);
        let detections = &told.summary["books"]["detections"];
        assert_eq!((&detections["behind"], &detections["late"], &detections["counted"]), (&1.into(), &0.into(), &4.into()), "{padding}");
        assert_eq!(told.alerts.len(), 1, "{padding}");
        assert_eq!(told.alerts[0]["count"], 3);
    }
}

#[test]
fn pipelines_and_threads_change_no_episode() {
    let folder = Folder::new("pipelines");
    let mut rng = fastrand::Rng::with_seed(2);
    let files: Vec<String> = (0..6)
        .map(|n| {
            let events: String = (0..200).map(|_| event(&format!("u{}", rng.u8(0..9)), rng.i64(0..4000))).collect();
            folder.write(&format!("{n}.json"), events)
        })
        .collect();
    let run = |more: &[&str]| {
        let all: Vec<&str> = more.iter().copied().chain(files.iter().map(String::as_str)).collect();
        let told = replay(&folder, &all);
        assert_eq!(told.code, Some(0));
        told.alerts
    };
    let plain = run(&["--threads", "1"]);
    assert!(plain.len() > 5);
    for more in [["--pipelines", "4", "--threads", "4"], ["--pipelines", "1", "--threads", "3"]] {
        let other = run(&more);
        let identity = |alerts: &[Value]| alerts.iter().map(|a| (a["finding_info"]["uid"].clone(), a["count"].clone())).collect::<Vec<_>>();
        assert_eq!(identity(&other), identity(&plain), "{more:?}");
    }
}

#[test]
fn bad_rules_are_left_out_only_when_asked() {
    let folder = Folder::new("partial");
    folder.write("rules/bad.yml", "title: Bad\nid: bad\nlogsource: {product: shop}\ndetection: {s: {a: 1}, condition: s and}\n");
    let rules = folder.0.join("rules").to_string_lossy().into_owned();
    folder.write("rules/good.yml", RULES);
    let input = folder.write("in.json", (0..3).map(|s| event("a", s)).collect::<String>());
    let run = |partial: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(["replay", "-r", &rules, "--alerts", "-"]).args(JSON).args(partial).arg(&input).output().expect("the binary runs")
    };
    assert_eq!(run(&[]).status.code(), Some(2));
    let partial = run(&["--partial"]);
    assert_eq!((partial.status.code(), String::from_utf8_lossy(&partial.stdout).lines().count()), (Some(0), 1));
    assert!(String::from_utf8_lossy(&partial.stderr).contains("bad.yml:4"), "the bad one is named all the same");
}

const TABLE_RULE: &str = "title: Bad place
id: bad-place
level: high
logsource: {product: shop, service: login}
detection: {s: {result: refused, account.environment: prod, src_endpoint.intel.category: c2}, condition: s}
";

#[test]
fn tables_given_on_the_command_line_are_asked() {
    let folder = Folder::new("tables");
    let rules = folder.write("rules/rules.yml", TABLE_RULE);
    let accounts = folder.write("accounts.csv", "id,environment\n111122223333,prod\n444455556666,test\n");
    let networks = folder.write("networks.yaml", "- {cidr: 10.0.0.0/8, name: ours, kind: corporate}\n");
    let feed = folder.write("feed.ndjson", "{\"indicator\":\"203.0.113.0/24\",\"category\":\"c2\"}\n");
    let bad = folder.write("bad.csv", "indicator\ncom\n");
    let event = |account: &str, ip: &str| {
        format!(
            "{{\"ts\":{BASE},\"result\":\"refused\",\"cloud\":{{\"account\":{{\"uid\":\"{account}\"}}}},\"src_endpoint\":{{\"ip\":\"{ip}\"}}}}\n"
        )
    };
    let (good, other, elsewhere) =
        (event("111122223333", "203.0.113.7"), event("444455556666", "203.0.113.7"), event("111122223333", "192.0.2.7"));
    let input = folder.write("in.json", [good, other, elsewhere].concat());
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(["replay", "-r", &rules, "--alerts", "-"]).args(JSON).args(more).arg(&input).output().expect("the binary runs")
    };
    let alerts = |output: &Output| String::from_utf8_lossy(&output.stdout).lines().count();
    let all = ["--accounts", &accounts, "--networks", &networks, "--intel", &feed];
    let found = run(&all);
    assert_eq!(alerts(&found), 1);
    let document: serde_json::Value = serde_json::from_slice(&found.stdout).expect("one document");
    let used: Vec<&str> = document["tidegate"]["tables"].as_array().into_iter().flatten().filter_map(|t| t["name"].as_str()).collect();
    assert_eq!(used, ["accounts", "networks", "intel:feed"], "the alert names the tables that told");
    assert_eq!(alerts(&run(&[])), 0, "without tables the fields are absent");
    let with_bad: Vec<&str> = all.into_iter().chain(["--intel", &bad]).collect();
    let refused = run(&with_bad);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && told.contains("bad.csv:2: `com`"), "{told}");
    let partial = run(&[&with_bad[..], &["--partial"]].concat());
    assert_eq!((partial.status.code(), alerts(&partial)), (Some(0), 1));
    assert!(String::from_utf8_lossy(&partial.stderr).contains("bad.csv:2"), "the bad row is named all the same");
}

/// Writes events for ever; gives back how many until nobody read any more.
fn endless(child: &mut Child) -> std::thread::JoinHandle<u64> {
    let mut input = child.stdin.take().expect("piped");
    std::thread::spawn(move || {
        let lines: String = (0..1000).map(|s| event("a", s % 50)).collect();
        let mut written = 0;
        while input.write_all(lines.as_bytes()).is_ok() {
            written += 1000;
        }
        written
    })
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_reading_and_reports_what_was_read() {
    let folder = Folder::new("interrupt");
    let mut child = command(&folder, &["-"]).stdin(Stdio::piped()).spawn().expect("the binary runs");
    let writer = endless(&mut child);
    std::thread::sleep(std::time::Duration::from_millis(700));
    let stopped = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(stopped.success());
    let told = told(&child.wait_with_output().expect("it ends"));
    let written = writer.join().expect("the writer ends");
    assert_eq!((told.code, &told.summary["interrupted"]), (Some(130), &true.into()));
    assert_eq!(told.summary["books"]["balanced"], true);
    let records = told.summary["records"].as_u64().expect("a number");
    assert!(records > 0 && records <= written + 1000, "{records} of {written}");
    assert_eq!((told.alerts.len(), told.alerts[0]["count"].as_u64()), (1, Some(records)), "all that was read is in the alert");
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let folder = Folder::new("pipe");
    let input = folder.write("in.json", (0..3).map(|s| event("a", s)).collect::<String>());
    let rules = folder.write("rules/rules.yml", RULES);
    let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    command.args(["replay", "-r", &rules]).args(JSON).arg(&input).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(!err.contains("panicked"), "{err}");
}
