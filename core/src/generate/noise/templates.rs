//! Which calls the noise is made of: a table, and the parameters AWS writes for each.
//!
//! A line more makes its call more frequent. Calls that a stateless rule of the catalogue asks about are left out.

use super::super::draw::Draw;
use super::super::world::{Account, World};
use serde_json::{Value, json};

/// Who plays a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cast {
    /// A server or function, through the account's NAT address.
    Workload,
    /// The deployment pipeline, inside the network.
    Pipeline,
    /// A person in an office.
    Person,
    /// The posture scanner.
    Scanner,
    /// An AWS service by itself.
    Service(usize),
    /// A service in the name of a role (`AWS Internal`).
    Internal,
}

/// What a call asks for.
#[derive(Clone, Copy)]
pub(super) enum Asks {
    Nothing,
    Instance,
    Volume,
    Key,
    Secret,
    Parameter,
    Bucket,
    Role,
    Function,
    TaskDefinition,
    Service,
    Stack,
    Launch,
    SecurityGroup,
    LogGroup,
    Vault,
}

/// A kind of call.
pub(super) struct Template {
    pub(super) cast: Cast,
    pub(super) service: &'static str,
    pub(super) name: &'static str,
    pub(super) asks: Asks,
    /// How it fails, three times in ten.
    pub(super) error: Option<&'static str>,
}

const fn line(cast: Cast, service: &'static str, name: &'static str, asks: Asks) -> Template {
    Template { cast, service, name, asks, error: None }
}

const fn shaky(cast: Cast, service: &'static str, name: &'static str, asks: Asks, error: &'static str) -> Template {
    Template { cast, service, name, asks, error: Some(error) }
}

use Cast::{Internal, Person, Pipeline, Scanner, Service, Workload};

pub(super) const TEMPLATES: [Template; 54] = [
    line(Service(0), "sts", "AssumeRole", Asks::Role),
    line(Service(1), "sts", "AssumeRole", Asks::Role),
    line(Service(2), "sts", "AssumeRole", Asks::Role),
    line(Service(3), "sts", "AssumeRole", Asks::Role),
    line(Service(3), "sts", "AssumeRole", Asks::Role),
    line(Service(0), "ec2", "TerminateInstances", Asks::Instance),
    line(Service(0), "ec2", "RunInstances", Asks::Launch),
    line(Service(2), "ec2", "CreateSnapshot", Asks::Volume),
    line(Service(2), "backup", "StartBackupJob", Asks::Vault),
    line(Internal, "kms", "GenerateDataKey", Asks::Key),
    line(Internal, "kms", "Decrypt", Asks::Key),
    line(Internal, "kms", "Decrypt", Asks::Key),
    line(Internal, "ec2", "CreateNetworkInterface", Asks::SecurityGroup),
    line(Workload, "kms", "Decrypt", Asks::Key),
    line(Workload, "kms", "Decrypt", Asks::Key),
    line(Workload, "kms", "GenerateDataKey", Asks::Key),
    line(Workload, "secretsmanager", "GetSecretValue", Asks::Secret),
    line(Workload, "secretsmanager", "GetSecretValue", Asks::Secret),
    line(Workload, "ssm", "GetParameter", Asks::Parameter),
    line(Workload, "ssm", "GetParametersByPath", Asks::Parameter),
    line(Workload, "ssm", "UpdateInstanceInformation", Asks::Instance),
    line(Workload, "ssm", "UpdateInstanceInformation", Asks::Instance),
    line(Workload, "sts", "AssumeRole", Asks::Role),
    line(Workload, "logs", "CreateLogStream", Asks::LogGroup),
    line(Workload, "logs", "CreateLogStream", Asks::LogGroup),
    shaky(Workload, "ec2", "CreateTags", Asks::Instance, "Client.RequestLimitExceeded"),
    shaky(Workload, "dynamodb", "DescribeTable", Asks::Nothing, "ThrottlingException"),
    shaky(Workload, "ec2", "RunInstances", Asks::Launch, "Client.DryRunOperation"),
    line(Workload, "ec2", "CreateFleet", Asks::Launch),
    line(Workload, "autoscaling", "DescribeAutoScalingGroups", Asks::Nothing),
    line(Pipeline, "lambda", "UpdateFunctionCode20150331v2", Asks::Function),
    line(Pipeline, "ecs", "RegisterTaskDefinition", Asks::TaskDefinition),
    line(Pipeline, "ecs", "UpdateService", Asks::Service),
    line(Pipeline, "ecr", "PutImage", Asks::Service),
    line(Pipeline, "cloudformation", "DescribeStacks", Asks::Stack),
    shaky(Pipeline, "cloudformation", "UpdateStack", Asks::Stack, "ValidationException"),
    line(Pipeline, "ec2", "DescribeSecurityGroups", Asks::Nothing),
    line(Pipeline, "ec2", "AuthorizeSecurityGroupIngress", Asks::SecurityGroup),
    line(Pipeline, "s3", "GetBucketVersioning", Asks::Bucket),
    line(Pipeline, "logs", "CreateLogGroup", Asks::LogGroup),
    line(Person, "ec2", "DescribeInstances", Asks::Nothing),
    line(Person, "ec2", "DescribeVolumes", Asks::Nothing),
    line(Person, "cloudwatch", "DescribeAlarms", Asks::Nothing),
    line(Person, "lambda", "ListFunctions20150331", Asks::Nothing),
    line(Person, "ecs", "DescribeClusters", Asks::Nothing),
    shaky(Person, "ce", "GetCostAndUsage", Asks::Nothing, "AccessDeniedException"),
    line(Person, "rds", "DescribeDBInstances", Asks::Nothing),
    line(Person, "logs", "StartQuery", Asks::LogGroup),
    line(Scanner, "ec2", "DescribeRegions", Asks::Nothing),
    line(Scanner, "ec2", "DescribeSnapshots", Asks::Nothing),
    line(Scanner, "s3", "GetBucketAcl", Asks::Bucket),
    line(Scanner, "lambda", "GetPolicy20150331v2", Asks::Function),
    line(Scanner, "kms", "ListKeys", Asks::Nothing),
    line(Scanner, "config", "DescribeConfigurationRecorders", Asks::Nothing),
];

/// `requestParameters`.
pub(super) fn params(asks: Asks, world: &World, account: &Account, draw: &mut Draw) -> Value {
    let (region, id, n) = (account.region, &account.id, draw.below(4) as u32);
    match asks {
        Asks::Nothing => json!({ "maxResults": 100 }),
        Asks::Instance => json!({ "instancesSet": { "items": [{ "instanceId": account.resource(world, "i", n) }] } }),
        Asks::Volume => json!({ "volumeId": account.resource(world, "vol", n), "description": "nightly" }),
        Asks::Key => {
            json!({ "keyId": format!("arn:aws:kms:{region}:{id}:alias/app"), "encryptionAlgorithm": "SYMMETRIC_DEFAULT", "encryptionContext": { "aws:ebs:id": account.resource(world, "vol", n) } })
        }
        Asks::Secret => {
            json!({ "secretId": format!("arn:aws:secretsmanager:{region}:{id}:secret:app/database-{n}-kJ8sW2"), "versionStage": "AWSCURRENT" })
        }
        Asks::Parameter => json!({ "name": format!("/app/{}/flag-{n}", account.environment), "withDecryption": false }),
        Asks::Bucket => json!({ "bucketName": account.bucket(n), "Host": format!("s3.{region}.amazonaws.com"), "acl": "" }),
        Asks::Role => {
            json!({ "roleArn": format!("arn:aws:iam::{id}:role/app-role-{n}"), "roleSessionName": format!("session-{n}"), "durationSeconds": 3600 })
        }
        Asks::Function => {
            json!({ "functionName": format!("arn:aws:lambda:{region}:{id}:function:{}-worker-{n}", account.owner), "publish": true, "dryRun": false })
        }
        Asks::TaskDefinition => task_definition(account, n),
        Asks::Service => {
            json!({ "cluster": "apps", "service": format!("{}-web", account.owner), "forceNewDeployment": true, "repositoryName": format!("{}-web", account.owner) })
        }
        Asks::Stack => json!({ "stackName": format!("{}-stack-{n}", account.owner) }),
        Asks::Launch => {
            json!({ "instancesSet": { "items": [{ "minCount": 1, "maxCount": 1 }] }, "instanceType": "m7g.large", "launchTemplate": { "launchTemplateId": account.resource(world, "lt", 0), "version": "7" } })
        }
        Asks::SecurityGroup => security_group(world, account, n),
        Asks::LogGroup => json!({ "logGroupName": format!("/app/{}-{n}", account.owner), "logStreamName": draw.hex(12) }),
        Asks::Vault => {
            json!({ "backupVaultName": "daily", "resourceArn": format!("arn:aws:ec2:{region}:{id}:volume/{}", account.resource(world, "vol", n)) })
        }
    }
}

fn task_definition(account: &Account, n: u32) -> Value {
    let image = format!("{}.dkr.ecr.{}.amazonaws.com/{}-web:2026.11.{n}", account.id, account.region, account.owner);
    json!({
        "family": format!("{}-web", account.owner), "cpu": "512", "memory": "1024", "requiresCompatibilities": ["FARGATE"],
        "containerDefinitions": [{ "name": "web", "image": image, "essential": true,
            "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": format!("/app/{}", account.owner) } } }],
    })
}

fn security_group(world: &World, account: &Account, n: u32) -> Value {
    json!({
        "groupId": account.resource(world, "sg", n), "subnetId": account.resource(world, "subnet", 0),
        "ipPermissions": { "items": [{ "ipProtocol": "tcp", "fromPort": 443, "toPort": 443, "groups": {},
            "ipRanges": { "items": [{ "cidrIp": "10.0.0.0/8" }] }, "ipv6Ranges": {}, "prefixListIds": {} }] },
    })
}

/// `responseElements`: null for calls that only read.
pub(super) fn response(template: &Template, account: &Account, draw: &mut Draw) -> Value {
    match template.name {
        "AssumeRole" => {
            let key = format!("ASIATEST{}", draw.token(12));
            json!({ "credentials": { "accessKeyId": key, "sessionToken": "<hidden>", "expiration": "Nov 2, 2026, 11:00:00 PM" },
                "assumedRoleUser": { "assumedRoleId": "AROATESTASSUMED000001:session", "arn": format!("arn:aws:sts::{}:assumed-role/app-role/session", account.id) } })
        }
        "RunInstances" | "CreateFleet" => {
            json!({ "requestId": draw.uuid(), "instancesSet": { "items": [{ "instanceId": draw.resource("i"), "instanceType": "m7g.large" }] } })
        }
        "CreateSnapshot" => json!({ "snapshotId": draw.resource("snap"), "status": "pending" }),
        name if ["Create", "Update", "Put", "Register", "Authorize", "Terminate"].iter().any(|verb| name.starts_with(verb)) => {
            json!({ "_return": true })
        }
        _ => Value::Null,
    }
}
