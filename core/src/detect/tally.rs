//! What each rule costs to match: how often it was looked at, how often it matched, how long that took.
//!
//! Owns counters, one set per shard of input, added up by whoever reads. Only replay for rule authors counts: without a counter a
//! passage pays one test per event. Every evaluation is counted; one event in [`TIMED`] is timed, by a clock that is a parameter. The
//! first rule that asks for a field pays for reading it.

use crate::event::Form;
use std::collections::BTreeMap;

/// One event in so many is timed.
pub const TIMED: u64 = 64;

/// No timing counts for more: a thread that is put aside meanwhile would make its rule look dear.
const NANOSECONDS_MAX: u64 = 100_000;

/// What one rule cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evaluated {
    /// Events that met its necessary condition, so that the condition itself was evaluated.
    pub candidates: u64,
    /// Events that it matched.
    pub matches: u64,
    /// Candidates that were timed.
    pub timed: u64,
    /// What these took, in nanoseconds.
    pub nanoseconds: u64,
}

/// What all rules cost.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Events by form.
    pub events: BTreeMap<Form, u64>,
    /// By rule number; shorter than the set where the last rules were never looked at.
    pub rules: Vec<Evaluated>,
}

impl Tally {
    /// Adds another. The order does not matter.
    pub fn add(&mut self, other: &Tally) {
        other.events.iter().for_each(|(form, n)| *self.events.entry(*form).or_default() += n);
        for (rule, of) in other.rules.iter().enumerate() {
            let sum = self.rule(rule);
            sum.candidates += of.candidates;
            sum.matches += of.matches;
            sum.timed += of.timed;
            sum.nanoseconds += of.nanoseconds;
        }
    }

    fn rule(&mut self, rule: usize) -> &mut Evaluated {
        if self.rules.len() <= rule {
            self.rules.resize(rule + 1, Evaluated::default());
        }
        &mut self.rules[rule]
    }
}

impl Evaluated {
    /// What all candidates took, in nanoseconds: those timed stand for the others.
    #[must_use]
    pub fn estimate(&self) -> u64 {
        let all = u128::from(self.nanoseconds) * u128::from(self.candidates) / u128::from(self.timed.max(1));
        u64::try_from(all).unwrap_or(u64::MAX)
    }
}

/// Counts while a shard is read.
#[derive(Debug)]
pub(super) struct Counter {
    clock: fn() -> u64,
    /// What reading the clock itself takes.
    reading: u64,
    events: u64,
    tally: Tally,
}

impl Counter {
    pub(super) fn new(clock: fn() -> u64) -> Self {
        let reading = (0..32).map(|_| clock().abs_diff(clock())).min().unwrap_or(0);
        Counter { clock, reading, events: 0, tally: Tally::default() }
    }

    /// The counts so far; counting goes on from nothing.
    pub(super) fn take(&mut self) -> Tally {
        std::mem::take(&mut self.tally)
    }

    /// A new event. Gives the clock if it is to be timed.
    pub(super) fn event(&mut self, form: Form) -> Option<fn() -> u64> {
        self.events += 1;
        *self.tally.events.entry(form).or_default() += 1;
        (self.events % TIMED == 1).then_some(self.clock)
    }

    /// A rule was looked at.
    pub(super) fn note(&mut self, rule: u32, matched: bool, took: Option<u64>) {
        let reading = self.reading;
        let of = self.tally.rule(rule as usize);
        of.candidates += 1;
        of.matches += u64::from(matched);
        of.timed += u64::from(took.is_some());
        of.nanoseconds += took.unwrap_or(0).saturating_sub(reading).min(NANOSECONDS_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_event_in_so_many_is_timed_and_stands_for_the_others() {
        let mut counter = Counter::new(|| 0);
        for _ in 0..2 * TIMED {
            let timed = counter.event(Form::VpcFlow).is_some();
            counter.note(3, true, timed.then_some(100));
        }
        let tally = counter.take();
        assert_eq!(tally.events[&Form::VpcFlow], 2 * TIMED);
        assert_eq!(tally.rules[3], Evaluated { candidates: 2 * TIMED, matches: 2 * TIMED, timed: 2, nanoseconds: 200 });
        assert_eq!(tally.rules[3].estimate(), 100 * 2 * TIMED);
        let mut sum = Tally::default();
        sum.add(&tally);
        sum.add(&tally);
        assert_eq!(sum.rules[3].candidates, 4 * TIMED);
        assert_eq!(counter.take(), Tally::default());
    }
}
