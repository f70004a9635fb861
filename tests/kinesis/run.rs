//! The program over two streams: what AWS's services put there comes out as alerts, and a restart goes on where it was.

use crate::hand::{Hand, url};
use crate::support::{Place, Service, numbers, until};
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};
use serde_json::{Value, json};
use std::io::Write;
use tidegate::io::clock::now_ms;
use tidegate_core::event::time::format_rfc3339;

const RULES: &str = "title: Finding
id: finding
logsource: {product: aws, service: guardduty}
level: high
detection: {s: {type|startswith: 'UnauthorizedAccess:'}, condition: s}
---
title: Sweep
id: sweep
level: high
correlation:
    type: event_count
    rules: [refused]
    group-by: [srcaddr]
    timespan: 30m
    condition: {gte: 3}
---
title: Refused
id: refused
name: refused
logsource: {product: aws, service: vpcflow}
detection: {s: {action: REJECT}, condition: s}
---
title: Trail stopped
id: stopped
level: high
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: StopLogging}, condition: s}
";

/// A finding as EventBridge delivers it.
pub(crate) fn finding(id: &str) -> Vec<u8> {
    let at = format_rfc3339(now_ms() - 60_000);
    let detail = json!({
        "schemaVersion": "2.0", "accountId": "111122223333", "region": "eu-central-1", "partition": "aws", "id": id,
        "arn": format!("arn:aws:guardduty:eu-central-1:111122223333:detector/d1/finding/{id}"),
        "type": "UnauthorizedAccess:IAMUser/MaliciousIPCaller", "severity": 5, "createdAt": at, "updatedAt": at,
        "title": "An API was called from a listed address.", "description": "An API was called from a listed address.",
        "resource": {"resourceType": "AccessKey", "accessKeyDetails": {"userName": id, "userType": "IAMUser"}},
        "service": {"serviceName": "guardduty", "detectorId": "d1", "archived": false, "count": 1, "eventFirstSeen": at, "eventLastSeen": at},
    });
    let event = json!({
        "version": "0", "id": format!("event-{id}"), "detail-type": "GuardDuty Finding", "source": "aws.guardduty",
        "account": "111122223333", "time": at, "region": "eu-central-1", "resources": [], "detail": detail,
    });
    event.to_string().into_bytes()
}

/// Lines of flow logs as a CloudWatch Logs subscription delivers them.
fn flows(group: &str, lines: &[String]) -> Vec<u8> {
    let event = |(n, line): (usize, &String)| json!({"id": format!("{}-{n}", now_ms()), "timestamp": now_ms(), "message": line});
    let events: Vec<Value> = lines.iter().enumerate().map(event).collect();
    let batch = json!({
        "messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": group, "logStream": "eni-1",
        "subscriptionFilters": ["all"], "logEvents": events,
    });
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(batch.to_string().as_bytes()).expect("memory");
    gzip.finish().expect("memory")
}

/// A line of a format that only its log group tells: two of its numbers could be anything.
fn edge(source: &str) -> String {
    format!("REJECT {source} 10.0.0.7 {} 111122223333", now_ms() / 1_000 - 60)
}

/// A line of the default format.
fn plain(source: &str) -> String {
    let at = now_ms() / 1_000 - 60;
    format!("2 111122223333 eni-0123456789abcdef0 {source} 10.0.0.7 40000 22 6 1 40 {at} {} REJECT OK", at + 30)
}

fn stop_logging(user: &str) -> Vec<u8> {
    let event = json!({
        "eventVersion": "1.08", "eventTime": format_rfc3339(now_ms() - 60_000), "eventSource": "cloudtrail.amazonaws.com",
        "eventName": "StopLogging", "awsRegion": "eu-central-1", "sourceIPAddress": "198.51.100.9", "eventType": "AwsApiCall",
        "eventID": format!("event-{user}"), "recipientAccountId": "111122223333", "userAgent": "cli",
        "userIdentity": {"type": "IAMUser", "userName": user, "accountId": "111122223333", "arn": format!("arn:aws:iam::111122223333:user/{user}")},
    });
    event.to_string().into_bytes()
}

/// Several records in one, as the Kinesis Producer Library writes them.
fn aggregate(records: &[Vec<u8>]) -> Vec<u8> {
    fn varint(mut n: usize, out: &mut Vec<u8>) {
        while n > 127 {
            out.push(n as u8 | 128);
            n >>= 7;
        }
        out.push(n as u8);
    }
    fn bytes(field: u8, bytes: &[u8], out: &mut Vec<u8>) {
        out.push(field << 3 | 2);
        varint(bytes.len(), out);
        out.extend(bytes);
    }
    let mut message = Vec::new();
    bytes(1, b"key", &mut message);
    for record in records {
        let mut one = vec![1 << 3, 0];
        bytes(3, record, &mut one);
        bytes(3, &one, &mut message);
    }
    let digest = Md5::digest(&message);
    [&[0xf3, 0x89, 0x9a, 0xc2], &message[..], &digest[..]].concat()
}

pub(crate) fn start_with(place: &Place, environment: &[(&str, &str)]) -> Service {
    let mut command = place.command(env!("CARGO_BIN_EXE_tidegate"), &[]);
    command.envs(environment.iter().copied());
    Service::start(command)
}

#[test]
fn what_aws_puts_into_streams_comes_out_as_alerts_and_a_restart_goes_on() {
    let (findings, logs) = (Hand::new("findings", 2), Hand::new("logs", 3));
    let edge_format = "flow_formats: [{log_groups: '/edge/*', format: 'action srcaddr dstaddr start account-id'}]";
    let config = format!(
        "snapshots: {{every: 2s}}
sources:
  - {{name: findings, format: guardduty, kinesis: {{stream: {}, region: us-east-1, endpoint_url: '{url}', consumer: fan_out, consumer_name: soc}}}}
  - {{name: logs, {edge_format}, kinesis: {{stream: {}, region: us-east-1, endpoint_url: '{url}'}}}}",
        findings.stream,
        logs.stream,
        url = url(),
    );
    let place = Place::new("kinesis", &config);
    place.write("rules/rules.yml", RULES);
    findings.put_bytes((0..20).map(|n| finding(&format!("first-{n}"))));
    logs.put_bytes([
        flows("/edge/a", &[edge("203.0.113.1"), edge("203.0.113.2")]),
        flows("/vpc/b", &[plain("203.0.113.1"), plain("203.0.113.1"), plain("203.0.113.3")]),
        aggregate(&[stop_logging("alice"), stop_logging("robert")]),
    ]);
    let service = place.start();
    place.wait_alerts(23);
    place.wait_alert("sweep", "203.0.113.1");
    place.wait_alert("stopped", "robert");
    let log = service.stop();
    let books = numbers(&log);
    assert_eq!((books["records"], books["events"], books["quarantined"]), (27, 27, 0), "{log}");

    // What comes while it is away counts together with what it remembers.
    findings.put_bytes((0..20).map(|n| finding(&format!("second-{n}"))));
    logs.put_bytes([flows("/edge/c", &[edge("203.0.113.2"), edge("203.0.113.3")]), flows("/vpc/b", &[plain("203.0.113.2")])]);
    let service = place.start();
    place.wait_alert("sweep", "203.0.113.2");
    place.wait_alerts(44);
    logs.put_bytes([aggregate(&[stop_logging("mallory")])]);
    place.wait_alert("stopped", "mallory");
    let log = service.stop();
    let books = numbers(&log);
    assert_eq!((books["records"], books["events"], books["quarantined"]), (27 + 24, 27 + 24, 0), "{log}");
    assert_eq!(place.alerts().len(), 45, "40 findings, 2 sweeps, 3 trails");
    assert!(!log.contains("input was lost"), "{log}");
}

#[test]
fn a_dead_kinesis_is_told_once_and_waited_for() {
    let place = Place::new(
        "kinesis-dead",
        "sources: [{name: s, kinesis: {stream: nowhere, region: us-east-1, endpoint_url: 'http://127.0.0.1:9'}}]",
    );
    let service = place.start();
    service.says("cannot list the shards of stream nowhere");
    until("some tries", || (now_ms() % 2_000 < 100).then_some(()));
    let log = service.stop();
    assert_eq!(log.matches("cannot list the shards").count(), 1, "{log}");
}
