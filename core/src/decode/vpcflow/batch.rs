//! Typed columns of many flows of one block: what [`super::FlowDecoder::decode_block`] fills.

use super::field::{self, epoch_ms};
use super::index::Span;
use super::line::Flow;
use crate::decode::DecodeError;
use crate::decode::unit::Filtered;
use crate::event::Value;
use crate::event::flow::{Column, ColumnKind};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// An absent value in a number or address column.
pub const ABSENT: u64 = u64::MAX;
/// Marks an IPv6 address: the low half is its place in the side table.
const IPV6: u64 = 1 << 32;

/// The flows of one block as typed columns, in the order of their lines, and what else stood there.
/// Texts are spans of the block, so the block must be given again to read them.
#[derive(Debug, Clone, Default)]
pub struct FlowBatch {
    pub(super) columns: Vec<TypedColumn>,
    pub(super) lines: Vec<Span>,
    pub(super) wide: Vec<u128>,
    pub(super) quiet: Vec<Quiet>,
    pub(super) refused: Vec<Refusal>,
}

#[derive(Debug, Clone)]
pub(super) struct TypedColumn {
    pub(super) column: Column,
    pub(super) data: Typed,
}

#[derive(Debug, Clone)]
pub(super) enum Typed {
    Number(Vec<u64>),
    Address(Vec<u64>),
    Text(Vec<Span>),
}

/// A NODATA or SKIPDATA line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// `Filtered::NoData` or `Filtered::SkipData`.
    pub kind: Filtered,
    /// Where the line stands in the block.
    pub line: Range<usize>,
    /// Where its account id stands, if stated and known.
    pub account: Option<Range<usize>>,
    /// Where its interface stands, if stated.
    pub interface: Option<Range<usize>>,
}

/// A line that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Where the line stands in the block.
    pub line: Range<usize>,
    /// Why.
    pub error: DecodeError,
}

/// How many lines of each kind a block held. Their sum is the number of lines.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BlockStats {
    /// Flows: rows of the batch.
    pub flows: usize,
    /// Headers.
    pub headers: usize,
    /// NODATA lines.
    pub no_data: usize,
    /// SKIPDATA lines.
    pub skip_data: usize,
    /// Blank lines.
    pub empty: usize,
    /// Lines refused.
    pub refused: usize,
}

impl FlowBatch {
    /// How many flows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are no flows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Where a flow's line stands in the block, without its line end.
    #[must_use]
    pub fn line(&self, row: usize) -> Range<usize> {
        range(self.lines[row])
    }

    /// NODATA and SKIPDATA lines, in order.
    #[must_use]
    pub fn quiet(&self) -> &[Quiet] {
        &self.quiet
    }

    /// Refused lines, in order.
    #[must_use]
    pub fn refused(&self) -> &[Refusal] {
        &self.refused
    }

    fn data(&self, column: Column) -> Option<&Typed> {
        self.columns.iter().find(|c| c.column == column).map(|c| &c.data)
    }

    /// A number column, [`ABSENT`] where a flow has none. `None` when it was not wanted or holds no numbers.
    #[must_use]
    pub fn numbers(&self, column: Column) -> Option<&[u64]> {
        match self.data(column)? {
            Typed::Number(numbers) => Some(numbers),
            _ => None,
        }
    }

    /// An address column in its raw form, for comparisons: an IPv4 address as its number, [`ABSENT`], or an opaque mark
    /// of an IPv6 address (above `u32::MAX`).
    #[must_use]
    pub fn raw_addresses(&self, column: Column) -> Option<&[u64]> {
        match self.data(column)? {
            Typed::Address(addresses) => Some(addresses),
            _ => None,
        }
    }

    /// The address of a flow.
    #[must_use]
    pub fn address(&self, column: Column, row: usize) -> Option<IpAddr> {
        self.unmark(*self.raw_addresses(column)?.get(row)?)
    }

    fn unmark(&self, raw: u64) -> Option<IpAddr> {
        match raw {
            ABSENT => None,
            0..IPV6 => Some(IpAddr::V4(Ipv4Addr::from(raw as u32))),
            _ => self.wide.get((raw - IPV6) as usize).map(|bits| IpAddr::V6(Ipv6Addr::from(*bits))),
        }
    }

    /// The text of a flow's text column, as it stands in the block.
    #[must_use]
    pub fn text<'b>(&self, block: &'b [u8], column: Column, row: usize) -> Option<&'b str> {
        match self.data(column)? {
            Typed::Text(spans) => std::str::from_utf8(spans.get(row)?.of(block)).ok().filter(|t| !matches!(*t, "-" | "")),
            _ => None,
        }
    }

    /// A flow's value as [`Flow::get`] gives it.
    #[must_use]
    pub fn value<'b>(&self, block: &'b [u8], column: Column, row: usize) -> Option<Value<'b>> {
        match self.data(column)? {
            Typed::Number(numbers) => numbers.get(row).filter(|n| **n != ABSENT).map(|n| Value::Int(*n as i64)),
            Typed::Address(addresses) => self.unmark(*addresses.get(row)?).map(Value::Ip),
            Typed::Text(_) => self.text(block, column, row).map(|text| {
                let text = if field::is_tag(column) { field::percent_decoded(text) } else { Cow::Borrowed(text) };
                Value::Text(text)
            }),
        }
    }

    /// A flow's `start` or `end` in epoch milliseconds.
    #[must_use]
    pub fn time_ms(&self, column: Column, row: usize) -> Option<i64> {
        self.numbers(column)?.get(row).filter(|n| **n != ABSENT).map(|n| epoch_ms(*n))
    }

    /// Forgets the last block; keeps the memory when the same columns are wanted.
    pub(super) fn reset(&mut self, wanted: &[Column]) {
        if self.columns.iter().map(|c| c.column).eq(wanted.iter().copied()) {
            self.truncate(0, 0);
        } else {
            self.columns = wanted.iter().map(|c| TypedColumn { column: *c, data: Typed::of(*c) }).collect();
            self.lines.clear();
            self.wide.clear();
        }
        self.quiet.clear();
        self.refused.clear();
    }

    pub(super) fn truncate(&mut self, rows: usize, wide: usize) {
        self.lines.truncate(rows);
        self.wide.truncate(wide);
        for column in &mut self.columns {
            match &mut column.data {
                Typed::Number(v) | Typed::Address(v) => v.truncate(rows),
                Typed::Text(v) => v.truncate(rows),
            }
        }
    }

    /// Appends one flow whose line starts at `base`.
    pub(super) fn push(&mut self, flow: &Flow<'_, '_>, line: Span) {
        self.lines.push(line);
        for TypedColumn { column, data } in &mut self.columns {
            let text = flow.raw(*column).map(str::as_bytes);
            match data {
                Typed::Number(v) => v.push(text.and_then(|t| field::number(*column, t)).unwrap_or(ABSENT)),
                Typed::Address(v) => v.push(text.and_then(field::address).map_or(ABSENT, |ip| mark(ip, &mut self.wide))),
                Typed::Text(v) => v.push(flow.span(*column).map_or(Span::default(), |s| s.shifted(line.start))),
            }
        }
    }
}

impl Typed {
    fn of(column: Column) -> Self {
        match column.kind() {
            ColumnKind::Number => Typed::Number(Vec::new()),
            ColumnKind::Address => Typed::Address(Vec::new()),
            ColumnKind::Text => Typed::Text(Vec::new()),
        }
    }
}

/// The raw form of an address.
pub(super) fn mark(ip: IpAddr, wide: &mut Vec<u128>) -> u64 {
    match ip {
        IpAddr::V4(ip) => u64::from(u32::from(ip)),
        IpAddr::V6(ip) => {
            wide.push(u128::from(ip));
            IPV6 + (wide.len() as u64 - 1)
        }
    }
}

pub(super) fn range(span: Span) -> Range<usize> {
    span.start as usize..span.end as usize
}
