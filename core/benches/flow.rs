//! Flow-log decoding against a scan for line breaks over the same bytes, per CPU second of this thread.
//!
//! Prints `name value unit target`: ratios within one run, the median of the rounds. A figure of another run or machine is not
//! comparable. Every variant is checked against the naive decoder before anything is timed. The text is many times as large as
//! any cache; scan and decoders read the same blocks of it, in turn.

#[path = "../tests/vpcflow/naive.rs"]
mod naive;
#[expect(dead_code, reason = "shared with benches of the whole machine")]
mod support;

use std::hint::black_box;
use support::{flow_lines, median, say, timed};
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
    check(blocks[0]);
    let mut batch = FlowBatch::default();
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let times = [
            timed(|| (0..SCANS).map(|_| scan(&blocks)).sum::<usize>()) / SCANS as f64,
            timed(|| decode_blocks(&blocks, &ALL, &mut batch)),
            timed(|| decode_blocks(&blocks, &FEW, &mut batch)),
            timed(|| decode_lines(&blocks)),
        ];
        if round > 0 {
            rounds.push(times); // the first round warms up
        }
    }
    let names =
        [("flow_block_14_columns_per_scan", "0.20"), ("flow_block_5_columns_per_scan", "0.30"), ("flow_lines_5_columns_per_scan", "-")];
    for (i, (name, target)) in names.into_iter().enumerate() {
        say(name, median(rounds.iter().map(|t| t[0] / t[i + 1]).collect()), "ratio", target);
    }
    say("flow_scan", text.len() as f64 / median(rounds.iter().map(|t| t[0]).collect()) / 1e9, "GB/s", "-");
}

/// Lines of [`flow_lines`], again and again.
fn synthetic_lines() -> Vec<u8> {
    let once = flow_lines(BLOCK_BYTES * 32);
    let mut text = Vec::with_capacity(BLOCK_BYTES * BLOCKS + once.len());
    while text.len() < BLOCK_BYTES * BLOCKS {
        text.extend_from_slice(&once);
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
