//! Delivery: the threads of the sinks. The loop hands over what is due; the sinks' answers come back batch by batch.
//!
//! Owns the threads and, by `pace`, when a lane may be asked again. Never decides what is sent (the outbox does) and never
//! acknowledges (the loop does, when the answer is here). A slow sink holds up nobody: its lane has few batches under way, the others
//! go on. A sink that has a twin gets up to [`SIDE_BY_SIDE`] batches at once; the rest one.

use super::pace::{Name, Pace, WAIT_MAX};
use crate::io::clock::{Stopwatch, now_ms};
use crate::io::port::{Delivery, Outcome, Refusal, Sink};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::pipeline::{EffectNumber, LaneKind};

/// Most batches of one lane under way.
pub const SIDE_BY_SIDE: usize = 4;
/// Longest wait of a lane of pages: somebody waits for them, and there are few.
pub const PAGE_WAIT_MAX: Duration = Duration::from_secs(5);

/// A delivery, and who asked for it.
#[derive(Debug, Clone)]
pub struct Job {
    /// Who asked.
    pub origin: Origin,
    /// What to deliver.
    pub delivery: Delivery,
}

/// Who asks for a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The outbox of a Pipeline: its number, and that of the effect.
    Outbox(u16, EffectNumber),
    /// The quarantine: an item that is to be sent again.
    Quarantine(i64),
}

/// What a sink said, item by item.
#[derive(Debug)]
pub struct Answer {
    /// Number of the lane.
    pub lane: usize,
    /// What became of each effect.
    pub outcomes: Vec<(u16, EffectNumber, Outcome)>,
    /// Effects among them that were refused for good, whole.
    pub refused: Vec<Refusal>,
    /// What became of items of the quarantine.
    pub redriven: Vec<(i64, Outcome)>,
    /// Time that the sink took.
    pub took: Duration,
}

/// One lane: the threads of a sink, and when they may be given more.
#[derive(Debug)]
pub struct Lane {
    /// Its name: that of its cursor.
    pub name: Arc<str>,
    /// Whether it takes pages (else documents).
    pub pages: bool,
    jobs: Sender<Vec<Job>>,
    under_way: usize,
    pace: Pace,
    clock: Stopwatch,
}

/// All lanes, and where their answers come out.
#[derive(Debug)]
pub struct Lanes {
    /// Lanes, by number.
    pub lanes: Vec<Lane>,
    /// Answers of all lanes.
    pub answers: Receiver<Answer>,
}

impl Lanes {
    /// Starts the threads of all sinks.
    #[must_use]
    pub fn start(sinks: Vec<(Box<dyn Sink>, LaneKind)>) -> Self {
        Lanes::seeded(sinks, now_ms().unsigned_abs(), WAIT_MAX)
    }

    /// The same; waits are jittered by this seed and at most so long.
    #[must_use]
    pub fn seeded(sinks: Vec<(Box<dyn Sink>, LaneKind)>, seed: u64, wait_max: Duration) -> Self {
        let (answer, answers) = unbounded();
        let start = |(number, (sink, kind)): (usize, (Box<dyn Sink>, LaneKind))| {
            let name = sink.lane();
            let twins: Vec<Box<dyn Sink>> = (1..SIDE_BY_SIDE).map_while(|_| sink.twin()).collect();
            let most = 1 + twins.len();
            let (jobs, work) = bounded::<Vec<Job>>(most);
            for sink in std::iter::once(sink).chain(twins) {
                let (work, answer) = (work.clone(), answer.clone());
                std::thread::spawn(move || serve(sink, number, &work, &answer));
            }
            let wait_max = if kind.is_page() { wait_max.min(PAGE_WAIT_MAX) } else { wait_max };
            let pace = Pace::new(most, seed.wrapping_add(number as u64), wait_max);
            Lane { name, pages: kind.is_page(), jobs, under_way: 0, pace, clock: Stopwatch::start() }
        };
        Lanes { lanes: sinks.into_iter().enumerate().map(start).collect(), answers }
    }

    /// Asks again at once where a lane waits: what stood in the way may be gone.
    pub fn hurry(&mut self) {
        self.lanes.iter_mut().for_each(|lane| lane.pace.hurry());
    }
}

/// A thread of a sink.
fn serve(mut sink: Box<dyn Sink>, lane: usize, work: &Receiver<Vec<Job>>, answer: &Sender<Answer>) {
    for batch in work {
        let told = deliver(sink.as_mut(), lane, batch);
        tracing::trace!(target: "window", lane = &*sink.lane(), "answered");
        if answer.send(told).is_err() {
            break;
        }
    }
}

fn deliver(sink: &mut dyn Sink, lane: usize, batch: Vec<Job>) -> Answer {
    let deliveries: Vec<Delivery> = batch.iter().map(|job| job.delivery.clone()).collect();
    let clock = Stopwatch::start();
    let mut outcomes = sink.deliver(&deliveries);
    let took = clock.elapsed();
    // A sink that forgets one has not taken it.
    outcomes.resize_with(batch.len(), || Outcome::Unknown("the sink gave no answer for it".into()));
    let mut answer = Answer { lane, outcomes: Vec::new(), refused: Vec::new(), redriven: Vec::new(), took };
    for (Job { origin, delivery }, outcome) in batch.into_iter().zip(outcomes) {
        match origin {
            Origin::Quarantine(item) => answer.redriven.push((item, outcome)),
            Origin::Outbox(pipeline, number) => {
                if let Outcome::Refused(why) = &outcome {
                    answer.refused.push(Refusal { lane: sink.lane(), delivery, why: why.clone() });
                }
                answer.outcomes.push((pipeline, number, outcome));
            }
        }
    }
    answer
}

impl Lane {
    /// Whether it can be given a batch.
    #[must_use]
    pub fn free(&self) -> bool {
        self.pace.free(self.clock.elapsed(), self.under_way)
    }

    /// Batches that an answer is awaited for.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.under_way
    }

    /// Which deliveries wait by themselves at this moment.
    pub fn holds(&self) -> impl Fn(Name) -> bool {
        let now = self.clock.elapsed();
        move |name| self.pace.holds(now, name)
    }

    /// How many do, or are due again.
    #[must_use]
    pub fn held(&self) -> usize {
        self.pace.held()
    }

    /// Gives it a batch. Only if it is free.
    pub fn give(&mut self, jobs: Vec<Job>) {
        if !jobs.is_empty() && self.jobs.try_send(jobs).is_ok() {
            self.under_way += 1;
        }
    }

    /// Notes an answer.
    pub fn answered(&mut self, answer: &Answer) {
        self.under_way = self.under_way.saturating_sub(1);
        let named = answer.outcomes.iter().map(|(pipeline, number, outcome)| (Some((*pipeline, *number)), outcome));
        let nameless = answer.redriven.iter().map(|(_, outcome)| (None, outcome));
        self.pace.answered(self.clock.elapsed(), named.chain(nameless));
    }
}
