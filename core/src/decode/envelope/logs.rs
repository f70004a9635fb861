//! CloudWatch Logs subscriptions: a batch of log events, each a line or a JSON document.

use super::Unwrapper;
use super::known::{Key, Known};
use crate::decode::{Context, ErrorCode, Filtered};

impl Unwrapper<'_> {
    /// `{"messageType", "owner", "logGroup", "logEvents": [...]}`.
    pub(super) fn log_batch(&mut self, known: &Known<'_>, context: &Context<'_>, depth: usize) {
        if known.text(Key::messageType).is_some_and(|kind| kind == "CONTROL_MESSAGE") {
            return self.filtered(Filtered::ControlMessage);
        }
        let Some(events) = known.array(Key::logEvents) else {
            let bytes = known.get(Key::logEvents).unwrap_or_default().as_bytes();
            return self.bad(ErrorCode::EnvelopeMalformed, "log events that are no list", bytes);
        };
        let group = Context { log_group: known.text(Key::logGroup), account: known.text(Key::owner), ..context.clone() };
        self.each(events, &mut |unwrapper, text, known| unwrapper.log_event(text, known, &group, depth));
    }

    fn log_event(&mut self, text: &str, known: &Known<'_>, group: &Context<'_>, depth: usize) {
        let Some(message) = known.text(Key::message) else {
            return self.bad(ErrorCode::EnvelopeMalformed, "a log event whose message is no text", text.as_bytes());
        };
        let mut context = group.clone();
        context.log_event_id = known.text(Key::id);
        context.log_event_ms = known.get(Key::timestamp).and_then(|ms| ms.parse().ok());
        // Centralised logs name the account and region they are from; `owner` is then the account they were sent to.
        let extracted = Known::of_value(known.object(Key::extractedFields).unwrap_or_default());
        for from in [known, &extracted] {
            context.account = from.text(Key::aws_account).or(context.account);
            context.region = from.text(Key::aws_region).or(context.region);
        }
        self.message(&message, &context, depth);
    }
}
