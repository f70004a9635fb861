//! One sentence that says why an alert fired: what, for whom, how often against which limit, where first, by whom and from where.
//!
//! Rule titles are their author's words and stand in quotes; everything from events is neutralised and cut, so that no text of an
//! attacker can end the sentence, colour it or turn it around.

use super::evidence::said;
use super::neutral::{cut, terminal};
use super::subject::Subject;
use crate::correlate::{Episode, KeptEvent};
use crate::event::{Fact, Source};
use crate::rule::{Body, Compare, Correlation, CorrelationKind, Presence, RuleSet, Thresholds};
use std::collections::BTreeSet;

/// Longest piece of an event inside the sentence, in characters.
const PIECE_MAX: usize = 160;

/// The sentence.
#[must_use]
pub fn why(subject: &Subject<'_>) -> String {
    match (&subject.rule().body, subject.episode) {
        (Body::Correlation(c), Some(episode)) => of_correlation(subject, c, episode),
        _ => subject.main_event().map_or_else(|| format!("\"{}\" fired.", piece(subject.title())), |e| of_event(subject, e)),
    }
}

fn piece(text: &str) -> String {
    cut(&terminal(text), PIECE_MAX)
}

fn of_correlation(subject: &Subject<'_>, c: &Correlation, episode: &Episode) -> String {
    let what = names(subject.set, c, ", ");
    let within = format!("within {}", span(c.timespan_ms));
    let measured = |unit: &str| format!("{} {unit}", number(episode.measured));
    let body = match &c.kind {
        CorrelationKind::EventCount(t) => format!(
            "{what}: {}{} {within}{}",
            measured(if episode.measured == 1.0 { "event" } else { "events" }),
            of_whom(subject),
            limit(t)
        ),
        CorrelationKind::ValueCount(fields, t) => {
            format!("{what}: {}{} {within}{}", measured(&distinct(fields, episode.measured)), of_whom(subject), limit(t))
        }
        CorrelationKind::ValueSum(f, t) => {
            format!("{what}: {} add up to {}{} {within}{}", piece(f), number(episode.measured), of_whom(subject), limit(t))
        }
        CorrelationKind::ValueAvg(f, t) => {
            format!("{what}: the average of {} is {}{} {within}{}", piece(f), number(episode.measured), of_whom(subject), limit(t))
        }
        CorrelationKind::ValuePercentile(f, rank, t) => {
            let rank = if *rank == 50.0 { "median".to_owned() } else { format!("{}th percentile", number(*rank)) };
            format!("{what}: the {rank} of {} is {}{} {within}{}", piece(f), number(episode.measured), of_whom(subject), limit(t))
        }
        CorrelationKind::Temporal(p) => {
            format!("{}{} {within} ({})", presence(subject.set, c, p, " and "), of_whom(subject), matches(episode.count))
        }
        CorrelationKind::TemporalOrdered(p) => {
            format!("{}{} {within} ({})", presence(subject.set, c, p, ", then "), of_whom(subject), matches(episode.count))
        }
    };
    let about = if episode.approximate { "about: " } else { "" };
    format!("{about}{body}{}{}.", first_account(subject, episode), actors(subject))
}

/// `, by arn:aws:iam::111122223333:role/deploy and 2 more, from 203.0.113.77`: what the group key does not say already.
fn actors(subject: &Subject<'_>) -> String {
    let keyed = subject.group_key();
    let other = |value: &&str| !value.is_empty() && keyed.iter().all(|(_, known)| known != value);
    let each = |facts: [Fact; 2]| {
        let of_event = |e: &'_ KeptEvent| facts.into_iter().find(|f| e.facts.first(*f).is_some_and(|v| !v.is_empty()));
        let said = subject.events().iter().filter_map(|e| e.facts.first(of_event(e)?));
        let values: BTreeSet<&str> = said.clone().collect();
        let first = said.clone().find(other)?;
        // A key says it once for all.
        if said.clone().any(|v| !other(&v)) {
            return None;
        }
        let more = if values.len() > 1 { format!(" and {} more", values.len() - 1) } else { String::new() };
        Some(format!("{}{more}", piece(first)))
    };
    let who = each([Fact::PrincipalRoot, Fact::Principal]).map(|w| format!(", by {w}")).unwrap_or_default();
    let from = each([Fact::SourceIp, Fact::SourceDomain]).map(|f| format!(", from {f}")).unwrap_or_default();
    who + &from
}

/// ` of 203.0.113.77`: the values of the group key.
fn of_whom(subject: &Subject<'_>) -> String {
    let values: Vec<String> = subject.group_key().iter().map(|(_, value)| piece(value)).collect();
    if values.is_empty() { String::new() } else { format!(" for {}", values.join(", ")) }
}

fn first_account(subject: &Subject<'_>, episode: &Episode) -> String {
    let Some(first) = episode.events.first().map(|e| &*e.account).or(episode.accounts.first().map(|a| &**a)).filter(|a| !a.is_empty())
    else {
        return String::new();
    };
    let name = subject.accounts.get(first).and_then(|a| a.name.as_deref());
    let name = name.map(|n| format!(" ({})", piece(n))).unwrap_or_default();
    let all = match episode.accounts.len() {
        ..=1 => String::new(),
        n => format!(", {n} accounts in all"),
    };
    format!(", first in {}{name}{all}", piece(first))
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

fn matches(n: u64) -> String {
    if n == 1 { "1 match".to_owned() } else { format!("{} matches", number(n as f64)) }
}

fn title(set: &RuleSet, index: u32) -> String {
    format!("\"{}\"", piece(&set.rule(index).meta.title))
}

fn names(set: &RuleSet, c: &Correlation, between: &str) -> String {
    c.rules.iter().map(|r| title(set, *r)).collect::<Vec<_>>().join(between)
}

/// The condition in words. `between` joins what must all be there.
fn presence(set: &RuleSet, c: &Correlation, p: &Presence, between: &str) -> String {
    match p {
        Presence::Rule(step) => c.rules.get(usize::from(*step)).map(|r| title(set, *r)).unwrap_or_default(),
        Presence::Not(inner) => format!("no {}", nested(set, c, inner)),
        Presence::Or(all) => all.iter().map(|p| nested(set, c, p)).collect::<Vec<_>>().join(" or "),
        Presence::And(all) => all.iter().map(|p| nested(set, c, p)).collect::<Vec<_>>().join(between),
    }
}

fn nested(set: &RuleSet, c: &Correlation, p: &Presence) -> String {
    let text = presence(set, c, p, " and ");
    if matches!(p, Presence::And(all) | Presence::Or(all) if all.len() > 1) { format!("({text})") } else { text }
}

/// `different accounts`, for a `value_count` over one field.
fn distinct(fields: &[String], n: f64) -> String {
    let [field] = fields else { return format!("different combinations of {}", piece(&fields.join(", "))) };
    let lower = field.to_ascii_lowercase();
    let (one, many) = match lower.as_str() {
        f if f.contains("account") && !f.contains("name") => ("account", "accounts"),
        f if f.ends_with("region") => ("Region", "Regions"),
        "src_endpoint.ip" | "sourceipaddress" | "srcaddr" | "pkt-srcaddr" | "pkt_srcaddr" => ("source address", "source addresses"),
        "dst_endpoint.ip" | "dstaddr" | "pkt-dstaddr" | "pkt_dstaddr" => ("target address", "target addresses"),
        "dst_endpoint.port" | "dstport" => ("target port", "target ports"),
        "api.operation" | "eventname" => ("API operation", "API operations"),
        f if f.starts_with("actor.user") || f.ends_with("username") || f.ends_with("principal_root") => ("user", "users"),
        f if f.ends_with("domain") || f.contains("hostname") || f == "query_name" => ("domain", "domains"),
        _ => return format!("different values of {}", piece(field)),
    };
    format!("different {}", if n == 1.0 { one } else { many })
}

/// ` (limit 5)`.
fn limit(t: &Thresholds) -> String {
    let words: Vec<String> = t.0.iter().map(|(compare, n)| bound(*compare, *n)).collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

fn bound(compare: Compare, n: f64) -> String {
    let n = number(n);
    match compare {
        Compare::Gte => format!("limit {n}"),
        Compare::Gt => format!("limit over {n}"),
        Compare::Lt => format!("expected at least {n}"),
        Compare::Lte => format!("expected over {n}"),
        Compare::Eq => format!("exactly {n}"),
        Compare::Neq => format!("expected {n}"),
    }
}

/// A number with its thousands apart, at most three decimals.
fn number(x: f64) -> String {
    if !x.is_finite() {
        return "an unknown number".to_owned();
    }
    let text = format!("{x:.3}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let digits = whole.trim_start_matches('-');
    let mut out = String::new();
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(d);
    }
    let fraction = fraction.trim_end_matches('0');
    let sign = if whole.starts_with('-') { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{out}") } else { format!("{sign}{out}.{fraction}") }
}

/// `1 hour`, `90 minutes`, `2 days`.
fn span(ms: i64) -> String {
    let seconds = ms / 1000;
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (size, name) = units.into_iter().find(|(size, _)| seconds >= *size && seconds % size == 0).unwrap_or((1, "second"));
    let n = seconds / size;
    format!("{n} {name}{}", if n == 1 { "" } else { "s" })
}

/// A single finding or event.
fn of_event(subject: &Subject<'_>, event: &KeptEvent) -> String {
    let first = |fact| said(&event.facts, fact).map(piece);
    let mut out = match (event.source, subject.speaking_finding()) {
        (Source::GuardDuty | Source::SecurityHub, spoken) => {
            let product = if event.source == Source::GuardDuty { "GuardDuty" } else { "Security Hub" };
            let kind = first(Fact::FindingType).map(|t| format!(" {t}")).unwrap_or_default();
            let rule = if spoken.is_some() { String::new() } else { format!("\"{}\": ", piece(&subject.rule().meta.title)) };
            let says = first(Fact::Title).map(|t| format!(": \"{}\"", t.trim_end().trim_end_matches('.'))).unwrap_or_default();
            format!("{rule}{product}{kind}{says}")
        }
        _ => format!("\"{}\"{}", piece(subject.title()), first(Fact::Operation).map(|o| format!(": {o}")).unwrap_or_default()),
    };
    let who = first(Fact::Principal).or_else(|| first(Fact::UserName)).or_else(|| first(Fact::ProcessPath));
    let who = who.or_else(|| part(event, Fact::SequenceActor));
    out += &who.map(|w| format!(" by {w}")).unwrap_or_default();
    let from = first(Fact::SourceIp).or_else(|| first(Fact::SourceDomain)).or_else(|| part(event, Fact::SequenceEndpoint));
    out += &from.map(|ip| format!(" from {ip}")).unwrap_or_default();
    out += &first(Fact::TargetIp).map(|ip| format!(" to {ip}")).unwrap_or_default();
    out += &first(Fact::Count).filter(|n| n != "1").map(|n| format!(", seen {n} times")).unwrap_or_default();
    let signals = event.facts.all(Fact::Signal).count();
    if signals > 0 {
        out += &format!(", {signals} signal{}", plural(signals));
    }
    out += &place(subject, event);
    out + "."
}

/// The name inside the first part of a sequence: `id|name|...`.
fn part(event: &KeptEvent, fact: Fact) -> Option<String> {
    event.facts.first(fact)?.split('|').nth(1).filter(|name| !name.is_empty()).map(piece)
}

fn place(subject: &Subject<'_>, event: &KeptEvent) -> String {
    if event.account.is_empty() {
        return String::new();
    }
    let name = subject.accounts.get(&*event.account).and_then(|a| a.name.as_deref());
    let mut notes: Vec<String> = name.map(piece).into_iter().collect();
    notes.extend(event.facts.first(Fact::Region).map(piece));
    let notes = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join(", ")) };
    format!(", in {}{notes}", piece(&event.account))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_spans_read_like_prose() {
        assert_eq!([number(1_234_567.0), number(0.5), number(-1000.25), number(12.0)], ["1,234,567", "0.5", "-1,000.25", "12"]);
        assert_eq!([span(3_600_000), span(5_400_000), span(172_800_000), span(1_000)], ["1 hour", "90 minutes", "2 days", "1 second"]);
    }

    #[test]
    fn counted_things_are_named() {
        let name = |field: &str| distinct(&[field.to_owned()], 2.0);
        assert_eq!(name("cloud.account.uid"), "different accounts");
        assert_eq!(name("sourceIPAddress"), "different source addresses");
        assert_eq!(name("requestParameters.x"), "different values of requestParameters.x");
    }
}
