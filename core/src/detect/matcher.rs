//! Compiled conditions and how one event is tested against them.
//!
//! Owns the meaning of every [`crate::rule::Test`] on every kind of value. Never sees field names: everything is a slot.
//! Texts are prepared once per event and slot, and only for slots that some test asks for.

use super::calendar::time_part;
use super::fold::Texts;
use super::text::TextTest;
use crate::decode::json;
use crate::decode::vpcflow::Flow;
use crate::event::flow::COLUMNS;
use crate::event::time::{epoch_number_ms, parse_any_ms};
use crate::event::{Slot, Slots, Value};
use crate::rule::{Compare, RefMode, TimePart};
use ipnet::IpNet;
use regex::Regex;
use std::borrow::Cow;
use std::net::IpAddr;

/// A condition over slots.
#[derive(Debug, Clone)]
pub(super) enum Node {
    /// All true.
    And(Vec<Node>),
    /// One true.
    Or(Vec<Node>),
    /// The opposite.
    Not(Box<Node>),
    /// A slot against a check.
    Check(Slot, Check),
}

/// A test on the values of one slot.
#[derive(Debug, Clone)]
pub(super) enum Check {
    /// A text fits the pattern.
    Text(TextTest, Cased),
    /// The regular expression is found in a text.
    Regex(Regex),
    /// A value is or spells the number.
    Number(f64),
    /// A value is or spells the boolean.
    Bool(bool),
    /// A value is an address inside the network.
    Cidr(IpNet),
    /// A number compares so.
    Compare(Compare, f64),
    /// Absent, or nothing but null.
    Null,
    /// Present, null or not.
    Present,
    /// A text stands so to a text of another slot.
    Ref(Slot, RefMode, Cased),
    /// A part of a time compares so.
    Time(TimePart, Compare, f64),
}

/// Whether case counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cased(pub(super) bool);

/// One event while it is matched.
pub(super) struct View<'s, 'a> {
    /// Its filled slots.
    pub(super) slots: &'s Slots<'a>,
    /// Prepared texts of some slots.
    pub(super) texts: &'s mut Texts,
    /// The pseudo-slot that stands for all leaves of the event.
    pub(super) leaves: Slot,
    /// The event itself, for its leaves.
    pub(super) text: &'a str,
    /// The event as a flow, for its leaves.
    pub(super) flow: Option<&'s Flow<'s, 'a>>,
}

impl View<'_, '_> {
    /// Prepares the texts of a slot: of every value but null its text, and of an object the texts inside as well.
    pub(super) fn load(&mut self, slot: Slot) {
        let index = usize::from(slot.0);
        if self.texts.is_loaded(index) {
            return;
        }
        if slot == self.leaves {
            let (text, flow) = (self.text, self.flow);
            self.texts.load(index, |push| push_leaves(text, flow, push));
            return;
        }
        let values = self.slots.get(slot);
        self.texts.load(index, |push| values.iter().for_each(|value| push_value(value, push)));
    }

    fn any_text(&mut self, slot: Slot, cased: bool, test: impl Fn(&str) -> bool) -> bool {
        self.load(slot);
        let items = self.texts.items(usize::from(slot.0));
        items.iter().any(|item| test(self.texts.text(item, cased)))
    }

    /// Whether a value of the slot passes. The leaves of the event count as texts.
    fn any_value(&mut self, slot: Slot, test: impl Fn(&Value<'_>) -> bool) -> bool {
        if slot == self.leaves {
            return self.any_text(slot, true, |text| test(&Value::Text(Cow::Borrowed(text))));
        }
        self.slots.get(slot).iter().any(test)
    }

    /// Hands over every number a slot's values are or spell.
    pub(super) fn each_number(&mut self, slot: Slot, visit: &mut dyn FnMut(f64)) {
        if slot != self.leaves {
            return self.slots.get(slot).iter().filter_map(Value::number).for_each(visit);
        }
        self.load(slot);
        for item in self.texts.items(usize::from(slot.0)) {
            if let Some(n) = Value::Text(Cow::Borrowed(self.texts.text(item, true))).number() {
                visit(n);
            }
        }
    }

    fn is_null(&self, slot: Slot) -> bool {
        slot != self.leaves && self.slots.get(slot).iter().all(|v| *v == Value::Null)
    }

    /// Whether the field is there, null or not. Leaves always are.
    pub(super) fn is_present(&self, slot: Slot) -> bool {
        slot == self.leaves || !self.slots.get(slot).is_empty()
    }

    fn any_pair(&mut self, slots: (Slot, Slot), mode: RefMode, cased: bool) -> bool {
        self.load(slots.0);
        self.load(slots.1);
        let texts = &*self.texts;
        let of = |slot: Slot| texts.items(usize::from(slot.0)).iter().map(|item| texts.text(item, cased));
        of(slots.0).any(|own| {
            of(slots.1).any(|other| match mode {
                RefMode::Equals => own == other,
                RefMode::Contains => own.contains(other),
                RefMode::StartsWith => own.starts_with(other),
                RefMode::EndsWith => own.ends_with(other),
            })
        })
    }
}

fn push_value(value: &Value<'_>, push: &mut dyn FnMut(&str)) {
    value.with_text(push);
    if let Value::Json(text) = value {
        // The slot's text was cut out of an event that was read: it is well-formed.
        let _ = json::leaves(text, &mut |leaf| leaf.text().iter().for_each(|t| push(t)));
    }
}

fn push_leaves(text: &str, flow: Option<&Flow<'_, '_>>, push: &mut dyn FnMut(&str)) {
    let Some(flow) = flow else {
        let _ = json::leaves(text, &mut |leaf| leaf.text().iter().for_each(|t| push(t)));
        return;
    };
    push(text);
    for column in COLUMNS {
        if let Some(value) = flow.get(column) {
            push_value(&value, push);
        }
    }
}

impl Node {
    /// Whether the event meets the condition.
    pub(super) fn holds(&self, view: &mut View<'_, '_>) -> bool {
        match self {
            Node::And(nodes) => nodes.iter().all(|n| n.holds(view)),
            Node::Or(nodes) => nodes.iter().any(|n| n.holds(view)),
            Node::Not(node) => !node.holds(view),
            Node::Check(slot, check) => check.passes(*slot, view),
        }
    }
}

impl Check {
    fn passes(&self, slot: Slot, view: &mut View<'_, '_>) -> bool {
        match self {
            Check::Text(test, cased) => view.any_text(slot, cased.0, |text| test.matches(text)),
            Check::Regex(regex) => view.any_text(slot, true, |text| regex.is_match(text)),
            Check::Null => view.is_null(slot),
            Check::Present => view.is_present(slot),
            Check::Ref(other, mode, cased) => view.any_pair((slot, *other), *mode, cased.0),
            Check::Number(_) | Check::Bool(_) | Check::Cidr(_) | Check::Compare(..) | Check::Time(..) => {
                view.any_value(slot, |value| self.value_passes(value))
            }
        }
    }

    fn value_passes(&self, value: &Value<'_>) -> bool {
        match self {
            Check::Number(n) => value.number() == Some(*n),
            Check::Bool(b) => is_bool(value, *b),
            Check::Cidr(net) => value.ip().is_some_and(|ip| is_inside(ip, net)),
            Check::Compare(compare, n) => value.number().is_some_and(|x| compares(x, *compare, *n)),
            Check::Time(part, compare, n) => value_ms(value).is_some_and(|ms| compares(f64::from(time_part(ms, *part)), *compare, *n)),
            Check::Text(..) | Check::Regex(_) | Check::Null | Check::Present | Check::Ref(..) => false,
        }
    }
}

fn is_bool(value: &Value<'_>, wanted: bool) -> bool {
    match value {
        Value::Bool(b) => *b == wanted,
        Value::Text(t) => t.eq_ignore_ascii_case(if wanted { "true" } else { "false" }),
        _ => false,
    }
}

/// Whether a value is the boolean `true` or its word.
pub(super) fn is_true(value: &Value<'_>) -> bool {
    is_bool(value, true)
}

/// An IPv4 address and its IPv6-mapped form are the same address.
fn is_inside(ip: IpAddr, net: &IpNet) -> bool {
    let canonical = ip.to_canonical();
    let mapped = match canonical {
        IpAddr::V4(v4) => IpAddr::V6(v4.to_ipv6_mapped()),
        v6 @ IpAddr::V6(_) => v6,
    };
    net.contains(&canonical) || net.contains(&mapped)
}

fn compares(x: f64, compare: Compare, n: f64) -> bool {
    match compare {
        Compare::Lt => x < n,
        Compare::Lte => x <= n,
        Compare::Gt => x > n,
        Compare::Gte => x >= n,
        Compare::Eq => x == n,
        Compare::Neq => x != n,
    }
}

/// The time a value is: epoch seconds or milliseconds, or RFC 3339.
pub(super) fn value_ms(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Text(text) => parse_any_ms(text),
        number => number.number().and_then(epoch_number_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_addresses_are_inside() {
        let inside = |ip: &str, net: &str| is_inside(ip.parse().expect("address"), &net.parse().expect("network"));
        assert!(inside("10.1.2.3", "10.0.0.0/8"));
        assert!(inside("::ffff:10.1.2.3", "10.0.0.0/8"));
        assert!(inside("10.1.2.3", "::ffff:10.0.0.0/104"));
        assert!(inside("2001:db8::1", "2001:db8::/32"));
        assert!(!inside("11.1.2.3", "10.0.0.0/8"));
        assert!(!inside("2001:db8::1", "0.0.0.0/0"));
    }
}
