//! Masks, numbers and addresses on processors with AVX2. Safe code throughout: the loads of arrays and the *calls* from
//! code that is not compiled for AVX2 stand in [`super::simd`].

use super::batch::TypedColumn;
use super::block::ColumnReader;
use super::index::{Index, Span, split_with};
use super::mask::Mask;
use super::simd::{load_16, load_32};
use super::swar::LOAD_BYTES;
use std::arch::x86_64::{
    __m128i, _mm_cmpeq_epi8, _mm_cmpgt_epi32, _mm_cvtsi128_si32, _mm_cvtsi128_si64, _mm_madd_epi16, _mm_maddubs_epi16, _mm_min_epu8,
    _mm_movemask_epi8, _mm_or_si128, _mm_packus_epi16, _mm_packus_epi32, _mm_set1_epi8, _mm_set1_epi16, _mm_set1_epi32, _mm_set1_epi64x,
    _mm_shuffle_epi8, _mm_sub_epi8, _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_set1_epi8,
};

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn fill(index: &mut Index, block: &[u8], start: usize) {
    index.fill_with(block, start, |chunk| mask(chunk));
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn split(line: &[u8], spans: &mut Vec<Span>) {
    split_with(line, spans, |chunk| mask(chunk));
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn read_column(reader: &ColumnReader<'_>, at: usize, typed: &mut TypedColumn, wide: &mut Vec<u128>) -> bool {
    reader.read_with(at, typed, wide, |bytes, length| number(bytes, length), |bytes, length| ipv4(bytes, length))
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline]
pub(super) fn mask(chunk: &[u8; 64]) -> Mask {
    let (space, line_feed) = (_mm256_set1_epi8(b' ' as i8), _mm256_set1_epi8(b'\n' as i8));
    let (low, high) = (load_32(&chunk.as_chunks::<32>().0[0]), load_32(&chunk.as_chunks::<32>().0[1]));
    let bits = |low, high| u64::from(_mm256_movemask_epi8(low) as u32) | u64::from(_mm256_movemask_epi8(high) as u32) << 32;
    let up_to_space = |lane| _mm256_cmpeq_epi8(_mm256_min_epu8(lane, space), lane);
    Mask {
        separators: bits(up_to_space(low), up_to_space(high)),
        line_breaks: bits(_mm256_cmpeq_epi8(low, line_feed), _mm256_cmpeq_epi8(high, line_feed)),
        wide: bits(low, high),
    }
}

/// Whether every byte is at most 9.
#[target_feature(enable = "avx2")]
#[inline]
fn all_digits(digits: __m128i) -> bool {
    _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(digits, _mm_set1_epi8(9)), digits)) == 0xffff
}

/// By length: moves a number of up to 16 digits to the right end; 0x80 gives zero.
static TO_THE_RIGHT: [[u8; 16]; 17] = {
    let mut table = [[0x80; 16]; 17];
    let mut length = 0;
    while length <= 16 {
        let mut i = 0;
        while i < length {
            table[length][16 - length + i] = i as u8;
            i += 1;
        }
        length += 1;
    }
    table
};

/// As [`super::swar::number`].
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline]
pub(super) fn number(bytes: &[u8; LOAD_BYTES], length: usize) -> Option<u64> {
    if length == 0 || length > 16 {
        return None;
    }
    let text = _mm_sub_epi8(load_16(bytes.first_chunk()?), _mm_set1_epi8(b'0' as i8));
    let digits = _mm_shuffle_epi8(text, load_16(&TO_THE_RIGHT[length]));
    if !all_digits(digits) {
        return None;
    }
    let pairs = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));
    let fours = _mm_madd_epi16(pairs, _mm_set1_epi32(0x0001_0064));
    let eights = _mm_madd_epi16(_mm_packus_epi32(fours, fours), _mm_set1_epi32(0x0001_2710));
    let both = _mm_cvtsi128_si64(eights) as u64;
    Some((both & 0xffff_ffff) * 100_000_000 + (both >> 32))
}

/// How the octets of an address lie, by their four lengths less one, two bits each.
#[derive(Clone, Copy)]
struct Layout {
    /// Moves each octet to the right end of four bytes.
    shuffle: [u8; 16],
    /// The smallest value without leading zero for each octet's length; 256 where the length is none.
    least: [u8; 16],
}

static LAYOUTS: [Layout; 256] = {
    let mut table = [Layout { shuffle: [0x80; 16], least: [0; 16] }; 256];
    let mut index = 0;
    while index < 256 {
        let (mut octet, mut from) = (0, 0);
        while octet < 4 {
            let length = (index >> (6 - 2 * octet) & 3) + 1;
            let mut i = 0;
            while i < length && from + i < 16 && length <= 3 {
                table[index].shuffle[4 * octet + 4 - length + i] = (from + i) as u8;
                i += 1;
            }
            from += length + 1;
            match length {
                1 => {}
                2 => table[index].least[4 * octet] = 10,
                3 => table[index].least[4 * octet] = 100,
                _ => table[index].least[4 * octet + 1] = 1,
            }
            octet += 1;
        }
        index += 1;
    }
    table
};

/// As [`super::swar::ipv4`].
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline]
pub(super) fn ipv4(bytes: &[u8; LOAD_BYTES], length: usize) -> Option<u32> {
    if !(7..=15).contains(&length) {
        return None;
    }
    let text = load_16(bytes.first_chunk()?);
    let dots = _mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8(b'.' as i8))) as u32;
    let first = dots & ((1 << length) - 1);
    let second = first & first.wrapping_sub(1);
    let third = second & second.wrapping_sub(1);
    if third == 0 || third & (third - 1) != 0 {
        return None;
    }
    let (a, b, c) = (first.trailing_zeros(), second.trailing_zeros(), third.trailing_zeros());
    // Each length less one; an empty octet wraps around.
    let lengths = [a.wrapping_sub(1), b.wrapping_sub(a + 2), c.wrapping_sub(b + 2), (length as u32).wrapping_sub(c + 2)];
    if lengths[0] | lengths[1] | lengths[2] | lengths[3] > 3 {
        return None;
    }
    let layout = &LAYOUTS[(lengths[0] << 6 | lengths[1] << 4 | lengths[2] << 2 | lengths[3]) as usize & 255];
    let digits = _mm_shuffle_epi8(_mm_sub_epi8(text, _mm_set1_epi8(b'0' as i8)), load_16(&layout.shuffle));
    let parts = _mm_maddubs_epi16(digits, _mm_set1_epi32(0x010a_6400));
    let octets = _mm_madd_epi16(parts, _mm_set1_epi16(1));
    let too_small = _mm_cmpgt_epi32(load_16(&layout.least), octets);
    let too_large = _mm_cmpgt_epi32(octets, _mm_set1_epi32(255));
    if _mm_movemask_epi8(_mm_or_si128(too_small, too_large)) != 0 || !all_digits(digits) {
        return None;
    }
    let words = _mm_packus_epi32(octets, _mm_set1_epi64x(0));
    Some((_mm_cvtsi128_si32(_mm_packus_epi16(words, words)) as u32).swap_bytes())
}
