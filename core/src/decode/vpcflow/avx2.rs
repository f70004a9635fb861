//! Masks, numbers and addresses on processors with AVX2. Safe code throughout: loads and stores of arrays and the *calls* from
//! code that is not compiled for AVX2 stand in [`super::simd`].

use super::columns::{ColumnReader, GROUP, Limits};
use super::index::{Index, Span, split_with, write_positions};
use super::mask::Mask;
use super::simd::{load_16, load_32, load_spans, store_group};
use crate::event::flow::Column;
use std::arch::x86_64::{
    __m128i, __m256i, _mm256_add_epi64, _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_cmpeq_epi64, _mm256_cmpgt_epi32, _mm256_cmpgt_epi64,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_max_epi32, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_mul_epu32, _mm256_or_si256,
    _mm256_permute4x64_epi64, _mm256_set_epi64x, _mm256_set_m128i, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_slli_epi64, _mm256_sllv_epi64, _mm256_srli_epi64,
    _mm256_sub_epi64, _mm256_subs_epu8, _mm256_testz_si256, _mm256_unpacklo_epi64, _mm256_xor_si256,
};

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn fill(index: &mut Index, block: &[u8], start: usize) {
    index.fill_with(block, start, |chunk| mask(chunk), write_positions);
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn split(line: &[u8], spans: &mut Vec<Span>) {
    split_with(line, spans, |chunk| mask(chunk));
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn read_numbers(reader: &ColumnReader<'_>, column: Column, out: &mut Vec<u64>) -> bool {
    reader.numbers_with(column, out, |b, spans, limits| short_numbers(b, spans, limits), |b, spans, limits| long_numbers(b, spans, limits))
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn read_addresses(reader: &ColumnReader<'_>, out: &mut Vec<u64>, wide: &mut Vec<u128>) -> bool {
    reader.addresses_with(out, wide, |block, spans| addresses(block, spans))
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline]
pub(super) fn mask(chunk: &[u8; 64]) -> Mask {
    let (space, line_feed, quote) = (_mm256_set1_epi8(b' ' as i8), _mm256_set1_epi8(b'\n' as i8), _mm256_set1_epi8(b'"' as i8));
    let (low, high) = (load_32(&chunk.as_chunks::<32>().0[0]), load_32(&chunk.as_chunks::<32>().0[1]));
    let bits = |low, high| u64::from(_mm256_movemask_epi8(low) as u32) | u64::from(_mm256_movemask_epi8(high) as u32) << 32;
    let up_to_space = |lane| _mm256_cmpeq_epi8(_mm256_min_epu8(lane, space), lane);
    let quotes = _mm256_or_si256(_mm256_cmpeq_epi8(low, quote), _mm256_cmpeq_epi8(high, quote));
    Mask {
        separators: bits(up_to_space(low), up_to_space(high)),
        line_breaks: bits(_mm256_cmpeq_epi8(low, line_feed), _mm256_cmpeq_epi8(high, line_feed)),
        odd: u64::from(_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(low, high), quotes)) as u32),
    }
}

/// The lengths of four texts.
#[target_feature(enable = "avx2")]
#[inline]
fn lengths(spans: &[Span; GROUP]) -> __m256i {
    let spans = load_spans(spans);
    _mm256_sub_epi64(_mm256_srli_epi64(spans, 32), _mm256_and_si256(spans, _mm256_set1_epi64x(0xffff_ffff)))
}

/// Eight bytes of the block for each of four texts, from where `at` says.
#[target_feature(enable = "avx2")]
#[inline]
fn words(block: &[u8], spans: &[Span; GROUP], at: impl Fn(Span) -> u32) -> Option<__m256i> {
    let word = |span: &Span| block.get(at(*span) as usize..)?.first_chunk().map(|bytes| i64::from_le_bytes(*bytes));
    let [a, b, c, d] = spans;
    Some(_mm256_set_epi64x(word(d)?, word(c)?, word(b)?, word(a)?))
}

/// Eight decimal digits (as values, the first one lowest) in each of four words: their numbers.
#[target_feature(enable = "avx2")]
#[inline]
fn eight_digits(digits: __m256i) -> __m256i {
    let pairs = _mm256_maddubs_epi16(digits, _mm256_set1_epi16(0x010a));
    let fours = _mm256_madd_epi16(pairs, _mm256_set1_epi32(0x0001_0064));
    _mm256_add_epi64(_mm256_mul_epu32(fours, _mm256_set1_epi64x(10_000)), _mm256_srli_epi64(fours, 32))
}

/// Not zero where a byte is above 9 or a length is not in `1..=most`.
#[target_feature(enable = "avx2")]
#[inline]
fn faults(digits: __m256i, lengths: __m256i, most: i64) -> __m256i {
    let too_long =
        _mm256_or_si256(_mm256_cmpgt_epi64(lengths, _mm256_set1_epi64x(most)), _mm256_cmpeq_epi64(lengths, _mm256_setzero_si256()));
    _mm256_or_si256(_mm256_subs_epu8(digits, _mm256_set1_epi8(9)), too_long)
}

/// Not zero where a number is outside of limits below 2^63.
#[target_feature(enable = "avx2")]
#[inline]
fn outside(numbers: __m256i, (low, high): Limits) -> __m256i {
    let too_low = _mm256_cmpgt_epi64(_mm256_set1_epi64x(low as i64), numbers);
    _mm256_or_si256(too_low, _mm256_cmpgt_epi64(numbers, _mm256_set1_epi64x(high as i64)))
}

#[target_feature(enable = "avx2")]
#[inline]
fn group(numbers: __m256i, faults: __m256i) -> Option<[u64; GROUP]> {
    let mut group = [0; GROUP];
    store_group(&mut group, numbers);
    (_mm256_testz_si256(faults, faults) == 1).then_some(group)
}

/// Four numbers of 1 to 8 digits; `None` when one of them is none, or too near to the end of the block.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline]
pub(super) fn short_numbers(block: &[u8], spans: &[Span; GROUP], limits: Limits) -> Option<[u64; GROUP]> {
    let text = words(block, spans, |span| span.start)?;
    let lengths = lengths(spans);
    // The text moves to the high end; the zero bytes that come in below are leading zeros. A shift of 64 and above gives zero.
    let shift = _mm256_sub_epi64(_mm256_set1_epi64x(64), _mm256_slli_epi64(lengths, 3));
    let digits = _mm256_sllv_epi64(_mm256_xor_si256(text, _mm256_set1_epi8(b'0' as i8)), shift);
    let number = eight_digits(digits);
    group(number, _mm256_or_si256(faults(digits, lengths, 8), outside(number, limits)))
}

/// Four numbers of 1 to 16 digits; `None` when one of them is none, or ends in the first 15 bytes of the block.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline]
pub(super) fn long_numbers(block: &[u8], spans: &[Span; GROUP], limits: Limits) -> Option<[u64; GROUP]> {
    let high = words(block, spans, |span| span.end.wrapping_sub(16))?;
    let low = words(block, spans, |span| span.end.wrapping_sub(8))?;
    let lengths = lengths(spans);
    let bits = _mm256_slli_epi64(lengths, 3);
    let (zeros, ones) = (_mm256_set1_epi8(b'0' as i8), _mm256_set1_epi8(-1));
    // What stands before the text is masked away. A shift of 64 and above, also by what should be negative, gives zero.
    let low_shift = _mm256_max_epi32(_mm256_sub_epi64(_mm256_set1_epi64x(64), bits), _mm256_setzero_si256());
    let high_shift = _mm256_sub_epi64(_mm256_set1_epi64x(128), bits);
    let low = _mm256_and_si256(_mm256_xor_si256(low, zeros), _mm256_sllv_epi64(ones, low_shift));
    let high = _mm256_and_si256(_mm256_xor_si256(high, zeros), _mm256_sllv_epi64(ones, high_shift));
    let number = _mm256_add_epi64(_mm256_mul_epu32(eight_digits(high), _mm256_set1_epi64x(100_000_000)), eight_digits(low));
    let faults = _mm256_or_si256(faults(low, lengths, 16), _mm256_subs_epu8(high, _mm256_set1_epi8(9)));
    group(number, _mm256_or_si256(faults, outside(number, limits)))
}

/// How the octets of an address lie.
#[derive(Clone, Copy)]
#[repr(C)]
struct Layout {
    /// Moves each octet to the right end of four bytes.
    shuffle: [u8; 16],
    /// The smallest value without leading zero for each octet's length.
    least: [u8; 16],
    /// Where dots stand, and the end. [`NO_DOTS`] where no address has this hash.
    dots: u32,
}

const NO_DOTS: u32 = u32::MAX;

/// Finds the layout of each of the 81 ways to place dots and end.
fn layout(dots: u32) -> &'static Layout {
    &LAYOUTS[hash(dots)]
}

/// Different for the 81 ways: the table's making stops the build otherwise.
const fn hash(dots: u32) -> usize {
    (dots.wrapping_mul(0xe07b_db9f) >> 24) as usize
}

static LAYOUTS: [Layout; 256] = {
    let mut table = [Layout { shuffle: [0x80; 16], least: [0; 16], dots: NO_DOTS }; 256];
    let mut code = 0;
    while code < 81 {
        let layout = layout_of([code / 27 + 1, code / 9 % 3 + 1, code / 3 % 3 + 1, code % 3 + 1]);
        let place = hash(layout.dots);
        assert!(table[place].dots == NO_DOTS, "two layouts with one hash");
        table[place] = layout;
        code += 1;
    }
    table
};

const fn layout_of(lengths: [usize; 4]) -> Layout {
    let mut layout = Layout { shuffle: [0x80; 16], least: [0; 16], dots: 0 };
    let (mut octet, mut from) = (0, 0);
    while octet < 4 {
        let length = lengths[octet];
        let mut i = 0;
        while i < length {
            layout.shuffle[4 * octet + 4 - length + i] = (from + i) as u8;
            i += 1;
        }
        from += length + 1;
        layout.dots |= 1 << (from - 1);
        layout.least[4 * octet] = [0, 10, 100][length - 1];
        octet += 1;
    }
    layout
}

/// Four IPv4 addresses; `None` when one of them is none, or too near to the end of the block.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline]
pub(super) fn addresses(block: &[u8], spans: &[Span; GROUP]) -> Option<[u64; GROUP]> {
    let [a, b, c, d] = spans;
    let (first, second) = (two_addresses(block, a, b)?, two_addresses(block, c, d)?);
    // Each half of both holds one number in its low word.
    let mixed = _mm256_unpacklo_epi64(first, second);
    group(_mm256_permute4x64_epi64(mixed, 0b11_01_10_00), _mm256_setzero_si256())
}

/// Two addresses, each in the low word of its half.
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline]
fn two_addresses(block: &[u8], left: &Span, right: &Span) -> Option<__m256i> {
    let load = |span: &Span| block.get(span.start as usize..)?.first_chunk().map(|bytes| load_16(bytes));
    let text = both(load(left)?, load(right)?);
    let dots = _mm256_movemask_epi8(_mm256_cmpeq_epi8(text, _mm256_set1_epi8(b'.' as i8))) as u32;
    let (left_dots, right_dots) = (with_end(dots & 0xffff, left), with_end(dots >> 16, right));
    let (left, right) = (layout(left_dots), layout(right_dots));
    let digits = _mm256_xor_si256(text, _mm256_set1_epi8(b'0' as i8));
    let digits = _mm256_shuffle_epi8(digits, both(load_16(&left.shuffle), load_16(&right.shuffle)));
    let parts = _mm256_maddubs_epi16(digits, _mm256_set1_epi32(0x010a_6400));
    let octets = _mm256_madd_epi16(parts, _mm256_set1_epi16(1));
    let too_small = _mm256_cmpgt_epi32(both(load_16(&left.least), load_16(&right.least)), octets);
    let too_large = _mm256_cmpgt_epi32(octets, _mm256_set1_epi32(255));
    let faults = _mm256_or_si256(_mm256_or_si256(too_small, too_large), _mm256_subs_epu8(digits, _mm256_set1_epi8(9)));
    let laid = left.dots == left_dots && right.dots == right_dots;
    let numbers = _mm256_shuffle_epi8(octets, both(load_16(&TO_NUMBER), load_16(&TO_NUMBER)));
    (laid && _mm256_testz_si256(faults, faults) == 1).then_some(numbers)
}

/// Takes the low byte of each octet, the last octet lowest.
static TO_NUMBER: [u8; 16] = [12, 8, 4, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80];

#[target_feature(enable = "avx2")]
#[inline]
fn both(left: __m128i, right: __m128i) -> __m256i {
    _mm256_set_m128i(right, left)
}

/// The dots inside a text, and its end; 0, which no layout has, when it is far too long.
#[target_feature(enable = "avx2,bmi1,bmi2")]
#[inline]
fn with_end(dots: u32, span: &Span) -> u32 {
    1u32.checked_shl(span.end - span.start).map_or(0, |end| dots & (end - 1) | end)
}
