//! Pages through SNS in the configuration: what an ARN must look like, what the keys owe each other, and the settings as plain data.

use super::check::Checker;
use super::kinesis::{arn, is_region, plain};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tidegate_core::rule::quoted;
use tidegate_core::rule::yaml::Node;

/// Where pages go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sns {
    /// Topics by severity.
    pub routes: Routes,
    /// Role to take on.
    pub role_arn: Option<String>,
    /// What the role asks for.
    pub external_id: Option<String>,
    /// Endpoint of a stand-in on this machine.
    pub endpoint_url: Option<String>,
    /// Longest time of one call.
    #[serde(rename(deserialize = "timeout"))]
    pub timeout_ms: u64,
    /// Where pages go that the topics do not take.
    pub second: Option<SecondChannel>,
}

/// Topics by severity; each severity that pages has one, its own or the default.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Routes {
    /// Of critical pages.
    pub critical: Option<String>,
    /// Of high ones.
    pub high: Option<String>,
    /// Of what has none of its own.
    pub default: Option<String>,
}

/// The second channel: other topics, or a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SecondChannel {
    /// Topics by severity.
    pub routes: Option<Routes>,
    /// A file of lines.
    pub file: Option<PathBuf>,
    /// Role to take on.
    pub role_arn: Option<String>,
    /// What the role asks for.
    pub external_id: Option<String>,
    /// Endpoint of a stand-in on this machine.
    pub endpoint_url: Option<String>,
    /// When the first has taken nothing for so long.
    #[serde(rename(deserialize = "after"))]
    pub after_ms: u64,
}

impl Routes {
    /// The topic of critical pages.
    #[must_use]
    pub fn critical(&self) -> Option<&str> {
        self.critical.as_deref().or(self.default.as_deref())
    }

    /// The topic of all other pages.
    #[must_use]
    pub fn other(&self) -> Option<&str> {
        self.high.as_deref().or(self.default.as_deref())
    }
}

/// The Region that a topic's ARN names.
#[must_use]
pub fn topic_region(topic: &str) -> Option<&str> {
    arn(topic, "sns").map(|[_, region, ..]| region)
}

pub(super) fn is_topic(text: &str) -> bool {
    arn(text, "sns").is_some_and(|[_, region, _, name]| is_region(region) && plain(name.strip_suffix(".fifo").unwrap_or(name), 256, "_-"))
}

/// Checks `sinks.sns`.
pub(super) fn check(checker: &mut Checker<'_>, node: &Node) {
    if cfg!(not(feature = "aws")) {
        let remedy = "use a build with the feature `aws` (the default), or another sink";
        checker.error(&node.place, "`sns` in a build without AWS", "this program was built with `--no-default-features`", remedy);
    }
    channel(checker, "sinks.sns", node);
    if let Some(second) = node.get("second") {
        channel(checker, "sinks.sns.second", second);
        apart(checker, node, second);
        alone(checker, second);
    }
}

/// What holds for each channel: every severity that pages has a topic.
fn channel(checker: &mut Checker<'_>, at: &str, node: &Node) {
    if let Some(routes) = node.get("routes").filter(|routes| routes.get("default").is_none()) {
        for severity in ["critical", "high"].into_iter().filter(|severity| routes.get(severity).is_none()) {
            let what = format!("no topic for {severity} pages in `{at}.routes`");
            checker.error(
                &routes.place,
                what,
                "nobody would be paged",
                &format!("add `{severity}: ARN`, or `default: ARN` for all others"),
            );
        }
    }
    if let Some(id) = node.get("external_id").filter(|_| node.get("role_arn").is_none()) {
        checker.error(&id.place, format!("`{at}.external_id` without `role_arn`"), "it would be ignored", "add `role_arn`, or remove it");
    }
}

/// Topics are reached with a role at an endpoint; a file is not.
fn alone(checker: &mut Checker<'_>, second: &Node) {
    let given = |key: &&str| second.get(key).is_some();
    if second.get("file").is_none() {
        return;
    }
    for key in ["role_arn", "external_id", "endpoint_url"].iter().filter(|key| given(key)) {
        if let Some(node) = second.get(key) {
            checker.error(&node.place, format!("`{key}` beside `file` in `sinks.sns.second`"), "it would be ignored", "remove it");
        }
    }
}

/// A second channel that fails with the first is none.
fn apart(checker: &mut Checker<'_>, first: &Node, second: &Node) {
    let topics = |channel: &Node| -> Vec<Node> {
        let routes = channel.get("routes");
        ["critical", "high", "default"].iter().filter_map(|severity| routes?.get(severity).cloned()).collect()
    };
    let first = topics(first);
    for topic in topics(second) {
        if first.iter().any(|t| t.text == topic.text) {
            let what = format!("topic {} in both channels", quoted(&topic.text));
            checker.error(&topic.place, what, "the second would fail with the first", "name another topic, best in another Region");
        } else if let Some(region) = topic_region(&topic.text)
            && first.iter().any(|t| topic_region(&t.text) == Some(region))
        {
            let what = format!("both channels in {}", quoted(region));
            checker.warn(&topic.place, what, "a fault of the Region would silence both", "name a topic in another Region");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_arns() {
        for good in ["arn:aws:sns:eu-central-1:123456789012:pages", "arn:aws-us-gov:sns:us-gov-west-1:123456789012:Soc_1-x.fifo"] {
            assert!(is_topic(good), "{good}");
        }
        for bad in
            ["pages", "arn:aws:sns:eu-central-1:123456789012:", "arn:aws:sqs:eu-central-1:123456789012:q", "arn:aws:sns:eu:123456789012:p"]
        {
            assert!(!is_topic(bad), "{bad}");
        }
        assert!(!is_topic("arn:aws:sns:eu-central-1:123456789012:pages:5be6ef6a-subscription"));
        assert_eq!(topic_region("arn:aws:sns:ap-northeast-1:123456789012:p"), Some("ap-northeast-1"));
    }

    #[test]
    fn each_severity_finds_its_topic() {
        let routes = |critical: Option<&str>, high: Option<&str>, default: Option<&str>| {
            let own = |t: Option<&str>| t.map(str::to_owned);
            Routes { critical: own(critical), high: own(high), default: own(default) }
        };
        assert_eq!((routes(Some("c"), None, Some("d")).critical(), routes(Some("c"), None, Some("d")).other()), (Some("c"), Some("d")));
        assert_eq!((routes(None, Some("h"), Some("d")).critical(), routes(None, Some("h"), None).other()), (Some("d"), Some("h")));
    }
}
