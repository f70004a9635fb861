//! Coverage as one HTML page that needs nothing else: no script, no font, no address. Every text in it is neutralised.

use super::{Found, counted, named, standing, titled, unused};
use std::fmt::Write;
use tidegate_core::alert::attack;
use tidegate_core::alert::neutral::html;
use tidegate_core::workbench::coverage::{Cell, Reach};

const HEAD: &str = "<!doctype html>
<html lang=\"en\"><head><meta charset=\"utf-8\">
<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>Tidegate coverage</title><style>
body{font:14px/1.45 system-ui,sans-serif;margin:2rem;color:#1b1f24;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.1rem;margin-top:2rem}
.matrix{display:flex;gap:.4rem;align-items:flex-start;overflow-x:auto;padding-bottom:.5rem}
.tactic{flex:1 0 10rem;min-width:10rem}.tactic h3{font-size:.85rem;margin:0 0 .4rem}
details{border:1px solid #c9d3dd;border-radius:4px;padding:.25rem .4rem;margin-bottom:.3rem;background:#e9f2fb;font-size:.8rem}
details.two{background:#bfdcf5}details.many{background:#7fb4e2}details.shadow{background:#eee}details.none{background:#fff;color:#57606a}
summary{cursor:pointer}ul{margin:.3rem 0 .2rem 1rem;padding:0}li{overflow-wrap:anywhere}
table{border-collapse:collapse}td,th{border:1px solid #c9d3dd;padding:.25rem .5rem;text-align:left;vertical-align:top}
td.fires{background:#d7f0dd}td.partly{background:#fdf3cf}td.blind{background:#f8d9d6}
</style></head><body>\n";

pub(super) fn page(found: &Found) -> String {
    let mut out = String::from(HEAD);
    let (covered, known) = counted(&found.coverage);
    let alerting = found.set.rules.iter().filter(|rule| rule.alerts).count();
    put(&mut out, format_args!("<h1>What {alerting} rules look at</h1>\n"));
    put(&mut out, format_args!("<p>{covered} of the {known} techniques known here (ATT&amp;CK {}).</p>\n", attack::VERSION));
    matrix(found, &mut out);
    sources(found, &mut out);
    profiles(found, &mut out);
    out + "</body></html>\n"
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("a String takes everything");
}

/// A rule: its title, and its id where that is another text.
fn shown(found: &Found, id: &str) -> String {
    let title = titled(&found.set, id);
    if title == id { html(id) } else { format!("{} <small>{}</small>", html(title), html(id)) }
}

fn matrix(found: &Found, out: &mut String) {
    *out += "<h2>ATT&amp;CK</h2>\n<div class=\"matrix\">\n";
    for (at, (uid, name)) in attack::TACTICS.iter().enumerate() {
        put(out, format_args!("<section class=\"tactic\"><h3>{} <small>{uid}</small></h3>\n", html(name)));
        found.coverage.cells.iter().filter(|((tactic, _), _)| *tactic == at).for_each(|((_, id), cell)| one(found, id, cell, out));
        *out += "</section>\n";
    }
    *out += "</div>\n<p>The darker, the more rules; grey: only rules in shadow.</p>\n";
}

fn one(found: &Found, technique: &str, cell: &Cell, out: &mut String) {
    let class = match cell.rules.len() {
        0 => "shadow",
        1 => "one",
        2 | 3 => "two",
        _ => "many",
    };
    let count = cell.rules.len() + cell.shadow.len();
    put(out, format_args!("<details class=\"{class}\"><summary>{} {} ({count})</summary><ul>", html(technique), html(named(technique))));
    cell.rules.iter().for_each(|rule| put(out, format_args!("<li>{}</li>", shown(found, rule))));
    cell.shadow.iter().for_each(|rule| put(out, format_args!("<li>{} <em>in shadow</em></li>", shown(found, rule))));
    cell.finding_types.iter().for_each(|kind| put(out, format_args!("<li><code>{}</code></li>", html(kind))));
    *out += "</ul></details>\n";
}

fn sources(found: &Found, out: &mut String) {
    *out += "<h2>Log sources</h2>\n<table><tr><th>source</th><th>rules that need it</th></tr>\n";
    for (service, rules) in &found.coverage.services {
        let names: Vec<String> = rules.iter().map(|rule| format!("<li>{}</li>", shown(found, rule))).collect();
        let listed = format!("<details class=\"none\"><summary>{}</summary><ul>{}</ul></details>", rules.len(), names.concat());
        put(out, format_args!("<tr><td>{}</td><td>{listed}</td></tr>\n", html(service)));
    }
    unused(&found.coverage).into_iter().for_each(|service| put(out, format_args!("<tr><td>{service}</td><td>none</td></tr>\n")));
    *out += "</table>\n";
}

fn profiles(found: &Found, out: &mut String) {
    let Some(profiles) = &found.profiles else { return };
    *out += "<h2>Accounts</h2>\n<p>Accounts from which the same sources arrive stand together. Partly: a step cannot be seen, or it cannot be known that \
             something did not happen.</p>\n<table><tr><th>accounts</th><th>what arrives</th><th>can fire</th><th>partly</th><th>blind</th></tr>\n";
    for profile in profiles {
        let accounts: Vec<String> = profile.accounts.iter().map(|account| format!("<li>{}</li>", html(account))).collect();
        let services: Vec<String> = profile.services.iter().map(|service| html(service)).collect();
        let listed = format!("<details class=\"none\"><summary>{}</summary><ul>{}</ul></details>", accounts.len(), accounts.concat());
        put(out, format_args!("<tr><td>{listed}</td><td>{}</td>", services.join(", ")));
        for (class, reach) in [("fires", Reach::Fires), ("partly", Reach::Partly), ("blind", Reach::Blind)] {
            let lines = standing(profile, reach).map(|s| match s.missing.is_empty() {
                true => format!("<li>{}</li>", shown(found, &s.rule)),
                false => format!("<li>{} <em>without {}</em></li>", shown(found, &s.rule), html(&s.missing.join(", "))),
            });
            let lines: Vec<String> = lines.collect();
            let listed = format!("<details class=\"none\"><summary>{}</summary><ul>{}</ul></details>", lines.len(), lines.concat());
            put(out, format_args!("<td class=\"{class}\">{listed}</td>"));
        }
        *out += "</tr>\n";
    }
    *out += "</table>\n";
}
