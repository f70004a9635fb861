//! Flow logs: the fast decoder against the naive one, on random formats, lines, mutations and blocks; and the shared corpus.

mod corpus;
mod naive;
mod samples;

use naive::{Line, Naive};
use std::collections::BTreeMap;
use tidegate_core::decode::ErrorCode;
use tidegate_core::decode::vpcflow::{BlockStats, FlowBatch, FlowDecoder, FlowFormat, FlowLine};
use tidegate_core::event::flow::{COLUMNS, Column};

/// A decoder and its oracle, knowing the same formats.
fn pair(configured: &[Vec<String>]) -> (FlowDecoder, Naive) {
    let formats = configured.iter().map(|names| FlowFormat::from_names(names).expect("names of columns"));
    (FlowDecoder::with_formats(formats), Naive::new(configured))
}

fn seen(decoder: &mut FlowDecoder, line: &str) -> Line {
    match decoder.decode(line) {
        Ok(FlowLine::Flow(flow)) => Line::Flow(values(|c| flow.get(c).and_then(|v| v.text().map(|t| t.into_owned())))),
        Ok(FlowLine::NoData { .. }) => Line::NoData,
        Ok(FlowLine::SkipData { .. }) => Line::SkipData,
        Ok(FlowLine::Header) => Line::Header,
        Ok(FlowLine::Empty) => Line::Empty,
        Err(error) => refusal(error.code, &error.detail),
    }
}

fn values(get: impl Fn(Column) -> Option<String>) -> BTreeMap<String, String> {
    COLUMNS.into_iter().filter_map(|c| get(c).map(|v| (c.name().to_owned(), v))).collect()
}

fn refusal(code: ErrorCode, detail: &str) -> Line {
    if code != ErrorCode::FlowColumnValue {
        return Line::BadCount;
    }
    let column = detail.split(' ').nth(1).and_then(|n| n.parse::<usize>().ok()).expect("names its column");
    Line::BadColumn(column - 1)
}

#[test]
fn lines_equal_the_naive_reading() {
    let mut random = fastrand::Rng::with_seed(20_261_124);
    let mut kinds = BTreeMap::new();
    for _ in 0..400 {
        let formats = samples::formats(&mut random);
        let (mut decoder, mut naive) = pair(&formats);
        for _ in 0..150 {
            let line = samples::line(&mut random, &formats);
            let expected = naive.decode(&line);
            *kinds.entry(kind(&expected)).or_insert(0) += 1;
            assert_eq!(seen(&mut decoder, &line), expected, "{formats:?}\n{line:?}");
        }
    }
    for wanted in ["flow", "no data", "skip data", "header", "empty", "bad count", "bad column"] {
        assert!(kinds.get(wanted).is_some_and(|n| *n > 100), "too few of {wanted}: {kinds:?}");
    }
}

fn kind(line: &Line) -> &'static str {
    match line {
        Line::Flow(_) => "flow",
        Line::NoData => "no data",
        Line::SkipData => "skip data",
        Line::Header => "header",
        Line::Empty => "empty",
        Line::BadCount => "bad count",
        Line::BadColumn(_) => "bad column",
    }
}

#[test]
fn blocks_equal_the_naive_reading() {
    let mut random = fastrand::Rng::with_seed(42);
    let mut batch = FlowBatch::default();
    for round in 0..300 {
        let formats = samples::formats(&mut random);
        let (mut decoder, mut naive) = pair(&formats);
        let calm = round % 2 == 0;
        let lines: Vec<String> = (0..random.usize(0..300)).map(|_| samples::block_line(&mut random, &formats, calm)).collect();
        let mut block = lines.join("\n");
        if random.bool() && !block.is_empty() {
            block.push('\n');
        }
        let stats = decoder.decode_block(block.as_bytes(), &COLUMNS, &mut batch);
        check_block(&block, stats, &batch, &mut naive);
    }
}

fn check_block(block: &str, stats: BlockStats, batch: &FlowBatch, naive: &mut Naive) {
    let mut expected = BlockStats::default();
    let (mut rows, mut refused) = (0.., batch.refused().iter());
    for line in block.split_terminator('\n') {
        let place = |range: std::ops::Range<usize>| {
            assert_eq!(&block[range.clone()], line);
            range.start
        };
        match naive.decode(line) {
            Line::Flow(columns) => {
                let row = rows.next().expect("endless");
                place(batch.line(row));
                let found = values(|c| batch.value(block.as_bytes(), c, row).and_then(|v| v.text().map(|t| t.into_owned())));
                assert_eq!(found, columns, "{line:?}");
                expected.flows += 1;
            }
            Line::NoData => expected.no_data += 1,
            Line::SkipData => expected.skip_data += 1,
            Line::Header => expected.headers += 1,
            Line::Empty => expected.empty += 1,
            bad => {
                let refusal_found = refused.next().expect("refused");
                place(refusal_found.line.clone());
                assert_eq!(refusal(refusal_found.error.code, &refusal_found.error.detail), bad, "{line:?}");
                expected.refused += 1;
            }
        }
    }
    assert_eq!((stats, batch.len(), batch.quiet().len()), (expected, expected.flows, expected.no_data + expected.skip_data));
}

#[test]
fn a_batch_of_some_columns_agrees_with_the_batch_of_all() {
    let mut random = fastrand::Rng::with_seed(77);
    let lines: Vec<String> = (0..2_000).map(|_| samples::default_line(&mut random)).collect();
    let block = lines.join("\n");
    let wanted = [Column::SrcAddr, Column::VpcId, Column::Start, Column::Action];
    let (mut all, mut some) = (FlowBatch::default(), FlowBatch::default());
    let mut decoder = FlowDecoder::new(None);
    let stats = decoder.decode_block(block.as_bytes(), &COLUMNS, &mut all);
    assert_eq!(decoder.decode_block(block.as_bytes(), &wanted, &mut some), stats);
    assert!(stats.flows > 1_900);
    for row in 0..all.len() {
        for column in wanted {
            assert_eq!(some.value(block.as_bytes(), column, row), all.value(block.as_bytes(), column, row));
        }
        assert_eq!(some.value(block.as_bytes(), Column::Bytes, row), None);
        assert_eq!(some.time_ms(Column::Start, row), all.time_ms(Column::Start, row));
    }
}

#[test]
fn no_mutation_panics_and_every_line_is_counted() {
    let mut random = fastrand::Rng::with_seed(1);
    let mut batch = FlowBatch::default();
    let mut decoder = FlowDecoder::new(None);
    for _ in 0..50 {
        let mut block = Vec::new();
        for _ in 0..1_000 {
            let mut line = samples::default_line(&mut random).into_bytes();
            for _ in 0..random.usize(0..4) {
                let at = random.usize(0..line.len());
                line[at] = random.u8(..);
            }
            if let Ok(text) = std::str::from_utf8(&line) {
                _ = decoder.decode(text).is_ok();
            }
            block.extend_from_slice(&line);
            block.push(b'\n');
        }
        let stats = decoder.decode_block(&block, &COLUMNS, &mut batch);
        let sum = stats.flows + stats.headers + stats.no_data + stats.skip_data + stats.empty + stats.refused;
        assert_eq!(sum, memchr::memchr_iter(b'\n', &block).count());
        assert!(batch.refused().iter().all(|r| r.error.detail.is_ascii()));
    }
}

#[test]
fn a_line_longer_than_a_window_and_bytes_that_are_no_text_are_read_or_refused() {
    let mut random = fastrand::Rng::with_seed(5);
    let good = samples::default_line(&mut random);
    let long = good.replacen(' ', &" ".repeat(40_000), 1);
    let block = [good.as_bytes(), long.as_bytes(), b"2 \xff", good.as_bytes()].join(&b'\n');
    let mut batch = FlowBatch::default();
    let stats = FlowDecoder::new(None).decode_block(&block, &[Column::SrcAddr], &mut batch);
    assert_eq!((stats.flows, stats.refused), (3, 1));
    assert_eq!((batch.refused()[0].error.code, batch.refused()[0].error.offset), (ErrorCode::NotUtf8, 2));
    assert_eq!(batch.address(Column::SrcAddr, 0), batch.address(Column::SrcAddr, 1));
}
