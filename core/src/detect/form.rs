//! What the rules of one form compile to: two plans, the rules, their index.
//!
//! Owns which fields are read when. The first plan is read of every event: what conditions test, time, account, Region, and
//! of findings what makes a revision. The second is read of events that matched: ids, group keys, quantities, facts.

use super::compile::{Compiler, Refusal, Regexes, without_raised, witnesses};
use super::identity::FindingSlots;
use super::index::{Index, Necessary, necessary};
use super::matcher::Node;
use super::plan::{Plan, TooManySlots};
use super::quantity::{Feed, KeyPlan, Measure};
use crate::decode::Hints;
use crate::event::{Fact, Form, GenericSource, Slot, Source};
use crate::normalize;
use crate::rule::{Body, Correlation, CorrelationKind, DetectionRule, Expr, Level, RuleSet};
use std::collections::BTreeSet;

/// Fields with few different values: a condition on another field wakes a rule more rarely.
const COMMON_FIELDS: [&str; 29] = [
    "eventSource",
    "api.service.name",
    "eventVersion",
    "eventType",
    "eventCategory",
    "awsRegion",
    "region",
    "cloud.region",
    "recipientAccountId",
    "accountId",
    "account-id",
    "account_id",
    "cloud.account.uid",
    "userIdentity.type",
    "actor.user.type",
    "action",
    "protocol",
    "type",
    "log-status",
    "log_status",
    "verb",
    "tidegate.revision",
    "account.ou",
    "account.environment",
    "account.owner",
    "account.data_class",
    "src_endpoint.network.kind",
    "src_endpoint.network.name",
    "dst_endpoint.network.kind",
];

/// Everything compiled for units of one form.
#[derive(Debug)]
pub(super) struct FormRules {
    pub(super) source: Source,
    /// Allowed lateness of its events.
    pub(super) lateness_ms: i64,
    pub(super) matching: Plan,
    pub(super) evidence: Plan,
    pub(super) reserved: Reserved,
    pub(super) rules: Vec<FormRule>,
    pub(super) index: Index,
    pub(super) facts: Vec<(Fact, Slot)>,
}

/// One rule, compiled for one form.
#[derive(Debug)]
pub(super) struct FormRule {
    /// Number in the rule set.
    pub(super) rule: u32,
    /// The condition.
    pub(super) node: Node,
    /// Where its detections go.
    pub(super) feeds: Vec<Feed>,
    /// Severity 1-5 by the rule's level.
    pub(super) severity: Option<u8>,
    /// Its necessary condition in words, if it has one.
    pub(super) condition: Option<String>,
    /// Its events are no matches: see [`crate::event::DetectionFlags::witness`].
    pub(super) witness: bool,
}

/// The slots of the names the detector itself reads.
#[derive(Debug)]
pub(super) struct Reserved {
    pub(super) time: Slot,
    pub(super) arrival: Option<Slot>,
    pub(super) account: Slot,
    pub(super) region: Slot,
    pub(super) finding: Option<FindingSlots>,
    /// In the second plan.
    pub(super) content_id: Slot,
}

/// A rule that this form cannot match, and why.
pub(super) type Refused = (u32, Refusal);

impl FormRules {
    /// Compiles all rules that admit the form's source. `regexes` is shared by all forms.
    pub(super) fn new(form: Form, set: &RuleSet, hints: &Hints, regexes: &mut Regexes) -> (Self, Vec<Refused>) {
        let generic = &hints.generic[..];
        let mut building = Building::new(form, generic);
        let mut refused = Vec::new();
        for (number, rule) in (0u32..).zip(&set.rules) {
            let Body::Detection(detection) = &rule.body else { continue };
            if !form.source().admitted_by(&detection.logsource, generic) {
                continue;
            }
            match building.rule(number, detection, set, regexes) {
                Ok(compiled) => building.rules.extend(compiled),
                Err(refusal) => refused.push((number, refusal)),
            }
        }
        (building.finish(form, hints.lateness.ms(form.source())), refused)
    }
}

struct Building {
    matching: Plan,
    evidence: Plan,
    reserved: Reserved,
    facts: Vec<(Fact, Slot)>,
    rules: Vec<FormRule>,
}

impl Building {
    /// The names the detector itself reads come first, so that rules can never leave it without them.
    fn new(form: Form, generic: &[GenericSource]) -> Self {
        let (mut matching, mut evidence) = (Plan::new(form), Plan::new(form));
        let made = Reserved::new(form, generic, &mut matching, &mut evidence).and_then(|reserved| {
            let place = |(fact, places)| evidence.place(places).map(|slot| (fact, slot));
            let facts = normalize::facts(form).into_iter().map(place).collect::<Result<_, _>>()?;
            Ok((reserved, facts))
        });
        let Ok((reserved, facts)) = made else { unreachable!("the detector's own fields are far fewer than slots") };
        Building { matching, evidence, reserved, facts, rules: Vec::new() }
    }

    /// The rule; after it, if it asks whether the severity of a finding rose, its witnesses.
    fn rule(&mut self, number: u32, rule: &DetectionRule, set: &RuleSet, regexes: &mut Regexes) -> Result<Vec<FormRule>, Refusal> {
        let (condition, raised) = without_raised(&rule.condition);
        if !raised {
            return Ok(vec![self.compile(number, &condition, set, regexes)?]);
        }
        if self.reserved.finding.is_none() {
            return Ok(Vec::new());
        }
        let witness = FormRule { witness: true, ..self.compile(number, &witnesses(&condition), set, regexes)? };
        Ok(vec![self.compile(number, &condition, set, regexes)?, witness])
    }

    fn compile(&mut self, number: u32, condition: &Expr, set: &RuleSet, regexes: &mut Regexes) -> Result<FormRule, Refusal> {
        let node = Compiler { plan: &mut self.matching, regexes }.node(condition)?;
        let feeds = feeds(number, set, &mut self.evidence)?;
        let severity = set.rule(number).meta.level.map(level_severity);
        Ok(FormRule { rule: number, node, feeds, severity, condition: None, witness: false })
    }

    fn finish(mut self, form: Form, lateness_ms: i64) -> FormRules {
        let common: BTreeSet<Slot> = COMMON_FIELDS.iter().filter_map(|name| self.matching.known_slot(name)).collect();
        let is_common = |slot: Slot| common.contains(&slot);
        let conditions: Vec<Option<Necessary>> = self.rules.iter().map(|rule| necessary(&rule.node, &is_common)).collect();
        for (rule, condition) in self.rules.iter_mut().zip(&conditions) {
            rule.condition = condition.as_ref().map(|condition| condition.in_words(&|slot| self.matching.name_of(slot)));
        }
        FormRules {
            source: form.source(),
            lateness_ms,
            matching: self.matching,
            evidence: self.evidence,
            reserved: self.reserved,
            index: Index::new(&conditions),
            rules: self.rules,
            facts: self.facts,
        }
    }
}

impl Reserved {
    fn new(form: Form, generic: &[GenericSource], matching: &mut Plan, evidence: &mut Plan) -> Result<Self, TooManySlots> {
        let stated = match form {
            Form::Generic(n) => generic.get(usize::from(n)),
            _ => None,
        };
        let time = stated.map_or("tidegate.time", |s| &s.time_field);
        let finding = match form.source() {
            Source::GuardDuty | Source::SecurityHub => Some(finding_slots(matching)?),
            _ => None,
        };
        Ok(Reserved {
            time: matching.slot(time)?,
            arrival: stated.and_then(|s| s.arrival_field.as_deref()).map(|name| matching.slot(name)).transpose()?,
            account: matching.slot("cloud.account.uid")?,
            region: matching.slot("cloud.region")?,
            finding,
            content_id: evidence.slot("tidegate.content_id")?,
        })
    }
}

fn finding_slots(plan: &mut Plan) -> Result<FindingSlots, TooManySlots> {
    Ok(FindingSlots {
        arn: plan.slot("tidegate.finding.arn")?,
        updated: plan.slot("tidegate.finding.updated")?,
        created: plan.slot("tidegate.finding.created")?,
        count: plan.slot("tidegate.finding.count")?,
        severity: plan.slot("tidegate.finding.severity")?,
        archived: plan.slot("tidegate.finding.archived")?,
        sample: plan.slot("tidegate.finding.sample")?,
    })
}

/// Everything a rule's match feeds, in order: its own alert first, then the correlations that refer to it.
fn feeds(rule: u32, set: &RuleSet, plan: &mut Plan) -> Result<Vec<Feed>, TooManySlots> {
    let mut feeds = Vec::new();
    if set.rule(rule).alerts {
        feeds.push(Feed { target: rule, step: 0, key: KeyPlan::Own, measure: Measure::None });
    }
    for (target, other) in (0u32..).zip(&set.rules) {
        let Body::Correlation(correlation) = &other.body else { continue };
        for (step, _) in (0u16..).zip(&correlation.rules).filter(|(_, referred)| **referred == rule) {
            feeds.push(feed(target, step, rule, correlation, plan)?);
        }
    }
    Ok(feeds)
}

fn feed(target: u32, step: u16, rule: u32, correlation: &Correlation, plan: &mut Plan) -> Result<Feed, TooManySlots> {
    let mut slot = |name: &String| plan.slot(aliased(name, rule, correlation));
    let key = correlation.group_by.iter().map(&mut slot).collect::<Result<_, _>>()?;
    let measure = match &correlation.kind {
        CorrelationKind::ValueCount(fields, _) => Measure::Distinct(fields.iter().map(&mut slot).collect::<Result<_, _>>()?),
        CorrelationKind::ValueSum(field, _) | CorrelationKind::ValueAvg(field, _) | CorrelationKind::ValuePercentile(field, _, _) => {
            Measure::Number(slot(field)?)
        }
        CorrelationKind::EventCount(_) | CorrelationKind::Temporal(_) | CorrelationKind::TemporalOrdered(_) => Measure::None,
    };
    Ok(Feed { target, step, key: KeyPlan::Fields(key), measure })
}

/// What an alias means in this rule's events. A name that is no alias here means itself.
fn aliased<'c>(name: &'c String, rule: u32, correlation: &'c Correlation) -> &'c str {
    correlation.aliases.get(name).and_then(|of| of.get(&rule)).unwrap_or(name)
}

fn level_severity(level: Level) -> u8 {
    match level {
        Level::Informational => 1,
        Level::Low => 2,
        Level::Medium => 3,
        Level::High => 4,
        Level::Critical => 5,
    }
}
