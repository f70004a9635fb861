//! Attacks on instances: D34 and D35.

use crate::event::time::HOUR_MS;
use crate::generate::moves::{Actor, modify_instance, switch_instance};
use crate::generate::principal::Principal;
use crate::generate::scene::Scene;
use serde_json::json;

/// D34: five instances get termination protection in 8 minutes.
pub(super) fn hard_to_stop(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "lab-user");
    let actor = Actor { who: &user, ip: "192.0.2.170", region: account.region };
    for n in 0..5 {
        let instance = account.resource(scene.world, "i", 50 + n);
        modify_instance(scene, actor, scene.after(i64::from(n) * 100), &instance, "disableApiTermination", json!({ "value": true }));
    }
}

/// D35: one instance is stopped before the full hour and started with other user data after it.
pub(super) fn user_data(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "ops-temp");
    let actor = Actor { who: &user, ip: "192.0.2.181", region: account.region };
    let instance = account.resource(scene.world, "i", 7);
    let hour_ms = scene.start_ms.div_euclid(HOUR_MS) * HOUR_MS + HOUR_MS;
    switch_instance(scene, actor, hour_ms - 4 * 60_000, "StopInstances", &instance);
    modify_instance(scene, actor, hour_ms + 2 * 60_000, &instance, "userData", json!("<sensitiveDataRemoved>"));
    switch_instance(scene, actor, hour_ms + 10 * 60_000, "StartInstances", &instance);
}
