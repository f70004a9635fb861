//! The built-in alert `tidegate/state_pressure`: state of a correlation was evicted because an account went over its budget.
//!
//! Whoever floods a rule with keys loses the oldest of his own: that must never be silent. The alert is of Tidegate itself; it has
//! no event, and its count is the number of group keys evicted.

use super::neutral::{bounded, cut, terminal};
use super::paging::paging_decision;
use super::pivots::account_object;
use super::subject::{State, Subject};
use super::{alert_id, severity};
use crate::event::{GroupKey, LogSource};
use crate::rule::{Body, DetectionRule, Expr, Level, Meta, Place, Rule, RuleSet, Status};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Id of the built-in rule.
pub const RULE_ID: &str = "tidegate/state_pressure";
const LEVEL: Level = Level::Medium;
/// Longest title and account in the sentence, in characters.
const PIECE_MAX: usize = 160;

/// What the alert tells.
#[derive(Debug, Clone, Copy)]
pub struct Pressed<'a> {
    /// The correlation whose state was evicted.
    pub correlation: &'a Rule,
    /// The account over its budget; empty where none was known.
    pub account: &'a str,
    /// The Pipeline: budgets are per Pipeline.
    pub pipeline: u16,
    /// Group keys evicted so far.
    pub evicted: u64,
    /// [`key`].
    pub key: &'a GroupKey,
    /// [`id`].
    pub alert_id: &'a str,
    /// Version counter, from 1.
    pub revision: u64,
    /// Arrival at the first eviction.
    pub created_ms: i64,
    /// Arrival at the newest.
    pub modified_ms: i64,
    /// Version of the product.
    pub product_version: &'a str,
}

/// What the alert is about.
#[must_use]
pub fn key(correlation: &Rule, account: &str, pipeline: u16) -> GroupKey {
    GroupKey::new([&correlation.meta.id, account, &pipeline.to_string()])
}

/// The alert's id.
#[must_use]
pub fn id(key: &GroupKey, first_ms: i64) -> String {
    alert_id(RULE_ID, &digest(), key, first_ms)
}

/// The document.
#[must_use]
pub fn document(p: &Pressed<'_>) -> Value {
    let set = RuleSet { rules: vec![rule()], digest: digest() };
    let severity = severity::of_level(LEVEL);
    let mut out = super::document(&Subject {
        set: &set,
        rule: 0,
        key: p.key,
        alert_id: p.alert_id,
        revision: p.revision,
        created_ms: p.created_ms,
        modified_ms: p.modified_ms,
        episode: None,
        event: None,
        state: State::Open,
        merged_into: None,
        related: &[],
        paging: paging_decision(severity, false, false, false, false, &[]),
        shadow: false,
        suppressed_by: None,
        tables: &[],
        product_version: p.product_version,
        org: None,
        accounts: &BTreeMap::new(),
        enrichments: &[],
        link: None,
    });
    out["message"] = why(p).into();
    out["count"] = p.evicted.into();
    out["finding_info"]["related_analytics"] =
        json!([{"uid": p.correlation.meta.id, "name": p.correlation.meta.title, "type_id": 1, "type": "Rule"}]);
    let accounts: Vec<&str> = Some(bounded(p.account)).filter(|a| !a.is_empty()).into_iter().collect();
    if let [account] = accounts[..] {
        out["cloud"]["account"] = account_object(account, None);
    }
    let pipeline = p.pipeline.to_string();
    let named = [("rule", &*p.correlation.meta.id), ("cloud.account.uid", p.account), ("pipeline", &*pipeline)];
    let ours = &mut out["tidegate"];
    ours["group_key"] = named.iter().map(|(name, value)| json!({"name": name, "value": bounded(value)})).collect();
    ours["group_key_text"] = bounded(&named.map(|(name, value)| format!("{name}={value}")).join(", ")).into();
    ours["accounts_total"] = accounts.len().into();
    ours["accounts"] = accounts.into();
    out
}

fn why(p: &Pressed<'_>) -> String {
    let piece = |text: &str| cut(&terminal(text), PIECE_MAX);
    let whose = if p.account.is_empty() { "events without an account".to_owned() } else { format!("account {}", piece(p.account)) };
    let keys = if p.evicted == 1 { "1 group key was".to_owned() } else { format!("{} group keys were", p.evicted) };
    format!(
        "State of \"{}\" is over its budget: {keys} evicted, all of {whose}; sequences of that account may be missed, no other account is touched.",
        piece(&p.correlation.meta.title)
    )
}

fn digest() -> [u8; 32] {
    Sha256::digest(RULE_ID.as_bytes()).into()
}

fn rule() -> Rule {
    let meta = Meta {
        place: Place { file: RULE_ID.into(), line: 1, column: 1 },
        id: RULE_ID.into(),
        name: None,
        title: "State budget exceeded".into(),
        status: Status::Stable,
        level: Some(LEVEL),
        description: "An account creates more group keys of a correlation than its state budget holds. The oldest of its own keys were \
                      evicted. Either its activity is unusual, or somebody floods the rule to push evidence out of memory."
            .into(),
        author: String::new(),
        references: Vec::new(),
        version: String::new(),
        tags: vec!["attack.defense-evasion".into()],
        falsepositives: vec!["A budget too small for the organisation".into()],
        fields: Vec::new(),
        owner: None,
        runbook: Some("Look at what the account does that often; raise the state budget if it is benign.".into()),
        custom: BTreeMap::new(),
    };
    let body = Body::Detection(DetectionRule { logsource: LogSource::default(), condition: Expr::Or(Vec::new()) });
    Rule { meta, body, digest: digest(), alerts: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_valid_and_says_who_lost_what() {
        let mut correlation = rule();
        (correlation.meta.id, correlation.meta.title) = ("c1".into(), "Three \u{202e}refusals".into());
        for account in ["111122223333", ""] {
            let key = key(&correlation, account, 0);
            let id = id(&key, 1_795_456_384_000);
            let pressed = Pressed {
                correlation: &correlation,
                account,
                pipeline: 0,
                evicted: 1,
                key: &key,
                alert_id: &id,
                revision: 1,
                created_ms: 1_795_456_384_000,
                modified_ms: 1_795_456_384_000,
                product_version: "0",
            };
            let document = document(&pressed);
            assert_eq!(crate::alert::check(&document), Vec::<String>::new());
            let message = document["message"].as_str().unwrap_or_default();
            assert!(
                message.contains("refusals") && message.contains("group key was evicted") && !message.contains('\u{202e}'),
                "{message}"
            );
            assert_eq!(message.contains("account 111122223333"), !account.is_empty());
            assert_eq!(document["severity_id"], 3);
        }
    }
}
