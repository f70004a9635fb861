//! Gives a finding the resource and the action its type comes with.
//!
//! Owns which family looks how. The single shapes live in [`super::resource`] and [`super::action`].

use super::draw::Draw;
use super::finding::Finding;
use super::kinds::{Family, Kind};
use super::principal::Principal;
use super::world::{Account, World};
use super::{action, resource};
use serde_json::json;

/// A finding of this kind on resource number `n` of the account, with everything in place.
pub(super) fn finding<'a>(draw: &mut Draw, world: &World, account: &'a Account, kind: Kind, n: u32, created_ms: i64) -> Finding<'a> {
    let mut finding = Finding::bare(draw, account, kind, created_ms);
    let ip = draw.internet().to_string();
    match kind.family {
        Family::Network | Family::Probe | Family::Dns => on_instance(&mut finding, draw, world, n, &ip),
        Family::ApiCall | Family::S3Api => with_key(&mut finding, draw, n, &ip),
        Family::Kubernetes => on_cluster(&mut finding, draw, world, n, &ip),
        Family::Runtime => at_runtime(&mut finding, draw, world, n),
        Family::RdsLogin => {
            finding.resource = resource::database(world, account, n);
            finding.action = action::database_login(draw, &ip);
            finding.remote_ip = Some(ip);
        }
        Family::Lambda => {
            finding.resource = resource::function(account, n);
            finding.action = action::connection(draw, "OUTBOUND", 443, &ip);
            finding.remote_ip = Some(ip);
        }
        Family::EbsMalware | Family::BackupMalware | Family::S3Malware => {
            let hash = draw.hex(64);
            malware(&mut finding, world, n, &hash);
        }
        Family::Sequence => sequence(&mut finding, draw, n, &ip),
    }
    finding
}

fn on_instance(finding: &mut Finding<'_>, draw: &mut Draw, world: &World, n: u32, ip: &str) {
    finding.resource = resource::instance(world, finding.account, n);
    finding.action = match finding.kind.family {
        Family::Dns => action::dns(draw),
        Family::Probe => action::probe(*draw.pick(&[22, 80, 3389, 8080]), ip),
        _ if finding.kind.name.contains("BruteForce") => action::connection(draw, "INBOUND", 22, ip),
        _ => action::connection(draw, "OUTBOUND", 443, ip),
    };
    if finding.kind.family != Family::Dns {
        finding.remote_ip = Some(ip.to_owned());
    }
}

fn with_key(finding: &mut Finding<'_>, draw: &mut Draw, n: u32, ip: &str) {
    let account = finding.account;
    let who = Principal::role(draw, account, &format!("app-role-{n}"), "session", finding.created_ms - 3_600_000);
    called_by(finding, &who, ip, n);
}

/// Puts a caller and an address on a finding about API calls.
pub(super) fn called_by(finding: &mut Finding<'_>, who: &Principal, ip: &str, n: u32) {
    let buckets = finding.kind.family == Family::S3Api;
    finding.resource = if buckets {
        json!({ "resourceType": "S3Bucket", "accessKeyDetails": who.access_key_details(), "s3BucketDetails": [resource::bucket(finding.account, n)] })
    } else {
        json!({ "resourceType": "AccessKey", "accessKeyDetails": who.access_key_details() })
    };
    let (service, api) = if buckets { ("s3.amazonaws.com", "GetObject") } else { ("iam.amazonaws.com", "ListRoles") };
    finding.action = action::api_call(service, api, ip);
    finding.remote_ip = Some(ip.to_owned());
    finding.principal = who.arn();
}

fn on_cluster(finding: &mut Finding<'_>, draw: &mut Draw, world: &World, n: u32, ip: &str) {
    finding.resource = resource::cluster(world, finding.account, n);
    finding.action = action::kubernetes(draw, ip);
    finding.remote_ip = Some(ip.to_owned());
}

fn at_runtime(finding: &mut Finding<'_>, draw: &mut Draw, world: &World, n: u32) {
    finding.resource =
        if n.is_multiple_of(2) { resource::container(world, finding.account, n) } else { resource::instance(world, finding.account, n) };
    let name = *draw.pick(&["python3", "java", "bash", "node", "curl"]);
    let details = action::runtime(draw, name, finding.created_ms);
    finding.service.insert("runtimeDetails".into(), details);
    if finding.kind.name.contains("DNS") || finding.kind.name.contains("Domain") {
        finding.action = action::dns(draw);
    }
}

/// Puts a scanned file with this hash on a malware finding.
pub(super) fn malware(finding: &mut Finding<'_>, world: &World, n: u32, hash: &str) {
    let account = finding.account;
    finding.resource = match finding.kind.family {
        Family::S3Malware => resource::object(account, n, hash),
        Family::BackupMalware => resource::snapshot(world, account, n),
        _ if finding.kind.name.starts_with("Execution:ECS/") => resource::task(world, account, n),
        _ if finding.kind.name.starts_with("Execution:Container/") => resource::container(world, account, n),
        _ if finding.kind.name.starts_with("Execution:Kubernetes/") => resource::cluster(world, account, n),
        _ => resource::instance(world, account, n),
    };
    let details = action::scan(world, account, n, hash, finding.created_ms);
    let name = if finding.kind.family == Family::EbsMalware { "ebsVolumeScanDetails" } else { "malwareScanDetails" };
    let part = if finding.kind.family == Family::EbsMalware { details } else { action::object_scan(hash) };
    finding.service.insert(name.into(), part);
    let evidence =
        json!({ "threatIntelligenceDetails": [{ "threatListName": "Amazon", "threatNames": [action::THREAT], "threatFileSha256": hash }] });
    finding.service.insert("evidence".into(), evidence);
}

fn sequence(finding: &mut Finding<'_>, draw: &mut Draw, n: u32, ip: &str) {
    let who = Principal::user(draw, finding.account, &format!("app-user-{n}"));
    compromised(finding, &who, ip, &[]);
}

/// Puts the graph of a compromised key on an attack-sequence finding; `signals` are the ARNs' ids of its findings.
pub(super) fn compromised(finding: &mut Finding<'_>, who: &Principal, ip: &str, signals: &[(&str, i64)]) {
    finding.resource = json!({ "resourceType": "AttackSequence" });
    finding.remote_ip = Some(ip.to_owned());
    finding.principal = who.arn();
    let detection = action::sequence(finding, who, ip, signals);
    finding.service.insert("detection".into(), detection);
}
