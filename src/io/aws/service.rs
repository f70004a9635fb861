//! Kinesis Data Streams: one call each, and what it said.
//!
//! Owns credentials, Region and time-outs; subscriptions are in [`super::fan_out`]. Never retries (the state machine does, and knows
//! when) and never decides. The time of an answer is its `Date` header; where there is none, our clock.

use super::error::refused;
use super::fan_out::{Consumer, SILENCE};
use super::protocol::{Answer, From, Got, Listing, Refusal};
use crate::io::clock::now_ms;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kinesis::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::primitives::{DateTime, DateTimeFormat};
use aws_sdk_kinesis::types::{Shard, ShardIteratorType, StreamDescriptionSummary};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const CONNECT: Duration = Duration::from_secs(5);
/// One call; an answer has up to 10 MiB.
const CALL: Duration = Duration::from_secs(30);
/// Pages of a listing: 1,000 shards each.
const PAGES_MAX: usize = 100;

/// Which stream, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Name or ARN.
    pub stream: String,
    /// Region; `None`: that of the ARN, else of the environment.
    pub region: Option<String>,
    /// Another endpoint than AWS's own.
    pub endpoint_url: Option<String>,
    /// Role to take on.
    pub role_arn: Option<String>,
    /// What the role asks for.
    pub external_id: Option<String>,
    /// Name or ARN of the consumer that records are pushed to; `None`: they are fetched.
    pub consumer: Option<String>,
}

impl Stream {
    fn arn(&self) -> Option<String> {
        self.stream.starts_with("arn:").then(|| self.stream.clone())
    }

    fn stream_name(&self) -> Option<String> {
        self.arn().is_none().then(|| self.stream.clone())
    }

    fn region(&self) -> Option<String> {
        self.region.clone().or_else(|| self.arn()?.split(':').nth(3).map(str::to_owned))
    }
}

/// A connection to a stream.
#[derive(Debug, Clone)]
pub struct Service {
    pub(super) client: Client,
    pub(super) stream: Arc<Stream>,
    pub(super) consumer: Arc<tokio::sync::Mutex<Consumer>>,
    /// How long a subscription may be silent.
    pub(super) silence: Duration,
}

impl Service {
    /// Loads credentials as every AWS tool does. Nothing is called yet.
    ///
    /// # Errors
    /// If no Region is known.
    pub async fn connect(stream: Stream) -> Result<Self, String> {
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(CALL).build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).timeout_config(timeouts).retry_config(RetryConfig::disabled());
        if let Some(region) = stream.region() {
            loader = loader.region(Region::new(region));
        }
        let base = loader.load().await;
        if base.region().is_none() {
            let what = format!("cannot read stream {}: no Region is known", stream.stream);
            return Err(format!("{what}; set `kinesis.region`, give the stream's ARN, or set AWS_REGION"));
        }
        let mut settings = aws_sdk_kinesis::config::Builder::from(&base);
        if let Some(url) = &stream.endpoint_url {
            settings = settings.endpoint_url(url);
        }
        if let Some(role) = &stream.role_arn {
            let mut provider = AssumeRoleProvider::builder(role).session_name("tidegate").configure(&base);
            if let Some(id) = &stream.external_id {
                provider = provider.external_id(id);
            }
            settings = settings.credentials_provider(provider.build().await);
        }
        Ok(Service { client: Client::from_conf(settings.build()), stream: Arc::new(stream), consumer: Arc::default(), silence: SILENCE })
    }

    /// All shards.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn list(&self) -> Result<Listing, Refusal> {
        let (time, mut shards, mut token) = (ServiceTime::default(), Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let first = token.is_none();
            let call = self.client.list_shards().set_next_token(token);
            let call = if first { call.set_stream_name(self.stream.stream_name()).set_stream_arn(self.stream.arn()) } else { call };
            let answer = call.customize().interceptor(time.clone()).send().await.map_err(|e| self.refusal("list the shards of", &e))?;
            token = answer.next_token.filter(|token| !token.is_empty());
            shards.extend(answer.shards.unwrap_or_default().into_iter().map(known));
            if token.is_none() {
                return Ok(Listing { shards, service_ms: time.ms(), retention_ms: self.retention_ms().await });
            }
        }
        Err(Refusal::Unavailable(format!("stream {} lists more than {PAGES_MAX} pages of shards", self.stream.stream)))
    }

    /// How long the stream keeps records; `None`: it may not be asked.
    async fn retention_ms(&self) -> Option<i64> {
        let summary = self.summary().await.ok()??;
        Some(i64::from(summary.retention_period_hours) * 3_600_000)
    }

    /// The stream's ARN.
    pub(super) async fn stream_arn(&self) -> Result<String, Refusal> {
        if let Some(arn) = self.stream.arn() {
            return Ok(arn);
        }
        let none = || Refusal::Unavailable(format!("stream {} did not say its ARN; it is tried again", self.stream.stream));
        self.summary().await?.map(|summary| summary.stream_arn).ok_or_else(none)
    }

    async fn summary(&self) -> Result<Option<StreamDescriptionSummary>, Refusal> {
        let call = self.client.describe_stream_summary();
        let call = call.set_stream_name(self.stream.stream_name()).set_stream_arn(self.stream.arn());
        let answer = call.send().await.map_err(|e| self.refusal("describe", &e))?;
        Ok(answer.stream_description_summary)
    }

    /// An iterator.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn open(&self, shard: &str, from: From) -> Result<String, Refusal> {
        let call = self.client.get_shard_iterator().shard_id(shard);
        let call = call.set_stream_name(self.stream.stream_name()).set_stream_arn(self.stream.arn());
        let call = match from {
            From::Horizon => call.shard_iterator_type(ShardIteratorType::TrimHorizon),
            From::At(ms) => call.shard_iterator_type(ShardIteratorType::AtTimestamp).timestamp(DateTime::from_millis(ms)),
            From::After(number) => call.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).starting_sequence_number(number),
            From::Number(number) => call.shard_iterator_type(ShardIteratorType::AtSequenceNumber).starting_sequence_number(number),
        };
        let answer = call.send().await.map_err(|e| self.refusal(&format!("begin to read shard {shard} of"), &e))?;
        let none = || Refusal::Unavailable(format!("stream {} gave no iterator for shard {shard}", self.stream.stream));
        answer.shard_iterator.filter(|iterator| !iterator.is_empty()).ok_or_else(none)
    }

    /// Records.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn fetch(&self, shard: &str, iterator: String, limit: i32) -> Result<Answer, Refusal> {
        let time = ServiceTime::default();
        let call = self.client.get_records().shard_iterator(iterator).limit(limit).set_stream_arn(self.stream.arn());
        let answer = call.customize().interceptor(time.clone()).send().await;
        let answer = answer.map_err(|e| self.refusal(&format!("read shard {shard} of"), &e))?;
        Ok(Answer {
            records: answer.records.into_iter().map(Got::from).collect(),
            next: answer.next_shard_iterator.filter(|iterator| !iterator.is_empty()),
            behind_ms: answer.millis_behind_latest.unwrap_or(0),
            service_ms: time.ms(),
            fresh: true,
        })
    }

    pub(super) fn refusal<E, R>(&self, what: &str, error: &SdkError<E, R>) -> Refusal
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug,
    {
        refused(&format!("cannot {what} stream {}", self.stream.stream), error)
    }
}

impl std::convert::From<aws_sdk_kinesis::types::Record> for Got {
    fn from(record: aws_sdk_kinesis::types::Record) -> Self {
        Got {
            arrival_ms: record.approximate_arrival_timestamp.and_then(|t| t.to_millis().ok()),
            sequence: record.sequence_number,
            bytes: record.data.into_inner(),
        }
    }
}

fn known(shard: Shard) -> (Arc<str>, Vec<Arc<str>>) {
    let parents = [shard.parent_shard_id, shard.adjacent_parent_shard_id];
    (shard.shard_id.into(), parents.into_iter().flatten().filter(|parent| !parent.is_empty()).map(Arc::from).collect())
}

/// The time of an answer.
#[derive(Debug, Clone, Default)]
pub(super) struct ServiceTime(Arc<AtomicI64>);

impl ServiceTime {
    pub(super) fn ms(&self) -> i64 {
        match self.0.load(Ordering::Relaxed) {
            0 => now_ms(),
            ms => ms,
        }
    }
}

impl Intercept for ServiceTime {
    fn name(&self) -> &'static str {
        "ServiceTime"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date").and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok());
        if let Some(ms) = date.and_then(|date| date.to_millis().ok()) {
            self.0.store(ms, Ordering::Relaxed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_its_region() {
        let mut stream = Stream {
            stream: "arn:aws:kinesis:ap-northeast-1:123456789012:stream/findings".to_owned(),
            region: None,
            endpoint_url: None,
            role_arn: None,
            external_id: None,
            consumer: None,
        };
        assert_eq!((stream.region().as_deref(), stream.stream_name()), (Some("ap-northeast-1"), None));
        stream.stream = "findings".to_owned();
        assert_eq!((stream.region(), stream.stream_name().as_deref(), stream.arn()), (None, Some("findings"), None));
    }
}
