//! Texts of an event, as they are and in lower case.
//!
//! Owns what "equal but for case" means: every character is replaced by its simple Unicode lower case (one character each, so
//! `?` keeps counting characters; no special casing, no normalisation). Each text is prepared once per event, when it is asked for.

use std::ops::Range;

/// The simple lower case of one character.
fn lower(c: char) -> char {
    if c.is_ascii() { c.to_ascii_lowercase() } else { c.to_lowercase().next().unwrap_or(c) }
}

/// Whether lower-casing would change nothing. May say no although it would not: only ASCII is looked at closely.
fn is_folded(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase())
}

/// Appends the lower-cased text.
fn fold_into(text: &str, out: &mut String) {
    if text.is_ascii() {
        let start = out.len();
        out.push_str(text);
        out[start..].make_ascii_lowercase();
    } else {
        out.extend(text.chars().map(lower));
    }
}

/// The lower-cased text.
pub(super) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    fold_into(text, &mut out);
    out
}

/// One text of an event, as it is and lower-cased, in the arena of a [`Texts`].
#[derive(Debug, Clone)]
pub(super) struct Item {
    raw: Range<usize>,
    folded: Range<usize>,
}

/// The texts of the slots that were asked for in one event, each prepared once. Memory is reused from event to event.
#[derive(Debug, Default)]
pub(super) struct Texts {
    arena: String,
    items: Vec<Item>,
    slots: Vec<Option<Range<usize>>>,
    touched: Vec<usize>,
}

impl Texts {
    /// Forgets the last event.
    pub(super) fn clear(&mut self) {
        self.arena.clear();
        self.items.clear();
        for slot in self.touched.drain(..) {
            self.slots[slot] = None;
        }
    }

    /// Whether a slot's texts are prepared.
    pub(super) fn is_loaded(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(Option::is_some)
    }

    /// Prepares a slot's texts: `fill` hands over each of them.
    pub(super) fn load(&mut self, slot: usize, fill: impl FnOnce(&mut dyn FnMut(&str))) {
        let start = self.items.len();
        fill(&mut |text| self.push(text));
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, None);
        }
        self.slots[slot] = Some(start..self.items.len());
        self.touched.push(slot);
    }

    fn push(&mut self, text: &str) {
        let start = self.arena.len();
        self.arena.push_str(text);
        let raw = start..self.arena.len();
        let folded = if is_folded(text) {
            raw.clone()
        } else {
            fold_into(text, &mut self.arena);
            raw.end..self.arena.len()
        };
        self.items.push(Item { raw, folded });
    }

    /// The prepared texts of a slot.
    pub(super) fn items(&self, slot: usize) -> &[Item] {
        self.slots.get(slot).and_then(Option::as_ref).map_or(&[], |range| &self.items[range.clone()])
    }

    /// A text as the event has it, or lower-cased.
    pub(super) fn text(&self, item: &Item, cased: bool) -> &str {
        &self.arena[if cased { item.raw.clone() } else { item.folded.clone() }]
    }
}
