//! Near-misses of hosts, containers, tools and the estate itself: D06, D17, D34, D35, D50, D51, D52b, D56, D57, D58, D60, findings.

use crate::generate::dress;
use crate::generate::kinds;
use crate::generate::moves::{Actor, delete_flow_logs, modify_instance, switch_instance};
use crate::generate::principal::Principal;
use crate::generate::resource;
use crate::generate::scene::Scene;
use crate::generate::trail::Call;
use crate::generate::world::SCANNER;
use serde_json::{Value, json};

/// SHA-256 of nothing.
const EMPTY_HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub(super) fn sample_exfiltration(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let kind = kinds::find("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS");
    let mut finding = scene.found(account, kind, 99, scene.after(0));
    finding.sample = true;
    scene.finding(&finding);
}

pub(super) fn posture_scanner(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let who = scene.session(account, "posture-scanner", "nightly");
    const ANSWERS: [(&str, &str); 4] = [
        ("GetBucketPolicy", "NoSuchBucketPolicy"),
        ("GetBucketPublicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
        ("GetBucketLifecycle", "NoSuchLifecycleConfiguration"),
        ("GetBucketTagging", "NoSuchTagSet"),
    ];
    for n in 0..60i64 {
        let (name, code) = ANSWERS[n as usize % ANSWERS.len()];
        let bucket = account.bucket(n as u32 / 4 % 6);
        let call = Call::new(&who, account.region, "s3", name).at(scene.after(n * 7)).from(SCANNER);
        scene.call(call.asks(json!({ "bucketName": bucket })).fails(code, "The bucket has no such setting"));
    }
}

fn operator(scene: &mut Scene<'_>) -> (Principal, String) {
    let account = scene.account(0);
    (scene.session(account, "terraform-apply", "run-5120"), account.nat())
}

pub(super) fn protection(scene: &mut Scene<'_>) {
    let (who, ip) = operator(scene);
    let account = scene.account(0);
    for n in 0..5 {
        let instance = account.resource(scene.world, "i", 30 + n);
        let actor = Actor { who: &who, ip: &ip, region: account.region };
        let value = json!({ "value": n < 2 });
        modify_instance(scene, actor, scene.after(i64::from(n) * 60), &instance, "disableApiTermination", value);
    }
}

fn stop_change_start(scene: &mut Scene<'_>, attribute: &str, value: Value, at_s: [i64; 3]) {
    let (who, ip) = operator(scene);
    let account = scene.account(0);
    let instance = account.resource(scene.world, "i", 4);
    let actor = Actor { who: &who, ip: &ip, region: account.region };
    switch_instance(scene, actor, scene.after(at_s[0]), "StopInstances", &instance);
    modify_instance(scene, actor, scene.after(at_s[1]), &instance, attribute, value);
    switch_instance(scene, actor, scene.after(at_s[2]), "StartInstances", &instance);
}

pub(super) fn slow_user_data(scene: &mut Scene<'_>) {
    stop_change_start(scene, "userData", json!("<sensitiveDataRemoved>"), [0, 900, 1620]);
}

pub(super) fn resize(scene: &mut Scene<'_>) {
    stop_change_start(scene, "instanceType", json!({ "value": "m7g.xlarge" }), [0, 240, 600]);
}

fn runtime_finding(scene: &mut Scene<'_>, name: &str, n: u32, seconds: i64) {
    let account = scene.account(0);
    let mut finding = scene.found(account, kinds::find(name), n, scene.after(seconds));
    finding.resource = resource::container(scene.world, account, n);
    finding.severity_tenths = 50;
    scene.finding(&finding);
}

pub(super) fn two_hosts(scene: &mut Scene<'_>) {
    runtime_finding(scene, "Execution:Runtime/SuspiciousCommand", 2, 0);
    runtime_finding(scene, "PrivilegeEscalation:Runtime/DockerSocketAccessed", 4, 900);
}

pub(super) fn slow_breakout(scene: &mut Scene<'_>) {
    scene.start_ms = scene.start_ms.min(scene.end_of_day() - 4 * 3_600_000);
    runtime_finding(scene, "Execution:Runtime/NewBinaryExecuted", 6, 0);
    runtime_finding(scene, "PrivilegeEscalation:Runtime/DockerSocketAccessed", 6, 3 * 3600);
}

pub(super) fn empty_hash(scene: &mut Scene<'_>) {
    let own = scene.draw.hex(64);
    for n in 0..6u32 {
        let (account, hash) = if n < 4 { (scene.account(n as usize), EMPTY_HASH) } else { (scene.account(5), own.as_str()) };
        let kind = kinds::find("Execution:EC2/MaliciousFile");
        let mut finding = scene.found(account, kind, n, scene.after(i64::from(n) * 300));
        dress::malware(&mut finding, scene.world, n, hash);
        finding.severity_tenths = 20;
        scene.finding(&finding);
    }
}

pub(super) fn teardown(scene: &mut Scene<'_>) {
    let (who, ip) = operator(scene);
    let account = scene.account(0);
    let actor = Actor { who: &who, ip: &ip, region: account.region };
    let (flow_log, vpc) = (account.resource(scene.world, "fl", 1), account.resource(scene.world, "vpc", 1));
    scene.call(actor.call("cloudtrail", "GetTrailStatus", scene.after(0)));
    delete_flow_logs(scene, actor, scene.after(60), &flow_log);
    scene.call(actor.call("ec2", "DeleteSubnet", scene.after(180)).asks(json!({ "subnetId": account.resource(scene.world, "subnet", 5) })));
    scene.call(actor.call("ec2", "DeleteVpc", scene.after(420)).asks(json!({ "vpcId": vpc })));
}

pub(super) fn new_accounts(scene: &mut Scene<'_>) {
    let account = &scene.world.accounts[0];
    let who = scene.session(account, "account-factory", "factory");
    let actor = Actor { who: &who, ip: "198.51.100.1", region: account.region };
    scene.call(actor.call("organizations", "DescribeOrganization", scene.after(0)));
    let mail = json!({ "accountName": "research-dev-new", "email": "<sensitiveDataRemoved>" });
    scene.call(actor.call("organizations", "CreateAccount", scene.after(20)).asks(mail));
    let moved = json!({ "accountId": scene.account(0).id, "sourceParentId": "r-test", "destinationParentId": "ou-test-dev00001" });
    scene.call(actor.call("organizations", "MoveAccount", scene.after(300)).asks(moved));
}

pub(super) fn archived_sequence(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let kind = kinds::find("AttackSequence:S3/CompromisedData");
    let mut finding = scene.found(account, kind, 1, scene.after(0));
    finding.archived = true;
    scene.finding(&finding);
}

pub(super) fn busy_host(scene: &mut Scene<'_>) {
    let (account, n) = (scene.account(0), 9);
    let finding = scene.found(account, kinds::find("Execution:Runtime/SuspiciousCommand"), n, scene.after(0));
    scene.finding(&finding);
    let instance = account.resource(scene.world, "i", n);
    let (session, nat) = (scene.session(account, "app-role-9", &instance), account.nat());
    let actor = Actor { who: &session, ip: &nat, region: account.region };
    for at in 0..12 {
        let (service, name) = [("kms", "Decrypt"), ("sts", "AssumeRole"), ("s3", "GetBucketVersioning")][at as usize % 3];
        scene.call(actor.call(service, name, scene.after(300 + at * 60)));
    }
}

pub(super) fn decoy_scanned(scene: &mut Scene<'_>) {
    let account = scene.world.decoy();
    let who = scene.session(account, "posture-scanner", "hourly");
    let scanner = Actor { who: &who, ip: SCANNER, region: account.region };
    scene.call(scanner.call("s3", "ListBuckets", scene.after(0)));
    scene.call(scanner.call("ec2", "DescribeSnapshots", scene.after(40)));
    let config = Actor { who: &who, ip: "config.amazonaws.com", region: account.region };
    scene.call(config.call("iam", "ListRoles", scene.after(600)));
}

pub(super) fn archived_spread(scene: &mut Scene<'_>) {
    let (account, ip) = (scene.account(0), "203.0.113.31");
    let user = Principal::user(&mut scene.draw, account, "pen-test");
    let mut finding = scene.found(account, kinds::find("AttackSequence:IAM/CompromisedCredentials"), 3, scene.after(0));
    dress::compromised(&mut finding, &user, ip, &[]);
    finding.archived = true;
    scene.finding(&finding);
    let other = scene.account(1);
    let user = Principal::user(&mut scene.draw, other, "pen-test");
    let actor = Actor { who: &user, ip, region: other.region };
    scene.call(actor.call("ec2", "CreateTags", scene.after(1800)));
}
