//! Enhanced fan-out: a registered consumer, and one subscription per shard that pushes records.
//!
//! Owns the registration (a consumer is registered if it is named and not there; one given by its ARN must be there), what an event of
//! a subscription says, and the deadline: events come every few seconds, empty ones too, so one that does not speak for
//! [`SILENCE`] is dead, whatever its connection says. Never polls, never subscribes again by itself, never drops a consumer.
//!
//! A pushed event carries no time. It is given the time at which it was asked for, by the service's clock as it was when the
//! subscription began, and only if it was waited for: an event that was there already may be as old as the reader was busy.

use super::error::refused;
use super::protocol::{Answer, From, Got, Refusal};
use super::service::{Service, ServiceTime};
use crate::io::clock::Stopwatch;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::primitives::event_stream::EventReceiver;
use aws_sdk_kinesis::types::error::SubscribeToShardEventStreamError;
use aws_sdk_kinesis::types::{
    ConsumerDescription, ConsumerStatus, ShardIteratorType, StartingPosition, SubscribeToShardEvent, SubscribeToShardEventStream,
};
use std::sync::Arc;
use std::time::Duration;

/// A subscription that says nothing for so long is dead.
pub const SILENCE: Duration = Duration::from_secs(35);
/// What comes sooner than this after it was asked for was there before.
const AT_ONCE: Duration = Duration::from_millis(100);

/// Between two looks for the consumer.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// What is known of the consumer.
#[derive(Debug, Default)]
pub(super) struct Consumer {
    arn: Option<Arc<str>>,
    refused: Option<(Stopwatch, Refusal)>,
}

/// A shard's records, pushed.
pub(super) struct Subscription {
    events: EventReceiver<SubscribeToShardEventStream, SubscribeToShardEventStreamError>,
    /// Time of the service when it began.
    began_ms: i64,
    since: Stopwatch,
    silence: Duration,
    /// The last event named children and brought nothing: if nothing follows, that was the shard's end.
    ending: bool,
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscription").field("began_ms", &self.began_ms).field("ending", &self.ending).finish_non_exhaustive()
    }
}

impl Service {
    /// Subscribes to a shard.
    ///
    /// # Errors
    /// [`Refusal`].
    pub(super) async fn subscribe(&self, shard: &str, from: From) -> Result<Subscription, Refusal> {
        let consumer = self.consumer().await?;
        let time = ServiceTime::default();
        let call = self.client.subscribe_to_shard().consumer_arn(&*consumer).shard_id(shard).starting_position(position(from)?);
        let answer = call.customize().interceptor(time.clone()).send().await;
        let answer = match answer.map_err(|e| self.refusal(&format!("subscribe to shard {shard} of"), &e)) {
            Ok(answer) => answer,
            Err(refusal) => {
                if matches!(refusal, Refusal::Missing(_)) {
                    // It may be the consumer that is not there any more: it is looked for again.
                    self.consumer.lock().await.arn = None;
                }
                return Err(refusal);
            }
        };
        let (began_ms, since) = (time.ms(), Stopwatch::start());
        Ok(Subscription { events: answer.event_stream, began_ms, since, silence: self.silence, ending: false })
    }

    /// The consumer's ARN: found, or registered, once. All shards ask at the same time; one answer serves them all for a while.
    async fn consumer(&self) -> Result<Arc<str>, Refusal> {
        let mut known = self.consumer.lock().await;
        if let Some(arn) = &known.arn {
            return Ok(arn.clone());
        }
        if let Some((_, refusal)) = known.refused.as_ref().filter(|(since, _)| since.elapsed() < ASK_AGAIN) {
            return Err(refusal.clone());
        }
        let configured = self.stream.consumer.clone().unwrap_or_default();
        let found = if configured.starts_with("arn:") { Ok(configured) } else { self.registered(&configured).await };
        match found {
            Ok(arn) => Ok(known.arn.insert(arn.into()).clone()),
            Err(refusal) => Err(known.refused.insert((Stopwatch::start(), refusal)).1.clone()),
        }
    }

    async fn registered(&self, name: &str) -> Result<String, Refusal> {
        let stream_arn = self.stream_arn().await?;
        let call = self.client.describe_stream_consumer().stream_arn(&stream_arn).consumer_name(name).send().await;
        match call.map_err(|e| self.refusal(&format!("find consumer {name} of"), &e)) {
            Ok(answer) => self.active(answer.consumer_description),
            Err(Refusal::Missing(_)) => {
                let call = self.client.register_stream_consumer().stream_arn(&stream_arn).consumer_name(name).send().await;
                match call.map_err(|e| self.refusal(&format!("register consumer {name} of"), &e)) {
                    // It takes some seconds until it may be used.
                    Ok(_) => Err(self.not_yet(name)),
                    Err(Refusal::Throttled) => Err(self.full(name)),
                    Err(refusal) => Err(refusal),
                }
            }
            Err(refusal) => Err(refusal),
        }
    }

    fn active(&self, described: Option<ConsumerDescription>) -> Result<String, Refusal> {
        match described {
            Some(consumer) if consumer.consumer_status == ConsumerStatus::Active => Ok(consumer.consumer_arn),
            Some(consumer) => Err(self.not_yet(&consumer.consumer_name)),
            None => Err(self.not_yet("")),
        }
    }

    fn not_yet(&self, name: &str) -> Refusal {
        Refusal::Unavailable(format!("consumer {name} of stream {} is being made; it is tried again", self.stream.stream))
    }

    fn full(&self, name: &str) -> Refusal {
        Refusal::Denied(format!(
            "cannot register consumer {name} of stream {}: the stream has as many consumers as it may have, or too many are being made; \
             remove one (`aws kinesis list-stream-consumers`, `deregister-stream-consumer`), or write `consumer: polling`",
            self.stream.stream
        ))
    }
}

impl Subscription {
    /// Waits for the next event.
    ///
    /// # Errors
    /// [`Refusal`]: the subscription is over.
    pub(super) async fn next(&mut self, shard: &str) -> Result<Answer, Refusal> {
        loop {
            let (asked, service_ms) = (Stopwatch::start(), self.service_ms());
            let Ok(event) = tokio::time::timeout(self.silence, self.events.recv()).await else {
                let seconds = self.silence.as_secs();
                return Err(Refusal::Unavailable(format!(
                    "the subscription to shard {shard} is silent for {seconds} s; it is opened anew"
                )));
            };
            match event {
                Ok(Some(SubscribeToShardEventStream::SubscribeToShardEvent(event))) => {
                    return Ok(self.answer(event, service_ms, asked.elapsed() >= AT_ONCE));
                }
                Ok(Some(_)) => {}
                Ok(None) if self.ending => {
                    return Ok(Answer { records: Vec::new(), next: None, behind_ms: 0, service_ms, fresh: false });
                }
                Ok(None) => return Err(Refusal::Expired),
                Err(error) => return Err(refused(&format!("the subscription to shard {shard} broke"), &error)),
            }
        }
    }

    fn answer(&mut self, event: SubscribeToShardEvent, service_ms: i64, fresh: bool) -> Answer {
        let children = event.child_shards.is_some_and(|children| !children.is_empty());
        self.ending = children && event.records.is_empty();
        let next = Some(event.continuation_sequence_number).filter(|number| !number.is_empty());
        Answer {
            records: event.records.into_iter().map(Got::from).collect(),
            next,
            behind_ms: event.millis_behind_latest,
            service_ms,
            fresh,
        }
    }

    fn service_ms(&self) -> i64 {
        self.began_ms.saturating_add(i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

fn position(from: From) -> Result<StartingPosition, Refusal> {
    let builder = StartingPosition::builder();
    let builder = match from {
        From::Horizon => builder.r#type(ShardIteratorType::TrimHorizon),
        From::At(ms) => builder.r#type(ShardIteratorType::AtTimestamp).timestamp(DateTime::from_millis(ms)),
        From::After(number) => builder.r#type(ShardIteratorType::AfterSequenceNumber).sequence_number(number),
        From::Number(number) => builder.r#type(ShardIteratorType::AtSequenceNumber).sequence_number(number),
    };
    builder.build().map_err(|e| Refusal::Invalid(e.to_string()))
}
