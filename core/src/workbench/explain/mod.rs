//! Explaining a rule: what it needs, what wakes it, what it means, what it costs, whom it feeds and whom it wakes; and for given
//! events why it matched or did not ([`on_events`]).
//!
//! Owns the words. Everything said is asked of the parts that do the work: the index names the pivot, the correlator its windows and
//! bytes, the matcher the answers. Never reads a file. Limits: [`events::EVENTS_MAX`] events are explained one by one.

pub mod events;
mod needs;
mod outcome;
mod state;
mod text;
mod walk;
mod windows;
mod words;

pub use events::{EventExplained, OnEvent, on_events};
pub use needs::{FieldNeed, SourceNeed, enable, fields_of_condition, fields_of_correlation, forms, table_of};
pub use outcome::{Counting, outcome};
pub use state::StateCost;
pub use windows::meaning;
pub use words::{Row, compare_words, rows, shown, span, test_words};

use crate::correlate::{Nature, Settings, nature};
use crate::decode::Hints;
use crate::detect::{Detector, sources_of};
use crate::event::{LogSource, Source};
use crate::rule::anatomy::Anatomy;
use crate::rule::{Body, Expr, Level, Place, Rule, RuleSet, Status};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rules ready to be explained.
pub struct Explainer {
    pub(super) set: Arc<RuleSet>,
    pub(super) anatomy: BTreeMap<Place, Anatomy>,
    pub(super) hints: Hints,
    sources: Vec<Vec<Source>>,
    detector: Detector,
}

/// A rule, explained.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// File and line.
    pub place: String,
    /// `detection`, or the correlation's type.
    pub kind: &'static str,
    /// Level.
    pub level: Option<String>,
    /// Meaning digest: state survives a reload while it is unchanged.
    pub digest: String,
    /// What it says, in one sentence.
    pub meaning: String,
    /// `logsource`, of a detection rule.
    pub logsource: Option<String>,
    /// The condition as written.
    pub condition: Vec<String>,
    /// Its selections in words.
    pub selections: Vec<Part>,
    /// What Sigma filters add, in words.
    pub filters: Vec<Vec<Row>>,
    /// What wakes it, per form of its events.
    pub wakes: Vec<Wake>,
    /// Sources it reads, directly or through its rules.
    pub sources: Vec<SourceNeed>,
    /// Fields it takes from events.
    pub fields: Vec<FieldNeed>,
    /// Tables without which some of these are absent.
    pub tables: Vec<&'static str>,
    /// The rules a correlation reads.
    pub reads: Vec<Named>,
    /// The correlations that read it.
    pub feeds: Vec<Named>,
    /// Windows of a correlation.
    pub window: Option<Nature>,
    /// Memory of a correlation.
    pub state: Option<StateCost>,
    /// Whether its match is an alert.
    pub alerts: Verdict,
    /// Whether that alert pages.
    pub pages: Verdict,
}

/// A selection in words.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
    /// Name.
    pub name: String,
    /// What it says.
    pub rows: Vec<Row>,
}

/// What wakes a rule.
#[derive(Debug, Clone, Serialize)]
pub struct Wake {
    /// Form of the events.
    pub form: String,
    /// The necessary condition; none: every event is tested.
    pub condition: Option<String>,
}

/// A rule by id and title.
#[derive(Debug, Clone, Serialize)]
pub struct Named {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
}

/// Yes or no, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// The answer; none where it depends on the event.
    pub yes: Option<bool>,
    /// Why.
    pub why: String,
}

impl Explainer {
    /// For a rule set and the parts of its rules ([`crate::rule::anatomy::anatomy`] of the same files).
    #[must_use]
    pub fn new(set: Arc<RuleSet>, anatomy: BTreeMap<Place, Anatomy>, hints: Hints) -> Self {
        let sources = (0..set.rules.len() as u32).map(|rule| sources_of(&set, rule, &hints.generic)).collect();
        let detector = Detector::new(set.clone(), &hints).0;
        Explainer { set, anatomy, hints, sources, detector }
    }

    /// The rules.
    #[must_use]
    pub fn set(&self) -> &Arc<RuleSet> {
        &self.set
    }

    /// The rules whose id, name or title is this word, or whose id begins with it.
    #[must_use]
    pub fn find(&self, word: &str) -> Vec<u32> {
        let is =
            |rule: &Rule| rule.meta.id == word || rule.meta.name.as_deref() == Some(word) || rule.meta.title.eq_ignore_ascii_case(word);
        let exact: Vec<u32> = (0u32..).zip(&self.set.rules).filter(|(_, rule)| is(rule)).map(|(n, _)| n).collect();
        if !exact.is_empty() || word.len() < 4 {
            return exact;
        }
        (0u32..).zip(&self.set.rules).filter(|(_, rule)| rule.meta.id.starts_with(word)).map(|(n, _)| n).collect()
    }

    /// Explains a rule.
    #[must_use]
    pub fn explain(&self, number: u32) -> Explained {
        let rule = self.set.rule(number);
        let sources = &self.sources[number as usize];
        let window = nature(&self.set, number, &self.sources, &Settings::default());
        let fields = needs::fields(&self.set, number, sources);
        let mut tables: Vec<&'static str> = fields.iter().filter_map(|f| f.table).collect();
        tables.sort_unstable();
        tables.dedup();
        let anatomy = self.anatomy.get(&rule.meta.place);
        let part = |s: &crate::rule::anatomy::NamedSelection| Part { name: s.name.clone(), rows: rows(&s.expr) };
        Explained {
            id: rule.meta.id.clone(),
            title: rule.meta.title.clone(),
            place: rule.meta.place.to_string(),
            kind: windows::kind(rule),
            level: rule.meta.level.map(level_word),
            digest: hex(&rule.digest),
            meaning: meaning(&self.set, number),
            logsource: logsource_of(rule),
            condition: anatomy.map_or(Vec::new(), |a| a.written.clone()),
            selections: anatomy.map_or(Vec::new(), |a| a.selections.iter().map(part).collect()),
            filters: self.filters(number).into_iter().map(rows).collect(),
            wakes: self.detector.cost(number).into_iter().map(|c| Wake { form: format!("{:?}", c.form), condition: c.condition }).collect(),
            sources: needs::sources(sources, &self.hints.generic, &self.hints.lateness),
            fields,
            tables,
            reads: self.reads(rule),
            feeds: self.feeds(number),
            state: window.and_then(|w| state::cost(&self.set, number, &self.sources, w.kept_events_max)),
            window,
            alerts: self.alerts(number),
            pages: self.pages(number),
        }
    }

    /// What filters ANDed to the rule's own condition.
    pub(super) fn filters(&self, number: u32) -> Vec<&Expr> {
        let rule = self.set.rule(number);
        let (Body::Detection(detection), Some(anatomy)) = (&rule.body, self.anatomy.get(&rule.meta.place)) else { return Vec::new() };
        let (mut at, mut found) = (&detection.condition, Vec::new());
        while *at != anatomy.own {
            let Expr::And(parts) = at else { return Vec::new() };
            let [inner, keep] = parts.as_slice() else { return Vec::new() };
            found.insert(0, keep);
            at = inner;
        }
        found
    }

    fn named(&self, number: u32) -> Named {
        let meta = &self.set.rule(number).meta;
        Named { id: meta.id.clone(), title: meta.title.clone() }
    }

    fn reads(&self, rule: &Rule) -> Vec<Named> {
        match &rule.body {
            Body::Correlation(c) => c.rules.iter().map(|child| self.named(*child)).collect(),
            Body::Detection(_) => Vec::new(),
        }
    }

    fn feeds(&self, number: u32) -> Vec<Named> {
        let refers = |rule: &Rule| matches!(&rule.body, Body::Correlation(c) if c.rules.contains(&number));
        (0u32..).zip(&self.set.rules).filter(|(_, rule)| refers(rule)).map(|(parent, _)| self.named(parent)).collect()
    }

    fn alerts(&self, number: u32) -> Verdict {
        let quiet = |rule: &&Rule| matches!(&rule.body, Body::Correlation(c) if c.rules.contains(&number) && !c.generate);
        match self.set.rules.iter().find(quiet) {
            Some(by) => {
                let why = format!("correlation \"{}\" refers to it without `generate: true`: its match only counts there", by.meta.title);
                Verdict { yes: Some(false), why }
            }
            None => Verdict { yes: Some(true), why: "no correlation mutes it".to_owned() },
        }
    }

    fn pages(&self, number: u32) -> Verdict {
        let rule = self.set.rule(number);
        let (yes, why) = match (rule.alerts, rule.meta.status, rule.meta.level) {
            (false, ..) => (Some(false), "it is no alert".to_owned()),
            (_, Status::Experimental, _) => (Some(false), "`status: experimental` runs in shadow".to_owned()),
            (_, _, Some(level @ (Level::High | Level::Critical))) => (Some(true), format!("its level is {}", level_word(level))),
            (_, _, Some(level)) => (Some(false), format!("its level is {}: only high and critical page", level_word(level))),
            (_, _, None) => (None, "it has no level: the severity is that of what it saw; high and critical page".to_owned()),
        };
        Verdict { yes, why }
    }
}

/// A level as rules write it.
fn level_word(level: Level) -> String {
    format!("{level:?}").to_lowercase()
}

fn hex(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn logsource_of(rule: &Rule) -> Option<String> {
    let Body::Detection(detection) = &rule.body else { return None };
    let LogSource { category, product, service } = &detection.logsource;
    let named = [("product", product), ("service", service), ("category", category)];
    Some(named.iter().filter_map(|(name, value)| value.as_ref().map(|v| format!("{name} {v}"))).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
