//! Regular expressions that say too little, or cost too much.

use super::fields::{field_of, items};
use super::{Checker, Subject};
use crate::rule::quoted;
use crate::rule::yaml::{Kind, Node};
use regex::RegexBuilder;

/// Longer ones cannot be read by people.
const CHARS_MAX: usize = 1_000;
/// Texts without anything in common: what is found in all of them is found everywhere.
const PROBES: [&str; 5] = ["", "a", "Z.9:b/c d\\", "\u{e9}\n-", "{\"k\": [0]}"];
/// A compiled expression above this is slow to build and to run (the limit is 1 MiB).
const BYTES_MANY: usize = 128 * 1024;

pub(super) fn check(checker: &mut Checker<'_>, subject: &Subject<'_>) {
    for entry in items(subject.document).into_iter().filter(|e| e.key.split('|').skip(1).any(|word| word == "re")) {
        let values = match &entry.value.kind {
            Kind::List(values) => values.as_slice(),
            _ => std::slice::from_ref(&entry.value),
        };
        values.iter().for_each(|value| one(checker, field_of(entry), value));
    }
}

fn one(checker: &mut Checker<'_>, field: &str, node: &Node) {
    let text = node.text.as_str();
    let what = |fault: &str| format!("regular expression {} {fault}", quoted(text));
    let Ok(regex) = RegexBuilder::new(text).build() else { return };
    if PROBES.iter().all(|probe| regex.is_match(probe)) {
        let why = format!("it is found in every text, an empty one too, so it is true for whatever {} holds", quoted(field));
        return checker.warn(
            &node.place,
            what("matches everything"),
            why,
            "require a character, or use `exists: true` if presence is meant",
        );
    }
    let inner = text.trim_start_matches("(?i)");
    if inner.starts_with(".*") || inner.ends_with(".*") {
        let why = "an expression is found anywhere in the text, so `.*` at an end changes nothing and makes it slower";
        checker.warn(&node.place, what("begins or ends with `.*`"), why, "remove it; write `^` or `$` if the whole text is meant");
    }
    if text.chars().count() > CHARS_MAX {
        let why = "nobody can read and check it";
        checker.warn(
            &node.place,
            what(&format!("of more than {CHARS_MAX} characters")),
            why,
            "split it into several values, or use a list of texts",
        );
    }
    if RegexBuilder::new(text).size_limit(BYTES_MANY).build().is_err() {
        let why = format!("compiled it takes more than {} KiB (mostly by counted repetition of large classes)", BYTES_MANY / 1024);
        checker.warn(&node.place, what("is huge"), why, "write a smaller repetition, or a plain text test before it");
    }
}
