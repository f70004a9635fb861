//! The alerts of the demo with what the tables say of them: what happened in one line, where and what is known below it. Lines have at most [`WIDTH`] characters; every text is harmless on a terminal.

use crate::cli::screen;
use crate::cli::summary::row;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use tidegate_core::alert::neutral;
use tidegate_core::rule::RuleSet;

/// Longest line.
const WIDTH: usize = 120;
/// Where the lines below the first begin.
const INDENT: usize = 10;
/// Most things of one kind that are named before they are counted.
const NAMED_MAX: usize = 3;

/// The lines: most severe first, then by first seen.
pub(super) fn lines(set: &RuleSet, alerts: &[Value]) -> Vec<String> {
    let owners: BTreeMap<&str, &str> = set.rules.iter().filter_map(|r| Some((r.meta.id.as_str(), r.meta.owner.as_deref()?))).collect();
    let mut sorted: Vec<&Value> = alerts.iter().filter(|a| a["tidegate"]["episode"]["state"] != "merged").collect();
    sorted.sort_by_key(|a| (Reverse(a["severity_id"].as_i64()), a["finding_info"]["first_seen_time"].as_i64()));
    let head = [screen::bold(&happened(["SEVERITY", "TITLE", "WHO", "FROM", "FIRST SEEN", "EVENTS"]))];
    let of_rule = |alert: &Value| alert["finding_info"]["analytic"]["uid"].as_str().and_then(|id| owners.get(id)).copied();
    head.into_iter().chain(sorted.into_iter().flat_map(|alert| lines_of(alert, of_rule(alert)))).collect()
}

/// What happened; where, and what is known. What is known goes to a line of its own where it does not fit.
fn lines_of(alert: &Value, rule_owner: Option<&str>) -> Vec<String> {
    let [severity, title, who, from, _, when, events, ..] = row(alert).map(|text| neutral::terminal(&text).into_owned());
    let first: String = when.chars().take("11-02 10:20:00".len()).collect();
    let under = |text: &str| format!("{:INDENT$}{}", "", neutral::terminal(text));
    let (accounts, known) = (format!("in {}", in_accounts(alert, rule_owner)), known(alert).join("; "));
    let together = under(&format!("{accounts}; {known}"));
    let rest = match (known.is_empty(), together.chars().count() <= WIDTH) {
        (true, _) => vec![under(&accounts)],
        (false, true) => vec![together],
        (false, false) => vec![under(&accounts), under(&known)],
    };
    let head = happened([&severity, &title, &who, &from, &first, &events]);
    [head].into_iter().chain(rest).map(|line| cut(&line, WIDTH)).collect()
}

fn happened([severity, title, who, from, first, events]: [&str; 6]) -> String {
    let (title, who, from) = (cut(title, 44), cut(who, 23), cut(from, 16));
    cut(&format!("{severity:8}  {title:44} {who:23} {from:16} {first:14} {events:>6}"), WIDTH)
}

/// `payments-prod-0180 971580219738 (prod, owner payments)`; of several accounts how many, their environments and owners.
fn in_accounts(alert: &Value, rule_owner: Option<&str>) -> String {
    let ours = &alert["tidegate"];
    let total = ours["accounts_total"].as_u64().unwrap_or(0);
    let account = &alert["cloud"]["account"];
    let place = match (account["name"].as_str(), account["uid"].as_str()) {
        (Some(name), Some(id)) => format!("{name} {id}"),
        (None, Some(id)) => id.to_owned(),
        _ => format!("{} accounts", screen::thousands(total)),
    };
    // The rule's own owner is the same nearly everywhere: whose the accounts are is the news.
    let owners: Vec<&str> = texts(&ours["owners"]).filter(|owner| Some(*owner) != rule_owner).collect();
    let environments: Vec<&str> = texts(&ours["environments"]).collect();
    let word = if owners.len() > 1 { "owners" } else { "owner" };
    match (environments.is_empty(), owners.is_empty()) {
        (true, true) => place,
        (false, true) => format!("{place} ({})", some(&environments)),
        (true, false) => format!("{place} ({word} {})", some(&owners)),
        (false, false) => format!("{place} ({}; {word} {})", some(&environments), some(&owners)),
    }
}

/// What intelligence says, then the networks, each address or hash once: `203.0.113.199 is c2 (demo-feed)`.
fn known(alert: &Value) -> Vec<String> {
    let said = |kind: &'static str| alert["enrichments"].as_array().into_iter().flatten().filter(move |e| e["type"] == kind);
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut seen = BTreeSet::new();
    let intel = said("threat_intel").map(|e| {
        let value = text(&e["value"]);
        let value = if value.len() == 64 { format!("{}...", &value[..12]) } else { value };
        format!("intel: {value} is {} ({})", text(&e["data"]["category"]), text(&e["data"]["source"]))
    });
    let networks = said("network").map(|e| format!("network: {} is {}", text(&e["value"]), text(&e["data"]["name"])));
    let mut all: Vec<String> = intel.chain(networks).filter(|line| seen.insert(line.clone())).collect();
    let more = all.len().saturating_sub(NAMED_MAX);
    all.truncate(NAMED_MAX);
    all.extend((more > 0).then(|| format!("and {more} more")));
    all
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// `a, b, c +2`
fn some(all: &[&str]) -> String {
    let shown = all[..all.len().min(NAMED_MAX)].join(", ");
    if all.len() > NAMED_MAX { format!("{shown} +{}", all.len() - NAMED_MAX) } else { shown }
}

/// At most so many characters; what is cut ends in dots.
fn cut(text: &str, length: usize) -> String {
    if text.chars().count() <= length {
        return text.to_owned();
    }
    text.chars().take(length.saturating_sub(3)).chain("...".chars()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn alert() -> Value {
        json!({
            "severity": "High", "severity_id": 4, "count": 25,
            "cloud": {"account": {"uid": "968893633445", "name": "clinic-prod-0371"}},
            "finding_info": {"title": "Traffic to a known bad address", "first_seen_time": 1_793_600_040_000_i64, "analytic": {"uid": "r"}},
            "enrichments": [
                {"value": "203.0.113.199", "type": "threat_intel", "data": {"category": "c2", "source": "demo-feed"}},
                {"value": "203.0.113.199", "type": "threat_intel", "data": {"category": "c2", "source": "demo-feed"}},
                {"value": "10.1.115.15", "type": "network", "data": {"name": "organisation VPCs", "kind": "corporate"}},
            ],
            "tidegate": {"accounts": ["968893633445"], "accounts_total": 1, "owners": ["clinic", "soc"], "environments": ["prod"], "source_ips": ["10.1.115.15"]},
        })
    }

    #[test]
    fn below_stands_what_the_tables_say() {
        let lines = lines_of(&alert(), Some("soc"));
        assert!(lines[0].starts_with("High      Traffic to a known bad address"), "{lines:?}");
        assert_eq!(
            lines[1..],
            [
                "          in clinic-prod-0371 968893633445 (prod; owner clinic)",
                "          intel: 203.0.113.199 is c2 (demo-feed); network: 10.1.115.15 is organisation VPCs",
            ]
        );
        let mut short = alert();
        short["enrichments"].as_array_mut().expect("a list").truncate(1);
        let one = "          in clinic-prod-0371 968893633445 (prod; owner clinic); intel: 203.0.113.199 is c2 (demo-feed)";
        assert_eq!(lines_of(&short, Some("soc"))[1..], [one]);
    }

    #[test]
    fn lines_are_never_too_long_and_never_harmful() {
        let mut loud = alert();
        loud["finding_info"]["title"] = json!("A title \u{1b}[31m".repeat(40));
        loud["cloud"]["account"]["name"] = json!("name\u{1b}[31m".repeat(40));
        for line in lines_of(&loud, None) {
            assert!(line.chars().count() <= WIDTH && !line.contains('\u{1b}'), "{line:?}");
        }
    }

    #[test]
    fn several_accounts_are_counted_and_unknown_ones_stay_bare() {
        let mut wide = alert();
        wide["cloud"]["account"] = Value::Null;
        wide["tidegate"]["accounts_total"] = json!(9);
        wide["tidegate"]["owners"] = json!(["a", "b", "c", "d", "e"]);
        wide["enrichments"] = Value::Null;
        assert_eq!(lines_of(&wide, None)[1], "          in 9 accounts (prod; owners a, b, c +2)");
        let bare = json!({"cloud": {"account": {"uid": "111122223333"}}, "tidegate": {"owners": ["soc"]}, "finding_info": {}});
        assert_eq!(lines_of(&bare, Some("soc"))[1], "          in 111122223333");
    }
}
