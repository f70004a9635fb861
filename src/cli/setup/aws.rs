//! `tidegate setup aws`.

use super::policy::{Home, Policy, Whose, policies};
use crate::cli::config::file;
use crate::cli::{Exit, Failure, screen};
use crate::config::{Config, Ownership, Reads};
use crate::io::aws::TableState;
use crate::io::port::LeaseError;
use crate::run::live::aws::lease_table;
use serde_json::{Value, json};
use std::time::Duration;

const EXAMPLES: &str = "Examples:
  tidegate setup aws --policy                     what IAM must allow; calls nothing
  tidegate setup aws --dry-run                    and whether the table of `ownership` is there
  tidegate setup aws -c tidegate.yaml             makes that table if it is not
  tidegate setup aws --policy --json | jq '.policies[0].policy' > policy.json

Streams, topics and domains are not made: docs/aws.md says how, step by step. The table is made once, billed per request (a few
writes a minute), and never changed.

Exit codes: 0 fine; 1 with --dry-run: the table would be made; 2 no usable configuration; 3 DynamoDB failed.";

/// Longest time of one call.
const CALL: Duration = Duration::from_secs(10);

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The configuration (default: what TIDEGATE_CONFIG names, else ./tidegate.yaml)
    #[arg(short, long, value_name = "FILE")]
    config: Option<String>,
    /// Only say what would be done
    #[arg(long, conflicts_with = "policy")]
    dry_run: bool,
    /// Only print the policies; nothing is called
    #[arg(long)]
    policy: bool,
    /// Account of what the configuration names without an ARN, for the policies
    #[arg(long, value_name = "ID", value_parser = account)]
    account: Option<String>,
    /// Region of it (default: AWS_REGION, else AWS_DEFAULT_REGION)
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

fn account(text: &str) -> Result<String, String> {
    let good = text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    good.then(|| text.to_owned()).ok_or_else(|| "an account id has 12 digits".to_owned())
}

/// What became of the table.
struct Table {
    place: String,
    done: &'static str,
    due: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let (name, parsed) = file::read(arguments.config.as_deref())?;
    let wrong = || Failure::usage(format!("{name} has errors; `tidegate config check {name}` lists them"));
    let config = parsed.config.ok_or_else(wrong)?;
    let table = match &config.ownership {
        Some(ownership) if !arguments.policy => Some(table(ownership, arguments.dry_run)?),
        _ => None,
    };
    let variable = |name| std::env::var(name).ok().filter(|region: &String| !region.is_empty());
    let region = arguments.region.clone().or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
    let policies = policies(&config, &Home { account: arguments.account.clone(), region });
    let notes = notes(&config, &policies);
    match arguments.json {
        true => screen::print([document(table.as_ref(), &policies, &notes).to_string()])?,
        false => screen::print(said(table.as_ref(), &policies, &notes))?,
    }
    let due = table.is_some_and(|table| table.due);
    Ok(if due && arguments.dry_run { Exit::Found } else { Exit::Fine })
}

fn table(ownership: &Ownership, dry_run: bool) -> Result<Table, Failure> {
    let failed = |error: LeaseError| Failure::failed(error.to_string());
    let mut table = lease_table(ownership, CALL).map_err(Failure::usage)?;
    let (place, due) = (table.place(), table.state().map_err(failed)? == TableState::Absent);
    if due && !dry_run {
        table.make().map_err(failed)?;
    }
    let done = match (due, dry_run) {
        (false, _) => "unchanged",
        (true, false) => "made",
        (true, true) => "would be made",
    };
    Ok(Table { place, done, due })
}

/// What no policy can say.
fn notes(config: &Config, policies: &[Policy]) -> Vec<String> {
    let mut out = Vec::new();
    for (role, id) in policies.iter().filter_map(|p| if let Whose::Role(role, id) = &p.whose { Some((role, id)) } else { None }) {
        let condition = id.as_ref().map_or_else(String::new, |id| format!(", under the condition sts:ExternalId = {id}"));
        out.push(format!("{role} must trust the identity of the service (sts:AssumeRole){condition}"));
    }
    let streams = config.sources.iter().any(|s| matches!(s.reads, Reads::Kinesis(_)));
    if streams {
        out.push("a stream encrypted with a key of your own needs kms:Decrypt on that key too, for whoever reads it".to_owned());
        let another = "a stream of another account that is read without a role needs a resource policy there that allows the same actions";
        out.push(another.to_owned());
    }
    if config.sinks.sns.is_some() {
        let key =
            "a topic encrypted with a key of your own needs kms:GenerateDataKey and kms:Decrypt on that key too, for whoever publishes";
        out.push(key.to_owned());
    }
    if config.sinks.opensearch.as_ref().is_some_and(|o| (o.domain.is_some() || o.aws.is_some()) && o.user.is_none()) {
        let map = "with fine-grained access control, map the identity (its ARN as backend role) to the roles that docs/opensearch.md names";
        out.push(map.to_owned());
    }
    if policies.iter().any(|p| p.document.to_string().contains(":*:")) {
        out.push("`*` stands for an account or Region that the configuration does not name: give --account and --region".to_owned());
    }
    out
}

fn title(whose: &Whose) -> String {
    match whose {
        Whose::Service => "Policy for the identity of `tidegate run`:".to_owned(),
        Whose::Role(role, _) => format!("Policy for {role}:"),
        Whose::Setup => "Policy for whoever runs `tidegate setup` and `tidegate doctor`, beside the first:".to_owned(),
    }
}

fn said(table: Option<&Table>, policies: &[Policy], notes: &[String]) -> Vec<String> {
    let mut out: Vec<String> = table.iter().map(|table| format!("{}: {}", table.place, table.done)).collect();
    for Policy { whose, document } in policies {
        out.extend([String::new(), title(whose), format!("{document:#}")]);
    }
    if policies.is_empty() {
        out.push("This configuration uses nothing of AWS: no policy is needed.".to_owned());
    }
    if !notes.is_empty() {
        out.extend([String::new(), "Beside these:".to_owned()]);
        out.extend(notes.iter().map(|note| format!("* {note}")));
    }
    out
}

fn document(table: Option<&Table>, policies: &[Policy], notes: &[String]) -> Value {
    let policy = |policy: &Policy| {
        let (whose, role, id) = match &policy.whose {
            Whose::Service => ("service", None, None),
            Whose::Role(role, id) => ("role", Some(role), id.as_ref()),
            Whose::Setup => ("setup", None, None),
        };
        json!({"for": whose, "role_arn": role, "external_id": id, "policy": policy.document})
    };
    json!({
        "table": table.map(|table| json!({"table": table.place, "done": table.done})),
        "policies": policies.iter().map(policy).collect::<Vec<_>>(),
        "notes": notes,
    })
}
