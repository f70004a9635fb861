//! Attacks that carry data away: D22 and D23.

use crate::generate::moves::{Actor, export_database, modify_database, share_snapshot, snapshot_copied};
use crate::generate::principal::Principal;
use crate::generate::scene::Scene;
use serde_json::json;

/// The account of the thief: in no organisation.
const OUTSIDER: &str = "999988887777";

/// D22: a snapshot is shared with an outside account, which copies it 50 minutes later.
pub(super) fn snapshot(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "d.santos");
    let actor = Actor { who: &user, ip: "192.0.2.55", region: account.region };
    let snapshot = account.resource(scene.world, "snap", 40);
    scene.call(actor.call("ec2", "DescribeSnapshots", scene.after(0)).asks(json!({ "ownersSet": { "items": [{ "owner": "self" }] } })));
    share_snapshot(scene, actor, scene.after(45), &snapshot, OUTSIDER);
    snapshot_copied(scene, account.region, &account.id, scene.after(3045), &snapshot, OUTSIDER);
}

/// D23: a database is made public, and exported 25 minutes later.
pub(super) fn database(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "report-export");
    let actor = Actor { who: &user, ip: "192.0.2.61", region: account.region };
    let database = format!("{}-db-1", account.owner);
    modify_database(scene, actor, scene.after(0), &database, ("publiclyAccessible", json!(true)));
    export_database(scene, actor, scene.after(1500), &database, "outside-export-bucket");
}
