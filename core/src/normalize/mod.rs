//! Names to places: which source path, column or function a field name of a rule means, per form. Resolved when rules load.
//!
//! Owns the knowledge of what the same thing is called in each shape. Never reads bytes, never copies an event. Limits: a name
//! has at most 8 alternatives.

use crate::event::flow::Column;
use crate::event::slots::Values;
use crate::event::{Fact, Form, Value};

/// One way to find a field in a unit of some form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lookup {
    /// Object keys from the root of the unit. Arrays on the way are transparent.
    Path(Vec<Box<str>>),
    /// A flow-log column.
    Column(Column),
    /// A function of the values at other paths, evaluated after the unit's slots are filled.
    Derived(Function, Vec<Vec<Box<str>>>),
    /// Something the envelope said.
    Context(ContextField),
}

/// A small function over found values; see [`derive`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    /// The first input that has a value.
    First,
}

/// What an envelope may say, as a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContextField {
    /// Account.
    Account,
    /// Region.
    Region,
    /// EventBridge `detail-type`.
    DetailType,
    /// CloudWatch Logs event id.
    LogEventId,
    /// CloudWatch Logs or EventBridge time.
    Time,
}

/// Where a field of a rule is in units of `form`, best alternative first. An unknown name is its own dotted path.
#[must_use]
pub fn resolve(form: Form, field: &str) -> Vec<Lookup> {
    let _ = form;
    vec![Lookup::Path(field.split('.').map(Into::into).collect())]
}

/// Evaluates a function over the values of its inputs.
#[must_use]
pub fn derive<'a>(function: Function, inputs: &[&[Value<'a>]]) -> Values<'a> {
    match function {
        Function::First => inputs.iter().find(|v| !v.is_empty()).map(|v| v.iter().cloned().collect()).unwrap_or_default(),
    }
}

/// Where each fact of an alert is in units of `form`.
#[must_use]
pub fn facts(form: Form) -> Vec<(Fact, Vec<Lookup>)> {
    let _ = form;
    Vec::new()
}
