//! Claimants in virtual time: they are stopped and woken anywhere, die, lose answers, send what arrives late, and their clocks run at
//! different speeds.

use crate::world::{World, local};
use fastrand::Rng;
use std::collections::BTreeMap;
use std::time::Duration;
use tidegate::io::clock::Stopwatch;
use tidegate::io::ownership::{Claim, Claimant, Tenure};
use tidegate::io::port::{Holder, LeaseError, LeaseRow, LeaseTable, Renewal};

const TERM: Duration = Duration::from_secs(30);
const END: Duration = Duration::from_secs(3_600);
/// From here on nothing goes wrong any more.
const CALM: Duration = Duration::from_secs(3_000);

/// From when a renewal counts.
#[derive(Clone, Copy, PartialEq)]
enum Counted {
    BeforeTheWrite,
    /// Wrong on purpose: the world must notice.
    AfterTheAnswer,
}

struct Actor {
    id: usize,
    world: World,
    random: Rng,
    /// Speed of its clock.
    rate: f64,
    counted: Counted,
}

impl Actor {
    fn calm(&self) -> bool {
        self.world.now() >= CALM
    }

    fn one_in(&mut self, n: u32) -> bool {
        !self.calm() && self.random.u32(0..n) == 0
    }

    /// A moment passes; sometimes a long one: the process is stopped and woken.
    fn moment(&mut self) {
        let ms = if self.one_in(40) { self.random.u64(1_000..90_000) } else { self.random.u64(1..400) };
        self.world.sleep(self.id, Duration::from_millis(ms));
    }

    /// A call that changes something: it may be lost on the way there, on the way back, or arrive when nobody waits for it any more.
    fn call<T>(&mut self, act: impl FnOnce(&mut dyn LeaseTable) -> Result<T, LeaseError> + Send + 'static) -> Result<T, LeaseError> {
        let failed = Err(LeaseError::Unavailable("no answer".into()));
        self.moment();
        if self.one_in(20) {
            return failed;
        }
        if self.one_in(20) {
            let wait = Duration::from_millis(self.random.u64(1..60_000));
            self.world.later(wait, Box::new(move |table| drop(act(table))));
            self.world.count("late");
            return failed;
        }
        let answer = act(&mut self.world.table.clone());
        self.world.checks();
        self.moment();
        if self.one_in(20) {
            self.world.count("answer lost");
            return failed;
        }
        answer
    }

    fn live(mut self) {
        let mut life = 0;
        while self.world.now() < END {
            life += 1;
            let (id, state) = (format!("tidegate/{}/{life}", self.id), format!("state {}", self.id));
            let term_ms = u64::try_from(TERM.as_millis()).expect("a small number");
            let holder = Holder { id, place: format!("actor {}", self.id), state, since_ms: 0, term_ms };
            if let Some(tenure) = self.claim(holder.clone()) {
                self.world.holds(self.id, tenure.clone(), self.rate);
                self.hold(&holder.id, &tenure);
                self.world.dies(self.id);
            }
            self.moment();
        }
    }

    fn claim(&mut self, holder: Holder) -> Option<Tenure> {
        let (world, rate) = (self.world.clone(), self.rate);
        let clock = move || local(world.now(), rate);
        let mut claimant = Claimant::new("row", holder);
        while self.world.now() < END {
            match claimant.attempt(self, &clock) {
                Ok(Claim::Taken { epoch, began }) => {
                    self.world.count("taken");
                    return Some(Tenure::new(epoch, TERM, Stopwatch::start(), began));
                }
                Ok(Claim::Refused(_)) => {
                    self.world.count("refused");
                    return None;
                }
                Ok(Claim::Wait(..)) => self.world.count("watched"),
                Err(_) => {}
            }
            if self.one_in(100) {
                return None;
            }
            self.moment();
        }
        None
    }

    fn hold(&mut self, id: &str, tenure: &Tenure) {
        while self.world.now() < END {
            self.world.sleep(self.id, TERM / 3);
            if self.one_in(25) {
                self.world.count("died");
                return;
            }
            if self.one_in(40) {
                // As in the product: what was sent is answered, and nothing more is sent.
                self.world.dies(self.id);
                self.world.count("released");
                let _ = LeaseTable::release(self, "row", id, tenure.epoch());
                return;
            }
            let mut began = local(self.world.now(), self.rate);
            self.moment();
            let renewal = LeaseTable::renew(self, "row", id, tenure.epoch());
            if self.counted == Counted::AfterTheAnswer {
                began = local(self.world.now(), self.rate);
            }
            match renewal {
                Ok(Renewal::Held) => tenure.renewed(began),
                Ok(Renewal::Lost(_)) => {
                    self.world.count("lost");
                    tenure.lose("taken".into());
                    return;
                }
                Err(_) => self.world.count("not renewed"),
            }
            self.world.checks();
        }
    }
}

impl LeaseTable for Actor {
    fn read(&mut self, name: &str) -> Result<Option<LeaseRow>, LeaseError> {
        let name = name.to_owned();
        self.call(move |table| table.read(&name))
    }

    fn take(&mut self, name: &str, seen: Option<&LeaseRow>, holder: &Holder) -> Result<Option<LeaseRow>, LeaseError> {
        let (name, seen, holder) = (name.to_owned(), seen.cloned(), holder.clone());
        self.call(move |table| table.take(&name, seen.as_ref(), &holder))
    }

    fn renew(&mut self, name: &str, id: &str, epoch: u64) -> Result<Renewal, LeaseError> {
        let (name, id) = (name.to_owned(), id.to_owned());
        self.call(move |table| table.renew(&name, &id, epoch))
    }

    fn release(&mut self, name: &str, id: &str, epoch: u64) -> Result<(), LeaseError> {
        let (name, id) = (name.to_owned(), id.to_owned());
        self.call(move |table| table.release(&name, &id, epoch))
    }
}

/// One run; gives the moments at which two believed to hold the row, and whether one does at the end.
fn run(seed: u64, counted: Counted, counts: &mut BTreeMap<&'static str, u64>) -> (u64, usize) {
    let mut random = Rng::with_seed(seed);
    let world = World::default();
    let actor = |id: usize| -> Box<dyn FnOnce(World) + Send> {
        let (seed, rate) = (random.u64(..), 0.95 + 0.1 * random.f64());
        Box::new(move |world| Actor { id, world, random: Rng::with_seed(seed), rate, counted }.live())
    };
    let mut actors: Vec<_> = (0..3).map(actor).collect();
    let (witness, seen) = (actors.len(), std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0)));
    let end = seen.clone();
    actors.push(Box::new(move |world: World| {
        world.sleep(witness, END - Duration::from_millis(1));
        end.store(world.believers(), std::sync::atomic::Ordering::Relaxed);
    }));
    world.run(actors);
    for (what, n) in world.counts() {
        *counts.entry(what).or_default() += n;
    }
    (world.doubled(), seen.load(std::sync::atomic::Ordering::Relaxed))
}

fn cases() -> u64 {
    std::env::var("TIDEGATE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(40)
}

#[test]
fn there_are_never_two_that_believe_to_hold_the_row() {
    let mut counts = BTreeMap::new();
    for seed in 0..cases() {
        let (doubled, at_the_end) = run(seed, Counted::BeforeTheWrite, &mut counts);
        assert_eq!(doubled, 0, "seed {seed}: two held it at {doubled} moments");
        assert_eq!(at_the_end, 1, "seed {seed}: ten minutes after the last fault somebody holds it");
    }
    println!("{counts:?}");
    for what in ["taken", "refused", "watched", "died", "released", "lost", "not renewed", "late", "answer lost"] {
        assert!(counts.get(what).is_some_and(|n| *n >= 20), "{what} hardly occurred: {counts:?}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let (mut first, mut second) = (BTreeMap::new(), BTreeMap::new());
    assert_eq!(run(7, Counted::BeforeTheWrite, &mut first), run(7, Counted::BeforeTheWrite, &mut second));
    assert_eq!(first, second);
}

/// The world can tell: who counts a renewal from its answer holds the row beside another one.
#[test]
fn a_renewal_that_counts_from_its_answer_is_found_out() {
    let doubled: u64 = (0..cases()).map(|seed| run(seed, Counted::AfterTheAnswer, &mut BTreeMap::new()).0).sum();
    assert!(doubled > 0);
}
