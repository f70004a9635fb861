//! What a run prints: the table of alerts and the summary.

use super::screen;
use crate::io::selection::LeftOut;
use crate::run::Outcome;
use comfy_table::{Cell, ContentArrangement, Table, presets};
use serde_json::{Value, json};
use tidegate_core::alert::neutral;
use tidegate_core::event::Source;
use tidegate_core::event::time::format_rfc3339;
use tidegate_core::pipeline::books::{InputCounts, total};
use tidegate_core::pipeline::{Quarantined, intake::reason};

/// Form of the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Width of a table that goes to a file or pipe.
const WIDTH_WITHOUT_TERMINAL: u16 = 190;
/// Most alerts in a table.
const ROWS_MAX: usize = 60;

/// Alerts as a table: archived findings and samples last, most severe first, then by first seen.
pub(super) fn table(alerts: &[Value]) -> String {
    let mut shown: Vec<&Value> = alerts.iter().filter(|a| a["tidegate"]["episode"]["state"] != "merged").collect();
    let quiet = |a: &Value| a["tidegate"]["archived"] == true || a["tidegate"]["sample"] == true;
    shown.sort_by_key(|a| (quiet(a), std::cmp::Reverse(a["severity_id"].as_i64()), a["finding_info"]["first_seen_time"].as_i64()));
    if shown.is_empty() {
        return "no alerts".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(WIDTH_WITHOUT_TERMINAL);
    }
    table.set_header(["SEVERITY", "TITLE", "WHO", "FROM", "ACCOUNTS", "FIRST - LAST SEEN", "EVENTS", "RULE", "ATT&CK"]);
    for alert in shown.iter().take(ROWS_MAX) {
        table.add_row(row(alert).map(|text| Cell::new(neutral::terminal(&text))));
    }
    let more = shown.len().saturating_sub(ROWS_MAX);
    if more > 0 { format!("{table}\n... and {more} more, less severe or later") } else { table.to_string() }
}

/// The cells of an alert: severity, title, who, from, accounts, when, events, rule, ATT&CK.
pub(super) fn row(alert: &Value) -> [String; 9] {
    let text = |v: &Value| v.as_str().unwrap_or("-").to_owned();
    let list = |v: &Value| match v.as_array().map_or(&[][..], Vec::as_slice) {
        [] => "-".to_owned(),
        [one] => text(one),
        [first, rest @ ..] => format!("{} +{}", text(first), rest.len()),
    };
    let finding = &alert["finding_info"];
    let attacks = finding["attacks"].as_array().map_or(&[][..], Vec::as_slice).iter();
    let technique = |a: &Value| {
        [&a["sub_technique"]["uid"], &a["technique"]["uid"], &a["tactic"]["uid"]].into_iter().find_map(|v| v.as_str().map(str::to_owned))
    };
    let attacks: Vec<String> = attacks.filter_map(technique).take(3).collect();
    [
        text(&alert["severity"]),
        text(&finding["title"]),
        short(&list(&alert["tidegate"]["principals"])),
        list(&alert["tidegate"]["source_ips"]),
        accounts(&alert["tidegate"]),
        span(&finding["first_seen_time"], &finding["last_seen_time"]),
        alert["count"].as_u64().unwrap_or(1).to_string(),
        rule_id(&text(&finding["analytic"]["uid"])),
        attacks.join(" "),
    ]
}

/// A UUID by its first group, which is enough to find it; other ids whole.
fn rule_id(id: &str) -> String {
    let uuid = id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if uuid { id[..8].to_owned() } else { id.to_owned() }
}

/// `11-02 10:20:00 - 10:45:00`; the day is said once.
fn span(first: &Value, last: &Value) -> String {
    let clock = |v: &Value| v.as_i64().map_or_else(|| "-".into(), |ms| format_rfc3339(ms)[5..19].replace('T', " "));
    let (first, last): (String, String) = (clock(first), clock(last));
    let same_day = first.len() > 6 && last.len() > 6 && first[..6] == last[..6];
    format!("{first} - {}", if same_day { &last[6..] } else { &last })
}

fn accounts(tidegate: &Value) -> String {
    match (tidegate["accounts_total"].as_u64(), tidegate["accounts"][0].as_str()) {
        (Some(n), Some(first)) if n > 1 => format!("{first} +{}", n - 1),
        (_, Some(first)) => first.to_owned(),
        _ => "-".into(),
    }
}

/// The last part of an ARN is what a person reads.
fn short(principal: &str) -> String {
    principal.rsplit_once(':').map_or(principal, |(_, name)| name).to_owned()
}

/// Prints the summary on standard error.
pub(super) fn print(form: Form, outcome: &mut Outcome, alerts: &[Value]) {
    outcome.notes.iter().for_each(|note| anstream::eprintln!("{}", screen::yellow(&format!("note: {}", neutral::terminal(note)))));
    match form {
        Form::Json => anstream::eprintln!("{}", as_json(outcome, alerts)),
        Form::Text => as_text(outcome, alerts).iter().for_each(|line| anstream::eprintln!("{line}")),
    }
}

pub(super) fn as_text(outcome: &Outcome, alerts: &[Value]) -> Vec<String> {
    let books = &outcome.books;
    let n = screen::thousands;
    let (events, filtered, bad) = (total(&books.input.events), total(&books.input.filtered), total(&books.input.quarantined));
    let d = &books.detections;
    let seconds = outcome.wall.as_secs_f64().max(1e-9);
    let mut lines = vec![
        format!("records    {} = {} events + {} filtered + {} quarantined", n(books.input.records), n(events), n(filtered), n(bad)),
        format!(
            "detections {} = {} counted + {} duplicates + {} late + {} behind + {} stale + {} ignored + {} without key",
            n(d.detections),
            n(d.counted),
            n(d.duplicates),
            n(d.late),
            n(d.behind),
            n(d.stale),
            n(d.ignored),
            n(d.without_key)
        ),
        format!(
            "alerts     {} = {} delivered + {} suppressed ({} shown, {} merged, {} in shadow); {} would page",
            n(books.alerts.alerts),
            n(outcome.store.delivered()),
            n(books.alerts.suppressed),
            alerts.len(),
            books.alerts.merged,
            books.alerts.shadow,
            outcome.store.pages().len()
        ),
        format!(
            "rate       {} events/s over {:.2} s; {:.2} CPU s ({} events per CPU second)",
            n((events as f64 / seconds) as u64),
            seconds,
            outcome.cpu_seconds,
            n((events as f64 / outcome.cpu_seconds.max(0.01)) as u64)
        ),
        format!("latency    decode and match a batch {}; apply a batch {}", percentiles(&outcome.intake), percentiles(&outcome.pipeline)),
    ];
    lines.extend(coverage(outcome));
    for (code, count) in &books.input.quarantined {
        lines.push(screen::yellow(&format!("quarantined {count}: {}", reason(*code))));
    }
    if let Some(q) = outcome.quarantined.first() {
        lines.push(screen::yellow(&format!(
            "  the first: {}, record {}: {}",
            neutral::terminal(&q.position.shard),
            q.position.sequence,
            q.error
        )));
    }
    if outcome.quarantined_unseen() > 0 {
        let (kept, unseen) = (n(outcome.quarantined.len() as u64), n(outcome.quarantined_unseen()));
        lines.push(screen::yellow(&format!("  only {kept} refused units are kept for --quarantine; {unseen} more are only counted")));
    }
    for (name, error) in &outcome.unread {
        lines.push(format!(
            "{}cannot read {} after {} lines or values: {}",
            screen::red("error: "),
            neutral::terminal(name),
            error.position.sequence,
            error.error
        ));
    }
    lines.extend(outcome.book_errors().iter().map(|e| format!("{}the books do not balance: {e}", screen::red("error: "))));
    if outcome.interrupted {
        lines.push(screen::yellow("stopped: what was read before is complete; with --state FILE the same command can go on"));
    }
    lines
}

fn percentiles(latency: &crate::run::latency::Latency) -> String {
    let ms = |us: u64| format!("{:.2}", us as f64 / 1000.0);
    format!("p50 {} p99 {} max {} ms", ms(latency.percentile_us(50.0)), ms(latency.percentile_us(99.0)), ms(latency.max_us()))
}

pub(super) fn as_json(outcome: &Outcome, alerts: &[Value]) -> Value {
    let latency = |l: &crate::run::latency::Latency| json!({"p50_us": l.percentile_us(50.0), "p90_us": l.percentile_us(90.0), "p99_us": l.percentile_us(99.0), "max_us": l.max_us(), "count": l.count()});
    let books = &outcome.books;
    json!({
        "records": books.input.records, "events": total(&books.input.events), "filtered": total(&books.input.filtered),
        "quarantined": total(&books.input.quarantined), "alerts": alerts.len(), "pages": outcome.store.pages().len(),
        "wall_seconds": outcome.wall.as_secs_f64(), "cpu_seconds": outcome.cpu_seconds,
        "events_per_second": total(&books.input.events) as f64 / outcome.wall.as_secs_f64().max(1e-9),
        "latency": {"intake": latency(&outcome.intake), "pipeline": latency(&outcome.pipeline)},
        "books": {
            "input": input(&books.input), "detections": books.detections, "alerts": books.alerts,
            "delivered": outcome.store.delivered(), "balanced": outcome.book_errors().is_empty(), "errors": outcome.book_errors(),
        },
        "unread": outcome.unread.iter().map(|(name, e)| json!({"file": name, "after": e.position.sequence.to_string(), "why": e.error.to_string()})).collect::<Vec<_>>(),
        "coverage": outcome.sources().into_iter().map(|(name, s)| (name.to_owned(), json!({"accounts": s[0], "records": s[1], "losses": s[2], "accounts_with_losses": s[3]}))).collect::<serde_json::Map<_, _>>(),
        "left_out": {"not_selected": outcome.left_out.not_selected, "digests": outcome.left_out.digests},
        "interrupted": outcome.interrupted,
    })
}

/// What was not read, by what its path says.
fn left_out(outcome: &Outcome) -> impl Iterator<Item = String> {
    let LeftOut { not_selected, digests } = outcome.left_out;
    let selected = (not_selected > 0).then(|| format!("left out   {}: their paths are not selected", screen::thousands(not_selected)));
    let digests = (digests > 0).then(|| format!("left out   {} digests of CloudTrail: they hold no events", screen::thousands(digests)));
    selected.into_iter().chain(digests)
}

/// Who was heard of, where flows were lost before they came to us, and what was left out.
fn coverage(outcome: &Outcome) -> Vec<String> {
    let n = screen::thousands;
    let sources = outcome.sources();
    let heard: Vec<String> = sources.iter().map(|(name, sums)| format!("{name} {} accounts", n(sums[0]))).collect();
    let lost = sources.iter().filter(|(_, sums)| sums[2] > 0);
    let lost = lost.map(|(name, sums)| {
        let text = format!("{name}: {} SKIPDATA records in {} accounts: flows were lost before they were logged", n(sums[2]), n(sums[3]));
        screen::yellow(&text)
    });
    let heard = if heard.is_empty() { None } else { Some(format!("coverage   {}", heard.join(", "))) };
    heard.into_iter().chain(lost).chain(left_out(outcome)).collect()
}

/// The input side of the books, with labels for keys.
fn input(counts: &InputCounts) -> Value {
    let sum = |source: &Source| counts.events.iter().filter(|(s, _)| s.service() == source.service()).map(|(_, n)| *n).sum::<u64>();
    let events: serde_json::Map<String, Value> = counts.events.keys().map(|s| (s.service().to_owned(), sum(s).into())).collect();
    json!({
        "records": counts.records, "bytes": counts.bytes, "events": events, "filtered": counts.filtered, "quarantined": counts.quarantined,
        "without_key": total(&counts.without_key), "late_events": counts.late_events, "clock_skew": counts.clock_skew,
    })
}

/// A refused unit as one JSON object.
pub(super) fn quarantine_line(item: &Quarantined) -> Value {
    json!({
        "source": &*item.position.source, "shard": &*item.position.shard, "sequence": item.position.sequence.to_string(),
        "sub_sequence": item.position.sub_sequence, "reason": item.error.code, "offset": item.error.offset, "detail": item.error.detail,
        "truncated": item.truncated, "text": String::from_utf8_lossy(&item.bytes),
    })
}
