//! Sigma: files of rules in, a [`RuleSet`] and a list of everything that is wrong with them out.
//!
//! Owns parsing, linking (names to rules, filters into rules), linting and the meaning digest. Never sees an event, and does
//! not know what a field of a source is called elsewhere. Limits: a rule file is at most 1 MiB; YAML nesting 64; 100 uses of
//! aliases; a regex compiles to at most 1 MiB and runs in linear time; a threshold on a count is at most 10,000; a rule has at
//! most 100,000 tests.
//!
//! A file goes through `yaml` (a tree with places), `document` (`meta`, `detection`, `correlation`, `filter`), `link` and `lint`.
//! What is not supported is refused by name and place, never ignored; one bad rule never hides another.
//!
//! Where the specification is silent: numbers with leading zeros are texts (`scalar`); `neq` also holds for an absent field
//! (`modifiers`); regular expressions are found anywhere in a text (`value`); a filter's condition is an exclusion unless it is
//! negated (`filter`); `value_percentile` without a rank is the median (`threshold`); a rule that any correlation refers to
//! without `generate` does not alert (`link`); keywords of a condition may be written in capitals (`condition`).

pub mod anatomy;
pub mod ast;
pub mod branches;
mod condition;
mod correlation;
mod detection;
mod digest;
mod document;
mod encode;
mod expr;
mod filter;
mod legacy;
mod link;
mod lint;
mod meta;
mod modifiers;
mod pattern;
mod presence;
mod report;
mod resolve;
mod scalar;
pub mod schema;
pub mod shadow;
mod spelling;
#[cfg(test)]
mod tests;
mod threshold;
mod value;
pub mod yaml;

pub use ast::*;

pub use report::quoted;
pub use spelling::{hint, near_miss};

use report::Report;
use std::sync::Arc;

/// Loads a rule set from files.
///
/// Never fails as a whole: what is good is in the set, and every problem is in the diagnostics.
#[must_use]
pub fn load(files: &[RuleFile]) -> Loaded {
    let mut report = Report::default();
    let mut drafts = Vec::new();
    for file in files.iter().filter(|file| file.name != shadow::LIST) {
        let name: Arc<str> = Arc::from(file.name.as_str());
        let documents = yaml::documents(&name, &file.text, &mut report);
        drafts.extend(documents.iter().filter_map(|d| document::read(d, &mut report)));
    }
    lint::documents(&drafts, &mut report);
    let mut set = link::link(drafts, &mut report);
    shadow::cast(&mut set, files, &mut report);
    shadow::inherited(&set, &mut report);
    lint::muted(&set, &mut report);
    Loaded { set, diagnostics: report.finish() }
}

impl RuleSet {
    /// A set of rules taken from loaded sets. What they refer to must stand among them, by its number here.
    #[must_use]
    pub fn of(rules: Vec<Rule>) -> Self {
        let digest = digest::set(&rules);
        RuleSet { rules, digest }
    }
}

/// The YAML documents of a file that is no rule (a rule test, the configuration), with everything that is wrong with its YAML.
/// A document with a duplicate key is among them, so that the rest of it can be checked too: use none if there is an error.
#[must_use]
pub fn parse_documents(name: &str, text: &str) -> (Vec<yaml::Node>, Vec<Diagnostic>) {
    let mut report = Report::default();
    let documents = yaml::read(&Arc::from(name), text, yaml::Spoilt::Given, &mut report);
    (documents, report.finish())
}

/// An error at a place of such a file.
#[must_use]
pub fn problem(place: &Place, what: impl Into<String>, why: &str, remedy: &str) -> Diagnostic {
    Diagnostic { gravity: Gravity::Error, place: place.clone(), what: what.into(), why: why.to_owned(), remedy: remedy.to_owned() }
}

/// ` (did you mean ...?)` if `word` is a slip of a known word, else nothing: for the keys of such a file.
#[must_use]
pub fn did_you_mean(word: &str, known: &[&str]) -> String {
    spelling::hint(word, known)
}
