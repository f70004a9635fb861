//! What a detection carries to its correlation: the group key, and what is measured.
//!
//! Owns how values become keys and quantities. Never hashes a key to a group, never keeps anything.
//! Decisions:
//! - A group-by field that is absent or null makes no key: the event does not count for that correlation.
//! - A group-by field with several values (an array) makes one key per distinct value, up to [`KEYS_MAX`], if it is the only
//!   such field of the key; of two or more such fields each gives its first value, because their product would let one event
//!   create any number of keys.
//! - `value_count` hashes all values of a field together; a missing field, like a missing number of `value_sum` and its kin,
//!   means that the event does not count.
//! - Numbers beyond 64 bits do not count: their sum could not be kept exactly.

use crate::event::id::hash128;
use crate::event::{GroupKey, Quantity, Slot, Slots, Value};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Most group keys one event makes for one correlation.
pub const KEYS_MAX: usize = 64;

/// The number of millionths in one.
const MICROS: i128 = 1_000_000;

/// Where the detections of a rule go, and what they carry there.
#[derive(Debug)]
pub(super) struct Feed {
    /// The correlation, or the rule itself when its match is an alert.
    pub(super) target: u32,
    /// Place of the rule among the correlation's rules.
    pub(super) step: u16,
    /// How the key is made.
    pub(super) key: KeyPlan,
    /// What is measured.
    pub(super) measure: Measure,
}

/// How a key is made.
#[derive(Debug)]
pub(super) enum KeyPlan {
    /// The event's own id: an alert of its own.
    Own,
    /// The values of these slots, in order.
    Fields(Vec<Slot>),
}

/// What is measured of an event.
#[derive(Debug)]
pub(super) enum Measure {
    /// Nothing.
    None,
    /// The values of these slots together.
    Distinct(Vec<Slot>),
    /// The number in this slot.
    Number(Slot),
}

/// The keys an event makes from these slots. Empty if a field is missing.
pub(super) fn keys(fields: &[Slot], slots: &Slots<'_>) -> SmallVec<[GroupKey; 1]> {
    let texts: Vec<_> = fields.iter().map(|slot| distinct_texts(slots.get(*slot))).collect();
    if texts.iter().any(SmallVec::is_empty) {
        return SmallVec::new();
    }
    let mut several = (0..texts.len()).filter(|i| texts[*i].len() > 1);
    let spread = match (several.next(), several.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    };
    let count = spread.map_or(1, |i| texts[i].len().min(KEYS_MAX));
    let nth = |n: usize| texts.iter().enumerate().map(move |(i, t)| if spread == Some(i) { &*t[n] } else { &*t[0] });
    (0..count).map(|n| GroupKey::new(nth(n))).collect()
}

fn distinct_texts<'s>(values: &'s [Value<'_>]) -> SmallVec<[Cow<'s, str>; 1]> {
    let mut out: SmallVec<[Cow<'s, str>; 1]> = SmallVec::new();
    for text in values.iter().filter_map(Value::text) {
        if !out.contains(&text) {
            out.push(text);
            if out.len() == KEYS_MAX {
                break;
            }
        }
    }
    out
}

impl Measure {
    /// What is measured of an event; `None` if the field is missing.
    pub(super) fn of(&self, slots: &Slots<'_>) -> Option<Quantity> {
        match self {
            Measure::None => Some(Quantity::None),
            Measure::Distinct(fields) => {
                let texts = fields.iter().map(|slot| joined(slots.get(*slot))).collect::<Option<Vec<_>>>()?;
                Some(Quantity::Distinct(hash128(GroupKey::new(texts).bytes())))
            }
            Measure::Number(slot) => slots.get(*slot).iter().find_map(micros).map(Quantity::Micros),
        }
    }
}

/// All values of one field as one text.
fn joined<'s>(values: &'s [Value<'_>]) -> Option<Cow<'s, str>> {
    let mut texts = values.iter().filter_map(Value::text);
    let first = texts.next()?;
    let Some(second) = texts.next() else { return Some(first) };
    let rest = texts.fold(format!("{first}\u{1f}{second}"), |all, next| all + "\u{1f}" + &next);
    Some(Cow::Owned(rest))
}

/// A number in millionths, rounded half away from zero.
fn micros(value: &Value<'_>) -> Option<i128> {
    let whole = match value {
        Value::Int(n) => Some(*n),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    if let Some(n) = whole {
        return Some(i128::from(n) * MICROS);
    }
    let x = value.number().filter(|x| x.abs() <= i64::MAX as f64)?;
    Some((x * MICROS as f64).round() as i128)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::slots::Target;

    fn slots(values: &[(u16, &str)]) -> Slots<'static> {
        let mut slots = Slots::new(3);
        for (slot, text) in values {
            slots.put(Target { slot: Slot(*slot), rank: 0 }, Value::Text(text.to_string().into()));
        }
        slots
    }

    fn key_texts(fields: &[u16], slots: &Slots<'_>) -> Vec<Vec<String>> {
        let fields: Vec<Slot> = fields.iter().map(|s| Slot(*s)).collect();
        keys(&fields, slots).iter().map(|k| k.values().into_iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn one_array_spreads_two_do_not() {
        let event = slots(&[(0, "a"), (1, "x"), (1, "y"), (1, "x"), (2, "1"), (2, "2")]);
        assert_eq!(key_texts(&[0, 1], &event), [["a", "x"], ["a", "y"]]);
        assert_eq!(key_texts(&[1, 2], &event), [["x", "1"]]);
        assert_eq!(key_texts(&[], &event), [Vec::<String>::new()]);
        assert!(key_texts(&[0, 1], &slots(&[(0, "a")])).is_empty());
        let many: Vec<(u16, String)> = (0..100).map(|n| (0, n.to_string())).collect();
        let many: Vec<(u16, &str)> = many.iter().map(|(s, t)| (*s, t.as_str())).collect();
        assert_eq!(key_texts(&[0], &slots(&many)).len(), KEYS_MAX);
    }

    #[test]
    fn null_is_no_key() {
        let mut event = Slots::new(1);
        event.put(Target { slot: Slot(0), rank: 0 }, Value::Null);
        assert!(key_texts(&[0], &event).is_empty());
        assert_eq!(Measure::Distinct(vec![Slot(0)]).of(&event), None);
        assert_eq!(Measure::Number(Slot(0)).of(&event), None);
    }

    #[test]
    fn numbers_are_fixed_point() {
        assert_eq!(micros(&Value::Int(3)), Some(3_000_000));
        assert_eq!(micros(&Value::Float(0.1)), Some(100_000));
        assert_eq!(micros(&Value::Float(-0.000_000_5)), Some(-1));
        assert_eq!(micros(&Value::Text("12.5".into())), Some(12_500_000));
        assert_eq!(micros(&Value::Text("9223372036854775807".into())), Some(i128::from(i64::MAX) * MICROS));
        assert_eq!(micros(&Value::Float(1e300)), None);
        assert_eq!(micros(&Value::Text("x".into())), None);
        assert_eq!(micros(&Value::Bool(true)), None);
    }

    #[test]
    fn distinct_values_are_the_tuple() {
        let distinct = |event: &Slots<'_>| Measure::Distinct(vec![Slot(0), Slot(1)]).of(event);
        let one = distinct(&slots(&[(0, "ab"), (1, "c")]));
        assert_ne!(one, distinct(&slots(&[(0, "a"), (1, "bc")])));
        assert_eq!(one, distinct(&slots(&[(0, "ab"), (1, "c"), (2, "z")])));
        assert_eq!(distinct(&slots(&[(0, "ab")])), None);
    }
}
