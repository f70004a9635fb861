//! Evaluates lookups on a text: the plan that `detect` builds, in its simplest form.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use tidegate_core::decode::json;
use tidegate_core::event::slots::{PathTree, Slot, Slots, Target, Values};
use tidegate_core::event::time::{format_rfc3339, parse_any_ms};
use tidegate_core::event::{Fact, Form, Value};
use tidegate_core::normalize::{self, Lookup};

/// One rendering of a finding.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    pub(crate) text: String,
}

impl Shape {
    pub(crate) fn native(finding: &serde_json::Value) -> Shape {
        Shape { name: "native", form: Form::GuardDuty, text: finding.to_string() }
    }

    /// The values of a name as texts. Times are brought to one spelling, so that they can be compared.
    pub(crate) fn read(&self, name: &str) -> Vec<String> {
        let texts = evaluate(&self.text, &normalize::resolve(self.form, name));
        let is_time = ["time", "created", "updated", "createdAt", "updatedAt", "first_seen", "last_seen"];
        match is_time.iter().any(|t| name.ends_with(t) || name.ends_with("time_dt")) {
            true => texts.iter().filter_map(|t| parse_any_ms(t)).map(format_rfc3339).collect(),
            false => texts,
        }
    }

    /// All facts of a kind.
    pub(crate) fn facts(&self, kind: Fact) -> Vec<String> {
        let facts = facts_of(self.form);
        let of_kind = facts.iter().filter(|(fact, _)| *fact == kind);
        let mut seen = BTreeSet::new();
        of_kind.flat_map(|(_, lookups)| evaluate(&self.text, lookups)).filter(|t| seen.insert(t.clone())).collect()
    }
}

thread_local! {
    /// One plan per form and name: thousands of findings are read with the same few hundred.
    static PLANS: RefCell<BTreeMap<Vec<Lookup>, Rc<Plan>>> = const { RefCell::new(BTreeMap::new()) };
    static FACTS: RefCell<BTreeMap<Form, Rc<Facts>>> = const { RefCell::new(BTreeMap::new()) };
}

type Facts = Vec<(Fact, Vec<Lookup>)>;

fn facts_of(form: Form) -> Rc<Facts> {
    FACTS.with_borrow_mut(|facts| Rc::clone(facts.entry(form).or_insert_with(|| Rc::new(normalize::facts(form)))))
}

/// The first lookup that finds something gives the values. Empty texts are nothing.
fn evaluate(text: &str, lookups: &[Lookup]) -> Vec<String> {
    let fresh = || Rc::new(Plan::new(lookups));
    let plan = PLANS.with_borrow_mut(|plans| Rc::clone(plans.entry(lookups.to_vec()).or_insert_with(fresh)));
    let mut slots = Slots::new(usize::from(plan.slots));
    json::fill(text, &plan.tree, &mut slots).expect("rendered JSON");
    plan.steps.iter().map(|step| step.texts(&slots)).find(|texts| !texts.is_empty()).unwrap_or_default()
}

#[derive(Default)]
struct Plan {
    tree: PathTree,
    slots: u16,
    steps: Vec<Step>,
}

struct Step {
    function: Option<normalize::Function>,
    inputs: Vec<Slot>,
}

impl Plan {
    fn new(lookups: &[Lookup]) -> Plan {
        let mut plan = Plan::default();
        for lookup in lookups {
            let step = match lookup {
                Lookup::Path(keys) => Step { function: None, inputs: vec![plan.slot(keys)] },
                Lookup::Derived(function, paths) => {
                    Step { function: Some(*function), inputs: paths.iter().map(|path| plan.slot(path)).collect() }
                }
                Lookup::Column(_) | Lookup::Context(_) => continue,
            };
            plan.steps.push(step);
        }
        plan
    }

    fn slot(&mut self, keys: &[Box<str>]) -> Slot {
        let slot = Slot(self.slots);
        self.slots += 1;
        self.tree.add(keys, Target { slot, rank: 0 });
        slot
    }
}

impl Step {
    fn texts(&self, slots: &Slots<'_>) -> Vec<String> {
        let values: Vec<&[Value<'_>]> = self.inputs.iter().map(|slot| slots.get(*slot)).collect();
        let found: Values<'_> = match self.function {
            Some(function) => normalize::derive(function, &values),
            None => values.iter().flat_map(|v| v.iter().cloned()).collect(),
        };
        found.iter().filter_map(|v| v.text().map(|t| t.into_owned())).filter(|t| !t.is_empty()).collect()
    }
}
