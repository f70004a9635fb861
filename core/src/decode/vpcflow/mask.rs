//! What 64 bytes hold, as one bit per byte; here eight bytes at a time in a `u64`, on every processor.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// One bit per byte, the first byte lowest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mask {
    /// Bytes up to 0x20.
    pub(super) separators: u64,
    /// Line feeds.
    pub(super) line_breaks: u64,
    /// Not zero when some byte is a quote or above 0x7f.
    pub(super) odd: u64,
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

/// On every processor.
#[inline]
pub(super) fn portable(chunk: &[u8; 64]) -> Mask {
    let mut mask = Mask { separators: 0, line_breaks: 0, odd: 0 };
    for (i, part) in chunk.as_chunks::<8>().0.iter().enumerate() {
        let word = u64::from_le_bytes(*part);
        // A byte up to 0x20 gets no high bit when 0x5f is added; a byte above 0x7f has one already.
        let above = ((word & !HIGH) + 0x5f * ONES) | word;
        mask.separators |= gather(!above & HIGH) << (8 * i);
        mask.line_breaks |= gather(equal(word, b'\n')) << (8 * i);
        mask.odd |= (word | equal(word, b'"')) & HIGH;
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
            if let Some(avx2) = super::super::simd::probe::mask(&chunk) {
                let portable = portable(&chunk);
                assert_eq!((avx2.separators, avx2.line_breaks), (portable.separators, portable.line_breaks));
                assert_eq!(avx2.odd != 0, portable.odd != 0);
            }
            let found = portable(&chunk);
            assert_eq!(found.separators, bits(|b| b <= b' '));
            assert_eq!(found.line_breaks, bits(|b| b == b'\n'));
            assert_eq!(found.odd != 0, bits(|b| b > 0x7f || b == b'"') != 0);
            assert_eq!(dots(chunk.first_chunk::<16>().expect("64 bytes")), bits(|b| b == b'.') as u32 & 0xffff);
        }
    }

    #[test]
    fn behind_the_end_is_no_separator() {
        assert_eq!(Mask::of(b"a b\n", 1, portable), Mask { separators: 0b101, line_breaks: 0b100, odd: 0 });
    }
}
