//! The sink of a lane of pages: one topic, and a second channel where one is configured.
//!
//! Owns when the second channel is used: when the topic has taken nothing for `after` while pages waited. From then on the topic is asked
//! with one page every five seconds, and whatever it does not take goes to the second; with the first page that it takes all go to it
//! again. **A page is done when one of the two has taken it**: so it comes by the second channel at most once, and not again by the
//! first, which is told how many went elsewhere. A page of which the topic's answer was lost, and which then goes by the second, may come by both: it
//! is marked `repeated`. A page that the topic refuses for what it is goes by the second at once. Nothing of this is stored: a process that starts anew waits `after` anew. Pages are sent several at once, and
//! their order is nobody's promise (but see FIFO groups in [`super::message`]).

use super::fault::Fault;
use super::message::{self, Marks};
use super::topic::{Parcel, Topic};
use crate::io::clock::{Stopwatch, now_ms};
use crate::io::line_file::LineFile;
use crate::io::ndjson::NOT_OURS;
use crate::io::port::{Delivery, Outcome, Sink, SinkCounts};
use serde_json::Value;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tidegate_core::alert::neutral::terminal;
use tokio::runtime::Runtime;

/// Calls under way at once.
const AT_ONCE: usize = 10;
/// While the second channel is used, the topic is asked so often, for so long.
const PROBE_EVERY: Duration = Duration::from_secs(5);
const PROBE: Duration = Duration::from_secs(2);

/// How long something may be on its way that starts to be sent at this moment; zero: nothing may be sent.
pub type Permit = Box<dyn Fn() -> Duration + Send>;

/// Where pages go that the topic does not take.
#[derive(Debug)]
pub enum Second {
    /// To another topic.
    Topic(Box<Topic>),
    /// To a file of lines, shared by all lanes.
    File(Arc<Mutex<LineFile>>),
}

/// Pages through SNS.
pub struct SnsSink {
    lane: Arc<str>,
    runtime: Runtime,
    first: Topic,
    second: Option<(Second, Duration)>,
    permit: Permit,
    trouble: Option<Trouble>,
    counts: Arc<SinkCounts>,
}

impl std::fmt::Debug for SnsSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnsSink").field("lane", &self.lane).field("topic", &self.first.arn()).finish_non_exhaustive()
    }
}

/// The topic takes nothing.
#[derive(Debug)]
struct Trouble {
    since: Stopwatch,
    since_ms: i64,
    asked: Stopwatch,
    why: String,
    /// Pages that the second channel has taken.
    by_second: u64,
}

type Told = Option<Outcome>;

impl SnsSink {
    /// A sink of a lane; the second channel is used after so long. Nothing is called yet.
    ///
    /// # Errors
    /// If the system gives no runtime for calls: in words.
    pub fn new(lane: &str, first: Topic, second: Option<(Second, Duration)>, permit: Permit) -> Result<Self, String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("cannot start a runtime for calls to SNS: {e}"))?;
        Ok(SnsSink { lane: lane.into(), runtime, first, second, permit, trouble: None, counts: Arc::default() })
    }

    /// Whether the second channel is used.
    fn over(&self) -> bool {
        let after = |trouble: &Trouble| self.second.as_ref().is_some_and(|(_, after)| trouble.since.elapsed() >= *after);
        self.trouble.as_ref().is_some_and(after)
    }

    /// Asks the topic to take pages, within `most` each.
    fn by_first(&mut self, parcels: &[Parcel], most: Duration, out: &mut [Told]) {
        let (began, began_ms) = (Stopwatch::start(), now_ms());
        let (mut takes, mut why) = (false, None);
        for some in parcels.chunks(AT_ONCE) {
            let left = (self.permit)();
            if left.is_zero() {
                break;
            }
            let told = self.runtime.block_on(self.first.publish_all(some.to_vec(), most.min(left)));
            let taken = told.iter().any(|(_, told)| matches!(told, Ok(_) | Err(Fault::Message(_))));
            for (at, told) in told {
                out[at] = Some(told.map_or_else(outcome, |_| Outcome::Taken));
                why = why.or(out[at].as_ref().and_then(reason));
            }
            takes |= taken;
            if !taken {
                break;
            }
        }
        match (takes, why) {
            (true, _) => self.back(),
            (false, Some(why)) => {
                let new = || Trouble { since: began, since_ms: began_ms, asked: began, why: String::new(), by_second: 0 };
                let trouble = self.trouble.get_or_insert_with(new);
                (trouble.asked, trouble.why) = (Stopwatch::start(), why);
            }
            // Nothing was asked.
            (false, None) => {}
        }
    }

    /// The topic takes pages again.
    fn back(&mut self) {
        let Some(trouble) = self.trouble.take().filter(|trouble| trouble.by_second > 0) else { return };
        tracing::info!(lane = &*self.lane, pages = trouble.by_second, "the topic takes pages again; these went by the second channel");
        let note = message::of_return(trouble.by_second, trouble.since_ms, now_ms(), self.first.fifo());
        let limit = self.first.timeout().min((self.permit)());
        if limit.is_zero() {
            return;
        }
        if let Err(fault) = self.runtime.block_on(self.first.publish(&note, limit)) {
            tracing::warn!(lane = &*self.lane, "the topic could not be told how many pages went elsewhere: {}", terminal(fault.why()));
        }
    }

    /// Gives the second channel what the topic did not take.
    fn by_second(&mut self, parcels: &[Parcel], out: &mut [Told]) {
        for some in parcels.chunks(AT_ONCE) {
            let left = (self.permit)();
            let Some((second, _)) = self.second.as_mut().filter(|_| !left.is_zero()) else { return };
            let perhaps = |at: usize| matches!(out[at], Some(Outcome::Unknown(_)));
            let some = some.iter().map(|parcel| marked(parcel, perhaps(parcel.at))).collect::<Vec<_>>();
            let told = match second {
                Second::File(file) => written(file, &some),
                Second::Topic(topic) => {
                    let limit = topic.timeout().min(left);
                    self.runtime.block_on(topic.publish_all(some, limit))
                }
            };
            let mut taken = 0;
            for (at, told) in told {
                taken += u64::from(told.is_ok());
                out[at] = Some(both(out[at].take(), told));
            }
            self.note_second(taken);
            if taken == 0 {
                return;
            }
        }
    }

    fn note_second(&mut self, taken: u64) {
        self.counts.by_second.fetch_add(taken, Ordering::Relaxed);
        let Some(trouble) = self.trouble.as_mut().filter(|_| taken > 0) else { return };
        if trouble.by_second == 0 {
            let why = terminal(&trouble.why).into_owned();
            tracing::error!(lane = &*self.lane, "pages go by the second channel: the topic has taken none for too long: {why}");
        }
        trouble.by_second += taken;
    }
}

/// A page as the second channel gets it.
fn marked(parcel: &Parcel, perhaps: bool) -> Parcel {
    let marks = Marks { second: true, repeated: parcel.marks.repeated || perhaps, ..parcel.marks };
    Parcel { marks, ..parcel.clone() }
}

/// All of them in one durable write, or none.
fn written(file: &Mutex<LineFile>, parcels: &[Parcel]) -> Vec<(usize, Result<String, Fault>)> {
    // The form of a FIFO topic is the JSON alone.
    let lines: Vec<String> = parcels.iter().map(|p| message::of_page(&p.document, &p.alert, true, p.marks).body).collect();
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    let told = file.append(lines.iter().map(String::as_str)).map_err(Fault::Again);
    parcels.iter().map(|parcel| (parcel.at, told.clone().map(|()| String::new()))).collect()
}

fn outcome(fault: Fault) -> Outcome {
    match fault {
        Fault::Again(why) => Outcome::Again(why),
        Fault::Unknown(why) => Outcome::Unknown(why),
        Fault::Message(why) => Outcome::Refused(why),
    }
}

fn reason(outcome: &Outcome) -> Option<String> {
    match outcome {
        Outcome::Again(why) | Outcome::Unknown(why) => Some(why.clone()),
        _ => None,
    }
}

/// What both channels said of a page. The second's refusal is no end of it, unless the topic refused it too.
fn both(first: Told, second: Result<String, Fault>) -> Outcome {
    let Err(fault) = second else { return Outcome::Taken };
    if let Some(Outcome::Refused(why)) = first {
        return Outcome::Refused(format!("{why}; by the second channel: {}", fault.why()));
    }
    let before = first.as_ref().and_then(reason).unwrap_or_else(|| "the topic takes nothing".to_owned());
    let why = format!("{before}; by the second channel: {}", fault.why());
    let perhaps = matches!(first, Some(Outcome::Unknown(_))) || matches!(fault, Fault::Unknown(_));
    if perhaps { Outcome::Unknown(why) } else { Outcome::Again(why) }
}

fn parcel((at, delivery): (usize, &Delivery)) -> Result<Parcel, (usize, Outcome)> {
    let marks = Marks { repeated: delivery.repeated, ..Marks::default() };
    match serde_json::from_str::<Value>(&delivery.document) {
        Ok(document) => Ok(Parcel { at, document: document.into(), alert: delivery.alert.clone(), marks }),
        Err(e) => Err((at, Outcome::Refused(format!("the document of the alert is no JSON: {e}")))),
    }
}

impl Sink for SnsSink {
    fn lane(&self) -> Arc<str> {
        self.lane.clone()
    }

    fn counts(&self) -> Arc<SinkCounts> {
        self.counts.clone()
    }

    fn deliver(&mut self, deliveries: &[Delivery]) -> Vec<Outcome> {
        let mut out: Vec<Told> = vec![None; deliveries.len()];
        let (good, bad): (Vec<_>, Vec<_>) = deliveries.iter().enumerate().map(parcel).partition(Result::is_ok);
        bad.into_iter().filter_map(Result::err).for_each(|(at, refused)| out[at] = Some(refused));
        let good: Vec<Parcel> = good.into_iter().filter_map(Result::ok).collect();
        let open = |out: &[Told]| -> Vec<Parcel> {
            let ended = |p: &&Parcel| !matches!(out[p.at], Some(Outcome::Taken | Outcome::Refused(_)));
            good.iter().filter(ended).cloned().collect()
        };
        let probe = self.trouble.as_ref().is_none_or(|trouble| trouble.asked.elapsed() >= PROBE_EVERY);
        if self.over() && probe && !good.is_empty() {
            self.by_first(&good[..1], PROBE.min(self.first.timeout()), &mut out);
        }
        if !self.over() {
            self.by_first(&open(&out), self.first.timeout(), &mut out);
        }
        if self.over() {
            self.by_second(&open(&out), &mut out);
        }
        // Somebody must be paged, whatever the topic thinks of the page.
        let refused: Vec<Parcel> = good.iter().filter(|p| matches!(out[p.at], Some(Outcome::Refused(_)))).cloned().collect();
        self.by_second(&refused, &mut out);
        self.counts.second.store(self.over(), Ordering::Relaxed);
        let why = self.trouble.as_ref().map_or_else(|| NOT_OURS.to_owned(), |trouble| trouble.why.clone());
        out.into_iter().map(|told| told.unwrap_or_else(|| Outcome::Again(why.clone()))).collect()
    }
}
