//! `tidegate quarantine list`.

use super::advice::advice;
use crate::cli::{Exit, Failure, columns, screen, state};
use crate::io::sqlite::{QuarantineFilter, QuarantineItem};
use serde_json::{Value, json};
use std::path::PathBuf;
use tidegate_core::event::time::format_rfc3339;

const EXAMPLES: &str = "Examples:
  tidegate quarantine list                                    of the configured state file (TIDEGATE_CONFIG, ./tidegate.yaml)
  tidegate quarantine list --code flow_format_unknown --source vpc-flows
  tidegate quarantine list --json --limit 1000";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// State file (default: TIDEGATE_STATE, else that of TIDEGATE_CONFIG or ./tidegate.yaml, else ./tidegate.db)
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Only items refused for this reason
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Only items of this source
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,
    /// At most this many, the latest
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut state = state::open(arguments.state.as_ref())?;
    let counts = state.quarantine_counts()?;
    let filter = QuarantineFilter {
        code: arguments.code.clone(),
        source: arguments.source.clone(),
        newest_first: true,
        limit: Some(arguments.limit as usize),
        ..QuarantineFilter::default()
    };
    let rows = state.quarantine(&filter)?;
    if arguments.json {
        let by_code: serde_json::Map<String, Value> = counts.iter().map(|(code, n)| (code.clone(), (*n).into())).collect();
        screen::print([json!({"counts": by_code, "items": rows.iter().map(as_json).collect::<Vec<_>>()}).to_string()])?;
    } else {
        screen::print(text(&counts, &rows))?;
    }
    Ok(Exit::Fine)
}

fn text(counts: &[(String, u64)], rows: &[QuarantineItem]) -> Vec<String> {
    if counts.is_empty() {
        return vec!["the quarantine (dead-letter store) is empty".to_owned()];
    }
    let total: u64 = counts.iter().map(|(_, n)| n).sum();
    let mut out = vec![format!("{} in the quarantine (dead-letter store)", screen::thousands(total))];
    out.extend(counts.iter().map(|(code, n)| format!("  {:>9}  {code}: {}", screen::thousands(*n), advice(code))));
    out.push(String::new());
    if rows.is_empty() {
        out.push("none of them fits --code and --source".to_owned());
        return out;
    }
    let names = ["ID", "WHEN", "REASON", "SOURCE", "SHARD", "SEQUENCE", "BYTES", "TRIED", "DETAIL"];
    out.push(columns::table(&names, rows.iter().map(row)));
    out
}

fn row(item: &QuarantineItem) -> Vec<String> {
    let place = &item.position;
    let part = if place.sub_sequence > 0 { format!(".{}", place.sub_sequence) } else { String::new() };
    vec![
        item.id.to_string(),
        format_rfc3339(item.stored_ms)[..19].replace('T', " "),
        item.code.clone(),
        place.source.to_string(),
        place.shard.to_string(),
        format!("{}{part}", place.sequence),
        format!("{}{}", item.size, if item.truncated { ", cut" } else { "" }),
        format!("{}{}", item.attempts, if item.requested { ", asked again" } else { "" }),
        item.detail.clone(),
    ]
}

/// An item for scripts, without its bytes.
pub(super) fn as_json(item: &QuarantineItem) -> Value {
    let place = &item.position;
    json!({
        "id": item.id, "source": &*place.source, "shard": &*place.shard, "sequence": place.sequence.to_string(), "sub_sequence": place.sub_sequence,
        "reason": item.code, "offset": item.offset, "detail": item.detail, "bytes": item.size, "truncated": item.truncated,
        "time": format_rfc3339(item.stored_ms), "attempts": item.attempts, "redrive_requested": item.requested,
    })
}
