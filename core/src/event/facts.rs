//! Facts: what an alert says about one event: who, from where, what, on what. Read only for events that matched.

use serde::{Deserialize, Serialize};

/// A kind of fact, named by what it is in OCSF. One event may hold several of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Fact {
    /// `cloud.account.uid`: the account the event is about.
    Account,
    /// `cloud.region`.
    Region,
    /// `actor.user.uid`: the ARN (or user name) of who acted.
    Principal,
    /// The root of the principal: the role behind a role session, else the principal itself.
    PrincipalRoot,
    /// `actor.user.name`.
    UserName,
    /// `actor.user.type`: IAMUser, AssumedRole, Root, ...
    UserType,
    /// `actor.session.credential_uid`: the access key.
    AccessKey,
    /// `actor.session.issuer`.
    SessionIssuer,
    /// `src_endpoint.ip`.
    SourceIp,
    /// `src_endpoint.port`.
    SourcePort,
    /// `src_endpoint.domain`: a caller that is no address.
    SourceDomain,
    /// `src_endpoint.location.country` (ISO code where the source has one).
    SourceCountry,
    /// `src_endpoint.location.city`.
    SourceCity,
    /// `src_endpoint.autonomous_system.number`.
    SourceAsn,
    /// `src_endpoint.autonomous_system.name`.
    SourceAsOrg,
    /// `dst_endpoint.ip`.
    TargetIp,
    /// `dst_endpoint.port`.
    TargetPort,
    /// `query.hostname` or another domain the event is about.
    Domain,
    /// `api.operation`.
    Operation,
    /// `api.service.name`.
    Service,
    /// `api.response.error`.
    ErrorCode,
    /// `http_request.user_agent`.
    UserAgent,
    /// `api.request.uid`.
    RequestId,
    /// `actor.process.name`.
    ProcessName,
    /// `actor.process.file.path`.
    ProcessPath,
    /// `actor.process.file.hashes[].value` (SHA-256).
    Sha256,
    /// A container image.
    Image,
    /// `resources[]`: `type=uid`, the type being CloudFormation's where it is known (`AWS::S3::Bucket=arn:...`).
    Resource,
    /// Bytes moved (flows).
    Bytes,
    /// Packets moved (flows).
    Packets,
    /// `ACCEPT`, `REJECT`, `blocked`.
    Action,
    /// Network protocol, a name or IANA number.
    Protocol,
    /// Finding: ARN, its unique name on every route.
    FindingArn,
    /// Finding: GuardDuty or Security Hub type.
    FindingType,
    /// Finding: title.
    Title,
    /// Finding: description.
    Description,
    /// Finding: severity as the product's number.
    Severity,
    /// Finding: first time of the activity.
    FirstSeen,
    /// Finding: last time of the activity.
    LastSeen,
    /// Finding: created.
    CreatedAt,
    /// Finding: `service.count`.
    Count,
    /// Finding: name of a threat, or of a threat list.
    Threat,
    /// ATT&CK tactic that the finding itself names.
    Tactic,
    /// ATT&CK technique that the finding itself names (`T1078.004 - ...`).
    Technique,
    /// Attack sequence: a signal, `uid|type|name|severity|count|first ms|last ms`.
    Signal,
    /// Attack sequence: an actor, `id|user or process name|uid`.
    SequenceActor,
    /// Attack sequence: an endpoint, `id|ip or domain|port`.
    SequenceEndpoint,
    /// Attack sequence: an indicator, `key|value`.
    Indicator,
    /// `CloudTrail` `eventID`, finding id, log event id: the source's own name of the event.
    EventUid,
    /// `sharedEventID`: the twin of a cross-account call has the same.
    SharedEventUid,
    /// Where a leftover of the finding goes to `unmapped`: `dotted.name=value`.
    Unmapped,
    /// Accounts table: the name of the account the event is about.
    AccountName,
    /// Accounts table: its path of organisational units.
    AccountOu,
    /// Accounts table: its environment.
    AccountEnvironment,
    /// Accounts table: its owner.
    AccountOwner,
    /// Accounts table: a class of the data it holds.
    AccountDataClass,
    /// Accounts table: a tag, `key=value`.
    AccountTag,
    /// What a table said about one value of the event: the text of an `enrich::Note`.
    Enrichment,
}

/// The facts of one event, and the event itself as text.
///
/// The texts stand in one block: most facts are written, read and thrown away without ever being looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Facts in the order they were found, each with the end of its text.
    marks: Vec<(Fact, u32)>,
    /// Their texts, one after the other.
    texts: String,
    /// The event as it came (a JSON object or a flow-log line), at most [`BODY_BYTES_MAX`] bytes, cut at a character.
    pub body: Box<str>,
    /// Whether the body was cut.
    pub truncated: bool,
}

/// Most bytes of an event that an alert carries.
pub const BODY_BYTES_MAX: usize = 4096;

impl Facts {
    /// The first fact of a kind.
    #[must_use]
    pub fn first(&self, fact: Fact) -> Option<&str> {
        self.all(fact).next()
    }

    /// All facts of a kind, in order.
    pub fn all(&self, fact: Fact) -> impl Iterator<Item = &str> {
        self.iter().filter(move |(f, _)| *f == fact).map(|(_, text)| text)
    }

    /// All facts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Fact, &str)> {
        let mut start = 0;
        self.marks.iter().map(move |(fact, end)| {
            let end = *end as usize;
            // Only what was read from damaged bytes has ends that do not fit.
            (*fact, self.texts.get(std::mem::replace(&mut start, end)..end).unwrap_or_default())
        })
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Adds a fact behind the others.
    pub fn push(&mut self, fact: Fact, text: &str) {
        self.texts.push_str(text);
        self.marks.push((fact, u32::try_from(self.texts.len()).unwrap_or(u32::MAX)));
    }

    /// Stores the event's text, cut to the limit at a character boundary.
    pub fn set_body(&mut self, text: &str) {
        let end = text.floor_char_boundary(BODY_BYTES_MAX);
        self.body = text[..end].into();
        self.truncated = end < text.len();
    }
}

impl<Text: AsRef<str>> Extend<(Fact, Text)> for Facts {
    fn extend<All: IntoIterator<Item = (Fact, Text)>>(&mut self, all: All) {
        all.into_iter().for_each(|(fact, text)| self.push(fact, text.as_ref()));
    }
}

impl<Text: AsRef<str>> FromIterator<(Fact, Text)> for Facts {
    fn from_iter<All: IntoIterator<Item = (Fact, Text)>>(all: All) -> Self {
        let mut facts = Facts::default();
        facts.extend(all);
        facts
    }
}
