//! Which service an event is from, in which shape it came, and how a rule's `logsource` gates on that.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The service an event speaks for. A rule sees only events whose source its `logsource` admits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    /// GuardDuty findings (Runtime Monitoring among them), in any of five shapes.
    GuardDuty,
    /// `CloudTrail` records.
    CloudTrail,
    /// VPC flow logs, versions 2 to 11.
    VpcFlow,
    /// Transit Gateway flow logs.
    TransitGatewayFlow,
    /// Security Hub findings that are no copies of GuardDuty findings.
    SecurityHub,
    /// Route 53 Resolver query logs.
    Route53,
    /// AWS WAF logs.
    Waf,
    /// Kubernetes audit logs of EKS.
    EksAudit,
    /// Other EventBridge events (`GuardDuty Malware Protection Object Scan Result`, AWS Config, ...).
    EventBridge,
    /// JSON with a stated logsource (`--format json --product P --service S`): the n-th such source.
    Generic(u16),
}

/// The built-in sources, in declaration order.
pub const BUILT_IN: [Source; 9] = [
    Source::GuardDuty,
    Source::CloudTrail,
    Source::VpcFlow,
    Source::TransitGatewayFlow,
    Source::SecurityHub,
    Source::Route53,
    Source::Waf,
    Source::EksAudit,
    Source::EventBridge,
];

/// The shape of one decoded unit: decides which decoder reads it and which paths fill its slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// camelCase finding: S3 export, or the `detail` of an EventBridge event.
    GuardDuty,
    /// PascalCase finding, as SDKs and the CLI print it.
    GuardDutyApi,
    /// A GuardDuty finding copied by Security Hub in ASFF.
    GuardDutyAsff,
    /// A GuardDuty finding copied by Security Hub V2 in OCSF.
    GuardDutyOcsf,
    /// One `CloudTrail` record.
    CloudTrail,
    /// One VPC flow-log line.
    VpcFlow,
    /// One Transit Gateway flow-log line.
    TransitGatewayFlow,
    /// An ASFF finding of another product.
    SecurityHub,
    /// An OCSF finding of another product.
    SecurityHubOcsf,
    /// One Resolver query.
    Route53,
    /// One WAF log line.
    Waf,
    /// One Kubernetes audit event.
    EksAudit,
    /// A whole EventBridge event whose `detail` is none of the above.
    EventBridge,
    /// JSON with a stated logsource.
    Generic(u16),
}

/// Every form of the built-in sources.
pub const FORMS: [Form; 13] = [
    Form::GuardDuty,
    Form::GuardDutyApi,
    Form::GuardDutyAsff,
    Form::GuardDutyOcsf,
    Form::CloudTrail,
    Form::VpcFlow,
    Form::TransitGatewayFlow,
    Form::SecurityHub,
    Form::SecurityHubOcsf,
    Form::Route53,
    Form::Waf,
    Form::EksAudit,
    Form::EventBridge,
];

impl Form {
    /// The source whose rules see units of this form.
    #[must_use]
    pub fn source(self) -> Source {
        match self {
            Form::GuardDuty | Form::GuardDutyApi | Form::GuardDutyAsff | Form::GuardDutyOcsf => Source::GuardDuty,
            Form::CloudTrail => Source::CloudTrail,
            Form::VpcFlow => Source::VpcFlow,
            Form::TransitGatewayFlow => Source::TransitGatewayFlow,
            Form::SecurityHub | Form::SecurityHubOcsf => Source::SecurityHub,
            Form::Route53 => Source::Route53,
            Form::Waf => Source::Waf,
            Form::EksAudit => Source::EksAudit,
            Form::EventBridge => Source::EventBridge,
            Form::Generic(n) => Source::Generic(n),
        }
    }
}

/// A rule's `logsource`, or what a source answers to. An absent attribute of a rule admits anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LogSource {
    /// `category`, lower case.
    pub category: Option<String>,
    /// `product`, lower case.
    pub product: Option<String>,
    /// `service`, lower case.
    pub service: Option<String>,
}

/// JSON with a stated logsource: what `--product`, `--service`, `--time-field` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenericSource {
    /// The logsource its events answer to.
    pub logsource: LogSource,
    /// Dotted name of the event time (epoch s or ms, or RFC 3339).
    pub time_field: String,
    /// Dotted name of the arrival time, if the history carries one.
    pub arrival_field: Option<String>,
}

impl Source {
    /// The service name used in `logsource`, alerts (`aws/guardduty`) and metrics. Generic sources answer `generic`.
    #[must_use]
    pub fn service(self) -> &'static str {
        match self {
            Source::GuardDuty => "guardduty",
            Source::CloudTrail => "cloudtrail",
            Source::VpcFlow => "vpcflow",
            Source::TransitGatewayFlow => "tgwflow",
            Source::SecurityHub => "securityhub",
            Source::Route53 => "route53",
            Source::Waf => "waf",
            Source::EksAudit => "eks_audit",
            Source::EventBridge => "eventbridge",
            Source::Generic(_) => "generic",
        }
    }

    /// Whether a rule with this `logsource` may see events of this source. `generic` holds the stated sources.
    #[must_use]
    pub fn admitted_by(self, rule: &LogSource, generic: &[GenericSource]) -> bool {
        let own = match self {
            Source::Generic(n) => match generic.get(usize::from(n)) {
                Some(g) => g.logsource.clone(),
                None => return false,
            },
            built_in => LogSource { category: None, product: Some("aws".into()), service: Some(built_in.service().into()) },
        };
        let admits = |asked: &Option<String>, own: &Option<String>| asked.is_none() || asked == own;
        admits(&rule.category, &own.category) && admits(&rule.product, &own.product) && admits(&rule.service, &own.service)
    }

    /// Allowed lateness in milliseconds, where nothing else is stated ([`Lateness`]): an event that arrives later than this after
    /// its own time is late. Flow logs are delivered up to 10 min late and best effort, so they get an hour; all else half of it.
    #[must_use]
    pub fn lateness_ms(self) -> i64 {
        match self {
            Source::VpcFlow | Source::TransitGatewayFlow => 60 * 60_000,
            _ => 30 * 60_000,
        }
    }
}

/// Allowed lateness per source, where it is not the source's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lateness(BTreeMap<Source, i64>);

impl Lateness {
    /// States the lateness of a source, in milliseconds.
    pub fn state(&mut self, source: Source, ms: i64) {
        self.0.insert(source, ms);
    }

    /// That of a source, in milliseconds.
    #[must_use]
    pub fn ms(&self, source: Source) -> i64 {
        self.0.get(&source).copied().unwrap_or_else(|| source.lateness_ms())
    }
}
