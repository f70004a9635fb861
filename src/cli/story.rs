//! The story of an alert for a person: what, why, when, who, from where, what happened in order, what to do.
//!
//! Owns the order of the parts and their words. A pure function of the alert document and a width; never asks a store. A document
//! may hold anything an attacker wrote: nothing reaches a line but through [`sheet::Sheet`], which makes it harmless. Parts without
//! content are left out; lists are cut at [`ITEMS_MAX`] and say how many more there are (the document has them all).

mod context;
mod decision;
mod read;
mod sheet;
mod timeline;

pub(in crate::cli) use sheet::{Line, Style};

use super::screen::thousands;
use read::{integer, moment, number, plural, span, text, texts};
use serde_json::Value;
use sheet::Sheet;
use tidegate_core::alert::severity;

/// Most items of a list.
const ITEMS_MAX: usize = 20;

/// How to tell it.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) struct Telling {
    /// Columns.
    pub(in crate::cli) width: usize,
    /// Show the events' own text below the timeline's lines.
    pub(in crate::cli) events: bool,
}

/// Tells it.
pub(in crate::cli) fn story(document: &Value, telling: Telling) -> Vec<Line> {
    let mut sheet = Sheet::new(telling.width);
    title(document, &mut sheet);
    sheet.heading("Why");
    sheet.paragraph(text(document, "/message"));
    when(document, &mut sheet);
    context::who(document, &mut sheet);
    context::from_where(document, &mut sheet);
    context::accounts(document, &mut sheet);
    context::resources(document, &mut sheet);
    context::tables_said(document, &mut sheet);
    timeline::timeline(document, telling.events, &mut sheet);
    related(document, &mut sheet);
    techniques(document, &mut sheet);
    actions(document, &mut sheet);
    decision::decision(document, &mut sheet);
    rule(document, &mut sheet);
    records(document, &mut sheet);
    sheet.finish()
}

fn title(document: &Value, sheet: &mut Sheet) {
    let level = number(document, "/severity_id").unwrap_or(0);
    sheet.title(level, &format!("[{}] {}", text(document, "/severity").to_uppercase(), text(document, "/finding_info/title")));
    let state = text(document, "/tidegate/episode/state");
    let version = number(document, "/metadata/sequence").unwrap_or(1);
    let status = text(document, "/status").to_lowercase();
    let states = if state == status { status } else { format!("{status}, {state}") };
    sheet.line(&format!("alert {}, version {version}: {states}", text(document, "/finding_info/uid")));
    for (pointer, said) in
        [("/tidegate/merged_into", "merged into the earlier alert"), ("/tidegate/suppressed_by", "hidden by the suppression")]
    {
        let value = text(document, pointer);
        if !value.is_empty() {
            sheet.notice(&format!("{said} {value}"));
        }
    }
    for (pointer, said) in [
        ("/tidegate/sample", "a sample finding: nothing of it happened"),
        ("/tidegate/shadow", "the rule runs in shadow (`status: experimental`): it pages nobody"),
        ("/tidegate/archived", "archived in the product it came from"),
    ] {
        if document.pointer(pointer) == Some(&Value::Bool(true)) {
            sheet.notice(said);
        }
    }
}

fn when(document: &Value, sheet: &mut Sheet) {
    sheet.heading("When");
    let (first, last) = (integer(document, "/start_time"), integer(document, "/end_time"));
    let count = number(document, "/count").unwrap_or(1);
    let correlated = text(document, "/tidegate/kind") == "correlation";
    let times = match (correlated, count) {
        (true, n) => format!("; {}", plural(n, "event")),
        (false, 1) => String::new(),
        (false, n) => format!("; {}", plural(n, "time")),
    };
    match (first, last) {
        (Some(first), Some(last)) if last > first => {
            sheet.pair("first seen", &moment(first));
            sheet.pair("last seen", &format!("{}, {} later{times}", moment(last), span(last - first)));
        }
        (first, last) => sheet.pair("seen", &format!("{}{times}", first.or(last).map_or_else(|| "-".into(), moment))),
    }
    sheet.pair("raised", &format!("{} (when it arrived)", integer(document, "/time").map_or_else(|| "-".into(), moment)));
    let episode = (integer(document, "/tidegate/episode/start"), integer(document, "/tidegate/episode/end"));
    if let (true, (Some(start), Some(end))) = (correlated, episode) {
        let open = text(document, "/tidegate/episode/state") == "open";
        let (start, end) = (moment(start), moment(end));
        let held = if open { format!("since {start}; until {end} if nothing more comes") } else { format!("from {start} to {end}") };
        sheet.pair(if open { "it holds" } else { "it held" }, &held);
    }
    doubts(document, sheet);
}

/// What makes the figures less than exact.
fn doubts(document: &Value, sheet: &mut Sheet) {
    let late = number(document, "/tidegate/late_events").unwrap_or(0);
    if late > 0 {
        let (them, were) = (plural(late, "event"), if late == 1 { "was" } else { "were" });
        sheet.pair("late", &format!("{them} came too late to move the window and {were} only counted"));
    }
    for (pointer, name, said) in [
        ("/tidegate/approximate", "about", "counts and edges are approximate: more was there than is kept"),
        ("/tidegate/clock_skew", "clock", "an event's time lay in the future: its arrival is taken"),
        ("/tidegate/episode/truncated", "cut", "state was given up or the rule changed: it may have gone on"),
    ] {
        if document.pointer(pointer) == Some(&Value::Bool(true)) {
            sheet.pair(name, said);
        }
    }
}

fn related(document: &Value, sheet: &mut Sheet) {
    let Some(all) = document.pointer("/finding_info/related_events").and_then(Value::as_array) else { return };
    sheet.heading("Related alerts and findings");
    for event in all.iter().take(ITEMS_MAX) {
        let named = [text(event, "/title"), text(event, "/type")].into_iter().find(|t| !t.is_empty()).unwrap_or("-");
        let level = number(event, "/severity_id").and_then(|n| u8::try_from(n).ok());
        let level = level.map_or_else(String::new, |n| format!("{}: ", severity::name(n)));
        let times = number(event, "/count").filter(|n| *n > 1).map_or_else(String::new, |n| format!(", {}", plural(n, "time")));
        let seen = integer(event, "/first_seen_time").map_or_else(String::new, |ms| format!(", first {}", moment(ms)));
        sheet.item(&format!("{level}{named} ({}{times}{seen})", text(event, "/product/name")));
        sheet.under(text(event, "/uid"));
    }
    sheet.more(all.len(), ITEMS_MAX);
}

fn techniques(document: &Value, sheet: &mut Sheet) {
    let Some(all) = document.pointer("/finding_info/attacks").and_then(Value::as_array).filter(|a| !a.is_empty()) else { return };
    sheet.heading("ATT&CK");
    for attack in all.iter().take(ITEMS_MAX) {
        let parts = ["tactic", "technique", "sub_technique"].map(|part| &attack[part]);
        let named = parts.into_iter().filter(|p| p["name"].is_string() || p["uid"].is_string());
        let named: Vec<String> = named.map(|p| format!("{} ({})", text(p, "/name"), text(p, "/uid"))).collect();
        sheet.item(&named.join(", "));
    }
    sheet.more(all.len(), ITEMS_MAX);
}

fn actions(document: &Value, sheet: &mut Sheet) {
    let (desc, links) = (text(document, "/remediation/desc"), texts(document, "/remediation/references"));
    if !desc.is_empty() || !links.is_empty() {
        sheet.heading("What to do");
        sheet.paragraph(desc);
        links.iter().take(ITEMS_MAX).for_each(|link| sheet.whole("  - ", link));
    }
    let harmless = texts(document, "/tidegate/false_positives");
    if !harmless.is_empty() {
        sheet.heading("Known to be harmless");
        harmless.iter().take(ITEMS_MAX).for_each(|text| sheet.item(text));
    }
}

fn rule(document: &Value, sheet: &mut Sheet) {
    sheet.heading("Rule");
    let analytic = &document["finding_info"]["analytic"];
    let version = text(analytic, "/version");
    let version = if version.is_empty() { String::new() } else { format!(", version {version}") };
    sheet.item(&format!("{} ({}{version})", text(analytic, "/name"), text(analytic, "/category")));
    sheet.pair("id", text(analytic, "/uid"));
    for (name, pointer) in [("digest", "/tidegate/rule_digest"), ("about", "/finding_info/desc"), ("group key", "/tidegate/group_key_text")]
    {
        let value = text(document, pointer);
        if !value.is_empty() {
            sheet.pair(name, value);
        }
    }
    let inside: Vec<&str> = document
        .pointer("/finding_info/related_analytics")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|r| text(r, "/name"))
        .collect();
    if !inside.is_empty() {
        sheet.pair("stands on", &inside.join("; "));
    }
    let compliance = texts(document, "/tidegate/compliance");
    if !compliance.is_empty() {
        sheet.pair("compliance", &compliance.join(", "));
    }
}

fn records(document: &Value, sheet: &mut Sheet) {
    let list = document.pointer("/tidegate/records").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let total = number(document, "/tidegate/records_total").unwrap_or(0).max(list.len() as u64);
    if total > 0 {
        sheet.heading(&format!("Records ({}): where the raw bytes are", thousands(total)));
        for r in list.iter().take(ITEMS_MAX) {
            let part = number(r, "/sub_sequence").filter(|n| *n > 0).map_or_else(String::new, |n| format!(", event {n} in it"));
            sheet.item(&format!("{} {} {}{part}", text(r, "/source"), text(r, "/shard"), text(r, "/sequence")));
        }
        sheet.more(usize::try_from(total).unwrap_or(usize::MAX), list.len().min(ITEMS_MAX));
    }
    let tables = document.pointer("/tidegate/tables").and_then(Value::as_array).into_iter().flatten();
    let tables: Vec<String> = tables.map(|t| format!("{} {}", text(t, "/name"), text(t, "/version"))).collect();
    let link = text(document, "/finding_info/src_url");
    if !tables.is_empty() || !link.is_empty() {
        sheet.heading("Made with");
        tables.iter().for_each(|t| sheet.pair("table", t));
        if !link.is_empty() {
            sheet.whole("  link        ", link);
        }
    }
}

#[cfg(test)]
mod tests;
