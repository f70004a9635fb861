//! SNS notifications, as SQS, HTTP endpoints and Lambda get them.

use super::Unwrapper;
use super::known::{Key, Known};
use crate::decode::{Context, Filtered};

impl Unwrapper<'_> {
    /// Unwraps a notification's message; confirmations are notices.
    pub(super) fn notification(&mut self, known: &Known<'_>, context: &Context<'_>, depth: usize) -> bool {
        let Some(message) = known.text(Key::Message) else { return false };
        match known.text(Key::Type).as_deref() {
            Some("Notification") => self.message(&message, context, depth),
            Some("SubscriptionConfirmation" | "UnsubscribeConfirmation") => self.filtered(Filtered::Notice),
            _ => return false,
        }
        true
    }
}
