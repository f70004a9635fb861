//! A stream as a source: calls go out, answers go into the state machine, records go to whoever takes them.
//!
//! Owns a runtime of one thread, where the calls wait, and up to four threads that hand over: there records are decoded and matched,
//! and there a busy machine is waited for, so that the polling stops with it. Decides nothing. Limits: see [`super::shards`]; a stop
//! is heard within half a second, and calls under way are given up.

use super::fan_out::{SILENCE, Subscription};
use super::protocol::{Action, Event, Refusal, Start, Way};
use super::service::{Service, Stream};
use super::shards::Shards;
use crate::io::clock::{Stopwatch, now_ms};
use crate::io::port::{Flow, Read, ReadPosition, Source, SourceCounts};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tidegate_core::alert::neutral::terminal;
use tidegate_core::event::Source as Kind;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

/// Something is handed over this often at least.
const BEAT_MS: u64 = 400;
/// Threads that hand over.
const HANDS_MAX: usize = 4;

/// A Kinesis stream.
#[derive(Debug)]
pub struct KinesisSource {
    name: Arc<str>,
    stream: Stream,
    start: Start,
    services: Vec<Kind>,
    counts: Arc<SourceCounts>,
    silence: Duration,
}

/// A hand-over: the name it is acknowledged by, and what is handed over in order.
type Parcel = (Arc<str>, Vec<Read>);

impl KinesisSource {
    /// A stream. Nothing is loaded or called before it runs.
    #[must_use]
    pub fn new(name: &str, stream: Stream, start: Start, services: Vec<Kind>) -> Self {
        KinesisSource { name: name.into(), stream, start, services, counts: Arc::default(), silence: SILENCE }
    }

    /// Another time after which a silent subscription counts as dead.
    #[must_use]
    pub fn silent_at_most(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    async fn drive(
        &self,
        mut shards: Shards,
        parcels: Sender<Parcel>,
        mut taken: UnboundedReceiver<Option<Arc<str>>>,
    ) -> Result<(), String> {
        let mut service = Service::connect(self.stream.clone()).await.map_err(|why| format!("source {}: {why}", self.name))?;
        service.silence = self.silence;
        let (since, mut calls, mut voice) = (Stopwatch::start(), JoinSet::new(), Voice::new(&self.name, &self.counts));
        let (mut beat_ms, mut subscriptions) = (BEAT_MS, BTreeMap::new());
        loop {
            let now = ms(since);
            while let Some(action) = shards.next(now) {
                match action {
                    Action::Hand { shard, reads } => {
                        beat_ms = now + BEAT_MS;
                        // The hands end when this end does.
                        let _ = parcels.send((shard, reads));
                    }
                    call => {
                        let subscription = call.shard().and_then(|shard| subscriptions.remove(shard));
                        calls.spawn(answered(service.clone(), call, subscription));
                    }
                }
            }
            let wake = Duration::from_millis(shards.wake_ms().unwrap_or(u64::MAX).min(beat_ms).saturating_sub(now));
            let event = tokio::select! {
                name = taken.recv() => match name.flatten() {
                    Some(name) => Event::Taken(name),
                    None => return Ok(()),
                },
                Some(ended) = calls.join_next() => {
                    let (event, open) = ended.map_err(|e| format!("source {}: a call ended unexpectedly: {e}", self.name))?;
                    subscriptions.extend(open);
                    event
                }
                () = tokio::time::sleep(wake) => {
                    if ms(since) >= beat_ms {
                        shards.beat();
                        beat_ms = ms(since) + BEAT_MS;
                    }
                    continue;
                }
            };
            voice.tell(&event);
            shards.answer(event, ms(since));
            while let Some(warning) = shards.warning() {
                tracing::warn!(source = &*self.name, "{}", terminal(&warning));
            }
            if let Some(why) = shards.fatal() {
                return Err(format!("source {}: {}", self.name, terminal(why)));
            }
        }
    }
}

impl Source for KinesisSource {
    fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    fn services(&self) -> &[Kind] {
        &self.services
    }

    fn counts(&self) -> Arc<SourceCounts> {
        self.counts.clone()
    }

    fn run(&mut self, resume: &[ReadPosition], take: &(dyn Fn(Read) -> Flow + Sync)) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| format!("source {}: cannot start a runtime for calls to AWS: {e}", self.name))?;
        // Any seed does: two readers of a stream should only not have the same.
        let seed = now_ms().unsigned_abs() ^ u64::from(std::process::id());
        let way = if self.stream.consumer.is_some() { Way::Subscribe } else { Way::Poll };
        let shards = Shards::new(self.name.clone(), self.start, way, resume, seed);
        let (parcels, waiting) = unbounded();
        let (done, taken) = unbounded_channel();
        let hands = std::thread::available_parallelism().map_or(1, |n| n.get().min(HANDS_MAX));
        let end = std::thread::scope(|scope| {
            for _ in 0..hands {
                let (waiting, done) = (waiting.clone(), done.clone());
                scope.spawn(move || hand_over(&waiting, &done, take));
            }
            runtime.block_on(self.drive(shards, parcels, taken))
        });
        // Calls under way are given up: nothing of them was handed over.
        runtime.shutdown_background();
        end
    }
}

/// Hands over until it is told to stop, or nothing comes any more. `None` tells the stop.
fn hand_over(waiting: &Receiver<Parcel>, done: &UnboundedSender<Option<Arc<str>>>, take: &(dyn Fn(Read) -> Flow + Sync)) {
    for (name, reads) in waiting {
        let stopped = reads.into_iter().any(|read| take(read) == Flow::Stop);
        // The other end is gone when it was told to stop.
        let _ = done.send((!stopped).then_some(name));
        if stopped {
            return;
        }
    }
}

/// What became of a call, and the shard's subscription where one is open.
type Answered = (Event, Option<(Arc<str>, Subscription)>);

/// Makes a call. A subscription that is given and not asked for its next event is given up.
async fn answered(service: Service, action: Action, subscription: Option<Subscription>) -> Answered {
    match (action, subscription) {
        (Action::List, _) => (Event::Listed(service.list().await), None),
        (Action::Open { shard, from, way: Way::Poll }, _) => {
            let result = service.open(&shard, from).await;
            (Event::Opened(shard, result), None)
        }
        (Action::Open { shard, from, way: Way::Subscribe }, old) => {
            drop(old);
            match service.subscribe(&shard, from).await {
                Ok(open) => (Event::Opened(shard.clone(), Ok("subscribed".to_owned())), Some((shard, open))),
                Err(refusal) => (Event::Opened(shard, Err(refusal)), None),
            }
        }
        (Action::Fetch { shard, .. }, Some(mut open)) => match open.next(&shard).await {
            Ok(answer) => (Event::Fetched(shard.clone(), Ok(answer)), Some((shard, open))),
            Err(refusal) => (Event::Fetched(shard, Err(refusal)), None),
        },
        (Action::Fetch { shard, iterator, limit }, None) => {
            let result = service.fetch(&shard, iterator, limit).await;
            (Event::Fetched(shard, result), None)
        }
        (Action::Hand { shard, .. }, _) => (Event::Taken(shard), None),
    }
}

fn ms(since: Stopwatch) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Says in the program's log what does not work, once, and when it works again.
struct Voice<'a> {
    source: &'a str,
    counts: &'a SourceCounts,
    told: BTreeMap<Arc<str>, String>,
}

impl<'a> Voice<'a> {
    fn new(source: &'a str, counts: &'a SourceCounts) -> Self {
        Voice { source, counts, told: BTreeMap::new() }
    }

    fn tell(&mut self, event: &Event) {
        match event {
            Event::Listed(result) => self.say(&"the listing".into(), result.as_ref().err(), true),
            // Only an answer shows that it works again.
            Event::Opened(shard, result) => self.say(shard, result.as_ref().err(), false),
            Event::Fetched(shard, result) => {
                if let Ok(answer) = result {
                    self.counts.behind(shard, answer.next.is_some().then_some(answer.behind_ms));
                }
                self.say(shard, result.as_ref().err(), true);
            }
            Event::Taken(_) => {}
        }
    }

    fn say(&mut self, what: &Arc<str>, refusal: Option<&Refusal>, works: bool) {
        let why = match refusal {
            None if works => {
                if self.told.remove(what).is_some() {
                    tracing::info!(source = self.source, "{} works again", terminal(what));
                }
                return;
            }
            None | Some(Refusal::Expired) => return,
            Some(Refusal::Throttled) if works => {
                self.counts.throttled.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(source = self.source, "{} is throttled: it is read more slowly", terminal(what));
                return;
            }
            Some(Refusal::Throttled) => {
                self.counts.throttled.fetch_add(1, Ordering::Relaxed);
                &format!("{what} cannot be opened: there are too many calls; it is tried again")
            }
            Some(
                Refusal::Invalid(why) | Refusal::Missing(why) | Refusal::Denied(why) | Refusal::Unavailable(why) | Refusal::InUse(why),
            ) => why,
        };
        if self.told.get(what).is_none_or(|told| told != why) {
            // What concerns all shards is told once.
            if !self.told.values().any(|told| told == why) {
                tracing::warn!(source = self.source, "{}", terminal(why));
            }
            self.told.insert(what.clone(), why.clone());
        }
    }
}
