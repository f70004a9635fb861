//! Base64 (RFC 4648, standard alphabet), as JSON carriers hold binary records. Padding may be missing; white space is skipped.

const BAD: u8 = 0xff;

const fn table() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [BAD; 256];
    let mut n = 0;
    while n < alphabet.len() {
        table[alphabet[n] as usize] = n as u8;
        n += 1;
    }
    table
}

static VALUES: [u8; 256] = table();

/// The bytes a base64 text stands for; `None` when it is none.
#[must_use]
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut word, mut count) = (0u32, 0u8);
    let mut rest = text.iter();
    for byte in rest.by_ref() {
        match VALUES[usize::from(*byte)] {
            BAD if byte.is_ascii_whitespace() => continue,
            BAD if *byte == b'=' => return finish(out, word, count, rest.as_slice()),
            BAD => return None,
            value => word = word << 6 | u32::from(value),
        }
        count += 1;
        if count == 4 {
            out.extend_from_slice(&word.to_be_bytes()[1..]);
            (word, count) = (0, 0);
        }
    }
    finish(out, word, count, &[])
}

/// Adds what a last, incomplete group holds. `padding` is what follows the first `=`.
fn finish(mut out: Vec<u8>, word: u32, count: u8, padding: &[u8]) -> Option<Vec<u8>> {
    if !padding.iter().all(|b| *b == b'=' || b.is_ascii_whitespace()) {
        return None;
    }
    match count {
        0 => {}
        2 => out.push((word >> 4) as u8),
        3 => out.extend_from_slice(&((word >> 2) as u16).to_be_bytes()),
        _ => return None,
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn decodes_the_vectors_of_rfc_4648() {
        let cases = [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9v\r\nYmE", "fooba")];
        for (text, bytes) in cases {
            assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes.as_bytes()), "{text}");
        }
        assert_eq!(decode(b"+/+/").as_deref(), Some(&[0xfb, 0xff, 0xbf][..]));
    }

    #[test]
    fn refuses_what_is_no_base64() {
        for text in ["Z", "Zm9v!", "Zg==Zg==", "Zm9-"] {
            assert_eq!(decode(text.as_bytes()), None, "{text}");
        }
    }
}
