//! Collecting what is wrong with rules, and printing it.
//!
//! Owns the [`Report`] that all readers of this stage write to and the one line a diagnostic is shown as. Never stops at the
//! first problem.

use super::{Diagnostic, Gravity, Place};
use std::fmt;

/// A problem before it has a place: what, why, what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) what: String,
    pub(super) why: String,
    pub(super) remedy: String,
}

impl Fault {
    pub(super) fn new(what: impl Into<String>, why: impl Into<String>, remedy: impl Into<String>) -> Self {
        Fault { what: what.into(), why: why.into(), remedy: remedy.into() }
    }
}

/// Everything said so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    diagnostics: Vec<Diagnostic>,
    errors: usize,
}

impl Report {
    pub(super) fn error(&mut self, place: &Place, what: impl Into<String>, why: impl Into<String>, remedy: impl Into<String>) {
        self.add(Gravity::Error, place, Fault::new(what, why, remedy));
    }

    pub(super) fn warn(&mut self, place: &Place, what: impl Into<String>, why: impl Into<String>, remedy: impl Into<String>) {
        self.add(Gravity::Warning, place, Fault::new(what, why, remedy));
    }

    pub(super) fn fault(&mut self, place: &Place, fault: Fault) {
        self.add(Gravity::Error, place, fault);
    }

    fn add(&mut self, gravity: Gravity, place: &Place, fault: Fault) {
        self.errors += usize::from(gravity == Gravity::Error);
        let Fault { what, why, remedy } = fault;
        self.diagnostics.push(Diagnostic { gravity, place: place.clone(), what, why, remedy });
    }

    /// Number of errors so far: a reader that left it unchanged read something good.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// Everything, in order of place, each thing once.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort_by(|a, b| (&a.place, a.gravity, &a.what).cmp(&(&b.place, b.gravity, &b.what)));
        self.diagnostics.dedup();
        self.diagnostics
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// `FILE:LINE:COLUMN: what: why: what to do`; a warning says `warning: ` before `what`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.gravity == Gravity::Warning { "warning: " } else { "" };
        write!(f, "{}: {mark}{}: {}: {}", self.place, self.what, self.why, self.remedy)
    }
}

/// A word of a rule as it is shown in a message: in back quotes, on one line, at most 60 characters.
#[must_use]
pub fn quoted(word: &str) -> String {
    let mut shown: String = word.chars().take(60).flat_map(|c| if c.is_control() { vec!['\u{fffd}'] } else { vec![c] }).collect();
    if word.chars().nth(60).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_is_one_line_and_a_warning_says_so() {
        let mut report = Report::default();
        let place = |line| Place { file: "a.yml".into(), line, column: 5 };
        report.warn(&place(9), "no `id`", "state is found by it", "add one");
        report.error(&place(3), "unknown key `x`", "it would be ignored", "remove it");
        assert_eq!(report.errors(), 1);
        let lines: Vec<String> = report.finish().iter().map(ToString::to_string).collect();
        assert_eq!(lines[0], "a.yml:3:5: unknown key `x`: it would be ignored: remove it");
        assert_eq!(lines[1], "a.yml:9:5: warning: no `id`: state is found by it: add one");
        assert_eq!(quoted("a\nb"), "`a\u{fffd}b`");
        assert!(quoted(&"x".repeat(99)).ends_with("x…`"));
    }
}
