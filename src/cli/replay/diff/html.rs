//! The difference as one page: charts, tables, every difference with its first record. One file, no script, nothing loaded.
//!
//! Events may hold anything, also markup: every text goes through `neutral::html`, into text and never into an attribute, a style
//! or an address. The page's own policy forbids scripts, images and connections on top. Differences are filtered by checkboxes and
//! styles. Limit: [`DIFFERENCES_MAX`] differences of a kind.

mod chart;

use super::Report;
use super::text::{became, most, time, value};
use std::fmt::Write;
use tidegate_core::alert::neutral::html as safe;
use tidegate_core::alert::severity;
use tidegate_core::workbench::cost::RuleCost;
use tidegate_core::workbench::diff::{Change, Counts};

const DIFFERENCES_MAX: usize = 2_000;
const ROWS_MAX: usize = 200;

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>Tidegate: the difference of two rule sets</title>
<style>
:root{color-scheme:light dark;--line:#8884;--old:#8a94a6;--new:#2f7dd1;--added:#2e8b57;--removed:#c0392b;--changed:#b8860b}
body{font:14px/1.45 system-ui,sans-serif;max-width:1200px;margin:1.5rem auto;padding:0 1rem}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.cards{display:flex;gap:1rem;flex-wrap:wrap}.card{border:1px solid var(--line);border-radius:.5rem;padding:.5rem 1rem}.card b{font-size:1.3rem;display:block}
.over{color:var(--removed);font-weight:600}
article{border-left:4px solid var(--line);padding:.3rem .8rem;margin:.5rem 0}article.added{border-color:var(--added)}article.removed{border-color:var(--removed)}article.changed{border-color:var(--changed)}
article p{margin:.15rem 0;overflow-wrap:anywhere}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:.3rem 0;padding:.4rem;border:1px solid var(--line)}
svg{max-width:100%;height:auto}svg text{font-size:11px;fill:currentColor}.old{fill:var(--old)}.new{fill:var(--new)}
summary h2{display:inline-block}
.filters label{margin-right:1rem}
body:has(#f-added:not(:checked)) article.added,body:has(#f-removed:not(:checked)) article.removed,body:has(#f-changed:not(:checked)) article.changed,
body:has(#f-5:not(:checked)) article.s5,body:has(#f-4:not(:checked)) article.s4,body:has(#f-3:not(:checked)) article.s3,body:has(#f-2:not(:checked)) article.s2,body:has(#f-1:not(:checked)) article.s1,
body:has(#f-pages:checked) article.quiet{display:none}
</style></head><body>
<h1>The difference of two rule sets</h1>
";

/// The page.
pub(super) fn page(report: &Report<'_>) -> String {
    let d = &report.comparison.difference;
    let mut out = HEAD.to_owned();
    cards(&mut out, report);
    let days: Vec<(String, u64, u64)> = d.days.iter().map(|(day, c)| (day.clone(), c.old, c.new)).collect();
    out.push_str(&chart::bars("Alerts by day", &days));
    let severities = d.severities.iter().rev().map(|(s, c)| (severity::name(*s).to_owned(), c.old, c.new)).collect::<Vec<_>>();
    out.push_str(&chart::bars("Alerts by severity", &severities));
    let mut rules: Vec<(&String, &Counts)> = d.rules.iter().filter(|(_, c)| c.differs()).collect();
    rules.sort_by_key(|(id, c)| (std::cmp::Reverse(c.added + c.removed + c.changed), *id));
    let of_rules = rules.iter().take(12).map(|(id, c)| ((*id).clone(), c.old, c.new)).collect::<Vec<_>>();
    out.push_str(&chart::bars("Alerts by rule, those that differ most", &of_rules));
    changes(&mut out, report);
    counts(&mut out, "Alerts by rule", "rule", rules.into_iter().map(|(id, c)| (id.clone(), c)));
    counts(&mut out, "Alerts by account", "account", most(&d.accounts));
    counts(&mut out, "Alerts by day", "day (UTC)", d.days.iter().filter(|(_, c)| c.differs()).map(|(day, c)| (day.clone(), c)));
    costs(&mut out, report);
    differences(&mut out, report);
    out + "</body></html>\n"
}

fn cards(out: &mut String, report: &Report<'_>) {
    let t = &report.comparison.difference.total;
    let [(old, old_rules), (new, new_rules)] = &report.sets;
    put(out, format_args!("<p>Old set {old} ({old_rules} rules), new set {new} ({new_rules} rules).</p><div class=\"cards\">"));
    let cards = [
        ("alerts", format!("{} &rarr; {}", t.old, t.new)),
        ("added", t.added.to_string()),
        ("removed", t.removed.to_string()),
        ("changed", t.changed.to_string()),
        ("pages", format!("{} &rarr; {} (+{} &minus;{})", t.pages_old, t.pages_new, t.pages_added, t.pages_removed)),
    ];
    cards.iter().for_each(|(name, figure)| put(out, format_args!("<div class=\"card\"><b>{figure}</b>{name}</div>")));
    out.push_str("</div>");
    report.crossed.iter().for_each(|c| put(out, format_args!("<p class=\"over\">Over the limit: {}</p>", safe(&c.to_string()))));
}

/// The rules that are not the same in both sets.
fn changes(out: &mut String, report: &Report<'_>) {
    let rows = report.comparison.rules.iter().map(|r| vec![cell(&r.id), cell(&r.title), cell(&became(r))]);
    table(out, "Rules that differ", &["rule", "title", "what"], rows);
}

fn counts<'a>(out: &mut String, title: &str, what: &str, rows: impl Iterator<Item = (String, &'a Counts)>) {
    let figures = |c: &Counts| [c.old, c.new, c.added, c.removed, c.changed, c.pages_old, c.pages_new].map(number).to_vec();
    let rows = rows.map(|(name, c)| [vec![cell(&name)], figures(c)].concat());
    table(out, title, &[what, "#old", "#new", "#added", "#removed", "#changed", "#pages old", "#pages new"], rows);
}

fn costs(out: &mut String, report: &Report<'_>) {
    let [shared, old, new] = &report.comparison.costs;
    let of = |set: &'static str, costs: &'_ [RuleCost]| costs.iter().map(|c| cost(set, c)).collect::<Vec<_>>();
    let rows = [of("old", old), of("new", new), of("both", shared)].concat();
    let head = ["set", "rule", "title", "#CPU %", "#events", "#candidates", "#matches", "#keys", "#state bytes", "#at end", "#alerts"];
    table(out, "Cost of rules", &head, rows.into_iter());
}

fn cost(set: &str, c: &RuleCost) -> Vec<String> {
    let share = format!("<td class=\"n\">{:.2}</td>", c.cpu_share * 100.0);
    let figures = [c.events, c.candidates, c.matches, c.keys_peak, c.bytes_peak, c.bytes_end, c.alerts].map(number);
    [vec![cell(set), cell(&c.id), cell(&c.title), share], figures.to_vec()].concat()
}

/// A table, closed where it is long. Heads that begin with `#` stand over numbers.
fn table(out: &mut String, title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let rows: Vec<Vec<String>> = rows.collect();
    if rows.is_empty() {
        return;
    }
    let open = if rows.len() <= 30 { " open" } else { "" };
    put(out, format_args!("<details{open}><summary><h2>{}</h2></summary><table><tr>", safe(title)));
    for name in head {
        match name.strip_prefix('#') {
            Some(name) => put(out, format_args!("<th class=\"n\">{}</th>", safe(name))),
            None => put(out, format_args!("<th>{}</th>", safe(name))),
        }
    }
    out.push_str("</tr>\n");
    rows.iter().take(ROWS_MAX).for_each(|row| put(out, format_args!("<tr>{}</tr>\n", row.concat())));
    out.push_str("</table>");
    if rows.len() > ROWS_MAX {
        put(out, format_args!("<p>... and {} more: see the JSON document.</p>", rows.len() - ROWS_MAX));
    }
    out.push_str("</details>\n");
}

fn cell(text: &str) -> String {
    format!("<td>{}</td>", safe(text))
}

fn number(n: u64) -> String {
    format!("<td class=\"n\">{n}</td>")
}

const FILTERS: [(&str, &str, bool); 9] = [
    ("added", "added", true),
    ("removed", "removed", true),
    ("changed", "changed", true),
    ("5", "critical", true),
    ("4", "high", true),
    ("3", "medium", true),
    ("2", "low", true),
    ("1", "informational", true),
    ("pages", "only what pages", false),
];

fn differences(out: &mut String, report: &Report<'_>) {
    let d = &report.comparison.difference;
    out.push_str("<h2>Differences</h2><p class=\"filters\">");
    for (id, name, checked) in FILTERS {
        let checked = if checked { " checked" } else { "" };
        put(out, format_args!("<label><input type=\"checkbox\" id=\"f-{id}\"{checked}> {name}</label>"));
    }
    out.push_str("</p>\n");
    for (kind, list) in [("added", &d.added), ("removed", &d.removed), ("changed", &d.changed)] {
        list.iter().take(DIFFERENCES_MAX).for_each(|change| difference(out, kind, change));
        if list.len() > DIFFERENCES_MAX {
            put(out, format_args!("<p>... and {} more {kind}: see the JSON document.</p>", list.len() - DIFFERENCES_MAX));
        }
    }
}

fn difference(out: &mut String, kind: &str, change: &Change) {
    let a = &change.alert;
    let quiet = if a.pages || change.fields.iter().any(|f| f.name == "page") { "" } else { " quiet" };
    put(out, format_args!("<article class=\"{kind} s{}{quiet}\"><p><b>{kind}: {}</b> ", a.severity.clamp(1, 5), safe(&a.title)));
    let page = if a.pages { ", pages" } else { "" };
    put(out, format_args!("({}, {} events{page}) {} UTC</p>", severity::name(a.severity), a.count, safe(&time(a.first_seen_ms))));
    put(out, format_args!("<p>{} &middot; {} &middot; {}</p>", safe(&a.rule), safe(&a.key), safe(&a.accounts.join(", "))));
    put(out, format_args!("<p>{}</p>", safe(&a.message)));
    for f in &change.fields {
        put(out, format_args!("<p>{}: {} &rarr; {}</p>", safe(f.name), safe(&value(f.name, &f.old)), safe(&value(f.name, &f.new))));
    }
    if let Some(e) = &change.evidence {
        put(out, format_args!("<p>first record: {} {}.{}</p>", safe(&e.shard), safe(&e.sequence), e.sub_sequence));
        if !e.event.is_empty() {
            put(out, format_args!("<pre>{}</pre>", safe(&e.event)));
        }
    }
    out.push_str("</article>\n");
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A text takes everything.
    let _ = out.write_fmt(text);
}
