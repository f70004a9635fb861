//! Tables inside rules, group keys, facts and alerts: from a rule's text and an event's bytes to the document.

mod alert;
mod geo;
mod rules;
mod suite;
mod support;
