//! What the Pipeline keeps of an alert and passes whenever a document is built. Documents themselves are never kept.

use super::paging::Paging;
use crate::correlate::{Episode, KeptEvent};
use crate::event::{Fact, GroupKey, Source};
use crate::rule::{Body, Rule, RuleSet};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where an alert stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// More can come.
    Open,
    /// Nothing can change it any more. (An episode's end closes no case: that is for people.)
    Closed,
    /// Joined with an alert that came earlier.
    Merged,
}

impl State {
    /// The word in the document.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Closed => "closed",
            State::Merged => "merged",
        }
    }
}

/// An older alert whose events are inside this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelatedAlert {
    /// Its id.
    pub alert_id: String,
    /// Its title.
    pub title: String,
    /// Its severity 1-5.
    pub severity: u8,
    /// Whether it paged.
    pub paged: bool,
}

/// The AWS organisation this deployment serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Org {
    /// `o-...`
    pub uid: String,
    /// Display name, if known.
    pub name: Option<String>,
}

/// What the accounts table says of an account. All but the table's key may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountContext {
    /// Name.
    pub name: Option<String>,
    /// Path of organisational units.
    pub ou: Option<String>,
    /// Owner: a team.
    pub owner: Option<String>,
    /// Environment: `prod`, `test`, ...
    pub environment: Option<String>,
    /// Labels for its resources (`data_class:CHD`).
    pub labels: Vec<String>,
}

/// Something a table said about a value of the alert.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Enrichment {
    /// The field it speaks of.
    pub name: String,
    /// The value it speaks of.
    pub value: String,
    /// `threat_intel`, `network`, `geo`, ...
    pub kind: String,
    /// Table it comes from.
    pub provider: String,
    /// What it says, as (key, text) pairs.
    pub data: Vec<(String, String)>,
}

/// Everything a document is built from. Borrowed: building is a pure function of this.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The rule set the alert fired under.
    pub set: &'a RuleSet,
    /// The rule or correlation.
    pub rule: u32,
    /// Group key of a correlation; of a stand-alone alert the finding's or event's id.
    pub key: &'a GroupKey,
    /// [`super::alert_id`].
    pub alert_id: &'a str,
    /// Version counter, from 1.
    pub revision: u64,
    /// Arrival at which the alert was created.
    pub created_ms: i64,
    /// Arrival of the newest change.
    pub modified_ms: i64,
    /// The episode of a correlation. A stand-alone finding may have one too: its revisions as events.
    pub episode: Option<&'a Episode>,
    /// The event of a stand-alone alert (a finding: its newest revision).
    pub event: Option<&'a KeptEvent>,
    /// Where it stands.
    pub state: State,
    /// The alert it was merged into.
    pub merged_into: Option<&'a str>,
    /// Older alerts inside.
    pub related: &'a [RelatedAlert],
    /// What was decided about paging.
    pub paging: Paging,
    /// The rule runs in shadow.
    pub shadow: bool,
    /// Id of the suppression that holds.
    pub suppressed_by: Option<&'a str>,
    /// Tables used: (name, version).
    pub tables: &'a [(String, String)],
    /// Version of the product.
    pub product_version: &'a str,
    /// The organisation.
    pub org: Option<&'a Org>,
    /// What is known of accounts, by id.
    pub accounts: &'a BTreeMap<String, AccountContext>,
    /// What tables said.
    pub enrichments: &'a [Enrichment],
    /// Link to the alert in Dashboards, made by [`super::link`].
    pub link: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// The rule.
    #[must_use]
    pub fn rule(&self) -> &'a Rule {
        self.set.rule(self.rule)
    }

    /// Whether a correlation fired.
    #[must_use]
    pub fn is_correlation(&self) -> bool {
        matches!(self.rule().body, Body::Correlation(_))
    }

    /// The kept events, earliest first.
    #[must_use]
    pub fn events(&self) -> &'a [KeptEvent] {
        match (self.episode, self.event) {
            (Some(episode), _) if !episode.events.is_empty() => &episode.events,
            (_, Some(event)) => std::slice::from_ref(event),
            _ => &[],
        }
    }

    /// The event a stand-alone alert speaks of.
    #[must_use]
    pub fn main_event(&self) -> Option<&'a KeptEvent> {
        if self.is_correlation() { None } else { self.event.or_else(|| self.events().last()) }
    }

    /// The finding whose severity, title and description the alert takes: its rule is on findings and has no level.
    #[must_use]
    pub fn speaking_finding(&self) -> Option<&'a KeptEvent> {
        let event = self.main_event()?;
        let finding = matches!(event.source, Source::GuardDuty | Source::SecurityHub);
        (finding && self.rule().meta.level.is_none()).then_some(event)
    }

    /// Severity 1-5: the rule's level, else that of the finding or the most severe event.
    #[must_use]
    pub fn severity(&self) -> u8 {
        let of_events = || self.events().iter().map(|e| e.severity).max().unwrap_or(1).clamp(1, 5);
        match (self.rule().meta.level, self.main_event()) {
            (Some(level), _) => super::severity::of_level(level),
            (None, Some(event)) => event.severity.clamp(1, 5),
            (None, None) => of_events(),
        }
    }

    /// Title: the rule's, or the finding's where the finding speaks.
    #[must_use]
    pub fn title(&self) -> &'a str {
        let own = &self.rule().meta.title;
        self.speaking_finding().and_then(|e| e.facts.first(Fact::Title)).filter(|t| !t.trim().is_empty()).unwrap_or(own)
    }

    /// Whether every event is an AWS sample.
    #[must_use]
    pub fn sample(&self) -> bool {
        !self.events().is_empty() && self.events().iter().all(|e| e.flags.sample)
    }

    /// Whether the finding (or every event) is archived.
    #[must_use]
    pub fn archived(&self) -> bool {
        let all = || !self.events().is_empty() && self.events().iter().all(|e| e.flags.archived);
        self.main_event().map_or_else(all, |e| e.flags.archived)
    }

    /// Names and values of the group key. A stand-alone alert is keyed by its finding or event.
    #[must_use]
    pub fn group_key(&self) -> Vec<(&'a str, &'a str)> {
        let values = self.key.values();
        match &self.rule().body {
            Body::Correlation(c) => c.group_by.iter().map(String::as_str).zip(values).collect(),
            Body::Detection(_) => {
                let name = if self.main_event().is_some_and(|e| e.revision.is_some()) { "finding_info.uid" } else { "metadata.uid" };
                values.into_iter().map(|v| (name, v)).collect()
            }
        }
    }

    /// Start and end of the episode. A stand-alone alert holds at its one [`first_moment`].
    #[must_use]
    pub fn span(&self) -> (i64, i64) {
        match (self.is_correlation(), self.episode, self.main_event()) {
            (true, Some(e), _) | (false, Some(e), None) => (e.start_ms, e.end_ms),
            (_, _, Some(event)) => (first_moment(event), first_moment(event) + 1),
            (_, None, None) => (self.created_ms, self.created_ms + 1),
        }
    }
}

/// The first moment of a stand-alone alert: when the finding was created (equal in every revision, so the order of arrival
/// cannot matter), else the event's time.
#[must_use]
pub fn first_moment(event: &KeptEvent) -> i64 {
    event.revision.map_or(event.time_ms, |r| r.created_ms)
}
