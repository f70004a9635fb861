//! Flow-log decoding against a scan for line breaks over the same bytes, per CPU second of this thread.
//!
//! Prints `name value target`: ratios within one run, the median of the rounds. A figure of another run or machine is not
//! comparable. Every variant is checked against the naive decoder before anything is timed.
#![expect(clippy::disallowed_macros, reason = "a bench prints its figures")]

#[path = "../tests/vpcflow/naive.rs"]
mod naive;

use std::hint::black_box;
use tidegate_core::decode::vpcflow::{FlowBatch, FlowDecoder, FlowLine};
use tidegate_core::event::Value;
use tidegate_core::event::flow::Column;

const BLOCK_BYTES: usize = 256 * 1024;
const BLOCKS: usize = 2_048;
const ROUNDS: usize = 9;
/// Scans per round: the kernel counts CPU time in ticks of up to 4 ms, and one scan takes a few of them.
const SCANS: usize = 2;
const ALL: [Column; 14] = [
    Column::Version,
    Column::AccountId,
    Column::InterfaceId,
    Column::SrcAddr,
    Column::DstAddr,
    Column::SrcPort,
    Column::DstPort,
    Column::Protocol,
    Column::Packets,
    Column::Bytes,
    Column::Start,
    Column::End,
    Column::Action,
    Column::LogStatus,
];
/// What a rule of scans reads.
const FEW: [Column; 5] = [Column::SrcAddr, Column::DstAddr, Column::DstPort, Column::Action, Column::Start];

fn main() {
    let text = synthetic_lines();
    let blocks = cut(&text);
    println!("# {} MiB, {} bytes per line, {} blocks", text.len() >> 20, text.len() / scan(&blocks), blocks.len());
    check(blocks[0]);
    let mut batch = FlowBatch::default();
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let times = [
            timed(|| (0..SCANS).map(|_| scan(&blocks)).sum()) / SCANS as f64,
            timed(|| decode_blocks(&blocks, &ALL, &mut batch)),
            timed(|| decode_blocks(&blocks, &FEW, &mut batch)),
            timed(|| decode_lines(&blocks)),
        ];
        if round > 0 {
            rounds.push(times); // the first round warms up
        }
    }
    let names = ["flow_block_14_columns_per_scan 0.35", "flow_block_5_columns_per_scan 0.60", "flow_lines_5_columns_per_scan -"];
    for (i, name) in names.iter().enumerate() {
        let (name, target) = name.split_once(' ').unwrap_or((name, "-"));
        println!("{name} {:.3} {target}", median(rounds.iter().map(|t| t[0] / t[i + 1]).collect()));
    }
    println!("# scan {:.2} GB/s per CPU second", text.len() as f64 / median(rounds.iter().map(|t| t[0]).collect()) / 1e9);
}

/// Default lines of about 118 bytes: a fifth rejected, sources log-uniform over a million.
fn synthetic_lines() -> Vec<u8> {
    use std::io::Write;
    let mut random = fastrand::Rng::with_seed(118);
    let mut text = Vec::with_capacity(BLOCK_BYTES * BLOCKS + 256);
    let once = BLOCK_BYTES * 32;
    while text.len() < once {
        let source = f64::from(random.u32(0..1_000_000)) / 1_000_000.0;
        let source = 0x0b00_0000 + (1_000_000f64.powf(source) as u32).wrapping_mul(2_654_435_761) % 0xc000_0000;
        let target = 0x0a00_0000 + random.u32(0..0x00ff_ffff);
        let start = 1_795_000_000 + random.u32(0..86_400);
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
    while text.len() < BLOCK_BYTES * BLOCKS {
        text.extend_from_within(..once.min(BLOCK_BYTES * BLOCKS - text.len()));
    }
    text
}

/// Blocks that end at a line break.
fn cut(text: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(end) = memchr::memrchr(b'\n', &rest[..rest.len().min(BLOCK_BYTES)]) {
        blocks.push(&rest[..=end]);
        rest = &rest[end + 1..];
    }
    blocks
}

fn scan(blocks: &[&[u8]]) -> usize {
    // A `count()` would only count; the scan finds every position, as a reader of lines does.
    let scanned = |b: &&[u8]| memchr::memchr_iter(b'\n', black_box(b)).fold((0, 0), |(n, x), at| (n + 1, x ^ at));
    blocks.iter().map(|b| black_box(scanned(b)).0).sum()
}

/// Decodes and reads every value once more, cheaply, so that nothing is optimised away.
fn decode_blocks(blocks: &[&[u8]], wanted: &[Column], batch: &mut FlowBatch) -> usize {
    let mut decoder = FlowDecoder::new(None);
    let mut flows = 0;
    for block in blocks {
        flows += decoder.decode_block(black_box(block), wanted, batch).flows;
        black_box(&*batch);
    }
    flows
}

fn decode_lines(blocks: &[&[u8]]) -> usize {
    let mut decoder = FlowDecoder::new(None);
    let mut flows = 0;
    for block in blocks {
        let Ok(text) = std::str::from_utf8(block) else { continue };
        for line in text.split_terminator('\n') {
            if let Ok(FlowLine::Flow(flow)) = decoder.decode(line) {
                black_box(FEW.map(|c| flow.get(c)));
                flows += 1;
            }
        }
    }
    flows
}

/// Both ways read what the naive decoder reads.
fn check(block: &[u8]) {
    let mut naive = naive::Naive::new(&[]);
    let (mut decoder, mut batch) = (FlowDecoder::new(None), FlowBatch::default());
    decoder.decode_block(block, &ALL, &mut batch);
    let text = std::str::from_utf8(block).unwrap_or_default();
    let plain = |v: Option<Value<'_>>| v.and_then(|v| v.text().map(std::borrow::Cow::into_owned));
    for (row, line) in text.lines().enumerate() {
        let naive::Line::Flow(expected) = naive.decode(line) else { panic!("{line} is a flow") };
        let Ok(FlowLine::Flow(flow)) = decoder.decode(line) else { panic!("{line} is a flow") };
        for column in ALL {
            let expected = expected.get(column.name());
            assert_eq!(plain(flow.get(column)).as_ref(), expected);
            assert_eq!(plain(batch.value(block, column, row)).as_ref(), expected);
        }
    }
    assert_eq!(batch.len(), text.lines().count());
}

/// CPU seconds of this thread.
fn timed(work: impl FnOnce() -> usize) -> f64 {
    let before = cpu_seconds();
    black_box(work());
    cpu_seconds() - before
}

fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: f64 = text.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or(f64::NAN);
    nanoseconds / 1e9
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
