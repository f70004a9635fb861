//! Why an event meets a condition or not: the same matcher, part by part.
//!
//! Owns the walk through a condition with the answer of every part and the values seen. It decides nothing of its own: each single
//! test is answered by the compiled matcher, `and`, `or` and `not` are put together from these answers, and the whole is compared
//! with the detector's in a property test. It is slow (a rule is compiled again for every event) and for people only.

use super::compile::{Compiler, Regexes, without_raised};
use super::form::FormRules;
use super::identity::Stamp;
use super::matcher::{Node, View};
use super::passage::{Passage, Seen};
use super::plan::{LEAVES, Plan};
use super::scratch::{FormSlots, Work};
use crate::decode::vpcflow::Flow;
use crate::decode::{DecodeError, Hints, Unit};
use crate::enrich::Tables;
use crate::event::{Detection, Form, Slot, Slots, Value};
use crate::rule::{Expr, RuleSet, Test};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Most values of a field that are told.
pub const VALUES_TOLD_MAX: usize = 20;

/// A part of a condition and its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Traced {
    /// Whether it holds.
    pub holds: bool,
    /// What it is.
    pub part: TracedPart,
}

/// What a traced part is.
#[derive(Debug, Clone, PartialEq)]
pub enum TracedPart {
    /// All of these.
    All(Vec<Traced>),
    /// One of these.
    Any(Vec<Traced>),
    /// Not this.
    Not(Box<Traced>),
    /// A field against a test.
    Field {
        /// Name in the rule.
        field: String,
        /// The test.
        test: Test,
        /// The values it was asked of, as texts; `null` for nulls. At most [`VALUES_TOLD_MAX`].
        seen: Vec<String>,
    },
    /// Any text of the event against a test.
    Keyword(Test),
}

/// What became of one event under one rule.
#[derive(Debug, Clone)]
pub struct Trace {
    /// What is said of every event.
    pub seen: Seen,
    /// The rule's logsource admits the event.
    pub admitted: bool,
    /// The index woke the rule.
    pub woken: bool,
    /// The rule matched.
    pub matched: bool,
    /// The parts asked for.
    pub parts: Vec<Traced>,
    /// What the match feeds, with its group keys.
    pub detections: Vec<Detection>,
    /// Correlations for which the event has no group key, or no value to measure.
    pub without_key: Vec<u32>,
}

impl Traced {
    /// The shape of a condition without an event: nothing holds, nothing was seen.
    #[must_use]
    pub fn unseen(expr: &Expr) -> Self {
        let all = |parts: &[Expr]| parts.iter().map(Traced::unseen).collect();
        let part = match expr {
            Expr::And(parts) => TracedPart::All(all(parts)),
            Expr::Or(parts) => TracedPart::Any(all(parts)),
            Expr::Not(part) => TracedPart::Not(Box::new(Traced::unseen(part))),
            Expr::Field { field, test } => TracedPart::Field { field: field.clone(), test: test.clone(), seen: Vec::new() },
            Expr::Keyword(test) => TracedPart::Keyword(test.clone()),
        };
        Traced { holds: false, part }
    }
}

/// Explains events. Holds every form compiled that it met.
#[derive(Debug)]
pub struct Tracer {
    set: Arc<RuleSet>,
    hints: Hints,
    tables: Arc<Tables>,
    regexes: Regexes,
    forms: BTreeMap<Form, FormRules>,
}

impl Tracer {
    /// For the rules of a set and the tables that they may ask.
    #[must_use]
    pub fn new(set: Arc<RuleSet>, hints: Hints, tables: Arc<Tables>) -> Self {
        Tracer { set, hints, tables, regexes: Regexes::new(), forms: BTreeMap::new() }
    }

    /// Looks at one event with a rule, and answers each of `parts` (conditions of any kind, mostly the rule's own).
    ///
    /// # Errors
    /// The unit cannot be decoded, or has no time and no arrival.
    pub fn trace(
        &mut self,
        rule: u32,
        parts: &[&Expr],
        unit: &Unit<'_>,
        flow: Option<&Flow<'_, '_>>,
        at: &Stamp,
    ) -> Result<Trace, DecodeError> {
        let Tracer { set, hints, tables, regexes, forms } = self;
        let form = forms.entry(unit.form).or_insert_with(|| FormRules::new(unit.form, set, hints, regexes).0);
        let mut compiler = Compiler { plan: &mut form.matching, regexes };
        let asked: Vec<Asked<'_>> = parts.iter().map(|expr| Asked::new(expr, &mut compiler)).collect();
        let number = (0u32..).zip(&form.rules).find(|(_, r)| r.rule == rule && !r.witness).map(|(n, _)| n);
        look((form, tables), number, &asked, unit, flow, at)
    }
}

fn look<'a>(
    (form, tables): (&FormRules, &'a Tables),
    number: Option<u32>,
    asked: &[Asked<'_>],
    unit: &Unit<'a>,
    flow: Option<&Flow<'_, 'a>>,
    at: &Stamp,
) -> Result<Trace, DecodeError> {
    let mut work = Work::default();
    let mut slots = FormSlots { matching: Slots::new(form.matching.slots()), evidence: Slots::new(form.evidence.slots()) };
    let passage = Passage::begin((form, tables), unit, flow, at, &mut slots.matching, &mut work)?;
    let mut view = View { slots: &slots.matching, texts: &mut work.texts, leaves: LEAVES, text: unit.text, flow };
    form.index.wake(&mut view, form.rules.len(), &mut work.woken);
    let woken = number.is_some_and(|number| work.woken.rules().contains(&number));
    let matched = number.filter(|number| woken && form.rules[*number as usize].node.holds(&mut view));
    let parts = asked.iter().map(|part| part.answer(&mut view)).collect();
    work.matched.extend(matched);
    let mut detections = Vec::new();
    if matched.is_some() {
        passage.detections(&mut slots, &mut work, &mut detections)?;
    }
    let seen = passage.seen(&work);
    Ok(Trace { seen, admitted: number.is_some(), woken, matched: matched.is_some(), parts, detections, without_key: work.without_key })
}

/// A condition that keeps its shape, each test compiled for itself.
enum Asked<'e> {
    All(Vec<Asked<'e>>),
    Any(Vec<Asked<'e>>),
    Not(Box<Asked<'e>>),
    /// `None`: it cannot be compiled; it holds nowhere, and its rule is left out.
    Leaf(&'e Expr, Option<(Node, Slot)>),
}

impl<'e> Asked<'e> {
    fn new(expr: &'e Expr, compiler: &mut Compiler<'_>) -> Self {
        match expr {
            Expr::And(parts) => Asked::All(parts.iter().map(|part| Asked::new(part, compiler)).collect()),
            Expr::Or(parts) => Asked::Any(parts.iter().map(|part| Asked::new(part, compiler)).collect()),
            Expr::Not(part) => Asked::Not(Box::new(Asked::new(part, compiler))),
            leaf => Asked::Leaf(leaf, compile(leaf, compiler)),
        }
    }

    fn answer(&self, view: &mut View<'_, '_>) -> Traced {
        let mut all = |parts: &[Asked<'_>]| parts.iter().map(|part| part.answer(view)).collect::<Vec<_>>();
        let (holds, part) = match self {
            Asked::All(parts) => {
                let parts = all(parts);
                (parts.iter().all(|p| p.holds), TracedPart::All(parts))
            }
            Asked::Any(parts) => {
                let parts = all(parts);
                (parts.iter().any(|p| p.holds), TracedPart::Any(parts))
            }
            Asked::Not(part) => {
                let part = part.answer(view);
                (!part.holds, TracedPart::Not(Box::new(part)))
            }
            Asked::Leaf(expr, compiled) => {
                let holds = compiled.as_ref().is_some_and(|(node, _)| node.holds(view));
                let mut part = Traced::unseen(expr).part;
                if let (TracedPart::Field { seen, .. }, Some((_, slot))) = (&mut part, compiled) {
                    *seen = view.slots.get(*slot).iter().take(VALUES_TOLD_MAX).map(told).collect();
                }
                (holds, part)
            }
        };
        Traced { holds, part }
    }
}

/// Whether an earlier revision was less severe is known where revisions are kept: here it only requires a finding.
fn compile(leaf: &Expr, compiler: &mut Compiler<'_>) -> Option<(Node, Slot)> {
    let node = compiler.node(&without_raised(leaf).0).ok()?;
    let slot = match leaf {
        Expr::Field { field, .. } => slot(compiler.plan, field)?,
        _ => LEAVES,
    };
    Some((node, slot))
}

fn slot(plan: &mut Plan, field: &str) -> Option<Slot> {
    plan.slot(field).ok()
}

fn told(value: &Value<'_>) -> String {
    value.text().map_or_else(|| "null".to_owned(), std::borrow::Cow::into_owned)
}
