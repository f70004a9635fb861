//! Where the columns are: separators are the bytes up to 0x20, found 64 bytes at a time.

use super::format::COLUMNS_MAX;
use super::mask::Mask;
use super::simd;

/// Bytes indexed at once: their positions stay in the first-level cache.
pub(super) const WINDOW_BYTES: usize = 16 * 1024;
/// Positions written per 64 bytes without looking whether there are so many.
const AT_ONCE: usize = 12;
/// Places that a writer of positions may write behind the last one that counts.
pub(super) const ROOM: usize = 64 + 16;

/// A stretch of bytes. In memory the start comes first, as the vector code reads it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
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
    /// For each line break its place in `positions`; what lies behind `lines` is stale.
    line_breaks: Vec<u32>,
    lines: usize,
    /// Some byte of the window is a quote or above 0x7f.
    pub(super) odd: bool,
    /// Somewhere two separators stand side by side.
    pub(super) adjacent: bool,
}

impl Default for Index {
    fn default() -> Self {
        let (positions, line_breaks) = (vec![0; WINDOW_BYTES + 1 + ROOM + COLUMNS_MAX + 1], vec![0; WINDOW_BYTES + 1]);
        Index { positions, length: 0, line_breaks, lines: 0, odd: false, adjacent: false }
    }
}

impl Index {
    /// Indexes the window that starts at `start`, the beginning of a line. `write` puts the positions of a mask's bits, from a
    /// base on, into the room it is given.
    #[inline(always)]
    pub(super) fn fill_with(
        &mut self,
        block: &[u8],
        start: usize,
        mask: impl Fn(&[u8; 64]) -> Mask,
        write: impl Fn(&mut [u32; ROOM], u32, u64),
    ) {
        let end = block.len().min(start + WINDOW_BYTES);
        let Index { positions, line_breaks, .. } = self;
        // Slices, because the compiler keeps their places in registers.
        let (positions, line_breaks) = (&mut positions[..], &mut line_breaks[..]);
        positions[0] = (start as u32).wrapping_sub(1);
        let (mut length, mut lines) = (1, 0);
        let (mut odd, mut adjacent, mut carry) = (0, 0, 0);
        let mut at = start;
        while at < end {
            // While this window's columns are read, the next one comes.
            simd::prefetch(block, at + WINDOW_BYTES);
            let found = Mask::of(&block[..end], at, &mask);
            odd |= found.odd;
            adjacent |= found.separators & (found.separators << 1 | carry);
            carry = found.separators >> 63;
            note_line_breaks(line_breaks, &mut lines, length, found);
            let Some(room) = positions[length..].first_chunk_mut() else { unreachable!("a window has fewer separators") };
            write(room, at as u32, found.separators);
            length += found.separators.count_ones() as usize;
            at += 64;
        }
        (self.length, self.lines) = (length, lines);
        (self.odd, self.adjacent) = (odd != 0, adjacent != 0);
    }

    /// The places of the line breaks.
    pub(super) fn line_breaks(&self) -> &[u32] {
        &self.line_breaks[..self.lines]
    }

    /// The positions of `rows` lines of `stride` separators each, from the separator before the first one on. As many as
    /// another line would have follow, and mean nothing.
    pub(super) fn rows(&self, before: u32, stride: usize, rows: usize) -> &[u32] {
        &self.positions[before as usize..][..stride * (rows + 1)]
    }

    /// Column `at` of the line behind the separator at place `before`.
    #[inline]
    pub(super) fn span(&self, before: u32, at: usize) -> Span {
        let left = before as usize + at;
        match self.positions[left..left + 2] {
            [before, end] => Span { start: before.wrapping_add(1), end },
            _ => unreachable!("a slice of two"),
        }
    }

    /// The separator at a place.
    #[inline]
    pub(super) fn position(&self, place: u32) -> u32 {
        self.positions[place as usize]
    }
}

/// Notes the line breaks of 64 bytes whose separators get the places from `length` on: the first one without looking whether
/// there is one.
#[inline(always)]
fn note_line_breaks(line_breaks: &mut [u32], lines: &mut usize, length: usize, mask: Mask) {
    let mut rest = mask.line_breaks;
    let place = |rest: u64| length as u32 + (mask.separators & rest.wrapping_sub(1) & !rest).count_ones();
    line_breaks[*lines] = place(rest);
    while rest & rest.wrapping_sub(1) != 0 {
        rest &= rest - 1;
        *lines += 1;
        line_breaks[*lines] = place(rest);
    }
    *lines += usize::from(rest != 0);
}

/// Writes the positions of the bits of a mask: a fixed number of them without a branch, then the rest.
#[inline(always)]
pub(super) fn write_positions(room: &mut [u32; ROOM], base: u32, mut rest: u64) {
    for slot in &mut room[..AT_ONCE] {
        // The lowest bit by `leading_zeros`: of `trailing_zeros` the compiler makes slow vector code.
        *slot = (base + 63).wrapping_sub((rest & rest.wrapping_neg()).leading_zeros());
        rest &= rest.wrapping_sub(1);
    }
    for slot in &mut room[AT_ONCE..] {
        if rest == 0 {
            return;
        }
        *slot = base + rest.trailing_zeros();
        rest &= rest - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_finds_what_a_byte_loop_finds() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut index = Index::default();
        for length in [0, 1, 63, 64, 65, 200, 1_000, WINDOW_BYTES - 1, WINDOW_BYTES, WINDOW_BYTES + 100] {
            for density in [1, 2, 8, 64] {
                let separator = |r: &mut fastrand::Rng| *r.choice(b" \n\r\t\x00 ").unwrap_or(&b' ');
                let other = |r: &mut fastrand::Rng| r.u8(0x23..=0x7e);
                let block: Vec<u8> =
                    (0..length).map(|_| if random.u32(0..density) == 0 { separator(&mut random) } else { other(&mut random) }).collect();
                simd::fill(&mut index, &block, 0);
                check(&index, &block);
                index.fill_with(&block, 0, super::super::mask::portable, write_positions);
                check(&index, &block);
                #[cfg(target_arch = "x86_64")]
                if simd::probe::fill_avx2(&mut index, &block) {
                    check(&index, &block);
                }
            }
        }
    }

    fn check(index: &Index, block: &[u8]) {
        let seen = &block[..block.len().min(WINDOW_BYTES)];
        let expected: Vec<u32> = (0..seen.len() as u32).filter(|i| seen[*i as usize] <= b' ').collect();
        assert_eq!(&index.positions[1..index.length], expected);
        let breaks: Vec<u32> = index.line_breaks().iter().map(|p| index.positions[*p as usize]).collect();
        assert_eq!(breaks, memchr::memchr_iter(b'\n', seen).map(|i| i as u32).collect::<Vec<_>>());
        assert_eq!(index.adjacent, seen.windows(2).any(|w| w[0] <= b' ' && w[1] <= b' '));
        assert!(!index.odd);
    }
}
