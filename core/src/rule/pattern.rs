//! Sigma's wildcards and escapes.
//!
//! `*` is any text, `?` one character. A backslash takes the meaning from a following `*`, `?` or backslash; before anything
//! else it is an ordinary backslash. So `\` and `\\` are one backslash, `\*` a star, `\\*` a backslash and a wildcard, `\\\*` a
//! backslash and a star, three and four backslashes are two.

use super::{Part, Pattern};

impl Pattern {
    /// Reads a value with Sigma's rules.
    #[must_use]
    pub fn parse(text: &str) -> Pattern {
        let mut pattern = Pattern(Vec::new());
        let mut rest = text.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '\\' => match rest.next_if(|next| matches!(next, '\\' | '*' | '?')) {
                    Some(escaped) => pattern.push_char(escaped),
                    None => pattern.push_char('\\'),
                },
                '*' => pattern.push(Part::Any),
                '?' => pattern.push(Part::One),
                plain => pattern.push_char(plain),
            }
        }
        pattern
    }

    /// The pattern of a text without wildcards.
    #[must_use]
    pub fn literal(text: &str) -> Pattern {
        if text.is_empty() { Pattern(Vec::new()) } else { Pattern(vec![Part::Literal(text.to_owned())]) }
    }

    /// The text this pattern equals, if it has no wildcards.
    #[must_use]
    pub fn as_literal(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// With `*` in front.
    pub(super) fn open_start(mut self) -> Pattern {
        if self.0.first() != Some(&Part::Any) {
            self.0.insert(0, Part::Any);
        }
        self
    }

    /// With `*` behind.
    pub(super) fn open_end(mut self) -> Pattern {
        self.push(Part::Any);
        self
    }

    /// Adds a part: neighbouring literals become one, `**` becomes `*`.
    pub(super) fn push(&mut self, part: Part) {
        match (self.0.last_mut(), part) {
            (Some(Part::Any), Part::Any) => {}
            (Some(Part::Literal(text)), Part::Literal(more)) => text.push_str(&more),
            (_, part) => self.0.push(part),
        }
    }

    fn push_char(&mut self, c: char) {
        if let Some(Part::Literal(text)) = self.0.last_mut() {
            text.push(c);
        } else {
            self.0.push(Part::Literal(c.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let show = |p: &Part| match p {
            Part::Literal(t) => format!("[{t}]"),
            Part::One => "?".into(),
            Part::Any => "*".into(),
        };
        Pattern::parse(text).0.iter().map(show).collect()
    }

    #[test]
    fn escapes_are_those_of_the_specification() {
        let cases = [
            (r"", ""),
            (r"abc", "[abc]"),
            (r"a*b?c", "[a]*[b]?[c]"),
            (r"a**b", "[a]*[b]"),
            (r"\*", "[*]"),
            (r"\?", "[?]"),
            (r"C:\Windows", r"[C:\Windows]"),
            (r"C:\\Windows", r"[C:\Windows]"),
            (r"\\*", r"[\]*"),
            (r"\\\*", r"[\*]"),
            (r"\\\\", r"[\\]"),
            (r"\\\x", r"[\\x]"),
            (r"end\", r"[end\]"),
            (r"\\\\host\*", r"[\\host*]"),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn opening_twice_changes_nothing() {
        let once = Pattern::parse("x").open_start().open_end();
        assert_eq!(once.clone().open_start().open_end(), once);
        assert_eq!(Pattern::literal("").open_start().open_end().0, vec![Part::Any]);
        assert_eq!(Pattern::parse("a").as_literal(), Some("a"));
        assert_eq!(Pattern::parse("a*").as_literal(), None);
    }
}
