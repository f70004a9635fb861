//! Numbers and IPv4 addresses read eight bytes at a time. Each gives exactly what the plain parser in [`super::field`] gives,
//! or `None`, and then the plain parser is asked.

use super::mask::dots;

const ZEROS: u64 = 0x3030_3030_3030_3030;
const TENS: [u64; 9] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];
/// The bytes that an address or number may be read from, from its first one on.
pub(super) const LOAD_BYTES: usize = 24;

/// A number of 1 to 16 digits.
#[inline]
pub(super) fn number(bytes: &[u8; LOAD_BYTES], length: usize) -> Option<u64> {
    match length {
        1..=8 => digits(word(bytes, 0), length),
        9..=16 => {
            let (high, low) = (digits(word(bytes, 0), 8)?, digits(word(bytes, 8), length - 8)?);
            Some(high * TENS[length - 8] + low)
        }
        _ => None,
    }
}

#[inline]
fn word(bytes: &[u8; LOAD_BYTES], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// The first `length` (1 to 8) bytes as a number, if all are digits.
#[inline]
fn digits(word: u64, length: usize) -> Option<u64> {
    // The text moves to the high end; the zero bytes that come in below are leading zeros.
    let w = (word ^ ZEROS) << (64 - 8 * length);
    if (w.wrapping_add(0x7676_7676_7676_7676) | w) & 0x8080_8080_8080_8080 != 0 {
        return None;
    }
    let pairs = w.wrapping_mul(10).wrapping_add(w >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(0x000f_4240_0000_0064);
    let high = (pairs >> 16 & 0x0000_00ff_0000_00ff).wrapping_mul(0x0000_2710_0000_0001);
    Some(low.wrapping_add(high) >> 32)
}

/// A dotted IPv4 address of `length` bytes: four octets without leading zeros.
#[inline]
pub(super) fn ipv4(bytes: &[u8; LOAD_BYTES], length: usize) -> Option<u32> {
    if !(7..=15).contains(&length) {
        return None;
    }
    let first = dots(bytes.first_chunk::<16>()?) & ((1 << length) - 1);
    let second = first & first.wrapping_sub(1);
    let third = second & second.wrapping_sub(1);
    if third == 0 || third & (third - 1) != 0 {
        return None;
    }
    let [a, b, c] = [first, second, third].map(|dots| dots.trailing_zeros() as usize);
    let mut bad = 0;
    let high = octet(bytes, 0, a, &mut bad) << 24 | octet(bytes, a + 1, b, &mut bad) << 16;
    let low = octet(bytes, b + 1, c, &mut bad) << 8 | octet(bytes, c + 1, length, &mut bad);
    (bad == 0).then_some(high | low)
}

/// The octet in `from..to`; `bad` becomes non-zero when it is none.
#[inline]
fn octet(bytes: &[u8; LOAD_BYTES], from: usize, to: usize, bad: &mut u32) -> u32 {
    const LEAST: [u32; 4] = [256, 0, 10, 100];
    let length = to - from;
    let Some(text) = bytes.get(from..from + 4) else { return 0 };
    let mut word = [0; 4];
    word.copy_from_slice(text);
    let w = (u32::from_le_bytes(word) ^ 0x3030_3030) << (32usize.wrapping_sub(8 * length) & 31);
    let value = (w >> 8 & 0xff) * 100 + (w >> 16 & 0xff) * 10 + (w >> 24);
    let no_digit = (w.wrapping_add(0x7676_7676) | w) & 0x8080_8080;
    let no_octet = u32::from(length > 3 || value > 255 || value < LEAST[length & 3]);
    *bad |= no_digit | no_octet;
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn padded(text: &str, random: &mut fastrand::Rng) -> [u8; LOAD_BYTES] {
        let mut bytes: [u8; LOAD_BYTES] = std::array::from_fn(|_| random.u8(..));
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        bytes
    }

    #[test]
    fn numbers_equal_the_plain_parser() {
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..100_000 {
            let length = random.usize(1..=16);
            let mut text: String = (0..length).map(|_| random.digit(10)).collect();
            if random.u8(0..4) == 0 {
                let at = random.usize(0..length);
                text.replace_range(at..=at, random.choice(["+", "/", ":", "-", "a", "~"]).unwrap_or("+"));
            }
            let expected = if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None };
            let bytes = padded(&text, &mut random);
            assert_eq!(number(&bytes, length), expected, "{text}");
        }
    }

    #[test]
    fn addresses_equal_the_plain_parser() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..200_000 {
            let mut octets = || match random.u8(0..12) {
                0 => random.u32(0..1_000).to_string(),
                1 => format!("0{}", random.u32(0..30)),
                2 if random.u8(0..4) == 0 => random.choice(["", "-1", "1a", ":", "0000"]).unwrap_or("").to_owned(),
                _ => random.u8(..).to_string(),
            };
            let count = if octets().len() == 3 && octets() == "7" { 5 } else { 4 };
            let text = (0..count).map(|_| octets()).collect::<Vec<_>>().join(".");
            if text.len() <= LOAD_BYTES {
                let expected = text.parse::<Ipv4Addr>().ok().map(u32::from);
                let bytes = padded(&text, &mut random);
                assert_eq!(ipv4(&bytes, text.len()), expected, "{text}");
            }
        }
    }
}
