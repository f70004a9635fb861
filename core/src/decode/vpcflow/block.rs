//! Blocks of lines into typed columns, one column at a time.
//!
//! A window of 16 KiB is indexed; a maximal stretch of its lines that have one format is a *run*; each wanted column of a run
//! is read in one tight loop. Whatever a loop cannot read (and NODATA, headers, lines of unknown size) goes the way of
//! [`super::FlowDecoder::decode`], so that both ways agree; a refused line costs its run a second, slower reading.
//!
//! Columns that are not wanted are not checked, unless two known formats have the line's number of columns.

use super::batch::{ABSENT, BlockStats, FlowBatch, Quiet, Refusal, Typed, TypedColumn, mark, range};
use super::candidates::Candidates;
use super::field::{self, epoch_ms};
use super::format::FlowFormat;
use super::index::{Index, Span};
use super::line::{Flow, FlowLine, TRAFFIC};
use super::simd;
use super::swar::LOAD_BYTES;
use crate::decode::unit::Filtered;
use crate::decode::{DecodeError, ErrorCode};
use crate::event::flow::Column;

/// One pass over one block.
pub(super) struct BlockReader<'r, 'b> {
    pub(super) candidates: &'r mut Candidates,
    pub(super) spans: &'r mut Vec<Span>,
    pub(super) block: &'b [u8],
    pub(super) out: &'r mut FlowBatch,
    pub(super) stats: BlockStats,
}

/// Lines of one format, each by the place in the index where its first column ends.
#[derive(Debug, Default)]
struct Run {
    format: usize,
    rows: Vec<u32>,
    lines: Vec<Span>,
}

impl BlockReader<'_, '_> {
    pub(super) fn read(mut self, index: &mut Index) -> BlockStats {
        let mut run = Run::default();
        let mut start = 0;
        while start < self.block.len() {
            simd::fill(index, self.block, start);
            start = self.read_window(index, &mut run, start);
        }
        self.stats.flows = self.out.len();
        self.stats
    }

    /// Reads the whole lines of a window and returns where the next one starts.
    fn read_window(&mut self, index: &Index, run: &mut Run, start: usize) -> usize {
        let mut at = start;
        let mut row = 1;
        for line_break in &index.line_breaks {
            let line = Span { start: at as u32, end: index.position(*line_break) as u32 };
            self.read_line(index, run, row, *line_break, line);
            row = line_break + 1;
            at = line.end as usize + 1;
        }
        self.flush(index, run);
        if at > start {
            return at;
        }
        // A line longer than a window, or the last one without its line break.
        let end = memchr::memchr(b'\n', &self.block[start..]).map_or(self.block.len(), |n| start + n);
        self.read_alone(index, run, Span { start: start as u32, end: end as u32 });
        end + 1
    }

    #[inline]
    fn read_line(&mut self, index: &Index, run: &mut Run, row: u32, line_break: u32, line: Span) {
        let mut columns = (line_break - row + 1) as usize;
        if index.adjacent && columns > 1 && index.span(line_break, 0).start as usize == line.end as usize {
            columns -= 1; // one blank, or the `\r`, before the line break
        }
        match self.format_of(index, row, columns, line) {
            Some(format) => {
                if run.format != format {
                    self.flush(index, run);
                    run.format = format;
                }
                run.rows.push(row);
                run.lines.push(line);
            }
            None => self.read_alone(index, run, line),
        }
    }

    /// The format of a line that is ready for its run; `None` sends it the careful way.
    #[inline]
    fn format_of(&mut self, index: &Index, row: u32, columns: usize, line: Span) -> Option<usize> {
        let (first, rivals) = self.candidates.of_count(columns)?;
        let text = line.of(self.block);
        if index.adjacent && (0..columns).any(|at| index.span(row, at).of(self.block).is_empty()) {
            return None;
        }
        if text[0].is_ascii_lowercase() || index.non_ascii {
            let text = std::str::from_utf8(text).ok()?;
            if FlowFormat::is_header(text) {
                return None;
            }
        }
        let format = if rivals { self.decide(index, row, columns)? } else { first };
        self.holds_traffic(index, row, format).then_some(format)
    }

    fn decide(&mut self, index: &Index, row: u32, columns: usize) -> Option<usize> {
        self.spans.clear();
        self.spans.extend((0..columns).map(|at| index.span(row, at)));
        self.candidates.decide(self.block, self.spans).ok()
    }

    #[inline]
    fn holds_traffic(&self, index: &Index, row: u32, format: usize) -> bool {
        let format = &self.candidates.formats()[format];
        if let Some(at) = format.position(Column::LogStatus) {
            return index.span(row, at).of(self.block) == b"OK";
        }
        TRAFFIC.into_iter().find_map(|c| format.position(c)).is_none_or(|at| index.span(row, at).of(self.block) != b"-")
    }

    /// Reads the run's rows column by column; if a column refuses, line by line.
    fn flush(&mut self, index: &Index, run: &mut Run) {
        if run.rows.is_empty() {
            return;
        }
        let (rows, wide) = (self.out.lines.len(), self.out.wide.len());
        self.out.lines.extend_from_slice(&run.lines);
        let format = &self.candidates.formats()[run.format];
        let reader = ColumnReader { block: self.block, index, rows: &run.rows };
        let FlowBatch { columns, wide: side, .. } = &mut *self.out;
        let read = columns.iter_mut().all(|c| reader.read(format.position(c.column), c, side)) && in_order(columns, rows);
        run.rows.clear();
        if read {
            run.lines.clear();
            return;
        }
        self.out.truncate(rows, wide);
        for line in std::mem::take(&mut run.lines) {
            self.read_carefully(line);
        }
    }

    /// Reads one line on its own, after the run before it if it is a flow.
    fn read_alone(&mut self, index: &Index, run: &mut Run, line: Span) {
        self.flush(index, run);
        self.read_carefully(line);
    }

    fn read_carefully(&mut self, line: Span) {
        let outcome = match std::str::from_utf8(line.of(self.block)) {
            Ok(text) => self.read_text(text, line),
            Err(error) => Err(DecodeError::new(ErrorCode::NotUtf8, error.valid_up_to(), "a flow-log line that is no UTF-8")),
        };
        if let Err(error) = outcome {
            self.stats.refused += 1;
            self.out.refused.push(Refusal { line: range(line), error });
        }
    }

    fn read_text(&mut self, text: &str, line: Span) -> Result<(), DecodeError> {
        simd::split(text.as_bytes(), self.spans);
        if self.spans.is_empty() {
            self.stats.empty += 1;
            return Ok(());
        }
        if let Some(header) = FlowFormat::from_header(text) {
            self.candidates.remember(header);
            self.stats.headers += 1;
            return Ok(());
        }
        let format = self.candidates.decide(text.as_bytes(), self.spans)?;
        let flow = Flow::new(text, self.spans, &self.candidates.formats()[format]);
        let kind = match flow.classify() {
            FlowLine::NoData { .. } => Filtered::NoData,
            FlowLine::SkipData { .. } => Filtered::SkipData,
            _ => {
                self.out.push(&flow, line);
                return Ok(());
            }
        };
        let place = |column, known: bool| flow.span(column).filter(|_| known).map(|s| range(s.shifted(line.start)));
        let account = place(Column::AccountId, flow.account().is_some());
        let interface = place(Column::InterfaceId, flow.raw(Column::InterfaceId).is_some());
        self.out.quiet.push(Quiet { kind, line: range(line), account, interface });
        *(if kind == Filtered::NoData { &mut self.stats.no_data } else { &mut self.stats.skip_data }) += 1;
        Ok(())
    }
}

/// Whether every flow from `rows` on ends after it starts, as far as both times are wanted.
fn in_order(columns: &[TypedColumn], rows: usize) -> bool {
    let times = |wanted| {
        columns.iter().find_map(|c| match &c.data {
            Typed::Number(v) if c.column == wanted => Some(&v[rows..]),
            _ => None,
        })
    };
    let (Some(starts), Some(ends)) = (times(Column::Start), times(Column::End)) else { return true };
    starts.iter().zip(ends).all(|(start, end)| start <= end && *end < 100_000_000_000 || may_follow(*start, *end))
}

#[cold]
fn may_follow(start: u64, end: u64) -> bool {
    start == ABSENT || end == ABSENT || epoch_ms(start) <= epoch_ms(end)
}

/// One column of a run.
pub(super) struct ColumnReader<'r> {
    block: &'r [u8],
    index: &'r Index,
    rows: &'r [u32],
}

impl ColumnReader<'_> {
    /// Appends the column of all rows; `false` when a row holds what the column must not.
    fn read(&self, at: Option<usize>, typed: &mut TypedColumn, wide: &mut Vec<u128>) -> bool {
        let Some(at) = at else {
            match &mut typed.data {
                Typed::Number(v) | Typed::Address(v) => v.resize(v.len() + self.rows.len(), ABSENT),
                Typed::Text(v) => v.resize(v.len() + self.rows.len(), Span::default()),
            }
            return true;
        };
        simd::read_column(self, at, typed, wide)
    }

    /// Appends a column that the format has, with these ways to read numbers and IPv4 addresses.
    #[inline(always)]
    pub(super) fn read_with(
        &self,
        at: usize,
        typed: &mut TypedColumn,
        wide: &mut Vec<u128>,
        number: impl Fn(&[u8; LOAD_BYTES], usize) -> Option<u64>,
        ipv4: impl Fn(&[u8; LOAD_BYTES], usize) -> Option<u32>,
    ) -> bool {
        let column = typed.column;
        match &mut typed.data {
            Typed::Number(v) => self.read_numbers(column, at, v, number),
            Typed::Address(v) => self.read_addresses(at, v, wide, ipv4),
            Typed::Text(v) if column == Column::Action => self.read_texts(at, v, is_action),
            // Only rows whose status is OK are in a run.
            Typed::Text(v) => self.read_texts(at, v, |text| text[0] != b'"'),
        }
    }

    #[inline(always)]
    fn load(&self, span: Span) -> Option<&[u8; LOAD_BYTES]> {
        self.block[span.start as usize..].first_chunk()
    }

    #[inline(always)]
    fn read_numbers(
        &self,
        column: Column,
        at: usize,
        out: &mut Vec<u64>,
        number: impl Fn(&[u8; LOAD_BYTES], usize) -> Option<u64>,
    ) -> bool {
        let (low, high) = field::number_range(column);
        let mut good = true;
        for (slot, row) in added(out, self.rows.len()).zip(self.rows) {
            let span = self.index.span(*row, at);
            let length = (span.end - span.start) as usize;
            *slot = match self.load(span).and_then(|bytes| number(bytes, length)) {
                Some(n) => {
                    good &= n >= low && n <= high;
                    n
                }
                None => slow_number(column, span.of(self.block), &mut good),
            };
        }
        good
    }

    #[inline(always)]
    fn read_addresses(
        &self,
        at: usize,
        out: &mut Vec<u64>,
        wide: &mut Vec<u128>,
        ipv4: impl Fn(&[u8; LOAD_BYTES], usize) -> Option<u32>,
    ) -> bool {
        let mut good = true;
        for (slot, row) in added(out, self.rows.len()).zip(self.rows) {
            let span = self.index.span(*row, at);
            let length = (span.end - span.start) as usize;
            *slot = match self.load(span).and_then(|bytes| ipv4(bytes, length)) {
                Some(ip) => u64::from(ip),
                None => slow_address(span.of(self.block), wide, &mut good),
            };
        }
        good
    }

    #[inline(always)]
    fn read_texts(&self, at: usize, out: &mut Vec<Span>, fits: impl Fn(&[u8]) -> bool) -> bool {
        let mut good = true;
        for (slot, row) in added(out, self.rows.len()).zip(self.rows) {
            let span = self.index.span(*row, at);
            good &= fits(span.of(self.block));
            *slot = span;
        }
        good
    }
}

/// Room for `count` more values, to be filled in a loop that knows its length.
#[inline(always)]
fn added<T: Copy + Default>(out: &mut Vec<T>, count: usize) -> std::slice::IterMut<'_, T> {
    let from = out.len();
    out.resize(from + count, T::default());
    out[from..].iter_mut()
}

#[cold]
fn slow_number(column: Column, text: &[u8], good: &mut bool) -> u64 {
    if text == b"-" && field::may_be_absent(column) {
        return ABSENT;
    }
    let number = field::number(column, text);
    *good &= number.is_some();
    number.unwrap_or(ABSENT)
}

#[cold]
fn slow_address(text: &[u8], wide: &mut Vec<u128>, good: &mut bool) -> u64 {
    if text == b"-" {
        return ABSENT;
    }
    let address = field::address(text);
    *good &= address.is_some();
    address.map_or(ABSENT, |ip| mark(ip, wide))
}

#[inline]
fn is_action(text: &[u8]) -> bool {
    matches!(text, b"ACCEPT" | b"REJECT" | b"-")
}
