//! The sheet a story is written on: headings, paragraphs, pairs and items, wrapped to a width.
//!
//! The one way to a line. Every text is made harmless before it is wrapped (control characters, ANSI sequences, bidirectional and
//! invisible characters become visible escapes), so no part of a story can forget to; a text is never longer than
//! [`TEXT_CHARACTERS_MAX`]. Colour is a style beside the text, not in it.

use crate::cli::screen::thousands;
use tidegate_core::alert::neutral;

/// Longest text of one paragraph or item.
const TEXT_CHARACTERS_MAX: usize = 6_000;
/// Narrowest sheet: on less the terminal has to wrap, or lines would hold one word each.
const WIDTH_MIN: usize = 50;
/// Narrowest column of text.
const ROOM_MIN: usize = 20;
/// Width of the names of pairs, the blanks behind included.
const NAME_WIDTH: usize = 12;

/// How a line looks on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Style {
    /// As it is.
    Plain,
    /// The title, by severity.
    Title(u64),
    /// The head of a part.
    Heading,
    /// Something to see before the rest.
    Notice,
}

/// One line of a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Line {
    /// How it looks.
    pub(in crate::cli) style: Style,
    /// What it says: harmless, not wider than the sheet (unless it is one link).
    pub(in crate::cli) text: String,
}

/// The sheet.
pub(super) struct Sheet {
    width: usize,
    lines: Vec<Line>,
}

impl Sheet {
    pub(super) fn new(width: usize) -> Self {
        Sheet { width: width.max(WIDTH_MIN), lines: Vec::new() }
    }

    pub(super) fn finish(self) -> Vec<Line> {
        self.lines
    }

    pub(super) fn title(&mut self, severity: u64, text: &str) {
        self.put(Style::Title(severity), "", text);
    }

    pub(super) fn heading(&mut self, text: &str) {
        self.lines.push(Line { style: Style::Plain, text: String::new() });
        self.put(Style::Heading, "", text);
    }

    pub(super) fn line(&mut self, text: &str) {
        self.put(Style::Plain, "", text);
    }

    pub(super) fn notice(&mut self, text: &str) {
        self.put(Style::Notice, "", text);
    }

    pub(super) fn paragraph(&mut self, text: &str) {
        if !text.is_empty() {
            self.put(Style::Plain, "  ", text);
        }
    }

    pub(super) fn item(&mut self, text: &str) {
        self.put(Style::Plain, "  - ", text);
    }

    /// A line that belongs to the item above.
    pub(super) fn under(&mut self, text: &str) {
        if !text.is_empty() {
            self.put(Style::Plain, "      ", text);
        }
    }

    /// A name (ours) and what it is.
    pub(super) fn pair(&mut self, name: &str, text: &str) {
        self.put(Style::Plain, &format!("  {name:NAME_WIDTH$}"), text);
    }

    /// A line with columns before it (ours).
    pub(super) fn hung(&mut self, columns: &str, text: &str) {
        self.put(Style::Plain, columns, text);
    }

    /// A text of ours (a rule author's link) that is copied as a whole: never broken. Text of events must not stand so: where the
    /// terminal breaks it, it could look like a line of its own.
    pub(super) fn whole(&mut self, lead: &str, text: &str) {
        let text = neutral::cut(&neutral::terminal(text), TEXT_CHARACTERS_MAX);
        self.lines.push(Line { style: Style::Plain, text: format!("{lead}{text}") });
    }

    /// Says how many of a list are not shown.
    pub(super) fn more(&mut self, total: usize, shown: usize) {
        if total > shown {
            self.put(Style::Plain, "  ", &format!("... {} more not shown", thousands((total - shown) as u64)));
        }
    }

    /// Puts a text, its first line behind `lead` and the others as far in.
    fn put(&mut self, style: Style, lead: &str, text: &str) {
        let harmless = neutral::terminal(text);
        let lead_width = columns(lead);
        let room = self.width.saturating_sub(lead_width).max(ROOM_MIN);
        let pieces = wrap(&neutral::cut(&harmless, TEXT_CHARACTERS_MAX), room);
        for (n, piece) in pieces.iter().enumerate() {
            let text = if n == 0 { format!("{lead}{piece}") } else { format!("{:lead_width$}{piece}", "") };
            self.lines.push(Line { style, text: text.trim_end().to_owned() });
        }
    }
}

/// Columns of a text.
fn columns(text: &str) -> usize {
    text.chars().map(cells).sum()
}

/// Columns of a character: East Asian wide ones and pictures take two.
fn cells(c: char) -> usize {
    let wide = matches!(c,
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}' | '\u{ffe0}'..='\u{ffe6}' | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}');
    if wide { 2 } else { 1 }
}

/// Breaks at blanks; a word wider than the room is cut where the room ends.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        let width = columns(word);
        if used > 0 && used + 1 + width > room {
            lines.push(String::new());
            used = 0;
        }
        let mut line = lines.pop().unwrap_or_default();
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        for c in word.chars() {
            if used > 0 && used + cells(c) > room {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += cells(c);
        }
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_wrapped_and_long_ones_cut() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("  one   two ", 80), ["one two"]);
        assert_eq!(wrap("a abcdefgh b", 3), ["a", "abc", "def", "gh", "b"]);
        assert_eq!(wrap("日本語 日本", 4), ["日本", "語", "日本"]);
        assert_eq!(wrap("", 10), [""]);
    }

    #[test]
    fn no_line_is_wider_than_the_sheet_and_nothing_is_harmful() {
        for width in [0, 50, 51, 80] {
            let mut sheet = Sheet::new(width);
            let hostile = "\u{1b}[2J\r\nFAKE LINE \u{202e}evil\u{0} ".to_owned() + &"w".repeat(300) + &" word".repeat(50);
            sheet.title(4, &hostile);
            sheet.pair("name", &hostile);
            sheet.item(&hostile);
            for line in sheet.finish() {
                assert!(columns(&line.text) <= width.max(WIDTH_MIN), "{}", line.text);
                assert!(!line.text.chars().any(char::is_control) && !line.text.contains('\u{202e}'), "{:?}", line.text);
            }
        }
    }

    #[test]
    fn a_text_is_bounded() {
        let mut sheet = Sheet::new(100);
        sheet.paragraph(&"word ".repeat(1_000_000));
        let lines = sheet.finish();
        assert!(lines.len() < 100 && lines.last().is_some_and(|l| l.text.ends_with('…')));
    }
}
