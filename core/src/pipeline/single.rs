//! Alerts of a single finding or event: one per finding, however many revisions and copies come, in whatever order.
//!
//! Owns the memory of findings that have an alert: what GuardDuty overwrites is kept from every revision. Never correlates.
//! Limits: of a finding the 5 earliest and 5 latest revisions are kept, and of those between the values ([`OVERWRITTEN`]), at most
//! [`VALUES_MAX`] of a kind. A finding is forgotten [`REMEMBER_MS`] after its last revision arrived, or earlier, the one that was
//! silent the longest first, while all take more than [`BYTES_MAX`]. It may come again: the ledger's gravestone lets its versions go
//! on and pages nobody twice; only what the older revisions showed is lost. The id of an event without revisions is remembered for
//! [`REMEMBER_EVENT_MS`] (of at most [`EVENTS_MAX`]): a copy that comes later than that makes its alert again.
//!
//! Versions after everything was forgotten, the gravestone too: what began before the memory reaches back gets a version base made
//! of its arrival (in seconds), which is larger than any version counted up before, at one in five seconds.

use super::ledger::AlertKey;
use super::rules::heir;
use crate::alert::first_moment;
use crate::correlate::{Episode, KeptEvent};
use crate::dedup::{Once, Revisions, Verdict};
use crate::event::time::{DAY_MS, SECOND_MS};
use crate::event::{Detection, Fact, Facts, GroupKey};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How long a finding is remembered after its last revision: GuardDuty keeps findings as long.
pub(super) const REMEMBER_MS: i64 = 90 * DAY_MS;
/// How long the id of an event without revisions is remembered: the longest way a copy can take (a day in Kinesis, a week in a
/// bucket that is read again) many times over.
pub(super) const REMEMBER_EVENT_MS: i64 = 30 * DAY_MS;
/// Most ids of events remembered.
const EVENTS_MAX: usize = 1_000_000;
/// Most bytes of findings.
const BYTES_MAX: u64 = 256 << 20;
/// Revisions kept at each end.
const KEPT: usize = 5;
/// Most values kept of a kind from the revisions between.
const VALUES_MAX: usize = 50;
/// Most bytes of such a value.
const VALUE_BYTES_MAX: usize = 256;
/// What is kept from the revisions between: kinds of facts, and the names they are shown under.
const OVERWRITTEN: [(Fact, &str); 6] = [
    (Fact::SourceIp, "src_endpoint.ip"),
    (Fact::Operation, "api.operation"),
    (Fact::Domain, "query.hostname"),
    (Fact::ProcessName, "actor.process.name"),
    (Fact::ProcessPath, "actor.process.file.path"),
    (Fact::Sha256, "actor.process.file.hashes"),
];

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

/// The findings that have an alert, and the ids of events that made one. By a name of the rule that outlives reloads.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Singles {
    revisions: Revisions,
    once: Once,
    /// Events that arrived up to this moment may have been forgotten for want of room.
    once_lost_ms: Option<i64>,
    findings: BTreeMap<(u64, u128), Finding>,
    bytes: u64,
}

/// What is kept of one finding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Finding {
    target: u32,
    key: GroupKey,
    /// The first moment as known when the alert fired.
    fired_ms: i64,
    events: Vec<KeptEvent>,
    /// Values of the revisions that are not kept.
    between: BTreeMap<Fact, BTreeSet<Box<str>>>,
    bytes: u64,
}

impl Singles {
    /// Judges a detection that is an alert of its own, and remembers it. Gives the first moment by which its alert is known, too.
    pub(super) fn judge(&mut self, of: u64, d: &Detection) -> (Standing, i64) {
        let event = kept(d);
        let first_ms = first_moment(&event);
        let Some(revision) = &d.revision else {
            let new = self.once.first(of, d.id, d.arrival_ms);
            return (if new { Standing::New } else { Standing::Copy }, first_ms);
        };
        let verdict = self.revisions.judge(of, revision, d.id, d.arrival_ms);
        if verdict == Verdict::Copy {
            return (Standing::Copy, first_ms);
        }
        let at = (of, revision.finding);
        let standing = match self.findings.contains_key(&at) {
            true => Standing::Change { stale: verdict == Verdict::Older },
            false => Standing::New,
        };
        let finding = self.findings.entry(at).or_insert_with(|| Finding::new(d, first_ms));
        self.bytes -= if standing == Standing::New { 0 } else { finding.bytes };
        finding.add(event);
        self.bytes += finding.bytes;
        (standing, finding.fired_ms)
    }

    /// What is kept of the finding whose alert has this key (its ARN).
    pub(super) fn by_key(&self, of: u64, key: &GroupKey) -> Option<&Finding> {
        let arn = *key.values().first()?;
        self.findings.get(&(of, finding_hash(arn)))
    }

    /// Forgets what arrived too long before `now_ms`, and what there is no room for; gives the alerts of the findings forgotten.
    pub(super) fn forget(&mut self, now_ms: i64) -> Vec<AlertKey> {
        self.once.forget_before(now_ms.saturating_sub(REMEMBER_EVENT_MS));
        self.once_lost_ms = self.once_lost_ms.max(self.once.forget_beyond(EVENTS_MAX));
        let forgotten = self.revisions.forget_before(now_ms.saturating_sub(REMEMBER_MS));
        let mut alerts: Vec<AlertKey> = forgotten.into_iter().filter_map(|at| self.remove(at)).collect();
        while self.bytes > BYTES_MAX {
            let Some(oldest) = self.revisions.forget_oldest() else { break };
            alerts.extend(self.remove(oldest));
        }
        alerts
    }

    fn remove(&mut self, at: (u64, u128)) -> Option<AlertKey> {
        let finding = self.findings.remove(&at)?;
        self.bytes -= finding.bytes;
        Some((finding.target, finding.key, finding.fired_ms))
    }

    /// The version that the versions of a new alert go on from: 0 where the memory reaches back to its first moment, so that it
    /// cannot have been there before.
    pub(super) fn version_base(&self, finding: bool, first_ms: i64, now_ms: i64) -> u64 {
        let lost_ms = if finding { None } else { self.once_lost_ms };
        let back_to = now_ms.saturating_sub(if finding { REMEMBER_MS } else { REMEMBER_EVENT_MS });
        let known = first_ms >= back_to && lost_ms.is_none_or(|lost| first_ms > lost);
        if known { 0 } else { u64::try_from(now_ms / SECOND_MS).unwrap_or(0) }
    }

    /// Alerts of findings whose rules have no heir, in order.
    pub(super) fn without_heir(&self, heirs: &[Option<u32>]) -> Vec<AlertKey> {
        let gone = self.findings.values().filter(|f| heir(heirs, f.target).is_none());
        gone.map(|f| (f.target, f.key.clone(), f.fired_ms)).collect()
    }

    /// Goes over to the numbers of another rule set. That a revision or an event was seen stays known by the rule's name.
    pub(super) fn inherit(&mut self, heirs: &[Option<u32>]) {
        self.findings.retain(|_, finding| {
            let Some(target) = heir(heirs, finding.target) else { return false };
            finding.target = target;
            finding.events.iter_mut().for_each(|e| e.rule = target);
            true
        });
        self.bytes = self.findings.values().map(|f| f.bytes).sum();
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
    fn new(d: &Detection, fired_ms: i64) -> Self {
        let bytes = 200 + 2 * d.key.bytes().len() as u64;
        Finding { target: d.target, key: d.key.clone(), fired_ms, events: Vec::new(), between: BTreeMap::new(), bytes }
    }

    fn add(&mut self, event: KeptEvent) {
        self.bytes += event_bytes(&event);
        let at = self.events.partition_point(|e| order(e) < order(&event));
        self.events.insert(at, event);
        if self.events.len() > 2 * KEPT {
            let gone = self.events.remove(KEPT);
            self.bytes -= event_bytes(&gone);
            OVERWRITTEN.iter().for_each(|(fact, _)| self.keep_values(*fact, &gone.facts));
        }
    }

    /// The smallest values of a kind: the same in every order.
    fn keep_values(&mut self, fact: Fact, facts: &Facts) {
        for value in facts.all(fact).filter(|v| !v.is_empty()) {
            let value = &value[..value.floor_char_boundary(VALUE_BYTES_MAX)];
            let values = self.between.entry(fact).or_default();
            if values.insert(value.into()) {
                self.bytes += 32 + value.len() as u64;
            }
            if values.len() > VALUES_MAX
                && let Some(gone) = values.pop_last()
            {
                self.bytes -= 32 + gone.len() as u64;
            }
        }
    }

    /// The newest revision: the one that speaks, also of what the revisions between showed.
    pub(super) fn newest(&self) -> Option<KeptEvent> {
        let mut newest = self.events.last()?.clone();
        let listed = |(fact, name): &(Fact, &str)| {
            let values: Vec<&str> = self.between.get(fact)?.iter().map(|v| &**v).collect();
            Some((Fact::Unmapped, format!("earlier.{name}={}", values.join(", "))))
        };
        let listed: Vec<_> = OVERWRITTEN.iter().filter_map(listed).collect();
        if !listed.is_empty() {
            Arc::make_mut(&mut newest.facts).extend(listed);
        }
        Some(newest)
    }

    /// The finding as an episode: its revisions are the events, `service.count` the count.
    pub(super) fn episode(&self) -> Episode {
        let newest = self.newest();
        let mut events = self.events.clone();
        if let (Some(last), Some(newest)) = (events.last_mut(), &newest) {
            *last = newest.clone();
        }
        // Behind the address of an event that has one: no event gets the address of another.
        let with_address = events.iter_mut().find(|e| e.facts.first(Fact::SourceIp).is_some());
        if let (Some(event), Some(addresses)) = (with_address, self.between.get(&Fact::SourceIp)) {
            Arc::make_mut(&mut event.facts).extend(addresses.iter().map(|ip| (Fact::SourceIp, ip)));
        }
        let newest = newest.as_ref();
        let seen = |fact| newest.and_then(|e| e.facts.first(fact)).and_then(crate::event::time::parse_any_ms);
        let start_ms = newest.map_or(0, first_moment);
        let earliest = events.first().map_or(0, |e| e.time_ms);
        let mut accounts: Vec<_> = events.iter().map(|e| e.account.clone()).collect();
        accounts.sort();
        accounts.dedup();
        Episode {
            start_ms,
            end_ms: start_ms + 1,
            count: newest.and_then(|e| e.revision).map_or(1, |r| r.count.max(1) as u64),
            first_seen_ms: seen(Fact::FirstSeen).unwrap_or(earliest),
            last_seen_ms: seen(Fact::LastSeen).unwrap_or_else(|| newest.map_or(0, |e| e.time_ms)),
            late_events: 0,
            clock_skew: events.iter().any(|e| e.flags.clock_skew),
            evaluated_to_ms: newest.map_or(0, |e| e.time_ms),
            events,
            accounts,
            ..Episode::default()
        }
    }
}

/// What an event takes, about.
fn event_bytes(e: &KeptEvent) -> u64 {
    let facts: usize = e.facts.iter().map(|(_, text)| 24 + text.len()).sum();
    (240 + e.facts.body.len() + facts) as u64
}

/// The hash by which revisions name their finding.
fn finding_hash(arn: &str) -> u128 {
    crate::event::id::hash128(arn.as_bytes())
}

fn order(e: &KeptEvent) -> (i64, i64, crate::event::ContentId) {
    let (updated, count) = e.revision.map_or((e.time_ms, 0), |r| (r.updated_ms, r.count));
    (updated, count, e.id)
}
