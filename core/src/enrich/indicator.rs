//! Indicators as they are written, and which of them are none.
//!
//! Refused: what would call everything hostile or says nothing. The digest of empty input and digests of one repeated digit
//! (every tool that failed to read a file reports them), MD5 and SHA-1 (events carry SHA-256), networks wider than an /8 (IPv6:
//! /16), a top-level domain alone, URLs and mail addresses.

use ipnet::IpNet;
use std::net::IpAddr;

/// The SHA-256 of empty input.
const OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
/// Narrowest network that is too wide, in bits: IPv4, IPv6.
const WIDTH_MIN: (u8, u8) = (8, 16);
/// Longest domain name.
const DOMAIN_BYTES_MAX: usize = 253;

/// An indicator, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Indicator {
    /// An address or a network.
    Net(IpNet),
    /// A domain and all below it: lower case, without a dot at the end.
    Domain(String),
    /// A SHA-256 digest.
    Hash([u8; 32]),
}

/// What a feed calls its types.
const TYPES: [(&str, Type); 15] = [
    ("cidr", Type::Net),
    ("ip", Type::Net),
    ("ipv4", Type::Net),
    ("ipv6", Type::Net),
    ("ipv4-addr", Type::Net),
    ("ipv6-addr", Type::Net),
    ("ip-src", Type::Net),
    ("ip-dst", Type::Net),
    ("network", Type::Net),
    ("domain", Type::Domain),
    ("domain-name", Type::Domain),
    ("hostname", Type::Domain),
    ("sha256", Type::Hash),
    ("sha-256", Type::Hash),
    ("hash", Type::Hash),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Net,
    Domain,
    Hash,
}

/// Reads an indicator; without a type it is told by its form.
///
/// # Errors
/// Why it is none, in words.
pub(super) fn parse(text: &str, stated: Option<&str>) -> Result<Indicator, String> {
    let kind = match stated {
        None => guess(text),
        Some(word) => {
            let known = TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
            known.ok_or_else(|| format!("type `{word}` is not used: write cidr, domain or sha256"))?.1
        }
    };
    match kind {
        Type::Net => net(text).map(Indicator::Net),
        Type::Domain => domain(text).map(Indicator::Domain),
        Type::Hash => hash(text).map(Indicator::Hash),
    }
}

fn guess(text: &str) -> Type {
    let is_address = |t: &str| t.parse::<IpAddr>().is_ok();
    match text.split_once('/') {
        Some((ip, length)) if is_address(ip) && length.parse::<u8>().is_ok() => Type::Net,
        None if is_address(text) => Type::Net,
        None if matches!(text.len(), 32 | 40 | 56 | 64 | 96 | 128) && text.bytes().all(|b| b.is_ascii_hexdigit()) => Type::Hash,
        _ => Type::Domain,
    }
}

/// An address or a network in CIDR notation.
///
/// # Errors
/// What is wrong with it, in words.
pub(super) fn parse_net(text: &str) -> Result<IpNet, String> {
    if let Ok(ip) = text.parse::<IpAddr>() {
        return Ok(IpNet::from(ip));
    }
    let net: IpNet = text.parse().map_err(|_| format!("`{text}` is no network: write it like 203.0.113.0/24 or 2001:db8::/32"))?;
    if net.addr() != net.network() {
        return Err(format!("{text} has bits set behind its length: {} or {}/{}", net.trunc(), net.addr(), net.max_prefix_len()));
    }
    Ok(net)
}

fn net(text: &str) -> Result<IpNet, String> {
    let net = super::prefixes::canonical(parse_net(text)?);
    let least = if net.addr().is_ipv4() { WIDTH_MIN.0 } else { WIDTH_MIN.1 };
    if net.prefix_len() < least {
        return Err(format!("{text} is too wide to be an indicator: at least /{least}"));
    }
    Ok(net)
}

fn domain(text: &str) -> Result<String, String> {
    let bare = text.trim_start_matches("*.").trim_start_matches('.');
    let Some(name) = folded(bare) else {
        return Err(format!("`{text}` is no domain, address, network or SHA-256 hash"));
    };
    let is_label = |l: &str| !l.is_empty() && l.len() <= 63 && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !name.is_ascii() {
        return Err(format!("`{text}` is not ASCII: write it as it is looked up (xn--...)"));
    }
    if !name.split('.').all(is_label) {
        return Err(format!("`{text}` is no domain, address, network or SHA-256 hash"));
    }
    if !name.contains('.') {
        return Err(format!("`{text}` is a top-level domain or a bare host name: it would match too much"));
    }
    Ok(name)
}

/// A name as domains are compared: lower case, without a dot at the end. `None` if it is too long or empty.
pub(super) fn folded(text: &str) -> Option<String> {
    let name = text.strip_suffix('.').unwrap_or(text);
    (!name.is_empty() && name.len() <= DOMAIN_BYTES_MAX).then(|| name.to_ascii_lowercase())
}

fn hash(text: &str) -> Result<[u8; 32], String> {
    let Some(digest) = parse_digest(text) else {
        return Err(match text.len() {
            32 => format!("`{text}` looks like MD5, and events carry SHA-256"),
            40 => format!("`{text}` looks like SHA-1, and events carry SHA-256"),
            _ => format!("`{text}` is no SHA-256: 64 hexadecimal digits"),
        });
    };
    if text.eq_ignore_ascii_case(OF_NOTHING) {
        return Err("the SHA-256 of empty input is no indicator: every empty file has it".to_owned());
    }
    if digest.iter().all(|byte| *byte == digest[0]) && digest[0] >> 4 == digest[0] & 15 {
        return Err(format!("`{text}` is no digest of anything: one digit repeated"));
    }
    Ok(digest)
}

/// 64 hexadecimal digits.
pub(super) fn parse_digest(text: &str) -> Option<[u8; 32]> {
    let digit = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
    let bytes = text.as_bytes();
    let mut digest = [0; 32];
    if bytes.len() != 64 {
        return None;
    }
    for (byte, pair) in digest.iter_mut().zip(bytes.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_apart() {
        let hash = "ab".repeat(31) + "cd";
        let net = |t: &str| Indicator::Net(t.parse().expect("network"));
        let domain = |t: &str| Indicator::Domain(t.to_owned());
        let cases = [
            ("203.0.113.7", net("203.0.113.7/32")),
            ("203.0.113.0/24", net("203.0.113.0/24")),
            ("::ffff:203.0.113.7", net("203.0.113.7/32")),
            ("2001:db8::/32", net("2001:db8::/32")),
            ("Evil.Example.", domain("evil.example")),
            ("*.evil.example", domain("evil.example")),
            ("_dmarc.a-b.example", domain("_dmarc.a-b.example")),
        ];
        for (text, want) in cases {
            assert_eq!(parse(text, None), Ok(want), "{text}");
        }
        assert!(matches!(parse(&hash.to_uppercase(), Some("SHA256")), Ok(Indicator::Hash(_))));
    }

    #[test]
    fn what_says_nothing_is_no_indicator() {
        let (zeros, effs) = ("0".repeat(64), "f".repeat(64));
        let refused = [
            OF_NOTHING,
            &zeros,
            &effs,
            "d41d8cd98f00b204e9800998ecf8427e",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "0.0.0.0/0",
            "8.0.0.0/7",
            "::/0",
            "203.0.113.7/24",
            "com",
            "localhost",
            "https://evil.example/x",
            "someone@evil.example",
            "evil..example",
            "exämple.example",
            "",
            ".",
        ];
        for text in refused {
            assert!(parse(text, None).is_err(), "{text}");
        }
        assert!(parse("evil.example", Some("url")).is_err());
        assert!(parse("evil.example", Some("ip")).is_err());
    }
}
