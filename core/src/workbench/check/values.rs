//! Values in a list that say nothing: written twice, or covered by another value of the same list.

use super::fields::{field_of, items};
use super::{Checker, Subject};
use crate::rule::quoted;
use crate::rule::yaml::{Kind, Node};

/// Longer lists are not compared value by value.
const LIST_MAX: usize = 2_000;

/// How the values of an item are compared with a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Equals,
    Contains,
    Starts,
    Ends,
}

pub(super) fn check(checker: &mut Checker<'_>, subject: &Subject<'_>) {
    for entry in items(subject.document) {
        let modifiers: Vec<&str> = entry.key.split('|').skip(1).collect();
        let shape = match modifiers.as_slice() {
            [] => Shape::Equals,
            ["contains"] => Shape::Contains,
            ["startswith"] => Shape::Starts,
            ["endswith"] => Shape::Ends,
            _ => continue,
        };
        let Kind::List(values) = &entry.value.kind else { continue };
        if values.len() <= LIST_MAX {
            covered(checker, field_of(entry), shape, values);
        }
    }
}

fn covered(checker: &mut Checker<'_>, field: &str, shape: Shape, values: &[Node]) {
    let folded: Vec<String> = values.iter().map(|node| node.text.to_lowercase()).collect();
    for (at, (node, text)) in values.iter().zip(&folded).enumerate().filter(|(_, (node, _))| node.is_word()) {
        let others = folded.iter().enumerate().filter(|(other, _)| *other != at && values[*other].is_word());
        let covers = |(other, wide): &(usize, &String)| (**wide != *text || *other < at) && is_covered(shape, text, wide);
        let Some((other, _)) = others.into_iter().find(covers) else { continue };
        let what = format!("value {} of {} decides nothing", quoted(&node.text), quoted(field));
        let why = format!("whatever meets it meets {} (line {}) of the same list", quoted(&values[other].text), values[other].place.line);
        checker.warn(&node.place, what, why, "remove one of the two");
    }
}

/// Whether every text that `narrow` admits is admitted by `wide`. Wildcards are compared only where they stand alone at an end.
fn is_covered(shape: Shape, narrow: &str, wide: &str) -> bool {
    if narrow == wide {
        return true;
    }
    if wide.is_empty() || wide.contains(['?', '\\']) || narrow.contains(['?', '\\']) {
        return false;
    }
    let stars = |text: &str| text.matches('*').count();
    match (shape, stars(narrow), stars(wide)) {
        (Shape::Contains, 0, 0) => narrow.contains(wide),
        (Shape::Starts, 0, 0) => narrow.starts_with(wide),
        (Shape::Ends, 0, 0) => narrow.ends_with(wide),
        (Shape::Equals, _, 1) if wide.ends_with('*') => narrow.starts_with(&wide[..wide.len() - 1]),
        (Shape::Equals, _, 1) if wide.starts_with('*') => narrow.ends_with(&wide[1..]),
        (Shape::Equals, _, 2) if wide.len() > 2 && wide.starts_with('*') && wide.ends_with('*') => {
            narrow.contains(&wide[1..wide.len() - 1])
        }
        _ => false,
    }
}
