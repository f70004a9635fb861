//! Who was heard of: account, Region and service, when last and how often. Written by all readers at once, read by requests.
//!
//! Owns the table. Counts from the start of the process: what the log holds of earlier days is not in it. Limits: [`ROWS_MAX`]
//! rows; what comes over stands under the account `others`, one row per service. Names longer than [`NAME_BYTES_MAX`] do too.

use crate::io::clock::now_ms;
use dashmap::DashMap;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tidegate_core::event::time::format_rfc3339;
use tidegate_core::pipeline::intake::{Coverage as Heard, Who};

/// Most rows: 5,000 accounts, each with ten combinations of Region and service.
pub const ROWS_MAX: usize = 50_000;
/// Longest name that is kept.
pub const NAME_BYTES_MAX: usize = 64;
/// The account under which all further ones stand.
pub const OTHERS: &str = "others";

/// One row.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    heard: Heard,
    /// When it was heard of last, epoch milliseconds of this machine.
    at_ms: i64,
}

/// The table.
#[derive(Debug, Default)]
pub struct Coverage {
    rows: DashMap<Who, Row>,
}

impl Coverage {
    /// Notes who a batch heard of.
    pub fn note(&self, heard: &BTreeMap<Who, Heard>) {
        if heard.is_empty() {
            return;
        }
        let now_ms = now_ms();
        heard.iter().for_each(|(who, of)| self.note_one(who, of, now_ms));
    }

    fn note_one(&self, who: &Who, of: &Heard, now_ms: i64) {
        let add = |row: &mut Row| {
            row.heard.add(of);
            row.at_ms = row.at_ms.max(now_ms);
        };
        if let Some(mut row) = self.rows.get_mut(who) {
            return add(&mut row);
        }
        let fits = |name: &Arc<str>| name.len() <= NAME_BYTES_MAX;
        let room = self.rows.len() < ROWS_MAX && fits(&who.0) && who.1.as_ref().is_none_or(fits);
        let who = if room { who.clone() } else { (OTHERS.into(), None, who.2) };
        add(&mut self.rows.entry(who).or_default());
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nobody was heard of.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Accounts by service.
    #[must_use]
    pub fn accounts(&self) -> BTreeMap<&'static str, u64> {
        let mut of: BTreeMap<&'static str, BTreeSet<Arc<str>>> = BTreeMap::new();
        for row in &self.rows {
            let (account, _, source) = row.key();
            of.entry(source.service()).or_default().insert(account.clone());
        }
        of.into_iter().map(|(service, accounts)| (service, accounts.len() as u64)).collect()
    }

    /// Records that say flows were lost before they came here, by service.
    #[must_use]
    pub fn losses(&self) -> BTreeMap<&'static str, u64> {
        let mut of = BTreeMap::new();
        for row in &self.rows {
            *of.entry(row.key().2.service()).or_default() += row.value().heard.losses;
        }
        of
    }

    /// The table, in order of account, Region, service.
    #[must_use]
    pub fn document(&self, since_ms: i64) -> Value {
        let sorted: BTreeMap<Who, Row> = self.rows.iter().map(|row| (row.key().clone(), *row.value())).collect();
        let rows: Vec<Value> = sorted.iter().map(|(who, row)| shown(who, row)).collect();
        json!({ "since": format_rfc3339(since_ms), "rows_max": ROWS_MAX, "rows": rows })
    }
}

fn shown((account, region, source): &Who, row: &Row) -> Value {
    let Row { heard, at_ms } = row;
    json!({
        "account": &**account,
        "region": region.as_deref(),
        "service": source.service(),
        "last_seen": format_rfc3339(*at_ms),
        "last_event": (heard.last_ms != i64::MIN).then(|| format_rfc3339(heard.last_ms)),
        "records": heard.records,
        "losses": heard.losses,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::event::Source;

    fn heard(records: u64, losses: u64, last_ms: i64) -> Heard {
        Heard { records, losses, last_ms }
    }

    fn batch(rows: impl IntoIterator<Item = (String, Option<&'static str>, Source, Heard)>) -> BTreeMap<Who, Heard> {
        rows.into_iter().map(|(account, region, source, of)| ((account.into(), region.map(Into::into), source), of)).collect()
    }

    #[test]
    fn what_many_threads_note_adds_up() {
        let table = Arc::new(Coverage::default());
        let threads: Vec<_> = (0..4)
            .map(|thread: i64| {
                let table = table.clone();
                std::thread::spawn(move || {
                    for n in 0..250 {
                        let of = heard(2, 1, thread * 1_000 + n);
                        table.note(&batch([("111122223333".to_owned(), Some("eu-central-1"), Source::VpcFlow, of)]));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().expect("it ends"));
        let rows = table.document(0);
        let row = &rows["rows"][0];
        assert_eq!((row["records"].as_u64(), row["losses"].as_u64(), table.len()), (Some(2_000), Some(1_000), 1));
        assert_eq!((row["last_event"].as_str(), row["region"].as_str()), (Some("1970-01-01T00:00:03.249Z"), Some("eu-central-1")));
    }

    #[test]
    fn the_table_is_bounded_and_says_how_much_it_does_not_show() {
        let table = Coverage::default();
        for n in 0..ROWS_MAX + 100 {
            table.note(&batch([(format!("{n:012}"), None, Source::CloudTrail, heard(1, 0, 5))]));
        }
        table.note(&batch([("x".repeat(NAME_BYTES_MAX + 1), None, Source::CloudTrail, heard(1, 0, 5))]));
        assert_eq!(table.len(), ROWS_MAX + 1);
        let document = table.document(0);
        let others = document["rows"].as_array().expect("rows").iter().find(|row| row["account"] == OTHERS).expect("a row");
        assert_eq!(others["records"], 101);
        assert_eq!(table.accounts()["cloudtrail"], ROWS_MAX as u64 + 1);
    }
}
