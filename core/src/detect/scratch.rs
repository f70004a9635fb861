//! Memory that is reused from event to event.
//!
//! Owns buffers, never meaning: a fresh scratch gives the same detections. Limit: [`NAMES_MAX`] names are remembered.

use super::fold::Texts;
use super::form::FormRules;
use super::index::Woken;
use super::tally::{Counter, Tally};
use crate::event::{Form, Slots};
use std::collections::HashSet;
use std::sync::Arc;

/// Most names (accounts, Regions) kept for sharing; beyond them all are forgotten and learnt anew.
const NAMES_MAX: usize = 16_384;

/// What the detector needs while it works. One per thread, passed from event to event.
#[derive(Debug, Default)]
pub struct Scratch {
    forms: Vec<(Form, FormSlots<'static>)>,
    pub(super) work: Work,
}

/// The slots of both plans of a form.
#[derive(Debug)]
pub(super) struct FormSlots<'a> {
    pub(super) matching: Slots<'a>,
    pub(super) evidence: Slots<'a>,
}

/// What does not borrow from the record.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) texts: Texts,
    pub(super) woken: Woken,
    /// Rules (numbers within the form) that matched the event.
    pub(super) matched: Vec<u32>,
    /// Targets that got no detection for want of a key.
    pub(super) without_key: Vec<u32>,
    pub(super) names: Names,
    /// Counts what rules cost, where somebody asks.
    pub(super) counter: Option<Box<Counter>>,
}

/// Short texts that come again and again, each kept once. Looked up, never walked.
#[derive(Debug, Default)]
pub(super) struct Names(HashSet<Arc<str>>);

impl Scratch {
    /// An empty scratch. It may go from one detector to another.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty scratch that counts what rules cost; `clock` gives nanoseconds since any moment.
    #[must_use]
    pub fn counting(clock: fn() -> u64) -> Self {
        Scratch { work: Work { counter: Some(Box::new(Counter::new(clock))), ..Work::default() }, ..Self::default() }
    }

    /// What rules have cost since this was last asked; `None`: nobody counts.
    pub fn take_tally(&mut self) -> Option<Tally> {
        self.work.counter.as_deref_mut().map(Counter::take)
    }

    /// The targets that got no detection of the last event for want of a group key or quantity.
    #[must_use]
    pub fn without_key(&self) -> &[u32] {
        &self.work.without_key
    }

    /// Forgets the last event.
    pub(super) fn clear(&mut self) {
        self.work.texts.clear();
        self.work.matched.clear();
        self.work.without_key.clear();
    }

    /// Takes out the slots of a form, empty and as many as its plans have.
    pub(super) fn take<'a>(&mut self, form: Form, rules: &FormRules) -> FormSlots<'a> {
        let (matching, evidence) = (rules.matching.slots(), rules.evidence.slots());
        let kept = self.forms.iter().position(|(f, _)| *f == form).map(|at| self.forms.swap_remove(at).1);
        match kept {
            Some(slots) if slots.matching.len() == matching && slots.evidence.len() == evidence => slots.recycle(),
            _ => FormSlots { matching: Slots::new(matching), evidence: Slots::new(evidence) },
        }
    }

    /// Keeps the memory of a form's slots.
    pub(super) fn give_back(&mut self, form: Form, slots: FormSlots<'_>) {
        self.forms.push((form, slots.recycle()));
    }
}

impl FormSlots<'_> {
    /// The same memory, empty.
    fn recycle<'b>(self) -> FormSlots<'b> {
        FormSlots { matching: self.matching.recycle(), evidence: self.evidence.recycle() }
    }
}

impl Names {
    /// The shared copy of a text.
    pub(super) fn intern(&mut self, text: &str) -> Arc<str> {
        if let Some(name) = self.0.get(text) {
            return name.clone();
        }
        if self.0.len() >= NAMES_MAX {
            self.0.clear();
        }
        let name: Arc<str> = text.into();
        self.0.insert(name.clone());
        name
    }
}
