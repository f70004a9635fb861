//! Calls that attackers and administrators both make, with AWS's own parameters. Attacks and near-misses differ only in who, when and
//! how often.

use super::principal::Principal;
use super::scene::Scene;
use super::trail::{BROWSER, Call};
use crate::event::time::{DAY_MS, format_rfc3339};
use serde_json::{Value, json};

/// Who acts, from where, in which Region.
#[derive(Clone, Copy)]
pub(super) struct Actor<'a> {
    pub(super) who: &'a Principal,
    pub(super) ip: &'a str,
    pub(super) region: &'static str,
}

impl<'a> Actor<'a> {
    /// A call that this actor makes.
    pub(super) fn call(&self, service: &'a str, name: &'a str, at_ms: i64) -> Call<'a> {
        Call::new(self.who, self.region, service, name).at(at_ms).from(self.ip)
    }
}

/// `signin:ConsoleLogin`. A failure has no ARN and an empty key, as AWS writes it.
pub(super) fn console_login(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, success: bool) {
    let mut identity = actor.who.identity();
    if let Value::Object(fields) = &mut identity {
        if success {
            fields.shift_remove("accessKeyId");
        } else {
            fields.shift_remove("arn");
            fields.insert("accessKeyId".into(), json!(""));
        }
    }
    let outcome = if success { "Success" } else { "Failure" };
    let target = "https://console.aws.amazon.com/console/home?hashArgs=%23&isauthcode=true";
    let call = actor.call("signin", "ConsoleLogin", at_ms).agent(BROWSER).of_type("AwsConsoleSignIn");
    let mut call = call
        .with("userIdentity", identity)
        .gets(json!({ "ConsoleLogin": outcome }))
        .with("additionalEventData", json!({ "LoginTo": target, "MobileVersion": "No", "MFAUsed": "No" }));
    if !success {
        call = call.with("errorMessage", json!("Failed authentication"));
    }
    scene.call(call);
}

/// `secretsmanager:GetSecretValue` of the secret of this name.
pub(super) fn get_secret(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, name: &str) {
    let arn = format!("arn:aws:secretsmanager:{}:{}:secret:{name}", actor.region, actor.who.account);
    scene.call(actor.call("secretsmanager", "GetSecretValue", at_ms).asks(json!({ "secretId": arn })));
}

/// `iam:CreateUser`.
pub(super) fn create_user(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, user: &str) {
    let arn = format!("arn:aws:iam::{}:user/{user}", actor.who.account);
    let answer = json!({ "user": { "path": "/", "userName": user, "userId": "AIDATESTNEWUSER000001", "arn": arn } });
    scene.call(actor.call("iam", "CreateUser", at_ms).asks(json!({ "userName": user })).gets(answer));
}

/// `iam:CreateAccessKey` for a user; the new key stands in `responseElements.accessKey.accessKeyId`.
pub(super) fn create_access_key(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, user: &str, key: &str) {
    let answer = json!({ "accessKey": { "userName": user, "accessKeyId": key, "status": "Active" } });
    scene.call(actor.call("iam", "CreateAccessKey", at_ms).asks(json!({ "userName": user })).gets(answer));
}

/// `iam:AttachUserPolicy` of an AWS-managed policy.
pub(super) fn attach_user_policy(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, user: &str, policy: &str) {
    let arn = format!("arn:aws:iam::aws:policy/{policy}");
    scene.call(actor.call("iam", "AttachUserPolicy", at_ms).asks(json!({ "userName": user, "policyArn": arn })));
}

/// A call that is refused: EC2 says `Client.UnauthorizedOperation`, most others `AccessDenied`.
pub(super) fn refused(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, service: &str, name: &str) {
    let code = match service {
        "ec2" => "Client.UnauthorizedOperation",
        "secretsmanager" | "kms" | "dynamodb" | "lambda" => "AccessDeniedException",
        _ => "AccessDenied",
    };
    let message = format!("User: {} is not authorized to perform: {service}:{name}", actor.who.arn().unwrap_or_default());
    let call = Call::new(actor.who, actor.region, service, name).at(at_ms).from(actor.ip);
    scene.call(call.fails(code, message));
}

/// `iam:UpdateAssumeRolePolicy` that fails because a named principal does not exist.
pub(super) fn guess_role(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, guess: &str) {
    let document = json!({ "Statement": [{ "Effect": "Allow", "Principal": { "AWS": guess }, "Action": "sts:AssumeRole" }] }).to_string();
    let call = actor.call("iam", "UpdateAssumeRolePolicy", at_ms);
    let call = call.asks(json!({ "roleName": "audit-helper", "policyDocument": document }));
    scene.call(call.fails("MalformedPolicyDocumentException", format!("Invalid principal in policy: \"AWS\":\"{guess}\"")));
}

/// An S3 object call, a data event; `more` adds request parameters, `customer_key` encrypts with SSE-C.
pub(super) fn object_call(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, name: &str, bucket: &str, key: &str, customer_key: bool) {
    let mut answer = Value::Null;
    let mut params = json!({ "bucketName": bucket, "key": key, "Host": format!("{bucket}.s3.{}.amazonaws.com", actor.region) });
    let mut additional =
        json!({ "SignatureVersion": "SigV4", "AuthenticationMethod": "AuthHeader", "bytesTransferredIn": 0.0, "bytesTransferredOut": 0.0 });
    if name == "CopyObject" {
        params["x-amz-copy-source"] = json!(format!("{bucket}/{key}"));
    }
    if customer_key {
        params["x-amz-server-side-encryption-customer-algorithm"] = json!("AES256");
        additional["SSEApplied"] = json!("SSE_C");
        answer = json!({ "x-amz-server-side-encryption-customer-algorithm": "AES256" });
    }
    let resources = json!([
        { "type": "AWS::S3::Object", "ARN": format!("arn:aws:s3:::{bucket}/{key}") },
        { "accountId": actor.who.account, "type": "AWS::S3::Bucket", "ARN": format!("arn:aws:s3:::{bucket}") },
    ]);
    let call = Call::new(actor.who, actor.region, "s3", name).at(at_ms).from(actor.ip).asks(params).gets(answer).data_event();
    scene.call(call.with("additionalEventData", additional).with("resources", resources));
}

/// A change of a bucket's settings, a management event.
pub(super) fn bucket_call(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, name: &str, bucket: &str, setting: (&str, Value)) {
    let mut params = json!({ "bucketName": bucket, "Host": format!("{bucket}.s3.{}.amazonaws.com", actor.region) });
    params[setting.0] = setting.1;
    scene.call(Call::new(actor.who, actor.region, "s3", name).at(at_ms).from(actor.ip).asks(params));
}

/// `ec2:ModifySnapshotAttribute` that lets another account make volumes.
pub(super) fn share_snapshot(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, snapshot: &str, with: &str) {
    let add = json!({ "add": { "items": [{ "userId": with }] } });
    let params = json!({ "snapshotId": snapshot, "createVolumePermission": add, "attributeType": "CREATE_VOLUME_PERMISSION" });
    scene.call(actor.call("ec2", "ModifySnapshotAttribute", at_ms).asks(params).gets(json!({ "_return": true })));
}

/// `ec2:SharedSnapshotCopyInitiated`: told by EC2 itself; `userIdentity` holds the account that copies, the recipient is the owner.
pub(super) fn snapshot_copied(scene: &mut Scene<'_>, region: &'static str, account: &str, at_ms: i64, snapshot: &str, by: &str) {
    let ec2 = Principal::service("ec2.amazonaws.com");
    let call = Call::new(&ec2, region, "ec2", "SharedSnapshotCopyInitiated").at(at_ms).from("ec2.amazonaws.com").agent("ec2.amazonaws.com");
    let call = call.recorded_in(account).of_type("AwsServiceEvent");
    let identity = json!({ "type": "AWSAccount", "accountId": by, "invokedBy": "ec2.amazonaws.com" });
    scene.call(call.with("userIdentity", identity).with("serviceEventDetails", json!({ "snapshotId": snapshot })));
}

/// `ec2:DeleteSnapshot`.
pub(super) fn delete_snapshot(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, snapshot: &str) {
    let call = actor.call("ec2", "DeleteSnapshot", at_ms).asks(json!({ "snapshotId": snapshot, "force": false }));
    scene.call(call.gets(json!({ "_return": true })));
}

/// `backup:DeleteRecoveryPoint` in a vault, recorded in the account that owns the vault.
pub(super) fn delete_recovery_point(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, owner: &str, point: &str) {
    let arn = format!("arn:aws:backup:{}:{owner}:recovery-point:{point}", actor.region);
    let params = json!({ "backupVaultName": "central-vault", "recoveryPointArn": arn });
    let call = Call::new(actor.who, actor.region, "backup", "DeleteRecoveryPoint").at(at_ms).from(actor.ip).asks(params);
    scene.call(call.recorded_in(owner));
}

/// `kms:ScheduleKeyDeletion` or `kms:DisableKey`.
pub(super) fn harm_key(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, name: &str, key: &str) {
    let arn = format!("arn:aws:kms:{}:{}:key/{key}", actor.region, actor.who.account);
    let mut params = json!({ "keyId": arn });
    if name == "ScheduleKeyDeletion" {
        params["pendingWindowInDays"] = json!(7);
    }
    let resources = json!([{ "accountId": actor.who.account, "type": "AWS::KMS::Key", "ARN": arn }]);
    scene.call(Call::new(actor.who, actor.region, "kms", name).at(at_ms).from(actor.ip).asks(params).with("resources", resources));
}

/// `ec2:StopInstances` or `ec2:StartInstances`: the id stands in a set.
pub(super) fn switch_instance(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, name: &str, instance: &str) {
    let call = Call::new(actor.who, actor.region, "ec2", name).at(at_ms).from(actor.ip);
    scene.call(call.asks(json!({ "instancesSet": { "items": [{ "instanceId": instance }] } })));
}

/// `ec2:ModifyInstanceAttribute`: the id stands by itself.
pub(super) fn modify_instance(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, instance: &str, attribute: &str, value: Value) {
    let mut params = json!({ "instanceId": instance });
    params[attribute] = value;
    scene.call(actor.call("ec2", "ModifyInstanceAttribute", at_ms).asks(params).gets(json!({ "_return": true })));
}

/// `rds:ModifyDBInstance`; the answer names the database by ARN.
pub(super) fn modify_database(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, database: &str, setting: (&str, Value)) {
    let mut params = json!({ "dBInstanceIdentifier": database, "applyImmediately": true });
    params[setting.0] = setting.1;
    let answer =
        json!({ "dBInstanceIdentifier": database, "dBInstanceArn": database_arn(actor, database), "dBInstanceStatus": "available" });
    scene.call(actor.call("rds", "ModifyDBInstance", at_ms).asks(params).gets(answer));
}

fn database_arn(actor: Actor<'_>, database: &str) -> String {
    format!("arn:aws:rds:{}:{}:db:{database}", actor.region, actor.who.account)
}

/// `rds:StartExportTask`. `sourceArn` is the database's automatic snapshot: AWS exports snapshots and clusters, never instances.
pub(super) fn export_database(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, database: &str, bucket: &str) {
    let task = format!("{database}-export");
    let day = format_rfc3339(at_ms - DAY_MS);
    let source = format!("arn:aws:rds:{}:{}:snapshot:rds:{database}-{}-03-10", actor.region, actor.who.account, &day[..10]);
    let role = format!("arn:aws:iam::{}:role/rds-export", actor.who.account);
    let params = json!({ "exportTaskIdentifier": task, "sourceArn": source, "s3BucketName": bucket, "iamRoleArn": role });
    let answer =
        json!({ "exportTaskIdentifier": task, "sourceArn": source, "sourceType": "SNAPSHOT", "s3Bucket": bucket, "status": "STARTING" });
    scene.call(actor.call("rds", "StartExportTask", at_ms).asks(params).gets(answer));
}

/// `ec2:DeleteFlowLogs`.
pub(super) fn delete_flow_logs(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, flow_log: &str) {
    let params = json!({ "DeleteFlowLogsRequest": { "FlowLogId": { "tag": 1, "content": flow_log } } });
    scene.call(actor.call("ec2", "DeleteFlowLogs", at_ms).asks(params).gets(json!({ "DeleteFlowLogsResponse": { "unsuccessful": "" } })));
}

/// `ec2:AuthorizeSecurityGroupIngress` of one TCP port.
pub(super) fn open_port(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64, group: &str, port: u16, cidr: &str) {
    let ranges = json!({ "items": [{ "cidrIp": cidr }] });
    let item = json!({ "ipProtocol": "tcp", "fromPort": port, "toPort": port, "groups": {}, "ipRanges": ranges, "ipv6Ranges": {}, "prefixListIds": {} });
    let params = json!({ "groupId": group, "ipPermissions": { "items": [item] } });
    scene.call(actor.call("ec2", "AuthorizeSecurityGroupIngress", at_ms).asks(params).gets(json!({ "_return": true })));
}

/// `sts:AssumeRoleWithSAML`: the identity provider lets the actor in; its session stands in `responseElements.assumedRoleUser.arn`.
pub(super) fn let_in_by_provider(scene: &mut Scene<'_>, actor: Actor<'_>, at_ms: i64) {
    let (id, arn) = (actor.who.principal_id(), actor.who.arn().unwrap_or_default());
    let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
    let identity = json!({ "type": "SAMLUser", "principalId": format!("idp:{name}"), "userName": name, "identityProvider": "idp" });
    let role = format!("arn:aws:iam::{}:role/{}", actor.who.account, actor.who.name());
    let call = actor.call("sts", "AssumeRoleWithSAML", at_ms).with("userIdentity", identity);
    let call = call.asks(json!({ "roleArn": role, "roleSessionName": name }));
    scene.call(call.gets(json!({ "assumedRoleUser": { "assumedRoleId": id, "arn": arn }, "subject": name, "subjectType": "persistent" })));
}
