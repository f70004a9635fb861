//! A Kinesis stream in the configuration: what its texts must look like, and the settings as plain data.

use serde::{Deserialize, Serialize};
use tidegate_core::event::time::{format_rfc3339, parse_rfc3339_ms};

/// Ways to read a stream.
pub(super) const CONSUMERS: [&str; 2] = ["polling", "fan_out"];

/// A stream.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KinesisStream {
    /// Name or ARN.
    pub stream: String,
    /// Region.
    pub region: Option<String>,
    /// Endpoint of a stand-in on this machine.
    pub endpoint_url: Option<String>,
    /// Where reading begins.
    pub start: StreamStart,
    /// How it is read.
    pub consumer: Consumer,
    /// Name or ARN of the consumer of enhanced fan-out.
    pub consumer_name: String,
    /// Role to take on.
    pub role_arn: Option<String>,
    /// What the role asks for.
    pub external_id: Option<String>,
}

/// Where reading begins that was never begun before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum StreamStart {
    /// With the oldest record there is.
    TrimHorizon,
    /// With what arrives from the first start on.
    Latest,
    /// With what arrived at this time (epoch milliseconds), or later.
    At(i64),
}

/// How a stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Consumer {
    /// GetRecords.
    Polling,
    /// SubscribeToShard.
    FanOut,
}

impl TryFrom<String> for StreamStart {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "trim_horizon" => Ok(StreamStart::TrimHorizon),
            "latest" => Ok(StreamStart::Latest),
            time => parse_rfc3339_ms(time).map(StreamStart::At).ok_or_else(|| "it is no start".to_owned()),
        }
    }
}

impl From<StreamStart> for String {
    fn from(start: StreamStart) -> Self {
        match start {
            StreamStart::TrimHorizon => "trim_horizon".to_owned(),
            StreamStart::Latest => "latest".to_owned(),
            StreamStart::At(ms) => format_rfc3339(ms),
        }
    }
}

pub(super) fn plain(text: &str, most: usize, others: &str) -> bool {
    (1..=most).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// The parts of an ARN of a service: partition, Region, account, resource.
pub(super) fn arn<'a>(text: &'a str, service: &str) -> Option<[&'a str; 4]> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    match parts[..] {
        ["arn", partition, of, region, account, resource]
            if of == service && plain(partition, 32, "-") && account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit()) =>
        {
            Some([partition, region, account, resource])
        }
        _ => None,
    }
}

/// The Region that a stream's ARN names.
pub(super) fn arn_region(text: &str) -> Option<&str> {
    arn(text, "kinesis").map(|[_, region, ..]| region)
}

pub(crate) fn is_region(text: &str) -> bool {
    let words: Vec<&str> = text.split('-').collect();
    let letters = |word: &&str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    match words.split_last() {
        Some((number, words)) => {
            words.len() >= 2 && words.iter().all(letters) && number.len() == 1 && number.bytes().all(|b| b.is_ascii_digit())
        }
        None => false,
    }
}

pub(crate) fn is_stream(text: &str) -> bool {
    let name = |name: &str| plain(name, 128, "_.-");
    match arn(text, "kinesis") {
        Some([_, region, _, resource]) => is_region(region) && resource.strip_prefix("stream/").is_some_and(name),
        None => name(text),
    }
}

/// A consumer's name, or its ARN.
pub(super) fn is_consumer(text: &str) -> bool {
    let name = |name: &str| plain(name, 128, "_.-");
    match arn(text, "kinesis") {
        Some([_, region, _, resource]) => {
            let parts: Vec<&str> = resource.split('/').collect();
            let named = |text: &str| text.split_once(':').is_some_and(|(n, at)| name(n) && at.bytes().all(|b| b.is_ascii_digit()));
            is_region(region) && matches!(parts[..], ["stream", stream, "consumer", consumer] if name(stream) && named(consumer))
        }
        None => name(text),
    }
}

pub(crate) fn is_role(text: &str) -> bool {
    arn(text, "iam").is_some_and(|[_, region, _, resource]| {
        region.is_empty() && resource.strip_prefix("role/").is_some_and(|name| plain(name, 576, "_+=,.@-/"))
    })
}

pub(crate) fn is_external_id(text: &str) -> bool {
    text.len() >= 2 && plain(text, 1_224, "_+=,.@:/-")
}

pub(super) fn is_start(text: &str) -> bool {
    StreamStart::try_from(text.to_owned()).is_ok()
}

/// A URL of this machine: what is not encrypted stays on it, and no key is sent to a stranger.
pub(crate) fn is_loopback(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")).unwrap_or_default();
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = host.rsplit_once(':').filter(|(_, port)| !port.contains(']')).unwrap_or((host, "80"));
    matches!(host, "127.0.0.1" | "[::1]" | "localhost") && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_roles_and_endpoints_are_what_they_must_be() {
        let yes = |of: fn(&str) -> bool, texts: &[&str]| texts.iter().for_each(|text| assert!(of(text), "{text}"));
        let no = |of: fn(&str) -> bool, texts: &[&str]| texts.iter().for_each(|text| assert!(!of(text), "{text}"));
        yes(is_stream, &["findings", "a.b_c-1", "arn:aws:kinesis:eu-central-1:123456789012:stream/findings"]);
        yes(is_stream, &["arn:aws-us-gov:kinesis:us-gov-west-1:123456789012:stream/x"]);
        no(is_stream, &["", "a b", "a/b", "arn:aws:kinesis:eu-central-1:12345678901:stream/f", "arn:aws:sqs:eu-central-1:123456789012:f"]);
        yes(is_region, &["us-east-1", "ap-northeast-3", "us-gov-west-1"]);
        no(is_region, &["us-east", "US-EAST-1", "east-1", "", "us-east-10"]);
        yes(is_consumer, &["tidegate", "arn:aws:kinesis:us-east-1:123456789012:stream/findings/consumer/tidegate:1700000000"]);
        no(
            is_consumer,
            &[
                "",
                "a b",
                "arn:aws:kinesis:us-east-1:123456789012:stream/findings",
                "arn:aws:kinesis:us-east-1:123456789012:stream/f/consumer/t",
            ],
        );
        yes(is_role, &["arn:aws:iam::123456789012:role/path/tidegate-read"]);
        no(is_role, &["tidegate-read", "arn:aws:iam::123456789012:user/ada", "arn:aws:iam:us-east-1:123456789012:role/x"]);
        yes(is_loopback, &["http://127.0.0.1:4567", "http://localhost:4567/", "https://[::1]:4567", "http://[::1]"]);
        no(
            is_loopback,
            &["http://10.0.0.1:4567", "http://127.0.0.1.example.org", "http://a@127.0.0.1", "127.0.0.1:4567", "http://localhost:0"],
        );
        yes(is_external_id, &["tidegate", "a:b/c"]);
        no(is_external_id, &["x", "a b"]);
    }

    #[test]
    fn a_start_is_read_back_as_it_is_written() {
        for text in ["trim_horizon", "latest", "2026-03-01T00:00:00Z"] {
            let start = StreamStart::try_from(text.to_owned()).expect(text);
            assert_eq!(StreamStart::try_from(String::from(start)), Ok(start), "{text}");
        }
        assert!(StreamStart::try_from("yesterday".to_owned()).is_err());
    }
}
