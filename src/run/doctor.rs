//! Looks after an installation: whether what the configuration names answers, and whether a page arrives.
//!
//! Owns one check per part, and what is a failure (a part that a run needs does not answer) and what a doubt (it answers, and something
//! about it is odd, or it may not be asked). Starts no source and owns no state: beside a running service it changes nothing but that a test page is
//! sent where one is asked for. Limits: each call has the time that its part has when the service runs.

use super::live::wiring::open_search;
use crate::config::{Config, OpenSearch, Reads};
use crate::io::opensearch::{Change, plan, server};
use crate::io::sqlite::View;
use std::path::Path;

#[cfg(feature = "aws")]
mod aws;

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// It answers.
    Fine,
    /// It is odd, or may not be asked.
    Doubtful,
    /// A run needs it, and it does not answer.
    Failed,
}

impl Health {
    /// The word in the report.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Health::Fine => "ok",
            Health::Doubtful => "doubt",
            Health::Failed => "failed",
        }
    }
}

/// What was found about a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The part, by the key of the configuration.
    pub part: String,
    /// How it is.
    pub health: Health,
    /// In words.
    pub text: String,
}

impl Finding {
    /// A finding.
    #[must_use]
    pub fn new(part: impl Into<String>, health: Health, text: impl Into<String>) -> Self {
        Finding { part: part.into(), health, text: text.into() }
    }
}

/// Looks at everything that a run would need.
#[must_use]
pub fn look(config: &Config) -> Vec<Finding> {
    let mut out = state(&config.state);
    for source in &config.sources {
        let part = format!("sources.{}", source.name);
        match &source.reads {
            Reads::Kinesis(stream) => out.push(stream_of(part, stream)),
            Reads::File { path, .. } | Reads::Folder { path, .. } => out.push(Finding::new(part, Health::Fine, path.display().to_string())),
            Reads::Stdin => out.push(Finding::new(part, Health::Fine, "standard input")),
        }
    }
    out.extend(config.ownership.as_ref().map(row_of));
    out.extend(config.sinks.opensearch.as_ref().map(opensearch));
    out.extend(pages(config, None));
    out
}

/// Sends a marked page by every channel. `id` names it and is not used again.
#[must_use]
pub fn test_pages(config: &Config, id: &str) -> Vec<Finding> {
    pages(config, Some(id))
}

/// The state file can be read, or made; what waits in the quarantine is told.
fn state(path: &Path) -> Vec<Finding> {
    let finding = |health, text: String| Finding::new("state", health, text);
    if !path.exists() {
        return vec![finding(Health::Fine, format!("{} is not there yet: the first run makes it", path.display()))];
    }
    let asked = View::open(path).and_then(|mut view| Ok((view.info()?, view.quarantine_counts()?)));
    let (info, quarantined) = match asked {
        Ok(asked) => asked,
        Err(why) => return vec![finding(Health::Failed, why.to_string())],
    };
    let items: u64 = quarantined.iter().map(|(_, count)| count).sum();
    let health = if items > 0 { Health::Doubtful } else { Health::Fine };
    let text = format!("{items} items wait; `tidegate quarantine list` shows them");
    vec![
        finding(Health::Fine, format!("{}: format {}, {} pipelines", path.display(), info.format, info.pipelines)),
        Finding::new("quarantine", health, text),
    ]
}

/// OpenSearch answers, and its templates are those of this program.
fn opensearch(settings: &OpenSearch) -> Finding {
    let finding = |health, text: String| Finding::new("sinks.opensearch", health, text);
    let client = match open_search(settings) {
        Ok(client) => client,
        Err(why) => return finding(Health::Failed, why),
    };
    let server = match server(&client) {
        Ok(server) => server,
        Err(why) => return finding(Health::Failed, why),
    };
    match plan(&client, &settings.index_prefix) {
        Err(why) => finding(Health::Doubtful, format!("{server} at {}: its templates cannot be looked at: {why}", client.url())),
        Ok(plan) if plan.changes.iter().any(Change::is_due) => {
            finding(Health::Doubtful, format!("{server} at {}: templates differ; run `tidegate setup opensearch`", client.url()))
        }
        Ok(_) => finding(Health::Fine, format!("{server} at {}", client.url())),
    }
}

#[cfg(feature = "aws")]
use aws::{pages_by_sns, row_of, stream_of};

#[cfg(not(feature = "aws"))]
fn stream_of(part: String, _stream: &crate::config::KinesisStream) -> Finding {
    Finding::new(part, Health::Failed, "this program was built without AWS; use a build with the feature `aws` (the default)")
}

#[cfg(not(feature = "aws"))]
fn row_of(_settings: &crate::config::Ownership) -> Finding {
    Finding::new("ownership", Health::Failed, "this program was built without AWS; use a build with the feature `aws` (the default)")
}

#[cfg(not(feature = "aws"))]
fn pages_by_sns(_settings: &crate::config::Sns, _test: Option<&str>) -> Vec<Finding> {
    vec![Finding::new("sinks.sns", Health::Failed, "this program was built without AWS; use a build with the feature `aws` (the default)")]
}

/// The channels of pages: looked at, or sent a test page.
fn pages(config: &Config, test: Option<&str>) -> Vec<Finding> {
    let mut out = config.sinks.sns.as_ref().map_or_else(Vec::new, |settings| pages_by_sns(settings, test));
    if config.sinks.log.pages {
        out.push(Finding::new("sinks.log", Health::Fine, "pages are lines of the service's own log, which only the service writes"));
    } else if out.is_empty() {
        out.push(Finding::new("sinks", Health::Doubtful, "nothing takes pages; add `sns`, or `log: {pages: true}`"));
    }
    out
}
