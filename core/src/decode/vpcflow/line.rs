//! One line as a typed view: values are read when they are asked for.

use super::field::{self, epoch_ms};
use super::format::FlowFormat;
use super::index::Span;
use crate::event::Value;
use crate::event::flow::{Column, ColumnKind};
use std::borrow::Cow;

/// The columns by which a line without `log-status` shows that it holds traffic.
pub(super) const TRAFFIC: [Column; 9] = [
    Column::SrcAddr,
    Column::DstAddr,
    Column::PktSrcAddr,
    Column::PktDstAddr,
    Column::SrcPort,
    Column::DstPort,
    Column::Protocol,
    Column::Packets,
    Column::Bytes,
];

/// What a line is. `'d` is the decoder's loan, `'a` the line's life.
#[derive(Debug)]
pub enum FlowLine<'d, 'a> {
    /// A flow.
    Flow(Flow<'d, 'a>),
    /// A header: remembered by the decoder.
    Header,
    /// The interface was quiet. Coverage, no flow.
    NoData {
        /// Owner of the interface, if stated and known.
        account: Option<&'a str>,
        /// The interface, if stated.
        interface: Option<&'a str>,
    },
    /// Flows were lost upstream. A loss signal, no flow.
    SkipData {
        /// Owner of the interface, if stated and known.
        account: Option<&'a str>,
        /// The interface, if stated.
        interface: Option<&'a str>,
    },
    /// Nothing but blanks.
    Empty,
}

/// A flow whose columns were checked against its format.
#[derive(Debug, Clone, Copy)]
pub struct Flow<'d, 'a> {
    line: &'a str,
    spans: &'d [Span],
    format: &'d FlowFormat,
}

impl<'d, 'a> Flow<'d, 'a> {
    pub(super) fn new(line: &'a str, spans: &'d [Span], format: &'d FlowFormat) -> Self {
        Flow { line, spans, format }
    }

    /// A flow unless `log-status`, or the lack of any traffic, says otherwise.
    pub(super) fn classify(self) -> FlowLine<'d, 'a> {
        let silent = match self.format.position(Column::LogStatus) {
            Some(at) => match self.text_at(at) {
                "NODATA" => true,
                "SKIPDATA" => return FlowLine::SkipData { account: self.account(), interface: self.raw(Column::InterfaceId) },
                _ => false,
            },
            None => {
                let mut traffic = TRAFFIC.into_iter().filter_map(|c| self.format.position(c)).peekable();
                traffic.peek().is_some() && traffic.all(|at| self.text_at(at) == "-")
            }
        };
        if silent {
            return FlowLine::NoData { account: self.account(), interface: self.raw(Column::InterfaceId) };
        }
        FlowLine::Flow(self)
    }

    #[inline]
    fn text_at(&self, at: usize) -> &'a str {
        let span = self.spans[at];
        &self.line[span.start as usize..span.end as usize]
    }

    #[inline]
    pub(super) fn span(&self, column: Column) -> Option<Span> {
        self.format.position(column).map(|at| self.spans[at])
    }

    /// The column's text as it stands in the line; `None` when the format lacks it or it holds `-`.
    #[must_use]
    #[inline]
    pub fn raw(&self, column: Column) -> Option<&'a str> {
        Some(self.text_at(self.format.position(column)?)).filter(|t| *t != "-")
    }

    /// The column's value, typed; tags with their percent escapes read. `start` and `end` stay as written, see
    /// [`Flow::start_ms`].
    #[must_use]
    pub fn get(&self, column: Column) -> Option<Value<'a>> {
        let (text, span, line) = (self.raw(column)?, self.span(column)?, self.line.as_bytes());
        Some(match column.kind() {
            ColumnKind::Number => Value::Int(field::number_at(column, line, span)? as i64),
            ColumnKind::Address => Value::Ip(field::address_at(line, span)?),
            ColumnKind::Text if field::is_tag(column) => Value::Text(field::percent_decoded(text)),
            ColumnKind::Text => Value::Text(Cow::Borrowed(text)),
        })
    }

    /// When the first packet came, in epoch milliseconds.
    #[must_use]
    pub fn start_ms(&self) -> Option<i64> {
        self.time_ms(Column::Start)
    }

    /// When the last packet came, in epoch milliseconds.
    #[must_use]
    pub fn end_ms(&self) -> Option<i64> {
        self.time_ms(Column::End)
    }

    fn time_ms(&self, column: Column) -> Option<i64> {
        field::number(column, self.raw(column)?.as_bytes()).map(epoch_ms)
    }

    /// The owner's account id with its leading zeros; `None` also for the word `unknown`.
    #[must_use]
    pub fn account(&self) -> Option<&'a str> {
        self.raw(Column::AccountId).filter(|t| *t != "unknown")
    }

    /// Whether this is a Transit Gateway flow, which has neither action nor interface.
    #[must_use]
    pub fn is_transit_gateway(&self) -> bool {
        self.format.is_transit_gateway()
    }

    /// The format that was found for the line.
    #[must_use]
    pub fn format(&self) -> &'d FlowFormat {
        self.format
    }

    /// The line itself.
    #[must_use]
    pub fn line(&self) -> &'a str {
        self.line
    }
}
