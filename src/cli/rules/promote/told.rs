//! The record of a rule, for people and machines.

use super::described;
use super::status::Change;
use crate::cli::{columns, screen};
use serde_json::{Value, json};
use tidegate_core::alert::{neutral, severity};
use tidegate_core::event::time::format_rfc3339;
use tidegate_core::rule::{Rule, RuleSet};
use tidegate_core::workbench::record::{Day, Record};

/// Accounts that are named, those with the most alerts first.
const ACCOUNTS_MAX: usize = 10;
/// Days that are shown, the latest.
const DAYS_MAX: usize = 31;
/// Width of the bar of the busiest day.
const BAR: u64 = 40;

pub(super) fn text(rule: &Rule, record: &Record, of_before: usize) -> String {
    let title = neutral::terminal(&rule.meta.title).into_owned();
    let mut out = vec![screen::bold(&format!("{title} ({})", neutral::terminal(&rule.meta.id)))];
    if record.alerts > 0 {
        out.extend([seen(record), alerts(record), pages(record), String::new(), days(record), String::new(), accounts(record)]);
    } else {
        out.push("no alerts".to_owned());
    }
    if of_before > 0 {
        out.push(format!("{of_before} more alerts are of earlier forms of the rule, which meant something else: they are left out"));
    }
    out.join("\n")
}

fn seen(record: &Record) -> String {
    let shown = |ms: Option<i64>| ms.map(format_rfc3339).unwrap_or_default();
    format!("seen       {} to {}", shown(record.first_seen_ms), shown(record.last_seen_ms))
}

fn alerts(record: &Record) -> String {
    let n = screen::thousands;
    let by: Vec<String> = record.severities.iter().rev().map(|(s, count)| format!("{} {}", n(*count), severity::route(*s))).collect();
    let also =
        [("suppressed", record.suppressed), ("of samples or archived findings", record.samples), ("merged into another", record.merged)];
    let also: String = also.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("; {} {what}", n(*count))).collect();
    format!("alerts     {} ({}) over {} events{also}", n(record.alerts), by.join(", "), n(record.events))
}

fn pages(record: &Record) -> String {
    let n = screen::thousands;
    let held = if record.held == 0 { String::new() } else { format!("; {} more would be held by the storm budget", n(record.held)) };
    let days = record.days.len().max(1) as f64;
    let worst = record.days.iter().max_by_key(|(_, day)| day.pages).filter(|(_, day)| day.pages > 0);
    let worst = worst.map_or_else(String::new, |(date, day)| format!(", at most {} on one ({date})", n(day.pages)));
    format!("pages      {} if it were not in shadow: {:.1} on a day with alerts{worst}{held}", n(record.pages), record.pages as f64 / days)
}

fn days(record: &Record) -> String {
    let most = record.days.values().map(|day| day.alerts).max().unwrap_or(1).max(1);
    let left_out = record.days.len().saturating_sub(DAYS_MAX);
    let rows = record.days.iter().skip(left_out).map(|(date, Day { alerts, pages })| {
        let bar = "#".repeat(usize::try_from((alerts * BAR).div_ceil(most)).unwrap_or(0));
        vec![date.clone(), screen::thousands(*alerts), screen::thousands(*pages), bar]
    });
    let table = columns::table(&["DAY", "ALERTS", "PAGES", ""], rows);
    if left_out == 0 { table } else { format!("{table}\n... and {left_out} days before") }
}

fn accounts(record: &Record) -> String {
    let mut all: Vec<(&String, u64)> = record.accounts.iter().map(|(account, n)| (account, *n)).collect();
    all.sort_by_key(|(account, n)| (std::cmp::Reverse(*n), *account));
    let rows = all.iter().take(ACCOUNTS_MAX).map(|(account, n)| vec![(*account).clone(), screen::thousands(*n)]);
    let table = columns::table(&["ACCOUNT", "ALERTS"], rows);
    let more = all.len().saturating_sub(ACCOUNTS_MAX);
    if more == 0 { table } else { format!("{table}\n... and {more} accounts more") }
}

/// What keeps it in shadow all the same.
pub(super) fn still(set: &RuleSet, rule: u32) -> Vec<String> {
    let mut set = set.clone();
    set.rules[rule as usize].meta.status = tidegate_core::rule::Status::Test;
    let by = set.cast_by(rule).map(|by| neutral::terminal(&set.rule(by).meta.id).into_owned());
    by.into_iter().map(|id| screen::yellow(&format!("it stays in shadow because it refers to `{id}`: promote that one too"))).collect()
}

pub(super) fn json(rule: &Rule, record: &Record, of_before: usize, change: &Change) -> Value {
    let days: Vec<Value> = record.days.iter().map(|(day, n)| json!({"day": day, "alerts": n.alerts, "pages": n.pages})).collect();
    let accounts: Vec<Value> = record.accounts.iter().map(|(account, n)| json!({"account": account, "alerts": n})).collect();
    let severities: Vec<Value> = record.severities.iter().map(|(s, n)| json!({"severity": severity::route(*s), "alerts": n})).collect();
    json!({
        "rule": rule.meta.id, "title": rule.meta.title,
        "record": {
            "alerts": record.alerts, "events": record.events, "pages": record.pages, "held": record.held,
            "suppressed": record.suppressed, "samples": record.samples, "merged": record.merged, "shadow": record.shadow,
            "first_seen": record.first_seen_ms, "last_seen": record.last_seen_ms,
            "severities": severities, "days": days, "accounts": accounts, "older_alerts": of_before,
        },
        "change": described(change),
    })
}
