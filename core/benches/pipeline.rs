//! The whole machine on one thread: Intake, then a Pipeline, as `replay` drives them, with twenty rules.
//!
//! Two inputs made by code: a day of a synthetic organisation (findings, trails, flow logs in `CloudWatch` Logs batches), and plain
//! flow-log lines. Prints `name value unit target` per CPU second of this thread, the median of the rounds. Before anything is
//! timed, runs of lines must give the detections that the same lines give one by one.

mod support;

use std::sync::Arc;
use support::{flow_lines, intake, median, record, rules, say, timed};
use tidegate_core::detect::sources_of;
use tidegate_core::event::{Detection, Record};
use tidegate_core::generate::{Plan, organisation};
use tidegate_core::pipeline::{Batch, Embedded, Gathered, Intake, Settings};
use tidegate_core::rule::RuleSet;

const ROUNDS: usize = 5;
const RUN_BYTES: usize = 1 << 20;
const FLOW_BYTES: usize = 24 << 20;
/// Detections handed over at once, and how far the watermark trails: as `replay` does.
const BATCH: usize = 4_096;
const SLACK_MS: i64 = 10_000;

fn main() {
    let set = rules();
    let intake = intake(&set);
    let (mix, flows) = (organisation_records(), runs("flows", &flow_lines(FLOW_BYTES)));
    check(&intake, &flows[..1]);
    check(&intake, &mix.iter().filter(|r| r.lines).take(3).cloned().collect::<Vec<_>>());
    measure("pipeline_mix", &set, &intake, &mix);
    measure("pipeline_flows", &set, &intake, &flows);
}

/// A day of a hundred accounts, uncompressed.
fn organisation_records() -> Vec<Record> {
    let mut records = Vec::new();
    let plan = Plan { accounts: 100, noise: 0.2, ..Plan::default() };
    organisation(&plan, &mut |file| {
        if file.path.contains("CloudTrail") {
            records.push(record(&file.path, 0, file.content, false));
        } else if file.path.contains("GuardDuty") || file.path.starts_with("flowlogs") {
            records.extend(runs(&file.path, &file.content));
        }
    });
    records
}

/// Runs of about a MiB that end at a line break.
fn runs(shard: &str, text: &[u8]) -> Vec<Record> {
    let (mut records, mut rest, mut line) = (Vec::new(), text, 0);
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', &rest[RUN_BYTES.min(rest.len()) - 1..]).map_or(rest.len(), |n| n + RUN_BYTES.min(rest.len()));
        records.push(record(shard, line, rest[..end].to_vec(), true));
        line += memchr::memchr_iter(b'\n', &rest[..end]).count() as u64;
        rest = &rest[end..];
    }
    records
}

/// Runs of lines give what the lines give one by one.
fn check(intake: &Intake, records: &[Record]) {
    let one_by_one = |run: &Record| {
        let line = |(n, text): (u64, &[u8])| {
            let mut one = record("", 0, text.to_vec(), false);
            one.position = run.position.clone();
            one.position.sequence = run.position.sequence.plus(n);
            one
        };
        (0..).zip(run.bytes.split(|b| *b == b'\n')).filter(|(_, text)| !text.is_empty()).map(line).collect::<Vec<_>>()
    };
    let (mut fast, mut slow) = (Gathered::default(), Gathered::default());
    intake.process(&mut intake.shard(), records, &mut fast);
    intake.process(&mut intake.shard(), &records.iter().flat_map(one_by_one).collect::<Vec<_>>(), &mut slow);
    slow.counts.bytes = fast.counts.bytes;
    assert!(fast.counts.records > 0 && fast.quarantined.is_empty(), "{:?}", fast.quarantined.first());
    assert_eq!((fast.detections, fast.counts, fast.coverage), (slow.detections, slow.counts, slow.coverage));
}

fn measure(name: &str, set: &Arc<RuleSet>, intake: &Intake, records: &[Record]) {
    let (mut gathering, mut applying) = (Vec::new(), Vec::new());
    if std::env::args().nth(1).is_some_and(|wanted| !wanted.starts_with('-') && !name.contains(&wanted)) {
        return;
    }
    let (mut gathered, mut effects, mut matches) = (Gathered::default(), 0, 0);
    for _ in 0..=ROUNDS {
        gathering.push(timed(|| gathered = gather(intake, records)));
        let detections = std::mem::take(&mut gathered.detections);
        matches = detections.len();
        applying.push(timed(|| effects = apply(set, detections)));
    }
    let whole: Vec<f64> = gathering.iter().zip(&applying).skip(1).map(|(a, b)| a + b).collect();
    let (events, bytes) = (gathered.counts.records as f64, gathered.counts.bytes as f64);
    assert!(effects > 0, "some alert is found");
    let (whole, intake) = (median(whole), median(gathering.split_off(1)));
    say(&format!("{name}_events_per_cpu_second"), events / whole, "events/s", "-");
    say(&format!("{name}_bytes_per_cpu_second"), bytes / whole / 1e6, "MB/s", "-");
    say(&format!("{name}_intake_events_per_cpu_second"), events / intake, "events/s", "-");
    // Cost grows with matches and documents, not with rules: a rate says nothing without them.
    say(&format!("{name}_detections_per_event"), matches as f64 / events, "detections", "-");
    say(&format!("{name}_documents_and_pages"), effects as f64, "effects", "-");
}

fn gather(intake: &Intake, records: &[Record]) -> Gathered {
    let (mut memory, mut gathered) = (intake.shard(), Gathered::default());
    for record in records {
        intake.process(&mut memory, std::slice::from_ref(record), &mut gathered);
    }
    gathered
}

/// In order of event time, as history without arrival stamps; gives the number of effects.
fn apply(set: &Arc<RuleSet>, mut detections: Vec<Detection>) -> usize {
    let sources = (0..set.rules.len() as u32).map(|rule| sources_of(set, rule, &[])).collect();
    let mut embedded = Embedded::new(set, sources, Settings::default(), 1);
    detections.sort_by_key(|d| d.time_ms);
    let (mut effects, mut rest) = (0, detections.into_iter().peekable());
    while rest.peek().is_some() {
        let detections: Vec<Detection> = rest.by_ref().take(BATCH).collect();
        let last = detections.last().map_or(i64::MIN / 4, |d| d.time_ms);
        effects += embedded.append(Batch { detections, watermark_ms: last - SLACK_MS, arrival_ms: last, ..Batch::default() }).len();
    }
    effects + embedded.finish().len()
}
