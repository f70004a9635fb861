//! EventBridge events: findings and trail records are taken out of `detail`, any other event is a unit as a whole.

use super::known::{Key, Known};
use super::{Unwrapper, form};
use crate::decode::json::{Members, members};
use crate::decode::{Context, Emit, Unit};
use crate::event::Form;
use crate::event::time::parse_rfc3339_ms;

impl Unwrapper<'_> {
    /// Unwraps an object with `detail-type`, `source` and `detail`.
    pub(super) fn event_bridge(&mut self, text: &str, known: &Known<'_>, outer: &Context<'_>, depth: usize) -> bool {
        let Some(kind) = known.text(Key::detail_type).filter(|_| known.has(Key::source)) else { return false };
        let detail = known.object(Key::detail).unwrap_or_default();
        let context = Context {
            account: known.text(Key::account),
            region: known.text(Key::region),
            envelope_ms: known.text(Key::time).and_then(|time| parse_rfc3339_ms(&time)),
            detail_type: Some(kind.clone()),
            ..outer.clone()
        };
        if self.hints.form == Some(Form::EventBridge) || detail.is_empty() {
            self.put(Emit::Unit(Unit { form: Form::EventBridge, text, context: &context }));
        } else if kind == "GuardDuty Finding" {
            self.put(Emit::Unit(Unit { form: form::finding_by_case(detail), text: detail, context: &context }));
        } else if kind.ends_with(" via CloudTrail") {
            self.put(Emit::Unit(Unit { form: Form::CloudTrail, text: detail, context: &context }));
        } else {
            self.detail(text, detail, &context, depth);
        }
        true
    }

    /// A detail of another kind: Security Hub's findings, a known event under another name, or nothing that is taken apart.
    fn detail(&mut self, text: &str, detail: &str, context: &Context<'_>, depth: usize) {
        let mut found = Members::new();
        let known = if members(detail, &mut found).is_ok() { Known::of(&found) } else { Known::of(&Members::new()) };
        let findings = known.array(Key::findings).filter(|findings| findings.contains('{'));
        if let Some(findings) = findings {
            return self.array(findings, context, depth);
        }
        match form::recognise(&known) {
            Some(form) => self.put(Emit::Unit(Unit { form, text: detail, context })),
            None => self.put(Emit::Unit(Unit { form: Form::EventBridge, text, context })),
        }
    }
}
