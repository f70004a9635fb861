//! `tidegate quarantine show`.

use super::advice::advice;
use super::bytes::visible;
use super::list::as_json;
use crate::cli::{Exit, Failure, screen, state};
use crate::io::sqlite::QuarantineItem;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use tidegate_core::alert::neutral;
use tidegate_core::event::time::format_rfc3339;

const EXAMPLES: &str = "Examples:
  tidegate quarantine show 17
  tidegate quarantine show 17 --raw > item.bin      the bytes as they came";

/// Bytes shown to a person.
const SHOWN_BYTES_MAX: usize = 4096;

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Id of the item, as `quarantine list` shows it
    #[arg(value_name = "ID")]
    id: i64,
    /// State file (default: TIDEGATE_STATE, else that of TIDEGATE_CONFIG or ./tidegate.yaml, else ./tidegate.db)
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Write the bytes as they are to standard output, which must not be a terminal
    #[arg(long, conflicts_with = "json")]
    raw: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.raw && std::io::stdout().is_terminal() {
        return Err(Failure::usage(
            "--raw writes bytes that a stranger chose, and they could control this terminal; send them to a file or a pipe",
        ));
    }
    let (item, bytes) = state::open(arguments.state.as_ref())?.quarantined(arguments.id)?;
    if arguments.raw {
        let mut out = std::io::stdout().lock();
        out.write_all(&bytes).and_then(|()| out.flush()).map_err(|e| Failure::failed(format!("cannot write the bytes: {e}")))?;
    } else if arguments.json {
        let mut document = as_json(&item);
        document["text"] = String::from_utf8_lossy(&bytes).into();
        screen::print([document.to_string()])?;
    } else {
        screen::print(text(&item, &bytes))?;
    }
    Ok(Exit::Fine)
}

fn text(item: &QuarantineItem, bytes: &[u8]) -> Vec<String> {
    let harmless = |text: &str| neutral::terminal(text).into_owned();
    let place = &item.position;
    let part = if place.sub_sequence > 0 { format!(", part {} of it", place.sub_sequence) } else { String::new() };
    let attempts = match (item.attempts, item.requested) {
        (0, false) => "not yet; `tidegate quarantine redrive` asks for it".to_owned(),
        (0, true) => "asked for: the running service, or the next `tidegate run`, takes it".to_owned(),
        (n, requested) => format!("{n} times in vain{}", if requested { ", asked for again" } else { "" }),
    };
    let cut = if item.truncated { ", cut here: the rest was not kept, so it cannot be driven again" } else { "" };
    let pairs = [
        ("item", format!("{}, {}", item.id, format_rfc3339(item.stored_ms))),
        ("where", format!("{}, shard {}, record {}{part}", harmless(&place.source), harmless(&place.shard), place.sequence)),
        ("why", format!("{}: byte {}: {}", harmless(&item.code), item.offset, harmless(&item.detail))),
        ("what to do", advice(&item.code).to_owned()),
        ("driven again", attempts),
        ("bytes", format!("{}{cut}", item.size)),
    ];
    let mut out: Vec<String> = pairs.iter().map(|(name, value)| format!("{} {value}", screen::bold(&format!("{name:13}")))).collect();
    out.push(String::new());
    let (lines, left) = visible(bytes, SHOWN_BYTES_MAX);
    out.extend(lines);
    if left > 0 {
        out.push(format!("... {left} more bytes; all of them by --raw"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::event::{Position, Sequence};

    #[test]
    fn an_item_says_where_why_and_what_to_do() {
        let item = QuarantineItem {
            id: 7,
            position: Position { source: "trail".into(), shard: "a\u{1b}[2J".into(), sequence: Sequence::from(12), sub_sequence: 3 },
            code: "json_syntax".into(),
            offset: 4,
            detail: "expected a value".into(),
            size: 17,
            truncated: true,
            arrival_ms: 0,
            stored_ms: 1_795_456_384_000,
            attempts: 2,
            requested: true,
        };
        let text = anstream::adapter::strip_str(&text(&item, b"{\"ts\": oops\x1b[31m}").join("\n")).to_string();
        for want in [
            "item          7, 2026-11-23T17:53:04.000Z",
            "where         trail, shard a\\u{1b}[2J, record 12, part 3 of it",
            "why           json_syntax: byte 4: expected a value",
            "it is no JSON",
            "2 times in vain, asked for again",
            "bytes         17, cut here",
            "{\"ts\": oops\\u{1b}[31m}",
        ] {
            assert!(text.contains(want), "{want}: {text}");
        }
    }
}
