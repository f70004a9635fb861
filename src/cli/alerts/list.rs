//! `tidegate alerts list`.

use crate::cli::{Exit, Failure, columns, screen, state, summary};
use crate::io::sqlite::AlertFilter;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use tidegate_core::event::time;

const EXAMPLES: &str = "Examples:
  tidegate alerts list                                        of the configured state file (TIDEGATE_CONFIG, ./tidegate.yaml)
  tidegate alerts list --severity high --from 2026-11-02
  tidegate alerts list --account 111122223333 --rule aws/guardduty/finding --limit 500
  tidegate alerts list --text 198.51.100.23                   every alert that speaks of an address
  tidegate alerts list --json | jq .finding_info.title        one document per line, as `replay --alerts -`";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// State file (default: TIDEGATE_STATE, else that of TIDEGATE_CONFIG or ./tidegate.yaml, else ./tidegate.db)
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Only alerts last seen at or after this time (RFC 3339, or a date)
    #[arg(long, value_name = "T", value_parser = moment)]
    from: Option<i64>,
    /// Only alerts first seen before this time
    #[arg(long, value_name = "T", value_parser = moment)]
    to: Option<i64>,
    /// Only alerts of the rule with this id
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// Only alerts in which this account takes part
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// Only alerts of this severity or above
    #[arg(long, value_name = "LEVEL", value_enum)]
    severity: Option<Severity>,
    /// Only alerts whose document holds this text: an address, an ARN, a name (A to Z in either case)
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// At most this many, those that began last
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,
    /// Print documents as NDJSON instead of a table
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Severity {
    Informational = 1,
    Low,
    Medium,
    High,
    Critical,
}

fn moment(text: &str) -> Result<i64, String> {
    time::parse_rfc3339_ms(text).ok_or_else(|| "write a time like 2026-11-02 or 2026-11-02T08:00:00Z".to_owned())
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if let (Some(from), Some(to)) = (arguments.from, arguments.to)
        && from >= to
    {
        return Err(Failure::usage("--from is not before --to, so no alert could be between them"));
    }
    let limit = arguments.limit as usize;
    let filter = AlertFilter {
        from_ms: arguments.from,
        to_ms: arguments.to,
        rule: arguments.rule.clone(),
        account: arguments.account.clone(),
        severity_min: arguments.severity.map(|s| s as u8),
        text: arguments.text.clone(),
        limit: Some(limit + 1),
    };
    let found = state::open(arguments.state.as_ref())?.alerts(&filter)?;
    let alerts: Vec<&Value> = found.iter().take(limit).collect();
    if arguments.json {
        screen::print(alerts.iter().map(ToString::to_string))?;
    } else {
        screen::print([table(&alerts)])?;
        if found.len() > limit {
            let narrow = "--from, --to, --rule, --account, --severity, --text";
            screen::print([format!("... only the latest {limit}; narrow it ({narrow}) or raise --limit")])?;
        }
    }
    Ok(Exit::Fine)
}

fn table(alerts: &[&Value]) -> String {
    if alerts.is_empty() {
        return "no alerts".to_owned();
    }
    let ids: Vec<&str> = alerts.iter().map(|a| a["finding_info"]["uid"].as_str().unwrap_or("-")).collect();
    let length = prefix_length(&ids);
    let names = ["ALERT", "SEVERITY", "STATUS", "TITLE", "WHO", "FROM", "ACCOUNTS", "FIRST - LAST SEEN", "EVENTS", "RULE"];
    let rows = alerts.iter().zip(&ids).map(|(alert, id)| {
        let [severity, title, who, from, accounts, seen, events, rule, _] = summary::row(alert);
        let id = id.chars().take(length).collect();
        vec![id, severity, status(alert), title, who, from, accounts, seen, events, rule]
    });
    columns::table(&names, rows)
}

/// So many characters of the ids tell them apart; at least 8.
fn prefix_length(ids: &[&str]) -> usize {
    let longest = ids.iter().map(|id| id.chars().count()).max().unwrap_or(0);
    let told = |n: usize| ids.iter().map(|id| id.chars().take(n).collect::<String>()).collect::<BTreeSet<_>>().len();
    let all = told(longest);
    (8..longest).find(|n| told(*n) == all).unwrap_or(longest)
}

/// `new, open`; what keeps it quiet comes last.
fn status(alert: &Value) -> String {
    let ours = &alert["tidegate"];
    let mut words = vec![alert["status"].as_str().unwrap_or("-").to_lowercase()];
    words.extend(ours["episode"]["state"].as_str().map(str::to_owned));
    words.extend(["shadow", "sample"].iter().filter(|w| ours[**w] == true).map(|w| (*w).to_owned()));
    words.dedup();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_are_as_short_as_they_can_be() {
        assert_eq!(prefix_length(&["aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"]), 8);
        assert_eq!(prefix_length(&["aaaaaaaaaa1", "aaaaaaaaaa2", "b"]), 11);
        assert_eq!(prefix_length(&["same", "same"]), 4);
        assert_eq!(prefix_length(&[]), 0);
    }

    #[test]
    fn the_table_shows_what_tells_alerts_apart() {
        let alert = json!({"severity": "High", "status": "Merged", "count": 3,
            "finding_info": {"uid": "a3f1c09be27d4c5f8e60b7d1924ac35e", "title": "t\u{1b}[2J", "analytic": {"uid": "r"}},
            "tidegate": {"episode": {"state": "merged"}, "shadow": true, "principals": ["arn:aws:iam::1:user/eve"], "accounts": ["1"], "accounts_total": 7}});
        let text = table(&[&alert]);
        for want in ["a3f1c09b ", "High", "merged, shadow", "t\\u{1b}[2J", "user/eve", "1 +6"] {
            assert!(text.contains(want), "{want}: {text}");
        }
        assert_eq!(table(&[]), "no alerts");
        assert!(table(&[&json!(null)]).contains('-'), "nothing is asked of a document");
    }
}
