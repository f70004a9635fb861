//! `tidegate suppress add`.

use super::refused;
use crate::cli::{Exit, Failure, replay, rules};
use crate::io::clock;
use crate::io::suppressions::{EditError, add, doubts, read};
use std::path::PathBuf;
use tidegate_core::alert::{Suppression, neutral};
use tidegate_core::event::time::{DAY_MS, SECOND_MS, format_rfc3339, parse_rfc3339_ms};
use tidegate_core::rule::Diagnostic;

const EXAMPLES: &str = "Examples:
  tidegate suppress add suppressions.yaml --id scanner-nov --rule 5f0e2f7a-9f3b-4f5b-9f62-0b6f1c2d7e10 \\
      --where src_endpoint.ip=198.51.100.7 --reason 'our own scanner, SEC-77' --owner platform-security --days 30
  tidegate suppress add suppressions.yaml -r builtin --id drill --rule aws/guardduty/finding \\
      --where cloud.account.uid=111122223333 --where 'finding_info.types=UnauthorizedAccess:*' \\
      --reason 'incident drill' --owner soc --expires 2026-11-30T18:00:00Z --allow-critical

All conditions must hold, and every value an alert shows for the field must fit. `*` stands for any text.";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The suppressions file; created if it is not there
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Name of the suppression: alerts say by it what hid them
    #[arg(long, value_name = "ID")]
    id: String,
    /// Id of the rule whose alerts are hidden
    #[arg(long, value_name = "RULE")]
    rule: String,
    /// A field and the value it must have (repeatable)
    #[arg(long = "where", required = true, value_name = "FIELD=VALUE", value_parser = condition)]
    conditions: Vec<(String, String)>,
    /// Why this is no incident
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who answers for it
    #[arg(long, value_name = "TEAM")]
    owner: String,
    /// For how many days, at most 90
    #[arg(long, value_name = "N", conflicts_with = "expires", required_unless_present = "expires", value_parser = clap::value_parser!(i64).range(1..=90))]
    days: Option<i64>,
    /// Until when (a date is its first moment, UTC)
    #[arg(long, value_name = "T", value_parser = moment)]
    expires: Option<i64>,
    /// Hide Critical alerts too
    #[arg(long)]
    allow_critical: bool,
    /// Compare with these rules and warn: file, folder, or `builtin` (repeatable)
    #[arg(short, long = "rules", value_name = "PATH")]
    rules: Vec<String>,
}

fn condition(text: &str) -> Result<(String, String), String> {
    let (field, value) = text.split_once('=').ok_or("write FIELD=VALUE, such as src_endpoint.ip=192.0.2.7")?;
    Ok((field.trim().to_owned(), value.trim().to_owned()))
}

fn moment(text: &str) -> Result<i64, String> {
    parse_rfc3339_ms(text).ok_or_else(|| "write a time like 2026-11-30 or 2026-11-30T18:00:00Z".to_owned())
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let now_ms = clock::now_ms();
    let suppression = suppression(arguments, now_ms)?;
    let set = if arguments.rules.is_empty() { None } else { Some(replay::load_rules(&arguments.rules, true)?) };
    add(&arguments.file, &suppression).map_err(|e| failure(arguments, e))?;
    let added = read(&arguments.file).map_err(Failure::failed)?.entries;
    let new = added.iter().filter(|e| e.suppression.id == suppression.id).cloned().collect::<Vec<_>>();
    doubts(&new, now_ms, set.as_deref()).iter().for_each(|d| anstream::eprintln!("{}", rules::error_line(d)));
    let until = format_rfc3339(suppression.expires_ms).replace(".000Z", "Z");
    anstream::println!("added {} to {}, until {until}", suppression.id, arguments.file.display());
    anstream::println!("a running service takes it when it reloads; alerts that are open then are hidden at their next change");
    Ok(Exit::Fine)
}

fn suppression(arguments: &Arguments, now_ms: i64) -> Result<Suppression, Failure> {
    let created_ms = now_ms - now_ms.rem_euclid(SECOND_MS);
    let mut conditions = std::collections::BTreeMap::new();
    for (field, value) in &arguments.conditions {
        if conditions.insert(field.clone(), value.clone()).is_some() {
            let field = neutral::terminal(field);
            return Err(Failure::usage(format!(
                "--where names {field} twice; write a suppression for each value, or one value with `*` in it"
            )));
        }
    }
    let trimmed = |text: &str| text.trim().to_owned();
    Ok(Suppression {
        id: trimmed(&arguments.id),
        rule: trimmed(&arguments.rule),
        conditions,
        reason: trimmed(&arguments.reason),
        owner: trimmed(&arguments.owner),
        created_ms,
        expires_ms: arguments.days.map(|n| created_ms + n * DAY_MS).or(arguments.expires).unwrap_or(created_ms),
        allow_critical: arguments.allow_critical,
    })
}

fn failure(arguments: &Arguments, error: EditError) -> Failure {
    let file = arguments.file.display();
    match error {
        // The places are those of a text that nobody wrote.
        EditError::Entry(problems) => {
            let said: Vec<String> =
                problems.iter().map(|Diagnostic { what, why, remedy, .. }| format!("{what}: {why}: {remedy}")).collect();
            Failure::usage(format!("nothing was added: {}", said.join("\n       ")))
        }
        EditError::File(problems) => refused(&arguments.file, &problems),
        EditError::Duplicate(line) => Failure::usage(format!(
            "nothing was added: {file}:{line} has the id {} already; choose another, or edit that one",
            arguments.id
        )),
        EditError::ByHand(text) => Failure::usage(format!(
            "cannot add to {file} without touching what stands there (it is written in one line, or ends in a marker); add this by hand:\n{text}"
        )),
        EditError::Failed(text) => Failure::failed(text),
    }
}
