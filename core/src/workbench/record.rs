//! The record of a rule: what it has found so far, and whom it would have woken if it paged.
//!
//! Owns the arithmetic over documents of alerts, whether they lie in a state file or were written by a replay. The pages are those of
//! a rule that is not in shadow: severity, suppressions, samples and the storm budget decide as they do live. Two things it cannot know
//! make it a guess at the edges: whether an older alert inside one would have paged for it, and how many Pipelines share the budget.

use crate::alert::paging::PAGES_FROM;
use crate::alert::storm::{Storm, Verdict};
use crate::event::time::format_rfc3339;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a rule did on one day (UTC, by the first event of the alert).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Day {
    /// Alerts.
    pub alerts: u64,
    /// Of these: those that would have paged, summaries of storms included.
    pub pages: u64,
}

/// What a rule has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    /// Alerts.
    pub alerts: u64,
    /// Events in them.
    pub events: u64,
    /// Alerts by severity (OCSF: 1 to 5).
    pub severities: BTreeMap<u8, u64>,
    /// By day.
    pub days: BTreeMap<String, Day>,
    /// Alerts by account.
    pub accounts: BTreeMap<String, u64>,
    /// Pages that it would have sent.
    pub pages: u64,
    /// Alerts that a summary would have spoken for.
    pub held: u64,
    /// Alerts that a suppression holds for.
    pub suppressed: u64,
    /// Alerts of sample or archived findings.
    pub samples: u64,
    /// Alerts merged into another one.
    pub merged: u64,
    /// Alerts that ran in shadow.
    pub shadow: u64,
    /// First event of all, epoch milliseconds.
    pub first_seen_ms: Option<i64>,
    /// Last event of all.
    pub last_seen_ms: Option<i64>,
}

/// The record of the rule with this id, from documents of alerts in any order; those of other rules are passed over.
#[must_use]
pub fn record(rule: &str, documents: &[Value], pages_per_hour: u32) -> Record {
    let mut own: Vec<&Value> = documents.iter().filter(|d| d["finding_info"]["analytic"]["uid"] == rule).collect();
    own.sort_by_key(|d| (number(&d["finding_info"]["created_time"]), d["finding_info"]["uid"].as_str().unwrap_or_default()));
    let (mut out, mut storm) = (Record::default(), Storm::new(pages_per_hour));
    own.into_iter().for_each(|document| out.add(document, &mut storm));
    out
}

impl Record {
    fn add(&mut self, document: &Value, storm: &mut Storm) {
        let (info, ours) = (&document["finding_info"], &document["tidegate"]);
        let (first, last) = (number(&info["first_seen_time"]), number(&info["last_seen_time"]));
        let severity = u8::try_from(number(&document["severity_id"])).unwrap_or(0);
        self.alerts += 1;
        self.events += number(&document["count"]).unsigned_abs();
        *self.severities.entry(severity).or_default() += 1;
        self.first_seen_ms = Some(self.first_seen_ms.map_or(first, |ms| ms.min(first)));
        self.last_seen_ms = Some(self.last_seen_ms.map_or(last, |ms| ms.max(last)));
        let accounts: BTreeSet<&str> = ours["accounts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        accounts.into_iter().for_each(|account| *self.accounts.entry(account.to_owned()).or_default() += 1);
        let (sample, suppressed) = (ours["sample"] == true || ours["archived"] == true, ours["suppressed_by"].is_string());
        self.samples += u64::from(sample);
        self.suppressed += u64::from(suppressed);
        self.shadow += u64::from(ours["shadow"] == true);
        self.merged += u64::from(ours["episode"]["state"] == "merged");
        let pages = severity >= PAGES_FROM && !sample && !suppressed && self.asks(document, severity, storm);
        self.pages += u64::from(pages);
        let day = self.days.entry(format_rfc3339(first).chars().take(10).collect()).or_default();
        day.alerts += 1;
        day.pages += u64::from(pages);
    }

    /// Whether the storm budget lets its page through.
    fn asks(&mut self, document: &Value, severity: u8, storm: &mut Storm) -> bool {
        let account: Arc<str> = document["cloud"]["account"]["uid"].as_str().unwrap_or_default().into();
        let correlation = document["tidegate"]["kind"] == "correlation";
        let verdict = storm.ask(0, &account, severity, correlation, number(&document["finding_info"]["created_time"]));
        self.held += u64::from(verdict == Verdict::Hold);
        verdict != Verdict::Hold
    }
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const DAY_MS: i64 = 86_400_000;

    fn alert(n: i64, severity: u8, account: &str) -> Value {
        json!({
            "severity_id": severity, "count": 3, "cloud": {"account": {"uid": account}},
            "finding_info": {"uid": format!("{n:04}"), "analytic": {"uid": "r"}, "created_time": n, "first_seen_time": n, "last_seen_time": n + 5},
            "tidegate": {"kind": "detection", "shadow": true, "accounts": [account], "episode": {"state": "closed"}},
        })
    }

    #[test]
    fn days_accounts_and_pages_are_counted_as_they_would_be_live() {
        let mut all: Vec<Value> = (0..15).map(|n| alert(n, 4, "1")).collect();
        all.extend([alert(DAY_MS, 5, "2"), alert(DAY_MS + 1, 3, "2"), alert(2 * DAY_MS, 4, "1")]);
        let mut hidden = alert(DAY_MS + 2, 5, "2");
        hidden["tidegate"]["suppressed_by"] = json!("s");
        let mut sample = alert(DAY_MS + 3, 5, "2");
        sample["tidegate"]["sample"] = json!(true);
        let mut other = alert(7, 5, "3");
        other["finding_info"]["analytic"]["uid"] = json!("another");
        all.extend([hidden, sample, other]);
        all.reverse();
        let got = record("r", &all, 10);
        assert_eq!((got.alerts, got.events, got.shadow), (20, 60, 20));
        assert_eq!((got.pages, got.held), (11 + 1 + 1, 4), "ten, their summary, and one each on the days after");
        assert_eq!((got.suppressed, got.samples), (1, 1));
        let days: Vec<_> = got.days.iter().map(|(day, n)| (day.as_str(), n.alerts, n.pages)).collect();
        assert_eq!(days, [("1970-01-01", 15, 11), ("1970-01-02", 4, 1), ("1970-01-03", 1, 1)]);
        assert_eq!((got.accounts["1"], got.accounts["2"], got.accounts.get("3")), (16, 4, None));
        assert_eq!((got.first_seen_ms, got.last_seen_ms), (Some(0), Some(2 * DAY_MS + 5)));
        assert_eq!(record("nobody", &all, 10), Record::default());
    }

    #[test]
    fn correlations_are_never_held() {
        let correlation = |n| {
            let mut alert = alert(n, 4, "1");
            alert["tidegate"]["kind"] = json!("correlation");
            alert
        };
        assert_eq!(record("r", &(0..30).map(correlation).collect::<Vec<_>>(), 10).pages, 30);
    }
}
