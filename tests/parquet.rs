//! Flow logs as Parquet: the same flows written as text and as Parquet give the same alerts, books and quarantine.

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

const RULES: &str = "title: Probes
id: probes
level: high
correlation:
    type: value_count
    rules: [refused]
    group-by: [srcaddr]
    timespan: 10m
    condition: {field: dstport, gte: 4}
---
title: Refused
id: refused
name: refused
logsource: {product: aws, service: vpcflow}
detection: {s: {action: REJECT}, condition: s}
---
title: Much out of a gateway
id: much
level: medium
logsource: {product: aws, service: tgwflow}
detection: {s: {bytes|gte: 1000000}, condition: s}
---
title: From a service
id: service
level: low
logsource: {product: aws, service: vpcflow}
detection: {s: {pkt-src-aws-service: S3, tcp-flags: 2}, condition: s}
";

const VPC: &str = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status vpc-id \
    tcp-flags type pkt-srcaddr region flow-direction traffic-path pkt-src-aws-service instance-tag";
const GATEWAY: &str = "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id srcaddr dstaddr srcport dstport \
    protocol packets bytes start end log-status type packets-lost-no-route tcp-flags region flow-direction";
const INT32: &str = "version srcport dstport protocol tcp-flags traffic-path encryption-status";
const INT64: &str = "packets bytes start end packets-lost-no-route";

struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidegate-parquet-test-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("folder");
        std::fs::write(path.join("rules.yml"), RULES).expect("rules");
        Place(path)
    }

    /// A folder whose only file is always `flows`, so that positions are comparable.
    fn folder(&self, name: &str, content: &[u8]) -> PathBuf {
        let folder = self.0.join(name);
        std::fs::create_dir_all(&folder).expect("folder");
        std::fs::write(folder.join("flows"), content).expect("write");
        folder
    }

    /// Alerts and summary of a replay in a folder.
    fn replay(&self, folder: &Path) -> (String, Value, Option<i32>) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.current_dir(folder).args(["replay", "-r", "../rules.yml", "--alerts", "-", "--summary", "json", "flows"]);
        told(&command.output().expect("it runs"))
    }
}

fn told(output: &std::process::Output) -> (String, Value, Option<i32>) {
    let error = String::from_utf8_lossy(&output.stderr);
    let summary = serde_json::from_str(error.trim()).unwrap_or_else(|e| panic!("{e}: {error}"));
    (String::from_utf8_lossy(&output.stdout).into_owned(), summary, output.status.code())
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// One flow after the other, as cells by column; `-` where nothing is.
fn flows(columns: &[&str], count: usize, random: &mut fastrand::Rng) -> Vec<Vec<String>> {
    (0..count).map(|n| flow(columns, n, random)).collect()
}

fn flow(columns: &[&str], n: usize, random: &mut fastrand::Rng) -> Vec<String> {
    let quiet = random.u32(..40) == 0;
    let start = 1_793_613_600 + (n as u64) * 3;
    let cell = |name: &&str| -> String {
        match *name {
            "version" => {
                if columns.contains(&"tgw-id") {
                    "6".into()
                } else {
                    "5".into()
                }
            }
            "resource-type" => "TransitGateway".into(),
            "account-id" | "tgw-src-vpc-account-id" => format!("{:012}", 111_122_223_333u64 + random.u64(..3)),
            "interface-id" => format!("eni-{:017x}", random.u64(..9)),
            "tgw-id" => "tgw-0123456789abcdef0".into(),
            "tgw-attachment-id" => "tgw-attach-0123456789abcdef0".into(),
            "vpc-id" => "vpc-0a1b2c3d".into(),
            "start" => start.to_string(),
            "end" => (start + 59).to_string(),
            "log-status" => {
                if quiet {
                    "NODATA".into()
                } else {
                    "OK".into()
                }
            }
            _ if quiet => "-".into(),
            "srcaddr" | "pkt-srcaddr" => format!("203.0.113.{}", random.u32(1..6)),
            "dstaddr" => {
                if random.bool() {
                    format!("10.0.0.{}", random.u32(1..200))
                } else {
                    "2001:db8::1".into()
                }
            }
            "srcport" | "dstport" => random.u32(..30).to_string(),
            "protocol" => "6".into(),
            "packets" => random.u64(1..1_000).to_string(),
            "bytes" => random.u64(40..2_000_000).to_string(),
            "action" => {
                if random.u32(..3) == 0 {
                    "REJECT".into()
                } else {
                    "ACCEPT".into()
                }
            }
            "tcp-flags" => [2, 18, 3][random.usize(..3)].to_string(),
            "type" => "IPv4".into(),
            "region" => "eu-central-1".into(),
            "flow-direction" => "ingress".into(),
            "pkt-src-aws-service" => {
                if random.u32(..5) == 0 {
                    "S3".into()
                } else {
                    "-".into()
                }
            }
            "instance-tag" => "Web%20Server".into(),
            "packets-lost-no-route" => "0".into(),
            _ => "-".into(),
        }
    };
    columns.iter().map(cell).collect()
}

fn text(columns: &[&str], flows: &[Vec<String>]) -> String {
    let mut out = columns.join(" ") + "\n";
    flows.iter().for_each(|flow| writeln!(out, "{}", flow.join(" ")).expect("text"));
    out
}

fn kind(column: &str) -> &'static str {
    let among = |list: &str| list.split(' ').any(|name| name == column);
    match (among(INT32), among(INT64)) {
        (true, _) => "INT32",
        (_, true) => "INT64",
        _ => "BYTE_ARRAY",
    }
}

/// The same flows as AWS writes them: underscores, typed columns, nulls.
fn parquet(columns: &[&str], flows: &[Vec<String>], group: usize, compression: Compression) -> Vec<u8> {
    let field = |name: &&str| {
        let utf8 = if kind(name) == "BYTE_ARRAY" { " (UTF8)" } else { "" };
        format!("optional {} {}{utf8};", kind(name), name.replace('-', "_"))
    };
    let schema = format!("message flow {{ {} }}", columns.iter().map(field).collect::<String>());
    let schema = Arc::new(parse_message_type(&schema).expect("schema"));
    let properties = Arc::new(WriterProperties::builder().set_compression(compression).set_data_page_row_count_limit(300).build());
    let mut out = Vec::new();
    let mut writer = SerializedFileWriter::new(&mut out, schema, properties).expect("writer");
    for rows in flows.chunks(group) {
        let mut open = writer.next_row_group().expect("group");
        for (at, name) in columns.iter().enumerate() {
            let mut column = open.next_column().expect("column").expect("one more");
            let cells: Vec<&str> = rows.iter().map(|row| row[at].as_str()).collect();
            write(&mut column, kind(name), &cells);
            column.close().expect("column");
        }
        open.close().expect("group");
    }
    writer.close().expect("file");
    out
}

fn write(column: &mut SerializedColumnWriter<'_>, kind: &str, cells: &[&str]) {
    let levels: Vec<i16> = cells.iter().map(|cell| i16::from(*cell != "-")).collect();
    let there = cells.iter().filter(|cell| **cell != "-");
    let written = match kind {
        "INT32" => {
            let values: Vec<i32> = there.map(|cell| cell.parse().expect("a number")).collect();
            column.typed::<Int32Type>().write_batch(&values, Some(&levels), None)
        }
        "INT64" => {
            let values: Vec<i64> = there.map(|cell| cell.parse().expect("a number")).collect();
            column.typed::<Int64Type>().write_batch(&values, Some(&levels), None)
        }
        _ => {
            let values: Vec<ByteArray> = there.map(|cell| ByteArray::from(*cell)).collect();
            column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None)
        }
    };
    written.expect("written");
}

#[test]
fn flows_as_parquet_are_the_flows_as_text() {
    let mut random = fastrand::Rng::with_seed(11);
    let place = Place::new("same");
    for (round, names) in [VPC, GATEWAY, VPC, GATEWAY].into_iter().enumerate() {
        let mut columns: Vec<&str> = names.split_whitespace().collect();
        random.shuffle(&mut columns);
        let flows = flows(&columns, [5_000, 3_000, 1, 2_048][round], &mut random);
        let compression = if round % 2 == 0 { Compression::SNAPPY } else { Compression::GZIP(Default::default()) };
        let as_text = place.folder("text", text(&columns, &flows).as_bytes());
        let as_parquet = place.folder("parquet", &parquet(&columns, &flows, random.usize(1..4_000), compression));
        let (expected, expected_summary, _) = place.replay(&as_text);
        let (alerts, summary, code) = place.replay(&as_parquet);
        let differ = alerts.lines().zip(expected.lines()).position(|(a, b)| a != b);
        assert!(alerts == expected, "round {round}: alert {differ:?} differs");
        assert_eq!(code, Some(0));
        for part in ["records", "events", "filtered", "quarantined"] {
            assert_eq!(summary[part], expected_summary[part], "{part}");
        }
        assert_eq!(summary["books"]["detections"], expected_summary["books"]["detections"]);
        assert_eq!(summary["quarantined"], 0, "{}", summary["books"]);
        assert_eq!(summary["records"], flows.len() + 1);
        assert!(round > 1 || alerts.lines().count() > 3, "the rules fire: {alerts}");
    }
}

#[test]
fn parquet_from_a_pipe_is_read() {
    let mut random = fastrand::Rng::with_seed(12);
    let columns: Vec<&str> = VPC.split_whitespace().collect();
    let flows = flows(&columns, 700, &mut random);
    let place = Place::new("pipe");
    let piped = |name: &str, content: &[u8]| {
        let folder = place.folder(name, content);
        let file = std::fs::File::open(folder.join("flows")).expect("file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.current_dir(&folder).args(["replay", "-r", "../rules.yml", "--alerts", "-", "--summary", "json", "-"]);
        told(&command.stdin(Stdio::from(file)).output().expect("it runs"))
    };
    let (alerts, summary, _) = piped("parquet", &parquet(&columns, &flows, 500, Compression::SNAPPY));
    assert_eq!(summary["records"], 701);
    assert!(alerts == piped("text", text(&columns, &flows).as_bytes()).0, "other alerts");
}

#[test]
fn what_is_no_flow_log_or_damaged_is_told_and_no_other_file_suffers() {
    let mut random = fastrand::Rng::with_seed(13);
    let columns: Vec<&str> = VPC.split_whitespace().collect();
    let flows = flows(&columns, 3_000, &mut random);
    let good = parquet(&columns, &flows, 1_000, Compression::SNAPPY);
    let place = Place::new("bad");
    let cells: Vec<Vec<String>> = (0..9).map(|n| vec![n.to_string(), "x".into()]).collect();
    let mut torn = good.clone();
    let middle = torn.len() / 2;
    torn[middle..middle + 64].fill(0xff);
    let cases: [(&[u8], &str); 4] = [
        (
            &parquet(&["colour", "taste"], &cells, 9, Compression::UNCOMPRESSED),
            "of Parquet only flow logs are read: its columns are colour, taste",
        ),
        (&good[..good.len() - 100], "damaged"),
        (b"PAR1", "damaged"),
        (&torn, "damaged"),
    ];
    for (content, why) in cases {
        let folder = place.folder("bad", content);
        std::fs::write(folder.join("more"), text(&columns, &flows[..10])).expect("write");
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.current_dir(&folder).args(["replay", "-r", "../rules.yml", "--alerts", "-", "--summary", "json", "flows", "more"]);
        let (_, summary, code) = told(&command.output().expect("it runs"));
        assert_eq!(code, Some(3));
        assert!(summary["unread"][0]["why"].as_str().is_some_and(|told| told.contains(why)), "{why}: {}", summary["unread"]);
        assert!(summary["records"].as_u64().is_some_and(|n| n >= 11), "the other file is read");
    }
}
