//! What a column must hold: the types by which a line is accepted, and the plausibility by which formats are told apart.

use super::columns::load;
use super::index::Span;
use super::swar;
use crate::event::flow::{Column, ColumnKind};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

/// Times of this size and above are milliseconds: in seconds it would be the year 5138.
const MILLISECONDS_FROM: u64 = 100_000_000_000;
/// 2000-01-01 in seconds: no flow log is older.
const PLAUSIBLE_FROM_MS: i64 = 946_684_800_000;
/// The last millisecond of the year 9999.
const TIME_MAX: u64 = 253_402_300_799_999;
/// The longest address text, `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`.
const ADDRESS_BYTES_MAX: usize = 45;

/// Epoch milliseconds of a `start` or `end` as it stands in the log: seconds, or milliseconds from 1e11 on.
#[must_use]
#[inline]
pub fn epoch_ms(raw: u64) -> i64 {
    if raw >= MILLISECONDS_FROM { raw as i64 } else { raw as i64 * 1_000 }
}

/// The range of a number column.
pub(super) fn number_range(column: Column) -> (u64, u64) {
    match column {
        Column::Version => (1, 255),
        Column::SrcPort | Column::DstPort => (0, 65_535),
        Column::Protocol => (0, 255),
        Column::Start | Column::End => (0, TIME_MAX),
        _ => (0, i64::MAX as u64),
    }
}

/// A number of the column's range.
pub(super) fn number(column: Column, text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    let n = text.iter().try_fold(0u64, |n, b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))?;
    let (low, high) = number_range(column);
    (low..=high).contains(&n).then_some(n)
}

/// As [`number`], of a stretch of a line.
#[inline]
pub(super) fn number_at(column: Column, line: &[u8], span: Span) -> Option<u64> {
    let (low, high) = number_range(column);
    let quick = load(line, span).and_then(|(bytes, length)| swar::number(bytes, length));
    quick.filter(|n| (low..=high).contains(n)).or_else(|| number(column, span.of(line)))
}

/// As [`address`], of a stretch of a line.
#[inline]
pub(super) fn address_at(line: &[u8], span: Span) -> Option<IpAddr> {
    let quick = load(line, span).and_then(|(bytes, length)| swar::ipv4(bytes, length));
    quick.map(|ip| IpAddr::V4(ip.into())).or_else(|| address(span.of(line)))
}

/// An IPv4 or IPv6 address.
pub(super) fn address(text: &[u8]) -> Option<IpAddr> {
    if text.len() > ADDRESS_BYTES_MAX {
        return None;
    }
    if let Some(ip) = ipv4(text) {
        return Some(IpAddr::V4(ip));
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// A dotted IPv4 address without leading zeros, as the standard library reads it.
fn ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut octets, mut at, mut octet, mut digits) = ([0; 4], 0, 0u32, 0);
    for byte in text {
        match byte {
            b'0'..=b'9' if digits < 3 && (digits == 0 || octet > 0) => {
                octet = octet * 10 + u32::from(byte - b'0');
                digits += 1;
            }
            b'.' if digits > 0 && at < 3 && octet < 256 => {
                octets[at] = octet as u8;
                (at, octet, digits) = (at + 1, 0, 0);
            }
            _ => return None,
        }
    }
    octets[at] = octet as u8;
    (at == 3 && digits > 0 && octet < 256).then(|| octets.into())
}

/// Whether `-` may stand in the column.
pub(super) fn may_be_absent(column: Column) -> bool {
    !matches!(column, Column::Version | Column::LogStatus)
}

/// Whether a stretch of a line has the type of the column.
pub(super) fn fits(column: Option<Column>, line: &[u8], span: Span) -> bool {
    let text = span.of(line);
    let Some(column) = column else { return text[0] != b'"' };
    if text == b"-" {
        return may_be_absent(column);
    }
    match (column, column.kind()) {
        (Column::Action, _) => matches!(text, b"ACCEPT" | b"REJECT"),
        (Column::LogStatus, _) => matches!(text, b"OK" | b"NODATA" | b"SKIPDATA"),
        (_, ColumnKind::Number) => number_at(column, line, span).is_some(),
        (_, ColumnKind::Address) => address_at(line, span).is_some(),
        (_, ColumnKind::Text) => text[0] != b'"',
    }
}

/// What should stand in a column, for a refusal's sentence.
pub(super) fn expected(column: Option<Column>) -> Cow<'static, str> {
    let Some(column) = column else { return "a text without quotes".into() };
    match (column, column.kind()) {
        (Column::Action, _) => "ACCEPT, REJECT or -".into(),
        (Column::LogStatus, _) => "OK, NODATA or SKIPDATA".into(),
        (Column::Version, _) => "a number from 1 to 255".into(),
        (Column::Start | Column::End, _) => "epoch seconds or -".into(),
        (Column::SrcPort | Column::DstPort | Column::Protocol, _) => format!("a number up to {} or -", number_range(column).1).into(),
        (_, ColumnKind::Number) => "a number or -".into(),
        (_, ColumnKind::Address) => "an IPv4 or IPv6 address or -".into(),
        (_, ColumnKind::Text) => "a text without quotes".into(),
    }
}

/// Whether a text that fits is what AWS writes there. Tells formats with the same number of columns apart.
pub(super) fn plausible(column: Option<Column>, text: &[u8]) -> bool {
    let Some(column) = column else { return true };
    if text == b"-" {
        return true;
    }
    match column {
        Column::Start | Column::End => number(column, text).is_some_and(|n| epoch_ms(n) >= PLAUSIBLE_FROM_MS),
        Column::AccountId | Column::TgwSrcVpcAccountId | Column::TgwDstVpcAccountId => {
            text == b"unknown" || (text.len() >= 12 && text.iter().all(u8::is_ascii_digit))
        }
        Column::InterfaceId | Column::TgwSrcEni | Column::TgwDstEni | Column::NextHopInterfaceId => text.starts_with(b"eni-"),
        Column::VpcId | Column::TgwSrcVpcId | Column::TgwDstVpcId | Column::NextHopVpcId => text.starts_with(b"vpc-"),
        Column::SubnetId | Column::TgwSrcSubnetId | Column::TgwDstSubnetId | Column::NextHopSubnetId => text.starts_with(b"subnet-"),
        Column::InstanceId => text.starts_with(b"i-"),
        Column::Type => matches!(text, b"IPv4" | b"IPv6" | b"EFA"),
        Column::FlowDirection => matches!(text, b"ingress" | b"egress"),
        Column::TrafficPath | Column::EncryptionStatus => text.len() <= 2,
        Column::TcpFlags => text.len() <= 3,
        _ => true,
    }
}

/// Whether the column holds a tag, which AWS writes with percent escapes.
pub(super) fn is_tag(column: Column) -> bool {
    matches!(
        column,
        Column::InstanceTag | Column::InstanceTag2 | Column::InterfaceTag | Column::InterfaceTag2 | Column::AsgTag | Column::AsgTag2
    )
}

/// The text with its percent escapes read. Kept as it stands when an escape is malformed or the outcome is no UTF-8.
pub(super) fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    unescape(text.as_bytes()).and_then(|bytes| String::from_utf8(bytes).ok()).map_or(Cow::Borrowed(text), Cow::Owned)
}

fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let hex = |at: usize| text.get(at).and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        if text[at] == b'%' {
            out.push((hex(at + 1)? * 16 + hex(at + 2)?) as u8);
            at += 3;
        } else {
            out.push(text[at]);
            at += 1;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_unescaped_once_or_kept() {
        let cases =
            [("plain", "plain"), ("a%20b", "a b"), ("%e6%9d%b1", "東"), ("50%", "50%"), ("%zz", "%zz"), ("%ff", "%ff"), ("%2541", "%41")];
        for (text, decoded) in cases {
            assert_eq!(percent_decoded(text), decoded);
        }
    }

    #[test]
    fn numbers_keep_their_range() {
        assert_eq!(number(Column::Bytes, b"9223372036854775807"), Some(i64::MAX as u64));
        assert_eq!(number(Column::SrcPort, b"65535"), Some(65_535));
        for (column, text) in [
            (Column::Bytes, "9223372036854775808"),
            (Column::Bytes, "00000000000000000001"),
            (Column::Bytes, "+1"),
            (Column::Bytes, ""),
            (Column::SrcPort, "65536"),
            (Column::Version, "0"),
        ] {
            assert_eq!(number(column, text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn addresses_equal_the_standard_library() {
        let mut random = fastrand::Rng::with_seed(9);
        for _ in 0..100_000 {
            let text: String = (0..random.usize(0..16)).map(|_| char::from(*random.choice(b"0123456789..").unwrap_or(&b'0'))).collect();
            assert_eq!(ipv4(text.as_bytes()), text.parse().ok(), "{text}");
            let text = Ipv4Addr::from(random.u32(..)).to_string();
            assert_eq!(ipv4(text.as_bytes()), text.parse().ok(), "{text}");
        }
    }
}
