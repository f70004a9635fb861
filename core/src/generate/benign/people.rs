//! Near-misses of people and pipelines: D01, D02, D05, D11, D13, D17, D19, D59, D61.

use crate::generate::moves::{
    Actor, attach_user_policy, console_login, create_access_key, create_user, get_secret, guess_role, harm_key, let_in_by_provider, refused,
};
use crate::generate::principal::Principal;
use crate::generate::scene::Scene;
use crate::generate::tables::PARTNER;
use crate::generate::world::QUIET_OFFICE;

fn fail_then_succeed(scene: &mut Scene<'_>, failures: i64, every_seconds: i64) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "m.rossi");
    let actor = Actor { who: &user, ip: QUIET_OFFICE, region: "us-east-1" };
    for n in 0..failures {
        console_login(scene, actor, scene.after(n * every_seconds), false);
    }
    console_login(scene, actor, scene.after(failures * every_seconds), true);
}

pub(super) fn forgotten_password(scene: &mut Scene<'_>) {
    fail_then_succeed(scene, 9, 50);
}

pub(super) fn slow_fingers(scene: &mut Scene<'_>) {
    scene.start_ms = scene.start_ms.min(scene.end_of_day() - 4 * 3_600_000);
    fail_then_succeed(scene, 12, 900);
}

pub(super) fn shared_office(scene: &mut Scene<'_>) {
    for n in 0..9 {
        let account = scene.account(n as usize % 4);
        let user = Principal::user(&mut scene.draw, account, &format!("person-{n}"));
        let actor = Actor { who: &user, ip: "198.51.100.12", region: "us-east-1" };
        console_login(scene, actor, scene.after(n * 300), false);
    }
}

pub(super) fn office_day(scene: &mut Scene<'_>) {
    let day_ms = scene.end_of_day() - 24 * 3_600_000;
    for n in 0..10 {
        let account = scene.account(n as usize);
        let user = Principal::user(&mut scene.draw, account, &format!("colleague-{n}"));
        let actor = Actor { who: &user, ip: "198.51.100.13", region: "us-east-1" };
        console_login(scene, actor, day_ms + (2 + 2 * n) * 3_600_000, false);
    }
}

pub(super) fn read_only_user(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let terraform = scene.session(account, "terraform-apply", "run-4711");
    let nat = account.nat();
    let actor = Actor { who: &terraform, ip: &nat, region: account.region };
    create_user(scene, actor, scene.after(0), "svc-inventory");
    attach_user_policy(scene, actor, scene.after(4), "svc-inventory", "ReadOnlyAccess");
}

pub(super) fn two_users(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let admin = Principal::user(&mut scene.draw, account, "iam-admin");
    let actor = Actor { who: &admin, ip: QUIET_OFFICE, region: account.region };
    create_user(scene, actor, scene.after(0), "trainee-4");
    attach_user_policy(scene, actor, scene.after(600), "break-glass-1", "AdministratorAccess");
}

pub(super) fn rotation(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "svc-export");
    let nat = account.nat();
    let key = format!("AKIATEST{}", scene.draw.token(12));
    create_access_key(scene, Actor { who: &user, ip: &nat, region: account.region }, scene.after(0), "svc-export", &key);
    let again = user.with_key(&key);
    let actor = Actor { who: &again, ip: &nat, region: account.region };
    scene.call(actor.call("s3", "ListBuckets", scene.after(41 * 60)));
}

/// Calls of somebody who looks at a network for the first time.
const FIRST_LOOK: [&str; 12] = [
    "DescribeInstances",
    "DescribeVolumes",
    "DescribeSnapshots",
    "DescribeVpcs",
    "DescribeSubnets",
    "DescribeImages",
    "DescribeRegions",
    "DescribeAddresses",
    "DescribeKeyPairs",
    "DescribeSecurityGroups",
    "DescribeRouteTables",
    "DescribeNatGateways",
];

pub(super) fn few_refusals(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let user = Principal::user(&mut scene.draw, account, "new-hire");
    let actor = Actor { who: &user, ip: QUIET_OFFICE, region: account.region };
    for n in 0..48 {
        let at_ms = scene.after(n % 24 * 20 + n / 24 * 3600);
        refused(scene, actor, at_ms, "ec2", FIRST_LOOK[n as usize % FIRST_LOOK.len()]);
    }
}

pub(super) fn broken_policy(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let pipeline = scene.session(account, "ci-deploy", "build-8812");
    let nat = account.nat();
    for n in 0..24 {
        let actor = Actor { who: &pipeline, ip: &nat, region: account.region };
        guess_role(scene, actor, scene.after(n * 12), &format!("arn:aws:iam::{}:role/removed", account.id));
    }
}

pub(super) fn managed_service(scene: &mut Scene<'_>) {
    for n in 0..5 {
        let account = scene.account(n as usize);
        let who = scene.session(account, "managed-service", "nightly");
        let actor = Actor { who: &who, ip: PARTNER, region: account.region };
        scene.call(actor.call("ec2", "CreateTags", scene.after(n * 300)));
    }
}

pub(super) fn busy_newcomer(scene: &mut Scene<'_>) {
    let account = scene.account_where(|account| !account.is_classified());
    let user = Principal::user(&mut scene.draw, account, "p.aalto");
    let actor = Actor { who: &user, ip: QUIET_OFFICE, region: account.region };
    for n in 0..24 {
        refused(scene, actor, scene.after(n * 20), "ec2", FIRST_LOOK[n as usize % FIRST_LOOK.len()]);
    }
    for n in 0..19 {
        get_secret(scene, actor, scene.after(1800 + n * 15), &format!("team/settings-{n:02}-Kk4mN{n}"));
    }
    let key = scene.draw.uuid();
    harm_key(scene, actor, scene.after(3300), "ScheduleKeyDeletion", &key);
}

pub(super) fn let_in(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let person = scene.session(account, "Operators", "h.lindqvist@example.com");
    let actor = Actor { who: &person, ip: QUIET_OFFICE, region: "us-east-1" };
    let_in_by_provider(scene, actor, scene.after(0));
    console_login(scene, actor, scene.after(25 * 60), true);
}
