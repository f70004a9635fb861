//! JSON with a stated logsource.
//!
//! Owns one rule: a name is its own dotted path, nested or as one flat key. No reserved name is answered: the time and arrival of
//! such events are stated with their source, and an account or id is not known to exist.

use super::Lookup;
use super::term::path;

/// Where a field is in such an event.
pub(super) fn resolve(field: &str) -> Vec<Lookup> {
    let mut lookups = vec![path(field)];
    if field.contains('.') {
        lookups.push(Lookup::Path(vec![field.into()]));
    }
    lookups
}
