//! Cutting bytes that come bit by bit into runs of lines, values, or one whole: what [`Reader`](crate::io::reader) does with a
//! file that is all there.
//!
//! Owns the place in the text: the number of the next line or value, the offset behind what was given, the last bytes before it.
//! Never reads anything itself and never gives a part of a line or value, unless it is told that nothing more comes for now; the
//! line's end that comes later after all is then no line of its own. Limits: a piece has at most [`LINES_MAX`] lines and about
//! [`RUN_BYTES`]; a single line or value at most [`VALUE_BYTES_MAX`], the rest of a longer one comes as pieces of its own.

use crate::io::reader::{BYTE_ORDER_MARK, Balance, Mode, RUN_BYTES, VALUE_BYTES_MAX, line_ends};
use std::io::{self, Read};

/// Most lines of a piece: what is handed over at once stays small, so that latency does.
pub(super) const LINES_MAX: usize = 4096;
/// How much of what stands before a place is remembered, to know the place again.
pub(super) const TAIL_BYTES: usize = 1024;
/// Longest first line that is kept for what it says about the format.
const HEADER_BYTES_MAX: usize = 64 * 1024;

/// A run of lines, a value, or a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Number of its first line, or of the value, from 1.
    pub(super) first: u64,
    /// Number of its last line.
    pub(super) last: u64,
    /// Its bytes.
    pub(super) bytes: Vec<u8>,
    /// Whether it is a run of lines.
    pub(super) lines: bool,
}

/// A place between two lines or values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// How the text is cut.
    pub(super) mode: Mode,
    /// Number of the next line or value.
    pub(super) next: u64,
    /// Bytes before it.
    pub(super) offset: u64,
    /// Whether the last line was given without its end, because nothing more came for now.
    pub(super) torn: bool,
}

/// What stands behind the last piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing.
    Nothing,
    /// A JSON value that is closed but for its line's end, or bytes that are no text: more bytes are not expected.
    Closed,
    /// A line or value that is not complete.
    Open,
}

/// Cuts.
#[derive(Debug)]
pub(super) struct Cutter {
    bytes: Vec<u8>,
    /// Where in `bytes` the uncut rest begins.
    start: usize,
    /// So many bytes of the rest hold no end of the line looked for.
    searched: usize,
    /// So many bytes of the rest are lines of the value at hand.
    taken: usize,
    balance: Balance,
    place: Place,
    tail: Vec<u8>,
    header: Option<Piece>,
}

impl Cutter {
    /// At the start of a text.
    pub(super) fn new() -> Self {
        Self::at(Place { mode: Mode::Unknown, next: 1, offset: 0, torn: false }, Vec::new(), None)
    }

    /// At a place within it; `tail` stands before it, `header` is the text's first line.
    pub(super) fn at(place: Place, tail: Vec<u8>, header: Option<Piece>) -> Self {
        Cutter { bytes: Vec::new(), start: 0, searched: 0, taken: 0, balance: Balance::of(b""), place, tail, header }
    }

    /// Takes at most `most` bytes from a reader; gives how many came. What came before a failure is kept.
    pub(super) fn fill(&mut self, from: &mut dyn Read, most: usize) -> io::Result<usize> {
        self.bytes.drain(..self.start);
        self.start = 0;
        let before = self.bytes.len();
        let result = from.take(most as u64).read_to_end(&mut self.bytes);
        result.map(|_| self.bytes.len() - before)
    }

    /// The place behind the last piece.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The last bytes before the place.
    pub(super) fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// The first line of a text in lines, once it was cut.
    pub(super) fn header(&self) -> Option<&Piece> {
        self.header.as_ref()
    }

    /// Bytes that are there but not cut.
    pub(super) fn uncut(&self) -> usize {
        self.bytes.len() - self.start
    }

    /// Forgets them: they are to be read again.
    pub(super) fn forget_uncut(&mut self) {
        self.bytes.truncate(self.start);
        (self.searched, self.taken, self.balance) = (0, 0, Balance::of(b""));
    }

    /// What stands behind the last piece.
    pub(super) fn rest(&self) -> Rest {
        let rest = self.pending();
        let blank = rest.iter().all(u8::is_ascii_whitespace);
        if rest.is_empty() || blank && self.place.mode != Mode::Lines {
            return Rest::Nothing;
        }
        let (mut balance, begun) = (self.balance.clone(), self.taken > 0);
        balance.feed(&rest[self.taken..]);
        let json = begun || matches!(rest.trim_ascii_start().first(), Some(b'{' | b'['));
        if self.place.mode == Mode::Whole || json && !balance.open() { Rest::Closed } else { Rest::Open }
    }

    /// The next piece. `end`: nothing more comes for now, so that what is there is all.
    pub(super) fn next(&mut self, end: bool) -> Option<Piece> {
        if self.place.torn && !self.mend(end) || self.place.mode == Mode::Unknown && !self.begin(end) {
            return None;
        }
        match self.place.mode {
            Mode::Lines => self.run(end),
            Mode::Values => self.value(end),
            _ => self.whole(end),
        }
    }

    fn pending(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Leaves out the end of a line that was given without it. False: it cannot be told yet whether this is one.
    fn mend(&mut self, end: bool) -> bool {
        let length = match self.pending() {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            [] => return false,
            [b'\r'] if !end => return false,
            _ => 0,
        };
        self.consume(length);
        self.place.torn = false;
        true
    }

    /// Looks at the first line that is not blank and decides how the text is cut. False: it is not there yet.
    fn begin(&mut self, end: bool) -> bool {
        let to = loop {
            let Some(to) = self.line_end(0, end) else { return false };
            if self.place.offset == 0 && self.pending().starts_with(&BYTE_ORDER_MARK) {
                self.consume(BYTE_ORDER_MARK.len());
                continue;
            }
            let first = &self.pending()[..to];
            if !first.iter().all(u8::is_ascii_whitespace) {
                break to;
            }
            self.place.next += line_ends(first);
            self.consume(to);
        };
        let (first, next) = self.pending().split_at(to);
        if next.len() < 2 && !end && to < VALUE_BYTES_MAX && Mode::of(first, b"{\"") != Mode::of(first, b"") {
            return false;
        }
        let (mode, number, lines) = (Mode::of(first, next), self.place.next, true);
        let header = mode == Mode::Lines && to <= HEADER_BYTES_MAX;
        self.header = header.then(|| Piece { first: number, last: number, bytes: first.to_vec(), lines });
        // Blank lines count among lines only.
        self.place.next = if mode == Mode::Lines { number } else { 1 };
        self.place.mode = mode;
        true
    }

    /// Where the line that begins `from` bytes into the rest ends.
    fn line_end(&mut self, from: usize, end: bool) -> Option<usize> {
        let bounded = self.uncut().min(VALUE_BYTES_MAX);
        let search = self.searched.max(from).min(bounded);
        let found = self.pending()[search..bounded].iter().position(|b| *b == b'\n').map(|at| search + at + 1);
        self.searched = found.map_or(bounded, |_| from);
        found.or_else(|| (bounded == VALUE_BYTES_MAX || end && bounded > from).then_some(bounded))
    }

    /// Whole lines, until the run is big enough.
    fn run(&mut self, end: bool) -> Option<Piece> {
        let window = &self.pending()[..self.uncut().min(RUN_BYTES)];
        let mut length = match window.iter().rposition(|b| *b == b'\n') {
            Some(at) => at + 1,
            None => self.line_end(0, end)?,
        };
        let mut lines = line_ends(&self.pending()[..length]) as usize;
        if lines > LINES_MAX {
            let ends = self.pending().iter().enumerate().filter(|(_, b)| **b == b'\n');
            length = ends.map(|(at, _)| at + 1).nth(LINES_MAX - 1).unwrap_or(length);
            lines = LINES_MAX;
        }
        Some(self.give(length, lines.max(1) as u64, end))
    }

    /// Lines until the JSON value that began is complete.
    fn value(&mut self, end: bool) -> Option<Piece> {
        loop {
            let from = self.taken;
            let to = match self.line_end(from, end) {
                Some(to) => to,
                None if end && from > 0 => return Some(self.give(from, 1, end)),
                None => return None,
            };
            if from == 0 && self.pending()[..to].iter().all(u8::is_ascii_whitespace) {
                self.consume(to);
                continue;
            }
            self.balance.feed(&self.bytes[self.start + from..self.start + to]);
            self.taken = to;
            if !self.balance.open() || to >= VALUE_BYTES_MAX {
                return Some(self.give(to, 1, end));
            }
        }
    }

    /// Everything, up to a bound.
    fn whole(&mut self, end: bool) -> Option<Piece> {
        let length = self.uncut().min(VALUE_BYTES_MAX);
        (length == VALUE_BYTES_MAX || end && length > 0).then(|| self.give(length, 1, end))
    }

    fn give(&mut self, length: usize, count: u64, end: bool) -> Piece {
        let bytes = self.pending()[..length].to_vec();
        let first = self.place.next;
        self.place.next += count;
        self.place.torn = end && self.place.mode != Mode::Whole && bytes.last() != Some(&b'\n') && length == self.uncut();
        self.consume(length);
        Piece { first, last: self.place.next - 1, bytes, lines: self.place.mode == Mode::Lines }
    }

    fn consume(&mut self, length: usize) {
        let given = &self.bytes[self.start..self.start + length];
        let kept = TAIL_BYTES.saturating_sub(length).min(self.tail.len());
        self.tail.drain(..self.tail.len() - kept);
        self.tail.extend_from_slice(&given[length.saturating_sub(TAIL_BYTES)..]);
        self.start += length;
        self.place.offset += length as u64;
        self.searched = self.searched.saturating_sub(length);
        (self.taken, self.balance) = (0, Balance::of(b""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::input::Input;
    use crate::io::reader::Reader;

    type Line = (u64, Vec<u8>, bool);

    /// Pieces as single lines and values; a last line is the same with its end or without.
    fn each(pieces: impl IntoIterator<Item = Piece>) -> Vec<Line> {
        let mut out = Vec::new();
        for piece in pieces {
            if !piece.lines {
                out.push((piece.first, piece.bytes, false));
                continue;
            }
            let lines: Vec<&[u8]> = piece.bytes.split_inclusive(|b| *b == b'\n').collect();
            assert_eq!(piece.last + 1 - piece.first, lines.len() as u64, "numbers count lines");
            let numbered = (piece.first..).zip(lines);
            out.extend(numbered.map(|(n, line)| (n, line.strip_suffix(b"\n").unwrap_or(line).to_vec(), true)));
        }
        out
    }

    fn as_the_reader_does(content: &[u8], number: usize) -> Vec<Line> {
        let path = std::env::temp_dir().join(format!("tidegate-cut-{}-{number}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        let mut reader = Reader::open(&Input::File(path.clone()), "file").unwrap();
        let mut pieces = Vec::new();
        while let Some(record) = reader.next_record().unwrap() {
            let first = record.position.sequence.to_string().parse().unwrap();
            let ends = line_ends(&record.bytes) + u64::from(!record.bytes.ends_with(b"\n"));
            pieces.push(Piece { first, last: first + ends - 1, bytes: record.bytes, lines: record.lines });
        }
        std::fs::remove_file(path).unwrap();
        each(pieces)
    }

    /// Text of every kind: pretty JSON, JSON lines, broken ones, flow logs, blanks, marks, bytes.
    fn content(rng: &mut fastrand::Rng) -> Vec<u8> {
        const ATOMS: [&[u8]; 18] = [
            b"{\"a\":1}",
            b"{",
            b"}",
            b"{\"a\":",
            b"[",
            b"]",
            b"\"}\\\"\"",
            b"2 123 eni",
            "ü日本".as_bytes(),
            b" ",
            b"\t",
            b"x",
            b"\r\n",
            b"\n",
            b"\n",
            b"\n\n",
            b"\xef\xbb\xbf",
            b"{\"b\":[1,\n2]}\n",
        ];
        let mut bytes = Vec::new();
        if rng.u8(..) < 20 {
            bytes.extend_from_slice([&b"\xf3\x89\x9a\xc2"[..], b"\0\xff", b"\xef\xbb\xbf"][rng.usize(..3)]);
        }
        let few = rng.usize(1..ATOMS.len());
        (0..rng.usize(..60)).for_each(|_| bytes.extend_from_slice(ATOMS[rng.usize(..few)]));
        bytes
    }

    fn cut(cutter: &mut Cutter, end: bool) -> Vec<Piece> {
        std::iter::from_fn(|| cutter.next(end)).collect()
    }

    #[test]
    fn bytes_that_come_bit_by_bit_are_cut_as_the_reader_cuts_a_file() {
        let mut modes = std::collections::BTreeMap::<String, u32>::new();
        for seed in 0..3000 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let bytes = content(&mut rng);
            let (mut cutter, mut pieces, mut rest) = (Cutter::new(), Vec::new(), &bytes[..]);
            while !rest.is_empty() {
                let most = rng.usize(1..=rest.len());
                cutter.fill(&mut rest, most).unwrap();
                pieces.extend(cut(&mut cutter, false));
                let place = cutter.place();
                assert!(place.offset as usize + cutter.uncut() <= bytes.len());
                assert!(bytes[..place.offset as usize].ends_with(cutter.tail()));
                if rng.bool() && place.mode != Mode::Unknown {
                    // A restart: the rest is read again from the place.
                    rest = &bytes[place.offset as usize..];
                    cutter = Cutter::at(place, cutter.tail().to_vec(), None);
                    let most = rng.usize(0..=rest.len());
                    cutter.fill(&mut rest, most).unwrap();
                }
            }
            pieces.extend(cut(&mut cutter, true));
            *modes.entry(format!("{:?}", cutter.place().mode)).or_default() += 1;
            let shown = String::from_utf8_lossy(&bytes).into_owned();
            assert_eq!(each(pieces), as_the_reader_does(&bytes, 0), "seed {seed}: {shown:?}");
        }
        assert!(["Lines", "Values", "Whole"].iter().all(|mode| modes.get(*mode).is_some_and(|n| *n > 50)), "{modes:?}");
    }

    #[test]
    fn the_end_of_a_line_that_was_taken_for_complete_is_no_line() {
        for (end, rest) in [("\n", "b\n"), ("\r\n", "b\n"), ("", "b\n")] {
            let mut cutter = Cutter::new();
            cutter.fill(&mut &b"h\na"[..], 9).unwrap();
            let mut pieces = cut(&mut cutter, true);
            assert!(cutter.place().torn);
            for byte in format!("{end}{rest}").as_bytes().chunks(1) {
                cutter.fill(&mut &*byte, 1).unwrap();
                pieces.extend(cut(&mut cutter, false));
            }
            let lines: Vec<(u64, String)> = each(pieces).into_iter().map(|l| (l.0, String::from_utf8(l.1).unwrap())).collect();
            assert_eq!(lines, [(1, "h".into()), (2, "a".into()), (3, "b".into())], "{end:?}");
        }
    }

    #[test]
    fn runs_are_short() {
        let mut cutter = Cutter::new();
        cutter.fill(&mut &*b"a\n".repeat(3 * LINES_MAX + 5), usize::MAX).unwrap();
        let numbers: Vec<(u64, u64)> = cut(&mut cutter, false).iter().map(|p| (p.first, p.last)).collect();
        assert_eq!(numbers, [(1, 4096), (4097, 8192), (8193, 12288), (12289, 12293)]);
        let long = [b"x".repeat(2 * RUN_BYTES), b"\n".to_vec(), b"y\n".repeat(RUN_BYTES / 2), b"z".to_vec()].concat();
        let mut cutter = Cutter::new();
        cutter.fill(&mut &*long, usize::MAX).unwrap();
        let pieces = cut(&mut cutter, true);
        assert!(pieces[1..].iter().all(|p| p.bytes.len() <= RUN_BYTES && p.last - p.first < LINES_MAX as u64));
        assert_eq!(pieces.iter().flat_map(|p| p.bytes.clone()).collect::<Vec<u8>>(), long);
    }

    #[test]
    fn a_line_that_never_ends_is_bounded() {
        let mut cutter = Cutter::new();
        let mut endless = std::io::repeat(b'x');
        let mut pieces = Vec::new();
        for _ in 0..VALUE_BYTES_MAX / RUN_BYTES + 2 {
            cutter.fill(&mut endless, RUN_BYTES).unwrap();
            pieces.extend(cut(&mut cutter, false));
        }
        assert_eq!(pieces.iter().map(|p| (p.first, p.bytes.len())).collect::<Vec<_>>(), [(1, VALUE_BYTES_MAX)]);
        assert_eq!(cutter.place().next, 2);
    }

    #[test]
    fn what_stands_behind_the_last_piece_is_told() {
        let rest = |text: &[u8]| {
            let mut cutter = Cutter::new();
            cutter.fill(&mut &*text, text.len()).unwrap();
            cut(&mut cutter, false);
            cutter.rest()
        };
        assert_eq!(rest(b"a\n"), Rest::Nothing);
        assert_eq!(rest(b"a\nb"), Rest::Open);
        assert_eq!(rest(b"{\"a\":[1]}"), Rest::Closed);
        assert_eq!(rest(b"{\"a\":1}\n{\"a\":"), Rest::Open);
        assert_eq!(rest(b"{\n\"a\":\n1\n}"), Rest::Closed);
        assert_eq!(rest(b"{\n\"a\":\n1\n"), Rest::Open);
        assert_eq!(rest(b"{\n\"a\":\n1\n}\n\n"), Rest::Nothing);
        assert_eq!(rest(b"\0\xff\xfe"), Rest::Open, "a line of bytes, until more is known");
        assert_eq!(rest(b"\0\xff\xfe\n\n"), Rest::Closed);
    }
}
