//! From a rule's condition to a test on slots.
//!
//! Owns the step from the AST to [`Node`]s. A condition that cannot be compiled refuses its whole rule: a part that silently
//! never held would hold under `not`. Limits: a regular expression compiles to at most 1 MiB.

use super::matcher::{Cased, Check, Node};
use super::plan::{LEAVES, Plan, REVISION_FIELD, TooManySlots};
use super::text::TextTest;
use crate::event::Slot;
use crate::rule::{Expr, Part, Pattern, Test};
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;

/// Most bytes a compiled regular expression may take.
const REGEX_BYTES_MAX: usize = 1024 * 1024;

/// Why a rule cannot be matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Too many different fields for one form.
    TooManySlots,
    /// The regular expression is malformed or too large.
    Regex(String),
    /// `severity_raised` stands where it is not simply required.
    Raised,
}

impl From<TooManySlots> for Refusal {
    fn from(_: TooManySlots) -> Self {
        Refusal::TooManySlots
    }
}

/// Regular expressions by their text: the same one is compiled once for all forms and rules.
pub(super) type Regexes = BTreeMap<String, Regex>;

/// Compiles conditions for one form.
pub(super) struct Compiler<'p> {
    /// Gives fields their slots.
    pub(super) plan: &'p mut Plan,
    /// Already compiled regular expressions.
    pub(super) regexes: &'p mut Regexes,
}

impl Compiler<'_> {
    /// Compiles a condition. Cheap tests come before dear ones; the order cannot change the answer.
    pub(super) fn node(&mut self, expr: &Expr) -> Result<Node, Refusal> {
        Ok(match expr {
            Expr::And(parts) => Node::And(self.nodes(parts)?),
            Expr::Or(parts) => Node::Or(self.nodes(parts)?),
            Expr::Not(part) => Node::Not(Box::new(self.node(part)?)),
            Expr::Field { field, test } if is_raised(field, test) => return Err(Refusal::Raised),
            Expr::Field { field, test } => {
                let slot = self.plan.slot(field)?;
                self.check(slot, test)?
            }
            Expr::Keyword(test) => self.check(LEAVES, &unanchored(test))?,
        })
    }

    fn nodes(&mut self, parts: &[Expr]) -> Result<Vec<Node>, Refusal> {
        let mut nodes = parts.iter().map(|part| self.node(part)).collect::<Result<Vec<_>, _>>()?;
        nodes.sort_by_key(cost);
        Ok(nodes)
    }

    fn check(&mut self, slot: Slot, test: &Test) -> Result<Node, Refusal> {
        let check = match test {
            Test::Text { pattern, cased } => Check::Text(TextTest::new(pattern, *cased), Cased(*cased)),
            Test::Number(n) => Check::Number(*n),
            Test::Bool(b) => Check::Bool(*b),
            Test::Regex(text) => Check::Regex(self.regex(text)?),
            Test::Cidr(net) => Check::Cidr(*net),
            Test::Compare(compare, n) => Check::Compare(*compare, *n),
            Test::Null => Check::Null,
            Test::Exists(true) => Check::Present,
            Test::Exists(false) => return Ok(Node::Not(Box::new(Node::Check(slot, Check::Present)))),
            Test::FieldRef { field, mode, cased } => Check::Ref(self.plan.slot(field)?, *mode, Cased(*cased)),
            Test::TimePart(part, compare, n) => Check::Time(*part, *compare, *n),
        };
        Ok(Node::Check(slot, check))
    }

    fn regex(&mut self, text: &str) -> Result<Regex, Refusal> {
        if let Some(regex) = self.regexes.get(text) {
            return Ok(regex.clone());
        }
        let built = RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).build();
        let regex = built.map_err(|error| Refusal::Regex(error.to_string()))?;
        self.regexes.insert(text.to_owned(), regex.clone());
        Ok(regex)
    }
}

/// A keyword is looked for anywhere in a leaf.
fn unanchored(test: &Test) -> Test {
    match test {
        Test::Text { pattern, cased } => {
            let parts = [Part::Any].into_iter().chain(pattern.0.iter().cloned()).chain([Part::Any]);
            Test::Text { pattern: Pattern(parts.collect()), cased: *cased }
        }
        other => other.clone(),
    }
}

fn cost(node: &Node) -> u32 {
    match node {
        Node::Check(_, check) => match check {
            Check::Null | Check::Present | Check::Bool(_) => 1,
            Check::Number(_) | Check::Compare(..) | Check::Cidr(_) => 2,
            Check::Text(..) => 3,
            Check::Time(..) => 4,
            Check::Ref(..) => 5,
            Check::Regex(_) => 50,
        },
        Node::Not(node) => cost(node),
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().map(cost).fold(1, u32::saturating_add),
    }
}

/// Takes `tidegate.revision: severity_raised` out of a condition that simply requires it; the rest is returned with `true`.
/// Whether an earlier revision was less severe is known where revisions are kept: here it only requires a finding.
pub(super) fn without_raised(expr: &Expr) -> (Expr, bool) {
    match expr {
        Expr::Field { field, test } if is_raised(field, test) => (Expr::Field { field: field.clone(), test: Test::Exists(true) }, true),
        Expr::And(parts) => {
            let (parts, raised): (Vec<_>, Vec<_>) = parts.iter().map(without_raised).unzip();
            (Expr::And(parts), raised.contains(&true))
        }
        Expr::Or(parts) if parts.len() == 1 => without_raised(&parts[0]),
        other => (other.clone(), false),
    }
}

/// The condition of a rule's witnesses: findings that its own condition does not admit.
pub(super) fn witnesses(condition: &Expr) -> Expr {
    let finding = Expr::Field { field: REVISION_FIELD.to_owned(), test: Test::Exists(true) };
    Expr::And(vec![finding, Expr::Not(Box::new(condition.clone()))])
}

fn is_raised(field: &str, test: &Test) -> bool {
    let Test::Text { pattern, .. } = test else { return false };
    field == REVISION_FIELD && TextTest::new(pattern, false).matches("severity_raised") && !pattern.0.contains(&Part::Any)
}
