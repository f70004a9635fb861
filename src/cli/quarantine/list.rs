//! `tidegate quarantine list`.

use super::advice::advice;
use crate::cli::state::{self, QuarantineFilter, QuarantineRow};
use crate::cli::{Exit, Failure, columns, screen};
use serde_json::{Value, json};
use std::path::PathBuf;
use tidegate_core::event::time::format_rfc3339;

const EXAMPLES: &str = "Examples:
  tidegate quarantine list                                    ./tidegate.db, or what TIDEGATE_STATE names
  tidegate quarantine list --code flow_format_unknown --source vpc-flows
  tidegate quarantine list --json --limit 1000";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// State file (TIDEGATE_STATE; default ./tidegate.db)
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
    let state = state::open(&state::found(arguments.state.as_ref()))?;
    let counts = state.quarantine_counts()?;
    let filter = QuarantineFilter { code: arguments.code.clone(), source: arguments.source.clone(), limit: Some(arguments.limit as usize) };
    let rows = state.quarantine(&filter)?;
    if arguments.json {
        let by_code: serde_json::Map<String, Value> = counts.iter().map(|(code, n)| (code.clone(), (*n).into())).collect();
        println!("{}", json!({"counts": by_code, "items": rows.iter().map(as_json).collect::<Vec<_>>()}));
    } else {
        text(&counts, &rows).iter().for_each(|line| anstream::println!("{line}"));
    }
    Ok(Exit::Fine)
}

fn text(counts: &[(String, u64)], rows: &[QuarantineRow]) -> Vec<String> {
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

fn row(item: &QuarantineRow) -> Vec<String> {
    let part = if item.sub_sequence > 0 { format!(".{}", item.sub_sequence) } else { String::new() };
    vec![
        item.id.to_string(),
        format_rfc3339(item.at_ms)[..19].replace('T', " "),
        item.code.clone(),
        item.source.clone(),
        item.shard.clone(),
        format!("{}{part}", item.sequence),
        format!("{}{}", item.bytes.len(), if item.truncated { ", cut" } else { "" }),
        format!("{}{}", item.attempts, if item.requested { ", asked again" } else { "" }),
        item.detail.clone(),
    ]
}

/// An item for scripts; its bytes only as what they are.
pub(super) fn as_json(item: &QuarantineRow) -> Value {
    json!({
        "id": item.id, "source": item.source, "shard": item.shard, "sequence": item.sequence, "sub_sequence": item.sub_sequence,
        "reason": item.code, "offset": item.offset, "detail": item.detail, "bytes": item.bytes.len(), "truncated": item.truncated,
        "time": format_rfc3339(item.at_ms), "attempts": item.attempts, "redrive_requested": item.requested,
        "text": String::from_utf8_lossy(&item.bytes),
    })
}
