//! Tables inside a test file, for rules that ask them.

use crate::support::rules;
use tidegate_core::workbench::run::{Outcome, run_suite};
use tidegate_core::workbench::suite;

const RULE: &str = "title: x\nid: x\nlevel: high\nlogsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: CreateUser, account.owner: team-pay, src_endpoint.intel.category: c2}, condition: s}\n";
const SUITE: &str = "tables:
  accounts:
    - {id: 000011112222, owner: team-pay, tags: {tier: 1}}
  intel:
    - {indicator: 203.0.113.0/24, category: c2, expires: 2026-11-02T10:05:00Z}
events:
  made: {kind: cloudtrail, eventSource: iam.amazonaws.com, eventName: CreateUser, awsRegion: us-east-1, recipientAccountId: '000011112222', sourceIPAddress: 203.0.113.7}
cases:
  - {name: in force, is: true, events: [{use: made, at: 1m}], alerts: 1}
  - {name: expired, is: false, events: [{use: made, at: 5m}]}
  - {name: another account, is: false, events: [{use: made, at: 1m, set: {recipientAccountId: '111122223333'}}]}
";

#[test]
fn a_test_file_brings_its_tables() {
    let set = rules(RULE);
    let suite = suite::parse("x.test.yaml", SUITE).expect("a suite");
    for report in run_suite(&set, &suite, &["r.yml".to_owned()]) {
        assert_eq!(report.outcome, Outcome::Passed, "{}", report.name);
    }
}

#[test]
fn bad_rows_are_told_with_their_line() {
    let text = SUITE.replace("203.0.113.0/24", "203.0.113.7/24").replace("  intel:", "  networks: none\n  intell: []\n  intel:");
    let problems = suite::parse("x.test.yaml", &text).expect_err("bad tables");
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    for wanted in ["x.test.yaml:4:3: `networks`", "x.test.yaml:5:3: unknown key `intell`", "x.test.yaml:7:1: 203.0.113.7/24 has bits"] {
        let (place, what) = wanted.split_once(": ").expect("two parts");
        let line = place.rsplit_once(':').map_or(place, |(line, _)| line);
        assert!(told.iter().any(|t| t.starts_with(line) && t.contains(what)), "{wanted} in {told:?}");
    }
}

const CORRELATION: &str = "title: base
name: base
id: base
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: CreateUser}, condition: s}
---
title: Users made in several accounts of one owner
id: several
level: high
correlation:
  type: value_count
  rules: [base]
  group-by: [account.owner]
  timespan: 10m
  condition: {field: cloud.account.uid, gte: 2}
";
const OWNERS: &str = "tables:
  accounts:
    - {id: '000011112222', owner: team-pay}
    - {id: '111122223333', owner: team-pay}
    - {id: '444455556666', owner: team-crm}
events:
  made: {kind: cloudtrail, eventSource: iam.amazonaws.com, eventName: CreateUser, awsRegion: us-east-1}
cases:
  - name: two accounts of one owner
    is: true
    order: reversed
    events:
      - {use: made, at: 1m, set: {recipientAccountId: '000011112222'}}
      - {use: made, at: 2m, set: {recipientAccountId: '111122223333'}}
      - {use: made, at: 3m, set: {recipientAccountId: '444455556666'}}
    expect: [{count: 2, key: {account.owner: team-pay}, accounts: ['000011112222', '111122223333']}]
  - name: two owners
    is: false
    events:
      - {use: made, at: 1m, set: {recipientAccountId: '000011112222'}}
      - {use: made, at: 2m, set: {recipientAccountId: '444455556666'}}
  - name: an account that the table does not know has no owner
    is: false
    events:
      - {use: made, at: 1m, set: {recipientAccountId: '777788889999'}}
      - {use: made, at: 2m, set: {recipientAccountId: '888899990000'}}
";

#[test]
fn a_correlation_runs_per_owner() {
    let set = rules(CORRELATION);
    let suite = suite::parse("x.test.yaml", OWNERS).expect("a suite");
    for report in run_suite(&set, &suite, &["r.yml".to_owned()]) {
        assert_eq!(report.outcome, Outcome::Passed, "{}", report.name);
    }
}
