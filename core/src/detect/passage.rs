//! One event's passage through the detector: filled, judged, matched, keyed.
//!
//! Owns the order of work and what detections carry. The second plan is read only if a rule matched; facts are built once per
//! event and shared by its detections. Never drops a match silently: what has no key is counted with its target.

use super::form::{FormRule, FormRules};
use super::identity::{Finding, Moment, Stamp, content_id, flags, time_at};
use super::matcher::View;
use super::plan::{LEAVES, Plan};
use super::quantity::{Feed, KeyPlan, keys};
use super::scratch::{FormSlots, Work};
use crate::decode::vpcflow::Flow;
use crate::decode::{DecodeError, Unit};
use crate::enrich::Tables;
use crate::event::{Detection, Facts, GroupKey, Quantity, Slots, Source, Value};
use crate::normalize;
use smallvec::{SmallVec, smallvec};
use std::sync::Arc;

/// Severity where neither the rule nor a finding says one: medium.
const SEVERITY_DEFAULT: u8 = 3;

/// What is said of every event, matched or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The service it is from.
    pub source: Source,
    /// The account it is about.
    pub account: Option<Arc<str>>,
    /// The Region it is from.
    pub region: Option<Arc<str>>,
    /// Event time in epoch milliseconds, clamped where `clock_skew`.
    pub time_ms: i64,
    /// Arrival in epoch milliseconds.
    pub arrival_ms: i64,
    /// Late by its source's lateness.
    pub late: bool,
    /// Its time was later than arrival + 5 min.
    pub clock_skew: bool,
    /// How many rules matched.
    pub matched: u32,
    /// How many detections had no group key or no quantity; [`super::Scratch::without_key`] has their targets.
    pub without_key: u32,
}

/// One event on its way.
pub(super) struct Passage<'d, 'u, 'a> {
    form: &'d FormRules,
    tables: &'a Tables,
    unit: &'u Unit<'a>,
    flow: Option<&'u Flow<'u, 'a>>,
    at: &'u Stamp,
    moment: Moment,
    finding: Option<Finding>,
    account: Option<Arc<str>>,
    region: Option<Arc<str>>,
}

impl<'d, 'u, 'a> Passage<'d, 'u, 'a> {
    /// Takes one event from its bytes to its detections.
    pub(super) fn run(
        (form, tables): (&'d FormRules, &'a Tables),
        unit: &'u Unit<'a>,
        flow: Option<&'u Flow<'u, 'a>>,
        at: &'u Stamp,
        slots: &mut FormSlots<'a>,
        work: &mut Work,
        out: &mut Vec<Detection>,
    ) -> Result<Seen, DecodeError> {
        let passage = Passage::begin((form, tables), unit, flow, at, &mut slots.matching, work)?;
        passage.matching(slots, work);
        if !work.matched.is_empty() {
            passage.detections(slots, work, out)?;
        }
        Ok(passage.seen(work))
    }

    /// Reads what every event is read for, and judges its time.
    pub(super) fn begin(
        (form, tables): (&'d FormRules, &'a Tables),
        unit: &'u Unit<'a>,
        flow: Option<&'u Flow<'u, 'a>>,
        at: &'u Stamp,
        slots: &mut Slots<'a>,
        work: &mut Work,
    ) -> Result<Self, DecodeError> {
        let reserved = &form.reserved;
        form.matching.fill(unit, flow, slots)?;
        let arrival_ms = reserved.arrival.and_then(|slot| time_at(slots, slot)).or(at.arrival_ms);
        let moment = Moment::judge(time_at(slots, reserved.time), arrival_ms, form.lateness_ms).ok_or_else(Moment::missing)?;
        let finding = reserved.finding.and_then(|finding| finding.read(slots, moment.time_ms));
        if let Some(finding) = &finding {
            slots.put(Plan::revision_target(), Value::Text(finding.publication().into()));
        }
        form.matching.enrich(tables, moment.time_ms, slots);
        let account = slots.text(reserved.account).map(|text| work.names.intern(&text));
        let region = slots.text(reserved.region).map(|text| work.names.intern(&text));
        Ok(Passage { form, tables, unit, flow, at, moment, finding, account, region })
    }

    /// Notes the rules that match, in order.
    fn matching(&self, slots: &FormSlots<'a>, work: &mut Work) {
        let rules = &self.form.rules;
        let mut view = View { slots: &slots.matching, texts: &mut work.texts, leaves: LEAVES, text: self.unit.text, flow: self.flow };
        self.form.index.wake(&mut view, rules.len(), &mut work.woken);
        let woken = work.woken.rules().iter().copied();
        let Some(counter) = &mut work.counter else {
            return work.matched.extend(woken.filter(|rule| rules[*rule as usize].node.holds(&mut view)));
        };
        let clock = counter.event(self.unit.form);
        for at in woken {
            let (rule, started) = (&rules[at as usize], clock.map(|clock| clock()));
            let holds = rule.node.holds(&mut view);
            let took = clock.zip(started).map(|(clock, started)| clock().saturating_sub(started));
            counter.note(rule.rule, holds && !rule.witness, took);
            work.matched.extend(holds.then_some(at));
        }
    }

    /// Appends the detections of all rules that matched.
    pub(super) fn detections(&self, slots: &mut FormSlots<'a>, work: &mut Work, out: &mut Vec<Detection>) -> Result<(), DecodeError> {
        self.form.evidence.fill(self.unit, self.flow, &mut slots.evidence)?;
        self.form.evidence.enrich(self.tables, self.moment.time_ms, &mut slots.evidence);
        let base = self.base(slots);
        for rule in &work.matched {
            let rule = &self.form.rules[*rule as usize];
            for feed in &rule.feeds {
                let Some((keys, quantity)) = self.measured(feed, slots, &base) else {
                    // A witness without a key says nothing of any key: it was no match that could be missed.
                    work.without_key.extend((!rule.witness).then_some(feed.target));
                    continue;
                };
                out.extend(keys.into_iter().map(|key| self.addressed(&base, rule, feed, key, quantity)));
            }
        }
        Ok(())
    }

    /// What all detections of the event share.
    fn base(&self, slots: &FormSlots<'a>) -> Detection {
        let own = slots.evidence.text(self.form.reserved.content_id);
        let finding = self.finding.as_ref();
        let (id, position_id) = content_id(self.unit, self.form.source, finding, own.as_deref(), &self.at.position);
        Detection {
            target: 0,
            rule: 0,
            step: 0,
            source: self.form.source,
            key: GroupKey::default(),
            time_ms: self.moment.time_ms,
            arrival_ms: self.moment.arrival_ms,
            id,
            flags: flags(&self.moment, finding, position_id),
            account: self.account.clone().unwrap_or_default(),
            quantity: Quantity::None,
            revision: finding.map(|f| f.revision),
            position: self.at.position.clone(),
            severity: finding.and_then(|f| f.severity).unwrap_or(SEVERITY_DEFAULT),
            facts: Arc::new(self.facts(slots)),
        }
    }

    fn facts(&self, slots: &FormSlots<'a>) -> Facts {
        let mut facts = Facts::default();
        for (fact, slot) in &self.form.facts {
            for value in slots.evidence.get(*slot) {
                value.with_text(&mut |text| facts.push(*fact, text));
            }
        }
        if self.finding.is_some() {
            facts.extend(normalize::sequence_facts(self.unit.text, self.unit.form));
        }
        self.tables.note(self.moment.time_ms, &mut facts);
        facts.set_body(self.unit.text);
        facts
    }

    /// The keys and the quantity for one target; `None` if the event does not count for it.
    fn measured(&self, feed: &Feed, slots: &FormSlots<'a>, base: &Detection) -> Option<(SmallVec<[GroupKey; 1]>, Quantity)> {
        let keys = match &feed.key {
            KeyPlan::Fields(fields) => keys(fields, &slots.evidence),
            KeyPlan::Own => smallvec![self.own_key(base)],
        };
        let quantity = feed.measure.of(&slots.evidence)?;
        (!keys.is_empty()).then_some((keys, quantity))
    }

    /// The key of an alert of its own: the finding's ARN, or the event's id.
    fn own_key(&self, base: &Detection) -> GroupKey {
        match &self.finding {
            Some(finding) => GroupKey::new([&finding.arn]),
            None => GroupKey::new([format!("{:032x}", base.id.0)]),
        }
    }

    fn addressed(&self, base: &Detection, rule: &FormRule, feed: &Feed, key: GroupKey, quantity: Quantity) -> Detection {
        let mut detection = base.clone();
        (detection.target, detection.rule, detection.step) = (feed.target, rule.rule, feed.step);
        (detection.key, detection.quantity) = (key, quantity);
        detection.severity = rule.severity.unwrap_or(base.severity);
        if rule.witness {
            (detection.flags.witness, detection.facts) = (true, Arc::default());
        }
        detection
    }

    /// What is said of every event.
    pub(super) fn seen(self, work: &Work) -> Seen {
        Seen {
            source: self.form.source,
            account: self.account,
            region: self.region,
            time_ms: self.moment.time_ms,
            arrival_ms: self.moment.arrival_ms,
            late: self.moment.late,
            clock_skew: self.moment.clock_skew,
            matched: work.matched.iter().filter(|rule| !self.form.rules[**rule as usize].witness).count() as u32,
            without_key: work.without_key.len() as u32,
        }
    }
}
