//! GuardDuty findings under their native names, and what OCSF and reserved names mean in them.
//!
//! Owns the one table of names that all shapes of a finding share: it speaks native names, and each shape translates those
//! (`guardduty_api`, `guardduty_asff`, `guardduty_ocsf`). Never knows another shape's keys.
//!
//! The remote end of a network connection is its source when the direction is INBOUND and its target when OUTBOUND; with
//! UNKNOWN it is the source. `tidegate.remote.ip` is the remote end whatever the direction.

use super::guardduty_api::additional_info;
use super::term::{Dialect, Keys, Row, Term, find, keys, lower};
use super::{ContextField, Function as F, Lookup};
use Term::{Call, Context, Path};

/// Native names that occur in more than one spelling: as the model writes them, and as exports were seen to.
const SPELLINGS: [(&str, &str); 4] = [
    ("LoginAttributes", "loginAttributes"),
    ("sourceIPs", "sourceIps"),
    ("IamInstanceProfile", "iamInstanceProfile"),
    ("subNetId", "subnetId"),
];

pub(super) const DIALECT: Dialect = Dialect { plain: native, inputs: |name| vec![keys(name)] };

/// Where a field is in a native finding; `detail.` in front of a name is admitted.
pub(super) fn resolve(field: &str) -> Vec<Lookup> {
    let field = field.strip_prefix("detail.").unwrap_or(field);
    find(NAMES, field).map_or_else(|| native(field), |terms| lower(terms, &DIALECT))
}

fn native(name: &str) -> Vec<Lookup> {
    let mut lookups = vec![Lookup::Path(keys(name))];
    // Events and exports hold this as an object, answers of the API as one JSON text.
    if let Some(member) = name.strip_prefix("service.additionalInfo.").and_then(additional_info) {
        lookups.push(Lookup::Derived(F::JsonMember(member), vec![keys("service.additionalInfo.value")]));
    }
    for (model, seen) in SPELLINGS {
        for (from, to) in [(model, seen), (seen, model)] {
            let other: Keys = name.split('.').map(|key| if key == from { to.into() } else { key.into() }).collect();
            super::term::push_new(&mut lookups, vec![Lookup::Path(other)]);
        }
    }
    lookups
}

macro_rules! connection {
    ($($field:literal),+) => {
        concat!("service.action.networkConnectionAction." $(, $field)+)
    };
}

/// The same member of the remote end in every action: the source, unless an outbound connection says otherwise.
macro_rules! remote_source {
    ($($field:literal),*) => { &[
        $(Call(F::SourceEnd, &[connection!("connectionDirection"), connection!("remoteIpDetails.", $field)]),)*
        $(Path(concat!("service.action.awsApiCallAction.remoteIpDetails.", $field)),)*
        $(Path(concat!("service.action.kubernetesApiCallAction.remoteIpDetails.", $field)),)*
        $(Path(concat!("service.action.rdsLoginAttemptAction.remoteIpDetails.", $field)),)*
        $(Path(concat!("service.action.portProbeAction.portProbeDetails.remoteIpDetails.", $field)),)*
    ] };
}

/// The same member of the remote end, where it is the target.
macro_rules! remote_target {
    ($($field:literal),*) => { &[
        $(Call(F::TargetEnd, &[connection!("connectionDirection"), connection!("remoteIpDetails.", $field)]),)*
    ] };
}

const ENDS: &[&str] = &[
    connection!("connectionDirection"),
    connection!("remoteIpDetails.ipAddressV4"),
    connection!("remoteIpDetails.ipAddressV6"),
    connection!("localIpDetails.ipAddressV4"),
    connection!("localIpDetails.ipAddressV6"),
];
const PORTS: &[&str] = &[connection!("connectionDirection"), connection!("remotePortDetails.port"), connection!("localPortDetails.port")];
const CALLER: &[&str] = &[
    "partition",
    "accountId",
    "resource.accessKeyDetails.userType",
    "resource.accessKeyDetails.userName",
    "resource.accessKeyDetails.principalId",
];
const ARN_PARTS: &[&str] = &["partition", "region", "accountId", "service.detectorId", "id"];
const KUBERNETES_USER: Term = Path("resource.kubernetesDetails.kubernetesUserDetails.username");
const DATABASE_USER: Term = Path("resource.rdsDbUserDetails.user");
const LOGIN_USER: Term = Path("service.action.rdsLoginAttemptAction.LoginAttributes.user");
const ACCESS_KEY: &[Term] = &[Path("resource.accessKeyDetails.accessKeyId"), Path("service.detection.sequence.actors.user.credentialUid")];
const ACCOUNT: &[Term] = &[Path("accountId"), Call(F::ArnAccount, &["arn"]), Context(ContextField::Account)];
const REGION: &[Term] = &[Path("region"), Call(F::ArnRegion, &["arn"]), Context(ContextField::Region)];
const ARN: &[Term] = &[Path("arn"), Call(F::FindingArn, ARN_PARTS)];
const UPDATED: &[Term] = &[Path("updatedAt")];
const CREATED: &[Term] = &[Path("createdAt")];
const FIRST_SEEN: &[Term] = &[Path("service.eventFirstSeen")];
const LAST_SEEN: &[Term] = &[Path("service.eventLastSeen")];
const PRINCIPAL: &[Term] =
    &[Call(F::Caller, CALLER), KUBERNETES_USER, DATABASE_USER, LOGIN_USER, Path("service.detection.sequence.actors.user.uid")];
const LINEAGE: &str = "service.runtimeDetails.process.lineage.executablePath";
const USER_AGENT: &[Term] = &[
    Path("service.action.awsApiCallAction.userAgent"),
    Path("service.action.kubernetesApiCallAction.userAgent"),
    Path("service.additionalInfo.userAgent.fullUserAgent"),
];
const THREATS: &[Term] = &[
    Path("service.malwareScanDetails.threats.name"),
    Path("service.ebsVolumeScanDetails.scanDetections.threatDetectedByName.threatNames.name"),
];

/// Names that mean more than their own path.
pub(super) const NAMES: &[Row] = &[
    ("tidegate.time", UPDATED),
    ("tidegate.event_uid", ARN),
    ("tidegate.finding.arn", ARN),
    ("tidegate.finding.type", &[Path("type")]),
    ("tidegate.finding.title", &[Path("title")]),
    ("tidegate.finding.description", &[Path("description")]),
    ("tidegate.finding.severity", &[Path("severity")]),
    ("tidegate.finding.created", CREATED),
    ("tidegate.finding.updated", UPDATED),
    ("tidegate.finding.count", &[Path("service.count")]),
    ("tidegate.finding.archived", &[Call(F::ArchivedFlag, &["service.archived"])]),
    ("tidegate.finding.sample", &[Call(F::SampleFlag, &["service.additionalInfo.sample", "service.additionalInfo.value"])]),
    ("tidegate.finding.first_seen", FIRST_SEEN),
    ("tidegate.finding.last_seen", LAST_SEEN),
    ("tidegate.revision", &[Call(F::Revision, &["service.count"])]),
    ("tidegate.principal", PRINCIPAL),
    (
        "tidegate.principal_root",
        &[
            Call(F::CallerRoot, CALLER),
            KUBERNETES_USER,
            DATABASE_USER,
            LOGIN_USER,
            Call(F::PrincipalRoot, &["service.detection.sequence.actors.session.issuer", "service.detection.sequence.actors.user.uid"]),
        ],
    ),
    ("tidegate.threat", &[Path("service.evidence.threatIntelligenceDetails.threatNames"), Path("service.additionalInfo.threatName")]),
    (
        "tidegate.threat_list",
        &[Path("service.evidence.threatIntelligenceDetails.threatListName"), Path("service.additionalInfo.threatListName")],
    ),
    (
        "tidegate.remote.ip",
        &[
            Path(connection!("remoteIpDetails.ipAddressV4")),
            Path(connection!("remoteIpDetails.ipAddressV6")),
            Path("service.action.awsApiCallAction.remoteIpDetails.ipAddressV4"),
            Path("service.action.awsApiCallAction.remoteIpDetails.ipAddressV6"),
            Path("service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV4"),
            Path("service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV6"),
            Path("service.action.rdsLoginAttemptAction.remoteIpDetails.ipAddressV4"),
            Path("service.action.rdsLoginAttemptAction.remoteIpDetails.ipAddressV6"),
            Path("service.action.portProbeAction.portProbeDetails.remoteIpDetails.ipAddressV4"),
            Path("service.action.portProbeAction.portProbeDetails.remoteIpDetails.ipAddressV6"),
        ],
    ),
    ("tidegate.remote.port", &[Path(connection!("remotePortDetails.port"))]),
    (
        "tidegate.action",
        &[Call(F::Blocked, &[connection!("blocked"), "service.action.portProbeAction.blocked", "service.action.dnsRequestAction.blocked"])],
    ),
    (
        "resources.uid",
        &[Call(
            F::All,
            &[
                "resource.instanceDetails.instanceId",
                "resource.accessKeyDetails.accessKeyId",
                "resource.s3BucketDetails.arn",
                "resource.eksClusterDetails.arn",
                "resource.ecsClusterDetails.arn",
                "resource.lambdaDetails.functionArn",
                "resource.rdsDbInstanceDetails.dbInstanceArn",
                "resource.containerDetails.id",
            ],
        )],
    ),
    ("resources.type", &[Path("resource.resourceType")]),
    ("cloud.provider", &[Call(F::Constant("AWS"), &[])]),
    ("cloud.account.uid", ACCOUNT),
    ("cloud.region", REGION),
    ("cloud.cloud_partition", &[Path("partition"), Call(F::ArnPartition, &["arn"])]),
    ("accountId", ACCOUNT),
    ("region", REGION),
    ("arn", ARN),
    ("metadata.product.name", &[Call(F::Constant("GuardDuty"), &[])]),
    ("metadata.product.feature.name", &[Path("service.featureName")]),
    ("severity_id", &[Call(F::SeverityId, &["severity"])]),
    ("confidence_score", &[Path("confidence")]),
    ("time", UPDATED),
    ("count", &[Path("service.count")]),
    ("finding_info.uid", ARN),
    ("finding_info.types", &[Path("type")]),
    ("finding_info.title", &[Path("title")]),
    ("finding_info.desc", &[Path("description")]),
    ("finding_info.created_time", CREATED),
    ("finding_info.created_time_dt", CREATED),
    ("finding_info.modified_time", UPDATED),
    ("finding_info.modified_time_dt", UPDATED),
    ("finding_info.first_seen_time", FIRST_SEEN),
    ("finding_info.first_seen_time_dt", FIRST_SEEN),
    ("finding_info.last_seen_time", LAST_SEEN),
    ("finding_info.last_seen_time_dt", LAST_SEEN),
    ("actor.user.uid", PRINCIPAL),
    ("actor.user.uid_alt", &[Path("resource.accessKeyDetails.principalId")]),
    (
        "actor.user.name",
        &[
            Path("resource.accessKeyDetails.userName"),
            KUBERNETES_USER,
            DATABASE_USER,
            LOGIN_USER,
            Path("service.detection.sequence.actors.user.name"),
        ],
    ),
    ("actor.user.type", &[Path("resource.accessKeyDetails.userType"), Path("service.detection.sequence.actors.user.type")]),
    ("actor.user.account.uid", ACCOUNT),
    ("actor.user.credential_uid", ACCESS_KEY),
    ("actor.session.credential_uid", ACCESS_KEY),
    ("actor.session.issuer", &[Path("service.detection.sequence.actors.session.issuer")]),
    ("actor.process.name", &[Path("service.runtimeDetails.process.name"), Path("service.detection.sequence.actors.process.name")]),
    (
        "actor.process.file.path",
        &[Path("service.runtimeDetails.process.executablePath"), Path("service.detection.sequence.actors.process.path")],
    ),
    (
        "actor.process.file.hashes.value",
        &[
            Call(F::Sha256, &["service.runtimeDetails.process.executableSha256"]),
            Call(F::Sha256, &["service.detection.sequence.actors.process.sha256"]),
        ],
    ),
    ("actor.process.pid", &[Path("service.runtimeDetails.process.pid")]),
    ("actor.process.uid", &[Path("service.runtimeDetails.process.uuid")]),
    ("actor.process.euid", &[Path("service.runtimeDetails.process.euid")]),
    ("actor.process.user.name", &[Path("service.runtimeDetails.process.user")]),
    ("actor.process.user.uid", &[Path("service.runtimeDetails.process.userId")]),
    ("actor.process.working_directory", &[Path("service.runtimeDetails.process.pwd")]),
    ("actor.process.created_time_dt", &[Path("service.runtimeDetails.process.startTime")]),
    ("actor.process.lineage", &[Path(LINEAGE)]),
    ("actor.process.parent_process.uid", &[Path("service.runtimeDetails.process.parentUuid")]),
    ("actor.process.parent_process.file.path", &[Call(F::FirstValue, &[LINEAGE])]),
    ("actor.process.parent_process.name", &[Call(F::FirstValue, &["service.runtimeDetails.process.lineage.name"])]),
    ("process.name", &[Path("service.runtimeDetails.context.targetProcess.name")]),
    ("process.file.path", &[Path("service.runtimeDetails.context.targetProcess.executablePath")]),
    ("process.file.hashes.value", &[Call(F::Sha256, &["service.runtimeDetails.context.targetProcess.executableSha256"])]),
    ("process.pid", &[Path("service.runtimeDetails.context.targetProcess.pid")]),
    (
        "malware.files.hashes.value",
        &[Call(
            F::Sha256,
            &[
                "service.malwareScanDetails.threats.itemDetails.hash",
                "service.malwareScanDetails.threats.itemPaths.hash",
                "service.malwareScanDetails.threats.hash",
                "resource.s3BucketDetails.s3ObjectDetails.hash",
                "service.ebsVolumeScanDetails.scanDetections.threatDetectedByName.threatNames.filePaths.hash",
                "service.evidence.threatIntelligenceDetails.threatFileSha256",
            ],
        )],
    ),
    ("malware.name", THREATS),
    (
        "container.image.name",
        &[
            Path("resource.containerDetails.image"),
            Path("resource.kubernetesDetails.kubernetesWorkloadDetails.containers.image"),
            Path("resource.ecsClusterDetails.taskDetails.containers.image"),
        ],
    ),
    ("container.name", &[Path("resource.containerDetails.name")]),
    ("container.uid", &[Path("resource.containerDetails.id")]),
    (
        "api.operation",
        &[
            Path("service.action.awsApiCallAction.api"),
            Path("service.action.kubernetesApiCallAction.verb"),
            Path("service.action.kubernetesPermissionCheckedDetails.verb"),
        ],
    ),
    ("api.service.name", &[Path("service.action.awsApiCallAction.serviceName")]),
    ("api.response.error", &[Path("service.action.awsApiCallAction.errorCode")]),
    ("api.response.code", &[Path("service.action.kubernetesApiCallAction.statusCode")]),
    ("http_request.user_agent", USER_AGENT),
    ("http_request.url.path", &[Path("service.action.kubernetesApiCallAction.requestUri")]),
    ("query.hostname", &[Path("service.action.dnsRequestAction.domainWithSuffix"), Path("service.action.dnsRequestAction.domain")]),
    ("connection_info.protocol_name", &[Path(connection!("protocol")), Path("service.action.dnsRequestAction.protocol")]),
    ("connection_info.direction", &[Path(connection!("connectionDirection"))]),
    ("connection_info.direction_id", &[Call(F::DirectionId, &[connection!("connectionDirection")])]),
    (
        "src_endpoint.ip",
        &[
            Call(F::SourceEnd, ENDS),
            Path("service.action.awsApiCallAction.remoteIpDetails.ipAddressV4"),
            Path("service.action.awsApiCallAction.remoteIpDetails.ipAddressV6"),
            Path("service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV4"),
            Path("service.action.kubernetesApiCallAction.remoteIpDetails.ipAddressV6"),
            Path("service.action.kubernetesApiCallAction.sourceIPs"),
            Path("service.action.rdsLoginAttemptAction.remoteIpDetails.ipAddressV4"),
            Path("service.action.rdsLoginAttemptAction.remoteIpDetails.ipAddressV6"),
            Path("service.action.portProbeAction.portProbeDetails.remoteIpDetails.ipAddressV4"),
            Path("service.action.portProbeAction.portProbeDetails.remoteIpDetails.ipAddressV6"),
        ],
    ),
    ("src_endpoint.port", &[Call(F::SourceEnd, PORTS)]),
    ("src_endpoint.domain", &[Path("service.action.awsApiCallAction.domainDetails.domain")]),
    ("src_endpoint.location.country", remote_source!("country.countryCode", "country.countryName")),
    ("src_endpoint.location.city", remote_source!("city.cityName")),
    ("src_endpoint.location.isp", remote_source!("organization.isp")),
    ("src_endpoint.autonomous_system.number", remote_source!("organization.asn")),
    ("src_endpoint.autonomous_system.name", remote_source!("organization.asnOrg")),
    (
        "dst_endpoint.ip",
        &[
            Call(F::TargetEnd, ENDS),
            Path("service.action.portProbeAction.portProbeDetails.localIpDetails.ipAddressV4"),
            Path("service.action.portProbeAction.portProbeDetails.localIpDetails.ipAddressV6"),
        ],
    ),
    ("dst_endpoint.port", &[Call(F::TargetEnd, PORTS), Path("service.action.portProbeAction.portProbeDetails.localPortDetails.port")]),
    ("dst_endpoint.location.country", remote_target!("country.countryCode", "country.countryName")),
    ("dst_endpoint.location.city", remote_target!("city.cityName")),
    ("dst_endpoint.autonomous_system.number", remote_target!("organization.asn")),
    ("dst_endpoint.autonomous_system.name", remote_target!("organization.asnOrg")),
];
