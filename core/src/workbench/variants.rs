//! The variants of a case: what must make no difference.
//!
//! An alert is a function of the set of events: not of the order in which they arrive within the lateness, nor of copies, of how
//! records are cut into batches, of restarts, of the number of Pipelines, of what happens in other accounts, or of where on the
//! clock it all stands. Where a rule or a case is an exception by nature, the variant is left out and the reason said.

use super::engine::{Engine, Traits};
use super::nature::{Nature, fixed_times, least_multiple, resolution_ms};
use super::outline::Outline;
use super::plan::{Move, Plan, Press, STAND_INS};
use super::script::{Event, Script};
use super::shrink::{Court, Judge};
use super::suite::Case;
use fastrand::Rng;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Restarts in one run of a variant.
const RESTARTS_MAX: usize = 24;

/// A service that writes whole seconds cuts up to this off a time: that much earlier an event may be late.
const ROUNDING_MS: i64 = 1000;

/// Events that the variants of one case may run, those of making a failing one smaller apart.
const EVENTS_MAX: usize = 20_000;

/// How many variants, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Variants of each kind that is drawn by chance; `None`: no variants at all.
    pub variants: Option<u32>,
    /// Where chance starts.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { variants: Some(1), seed: 1 }
    }
}

/// A variant that was run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantReport {
    /// A word of [`super::keys::VARIANTS`].
    pub kind: &'static str,
    /// What was done, in words.
    pub about: String,
    /// Why it failed.
    pub failure: Option<Counterexample>,
}

/// The smallest variant found that gives other alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counterexample {
    /// What its events give as they are.
    pub expected: Vec<Outline>,
    /// What came.
    pub came: Vec<Outline>,
    /// The variant as a case of its own.
    pub yaml: String,
}

/// A kind of variant that was left out, and why.
pub type LeftOut = (&'static str, &'static str);

/// What is known of a case before its variants are made.
pub(super) struct Subject<'v> {
    pub(super) case: &'v Case,
    pub(super) script: &'v Script,
    pub(super) traits: &'v [Traits],
    pub(super) nature: &'v Nature,
    /// What the case gave as it is.
    pub(super) outlines: &'v [Outline],
}

/// Runs the variants of a case.
pub(super) fn run(engine: &Engine<'_>, judge: Judge<'_>, subject: &Subject<'_>, options: &Options) -> (Vec<VariantReport>, Vec<LeftOut>) {
    let Some(count) = options.variants.filter(|_| !subject.script.events.is_empty()) else { return (Vec::new(), Vec::new()) };
    let press = Press::new(engine.suite);
    let court = Court { press: &press, judge, whole: subject.outlines, spent: Cell::new(0) };
    let name = crate::event::id::hash128(subject.case.name.as_bytes()) as u64;
    let mut maker = Maker { engine, subject, rng: Rng::with_seed(options.seed ^ name), made: Vec::new(), left_out: Vec::new() };
    maker.all(count);
    let Maker { made, mut left_out, .. } = maker;
    let (mut reports, mut budget) = (Vec::new(), EVENTS_MAX);
    for (kind, about, moves) in made {
        let Some(left) = budget.checked_sub(subject.script.events.len()) else {
            if !left_out.iter().any(|(known, _)| *known == kind) {
                left_out.push((kind, "the case has too many events for more variants"));
            }
            continue;
        };
        budget = left;
        let plan = Plan::new(subject.script, moves);
        let failure = court.fails(&plan).map(|verdict| {
            let (smallest, (expected, came)) = court.shrink(plan, verdict);
            let title = format!("{}, {kind}", subject.case.name);
            let yaml = smallest.script(&press).yaml(&title, &expected);
            Counterexample { expected, came, yaml }
        });
        reports.push(VariantReport { kind, about, failure });
    }
    (reports, left_out)
}

/// The last moment at which an event may arrive.
fn latest(event: &Event, traits: &Traits) -> i64 {
    event.at_ms + (traits.lateness_ms - ROUNDING_MS).max(0)
}

struct Maker<'v, 's> {
    engine: &'v Engine<'s>,
    subject: &'v Subject<'v>,
    rng: Rng,
    made: Vec<(&'static str, String, Vec<Move>)>,
    left_out: Vec<LeftOut>,
}

impl Maker<'_, '_> {
    fn all(&mut self, count: u32) {
        let restarts = self.restarts();
        self.add("restarted", "a restart from a snapshot after every record", restarts);
        self.add("pipelines", "three Pipelines", vec![Move::Pipelines(3)]);
        self.add("batched", "all records in one batch", vec![Move::Batch(usize::MAX)]);
        let copies = self.copies(false);
        self.add("duplicated", "every event arrives twice", copies);
        let (delays, noise) = (self.delays(), self.noise());
        self.add("delayed", "every event arrives as late as it may", delays);
        self.add("noise", "the same, or something dull, happens in other accounts", noise);
        self.shifts(count);
        for n in 0..count {
            let shuffled = self.shuffled();
            self.add("shuffled", &format!("arrivals mixed within the lateness ({})", n + 1), shuffled);
            let mixed = self.mixed();
            self.add("mixed", &format!("several of these at once ({})", n + 1), mixed);
        }
    }

    fn add(&mut self, kind: &'static str, about: &str, moves: Vec<Move>) {
        if !moves.is_empty() && self.subject.case.variants.contains(kind) {
            self.made.push((kind, about.to_owned(), moves));
        }
    }

    fn leave_out(&mut self, kind: &'static str, why: &'static str) -> Vec<Move> {
        if !self.left_out.contains(&(kind, why)) {
            self.left_out.push((kind, why));
        }
        Vec::new()
    }

    fn events(&self) -> impl Iterator<Item = (usize, &Event, &Traits)> {
        self.subject.script.events.iter().zip(self.subject.traits).enumerate().map(|(n, (event, traits))| (n, event, traits))
    }

    fn restarts(&self) -> Vec<Move> {
        let events = self.subject.script.events.len();
        let every = events.div_ceil(RESTARTS_MAX).max(1);
        (1..=events).filter(|after| after % every == 0).map(Move::Restart).collect()
    }

    /// Events of the case that arrive late, or before their own time, keep their arrival: that is what the case is about.
    fn movable(&self) -> Vec<(usize, i64, i64)> {
        self.events().filter(|(_, _, t)| !t.odd).map(|(n, e, t)| (n, e.at_ms, latest(e, t))).collect()
    }

    fn delays(&mut self) -> Vec<Move> {
        let movable = self.movable();
        if movable.len() < self.subject.traits.len() {
            self.leave_out("delayed", "events that come too late as they are keep their arrival");
        }
        movable.into_iter().map(|(event, _, latest)| Move::Arrive { event, arrival_ms: latest }).collect()
    }

    fn shuffled(&mut self) -> Vec<Move> {
        let movable = self.movable();
        if movable.len() < 2 {
            return Vec::new();
        }
        let range = |(event, at, latest): (usize, i64, i64)| Move::Arrive { event, arrival_ms: self.rng.i64(at..=latest.max(at)) };
        movable.into_iter().map(range).collect()
    }

    /// Copies have the content id of what they copy. Two equal events without one are two events.
    fn copies(&mut self, delayed: bool) -> Vec<Move> {
        if self.events().any(|(_, _, t)| !t.has_id) {
            self.leave_out("duplicated", "two equal events without an id (flow lines, queries, requests) are two events");
        }
        let room = |e: &Event, t: &Traits| if t.odd { 0 } else { (latest(e, t) - e.arrival_ms).max(0) };
        let with_id = self.events().filter(|(_, _, t)| t.has_id);
        let copied: Vec<(usize, i64)> = with_id.map(|(n, e, t)| (n, room(e, t))).collect();
        let mut after = |most| if delayed { self.rng.i64(0..=most) } else { 0 };
        copied.into_iter().map(|(event, most)| Move::Copy { event, after_ms: after(most) }).collect()
    }

    /// What happens happens in other accounts too, where the rules keep accounts apart; else only what no rule looks for.
    fn noise(&mut self) -> Vec<Move> {
        let dull = !self.subject.nature.by_account;
        if dull {
            self.leave_out("noise", "the rule joins accounts: only what no rule looks for is added");
        }
        let mut stand_ins: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
        let mut moves = Vec::new();
        for (event, about) in self.events().filter_map(|(n, e, _)| e.about.clone().map(|about| (n, about))) {
            let next = STAND_INS[stand_ins.len() % STAND_INS.len()];
            let account = Arc::clone(stand_ins.entry(about).or_insert_with(|| next.into()));
            moves.push(Move::Noise { event, account, dull });
        }
        if dull { self.harmless(moves) } else { moves }
    }

    /// Of noise only what no rule matches.
    fn harmless(&self, moves: Vec<Move>) -> Vec<Move> {
        let press = Press::new(self.engine.suite);
        let plan = Plan::new(self.subject.script, moves.clone());
        let script = plan.script(&press);
        let matched = self.engine.detections(&script);
        let loud = |m: &Move| {
            let Move::Noise { event, .. } = m else { return false };
            script.events.iter().zip(&matched).any(|(e, matched)| !matched.is_empty() && e.place == Plan::noise_place(*event))
        };
        moves.into_iter().filter(|m| !loud(m)).collect()
    }

    fn shifts(&mut self, count: u32) {
        let nature = self.subject.nature;
        if let Some(why) = nature.fixed.or_else(|| fixed_times(self.engine.suite, self.subject.case)) {
            self.leave_out("shifted", why);
            return;
        }
        let unit = least_multiple(nature.unit_ms, resolution_ms(self.engine.suite, self.subject.case));
        let first = self.engine.suite.base_ms + self.subject.script.events.iter().map(|e| e.at_ms).min().unwrap_or(0);
        let whole = |ms: i64| ms.div_euclid(unit) * unit;
        let to_edge = whole((-first).rem_euclid(nature.timespan_ms));
        let to_pane = whole((-first).rem_euclid((nature.timespan_ms / 2).max(1)));
        let chance = (0..count).map(|_| whole(self.rng.i64(1..=2 * nature.timespan_ms))).collect::<Vec<_>>();
        for ms in [to_edge, to_pane - unit].into_iter().chain(chance) {
            if ms != 0 {
                self.add("shifted", &format!("all times moved by {}", super::suite::duration(ms)), vec![Move::Shift { ms, unit_ms: unit }]);
            }
        }
    }

    fn mixed(&mut self) -> Vec<Move> {
        let mut moves = self.shuffled();
        let copies = self.copies(true);
        moves.extend(copies.into_iter().filter(|_| self.rng.bool()));
        let noise = self.noise();
        moves.extend(noise.into_iter().filter(|_| self.rng.bool()));
        moves.push(Move::Pipelines(self.rng.u16(1..=4)));
        moves.push(Move::Batch(self.rng.usize(1..=8)));
        let restarts = self.restarts();
        moves.extend(restarts.into_iter().filter(|_| self.rng.u8(0..4) == 0));
        moves
    }
}
