//! A file as records: text in runs of lines, JSON that spans lines value by value, everything else whole. Gzip is undone on the way.
//!
//! Owns the cutting of a file into records of bounded size. Never interprets a record. Limits: a run of lines is about
//! [`RUN_BYTES`]; a single line or JSON value is at most [`VALUE_BYTES_MAX`], the rest of a longer one is refused as one record.

use super::archive::{MAGIC, Segment};
use super::input::{Input, Opened, Records};
use super::parquet::{self, ParquetLines};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use tidegate_core::event::{Position, Record};

/// Target size of a run of lines.
pub const RUN_BYTES: usize = 256 * 1024;
/// Largest single line or value: what one layer of gzip may give.
pub const VALUE_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(super) const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// How an aggregate of the Kinesis Producer Library starts: it is cut by nobody but its decoder.
const KPL_MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];
pub(super) const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Reads one input, record batch by record batch.
pub struct Reader {
    source: Arc<str>,
    shard: Arc<str>,
    bytes: Box<dyn BufRead + Send>,
    /// Number of the next line or value, from 1.
    next: u64,
    mode: Mode,
    /// Why reading failed, told once what came before has been handed over.
    failed: Option<io::Error>,
    /// Where the input gives records by itself: they come as they are.
    records: Option<Records>,
    /// It is a segment of an archive.
    archived: bool,
}

/// How a file is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    /// Not decided yet.
    Unknown,
    /// Text, in runs of lines.
    Lines,
    /// JSON values that span lines, each by itself.
    Values,
    /// Binary, as one record.
    Whole,
    /// Nothing more comes.
    Done,
}

impl Mode {
    /// Decides by the first line that is not blank and what follows it (two bytes of it are enough).
    pub(super) fn of(first: &[u8], next: &[u8]) -> Self {
        let binary =
            first.starts_with(&KPL_MAGIC) || first.iter().take(512).any(|b| *b == 0 || *b >= 0xf5) && std::str::from_utf8(first).is_err();
        // A first line that is cut short, followed by a line that starts an object anew, is a broken line among lines.
        let broken = first.trim_ascii().len() > 2 && next.starts_with(b"{\"");
        let json = matches!(first.trim_ascii_start().first(), Some(b'{' | b'['));
        match (binary, json && !broken && Balance::of(first).open()) {
            (true, _) => Mode::Whole,
            (_, true) => Mode::Values,
            _ => Mode::Lines,
        }
    }
}

/// Why reading stopped early. Every whole line or value that came before it has been handed over.
#[derive(Debug)]
pub struct ReadError {
    /// Where: after this many lines or values.
    pub position: Position,
    /// Why.
    pub error: io::Error,
}

impl Reader {
    /// Opens an input; `source` names the configured source it belongs to.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn open(input: &Input, source: &str) -> io::Result<Self> {
        let raw: Box<dyn Read + Send> = match input {
            Input::File(path) => Box::new(std::fs::File::open(path)?),
            Input::Stdin => Box::new(io::stdin()),
            Input::Far(far) => match (far.open)()? {
                Opened::Bytes(bytes) => bytes,
                Opened::Records(records) => return Ok(Self::of(input.name(), source, Box::new(io::empty()), Some(records))),
            },
        };
        // A pipe may give one byte at a time: the first four say whether it is gzip or Parquet.
        let (mut raw, mut head) = (raw, Vec::new());
        raw.by_ref().take(parquet::MAGIC.len() as u64).read_to_end(&mut head)?;
        if head == parquet::MAGIC {
            let file = match input {
                Input::File(path) => std::fs::File::open(path)?,
                _ => parquet::spool(io::Cursor::new(head).chain(raw))?,
            };
            let lines = ParquetLines::open(file, source.into(), input.name())?;
            return Ok(Self::of(input.name(), source, Box::new(io::empty()), Some(Box::new(lines))));
        }
        let gzip = head.starts_with(&GZIP_MAGIC);
        let plain = BufReader::with_capacity(RUN_BYTES, io::Cursor::new(head).chain(raw));
        let bytes: Box<dyn BufRead + Send> =
            if gzip { Box::new(BufReader::with_capacity(RUN_BYTES, flate2::bufread::MultiGzDecoder::new(plain))) } else { Box::new(plain) };
        let mut reader = Self::of(input.name(), source, bytes, None);
        match reader.bytes.fill_buf() {
            Ok(begin) => reader.archived = begin.starts_with(MAGIC),
            Err(error) => reader.failed = Some(error),
        }
        Ok(reader)
    }

    /// Whether it is a segment of an archive, which holds records with stamps of their own: see [`Reader::into_segment`].
    #[must_use]
    pub fn is_archived(&self) -> bool {
        self.archived
    }

    /// The segment that it is.
    ///
    /// # Errors
    /// If it is none, or its beginning is cut or damaged.
    pub fn into_segment(self) -> io::Result<Segment> {
        Segment::open(self.shard, self.bytes)
    }

    fn of(shard: Arc<str>, source: &str, bytes: Box<dyn BufRead + Send>, records: Option<Records>) -> Self {
        Reader { source: source.into(), shard, bytes, next: 1, mode: Mode::Unknown, failed: None, records, archived: false }
    }

    /// The next record, or `None` at the end.
    ///
    /// # Errors
    /// If reading or gunzipping fails; the reader is at its end then.
    pub fn next_record(&mut self) -> Result<Option<Record>, ReadError> {
        if let Some(records) = &mut self.records {
            return records.next().transpose();
        }
        let begun = match self.mode {
            Mode::Unknown => self.begin(),
            _ => Vec::new(),
        };
        let first = self.next;
        let bytes = match self.mode {
            Mode::Lines => self.run(begun),
            Mode::Values => self.value(begun),
            Mode::Whole => self.whole(begun),
            Mode::Unknown | Mode::Done => Vec::new(),
        };
        if !bytes.is_empty() {
            let lines = self.mode == Mode::Lines;
            return Ok(Some(Record { position: self.position(first), arrival_ms: None, bytes, lines }));
        }
        self.mode = Mode::Done;
        match self.failed.take() {
            Some(error) => Err(ReadError { position: self.position(self.next - 1), error }),
            None => Ok(None),
        }
    }

    fn position(&self, sequence: u64) -> Position {
        Position { source: self.source.clone(), shard: self.shard.clone(), sequence: sequence.into(), sub_sequence: 0 }
    }

    /// Appends up to the end of a line, or `most` bytes of it. False: there is nothing more, or reading failed.
    fn line(&mut self, bytes: &mut Vec<u8>, most: usize) -> bool {
        let before = bytes.len();
        if self.failed.is_none()
            && let Err(error) = (&mut self.bytes).take(most as u64).read_until(b'\n', bytes)
        {
            // The part of a line before the break would be read as a line of its own.
            bytes.truncate(before);
            self.failed = Some(error);
        }
        bytes.len() > before
    }

    /// Looks at the first line that is not blank and decides how the file is cut. Gives that line.
    fn begin(&mut self) -> Vec<u8> {
        let (mut first, mut blank) = (Vec::new(), 0);
        loop {
            first.clear();
            if !self.line(&mut first, VALUE_BYTES_MAX) {
                return Vec::new();
            }
            if blank == 0 && first.starts_with(&BYTE_ORDER_MARK) {
                first.drain(..BYTE_ORDER_MARK.len());
            }
            if !first.iter().all(u8::is_ascii_whitespace) {
                break;
            }
            blank += line_ends(&first);
        }
        self.mode = Mode::of(&first, self.bytes.fill_buf().unwrap_or_default());
        if self.mode == Mode::Lines {
            self.next += blank;
        }
        first
    }

    /// Whole lines until the run is big enough.
    fn run(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        while bytes.len() < RUN_BYTES && self.line(&mut bytes, VALUE_BYTES_MAX) {}
        self.next += line_ends(&bytes).max(u64::from(!bytes.is_empty()));
        bytes
    }

    /// Lines until the JSON value that began is complete.
    fn value(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let mut balance = Balance::of(&bytes);
        while bytes.len() < VALUE_BYTES_MAX && (balance.open() || bytes.is_empty()) {
            let before = bytes.len();
            if !self.line(&mut bytes, VALUE_BYTES_MAX - before) {
                break;
            }
            if bytes.iter().all(u8::is_ascii_whitespace) {
                bytes.clear();
            } else {
                balance.feed(&bytes[before..]);
            }
        }
        if self.failed.is_some() && balance.open() {
            bytes.clear();
        }
        self.next += u64::from(!bytes.is_empty());
        bytes
    }

    /// Everything, up to a bound. What does not fit, or was cut off, is no value: the rest of it comes as records of their own.
    fn whole(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        let room = VALUE_BYTES_MAX.saturating_sub(bytes.len());
        if let Err(error) = (&mut self.bytes).take(room as u64).read_to_end(&mut bytes) {
            self.failed = Some(error);
            bytes.clear();
        }
        self.next += u64::from(!bytes.is_empty());
        bytes
    }
}

pub(super) fn line_ends(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

/// How many brackets are open, strings left aside.
#[derive(Debug, Clone)]
pub(super) struct Balance {
    depth: i64,
    in_string: bool,
    escaped: bool,
}

impl Balance {
    pub(super) fn of(bytes: &[u8]) -> Self {
        let mut balance = Balance { depth: 0, in_string: false, escaped: false };
        balance.feed(bytes);
        balance
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        for &b in bytes {
            if self.in_string {
                match b {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match b {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => self.depth -= 1,
                _ => {}
            }
        }
    }

    pub(super) fn open(&self) -> bool {
        self.depth > 0 || self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    type Read = (String, String, bool);

    fn read(content: &[u8]) -> (Vec<Read>, Option<ReadError>) {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tidegate-reader-{}-{number}", std::process::id()));
        std::fs::write(&path, content).expect("write");
        let mut reader = Reader::open(&Input::File(path.clone()), "file").expect("open");
        let mut out = Vec::new();
        let end = loop {
            match reader.next_record() {
                Ok(Some(r)) => {
                    out.push((r.position.sequence.to_string(), String::from_utf8_lossy(&r.bytes).trim().to_owned(), r.lines));
                }
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        assert!(reader.next_record().expect("an error is told once").is_none());
        std::fs::remove_file(&path).expect("clean");
        (out, end)
    }

    fn records(content: &[u8]) -> Vec<Read> {
        let (records, error) = read(content);
        assert!(error.is_none(), "{error:?}");
        records
    }

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).expect("gzip");
        encoder.finish().expect("gzip")
    }

    #[test]
    fn lines_come_in_runs_and_pretty_json_value_by_value() {
        assert_eq!(records(b"{\"a\":1}\n{\"a\":2}\n"), [("1".into(), "{\"a\":1}\n{\"a\":2}".into(), true)]);
        let pretty = records(b"\n{\n \"a\": \"}\"\n}\n\n{\n\"a\":\n2}\n");
        assert_eq!(pretty, [("1".into(), "{\n \"a\": \"}\"\n}".into(), false), ("2".into(), "{\n\"a\":\n2}".into(), false)]);
        assert!(records(b"").is_empty());
        assert!(records(b"\n \n").is_empty());
    }

    #[test]
    fn a_broken_line_among_lines_takes_no_sibling_with_it() {
        for content in [&b"{\"a\":1}\n{\"a\":\n{\"a\":3}\n"[..], b"{\"a\":\n{\"a\":2}\n{\"a\":3}\n"] {
            let got = records(content);
            assert_eq!(got.len(), 1);
            assert!(got[0].2, "a run of lines");
        }
    }

    #[test]
    fn lines_are_numbered_as_an_editor_does() {
        assert_eq!(records(b"\n\n{\"a\":1}\nx\n"), [("3".into(), "{\"a\":1}\nx".into(), true)]);
        let long = format!("{}\n", "x".repeat(RUN_BYTES));
        let numbers: Vec<String> = records(format!("{long}{long}y").as_bytes()).into_iter().map(|r| r.0).collect();
        assert_eq!(numbers, ["1", "2", "3"]);
    }

    #[test]
    fn gzip_is_undone() {
        assert_eq!(records(&gzip(b"2 123456789012 eni-1 a b\n"))[0].1, "2 123456789012 eni-1 a b");
        let members = [gzip(b"one\n"), gzip(b"two\n")].concat();
        assert_eq!(records(&members), [("1".into(), "one\ntwo".into(), true)]);
    }

    #[test]
    fn what_stood_before_the_end_of_a_truncated_file_is_kept() {
        let mut rng = fastrand::Rng::with_seed(3);
        let lines: Vec<String> = (0..2000).map(|n| format!("{{\"n\":{n},\"r\":{}}}", rng.u64(..))).collect();
        let packed = gzip(lines.join("\n").as_bytes());
        let (got, error) = read(&packed[..packed.len() / 2]);
        let error = error.expect("the file is cut");
        let kept: Vec<&str> = got.iter().flat_map(|r| r.1.lines()).collect();
        assert!(kept.len() > 100, "{}", kept.len());
        assert_eq!(kept, lines[..kept.len()], "whole lines only");
        assert_eq!(error.position.sequence.to_string(), kept.len().to_string(), "after so many lines");
    }

    #[test]
    fn of_truncated_json_values_the_whole_ones_are_kept() {
        let mut rng = fastrand::Rng::with_seed(4);
        let text: String = (0..500).map(|n| format!("{{\n \"n\": {n},\n \"r\": {}\n}}\n", rng.u64(..))).collect();
        let packed = gzip(text.as_bytes());
        let (got, error) = read(&packed[..packed.len() / 2]);
        assert!(error.is_some() && got.len() > 50);
        assert!(got.iter().all(|r| r.1.starts_with('{') && r.1.ends_with('}') && !r.2));
    }

    #[test]
    fn a_byte_order_mark_hides_nothing() {
        let pretty = b"\xef\xbb\xbf{\n \"a\": 1\n}\n{\n \"a\": 2\n}\n";
        assert_eq!(records(pretty), [("1".into(), "{\n \"a\": 1\n}".into(), false), ("2".into(), "{\n \"a\": 2\n}".into(), false)]);
        assert_eq!(records(b"\xef\xbb\xbf\n{\"a\":1}\n"), [("2".into(), "{\"a\":1}".into(), true)]);
    }

    #[test]
    fn an_aggregate_of_the_producer_library_is_one_record() {
        assert_eq!(records(b"\xf3\x89\x9a\xc2\x0a\x01k\x1a\x0a{\"a\":1}\n{\"a\":2}").len(), 1);
    }

    #[test]
    fn binary_junk_is_one_record() {
        let mut rng = fastrand::Rng::with_seed(5);
        let junk: Vec<u8> = std::iter::repeat_with(|| rng.u8(..)).take(10_000).collect();
        let got = records(&[&[0u8, 0xff, 0xfe][..], &junk].concat());
        assert_eq!(got.len(), 1);
        assert!(!got[0].2);
    }
}
