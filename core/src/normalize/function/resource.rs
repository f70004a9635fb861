//! Resources as `type=uid`, with CloudFormation's types; hashes.

use super::{Values, owned};
use crate::event::Value;

/// SHA-256 of no bytes: a hash that could not be computed.
const SHA256_OF_NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Security Hub's type, GuardDuty's `resourceType`, that of an attack sequence, and CloudFormation's.
const TYPES: [(&str, &str, &str, &str); 20] = [
    ("AwsEc2Instance", "Instance", "EC2_INSTANCE", "AWS::EC2::Instance"),
    ("AwsIamAccessKey", "AccessKey", "ACCESS_KEY", "AWS::IAM::AccessKey"),
    ("AwsS3Bucket", "S3Bucket", "S3_BUCKET", "AWS::S3::Bucket"),
    ("AwsS3Object", "S3Object", "S3_OBJECT", "AWS::S3::Object"),
    ("AwsEksCluster", "EKSCluster", "EKS_CLUSTER", "AWS::EKS::Cluster"),
    ("AwsEcsCluster", "ECSCluster", "ECS_CLUSTER", "AWS::ECS::Cluster"),
    ("AwsEcsTask", "ECSTask", "ECS_TASK", "AWS::ECS::Task"),
    ("Container", "Container", "CONTAINER", "Container"),
    ("AwsLambdaFunction", "Lambda", "LAMBDA_FUNCTION", "AWS::Lambda::Function"),
    ("AwsRdsDbInstance", "RDSDBInstance", "RDS_DB_INSTANCE", "AWS::RDS::DBInstance"),
    ("AwsEc2NetworkInterface", "NetworkInterface", "EC2_NETWORK_INTERFACE", "AWS::EC2::NetworkInterface"),
    ("AwsEc2Vpc", "Vpc", "EC2_VPC", "AWS::EC2::VPC"),
    ("AwsEc2Image", "EC2Image", "EC2_IMAGE", "AWS::EC2::Image"),
    ("AwsEc2LaunchTemplate", "LaunchTemplate", "EC2_LAUNCH_TEMPLATE", "AWS::EC2::LaunchTemplate"),
    ("AwsAutoScalingAutoScalingGroup", "AutoScalingGroup", "AUTOSCALING_AUTO_SCALING_GROUP", "AWS::AutoScaling::AutoScalingGroup"),
    ("AwsIamInstanceProfile", "InstanceProfile", "IAM_INSTANCE_PROFILE", "AWS::IAM::InstanceProfile"),
    ("AwsCloudFormationStack", "Stack", "CLOUDFORMATION_STACK", "AWS::CloudFormation::Stack"),
    ("KubernetesWorkload", "KubernetesWorkload", "KUBERNETES_WORKLOAD", "Kubernetes::Workload"),
    ("AwsEc2Snapshot", "EBSSnapshot", "EBS_SNAPSHOT", "AWS::EC2::Snapshot"),
    ("AwsIamRole", "Role", "IAM_ROLE", "AWS::IAM::Role"),
];

/// Service and resource word of an ARN, and CloudFormation's type. An empty word fits any resource of the service.
const ARNS: [(&str, &str, &str); 22] = [
    ("ec2", "instance", "AWS::EC2::Instance"),
    ("ec2", "volume", "AWS::EC2::Volume"),
    ("ec2", "snapshot", "AWS::EC2::Snapshot"),
    ("ec2", "image", "AWS::EC2::Image"),
    ("iam", "role", "AWS::IAM::Role"),
    ("iam", "user", "AWS::IAM::User"),
    ("iam", "group", "AWS::IAM::Group"),
    ("iam", "policy", "AWS::IAM::ManagedPolicy"),
    ("lambda", "function", "AWS::Lambda::Function"),
    ("rds", "db", "AWS::RDS::DBInstance"),
    ("rds", "cluster", "AWS::RDS::DBCluster"),
    ("rds", "snapshot", "AWS::RDS::DBSnapshot"),
    ("eks", "cluster", "AWS::EKS::Cluster"),
    ("ecs", "cluster", "AWS::ECS::Cluster"),
    ("ecs", "task", "AWS::ECS::Task"),
    ("dynamodb", "table", "AWS::DynamoDB::Table"),
    ("kms", "key", "AWS::KMS::Key"),
    ("secretsmanager", "secret", "AWS::SecretsManager::Secret"),
    ("cloudtrail", "trail", "AWS::CloudTrail::Trail"),
    ("logs", "log-group", "AWS::Logs::LogGroup"),
    ("sns", "", "AWS::SNS::Topic"),
    ("sqs", "", "AWS::SQS::Queue"),
];

/// 64 hexadecimal digits that are no hash of nothing, in lower case.
pub(super) fn sha256(text: &str) -> Option<String> {
    let text = text.strip_prefix("sha256:").unwrap_or(text);
    let is_hash = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    Some(text.to_ascii_lowercase()).filter(|t| is_hash && t != SHA256_OF_NOTHING)
}

/// types, ids. Where they do not pair (one was absent somewhere), the ids alone with what their form tells.
pub(super) fn paired<'a>(inputs: &[&[Value<'a>]]) -> Values<'a> {
    let [types, ids] = inputs else { return Values::new() };
    if types.len() != ids.len() {
        return ids.iter().filter_map(|id| of_arn(&id.text()?)).map(owned).collect();
    }
    types.iter().zip(*ids).filter_map(|(kind, id)| Some(named(&kind.text()?, &id.text()?))).map(owned).collect()
}

/// One resource. Security Hub spells an access key `AWS::IAM::AccessKey:ASIA...` and an instance by its ARN: one uid for all copies.
fn named(kind: &str, id: &str) -> String {
    let kind = TYPES.iter().find(|t| t.0 == kind || t.1 == kind || t.2 == kind).map_or(kind, |t| t.3);
    let uid = match kind {
        "AWS::IAM::AccessKey" => access_key_of(id),
        "AWS::EC2::Instance" => instance_of(id),
        _ => None,
    };
    format!("{kind}={}", uid.as_deref().unwrap_or(id))
}

/// A resource known by its ARN alone; `AWS::Unknown` where the ARN is of no kind we know. Other texts are none.
pub(super) fn of_arn(arn: &str) -> Option<String> {
    let mut parts = arn.strip_prefix("arn:")?.splitn(5, ':');
    let (service, resource) = (parts.nth(1)?, parts.nth(2)?);
    let word = resource.split(['/', ':']).next().unwrap_or_default();
    let kind = match service {
        "s3" if resource.contains('/') => "AWS::S3::Object",
        "s3" => "AWS::S3::Bucket",
        _ => ARNS.iter().find(|(s, w, _)| *s == service && (w.is_empty() || *w == word)).map_or("AWS::Unknown", |(_, _, kind)| kind),
    };
    Some(format!("{kind}={}", if kind == "AWS::EC2::Instance" { instance_of(arn)? } else { arn.to_owned() }))
}

/// GuardDuty's word for a Security Hub resource type; unknown ones stay.
pub(super) fn guardduty_type(kind: &str) -> &str {
    TYPES.iter().find(|t| t.0 == kind || t.3 == kind).map_or(kind, |t| t.1)
}

/// The key id alone; nothing for ids of other resources.
pub(super) fn access_key_of(id: &str) -> Option<String> {
    id.strip_prefix("AWS::IAM::AccessKey:").filter(|k| !k.is_empty() && *k != "null").map(str::to_owned)
}

/// `i-...` of an instance ARN or id.
pub(super) fn instance_of(id: &str) -> Option<String> {
    let name = id.split(":instance/").last().unwrap_or(id);
    Some(name.to_owned()).filter(|n| n.starts_with("i-"))
}

/// The bucket's name in the ARN of a bucket or object.
pub(super) fn bucket_of(arn: &str) -> Option<String> {
    let resource = arn.split(":s3:::").nth(1)?;
    resource.split('/').next().map(str::to_owned)
}
