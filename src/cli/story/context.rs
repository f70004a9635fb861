//! Who, from where, in which accounts, on what; and what the tables say of each.

use super::ITEMS_MAX;
use super::read::{moment, number, text, texts};
use super::sheet::Sheet;
use serde_json::Value;
use std::collections::BTreeSet;

fn evidences(document: &Value) -> impl Iterator<Item = &Value> {
    document["evidences"].as_array().into_iter().flatten()
}

/// The distinct texts at a place of the evidences, in their order.
fn distinct<'a>(document: &'a Value, pointer: &str) -> Vec<&'a str> {
    let mut seen = BTreeSet::new();
    evidences(document).map(|e| text(e, pointer)).filter(|t| !t.is_empty() && seen.insert(*t)).collect()
}

/// `a, b and 3 more`
fn some(all: &[&str]) -> String {
    const SHOWN: usize = 5;
    let shown = all[..all.len().min(SHOWN)].join(", ");
    if all.len() > SHOWN { format!("{shown} and {} more", all.len() - SHOWN) } else { shown }
}

/// Principals, and by what they may be found again.
pub(super) fn who(document: &Value, sheet: &mut Sheet) {
    let mut who = texts(document, "/tidegate/principals");
    if who.is_empty() {
        who.extend([text(document, "/actor/user/uid"), text(document, "/actor/user/name")].into_iter().find(|t| !t.is_empty()));
    }
    let pairs = [
        ("sessions", distinct(document, "/actor/session/uid")),
        ("keys", distinct(document, "/actor/session/credential_uid")),
        ("agents", distinct(document, "/http_request/user_agent")),
    ];
    if who.is_empty() && pairs.iter().all(|(_, all)| all.is_empty()) {
        return;
    }
    sheet.heading("Who");
    who.iter().take(ITEMS_MAX).for_each(|principal| sheet.item(principal));
    sheet.more(who.len(), ITEMS_MAX);
    for (name, all) in pairs.iter().filter(|(_, all)| !all.is_empty()) {
        sheet.pair(name, &some(all));
    }
}

/// Source addresses with what is known of them.
pub(super) fn from_where(document: &Value, sheet: &mut Sheet) {
    let addresses = texts(document, "/tidegate/source_ips");
    if addresses.is_empty() {
        return;
    }
    sheet.heading("From where");
    for address in addresses.iter().take(ITEMS_MAX) {
        let endpoint = evidences(document).map(|e| &e["src_endpoint"]).find(|e| text(e, "/ip") == *address);
        let known = endpoint.map(whereabouts).filter(|w| !w.is_empty());
        sheet.item(&known.map_or_else(|| (*address).to_owned(), |w| format!("{address} ({w})")));
        said_of(document, address).for_each(|said| sheet.under(&said));
    }
    sheet.more(addresses.len(), ITEMS_MAX);
}

/// `Amsterdam, NL; AS64500 EXAMPLE-HOSTING`
fn whereabouts(endpoint: &Value) -> String {
    let place: Vec<&str> =
        ["/location/city", "/location/country"].map(|p| text(endpoint, p)).into_iter().filter(|t| !t.is_empty()).collect();
    let number = number(endpoint, "/autonomous_system/number").map(|n| format!("AS{n}")).unwrap_or_default();
    let system = format!("{number} {}", text(endpoint, "/autonomous_system/name"));
    [place.join(", ").as_str(), system.trim()].into_iter().filter(|t| !t.is_empty()).collect::<Vec<_>>().join("; ")
}

fn enrichments(document: &Value) -> impl Iterator<Item = &Value> {
    document["enrichments"].as_array().into_iter().flatten()
}

/// What tables say of a value.
fn said_of<'a>(document: &'a Value, value: &'a str) -> impl Iterator<Item = String> + 'a {
    enrichments(document).filter(move |e| text(e, "/value") == value).map(said).take(ITEMS_MAX)
}

/// `threat intelligence (corp-feed): list bulletproof-hosting, expires 2026-12-31 ...`
fn said(enrichment: &Value) -> String {
    let kind = match text(enrichment, "/type") {
        "threat_intel" => "threat intelligence",
        "geo" => "geography",
        other => other,
    };
    let data = enrichment["data"].as_object();
    let data: Vec<String> = data.into_iter().flatten().map(|(key, value)| format!("{key} {}", datum(key, value))).collect();
    format!("{kind} ({}): {}", text(enrichment, "/provider"), data.join(", "))
}

fn datum(key: &str, value: &Value) -> String {
    let ms = value.as_i64().or_else(|| value.as_str().and_then(|t| t.parse().ok()));
    match (value, ms) {
        (_, Some(ms)) if key.contains("expires") && ms > 100_000_000_000 => moment(ms),
        (Value::String(text), _) => text.clone(),
        (other, _) => other.to_string(),
    }
}

/// Accounts with their names and owners.
pub(super) fn accounts(document: &Value, sheet: &mut Sheet) {
    let accounts = texts(document, "/tidegate/accounts");
    let total = number(document, "/tidegate/accounts_total").and_then(|n| usize::try_from(n).ok()).unwrap_or(0).max(accounts.len());
    if accounts.is_empty() {
        return;
    }
    sheet.heading(&format!("Accounts ({total})"));
    for account in accounts.iter().take(ITEMS_MAX) {
        let name = account_name(document, account);
        let unit = organisational_unit(document, account);
        let parts: Vec<&str> = [name, unit].into_iter().filter(|t| !t.is_empty()).collect();
        let known = parts.join("; ");
        sheet.item(&if known.is_empty() { (*account).to_owned() } else { format!("{account} ({known})") });
        said_of(document, account).for_each(|said| sheet.under(&said));
    }
    sheet.more(total, accounts.len().min(ITEMS_MAX));
    for (name, pointer) in [("owners", "/tidegate/owners"), ("environment", "/tidegate/environments"), ("regions", "/tidegate/regions")] {
        let all = texts(document, pointer);
        if !all.is_empty() {
            sheet.pair(name, &some(&all));
        }
    }
}

fn resource_list(document: &Value) -> impl Iterator<Item = &Value> {
    document["resources"].as_array().into_iter().flatten()
}

/// The account's name, wherever the document says it.
pub(super) fn account_name<'a>(document: &'a Value, uid: &str) -> &'a str {
    let owners = resource_list(document).map(|r| &r["owner"]["account"]);
    let all = [&document["cloud"]["account"], &document["actor"]["user"]["account"]].into_iter().chain(owners);
    all.filter(|a| text(a, "/uid") == uid).map(|a| text(a, "/name")).find(|n| !n.is_empty()).unwrap_or_default()
}

fn organisational_unit<'a>(document: &'a Value, uid: &str) -> &'a str {
    let owners = resource_list(document).map(|r| &r["owner"]).filter(|o| text(o, "/account/uid") == uid);
    owners.map(|o| text(o, "/org/ou_name")).find(|n| !n.is_empty()).unwrap_or_default()
}

/// What was touched.
pub(super) fn resources(document: &Value, sheet: &mut Sheet) {
    let all: Vec<&Value> = resource_list(document).collect();
    if all.is_empty() {
        return;
    }
    sheet.heading(&format!("Resources ({})", all.len()));
    for resource in all.iter().take(ITEMS_MAX) {
        let labels = texts(resource, "/labels");
        let labels = if labels.is_empty() { String::new() } else { format!(" [{}]", labels.join(", ")) };
        sheet.item(&format!("{} {}{labels}", text(resource, "/type"), text(resource, "/uid")));
    }
    sheet.more(all.len(), ITEMS_MAX);
}

/// What tables say of values that are neither a source address nor an account: names, files, targets.
pub(super) fn tables_said(document: &Value, sheet: &mut Sheet) {
    let mut shown = texts(document, "/tidegate/source_ips");
    shown.extend(texts(document, "/tidegate/accounts"));
    let others: Vec<&Value> = enrichments(document).filter(|e| !shown.contains(&text(e, "/value"))).collect();
    if others.is_empty() {
        return;
    }
    sheet.heading("What tables say");
    for enrichment in others.iter().take(ITEMS_MAX) {
        sheet.item(&format!("{} {}", text(enrichment, "/name"), text(enrichment, "/value")));
        sheet.under(&said(enrichment));
    }
    sheet.more(others.len(), ITEMS_MAX);
}
