//! Attacks that guess: D17 and D19.

use crate::generate::moves::{Actor, guess_role, refused};
use crate::generate::principal::Principal;
use crate::generate::scene::Scene;

const CALLS: [(&str, &str); 14] = [
    ("iam", "ListUsers"),
    ("iam", "ListRoles"),
    ("iam", "GetAccountAuthorizationDetails"),
    ("s3", "ListBuckets"),
    ("ec2", "DescribeInstances"),
    ("ec2", "DescribeSnapshots"),
    ("rds", "DescribeDBInstances"),
    ("lambda", "ListFunctions20150331"),
    ("secretsmanager", "ListSecrets"),
    ("kms", "ListKeys"),
    ("dynamodb", "ListTables"),
    ("organizations", "ListAccounts"),
    ("cloudtrail", "DescribeTrails"),
    ("guardduty", "ListDetectors"),
];

/// D17: 44 refusals over 14 calls in 8 minutes.
pub(super) fn permissions(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "build-uploader");
    let actor = Actor { who: &user, ip: "192.0.2.140", region: account.region };
    refusals(scene, actor);
}

/// 44 refusals over 14 calls in 8 minutes.
pub(super) fn refusals(scene: &mut Scene<'_>, actor: Actor<'_>) {
    for n in 0..44 {
        let (service, name) = CALLS[n as usize % CALLS.len()];
        refused(scene, actor, scene.after(n * 11), service, name);
    }
}

/// D19: 30 trust policies that name roles of another account, in 5 minutes.
pub(super) fn roles(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "sandbox-admin");
    let actor = Actor { who: &user, ip: "192.0.2.201", region: account.region };
    for n in 0..30 {
        let guess = format!("arn:aws:iam::{}:role/guess-{n:02}", scene.account(1).id);
        guess_role(scene, actor, scene.after(n * 9), &guess);
    }
}
