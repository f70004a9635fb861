//! `tidegate quarantine redrive`: asks; the owner of the state file does it.

use crate::cli::state::{self, State};
use crate::cli::{Exit, Failure, screen};
use crate::io::sqlite::{QuarantineFilter, QuarantineItem};
use std::collections::BTreeSet;
use std::path::PathBuf;

const EXAMPLES: &str = "Examples:
  tidegate quarantine redrive 17 18
  tidegate quarantine redrive --code flow_format_unknown     after `flow_format:` was stated
  tidegate quarantine redrive --all

The running service takes the requests within seconds, else the next `tidegate run` does: each item goes through the same
pipeline once, as if it arrived now (one that is older than the lateness is counted and shown, but moves no window). What can be
read leaves the quarantine; what cannot stays, tried once more.";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Ids of items, as `quarantine list` shows them
    #[arg(value_name = "ID", required_unless_present_any = ["all", "code"], conflicts_with_all = ["all", "code"])]
    ids: Vec<i64>,
    /// Every item
    #[arg(long, conflicts_with = "code")]
    all: bool,
    /// Every item refused for this reason
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// State file (default: TIDEGATE_STATE, else that of TIDEGATE_CONFIG or ./tidegate.yaml, else ./tidegate.db)
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Only say what would happen
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let mut state = state::open(arguments.state.as_ref())?;
    let sorted = Sorted::of(&chosen(arguments, &mut state)?);
    if !arguments.dry_run && !sorted.taken.is_empty() {
        state.request_redrive(&sorted.taken)?;
    }
    screen::print(sorted.said(arguments.dry_run))?;
    // Who names an item and cannot have it must hear so.
    let in_vain = !sorted.refused.is_empty() && !arguments.ids.is_empty();
    Ok(if in_vain { Exit::Found } else { Exit::Fine })
}

fn chosen(arguments: &Arguments, state: &mut State) -> Result<Vec<QuarantineItem>, Failure> {
    if arguments.ids.is_empty() {
        return state.quarantine(&QuarantineFilter { code: arguments.code.clone(), ..QuarantineFilter::default() });
    }
    arguments.ids.iter().map(|id| Ok(state.quarantined(*id)?.0)).collect()
}

/// What can be driven again and what cannot.
struct Sorted {
    taken: Vec<i64>,
    /// Asked for before and still waiting.
    waiting: Vec<i64>,
    refused: Vec<i64>,
}

impl Sorted {
    fn of(items: &[QuarantineItem]) -> Self {
        let mut out = Sorted { taken: Vec::new(), waiting: Vec::new(), refused: Vec::new() };
        let mut seen = BTreeSet::new();
        for item in items.iter().filter(|i| seen.insert(i.id)) {
            let list = match (item.truncated, item.requested) {
                (true, _) => &mut out.refused,
                (false, true) => &mut out.waiting,
                (false, false) => &mut out.taken,
            };
            list.push(item.id);
        }
        out
    }

    fn said(&self, dry_run: bool) -> Vec<String> {
        let mut out = Vec::new();
        if self.taken.is_empty() && self.waiting.is_empty() && self.refused.is_empty() {
            out.push("nothing to drive again".to_owned());
        }
        if !self.taken.is_empty() {
            let asked = if dry_run { "would be asked for" } else { "asked for: the running service, or the next `tidegate run`, takes" };
            let (n, them) = (self.taken.len(), if self.taken.len() == 1 { "it" } else { "them" });
            let items = if n == 1 { "item" } else { "items" };
            let tail = if dry_run { String::new() } else { format!(" {them} through the pipeline once") };
            out.push(format!("{} {items} {asked}{tail}", screen::thousands(n as u64)));
        }
        if !self.waiting.is_empty() {
            out.push(format!("asked for before and still waiting: {}", some(&self.waiting)));
        }
        if !self.refused.is_empty() {
            let why = "only a part of their bytes was kept, so reading them again would read something else; send the originals again";
            out.push(screen::yellow(&format!("not asked for: {}: {why}", some(&self.refused))));
        }
        out
    }
}

/// The first ids, and how many more.
fn some(ids: &[i64]) -> String {
    const SHOWN: usize = 20;
    let shown: Vec<String> = ids.iter().take(SHOWN).map(ToString::to_string).collect();
    let more = if ids.len() > SHOWN { format!(" and {} more", ids.len() - SHOWN) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::event::{Position, Sequence};

    #[test]
    fn items_are_sorted_by_what_can_be_done() {
        let item = |id, truncated, requested| QuarantineItem {
            id,
            position: Position { source: "s".into(), shard: "a".into(), sequence: Sequence::from(1), sub_sequence: 0 },
            code: "json_syntax".into(),
            offset: 0,
            detail: String::new(),
            size: 1,
            truncated,
            arrival_ms: 0,
            stored_ms: 0,
            attempts: 0,
            requested,
        };
        let sorted =
            Sorted::of(&[item(1, false, false), item(2, true, false), item(3, false, true), item(1, false, false), item(4, true, true)]);
        assert_eq!((&sorted.taken[..], &sorted.waiting[..], &sorted.refused[..]), (&[1][..], &[3][..], &[2, 4][..]));
        let said = anstream::adapter::strip_str(&sorted.said(false).join("\n")).to_string();
        assert!(
            said.starts_with("1 item asked for: the running service, or the next `tidegate run`, takes it through the pipeline once\n"),
            "{said}"
        );
        assert!(said.contains("not asked for: 2, 4: only a part of their bytes was kept"), "{said}");
        assert_eq!(Sorted::of(&[item(1, false, false)]).said(true), ["1 item would be asked for"]);
        assert_eq!(Sorted::of(&[]).said(false), ["nothing to drive again"]);
        assert!(some(&(0..30).collect::<Vec<_>>()).ends_with("19 and 10 more"));
    }
}
