//! GuardDuty findings copied by Security Hub V2 in OCSF (class 2004).
//!
//! Owns the place of native names in that shape, after AWS's own map: what the map names stands under OCSF names, the rest of
//! the ASFF copy in `unmapped` under flat keys (`ProductFields.aws/guardduty/service/...`), and resource details are a JSON text
//! in `resources[].data`. GuardDuty's severity number is often gone: a representative number of the band then stands for it.

use super::fact_table::FactRow;
use super::guardduty;
use super::guardduty_api::additional_info;
use super::guardduty_asff::{PLACES, PREFIX, element_names};
use super::term::{DOTTED, Dialect, Keys, Row, Term, find, keys, lower, path, push_new};
use super::{ContextField, Function as F, Lookup, is_of_event};
use crate::event::Fact;
use Term::{Call, Context, Path};

const DIALECT: Dialect = Dialect { plain: native, inputs };

/// Where a field is in an OCSF copy.
pub(super) fn resolve(field: &str) -> Vec<Lookup> {
    let field = field.strip_prefix("detail.").unwrap_or(field);
    if let Some(terms) = find(NAMES, field) {
        let mut lookups = lower(terms, &DOTTED);
        // Callers other than access keys are known by service data alone, which AWS's map leaves unmapped.
        if field.starts_with("tidegate.principal") || field.starts_with("actor.") {
            push_new(&mut lookups, lower(find(guardduty::NAMES, field).unwrap_or_default(), &DIALECT));
        }
        return lookups;
    }
    let native_root = matches!(field.split('.').next(), Some("service" | "resource"));
    if native_root || find(TOP, field).is_some() {
        return native(field);
    }
    let mut lookups = if field.starts_with("tidegate.") { Vec::new() } else { ocsf_paths(field) };
    if let Some(terms) = find(guardduty::NAMES, field) {
        push_new(&mut lookups, lower(terms, &DIALECT));
    }
    lookups
}

/// An OCSF name's own places in a finding.
pub(super) fn ocsf_paths(field: &str) -> Vec<Lookup> {
    let own = path(field);
    if is_of_event(field) { vec![path(&format!("evidences.{field}")), own] } else { vec![own] }
}

fn native(name: &str) -> Vec<Lookup> {
    if let Some(terms) = find(TOP, name).or_else(|| find(EQUIVALENTS, name)) {
        let mut lookups = lower(terms, &DOTTED);
        if name.starts_with("service.") {
            push_new(&mut lookups, unmapped(name));
        }
        return lookups;
    }
    if let Some(terms) = find(PLACES, name).filter(|_| name.starts_with("resource.")) {
        return terms.iter().flat_map(|term| resource(*term)).collect();
    }
    if find(NAMES, name).is_some() || find(guardduty::NAMES, name).is_some() || !name.contains('.') {
        return vec![path(name)];
    }
    unmapped(name)
}

fn unmapped(name: &str) -> Vec<Lookup> {
    let mut paths = element_names(name).into_iter().map(|n| product_field(&n)).collect::<Vec<_>>();
    let mut lookups = if paths.len() == 1 { paths.drain(..).map(Lookup::Path).collect() } else { vec![Lookup::Derived(F::All, paths)] };
    if let Some(member) = name.strip_prefix("service.additionalInfo.").and_then(additional_info) {
        let texts = vec![keys("evidences.data"), product_field("service.additionalInfo.value")];
        lookups.push(Lookup::Derived(F::JsonMember(member), texts));
    }
    lookups
}

fn product_field(name: &str) -> Keys {
    vec!["unmapped".into(), format!("ProductFields.{PREFIX}{}", name.replace('.', "/").replace("/#", ".")).into()]
}

/// A place in ASFF's `Resources[]`, in OCSF's `resources[]`: details as an object or as JSON text.
fn resource(term: Term) -> Vec<Lookup> {
    match term {
        Path(place) => match place.strip_prefix("Resources.Details.") {
            Some(member) => {
                vec![path(&format!("resources.data.{member}")), Lookup::Derived(F::JsonMember(member), vec![keys("resources.data")])]
            }
            None => Vec::new(),
        },
        Call(F::ResourceType, _) => vec![Lookup::Derived(F::ResourceType, vec![keys("resources.type")])],
        Call(function, _) => vec![Lookup::Derived(function, vec![keys("resources.uid")])],
        _ => Vec::new(),
    }
}

fn inputs(name: &str) -> Vec<Keys> {
    if let Some((_, input)) = INPUTS.iter().find(|(native, _)| *native == name) {
        return vec![keys(input)];
    }
    match name.split_once('.') {
        Some(("service", _)) => {
            let equivalent = find(EQUIVALENTS, name).into_iter().flatten().filter_map(|term| match term {
                Path(place) => Some(keys(place)),
                _ => None,
            });
            equivalent.chain(element_names(name).iter().map(|n| product_field(n))).collect()
        }
        Some(("resource", _)) => find(PLACES, name).into_iter().flatten().filter_map(detail).collect(),
        _ => vec![keys(name)],
    }
}

/// A resource detail as a member of an object.
fn detail(term: &Term) -> Option<Keys> {
    let Path(place) = term else { return None };
    place.strip_prefix("Resources.Details.").map(|member| keys(&format!("resources.data.{member}")))
}

/// Inputs of functions that stand elsewhere; an ARN serves for its parts.
const INPUTS: [(&str, &str); 5] = [
    ("partition", "finding_info.uid"),
    ("arn", "finding_info.uid"),
    ("accountId", "cloud.account.uid"),
    ("region", "cloud.region"),
    ("severity", "unmapped.`Severity.Product`"),
];

const TYPES: &[Term] = &[Call(F::FindingType, &["finding_info.types"])];
const SEVERITY: &[Term] = &[
    Call(F::Number, &["unmapped.`Severity.Product`"]),
    Call(F::Number, &["vendor_attributes.severity"]),
    Call(F::SeverityOfId, &["severity_id"]),
    Call(F::SeverityOfLabel, &["vendor_attributes.severity"]),
];
const ARN: &[Term] = &[Path("finding_info.uid")];
const CREATED: &[Term] = &[Path("finding_info.created_time"), Path("finding_info.created_time_dt")];
const UPDATED: &[Term] = &[Path("finding_info.modified_time"), Path("finding_info.modified_time_dt"), Path("time"), Path("time_dt")];
const FIRST_SEEN: &[Term] = &[
    Path("finding_info.first_seen_time"),
    Path("finding_info.first_seen_time_dt"),
    Path("unmapped.`ProductFields.aws/guardduty/service/eventFirstSeen`"),
];
const LAST_SEEN: &[Term] = &[
    Path("finding_info.last_seen_time"),
    Path("finding_info.last_seen_time_dt"),
    Path("unmapped.`ProductFields.aws/guardduty/service/eventLastSeen`"),
];
const COUNT: &[Term] = &[Path("unmapped.`ProductFields.aws/guardduty/service/count`"), Path("count")];
const ACCOUNT: &[Term] = &[Path("cloud.account.uid"), Call(F::ArnAccount, &["finding_info.uid"]), Context(ContextField::Account)];
const REGION: &[Term] = &[Path("cloud.region"), Call(F::ArnRegion, &["finding_info.uid"]), Context(ContextField::Region)];
const CALLER: &[&str] = &["finding_info.uid", "cloud.account.uid", "resources.data"];
const PRINCIPAL: &[Term] =
    &[Path("evidences.actor.user.uid"), Path("actor.user.uid"), Call(F::JsonPrincipal, CALLER), Path("evidences.actor.user.name")];

/// What these copies say in their own way.
pub(super) const NAMES: &[Row] = &[
    ("tidegate.time", UPDATED),
    ("tidegate.event_uid", ARN),
    ("tidegate.finding.arn", ARN),
    ("tidegate.finding.type", TYPES),
    ("tidegate.finding.title", &[Path("finding_info.title")]),
    ("tidegate.finding.description", &[Path("finding_info.desc")]),
    ("tidegate.finding.severity", SEVERITY),
    ("tidegate.finding.created", CREATED),
    ("tidegate.finding.updated", UPDATED),
    ("tidegate.finding.count", COUNT),
    (
        "tidegate.finding.archived",
        &[Call(F::ArchivedFlag, &["unmapped.`ProductFields.aws/guardduty/service/archived`", "unmapped.RecordState", "status_id"])],
    ),
    (
        "tidegate.finding.sample",
        &[Call(
            F::SampleFlag,
            &[
                "unmapped.Sample",
                "unmapped.`ProductFields.aws/guardduty/service/additionalInfo/sample`",
                "unmapped.`ProductFields.aws/guardduty/service/additionalInfo/value`",
                "evidences.data",
            ],
        )],
    ),
    ("tidegate.finding.first_seen", FIRST_SEEN),
    ("tidegate.finding.last_seen", LAST_SEEN),
    ("tidegate.revision", &[Call(F::Revision, &["unmapped.`ProductFields.aws/guardduty/service/count`", "count"])]),
    ("tidegate.principal", PRINCIPAL),
    (
        "tidegate.principal_root",
        &[
            Call(F::JsonPrincipalRoot, CALLER),
            Call(F::PrincipalRoot, &["evidences.actor.session.issuer", "evidences.actor.user.uid", "evidences.actor.user.name"]),
        ],
    ),
    ("actor.user.uid", PRINCIPAL),
    ("actor.process.file.hashes.value", &[Call(F::Sha256, &["evidences.actor.process.file.hashes.value"])]),
    ("process.file.hashes.value", &[Call(F::Sha256, &["evidences.process.file.hashes.value"])]),
    ("malware.files.hashes.value", &[Call(F::Sha256, &["malware.files.hashes.value"])]),
    ("cloud.account.uid", ACCOUNT),
    ("cloud.region", REGION),
    ("severity", SEVERITY),
    ("severity_id", &[Path("severity_id")]),
    ("type", TYPES),
    ("title", &[Path("finding_info.title")]),
    ("description", &[Path("finding_info.desc")]),
    ("count", COUNT),
    ("time", UPDATED),
    ("finding_info.types", TYPES),
    ("finding_info.created_time", CREATED),
    ("finding_info.created_time_dt", CREATED),
    ("finding_info.modified_time", UPDATED),
    ("finding_info.modified_time_dt", UPDATED),
    ("finding_info.first_seen_time", FIRST_SEEN),
    ("finding_info.first_seen_time_dt", FIRST_SEEN),
    ("finding_info.last_seen_time", LAST_SEEN),
    ("finding_info.last_seen_time_dt", LAST_SEEN),
    ("metadata.product.name", &[Path("metadata.product.name")]),
];

/// Native names at the top of a finding.
const TOP: &[Row] = &[
    ("accountId", ACCOUNT),
    ("region", REGION),
    ("partition", &[Call(F::ArnPartition, &["finding_info.uid"])]),
    ("arn", ARN),
    ("id", &[Call(F::ArnName, &["finding_info.uid"])]),
    ("createdAt", CREATED),
    ("updatedAt", UPDATED),
    ("confidence", &[Path("confidence_score")]),
    ("service.count", COUNT),
    ("service.eventFirstSeen", FIRST_SEEN),
    ("service.eventLastSeen", LAST_SEEN),
    ("service.archived", &[Call(F::Flag, &["unmapped.`ProductFields.aws/guardduty/service/archived`"])]),
    ("associatedAttackSequenceArn", &[Path("finding_info.related_events.uid")]),
];

const ACTION_TYPE: &str = "unmapped.`ProductFields.aws/guardduty/service/action/actionType`";

macro_rules! of_call {
    ($place:literal) => {
        &[Call(F::When("AWS_API_CALL"), &[ACTION_TYPE, $place])]
    };
}
macro_rules! of_kubernetes {
    ($place:literal) => {
        &[Call(F::When("KUBERNETES_API_CALL"), &[ACTION_TYPE, $place])]
    };
}
macro_rules! of_dns {
    ($place:literal) => {
        &[Call(F::When("DNS_REQUEST"), &[ACTION_TYPE, $place])]
    };
}

/// Service data that AWS's map puts under an OCSF name. One name may come from several actions: the action's type decides.
const EQUIVALENTS: &[Row] = &[
    ("service.featureName", &[Path("metadata.product.feature.name")]),
    ("service.detectorId", &[Call(F::ArnDetector, &["finding_info.uid"])]),
    ("service.additionalInfo.value", &[Path("evidences.data")]),
    ("service.action.awsApiCallAction.api", of_call!("evidences.api.operation")),
    ("service.action.awsApiCallAction.serviceName", of_call!("evidences.api.service.name")),
    ("service.action.awsApiCallAction.errorCode", of_call!("evidences.api.response.error")),
    ("service.action.awsApiCallAction.remoteIpDetails.ipAddressV4", of_call!("evidences.src_endpoint.ip")),
    ("service.action.awsApiCallAction.remoteIpDetails.country.countryName", of_call!("evidences.src_endpoint.location.country")),
    ("service.action.awsApiCallAction.remoteIpDetails.city.cityName", of_call!("evidences.src_endpoint.location.city")),
    ("service.action.kubernetesApiCallAction.verb", of_kubernetes!("evidences.api.operation")),
    ("service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV4", of_kubernetes!("evidences.src_endpoint.ip")),
    (
        "service.action.kubernetesApiCallAction.remoteIpDetails.country.countryName",
        of_kubernetes!("evidences.src_endpoint.location.country"),
    ),
    ("service.action.kubernetesApiCallAction.remoteIpDetails.city.cityName", of_kubernetes!("evidences.src_endpoint.location.city")),
    ("service.action.dnsRequestAction.domainWithSuffix", of_dns!("evidences.query.hostname")),
    ("service.action.dnsRequestAction.protocol", of_dns!("evidences.connection_info.protocol_name")),
    ("service.runtimeDetails.process.name", &[Path("evidences.actor.process.name")]),
    ("service.runtimeDetails.process.executablePath", &[Path("evidences.actor.process.file.path")]),
    ("service.runtimeDetails.process.executableSha256", &[Path("evidences.actor.process.file.hashes.value")]),
    ("service.runtimeDetails.process.pid", &[Path("evidences.actor.process.pid")]),
    ("service.runtimeDetails.process.uuid", &[Path("evidences.actor.process.uid")]),
    ("service.runtimeDetails.process.startTime", &[Path("evidences.actor.process.created_time_dt")]),
    ("service.runtimeDetails.process.user", &[Path("evidences.actor.process.user.name")]),
    ("service.runtimeDetails.process.userId", &[Path("evidences.actor.process.user.uid")]),
    ("service.runtimeDetails.process.euid", &[Path("evidences.actor.process.euid")]),
    ("service.runtimeDetails.process.parentUuid", &[Path("evidences.actor.process.parent_process.uid")]),
    ("service.runtimeDetails.context.targetProcess.name", &[Path("evidences.process.name")]),
    ("service.runtimeDetails.context.targetProcess.executablePath", &[Path("evidences.process.file.path")]),
    ("service.runtimeDetails.context.targetProcess.executableSha256", &[Path("evidences.process.file.hashes.value")]),
    ("service.runtimeDetails.context.targetProcess.pid", &[Path("evidences.process.pid")]),
];

/// Resources stand in one list.
pub(super) const FACTS: &[FactRow] = &[
    (Fact::Resource, &[Call(F::Resources, &["resources.type", "resources.uid"])]),
    (Fact::Unmapped, &[Call(F::Labelled("service.resourceRole"), &["unmapped.`ProductFields.aws/guardduty/service/resourceRole`"])]),
    (Fact::Unmapped, &[Call(F::Labelled("service.action.actionType"), &[ACTION_TYPE])]),
];
