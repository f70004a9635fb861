//! The page: one alert in the forms SNS carries, made from the document alone.
//!
//! People get who, from where, what, when, why and what to do, as plain text without live links but our own; machines get JSON with
//! the names of PagerDuty's Events API v2, deduplicated by the alert id. Text from events is neutralised. Limits: `sms` has at most
//! [`SMS_CHARACTERS_MAX`] characters; a value in a list at
//! most [`ITEM_CHARACTERS_MAX`], the text [`TEXT_BYTES_MAX`]: all forms together stay below the 256 KiB that SNS takes, whatever the
//! alert holds; at most 10 attributes.

use super::neutral::{cut, message};
use super::severity;
use serde_json::{Value, json};
use std::fmt::Write;

/// Most characters of a text message.
pub const SMS_CHARACTERS_MAX: usize = 140;
/// Most characters of a mail's subject (SNS allows 100, ASCII only).
const SUBJECT_CHARACTERS_MAX: usize = 100;
/// Most items shown of a list.
const ITEMS_MAX: usize = 10;
/// Most characters of one value.
const VALUE_CHARACTERS_MAX: usize = 400;
/// Most characters of one item of a list (and twice as many bytes).
pub const ITEM_CHARACTERS_MAX: usize = 150;
/// Most bytes of the text for people.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// For `sms`.
    pub sms: String,
    /// Subject of a mail: ASCII, at most 100 characters.
    pub subject: String,
    /// For `default` and `email`: text for people.
    pub text: String,
    /// For `https`, `sqs`, `lambda`: a JSON object with `PagerDuty`'s names, as text.
    pub json: String,
    /// SNS message attributes, none empty.
    pub attributes: Vec<(&'static str, String)>,
}

impl Page {
    /// The body of `MessageStructure: json`.
    #[must_use]
    pub fn message_structure(&self) -> Value {
        json!({"default": self.text, "email": self.text, "sms": self.sms, "https": self.json, "sqs": self.json, "lambda": self.json})
    }
}

/// Makes the page of an alert document.
#[must_use]
pub fn page(document: &Value) -> Page {
    let level = severity_of(document);
    let word = severity::name(level).to_uppercase();
    let why = at(document, "/message");
    let subject = format!("[{word}] {}", at(document, "/finding_info/title"));
    let subject: String = subject.chars().map(|c| if c.is_ascii() { c } else { '?' }).take(SUBJECT_CHARACTERS_MAX).collect();
    Page {
        sms: cut(&format!("[{word}] {}{why}", place(document)), SMS_CHARACTERS_MAX),
        subject,
        text: text(document, &word),
        json: machine(document, level).to_string(),
        attributes: attributes(document, level),
    }
}

/// The account of a stand-alone alert, first in a text message: the end of its sentence may be cut.
fn place(document: &Value) -> String {
    let account = at(document, "/tidegate/accounts/0");
    if document["tidegate"]["kind"] == "detection" && !account.is_empty() { format!("{account} ") } else { String::new() }
}

fn severity_of(document: &Value) -> u8 {
    document["severity_id"].as_u64().and_then(|n| u8::try_from(n).ok()).unwrap_or(0)
}

/// A text of the document, neutralised and cut. Our own link and the runbook's stay as they are; see [`text`].
fn at(document: &Value, pointer: &str) -> String {
    document.pointer(pointer).map(plain).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => cut(&message(text), VALUE_CHARACTERS_MAX),
        Value::Null => String::new(),
        other => cut(&other.to_string(), VALUE_CHARACTERS_MAX),
    }
}

fn item(value: &Value) -> String {
    let text = cut(&plain(value), ITEM_CHARACTERS_MAX);
    text[..text.floor_char_boundary(2 * ITEM_CHARACTERS_MAX)].to_owned()
}

/// A list of texts, the first few of them.
fn list(document: &Value, pointer: &str) -> String {
    let Some(items) = document.pointer(pointer).and_then(Value::as_array) else { return String::new() };
    let shown: Vec<String> = items.iter().take(ITEMS_MAX).map(item).collect();
    let more = items.len().saturating_sub(ITEMS_MAX);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

fn text(document: &Value, word: &str) -> String {
    let first = |pointers: &[&str]| pointers.iter().map(|p| list(document, p)).find(|t| !t.is_empty()).unwrap_or_default();
    let who = match first(&["/tidegate/principals"]) {
        none if none.is_empty() => at(document, "/actor/user/name"),
        some => some,
    };
    let accounts = list(document, "/tidegate/accounts");
    let total = document["tidegate"]["accounts_total"].as_u64().unwrap_or(0);
    let accounts = if total > ITEMS_MAX as u64 { format!("{accounts} ({total} in all)") } else { accounts };
    let runbook = raw(document, "/remediation/references/0");
    let lines = [
        ("Why", at(document, "/message")),
        ("When", when(document)),
        ("Who", who),
        ("From", list(document, "/tidegate/source_ips")),
        ("Accounts", accounts),
        ("Regions", list(document, "/tidegate/regions")),
        ("Do", if runbook.is_empty() { at(document, "/remediation/desc") } else { String::new() }),
        ("Runbook", runbook),
        ("Link", raw(document, "/finding_info/src_url")),
        ("Alert", at(document, "/finding_info/uid")),
        // Whatever is cut stands below.
        ("Owner", list(document, "/tidegate/owners")),
        ("Resources", resources(document)),
        ("Tactics", tactics(document).join(", ")),
        ("False positives", list(document, "/tidegate/false_positives")),
    ];
    let mut out = format!("[{word}] {}\n\n", at(document, "/finding_info/title"));
    for (name, value) in lines.iter().filter(|(_, value)| !value.is_empty()) {
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{name}: {value}");
    }
    out.truncate(out.floor_char_boundary(TEXT_BYTES_MAX));
    out
}

/// A link of our own (the rule's runbook, Dashboards): control characters aside it stays clickable.
fn raw(document: &Value, pointer: &str) -> String {
    document.pointer(pointer).and_then(Value::as_str).map(|t| super::neutral::terminal(t).into_owned()).unwrap_or_default()
}

fn resources(document: &Value) -> String {
    let uids: Vec<String> = document["resources"].as_array().into_iter().flatten().take(ITEMS_MAX).map(|r| item(&r["uid"])).collect();
    uids.join(", ")
}

fn when(document: &Value) -> String {
    let time = |name: &str| document[name].as_i64().map(crate::event::time::format_rfc3339);
    let count = document["count"].as_u64().unwrap_or(1);
    match (time("start_time"), time("end_time")) {
        (Some(a), Some(b)) if a != b => format!("{a} to {b} ({count} event{})", if count == 1 { "" } else { "s" }),
        (Some(a), _) => a,
        _ => String::new(),
    }
}

/// Tactic names, each once, in the document's order.
fn tactics(document: &Value) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for name in document["finding_info"]["attacks"].as_array().into_iter().flatten().filter_map(|a| a["tactic"]["name"].as_str()) {
        if !out.iter().any(|n| n == name) {
            out.push(name.to_owned());
        }
    }
    out
}

/// The event of `PagerDuty`'s Events API v2.
fn machine(document: &Value, level: u8) -> Value {
    let key = at(document, "/tidegate/group_key_text");
    let account = at(document, "/tidegate/accounts/0");
    // A finding's key is its ARN: where it happened says more.
    let places = if document["tidegate"]["kind"] == "detection" { [&account, &key] } else { [&key, &account] };
    let source = places.into_iter().find(|t| !t.is_empty()).cloned().unwrap_or_else(|| "tidegate".to_owned());
    let component = [at(document, "/resources/0/uid"), at(document, "/tidegate/principals/0")];
    let class = [at(document, "/finding_info/types/0"), at(document, "/finding_info/analytic/category")];
    let first = |texts: &[String]| texts.iter().find(|t| !t.is_empty()).cloned().unwrap_or_default();
    let links = [("Alert", "/finding_info/src_url"), ("Runbook", "/remediation/references/0")];
    let links = links.iter().map(|(text, p)| (text, raw(document, p))).filter(|(_, href)| !href.is_empty());
    json!({
        "event_action": "trigger",
        "dedup_key": at(document, "/finding_info/uid"),
        "client": "Tidegate",
        "payload": {
            "summary": cut(&at(document, "/message"), 1024),
            "severity": severity::pager(level),
            "source": source,
            "timestamp": document["@timestamp"],
            "component": first(&component),
            "group": account,
            "class": first(&class),
            "custom_details": details(document),
        },
        "links": links.map(|(text, href)| json!({"href": href, "text": text})).collect::<Vec<_>>(),
    })
}

fn details(document: &Value) -> Value {
    let lists = |name: &str| {
        let items = document["tidegate"][name].as_array().into_iter().flatten().take(ITEMS_MAX);
        items.map(|v| Value::from(item(v))).collect::<Value>()
    };
    json!({
        "title": at(document, "/finding_info/title"),
        "description": at(document, "/finding_info/desc"),
        "rule_id": at(document, "/finding_info/analytic/uid"),
        "count": document["count"],
        "start_time": document["start_time"],
        "end_time": document["end_time"],
        "principals": lists("principals"),
        "source_ips": lists("source_ips"),
        "accounts": lists("accounts"),
        "accounts_total": document["tidegate"]["accounts_total"],
        "regions": lists("regions"),
        "owners": lists("owners"),
        "environments": lists("environments"),
        "resources": resources(document),
        "tactics": tactics(document),
        "remediation": at(document, "/remediation/desc"),
        "false_positives": lists("false_positives"),
        "revision": document["tidegate"]["revision"],
    })
}

fn attributes(document: &Value, level: u8) -> Vec<(&'static str, String)> {
    let all = [
        ("severity", severity::route(level).to_owned()),
        ("rule_id", at(document, "/finding_info/analytic/uid")),
        ("account", at(document, "/tidegate/accounts/0")),
        ("region", at(document, "/tidegate/regions/0")),
        ("ou", at(document, "/resources/0/owner/org/ou_name")),
        ("environment", at(document, "/tidegate/environments/0")),
        ("owner", at(document, "/tidegate/owners/0")),
        ("tactic", tactics(document).into_iter().next().unwrap_or_default()),
    ];
    all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
}
