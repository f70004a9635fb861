//! Chooses between AVX2 and portable code.
//!
//! The one file with `unsafe`, of two kinds. The call of a function that is compiled for AVX2: each stands behind
//! [`has_avx2`], which asks the processor for every feature these functions (`avx2.rs`, safe code) are compiled with. The
//! load of a whole array: it reads as many bytes as the borrowed array has, and needs no alignment. Both ways are tested
//! against plain loops and parsers.
#![expect(unsafe_code, reason = "functions compiled for AVX2 may only be called where the processor has it")]

#[cfg(target_arch = "x86_64")]
use super::avx2;
use super::batch::TypedColumn;
use super::block::ColumnReader;
use super::index::{Index, Span, split_with};
use super::{mask, swar};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{__m128i, __m256i, _mm_loadu_si128, _mm256_loadu_si256};

/// [`Index::fill_with`] on this processor.
pub(super) fn fill(index: &mut Index, block: &[u8], start: usize) {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has the features.
        return unsafe { avx2::fill(index, block, start) };
    }
    index.fill_with(block, start, mask::portable);
}

/// [`split_with`] on this processor.
pub(super) fn split(line: &[u8], spans: &mut Vec<Span>) {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has the features.
        return unsafe { avx2::split(line, spans) };
    }
    split_with(line, spans, mask::portable);
}

/// [`ColumnReader::read_with`] on this processor.
pub(super) fn read_column(reader: &ColumnReader<'_>, at: usize, typed: &mut TypedColumn, wide: &mut Vec<u128>) -> bool {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has the features.
        return unsafe { avx2::read_column(reader, at, typed, wide) };
    }
    reader.read_with(at, typed, wide, swar::number, swar::ipv4)
}

#[cfg(target_arch = "x86_64")]
#[inline]
fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn load_16(bytes: &[u8; 16]) -> __m128i {
    // SAFETY: sixteen borrowed bytes are read, unaligned.
    unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn load_32(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: thirty-two borrowed bytes are read, unaligned.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// AVX2's mask, number and address beside the portable ones, for their tests; `None` where the processor lacks it.
#[cfg(all(test, target_arch = "x86_64"))]
pub(super) mod probe {
    use super::{avx2, has_avx2};
    use crate::decode::vpcflow::mask::Mask;
    use crate::decode::vpcflow::swar::LOAD_BYTES;

    pub(crate) fn mask(chunk: &[u8; 64]) -> Option<Mask> {
        // SAFETY: the processor has the features.
        has_avx2().then(|| unsafe { avx2::mask(chunk) })
    }

    pub(crate) fn number(bytes: &[u8; LOAD_BYTES], length: usize) -> Option<Option<u64>> {
        // SAFETY: the processor has the features.
        has_avx2().then(|| unsafe { avx2::number(bytes, length) })
    }

    pub(crate) fn ipv4(bytes: &[u8; LOAD_BYTES], length: usize) -> Option<Option<u32>> {
        // SAFETY: the processor has the features.
        has_avx2().then(|| unsafe { avx2::ipv4(bytes, length) })
    }
}
