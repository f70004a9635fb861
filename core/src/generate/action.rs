//! The `service` parts of a finding that say what happened: actions, processes, scans, sequences.

use super::draw::Draw;
use super::finding::Finding;
use super::principal::Principal;
use super::world::{Account, World};
use crate::event::time::format_rfc3339;
use serde_json::{Value, json};

/// The threat every made malware finding names.
pub(super) const THREAT: &str = "Tidegate-Synthetic.Test";

fn remote(ip: &str) -> Value {
    json!({
        "ipAddressV4": ip,
        "organization": { "asn": "64496", "asnOrg": "Documentation Networks", "isp": "Documentation Networks", "org": "Documentation Networks" },
        "country": { "countryCode": "NL", "countryName": "Netherlands" }, "city": { "cityName": "" }, "geoLocation": { "lat": 52.38, "lon": 4.9 },
    })
}

/// `NETWORK_CONNECTION`.
pub(super) fn connection(draw: &mut Draw, direction: &str, port: u16, ip: &str) -> Value {
    let high = draw.between(32_768, 60_999);
    let (local, far) = if direction == "INBOUND" { (i64::from(port), high) } else { (high, i64::from(port)) };
    let name = |port: i64| match port {
        22 => "SSH",
        443 => "HTTPS",
        _ => "Unknown",
    };
    json!({
        "actionType": "NETWORK_CONNECTION",
        "networkConnectionAction": {
            "connectionDirection": direction, "blocked": false, "protocol": "TCP",
            "localPortDetails": { "port": local, "portName": name(local) }, "remotePortDetails": { "port": far, "portName": name(far) },
            "remoteIpDetails": remote(ip),
        },
    })
}

/// `PORT_PROBE`.
pub(super) fn probe(port: u16, ip: &str) -> Value {
    json!({
        "actionType": "PORT_PROBE",
        "portProbeAction": {
            "blocked": false,
            "portProbeDetails": [{ "localPortDetails": { "port": port, "portName": "Unknown" }, "remoteIpDetails": remote(ip) }],
        },
    })
}

/// `DNS_REQUEST`.
pub(super) fn dns(draw: &mut Draw) -> Value {
    let domain = format!("{}.example.net", draw.hex(10));
    json!({
        "actionType": "DNS_REQUEST",
        "dnsRequestAction": { "domain": domain, "protocol": "UDP", "blocked": false, "domainWithSuffix": "example.net" },
    })
}

/// `AWS_API_CALL`.
pub(super) fn api_call(service: &str, api: &str, ip: &str) -> Value {
    json!({
        "actionType": "AWS_API_CALL",
        "awsApiCallAction": {
            "api": api, "serviceName": service, "callerType": "Remote IP", "remoteIpDetails": remote(ip), "affectedResources": {},
            "remoteAccountDetails": null, "domainDetails": null,
        },
    })
}

/// `KUBERNETES_API_CALL`.
pub(super) fn kubernetes(draw: &mut Draw, ip: &str) -> Value {
    let (verb, resource) = *draw.pick(&[("get", "secrets"), ("list", "pods"), ("create", "pods"), ("create", "rolebindings")]);
    json!({
        "actionType": "KUBERNETES_API_CALL",
        "kubernetesApiCallAction": {
            "requestUri": format!("/api/v1/namespaces/apps/{resource}"), "verb": verb, "resource": resource, "namespace": "apps",
            "sourceIPs": [ip], "userAgent": "kubectl/v1.33.1 (linux/amd64)", "remoteIpDetails": remote(ip), "statusCode": 200, "parameters": null,
        },
    })
}

/// `RDS_LOGIN_ATTEMPT`; AWS writes `LoginAttributes` with a capital.
pub(super) fn database_login(draw: &mut Draw, ip: &str) -> Value {
    let failed = draw.between(1, 9);
    json!({
        "actionType": "RDS_LOGIN_ATTEMPT",
        "rdsLoginAttemptAction": {
            "remoteIpDetails": remote(ip),
            "LoginAttributes": [{ "user": "report", "application": "psql", "failedLoginAttempts": failed, "successfulLoginAttempts": 1 }],
        },
    })
}

/// `runtimeDetails` with one process.
pub(super) fn runtime(draw: &mut Draw, name: &str, at_ms: i64) -> Value {
    let (pid, started) = (draw.between(300, 32_000), format_rfc3339(at_ms - 320_000));
    json!({
        "process": {
            "name": name, "executablePath": format!("/usr/bin/{name}"), "executableSha256": draw.hex(64), "namespacePid": 17,
            "pwd": "/srv/app", "pid": pid, "startTime": started, "uuid": draw.hex(24), "parentUuid": draw.hex(24),
            "user": "app", "userId": 1000, "euid": 1000,
            "lineage": [{ "name": "sh", "executablePath": "/bin/sh", "pid": pid - 1, "namespacePid": 16, "userId": 1000, "euid": 1000,
                "startTime": started, "uuid": draw.hex(24), "parentUuid": draw.hex(24) }],
        },
        "context": null,
    })
}

/// `ebsVolumeScanDetails`: the hash stands beside each file path.
pub(super) fn scan(world: &World, account: &Account, n: u32, hash: &str, at_ms: i64) -> Value {
    let volume = format!("arn:aws:ec2:{}:{}:volume/{}", account.region, account.id, account.resource(world, "vol", n));
    json!({
        "scanId": &hash[..32.min(hash.len())], "scanStartedAt": (at_ms - 1_800_000) as f64 / 1000.0, "scanCompletedAt": (at_ms - 60_000) as f64 / 1000.0,
        "triggerFindingId": null, "sources": ["Bitdefender"], "scanType": "GUARDDUTY_INITIATED",
        "scanDetections": {
            "scannedItemCount": { "totalGb": 30, "files": 182_311, "volumes": 1 }, "threatsDetectedItemCount": { "files": 1 },
            "highestSeverityThreatDetails": { "severity": "HIGH", "threatName": THREAT, "count": 1 },
            "threatDetectedByName": {
                "itemCount": 1, "uniqueThreatNameCount": 1, "shortened": false,
                "threatNames": [{ "name": THREAT, "severity": "HIGH", "itemCount": 1,
                    "filePaths": [{ "filePath": "/tmp/.cache/", "volumeArn": volume, "hash": hash, "fileName": "updater" }] }],
            },
        },
    })
}

/// `malwareScanDetails` of objects, snapshots and recovery points.
pub(super) fn object_scan(hash: &str) -> Value {
    json!({ "threats": [{ "name": THREAT, "source": "Bitdefender", "hash": hash, "itemPaths": [{ "nestedItemPath": "", "hash": hash }] }] })
}

/// `detection.sequence`: one actor, one key, one endpoint, and the findings that are its signals.
pub(super) fn sequence(finding: &Finding<'_>, who: &Principal, ip: &str, signals: &[(&str, i64)]) -> Value {
    let key_uid = format!("arn:aws:iam::{}:access-key/{}", finding.account.id, who.key);
    let signal = |(uid, at_ms): &(&str, i64)| {
        json!({
            "uid": uid, "type": "FINDING", "name": "Unusual calls", "description": "API calls unusual for this identity", "severity": 5.0, "count": 1,
            "createdAt": format_rfc3339(*at_ms), "updatedAt": format_rfc3339(*at_ms), "firstSeenAt": format_rfc3339(*at_ms),
            "lastSeenAt": format_rfc3339(*at_ms), "resourceUids": [key_uid], "actorIds": ["actor-1"], "endpointIds": ["endpoint-1"],
            "signalIndicators": [{ "key": "ATTACK_TACTIC", "values": ["Discovery", "Persistence"], "title": "MITRE tactic" }],
        })
    };
    json!({ "sequence": {
        "uid": finding.id, "description": "A sequence of actions with one access key, from discovery to persistence.",
        "actors": [{ "id": "actor-1", "user": { "name": who.name(), "uid": who.principal_id(), "type": "IAMUser", "credentialUid": who.key,
            "account": { "uid": finding.account.id, "account": finding.account.name } }, "session": { "mfaStatus": "DISABLED" } }],
        "resources": [{ "uid": key_uid, "name": who.key, "accountId": finding.account.id, "resourceType": "ACCESS_KEY", "region": finding.account.region,
            "service": "iam", "cloudPartition": "aws", "tags": [],
            "data": { "accessKey": { "principalId": who.principal_id(), "userName": who.name(), "userType": "IAMUser" } } }],
        "endpoints": [{ "id": "endpoint-1", "ip": ip, "location": { "city": "", "country": "Netherlands", "lat": 52.38, "lon": 4.9 },
            "autonomousSystem": { "name": "Documentation Networks", "number": 64496 }, "connection": { "direction": "INBOUND" } }],
        "signals": signals.iter().map(signal).collect::<Vec<_>>(),
        "sequenceIndicators": [
            { "key": "ATTACK_TACTIC", "values": ["Discovery", "Persistence"], "title": "MITRE tactic" },
            { "key": "ATTACK_TECHNIQUE", "values": ["T1078.004 - Valid Accounts: Cloud Accounts"], "title": "MITRE technique" },
            { "key": "HIGH_RISK_API", "values": ["iam:CreateAccessKey"], "title": "High-risk API" },
        ],
        "additionalSequenceTypes": [],
    } })
}
