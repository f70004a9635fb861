//! From the configuration to running parts: sources, sinks, lanes.
//!
//! Owns which part stands for which key. Starts nothing.

use super::progress::Shards;
use crate::config::{Config, KinesisStream, OpenSearch, Reads, Secret, Sns, SourceSettings};
use crate::io::archive::{self, Archive, Header};
use crate::io::clock::now_ms;
use crate::io::live::{FileSource, FolderSource, StdinSource};
use crate::io::ndjson::NdjsonSink;
use crate::io::opensearch::{self, Client, OpenSearchSink};
use crate::io::pages::LogPages;
use crate::io::port::{Sink, Source};
use crate::io::sqlite::{Lease, SqliteStore};
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::event::Source as Service;
use tidegate_core::event::source::BUILT_IN;
use tidegate_core::pipeline::LaneKind;

/// A sink and what it takes.
pub type Sinks = Vec<(Box<dyn Sink>, LaneKind)>;

/// The sources, in order.
///
/// # Errors
/// If this build cannot read one: in words.
pub fn sources(config: &Config) -> Result<Vec<Box<dyn Source>>, String> {
    let source = |settings: &SourceSettings| -> Result<Box<dyn Source>, String> {
        let (name, services) = (settings.name.as_str(), services(config, settings));
        Ok(match &settings.reads {
            Reads::File { path, follow } => Box::new(FileSource::new(name, path.clone(), services, *follow)),
            Reads::Folder { path, follow } => Box::new(FolderSource::new(name, path.clone(), services, *follow)),
            Reads::Stdin => Box::new(StdinSource::new(name, services)),
            Reads::Kinesis(stream) => return kinesis(name, stream, services),
        })
    };
    config.sources.iter().map(source).collect()
}

#[cfg(feature = "aws")]
fn kinesis(name: &str, stream: &KinesisStream, services: Vec<Service>) -> Result<Box<dyn Source>, String> {
    Ok(Box::new(super::aws::kinesis(name, stream, services)))
}

#[cfg(not(feature = "aws"))]
fn kinesis(name: &str, stream: &KinesisStream, _services: Vec<Service>) -> Result<Box<dyn Source>, String> {
    let remedy = "use a build with the feature `aws` (the default)";
    Err(format!("source {name}: cannot read Kinesis stream {}: this program was built without AWS; {remedy}", stream.stream))
}

/// Whether each source's events carry their own arrival.
#[must_use]
pub fn stamped(config: &Config) -> Vec<bool> {
    config.sources.iter().map(|s| s.json.as_ref().is_some_and(|j| j.arrival_field.is_some())).collect()
}

/// Where rules begin that are new: with the service, unless the events bring their own arrival.
#[must_use]
pub fn began(config: &Config) -> Option<i64> {
    stamped(config).iter().any(|stamped| !stamped).then(now_ms)
}

/// What feeds the watermarks.
#[must_use]
pub fn shards(config: &Config) -> Shards {
    let mut shards = Shards::default();
    for (settings, stamped) in config.sources.iter().zip(stamped(config)) {
        shards.add(services(config, settings), stamped);
    }
    shards
}

/// The kinds of events that a source may carry: what its format says, or any built-in one.
fn services(config: &Config, settings: &SourceSettings) -> Vec<Service> {
    match config.hints(settings).form {
        Some(form) => vec![form.source()],
        None => BUILT_IN.to_vec(),
    }
}

/// The archive, if one is configured. `session_ms` is when this process began, `started_ms` where its rules did.
#[must_use]
pub fn archive(config: &Config, session_ms: i64, started_ms: Option<i64>) -> Option<Archive> {
    let settings = config.archive.as_ref()?;
    let header = |source: &SourceSettings| {
        let stated = serde_json::to_value(config.stated(source)).unwrap_or_default();
        Header { source: source.name.clone(), stated, session_ms, started_ms, number: 0 }
    };
    Some(Archive::new(archive::Plan {
        folder: settings.folder.clone(),
        segment_bytes: settings.segment_bytes,
        segment_every: Duration::from_millis(settings.segment_every_ms),
        headers: config.sources.iter().map(header).collect(),
    }))
}

/// The sinks, in order.
///
/// # Errors
/// If one cannot be opened: in words.
pub fn sinks(config: &Config, store: &SqliteStore) -> Result<Sinks, String> {
    let lease = store.lease();
    let may_send = |lease: &Lease| -> Box<dyn Fn() -> bool + Send> {
        let lease = lease.clone();
        Box::new(move || lease.may_send())
    };
    let mut sinks: Sinks = Vec::new();
    if config.sinks.sqlite {
        sinks.push((Box::new(store.alerts()), LaneKind::Index));
    }
    if let Some(ndjson) = &config.sinks.ndjson {
        sinks.push((Box::new(NdjsonSink::open(ndjson.file.clone(), may_send(&lease))?), LaneKind::Index));
    }
    if let Some(settings) = &config.sinks.opensearch {
        let (client, lease) = (open_search(settings)?, lease.clone());
        let bytes = usize::try_from(settings.bulk_bytes).unwrap_or(usize::MAX);
        let sink = OpenSearchSink::new(client, settings.index_prefix.clone(), bytes, Box::new(move || lease.remaining()));
        sinks.push((Box::new(sink), LaneKind::Index));
    }
    if let Some(settings) = &config.sinks.sns {
        sinks.extend(sns(settings, &lease)?);
    }
    if config.sinks.log.pages {
        sinks.push((Box::new(LogPages::open(None, may_send(&lease))?), LaneKind::Page));
    }
    Ok(sinks)
}

/// Pages through SNS: a lane for critical pages and one for the rest.
#[cfg(feature = "aws")]
fn sns(settings: &Sns, lease: &Lease) -> Result<Sinks, String> {
    use crate::io::aws::sns::{CRITICAL_LANE, LANE, SnsSink};
    let (mut sinks, file): (Sinks, _) = (Vec::new(), super::pages::file(settings)?);
    for (lane, kind) in [(CRITICAL_LANE, LaneKind::CriticalPage), (LANE, LaneKind::OtherPage)] {
        let critical = kind == LaneKind::CriticalPage;
        let (first, second) = (super::pages::first(settings, critical)?, super::pages::second(settings, critical, file.clone())?);
        let lease = lease.clone();
        sinks.push((Box::new(SnsSink::new(lane, first, second, Box::new(move || lease.remaining()))?), kind));
    }
    Ok(sinks)
}

#[cfg(not(feature = "aws"))]
fn sns(_settings: &Sns, _lease: &Lease) -> Result<Sinks, String> {
    Err("`sinks.sns`: this program was built without AWS; use a build with the feature `aws` (the default)".to_owned())
}

/// A client of the configured OpenSearch. Nothing is sent yet.
///
/// # Errors
/// If URL, secret or certificates cannot be used: in words.
pub fn open_search(settings: &OpenSearch) -> Result<Client, String> {
    let secret = |secret: &Secret| match secret {
        Secret::Env(name) => opensearch::Secret::Variable(name.clone()),
        Secret::File(path) => opensearch::Secret::File(path.clone()),
    };
    let access = match (&settings.user, &settings.password) {
        (Some(user), Some(password)) => opensearch::Access::Basic { user: user.clone(), password: secret(password) },
        _ => signed(settings),
    };
    if let opensearch::Access::Basic { password, .. } = &access {
        password.read().map_err(|why| format!("`sinks.opensearch.password`: {why}"))?;
    }
    let timeout = Duration::from_millis(settings.timeout_ms);
    let place = |url: String| opensearch::Settings { url, access, ca_file: settings.ca_file.clone(), timeout };
    match (&settings.url, &settings.domain) {
        (None, Some(domain)) => located(place(format!("OpenSearch domain {domain}")), domain, settings),
        (url, _) => Client::new(place(url.clone().unwrap_or_default())),
    }
}

#[cfg(feature = "aws")]
fn signed(settings: &OpenSearch) -> opensearch::Access {
    match (&settings.domain, &settings.aws) {
        (None, None) => opensearch::Access::Open,
        (_, aws) => super::aws::signing(aws.as_ref()),
    }
}

#[cfg(feature = "aws")]
fn located(place: opensearch::Settings, domain: &str, settings: &OpenSearch) -> Result<Client, String> {
    Client::located(place, super::aws::domain(domain, settings.aws.as_ref()))
}

#[cfg(not(feature = "aws"))]
fn signed(_settings: &OpenSearch) -> opensearch::Access {
    opensearch::Access::Open
}

#[cfg(not(feature = "aws"))]
fn located(_place: opensearch::Settings, domain: &str, _settings: &OpenSearch) -> Result<Client, String> {
    let remedy = "write `url`, or use a build with the feature `aws` (the default)";
    Err(format!("cannot look up OpenSearch domain {domain}: this program was built without AWS; {remedy}"))
}

/// The lanes of sinks.
#[must_use]
pub fn lanes(sinks: &Sinks) -> Vec<(Arc<str>, LaneKind)> {
    sinks.iter().map(|(sink, kind)| (sink.lane(), *kind)).collect()
}
