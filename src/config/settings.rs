//! The configuration as plain data. The structs mirror the table; every limit has been checked and every path is resolved.

use super::aws::{OpenSearchAws, Ownership};
use super::sns::Sns;
use super::source::{JsonSource, SourceSettings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use tidegate_core::decode::Hints;
use tidegate_core::event::source::BUILT_IN;
use tidegate_core::event::{GenericSource, Source};

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The state file.
    pub state: PathBuf,
    /// Disk budget of the state.
    pub state_bytes_max: Option<u64>,
    /// Pipelines.
    pub pipelines: u16,
    /// How long a standby waits for a silent owner.
    #[serde(rename(deserialize = "lease"))]
    pub lease_ms: u64,
    /// `builtin`, files or folders.
    pub rules: Vec<String>,
    /// Rules in shadow: ids or names, `*` stands for any characters.
    #[serde(default)]
    pub shadow: Vec<String>,
    /// File of suppressions.
    pub suppressions: Option<PathBuf>,
    /// Enrichment tables.
    pub tables: Tables,
    /// The AWS organisation.
    pub organization: Option<Organization>,
    /// Base of links to alerts.
    pub dashboards_url: Option<String>,
    /// Sources, in the order written.
    pub sources: Vec<SourceSettings>,
    /// The row on a table that several machines see.
    pub ownership: Option<Ownership>,
    /// The archive of records.
    pub archive: Option<Archive>,
    /// Sinks.
    pub sinks: Sinks,
    /// Storm budget.
    pub paging: Paging,
    /// State budgets.
    pub budgets: Budgets,
    /// Allowed lateness per service.
    #[serde(rename(serialize = "lateness_ms"))]
    pub lateness: Lateness,
    /// Snapshots.
    pub snapshots: Snapshots,
    /// The program's log.
    pub log: Log,
    /// Health and metrics.
    pub http: Option<Http>,
}

/// Health and metrics over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where.
    pub listen: SocketAddr,
}

/// Files of enrichment tables.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tables {
    /// Accounts.
    pub accounts: Option<PathBuf>,
    /// Networks.
    pub networks: Option<PathBuf>,
    /// Threat intelligence.
    pub intel: Vec<PathBuf>,
    /// MaxMind-format files.
    pub geo: Vec<PathBuf>,
}

/// The AWS organisation.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Organization {
    /// `o-...`.
    pub id: String,
    /// Name.
    pub name: Option<String>,
}

/// Where records are kept as they came.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// The folder.
    pub folder: PathBuf,
    /// Size of a file.
    pub segment_bytes: u64,
    /// Age of a file.
    #[serde(rename(deserialize = "segment_every"))]
    pub segment_every_ms: u64,
}

/// Where alerts and pages go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Sinks {
    /// Alerts in the state file.
    pub sqlite: bool,
    /// Alerts as lines of a file.
    pub ndjson: Option<File>,
    /// Alerts in OpenSearch.
    pub opensearch: Option<OpenSearch>,
    /// Pages through SNS.
    pub sns: Option<Sns>,
    /// Pages in the program's log.
    pub log: LogPages,
}

/// Where OpenSearch is and how it is written to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct OpenSearch {
    /// Its base.
    pub url: Option<String>,
    /// A domain of Amazon OpenSearch Service instead.
    pub domain: Option<String>,
    /// How it is reached at AWS.
    pub aws: Option<OpenSearchAws>,
    /// What names of indices begin with.
    pub index_prefix: String,
    /// User.
    pub user: Option<String>,
    /// Where the password stands.
    pub password: Option<Secret>,
    /// Certificates to trust.
    pub ca_file: Option<PathBuf>,
    /// Longest time of a request.
    #[serde(rename(deserialize = "timeout"))]
    pub timeout_ms: u64,
    /// Most bytes of a request.
    pub bulk_bytes: u64,
}

/// Where a secret stands: one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Secret {
    /// In a variable of the environment.
    Env(String),
    /// In a file.
    File(PathBuf),
}

/// A file that is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its path.
    pub file: PathBuf,
}

/// What goes to the program's log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LogPages {
    /// Every page.
    pub pages: bool,
}

/// Storm budget.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Paging {
    /// Pages per hour, rule and account.
    pub pages_per_hour: u32,
}

/// State budgets of the whole installation: a Pipeline of P has its share.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Budgets {
    /// Per correlation.
    #[serde(rename(deserialize = "state_per_rule"))]
    pub bytes_per_rule: u64,
    /// Per correlation and account.
    #[serde(rename(deserialize = "state_per_account"))]
    pub bytes_per_account: u64,
}

/// Allowed lateness: service -> milliseconds. Every service is there.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub struct Lateness(BTreeMap<String, u64>);

impl Lateness {
    /// That of a source.
    #[must_use]
    pub fn ms(&self, source: Source) -> i64 {
        self.0.get(source.service()).and_then(|ms| i64::try_from(*ms).ok()).unwrap_or_else(|| source.lateness_ms())
    }
}

/// Snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshots {
    /// At latest so often.
    #[serde(rename(deserialize = "every"))]
    pub every_ms: u64,
}

/// The program's log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// Form.
    pub format: LogFormat,
}

/// Form of the program's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

impl Config {
    /// The stated logsources, in the order of the sources that state them: `Form::Generic(n)` is the n-th.
    #[must_use]
    pub fn generic(&self) -> Vec<GenericSource> {
        self.sources.iter().filter_map(|s| s.json.as_ref()).map(JsonSource::generic).collect()
    }

    /// What an Intake must know to read a source; the stated logsources are those of all sources, because one set of rules is
    /// compiled for all.
    #[must_use]
    pub fn hints(&self, source: &SourceSettings) -> Hints {
        let before = self.sources.iter().take_while(|s| s.name != source.name);
        let generic = before.filter(|s| s.json.is_some()).count();
        let form = source.format.form(u16::try_from(generic).unwrap_or(u16::MAX));
        let flow_formats = source.flow_formats.iter().map(|f| (f.log_groups.clone(), f.format.clone())).collect();
        Hints { form, flow_format: source.flow_format.clone(), flow_formats, generic: self.generic(), lateness: self.stated_lateness() }
    }

    /// Allowed lateness, where it is not the source's own.
    #[must_use]
    pub fn stated_lateness(&self) -> tidegate_core::event::Lateness {
        let mut lateness = tidegate_core::event::Lateness::default();
        let stated = (0u16..).zip(self.generic()).map(|(n, _)| Source::Generic(n));
        BUILT_IN
            .into_iter()
            .chain(stated)
            .filter(|s| self.lateness.ms(*s) != s.lateness_ms())
            .for_each(|s| lateness.state(s, self.lateness.ms(s)));
        lateness
    }

    /// What decides about alerts beside rules and events, for the log's control.
    #[must_use]
    pub fn machine(&self, product_version: &str) -> tidegate_core::pipeline::Settings {
        tidegate_core::pipeline::Settings {
            correlate: tidegate_core::correlate::Settings {
                budget_bytes_per_rule: self.budgets.bytes_per_rule,
                budget_bytes_per_account: self.budgets.bytes_per_account,
                lateness: self.stated_lateness(),
                ..Default::default()
            },
            pages_per_hour: self.paging.pages_per_hour,
            product_version: product_version.to_owned(),
            organisation: self.organization.as_ref().map(|o| (o.id.clone(), o.name.clone())),
            dashboards_url: self.dashboards_url.clone(),
        }
    }
}
