//! One scalar of an event, borrowed from the record's bytes where that is possible.

use std::borrow::Cow;
use std::net::IpAddr;

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
            Value::Int(n) => Cow::Owned(n.to_string()),
            Value::Float(x) => Cow::Owned(x.to_string()),
            Value::Text(t) => Cow::Borrowed(t.as_ref()),
            Value::Ip(ip) => Cow::Owned(ip.to_string()),
            Value::Json(t) => Cow::Borrowed(t),
        })
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
