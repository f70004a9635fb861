//! A file that is being read: from a place on, piece by piece, gzip undone.
//!
//! Owns the handle, and the check that the file is the one whose place was stored. Never decides when a file is complete: it is told
//! (`end`). Limits: about [`RUN_BYTES`] are handed over at once and twice as much is held, but for a single long line or value.

use super::cut::{Cutter, LINES_MAX, Piece, Place, Rest, TAIL_BYTES};
use super::token::{Print, Stat, Token};
use crate::io::reader::{GZIP_MAGIC, Mode, RUN_BYTES};
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// What opening a file gave.
#[derive(Debug)]
pub(super) enum Found {
    /// The file that was looked for.
    This(Box<Opened>),
    /// Under this path and inode stands another content.
    Another,
    /// Something else than was found stands under this path by now (a link, another file): to be looked at again.
    Moved,
}

/// What a step of reading gave.
#[derive(Debug)]
pub(super) enum Step {
    /// Pieces, at least one.
    Pieces(Vec<Piece>),
    /// Nothing yet: more is to be read.
    Busy,
    /// Nothing more is there now.
    End,
    /// The file's content was replaced.
    Another,
    /// It cannot be read on. Every whole line or value before was given. Told once.
    Failed(io::Error),
}

/// The text of a gzip file before the place: it is read and left out.
#[derive(Debug)]
struct Skip {
    left: u64,
    token: Token,
    sequence: u64,
    start: Vec<u8>,
    tail: Vec<u8>,
}

#[derive(Debug)]
enum Bytes {
    Plain(File),
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
}

/// A file that is being read.
#[derive(Debug)]
pub(super) struct Opened {
    bytes: Bytes,
    cutter: Cutter,
    skip: Option<Skip>,
    head: Vec<u8>,
    stat: Stat,
    ended: bool,
    failed: Option<io::Error>,
}

impl Opened {
    /// Opens a file, at the place of a token (behind the line or value with that number) if there is one. `inode` is that of the file
    /// that was found under this path: if another one is there by now, a link for instance, it is not read.
    ///
    /// # Errors
    /// If it cannot be opened or read.
    pub(super) fn open(path: &Path, inode: u64, resume: Option<(&Token, u64)>) -> io::Result<Found> {
        let mut file = File::open(path)?;
        let meta = file.metadata()?;
        let stat = Stat::of(&meta);
        let head = read_some(&mut file, 0, TAIL_BYTES)?;
        let gzip = head.starts_with(&GZIP_MAGIC);
        if stat.inode != inode || !meta.is_file() {
            return Ok(Found::Moved);
        }
        if resume.is_some_and(|(token, _)| token.gzip != gzip || !token.head.begins(&head)) {
            return Ok(Found::Another);
        }
        let mut cutter = Cutter::new();
        if let (Some((token, sequence)), false) = (resume, gzip) {
            let from = token.offset.saturating_sub(TAIL_BYTES as u64);
            let tail = read_some(&mut file, from, (token.offset - from) as usize)?;
            if Print::of(&tail) != token.tail {
                return Ok(Found::Another);
            }
            let place = token.place(sequence);
            let start = if place.mode == Mode::Lines { read_some(&mut file, 0, RUN_BYTES)? } else { Vec::new() };
            cutter = Cutter::at(place, tail, header(&start, place));
        }
        let skip = resume.filter(|_| gzip).map(|(token, sequence)| Skip::new(*token, sequence));
        let bytes = if gzip {
            file.seek(SeekFrom::Start(0))?;
            Bytes::Gzip(Box::new(MultiGzDecoder::new(BufReader::with_capacity(RUN_BYTES, file))))
        } else {
            Bytes::Plain(file)
        };
        Ok(Found::This(Box::new(Opened { bytes, cutter, skip, head, stat, ended: false, failed: None })))
    }

    /// Whether it is gzip: such a file is read only when it is complete.
    pub(super) fn gzip(&self) -> bool {
        matches!(self.bytes, Bytes::Gzip(_))
    }

    /// The first line of a text of lines, if reading is behind it.
    pub(super) fn header(&self) -> Option<&Piece> {
        self.cutter.header().filter(|_| self.cutter.place().offset > 0)
    }

    /// Number of the last line or value given.
    pub(super) fn sequence(&self) -> u64 {
        self.skip.as_ref().map_or(self.cutter.place().next - 1, |skip| skip.sequence)
    }

    /// The place behind the last piece.
    pub(super) fn token(&self) -> Token {
        if let Some(skip) = &self.skip {
            return skip.token.seen_as(self.stat, self.ended);
        }
        let place = self.cutter.place();
        let done = if self.gzip() { self.ended && self.cutter.uncut() == 0 } else { place.offset == self.stat.size };
        Token::new(place, self.stat, self.gzip(), done, &self.head, self.cutter.tail())
    }

    /// What stands behind the last piece.
    pub(super) fn rest(&self) -> Rest {
        if self.ended { self.cutter.rest() } else { Rest::Nothing }
    }

    /// The file may have grown: what it holds is looked at again.
    ///
    /// # Errors
    /// If it cannot be read.
    pub(super) fn again(&mut self) -> io::Result<Step> {
        let Bytes::Plain(file) = &mut self.bytes else { return Ok(Step::End) };
        let stat = Stat::of(&file.metadata()?);
        let grown = stat != self.stat;
        self.ended &= !grown;
        self.stat = stat;
        if !grown {
            return Ok(Step::End);
        }
        let (offset, tail) = (self.cutter.place().offset, self.cutter.tail());
        if read_some(file, offset - tail.len() as u64, tail.len())? != tail {
            return Ok(Step::Another);
        }
        if self.head.len() < TAIL_BYTES {
            self.head = read_some(file, 0, TAIL_BYTES)?;
        }
        if stat.size < offset + self.cutter.uncut() as u64 {
            self.cutter.forget_uncut();
        }
        Ok(Step::Busy)
    }

    /// Reads on. `end`: what is there is all, a line without its end included.
    pub(super) fn step(&mut self, end: bool) -> Step {
        if self.skip.is_some() {
            return self.skip();
        }
        let filled = !self.ended && self.cutter.uncut() < RUN_BYTES && self.fill();
        let mut pieces = self.pieces(end);
        if pieces.is_empty() && !filled && !self.ended {
            self.fill();
            pieces = self.pieces(end);
        }
        match (pieces.is_empty(), self.ended) {
            (false, _) => Step::Pieces(pieces),
            (true, false) => Step::Busy,
            (true, true) => match self.failed.take() {
                Some(error) => {
                    self.cutter.forget_uncut();
                    Step::Failed(error)
                }
                None => Step::End,
            },
        }
    }

    /// Takes bytes of the file; true if there were any.
    fn fill(&mut self) -> bool {
        let filled = match &mut self.bytes {
            Bytes::Plain(file) => {
                let at = self.cutter.place().offset + self.cutter.uncut() as u64;
                file.seek(SeekFrom::Start(at)).and_then(|_| self.cutter.fill(file, RUN_BYTES))
            }
            Bytes::Gzip(decoder) => self.cutter.fill(decoder, RUN_BYTES),
        };
        match filled {
            Ok(bytes) => {
                self.ended = bytes < RUN_BYTES;
                bytes > 0
            }
            Err(error) => {
                (self.ended, self.failed) = (true, Some(error));
                false
            }
        }
    }

    /// About one run of lines, or as many values.
    fn pieces(&mut self, end: bool) -> Vec<Piece> {
        // The part of a line before a break in the file would be read as a line of its own.
        let end = end && self.ended && self.failed.is_none();
        let (mut pieces, mut bytes) = (Vec::new(), 0);
        while let Some(piece) = self.cutter.next(end) {
            bytes += piece.bytes.len();
            let full = piece.lines || bytes >= RUN_BYTES || pieces.len() + 1 >= LINES_MAX;
            pieces.push(piece);
            if full {
                break;
            }
        }
        pieces
    }

    /// Reads a part of what is before the place.
    fn skip(&mut self) -> Step {
        let (Some(mut skip), Bytes::Gzip(decoder)) = (self.skip.take(), &mut self.bytes) else { return Step::Busy };
        let mut part = Vec::new();
        let most = skip.left.min(4 * RUN_BYTES as u64);
        if let Err(error) = decoder.take(most).read_to_end(&mut part) {
            (self.ended, self.skip) = (true, Some(skip));
            return Step::Failed(error);
        }
        skip.take(&part);
        let place = skip.token.place(skip.sequence);
        match skip.left {
            0 if Print::of(&skip.tail) != skip.token.tail => return Step::Another,
            0 => self.cutter = Cutter::at(place, skip.tail, header(&skip.start, place)),
            _ if part.is_empty() => return Step::Another,
            _ => self.skip = Some(skip),
        }
        Step::Busy
    }
}

impl Skip {
    fn new(token: Token, sequence: u64) -> Self {
        Skip { left: token.offset, token, sequence, start: Vec::new(), tail: Vec::new() }
    }

    fn take(&mut self, part: &[u8]) {
        self.left -= part.len() as u64;
        let room = RUN_BYTES.saturating_sub(self.start.len()).min(part.len());
        self.start.extend_from_slice(&part[..room]);
        self.tail.extend_from_slice(part);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL_BYTES));
    }
}

/// The first line that is not blank of a text that is read from a place behind it.
fn header(start: &[u8], place: Place) -> Option<Piece> {
    if place.mode != Mode::Lines {
        return None;
    }
    let mut cutter = Cutter::new();
    cutter.fill(&mut &*start, start.len()).ok()?;
    cutter.next(true)?;
    let header = cutter.header()?.clone();
    let whole = header.bytes.ends_with(b"\n");
    (whole && header.last < place.next).then_some(header)
}

fn read_some(file: &mut File, from: u64, most: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(most as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}
