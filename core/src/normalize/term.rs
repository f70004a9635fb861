//! How the tables of this folder are written down, and how a table row becomes lookups of a form.
//!
//! Owns the small vocabulary [`Term`] and its lowering through a [`Dialect`]. Never knows a field name.

use super::{ContextField, Function, Lookup};
use crate::event::flow::Column;

/// Object keys from the root of a unit.
pub(super) type Keys = Vec<Box<str>>;

/// One alternative of a row, in the source's own (native) dotted names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Term {
    /// The value at a native name.
    Path(&'static str),
    /// A function of the values at native names.
    Call(Function, &'static [&'static str]),
    /// A flow-log column.
    Column(Column),
    /// A function of flow-log columns.
    Columns(Function, &'static [Column]),
    /// Something the envelope said.
    Context(ContextField),
}

/// What a name of a rule stands for, best alternative first.
pub(super) type Row = (&'static str, &'static [Term]);

/// How one shape spells native names.
#[derive(Clone, Copy)]
pub(super) struct Dialect {
    /// The lookups of a native name that stands alone.
    pub(super) plain: fn(&str) -> Vec<Lookup>,
    /// The key paths of a native name that is a function's input: one, or several where the shape numbers array elements.
    pub(super) inputs: fn(&str) -> Vec<Keys>,
}

/// The dialect of sources whose names are nested keys as written.
pub(super) const DOTTED: Dialect = Dialect { plain: |name| vec![path(name)], inputs: |name| vec![keys(name)] };

/// A dotted name as nested keys. A key that holds dots itself stands between backticks: ``unmapped.`Severity.Product` ``.
pub(super) fn keys(name: &str) -> Keys {
    let mut keys = Keys::new();
    for (i, part) in name.split('`').enumerate() {
        if i % 2 == 1 {
            keys.push(part.into());
        } else {
            keys.extend(part.split('.').filter(|key| !key.is_empty() || !name.contains('`')).map(Into::into));
        }
    }
    keys
}

/// A dotted name as a lookup.
pub(super) fn path(name: &str) -> Lookup {
    Lookup::Path(keys(name))
}

/// The terms of a name in a table.
pub(super) fn find(rows: &'static [Row], name: &str) -> Option<&'static [Term]> {
    rows.iter().find(|(known, _)| *known == name).map(|(_, terms)| *terms)
}

/// Turns terms into lookups, each without repeats.
pub(super) fn lower(terms: &[Term], dialect: &Dialect) -> Vec<Lookup> {
    let mut lookups = Vec::new();
    for term in terms {
        push_new(&mut lookups, lower_one(*term, dialect));
    }
    lookups
}

/// Appends what is not there yet.
pub(super) fn push_new(lookups: &mut Vec<Lookup>, more: Vec<Lookup>) {
    for lookup in more {
        if !lookups.contains(&lookup) {
            lookups.push(lookup);
        }
    }
}

fn lower_one(term: Term, dialect: &Dialect) -> Vec<Lookup> {
    match term {
        Term::Path(name) => (dialect.plain)(name),
        Term::Call(function, names) if function.is_positional() => {
            // One path per input, or the inputs would change places.
            let first = |name: &&str| (dialect.inputs)(name).into_iter().next().unwrap_or_default();
            vec![Lookup::Derived(function, names.iter().map(first).collect())]
        }
        Term::Call(function, names) => vec![Lookup::Derived(function, names.iter().flat_map(|n| (dialect.inputs)(n)).collect())],
        Term::Column(column) => vec![Lookup::Column(column)],
        Term::Columns(function, columns) => vec![Lookup::Derived(function, columns.iter().map(|c| vec![c.name().into()]).collect())],
        Term::Context(field) => vec![Lookup::Context(field)],
    }
}
