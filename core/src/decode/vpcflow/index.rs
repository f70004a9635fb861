//! Where the columns are: separators are the bytes up to 0x20.

use super::format::COLUMNS_MAX;

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
}

/// The columns of one line. Stops after one more than [`COLUMNS_MAX`]. A line break inside is a separator as any other.
pub(super) fn split(line: &[u8], spans: &mut Vec<Span>) {
    spans.clear();
    let mut start = 0;
    for (at, byte) in line.iter().chain([&b' ']).enumerate() {
        if *byte <= b' ' {
            if at > start {
                spans.push(Span { start: start as u32, end: at as u32 });
                if spans.len() > COLUMNS_MAX {
                    return;
                }
            }
            start = at + 1;
        }
    }
}
