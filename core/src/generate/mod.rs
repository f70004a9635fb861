//! The synthetic organisation: accounts, people, machines, a day of their findings, trails and flow logs, with attacks seeded in them
//! and the truth beside.
//!
//! Owns what `tidegate generate` and `tidegate demo` put in: files in AWS's own formats and layouts, as bytes. Never sees a decoder, a
//! rule or an engine, so that it cannot be bent towards them; never reads a clock or writes a file. Everything follows from
//! [`Plan`]: the same settings give the same bytes on every machine.
//!
//! Limits: one day is held in memory at a time (about 160 MB by default); at most 65,536 accounts have addresses of their own; flow
//! logs come in the default 14 columns only, because header-less lines cannot say that they have others.
//!
//! # Files
//!
//! | path | content |
//! |---|---|
//! | `AWSLogs/<administrator>/GuardDuty/<region>/<yyyy>/<mm>/<dd>/<uuid>.jsonl.gz` | finding revisions of all members, shuffled, some twice |
//! | `AWSLogs/<o-id>/<account>/CloudTrail/<region>/<yyyy>/<mm>/<dd>/*.json.gz` | `{"Records":[...]}`, shuffled; a second file holds copies |
//! | `flowlogs/<shard>/<day>-<n>.gz` | `CloudWatch` Logs batches as drained from a stream; `NODATA`, `SKIPDATA`, a control message |
//! | `tables/accounts.csv` | `id,name,ou,environment,owner,data_class,tags`; one account is a decoy (`decoy=true`) |
//! | `tables/networks.csv` | `cidr,name,kind`: 10/8, offices, the scanner, a resolver, a partner, the accounts' NAT addresses |
//! | `tables/intel.csv` | `indicator,type,source,category,expires`: what some attacks use, and entries that must stay silent |
//! | `truth.json` | [`Truth`] |
//!
//! # Addresses
//!
//! Attackers 192.0.2.0/24 and 203.0.113.0/24; offices 198.51.100.0/28 (scanner .9), a partner 198.51.100.64/28; NAT gateways 198.18.0.0/16; the rest of the
//! Internet 198.19.0.0/16; everything inside 10/8. Outside account of D22: 999988887777. Keys are `AKIATEST...` and `ASIATEST...`.
//!
//! # What rule authors can rely on
//!
//! `P` is `userIdentity.arn` (the same for all events of the attack), `A` is `recipientAccountId`. All calls but refusals succeed
//! (no `errorCode`). Findings are neither archived nor samples. A quarter of the records come twice with one id.
//!
//! | entry | events and fields |
//! |---|---|
//! | D01 | `signin.amazonaws.com` `ConsoleLogin`, `eventType` `AwsConsoleSignIn`, `responseElements.ConsoleLogin` `Failure` ×12 then `Success`; `userIdentity.userName` and `sourceIPAddress` in all; failures have no `userIdentity.arn` |
//! | D02 | the same `Failure`; one `sourceIPAddress`; 9 `recipientAccountId`; 18 sign-ins |
//! | D06 | finding `UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS`; `resource.accessKeyDetails.{accessKeyId, principalId = AROA...:i-..., userName = role}`; `service.action.awsApiCallAction.remoteIpDetails.ipAddressV4` |
//! | D26 | `secretsmanager.amazonaws.com` `GetSecretValue`, `requestParameters.secretId` (28 ARNs); one `P`, its `userIdentity.accessKeyId` and `sourceIPAddress` are those of the D06 finding |
//! | D11 | `iam.amazonaws.com` `CreateUser`, `CreateAccessKey`, `AttachUserPolicy`; target `requestParameters.userName`; `requestParameters.policyArn` ends in `/AdministratorAccess` |
//! | D13 | `CreateAccessKey` `responseElements.accessKey.accessKeyId` = `userIdentity.accessKeyId` of the calls 4 minutes later |
//! | D17 | `errorCode` `AccessDenied`, `AccessDeniedException` or `Client.UnauthorizedOperation` ×44, 14 `eventName`; one `P` |
//! | D18 | `ec2.amazonaws.com` `AuthorizeSecurityGroupIngress`, `requestParameters.ipPermissions.items[].{fromPort 22, ipRanges.items[].cidrIp 0.0.0.0/0}`; 6 minutes later flows ACCEPT from the caller's address to `dstport` 22 of the same account |
//! | D19 | `iam.amazonaws.com` `UpdateAssumeRolePolicy`, `errorCode` `MalformedPolicyDocumentException` ×30; one `P`, one address |
//! | D20 | `s3.amazonaws.com` `CopyObject`, `requestParameters.bucketName`, `requestParameters.x-amz-server-side-encryption-customer-algorithm` `AES256`, `additionalEventData.SSEApplied` `SSE_C` ×36; `eventCategory` `Data` |
//! | D21 | `PutBucketVersioning` `requestParameters.VersioningConfiguration.Status` `Suspended`; `PutBucketLogging` with a `BucketLoggingStatus` that has no `LoggingEnabled`; `PutBucketLifecycle` `LifecycleConfiguration.Rule.Expiration.Days` 1; then `DeleteObject` ×14; one `requestParameters.bucketName`, one `P` |
//! | D22 | `ec2.amazonaws.com` `ModifySnapshotAttribute` `requestParameters.{snapshotId, attributeType, createVolumePermission.add.items[].userId}`; `SharedSnapshotCopyInitiated`, `eventType` `AwsServiceEvent`, `serviceEventDetails.snapshotId`, `userIdentity.accountId` = who copies, no ARN |
//! | D23 | `rds.amazonaws.com` `ModifyDBInstance` `requestParameters.{dBInstanceIdentifier, publiclyAccessible = true}`, `responseElements.dBInstanceArn`; `StartExportTask` `requestParameters.sourceArn` = the ARN of a snapshot of it; one `P`, one `A` |
//! | D25 | `backup.amazonaws.com` `DeleteRecoveryPoint` ×3 in two other accounts, `ec2.amazonaws.com` `DeleteSnapshot` ×6 in the own one; one `P` over three `A` |
//! | D29 | `kms.amazonaws.com` `ScheduleKeyDeletion` ×3, `DisableKey` ×1, `requestParameters.keyId` (ARNs), in a production account with health or card data |
//! | D34 | `ModifyInstanceAttribute` `requestParameters.disableApiTermination.value` true, 5 `requestParameters.instanceId` |
//! | D35 | `StopInstances`, `StartInstances` `requestParameters.instancesSet.items[].instanceId`; `ModifyInstanceAttribute` `requestParameters.{instanceId, userData}` |
//! | D40 | flows with `action` REJECT, `packets` 1, TCP: one `srcaddr`, 240 `dstport` of one `dstaddr` within 48 s; then `dstport` 22 of 140 `dstaddr` within 7 minutes |
//! | D49 | flows ACCEPT, `srcaddr` in 10/8, one `dstaddr` outside, 9 GiB of `bytes` in 50 records (no `flow-direction` in version 2) |
//! | D50 | findings `Execution:Runtime/ReverseShell`, then `PrivilegeEscalation:Runtime/DockerSocketAccessed` 18 minutes later (a second revision each); equal `resource.instanceDetails.instanceId` and `resource.containerDetails.id` |
//! | D52b | `Execution:EC2/MaliciousFile` ×2, `Execution:ECS/MaliciousFile`, `Object:S3/MaliciousFile` in 4 `accountId`; equal `service.evidence.threatIntelligenceDetails[].threatFileSha256` (also in `ebsVolumeScanDetails...filePaths[].hash` or `resource.s3BucketDetails[].s3ObjectDetails[].hash`) |
//! | D56 | `cloudtrail.amazonaws.com` `StopLogging`, `DeleteTrail`, `guardduty.amazonaws.com` `DeleteDetector`; one `P`. Apart from it `ec2.amazonaws.com` `DeleteFlowLogs` (`requestParameters.DeleteFlowLogsRequest.FlowLogId.content`) and no `DeleteVpc` |
//! | D57 | `organizations.amazonaws.com` `LeaveOrganization` |
//! | D51 | finding `Execution:Runtime/ReverseShell` on `resource.instanceDetails.instanceId`; then `GetCallerIdentity`, `ListRoles`, `ListBuckets`, `ListSecrets` by the session of that name |
//! | D58 | four calls, two of them refused, in the account tagged `decoy=true` |
//! | D59 | one `P`: 44 refusals (D17), 24 secrets (D26), `StopLogging` (D56) within 100 minutes |
//! | D60 | finding `AttackSequence:IAM/CompromisedCredentials`, `service.detection.sequence.endpoints[].ip`; that address makes users in 4 other accounts within 40 minutes (D05) |
//! | D61 | `ConsoleLogin` `Success`, `userIdentity.type` `AssumedRole`, no `AssumeRoleWithSAML` before |
//! | intel | flows ACCEPT from 10/8 to 203.0.113.199 every 3 minutes for 75 minutes |
//! | finding | `AttackSequence:IAM/CompromisedCredentials`, severity 9, `service.detection.sequence`; its two signals are findings of severity 2 and 5 |
//!
//! Some attacks rightly satisfy another entry too: D02's and D25's address acts in three accounts or more (D05), addresses
//! and targets of D06, D49 and D60 are in the table of intelligence, the loud findings of D06, D50, D51 and D52b are alerts by themselves. The noise holds exactly three High findings that nobody archived.
//!
//! # Near-misses
//!
//! [`near_misses`] lists them, at least one for each entry above. They hold for thresholds at or above the catalogue's defaults, and
//! for keys as the catalogue has them; D02's expect that a window does not span accounts of a whole day.

mod action;
mod attack;
mod benign;
mod draw;
mod dress;
mod file;
mod finding;
mod flow;
mod kinds;
mod moves;
mod noise;
mod plan;
mod principal;
mod resource;
mod scene;
mod stage;
mod tables;
#[cfg(test)]
mod tests;
mod trail;
mod truth;
mod world;

pub use benign::{NearMiss, near_misses};
pub use file::File;
pub use plan::{ACCOUNTS_MIN, ATTACK_KINDS, AttackKind, Plan};
pub use truth::{SeededAttack, Truth};

use scene::{Scene, day_of};
use stage::Stage;
use world::World;

/// Writes the whole organisation, file by file, and returns the truth about it. The last files are `tables/accounts.csv`,
/// `tables/networks.csv`, `tables/intel.csv` and `truth.json`.
pub fn organisation(plan: &Plan, emit: &mut dyn FnMut(File)) -> Truth {
    let world = World::new(plan);
    let mut truth = Truth::default();
    for day in 0..world.days {
        let mut stage = Stage::default();
        noise::day(plan, &world, day, &mut stage);
        play_near_misses(&world, day, &mut stage);
        play_attacks(plan, &world, day, &mut stage, &mut truth);
        stage.flush(&world, day, emit);
    }
    truth.attacks.sort_by(|a, b| a.id.cmp(&b.id));
    emit(File::plain("tables/accounts.csv", tables::accounts_csv(&world)));
    emit(File::plain("tables/networks.csv", tables::networks_csv()));
    emit(File::plain("tables/intel.csv", tables::intel_csv(&world)));
    emit(File::plain("truth.json", serde_json::to_vec_pretty(&truth).unwrap_or_default()));
    truth
}

fn play_near_misses(world: &World, day: u32, stage: &mut Stage) {
    for (number, near_miss) in near_misses().iter().enumerate().filter(|(number, _)| day_of(world, *number) == day) {
        (near_miss.play)(&mut Scene::near_miss(world, number, stage));
    }
}

fn play_attacks(plan: &Plan, world: &World, day: u32, stage: &mut Stage, truth: &mut Truth) {
    for kind in ATTACK_KINDS.into_iter().filter(|kind| plan.attacks.contains(kind) && day_of(world, kind.ordinal()) == day) {
        let mut told = SeededAttack::new(kind);
        attack::play(kind, &mut Scene::attack(world, kind.ordinal(), stage, &mut told));
        truth.attacks.push(told);
    }
}
