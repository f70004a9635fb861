//! Envelopes that are a list: arrays, `Records`, `records`, `Findings`, `findings`, `Events`, `logEvents`.

use super::Unwrapper;
use super::known::{Key, Known};
use crate::decode::json::{Element, Elements, Members};
use crate::decode::limits::ENVELOPE_DEPTH_MAX;
use crate::decode::{Context, Emit, ErrorCode};

impl Unwrapper<'_> {
    /// The elements of an array, each for itself.
    pub(super) fn array(&mut self, array: &str, context: &Context<'_>, depth: usize) {
        self.each(array, &mut |unwrapper, text, known| unwrapper.element(text, known, context, depth));
    }

    /// An element that should be an event or an envelope.
    pub(super) fn element(&mut self, text: &str, known: &Known<'_>, context: &Context<'_>, depth: usize) {
        if text.starts_with('{') {
            self.object(text, known, context, depth);
        } else if text.starts_with('[') && depth < ENVELOPE_DEPTH_MAX {
            self.array(text, context, depth + 1);
        } else {
            self.bad(ErrorCode::UnknownShape, "a list element that is no object", text.as_bytes());
        }
    }

    /// Walks an array; a broken element is emitted as bad and costs no other.
    pub(super) fn each(&mut self, array: &str, visit: &mut dyn FnMut(&mut Self, &str, &Known<'_>)) {
        let before = self.emitted;
        let (mut elements, mut members) = (Elements::new(array), Members::new());
        while let Some(element) = elements.next_with(&mut members) {
            match element {
                Element::Value(text) => visit(self, text, &Known::of(&members)),
                Element::Bad(error, text) => self.put(Emit::Bad(error, text.as_bytes())),
            }
        }
        self.empty_unless_emitted(before);
    }

    /// Unwraps an object whose point is a list.
    pub(super) fn list_envelope(&mut self, known: &Known<'_>, context: &Context<'_>, depth: usize) -> bool {
        if known.has(Key::messageType) && known.has(Key::logEvents) {
            self.log_batch(known, context, depth);
        } else if let Some(records) = known.array(Key::Records) {
            self.each(records, &mut |unwrapper, text, known| unwrapper.lambda_record(text, known, context, depth));
        } else if let Some(records) = known.array(Key::records) {
            self.each(records, &mut |unwrapper, text, known| unwrapper.firehose_record(text, known, context, depth));
        } else if let Some(list) = [Key::Findings, Key::findings, Key::Events].iter().find_map(|key| known.array(*key)) {
            self.array(list, context, depth);
        } else {
            return false;
        }
        true
    }
}
