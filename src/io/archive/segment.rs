//! Reading a segment: its header, then its records, up to its end or to where it was cut.

use super::form::{BODY_BYTES_MAX, END, FRAME_HEAD_BYTES, HEADER, Head, Header, MAGIC, PRELUDE, RECORD, checksum};
use crate::io::reader::ReadError;
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use tidegate_core::event::{Position, Record};

/// A record of a segment.
#[derive(Debug)]
pub struct Framed {
    /// The record.
    pub record: Record,
    /// It only says what the shard's format is.
    pub prelude: bool,
}

/// A segment that is being read.
pub struct Segment {
    name: Arc<str>,
    header: Header,
    source: Arc<str>,
    /// The shard of the last record: neighbours share the name.
    shard: Arc<str>,
    bytes: Box<dyn BufRead + Send>,
    frames: u64,
    over: bool,
    cut: Option<String>,
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment").field("name", &self.name).field("header", &self.header).finish_non_exhaustive()
    }
}

impl Segment {
    /// Reads the beginning of a segment; `bytes` have gzip undone and begin with [`MAGIC`].
    ///
    /// # Errors
    /// If its header is cut, damaged, or of another form.
    pub fn open(name: Arc<str>, mut bytes: Box<dyn BufRead + Send>) -> io::Result<Self> {
        let mut magic = [0; MAGIC.len()];
        bytes.read_exact(&mut magic)?;
        let Some((HEADER, body)) = frame(bytes.as_mut())? else { return Err(damaged("it has no header")) };
        let header: Header = serde_json::from_slice(&body).map_err(|e| damaged(&format!("its header: {e}")))?;
        let source: Arc<str> = header.source.as_str().into();
        Ok(Segment { name, header, source, shard: "".into(), bytes, frames: 0, over: false, cut: None })
    }

    /// What is true of the whole of it.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Why it ended without its end, in words, once it was read: cut inside a frame.
    #[must_use]
    pub fn cut(&self) -> Option<&str> {
        self.cut.as_deref()
    }

    /// The next record.
    ///
    /// # Errors
    /// If what stands there is damaged: nothing comes behind it. A cut tail is no error, see [`Segment::cut`].
    pub fn next_record(&mut self) -> Result<Option<Framed>, ReadError> {
        if self.over {
            return Ok(None);
        }
        match self.read() {
            Ok(Some(framed)) => {
                self.frames += 1;
                Ok(Some(framed))
            }
            Ok(None) => {
                self.over = true;
                Ok(None)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                self.over = true;
                self.cut = Some(format!("{} is cut behind {} records; they were read", self.name, self.frames));
                Ok(None)
            }
            Err(error) => {
                self.over = true;
                let position =
                    Position { source: self.source.clone(), shard: self.name.clone(), sequence: self.frames.into(), sub_sequence: 0 };
                Err(ReadError { position, error })
            }
        }
    }

    fn read(&mut self) -> io::Result<Option<Framed>> {
        let Some((kind, body)) = frame(self.bytes.as_mut())? else { return Ok(None) };
        let prelude = match kind {
            RECORD => false,
            PRELUDE => true,
            END => return Ok(None),
            other => return Err(damaged(&format!("it has a frame of the unknown kind {other}: a newer program wrote it"))),
        };
        let (head, bytes) = postcard::take_from_bytes::<Head<'_>>(&body).map_err(|e| damaged(&e.to_string()))?;
        if *self.shard != *head.shard {
            self.shard = head.shard.into();
        }
        let (sequence, sub_sequence) = (head.sequence, head.sub_sequence);
        let position = Position { source: self.source.clone(), shard: self.shard.clone(), sequence, sub_sequence };
        let record = Record { position, arrival_ms: head.arrival_ms, bytes: bytes.to_vec(), lines: head.lines };
        Ok(Some(Framed { record, prelude }))
    }
}

/// The next frame; `None`: there is none, because the bytes end before it.
fn frame(bytes: &mut (dyn BufRead + Send)) -> io::Result<Option<(u8, Vec<u8>)>> {
    if bytes.fill_buf()?.is_empty() {
        return Ok(None);
    }
    let mut head = [0; FRAME_HEAD_BYTES];
    bytes.read_exact(&mut head)?;
    let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if length > BODY_BYTES_MAX {
        return Err(damaged(&format!("a frame of {length} bytes")));
    }
    let mut body = Vec::new();
    if bytes.take(length as u64).read_to_end(&mut body)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    if checksum(&body) != head[5..] {
        return Err(damaged("a checksum does not fit"));
    }
    Ok(Some((head[0], body)))
}

fn damaged(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("this segment of an archive is damaged: {why}"))
}

#[cfg(test)]
mod tests {
    use super::super::form::{beginning, ending, pack};
    use super::*;
    use flate2::read::MultiGzDecoder;
    use std::io::BufReader;

    fn header() -> Header {
        Header { source: "trail".into(), stated: serde_json::json!({"format": "auto"}), session_ms: 5, started_ms: None, number: 1 }
    }

    fn record(shard: &str, sequence: u64, bytes: &str) -> Record {
        let position = Position { source: "trail".into(), shard: shard.into(), sequence: sequence.into(), sub_sequence: 0 };
        Record { position, arrival_ms: Some(1_000 + sequence as i64), bytes: bytes.as_bytes().to_vec(), lines: sequence.is_multiple_of(2) }
    }

    /// Records by shard and sequence, how the segment was cut, and whether it was read to its end.
    type Told = (Vec<(String, u64, String)>, Option<String>, bool);

    fn read(bytes: &[u8]) -> io::Result<Told> {
        let bytes: Box<dyn BufRead + Send> = Box::new(BufReader::new(MultiGzDecoder::new(io::Cursor::new(bytes.to_vec()))));
        let mut segment = Segment::open("segment".into(), bytes)?;
        assert_eq!(segment.header(), &header());
        let mut out = Vec::new();
        loop {
            match segment.next_record() {
                Ok(Some(Framed { record, prelude })) => {
                    assert!(!prelude && *record.position.source == *"trail");
                    let sequence = record.position.sequence.to_string().parse().expect("small");
                    assert_eq!((record.arrival_ms, record.lines), (Some(1_000 + sequence as i64), sequence % 2 == 0));
                    out.push((record.position.shard.to_string(), sequence, String::from_utf8(record.bytes).expect("text")));
                }
                Ok(None) => return Ok((out, segment.cut().map(str::to_owned), false)),
                Err(_) => return Ok((out, None, true)),
            }
        }
    }

    fn segment() -> (Vec<u8>, usize) {
        let first = pack(&[record("a", 1, "one"), record("a", 2, "two\nthree\n")], None, 0).expect("records");
        let second = pack(&[record("b", 7, "seven")], None, 0).expect("records");
        let whole = [beginning(&header()), first.member.clone(), second.member, ending()].concat();
        (whole, beginning(&header()).len() + first.member.len())
    }

    #[test]
    fn what_was_packed_comes_out_and_a_cut_tail_is_told() {
        let (whole, second) = segment();
        let all = [("a", 1, "one"), ("a", 2, "two\nthree\n"), ("b", 7, "seven")].map(|(s, n, t)| (s.to_owned(), n, t.to_owned()));
        assert_eq!(read(&whole).expect("whole"), (all.to_vec(), None, false));
        assert_eq!(read(&whole[..second]).expect("without its end"), (all[..2].to_vec(), None, false), "it is being written");
        for length in second + 1..whole.len() - ending().len() {
            let (records, cut, damaged) = read(&whole[..length]).expect("begun");
            assert!(records.len() >= 2 && records == all[..records.len()] && !damaged, "{length}");
            assert!(cut.is_some_and(|cut| cut.contains(&format!("behind {} records", records.len()))), "{length}");
        }
    }

    #[test]
    fn a_changed_byte_gives_nothing_else_than_what_was_packed() {
        let (whole, _) = segment();
        let good = read(&whole).expect("whole").0;
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x41;
            if let Ok((records, cut, damaged)) = read(&bytes) {
                assert!(records == good[..records.len()], "{at}");
                // Bytes of gzip's own head (times, names) say nothing.
                assert!(records.len() == good.len() || damaged || cut.is_some(), "{at}");
            }
        }
    }
}
