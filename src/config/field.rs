//! What a key of the configuration is: the words in which the table is written.

use super::quantity::{duration, size};

/// A key.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) presence: Presence,
    /// What it does, in whole sentences.
    pub(super) text: &'static str,
}

/// Whether a key must be written.
#[derive(Clone, Copy)]
pub(super) enum Presence {
    Required,
    Optional,
    /// The value that holds without it, as one would write it.
    Default(&'static str),
}

/// What a value is.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Flag,
    /// `true` and nothing else: the key says it all.
    True,
    Count {
        min: u64,
        max: u64,
    },
    Size {
        min: u64,
        max: u64,
    },
    Duration {
        min_ms: u64,
        max_ms: u64,
    },
    Word(&'static [&'static str]),
    Text(Wording),
    Path(Opened),
    List {
        of: &'static Kind,
        most: usize,
    },
    Map(&'static Shape),
}

/// What a text must look like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wording {
    Any,
    /// The name of a source: part of positions, metrics and alerts.
    Name,
    /// `o-` and 10 to 32 letters and digits.
    OrganizationId,
    Url,
    /// Address and port of this machine.
    Listen,
    /// A variable of the environment.
    Variable,
    /// Columns of a flow log.
    FlowColumns,
    /// Name or ARN of a Kinesis stream.
    Stream,
    /// Name or ARN of a consumer of a Kinesis stream.
    Consumer,
    /// `us-east-1`.
    Region,
    /// A URL of this machine.
    Loopback,
    /// `trim_horizon`, `latest` or a time.
    StreamStart,
    /// ARN of a role.
    Role,
    ExternalId,
    /// Name of a DynamoDB table.
    Table,
    /// Name of an OpenSearch domain.
    Domain,
    /// ARN of an SNS topic.
    Topic,
}

/// What a path is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    /// Rules: a file, a folder, or the word `builtin`.
    Rules,
    /// A file that must be there.
    File,
    /// A source: a file.
    SourceFile,
    /// A source: a folder.
    SourceFolder,
    /// A file that is made if it is not there.
    Written,
    /// A folder that is made if it is not there.
    WrittenFolder,
}

/// The keys of a map, and what they owe each other.
pub(super) struct Shape {
    pub(super) fields: &'static [Field],
    /// Of these keys exactly one must be there.
    pub(super) exactly_one: &'static [&'static str],
    /// Of these keys at least one must be there.
    pub(super) at_least_one: &'static [&'static str],
}

impl Shape {
    /// A map whose keys owe each other nothing.
    pub(super) const fn of(fields: &'static [Field]) -> Self {
        Shape { fields, exactly_one: &[], at_least_one: &[] }
    }
}

impl Wording {
    /// As a regular expression, for the JSON Schema.
    pub(super) fn pattern(self) -> Option<&'static str> {
        match self {
            Wording::Any | Wording::FlowColumns => None,
            Wording::Stream => Some("^(arn:aws[a-z-]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/)?[A-Za-z0-9_.-]{1,128}$"),
            Wording::Consumer => Some(
                "^(arn:aws[a-z-]*:kinesis:[a-z0-9-]+:[0-9]{12}:stream/[A-Za-z0-9_.-]{1,128}/consumer/[A-Za-z0-9_.-]{1,128}:[0-9]+|[A-Za-z0-9_.-]{1,128})$",
            ),
            Wording::Region => Some("^[a-z]+(-[a-z]+)+-[0-9]$"),
            Wording::Loopback => Some("^https?://(127\\.0\\.0\\.1|localhost|\\[::1\\])(:[0-9]+)?/?$"),
            Wording::StreamStart => Some("^(trim_horizon|latest|[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ].+)$"),
            Wording::Role => Some("^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$"),
            Wording::ExternalId => Some("^[A-Za-z0-9_+=,.@:/-]{2,1224}$"),
            Wording::Table => Some("^[A-Za-z0-9_.-]{3,255}$"),
            Wording::Domain => Some("^[a-z][a-z0-9-]{2,27}$"),
            Wording::Topic => Some("^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\\.fifo)?$"),
            Wording::Name => Some("^[a-z0-9-]{1,64}$"),
            Wording::OrganizationId => Some("^o-[a-z0-9]{10,32}$"),
            Wording::Variable => Some("^[A-Za-z_][A-Za-z0-9_]*$"),
            Wording::Listen => Some("^([0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5}$"),
            Wording::Url => Some("^https?://[^@\\s/?#]+([/?#]\\S*)?$"),
        }
    }

    fn expected(self) -> &'static str {
        match self {
            Wording::Any => "a text",
            Wording::Name => "1 to 64 lower-case letters, digits and hyphens",
            Wording::OrganizationId => "`o-` and 10 to 32 lower-case letters and digits",
            Wording::Url => "a URL that begins with https:// or http:// and holds no user or password",
            Wording::Listen => "an address and a port",
            Wording::Variable => "the name of an environment variable: letters, digits and underscores",
            Wording::FlowColumns => "names of flow-log columns",
            Wording::Stream => "the name or ARN of a stream",
            Wording::Consumer => "the name or ARN of a consumer",
            Wording::Region => "an AWS Region",
            Wording::Loopback => "http:// or https:// and 127.0.0.1, localhost or [::1], with a port",
            Wording::StreamStart => "trim_horizon, latest, or a time (RFC 3339)",
            Wording::Role => "the ARN of a role",
            Wording::Table => "the name of a DynamoDB table",
            Wording::Domain => "the name of an OpenSearch domain: 3 to 28 lower-case letters, digits and hyphens",
            Wording::Topic => "the ARN of an SNS topic",
            Wording::ExternalId => "2 to 1224 letters, digits and characters of _+=,.@:/-",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Wording::Any => "'a text'",
            Wording::Name => "trail",
            Wording::OrganizationId => "o-a1b2c3d4e5",
            Wording::Url => "https://dashboards.example.org",
            Wording::Listen => "127.0.0.1:9187",
            Wording::Variable => "OPENSEARCH_PASSWORD",
            Wording::FlowColumns => "'${version} ${account-id} ${srcaddr} ${dstaddr}'",
            Wording::Stream => "findings",
            Wording::Consumer => "tidegate",
            Wording::Region => "us-east-1",
            Wording::Loopback => "http://127.0.0.1:4567",
            Wording::StreamStart => "latest",
            Wording::Role => "arn:aws:iam::123456789012:role/tidegate-read",
            Wording::Table => "tidegate-leases",
            Wording::Domain => "alerts",
            Wording::ExternalId => "tidegate",
            Wording::Topic => "arn:aws:sns:us-east-1:123456789012:pages",
        }
    }
}

impl Kind {
    /// What is expected, to go into a sentence.
    pub(super) fn expected(&self) -> String {
        match self {
            Kind::Flag => "true or false".to_owned(),
            Kind::True => "`true`".to_owned(),
            Kind::Count { min, max } => format!("a whole number from {min} to {max}"),
            Kind::Size { min, max } => format!("a size from {} to {}", size(*min), size(*max)),
            Kind::Duration { min_ms, max_ms } => format!("a duration from {} to {}", duration(*min_ms), duration(*max_ms)),
            Kind::Word(words) => format!("one of {}", words.join(", ")),
            Kind::Text(wording) => wording.expected().to_owned(),
            Kind::Path(Opened::Rules) => "`builtin`, or the path of a file or folder".to_owned(),
            Kind::Path(Opened::SourceFolder | Opened::WrittenFolder) => "the path of a folder".to_owned(),
            Kind::Path(_) => "the path of a file".to_owned(),
            Kind::List { of, most } if *most < 1_000 => format!("a list of 1 to {most}: each {}", of.expected()),
            Kind::List { of, .. } => format!("a list, each {}", of.expected()),
            Kind::Map(shape) => format!("a map of {}", shape.names()),
        }
    }

    /// The same in a few words.
    pub(super) fn noun(&self) -> String {
        match self {
            Kind::List { .. } => "a list".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
            kind => kind.expected(),
        }
    }

    /// A value of this kind, as one would write it.
    pub(super) fn example(&self) -> String {
        match self {
            Kind::Flag | Kind::True => "true".to_owned(),
            Kind::Count { min, max } => (*min).max(1).min(*max).to_string(),
            Kind::Size { min, .. } => size((*min).max(64 << 20)),
            Kind::Duration { min_ms, .. } => duration((*min_ms).max(10_000)),
            Kind::Word(words) => words.first().map_or_else(String::new, |w| (*w).to_owned()),
            Kind::Text(wording) => wording.example().to_owned(),
            Kind::Path(Opened::Rules) => "builtin".to_owned(),
            Kind::Path(Opened::SourceFolder) => "./logs".to_owned(),
            Kind::Path(Opened::WrittenFolder) => "./archive".to_owned(),
            Kind::Path(_) => "./file".to_owned(),
            Kind::List { of, .. } => format!("[{}]", of.example()),
            Kind::Map(shape) => shape.example(),
        }
    }
}

impl Shape {
    /// Names of its keys, for people.
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.fields.iter().map(|f| f.name).collect();
        names.join(", ")
    }

    /// Its required keys, one of those that exclude each other; if there are none, its first key.
    fn example(&self) -> String {
        let one = self.exactly_one.first().or(self.at_least_one.first());
        let needed = |f: &&Field| matches!(f.presence, Presence::Required) || one == Some(&f.name);
        let mut shown: Vec<&Field> = self.fields.iter().filter(needed).collect();
        if shown.is_empty() {
            shown.extend(self.fields.first());
        }
        let entries: Vec<String> = shown.iter().map(|f| format!("{}: {}", f.name, f.kind.example())).collect();
        format!("{{{}}}", entries.join(", "))
    }
}
