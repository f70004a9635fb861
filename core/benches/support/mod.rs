//! What several benches need: CPU time, the median, flow-log lines, the twenty rules and an Intake for them.

use std::sync::Arc;
use tidegate_core::decode::Hints;
use tidegate_core::detect::Detector;
use tidegate_core::event::{Position, Record};
use tidegate_core::pipeline::Intake;
use tidegate_core::rule::{self, RuleFile, RuleSet};

/// CPU seconds of this thread that `work` takes.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let before = cpu_seconds();
    std::hint::black_box(work());
    cpu_seconds() - before
}

/// CPU seconds of this thread. The kernel brings the number up to date when the thread is scheduled.
fn cpu_seconds() -> f64 {
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: f64 = text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(f64::NAN);
    nanoseconds / 1e9
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// One figure: `name value unit target`.
#[expect(clippy::disallowed_macros, reason = "a bench prints its figures")]
pub(crate) fn say(name: &str, value: f64, unit: &str, target: &str) {
    let digits = if value < 100.0 { 3 } else { 0 };
    println!("{name} {value:.digits$} {unit} {target}");
}

/// The rules of `rules.yml`, without a problem.
pub(crate) fn rules() -> Arc<RuleSet> {
    let loaded = rule::load(&[RuleFile { name: "rules.yml".into(), text: with_ids(include_str!("rules.yml")) }]);
    assert_eq!(loaded.set.rules.len(), 20, "{:?}", loaded.diagnostics);
    Arc::new(loaded.set)
}

/// Every rule needs an id of its own.
fn with_ids(text: &str) -> String {
    let id = |n: usize| format!("id: 00000000-0000-4000-8000-{n:012}\n");
    (0..).zip(text.split("---\n")).map(|(n, rule)| id(n) + rule).collect::<Vec<_>>().join("---\n")
}

pub(crate) fn intake(set: &Arc<RuleSet>) -> Intake {
    let hints = Hints::default();
    Intake::new(Detector::new(set.clone(), &hints).0, hints).expect("no format is stated")
}

/// A run of lines, or one document, from line `sequence` of `shard` on.
pub(crate) fn record(shard: &str, sequence: u64, bytes: Vec<u8>, lines: bool) -> Record {
    let position = Position { source: "file".into(), shard: shard.into(), sequence: sequence.into(), sub_sequence: 0 };
    Record { position, arrival_ms: None, bytes, lines }
}

/// Default lines of about 118 bytes: a fifth rejected, sources log-uniform over a million.
pub(crate) fn flow_lines(bytes: usize) -> Vec<u8> {
    use std::io::Write;
    let mut random = fastrand::Rng::with_seed(118);
    let mut text = Vec::with_capacity(bytes + 256);
    while text.len() < bytes {
        let source = f64::from(random.u32(0..1_000_000)) / 1_000_000.0;
        let source = 0x0b00_0000 + (1_000_000f64.powf(source) as u32).wrapping_mul(2_654_435_761) % 0xc000_0000;
        let target = 0x0a00_0000 + random.u32(0..0x00ff_ffff);
        let start = 1_795_000_000 + random.u32(0..3_600);
        let port = *[443, 22, 3_389, 80, 8_080, 53].get(random.usize(0..6)).unwrap_or(&443);
        let action = if random.u8(0..5) == 0 { "REJECT" } else { "ACCEPT" };
        let packets = 1 + random.u32(0..5_000) / (1 + random.u32(0..200));
        let written = writeln!(
            text,
            "2 {:012} eni-{:017x} {} {} {} {port} {} {packets} {} {start} {} {action} OK",
            100_000_000_000u64 + u64::from(random.u32(0..5_000)) * 7,
            u128::from(random.u32(0..20_000)) * 0x1f_ffff_ffff,
            std::net::Ipv4Addr::from(source),
            std::net::Ipv4Addr::from(target),
            random.u16(1_024..),
            if random.u8(0..4) == 0 { 17 } else { 6 },
            packets * random.u32(40..1_460),
            start + random.u32(1..600),
        );
        assert!(written.is_ok(), "a vector takes every byte");
    }
    text
}
