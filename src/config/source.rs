//! A source of the configuration as plain data.

use super::kinesis::KinesisStream;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tidegate_core::event::{Form, GenericSource, LogSource};

/// Where records come from, and what they are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "Written")]
pub struct SourceSettings {
    /// Unique name.
    pub name: String,
    /// What is read.
    pub reads: Reads,
    /// How.
    pub format: Format,
    /// Columns of flow logs without a header line.
    pub flow_format: Option<Vec<String>>,
    /// The same by CloudWatch Logs log group.
    pub flow_formats: Vec<GroupFormat>,
    /// What the events of `format: json` are.
    pub json: Option<JsonSource>,
}

/// What a source reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reads {
    /// A file.
    File {
        /// Its path.
        path: PathBuf,
        /// Go on with what is appended.
        follow: bool,
    },
    /// The files below a folder.
    Folder {
        /// Its path.
        path: PathBuf,
        /// Watch for new files.
        follow: bool,
    },
    /// Standard input.
    Stdin,
    /// A Kinesis stream.
    Kinesis(KinesisStream),
}

/// Names of the formats, in order of declaration; those of `tidegate replay --format`.
pub(super) const FORMATS: [&str; 11] =
    ["auto", "guardduty", "vpcflow", "tgwflow", "cloudtrail", "securityhub", "route53", "waf", "eks-audit", "eventbridge", "json"];

/// How records are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each is the source of its name")]
pub enum Format {
    Auto,
    Guardduty,
    Vpcflow,
    Tgwflow,
    Cloudtrail,
    Securityhub,
    Route53,
    Waf,
    EksAudit,
    Eventbridge,
    Json,
}

/// Columns of the flow logs of some log groups.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "WrittenFormat")]
pub struct GroupFormat {
    /// Their names; `*` stands for anything.
    pub log_groups: String,
    /// Columns.
    pub format: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFormat {
    log_groups: String,
    format: String,
}

impl From<WrittenFormat> for GroupFormat {
    fn from(written: WrittenFormat) -> Self {
        GroupFormat { log_groups: written.log_groups, format: columns(&written.format).map(str::to_owned).collect() }
    }
}

/// JSON with a stated logsource.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct JsonSource {
    /// Logsource: product.
    pub product: Option<String>,
    /// Logsource: service.
    pub service: Option<String>,
    /// Logsource: category.
    pub category: Option<String>,
    /// Dotted name of the event time.
    pub time_field: String,
    /// Dotted name of the arrival time.
    pub arrival_field: Option<String>,
}

/// A source as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    file: Option<PathBuf>,
    folder: Option<PathBuf>,
    stdin: Option<bool>,
    kinesis: Option<KinesisStream>,
    follow: bool,
    format: Format,
    flow_format: Option<String>,
    flow_formats: Option<Vec<GroupFormat>>,
    json: Option<JsonSource>,
}

impl From<Written> for SourceSettings {
    fn from(written: Written) -> Self {
        let follow = written.follow;
        let reads = match (written.file, written.folder, written.kinesis, written.stdin) {
            (Some(path), _, _, _) => Reads::File { path, follow },
            (None, Some(path), _, _) => Reads::Folder { path, follow },
            (None, None, Some(stream), _) => Reads::Kinesis(stream),
            (None, None, None, _) => Reads::Stdin,
        };
        let columns = written.flow_format.as_deref().map(|text| columns(text).map(str::to_owned).collect());
        SourceSettings {
            name: written.name,
            reads,
            format: written.format,
            flow_format: columns,
            flow_formats: written.flow_formats.unwrap_or_default(),
            json: written.json,
        }
    }
}

/// The words of a flow format.
pub fn columns(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty())
}

impl JsonSource {
    /// For the core. Rules name their logsource in lower case.
    #[must_use]
    pub fn generic(&self) -> GenericSource {
        let lower = |word: &Option<String>| word.as_ref().map(|w| w.trim().to_lowercase());
        let logsource = LogSource { category: lower(&self.category), product: lower(&self.product), service: lower(&self.service) };
        GenericSource { logsource, time_field: self.time_field.clone(), arrival_field: self.arrival_field.clone() }
    }
}

impl Format {
    /// The name it is written by.
    #[must_use]
    pub fn name(self) -> &'static str {
        FORMATS[self as usize]
    }

    /// The form that records are read as; `None`: recognised by content. `generic` is the number of the stated logsource.
    #[must_use]
    pub fn form(self, generic: u16) -> Option<Form> {
        match self {
            Format::Auto => None,
            Format::Guardduty => Some(Form::GuardDuty),
            Format::Vpcflow => Some(Form::VpcFlow),
            Format::Tgwflow => Some(Form::TransitGatewayFlow),
            Format::Cloudtrail => Some(Form::CloudTrail),
            Format::Securityhub => Some(Form::SecurityHub),
            Format::Route53 => Some(Form::Route53),
            Format::Waf => Some(Form::Waf),
            Format::EksAudit => Some(Form::EksAudit),
            Format::Eventbridge => Some(Form::EventBridge),
            Format::Json => Some(Form::Generic(generic)),
        }
    }
}
