//! `tidegate suppress list`.

use super::read_good;
use crate::cli::{Exit, Failure, columns, screen, state};
use crate::io::clock;
use crate::io::suppressions::{Placed, Standing};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use tidegate_core::event::time::{DAY_MS, HOUR_MS, MINUTE_MS, format_rfc3339};

const EXAMPLES: &str = "Examples:
  tidegate suppress list suppressions.yaml
  tidegate suppress list suppressions.yaml --state tidegate.db     also how often each hid an alert
  tidegate suppress list suppressions.yaml --json";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The suppressions file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// State file whose counts of hits are shown (TIDEGATE_STATE)
    #[arg(long, value_name = "STATE")]
    state: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Hits by id; `None`: nobody counts.
type Hits = Option<BTreeMap<String, u64>>;

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let entries = read_good(&arguments.file)?;
    let hits = match state::stated(arguments.state.as_ref()) {
        Some(path) => state::open_at(&path)?.suppression_hits()?,
        None => None,
    };
    let now_ms = clock::now_ms();
    if arguments.json {
        let list: Vec<Value> = entries.iter().map(|e| as_json(e, now_ms, &hits)).collect();
        screen::print([json!({"suppressions": list}).to_string()])?;
    } else {
        screen::print([table(&entries, now_ms, &hits)])?;
    }
    Ok(Exit::Fine)
}

fn table(entries: &[Placed], now_ms: i64, hits: &Hits) -> String {
    if entries.is_empty() {
        return "no suppressions".to_owned();
    }
    let mut names = vec!["ID", "STATE", "EXPIRES", "RULE", "WHERE", "OWNER", "REASON"];
    if hits.is_some() {
        names.insert(1, "HITS");
    }
    columns::table(&names, entries.iter().map(|e| row(e, now_ms, hits)))
}

fn row(entry: &Placed, now_ms: i64, hits: &Hits) -> Vec<String> {
    let s = &entry.suppression;
    let critical = if s.allow_critical { " (Critical too)" } else { "" };
    let mut out = vec![
        s.id.clone(),
        Standing::of(s, now_ms).word().to_owned(),
        until(s.expires_ms, now_ms),
        s.rule.clone(),
        format!("{}{critical}", conditions(entry)),
        s.owner.clone(),
        s.reason.clone(),
    ];
    if let Some(hits) = hits {
        out.insert(1, hits.get(&s.id).copied().unwrap_or(0).to_string());
    }
    out
}

fn conditions(entry: &Placed) -> String {
    let all: Vec<String> = entry.suppression.conditions.iter().map(|(field, value)| format!("{field}={value}")).collect();
    all.join(" and ")
}

/// `in 12 days`, `2026-11-30 00:00` once it is over.
fn until(expires_ms: i64, now_ms: i64) -> String {
    let left = expires_ms - now_ms;
    let (n, unit) = match left {
        left if left <= 0 => return format_rfc3339(expires_ms)[..16].replace('T', " "),
        left if left >= DAY_MS => (left / DAY_MS, "day"),
        left if left >= HOUR_MS => (left / HOUR_MS, "hour"),
        left => (left.max(MINUTE_MS) / MINUTE_MS, "minute"),
    };
    format!("in {n} {unit}{}", if n == 1 { "" } else { "s" })
}

fn as_json(entry: &Placed, now_ms: i64, hits: &Hits) -> Value {
    let s = &entry.suppression;
    let mut out = json!({
        "id": s.id, "rule": s.rule, "where": s.conditions, "reason": s.reason, "owner": s.owner,
        "created": format_rfc3339(s.created_ms), "expires": format_rfc3339(s.expires_ms), "allow_critical": s.allow_critical,
        "state": Standing::of(s, now_ms).word(), "line": entry.place.line,
    });
    if let Some(hits) = hits {
        out["hits"] = hits.get(&s.id).copied().unwrap_or(0).into();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::suppressions::parse;

    const FILE: &str = "- {id: b, rule: r2, where: {cloud.account.uid: '1', src_endpoint.ip: 192.0.2.*}, reason: \"a\\e[31m\", owner: o, created: 2026-11-01, expires: 2026-11-30}\n";

    #[test]
    fn the_table_says_where_each_stands() {
        let entries = parse("s", FILE).entries;
        let now = |days: i64| entries[0].suppression.expires_ms - days * DAY_MS;
        let hits = Some(BTreeMap::from([("b".to_owned(), 12)]));
        let text = table(&entries, now(2), &hits);
        for want in ["HITS", "12", "active", "in 2 days", "cloud.account.uid=1 and src_endpoint.ip=192.0.2.*", "a\\u{1b}[31m"] {
            assert!(text.contains(want), "{want}: {text}");
        }
        let text = table(&entries, now(0), &None);
        assert!(text.contains("expired") && text.contains("2026-11-30 00:00") && !text.contains("HITS"), "{text}");
        assert_eq!(until(MINUTE_MS / 2, 0), "in 1 minute");
        assert_eq!(table(&[], 0, &None), "no suppressions");
    }

    #[test]
    fn json_has_everything() {
        let entries = parse("s", FILE).entries;
        let value = as_json(&entries[0], 0, &Some(BTreeMap::new()));
        assert_eq!((&value["state"], &value["hits"], &value["where"]["cloud.account.uid"]), (&json!("future"), &json!(0), &json!("1")));
        assert_eq!(value["expires"], "2026-11-30T00:00:00.000Z");
    }
}
