//! Attacks on the watchers, the decoy, and the sequence `GuardDuty` tells by itself: D56, D57, D58, finding.

use crate::generate::dress;
use crate::generate::kinds;
use crate::generate::moves::{Actor, delete_flow_logs, refused};
use crate::generate::principal::Principal;
use crate::generate::scene::Scene;
use serde_json::json;

/// D56: logging stops, the trail and the detector go, in 7 minutes.
pub(super) fn logging(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "t.brandt");
    let actor = Actor { who: &user, ip: "203.0.113.205", region: account.region };
    let trail = format!("arn:aws:cloudtrail:{}:{}:trail/local-trail", account.region, account.id);
    scene.call(actor.call("cloudtrail", "StopLogging", scene.after(0)).asks(json!({ "name": trail })));
    scene.call(actor.call("cloudtrail", "DeleteTrail", scene.after(160)).asks(json!({ "name": trail })));
    scene.call(actor.call("guardduty", "DeleteDetector", scene.after(400)).asks(json!({ "detectorId": account.detector(scene.world) })));
}

/// D56: flow logs go, and no VPC goes after them.
pub(super) fn flow_logs(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "net-admin-2");
    let actor = Actor { who: &user, ip: "203.0.113.211", region: account.region };
    let flow_log = account.resource(scene.world, "fl", 0);
    scene.call(actor.call("ec2", "DescribeFlowLogs", scene.after(0)));
    delete_flow_logs(scene, actor, scene.after(95), &flow_log);
}

/// D57: a member account leaves.
pub(super) fn leave(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "owner-temp");
    let actor = Actor { who: &user, ip: "203.0.113.214", region: account.region };
    scene.call(actor.call("organizations", "DescribeOrganization", scene.after(0)));
    scene.call(actor.call("organizations", "LeaveOrganization", scene.after(130)));
}

/// D58: somebody looks around in the account that exists only to be found.
pub(super) fn decoy(scene: &mut Scene<'_>) {
    let account = scene.world.decoy();
    let user = Principal::user(&mut scene.draw, account, "svc-archive");
    let actor = Actor { who: &user, ip: "203.0.113.94", region: account.region };
    scene.call(actor.call("sts", "GetCallerIdentity", scene.after(0)));
    scene.call(actor.call("s3", "ListBuckets", scene.after(25)));
    refused(scene, actor, scene.after(70), "iam", "ListUsers");
    refused(scene, actor, scene.after(110), "secretsmanager", "ListSecrets");
}

/// A critical attack sequence, after the two findings that are its signals.
pub(super) fn sequence(scene: &mut Scene<'_>) {
    reported_sequence(scene, "deploy-old", "203.0.113.230");
}

/// What `GuardDuty` reports of a user in the first account of the scene: two signals, then their sequence.
pub(super) fn reported_sequence(scene: &mut Scene<'_>, user: &str, ip: &str) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, user);
    let mut signals = Vec::new();
    for (n, name) in ["Discovery:IAMUser/AnomalousBehavior", "Persistence:IAMUser/AnomalousBehavior"].into_iter().enumerate() {
        let at_ms = scene.after(n as i64 * 1500);
        let mut signal = scene.found(account, kinds::find(name), 2, at_ms);
        dress::called_by(&mut signal, &user, ip, 2);
        scene.finding(&signal);
        signals.push((signal.id.clone(), at_ms));
    }
    let kind = kinds::find("AttackSequence:IAM/CompromisedCredentials");
    let mut finding = scene.found(account, kind, 2, scene.after(2400));
    let named: Vec<(&str, i64)> = signals.iter().map(|(id, at_ms)| (id.as_str(), *at_ms)).collect();
    dress::compromised(&mut finding, &user, ip, &named);
    scene.finding(&finding);
}
