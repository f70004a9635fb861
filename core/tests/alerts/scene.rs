//! What the tests build alerts from: a small rule set, events as the decoders would leave them, and everything else a subject holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate_core::alert::{AccountContext, Enrichment, Org, RelatedAlert, State, Subject, alert_id, first_moment, link, paging_decision};
use tidegate_core::correlate::{Episode, KeptEvent};
use tidegate_core::event::{ContentId, DetectionFlags, Fact, Facts, FindingRevision, GroupKey, LogSource, Position, Sequence, Source};
use tidegate_core::rule::{
    Body, Compare, Correlation, CorrelationKind, DetectionRule, Expr, Level, Meta, Place, Presence, Rule, RuleSet, Status, Thresholds,
};

/// 2026-11-23T17:53:04Z
pub(crate) const FIRED: i64 = 1_795_456_384_000;

pub(crate) const FINDING: u32 = 0;
pub(crate) const ROOT_KEY: u32 = 1;
pub(crate) const SIGN_IN: u32 = 2;
pub(crate) const FLOW: u32 = 3;
pub(crate) const STOP_LOGGING: u32 = 4;
pub(crate) const EVENT_COUNT: u32 = 5;
pub(crate) const VALUE_COUNT: u32 = 6;
pub(crate) const SUM: u32 = 7;
pub(crate) const TEMPORAL: u32 = 8;
pub(crate) const ORDERED: u32 = 9;
pub(crate) const PARENT: u32 = 10;

fn meta(n: u32, title: &str, level: Option<Level>, tags: &[&str]) -> Meta {
    Meta {
        place: Place { file: "rules/test.yml".into(), line: 1, column: 1 },
        id: format!("00000000-0000-4000-8000-{n:012}"),
        name: None,
        title: title.into(),
        status: Status::Test,
        level,
        description: format!("{title}: what it means."),
        author: "Tidegate".into(),
        references: Vec::new(),
        version: "2026-11-20".into(),
        tags: tags.iter().map(|t| (*t).to_owned()).collect(),
        falsepositives: vec!["New office or VPN egress".into()],
        fields: Vec::new(),
        owner: Some("team-soc".into()),
        runbook: Some(format!("https://runbooks.example.com/{n}")),
        custom: BTreeMap::new(),
    }
}

fn rule(n: u32, title: &str, level: Option<Level>, tags: &[&str], body: Body) -> Rule {
    Rule { meta: meta(n, title, level, tags), body, digest: [n as u8 + 1; 32], alerts: true }
}

fn detection(service: &str) -> Body {
    let logsource = LogSource { category: None, product: Some("aws".into()), service: Some(service.into()) };
    Body::Detection(DetectionRule { logsource, condition: Expr::And(Vec::new()) })
}

fn correlation(kind: CorrelationKind, rules: &[u32], group_by: &str) -> Body {
    let group_by = if group_by.is_empty() { Vec::new() } else { group_by.split(' ').map(str::to_owned).collect() };
    Body::Correlation(Correlation {
        kind,
        rules: rules.to_vec(),
        group_by,
        aliases: BTreeMap::new(),
        timespan_ms: 3_600_000,
        generate: false,
    })
}

pub(crate) fn rule_set() -> RuleSet {
    let gte = |n| Thresholds(vec![(Compare::Gte, n)]);
    let steps = || vec![Presence::Rule(0), Presence::Rule(1)];
    let brute = ["attack.credential-access", "attack.t1110.003", "compliance.hipaa.164.312.b"];
    let evade = ["attack.defense-impairment", "attack.t1562.008", "compliance.pci_dss_v4.10.4.1.1"];
    let rules = vec![
        rule(FINDING, "GuardDuty finding", None, &[], detection("guardduty")),
        rule(
            ROOT_KEY,
            "Access key made for root",
            Some(Level::Critical),
            &["attack.persistence", "attack.t1098.001"],
            detection("cloudtrail"),
        ),
        rule(SIGN_IN, "Failed console sign-in", Some(Level::Low), &brute, detection("cloudtrail")),
        rule(FLOW, "Flow to the Internet", Some(Level::Informational), &[], detection("vpcflow")),
        rule(STOP_LOGGING, "Trail stopped", Some(Level::Medium), &evade, detection("cloudtrail")),
        rule(
            EVENT_COUNT,
            "Many failed sign-ins",
            Some(Level::Medium),
            &brute,
            correlation(CorrelationKind::EventCount(gte(20.0)), &[SIGN_IN], "src_endpoint.ip"),
        ),
        rule(
            VALUE_COUNT,
            "One source address in many accounts",
            Some(Level::High),
            &brute,
            correlation(CorrelationKind::ValueCount(vec!["cloud.account.uid".into()], gte(5.0)), &[SIGN_IN], "src_endpoint.ip"),
        ),
        rule(
            SUM,
            "Large transfer out",
            Some(Level::High),
            &["attack.exfiltration", "attack.t1048"],
            correlation(CorrelationKind::ValueSum("traffic.bytes".into(), gte(5e9)), &[FLOW], "src_endpoint.ip dst_endpoint.ip"),
        ),
        rule(
            TEMPORAL,
            "Finding and tampering together",
            Some(Level::High),
            &evade,
            correlation(
                CorrelationKind::Temporal(Presence::And(vec![Presence::Rule(0), Presence::Not(Box::new(Presence::Rule(1)))])),
                &[FINDING, ROOT_KEY],
                "cloud.account.uid",
            ),
        ),
        rule(
            ORDERED,
            "Signed in, then stopped the trail",
            Some(Level::High),
            &evade,
            correlation(CorrelationKind::TemporalOrdered(Presence::And(steps())), &[SIGN_IN, STOP_LOGGING], "actor.user.uid"),
        ),
        rule(
            PARENT,
            "Two stages of one attack",
            Some(Level::Critical),
            &[],
            correlation(CorrelationKind::Temporal(Presence::And(steps())), &[VALUE_COUNT, SUM], ""),
        ),
    ];
    RuleSet { rules, digest: [0; 32] }
}

/// An event with facts, `at` ms after [`FIRED`].
pub(crate) fn event(n: u64, rule: u32, source: Source, at: i64, account: &str, facts: &[(Fact, &str)], body: &str) -> KeptEvent {
    let mut all = Facts::from_iter([(Fact::Account, account)]);
    all.extend(facts.iter().copied());
    all.set_body(body);
    KeptEvent {
        time_ms: FIRED + at,
        id: ContentId::of("test", &n.to_string()),
        step: 0,
        rule,
        source,
        flags: DetectionFlags::default(),
        account: account.into(),
        severity: 3,
        revision: None,
        position: Position {
            source: "org".into(),
            shard: "shardId-000000000003".into(),
            sequence: Sequence::from(1000 + n),
            sub_sequence: 0,
        },
        facts: Arc::new(all),
        child_alert: None,
    }
}

pub(crate) fn sign_in(n: u64, account: &str) -> KeptEvent {
    let arn = format!("arn:aws:sts::{account}:assumed-role/deploy/ci-7731");
    let role = format!("arn:aws:iam::{account}:role/deploy");
    let facts = [
        (Fact::Region, "us-east-1"),
        (Fact::Principal, &arn),
        (Fact::PrincipalRoot, &role),
        (Fact::UserName, "deploy"),
        (Fact::UserType, "AssumedRole"),
        (Fact::AccessKey, "ASIAEXAMPLEKEY000001"),
        (Fact::SessionIssuer, &role),
        (Fact::SourceIp, "203.0.113.77"),
        (Fact::SourceCountry, "NL"),
        (Fact::SourceCity, "Amsterdam"),
        (Fact::SourceAsn, "64500"),
        (Fact::SourceAsOrg, "EXAMPLE-HOSTING"),
        (Fact::Operation, "ConsoleLogin"),
        (Fact::Service, "signin.amazonaws.com"),
        (Fact::ErrorCode, "Failed authentication"),
        (Fact::UserAgent, "Mozilla/5.0"),
        (Fact::EventUid, &format!("6f3e1c0a-2b4d-4f7e-9a55-{n:012}")),
        (Fact::Resource, &format!("AWS::IAM::Role={role}")),
    ];
    event(
        n,
        SIGN_IN,
        Source::CloudTrail,
        n as i64 * 60_000,
        account,
        &facts,
        r#"{"eventName":"ConsoleLogin","errorMessage":"Failed authentication"}"#,
    )
}

pub(crate) fn flow(n: u64) -> KeptEvent {
    let facts = [
        (Fact::Region, "eu-central-1"),
        (Fact::SourceIp, "10.0.0.5"),
        (Fact::SourcePort, "49152"),
        (Fact::TargetIp, "198.51.100.9"),
        (Fact::TargetPort, "443"),
        (Fact::Bytes, "1300000000"),
        (Fact::Packets, "900000"),
        (Fact::Action, "ACCEPT"),
        (Fact::Protocol, "6"),
        (Fact::Resource, "AWS::EC2::NetworkInterface=arn:aws:ec2:eu-central-1:111122223333:network-interface/eni-0a1b2c3d"),
    ];
    event(
        n,
        FLOW,
        Source::VpcFlow,
        n as i64 * 60_000,
        "111122223333",
        &facts,
        "2 111122223333 eni-0a1b2c3d 10.0.0.5 198.51.100.9 49152 443 6 900000 1300000000 1795456384 1795456444 ACCEPT OK",
    )
}

pub(crate) const FINDING_ARN: &str =
    "arn:aws:guardduty:eu-central-1:444455556666:detector/12abc34d567e8fa901bc2d34e56789f0/finding/9cc0e1d2b3a4f5968778695a4b3c2d1e";

pub(crate) fn finding(kind: &str, more: &[(Fact, &str)]) -> KeptEvent {
    let mut facts = vec![
        (Fact::Region, "eu-central-1"),
        (Fact::FindingArn, FINDING_ARN),
        (Fact::FindingType, kind),
        (Fact::Title, "An unusual call was made from a known bad address."),
        (Fact::Description, "UpdateAssumeRolePolicy was called from an address on a threat list."),
        (Fact::Severity, "8"),
        (Fact::FirstSeen, "2026-11-23T17:40:00Z"),
        (Fact::LastSeen, "2026-11-23T18:05:30.500Z"),
        (Fact::CreatedAt, "2026-11-23T17:45:00Z"),
        (Fact::Count, "3"),
    ];
    facts.extend(more);
    let mut out = event(900, FINDING, Source::GuardDuty, 200_000, "444455556666", &facts, r#"{"schemaVersion":"2.0","severity":8}"#);
    out.severity = 4;
    out.revision = Some(FindingRevision { finding: 7, updated_ms: FIRED + 200_000, created_ms: FIRED - 484_000, count: 3, severity: 800 });
    out
}

pub(crate) fn api_finding() -> KeptEvent {
    finding(
        "UnauthorizedAccess:IAMUser/MaliciousIPCaller.Custom",
        &[
            (Fact::Principal, "arn:aws:iam::444455556666:user/svc-backup"),
            (Fact::UserName, "svc-backup"),
            (Fact::UserType, "IAMUser"),
            (Fact::SourceIp, "203.0.113.77"),
            (Fact::Operation, "UpdateAssumeRolePolicy"),
            (Fact::Service, "iam.amazonaws.com"),
            (Fact::ErrorCode, "AccessDenied"),
            (Fact::Resource, "AWS::IAM::User=arn:aws:iam::444455556666:user/svc-backup"),
            (Fact::Threat, "corp-list"),
            (Fact::Unmapped, "service.resourceRole=TARGET"),
        ],
    )
}

pub(crate) fn sequence_finding() -> KeptEvent {
    let mut out = finding(
        "AttackSequence:IAM/CompromisedCredentials",
        &[
            (Fact::Tactic, "Defense Evasion"),
            (Fact::Tactic, "Persistence"),
            (Fact::Technique, "T1562.008 - Impair Defenses: Disable or Modify Cloud Logs"),
            (Fact::Technique, "T1098 - Account Manipulation"),
            (Fact::SequenceActor, "actor-1|svc-backup|arn:aws:iam::444455556666:user/svc-backup"),
            (Fact::SequenceEndpoint, "endpoint-1|203.0.113.77|443"),
            (Fact::SequenceEndpoint, "endpoint-2|evil.example|"),
            (
                Fact::Signal,
                "9cc0e1d2b3a4f5968778695a4b3c2d1e|FINDING|Stealth:IAMUser/CloudTrailLoggingDisabled|5|2|1795455667000|1795456384000",
            ),
            (Fact::Signal, "s-2|CLOUD_TRAIL|StopLogging||7|1795455667|"),
            (Fact::Indicator, "MALICIOUS_IP|203.0.113.77"),
            (Fact::Indicator, "MALICIOUS_IP|198.51.100.23"),
            (Fact::Indicator, "HIGH_RISK_API|cloudtrail:StopLogging"),
            (Fact::Resource, "AWS::CloudTrail::Trail=arn:aws:cloudtrail:eu-central-1:444455556666:trail/main"),
        ],
    );
    out.severity = 5;
    out
}

/// Everything a subject borrows.
pub(crate) struct Scene {
    pub(crate) set: RuleSet,
    pub(crate) rule: u32,
    pub(crate) key: GroupKey,
    pub(crate) revision: u64,
    pub(crate) episode: Option<Episode>,
    pub(crate) event: Option<KeptEvent>,
    pub(crate) state: State,
    pub(crate) merged_into: Option<String>,
    pub(crate) related: Vec<RelatedAlert>,
    pub(crate) shadow: bool,
    pub(crate) suppressed_by: Option<String>,
    pub(crate) accounts: BTreeMap<String, AccountContext>,
    pub(crate) enrichments: Vec<Enrichment>,
    pub(crate) org: Org,
    pub(crate) tables: Vec<(String, String)>,
}

impl Scene {
    fn new(rule: u32, key: GroupKey) -> Self {
        let prod = AccountContext {
            name: Some("payments-prod".into()),
            ou: Some("Root/Prod/Payments".into()),
            owner: Some("team-payments".into()),
            environment: Some("prod".into()),
            labels: vec!["data_class:CHD".into()],
        };
        Scene {
            set: rule_set(),
            rule,
            key,
            revision: 1,
            episode: None,
            event: None,
            state: State::Open,
            merged_into: None,
            related: Vec::new(),
            shadow: false,
            suppressed_by: None,
            accounts: BTreeMap::from([("111122223333".to_owned(), prod)]),
            enrichments: Vec::new(),
            org: Org { uid: "o-exampleorg1".into(), name: Some("Example Corp".into()) },
            tables: vec![("accounts".into(), "2026-11-23T06:00:00Z".into())],
        }
    }

    /// A stand-alone alert.
    pub(crate) fn single(rule: u32, key: &str, event: KeptEvent) -> Self {
        Scene { event: Some(event), ..Scene::new(rule, GroupKey::new([key])) }
    }

    /// A correlation's alert over these events.
    pub(crate) fn correlation(rule: u32, key: &[&str], measured: f64, events: Vec<KeptEvent>) -> Self {
        let mut accounts: Vec<Arc<str>> = events.iter().map(|e| Arc::clone(&e.account)).collect();
        accounts.sort();
        accounts.dedup();
        let episode = Episode {
            start_ms: FIRED + 240_000,
            end_ms: FIRED + 4_000_000,
            count: events.len() as u64,
            first_seen_ms: events.first().map_or(0, |e| e.time_ms),
            last_seen_ms: events.last().map_or(0, |e| e.time_ms),
            evaluated_to_ms: FIRED + 600_000,
            events,
            measured,
            accounts,
            ..Episode::default()
        };
        Scene { episode: Some(episode), revision: 3, ..Scene::new(rule, GroupKey::new(key)) }
    }

    /// Builds the subject and hands it on.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&Subject<'_>) -> T) -> T {
        let first = self.episode.as_ref().map_or_else(|| self.event.as_ref().map_or(FIRED, first_moment), |e| e.start_ms);
        let rule = self.set.rule(self.rule);
        let id = alert_id(&rule.meta.id, &rule.digest, &self.key, first);
        let url = link("https://search.example.com/_dashboards", "tidegate-alerts-v1-2026.11", &id);
        let mut subject = Subject {
            set: &self.set,
            rule: self.rule,
            key: &self.key,
            alert_id: &id,
            revision: self.revision,
            created_ms: FIRED + 300_000,
            modified_ms: FIRED + 700_000,
            episode: self.episode.as_ref(),
            event: self.event.as_ref(),
            state: self.state,
            merged_into: self.merged_into.as_deref(),
            related: &self.related,
            paging: paging_decision(1, false, false, false, false, &[]),
            shadow: self.shadow,
            suppressed_by: self.suppressed_by.as_deref(),
            tables: &self.tables,
            product_version: "0.1.0",
            org: Some(&self.org),
            accounts: &self.accounts,
            enrichments: &self.enrichments,
            link: Some(&url),
        };
        let (suppressed, sample) = (subject.suppressed_by.is_some(), subject.sample());
        subject.paging = paging_decision(subject.severity(), subject.shadow, suppressed, sample, subject.archived(), subject.related);
        f(&subject)
    }
}
