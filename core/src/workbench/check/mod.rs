//! Warnings that need more than the rule's own file: which fields its source has, which tags exist, whether its condition can decide.
//!
//! Owns doubts, never errors: what stands here loads and runs. Errors, and what is seen on the text alone, are the rule stage's;
//! what only compiling tells is the detector's. Each warning says what, where, why and what to do.

mod dictionary;
mod fields;
mod levels;
mod reach;
mod regexes;
mod tags;
mod values;

use crate::decode::Hints;
use crate::detect::sources_of;
use crate::event::Source;
use crate::rule::anatomy::{Anatomy, anatomy};
use crate::rule::yaml::Node;
use crate::rule::{Diagnostic, Gravity, Loaded, Place, Rule, RuleFile, RuleSet, parse_documents};
use std::collections::BTreeMap;

/// Everything doubtful about rules that load, in order of place.
#[must_use]
pub fn check(files: &[RuleFile], loaded: &Loaded, hints: &Hints) -> Vec<Diagnostic> {
    let anatomy = anatomy(files);
    let documents: BTreeMap<Place, Node> =
        files.iter().flat_map(|file| parse_documents(&file.name, &file.text).0).map(|node| (node.place.clone(), node)).collect();
    let mut checker = Checker { set: &loaded.set, hints, found: Vec::new() };
    for (number, rule) in (0u32..).zip(&loaded.set.rules) {
        let Some(document) = documents.get(&rule.meta.place) else { continue };
        checker.rule(&Subject {
            rule,
            document,
            anatomy: anatomy.get(&rule.meta.place),
            sources: sources_of(&loaded.set, number, &hints.generic),
        });
    }
    checker.found.sort_by(|a, b| (&a.place, &a.what).cmp(&(&b.place, &b.what)));
    checker.found.dedup();
    checker.found
}

/// A rule that is looked at.
struct Subject<'c> {
    rule: &'c Rule,
    document: &'c Node,
    anatomy: Option<&'c Anatomy>,
    sources: Vec<Source>,
}

struct Checker<'c> {
    set: &'c RuleSet,
    hints: &'c Hints,
    found: Vec<Diagnostic>,
}

impl Checker<'_> {
    fn rule(&mut self, subject: &Subject<'_>) {
        tags::check(self, subject);
        fields::check(self, subject);
        values::check(self, subject);
        regexes::check(self, subject);
        reach::check(self, subject);
        levels::check(self, subject);
    }

    fn warn(&mut self, place: &Place, what: impl Into<String>, why: impl Into<String>, remedy: impl Into<String>) {
        let (what, why, remedy) = (what.into(), why.into(), remedy.into());
        self.found.push(Diagnostic { gravity: Gravity::Warning, place: place.clone(), what, why, remedy });
    }
}

#[cfg(test)]
mod tests;
