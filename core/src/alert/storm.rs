//! The storm budget: so many pages per rule and account and hour, and one summary that speaks for the rest.
//!
//! Thousands of alerts must not use up the people who answer them, nor hide one that matters: Critical alerts and those of
//! correlations are never held. Time is arrival time, in hours since the epoch: no clock, the same in every replay. Held alerts are
//! indexed as always. The state is part of the Pipeline's; it holds one hour and at most [`KEYS_MAX`] keys, beyond which a new key
//! shares the budget of its rule.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Pages per rule, account and hour unless configured otherwise.
pub const PAGES_PER_HOUR: u32 = 10;
/// Most keys counted in one hour.
pub const KEYS_MAX: usize = 50_000;
const HOUR_MS: i64 = crate::event::time::HOUR_MS;

/// What the budget says of one page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Send it.
    Page,
    /// Send this one as the summary: it is the first over the budget, more may follow unheard this hour.
    Summary,
    /// Do not send it: the summary speaks for it.
    Hold,
}

/// Pages of the current hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storm {
    pages_max: u32,
    hour: i64,
    /// (name of the rule, account) -> pages asked for in this hour.
    asked: BTreeMap<(u64, Arc<str>), u32>,
}

impl Storm {
    /// An empty budget of so many pages per hour (at least 1). A Pipeline of P gets its share: the whole divided by P, rounded up.
    #[must_use]
    pub fn new(pages_max: u32) -> Self {
        Storm { pages_max: pages_max.max(1), hour: 0, asked: BTreeMap::new() }
    }

    /// Another number of pages per hour, from here on.
    pub fn set_pages_max(&mut self, pages_max: u32) {
        self.pages_max = pages_max.max(1);
    }

    /// Asks for one page. An arrival before the current hour counts in it: time never runs backwards here.
    pub fn ask(&mut self, rule: u64, account: &Arc<str>, severity: u8, correlation: bool, arrival_ms: i64) -> Verdict {
        if severity >= 5 || correlation {
            return Verdict::Page;
        }
        let hour = arrival_ms.div_euclid(HOUR_MS);
        if hour > self.hour {
            self.hour = hour;
            self.asked.clear();
        }
        let key = (rule, Arc::clone(account));
        let shared = self.asked.len() >= KEYS_MAX && !self.asked.contains_key(&key);
        let asked = self.asked.entry(if shared { (rule, Arc::from("")) } else { key }).or_insert(0);
        *asked = asked.saturating_add(1);
        match asked.checked_sub(self.pages_max) {
            None | Some(0) => Verdict::Page,
            Some(1) => Verdict::Summary,
            Some(_) => Verdict::Hold,
        }
    }

    /// Pages held in the current hour, per rule and account, in order.
    pub fn held(&self) -> impl Iterator<Item = (u64, &str, u32)> {
        let over = |asked: u32| asked.saturating_sub(self.pages_max.saturating_add(1));
        self.asked.iter().map(move |((rule, account), asked)| (*rule, &**account, over(*asked))).filter(|(_, _, held)| *held > 0)
    }
}

/// The sentence of the page that speaks for the rest of the hour: `why` is that of the first alert over the budget.
#[must_use]
pub fn summary(rule_title: &str, account: &str, why: &str) -> String {
    let place = if account.is_empty() { String::new() } else { format!(" in account {account}") };
    format!(
        "Alert storm: more alerts of \"{rule_title}\"{place} than may page in an hour. This page speaks for the rest until the hour is over: all of them are indexed. This one: {why}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_over_budget_is_the_summary_and_the_hour_ends_it() {
        let (mut storm, a): (_, Arc<str>) = (Storm::new(2), "1".into());
        let verdicts: Vec<_> = (0..5).map(|i| storm.ask(7, &a, 4, false, i)).collect();
        assert_eq!(verdicts, [Verdict::Page, Verdict::Page, Verdict::Summary, Verdict::Hold, Verdict::Hold]);
        assert_eq!(storm.held().collect::<Vec<_>>(), [(7, "1", 2)]);
        assert_eq!(storm.ask(7, &"2".into(), 4, false, 6), Verdict::Page, "another account");
        assert_eq!(storm.ask(8, &a, 4, false, 6), Verdict::Page, "another rule");
        assert_eq!(storm.ask(7, &a, 4, false, HOUR_MS), Verdict::Page, "the next hour");
    }

    #[test]
    fn what_matters_most_is_never_held() {
        let (mut storm, a): (_, Arc<str>) = (Storm::new(1), "1".into());
        for _ in 0..100 {
            storm.ask(1, &a, 4, false, 0);
        }
        assert_eq!(storm.ask(1, &a, 5, false, 0), Verdict::Page);
        assert_eq!(storm.ask(1, &a, 4, true, 0), Verdict::Page);
    }

    #[test]
    fn keys_are_bounded() {
        let mut storm = Storm::new(1);
        for n in 0..KEYS_MAX + 10 {
            storm.ask(1, &n.to_string().into(), 4, false, 0);
        }
        assert!(storm.asked.len() <= KEYS_MAX + 1);
    }
}
