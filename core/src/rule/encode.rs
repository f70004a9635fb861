//! Encodings of values: Base64 (plain and at any offset), UTF-16, and the dashes of Windows command lines.

/// The characters that `windash` takes for each other.
const DASHES: [char; 5] = ['-', '/', '\u{2013}', '\u{2014}', '\u{2015}'];
/// More spellings than this of one value are refused: five dashes give five times as many each.
pub(super) const SPELLINGS_MAX: usize = 625;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Standard Base64 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            let index = (bits >> (18 - 6 * i)) & 63;
            out.push(if i <= three.len() { char::from(ALPHABET[index as usize]) } else { '=' });
        }
    }
    out
}

/// What is certain of the Base64 of a text in which `bytes` stand at an offset of 0, 1 and 2 (modulo 3).
pub(super) fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    let certain = |offset: usize| {
        let mut padded = vec![b' '; offset];
        padded.extend_from_slice(bytes);
        let encoded = base64(&padded);
        let start = [0, 2, 3][offset];
        let end = encoded.len() - [0, 3, 2][padded.len() % 3];
        encoded.get(start..end).unwrap_or_default().to_owned()
    };
    (0..3).map(certain).collect()
}

/// UTF-16, little or big endian.
pub(super) fn utf16(text: &str, little_endian: bool) -> Vec<u8> {
    text.encode_utf16().flat_map(|unit| if little_endian { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect()
}

/// Every spelling of a command line in which the dashes that begin a parameter are exchanged; `None` if there are too many.
pub(super) fn windash(text: &str) -> Option<Vec<String>> {
    let chars: Vec<char> = text.chars().collect();
    let word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let mut spellings = vec![String::new()];
    for (i, c) in chars.iter().enumerate() {
        let begins = DASHES.contains(c) && word(chars.get(i + 1)) && !(i > 0 && word(chars.get(i - 1)));
        if !begins {
            spellings.iter_mut().for_each(|s| s.push(*c));
        } else if spellings.len() * DASHES.len() > SPELLINGS_MAX {
            return None;
        } else {
            spellings = spellings.iter().flat_map(|s| DASHES.iter().map(move |d| format!("{s}{d}"))).collect();
        }
    }
    Some(spellings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_known_values() {
        for (text, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(text.as_bytes()), encoded);
        }
        assert_eq!(base64_offsets(b"foobar"), ["Zm9vYmFy", "Zvb2Jhc", "mb29iYX"]);
    }

    #[test]
    fn an_offset_part_is_found_in_every_surrounding() {
        for (before, offset) in [("", 0), ("x", 1), ("xy", 2), ("abc", 0), ("abcd", 1)] {
            for after in ["", "1", "12", "123"] {
                let whole = base64(format!("{before}evil.sh{after}").as_bytes());
                let part = &base64_offsets(b"evil.sh")[offset];
                assert!(whole.contains(part.as_str()), "{before}|{after}: {part} in {whole}");
            }
        }
    }

    #[test]
    fn utf16_and_dashes() {
        assert_eq!(utf16("cmd", true), b"c\0m\0d\0");
        assert_eq!(utf16("cmd", false), b"\0c\0m\0d");
        let spelt = windash("-param-name x").unwrap();
        assert_eq!(spelt.len(), 5);
        assert!(spelt.contains(&"/param-name x".to_owned()) && spelt.contains(&"\u{2015}param-name x".to_owned()));
        assert_eq!(windash("a-b").unwrap(), ["a-b"]);
        assert_eq!(windash("/a /b").unwrap().len(), 25);
        assert!(windash("-a -b -c -d -e").is_none());
    }
}
