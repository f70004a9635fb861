//! Single questions, for commands that ask once and wait for the answer.
//!
//! Each call has a runtime of its own, which ends with it. Never asked by a running service.

use super::service::{Service, Stream};
use super::shards::Refusal;
use super::sns::{Fault, Message, Topic};
use tokio::runtime::Runtime;

fn runtime() -> Result<Runtime, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|e| format!("cannot start a runtime for calls to AWS: {e}"))
}

/// How many shards a stream lists, closed ones too.
///
/// # Errors
/// In words.
pub fn shards(stream: Stream) -> Result<usize, String> {
    let name = stream.stream.clone();
    let listing = runtime()?.block_on(async { Ok(Service::connect(stream).await?.list().await) });
    listing.and_then(|listing| listing.map(|l| l.shards.len()).map_err(|refusal| said(&name, refusal)))
}

fn said(stream: &str, refusal: Refusal) -> String {
    match refusal {
        Refusal::Throttled | Refusal::Expired => format!("stream {stream} is asked too often; try again"),
        Refusal::Invalid(why) | Refusal::Missing(why) | Refusal::Denied(why) | Refusal::Unavailable(why) | Refusal::InUse(why) => why,
    }
}

/// What SNS says of a topic, and how many subscriptions are confirmed.
///
/// # Errors
/// [`Fault`].
pub fn topic(topic: &mut Topic) -> Result<(String, u64), Fault> {
    runtime().map_err(Fault::Again)?.block_on(topic.look())
}

/// Publishes one message: the id that SNS gave it.
///
/// # Errors
/// [`Fault`].
pub fn publish(topic: &mut Topic, message: &Message) -> Result<String, Fault> {
    let limit = topic.timeout();
    runtime().map_err(Fault::Again)?.block_on(topic.publish(message, limit))
}
