//! Attacks on data and its copies: D20, D21, D25, D29.

use crate::generate::moves::{Actor, bucket_call, delete_recovery_point, delete_snapshot, harm_key, object_call};
use crate::generate::principal::Principal;
use crate::generate::scene::Scene;
use crate::generate::world::Account;
use serde_json::json;

/// D20: 36 objects of one bucket are copied over themselves with a customer key in 5 minutes.
pub(super) fn customer_key(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "media-sync");
    let actor = Actor { who: &user, ip: "203.0.113.120", region: account.region };
    for n in 0..36 {
        object_call(scene, actor, scene.after(n * 8), "CopyObject", &account.bucket(0), &format!("records/2026/file-{n:04}.parquet"), true);
    }
}

/// D21: versioning, logging and life cycle are turned against the bucket, then objects go.
pub(super) fn preparation(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "archive-job");
    let actor = Actor { who: &user, ip: "203.0.113.133", region: account.region };
    let bucket = account.bucket(2);
    let versioning = json!({ "xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "Status": "Suspended" });
    bucket_call(scene, actor, scene.after(0), "PutBucketVersioning", &bucket, ("VersioningConfiguration", versioning));
    bucket_call(
        scene,
        actor,
        scene.after(70),
        "PutBucketLogging",
        &bucket,
        ("BucketLoggingStatus", json!({ "xmlns": "http://s3.amazonaws.com/doc/2006-03-01/" })),
    );
    let rule = json!({ "Rule": { "ID": "cleanup", "Status": "Enabled", "Filter": { "Prefix": "" }, "Expiration": { "Days": 1 } } });
    bucket_call(scene, actor, scene.after(180), "PutBucketLifecycle", &bucket, ("LifecycleConfiguration", rule));
    for n in 0..14 {
        object_call(scene, actor, scene.after(600 + n * 45), "DeleteObject", &bucket, &format!("ledger/part-{n:03}.csv"), false);
    }
}

/// D25: recovery points of two other accounts and snapshots of the own one go, by one role session, in 40 minutes.
pub(super) fn backups(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let session = scene.session(account, "backup-operator", "maintenance");
    let actor = Actor { who: &session, ip: "203.0.113.151", region: account.region };
    for n in 0..3 {
        let point = scene.draw.uuid();
        delete_recovery_point(scene, actor, scene.after(n * 190), &scene.account(1 + n as usize % 2).id, &point);
    }
    for n in 0..6 {
        let snapshot = scene.draw.resource("snap");
        delete_snapshot(scene, actor, scene.after(700 + n * 260), &snapshot);
    }
}

/// D29: three keys of an account with classified data are scheduled for deletion, one is disabled.
pub(super) fn keys(scene: &mut Scene<'_>) {
    let account = scene.account_where(Account::is_classified);
    let user = Principal::user(&mut scene.draw, account, "k.lind");
    let actor = Actor { who: &user, ip: "203.0.113.160", region: account.region };
    for n in 0..4 {
        let key = scene.draw.uuid();
        harm_key(scene, actor, scene.after(n * 430), if n == 1 { "DisableKey" } else { "ScheduleKeyDeletion" }, &key);
    }
}
