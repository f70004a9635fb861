//! Delivery: one thread per sink. The loop hands over what is due; the sink's answers come back one by one.
//!
//! Owns the lanes' back-off. Never decides what is sent (the outbox does) and never acknowledges (the loop does, when the answer is
//! here). A slow sink holds up nobody: its lane has one batch under way, the others go on.

use crate::io::clock::Stopwatch;
use crate::io::port::{Delivery, Outcome, Refusal, Sink};
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::pipeline::{EffectNumber, LaneKind};

/// Longest wait after a sink that cannot take anything.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// The same for pages: somebody waits for them, and there are few.
pub const PAGE_WAIT_MAX: Duration = Duration::from_secs(5);
/// First wait.
const WAIT_MIN: Duration = Duration::from_millis(100);

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
    /// Starts a thread per sink.
    #[must_use]
    pub fn start(sinks: Vec<(Box<dyn Sink>, LaneKind)>) -> Self {
        let (answer, answers) = unbounded();
        let start = |(number, (mut sink, kind)): (usize, (Box<dyn Sink>, LaneKind))| {
            let (jobs, work) = bounded::<Vec<Job>>(1);
            let (name, answer) = (sink.lane(), answer.clone());
            std::thread::spawn(move || {
                for batch in work {
                    let told = deliver(sink.as_mut(), number, batch);
                    tracing::trace!(target: "window", lane = &*sink.lane(), "answered");
                    if answer.send(told).is_err() {
                        break;
                    }
                }
            });
            Lane { name, pages: kind.is_page(), jobs, under_way: false, waiting: None, wait: WAIT_MIN }
        };
        Lanes { lanes: sinks.into_iter().enumerate().map(start).collect(), answers }
    }

    /// Asks again at once where a lane waits: what stood in the way may be gone.
    pub fn hurry(&mut self) {
        self.lanes.iter_mut().for_each(|lane| (lane.waiting, lane.wait) = (None, WAIT_MIN));
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
    pub fn answered(&mut self, answer: &Answer) {
        self.under_way = false;
        let all = answer.outcomes.iter().map(|(_, _, outcome)| outcome).chain(answer.redriven.iter().map(|(_, outcome)| outcome));
        let again = all.into_iter().any(|outcome| matches!(outcome, Outcome::Again(_) | Outcome::Unknown(_)));
        if again {
            self.waiting = Some((Stopwatch::start(), self.wait));
            self.wait = (self.wait * 2).min(if self.pages { PAGE_WAIT_MAX } else { WAIT_MAX });
        } else {
            (self.waiting, self.wait) = (None, WAIT_MIN);
        }
    }
}
