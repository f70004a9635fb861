//! What is allowed and yet doubtful: warnings of `tidegate suppress check`, against a moment and a rule set.

use super::{Placed, quoted, shown};
use std::collections::BTreeSet;
use tidegate_core::alert::{Suppression, schema};
use tidegate_core::event::time::{DAY_MS, HOUR_MS, MINUTE_MS};
use tidegate_core::rule::{Body, Diagnostic, Gravity, Level, Place, Rule, RuleSet, did_you_mean};

/// A suppression that expires within this time is warned of.
pub const SOON_MS: i64 = 7 * DAY_MS;

/// Names of `where` that stand for lists of the document.
const ALIASES: [&str; 4] = ["src_endpoint.ip", "cloud.account.uid", "cloud.region", "actor.user.uid"];

/// Where a suppression stands in time. It holds from `created`, that moment included, to `expires`, that moment not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Not yet in force.
    Future,
    /// In force.
    Active,
    /// Over.
    Expired,
}

impl Standing {
    /// At a moment.
    #[must_use]
    pub fn of(suppression: &Suppression, now_ms: i64) -> Self {
        match now_ms {
            now if now < suppression.created_ms => Standing::Future,
            now if now >= suppression.expires_ms => Standing::Expired,
            _ => Standing::Active,
        }
    }

    /// The word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Standing::Future => "future",
            Standing::Active => "active",
            Standing::Expired => "expired",
        }
    }
}

/// All warnings, in order of place.
#[must_use]
pub fn doubts(entries: &[Placed], now_ms: i64, rules: Option<&RuleSet>) -> Vec<Diagnostic> {
    let mut out: Vec<Diagnostic> = entries.iter().filter_map(|e| expiry(e, now_ms)).collect();
    if let Some(rules) = rules {
        let paths = Paths::new();
        entries.iter().for_each(|e| against_rules(e, rules, &paths, &mut out));
    }
    out.sort_by(|a, b| a.place.cmp(&b.place));
    out
}

fn warning(place: &Place, what: String, why: impl Into<String>, remedy: impl Into<String>) -> Diagnostic {
    Diagnostic { gravity: Gravity::Warning, place: place.clone(), what, why: why.into(), remedy: remedy.into() }
}

fn expiry(entry: &Placed, now_ms: i64) -> Option<Diagnostic> {
    let (s, place) = (&entry.suppression, entry.place_of("expires"));
    let (what, why, remedy) = match (Standing::of(s, now_ms), s.expires_ms - now_ms) {
        (Standing::Expired, left) => (format!("expired {} ago", duration(-left)), "it hides nothing", "remove it, or explain it anew"),
        (_, left) if left <= SOON_MS => {
            (format!("expires in {}", duration(left)), "its alerts will page again", "mend the cause, make it a Sigma filter, or renew it")
        }
        _ => return None,
    };
    Some(warning(place, format!("suppression {} {what}", quoted(&s.id)), why, remedy))
}

fn against_rules(entry: &Placed, rules: &RuleSet, paths: &Paths, out: &mut Vec<Diagnostic>) {
    let s = &entry.suppression;
    let Some(rule) = rules.rules.iter().find(|r| r.meta.id == s.rule) else {
        // The machine's own alerts have rules that stand in no file.
        if !s.rule.starts_with("tidegate/") {
            out.push(unknown_rule(entry, rules));
        }
        return;
    };
    if rule.meta.level == Some(Level::Critical) && !s.allow_critical {
        let what = format!("rule {} is Critical", quoted(&s.rule));
        let remedy = "add `allow_critical: true` if that is meant, or remove the suppression";
        out.push(warning(entry.place_of("rule"), what, "a suppression without `allow_critical` hides no Critical alert", remedy));
    }
    for field in s.conditions.keys().filter(|f| !paths.has(f) && !grouped_by(rule, f)) {
        let mut known: Vec<&str> = ALIASES.to_vec();
        if let Body::Correlation(c) = &rule.body {
            known.extend(c.group_by.iter().map(String::as_str));
        }
        let what = format!("field `where.{}`{}", shown(field), did_you_mean(field, &known));
        let why = "it is neither in the group-by of the rule nor a path of the alert document, so nothing is hidden";
        let remedy = format!("use one of: {}; or a path that `tidegate alerts show --json` shows", known.join(", "));
        out.push(warning(entry.place_of(&format!("where.{field}")), what, why, remedy));
    }
}

fn unknown_rule(entry: &Placed, rules: &RuleSet) -> Diagnostic {
    let wanted = &entry.suppression.rule;
    let named = |r: &&Rule| r.meta.title.eq_ignore_ascii_case(wanted) || r.meta.name.as_ref() == Some(wanted);
    let (hint, remedy) = match rules.rules.iter().find(named) {
        Some(rule) => (String::new(), format!("write the rule's id {}", quoted(&rule.meta.id))),
        None => {
            let ids: Vec<&str> = rules.rules.iter().map(|r| r.meta.id.as_str()).collect();
            (did_you_mean(wanted, &ids), "correct the id, or remove the suppression if the rule is gone".to_owned())
        }
    };
    warning(entry.place_of("rule"), format!("no rule {}{hint}", quoted(wanted)), "it hides nothing", remedy)
}

fn grouped_by(rule: &Rule, field: &str) -> bool {
    matches!(&rule.body, Body::Correlation(c) if c.group_by.iter().any(|name| name == field))
}

/// The paths an alert document may have, as far as they are ours to say: OCSF's own objects are open.
struct Paths {
    top: BTreeSet<String>,
    ours: BTreeSet<String>,
}

impl Paths {
    fn new() -> Self {
        let schema = schema::schema();
        let keys = |pointer: &str| {
            let map = schema.pointer(pointer).and_then(|v| v.as_object());
            map.into_iter().flat_map(|m| m.keys().cloned()).collect::<BTreeSet<_>>()
        };
        Paths { top: keys("/properties"), ours: keys("/properties/tidegate/properties") }
    }

    fn has(&self, field: &str) -> bool {
        let mut parts = field.split('.');
        let first = parts.next().unwrap_or_default();
        let second = parts.next().unwrap_or_default();
        ALIASES.contains(&field) || (self.top.contains(first) && (first != "tidegate" || self.ours.contains(second)))
    }
}

/// `3 days`, `5 hours`, `10 minutes`: the largest unit that says something.
fn duration(ms: i64) -> String {
    let (n, unit) = match ms {
        ms if ms >= DAY_MS => (ms / DAY_MS, "day"),
        ms if ms >= HOUR_MS => (ms / HOUR_MS, "hour"),
        ms => ((ms + MINUTE_MS - 1) / MINUTE_MS, "minute"),
    };
    format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
}
