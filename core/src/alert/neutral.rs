//! Neutralising: text that an attacker may have written, made harmless for one sink each.
//!
//! A document holds values as they are (JSON escapes them); only what a person reads through a terminal, a browser, a chat or a
//! spreadsheet is rewritten, here and nowhere else. Escapes are visible, never silent: nobody should wonder what was there.
//! Limits: [`TEXT_BYTES_MAX`] for a value in a document.

use std::borrow::Cow;
use std::fmt::Write;

/// Longest text value of a document: what the index template still makes searchable (`ignore_above`), far below the 32,766 bytes
/// at which Lucene rejects a whole document.
pub const TEXT_BYTES_MAX: usize = 1024;

/// The text cut at a character so that it takes at most [`TEXT_BYTES_MAX`] bytes in a document, JSON's escapes included.
#[must_use]
pub fn bounded(text: &str) -> &str {
    if text.len() * 6 <= TEXT_BYTES_MAX {
        return text;
    }
    let mut bytes = 0;
    let end = text.char_indices().find(|(_, c)| {
        bytes += escaped_bytes(*c);
        bytes > TEXT_BYTES_MAX
    });
    end.map_or(text, |(at, _)| &text[..at])
}

fn escaped_bytes(c: char) -> usize {
    match c {
        '"' | '\\' => 2,
        c if c < ' ' => 6,
        c => c.len_utf8(),
    }
}

/// The text cut to `max` characters, ending in `…` if something was cut.
#[must_use]
pub fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    text.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

/// For a terminal, a log line or a sentence: control characters (ANSI sequences, line breaks, NUL), bidirectional overrides,
/// invisible and unassigned-by-habit characters become visible escapes like `\u{202e}`.
#[must_use]
pub fn terminal(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unsafe(c) => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// For text messages and mail: as [`terminal`], and addresses of the web are broken (`hxxps[:]//`), so that no mail program turns
/// an attacker's text into a link.
#[must_use]
pub fn message(text: &str) -> String {
    terminal(text).replace("://", "[:]//")
}

/// For HTML text and quoted attributes.
#[must_use]
pub fn html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in terminal(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '`' => out.push_str("&#96;"),
            c => out.push(c),
        }
    }
    out
}

/// For Markdown and chat (Slack, Teams): every character with a meaning is escaped, mentions and bare links are broken.
#[must_use]
pub fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in message(text).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' => out.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '-' | '!' | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// One cell of a CSV file, quoted. A cell that a spreadsheet would run as a formula starts with an apostrophe.
#[must_use]
pub fn csv_cell(text: &str) -> String {
    let safe = terminal(text);
    let starts = safe.trim_start().chars().next();
    let formula = matches!(starts, Some('=' | '+' | '-' | '@' | '|' | '%' | '＝' | '＋' | '－' | '＠')) || safe.starts_with('\\');
    format!("\"{}{}\"", if formula { "'" } else { "" }, safe.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_sees_no_control_no_direction_and_nothing_invisible() {
        let text = "a\u{1b}[31mred\u{7}\r\nnext\0 \u{202e}gnp.exe\u{2066} zero\u{200b}width \u{e0041}\u{9b}31m";
        let safe = terminal(text);
        assert_eq!(safe, "a\\u{1b}[31mred\\u{7}\\r\\nnext\\u{0} \\u{202e}gnp.exe\\u{2066} zero\\u{200b}width \\u{e0041}\\u{9b}31m");
        assert_eq!(terminal(&safe), safe, "once is enough");
        assert!(matches!(terminal("plain ü 日本"), Cow::Borrowed(_)));
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(html("<script>'\"&`"), "&lt;script&gt;&#39;&quot;&amp;&#96;");
        assert_eq!(markdown("[x](https://e.vil) @here *b*"), "\\[x\\]\\(https\\[:\\]//e.vil\\) &#64;here \\*b\\*");
        assert_eq!(message("see https://e.vil"), "see https[:]//e.vil");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=cmd()", "+1", "-1", "@SUM(A1)", " =x", "\t=x", "\r=x"] {
            assert!(csv_cell(text).starts_with("\"'"), "{text:?}");
        }
        assert_eq!(csv_cell("say \"hi\", a"), "\"say \"\"hi\"\", a\"");
    }

    #[test]
    fn cutting_keeps_characters_whole() {
        assert_eq!(cut("äöüß", 3), "äö…");
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(bounded(&"ä".repeat(2000)).len(), TEXT_BYTES_MAX);
        assert_eq!(bounded(&"\0".repeat(2000)).len(), TEXT_BYTES_MAX / 6);
        assert_eq!(bounded("short"), "short");
    }
}
