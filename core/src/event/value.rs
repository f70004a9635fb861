//! One scalar of an event, borrowed from the record's bytes where that is possible.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

/// A value found in an event. Numbers keep their kind, objects and arrays of objects stay JSON text.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// JSON `null`: present, without a value.
    Null,
    /// JSON `true` or `false`.
    Bool(bool),
    /// A number without fraction that fits 64 bits.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text, unescaped.
    Text(Cow<'a, str>),
    /// An address from a typed column (flow logs). Text columns and JSON stay `Text`.
    Ip(IpAddr),
    /// An object (or an array inside an array) as it stands in the source: JSON text.
    Json(&'a str),
}

impl<'a> Value<'a> {
    /// The text by which values are compared, counted and grouped: `true`, `443`, `10.0.0.1`, the string itself.
    /// `Null` has none.
    #[must_use]
    pub fn text(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Value::Null => return None,
            Value::Bool(true) => Cow::Borrowed("true"),
            Value::Bool(false) => Cow::Borrowed("false"),
            Value::Int(n) => Cow::Owned(Digits::of_int(*n).text().to_owned()),
            Value::Float(x) => Cow::Owned(x.to_string()),
            Value::Text(t) => Cow::Borrowed(t.as_ref()),
            Value::Ip(IpAddr::V4(ip)) => Cow::Owned(Digits::of_ipv4(*ip).text().to_owned()),
            Value::Ip(ip) => Cow::Owned(ip.to_string()),
            Value::Json(t) => Cow::Borrowed(t),
        })
    }

    /// Hands its [`Value::text`] over without making a `String` where that can be helped.
    pub fn with_text(&self, take: &mut dyn FnMut(&str)) {
        match self {
            Value::Int(n) => take(Digits::of_int(*n).text()),
            Value::Ip(IpAddr::V4(ip)) => take(Digits::of_ipv4(*ip).text()),
            other => other.text().iter().for_each(|text| take(text)),
        }
    }

    /// The number this value is or spells, if any.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            #[expect(clippy::cast_precision_loss, reason = "comparisons with rule thresholds are made in f64")]
            Value::Int(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            Value::Text(t) => t.trim().parse().ok().filter(|x: &f64| x.is_finite()),
            _ => None,
        }
    }

    /// The address this value is or spells, if any.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Value::Ip(ip) => Some(*ip),
            Value::Text(t) => t.parse().ok(),
            _ => None,
        }
    }

    /// A copy that borrows nothing from the record. JSON text becomes `Text`.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Null => Value::Null,
            Value::Bool(b) => Value::Bool(b),
            Value::Int(n) => Value::Int(n),
            Value::Float(x) => Value::Float(x),
            Value::Text(t) => Value::Text(Cow::Owned(t.into_owned())),
            Value::Ip(ip) => Value::Ip(ip),
            Value::Json(t) => Value::Text(Cow::Owned(t.to_owned())),
        }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }
}

/// A number or an IPv4 address as text, without an allocation: written from the end.
struct Digits {
    bytes: [u8; 20],
    from: usize,
}

impl Digits {
    fn of_int(n: i64) -> Self {
        let mut digits = Digits { bytes: [0; 20], from: 20 };
        digits.push_number(n.unsigned_abs());
        if n < 0 {
            digits.push(b'-');
        }
        digits
    }

    fn of_ipv4(ip: Ipv4Addr) -> Self {
        let mut digits = Digits { bytes: [0; 20], from: 20 };
        let [a, b, c, d] = ip.octets();
        for octet in [d, c, b] {
            digits.push_number(u64::from(octet));
            digits.push(b'.');
        }
        digits.push_number(u64::from(a));
        digits
    }

    fn push(&mut self, byte: u8) {
        self.from -= 1;
        self.bytes[self.from] = byte;
    }

    fn push_number(&mut self, mut n: u64) {
        loop {
            self.push(b'0' + (n % 10) as u8);
            n /= 10;
            if n == 0 {
                return;
            }
        }
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.from..]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_addresses_are_written_as_everywhere() {
        let mut random = fastrand::Rng::with_seed(1);
        for n in [0, 9, 10, -1, i64::MIN, i64::MAX].into_iter().chain((0..10_000).map(|_| random.i64(..) >> random.u8(0..64))) {
            let ip = Ipv4Addr::from(n as u32);
            assert_eq!(Value::Int(n).text().as_deref(), Some(&*n.to_string()));
            assert_eq!(Value::Ip(ip.into()).text().as_deref(), Some(&*ip.to_string()));
            Value::Int(n).with_text(&mut |text| assert_eq!(text, n.to_string()));
        }
        Value::Null.with_text(&mut |text| panic!("null has no text: {text}"));
    }
}
