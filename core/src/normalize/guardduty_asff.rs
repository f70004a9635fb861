//! GuardDuty findings copied by Security Hub in ASFF.
//!
//! Owns the place of native names in that shape: service data are flat string keys in `ProductFields`, resource data stand in
//! `Resources[]`, the rest at the top. Array elements are numbered in the keys (`portProbeDetails.0_`); the first
//! [`OUTER_MAX`] and inside those the first [`INNER_MAX`] are known. Old copies lack the prefix of the keys.

use super::fact_table::FactRow;
use super::guardduty;
use super::guardduty_api::additional_info;
use super::term::{Dialect, Keys, Row, Term, find, keys, lower, push_new};
use super::{Function as F, Lookup};
use crate::event::Fact;
use Term::{Call, Path};

const OUTER_MAX: usize = 10;
const INNER_MAX: usize = 4;

/// Prefix of the service data's keys.
pub(super) const PREFIX: &str = "aws/guardduty/";

/// The arrays of `service`, outer before inner. Other paths are numbered nowhere.
const ARRAYS: [&str; 19] = [
    "service.action.portProbeAction.portProbeDetails",
    "service.action.kubernetesApiCallAction.sourceIPs",
    "service.action.rdsLoginAttemptAction.LoginAttributes",
    "service.evidence.threatIntelligenceDetails",
    "service.evidence.threatIntelligenceDetails.threatNames",
    "service.ebsVolumeScanDetails.sources",
    "service.ebsVolumeScanDetails.scanDetections.threatDetectedByName.threatNames",
    "service.ebsVolumeScanDetails.scanDetections.threatDetectedByName.threatNames.filePaths",
    "service.runtimeDetails.process.lineage",
    "service.runtimeDetails.context.flags",
    "service.runtimeDetails.context.memoryRegions",
    "service.malwareScanDetails.threats",
    "service.malwareScanDetails.threats.itemPaths",
    "service.malwareScanDetails.threats.itemDetails",
    "service.additionalInfo.portsScannedSample",
    "service.additionalInfo.apiCalls",
    "service.additionalInfo.recentApiCalls",
    "service.detection.sequence.additionalSequenceTypes",
    "service.detection.sequence.signals",
];

/// Members that are Booleans natively and the texts "true", "false" here.
const FLAGS: [&str; 8] = [
    "service.archived",
    "service.additionalInfo.sample",
    "service.action.dnsRequestAction.blocked",
    "service.action.networkConnectionAction.blocked",
    "service.action.portProbeAction.blocked",
    "service.action.kubernetesPermissionCheckedDetails.allowed",
    "service.action.awsApiCallAction.remoteAccountDetails.affiliated",
    "service.ebsVolumeScanDetails.scanDetections.threatDetectedByName.shortened",
];

const DIALECT: Dialect = Dialect { plain: native, inputs: numbered };
const LEGACY: Dialect = Dialect { plain: |_| Vec::new(), inputs: |name| vec![legacy(name)] };

/// Where a field is in an ASFF copy.
pub(super) fn resolve(field: &str) -> Vec<Lookup> {
    let field = field.strip_prefix("detail.").unwrap_or(field);
    if let Some(terms) = find(NAMES, field) {
        return lower(terms, &super::term::DOTTED);
    }
    let Some(terms) = find(guardduty::NAMES, field) else { return native(field) };
    let mut lookups = lower(terms, &DIALECT);
    push_new(&mut lookups, lower(&with_service_input(terms), &LEGACY));
    lookups
}

/// Calls that read service data: they are tried under the old keys too.
fn with_service_input(terms: &[Term]) -> Vec<Term> {
    let reads_service = |names: &[&str]| names.iter().all(|n| n.starts_with("service."));
    terms.iter().filter(|t| matches!(t, Call(f, names) if reads_service(names) && !is_total(*f))).copied().collect()
}

/// Functions that always answer: a second alternative would never be asked.
fn is_total(function: F) -> bool {
    matches!(function, F::SampleFlag | F::ArchivedFlag | F::Constant(_) | F::DirectionId)
}

fn native(name: &str) -> Vec<Lookup> {
    if let Some(terms) = find(PLACES, name) {
        return lower(terms, &super::term::DOTTED);
    }
    let paths = numbered(name);
    let single = paths.len() == 1;
    let mut lookups = match () {
        () if FLAGS.contains(&name) => vec![Lookup::Derived(F::Flag, paths)],
        () if single => paths.into_iter().map(Lookup::Path).collect(),
        () => vec![Lookup::Derived(F::All, paths)],
    };
    if let Some(member) = name.strip_prefix("service.additionalInfo.").and_then(additional_info) {
        lookups.push(Lookup::Derived(F::JsonMember(member), vec![product_field("service.additionalInfo.value")]));
    }
    if single && name.starts_with("service.") {
        lookups.push(Lookup::Path(legacy(name)));
    }
    lookups
}

/// The keys of a native name: one, or one per array element.
fn numbered(name: &str) -> Vec<Keys> {
    if let Some((_, input)) = INPUTS.iter().find(|(native, _)| *native == name) {
        return vec![keys(input)];
    }
    if let Some([Path(place), ..]) = find(PLACES, name) {
        return vec![keys(place)];
    }
    element_names(name).iter().map(|n| product_field(n)).collect()
}

fn product_field(name: &str) -> Keys {
    vec!["ProductFields".into(), format!("{PREFIX}{}", name.replace('.', "/").replace("/#", ".")).into()]
}

/// Service keys as they were before the prefix: `action/actionType`.
fn legacy(name: &str) -> Keys {
    vec!["ProductFields".into(), name.strip_prefix("service.").unwrap_or(name).replace('.', "/").into()]
}

/// The name with every array on it numbered. `#` marks the dot in front of a number, which is no separator.
pub(super) fn element_names(name: &str) -> Vec<String> {
    let name = name.replace("loginAttributes", "LoginAttributes");
    let on_the_way: Vec<&str> = ARRAYS.into_iter().filter(|a| name == *a || name.starts_with(&format!("{a}."))).collect();
    let mut names = vec![name.clone()];
    for (depth, array) in on_the_way.iter().enumerate().rev() {
        let most = if depth == 0 { OUTER_MAX } else { INNER_MAX };
        let number = |n: &String, i: usize| format!("{array}.#{i}_{}", &n[array.len()..]);
        names = (0..most).flat_map(|i| names.iter().map(move |n| (n, i))).map(|(n, i)| number(n, i)).collect();
    }
    names
}

/// Inputs of functions that stand under another name, or inside one: the functions take an ARN for its parts.
const INPUTS: [(&str, &str); 3] = [
    ("partition", "Id"),
    ("resource.accessKeyDetails.userName", "Resources.Details.AwsIamAccessKey.PrincipalName"),
    ("severity", "Severity.Product"),
];

const TYPES: &[Term] = &[Call(F::FindingType, &["Types"]), Call(F::FindingType, &["FindingProviderFields.Types"])];
const SEVERITY: &[Term] = &[Call(F::Number, &["Severity.Product"]), Call(F::SeverityOfLabel, &["Severity.Label"])];

/// What these copies say in their own way.
pub(super) const NAMES: &[Row] = &[
    ("resources.uid", &[Path("Resources.Id")]),
    ("resources.type", &[Path("Resources.Type")]),
    ("type", TYPES),
    ("tidegate.finding.type", TYPES),
    ("finding_info.types", TYPES),
    ("severity", SEVERITY),
    ("tidegate.finding.severity", SEVERITY),
    ("severity_id", &[Call(F::SeverityId, &["Severity.Product"]), Call(F::SeverityIdOfLabel, &["Severity.Label"])]),
    ("tidegate.finding.archived", &[Call(F::ArchivedFlag, &[ARCHIVED, "ProductFields.archived", "RecordState"])]),
    ("tidegate.finding.sample", &[Call(F::SampleFlag, &["Sample", SAMPLE, ADDITIONAL, "ProductFields.additionalInfo"])]),
];

const ARCHIVED: &str = "ProductFields.aws/guardduty/service/archived";
const SAMPLE: &str = "ProductFields.aws/guardduty/service/additionalInfo/sample";
const ADDITIONAL: &str = "ProductFields.aws/guardduty/service/additionalInfo/value";

/// Where the native names outside `service` are.
pub(super) const PLACES: &[Row] = &[
    ("accountId", &[Path("AwsAccountId")]),
    ("region", &[Path("Region"), Call(F::ArnRegion, &["Id"])]),
    ("partition", &[Call(F::ArnPartition, &["Id"])]),
    ("arn", &[Path("Id")]),
    ("id", &[Call(F::ArnName, &["Id"])]),
    ("createdAt", &[Path("CreatedAt")]),
    ("updatedAt", &[Path("UpdatedAt")]),
    ("title", &[Path("Title")]),
    ("description", &[Path("Description")]),
    ("confidence", &[Path("Confidence")]),
    ("type", TYPES),
    ("severity", SEVERITY),
    ("associatedAttackSequenceArn", &[Path("RelatedFindings.Id")]),
    ("service.detectorId", &[Path("ProductFields.aws/guardduty/service/detectorId"), Call(F::ArnDetector, &["Id"])]),
    ("service.count", &[Path("ProductFields.aws/guardduty/service/count"), Path("ProductFields.count")]),
    ("service.eventFirstSeen", &[Path("ProductFields.aws/guardduty/service/eventFirstSeen"), Path("FirstObservedAt")]),
    ("service.eventLastSeen", &[Path("ProductFields.aws/guardduty/service/eventLastSeen"), Path("LastObservedAt")]),
    ("resource.resourceType", &[Call(F::ResourceType, &["Resources.Type"])]),
    (
        "resource.accessKeyDetails.accessKeyId",
        &[Call(F::AccessKeyOfId, &["Resources.Id"]), Path("Resources.Details.AwsIamAccessKey.AccessKeyId")],
    ),
    ("resource.accessKeyDetails.principalId", &[Path("Resources.Details.AwsIamAccessKey.PrincipalId")]),
    (
        "resource.accessKeyDetails.userName",
        &[Path("Resources.Details.AwsIamAccessKey.PrincipalName"), Path("Resources.Details.AwsIamAccessKey.UserName")],
    ),
    ("resource.accessKeyDetails.userType", &[Path("Resources.Details.AwsIamAccessKey.PrincipalType")]),
    ("resource.instanceDetails.instanceId", &[Call(F::InstanceOfArn, &["Resources.Id"])]),
    ("resource.instanceDetails.imageId", &[Path("Resources.Details.AwsEc2Instance.ImageId")]),
    ("resource.instanceDetails.instanceType", &[Path("Resources.Details.AwsEc2Instance.Type")]),
    ("resource.instanceDetails.launchTime", &[Path("Resources.Details.AwsEc2Instance.LaunchedAt")]),
    ("resource.instanceDetails.iamInstanceProfile.arn", &[Path("Resources.Details.AwsEc2Instance.IamInstanceProfileArn")]),
    ("resource.instanceDetails.networkInterfaces.vpcId", &[Path("Resources.Details.AwsEc2Instance.VpcId")]),
    ("resource.instanceDetails.networkInterfaces.subnetId", &[Path("Resources.Details.AwsEc2Instance.SubnetId")]),
    ("resource.instanceDetails.networkInterfaces.privateIpAddress", &[Path("Resources.Details.AwsEc2Instance.IpV4Addresses")]),
    ("resource.instanceDetails.networkInterfaces.publicIp", &[Path("Resources.Details.AwsEc2Instance.IpV4Addresses")]),
    ("resource.instanceDetails.networkInterfaces.ipv6Addresses", &[Path("Resources.Details.AwsEc2Instance.IpV6Addresses")]),
    ("resource.s3BucketDetails.arn", &[Call(F::Containing(":s3:::"), &["Resources.Id"])]),
    ("resource.s3BucketDetails.name", &[Call(F::BucketOfArn, &["Resources.Id"])]),
    ("resource.s3BucketDetails.owner.id", &[Path("Resources.Details.AwsS3Bucket.OwnerId")]),
    ("resource.s3BucketDetails.createdAt", &[Path("Resources.Details.AwsS3Bucket.CreatedAt")]),
    ("resource.eksClusterDetails.name", &[Path("Resources.Details.AwsEksCluster.Name")]),
    ("resource.eksClusterDetails.arn", &[Path("Resources.Details.AwsEksCluster.Arn"), Call(F::Containing(":eks:"), &["Resources.Id"])]),
    ("resource.ecsClusterDetails.name", &[Path("Resources.Details.AwsEcsCluster.ClusterName")]),
    (
        "resource.ecsClusterDetails.arn",
        &[Path("Resources.Details.AwsEcsCluster.ClusterArn"), Call(F::Containing(":ecs:"), &["Resources.Id"])],
    ),
    ("resource.containerDetails.name", &[Path("Resources.Details.Container.Name")]),
    ("resource.containerDetails.image", &[Path("Resources.Details.Container.ImageName")]),
    ("resource.lambdaDetails.functionName", &[Path("Resources.Details.AwsLambdaFunction.FunctionName")]),
    ("resource.lambdaDetails.functionArn", &[Call(F::Containing(":lambda:"), &["Resources.Id"])]),
    ("resource.lambdaDetails.role", &[Path("Resources.Details.AwsLambdaFunction.Role")]),
    ("resource.lambdaDetails.revisionId", &[Path("Resources.Details.AwsLambdaFunction.RevisionId")]),
    ("resource.rdsDbInstanceDetails.dbInstanceIdentifier", &[Path("Resources.Details.AwsRdsDbInstance.DBInstanceIdentifier")]),
    ("resource.rdsDbInstanceDetails.dbClusterIdentifier", &[Path("Resources.Details.AwsRdsDbInstance.DBClusterIdentifier")]),
    ("resource.rdsDbInstanceDetails.engine", &[Path("Resources.Details.AwsRdsDbInstance.Engine")]),
    ("resource.rdsDbInstanceDetails.engineVersion", &[Path("Resources.Details.AwsRdsDbInstance.EngineVersion")]),
    ("resource.rdsDbInstanceDetails.dbInstanceArn", &[Call(F::Containing(":rds:"), &["Resources.Id"])]),
];

/// Resources stand in one list; the rest are service data.
pub(super) const FACTS: &[FactRow] = &[
    (Fact::Resource, &[Call(F::Resources, &["Resources.Type", "Resources.Id"])]),
    (Fact::Unmapped, &[Call(F::Labelled("service.resourceRole"), &["ProductFields.aws/guardduty/service/resourceRole"])]),
    (Fact::Unmapped, &[Call(F::Labelled("service.action.actionType"), &["ProductFields.aws/guardduty/service/action/actionType"])]),
    (Fact::Unmapped, &[Call(F::Labelled("service.featureName"), &["ProductFields.aws/guardduty/service/featureName"])]),
];
