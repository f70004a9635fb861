//! VPC and Transit Gateway flow logs, versions 2 to 11: text lines straight into typed columns.
//!
//! Owns the columns' order ([`FlowFormat`]), the decision which format a line without header has ([`FlowDecoder`]), the
//! typed view of one line ([`Flow`]) and the typed columns of a whole block of lines ([`FlowBatch`]).
//! Never guesses a value: a column that does not hold what its name says refuses the line, `-` is an absent value, NODATA and
//! SKIPDATA are no flows. Never allocates per line, except for a tag that holds percent escapes and for a refusal's sentence.
//!
//! **A line.** Columns are separated by bytes up to 0x20; runs of them count once, so `\r\n` and trailing blanks do no harm.
//! Quotes are not stripped. A line whose words are all column-like names, half of them known, is a header.
//!
//! **The decision.** Each line is decided on its own among the formats with its number of columns, in this order: headers
//! seen in this stream (newest first), configured formats, the default formats. The first one in which every column is
//! *plausible* (a time after the year 2000, an interface `eni-...`) wins; without such, the first one whose types *fit*.
//! The outcome depends on the line, the headers before it and the configuration, not on the lines between.
//!
//! **Limits.** [`COLUMNS_MAX`] columns, [`HEADERS_MAX`] remembered headers (the oldest is forgotten), [`CONFIGURED_MAX`] configured formats, integers of at most 19
//! digits below 2^63, times up to the year 9999, blocks below 4 GiB.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod batch;
mod block;
mod candidates;
mod columns;
mod field;
mod format;
mod index;
mod line;
mod mask;
mod simd;
mod swar;
#[cfg(test)]
mod tests;

pub use batch::{ABSENT, BlockStats, FlowBatch, Quiet, Refusal};
pub use candidates::{CONFIGURED_MAX, HEADERS_MAX};
pub use field::epoch_ms;
pub use format::{COLUMNS_MAX, FlowFormat, FlowFormatError};
pub use line::{Flow, FlowLine};

use super::DecodeError;
use crate::event::flow::Column;
use candidates::Candidates;
use index::{Index, Span};

/// Decodes the lines of one stream or file. Holds the formats known there.
#[derive(Debug, Clone)]
pub struct FlowDecoder {
    candidates: Candidates,
    spans: Vec<Span>,
    index: Option<Box<Index>>,
}

impl FlowDecoder {
    /// A decoder for one stream. `configured` is the format of its header-less lines, if stated; the default VPC and Transit
    /// Gateway formats are always known.
    #[must_use]
    pub fn new(configured: Option<FlowFormat>) -> Self {
        Self::with_formats(configured)
    }

    /// A decoder for a stream in which several stated formats may interleave, the first one preferred.
    #[must_use]
    pub fn with_formats(configured: impl IntoIterator<Item = FlowFormat>) -> Self {
        FlowDecoder { candidates: Candidates::new(configured), spans: Vec::with_capacity(COLUMNS_MAX), index: None }
    }

    /// The formats in the order in which they are tried.
    #[must_use]
    pub fn formats(&self) -> &[FlowFormat] {
        self.candidates.formats()
    }

    /// Decodes one line, with or without its line end. A header is remembered for the lines that follow.
    ///
    /// # Errors
    /// `FlowFormatUnknown`, `FlowColumnCount` or `FlowColumnValue`, naming column and remedy.
    pub fn decode<'d, 'a>(&'d mut self, line: &'a str) -> Result<FlowLine<'d, 'a>, DecodeError> {
        simd::split(line.as_bytes(), &mut self.spans);
        if self.spans.is_empty() {
            return Ok(FlowLine::Empty);
        }
        if let Some(header) = FlowFormat::from_header(line) {
            self.candidates.remember(header);
            return Ok(FlowLine::Header);
        }
        let format = self.candidates.decide(line.as_bytes(), &self.spans)?;
        Ok(Flow::new(line, &self.spans, &self.candidates.formats()[format]).classify())
    }

    /// Decodes a block of lines into typed columns, each line as [`FlowDecoder::decode`] would; what `out` held is forgotten.
    /// A column that is not wanted is not checked where the number of columns alone decides the format.
    ///
    /// # Panics
    /// When the block has 4 GiB or more.
    pub fn decode_block(&mut self, block: &[u8], wanted: &[Column], out: &mut FlowBatch) -> BlockStats {
        assert!(u32::try_from(block.len()).is_ok(), "invariant: a block is below 4 GiB");
        out.reset(wanted);
        let FlowDecoder { candidates, spans, index } = self;
        let reader = block::BlockReader { candidates, spans, block, out, stats: BlockStats::default() };
        reader.read(index.get_or_insert_default())
    }
}
