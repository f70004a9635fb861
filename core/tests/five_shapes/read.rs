//! Evaluates lookups on a text: the plan that `detect` builds, in its simplest form.

use std::collections::BTreeSet;
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
        let facts = normalize::facts(self.form);
        let of_kind = facts.iter().filter(|(fact, _)| *fact == kind);
        let mut seen = BTreeSet::new();
        of_kind.flat_map(|(_, lookups)| evaluate(&self.text, lookups)).filter(|t| seen.insert(t.clone())).collect()
    }
}

/// The first lookup that finds something gives the values. Empty texts are nothing.
pub(crate) fn evaluate(text: &str, lookups: &[Lookup]) -> Vec<String> {
    let mut tree = PathTree::default();
    let mut count = 0;
    let plans: Vec<(Option<normalize::Function>, Vec<Slot>)> = lookups
        .iter()
        .map(|lookup| match lookup {
            Lookup::Path(keys) => (None, vec![add(&mut tree, keys, &mut count)]),
            Lookup::Derived(function, paths) => (Some(*function), paths.iter().map(|p| add(&mut tree, p, &mut count)).collect()),
            Lookup::Column(_) | Lookup::Context(_) => (None, Vec::new()),
        })
        .collect();
    let mut slots = Slots::new(usize::from(count));
    json::fill(text, &tree, &mut slots).expect("rendered JSON");
    plans.iter().map(|(function, inputs)| of_plan(*function, inputs, &slots)).find(|texts| !texts.is_empty()).unwrap_or_default()
}

fn add(tree: &mut PathTree, keys: &[Box<str>], count: &mut u16) -> Slot {
    let slot = Slot(*count);
    *count += 1;
    tree.add(keys, Target { slot, rank: 0 });
    slot
}

fn of_plan(function: Option<normalize::Function>, inputs: &[Slot], slots: &Slots<'_>) -> Vec<String> {
    let values: Vec<&[Value<'_>]> = inputs.iter().map(|slot| slots.get(*slot)).collect();
    let found: Values<'_> = match function {
        Some(function) => normalize::derive(function, &values),
        None => values.iter().flat_map(|v| v.iter().cloned()).collect(),
    };
    found.iter().filter_map(|v| v.text().map(|t| t.into_owned())).filter(|t| !t.is_empty()).collect()
}
