//! The table: every key of the configuration. A new key is one line here, one field in [`super::settings`], a line in
//! `tidegate.example.yaml` and a row of `docs/configuration.md`; the tests name what is forgotten.

use super::field::Kind::{Count, Duration, Flag, List, Map, Path, Size, Text, True, Word};
use super::field::Opened::{File, Rules, SourceFile, SourceFolder, Written, WrittenFolder};
use super::field::Presence::{Default, Optional, Required};
use super::field::{Field, Kind, Presence, Shape, Wording};
use super::kinesis::CONSUMERS;
use super::source::FORMATS;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const TIB: u64 = 1 << 40;
const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// Most sources: each has a thread of its own.
pub(super) const SOURCES_MAX: usize = 256;
/// Most stated formats of flow logs: each may cost a look at a line.
const GROUP_FORMATS_MAX: usize = 60;
/// Most entries of any other list.
const LIST_MAX: usize = 1_000;

const fn field(name: &'static str, kind: Kind, presence: Presence, text: &'static str) -> Field {
    Field { name, kind, presence, text }
}

/// The whole file.
pub(super) static ROOT: Shape = Shape::of(&[
    field("state", Path(Written), Default("./tidegate.db"), "The state: log, snapshots, quarantine and alerts in one SQLite file."),
    field(
        "state_bytes_max",
        Size { min: MIB, max: 16 * TIB },
        Optional,
        "Disk budget of the state. Over it no source is read until there is room.",
    ),
    field(
        "pipelines",
        Count { min: 1, max: 64 },
        Default("1"),
        "Pipelines that share the work. A state file keeps the number it was made with.",
    ),
    field(
        "lease",
        Duration { min_ms: SECOND_MS, max_ms: 5 * MINUTE_MS },
        Default("10s"),
        "How long a second process waits for a silent owner of the state before it takes over.",
    ),
    field("rules", List { of: &Path(Rules), most: LIST_MAX }, Default("[builtin]"), "Sigma rules; `builtin` is the shipped pack."),
    field(
        "shadow",
        List { of: &Text(Wording::Any), most: LIST_MAX },
        Optional,
        "Rules that run in shadow, whatever their status, and with them the correlations that refer to them: counted and stored, never paged. Ids or names; `*` stands for any characters.",
    ),
    field("suppressions", Path(File), Optional, "Suppressions: alerts that somebody has explained, for a while."),
    field("tables", Map(&TABLES), Default("{}"), "What is known about accounts, networks, addresses and files."),
    field("organization", Map(&ORGANIZATION), Optional, "The AWS organisation, named in alerts."),
    field("dashboards_url", Text(Wording::Url), Optional, "OpenSearch Dashboards: the base of the link in alerts and pages."),
    field("sources", List { of: &Map(&SOURCE), most: SOURCES_MAX }, Required, "Where records come from."),
    field(
        "ownership",
        Map(&OWNERSHIP),
        Optional,
        "A row in DynamoDB that says which process reads the sources: another one elsewhere, with another state, is refused.",
    ),
    field("archive", Map(&ARCHIVE), Optional, "Keep every record as it came, before it is decoded: history that `tidegate replay` reads."),
    field("sinks", Map(&SINKS), Default("{}"), "Where alerts and pages go."),
    field("paging", Map(&PAGING), Default("{}"), "How many pages people can be asked to answer."),
    field("budgets", Map(&BUDGETS), Default("{}"), "How much state may be kept; over it the offender's oldest goes, and an alert says so."),
    field(
        "lateness",
        Map(&LATENESS),
        Default("{}"),
        "Per service: an event that arrives later than this after its own time moves no window.",
    ),
    field("snapshots", Map(&SNAPSHOTS), Default("{}"), "When the state is written down whole."),
    field("log", Map(&LOG), Default("{}"), "The program's own log, on standard error."),
    field("http", Map(&HTTP), Optional, "Health, metrics and coverage over HTTP; without it nothing listens."),
]);

static TABLES: Shape = Shape::of(&[
    field(
        "accounts",
        Path(File),
        Optional,
        "Accounts (CSV, JSON or YAML): name, organisational unit, environment, owner, data class, tags.",
    ),
    field("networks", Path(File), Optional, "Networks (CSV, JSON or YAML): CIDR, name, kind."),
    field(
        "intel",
        List { of: &Path(File), most: LIST_MAX },
        Optional,
        "Threat intelligence (CSV, JSON or YAML): CIDRs, domains, SHA-256 hashes.",
    ),
    field(
        "geo",
        List { of: &Path(File), most: LIST_MAX },
        Optional,
        "Countries, cities and networks of addresses, in MaxMind's format (.mmdb).",
    ),
]);

static ORGANIZATION: Shape =
    Shape::of(&[field("id", Text(Wording::OrganizationId), Required, "Its id."), field("name", Text(Wording::Any), Optional, "Its name.")]);

static SOURCE: Shape = Shape {
    fields: &[
        field(
            "name",
            Text(Wording::Name),
            Required,
            "Its name, unique. Read positions are kept under it: a source of a new name is read from the start.",
        ),
        field("file", Path(SourceFile), Optional, "Read this file (gzip is undone)."),
        field("folder", Path(SourceFolder), Optional, "Read the files below this folder."),
        field("stdin", True, Optional, "Read standard input to its end."),
        field("kinesis", Map(&KINESIS), Optional, "Read a Kinesis data stream."),
        field(
            "follow",
            Flag,
            Default("true"),
            "Go on reading: what is appended to the file, new files in the folder. With false the source is finished at the end of what is there.",
        ),
        field("format", Word(&FORMATS), Default("auto"), "How to read the records; `auto` recognises them by their content."),
        field("flow_format", Text(Wording::FlowColumns), Optional, "Columns of flow logs without a header line."),
        field(
            "flow_formats",
            List { of: &Map(&GROUP_FORMAT), most: GROUP_FORMATS_MAX },
            Optional,
            "The same for flow logs that come through CloudWatch Logs, by log group. The first pattern that fits decides; several entries with one pattern are alternatives.",
        ),
        field("json", Map(&JSON), Optional, "What the events of `format: json` are."),
    ],
    exactly_one: &["file", "folder", "stdin", "kinesis"],
    at_least_one: &[],
};

static GROUP_FORMAT: Shape = Shape::of(&[
    field("log_groups", Text(Wording::Any), Required, "Names of log groups; `*` stands for any characters."),
    field("format", Text(Wording::FlowColumns), Required, "Columns of their flow logs."),
]);

static KINESIS: Shape = Shape::of(&[
    field("stream", Text(Wording::Stream), Required, "The stream. Another account's stream is named by its ARN."),
    field("region", Text(Wording::Region), Optional, "Its Region; without it that of the ARN, else that of the environment."),
    field("endpoint_url", Text(Wording::Loopback), Optional, "A stand-in for Kinesis on this machine, for tests."),
    field(
        "start",
        Text(Wording::StreamStart),
        Default("trim_horizon"),
        "Where the first start begins: with the oldest record, with what arrives from then on, or with what arrived since a time. Later starts go on where the last one was.",
    ),
    field(
        "consumer",
        Word(&CONSUMERS),
        Default("polling"),
        "How it is read: `polling` shares what a shard gives with all others who poll it, `fan_out` (enhanced fan-out) has records pushed at a rate of its own, and costs extra.",
    ),
    field(
        "consumer_name",
        Text(Wording::Consumer),
        Default("tidegate"),
        "The registered consumer of `fan_out`. A name is registered if it is not there; an ARN must be there. No two readers may share one.",
    ),
    field("role_arn", Text(Wording::Role), Optional, "Role to read it with."),
    field("external_id", Text(Wording::ExternalId), Optional, "External id that the role asks for."),
]);

static OWNERSHIP: Shape = Shape::of(&[
    field("table", Text(Wording::Table), Required, "The DynamoDB table; `tidegate setup aws` makes it."),
    field(
        "name",
        Text(Wording::Name),
        Default("tidegate"),
        "Name of the row. Configurations that read different sources and share a table have different names.",
    ),
    field("region", Text(Wording::Region), Optional, "Region of the table; without it that of the environment."),
    field("endpoint_url", Text(Wording::Loopback), Optional, "A stand-in for DynamoDB on this machine, for tests."),
    field(
        "lease",
        Duration { min_ms: 3 * SECOND_MS, max_ms: 5 * MINUTE_MS },
        Default("30s"),
        "How long the row is held without renewal. A start elsewhere waits this long for a silent owner; a table that does not answer for four fifths of it stops pages and documents until it does.",
    ),
    field("role_arn", Text(Wording::Role), Optional, "Role to use it with."),
    field("external_id", Text(Wording::ExternalId), Optional, "External id that the role asks for."),
]);

static JSON: Shape = Shape {
    fields: &[
        field("product", Text(Wording::Any), Optional, "Their logsource: product."),
        field("service", Text(Wording::Any), Optional, "Their logsource: service."),
        field("category", Text(Wording::Any), Optional, "Their logsource: category."),
        field("time_field", Text(Wording::Any), Default("time"), "Field with the event's time (epoch s or ms, or RFC 3339)."),
        field("arrival_field", Text(Wording::Any), Optional, "Field with the time of arrival; without it, when the record is first read."),
    ],
    exactly_one: &[],
    at_least_one: &["product", "service", "category"],
};

static ARCHIVE: Shape = Shape::of(&[
    field(
        "folder",
        Path(WrittenFolder),
        Required,
        "The folder; below it stand hours of arrival and in these sources. Nothing is ever deleted there.",
    ),
    field("segment_bytes", Size { min: KIB, max: 16 << 30 }, Default("64MiB"), "A file of this size is ended and another one begun."),
    field(
        "segment_every",
        Duration { min_ms: SECOND_MS, max_ms: 60 * MINUTE_MS },
        Default("15m"),
        "So is one of this age, and every file with a new hour of arrival.",
    ),
]);

static SINKS: Shape = Shape::of(&[
    field("sqlite", Flag, Default("true"), "Keep alerts in the state file, where `tidegate alerts` finds them."),
    field("ndjson", Map(&NDJSON), Optional, "Write alerts to a file too."),
    field("opensearch", Map(&OPENSEARCH), Optional, "Write alerts into OpenSearch too: one document per alert, an index per month."),
    field("sns", Map(&SNS), Optional, "Page people and machines through SNS topics."),
    field("log", Map(&LOG_PAGES), Default("{}"), "Pages in the program's log."),
]);

static NDJSON: Shape = Shape::of(&[field("file", Path(Written), Required, "The file: one line per version of an alert, appended.")]);

static OPENSEARCH: Shape = Shape {
    fields: &[
        field("url", Text(Wording::Url), Optional, "Where OpenSearch is. Plain http only on this machine."),
        field(
            "domain",
            Text(Wording::Domain),
            Optional,
            "Name of a domain of Amazon OpenSearch Service instead: its endpoint is looked up at the start.",
        ),
        field("aws", Map(&OPENSEARCH_AWS), Optional, "Sign requests for AWS, which `domain` does without it too (unless `user` is given)."),
        field(
            "index_prefix",
            Text(Wording::Name),
            Default("tidegate-alerts"),
            "What names of indices begin with (then `-v1-YYYY.MM`), and the alias over them.",
        ),
        field("user", Text(Wording::Any), Optional, "User, for basic authentication."),
        field("password", Map(&SECRET), Optional, "Where the user's password stands; it is read again for every request."),
        field("ca_file", Path(File), Optional, "Certificates (PEM) to trust instead of the system's."),
        field("timeout", Duration { min_ms: SECOND_MS, max_ms: 5 * MINUTE_MS }, Default("30s"), "Longest time of one request."),
        field(
            "bulk_bytes",
            Size { min: 64 * KIB, max: 90 * MIB },
            Default("5MiB"),
            "Most bytes of one request before compression; under pressure less is sent at once.",
        ),
    ],
    exactly_one: &["url", "domain"],
    at_least_one: &[],
};

static OPENSEARCH_AWS: Shape = Shape::of(&[
    field("region", Text(Wording::Region), Optional, "Its Region; without it that of the environment."),
    field("endpoint_url", Text(Wording::Loopback), Optional, "A stand-in for the control plane on this machine, for tests."),
    field("role_arn", Text(Wording::Role), Optional, "Role to use it with."),
    field("external_id", Text(Wording::ExternalId), Optional, "External id that the role asks for."),
]);

static SECRET: Shape = Shape {
    fields: &[
        field("env", Text(Wording::Variable), Optional, "In this variable of the environment."),
        field("file", Path(File), Optional, "In this file; white space at its end does not belong to it."),
    ],
    exactly_one: &["env", "file"],
    at_least_one: &[],
};

static SNS: Shape = Shape::of(&[
    field("routes", Map(&ROUTES), Required, "Topics by severity. A topic whose name ends in `.fifo` reaches only SQS."),
    field("role_arn", Text(Wording::Role), Optional, "Role to publish with."),
    field("external_id", Text(Wording::ExternalId), Optional, "External id that the role asks for."),
    field("endpoint_url", Text(Wording::Loopback), Optional, "A stand-in for SNS on this machine, for tests."),
    field("timeout", Duration { min_ms: SECOND_MS, max_ms: MINUTE_MS }, Default("10s"), "Longest time of one call."),
    field("second", Map(&SECOND), Optional, "The second channel: it gets the pages while the topics take none."),
]);

static ROUTES: Shape = Shape::of(&[
    field("critical", Text(Wording::Topic), Optional, "Topic of critical pages."),
    field("high", Text(Wording::Topic), Optional, "Topic of high pages."),
    field("default", Text(Wording::Topic), Optional, "Topic of pages whose severity has none of its own."),
]);

static SECOND: Shape = Shape {
    fields: &[
        field("routes", Map(&ROUTES), Optional, "Other topics, best in another Region."),
        field("file", Path(Written), Optional, "A file: one line of JSON per page, appended."),
        field("role_arn", Text(Wording::Role), Optional, "Role to publish with."),
        field("external_id", Text(Wording::ExternalId), Optional, "External id that the role asks for."),
        field("endpoint_url", Text(Wording::Loopback), Optional, "A stand-in for SNS on this machine, for tests."),
        field(
            "after",
            Duration { min_ms: SECOND_MS, max_ms: 60 * MINUTE_MS },
            Default("45s"),
            "When a topic has taken nothing for so long while pages waited. One failing call more may pass before.",
        ),
    ],
    exactly_one: &["routes", "file"],
    at_least_one: &[],
};

static LOG_PAGES: Shape = Shape::of(&[field("pages", Flag, Default("true"), "Write every page to the program's log.")]);

static PAGING: Shape = Shape::of(&[field(
    "pages_per_hour",
    Count { min: 1, max: 100_000 },
    Default("10"),
    "Storm budget per rule and account; one summary speaks for the rest. Critical alerts and those of correlations are never held.",
)]);

static BUDGETS: Shape = Shape::of(&[
    field("state_per_rule", Size { min: 64 * KIB, max: TIB }, Default("1GiB"), "State of one correlation."),
    field("state_per_account", Size { min: 64 * KIB, max: TIB }, Default("256MiB"), "State of one correlation for one account."),
]);

const LATE: Kind = Duration { min_ms: SECOND_MS, max_ms: 7 * DAY_MS };

static LATENESS: Shape = Shape::of(&[
    field("guardduty", LATE, Default("30m"), "GuardDuty findings."),
    field("cloudtrail", LATE, Default("30m"), "CloudTrail."),
    field("vpcflow", LATE, Default("60m"), "VPC flow logs."),
    field("tgwflow", LATE, Default("60m"), "Transit Gateway flow logs."),
    field("securityhub", LATE, Default("30m"), "Security Hub findings of other products."),
    field("route53", LATE, Default("30m"), "Route 53 Resolver query logs."),
    field("waf", LATE, Default("30m"), "AWS WAF logs."),
    field("eks_audit", LATE, Default("30m"), "Kubernetes audit logs of EKS."),
    field("eventbridge", LATE, Default("30m"), "Other EventBridge events."),
    field("generic", LATE, Default("30m"), "Sources of `format: json`."),
]);

static SNAPSHOTS: Shape = Shape::of(&[field(
    "every",
    Duration { min_ms: SECOND_MS, max_ms: 60 * MINUTE_MS },
    Default("60s"),
    "At latest so often; sooner when applying the log again would take long.",
)]);

static HTTP: Shape = Shape::of(&[field(
    "listen",
    Text(Wording::Listen),
    Required,
    "Where `/live`, `/ready`, `/metrics` and `/coverage` are served, without encryption or login. Port 0: any that is free; the log says which.",
)]);

static LOG: Shape = Shape::of(&[
    field(
        "level",
        Word(&["error", "warn", "info", "debug", "trace"]),
        Default("info"),
        "What is said. The environment variable TIDEGATE_LOG overrides it.",
    ),
    field("format", Word(&["text", "json"]), Default("text"), "How it is said."),
]);
