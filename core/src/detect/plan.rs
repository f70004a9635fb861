//! The slot plan: which places of a form are read, and the slots they fill.
//!
//! Owns the step from names to slots: each wanted name becomes a slot once, names that mean the same places share it, and
//! derived values get hidden slots for their inputs. What a table fills is asked for only if a name wants it, in one look-up for
//! all names about the same thing, and only where the source itself says nothing. Never reads bytes itself; knows no rule.
//! Limit: [`SLOTS_MAX`] slots per plan, two of which are set aside (the leaves, the revision).

use crate::decode::vpcflow::Flow;
use crate::decode::{DecodeError, Unit, json};
use crate::enrich::{self, Field, Subject, Tables};
use crate::event::flow::Column;
use crate::event::slots::{SLOTS_MAX, Target};
use crate::event::{Form, PathTree, Slot, Slots, Value};
use crate::normalize::{self, ContextField, Function, Lookup};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// The name of the pseudo-field that tells a finding's first publication from a later one.
pub(super) const REVISION_FIELD: &str = "tidegate.revision";

/// The pseudo-slot of all leaves of an event. No value stands in it.
pub(super) const LEAVES: Slot = Slot(0);

/// The slot of [`REVISION_FIELD`], filled by the detector.
const REVISION: Slot = Slot(1);

/// More slots were asked for than a form may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooManySlots;

/// What is read of units of one form, in one pass.
#[derive(Debug)]
pub(super) struct Plan {
    form: Form,
    tree: PathTree,
    columns: Vec<(Column, Target)>,
    derived: Vec<Derived>,
    enriched: Vec<Enriched>,
    context: Vec<(ContextField, Target)>,
    names: BTreeMap<String, Slot>,
    places: BTreeMap<Vec<Lookup>, Slot>,
    inputs: BTreeMap<Vec<Box<str>>, Slot>,
    slots: u16,
}

#[derive(Debug)]
struct Derived {
    function: Function,
    inputs: Vec<Slot>,
    target: Target,
}

/// One question to the tables, and who wants what of the answer.
#[derive(Debug)]
struct Enriched {
    subject: Subject,
    inputs: Vec<Slot>,
    wanted: Vec<(enrich::Part, Target)>,
}

impl Plan {
    /// A plan that reads nothing.
    pub(super) fn new(form: Form) -> Self {
        Plan {
            form,
            tree: PathTree::default(),
            columns: Vec::new(),
            derived: Vec::new(),
            enriched: Vec::new(),
            context: Vec::new(),
            names: BTreeMap::new(),
            places: BTreeMap::new(),
            inputs: BTreeMap::new(),
            slots: 2,
        }
    }

    /// Where the detector puts the value of [`REVISION_FIELD`].
    pub(super) fn revision_target() -> Target {
        Target { slot: REVISION, rank: 0 }
    }

    /// How many slots an event needs.
    pub(super) fn slots(&self) -> usize {
        usize::from(self.slots)
    }

    /// The slot of a field name.
    pub(super) fn slot(&mut self, name: &str) -> Result<Slot, TooManySlots> {
        if name == REVISION_FIELD {
            return Ok(REVISION);
        }
        if let Some(slot) = self.names.get(name) {
            return Ok(*slot);
        }
        let places = normalize::resolve(self.form, name);
        let slot = match enrich::field(name) {
            None => self.place(places)?,
            Some(field) => self.enriched(places, field)?,
        };
        self.names.insert(name.to_owned(), slot);
        Ok(slot)
    }

    /// The slot of a field name, if it has one.
    pub(super) fn known_slot(&self, name: &str) -> Option<Slot> {
        if name == REVISION_FIELD { Some(REVISION) } else { self.names.get(name).copied() }
    }

    /// The first of the names of a slot, for people.
    pub(super) fn name_of(&self, slot: Slot) -> &str {
        match slot {
            LEAVES => "any value",
            REVISION => REVISION_FIELD,
            slot => self.names.iter().find(|(_, s)| **s == slot).map_or("a field", |(name, _)| name),
        }
    }

    /// The slot of some places, best first.
    pub(super) fn place(&mut self, lookups: Vec<Lookup>) -> Result<Slot, TooManySlots> {
        if let Some(slot) = self.places.get(&lookups) {
            return Ok(*slot);
        }
        let slot = self.fresh()?;
        self.fill_from(&lookups, slot)?;
        self.places.insert(lookups, slot);
        Ok(slot)
    }

    /// Fills a slot from places, best first; gives the rank behind theirs.
    fn fill_from(&mut self, lookups: &[Lookup], slot: Slot) -> Result<u8, TooManySlots> {
        let bounded = |rank: usize| rank.min(usize::from(u8::MAX) - 2) as u8;
        for (rank, lookup) in lookups.iter().enumerate() {
            self.add(lookup, Target { slot, rank: bounded(rank) })?;
        }
        Ok(bounded(lookups.len()))
    }

    /// The slot of what a table fills where none of these places holds anything. Shared with no other name: two may have no place.
    fn enriched(&mut self, places: Vec<Lookup>, field: Field) -> Result<Slot, TooManySlots> {
        let slot = self.fresh()?;
        let rank = self.fill_from(&places, slot)?;
        let inputs = field.subject.inputs().iter().map(|name| self.slot(name)).collect::<Result<_, _>>()?;
        let wanted = (field.part, Target { slot, rank });
        match self.enriched.iter_mut().find(|e| e.subject == field.subject) {
            Some(question) => question.wanted.push(wanted),
            None => self.enriched.push(Enriched { subject: field.subject, inputs, wanted: vec![wanted] }),
        }
        Ok(slot)
    }

    fn fresh(&mut self) -> Result<Slot, TooManySlots> {
        if self.slots() >= SLOTS_MAX {
            return Err(TooManySlots);
        }
        self.slots += 1;
        Ok(Slot(self.slots - 1))
    }

    fn add(&mut self, lookup: &Lookup, target: Target) -> Result<(), TooManySlots> {
        match lookup {
            Lookup::Path(keys) => self.add_path(keys, target),
            Lookup::Column(column) => self.columns.push((*column, target)),
            Lookup::Context(field) => self.context.push((*field, target)),
            Lookup::Derived(function, paths) => {
                let inputs = paths.iter().map(|path| self.input(path)).collect::<Result<_, _>>()?;
                self.derived.push(Derived { function: *function, inputs, target });
            }
        }
        Ok(())
    }

    /// A path as nested keys, and as the one dotted key that flattened JSON has.
    fn add_path(&mut self, keys: &[Box<str>], target: Target) {
        self.tree.add(keys, target);
        if keys.len() > 1 {
            self.tree.add([keys.join(".")], target);
        }
    }

    /// The hidden slot of a function's input: a path, or of flows the column of that name.
    fn input(&mut self, path: &[Box<str>]) -> Result<Slot, TooManySlots> {
        if let Some(slot) = self.inputs.get(path) {
            return Ok(*slot);
        }
        let slot = self.fresh()?;
        let target = Target { slot, rank: 0 };
        match self.column_named(path) {
            Some(column) => self.columns.push((column, target)),
            None => self.add_path(path, target),
        }
        self.inputs.insert(path.to_vec(), slot);
        Ok(slot)
    }

    fn column_named(&self, path: &[Box<str>]) -> Option<Column> {
        match (self.form, path) {
            (Form::VpcFlow | Form::TransitGatewayFlow, [name]) => Column::from_name(name),
            _ => None,
        }
    }

    /// Fills the slots from a unit. They must be empty and as many as [`Plan::slots`].
    pub(super) fn fill<'a>(&self, unit: &Unit<'a>, flow: Option<&Flow<'_, 'a>>, slots: &mut Slots<'a>) -> Result<(), DecodeError> {
        match flow {
            Some(flow) => self.fill_columns(flow, slots),
            None => json::fill(unit.text, &self.tree, slots)?,
        }
        for (field, target) in &self.context {
            if let Some(value) = context_value(unit, *field) {
                slots.put(*target, value);
            }
        }
        for derived in &self.derived {
            let inputs: Vec<&[Value<'a>]> = derived.inputs.iter().map(|slot| slots.get(*slot)).collect();
            let values = normalize::derive(derived.function, &inputs);
            values.into_iter().for_each(|value| slots.put(derived.target, value));
        }
        Ok(())
    }

    /// Asks the tables, after [`Plan::fill`]. `time_ms` is the event's own time: by it intelligence is in force or not.
    pub(super) fn enrich<'a>(&self, tables: &'a Tables, time_ms: i64, slots: &mut Slots<'a>) {
        if tables.is_empty() {
            return;
        }
        for question in &self.enriched {
            let is_open = |(_, target): &&(enrich::Part, Target)| slots.get(target.slot).iter().all(|value| *value == Value::Null);
            let wanted: SmallVec<[_; 4]> = question.wanted.iter().filter(is_open).collect();
            if wanted.is_empty() {
                continue;
            }
            let mut found: SmallVec<[(Target, Value<'a>); 4]> = SmallVec::new();
            for value in question.inputs.iter().flat_map(|slot| slots.get(*slot)) {
                let answer = tables.ask(question.subject, value, time_ms);
                wanted.iter().for_each(|(part, target)| answer.each(part, &mut |said| found.push((*target, said))));
            }
            found.into_iter().for_each(|(target, said)| put_once(slots, target, said));
        }
    }

    fn fill_columns<'a>(&self, flow: &Flow<'_, 'a>, slots: &mut Slots<'a>) {
        for (column, target) in &self.columns {
            if let Some(value) = flow.get(*column) {
                slots.put(*target, value);
            }
        }
    }
}

/// Several values of an event may get the same answer.
fn put_once<'a>(slots: &mut Slots<'a>, target: Target, value: Value<'a>) {
    if !slots.get(target.slot).contains(&value) {
        slots.put(target, value);
    }
}

fn context_value<'a>(unit: &Unit<'a>, field: ContextField) -> Option<Value<'a>> {
    let context = unit.context;
    let text = match field {
        ContextField::Account => &context.account,
        ContextField::Region => &context.region,
        ContextField::DetailType => &context.detail_type,
        ContextField::LogEventId => &context.log_event_id,
        ContextField::Time => return context.log_event_ms.or(context.envelope_ms).map(Value::Int),
    };
    text.as_deref().map(|text| Value::Text(text.into()))
}
