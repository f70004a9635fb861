//! The index of separators on processors with AVX-512 VBMI2. Safe code: loads, stores and the calls stand in [`super::simd`].

use super::index::{Index, ROOM, write_positions};
use super::mask::Mask;
use super::simd::{load_64, store_16_numbers};
use std::arch::x86_64::{
    _mm512_add_epi32, _mm512_castsi512_si128, _mm512_cmpeq_epi8_mask, _mm512_cmple_epu8_mask, _mm512_cvtepu8_epi32,
    _mm512_maskz_compress_epi8, _mm512_movepi8_mask, _mm512_set1_epi8, _mm512_set1_epi32,
};

/// Positions written at once.
const AT_ONCE: u32 = 16;

static ORDER: [u8; 64] = {
    let mut order = [0; 64];
    let mut at = 0;
    while at < 64 {
        order[at] = at as u8;
        at += 1;
    }
    order
};

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt")]
pub(super) fn fill(index: &mut Index, block: &[u8], start: usize) {
    index.fill_with(block, start, |chunk| mask(chunk), |room, base, separators| write(room, base, separators));
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline]
fn mask(chunk: &[u8; 64]) -> Mask {
    let bytes = load_64(chunk);
    Mask {
        separators: _mm512_cmple_epu8_mask(bytes, _mm512_set1_epi8(b' ' as i8)),
        line_breaks: _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'\n' as i8)),
        odd: _mm512_movepi8_mask(bytes) | _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(b'"' as i8)),
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,avx2,bmi1,bmi2,lzcnt,popcnt")]
#[inline]
fn write(room: &mut [u32; ROOM], base: u32, separators: u64) {
    if separators.count_ones() > AT_ONCE {
        return write_positions(room, base, separators);
    }
    let offsets = _mm512_maskz_compress_epi8(separators, load_64(&ORDER));
    let positions = _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(offsets)), _mm512_set1_epi32(base as i32));
    if let Some(first) = room.first_chunk_mut() {
        store_16_numbers(first, positions);
    }
}
