//! A file as records: text in runs of lines, JSON that spans lines value by value, everything else whole. Gzip is undone on the way.
//!
//! Owns the cutting of a file into records of bounded size. Never interprets a record. Limits: a run of lines is about
//! [`RUN_BYTES`]; a single line or JSON value is at most [`VALUE_BYTES_MAX`], the rest of a longer one is refused as one record.

use super::input::Input;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use tidegate_core::event::{Position, Record};

/// Target size of a run of lines.
pub const RUN_BYTES: usize = 256 * 1024;
/// Largest single line or value: what one layer of gzip may give.
pub const VALUE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Reads one input, record batch by record batch.
pub struct Reader {
    source: Arc<str>,
    shard: Arc<str>,
    bytes: Box<dyn BufRead + Send>,
    next: u64,
    mode: Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Unknown,
    Lines,
    Values,
    Whole,
    Done,
}

/// Why reading stopped early. What came before it has been handed over.
#[derive(Debug)]
pub struct ReadError {
    /// Where: after this many records.
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
        };
        let mut plain = BufReader::with_capacity(RUN_BYTES, raw);
        let gzip = plain.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let bytes: Box<dyn BufRead + Send> =
            if gzip { Box::new(BufReader::with_capacity(RUN_BYTES, flate2::bufread::MultiGzDecoder::new(plain))) } else { Box::new(plain) };
        Ok(Reader { source: source.into(), shard: input.name(), bytes, next: 1, mode: Mode::Unknown })
    }

    /// The next record, or `None` at the end.
    ///
    /// # Errors
    /// If reading or gunzipping fails; the reader is at its end then.
    pub fn next_record(&mut self) -> Result<Option<Record>, ReadError> {
        let first = self.next;
        let read = match self.mode {
            Mode::Unknown => self.begin(),
            Mode::Lines => self.run(Vec::new()),
            Mode::Values => self.value(Vec::new()),
            Mode::Whole => self.whole(Vec::new()),
            Mode::Done => return Ok(None),
        };
        match read {
            Ok(bytes) if bytes.is_empty() => {
                self.mode = Mode::Done;
                Ok(None)
            }
            Ok(bytes) => {
                let position = self.position(first);
                Ok(Some(Record { position, arrival_ms: None, bytes, lines: self.mode == Mode::Lines }))
            }
            Err(error) => {
                self.mode = Mode::Done;
                Err(ReadError { position: self.position(self.next), error })
            }
        }
    }

    fn position(&self, sequence: u64) -> Position {
        Position { source: self.source.clone(), shard: self.shard.clone(), sequence: sequence.into(), sub_sequence: 0 }
    }

    /// Looks at the first line and decides how the file is cut.
    fn begin(&mut self) -> io::Result<Vec<u8>> {
        let mut first = Vec::new();
        while first.iter().all(u8::is_ascii_whitespace) {
            let before = first.len();
            (&mut self.bytes).take(VALUE_BYTES_MAX as u64).read_until(b'\n', &mut first)?;
            if first.len() == before {
                return Ok(Vec::new());
            }
        }
        let at = first.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(0);
        // A first line that is cut short, followed by a line that starts an object anew, is a broken line among lines.
        let broken = first.trim_ascii().len() > 2 && self.bytes.fill_buf()?.starts_with(b"{\"");
        let json = matches!(first[at], b'{' | b'[') && !broken;
        let binary = first.iter().take(512).any(|b| *b == 0 || *b >= 0xf5) && std::str::from_utf8(&first).is_err();
        self.mode = match (binary, json && Balance::of(&first).open()) {
            (true, _) => Mode::Whole,
            (_, true) => Mode::Values,
            _ => Mode::Lines,
        };
        match self.mode {
            Mode::Whole => self.whole(first),
            Mode::Values => self.value(first),
            _ => self.run(first),
        }
    }

    /// Whole lines until the run is big enough.
    fn run(&mut self, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        while bytes.len() < RUN_BYTES {
            let before = bytes.len();
            (&mut self.bytes).take(VALUE_BYTES_MAX as u64).read_until(b'\n', &mut bytes)?;
            if bytes.len() == before {
                break;
            }
        }
        self.next += memchr_count(&bytes).max(u64::from(!bytes.is_empty()));
        Ok(bytes)
    }

    /// Lines until the JSON value that began is complete.
    fn value(&mut self, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let mut balance = Balance::of(&bytes);
        while bytes.len() < VALUE_BYTES_MAX && (balance.open() || bytes.iter().all(u8::is_ascii_whitespace)) {
            let before = bytes.len();
            (&mut self.bytes).take((VALUE_BYTES_MAX - bytes.len()) as u64).read_until(b'\n', &mut bytes)?;
            if bytes.len() == before {
                break;
            }
            balance.feed(&bytes[before..]);
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            bytes.clear();
        }
        self.next += 1;
        Ok(bytes)
    }

    fn whole(&mut self, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        (&mut self.bytes).take(VALUE_BYTES_MAX as u64).read_to_end(&mut bytes)?;
        self.next += 1;
        Ok(bytes)
    }
}

fn memchr_count(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

/// How many brackets are open, strings left aside.
struct Balance {
    depth: i64,
    in_string: bool,
    escaped: bool,
}

impl Balance {
    fn of(bytes: &[u8]) -> Self {
        let mut balance = Balance { depth: 0, in_string: false, escaped: false };
        balance.feed(bytes);
        balance
    }

    fn feed(&mut self, bytes: &[u8]) {
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

    fn open(&self) -> bool {
        self.depth > 0 || self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn records(content: &[u8]) -> Vec<(String, String, bool)> {
        let dir = std::env::temp_dir().join(format!(
            "tidegate-reader-{}-{:x}",
            std::process::id(),
            content.len() * 31 + content.first().map_or(0, |b| usize::from(*b))
        ));
        std::fs::create_dir_all(&dir).expect("temp dir");
        let path = dir.join("input");
        std::fs::write(&path, content).expect("write");
        let mut reader = Reader::open(&Input::File(path), "file").expect("open");
        let mut out = Vec::new();
        while let Some(r) = reader.next_record().expect("read") {
            out.push((r.position.sequence.to_string(), String::from_utf8_lossy(&r.bytes).trim().to_owned(), r.lines));
        }
        std::fs::remove_dir_all(&dir).expect("clean");
        out
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
    fn gzip_is_undone() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"2 123456789012 eni-1 a b\n").expect("gzip");
        assert_eq!(records(&encoder.finish().expect("gzip"))[0].1, "2 123456789012 eni-1 a b");
    }
}
