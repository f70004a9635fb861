//! What 64 bytes hold, as one bit per byte: 32 bytes at a time where the processor has AVX2, else eight in a `u64`.
//!
//! The one file here with `unsafe`, and it has one kind of it: the call of a function that is compiled for AVX2. **Proof:**
//! each such call stands behind [`has_avx2`], which asks the processor for every feature these functions are compiled with.
//! They take slices and arrays, load through `from_le_bytes`, and touch no pointer. Both ways are tested against a byte loop.
#![expect(unsafe_code, reason = "functions compiled for AVX2 may only be called where the processor has it")]

use super::index::{Index, Span};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// One bit per byte, the first byte lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mask {
    /// Bytes up to 0x20.
    pub(super) separators: u64,
    /// Line feeds.
    pub(super) line_breaks: u64,
    /// Not zero when some byte is above 0x7f.
    pub(super) wide: u64,
}

impl Mask {
    /// The mask of the 64 bytes from `at`; what lies behind the end is no separator.
    #[inline(always)]
    pub(super) fn of(bytes: &[u8], at: usize, mask: impl Fn(&[u8; 64]) -> Mask) -> Self {
        if let Some(chunk) = bytes[at..].first_chunk::<64>() {
            return mask(chunk);
        }
        let mut padded = [b'x'; 64];
        padded[..bytes.len() - at].copy_from_slice(&bytes[at..]);
        mask(&padded)
    }
}

/// [`Index::fill_with`] on this processor.
pub(super) fn fill(index: &mut Index, block: &[u8], start: usize) {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has every feature of `avx2`.
        return unsafe { avx2::fill(index, block, start) };
    }
    index.fill_with(block, start, mask);
}

/// [`super::index::split_with`] on this processor.
pub(super) fn split(line: &[u8], spans: &mut Vec<Span>) {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has every feature of `avx2`.
        return unsafe { avx2::split(line, spans) };
    }
    super::index::split_with(line, spans, mask);
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("popcnt")
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Index, Mask, Span};
    use std::arch::x86_64::{__m256i, _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_set_epi64x, _mm256_set1_epi8};

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    pub(super) fn fill(index: &mut Index, block: &[u8], start: usize) {
        index.fill_with(block, start, |chunk| mask(chunk));
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    pub(super) fn split(line: &[u8], spans: &mut Vec<Span>) {
        crate::decode::vpcflow::index::split_with(line, spans, |chunk| mask(chunk));
    }

    #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
    #[inline]
    pub(super) fn mask(chunk: &[u8; 64]) -> Mask {
        let (space, line_feed) = (_mm256_set1_epi8(b' ' as i8), _mm256_set1_epi8(b'\n' as i8));
        let (low, high) = (lane(chunk, 0), lane(chunk, 4));
        let bits = |low, high| u64::from(_mm256_movemask_epi8(low) as u32) | u64::from(_mm256_movemask_epi8(high) as u32) << 32;
        let up_to_space = |lane| _mm256_cmpeq_epi8(_mm256_min_epu8(lane, space), lane);
        Mask {
            separators: bits(up_to_space(low), up_to_space(high)),
            line_breaks: bits(_mm256_cmpeq_epi8(low, line_feed), _mm256_cmpeq_epi8(high, line_feed)),
            wide: bits(low, high),
        }
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    fn lane(chunk: &[u8; 64], from: usize) -> __m256i {
        let word = |i: usize| i64::from_le_bytes(chunk.as_chunks::<8>().0[from + i]);
        _mm256_set_epi64x(word(3), word(2), word(1), word(0))
    }
}

#[inline]
fn mask(chunk: &[u8; 64]) -> Mask {
    let mut mask = Mask { separators: 0, line_breaks: 0, wide: 0 };
    for (i, part) in chunk.as_chunks::<8>().0.iter().enumerate() {
        let word = u64::from_le_bytes(*part);
        // A byte up to 0x20 gets no high bit when 0x5f is added; a byte above 0x7f has one already.
        let above = ((word & !HIGH) + 0x5f * ONES) | word;
        mask.separators |= gather(!above & HIGH) << (8 * i);
        mask.line_breaks |= gather(equal(word, b'\n')) << (8 * i);
        mask.wide |= word & HIGH;
    }
    mask
}

/// Which of 16 bytes are dots.
#[inline]
pub(super) fn dots(part: &[u8; 16]) -> u32 {
    let both = u128::from_le_bytes(*part);
    (gather(equal(both as u64, b'.')) | gather(equal((both >> 64) as u64, b'.')) << 8) as u32
}

/// The high bit of every byte that equals `byte`.
#[inline]
fn equal(word: u64, byte: u8) -> u64 {
    let differs = word ^ (u64::from(byte) * ONES);
    !(((differs & !HIGH) + !HIGH) | differs) & HIGH
}

/// Eight high bits as one byte.
#[inline]
fn gather(high_bits: u64) -> u64 {
    (high_bits >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_equal_a_byte_loop() {
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..20_000 {
            let narrow = random.bool();
            let chunk: [u8; 64] = std::array::from_fn(|_| if narrow { random.u8(0..0x30) } else { random.u8(..) });
            let bits = |f: fn(u8) -> bool| chunk.iter().enumerate().fold(0u64, |m, (i, b)| m | u64::from(f(*b)) << i);
            #[cfg(target_arch = "x86_64")]
            if has_avx2() {
                // SAFETY: the processor has every feature of `avx2`.
                let found = unsafe { avx2::mask(&chunk) };
                let portable = mask(&chunk);
                assert_eq!((found.separators, found.line_breaks), (portable.separators, portable.line_breaks));
                assert_eq!(found.wide != 0, portable.wide != 0);
            }
            let found = mask(&chunk);
            assert_eq!(found.separators, bits(|b| b <= b' '));
            assert_eq!(found.line_breaks, bits(|b| b == b'\n'));
            assert_eq!(found.wide != 0, bits(|b| b > 0x7f) != 0);
            assert_eq!(dots(chunk.first_chunk::<16>().expect("64 bytes")), bits(|b| b == b'.') as u32 & 0xffff);
        }
    }

    #[test]
    fn behind_the_end_is_no_separator() {
        assert_eq!(Mask::of(b"a b\n", 1, mask), Mask { separators: 0b101, line_breaks: 0b100, wide: 0 });
    }
}
