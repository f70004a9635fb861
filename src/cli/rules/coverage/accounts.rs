//! Which rules can fire in which account: accounts from which the same sources arrive stand together.
//!
//! Owns reading what a service says on `/coverage`. An account is judged by its own sources; what comes together over several
//! accounts (a correlation that is not grouped by account) may fire where this says partly.

use super::standing;
use crate::cli::{Failure, columns};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use tidegate_core::rule::RuleSet;
use tidegate_core::workbench::coverage::{Reach, Standing, standings};

/// Largest answer that is read: 50,000 rows take about 10 MiB.
const SEEN_BYTES_MAX: u64 = 64 << 20;
/// Accounts and rules that a text names.
const NAMED_MAX: usize = 5;

/// Accounts from which the same sources arrive, and what that means for each rule.
pub(super) struct Profile {
    /// Services that arrive.
    pub(super) services: BTreeSet<String>,
    /// Accounts.
    pub(super) accounts: BTreeSet<String>,
    /// Rules that alert.
    pub(super) standings: Vec<Standing>,
}

#[derive(Debug, Deserialize)]
struct Seen {
    rows: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Row {
    account: String,
    service: String,
}

/// Reads what arrives, and judges.
pub(super) fn read(path: &str, set: &RuleSet) -> Result<Vec<Profile>, Failure> {
    let text = text_of(path).map_err(|e| Failure::failed(format!("cannot read {path}: {e}")))?;
    let seen: Seen = serde_json::from_str(&text).map_err(|e| {
        Failure::usage(format!("{path} is not what a service answers on /coverage: {e}; get it by `curl -s http://ADDRESS/coverage`"))
    })?;
    let mut of: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for row in seen.rows {
        of.entry(row.account).or_default().insert(row.service);
    }
    let mut together: BTreeMap<BTreeSet<String>, BTreeSet<String>> = BTreeMap::new();
    for (account, services) in of {
        together.entry(services).or_default().insert(account);
    }
    let profile = |(services, accounts): (BTreeSet<String>, BTreeSet<String>)| {
        let standings = standings(set, &services.iter().map(String::as_str).collect());
        Profile { services, accounts, standings }
    };
    Ok(together.into_iter().map(profile).collect())
}

fn text_of(path: &str) -> std::io::Result<String> {
    let mut text = String::new();
    let input: Box<dyn Read> = if path == "-" { Box::new(std::io::stdin()) } else { Box::new(std::fs::File::open(path)?) };
    input.take(SEEN_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

pub(super) fn text(profiles: &[Profile]) -> String {
    let rows = profiles.iter().map(|profile| {
        let count = |reach| standing(profile, reach).count().to_string();
        let names = |all: Vec<&str>| {
            let more = all.len().saturating_sub(NAMED_MAX);
            let shown = all[..all.len().min(NAMED_MAX)].join(", ");
            if more == 0 { shown } else { format!("{shown} +{more}") }
        };
        vec![
            profile.accounts.len().to_string(),
            names(profile.accounts.iter().map(String::as_str).collect()),
            profile.services.iter().cloned().collect::<Vec<_>>().join(", "),
            count(Reach::Fires),
            count(Reach::Partly),
            count(Reach::Blind),
            lacking(profile).into_iter().map(|(service, n)| format!("{service} ({n})")).collect::<Vec<_>>().join(", "),
        ]
    });
    let names = ["ACCOUNTS", "WHICH", "WHAT ARRIVES", "RULES THAT CAN FIRE", "PARTLY", "BLIND", "WHAT IS MISSING (FOR HOW MANY RULES)"];
    columns::table(&names, rows)
}

/// What is missing, and for how many rules.
pub(super) fn lacking(profile: &Profile) -> BTreeMap<&'static str, usize> {
    let mut out = BTreeMap::new();
    for service in profile.standings.iter().flat_map(|s| &s.missing) {
        *out.entry(*service).or_default() += 1;
    }
    out
}
