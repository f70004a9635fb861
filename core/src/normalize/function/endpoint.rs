//! Ends of connections, outcomes, headers.

use super::{Function, Values, is_something, one, something, text_at, values};
use crate::event::Value;
use std::borrow::Cow;

/// OCSF direction id of GuardDuty's and the flow logs' words.
pub(super) fn direction_id(value: &Value<'_>) -> i64 {
    match value.text().as_deref() {
        Some("INBOUND" | "ingress" | "Inbound") => 1,
        Some("OUTBOUND" | "egress" | "Outbound") => 2,
        _ => 0,
    }
}

/// direction, remote inputs, local inputs. With an unknown direction the remote end is the source: it is the end to look at.
pub(super) fn end<'a>(inputs: &[&[Value<'a>]], source: bool) -> Values<'a> {
    let Some((direction, ends)) = inputs.split_first() else { return Values::new() };
    let Some(direction) = direction.first().filter(|v| is_something(v)) else { return Values::new() };
    let (remote, local) = ends.split_at(ends.len().div_ceil(2));
    let remote_opened = direction_id(direction) != 2;
    let wanted = if remote_opened == source { remote } else { local };
    wanted.iter().map(|v| something(v)).find(|v| !v.is_empty()).unwrap_or_default()
}

/// direction, values.
pub(super) fn if_direction<'a>(inputs: &[&[Value<'a>]], wanted: i64) -> Values<'a> {
    let matches = inputs.first().and_then(|d| d.first()).is_some_and(|d| direction_id(d) == wanted);
    inputs.get(1).filter(|_| matches).map(|v| something(v)).unwrap_or_default()
}

/// names, values.
pub(super) fn header<'a>(inputs: &[&[Value<'a>]], name: &str) -> Values<'a> {
    let [names, values] = inputs else { return Values::new() };
    if names.len() != values.len() {
        return Values::new();
    }
    let named = names.iter().zip(*values).filter(|(n, _)| n.text().is_some_and(|t| t.eq_ignore_ascii_case(name)));
    named.map(|(_, value)| value.clone()).collect()
}

/// The protocols that matter by name; any other number stays a number.
pub(super) fn protocol_name<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    const NAMES: [(i64, &str); 9] =
        [(1, "icmp"), (2, "igmp"), (6, "tcp"), (17, "udp"), (41, "ipv6"), (47, "gre"), (50, "esp"), (51, "ah"), (58, "icmpv6")];
    let number = value.number()? as i64;
    let name = NAMES.into_iter().find(|(n, _)| *n == number).map(|(_, name)| name);
    Some(name.map_or_else(|| value.clone(), |name| Value::Text(Cow::Borrowed(name))))
}

/// OCSF counts boundaries from 4 where a flow counts traffic paths from 1.
pub(super) fn boundary_id<'a>(value: &Value<'a>) -> Option<Value<'a>> {
    value.number().filter(|n| (1.0..=8.0).contains(n)).map(|n| Value::Int(n as i64 + 3))
}

/// action id, disposition id or activity id of a flow's or web ACL's action.
pub(super) fn outcome<'a>(function: Function, inputs: &[&[Value<'a>]]) -> Values<'a> {
    /// action, action id, disposition id, activity id
    const OUTCOMES: [(&str, [i64; 3]); 8] = [
        ("ACCEPT", [1, 1, 6]),
        ("REJECT", [2, 2, 5]),
        ("ALLOW", [1, 1, 6]),
        ("BLOCK", [2, 2, 6]),
        ("ALERT", [1, 19, 6]),
        ("COUNT", [1, 20, 6]),
        ("CAPTCHA", [2, 22, 6]),
        ("CHALLENGE", [2, 23, 6]),
    ];
    let column = match function {
        Function::ActionId => 0,
        Function::DispositionId => 1,
        _ => 2,
    };
    let Some(action) = values(inputs).next().and_then(Value::text) else { return Values::new() };
    one(Value::Int(OUTCOMES.iter().find(|(name, _)| *name == action).map_or(99, |(_, ids)| ids[column])))
}

/// error code, error message, outcome text (`responseElements.ConsoleLogin`, `responseStatus.status`).
pub(super) fn is_failure(inputs: &[&[Value<'_>]]) -> bool {
    text_at(inputs, 0).is_some() || text_at(inputs, 1).is_some() || text_at(inputs, 2).is_some_and(|t| t.eq_ignore_ascii_case("failure"))
}
