//! Attacks on identities and credentials: D06 with D26, D11, D13, D61.

use crate::generate::dress;
use crate::generate::kinds;
use crate::generate::moves::{Actor, attach_user_policy, console_login, create_access_key, create_user, get_secret};
use crate::generate::principal::Principal;
use crate::generate::scene::Scene;
use serde_json::json;

/// D06, D26: the credentials of an instance are used outside AWS; the same session reads 28 secrets in 5 minutes.
pub(super) fn stolen_instance_credentials(scene: &mut Scene<'_>) {
    let (account, ip) = (scene.account(0), "203.0.113.41");
    let instance = account.resource(scene.world, "i", 3);
    let session = scene.session(account, "app-role-3", &instance);
    let kind = kinds::find("UnauthorizedAccess:IAMUser/InstanceCredentialExfiltration.OutsideAWS");
    let mut finding = scene.found(account, kind, 3, scene.after(0));
    dress::called_by(&mut finding, &session, ip, 3);
    scene.finding(&finding);
    let actor = Actor { who: &session, ip, region: account.region };
    scene.call(actor.call("sts", "GetCallerIdentity", scene.after(120)));
    scene.call(actor.call("secretsmanager", "ListSecrets", scene.after(150)).asks(json!({ "maxResults": 100 })));
    for n in 0..28 {
        get_secret(scene, actor, scene.after(600 + n * 10), &format!("{}/service-{n:02}-Ab3xQ{n}", account.environment));
    }
    scene.finding(&finding.revised(scene.after(1200), 31));
}

/// D11: a user is made, given a key and made administrator.
pub(super) fn back_door(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let maker = Principal::user(&mut scene.draw, account, "ci-legacy");
    let actor = Actor { who: &maker, ip: "192.0.2.23", region: account.region };
    let key = format!("AKIATEST{}", scene.draw.token(12));
    create_user(scene, actor, scene.after(0), "svc-monitoring");
    create_access_key(scene, actor, scene.after(340), "svc-monitoring", &key);
    attach_user_policy(scene, actor, scene.after(1130), "svc-monitoring", "AdministratorAccess");
}

/// D13: a key is made and used 4 minutes later, from another address.
pub(super) fn new_key_used(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let maker = Principal::user(&mut scene.draw, account, "j.okafor");
    let key = format!("AKIATEST{}", scene.draw.token(12));
    let actor = Actor { who: &maker, ip: "192.0.2.77", region: account.region };
    create_access_key(scene, actor, scene.after(0), "j.okafor", &key);
    let again = maker.with_key(&key);
    let actor = Actor { who: &again, ip: "203.0.113.90", region: account.region };
    scene.call(actor.call("sts", "GetCallerIdentity", scene.after(240)));
    scene.call(actor.call("s3", "ListBuckets", scene.after(275)));
    scene.call(actor.call("iam", "ListUsers", scene.after(310)));
}

/// D61: stolen keys of a role become a console session; no identity provider let it in.
pub(super) fn provider_bypassed(scene: &mut Scene<'_>) {
    let account = scene.account(0);
    let session = scene.session(account, "Operators", "b.keller@example.com");
    let actor = Actor { who: &session, ip: "192.0.2.215", region: "us-east-1" };
    scene.call(actor.call("signin", "GetSigninToken", scene.after(0)));
    console_login(scene, actor, scene.after(50), true);
    scene.call(actor.call("ec2", "DescribeInstances", scene.after(170)));
}
