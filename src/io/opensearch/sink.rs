//! The sink of lane `opensearch`.
//!
//! Owns the size of bodies (smaller under pressure, slowly larger again) and the outcome of each delivery. Sends one body after the
//! other; twins send beside each other and share the size. A request that fails as a whole, or of which nothing is taken, ends the
//! delivery: the rest is answered "again". Where only some documents fail, the others go on; when those are tried again is the
//! lane's to say.

use super::answer;
use super::bulk::{self, Item};
use super::client::{Client, Unreached};
use super::fault::{Fault, of_request};
use crate::io::ndjson::NOT_OURS;
use crate::io::port::{Delivery, Outcome, Sink};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The lane's name, and that of its cursor.
pub const LANE: &str = "opensearch";
/// Bodies do not become smaller than this.
const BODY_BYTES_MIN: usize = 64 << 10;
/// After a body that was taken whole, the next may be larger by this part of the largest.
const GROWTH_PARTS: usize = 10;
/// A single document below this that is "too large" is not: something on the way is set too small.
const LARGE_BYTES: usize = 1 << 20;

/// How long something may be on its way that starts to be sent at this moment; zero: nothing may be sent.
pub type Permit = Box<dyn Fn() -> Duration + Send + Sync>;

/// Writes alerts into OpenSearch.
#[derive(Clone)]
pub struct OpenSearchSink {
    client: Arc<Client>,
    prefix: String,
    permit: Arc<Permit>,
    bytes_max: usize,
    /// Bytes that the next body may have.
    bytes: Arc<AtomicUsize>,
}

impl std::fmt::Debug for OpenSearchSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenSearchSink").field("url", &self.client.url()).field("bytes", &self.body_bytes()).finish_non_exhaustive()
    }
}

/// What a body came to.
enum Sent {
    /// Answered item by item.
    Items(Vec<Option<Fault>>),
    /// Refused as a whole.
    Refused(Fault),
}

impl OpenSearchSink {
    /// A sink. Indices begin with `prefix`; a body has at most `bytes_max` bytes before compression.
    #[must_use]
    pub fn new(client: Client, prefix: String, bytes_max: usize, permit: Permit) -> Self {
        let bytes_max = bytes_max.max(BODY_BYTES_MIN);
        let bytes = Arc::new(AtomicUsize::new(bytes_max));
        OpenSearchSink { client: Arc::new(client), prefix, permit: Arc::new(permit), bytes_max, bytes }
    }

    /// Bytes that the next body may have.
    #[must_use]
    pub fn body_bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Sends all of it, as far as OpenSearch takes it; outcomes go into `out` by the number of the delivery. Gives the reason for
    /// which it stopped early.
    fn send_all(&self, items: &[Item], out: &mut [Option<Outcome>]) -> Option<String> {
        // Parts that are still to be sent, the next one last.
        let mut parts: Vec<&[Item]> = vec![items];
        while let Some(part) = parts.pop() {
            let (body, rest) = part.split_at(bulk::next_body(part, self.body_bytes()));
            if !rest.is_empty() {
                parts.push(rest);
            }
            if body.is_empty() {
                continue;
            }
            match self.send(body) {
                Sent::Items(faults) => {
                    if let Some(why) = self.note(body, faults, out) {
                        return Some(why);
                    }
                }
                Sent::Refused(Fault::Whole(why)) if body.len() == 1 => match blame(&body[0], why) {
                    Ok(why) => out[body[0].at] = Some(Outcome::Refused(why)),
                    Err(why) => return Some(why),
                },
                Sent::Refused(Fault::Whole(_)) => {
                    let (first, second) = body.split_at(body.len() / 2);
                    parts.extend([second, first]);
                }
                Sent::Refused(Fault::Document(why) | Fault::Pressure(why) | Fault::Cluster(why)) => return Some(why),
            }
        }
        None
    }

    /// Sends one body.
    fn send(&self, body: &[Item]) -> Sent {
        let left = (self.permit)();
        if left.is_zero() {
            return Sent::Refused(Fault::Cluster(NOT_OURS.to_owned()));
        }
        let text: String = body.iter().map(|item| item.lines.as_str()).collect();
        let reply = match self.client.bulk(answer::PATH, text.as_bytes(), left) {
            Ok(reply) => reply,
            Err(Unreached::NoAccess(why)) => return Sent::Refused(Fault::Cluster(why)),
            Err(Unreached::NotSent(why)) => return Sent::Refused(Fault::Pressure(why)),
            Err(Unreached::NoAnswer(why)) => {
                self.shrink();
                return Sent::Refused(Fault::Pressure(why));
            }
        };
        match of_request(reply.status, &reply.body) {
            None => answer::read(&reply.body, body).map_or_else(|why| Sent::Refused(Fault::Cluster(why)), Sent::Items),
            Some(fault) => {
                if matches!(fault, Fault::Pressure(_)) || reply.status == 413 {
                    self.shrink();
                }
                Sent::Refused(fault)
            }
        }
    }

    /// Notes what became of the items of a body; gives a reason to stop.
    fn note(&self, body: &[Item], faults: Vec<Option<Fault>>, out: &mut [Option<Outcome>]) -> Option<String> {
        let (mut pressed, mut settled, mut first) = (false, false, None);
        for (item, fault) in body.iter().zip(faults) {
            pressed |= matches!(fault, Some(Fault::Pressure(_)));
            out[item.at] = Some(match fault {
                None => Outcome::Taken,
                Some(Fault::Document(why) | Fault::Whole(why)) => Outcome::Refused(why),
                Some(Fault::Pressure(why) | Fault::Cluster(why)) => {
                    first.get_or_insert_with(|| why.clone());
                    Outcome::Again(why)
                }
            });
            settled |= !matches!(out[item.at], Some(Outcome::Again(_)));
        }
        if pressed {
            self.shrink()
        } else {
            self.grow()
        }
        first.filter(|_| !settled)
    }

    fn grow(&self) {
        self.resize(|bytes| (bytes + self.bytes_max / GROWTH_PARTS).min(self.bytes_max));
    }

    fn shrink(&self) {
        self.resize(|bytes| (bytes / 2).max(BODY_BYTES_MIN));
    }

    /// Twins that change it at the same time may undo each other's change: it is a guess that the next answers correct.
    fn resize(&self, change: impl Fn(usize) -> usize) {
        self.bytes.store(change(self.body_bytes()), Ordering::Relaxed);
    }
}

/// Whether a document that was refused alone in its request is to blame: `Ok`, else what is.
fn blame(item: &Item, why: String) -> Result<String, String> {
    let bytes = item.lines.len();
    if why.contains("413") && bytes < LARGE_BYTES {
        return Err(format!("{why}, though it has only {bytes} bytes: raise the limit of OpenSearch or of the proxy before it"));
    }
    Ok(why)
}

impl Sink for OpenSearchSink {
    fn lane(&self) -> Arc<str> {
        LANE.into()
    }

    fn deliver(&mut self, deliveries: &[Delivery]) -> Vec<Outcome> {
        let all = bulk::items(deliveries, &self.prefix);
        let mut out: Vec<Option<Outcome>> = vec![None; deliveries.len()];
        for (at, why) in all.refused {
            out[at] = Some(Outcome::Refused(why));
        }
        let stopped = self.send_all(&all.items, &mut out);
        let later = || Outcome::Again(stopped.clone().unwrap_or_else(|| "it was not sent".to_owned()));
        for (older, newer) in all.superseded {
            // An older version of what OpenSearch has is done with; else it waits as the newer one does.
            out[older] = out[newer].clone().filter(|outcome| *outcome == Outcome::Taken);
        }
        out.into_iter().map(|outcome| outcome.unwrap_or_else(later)).collect()
    }

    fn twin(&self) -> Option<Box<dyn Sink>> {
        Some(Box::new(self.clone()))
    }
}
