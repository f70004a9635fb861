//! Attacks on console sign-in: D01 and D02.

use crate::generate::moves::{Actor, console_login};
use crate::generate::principal::Principal;
use crate::generate::scene::Scene;

/// D01: 12 failures of one user in 8 minutes, then success.
pub(super) fn brute_force(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "r.meyer");
    let actor = Actor { who: &user, ip: "203.0.113.17", region: "us-east-1" };
    for n in 0..12 {
        console_login(scene, actor, scene.after(n * 40), false);
    }
    console_login(scene, actor, scene.after(8 * 60 + 25), true);
}

/// D02: two users in each of 9 accounts fail from one address within 30 minutes.
pub(super) fn spray(scene: &mut Scene<'_>) {
    for n in 0..18 {
        let account = scene.account(n as usize % 9);
        let user = Principal::user(&mut scene.draw, account, ["admin", "backup"][n as usize / 9]);
        let actor = Actor { who: &user, ip: "203.0.113.66", region: "us-east-1" };
        console_login(scene, actor, scene.after(n * 95), false);
    }
}
