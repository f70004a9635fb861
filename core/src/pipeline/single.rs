//! Alerts of a single finding or event: one per finding, however many revisions and copies come, in whatever order.
//!
//! Owns the memory of findings that have an alert: what GuardDuty overwrites is kept from every revision. Never correlates.
//! Limits: the 5 earliest and 5 latest revisions of a finding are kept; a finding is forgotten [`REMEMBER_MS`] after its last
//! revision arrived (longer than any two times lie apart, forged ones too: a finding seen again is no new alert), an event's id after [`REMEMBER_EVENT_MS`].

use super::ledger::AlertKey;
use crate::alert::first_moment;
use crate::correlate::{Episode, KeptEvent};
use crate::dedup::{Once, Revisions, Verdict};
use crate::event::time::DAY_MS;
use crate::event::{Detection, Fact, GroupKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How long a finding is remembered after its last revision.
pub(super) const REMEMBER_MS: i64 = 4_000_000 * DAY_MS;
/// How long the id of an event without revisions is remembered.
const REMEMBER_EVENT_MS: i64 = DAY_MS;
/// Revisions kept at each end.
const KEPT: usize = 5;

/// What a detection is to the alerts there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// A new alert.
    New,
    /// A change of the alert there is. `stale`: it brings evidence, but no newer text.
    Change {
        /// An older revision.
        stale: bool,
    },
    /// The same event on another route.
    Copy,
}

/// The findings that have an alert, and the ids of events that made one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Singles {
    revisions: Revisions,
    once: Once,
    findings: BTreeMap<(u32, u128), Finding>,
}

/// What is kept of one finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Finding {
    key: GroupKey,
    /// The first moment as known when the alert fired.
    fired_ms: i64,
    events: Vec<KeptEvent>,
    revisions: u64,
}

impl Singles {
    /// Judges a detection that is an alert of its own, and remembers it. Gives the first moment by which its alert is known, too.
    pub(super) fn judge(&mut self, d: &Detection) -> (Standing, i64) {
        let event = kept(d);
        let first_ms = first_moment(&event);
        let Some(revision) = &d.revision else {
            let new = self.once.first(d.target, d.id, d.arrival_ms);
            return (if new { Standing::New } else { Standing::Copy }, first_ms);
        };
        let verdict = self.revisions.judge(d.target, revision, d.id, d.arrival_ms);
        if verdict == Verdict::Copy {
            return (Standing::Copy, first_ms);
        }
        let fresh = || Finding { key: d.key.clone(), fired_ms: first_ms, events: Vec::new(), revisions: 0 };
        let finding = self.findings.entry((d.target, revision.finding)).or_insert_with(fresh);
        finding.add(event);
        let standing = match verdict {
            Verdict::New => Standing::New,
            other => Standing::Change { stale: other == Verdict::Older },
        };
        (standing, finding.fired_ms)
    }

    /// What is kept of the finding whose alert has this key (its ARN).
    pub(super) fn by_key(&self, target: u32, key: &GroupKey) -> Option<&Finding> {
        let arn = *key.values().first()?;
        self.findings.get(&(target, finding_hash(arn)))
    }

    /// Forgets what arrived too long before `now_ms`; gives the alerts of the findings forgotten.
    pub(super) fn forget(&mut self, now_ms: i64) -> Vec<AlertKey> {
        self.once.forget_before(now_ms.saturating_sub(REMEMBER_EVENT_MS));
        let forgotten = self.revisions.forget_before(now_ms.saturating_sub(REMEMBER_MS));
        let alert = |at: (u32, u128)| self.findings.remove(&at).map(|f| (at.0, f.key, f.fired_ms));
        forgotten.into_iter().filter_map(alert).collect()
    }
}

/// The kept form of a detection's event.
pub(super) fn kept(d: &Detection) -> KeptEvent {
    KeptEvent {
        time_ms: d.time_ms,
        id: d.id,
        step: d.step,
        rule: d.rule,
        source: d.source,
        flags: d.flags,
        account: d.account.clone(),
        severity: d.severity,
        revision: d.revision,
        position: d.position.clone(),
        facts: d.facts.clone(),
        child_alert: None,
    }
}

impl Finding {
    fn add(&mut self, event: KeptEvent) {
        self.revisions += 1;
        let at = self.events.partition_point(|e| order(e) < order(&event));
        self.events.insert(at, event);
        if self.events.len() > 2 * KEPT {
            self.events.remove(KEPT);
        }
    }

    /// The newest revision: the one that speaks.
    pub(super) fn newest(&self) -> Option<&KeptEvent> {
        self.events.last()
    }

    /// The finding as an episode: its revisions are the events, `service.count` the count.
    pub(super) fn episode(&self) -> Episode {
        let newest = self.newest();
        let seen = |fact| newest.and_then(|e| e.facts.first(fact)).and_then(crate::event::time::parse_any_ms);
        let start_ms = newest.map_or(0, first_moment);
        let earliest = self.events.first().map_or(0, |e| e.time_ms);
        let mut accounts: Vec<_> = self.events.iter().map(|e| e.account.clone()).collect();
        accounts.sort();
        accounts.dedup();
        Episode {
            start_ms,
            end_ms: start_ms + 1,
            count: newest.and_then(|e| e.revision).map_or(1, |r| r.count.max(1) as u64),
            first_seen_ms: seen(Fact::FirstSeen).unwrap_or(earliest),
            last_seen_ms: seen(Fact::LastSeen).unwrap_or_else(|| newest.map_or(0, |e| e.time_ms)),
            late_events: 0,
            clock_skew: self.events.iter().any(|e| e.flags.clock_skew),
            evaluated_to_ms: newest.map_or(0, |e| e.time_ms),
            events: self.events.clone(),
            accounts,
            ..Episode::default()
        }
    }
}

/// The hash by which revisions name their finding.
fn finding_hash(arn: &str) -> u128 {
    crate::event::id::hash128(arn.as_bytes())
}

fn order(e: &KeptEvent) -> (i64, i64, crate::event::ContentId) {
    let (updated, count) = e.revision.map_or((e.time_ms, 0), |r| (r.updated_ms, r.count));
    (updated, count, e.id)
}
