//! JSON without a tree: one validating pass over the text fills the wanted slots and skips the rest.
//!
//! Owns the grammar (RFC 8259), escapes and numbers. Never allocates for what nobody asked for, never guesses.
//! Decisions, where the RFC leaves room:
//! - Arrays are transparent: a field of an array element stands for the field, and there may be several.
//! - A key that appears twice counts like an array: every occurrence is seen. An attacker cannot hide a value behind another.
//! - An integer beyond 64 bits, or any number with a fraction or exponent, is a float; beyond the range of floats it stays text.
//! - A lone UTF-16 surrogate in a `\u` escape becomes U+FFFD.
//!
//! Limits: nesting of [`JSON_DEPTH_MAX`](super::limits::JSON_DEPTH_MAX); also for what is skipped.

mod fault;
mod fill;
mod leaves;
mod scan;
mod skip;
mod stream;
mod string;

pub use fill::fill;
pub use leaves::{leaves, leaves_of_json};
pub use scan::is_json;
pub use stream::{Piece, Stream, split_stream};
pub use string::unescape;

pub(super) use stream::{Element, Elements, Members, lenient_members, members};

use super::DecodeError;
use std::borrow::Cow;

/// Visits the members of a JSON object: key (unescaped) and the value's own text. Everything is validated.
///
/// # Errors
/// The text is no JSON object, is cut short, nests too deep or goes on after its end.
pub fn top_level<'a>(text: &'a str, visit: &mut dyn FnMut(Cow<'a, str>, &'a str)) -> Result<(), DecodeError> {
    let mut found = Members::new();
    members(text, &mut found)?;
    found.into_iter().for_each(|(key, span)| visit(key, span));
    Ok(())
}

#[cfg(test)]
mod tests;
