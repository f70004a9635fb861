//! Virtual time for threads of which one runs at a time: who sleeps lets the next one wake. The same seed gives the same run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;
use tidegate::io::ownership::Tenure;
use tidegate::io::ownership::memory::MemoryLeases;

/// A moment, and who wakes then.
type Wake = (Duration, usize);
/// Something that happens later, though nobody waits for it.
pub(crate) type Late = Box<dyn FnOnce(&mut MemoryLeases) + Send>;

#[derive(Default)]
struct State {
    now: Duration,
    asleep: BTreeSet<Wake>,
    late: BTreeMap<(Duration, u64), Late>,
    numbers: u64,
    running: Option<usize>,
    awake: usize,
    held: BTreeMap<usize, (Tenure, f64)>,
    doubled: u64,
    counts: BTreeMap<&'static str, u64>,
}

/// The world of one run.
#[derive(Clone, Default)]
pub(crate) struct World {
    state: Arc<(Mutex<State>, Condvar)>,
    pub(crate) table: MemoryLeases,
}

impl World {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().expect("no thread failed")
    }

    pub(crate) fn now(&self) -> Duration {
        self.lock().now
    }

    /// Lets `actors` run, each on a thread, until all have returned. All begin asleep at time 0.
    pub(crate) fn run(&self, actors: Vec<Box<dyn FnOnce(World) + Send>>) {
        self.lock().awake = actors.len();
        std::thread::scope(|scope| {
            for (id, actor) in actors.into_iter().enumerate() {
                let world = self.clone();
                scope.spawn(move || {
                    world.sleep(id, Duration::ZERO);
                    actor(world.clone());
                    world.leave();
                });
            }
        });
    }

    /// Sleeps; the others go on.
    pub(crate) fn sleep(&self, id: usize, time: Duration) {
        let mut state = self.lock();
        let at = state.now + time;
        state.asleep.insert((at, id));
        state.awake -= 1;
        self.next(&mut state);
        while state.running != Some(id) {
            state = self.state.1.wait(state).expect("no thread failed");
        }
        state.running = None;
        state.awake += 1;
    }

    fn leave(&self) {
        let mut state = self.lock();
        state.awake -= 1;
        self.next(&mut state);
    }

    /// When nobody is awake: what is due first happens.
    fn next(&self, state: &mut State) {
        if state.awake > 0 {
            return;
        }
        let Some((at, id)) = state.asleep.pop_first() else { return };
        while let Some(entry) = state.late.first_entry().filter(|e| e.key().0 <= at) {
            let (key, late) = entry.remove_entry();
            state.now = key.0;
            late(&mut self.table.clone());
        }
        state.now = at;
        state.check();
        state.running = Some(id);
        self.state.1.notify_all();
    }

    /// Something that takes effect later.
    pub(crate) fn later(&self, wait: Duration, late: Late) {
        let mut state = self.lock();
        state.numbers += 1;
        let key = (state.now + wait, state.numbers);
        state.late.insert(key, late);
    }

    /// Notes what somebody believes to hold, with a clock that runs at this rate; and that it does not any more.
    pub(crate) fn holds(&self, id: usize, tenure: Tenure, rate: f64) {
        let mut state = self.lock();
        state.held.insert(id, (tenure, rate));
        state.check();
    }

    pub(crate) fn checks(&self) {
        self.lock().check();
    }

    pub(crate) fn dies(&self, id: usize) {
        self.lock().held.remove(&id);
    }

    pub(crate) fn count(&self, what: &'static str) {
        *self.lock().counts.entry(what).or_default() += 1;
    }

    pub(crate) fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.lock().counts.clone()
    }

    /// Moments at which two believed to hold the row.
    pub(crate) fn doubled(&self) -> u64 {
        self.lock().doubled
    }

    pub(crate) fn believers(&self) -> usize {
        self.lock().believers()
    }
}

/// What a clock of this rate shows.
pub(crate) fn local(now: Duration, rate: f64) -> Duration {
    now.mul_f64(rate)
}

impl State {
    fn believers(&self) -> usize {
        self.held.values().filter(|(tenure, rate)| !tenure.remaining_at(local(self.now, *rate)).is_zero()).count()
    }

    fn check(&mut self) {
        self.doubled += u64::from(self.believers() > 1);
    }
}
