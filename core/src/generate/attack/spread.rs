//! Attacks that no single rule sees whole: D59 and D60.

use super::{evasion, guessing};
use crate::generate::moves::{Actor, create_user, get_secret};
use crate::generate::principal::Principal;
use crate::generate::scene::Scene;
use serde_json::json;

/// D59: one user guesses permissions, sweeps secrets and stops the trail within 100 minutes.
pub(super) fn many_tactics(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "t.novak");
    let actor = Actor { who: &user, ip: "203.0.113.97", region: account.region };
    guessing::refusals(scene, actor);
    for n in 0..24 {
        get_secret(scene, actor, scene.after(3600 + n * 11), &format!("{}/store-{n:02}-Hq7Lw{n}", account.environment));
    }
    let trail = format!("arn:aws:cloudtrail:{}:{}:trail/local-trail", account.region, account.id);
    scene.call(actor.call("cloudtrail", "StopLogging", scene.after(5900)).asks(json!({ "name": trail })));
}

/// D60: a sequence in one account; its address makes users in four others.
pub(super) fn sequence(scene: &mut Scene<'_>) {
    let ip = "203.0.113.236";
    evasion::reported_sequence(scene, "release-bot", ip);
    for n in 1..5 {
        let account = scene.account(n as usize);
        let user = Principal::user(&mut scene.draw, account, "release-bot");
        let actor = Actor { who: &user, ip, region: account.region };
        scene.call(actor.call("sts", "GetCallerIdentity", scene.after(2400 + n * 540)));
        create_user(scene, actor, scene.after(2430 + n * 540), "svc-metrics");
    }
}
