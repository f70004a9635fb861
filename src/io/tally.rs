//! What is told of inputs that are no files while they are read: how much came of each, and up to when.
//!
//! Owns the counts, the stop that a person asked for, and notes that belong under the summary. Written by the threads that read,
//! read by whoever draws; never decides anything.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Notes that are kept; of more only the number is told.
const NOTES_MAX: usize = 50;

/// Of all inputs that are no files.
#[derive(Debug, Default)]
pub struct Tally {
    stopped: Arc<AtomicBool>,
    changed: AtomicBool,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    inputs: BTreeMap<Arc<str>, Reach>,
    notes: Vec<String>,
    notes_more: u64,
}

/// How far one input was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Reach {
    items: u64,
    /// What is read: from here (where it is known) to there.
    range_ms: (Option<i64>, i64),
    /// Up to here nothing is missing.
    reached_ms: Option<i64>,
    ended: bool,
}

impl Tally {
    /// The flag by which a person stops the reading.
    #[must_use]
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        self.stopped.clone()
    }

    /// Whether reading is to stop.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// An input will be read that speaks of this range of time; where it begins may not be known. May be said again, when more is known.
    pub fn expect(&self, input: &Arc<str>, range_ms: (Option<i64>, i64)) {
        self.told().inputs.insert(input.clone(), Reach { range_ms, ..Reach::default() });
    }

    /// So many more items came of an input, and up to `reached_ms` nothing is missing.
    pub fn read(&self, input: &Arc<str>, items: u64, reached_ms: Option<i64>) {
        let mut told = self.told();
        let reach = told.inputs.entry(input.clone()).or_default();
        reach.items += items;
        reach.range_ms.0 = reach.range_ms.0.or(reached_ms);
        reach.reached_ms = reach.reached_ms.max(reached_ms);
        self.changed.store(true, Ordering::Relaxed);
    }

    /// An input was read to its end.
    pub fn end(&self, input: &Arc<str>) {
        self.told().inputs.entry(input.clone()).or_default().ended = true;
        self.changed.store(true, Ordering::Relaxed);
    }

    /// Something that a person should know of an input.
    pub fn note(&self, note: String) {
        let mut told = self.told();
        if told.notes.len() < NOTES_MAX { told.notes.push(note) } else { told.notes_more += 1 }
    }

    /// The notes, once.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let mut told = self.told();
        let (mut notes, more) = (std::mem::take(&mut told.notes), std::mem::take(&mut told.notes_more));
        if more > 0 {
            notes.push(format!("and {more} more of this kind"));
        }
        notes
    }

    /// Whether no input will ever tell anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.told().inputs.is_empty()
    }

    /// Whether an input was not read to its end.
    #[must_use]
    pub fn is_unfinished(&self) -> bool {
        self.told().inputs.values().any(|reach| !reach.ended)
    }

    /// Whether anything came since this was last asked.
    pub fn changed(&self) -> bool {
        self.changed.swap(false, Ordering::Relaxed)
    }

    /// Items, the time up to which all inputs were read, and how many thousandths of their ranges that is.
    #[must_use]
    pub fn progress(&self) -> (u64, Option<i64>, u64) {
        let told = self.told();
        let open = || told.inputs.values().filter(|reach| !reach.ended);
        let share = |reach: &Reach| match (reach.range_ms, reach.reached_ms) {
            ((Some(from), to), Some(at)) if to > from => (at.clamp(from, to) - from) * 1_000 / (to - from),
            _ => 0,
        };
        let ended = told.inputs.values().filter(|reach| reach.ended).count() as i64 * 1_000;
        let shares = ended + open().map(share).sum::<i64>();
        let parts = (shares / told.inputs.len().max(1) as i64).unsigned_abs();
        (told.inputs.values().map(|reach| reach.items).sum(), open().filter_map(|reach| reach.reached_ms).min(), parts)
    }

    /// Where a stopped reading can go on without a gap: the earliest that any input was left at. `None`: everything was read, or of
    /// an input nothing.
    #[must_use]
    pub fn resume_ms(&self) -> Option<i64> {
        let told = self.told();
        let left: Option<Vec<i64>> = told.inputs.values().filter(|reach| !reach.ended).map(|reach| reach.reached_ms).collect();
        left?.into_iter().min()
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_goes_on_where_the_slowest_input_was_left() {
        let (tally, a, b): (Tally, Arc<str>, Arc<str>) = (Tally::default(), "a".into(), "b".into());
        tally.expect(&a, (Some(1_000), 2_000));
        tally.expect(&b, (None, 3_000));
        assert_eq!((tally.progress(), tally.resume_ms()), ((0, None, 0), None), "nothing was read of either");
        assert!(tally.is_unfinished() && !tally.is_empty());
        tally.read(&a, 5, Some(1_500));
        assert_eq!((tally.progress(), tally.resume_ms()), ((5, Some(1_500), 250), None));
        tally.read(&b, 1, Some(1_000));
        tally.read(&b, 1, Some(2_000));
        tally.read(&b, 1, Some(1_700));
        assert_eq!((tally.progress(), tally.resume_ms()), ((8, Some(1_500), 500), Some(1_500)));
        tally.end(&a);
        assert_eq!((tally.progress(), tally.resume_ms()), ((8, Some(2_000), 750), Some(2_000)));
        tally.end(&b);
        assert_eq!((tally.progress(), tally.resume_ms()), ((8, None, 1_000), None));
        assert!(!tally.is_unfinished());
    }

    #[test]
    fn notes_are_bounded_and_told_once() {
        let tally = Tally::default();
        (0..NOTES_MAX + 3).for_each(|n| tally.note(n.to_string()));
        assert_eq!(tally.notes().last().map(String::as_str), Some("and 3 more of this kind"));
        assert!(tally.notes().is_empty());
    }
}
