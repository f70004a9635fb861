//! The public entry: one decoded unit in, its detections out.
//!
//! Owns the order of work for one event: fill, judge the time, wake, match, then key and measure what matched. Stateless: the
//! same unit gives the same detections for ever. Never drops an event silently: what has no key is counted per target.

use super::asked;
use super::compile::{Refusal, Regexes, without_raised};
use super::form::FormRules;
use super::identity::Stamp;
use super::passage::{Passage, Seen};
use super::scratch::Scratch;
use crate::decode::vpcflow::Flow;
use crate::decode::{DecodeError, ErrorCode, Hints, Unit};
use crate::enrich::Tables;
use crate::event::source::FORMS;
use crate::event::{Detection, Form};
use crate::rule::{Body, Place, Rule, RuleSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All detection rules of a set, compiled for all forms, and the tables that they and their events ask.
#[derive(Debug)]
pub struct Detector {
    set: Arc<RuleSet>,
    tables: Arc<Tables>,
    forms: BTreeMap<Form, FormRules>,
    raised: Vec<u32>,
}

/// What loading has to say about a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The rule's number.
    pub rule: u32,
    /// What about it.
    pub kind: WarningKind,
    /// Where the rule stands.
    pub place: Place,
    /// A lower-case sentence for the rule's author.
    pub text: String,
}

/// What a [`Warning`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WarningKind {
    /// The rule is left out: it can never match.
    LeftOut,
    /// No source that is read answers to its logsource.
    NoSource,
    /// It has no necessary condition: every event of its sources is tested against it.
    EveryEvent,
    /// It names a field that a table fills, and no such table is loaded.
    NoTable,
}

/// One rule's standing in the index of one form, for `rules cost`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cost {
    /// The form.
    pub form: Form,
    /// The necessary condition in words; `None`: every event wakes the rule.
    pub condition: Option<String>,
}

impl Detector {
    /// Compiles a rule set, without tables. Rules that cannot be compiled are left out with a warning.
    #[must_use]
    pub fn new(set: Arc<RuleSet>, hints: &Hints) -> (Self, Vec<Warning>) {
        Self::with_tables(set, hints, Arc::default())
    }

    /// Compiles a rule set that may ask tables.
    #[must_use]
    pub fn with_tables(set: Arc<RuleSet>, hints: &Hints, tables: Arc<Tables>) -> (Self, Vec<Warning>) {
        let generic = (0u16..).zip(&hints.generic).map(|(n, _)| Form::Generic(n));
        let mut regexes = Regexes::new();
        let (mut forms, mut refused) = (BTreeMap::new(), BTreeMap::new());
        for form in FORMS.into_iter().chain(generic) {
            let (rules, bad) = FormRules::new(form, &set, hints, &mut regexes);
            forms.insert(form, rules);
            refused.extend(bad);
        }
        let raised = raised_rules(&set);
        let detector = Detector { set, tables, forms, raised };
        let warnings = detector.warnings(&refused);
        (detector, warnings)
    }

    /// The rules it was made of.
    #[must_use]
    pub fn set(&self) -> &Arc<RuleSet> {
        &self.set
    }

    /// The tables it asks.
    #[must_use]
    pub fn tables(&self) -> &Arc<Tables> {
        &self.tables
    }

    /// Whether any rule can match units of this form.
    #[must_use]
    pub fn wants(&self, form: Form) -> bool {
        self.forms.get(&form).is_some_and(|f| !f.rules.is_empty())
    }

    /// Whether a rule asks for `tidegate.revision: severity_raised`. Its detections are those of all revisions (as witnesses where
    /// the rest of its condition does not hold); whether an earlier one was less severe is for their holder to judge.
    #[must_use]
    pub fn must_be_raised(&self, rule: u32) -> bool {
        self.raised.binary_search(&rule).is_ok()
    }

    /// How each form's events wake a rule.
    #[must_use]
    pub fn cost(&self, rule: u32) -> Vec<Cost> {
        let of = |(form, rules): (&Form, &FormRules)| {
            let found = rules.rules.iter().find(|r| r.rule == rule)?;
            Some(Cost { form: *form, condition: found.condition.clone() })
        };
        self.forms.iter().filter_map(of).collect()
    }

    fn warnings(&self, refused: &BTreeMap<u32, Refusal>) -> Vec<Warning> {
        let mut out = Vec::new();
        for (number, rule) in (0u32..).zip(&self.set.rules) {
            out.extend(self.without_table(number, rule));
            if !matches!(rule.body, Body::Detection(_)) {
                continue;
            }
            let cost = self.cost(number);
            let (kind, text) = match refused.get(&number) {
                Some(refusal) => (WarningKind::LeftOut, refusal_text(refusal)),
                None if cost.is_empty() => (WarningKind::NoSource, NO_SOURCE.to_owned()),
                None if !self.must_be_raised(number) && cost.iter().any(|c| c.condition.is_none()) => {
                    (WarningKind::EveryEvent, EVERY_EVENT.to_owned())
                }
                None => continue,
            };
            out.push(Warning { rule: number, kind, place: rule.meta.place.clone(), text });
        }
        out
    }

    fn without_table(&self, number: u32, rule: &Rule) -> Option<Warning> {
        let names = asked::without_table(rule, &self.tables);
        let text = format!("it asks for {}: {NO_TABLE}", names.join(", "));
        let warning = Warning { rule: number, kind: WarningKind::NoTable, place: rule.meta.place.clone(), text };
        (!names.is_empty()).then_some(warning)
    }

    /// Matches one unit. Detections are appended in order of rule, then target (its own alert first), then step and key.
    ///
    /// # Errors
    /// The unit cannot be decoded, its form is not read, or it has no time and no arrival.
    pub fn detect<'a>(
        &'a self,
        unit: &Unit<'a>,
        flow: Option<&Flow<'_, 'a>>,
        scratch: &mut Scratch,
        at: &Stamp,
        out: &mut Vec<Detection>,
    ) -> Result<Seen, DecodeError> {
        scratch.clear();
        let Some(form) = self.forms.get(&unit.form) else {
            return Err(DecodeError::new(ErrorCode::UnknownShape, 0, "no source with this number was stated"));
        };
        let mut slots = scratch.take(unit.form, form);
        let seen = Passage::run((form, &self.tables), unit, flow, at, &mut slots, &mut scratch.work, out);
        scratch.give_back(unit.form, slots);
        seen
    }
}

const NO_SOURCE: &str = "no built-in source answers to its logsource: it sees only events of a stated one: check product and service, or replay with --format json";
const NO_TABLE: &str = "a table fills it and none that does is loaded, so it is absent: give the table where the rule runs";
const EVERY_EVENT: &str =
    "no value, prefix or text is required by it: every event of its sources is tested against it: require a literal value";

fn refusal_text(refusal: &Refusal) -> String {
    match refusal {
        Refusal::TooManySlots => "the rules name too many different fields of one source (limit 4,096): it is left out".to_owned(),
        Refusal::Regex(error) => format!("a regular expression cannot be used: {error}: it is left out"),
        Refusal::Raised => {
            "tidegate.revision: severity_raised must simply be required, not stand under not, or or a list: it is left out".to_owned()
        }
    }
}

/// The rules that ask for `tidegate.revision: severity_raised`, sorted.
#[must_use]
pub fn raised_rules(set: &RuleSet) -> Vec<u32> {
    let raised = |(number, rule): (u32, &Rule)| match &rule.body {
        Body::Detection(detection) => without_raised(&detection.condition).1.then_some(number),
        Body::Correlation(_) => None,
    };
    (0u32..).zip(&set.rules).filter_map(raised).collect()
}
