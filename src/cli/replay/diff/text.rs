//! The difference for people: short tables first, then each difference. Texts of events are made harmless for a terminal.

use super::Report;
use crate::cli::screen;
use crate::run::replay::compare::{Became, RuleChange};
use comfy_table::{ContentArrangement, Table, presets};
use std::collections::BTreeMap;
use tidegate_core::alert::{neutral, severity};
use tidegate_core::event::time::format_rfc3339;
use tidegate_core::workbench::cost::RuleCost;
use tidegate_core::workbench::diff::{Change, Counts, Evidence};

/// Width of a table that goes to a file or pipe.
const WIDTH_WITHOUT_TERMINAL: u16 = 170;
/// Most rows of a table by account or day, most rules of the cost table, most differences of a kind.
const ROWS_MAX: usize = 20;
const DIFFERENCES_MAX: usize = 50;
/// Most characters shown of an event.
const EVENT_MAX: usize = 400;

/// The report, line by line.
pub(super) fn lines(report: &Report<'_>) -> Vec<String> {
    let d = &report.comparison.difference;
    let t = &d.total;
    let n = screen::thousands;
    let [(old, old_rules), (new, new_rules)] = &report.sets;
    let mut out = vec![
        format!("rules   {old} ({old_rules} rules) -> {new} ({new_rules} rules): {} differ", report.comparison.rules.len()),
        format!("alerts  {} -> {}: {} added, {} removed, {} changed", n(t.old), n(t.new), n(t.added), n(t.removed), n(t.changed)),
        format!("pages   {} -> {}: {} added, {} removed", n(t.pages_old), n(t.pages_new), n(t.pages_added), n(t.pages_removed)),
    ];
    section(&mut out, "RULES", rules(report));
    section(&mut out, "BY SEVERITY", counted("SEVERITY", d.severities.iter().rev().map(|(s, c)| (severity::name(*s).to_owned(), c)), ""));
    section(&mut out, "BY ACCOUNT", counted("ACCOUNT", most(&d.accounts), &more(d.accounts.values())));
    section(&mut out, "BY DAY", counted("DAY", d.days.iter().map(|(day, c)| (day.clone(), c)), ""));
    section(&mut out, "COST", Some(costs(report)));
    for (sign, name, list) in [("+", "ADDED", &d.added), ("-", "REMOVED", &d.removed), ("~", "CHANGED", &d.changed)] {
        section(&mut out, name, (!list.is_empty()).then(|| differences(sign, list)));
    }
    out
}

fn section(out: &mut Vec<String>, name: &str, content: Option<String>) {
    if let Some(content) = content {
        out.extend([String::new(), screen::bold(name), content]);
    }
}

/// The rules that differ, or whose alerts do.
fn rules(report: &Report<'_>) -> Option<String> {
    let d = &report.comparison.difference;
    let changes: BTreeMap<&str, &RuleChange> = report.comparison.rules.iter().map(|r| (r.id.as_str(), r)).collect();
    let mut ids: Vec<&str> =
        d.rules.iter().filter(|(_, c)| c.differs()).map(|(id, _)| id.as_str()).chain(changes.keys().copied()).collect();
    ids.sort_unstable();
    ids.dedup();
    let none = Counts::default();
    let rows = ids.iter().map(|id| {
        let became = changes.get(id).map_or_else(String::new, |r| became(r));
        let title = changes.get(id).map_or("", |r| r.title.as_str());
        let counts = figures(d.rules.get(*id).unwrap_or(&none));
        [vec![(*id).to_owned(), title.to_owned(), became], counts].concat()
    });
    let head = ["RULE", "TITLE", "WHAT", "ALERTS", "ADDED", "REMOVED", "CHANGED", "PAGES"];
    (!ids.is_empty()).then(|| table(&head, rows))
}

/// What became of a rule, in words.
pub(super) fn became(rule: &RuleChange) -> String {
    let word = match rule.kind {
        Became::Added if !rule.was.is_empty() => return format!("renamed, was {}", rule.was.join(", ")),
        Became::Added => "new",
        Became::Removed => "gone",
        Became::Meaning => "means something else",
        Became::Description => "tells something else",
    };
    word.to_owned()
}

fn figures(c: &Counts) -> Vec<String> {
    let pages = if c.pages_added + c.pages_removed > 0 {
        format!("{} -> {} (+{} -{})", c.pages_old, c.pages_new, c.pages_added, c.pages_removed)
    } else {
        c.pages_new.to_string()
    };
    vec![format!("{} -> {}", c.old, c.new), c.added.to_string(), c.removed.to_string(), c.changed.to_string(), pages]
}

fn counted<'a>(what: &str, rows: impl Iterator<Item = (String, &'a Counts)>, behind: &str) -> Option<String> {
    let rows: Vec<Vec<String>> =
        rows.filter(|(_, c)| c.differs()).map(|(name, c)| [vec![name], figures(c)].concat()).take(ROWS_MAX).collect();
    let head = [what, "ALERTS", "ADDED", "REMOVED", "CHANGED", "PAGES"];
    (!rows.is_empty()).then(|| table(&head, rows.into_iter()) + behind)
}

/// Accounts with the most differences first.
pub(super) fn most(accounts: &BTreeMap<String, Counts>) -> impl Iterator<Item = (String, &Counts)> {
    let mut all: Vec<(&String, &Counts)> = accounts.iter().filter(|(_, c)| c.differs()).collect();
    all.sort_by_key(|(name, c)| (std::cmp::Reverse(c.added + c.removed + c.changed), *name));
    all.into_iter().map(|(name, c)| (name.clone(), c))
}

fn more<'a>(all: impl Iterator<Item = &'a Counts>) -> String {
    let rest = all.filter(|c| c.differs()).count().saturating_sub(ROWS_MAX);
    if rest > 0 { format!("\n... and {rest} more") } else { String::new() }
}

/// What the rules that differ cost, before and after, and the dearest of the others.
fn costs(report: &Report<'_>) -> String {
    let [shared, old, new] = &report.comparison.costs;
    let mark = |sign: &str, costs: &[RuleCost]| costs.iter().map(|c| (sign.to_owned(), c.clone())).collect::<Vec<_>>();
    let mut rows = [mark("old", old), mark("new", new)].concat();
    rows.sort_by(|a, b| (&a.1.id, a.0.as_str() == "new").cmp(&(&b.1.id, b.0.as_str() == "new")));
    rows.truncate(2 * ROWS_MAX);
    rows.extend(mark("both", shared).into_iter().take(ROWS_MAX / 2));
    let all = [shared.as_slice(), old, new].concat();
    format!("{}\n{}", cost_table(&rows), shared_line(&all))
}

/// Costs as a table. The first column is left out where it says nothing.
pub(in crate::cli) fn cost_table(rows: &[(String, RuleCost)]) -> String {
    let marked = rows.iter().any(|(mark, _)| !mark.is_empty());
    let cells = |(mark, c): &(String, RuleCost)| {
        let n = screen::thousands;
        let looked = if c.correlation { "-".to_owned() } else { format!("{} ({:.4})", n(c.candidates), c.candidates_per_event()) };
        let figures = vec![
            c.id.clone(),
            c.title.clone(),
            format!("{:.2} %", c.cpu_share * 100.0),
            n(c.events),
            looked,
            format!("{} ({:.4})", n(c.matches), c.matches_per_event()),
            n(c.keys_peak),
            n(c.bytes_peak),
            n(c.bytes_end),
            n(c.alerts),
            n(c.pages),
        ];
        if marked { [vec![mark.clone()], figures].concat() } else { figures }
    };
    let head = ["SET", "RULE", "TITLE", "CPU", "EVENTS", "CANDIDATES", "MATCHES", "KEYS", "STATE BYTES", "AT END", "ALERTS", "PAGES"];
    table(&head[usize::from(!marked)..], rows.iter().map(cells))
}

/// What is in no rule's share.
pub(in crate::cli) fn shared_line(all: &[RuleCost]) -> String {
    let rules: f64 = all.iter().map(|c| c.cpu_share).sum();
    format!("{:.1} % of the CPU time is the rules', the rest is reading, decoding and finding candidates for all of them", rules * 100.0)
}

fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if table.width().is_none() {
        table.set_width(WIDTH_WITHOUT_TERMINAL);
    }
    table.set_header(head.to_vec());
    rows.for_each(|row| _ = table.add_row(row.iter().map(|text| neutral::terminal(text))));
    table.to_string()
}

fn differences(sign: &str, list: &[Change]) -> String {
    let mut out: Vec<String> = list.iter().take(DIFFERENCES_MAX).map(|change| difference(sign, change)).collect();
    if list.len() > DIFFERENCES_MAX {
        out.push(format!("... and {} more: see --json or --html", list.len() - DIFFERENCES_MAX));
    }
    out.join("\n")
}

fn difference(sign: &str, change: &Change) -> String {
    let a = &change.alert;
    let safe = |text: &str| neutral::terminal(text).into_owned();
    let page = if a.pages { ", pages" } else { "" };
    let accounts = match &a.accounts[..] {
        [] => String::new(),
        [one] => format!(" in {}", safe(one)),
        [one, rest @ ..] => format!(" in {} +{}", safe(one), rest.len()),
    };
    let mut lines = vec![
        format!("{sign} {} {}: {}{accounts}, {} events{page}", time(a.first_seen_ms), severity::name(a.severity), safe(&a.title), a.count),
        format!("    {} {}", safe(&a.rule), safe(&a.key)),
    ];
    lines.extend(
        change.fields.iter().map(|f| format!("    {}: {} -> {}", f.name, safe(&value(f.name, &f.old)), safe(&value(f.name, &f.new)))),
    );
    lines.extend(change.evidence.as_ref().map(|e| format!("    first record: {}", safe(&evidence(e)))));
    lines.join("\n")
}

/// A moment for people.
pub(super) fn time(ms: i64) -> String {
    format_rfc3339(ms)[..19].replace('T', " ")
}

/// A value of a field, short.
pub(super) fn value(field: &str, value: &serde_json::Value) -> String {
    let moment = value.as_i64().filter(|_| ["first_seen", "last_seen", "start", "end"].contains(&field));
    let text = moment.map(time).or_else(|| value.as_str().map(str::to_owned));
    cut(&text.unwrap_or_else(|| value.to_string()), EVENT_MAX / 2)
}

fn cut(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// A record and its event, for people.
pub(super) fn evidence(e: &Evidence) -> String {
    let event = if e.event.is_empty() { String::new() } else { format!(": {}", cut(&e.event, EVENT_MAX)) };
    format!("{} record {}.{}{event}", e.shard, e.sequence, e.sub_sequence)
}
