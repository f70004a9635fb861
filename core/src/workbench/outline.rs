//! What two runs of a case must have in common: the outline of an alert.

use super::suite::duration;
use serde_json::{Value, json};
use std::fmt;

/// The outline of an alert: what no order, no restart and no cut of batches may change. Times are from the base of its case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outline {
    /// Id of the rule.
    pub rule: String,
    /// Group key in words; empty for the own alert of an event.
    pub key: String,
    /// First moment.
    pub start_ms: i64,
    /// One past the last.
    pub end_ms: i64,
    /// Severity.
    pub severity: String,
    /// Accounts.
    pub accounts: Vec<String>,
    /// Events, first seen and last seen; `None` where the alert itself says that they may be off.
    pub counted: Option<(i64, i64, i64)>,
}

impl Outline {
    /// That of an alert.
    pub(super) fn of(alert: &Value, base_ms: i64) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let ours = &alert["tidegate"];
        let since = |value: &Value| value.as_i64().unwrap_or(0) - base_ms;
        let info = &alert["finding_info"];
        let counted = (alert["count"].as_i64().unwrap_or(0), since(&info["first_seen_time"]), since(&info["last_seen_time"]));
        let mut accounts: Vec<String> = ours["accounts"].as_array().into_iter().flatten().map(text).collect();
        accounts.sort();
        Outline {
            rule: text(&info["analytic"]["uid"]),
            // The key of an event's own alert may be its content id, which may hang on its time.
            key: if ours["kind"] == "correlation" { text(&ours["group_key_text"]) } else { String::new() },
            start_ms: since(&ours["episode"]["start"]),
            end_ms: since(&ours["episode"]["end"]),
            severity: text(&alert["severity"]).to_lowercase(),
            accounts,
            counted: (ours["approximate"] != true).then_some(counted),
        }
    }
}

impl Outline {
    /// What a case would expect of such an alert.
    pub(super) fn expect(&self) -> Value {
        let mut said = json!({"rule": self.rule, "start": duration(self.start_ms), "end": duration(self.end_ms)});
        if let Some((count, first, last)) = self.counted {
            said["count"] = count.into();
            (said["first_seen"], said["last_seen"]) = (duration(first).into(), duration(last).into());
        }
        said
    }
}

impl fmt::Display for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, end) = (duration(self.start_ms), duration(self.end_ms));
        let of = if self.key.is_empty() { String::new() } else { format!(" of {}", self.key) };
        write!(f, "{} {}{of}, holds from {start} to {end}", self.severity, self.rule)?;
        match self.counted {
            Some((count, first, last)) => write!(f, ", count {count}, seen {} to {}", duration(first), duration(last)),
            None => write!(f, ", approximate"),
        }
    }
}

/// Whether two runs gave the same alerts. What one of them calls approximate is not compared; nor are accounts: a correlation of
/// correlations names that of the event that came first.
#[must_use]
pub fn same(left: &[Outline], right: &[Outline]) -> bool {
    let alike = |l: &Outline, r: &Outline| {
        (&l.rule, &l.key, l.start_ms, l.end_ms, &l.severity) == (&r.rule, &r.key, r.start_ms, r.end_ms, &r.severity)
            && (l.counted == r.counted || l.counted.is_none() || r.counted.is_none())
    };
    left.len() == right.len() && left.iter().zip(right).all(|(l, r)| alike(l, r))
}
