//! Refused bytes made visible: as text where they are text, else as a hex dump. Nothing in them reaches the terminal as it is.

use std::fmt::Write;
use tidegate_core::alert::neutral;

/// Bytes of one line of a hex dump.
const ROW: usize = 16;

/// The first `max` bytes, in lines, and how many are left.
pub(super) fn visible(bytes: &[u8], max: usize) -> (Vec<String>, usize) {
    match std::str::from_utf8(bytes) {
        Ok(text) if mostly_text(text) => {
            let end = text.floor_char_boundary(max);
            (text[..end].split('\n').map(|line| neutral::terminal(line).into_owned()).collect(), text.len() - end)
        }
        _ => {
            let end = bytes.len().min(max / ROW * ROW);
            let end = if end == 0 { bytes.len().min(ROW) } else { end };
            (bytes[..end].chunks(ROW).enumerate().map(|(n, row)| dump(n * ROW, row)).collect(), bytes.len() - end)
        }
    }
}

/// Whether escapes would not hide more than they show.
fn mostly_text(text: &str) -> bool {
    let strange = text.chars().filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')).count();
    strange * 10 <= text.len()
}

/// `00000010  7b 22 61 22 ...  |{"a"|`
fn dump(offset: usize, row: &[u8]) -> String {
    let mut out = format!("{offset:08x} ");
    for n in 0..ROW {
        // Writing to a String cannot fail.
        let _ = match row.get(n) {
            Some(byte) => write!(out, "{}{byte:02x}", if n == ROW / 2 { "  " } else { " " }),
            None => write!(out, "{}", if n == ROW / 2 { "    " } else { "   " }),
        };
    }
    let shown: String = row.iter().map(|b| if (b' '..=b'~').contains(b) { char::from(*b) } else { '.' }).collect();
    format!("{out}  |{shown}|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_keeps_its_lines() {
        let (lines, left) = visible("{\"a\": 1}\n\u{1b}[31mred\u{202e}\r\nüx and the rest".as_bytes(), 30);
        assert_eq!(lines, ["{\"a\": 1}", "\\u{1b}[31mred\\u{202e}\\r", "üx and "]);
        assert_eq!(left, 8);
        assert_eq!(visible(b"", 10), (vec![String::new()], 0));
    }

    #[test]
    fn other_bytes_are_dumped() {
        let bytes: Vec<u8> = (0..40).map(|n| if n % 2 == 0 { 0xff } else { b'a' }).collect();
        let (lines, left) = visible(&bytes, 35);
        assert_eq!(lines[0], "00000000  ff 61 ff 61 ff 61 ff 61  ff 61 ff 61 ff 61 ff 61  |.a.a.a.a.a.a.a.a|");
        assert_eq!((lines.len(), left), (2, 8));
        let (lines, _) = visible(&[0x1f, 0x8b, 0x08], 100);
        assert_eq!(lines[0], format!("00000000  1f 8b 08{}  |...|", " ".repeat(40)));
        assert!(visible(b"\0\0\0\0abc", 100).0[0].starts_with("00000000"), "control characters alone are no text");
    }
}
