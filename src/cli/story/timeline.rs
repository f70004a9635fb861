//! What happened, in order: one line per event that the alert shows, the gaps between them, and how many are not shown.

use super::context::account_name;
use super::read::{clock, day, integer, number, plural, span, text};
use super::sheet::Sheet;
use crate::cli::screen::thousands;
use serde_json::Value;

/// Width of the column with the time since the event before.
const GAP_WIDTH: usize = 13;

/// Tells it.
pub(super) fn timeline(document: &Value, bodies: bool, sheet: &mut Sheet) {
    let all = document["evidences"].as_array().into_iter().flatten();
    let events: Vec<(i64, &Value)> = all.filter_map(|e| Some((integer(e, "/data/time")?, e))).collect();
    if events.is_empty() {
        return;
    }
    let hidden = hidden(document, events.len());
    let shown = plural(events.len() as u64, "event");
    sheet.heading(&if hidden == 0 {
        format!("Timeline ({shown})")
    } else {
        format!("Timeline ({shown} of {})", thousands(hidden + events.len() as u64))
    });
    // The first half is from the beginning of the kept events, the rest from their end.
    let gap_at = if hidden > 0 { events.len().div_ceil(2) } else { usize::MAX };
    let mut before: Option<i64> = None;
    for (n, (ms, event)) in events.iter().enumerate() {
        if n == gap_at {
            sheet.hung("  ", &format!("... {} more not shown", thousands(hidden)));
        }
        if before.is_none_or(|b| day(b) != day(*ms)) {
            sheet.hung("  ", &day(*ms));
        }
        let gap = before.map(|b| format!("+{}", span((ms - b).max(0)))).unwrap_or_default();
        sheet.hung(&format!("  {}  {gap:GAP_WIDTH$} ", clock(*ms)), &happening(document, event));
        if bodies {
            sheet.hung("            ", text(event, "/data/event"));
        }
        before = Some(*ms);
    }
    if hidden > 0 && gap_at >= events.len() {
        sheet.hung("  ", &format!("... {} more not shown", thousands(hidden)));
    }
}

/// How many events have no line here. A finding's count speaks of occurrences inside the product it came from.
fn hidden(document: &Value, shown: usize) -> u64 {
    if text(document, "/tidegate/kind") != "correlation" {
        return 0;
    }
    number(document, "/tidegate/records_total").unwrap_or(0).saturating_sub(shown as u64)
}

/// `PutSecretValue (secretsmanager.amazonaws.com), by deploy, from 203.0.113.77, in 111122223333 (payments-prod) eu-central-1`
fn happening(document: &Value, event: &Value) -> String {
    let flow = connection(event);
    let user = [text(event, "/actor/user/name"), text(event, "/actor/user/uid")].into_iter().find(|t| !t.is_empty()).unwrap_or_default();
    let source = [text(event, "/src_endpoint/ip"), text(event, "/src_endpoint/domain")].into_iter().find(|t| !t.is_empty());
    let mut parts = vec![what(document, event, &flow)];
    parts.extend((!user.is_empty()).then(|| format!("by {user}")));
    parts.extend(source.filter(|_| flow.is_empty()).map(|s| format!("from {s}")));
    let account = account(document, event);
    let name = account_name(document, account);
    let region = text(event, "/data/region");
    let place = match (account, name) {
        ("", _) => region.to_owned(),
        (account, "") => format!("{account} {region}"),
        (account, name) => format!("{account} ({name}) {region}"),
    };
    parts.extend(Some(place.trim().to_owned()).filter(|p| !p.is_empty()).map(|p| format!("in {p}")));
    parts.join(", ")
}

/// The account an event speaks of, as far as it says.
fn account<'a>(document: &'a Value, event: &'a Value) -> &'a str {
    let of_arn = text(event, "/uid").strip_prefix("arn:").and_then(|arn| arn.split(':').nth(3)).unwrap_or_default();
    let all = [text(event, "/actor/user/account/uid"), of_arn, text(document, "/cloud/account/uid")];
    all.into_iter().find(|t| !t.is_empty()).unwrap_or_default()
}

fn what(document: &Value, event: &Value, flow: &str) -> String {
    let mut parts: Vec<String> = finding(document, event).map(str::to_owned).into_iter().collect();
    let (call, service) = (text(event, "/api/operation"), text(event, "/api/service/name"));
    if !call.is_empty() {
        let service = if service.is_empty() { String::new() } else { format!(" ({service})") };
        let refused = text(event, "/api/response/error");
        let refused = if refused.is_empty() { String::new() } else { format!(" refused: {refused}") };
        parts.push(format!("{call}{service}{refused}"));
    }
    for (pointer, word) in [("/query/hostname", "looked up "), ("/file/path", "ran "), ("/container/image/name", "in the image ")] {
        let value = text(event, pointer);
        parts.extend((!value.is_empty()).then(|| format!("{word}{value}")));
    }
    if text(event, "/file/path").is_empty() && !text(event, "/file/name").is_empty() {
        parts.push(format!("ran {}", text(event, "/file/name")));
    }
    parts.extend((!flow.is_empty()).then(|| flow.to_owned()));
    if parts.is_empty() {
        parts.push(rule_name(document, text(event, "/data/rule")).unwrap_or(text(event, "/name")).to_owned());
    }
    parts.join("; ")
}

/// The type or title of a finding; of an alert that is one finding, the alert's title.
fn finding<'a>(document: &'a Value, event: &'a Value) -> Option<&'a str> {
    if !matches!(text(event, "/name"), "aws/guardduty" | "aws/securityhub") {
        return None;
    }
    let uid = text(event, "/uid");
    let related = document.pointer("/finding_info/related_events").and_then(Value::as_array).into_iter().flatten();
    let own = related.filter(|r| text(r, "/uid") == uid && !uid.is_empty()).flat_map(|r| [text(r, "/type"), text(r, "/title")]);
    own.chain([text(document, "/finding_info/title")]).find(|t| !t.is_empty())
}

fn rule_name<'a>(document: &'a Value, id: &str) -> Option<&'a str> {
    let all = document.pointer("/finding_info/related_analytics").and_then(Value::as_array).into_iter().flatten();
    all.filter(|r| text(r, "/uid") == id).map(|r| text(r, "/name")).find(|n| !n.is_empty())
}

/// `TCP 203.0.113.77:50123 -> 10.0.1.5:22 ACCEPT, 1,234 bytes`, where both ends are known.
fn connection(event: &Value) -> String {
    let end = |at: &str| {
        let ip = text(&event[at], "/ip");
        let port = number(&event[at], "/port").map(|p| format!(":{p}")).unwrap_or_default();
        if ip.is_empty() { None } else { Some(format!("{ip}{port}")) }
    };
    let (Some(from), Some(to)) = (end("src_endpoint"), end("dst_endpoint")) else { return String::new() };
    let protocol = match number(event, "/connection_info/protocol_num") {
        Some(1) => "ICMP ".to_owned(),
        Some(6) => "TCP ".to_owned(),
        Some(17) => "UDP ".to_owned(),
        Some(n) => format!("protocol {n} "),
        None => format!("{} ", text(event, "/connection_info/protocol_name")).trim_start().to_owned(),
    };
    let action = text(event, "/data/action");
    let action = if action.is_empty() { String::new() } else { format!(" {action}") };
    let bytes = number(event, "/data/bytes").map(|n| format!(", {}", plural(n, "byte"))).unwrap_or_default();
    format!("{protocol}{from} -> {to}{action}{bytes}")
}
