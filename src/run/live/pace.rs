//! The pace of a lane: how many batches may be under way, when the next may go, and which deliveries wait by themselves.
//!
//! Owns back-off. Times are parameters (since the lane's start) and the jitter comes from a seeded generator: the same answers at the
//! same times give the same pace. Never sends and never decides what is sent.
//!
//! * A batch of which nothing was taken says that the sink takes nothing: the lane waits, each time twice as long. But where all of
//!   it had failed before while others were taken, it says nothing new about the lane.
//! * A delivery that was not taken though others of its batch were waits by itself, each time twice as long. The lane goes on.
//! * Batches side by side: one at first, one more after as many good batches as there may be, half of them after a batch of which
//!   [`PRESSED_PARTS`] or more was not taken.
//!
//! Batches overtake each other. That is no harm: the outbox never has two versions of one alert under way, and a document carries
//! its version. Limits: [`WAIT_MAX`]; [`HELD_MAX`] deliveries wait by themselves, beyond that the lane waits. A newer version of an
//! alert is a delivery of its own and starts afresh.

use crate::io::port::Outcome;
use std::collections::BTreeMap;
use std::time::Duration;
use tidegate_core::pipeline::EffectNumber;

/// First wait.
const WAIT_MIN: Duration = Duration::from_millis(100);
/// Longest wait.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(30);
/// A batch of which one in so many deliveries is not taken says that the sink is under pressure.
const PRESSED_PARTS: usize = 10;
/// Most deliveries that wait by themselves.
const HELD_MAX: usize = 65_536;

/// What an outbox knows a delivery by: its Pipeline and its number.
pub(super) type Name = (u16, EffectNumber);

/// See the module.
#[derive(Debug)]
pub(super) struct Pace {
    most: usize,
    wait_max: Duration,
    limit: usize,
    /// Good batches since the limit changed.
    good: usize,
    until: Duration,
    /// How long the lane waited last, if it waits or has waited in vain.
    waited: Option<Duration>,
    held: BTreeMap<Name, Held>,
    /// When those were last looked for that nobody will answer for any more.
    swept: Duration,
    random: fastrand::Rng,
}

#[derive(Debug, Clone, Copy)]
struct Held {
    until: Duration,
    wait: Duration,
}

impl Pace {
    /// At most `most` batches side by side; nothing waits longer than `wait_max`.
    pub(super) fn new(most: usize, seed: u64, wait_max: Duration) -> Self {
        let random = fastrand::Rng::with_seed(seed);
        let (until, swept, waited, held) = (Duration::ZERO, Duration::ZERO, None, BTreeMap::new());
        Pace { most: most.max(1), wait_max, limit: 1, good: 0, until, waited, held, swept, random }
    }

    /// Whether one more batch may go beside those under way.
    pub(super) fn free(&self, now: Duration, under_way: usize) -> bool {
        under_way < self.limit && now >= self.until
    }

    /// Whether a delivery still waits by itself.
    pub(super) fn holds(&self, now: Duration, name: Name) -> bool {
        self.held.get(&name).is_some_and(|held| now < held.until)
    }

    /// How many deliveries wait by themselves, or are due again.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// What stood in the way may be gone: nothing waits any more.
    pub(super) fn hurry(&mut self) {
        (self.until, self.waited) = (Duration::ZERO, None);
        self.held.clear();
    }

    /// A batch was answered. What has no name (an item of the quarantine) is asked for again by whoever asked.
    pub(super) fn answered<'a>(&mut self, now: Duration, outcomes: impl Iterator<Item = (Option<Name>, &'a Outcome)>) {
        self.sweep(now);
        let (mut count, mut again) = (0, Vec::new());
        for (name, outcome) in outcomes {
            count += 1;
            match outcome {
                Outcome::Again(_) | Outcome::Unknown(_) => again.push(name),
                Outcome::Taken | Outcome::Refused(_) => drop(name.and_then(|name| self.held.remove(&name))),
            }
        }
        let pressed = again.len() * PRESSED_PARTS >= count.max(1);
        let known = |name: &Option<Name>| name.is_none_or(|name| self.held.contains_key(&name));
        let (nothing, news) = (again.len() == count, self.waited.is_some() || !again.iter().all(known));
        if nothing && news && count > 0 {
            return self.rest(now);
        }
        again.iter().flatten().for_each(|name| self.hold(now, *name));
        if nothing {
            return;
        }
        self.waited = None;
        if pressed {
            (self.limit, self.good) = ((self.limit / 2).max(1), 0);
        } else {
            self.grow();
        }
    }

    /// A newer version took the place of what was held long ago.
    fn sweep(&mut self, now: Duration) {
        if now >= self.swept + self.wait_max {
            self.swept = now;
            self.held.retain(|_, held| now < held.until + 2 * self.wait_max);
        }
    }

    /// The lane waits. Batches that failed together count once.
    fn rest(&mut self, now: Duration) {
        if now < self.until {
            return;
        }
        (self.limit, self.good) = ((self.limit / 2).max(1), 0);
        let wait = self.next_wait(self.waited);
        self.until = now + jittered(&mut self.random, wait);
        self.waited = Some(wait);
    }

    fn hold(&mut self, now: Duration, name: Name) {
        let wait = self.next_wait(self.held.get(&name).map(|held| held.wait));
        if self.held.len() >= HELD_MAX && !self.held.contains_key(&name) {
            return self.rest(now);
        }
        let until = now + jittered(&mut self.random, wait);
        self.held.insert(name, Held { until, wait });
    }

    fn next_wait(&self, last: Option<Duration>) -> Duration {
        last.map_or(WAIT_MIN, |last| last * 2).min(self.wait_max)
    }

    fn grow(&mut self) {
        self.good += 1;
        if self.good >= self.limit {
            (self.limit, self.good) = ((self.limit + 1).min(self.most), 0);
        }
    }
}

/// Between half of it and all of it: many that failed together do not come back together.
fn jittered(random: &mut fastrand::Rng, wait: Duration) -> Duration {
    wait.mul_f64(0.5 + random.f64() / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn name(n: u64) -> Name {
        (0, EffectNumber { position: n, index: 0 })
    }

    fn again() -> Outcome {
        Outcome::Again("busy".into())
    }

    /// Answers a batch of deliveries by their numbers.
    fn answer(pace: &mut Pace, now: Duration, outcomes: &[(u64, Outcome)]) {
        pace.answered(now, outcomes.iter().map(|(n, outcome)| (Some(name(*n)), outcome)));
    }

    fn good(pace: &mut Pace, now: Duration) {
        answer(pace, now, &[(9_999, Outcome::Taken)]);
    }

    #[test]
    fn more_go_side_by_side_while_all_is_well_and_half_under_pressure() {
        let mut pace = Pace::new(4, 1, WAIT_MAX);
        assert!(pace.free(SECOND, 0) && !pace.free(SECOND, 1));
        let grows: Vec<usize> = (0..8).map(|_| (good(&mut pace, SECOND), pace.limit).1).collect();
        assert_eq!(grows, [2, 2, 3, 3, 3, 4, 4, 4]);
        let mut batch: Vec<(u64, Outcome)> = (0..20).map(|n| (n, Outcome::Taken)).collect();
        batch[0].1 = again();
        answer(&mut pace, SECOND, &batch);
        assert_eq!(pace.limit, 4, "one of twenty is no pressure");
        (batch[1].1, batch[2].1) = (again(), again());
        answer(&mut pace, SECOND, &batch);
        assert_eq!(pace.limit, 2);
        assert!(pace.free(SECOND, 1), "the lane goes on");
    }

    #[test]
    fn one_that_is_stuck_waits_by_itself_ever_longer_and_holds_up_nobody() {
        let mut pace = Pace::new(4, 2, WAIT_MAX);
        let mut now = SECOND;
        answer(&mut pace, now, &[(1, again()), (2, Outcome::Taken)]);
        let mut waits = Vec::new();
        for _ in 0..12 {
            assert!(pace.holds(now, name(1)) && !pace.holds(now, name(3)) && pace.free(now, 0));
            let until = pace.held[&name(1)].until;
            waits.push(until - now);
            now = until;
            assert!(!pace.holds(now, name(1)));
            // Alone in its batch: that nothing of it was taken is no news.
            answer(&mut pace, now, &[(1, again())]);
        }
        assert!(waits[0] <= WAIT_MIN && waits[0] >= WAIT_MIN / 2, "{waits:?}");
        assert!(waits[11] <= WAIT_MAX && waits[11] >= WAIT_MAX / 2, "{waits:?}");
        assert!(waits.windows(2).any(|w| w[1] != 2 * w[0]), "jittered: {waits:?}");
        answer(&mut pace, now, &[(1, Outcome::Taken)]);
        assert_eq!(pace.held(), 0);
    }

    #[test]
    fn a_sink_that_takes_nothing_is_asked_by_one_batch_and_ever_more_rarely() {
        let mut pace = Pace::new(4, 3, WAIT_MAX);
        (0..8).for_each(|_| good(&mut pace, SECOND));
        assert_eq!(pace.limit, 4);
        let mut now = SECOND;
        // Four batches under way fail together: that counts once.
        (0..4).for_each(|n| answer(&mut pace, now, &[(n, again()), (n + 10, Outcome::Unknown("late".into()))]));
        assert!(pace.until - now <= WAIT_MIN && pace.limit == 2 && pace.held() == 0, "{pace:?}");
        for _ in 0..12 {
            assert!(!pace.free(now, 0));
            now = pace.until;
            assert!(pace.free(now, 0));
            answer(&mut pace, now, &[(0, again())]);
        }
        assert!(pace.until - now >= WAIT_MAX / 2 && pace.until - now <= WAIT_MAX && pace.limit == 1);
        pace.hurry();
        assert!(pace.free(now, 0));
        good(&mut pace, now);
        assert_eq!(pace.waited, None);
    }

    #[test]
    fn what_was_held_does_not_keep_a_dead_sink_busy() {
        let mut pace = Pace::new(1, 4, WAIT_MAX);
        answer(&mut pace, SECOND, &[(1, again()), (2, Outcome::Taken)]);
        answer(&mut pace, 2 * SECOND, &[(3, again())]);
        let until = pace.until;
        assert!(until > 2 * SECOND);
        answer(&mut pace, until, &[(1, again())]);
        assert!(pace.until > until, "while the lane is in trouble every failure counts");
    }

    #[test]
    fn what_nobody_answers_for_any_more_is_forgotten() {
        let mut pace = Pace::new(1, 5, WAIT_MAX);
        for n in 0..2_000 {
            answer(&mut pace, SECOND, &[(n, again()), (9_999, Outcome::Taken)]);
        }
        assert_eq!(pace.held(), 2_000);
        good(&mut pace, SECOND + 3 * WAIT_MAX);
        assert_eq!(pace.held(), 0);
    }

    #[test]
    fn the_same_answers_give_the_same_pace() {
        let run = |seed| {
            let mut pace = Pace::new(4, seed, WAIT_MAX);
            (0..50).for_each(|n| answer(&mut pace, SECOND * n, &[(1, again()), (u64::from(n), Outcome::Taken)]));
            format!("{pace:?}")
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }
}
