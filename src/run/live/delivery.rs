//! Delivery: one thread per sink. The loop hands over what is due; the sink's answers come back one by one.
//!
//! Owns the lanes' back-off. Never decides what is sent (the outbox does) and never acknowledges (the loop does, when the answer is
//! here). A slow sink holds up nobody: its lane has one batch under way, the others go on.

use crate::io::clock::Stopwatch;
use crate::io::port::{Delivery, Outcome, Sink};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::pipeline::EffectNumber;

/// Longest wait after a sink that cannot take anything.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// First wait.
const WAIT_MIN: Duration = Duration::from_millis(100);

/// A delivery with its effect.
#[derive(Debug, Clone)]
pub struct Job {
    /// Pipeline it came from.
    pub pipeline: u16,
    /// Its number there.
    pub number: EffectNumber,
    /// What to deliver.
    pub delivery: Delivery,
}

/// What a sink said, item by item.
#[derive(Debug)]
pub struct Answer {
    /// Number of the lane.
    pub lane: usize,
    /// What became of each.
    pub outcomes: Vec<(u16, EffectNumber, Outcome)>,
}

/// One lane: a sink's thread, and when it may be asked again.
#[derive(Debug)]
pub struct Lane {
    /// Its name: that of its cursor.
    pub name: Arc<str>,
    /// Whether it takes pages (else documents).
    pub pages: bool,
    jobs: Sender<Vec<Job>>,
    under_way: bool,
    waiting: Option<(Stopwatch, Duration)>,
    wait: Duration,
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
    /// Starts a thread per sink. `pages` tells which sinks take pages.
    #[must_use]
    pub fn start(sinks: Vec<(Box<dyn Sink>, bool)>) -> Self {
        let (answer, answers) = unbounded();
        let start = |(number, (mut sink, pages)): (usize, (Box<dyn Sink>, bool))| {
            let (jobs, work) = bounded::<Vec<Job>>(1);
            let (name, answer) = (sink.lane(), answer.clone());
            std::thread::spawn(move || {
                for batch in work {
                    let outcomes = deliver(sink.as_mut(), batch);
                    tracing::trace!(target: "window", lane = &*sink.lane(), "answered");
                    if answer.send(Answer { lane: number, outcomes }).is_err() {
                        break;
                    }
                }
            });
            Lane { name, pages, jobs, under_way: false, waiting: None, wait: WAIT_MIN }
        };
        Lanes { lanes: sinks.into_iter().enumerate().map(start).collect(), answers }
    }

    /// Asks again at once where a lane waits: what stood in the way may be gone.
    pub fn hurry(&mut self) {
        self.lanes.iter_mut().for_each(|lane| (lane.waiting, lane.wait) = (None, WAIT_MIN));
    }
}

fn deliver(sink: &mut dyn Sink, batch: Vec<Job>) -> Vec<(u16, EffectNumber, Outcome)> {
    let deliveries: Vec<Delivery> = batch.iter().map(|job| job.delivery.clone()).collect();
    let mut outcomes = sink.deliver(&deliveries);
    // A sink that forgets one has not taken it.
    outcomes.resize_with(batch.len(), || Outcome::Unknown("the sink gave no answer for it".into()));
    batch.into_iter().zip(outcomes).map(|(job, outcome)| (job.pipeline, job.number, outcome)).collect()
}

impl Lane {
    /// Whether it can be given work.
    #[must_use]
    pub fn free(&self) -> bool {
        !self.under_way && self.waiting.is_none_or(|(since, wait)| since.elapsed() >= wait)
    }

    /// Whether an answer is awaited.
    #[must_use]
    pub fn under_way(&self) -> bool {
        self.under_way
    }

    /// Gives it work. Only if it is free.
    pub fn give(&mut self, jobs: Vec<Job>) {
        self.under_way = !jobs.is_empty() && self.jobs.try_send(jobs).is_ok();
    }

    /// Notes an answer: after one with refusals to be tried again it waits, each time twice as long.
    pub fn answered(&mut self, outcomes: &[(u16, EffectNumber, Outcome)]) {
        self.under_way = false;
        let again = outcomes.iter().any(|(_, _, outcome)| matches!(outcome, Outcome::Again(_) | Outcome::Unknown(_)));
        if again {
            self.waiting = Some((Stopwatch::start(), self.wait));
            self.wait = (self.wait * 2).min(WAIT_MAX);
        } else {
            (self.waiting, self.wait) = (None, WAIT_MIN);
        }
    }
}
