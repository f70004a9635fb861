//! How many different identities are in the window at every moment, kept up to date event by event: an event costs the logarithm
//! of the window and one block, never the window.
//!
//! An identity is present from each of its events for T. The count is a staircase; it is kept as its steps, in blocks that know
//! their sum and the highest and lowest level they reach, so that a search for a level passes whole blocks. Made anew from the
//! events after a restart: not state.

use super::interval::Interval;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included};

/// Steps in a block before it is split.
const BLOCK_MAX: usize = 256;

/// The staircase of one key.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    timespan: i64,
    /// How many events an identity has at a time.
    times: BTreeMap<(u128, i64), u32>,
    blocks: Vec<Block>,
}

/// Some steps in a row: (moment, up or down), each moment once.
#[derive(Debug, Clone, Default)]
struct Block {
    steps: Vec<(i64, i32)>,
    sum: i32,
    /// The highest and the lowest level behind any of the steps, from the level before the block.
    top: i32,
    bottom: i32,
}

impl Tally {
    pub(super) fn new(timespan: i64) -> Self {
        Tally { timespan, ..Tally::default() }
    }

    pub(super) fn add(&mut self, ident: u128, time: i64) {
        let n = self.times.entry((ident, time)).or_insert(0);
        *n += 1;
        if *n == 1 {
            self.shift(self.between(ident, time), 1);
        }
    }

    pub(super) fn remove(&mut self, ident: u128, time: i64) {
        let Some(n) = self.times.get_mut(&(ident, time)) else { return };
        *n -= 1;
        if *n == 0 {
            self.times.remove(&(ident, time));
            self.shift(self.between(ident, time), -1);
        }
    }

    /// The moments at which an event is the only one of its identity in the window.
    pub(super) fn alone(&self, ident: u128, time: i64) -> Interval {
        if self.times.get(&(ident, time)).is_some_and(|n| *n > 1) { (time, time) } else { self.between(ident, time) }
    }

    /// [time, time + T) without what the identity's other events cover.
    fn between(&self, ident: u128, time: i64) -> Interval {
        let before = self.times.range((ident, i64::MIN)..(ident, time)).next_back();
        let after = self.times.range((Excluded((ident, time)), Included((ident, i64::MAX)))).next();
        let from = before.map_or(time, |(at, _)| time.max(at.1.saturating_add(self.timespan)));
        let whole = time.saturating_add(self.timespan);
        (from, after.map_or(whole, |(at, _)| whole.min(at.1)))
    }

    fn shift(&mut self, (from, to): Interval, by: i32) {
        if from < to {
            self.step(from, by);
            self.step(to, -by);
        }
    }

    fn step(&mut self, at: i64, by: i32) {
        if self.blocks.is_empty() {
            self.blocks.push(Block::default());
        }
        let n = self.blocks.partition_point(|b| b.steps.first().is_some_and(|s| s.0 <= at)).saturating_sub(1);
        self.blocks[n].step(at, by);
        if self.blocks[n].steps.is_empty() {
            self.blocks.remove(n);
        } else if self.blocks[n].steps.len() > BLOCK_MAX {
            let upper = self.blocks[n].split();
            self.blocks.insert(n + 1, upper);
        }
    }

    /// The moments in `range` at which at least `n` identities are in the window.
    pub(super) fn stretches(&self, range: Interval, n: usize) -> Vec<Interval> {
        let mut search = Search { range, n: i32::try_from(n).unwrap_or(i32::MAX), level: 0, since: None, found: Vec::new() };
        for block in &self.blocks {
            if block.steps.first().is_some_and(|s| s.0 >= range.1) {
                break;
            }
            search.pass(block);
        }
        if let Some(since) = search.since {
            search.found.push((since, range.1));
        }
        search.found
    }
}

impl Block {
    fn step(&mut self, at: i64, by: i32) {
        match self.steps.binary_search_by_key(&at, |s| s.0) {
            Ok(place) if self.steps[place].1 + by == 0 => drop(self.steps.remove(place)),
            Ok(place) => self.steps[place].1 += by,
            Err(place) => self.steps.insert(place, (at, by)),
        }
        self.measure();
    }

    fn split(&mut self) -> Block {
        let mut upper = Block { steps: self.steps.split_off(self.steps.len() / 2), ..Block::default() };
        self.measure();
        upper.measure();
        upper
    }

    fn measure(&mut self) {
        (self.sum, self.top, self.bottom) = (0, i32::MIN, i32::MAX);
        for (_, by) in &self.steps {
            self.sum += by;
            self.top = self.top.max(self.sum);
            self.bottom = self.bottom.min(self.sum);
        }
    }
}

/// A walk up and down the staircase, from the left.
struct Search {
    range: Interval,
    n: i32,
    level: i32,
    /// Since when the level is high enough; never before the range.
    since: Option<i64>,
    found: Vec<Interval>,
}

impl Search {
    fn pass(&mut self, block: &Block) {
        if block.steps.last().is_some_and(|s| s.0 <= self.range.0) {
            self.level += block.sum;
            self.since = (self.level >= self.n).then_some(self.range.0);
            return;
        }
        let stays = if self.since.is_some() { self.level + block.bottom >= self.n } else { self.level + block.top < self.n };
        if stays {
            self.level += block.sum;
            return;
        }
        for (at, by) in block.steps.iter().take_while(|s| s.0 < self.range.1) {
            self.level += by;
            match self.since {
                None if self.level >= self.n => self.since = Some(self.range.0.max(*at)),
                Some(since) if self.level < self.n => {
                    self.found.extend((since < *at).then_some((since, *at)));
                    self.since = None;
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::presence::{self, Occurrence, Wanted};
    use super::*;

    /// The sweep is the definition.
    #[test]
    fn it_finds_what_a_sweep_over_the_window_finds() {
        for seed in 0..300 {
            let r = &mut fastrand::Rng::with_seed(seed);
            let (timespan, span, idents) = (r.i64(1..400), r.i64(10..3_000), r.u128(1..600));
            let (mut tally, mut all) = (Tally::new(timespan), Vec::<(i64, u128)>::new());
            for n in 0..r.usize(1..1_500) {
                if r.u8(0..4) == 0 && !all.is_empty() {
                    let (time, ident) = all.swap_remove(r.usize(0..all.len()));
                    tally.remove(ident, time);
                } else {
                    let event = (if seed % 2 == 0 { n as i64 } else { r.i64(0..span) }, r.u128(0..idents));
                    all.push(event);
                    tally.add(event.1, event.0);
                }
                if r.u8(0..40) == 0 {
                    let (from, wanted) = (r.i64(-50..span), r.usize(1..60));
                    let range = (from, from + r.i64(1..2 * timespan + 2));
                    let of = |(time, ident): &(i64, u128)| Occurrence { start: *time, end: time + 1, step: 0, ident: *ident, id: 0 };
                    let swept: Vec<Occurrence> = all.iter().map(of).collect();
                    let expected = presence::stretches(&swept, timespan, &Wanted::Number(wanted), range);
                    assert_eq!(tally.stretches(range, wanted), expected.all(), "seed {seed}");
                }
            }
            all.iter().for_each(|(time, ident)| tally.remove(*ident, *time));
            assert!(tally.blocks.is_empty() && tally.times.is_empty(), "nothing is left");
        }
    }
}
