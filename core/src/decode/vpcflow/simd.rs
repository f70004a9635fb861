//! Chooses between AVX-512, AVX2 and portable code.
//!
//! The one file with `unsafe`, of two kinds. The call of a function that is compiled for more than every processor has: each
//! stands behind [`has_avx2`] or [`has_avx512`], which ask the processor for every feature these functions (`avx2.rs`,
//! `avx512.rs`, safe code) are compiled with. The load or store of a whole array: it touches as many bytes as the borrowed
//! array has, and needs no alignment. All ways are tested against plain loops and parsers.
#![expect(unsafe_code, reason = "functions compiled for AVX2 may only be called where the processor has it")]

#[cfg(target_arch = "x86_64")]
use super::columns::GROUP;
use super::columns::{ColumnReader, four_addresses, four_numbers};
use super::index::{Index, Span, split_with, write_positions};
use super::mask;
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};
use crate::event::flow::Column;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::{
    __m128i, __m256i, __m512i, _MM_HINT_T0, _mm_loadu_si128, _mm_prefetch, _mm256_loadu_si256, _mm256_storeu_si256, _mm512_loadu_si512,
    _mm512_storeu_si512,
};

/// [`Index::fill_with`] on this processor.
pub(super) fn fill(index: &mut Index, block: &[u8], start: usize) {
    #[cfg(target_arch = "x86_64")]
    if has_avx512() {
        // SAFETY: the processor has the features.
        return unsafe { avx512::fill(index, block, start) };
    } else if has_avx2() {
        // SAFETY: the processor has the features.
        return unsafe { avx2::fill(index, block, start) };
    }
    index.fill_with(block, start, mask::portable, write_positions);
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

/// [`ColumnReader::numbers_with`] on this processor.
pub(super) fn read_numbers(reader: &ColumnReader<'_>, column: Column, out: &mut Vec<u64>) -> bool {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has the features.
        return unsafe { avx2::read_numbers(reader, column, out) };
    }
    reader.numbers_with(column, out, four_numbers, four_numbers)
}

/// [`ColumnReader::addresses_with`] on this processor.
pub(super) fn read_addresses(reader: &ColumnReader<'_>, out: &mut Vec<u64>, wide: &mut Vec<u128>) -> bool {
    #[cfg(target_arch = "x86_64")]
    if has_avx2() {
        // SAFETY: the processor has the features.
        return unsafe { avx2::read_addresses(reader, out, wide) };
    }
    reader.addresses_with(out, wide, four_addresses)
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
#[inline]
fn has_avx512() -> bool {
    has_avx2() && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512vbmi2")
}

/// Asks for the line of memory around a place, which is read soon.
#[inline(always)]
pub(super) fn prefetch(block: &[u8], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(byte) = block.get(at) {
        // SAFETY: nothing is read, and the place is borrowed.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (block, at);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn load_64(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: sixty-four borrowed bytes are read, unaligned.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[inline]
pub(super) fn store_16_numbers(out: &mut [u32; 16], numbers: __m512i) {
    // SAFETY: sixteen borrowed numbers of four bytes are written, unaligned.
    unsafe { _mm512_storeu_si512(out.as_mut_ptr().cast(), numbers) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn load_spans(spans: &[Span; GROUP]) -> __m256i {
    // SAFETY: four borrowed spans of two numbers of four bytes each (`repr(C)`) are read, unaligned.
    unsafe { _mm256_loadu_si256(spans.as_ptr().cast()) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn store_group(out: &mut [u64; GROUP], numbers: __m256i) {
    // SAFETY: four borrowed numbers of eight bytes are written, unaligned.
    unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), numbers) }
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

/// The vector code beside the portable one, for their tests; `None` where the processor lacks it.
#[cfg(all(test, target_arch = "x86_64"))]
pub(super) mod probe {
    use super::{GROUP, Index, Span, avx2, has_avx2};
    use crate::decode::vpcflow::columns::Limits;
    use crate::decode::vpcflow::mask::Mask;

    pub(crate) fn mask(chunk: &[u8; 64]) -> Option<Mask> {
        // SAFETY: the processor has the features.
        has_avx2().then(|| unsafe { avx2::mask(chunk) })
    }

    pub(crate) fn fill_avx2(index: &mut Index, block: &[u8]) -> bool {
        if has_avx2() {
            // SAFETY: the processor has the features.
            unsafe { avx2::fill(index, block, 0) };
        }
        has_avx2()
    }

    pub(crate) fn short_numbers(block: &[u8], spans: &[Span; GROUP], limits: Limits) -> Option<Option<[u64; GROUP]>> {
        // SAFETY: the processor has the features.
        has_avx2().then(|| unsafe { avx2::short_numbers(block, spans, limits) })
    }

    pub(crate) fn long_numbers(block: &[u8], spans: &[Span; GROUP], limits: Limits) -> Option<Option<[u64; GROUP]>> {
        // SAFETY: the processor has the features.
        has_avx2().then(|| unsafe { avx2::long_numbers(block, spans, limits) })
    }

    pub(crate) fn addresses(block: &[u8], spans: &[Span; GROUP]) -> Option<Option<[u64; GROUP]>> {
        // SAFETY: the processor has the features.
        has_avx2().then(|| unsafe { avx2::addresses(block, spans) })
    }
}
