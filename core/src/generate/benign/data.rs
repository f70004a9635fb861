//! Near-misses around data: D20 to D29.

use crate::generate::moves::{
    Actor, bucket_call, delete_snapshot, export_database, get_secret, harm_key, modify_database, object_call, share_snapshot,
    snapshot_copied,
};
use crate::generate::principal::Principal;
use crate::generate::scene::Scene;
use crate::generate::world::QUIET_OFFICE;
use serde_json::json;

fn workload(scene: &mut Scene<'_>, role: &str) -> (Principal, String) {
    let account = scene.account(0);
    (scene.session(account, role, "session"), account.nat())
}

pub(super) fn start_up_secrets(scene: &mut Scene<'_>) {
    let (who, ip) = workload(scene, "gateway-task");
    for n in 0..19 {
        let actor = Actor { who: &who, ip: &ip, region: scene.account(0).region };
        get_secret(scene, actor, scene.after(n * 14), &format!("gateway/tenant-{n:02}-Zz9yX{n}"));
    }
}

pub(super) fn one_secret_often(scene: &mut Scene<'_>) {
    let (who, ip) = workload(scene, "poller-task");
    for n in 0..60 {
        let actor = Actor { who: &who, ip: &ip, region: scene.account(0).region };
        get_secret(scene, actor, scene.after(n * 5), "poller/token-Qw2eR5");
    }
}

pub(super) fn customer_key_tool(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    for n in 0..38 {
        // One tool a bucket: nineteen copies each, by two sessions.
        let (who, ip) = (scene.session(account, &format!("vault-sync-{}", n / 19), "job"), account.nat());
        let actor = Actor { who: &who, ip: &ip, region: account.region };
        let bucket = account.bucket(n / 19);
        object_call(scene, actor, scene.after(i64::from(n % 19) * 15), "CopyObject", &bucket, &format!("sealed/{n:03}.bin"), true);
    }
}

pub(super) fn migration(scene: &mut Scene<'_>) {
    let (who, ip) = workload(scene, "bucket-migration");
    let account = scene.account(0);
    for n in 0..200 {
        let actor = Actor { who: &who, ip: &ip, region: account.region };
        object_call(scene, actor, scene.after(n * 3 / 2), "CopyObject", &account.bucket(1), &format!("media/{n:05}.mp4"), false);
    }
}

pub(super) fn clean_up(scene: &mut Scene<'_>) {
    let (who, ip) = workload(scene, "retention-job");
    let account = scene.account(0);
    let actor = Actor { who: &who, ip: &ip, region: account.region };
    let enabled = json!({ "xmlns": "http://s3.amazonaws.com/doc/2006-03-01/", "Status": "Enabled" });
    bucket_call(scene, actor, scene.after(0), "PutBucketVersioning", &account.bucket(3), ("VersioningConfiguration", enabled));
    for n in 0..14 {
        object_call(scene, actor, scene.after(120 + n * 30), "DeleteObject", &account.bucket(3), &format!("tmp/{n}.json"), false);
    }
}

pub(super) fn shared_inside(scene: &mut Scene<'_>) {
    let (who, ip) = workload(scene, "image-factory");
    let account = scene.account(0);
    let snapshot = account.resource(scene.world, "snap", 1);
    let actor = Actor { who: &who, ip: &ip, region: account.region };
    share_snapshot(scene, actor, scene.after(0), &snapshot, &scene.account(1).id);
}

pub(super) fn other_snapshot(scene: &mut Scene<'_>) {
    let (who, ip) = workload(scene, "image-factory");
    let account = scene.account(0);
    let (first, second) = (account.resource(scene.world, "snap", 2), account.resource(scene.world, "snap", 3));
    let actor = Actor { who: &who, ip: &ip, region: account.region };
    share_snapshot(scene, actor, scene.after(0), &first, &scene.account(1).id);
    snapshot_copied(scene, account.region, &account.id, scene.after(1200), &second, &scene.account(2).id);
}

pub(super) fn two_databases(scene: &mut Scene<'_>) {
    let (who, ip) = workload(scene, "sandbox-owner");
    let actor = Actor { who: &who, ip: &ip, region: scene.account(0).region };
    modify_database(scene, actor, scene.after(0), "trial-db", ("publiclyAccessible", json!(true)));
    let other = scene.account(1);
    let exporter = scene.session(other, "reporting", "session");
    let nat = other.nat();
    let actor = Actor { who: &exporter, ip: &nat, region: other.region };
    modify_database(scene, actor, scene.after(300), "reporting-db", ("backupRetentionPeriod", json!(14)));
    export_database(scene, actor, scene.after(900), "reporting-db", "reports-archive");
}

pub(super) fn late_export(scene: &mut Scene<'_>) {
    let (who, ip) = workload(scene, "data-migration");
    let actor = Actor { who: &who, ip: &ip, region: scene.account(0).region };
    modify_database(scene, actor, scene.after(0), "moving-db", ("publiclyAccessible", json!(true)));
    modify_database(scene, actor, scene.after(600), "moving-db", ("publiclyAccessible", json!(false)));
    export_database(scene, actor, scene.after(75 * 60), "moving-db", "migration-archive");
}

pub(super) fn expiry(scene: &mut Scene<'_>) {
    for j in 0..3 {
        let account = scene.account(j);
        let who = scene.session(account, "AWSDataLifecycleManagerDefaultRole", "dlm");
        for n in 0..4 {
            let snapshot = account.resource(scene.world, "snap", 10 + n);
            let actor = Actor { who: &who, ip: "dlm.amazonaws.com", region: account.region };
            delete_snapshot(scene, actor, scene.after(i64::from(n) * 400), &snapshot);
        }
    }
}

pub(super) fn old_keys(scene: &mut Scene<'_>) {
    let account = scene.account_where(|account| !account.is_classified());
    for name in ["a.keller", "b.nowak"] {
        let who = Principal::user(&mut scene.draw, account, name);
        let key = scene.draw.uuid();
        let at_ms = scene.after(if name == "a.keller" { 0 } else { 1200 });
        harm_key(scene, Actor { who: &who, ip: QUIET_OFFICE, region: account.region }, at_ms, "ScheduleKeyDeletion", &key);
    }
}
