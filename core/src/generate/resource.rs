//! The `resource` part of a finding, one function for each kind of resource.

use super::world::{Account, World};
use serde_json::{Value, json};

/// An EC2 instance: `resourceType` `Instance`.
pub(super) fn instance(world: &World, account: &Account, n: u32) -> Value {
    json!({ "resourceType": "Instance", "instanceDetails": instance_details(world, account, n) })
}

fn instance_details(world: &World, account: &Account, n: u32) -> Value {
    let (region, address) = (account.region, account.host(n).to_string());
    let dns = format!("ip-{}.{region}.compute.internal", address.replace('.', "-"));
    json!({
        "instanceId": account.resource(world, "i", n), "instanceType": "m7g.large", "outpostArn": null,
        "launchTime": "2026-10-20T06:12:31.000Z", "platform": null, "productCodes": [],
        "iamInstanceProfile": { "arn": format!("arn:aws:iam::{}:instance-profile/app-role-{n}", account.id), "id": "AIPATESTPROFILE000001" },
        "networkInterfaces": [{
            "ipv6Addresses": [], "networkInterfaceId": account.resource(world, "eni", n), "privateDnsName": dns,
            "privateIpAddress": address, "privateIpAddresses": [{ "privateDnsName": dns, "privateIpAddress": address }],
            "subnetId": account.resource(world, "subnet", n % 3), "vpcId": account.resource(world, "vpc", 0),
            "securityGroups": [{ "groupName": "app", "groupId": account.resource(world, "sg", 0) }],
            "publicDnsName": "", "publicIp": account.nat(),
        }],
        "tags": [{ "key": "team", "value": account.owner }, { "key": "environment", "value": account.environment }],
        "instanceState": "running", "availabilityZone": format!("{region}a"), "imageId": account.resource(world, "ami", 0),
        "imageDescription": "golden image 2026.10",
    })
}

/// A container on an EC2 host: both parts are present.
pub(super) fn container(world: &World, account: &Account, n: u32) -> Value {
    let id = account.resource(world, "c", n).replace("c-", "");
    json!({
        "resourceType": "Container",
        "containerDetails": {
            "containerRuntime": "docker", "id": format!("{id}{id}"), "name": format!("web-{n}"),
            "image": format!("{}.dkr.ecr.{}.amazonaws.com/{}-web:2026.10.{n}", account.id, account.region, account.owner),
            "imagePrefix": format!("{}.dkr.ecr.{}.amazonaws.com", account.id, account.region),
            "volumeMounts": [], "securityContext": { "privileged": false, "allowPrivilegeEscalation": false },
        },
        "instanceDetails": instance_details(world, account, n),
    })
}

/// A task of an ECS cluster and its container.
pub(super) fn task(world: &World, account: &Account, n: u32) -> Value {
    let (region, id) = (account.region, &account.id);
    let arn = |kind: &str, name: &str| format!("arn:aws:ecs:{region}:{id}:{kind}/{name}");
    let number = account.resource(world, "task", n).replace("task-", "");
    json!({
        "resourceType": "ECSCluster",
        "ecsClusterDetails": {
            "name": "apps", "arn": arn("cluster", "apps"), "status": "ACTIVE", "activeServicesCount": 4,
            "registeredContainerInstancesCount": 0, "runningTasksCount": 12, "tags": [],
            "taskDetails": {
                "arn": arn("task", &format!("apps/{number}")), "definitionArn": arn("task-definition", &format!("{}-web:{n}", account.owner)),
                "version": "3", "createdAt": 1_793_570_000.25, "startedAt": 1_793_570_020.5, "startedBy": "ecs-svc/0000000000000000000",
                "tags": [], "volumes": [], "group": format!("service:{}-web", account.owner), "launchType": "FARGATE",
                "containers": [{ "containerRuntime": "containerd", "id": number, "name": "web",
                    "image": format!("{id}.dkr.ecr.{region}.amazonaws.com/{}-web:2026.10.{n}", account.owner) }],
            },
        },
    })
}

/// An EKS cluster and the Kubernetes user.
pub(super) fn cluster(world: &World, account: &Account, n: u32) -> Value {
    let name = format!("{}-eks", account.name);
    json!({
        "resourceType": "EKSCluster",
        "eksClusterDetails": {
            "name": name, "arn": format!("arn:aws:eks:{}:{}:cluster/{name}", account.region, account.id),
            "vpcId": account.resource(world, "vpc", 0), "status": "ACTIVE", "tags": [], "createdAt": 1_760_000_000.5,
        },
        "kubernetesDetails": {
            "kubernetesUserDetails": { "username": format!("system:serviceaccount:apps:worker-{n}"), "uid": format!("uid-{n}"), "groups": ["system:authenticated"], "sessionName": [] },
            "kubernetesWorkloadDetails": null,
        },
    })
}

/// A bucket, one element of `s3BucketDetails`.
pub(super) fn bucket(account: &Account, n: u32) -> Value {
    let name = account.bucket(n);
    let closed = json!({ "ignorePublicAcls": true, "restrictPublicBuckets": true, "blockPublicAcls": true, "blockPublicPolicy": true });
    json!({
        "arn": format!("arn:aws:s3:::{name}"), "name": name, "type": "Destination", "createdAt": 1_750_000_000.0,
        "owner": { "id": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef" },
        "tags": [{ "key": "data-class", "value": account.data_class }],
        "defaultServerSideEncryption": { "encryptionType": "SSE-S3", "kmsMasterKeyArn": null },
        "publicAccess": {
            "permissionConfiguration": {
                "bucketLevelPermissions": {
                    "accessControlList": { "allowsPublicReadAccess": false, "allowsPublicWriteAccess": false },
                    "bucketPolicy": { "allowsPublicReadAccess": false, "allowsPublicWriteAccess": false },
                    "blockPublicAccess": closed,
                },
                "accountLevelPermissions": { "blockPublicAccess": closed },
            },
            "effectivePermission": "NOT_PUBLIC",
        },
    })
}

/// A scanned object: the hash stands in `s3ObjectDetails`.
pub(super) fn object(account: &Account, n: u32, hash: &str) -> Value {
    let mut details = bucket(account, n);
    let (name, key) = (account.bucket(n), format!("incoming/2026/11/upload-{n}.zip"));
    details["s3ObjectDetails"] = json!([{
        "objectArn": format!("arn:aws:s3:::{name}/{key}"), "key": key, "eTag": &hash[..32.min(hash.len())], "hash": hash, "versionId": "null",
    }]);
    json!({ "resourceType": "S3Object", "s3BucketDetails": [details] })
}

/// A snapshot scanned by Malware Protection for Backup.
pub(super) fn snapshot(world: &World, account: &Account, n: u32) -> Value {
    let arn = format!("arn:aws:ec2:{}::snapshot/{}", account.region, account.resource(world, "snap", n));
    json!({ "resourceType": "EBSSnapshot", "ebsSnapshotDetails": { "snapshotArn": arn } })
}

/// A database and its user.
pub(super) fn database(world: &World, account: &Account, n: u32) -> Value {
    let name = format!("{}-db-{}", account.owner, n % 4);
    json!({
        "resourceType": "RDSDBInstance",
        "rdsDbInstanceDetails": {
            "dbInstanceIdentifier": name, "engine": "aurora-postgresql", "engineVersion": "16.4", "dbClusterIdentifier": format!("{name}-cluster"),
            "dbInstanceArn": format!("arn:aws:rds:{}:{}:db:{name}", account.region, account.id),
            "dbiResourceId": account.resource(world, "db", n % 4).to_uppercase(), "tags": [],
        },
        "rdsDbUserDetails": { "user": "report", "application": "psql", "database": "main", "ssl": "TLSv1.3", "authMethod": "PASSWORD" },
    })
}

/// A function.
pub(super) fn function(account: &Account, n: u32) -> Value {
    let name = format!("{}-worker-{}", account.owner, n % 8);
    json!({
        "resourceType": "Lambda",
        "lambdaDetails": {
            "functionArn": format!("arn:aws:lambda:{}:{}:function:{name}", account.region, account.id), "functionName": name,
            "description": "", "lastModifiedAt": "2026-10-30T09:00:00.000Z", "revisionId": "5d9c2f4e-0000-4000-a000-000000000001",
            "functionVersion": "$LATEST", "role": format!("arn:aws:iam::{}:role/{name}", account.id), "vpcConfig": null, "tags": [],
        },
    })
}
