//! Suppressions: an alert somebody has explained, for a while. The shell parses the file; what a suppression means is here.
//!
//! Rules: everything is required; at most [`DAYS_MAX`] days; Critical only with `allow_critical`. All conditions must hold, and
//! where an alert holds several values of a field **every one of them** must fit: a suppression for a scanner's address must not
//! hide a second address beside it. A value may hold `*`, which stands for any text; a value of stars alone is refused.
//! An alert speaks for the values it keeps: those of its 25 earliest and 25 latest events. A list that the document cuts (over 100 accounts) never fits. Permanent tuning is a Sigma filter.

use crate::event::time::DAY_MS;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Longest life of a suppression.
pub const DAYS_MAX: i64 = 90;

/// One suppression.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suppression {
    /// Its name: shown in `suppressed_by`.
    pub id: String,
    /// Id of the rule it is for.
    pub rule: String,
    /// Field -> value. A field is one of the group key, an OCSF name, or a dotted path of the alert document.
    #[serde(rename = "where")]
    pub conditions: BTreeMap<String, String>,
    /// Why this is no incident.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// From when, epoch milliseconds.
    pub created_ms: i64,
    /// Until when, epoch milliseconds.
    pub expires_ms: i64,
    /// May hide Critical alerts.
    #[serde(default)]
    pub allow_critical: bool,
}

impl Suppression {
    /// Everything wrong with it, as sentences for its author. Empty: it may be used.
    #[must_use]
    pub fn validate(&self) -> Vec<String> {
        let texts = [("id", &self.id), ("rule", &self.rule), ("reason", &self.reason), ("owner", &self.owner)];
        let mut out: Vec<String> =
            texts.iter().filter(|(_, text)| text.trim().is_empty()).map(|(name, _)| format!("`{name}` is required")).collect();
        if self.rule.contains('*') {
            out.push("`rule` names one rule: write a suppression for each".to_owned());
        }
        if self.conditions.is_empty() {
            out.push("`where` needs at least one field: to silence a whole rule set its `status` or remove it".to_owned());
        }
        for (field, value) in &self.conditions {
            if field.trim().is_empty() || value.chars().all(|c| c == '*' || c.is_whitespace()) {
                out.push(format!("`where.{field}` needs a value that says something: `{value}` fits everything or nothing"));
            }
        }
        let life_ms = self.expires_ms.saturating_sub(self.created_ms);
        if life_ms <= 0 {
            out.push("`expires` must be after `created`".to_owned());
        } else if life_ms > DAYS_MAX * DAY_MS {
            out.push(format!("`expires` is more than {DAYS_MAX} days after `created`: permanent tuning is a Sigma filter"));
        }
        out
    }

    /// Whether it holds at this moment (of arrival) for an alert document.
    #[must_use]
    pub fn matches(&self, document: &Value, at_ms: i64) -> bool {
        let critical = document["severity_id"].as_u64().is_some_and(|s| s >= 5);
        let in_force = at_ms >= self.created_ms && at_ms < self.expires_ms && (self.allow_critical || !critical);
        in_force
            && !self.conditions.is_empty()
            && document["finding_info"]["analytic"]["uid"].as_str() == Some(&self.rule)
            && self.conditions.iter().all(|(field, value)| fits(document, field, value))
    }
}

/// The first suppression that holds.
#[must_use]
pub fn find<'a>(suppressions: &'a [Suppression], document: &Value, at_ms: i64) -> Option<&'a Suppression> {
    suppressions.iter().find(|s| s.matches(document, at_ms))
}

fn fits(document: &Value, field: &str, pattern: &str) -> bool {
    let Some(values) = values_of(document, field) else { return false };
    !values.is_empty() && values.iter().all(|v| glob(pattern.trim(), v))
}

/// All values of a field, or `None` if the document cannot hold them all.
fn values_of(document: &Value, field: &str) -> Option<Vec<String>> {
    let ours = &document["tidegate"];
    let mut of_key = Vec::new();
    for pair in ours["group_key"].as_array().into_iter().flatten().filter(|pair| pair["name"] == *field) {
        collect(&pair["value"], &mut of_key);
    }
    if !of_key.is_empty() {
        return Some(of_key);
    }
    let path = match field {
        "src_endpoint.ip" | "tidegate.source_ips" => "tidegate.source_ips",
        "cloud.account.uid" | "tidegate.accounts" => "tidegate.accounts",
        "cloud.region" | "tidegate.regions" => "tidegate.regions",
        "actor.user.uid" | "tidegate.principal_root" | "tidegate.principals" => "tidegate.principals",
        other => other,
    };
    let mut out = Vec::new();
    walk(document, path, &mut out);
    let list_max = super::limits::VALUES_MAX;
    let cut = if path == "tidegate.accounts" {
        ours["accounts_total"].as_u64().is_some_and(|n| n > out.len() as u64)
    } else {
        path.starts_with("tidegate.") && out.len() >= list_max
    };
    (!cut).then_some(out)
}

/// Follows a dotted path; arrays are transparent.
fn walk(value: &Value, path: &str, out: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, path, out)),
        _ if path.is_empty() => collect(value, out),
        Value::Object(map) => {
            let (key, rest) = path.split_once('.').unwrap_or((path, ""));
            if let Some(inner) = map.get(path).or_else(|| map.get(key)) {
                walk(inner, if map.contains_key(path) { "" } else { rest }, out);
            }
        }
        _ => {}
    }
}

fn collect(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) => out.push(text.clone()),
        Value::Number(_) | Value::Bool(_) => out.push(value.to_string()),
        Value::Array(items) => items.iter().for_each(|item| collect(item, out)),
        Value::Null | Value::Object(_) => {}
    }
}

/// Whether the text fits a pattern whose `*` stand for any text. Linear: each part is searched once, from the left.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*').filter(|p| !p.is_empty()) {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn suppression(conditions: &[(&str, &str)]) -> Suppression {
        Suppression {
            id: "s-1".into(),
            rule: "r".into(),
            conditions: conditions.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            reason: "our scanner".into(),
            owner: "soc".into(),
            created_ms: 0,
            expires_ms: DAYS_MAX * DAY_MS,
            allow_critical: false,
        }
    }

    fn alert(ips: &[&str]) -> Value {
        json!({"severity_id": 4, "finding_info": {"analytic": {"uid": "r"}, "types": ["A"]},
            "tidegate": {"group_key": [{"name": "actor.user.name", "value": "ci"}], "source_ips": ips, "accounts": ["1"], "accounts_total": 2}})
    }

    #[test]
    fn every_problem_is_said_at_once() {
        assert_eq!(suppression(&[("src_endpoint.ip", "192.0.2.1")]).validate(), Vec::<String>::new());
        let mut bad = suppression(&[("x", "**")]);
        bad.owner.clear();
        bad.expires_ms += 1;
        assert_eq!(bad.validate().len(), 3, "{:?}", bad.validate());
        assert_eq!(Suppression::default().validate().len(), 6);
    }

    #[test]
    fn all_values_must_fit() {
        let scanner = suppression(&[("src_endpoint.ip", "192.0.2.*")]);
        assert!(scanner.matches(&alert(&["192.0.2.1", "192.0.2.9"]), 5));
        assert!(!scanner.matches(&alert(&["192.0.2.1", "203.0.113.7"]), 5), "a second address beside it");
        assert!(!scanner.matches(&alert(&[]), 5), "absence fits nothing");
        assert!(suppression(&[("actor.user.name", "ci"), ("finding_info.types", "A")]).matches(&alert(&[]), 5));
        assert!(!suppression(&[("cloud.account.uid", "1")]).matches(&alert(&[]), 5), "one of two accounts is not shown");
    }

    #[test]
    fn time_rule_and_critical_bound_it() {
        let s = suppression(&[("actor.user.name", "ci")]);
        let mut document = alert(&[]);
        assert!(!s.matches(&document, -1) && !s.matches(&document, s.expires_ms) && s.matches(&document, s.expires_ms - 1));
        document["severity_id"] = json!(5);
        assert!(!s.matches(&document, 5));
        assert!(Suppression { allow_critical: true, ..s.clone() }.matches(&document, 5));
        assert!(!Suppression { rule: "other".into(), allow_critical: true, ..s }.matches(&document, 5));
    }

    #[test]
    fn stars_stand_for_any_text() {
        let cases = [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("a*b*c", "axbyc", true),
            ("a*b*c", "acb", false),
            ("*x", "x", true),
            ("ab*ba", "aba", false),
        ];
        for (pattern, text, want) in cases {
            assert_eq!(glob(pattern, text), want, "{pattern} {text}");
        }
    }
}
