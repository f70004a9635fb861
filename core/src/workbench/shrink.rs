//! Makes a failing variant smaller while it still fails: fewer changes, fewer events, smaller numbers.
//!
//! Delta debugging: pieces are taken out, first halves, then quarters, then single ones. Bounded by the events it may run.

use super::outline::{Outline, same};
use super::plan::{Move, Plan, Press};
use super::script::Script;
use std::cell::Cell;

/// Events that making one variant smaller may run.
const EVENTS_MAX: usize = 20_000;

/// Who says what a script gives.
pub(super) type Judge<'j> = &'j dyn Fn(&Script) -> Vec<Outline>;

/// Runs plans and counts what that costs.
pub(super) struct Court<'c> {
    pub(super) press: &'c Press<'c>,
    pub(super) judge: Judge<'c>,
    /// What the whole base gives.
    pub(super) whole: &'c [Outline],
    /// Events run so far.
    pub(super) spent: Cell<usize>,
}

/// What a plan must give, and what it gave.
pub(super) type Verdict = (Vec<Outline>, Vec<Outline>);

impl Court<'_> {
    /// The verdict, if the plan gives something else than its events do unchanged.
    pub(super) fn fails(&self, plan: &Plan<'_>) -> Option<Verdict> {
        let expected = if plan.kept.len() == plan.base.events.len() { self.whole.to_vec() } else { self.run(&plan.reference()) };
        let stand_ins = plan.stand_ins();
        let mut came = self.run(&plan.script(self.press));
        let foreign = |o: &Outline| !o.accounts.is_empty() && o.accounts.iter().all(|a| stand_ins.contains(&a.as_str()));
        came.retain(|outline| !foreign(outline));
        (!same(&expected, &came)).then_some((expected, came))
    }

    fn run(&self, script: &Script) -> Vec<Outline> {
        self.spent.set(self.spent.get() + script.events.len());
        (self.judge)(script)
    }

    /// The smallest plan found that still fails, and its verdict.
    pub(super) fn shrink<'p>(&self, plan: Plan<'p>, verdict: Verdict) -> (Plan<'p>, Verdict) {
        let mut best = Best { end: self.spent.get() + EVENTS_MAX, plan, verdict };
        best.fewer_moves(self);
        best.fewer_events(self);
        best.fewer_moves(self);
        best.smaller_numbers(self);
        (best.plan, best.verdict)
    }
}

struct Best<'p> {
    end: usize,
    plan: Plan<'p>,
    verdict: Verdict,
}

impl<'p> Best<'p> {
    /// Takes a smaller plan if it still fails.
    fn take(&mut self, court: &Court<'_>, smaller: Plan<'p>) -> bool {
        if court.spent.get() >= self.end {
            return false;
        }
        let Some(verdict) = court.fails(&smaller) else { return false };
        (self.plan, self.verdict) = (smaller, verdict);
        true
    }

    fn fewer_moves(&mut self, court: &Court<'_>) {
        let mut size = self.plan.moves.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < self.plan.moves.len() {
                let mut moves = self.plan.moves.clone();
                moves.drain(at..(at + size).min(moves.len()));
                let smaller = Plan { moves, ..self.plan.clone() };
                if !self.take(court, smaller) {
                    at += size;
                }
            }
            size /= 2;
        }
    }

    fn fewer_events(&mut self, court: &Court<'_>) {
        let mut size = self.plan.kept.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < self.plan.kept.len() {
                let mut kept = self.plan.kept.clone();
                kept.drain(at..(at + size).min(kept.len()));
                let smaller = self.plan.with_events(kept);
                if !self.take(court, smaller) {
                    at += size;
                }
            }
            size /= 2;
        }
    }

    /// Halves the distance of every number from what it was, as long as that fails too.
    fn smaller_numbers(&mut self, court: &Court<'_>) {
        for at in 0..self.plan.moves.len() {
            let mut step = 1;
            loop {
                let mut moves = self.plan.moves.clone();
                let Some(nearer) = nearer(&moves[at], self.plan.base, step) else { break };
                moves[at] = nearer;
                let smaller = Plan { moves, ..self.plan.clone() };
                // From a half on, ever smaller parts of the distance are tried: the last ones are its edge.
                if !self.take(court, smaller) {
                    step *= 2;
                }
            }
        }
    }
}

/// The same change with its number nearer to none by 1/(2·part) of it, in whole seconds where it was whole.
fn nearer(m: &Move, base: &Script, part: i64) -> Option<Move> {
    let less = |ms: i64, whole: i64| {
        let by = ms.abs() / (2 * part) / whole * whole;
        (by > 0).then_some(ms - ms.signum() * by)
    };
    match m {
        Move::Arrive { event, arrival_ms } => {
            let was = base.events.get(*event)?.arrival_ms;
            let whole = if (arrival_ms - was) % 1000 == 0 { 1000 } else { 1 };
            less(arrival_ms - was, whole).map(|delay| Move::Arrive { event: *event, arrival_ms: was + delay })
        }
        Move::Copy { event, after_ms } => less(*after_ms, 1).map(|after_ms| Move::Copy { event: *event, after_ms }),
        Move::Shift { ms, unit_ms } => less(*ms, *unit_ms).map(|ms| Move::Shift { ms, unit_ms: *unit_ms }),
        _ => None,
    }
}
