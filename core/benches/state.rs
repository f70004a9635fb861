//! What state costs: bytes per live group key, logical (as the budget counts them) and at the allocator, and the CPU time of a
//! detection in the correlator.
//!
//! Prints `name value unit target`. Detections come out of an Intake and are gone when bytes are counted; they are made before
//! anything is timed.

#[expect(dead_code, reason = "each bench uses what it needs")]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{flow_lines, intake, median, record, say, timed};
use tidegate_core::correlate::{Correlator, Settings};
use tidegate_core::detect::sources_of;
use tidegate_core::event::{Detection, Source, Watermarks};
use tidegate_core::pipeline::Gathered;
use tidegate_core::rule::{self, RuleFile, RuleSet};

const KEYS: usize = 100_000;
const CHUNK: usize = 10_000;
const ROUNDS: usize = 3;
const FLOW_BYTES: usize = 64 << 20;
/// Values of one key, each seen once, for a threshold of a thousand in ten minutes.
const VALUES: usize = 50_000;

/// The system's allocator, and the bytes that are in use.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "an allocator is unsafe to write; this one adds numbers and hands everything on")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Rejected flows by source: a correlation of this type and condition.
fn rules(kind: &str, condition: &str) -> Arc<RuleSet> {
    let flow =
        "title: Rejected\nid: r\nname: r\nlogsource: {product: aws, service: vpcflow}\ndetection: {s: {action: REJECT}, condition: s}\n";
    let head = "---\ntitle: Many\nid: m\nlevel: high\ncorrelation:\n  rules: [r]\n  group-by: [srcaddr]\n  timespan: 10m\n";
    let text = format!("{flow}{head}  type: {kind}\n  condition: {{{condition}}}\n");
    let loaded = rule::load(&[RuleFile { name: "rules.yml".into(), text }]);
    assert_eq!(loaded.set.rules.len(), 2, "{:?}", loaded.diagnostics);
    Arc::new(loaded.set)
}

const COUNT: (&str, &str) = ("event_count", "gte: 100");
const DISTINCT: (&str, &str) = ("value_count", "field: dstport, gte: 20");
const DISTINCT_MANY: (&str, &str) = ("value_count", "field: dstport, gte: 1000");

fn main() {
    for (name, rule, events) in [("count_of_1", COUNT, 1), ("count_of_4", COUNT, 4), ("distinct_of_4", DISTINCT, 4)] {
        let (logical, actual) = bytes_per_key(rule, events);
        say(&format!("state_logical_bytes_per_key_{name}"), logical, "bytes", "-");
        say(&format!("state_allocated_bytes_per_key_{name}"), actual, "bytes", "-");
    }
    let flows = [String::from_utf8(flow_lines(FLOW_BYTES)).expect("text")];
    speed("flows_count", COUNT, flows.iter().cloned());
    speed("flows_distinct", DISTINCT, flows.iter().cloned());
    speed("uniform_count", COUNT, chunks(1));
    speed("one_key_all_new_values", DISTINCT_MANY, std::iter::once(scan()));
}

/// A scan of one source: every line another port, a thousand in about 100 s.
fn scan() -> String {
    let mut text = String::new();
    for n in 0..VALUES {
        let (start, port) = (1_795_000_000 + n / 10, n);
        let line = format!("2 100000000001 eni-1 198.51.100.7 10.0.0.7 40000 {port} 6 1 40 {start} {start} REJECT OK");
        assert!(writeln!(text, "{line}").is_ok(), "a text takes everything");
    }
    text
}

fn correlator(set: &RuleSet) -> Correlator {
    let sources: Vec<Vec<Source>> = (0..set.rules.len() as u32).map(|rule| sources_of(set, rule, &[])).collect();
    let settings = Settings { budget_bytes_per_rule: u64::MAX, budget_bytes_per_account: u64::MAX, ..Settings::default() };
    Correlator::new(set, &sources, settings)
}

/// Nanoseconds of CPU time per detection, in order of event time, the watermark behind by ten seconds.
fn speed(name: &str, (kind, condition): (&str, &str), texts: impl Iterator<Item = String>) {
    let set = rules(kind, condition);
    let (intake, mut gathered) = (intake(&set), Gathered::default());
    let mut memory = intake.shard();
    for (n, text) in (0u64..).zip(texts) {
        intake.process(&mut memory, &[record("flows", n * CHUNK as u64, text.into_bytes(), true)], &mut gathered);
    }
    let mut detections = gathered.detections;
    detections.sort_by_key(|d| d.time_ms);
    let (mut times, mut found) = (Vec::new(), 0);
    for _ in 0..ROUNDS {
        let mut correlator = correlator(&set);
        times.push(timed(|| found = apply(&mut correlator, &detections)));
    }
    say(&format!("state_{name}_ns_per_detection"), median(times) * 1e9 / detections.len() as f64, "ns", "-");
    say(&format!("state_{name}_outputs_per_detection"), found as f64 / detections.len() as f64, "outputs", "-");
}

fn apply(correlator: &mut Correlator, detections: &[Detection]) -> usize {
    let (mut watermarks, mut outputs, mut found) = (Watermarks::default(), Vec::new(), 0);
    for batch in detections.chunks(4_096) {
        for detection in batch {
            correlator.apply(detection, &watermarks, &mut outputs);
            found += outputs.len();
            outputs.clear();
        }
        let last = batch.last().map_or(0, |d| d.time_ms);
        watermarks.raise(Source::VpcFlow, last - 10_000);
        correlator.advance(&watermarks, &mut outputs);
        outputs.clear();
    }
    found
}

/// Logical and allocated bytes of a key with this many events.
fn bytes_per_key((kind, condition): (&str, &str), events: usize) -> (f64, f64) {
    let set = rules(kind, condition);
    let intake = intake(&set);
    let mut correlator = correlator(&set);
    let (watermarks, mut memory, mut outputs) = (Watermarks::default(), intake.shard(), Vec::new());
    let before = LIVE.load(Ordering::Relaxed);
    for (n, text) in (0u64..).zip(chunks(events)) {
        let mut gathered = Gathered::default();
        intake.process(&mut memory, &[record("flows", n * CHUNK as u64, text.into_bytes(), true)], &mut gathered);
        for detection in &gathered.detections {
            correlator.apply(detection, &watermarks, &mut outputs);
        }
    }
    assert_eq!((correlator.live_keys(), outputs.len()), (KEYS, 0));
    let live = LIVE.load(Ordering::Relaxed) - before;
    (correlator.state_bytes() as f64 / KEYS as f64, live as f64 / KEYS as f64)
}

/// Rejected flows of [`KEYS`] sources, in accounts by the hundred, every round to another port.
fn chunks(events: usize) -> impl Iterator<Item = String> {
    let lines: Vec<usize> = (0..KEYS * events).collect();
    let line = |text: &mut String, n: &usize| {
        let (key, start, port) = (n % KEYS, 1_795_000_000 + n / KEYS, 22 + n / KEYS);
        let source = std::net::Ipv4Addr::from(0x0b00_0000 + key as u32);
        let account = 100_000_000_000 + key % 100;
        let written = writeln!(text, "2 {account} eni-{key:017x} {source} 10.0.0.7 40000 {port} 6 1 40 {start} {start} REJECT OK");
        assert!(written.is_ok(), "a text takes everything");
    };
    let chunk = move |lines: &[usize]| {
        let mut text = String::new();
        lines.iter().for_each(|n| line(&mut text, n));
        text
    };
    lines.chunks(CHUNK).map(chunk).collect::<Vec<_>>().into_iter()
}
