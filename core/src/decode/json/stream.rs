//! Documents that follow each other (NDJSON, `}{`, with text lines between), the members of an object, the elements of an
//! array. What is broken is cut out as narrowly as possible, so that its neighbours survive.

use super::fault::{Fault, Scan};
use super::scan::Scanner;
use crate::decode::DecodeError;
use smallvec::SmallVec;
use std::borrow::Cow;

/// The members of one object: key, and the value's own text.
pub(in crate::decode) type Members<'a> = SmallVec<[(Cow<'a, str>, &'a str); 32]>;

/// One piece of a stream.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece<'a> {
    /// A well-formed object or array.
    Value(&'a str),
    /// A line that does not start like an object or an array of objects, without its line end.
    Line(&'a str),
    /// Something that starts like JSON and is not; offsets count from its start.
    Bad(DecodeError, &'a str),
}

/// Splits a text into JSON documents and lines. White space between them is skipped.
#[derive(Debug, Clone)]
pub struct Stream<'a> {
    text: &'a str,
    at: usize,
}

/// The pieces of a text: see [`Stream`].
#[must_use]
pub fn split_stream(text: &str) -> Stream<'_> {
    Stream { text, at: 0 }
}

impl<'a> Iterator for Stream<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        self.next_with(&mut Members::new())
    }
}

impl<'a> Stream<'a> {
    /// The next piece; when it is an object, also its members, found in the same pass.
    pub(in crate::decode) fn next_with(&mut self, members: &mut Members<'a>) -> Option<Piece<'a>> {
        members.clear();
        let rest = &self.text[self.at..];
        let start = self.at + (rest.len() - rest.trim_ascii_start().len());
        let rest = &self.text[start..];
        if rest.is_empty() {
            return None;
        }
        if !starts_document(rest) {
            let line = &rest[..memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len())];
            self.at = start + line.len();
            return Some(Piece::Line(line.trim_ascii_end()));
        }
        let mut scanner = Scanner::new(rest);
        match value_with(&mut scanner, members) {
            Ok(()) => {
                self.at = start + scanner.at;
                Some(Piece::Value(&rest[..scanner.at]))
            }
            Err(fault) => {
                members.clear();
                let bad = &rest[..resume_after(rest)];
                self.at = start + bad.len();
                Some(Piece::Bad(scanner.error(fault), bad.trim_ascii_end()))
            }
        }
    }
}

/// Whether a text starts like an object or like an array of something with a bracket or quote. `[ERROR] ...` is a line.
fn starts_document(text: &str) -> bool {
    match text.as_bytes() {
        [b'{', ..] => true,
        [b'[', rest @ ..] => matches!(rest.trim_ascii_start(), [] | [b'{' | b'[' | b']' | b'"', ..]),
        _ => false,
    }
}

/// Where reading goes on after a broken document at the start of `text`: behind its balanced end, or at the next line that
/// starts like a document, whichever comes first.
fn resume_after(text: &str) -> usize {
    let balanced = balanced_end(text).unwrap_or(text.len());
    let line = memchr::memchr_iter(b'\n', &text.as_bytes()[..balanced])
        .map(|newline| newline + 1)
        .find(|start| matches!(text.as_bytes().get(*start), Some(b'{')));
    line.unwrap_or(balanced)
}

/// The end of the value that opens at the start of `text`, by counting brackets outside strings; nothing else is checked.
fn balanced_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0usize, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = quote_end(bytes, at)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            b',' if depth == 0 => return Some(at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The index of the quote that closes the one at `at`.
fn quote_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut from = at + 1;
    loop {
        let found = from + memchr::memchr2(b'"', b'\\', bytes.get(from..)?)?;
        if bytes[found] == b'"' {
            return Some(found);
        }
        from = found + 2;
    }
}

fn value_with<'a>(scanner: &mut Scanner<'a>, members: &mut Members<'a>) -> Scan<()> {
    if scanner.peek() == b'{' { object(scanner, members) } else { scanner.skip_value() }
}

fn object<'a>(scanner: &mut Scanner<'a>, members: &mut Members<'a>) -> Scan<()> {
    let mut more = scanner.open(b'}')?;
    while more {
        let key = scanner.key()?;
        let start = scanner.at;
        scanner.skip_value()?;
        members.push((key.text(), &scanner.text[start..scanner.at]));
        more = scanner.more(b'}')?;
    }
    Ok(())
}

/// The members of an object, all of it checked.
pub(in crate::decode) fn members<'a>(text: &'a str, members: &mut Members<'a>) -> Result<(), DecodeError> {
    members.clear();
    let mut scanner = Scanner::new(text);
    whole_object(&mut scanner, members).map_err(|fault| scanner.error(fault))
}

fn whole_object<'a>(scanner: &mut Scanner<'a>, members: &mut Members<'a>) -> Scan<()> {
    scanner.skip_space();
    if scanner.peek() != b'{' {
        return Err(Fault::NotObject);
    }
    object(scanner, members)?;
    scanner.finish()
}

/// The members of an object that is malformed somewhere, as far as brackets and quotes tell. A value that never ends reaches to
/// the end of the text. Used only to save what is whole inside a broken envelope.
pub(in crate::decode) fn lenient_members<'a>(text: &'a str, members: &mut Members<'a>) {
    members.clear();
    let mut scanner = Scanner::new(text);
    scanner.skip_space();
    if scanner.peek() != b'{' || scanner.open(b'}') != Ok(true) {
        return;
    }
    while let Ok(key) = scanner.key() {
        let rest = &text[scanner.at..];
        let end = balanced_end(rest).unwrap_or(rest.len());
        members.push((key.text(), &rest[..end]));
        scanner.at += end;
        if scanner.more(b'}') != Ok(true) {
            return;
        }
    }
}

/// One element of an array.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::decode) enum Element<'a> {
    /// A well-formed value.
    Value(&'a str),
    /// A malformed one, or the malformed rest of the array.
    Bad(DecodeError, &'a str),
}

/// The elements of an array. A malformed element costs only itself where its brackets still match.
#[derive(Debug, Clone)]
pub(in crate::decode) struct Elements<'a> {
    scanner: Scanner<'a>,
    next: Next,
}

/// What stands at an array's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Element,
    End,
    Fault(Fault),
}

impl From<Scan<bool>> for Next {
    fn from(more: Scan<bool>) -> Self {
        match more {
            Ok(true) => Next::Element,
            Ok(false) => Next::End,
            Err(fault) => Next::Fault(fault),
        }
    }
}

impl<'a> Elements<'a> {
    /// `text` starts with `[`. What follows the closing bracket is not looked at.
    pub(in crate::decode) fn new(text: &'a str) -> Self {
        let mut scanner = Scanner::new(text);
        let next = if scanner.peek() == b'[' { scanner.open(b']').into() } else { Next::End };
        Elements { scanner, next }
    }

    /// The next element; when it is an object, also its members.
    pub(in crate::decode) fn next_with(&mut self, members: &mut Members<'a>) -> Option<Element<'a>> {
        members.clear();
        let (text, start) = (self.scanner.text, self.scanner.at);
        match self.next {
            Next::End => return None,
            Next::Fault(fault) => {
                self.next = Next::End;
                return Some(self.bad(start, fault, text.len()));
            }
            Next::Element => {}
        }
        match value_with(&mut self.scanner, members) {
            Ok(()) => {
                let value = &text[start..self.scanner.at];
                self.next = self.scanner.more(b']').into();
                Some(Element::Value(value))
            }
            Err(fault) => {
                members.clear();
                Some(self.cut_out(start, fault))
            }
        }
    }

    /// Cuts a malformed element out and stands behind it, or gives up on the rest of the array.
    fn cut_out(&mut self, start: usize, fault: Fault) -> Element<'a> {
        let text = self.scanner.text;
        let end = start + balanced_end(&text[start..]).unwrap_or(text.len() - start);
        let mut behind = Scanner { text, at: end, depth: 1 };
        let next = behind.more(b']').into();
        let bad = match next {
            Next::Fault(_) => self.bad(start, fault, text.len()),
            _ => self.bad(start, fault, end),
        };
        self.next = if matches!(next, Next::Fault(_)) { Next::End } else { next };
        self.scanner = behind;
        bad
    }

    fn bad(&self, start: usize, fault: Fault, end: usize) -> Element<'a> {
        let mut error = self.scanner.error(fault);
        error.offset = error.offset.saturating_sub(start);
        Element::Bad(error, &self.scanner.text[start..end])
    }
}
