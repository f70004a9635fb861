//! Attacks that Runtime Monitoring and Malware Protection report: D50, D51 and D52b.

use crate::generate::action;
use crate::generate::dress;
use crate::generate::kinds;
use crate::generate::moves::Actor;
use crate::generate::resource;
use crate::generate::scene::Scene;
use crate::generate::tables;
use serde_json::json;

/// D50: a reverse shell in a container, then the Docker socket, 18 minutes apart on one host.
pub(super) fn breakout(scene: &mut Scene<'_>) {
    let (account, n) = (scene.account(0), 8);
    let steps = [("Execution:Runtime/ReverseShell", 0, "bash"), ("PrivilegeEscalation:Runtime/DockerSocketAccessed", 1080, "docker")];
    for (name, seconds, process) in steps {
        let at_ms = scene.after(seconds);
        let mut finding = scene.found(account, kinds::find(name), n, at_ms);
        finding.resource = resource::container(scene.world, account, n);
        let mut details = action::runtime(&mut scene.draw, process, at_ms);
        if process == "docker" {
            details["context"] = json!({ "socketPath": "/var/run/docker.sock", "addressFamily": "AF_UNIX" });
        } else {
            finding.action = action::connection(&mut scene.draw, "OUTBOUND", 4444, "203.0.113.45");
            finding.remote_ip = Some("203.0.113.45".into());
        }
        finding.service.insert("runtimeDetails".into(), details);
        scene.finding(&finding);
        scene.finding(&finding.revised(at_ms + 900_000, 2));
    }
}

/// D51: a reverse shell on an instance; 20 minutes later the credentials of the instance look around from outside.
pub(super) fn to_control_plane(scene: &mut Scene<'_>) {
    let (account, n, ip) = (scene.account(0), 9, "203.0.113.47");
    let mut finding = scene.found(account, kinds::find("Execution:Runtime/ReverseShell"), n, scene.after(0));
    finding.action = action::connection(&mut scene.draw, "OUTBOUND", 4444, ip);
    finding.remote_ip = Some(ip.into());
    scene.finding(&finding);
    let instance = account.resource(scene.world, "i", n);
    let session = scene.session(account, "app-role-9", &instance);
    let actor = Actor { who: &session, ip, region: account.region };
    let calls = [("sts", "GetCallerIdentity"), ("iam", "ListRoles"), ("s3", "ListBuckets"), ("secretsmanager", "ListSecrets")];
    for (at, (service, name)) in calls.into_iter().enumerate() {
        scene.call(actor.call(service, name, scene.after(1200 + 35 * at as i64)));
    }
}

/// D52b: one file hash on instances and in a bucket of 4 accounts.
pub(super) fn campaign(scene: &mut Scene<'_>) {
    let hash = tables::campaign_hash(scene.world);
    let kinds = ["Execution:EC2/MaliciousFile", "Execution:EC2/MaliciousFile", "Object:S3/MaliciousFile", "Execution:ECS/MaliciousFile"];
    let day_ms = scene.start_ms.div_euclid(crate::event::time::DAY_MS) * crate::event::time::DAY_MS;
    for (n, name) in kinds.into_iter().enumerate() {
        let account = scene.account(n);
        let at_ms = day_ms + (2 + 3 * n as i64) * crate::event::time::HOUR_MS + 7_000;
        let mut finding = scene.found(account, kinds::find(name), 20, at_ms);
        dress::malware(&mut finding, scene.world, 20, &hash);
        finding.severity_tenths = 80;
        scene.finding(&finding);
    }
}
