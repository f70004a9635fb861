//! Decoding a finding against parsing it into a `serde_json::Value`: the ratio within one run, in CPU time of this thread.
//!
//! Owns six synthetic findings of about 3.4 kB. Prints `name value unit target`; a higher ratio is better. Rounds are interleaved, the
//! median of the rounds counts.

use serde_json::{Value as Json, json};
use std::hint::black_box;
use tidegate_core::decode::{Emit, Hints, envelope, json as decode_json};
use tidegate_core::event::slots::{Slot, Target};
use tidegate_core::event::{PathTree, Slots};

const ROUNDS: usize = 9;
const REPEATS: usize = 400;

const PATHS: [&str; 12] = [
    "id",
    "arn",
    "type",
    "accountId",
    "region",
    "severity",
    "updatedAt",
    "service.count",
    "service.archived",
    "service.action.actionType",
    "service.action.networkConnectionAction.remoteIpDetails.ipAddressV4",
    "resource.instanceDetails.instanceId",
];

const TYPES: [&str; 6] = [
    "UnauthorizedAccess:EC2/SSHBruteForce",
    "Recon:EC2/PortProbeUnprotectedPort",
    "CryptoCurrency:EC2/BitcoinTool.B!DNS",
    "Trojan:EC2/DNSDataExfiltration",
    "Backdoor:EC2/C&CActivity.B",
    "Execution:Runtime/NewBinaryExecuted",
];

fn main() {
    let events: Vec<String> = TYPES.iter().enumerate().map(|(n, kind)| event(n, kind)).collect();
    let details: Vec<String> = events.iter().map(|event| detail_of(event)).collect();
    let tree = tree();
    let mean = events.iter().map(String::len).sum::<usize>() / events.len();
    say(&format!("# {} findings, {mean} bytes on average, {} paths", events.len(), PATHS.len()));

    details.iter().for_each(|detail| check(detail, &tree));
    let mut rounds = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        rounds[0].push(cpu_ns(|| events.iter().for_each(|event| drop(black_box(serde_json::from_str::<Json>(event).ok())))));
        rounds[1].push(cpu_ns(|| events.iter().for_each(|event| decode_event(event, &tree))));
        rounds[2].push(cpu_ns(|| details.iter().for_each(|detail| drop(black_box(serde_json::from_str::<Json>(detail).ok())))));
        rounds[3].push(cpu_ns(|| details.iter().for_each(|detail| fill(detail, &tree))));
    }
    let [parse_event, unwrap_fill, parse_detail, fill_only] = rounds.map(median);
    let bytes = events.iter().map(String::len).sum::<usize>();
    say(&format!("finding_fill_per_serde_json_value {:.2} ratio 3.0", parse_detail / fill_only));
    say(&format!("finding_unwrap_and_fill_per_serde_json_value {:.2} ratio 2.5", parse_event / unwrap_fill));
    say(&format!("finding_unwrap_and_fill {:.0} MB/s -", bytes as f64 / unwrap_fill * 1000.0));
}

fn tree() -> PathTree {
    let mut tree = PathTree::default();
    for (n, path) in PATHS.iter().enumerate() {
        tree.add(path.split('.'), Target { slot: Slot(n as u16), rank: 0 });
    }
    tree
}

fn fill(text: &str, tree: &PathTree) {
    let mut slots = Slots::new(PATHS.len());
    decode_json::fill(black_box(text), tree, &mut slots).expect("a fixture");
    black_box(slots.get(Slot(0)));
}

/// Every wanted value is what a tree of the whole finding has there.
fn check(detail: &str, tree: &PathTree) {
    let mut slots = Slots::new(PATHS.len());
    decode_json::fill(detail, tree, &mut slots).expect("a fixture");
    let whole: Json = serde_json::from_str(detail).expect("a fixture");
    for (n, path) in (0u16..).zip(PATHS) {
        let expected = match whole.pointer(&format!("/{}", path.replace('.', "/"))) {
            None => None,
            Some(Json::String(text)) => Some(text.clone()),
            Some(other) => Some(other.to_string()),
        };
        assert_eq!(slots.text(Slot(n)).as_deref(), expected.as_deref(), "{path}");
    }
}

fn decode_event(event: &str, tree: &PathTree) {
    envelope::unwrap(event.as_bytes(), &Hints::default(), &mut |emit| match emit {
        Emit::Unit(unit) => fill(unit.text, tree),
        other => panic!("{other:?}"),
    });
}

/// CPU nanoseconds of one run of `work`, from [`REPEATS`] runs.
fn cpu_ns(work: impl Fn()) -> f64 {
    work();
    let before = thread_cpu_ns();
    (0..REPEATS).for_each(|_| work());
    (thread_cpu_ns() - before) / REPEATS as f64
}

/// The CPU time of this thread where the system tells it, else the clock.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn thread_cpu_ns() -> f64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    // The kernel brings the number up to date when the thread is scheduled.
    std::thread::yield_now();
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let cpu = schedstat.as_deref().and_then(|text| text.split(' ').next()).and_then(|ns| ns.parse().ok());
    cpu.unwrap_or_else(|| START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as f64)
}

fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

#[expect(clippy::disallowed_macros, reason = "a benchmark prints its result")]
fn say(line: &str) {
    println!("{line}");
}

fn detail_of(event: &str) -> String {
    let mut detail = String::new();
    envelope::unwrap(event.as_bytes(), &Hints::default(), &mut |emit| {
        if let Emit::Unit(unit) = emit {
            unit.text.clone_into(&mut detail);
        }
    });
    detail
}

/// A synthetic finding as EventBridge delivers it.
fn event(n: usize, kind: &str) -> String {
    let account = format!("{:012}", 200_000_000_000usize + n * 7919);
    let arn = format!("arn:aws:guardduty:eu-central-1:{account}:detector/d0{n:030}/finding/f0{n:030}");
    json!({
        "version": "0", "id": format!("5d0c4a0e-7d1f-4c1e-9a51-00000000000{n}"), "detail-type": "GuardDuty Finding",
        "source": "aws.guardduty", "account": account, "time": "2026-11-23T17:55:00Z", "region": "eu-central-1", "resources": [],
        "detail": {
            "schemaVersion": "2.0", "accountId": account, "region": "eu-central-1", "partition": "aws",
            "id": format!("f0{n:030}"), "arn": arn, "type": kind,
            "resource": { "resourceType": "Instance", "instanceDetails": instance(n) },
            "service": service(n),
            "severity": 5.5, "createdAt": "2026-11-23T17:10:04.000Z", "updatedAt": "2026-11-23T17:53:04.000Z",
            "title": "An instance talks to a host it has never talked to before.",
            "description": format!("The instance i-0{n:016} in the account {account} exchanged traffic with a \"rare\" remote host.\nSee the runbook."),
        },
    })
    .to_string()
}

fn instance(n: usize) -> Json {
    let tags: Vec<_> =
        ["team", "environment", "cost-centre", "data-class"].iter().map(|key| json!({"key": key, "value": format!("value {n}")})).collect();
    json!({
        "instanceId": format!("i-0{n:016}"), "instanceType": "m7g.large", "launchTime": "2026-09-02T02:05:06.000Z", "platform": null,
        "productCodes": [], "iamInstanceProfile": {"arn": "arn:aws:iam::200000000000:instance-profile/worker", "id": "AIPAX0000000000000000"},
        "networkInterfaces": [{
            "ipv6Addresses": [], "networkInterfaceId": format!("eni-0{n:016}"), "privateDnsName": "ip-10-1-0-4.eu-central-1.compute.internal",
            "privateIpAddress": "10.1.0.4", "privateIpAddresses": [{"privateDnsName": "ip-10-1-0-4.eu-central-1.compute.internal", "privateIpAddress": "10.1.0.4"}],
            "subnetId": "subnet-0a1b2c3d4e5f60718", "vpcId": "vpc-0a1b2c3d4e5f60718",
            "securityGroups": [{"groupName": "worker nodes", "groupId": "sg-0a1b2c3d4e5f60718"}, {"groupName": "monitoring", "groupId": "sg-1a1b2c3d4e5f60718"}],
            "publicDnsName": "ec2-198-51-100-7.eu-central-1.compute.amazonaws.com", "publicIp": "198.51.100.7",
        }],
        "outpostArn": null, "tags": tags, "instanceState": "running", "availabilityZone": "eu-central-1b",
        "imageId": "ami-0a1b2c3d4e5f60718", "imageDescription": "A hardened image of the platform team, built weekly",
    })
}

fn service(n: usize) -> Json {
    let remote = json!({
        "ipAddressV4": "203.0.113.9", "organization": {"asn": "64500", "asnOrg": "Example Transit", "isp": "Example Transit", "org": "Example Hosting"},
        "country": {"countryName": "Examplia"}, "city": {"cityName": "Port Example"}, "geoLocation": {"lat": 52.4, "lon": 13.1},
    });
    json!({
        "serviceName": "guardduty", "detectorId": format!("d0{n:030}"),
        "action": {"actionType": "NETWORK_CONNECTION", "networkConnectionAction": {
            "connectionDirection": "INBOUND", "protocol": "TCP", "blocked": false, "remoteIpDetails": remote,
            "remotePortDetails": {"port": 40123, "portName": "Unknown"}, "localPortDetails": {"port": 22, "portName": "SSH"},
            "localIpDetails": {"ipAddressV4": "10.1.0.4"}, "localNetworkInterface": format!("eni-0{n:016}"),
        }},
        "resourceRole": "TARGET",
        "additionalInfo": {"value": "{\"inBytes\":\"1234\",\"unusual\":{\"hours\":[3,4]}}", "type": "default", "inBytes": "1234", "unusual": {"hours": [3, 4]}},
        "evidence": {"threatIntelligenceDetails": [{"threatListName": "ProofPoint", "threatNames": ["scanner", "bruteforcer"]}]},
        "eventFirstSeen": "2026-11-23T17:05:04.000Z", "eventLastSeen": "2026-11-23T17:50:04.000Z", "archived": false, "count": 17 + n,
    })
}
