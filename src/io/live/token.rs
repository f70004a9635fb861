//! What a file's read position needs to go on from there: the place in the text, and how to know the file again.
//!
//! A file is the same if it begins with the same bytes and has the same bytes before the place; its inode only says where a renamed
//! file went. Never trusts a size or a time alone where content can be compared. Limits: the first and the last [`TAIL_BYTES`]
//! bytes are compared.

use super::cut::{Place, TAIL_BYTES};
use crate::io::reader::Mode;
use serde::{Deserialize, Serialize};
use std::fs::Metadata;
use std::time::UNIX_EPOCH;
use tidegate_core::event::id::hash128;

/// The form of the text below; another one is refused.
const VERSION: u8 = 1;

/// A file as its folder tells of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stat {
    /// Inode; 0 where the platform has none.
    pub(super) inode: u64,
    /// Bytes.
    pub(super) size: u64,
    /// Last change, epoch nanoseconds.
    pub(super) modified_ns: i64,
}

impl Stat {
    pub(super) fn of(meta: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(meta);
        #[cfg(not(unix))]
        let inode = 0;
        let since = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        Stat { inode, size: meta.len(), modified_ns: i64::try_from(since.as_nanos()).unwrap_or(i64::MAX) }
    }

    /// How long ago it was changed last, by the file's own stamp.
    pub(super) fn age_ms(&self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(self.modified_ns / 1_000_000)
    }
}

/// Some bytes, to be known again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Print {
    /// How many.
    pub(super) length: u32,
    hash: u64,
}

impl Print {
    /// Of bytes, [`TAIL_BYTES`] at most.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Print { length: bytes.len().min(TAIL_BYTES) as u32, hash: hash128(bytes) as u64 }
    }

    /// Whether these bytes begin with those.
    pub(super) fn begins(&self, bytes: &[u8]) -> bool {
        bytes.get(..self.length as usize).is_some_and(|bytes| Print::of(bytes) == *self)
    }
}

/// The place in a file, and the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Token {
    version: u8,
    mode: Mode,
    /// Bytes of the text before the place, gzip undone.
    pub(super) offset: u64,
    torn: bool,
    /// Whether the file is gzip.
    pub(super) gzip: bool,
    /// Whether nothing of the file as `stat` describes it is left to read.
    pub(super) done: bool,
    /// The file when it was read.
    pub(super) stat: Stat,
    /// Its first bytes, as they are on disk.
    pub(super) head: Print,
    /// The last bytes before the place, gzip undone.
    pub(super) tail: Print,
}

impl Token {
    /// For a place in a file.
    pub(super) fn new(place: Place, stat: Stat, gzip: bool, done: bool, head: &[u8], tail: &[u8]) -> Self {
        let Place { mode, offset, torn, .. } = place;
        Token { version: VERSION, mode, offset, torn, gzip, done, stat, head: Print::of(head), tail: Print::of(tail) }
    }

    /// The same place in the file as it is by now.
    pub(super) fn seen_as(self, stat: Stat, done: bool) -> Self {
        Token { stat, done, ..self }
    }

    /// The place; `sequence` is the number of the last line or value before it.
    pub(super) fn place(&self, sequence: u64) -> Place {
        Place { mode: self.mode, next: sequence + 1, offset: self.offset, torn: self.torn }
    }

    /// As text, for a read position.
    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).expect("plain data with names for keys is JSON")
    }

    /// Reads it back.
    ///
    /// # Errors
    /// If it is damaged or of another version: in words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let token: Token = serde_json::from_str(text).map_err(|e| e.to_string())?;
        if token.version == VERSION { Ok(token) } else { Err(format!("its form {} is not known here", token.version)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_and_another_form_is_refused() {
        let stat = Stat { inode: 7, size: 100, modified_ns: 5 };
        let place = Place { mode: Mode::Lines, next: 4, offset: 90, torn: true };
        let token = Token::new(place, stat, false, true, b"head", b"tail");
        assert_eq!(Token::parse(&token.text()), Ok(token));
        assert_eq!(token.place(3), place);
        let text = token.text();
        assert!(text.starts_with("{\"version\":1,\"mode\":\"lines\",\"offset\":90,"), "what is stored keeps its form: {text}");
        assert!(Token::parse(&text.replace("\"version\":1", "\"version\":2")).is_err());
        assert!(Token::parse("").is_err());
    }

    #[test]
    fn a_print_knows_its_bytes_again() {
        let print = Print::of(b"2 1234");
        assert!(print.begins(b"2 1234567"));
        assert!(!print.begins(b"2 123") && !print.begins(b"2 1235"));
        assert!(Print::of(b"").begins(b"anything"));
    }
}
