//! Where the columns are: separators are the bytes up to 0x20, found 64 bytes at a time.

use super::format::COLUMNS_MAX;
use super::mask::Mask;

/// Bytes indexed at once: their positions stay in the first-level cache.
pub(super) const WINDOW_BYTES: usize = 16 * 1024;
/// Positions written per 64 bytes without looking whether there are so many.
const STRIDE: usize = 12;

/// A stretch of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
}

impl Span {
    #[inline]
    pub(super) fn of<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.start as usize..self.end as usize]
    }

    /// The same stretch, `by` bytes later.
    pub(super) fn shifted(self, by: u32) -> Self {
        Span { start: self.start + by, end: self.end + by }
    }
}

/// The columns of one line. Stops after one more than [`COLUMNS_MAX`]. A line break inside is a separator as any other.
#[inline(always)]
pub(super) fn split_with(line: &[u8], spans: &mut Vec<Span>, mask: impl Fn(&[u8; 64]) -> Mask) {
    spans.clear();
    let mut start = 0;
    let mut column = |end: usize| {
        if end > start {
            spans.push(Span { start: start as u32, end: end as u32 });
        }
        start = end + 1;
        spans.len() <= COLUMNS_MAX
    };
    let mut at = 0;
    while at < line.len() {
        let mut separators = Mask::of(line, at, &mask).separators;
        while separators != 0 {
            if !column(at + separators.trailing_zeros() as usize) {
                return;
            }
            separators &= separators - 1;
        }
        at += 64;
    }
    column(line.len());
}

/// The separators of one window of a block.
#[derive(Debug, Clone)]
pub(super) struct Index {
    /// Positions in the block. The first one is the (virtual) separator before the window; what lies behind `length` is stale.
    positions: Vec<u32>,
    length: usize,
    /// For each line break its place in `positions`.
    pub(super) line_breaks: Vec<u32>,
    /// Some byte of the window is above 0x7f.
    pub(super) non_ascii: bool,
    /// Somewhere two separators stand side by side.
    pub(super) adjacent: bool,
}

impl Default for Index {
    fn default() -> Self {
        Index { positions: vec![0; WINDOW_BYTES + 1 + 64 + STRIDE], length: 0, line_breaks: Vec::new(), non_ascii: false, adjacent: false }
    }
}

impl Index {
    /// Indexes the window that starts at `start`, the beginning of a line.
    #[inline(always)]
    pub(super) fn fill_with(&mut self, block: &[u8], start: usize, mask: impl Fn(&[u8; 64]) -> Mask) {
        let end = block.len().min(start + WINDOW_BYTES);
        self.line_breaks.clear();
        self.positions[0] = (start as u32).wrapping_sub(1);
        self.length = 1;
        let (mut wide, mut adjacent, mut carry) = (0, 0, 0);
        let mut at = start;
        while at < end {
            let found = Mask::of(&block[..end], at, &mask);
            wide |= found.wide;
            adjacent |= found.separators & (found.separators << 1 | carry);
            carry = found.separators >> 63;
            self.push(at as u32, found);
            at += 64;
        }
        self.non_ascii = wide != 0;
        self.adjacent = adjacent != 0;
    }

    #[inline(always)]
    fn push(&mut self, base: u32, mask: Mask) {
        let mut line_breaks = mask.line_breaks;
        while line_breaks != 0 {
            let below = line_breaks ^ (line_breaks - 1);
            self.line_breaks.push(self.length as u32 + (mask.separators & below).count_ones() - 1);
            line_breaks &= line_breaks - 1;
        }
        let count = mask.separators.count_ones() as usize;
        let mut rest = mask.separators;
        let room: &mut [u32] = &mut self.positions[self.length..self.length + 64 + STRIDE];
        for slot in &mut room[..STRIDE] {
            // The lowest bit by `leading_zeros`: of `trailing_zeros` the compiler makes slow vector code.
            *slot = (base + 63).wrapping_sub((rest & rest.wrapping_neg()).leading_zeros());
            rest &= rest.wrapping_sub(1);
        }
        let mut slot = STRIDE;
        while rest != 0 {
            room[slot] = base + rest.trailing_zeros();
            rest &= rest - 1;
            slot += 1;
        }
        self.length += count;
    }

    /// Column `at` of the row whose first column ends at position `row`.
    #[inline]
    pub(super) fn span(&self, row: u32, at: usize) -> Span {
        let right = row as usize + at;
        match self.positions[right - 1..=right] {
            [before, end] => Span { start: before.wrapping_add(1), end },
            _ => unreachable!("a slice of two"),
        }
    }

    /// The separator at a place.
    #[inline]
    pub(super) fn position(&self, place: u32) -> usize {
        self.positions[place as usize] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::super::simd;
    use super::*;

    #[test]
    fn the_index_finds_what_a_byte_loop_finds() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut index = Index::default();
        for length in [0, 1, 63, 64, 65, 200, 1_000, WINDOW_BYTES - 1, WINDOW_BYTES, WINDOW_BYTES + 100] {
            for density in [1, 2, 8, 64] {
                let separator = |r: &mut fastrand::Rng| *r.choice(b" \n\r\t\x00 ").unwrap_or(&b' ');
                let other = |r: &mut fastrand::Rng| r.u8(0x21..=0x7e);
                let block: Vec<u8> =
                    (0..length).map(|_| if random.u32(0..density) == 0 { separator(&mut random) } else { other(&mut random) }).collect();
                simd::fill(&mut index, &block, 0);
                let seen = &block[..length.min(WINDOW_BYTES)];
                let expected: Vec<u32> = (0..seen.len() as u32).filter(|i| seen[*i as usize] <= b' ').collect();
                assert_eq!(&index.positions[1..index.length], expected);
                let breaks: Vec<u32> = index.line_breaks.iter().map(|p| index.positions[*p as usize]).collect();
                assert_eq!(breaks, memchr::memchr_iter(b'\n', seen).map(|i| i as u32).collect::<Vec<_>>());
                assert_eq!(index.adjacent, seen.windows(2).any(|w| w[0] <= b' ' && w[1] <= b' '));
                assert!(!index.non_ascii);
            }
        }
    }
}
