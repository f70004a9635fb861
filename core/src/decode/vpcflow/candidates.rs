//! Which format a line has: the known ones in order of preference, decided by the number of columns and what they hold.

use super::field::{self, epoch_ms};
use super::format::{COLUMNS_MAX, FlowFormat};
use super::index::Span;
use crate::decode::{DecodeError, ErrorCode};
use crate::event::flow::Column;

/// Most headers remembered per stream; the oldest is forgotten.
pub const HEADERS_MAX: usize = 16;
/// Most configured formats per stream; more are ignored.
pub const CONFIGURED_MAX: usize = 64;
const NONE: u8 = u8::MAX;

/// The known formats: headers (newest first), configured ones, defaults.
#[derive(Debug, Clone)]
pub(super) struct Candidates {
    formats: Vec<FlowFormat>,
    headers: usize,
    configured: usize,
    /// By number of columns: the first format of that size, and whether others of that size exist.
    first: [u8; COLUMNS_MAX + 1],
    rivals: [bool; COLUMNS_MAX + 1],
}

impl Candidates {
    pub(super) fn new(configured: impl IntoIterator<Item = FlowFormat>) -> Self {
        let mut formats: Vec<FlowFormat> = Vec::new();
        let mut add = |format: FlowFormat| {
            if !formats.contains(&format) {
                formats.push(format);
            }
            formats.len()
        };
        let configured = configured.into_iter().take(CONFIGURED_MAX).map(&mut add).last().unwrap_or(0);
        add(FlowFormat::default_vpc());
        add(FlowFormat::default_transit_gateway());
        let mut candidates =
            Candidates { formats, headers: 0, configured, first: [NONE; COLUMNS_MAX + 1], rivals: [false; COLUMNS_MAX + 1] };
        candidates.count();
        candidates
    }

    pub(super) fn formats(&self) -> &[FlowFormat] {
        &self.formats
    }

    /// Puts a header in front.
    pub(super) fn remember(&mut self, header: FlowFormat) {
        if self.headers > 0 && self.formats[0] == header {
            return;
        }
        if let Some(at) = self.formats[..self.headers].iter().position(|f| *f == header) {
            self.formats.remove(at);
            self.headers -= 1;
        } else if self.headers == HEADERS_MAX {
            self.formats.remove(HEADERS_MAX - 1);
            self.headers -= 1;
        }
        self.formats.insert(0, header);
        self.headers += 1;
        self.count();
    }

    fn count(&mut self) {
        self.first = [NONE; COLUMNS_MAX + 1];
        self.rivals = [false; COLUMNS_MAX + 1];
        for (i, format) in self.formats.iter().enumerate() {
            let first = &mut self.first[format.len()];
            if *first == NONE {
                *first = i as u8;
            } else if self.formats[usize::from(*first)] != *format {
                self.rivals[format.len()] = true;
            }
        }
    }

    /// The preferred format with this number of columns, and whether another one is of the same size.
    #[inline]
    pub(super) fn of_count(&self, columns: usize) -> Option<(usize, bool)> {
        match self.first.get(columns) {
            None | Some(&NONE) => None,
            Some(&i) => Some((usize::from(i), self.rivals[columns])),
        }
    }

    /// The format of a line: the first plausible one, else the first that fits.
    pub(super) fn decide(&self, line: &[u8], spans: &[Span]) -> Result<usize, DecodeError> {
        let Some((first, rivals)) = self.of_count(spans.len()) else { return Err(self.refuse_count(spans)) };
        let checked = check(&self.formats[first], line, spans);
        if !rivals {
            return checked.map(|()| first);
        }
        let of_size = || (first..self.formats.len()).filter(|i| self.formats[*i].len() == spans.len());
        let fitting = || of_size().filter(|i| check(&self.formats[*i], line, spans).is_ok());
        let plausible = fitting().find(|i| is_plausible(&self.formats[*i], line, spans));
        plausible.or_else(|| fitting().next()).map_or(checked.map(|()| first), Ok)
    }

    #[cold]
    fn refuse_count(&self, spans: &[Span]) -> DecodeError {
        let found = spans.len();
        let stated = &self.formats[..self.headers + self.configured];
        if found > COLUMNS_MAX {
            let detail = format!("a flow-log line of more than {COLUMNS_MAX} columns");
            return DecodeError::new(ErrorCode::FlowColumnCount, 0, detail);
        }
        if let [only] = stated {
            let detail = format!(
                "a flow-log line of {found} columns where the stated format has {}; state its columns with --flow-format",
                only.len()
            );
            return DecodeError::new(ErrorCode::FlowColumnCount, 0, detail);
        }
        let mut sizes: Vec<usize> = self.formats.iter().map(FlowFormat::len).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
        let detail = format!(
            "a flow-log line of {found} columns without a header, where formats of {} columns are known; state its columns with --flow-format",
            sizes.join(", ")
        );
        DecodeError::new(ErrorCode::FlowFormatUnknown, 0, detail)
    }
}

/// Whether every column has its type, and the flow ends after it starts.
fn check(format: &FlowFormat, line: &[u8], spans: &[Span]) -> Result<(), DecodeError> {
    for (at, (column, span)) in format.columns().iter().zip(spans).enumerate() {
        if !field::fits(*column, line, *span) {
            return Err(refuse_value(*column, at, line, *span));
        }
    }
    check_times(format, line, spans)
}

fn check_times(format: &FlowFormat, line: &[u8], spans: &[Span]) -> Result<(), DecodeError> {
    let (Some(start), Some(end)) = (format.position(Column::Start), format.position(Column::End)) else { return Ok(()) };
    let ms = |column, at: usize| field::number_at(column, line, spans[at]).map(epoch_ms);
    match (ms(Column::Start, start), ms(Column::End, end)) {
        (Some(from), Some(to)) if from > to => {
            let detail = format!(
                "column {} (end) lies before column {} (start); if they are other columns, state them with --flow-format",
                end + 1,
                start + 1
            );
            Err(DecodeError::new(ErrorCode::FlowColumnValue, spans[end].start as usize, detail))
        }
        _ => Ok(()),
    }
}

#[cold]
fn refuse_value(column: Option<Column>, at: usize, line: &[u8], span: Span) -> DecodeError {
    let text = span.of(line);
    let shown = text[..text.len().min(40)].escape_ascii();
    let more = if text.len() > 40 { "..." } else { "" };
    let name = column.map_or("unknown to us", Column::name);
    let detail = format!(
        "column {} ({name}) holds \"{shown}{more}\" where {} is expected; if it is another column, state them with --flow-format",
        at + 1,
        field::expected(column)
    );
    DecodeError::new(ErrorCode::FlowColumnValue, span.start as usize, detail)
}

fn is_plausible(format: &FlowFormat, line: &[u8], spans: &[Span]) -> bool {
    format.columns().iter().zip(spans).all(|(column, span)| field::plausible(*column, span.of(line)))
}
