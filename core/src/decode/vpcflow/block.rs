//! Blocks of lines into typed columns, one column at a time.
//!
//! A window of 16 KiB is indexed; a maximal stretch of its lines that have one format and as many separators is a *run*; each
//! wanted column of a run is read in one tight loop ([`super::columns`]). Whatever a loop cannot read (and NODATA, headers,
//! lines of unknown size) goes the way of [`super::FlowDecoder::decode`], so that both ways agree; a refused line costs its
//! run a second, slower reading.
//!
//! Columns that are not wanted are not checked, unless two known formats have the line's number of columns.

use super::batch::{ABSENT, BlockStats, FlowBatch, Quiet, Refusal, Typed, TypedColumn, range};
use super::candidates::Candidates;
use super::columns::ColumnReader;
use super::field::epoch_ms;
use super::format::FlowFormat;
use super::index::{Index, Span};
use super::line::{Flow, FlowLine, TRAFFIC};
use super::simd;
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

/// Neighbouring lines of one format and as many separators. It never outlives its window.
#[derive(Debug, Clone, Copy)]
struct Run {
    format: usize,
    /// The place in the index of the separator before the first line.
    before: u32,
    /// Separators per line: the columns, and one more where a blank or `\r` stands before the line break.
    stride: u32,
    rows: usize,
    /// How a line shows that it holds traffic.
    shows: Shows,
    /// Its separators alone tell a line's columns and format.
    plain: bool,
}

/// How a line of a format shows that it holds traffic.
#[derive(Debug, Clone, Copy)]
enum Shows {
    /// This column is `OK`.
    Ok(usize),
    /// This column is not `-`.
    Value(usize),
    /// It always does.
    Always,
}

impl Shows {
    fn of(format: &FlowFormat) -> Self {
        match format.position(Column::LogStatus) {
            Some(at) => Shows::Ok(at),
            None => TRAFFIC.into_iter().find_map(|c| format.position(c)).map_or(Shows::Always, Shows::Value),
        }
    }

    /// Whether the line behind the separator at place `before` does; `false` also where only a closer look can tell.
    #[inline(always)]
    fn holds(self, index: &Index, before: u32, block: &[u8]) -> bool {
        let text = |at| index.span(before, at).of(block);
        match self {
            Shows::Ok(at) => matches!(text(at), b"OK"),
            Shows::Value(at) => !matches!(text(at), b"-"),
            Shows::Always => true,
        }
    }
}

impl BlockReader<'_, '_> {
    pub(super) fn read(mut self, index: &mut Index) -> BlockStats {
        let mut start = 0;
        while start < self.block.len() {
            simd::fill(index, self.block, start);
            start = self.read_window(index, start);
        }
        self.stats.flows = self.out.len();
        self.stats
    }

    /// Reads the whole lines of a window and returns where the next one starts.
    fn read_window(&mut self, index: &Index, start: usize) -> usize {
        let mut run: Option<Run> = None;
        let mut before = 0;
        for place in index.line_breaks() {
            match &mut run {
                Some(run) if run.takes(index, before, *place, self.block) => run.rows += 1,
                _ => self.read_line(index, &mut run, before, *place),
            }
            before = *place;
        }
        self.flush(index, &mut run);
        if before > 0 {
            return index.position(before) as usize + 1;
        }
        // A line longer than a window, or the last one without its line break.
        let end = memchr::memchr(b'\n', &self.block[start..]).map_or(self.block.len(), |n| start + n);
        self.read_carefully(Span { start: start as u32, end: end as u32 });
        end + 1
    }

    /// Reads a line that begins a run, goes on with one after a closer look, or stands alone.
    fn read_line(&mut self, index: &Index, run: &mut Option<Run>, before: u32, place: u32) {
        let line = Span { start: index.position(before).wrapping_add(1), end: index.position(place) };
        let stride = place - before;
        let mut columns = stride as usize;
        if index.adjacent && columns > 1 && index.span(before, columns - 1).start == line.end {
            columns -= 1; // one blank, or the `\r`, before the line break
        }
        let Some((format, rivals)) = self.format_of(index, before, columns, line) else {
            self.flush(index, run);
            return self.read_carefully(line);
        };
        match run {
            Some(run) if run.format == format && run.stride == stride => run.rows += 1,
            _ => {
                self.flush(index, run);
                let shows = Shows::of(&self.candidates.formats()[format]);
                let plain = !(rivals || index.adjacent || index.odd);
                *run = Some(Run { format, before, stride, rows: 1, shows, plain });
            }
        }
    }

    /// The format of a line that is ready for a run, and whether others are of its size; `None` sends it the careful way.
    fn format_of(&mut self, index: &Index, before: u32, columns: usize, line: Span) -> Option<(usize, bool)> {
        let (first, rivals) = self.candidates.of_count(columns)?;
        let text = line.of(self.block);
        let is_empty = |at| index.span(before, at).of(self.block).is_empty();
        if columns < 2 || (index.adjacent && (0..columns).any(is_empty)) {
            return None;
        }
        if text[0].is_ascii_lowercase() || index.odd {
            let text = std::str::from_utf8(text).ok()?;
            if FlowFormat::is_header(text) {
                return None;
            }
        }
        let format = if rivals { self.decide(index, before, columns)? } else { first };
        Shows::of(&self.candidates.formats()[format]).holds(index, before, self.block).then_some((format, rivals))
    }

    fn decide(&mut self, index: &Index, before: u32, columns: usize) -> Option<usize> {
        self.spans.clear();
        self.spans.extend((0..columns).map(|at| index.span(before, at)));
        self.candidates.decide(self.block, self.spans).ok()
    }

    /// Reads the run's rows column by column; if a column refuses, line by line.
    fn flush(&mut self, index: &Index, run: &mut Option<Run>) {
        let Some(run) = run.take() else { return };
        let (rows, wide) = (self.out.lines.len(), self.out.wide.len());
        let positions = index.rows(run.before, run.stride as usize, run.rows);
        let mut reader =
            ColumnReader { block: self.block, positions, stride: run.stride as usize, rows: run.rows, odd: index.odd, places: self.spans };
        self.out.lines.extend(reader.lines());
        let format = &self.candidates.formats()[run.format];
        let FlowBatch { columns, wide: side, .. } = &mut *self.out;
        if columns.iter_mut().all(|c| reader.read(format.position(c.column), c, side)) && in_order(columns, rows) {
            return;
        }
        let lines = self.out.lines.split_off(rows);
        self.out.truncate(rows, wide);
        for line in lines {
            self.read_carefully(line);
        }
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

impl Run {
    /// Whether the line between two places belongs to it, as far as a glance tells.
    #[inline(always)]
    fn takes(&self, index: &Index, before: u32, place: u32, block: &[u8]) -> bool {
        let first = block.get(index.position(before).wrapping_add(1) as usize);
        self.plain
            && place - before == self.stride
            && first.is_some_and(|b| !b.is_ascii_lowercase())
            && self.shows.holds(index, before, block)
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
