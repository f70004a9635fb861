//! Wildcard patterns on texts.
//!
//! Owns what a pattern fits. Never allocates while it matches. A pattern costs at most O(length of text x length of pattern).

use super::fold::fold;
use crate::rule::{Part, Pattern};
use memchr::memmem::Finder;

/// A pattern by its shape: the common shapes have fast tests. Literals are lower-cased unless case counts.
#[derive(Debug, Clone)]
pub(super) enum TextTest {
    /// `*`
    Any,
    /// `abc`
    Equals(Box<str>),
    /// `abc*`
    Prefix(Box<str>),
    /// `*abc`
    Suffix(Box<str>),
    /// `*abc*`
    Contains(Box<Finder<'static>>),
    /// Anything else: stretches between the `*`, and whether the pattern begins and ends with one.
    Wild {
        /// The stretches, none empty.
        stretches: Box<[Stretch]>,
        /// Begins with `*`.
        open_start: bool,
        /// Ends with `*`.
        open_end: bool,
    },
}

/// What stands between two `*`: literals and `?`.
#[derive(Debug, Clone)]
pub(super) struct Stretch {
    pieces: Box<[Piece]>,
    characters: usize,
}

#[derive(Debug, Clone)]
enum Piece {
    Literal(Box<str>),
    One,
}

impl TextTest {
    /// Compiles a pattern.
    pub(super) fn new(pattern: &Pattern, cased: bool) -> Self {
        let parts = normal_form(pattern, cased);
        match parts.as_slice() {
            [] => TextTest::Equals("".into()),
            [Part::Any] => TextTest::Any,
            [Part::Literal(t)] => TextTest::Equals(t.as_str().into()),
            [Part::Literal(t), Part::Any] => TextTest::Prefix(t.as_str().into()),
            [Part::Any, Part::Literal(t)] => TextTest::Suffix(t.as_str().into()),
            [Part::Any, Part::Literal(t), Part::Any] => TextTest::Contains(Box::new(Finder::new(t.as_bytes()).into_owned())),
            parts => wild(parts),
        }
    }

    /// Whether the whole text fits. The text must be lower-cased unless case counts.
    pub(super) fn matches(&self, text: &str) -> bool {
        match self {
            TextTest::Any => true,
            TextTest::Equals(t) => **t == *text,
            TextTest::Prefix(t) => text.starts_with(&**t),
            TextTest::Suffix(t) => text.ends_with(&**t),
            TextTest::Contains(finder) => finder.find(text.as_bytes()).is_some(),
            TextTest::Wild { stretches, open_start, open_end } => wild_matches(stretches, *open_start, *open_end, text),
        }
    }

    /// The longest literal every fitting text contains.
    pub(super) fn literal(&self) -> Option<&str> {
        match self {
            TextTest::Any => None,
            TextTest::Equals(t) | TextTest::Prefix(t) | TextTest::Suffix(t) => Some(t),
            TextTest::Contains(finder) => std::str::from_utf8(finder.needle()).ok(),
            TextTest::Wild { stretches, .. } => {
                let literals = stretches.iter().flat_map(|s| s.pieces.iter()).filter_map(Piece::literal);
                literals.reduce(|best, next| if next.len() > best.len() { next } else { best })
            }
        }
    }
}

impl Piece {
    fn literal(&self) -> Option<&str> {
        match self {
            Piece::Literal(t) => Some(t),
            Piece::One => None,
        }
    }
}

/// Neighbouring literals and neighbouring `*` become one; empty literals vanish; literals are lower-cased unless case counts.
fn normal_form(pattern: &Pattern, cased: bool) -> Vec<Part> {
    let mut out: Vec<Part> = Vec::new();
    for part in &pattern.0 {
        match (part, out.last_mut()) {
            (Part::Literal(t), _) if t.is_empty() => {}
            (Part::Literal(t), Some(Part::Literal(before))) => before.push_str(&if cased { t.clone() } else { fold(t) }),
            (Part::Literal(t), _) => out.push(Part::Literal(if cased { t.clone() } else { fold(t) })),
            (Part::Any, Some(Part::Any)) => {}
            (part, _) => out.push(part.clone()),
        }
    }
    out
}

fn wild(parts: &[Part]) -> TextTest {
    let stretches = parts.split(|p| *p == Part::Any).filter(|s| !s.is_empty()).map(Stretch::new).collect();
    TextTest::Wild { stretches, open_start: parts.first() == Some(&Part::Any), open_end: parts.last() == Some(&Part::Any) }
}

impl Stretch {
    fn new(parts: &[Part]) -> Self {
        let piece = |part: &Part| match part {
            Part::Literal(t) => Piece::Literal(t.as_str().into()),
            Part::One | Part::Any => Piece::One,
        };
        let pieces: Box<[Piece]> = parts.iter().map(piece).collect();
        let characters = pieces.iter().map(|p| p.literal().map_or(1, |t| t.chars().count())).sum();
        Stretch { pieces, characters }
    }

    /// The end of the stretch if it fits at `at`.
    fn end_at(&self, text: &str, mut at: usize) -> Option<usize> {
        for piece in &self.pieces {
            at += match piece {
                Piece::Literal(t) => text[at..].starts_with(&**t).then_some(t.len())?,
                Piece::One => text[at..].chars().next()?.len_utf8(),
            };
        }
        Some(at)
    }

    /// The end of the first place at or after `from` where the stretch fits.
    fn find(&self, text: &str, from: usize) -> Option<usize> {
        let first = self.pieces.first().and_then(Piece::literal);
        let mut at = from;
        loop {
            if let Some(literal) = first {
                at += text[at..].find(literal)?;
            }
            if let Some(end) = self.end_at(text, at) {
                return Some(end);
            }
            at += text[at..].chars().next()?.len_utf8();
        }
    }

    /// Whether the stretch fits at the very end of the text, starting at or after `from`.
    fn fits_end(&self, text: &str, from: usize) -> bool {
        let start = match self.characters {
            0 => Some(text.len()),
            n => text[from..].char_indices().rev().nth(n - 1).map(|(i, _)| from + i),
        };
        start.is_some_and(|start| self.end_at(text, start) == Some(text.len()))
    }
}

/// Greedy from the left: the first place for each stretch leaves the most room for those after it.
fn wild_matches(stretches: &[Stretch], open_start: bool, open_end: bool, text: &str) -> bool {
    let mut at = 0;
    for (i, stretch) in stretches.iter().enumerate() {
        let (first, last) = (i == 0 && !open_start, i + 1 == stretches.len() && !open_end);
        if last {
            return if first { stretch.end_at(text, 0) == Some(text.len()) } else { stretch.fits_end(text, at) };
        }
        let end = if first { stretch.end_at(text, 0) } else { stretch.find(text, at) };
        match end {
            Some(end) => at = end,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(pattern: &str, text: &str) -> bool {
        let part = |c| match c {
            '*' => Part::Any,
            '?' => Part::One,
            c => Part::Literal(c.to_string()),
        };
        TextTest::new(&Pattern(pattern.chars().map(part).collect()), false).matches(&fold(text))
    }

    #[test]
    fn patterns_fit_whole_texts() {
        let yes = [
            ("", ""),
            ("*", ""),
            ("abc", "ABC"),
            ("a*", "a"),
            ("*c", "abc"),
            ("*b*", "abc"),
            ("a?c", "aéc"),
            ("?", "é"),
            ("a*b*c", "aXXbYYc"),
            ("*ab", "aab"),
            ("a**b", "ab"),
            ("*?", "x"),
            ("a*a", "aa"),
            ("*a?c*", "zzaacabcz"),
            ("?*?", "ab"),
            ("K", "\u{212A}"),
            ("i*", "İx"),
        ];
        for (pattern, text) in yes {
            assert!(test(pattern, text), "{pattern} should fit {text}");
        }
        let no = [
            ("", "a"),
            ("abc", "abcd"),
            ("a*a", "a"),
            ("?", ""),
            ("?", "ab"),
            ("a?c", "ac"),
            ("*b*c", "cb"),
            ("*?", ""),
            ("?*?", "a"),
            ("ab*bc", "abc"),
        ];
        for (pattern, text) in no {
            assert!(!test(pattern, text), "{pattern} should not fit {text}");
        }
    }

    #[test]
    fn the_longest_literal_is_necessary() {
        let literal = |parts: &[Part]| TextTest::new(&Pattern(parts.to_vec()), false).literal().map(str::to_owned);
        let lit = |t: &str| Part::Literal(t.to_owned());
        assert_eq!(literal(&[lit("ab"), Part::Any, lit("CDE"), Part::One, lit("f")]), Some("cde".to_owned()));
        assert_eq!(literal(&[Part::One, Part::Any]), None);
    }
}
