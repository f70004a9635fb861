//! Security Hub findings of other products, in ASFF and in OCSF.
//!
//! Owns what reserved and OCSF names mean there. `Severity.Label` decides the severity, never `Normalized`.

use super::fact_table::FactRow;
use super::guardduty_ocsf::ocsf_paths;
use super::term::{DOTTED, Row, Term, find, lower, path};
use super::{ContextField, Function as F, Lookup};
use crate::event::Fact;
use Term::{Call, Context, Path};

/// Where a field is in an ASFF finding; `detail.findings.` in front of a name is admitted.
pub(super) fn resolve(field: &str) -> Vec<Lookup> {
    let field = field.strip_prefix("detail.findings.").unwrap_or(field);
    find(NAMES, field).map_or_else(|| vec![path(field)], |terms| lower(terms, &DOTTED))
}

/// Where a field is in an OCSF finding.
pub(super) fn resolve_ocsf(field: &str) -> Vec<Lookup> {
    let field = field.strip_prefix("detail.findings.").unwrap_or(field);
    match find(OCSF_NAMES, field) {
        Some(terms) => lower(terms, &DOTTED),
        None => ocsf_paths(field),
    }
}

const ID: &[Term] = &[Path("Id")];
const SEVERITY: &[Term] =
    &[Call(F::SeverityOfLabel, &["Severity.Label", "FindingProviderFields.Severity.Label"]), Call(F::Number, &["Severity.Product"])];
const ACCOUNT: &[Term] = &[Path("AwsAccountId"), Context(ContextField::Account)];
const REGION: &[Term] = &[Path("Region"), Path("Resources.Region"), Context(ContextField::Region)];
const PRINCIPAL: &[Term] = &[Path("Resources.Details.AwsIamAccessKey.PrincipalName"), Path("Resources.Details.AwsIamUser.UserName")];
const REMOTE: &str = "Action.NetworkConnectionAction.RemoteIpDetails.IpAddressV4";
const CALLER: &str = "Action.AwsApiCallAction.RemoteIpDetails.IpAddressV4";
const PROBE: &str = "Action.PortProbeAction.PortProbeDetails.RemoteIpDetails.IpAddressV4";

/// ASFF: names that mean more than their own path.
pub(super) const NAMES: &[Row] = &[
    ("tidegate.time", &[Path("UpdatedAt")]),
    ("tidegate.event_uid", ID),
    ("tidegate.finding.arn", ID),
    ("tidegate.finding.type", &[Path("Types")]),
    ("tidegate.finding.title", &[Path("Title")]),
    ("tidegate.finding.description", &[Path("Description")]),
    ("tidegate.finding.severity", SEVERITY),
    ("tidegate.finding.created", &[Path("CreatedAt")]),
    ("tidegate.finding.updated", &[Path("UpdatedAt")]),
    ("tidegate.finding.archived", &[Call(F::ArchivedFlag, &["RecordState"])]),
    ("tidegate.finding.sample", &[Call(F::SampleFlag, &["Sample"])]),
    ("tidegate.finding.first_seen", &[Path("FirstObservedAt")]),
    ("tidegate.finding.last_seen", &[Path("LastObservedAt")]),
    ("tidegate.principal", PRINCIPAL),
    ("tidegate.principal_root", PRINCIPAL),
    ("cloud.provider", &[Call(F::Constant("AWS"), &[])]),
    ("cloud.account.uid", ACCOUNT),
    ("cloud.region", REGION),
    ("severity_id", &[Call(F::SeverityIdOfLabel, &["Severity.Label", "FindingProviderFields.Severity.Label"])]),
    ("metadata.product.name", &[Path("ProductName"), Path("ProductFields.aws/securityhub/ProductName")]),
    ("metadata.product.vendor_name", &[Path("CompanyName"), Path("ProductFields.aws/securityhub/CompanyName")]),
    ("metadata.product.uid", &[Path("ProductArn")]),
    ("finding_info.uid", ID),
    ("finding_info.types", &[Path("Types")]),
    ("finding_info.title", &[Path("Title")]),
    ("finding_info.desc", &[Path("Description")]),
    ("finding_info.src_url", &[Path("SourceUrl")]),
    ("finding_info.created_time_dt", &[Path("CreatedAt")]),
    ("finding_info.modified_time_dt", &[Path("UpdatedAt")]),
    ("finding_info.first_seen_time_dt", &[Path("FirstObservedAt")]),
    ("finding_info.last_seen_time_dt", &[Path("LastObservedAt")]),
    ("finding_info.related_events.uid", &[Path("RelatedFindings.Id")]),
    ("compliance.status", &[Path("Compliance.Status")]),
    ("compliance.control", &[Path("Compliance.SecurityControlId"), Path("ProductFields.ControlId")]),
    ("confidence_score", &[Path("Confidence")]),
    ("status", &[Path("Workflow.Status")]),
    ("resources.uid", &[Path("Resources.Id")]),
    ("resources.type", &[Path("Resources.Type")]),
    ("resources.region", &[Path("Resources.Region")]),
    ("actor.user.name", PRINCIPAL),
    ("actor.process.name", &[Path("Process.Name")]),
    ("actor.process.file.path", &[Path("Process.Path")]),
    ("malware.name", &[Path("Malware.Name")]),
    ("src_endpoint.ip", &[Path("Network.SourceIpV4"), Path("Network.SourceIpV6"), Path(CALLER), Path(REMOTE), Path(PROBE)]),
    ("src_endpoint.port", &[Path("Network.SourcePort")]),
    ("src_endpoint.domain", &[Path("Network.SourceDomain")]),
    ("dst_endpoint.ip", &[Path("Network.DestinationIpV4"), Path("Network.DestinationIpV6")]),
    ("dst_endpoint.port", &[Path("Network.DestinationPort")]),
    ("query.hostname", &[Path("Network.DestinationDomain"), Path("Action.DnsRequestAction.Domain")]),
    ("connection_info.protocol_name", &[Path("Network.Protocol")]),
    ("api.operation", &[Path("Action.AwsApiCallAction.Api")]),
    ("api.service.name", &[Path("Action.AwsApiCallAction.ServiceName")]),
];

/// Resources of an ASFF finding.
pub(super) const FACTS: &[FactRow] = &[
    (Fact::Resource, &[Call(F::Resources, &["Resources.Type", "Resources.Id"])]),
    (Fact::Unmapped, &[Call(F::Labelled("Compliance.Status"), &["Compliance.Status"])]),
    (Fact::Unmapped, &[Call(F::Labelled("Workflow.Status"), &["Workflow.Status"])]),
    (Fact::Unmapped, &[Call(F::Labelled("GeneratorId"), &["GeneratorId"])]),
];

const OCSF_UPDATED: &[Term] = &[Path("finding_info.modified_time"), Path("finding_info.modified_time_dt"), Path("time"), Path("time_dt")];
const OCSF_PRINCIPAL: &[Term] = &[Path("evidences.actor.user.uid"), Path("actor.user.uid"), Path("evidences.actor.user.name")];

/// OCSF: reserved names, and names whose values may stand in several places.
pub(super) const OCSF_NAMES: &[Row] = &[
    ("tidegate.time", OCSF_UPDATED),
    ("tidegate.event_uid", &[Path("finding_info.uid")]),
    ("tidegate.finding.arn", &[Path("finding_info.uid")]),
    ("tidegate.finding.type", &[Path("finding_info.types")]),
    ("tidegate.finding.title", &[Path("finding_info.title")]),
    ("tidegate.finding.description", &[Path("finding_info.desc")]),
    ("tidegate.finding.severity", &[Call(F::SeverityOfId, &["severity_id", "vendor_attributes.severity_id"])]),
    ("tidegate.finding.created", &[Path("finding_info.created_time"), Path("finding_info.created_time_dt")]),
    ("tidegate.finding.updated", OCSF_UPDATED),
    ("tidegate.finding.count", &[Path("count")]),
    ("tidegate.finding.archived", &[Call(F::ArchivedFlag, &["status_id", "unmapped.RecordState"])]),
    ("tidegate.finding.sample", &[Call(F::SampleFlag, &["unmapped.Sample"])]),
    ("tidegate.finding.first_seen", &[Path("finding_info.first_seen_time"), Path("finding_info.first_seen_time_dt")]),
    ("tidegate.finding.last_seen", &[Path("finding_info.last_seen_time"), Path("finding_info.last_seen_time_dt")]),
    ("tidegate.principal", OCSF_PRINCIPAL),
    (
        "tidegate.principal_root",
        &[Call(F::PrincipalRoot, &["evidences.actor.session.issuer", "evidences.actor.user.uid", "evidences.actor.user.name"])],
    ),
    ("cloud.account.uid", &[Path("cloud.account.uid"), Context(ContextField::Account)]),
    ("cloud.region", &[Path("cloud.region"), Path("resources.region"), Context(ContextField::Region)]),
    ("actor.user.uid", OCSF_PRINCIPAL),
    ("actor.user.name", &[Path("evidences.actor.user.name"), Path("actor.user.name")]),
    ("actor.process.name", &[Path("evidences.actor.process.name"), Path("actor.process.name")]),
    ("actor.process.file.path", &[Path("evidences.actor.process.file.path"), Path("actor.process.file.path")]),
    ("actor.process.file.hashes.value", &[Call(F::Sha256, &["evidences.actor.process.file.hashes.value"])]),
    ("src_endpoint.ip", &[Path("evidences.src_endpoint.ip"), Path("src_endpoint.ip")]),
    ("dst_endpoint.ip", &[Path("evidences.dst_endpoint.ip"), Path("dst_endpoint.ip")]),
    ("api.operation", &[Path("evidences.api.operation"), Path("api.operation")]),
    ("query.hostname", &[Path("evidences.query.hostname"), Path("query.hostname")]),
    ("malware.name", &[Path("malware.name")]),
    ("malware.files.hashes.value", &[Call(F::Sha256, &["malware.files.hashes.value"])]),
];
