//! Conditions that cannot hold, always hold, or have parts that never decide: found by trying every answer of the selections.
//!
//! Selections with the same content are one. The trial knows nothing of fields, so it may find less than there is, and is never wrong.

use super::{Checker, Subject};
use crate::rule::anatomy::{Anatomy, Clause};
use crate::rule::{Expr, quoted};

/// Conditions over more different selections are not tried.
const SELECTIONS_MAX: usize = 12;

pub(super) fn check(checker: &mut Checker<'_>, subject: &Subject<'_>) {
    let Some(anatomy) = subject.anatomy else { return };
    let mut variables: Vec<&Expr> = Vec::new();
    let formula = compile(&anatomy.clause, anatomy, &mut variables);
    if variables.len() > SELECTIONS_MAX {
        return;
    }
    let place = subject.document.get("detection").and_then(|d| d.get("condition")).map_or(&subject.rule.meta.place, |n| &n.place);
    let all = 1u32 << variables.len();
    let answers: Vec<bool> = (0..all).map(|bits| formula.holds(bits)).collect();
    if !answers.contains(&true) {
        let why = "whatever its selections answer, it is false (a selection and its own opposite are required)";
        return checker.warn(place, "a condition that never holds", why, "correct the condition");
    }
    if !answers.contains(&false) {
        let why = "whatever its selections answer, it is true: every event of its sources matches";
        return checker.warn(place, "a condition that always holds", why, "correct the condition");
    }
    for (n, variable) in variables.iter().enumerate() {
        let decides = (0..all).any(|bits| answers[bits as usize] != answers[(bits ^ (1 << n)) as usize]);
        let Some(selection) = anatomy.selections.iter().find(|s| !decides && s.expr == **variable) else { continue };
        let what = format!("selection {} never decides", quoted(&selection.name));
        checker.warn(
            &selection.place,
            what,
            "the condition has the same answer with and without it",
            "correct the condition, or remove the selection",
        );
    }
    same_content(checker, anatomy);
}

fn same_content(checker: &mut Checker<'_>, anatomy: &Anatomy) {
    for (n, selection) in anatomy.selections.iter().enumerate() {
        if let Some(first) = anatomy.selections[..n].iter().find(|other| other.expr == selection.expr) {
            let what = format!("selection {} says the same as {}", quoted(&selection.name), quoted(&first.name));
            checker.warn(&selection.place, what, "two names for one thing hide what the condition says", "use one of the two");
        }
    }
}

enum Formula {
    Variable(usize),
    All(Vec<Formula>),
    Any(Vec<Formula>),
    Not(Box<Formula>),
}

impl Formula {
    fn holds(&self, bits: u32) -> bool {
        match self {
            Formula::Variable(n) => bits & (1 << n) != 0,
            Formula::All(parts) => parts.iter().all(|p| p.holds(bits)),
            Formula::Any(parts) => parts.iter().any(|p| p.holds(bits)),
            Formula::Not(part) => !part.holds(bits),
        }
    }
}

fn compile<'a>(clause: &Clause, anatomy: &'a Anatomy, variables: &mut Vec<&'a Expr>) -> Formula {
    match clause {
        Clause::All(clauses) => Formula::All(clauses.iter().map(|c| compile(c, anatomy, variables)).collect()),
        Clause::Any(clauses) => Formula::Any(clauses.iter().map(|c| compile(c, anatomy, variables)).collect()),
        Clause::Not(clause) => Formula::Not(Box::new(compile(clause, anatomy, variables))),
        Clause::Selection(name) => {
            let Some(selection) = anatomy.selection(name) else { return Formula::Any(Vec::new()) };
            let known = variables.iter().position(|v| **v == selection.expr);
            Formula::Variable(known.unwrap_or_else(|| {
                variables.push(&selection.expr);
                variables.len() - 1
            }))
        }
    }
}
