//! From the configuration to the channels of pages: which topic a lane has, and what stands behind it.
//!
//! Calls nothing; a file is opened, so that a service does not start that could not write it.

use crate::config::{Routes, Sns, topic_region};
use crate::io::aws::client::Access;
use crate::io::aws::sns::{Second, Topic, TopicSettings};
use crate::io::line_file::LineFile;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The topic of a lane.
///
/// # Errors
/// If there is none: in words.
pub fn first(settings: &Sns, critical: bool) -> Result<Topic, String> {
    let access = Access {
        region: None,
        endpoint_url: settings.endpoint_url.clone(),
        role_arn: settings.role_arn.clone(),
        external_id: settings.external_id.clone(),
    };
    topic(&settings.routes, critical, access, settings.timeout_ms).ok_or_else(|| none("sinks.sns.routes", critical))
}

/// The file of the second channel, if it is one: one for all lanes.
///
/// # Errors
/// If it cannot be opened: in words.
pub fn file(settings: &Sns) -> Result<Option<Arc<Mutex<LineFile>>>, String> {
    let path = settings.second.as_ref().and_then(|second| second.file.clone());
    Ok(path.map(LineFile::open).transpose()?.map(|file| Arc::new(Mutex::new(file))))
}

/// The second channel of a lane, and after how long it is used.
///
/// # Errors
/// If there is no topic: in words.
pub fn second(settings: &Sns, critical: bool, file: Option<Arc<Mutex<LineFile>>>) -> Result<Option<(Second, Duration)>, String> {
    let channel = second_topic(settings, critical)?.map(|topic| Second::Topic(Box::new(topic))).or(file.map(Second::File));
    let after = settings.second.as_ref().map(|second| Duration::from_millis(second.after_ms));
    Ok(channel.zip(after))
}

/// The topic of the second channel, if that is one.
///
/// # Errors
/// If there is none for these pages: in words.
pub fn second_topic(settings: &Sns, critical: bool) -> Result<Option<Topic>, String> {
    let Some((second, routes)) = settings.second.as_ref().and_then(|second| Some((second, second.routes.as_ref()?))) else {
        return Ok(None);
    };
    let access = Access {
        region: None,
        endpoint_url: second.endpoint_url.clone(),
        role_arn: second.role_arn.clone(),
        external_id: second.external_id.clone(),
    };
    let topic = topic(routes, critical, access, settings.timeout_ms);
    topic.map(Some).ok_or_else(|| none("sinks.sns.second.routes", critical))
}

fn topic(routes: &Routes, critical: bool, access: Access, timeout_ms: u64) -> Option<Topic> {
    let arn = if critical { routes.critical() } else { routes.other() }?;
    let access = Access { region: topic_region(arn).map(str::to_owned), ..access };
    Some(Topic::new(TopicSettings { arn: arn.to_owned(), access, timeout: Duration::from_millis(timeout_ms) }))
}

fn none(at: &str, critical: bool) -> String {
    format!("no topic for {} pages in `{at}`; add it, or `default`", if critical { "critical" } else { "high" })
}
