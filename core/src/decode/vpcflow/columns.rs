//! One column of a run of lines: the places of its texts, then the texts in groups of four rows, without a branch per row.
//!
//! What a group cannot read (an absent value, a number of more than 16 digits, IPv6, the first bytes of a block) is read row by
//! row by the plain parsers in [`super::field`].

use super::batch::{ABSENT, Typed, TypedColumn, mark};
use super::field;
use super::index::Span;
use super::simd;
use super::swar::{self, LOAD_BYTES};
use crate::event::flow::Column;

/// Rows read at once.
pub(super) const GROUP: usize = 4;
/// The largest number that eight digits spell.
const SHORT_MAX: u64 = 99_999_999;

/// The smallest and the largest number of a column.
pub(super) type Limits = (u64, u64);

/// The lines of a run.
pub(super) struct ColumnReader<'r> {
    pub(super) block: &'r [u8],
    /// All separators of the run, from the one before its first line on, and as many as one more line would have.
    pub(super) positions: &'r [u32],
    /// Separators per line.
    pub(super) stride: usize,
    pub(super) rows: usize,
    /// Some byte around is a quote or above 0x7f.
    pub(super) odd: bool,
    pub(super) places: &'r mut Vec<Span>,
}

impl ColumnReader<'_> {
    /// The lines, without their line breaks.
    pub(super) fn lines(&self) -> impl Iterator<Item = Span> + use<'_> {
        let (starts, ends) = (self.chunks(0), self.chunks(self.stride));
        starts.zip(ends).map(|(start, end)| Span { start: start[0].wrapping_add(1), end: end[0] })
    }

    /// Appends the column of all rows; `false` when a row holds what the column must not.
    pub(super) fn read(&mut self, at: Option<usize>, typed: &mut TypedColumn, wide: &mut Vec<u128>) -> bool {
        let column = typed.column;
        match (&mut typed.data, at) {
            (Typed::Number(v) | Typed::Address(v), None) => v.resize(v.len() + self.rows, ABSENT),
            (Typed::Text(v), None) => v.resize(v.len() + self.rows, Span::default()),
            (Typed::Text(v), Some(at)) => return self.read_texts(column, at, v),
            (Typed::Number(v), Some(at)) => {
                self.find(at);
                return simd::read_numbers(self, column, v);
            }
            (Typed::Address(v), Some(at)) => {
                self.find(at);
                return simd::read_addresses(self, v, wide);
            }
        }
        true
    }

    /// Where the texts of a column stand.
    fn spans(&self, at: usize) -> impl Iterator<Item = Span> + use<'_> {
        self.chunks(at).map(|pair| match pair {
            [before, end, ..] => Span { start: before.wrapping_add(1), end: *end },
            _ => unreachable!("a separator stands before and behind every column"),
        })
    }

    /// Per row its separators from column `at` on.
    fn chunks(&self, at: usize) -> std::slice::ChunksExact<'_, u32> {
        self.positions[at..][..self.stride * self.rows].chunks_exact(self.stride)
    }

    fn find(&mut self, at: usize) {
        let mut places = std::mem::take(self.places);
        places.clear();
        places.extend(self.spans(at));
        *self.places = places;
    }

    fn read_texts(&self, column: Column, at: usize, out: &mut Vec<Span>) -> bool {
        let from = out.len();
        out.extend(self.spans(at));
        let added = &out[from..];
        match column {
            Column::Action => added.iter().fold(true, |good, span| good & is_action(self.block, *span)),
            // Only rows whose status is OK are in a run.
            _ => !self.odd || added.iter().all(|span| span.of(self.block)[0] != b'"'),
        }
    }

    /// Appends a number column whose places were found, with these ways to read four numbers of up to 8 and up to 16 digits.
    #[inline(always)]
    pub(super) fn numbers_with(
        &self,
        column: Column,
        out: &mut Vec<u64>,
        short: impl Fn(&[u8], &[Span; GROUP], Limits) -> Option<[u64; GROUP]>,
        long: impl Fn(&[u8], &[Span; GROUP], Limits) -> Option<[u64; GROUP]>,
    ) -> bool {
        let limits = field::number_range(column);
        let (block, one) = (self.block, |span: Span, good: &mut bool| slow_number(column, self.block, span, good));
        if limits.1 <= SHORT_MAX {
            self.groups(out, |spans| short(block, spans, limits), one)
        } else {
            self.groups(out, |spans| long(block, spans, limits), one)
        }
    }

    /// Appends an address column whose places were found, with this way to read four IPv4 addresses.
    #[inline(always)]
    pub(super) fn addresses_with(
        &self,
        out: &mut Vec<u64>,
        wide: &mut Vec<u128>,
        four: impl Fn(&[u8], &[Span; GROUP]) -> Option<[u64; GROUP]>,
    ) -> bool {
        self.groups(out, |spans| four(self.block, spans), |span, good| slow_address(self.block, span, wide, good))
    }

    /// Appends all rows, in groups, and one by one where `four` cannot; `false` when a row holds what it must not.
    #[inline(always)]
    fn groups(
        &self,
        out: &mut Vec<u64>,
        four: impl Fn(&[Span; GROUP]) -> Option<[u64; GROUP]>,
        mut one: impl FnMut(Span, &mut bool) -> u64,
    ) -> bool {
        let from = out.len();
        out.resize(from + self.rows, 0);
        let mut good = true;
        let (spans, last_spans) = self.places.as_chunks::<GROUP>();
        let (slots, last_slots) = out[from..].as_chunks_mut::<GROUP>();
        for (slots, spans) in slots.iter_mut().zip(spans) {
            match four(spans) {
                Some(values) => *slots = values,
                None => slots.iter_mut().zip(spans).for_each(|(slot, span)| *slot = one(*span, &mut good)),
            }
        }
        last_slots.iter_mut().zip(last_spans).for_each(|(slot, span)| *slot = one(*span, &mut good));
        good
    }
}

/// The bytes from the start of a text on.
#[inline]
pub(super) fn load(block: &[u8], span: Span) -> Option<(&[u8; LOAD_BYTES], usize)> {
    Some((block.get(span.start as usize..)?.first_chunk()?, (span.end - span.start) as usize))
}

/// Four numbers of 1 to 16 digits, on every processor.
#[inline]
pub(super) fn four_numbers(block: &[u8], spans: &[Span; GROUP], (low, high): Limits) -> Option<[u64; GROUP]> {
    let number = |span| load(block, span).and_then(|(bytes, length)| swar::number(bytes, length));
    four(spans, |span| number(span).filter(|n| (low..=high).contains(n)))
}

/// Four IPv4 addresses, on every processor.
#[inline]
pub(super) fn four_addresses(block: &[u8], spans: &[Span; GROUP]) -> Option<[u64; GROUP]> {
    four(spans, |span| load(block, span).and_then(|(bytes, length)| swar::ipv4(bytes, length)).map(u64::from))
}

#[inline]
fn four(spans: &[Span; GROUP], read: impl Fn(Span) -> Option<u64>) -> Option<[u64; GROUP]> {
    let [a, b, c, d] = spans.map(read);
    Some([a?, b?, c?, d?])
}

#[inline(never)]
fn slow_number(column: Column, block: &[u8], span: Span, good: &mut bool) -> u64 {
    let text = span.of(block);
    if text == b"-" && field::may_be_absent(column) {
        return ABSENT;
    }
    let number = field::number(column, text);
    *good &= number.is_some();
    number.unwrap_or(ABSENT)
}

#[inline(never)]
fn slow_address(block: &[u8], span: Span, wide: &mut Vec<u128>, good: &mut bool) -> u64 {
    let text = span.of(block);
    if text == b"-" {
        return ABSENT;
    }
    let address = field::address_at(block, span);
    *good &= address.is_some();
    address.map_or(ABSENT, |ip| mark(ip, wide))
}

#[inline(always)]
fn is_action(block: &[u8], span: Span) -> bool {
    const SIX: u64 = 0xffff_ffff_ffff;
    const ACCEPT: u64 = u64::from_le_bytes(*b"ACCEPT\0\0");
    const REJECT: u64 = u64::from_le_bytes(*b"REJECT\0\0");
    let word = block.get(span.start as usize..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes)) & SIX;
    // Not by `||`: accepted and rejected flows come in no order that a processor could guess.
    let usual = (word == ACCEPT) | (word == REJECT);
    (usual & (span.end - span.start == 6)) || matches!(span.of(block), b"ACCEPT" | b"REJECT" | b"-")
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "x86_64")]
    use super::super::simd::probe;
    use super::*;
    use std::net::Ipv4Addr;

    /// Four texts with a blank around each, far from both ends of the block.
    fn laid_out(texts: &[String; GROUP]) -> (Vec<u8>, [Span; GROUP]) {
        let mut block = b"0123456789.1.1.1".to_vec();
        let spans = std::array::from_fn(|i| {
            let start = block.len() as u32 + 1;
            block.extend_from_slice(format!(" {} ", texts[i]).as_bytes());
            Span { start, end: start + texts[i].len() as u32 }
        });
        block.extend_from_slice(b"0123456789.1.1.1.1.1.1.1");
        (block, spans)
    }

    fn number(random: &mut fastrand::Rng) -> String {
        let longest = random.choice([8, 16, 20]).unwrap_or(8);
        let shortest = usize::from(random.u8(0..20) > 0);
        let length = random.usize(shortest..=longest);
        let mut text: String = (0..length).map(|_| random.digit(10)).collect();
        if length > 0 && random.u8(0..20) == 0 {
            let at = random.usize(0..length);
            text.replace_range(at..=at, random.choice(["+", "/", ":", "-", "a", "~"]).unwrap_or("+"));
        }
        text
    }

    #[test]
    fn four_numbers_equal_the_plain_parser() {
        let mut random = fastrand::Rng::with_seed(4);
        let mut read = 0;
        for _ in 0..50_000 {
            let texts = std::array::from_fn(|_| number(&mut random));
            let (block, spans) = laid_out(&texts);
            let limits = (random.u64(0..3), 10u64.pow(random.u32(4..19)));
            let expected = |most| {
                let fits =
                    |n: &u64, t: &String| t.len() <= most && t.bytes().all(|b| b.is_ascii_digit()) && (limits.0..=limits.1).contains(n);
                let one = |t: &String| t.parse().ok().filter(|n| fits(n, t));
                let all: Option<Vec<u64>> = texts.iter().map(one).collect();
                all.and_then(|n| n.try_into().ok())
            };
            assert_eq!(four_numbers(&block, &spans, limits), expected(16), "{texts:?}");
            read += usize::from(expected(16).is_some());
            #[cfg(target_arch = "x86_64")]
            for (found, most) in [(probe::short_numbers(&block, &spans, limits), 8), (probe::long_numbers(&block, &spans, limits), 16)] {
                assert_eq!(found.unwrap_or(expected(most)), expected(most), "{texts:?}");
            }
        }
        assert!(read > 1_000);
    }

    fn address(random: &mut fastrand::Rng) -> String {
        let odd = random.u8(0..10) == 0;
        let mut octet = || match random.u8(0..12) {
            0 if odd => random.u32(0..1_000).to_string(),
            1 if odd => format!("0{}", random.u32(0..30)),
            2 if odd => random.choice(["", "-1", "1a", ":", "0000", "."]).unwrap_or("").to_owned(),
            3 => random.u8(0..10).to_string(),
            _ => random.u8(..).to_string(),
        };
        let text = std::array::from_fn::<_, 4, _>(|_| octet()).join(".");
        if odd && octet().starts_with('1') { format!("{text}.{}", "1.".repeat(octet().len() * 8)) } else { text }
    }

    #[test]
    fn four_addresses_equal_the_plain_parser() {
        let mut random = fastrand::Rng::with_seed(6);
        let mut read = 0;
        for _ in 0..100_000 {
            let texts = std::array::from_fn(|_| address(&mut random));
            let (block, spans) = laid_out(&texts);
            let all: Option<Vec<u64>> = texts.iter().map(|t| t.parse::<Ipv4Addr>().ok().map(|ip| u64::from(u32::from(ip)))).collect();
            let expected = all.and_then(|all| all.try_into().ok());
            assert_eq!(four_addresses(&block, &spans), expected, "{texts:?}");
            read += usize::from(expected.is_some());
            #[cfg(target_arch = "x86_64")]
            assert_eq!(probe::addresses(&block, &spans).unwrap_or(expected), expected, "{texts:?}");
        }
        assert!(read > 10_000);
    }
}
