//! The scanner: a position in a text, and the grammar of what may stand there.

use super::fault::{Fault, Scan};
use super::string::Quoted;
use crate::decode::limits::JSON_DEPTH_MAX;
use crate::decode::{DecodeError, ErrorCode};
use crate::event::Value;
use std::borrow::Cow;

/// A position in a JSON text.
#[derive(Debug, Clone)]
pub(in crate::decode) struct Scanner<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    pub(super) depth: usize,
}

/// Whether the first byte that is no white space opens a JSON object or array.
#[must_use]
pub fn is_json(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| matches!(b, b'{' | b'['))
}

const ONES: u64 = u64::MAX / 255;
const HIGH: u64 = ONES * 0x80;

/// Marks (in their high bits) the bytes that end a plain run of a string: quote, backslash, control. The lowest mark is exact.
fn special_bytes(word: u64) -> u64 {
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    (quote | backslash | control) & HIGH
}

impl<'a> Scanner<'a> {
    pub(in crate::decode) fn new(text: &'a str) -> Self {
        Scanner { text, at: 0, depth: 0 }
    }

    /// The byte at the position; 0, which JSON allows nowhere, at the end.
    #[inline]
    pub(super) fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    #[inline]
    pub(super) fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// The refusal for a fault at the position. What stops at the very end is cut short.
    #[cold]
    pub(super) fn error(&self, fault: Fault) -> DecodeError {
        let code = match fault {
            Fault::TooDeep => ErrorCode::JsonTooDeep,
            _ if self.at >= self.text.len() => ErrorCode::JsonTruncated,
            _ => ErrorCode::JsonSyntax,
        };
        DecodeError::new(code, self.at, if code == ErrorCode::JsonTruncated { "JSON ends early" } else { fault.text() })
    }

    #[inline]
    pub(super) fn enter(&mut self) -> Scan<()> {
        if self.depth == JSON_DEPTH_MAX {
            return Err(Fault::TooDeep);
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
        self.at += 1;
    }

    /// Nothing but white space may follow.
    pub(super) fn finish(&mut self) -> Scan<()> {
        self.skip_space();
        if self.at < self.text.len() { Err(Fault::Trailing) } else { Ok(()) }
    }

    /// A key, its colon, and the white space around both.
    #[inline]
    pub(super) fn key(&mut self) -> Scan<Quoted<'a>> {
        self.skip_space();
        if self.peek() != b'"' {
            return Err(Fault::Key);
        }
        let key = self.string()?;
        if self.peek() != b':' {
            self.skip_space();
            if self.peek() != b':' {
                return Err(Fault::Colon);
            }
        }
        self.at += 1;
        self.skip_space();
        Ok(key)
    }

    /// A string; the position is at its opening quote.
    #[inline]
    pub(super) fn string(&mut self) -> Scan<Quoted<'a>> {
        let start = self.at + 1;
        self.at = start;
        let mut escaped = false;
        loop {
            self.plain_run();
            match self.peek() {
                b'"' => {
                    let raw = &self.text[start..self.at];
                    self.at += 1;
                    return Ok(Quoted { raw, escaped });
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                _ if self.at >= self.text.len() => return Err(Fault::Unclosed),
                _ => return Err(Fault::Control),
            }
        }
    }

    /// Moves over characters that mean themselves, eight at a time.
    #[inline]
    fn plain_run(&mut self) {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        while let Some(chunk) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
            let marks = special_bytes(u64::from_le_bytes(*chunk));
            if marks != 0 {
                self.at = at + (marks.trailing_zeros() / 8) as usize;
                return;
            }
            at += 8;
        }
        while bytes.get(at).is_some_and(|b| *b >= 0x20 && *b != b'"' && *b != b'\\') {
            at += 1;
        }
        self.at = at;
    }

    fn escape(&mut self) -> Scan<()> {
        self.at += 1;
        match self.peek() {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 1,
            b'u' => {
                self.at += 1;
                for _ in 0..4 {
                    if !self.peek().is_ascii_hexdigit() {
                        return Err(Fault::Escape);
                    }
                    self.at += 1;
                }
            }
            _ => return Err(Fault::Escape),
        }
        Ok(())
    }

    fn literal(&mut self, word: &'static str) -> Scan<()> {
        for expected in word.bytes() {
            if self.peek() != expected {
                return Err(Fault::Value);
            }
            self.at += 1;
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self) -> Scan<()> {
        if !self.peek().is_ascii_digit() {
            return Err(Fault::Number);
        }
        while self.peek().is_ascii_digit() {
            self.at += 1;
        }
        Ok(())
    }

    /// Moves over a number; says whether it is written as an integer.
    #[inline]
    fn number(&mut self) -> Scan<bool> {
        if self.peek() == b'-' {
            self.at += 1;
        }
        if self.peek() == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        let mut integer = true;
        if self.peek() == b'.' {
            integer = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), b'e' | b'E') {
            integer = false;
            self.at += 1;
            if matches!(self.peek(), b'+' | b'-') {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(integer)
    }

    /// Moves over a value that is neither object nor array.
    #[inline]
    pub(super) fn skip_scalar(&mut self) -> Scan<()> {
        match self.peek() {
            b'"' => self.string().map(drop),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            b'-' | b'0'..=b'9' => self.number().map(drop),
            _ => Err(Fault::Value),
        }
    }

    /// Reads a value that is neither object nor array.
    pub(super) fn scalar(&mut self) -> Scan<Value<'a>> {
        match self.peek() {
            b'"' => Ok(Value::Text(self.string()?.text())),
            b't' => self.literal("true").map(|()| Value::Bool(true)),
            b'f' => self.literal("false").map(|()| Value::Bool(false)),
            b'n' => self.literal("null").map(|()| Value::Null),
            b'-' | b'0'..=b'9' => {
                let start = self.at;
                let integer = self.number()?;
                Ok(number_value(&self.text[start..self.at], integer))
            }
            _ => Err(Fault::Value),
        }
    }

    /// Between two members or elements: true at a comma, false at (and behind) the closing bracket.
    #[inline]
    pub(super) fn more(&mut self, closing: u8) -> Scan<bool> {
        self.skip_space();
        match self.peek() {
            b',' => {
                self.at += 1;
                self.skip_space();
                Ok(true)
            }
            byte if byte == closing => {
                self.leave();
                Ok(false)
            }
            _ => Err(Fault::Comma),
        }
    }

    /// Enters an object or array: false when it is empty (and then left again).
    #[inline]
    pub(super) fn open(&mut self, closing: u8) -> Scan<bool> {
        self.enter()?;
        self.skip_space();
        if self.peek() == closing {
            self.leave();
            return Ok(false);
        }
        Ok(true)
    }
}

fn number_value(raw: &str, integer: bool) -> Value<'_> {
    if let Some(n) = integer.then(|| raw.parse().ok()).flatten() {
        return Value::Int(n);
    }
    match raw.parse::<f64>() {
        Ok(x) if x.is_finite() => Value::Float(x),
        _ => Value::Text(Cow::Borrowed(raw)),
    }
}
