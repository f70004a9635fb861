//! Random findings of every family, in native spelling.

use fastrand::Rng;
use serde_json::{Value, json};

/// A kind of finding.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Family {
    Network,
    PortProbe,
    ApiCall,
    Dns,
    Kubernetes,
    DatabaseLogin,
    Runtime,
    Malware,
    Lambda,
    AttackSequence,
}

impl Family {
    pub(crate) const ALL: [Family; 10] = [
        Family::Network,
        Family::PortProbe,
        Family::ApiCall,
        Family::Dns,
        Family::Kubernetes,
        Family::DatabaseLogin,
        Family::Runtime,
        Family::Malware,
        Family::Lambda,
        Family::AttackSequence,
    ];
}

/// A finding of this family.
pub(crate) fn make(family: Family, rng: &mut Rng) -> Value {
    let (kind, resource, mut service) = match family {
        Family::Network => network("Backdoor:EC2/C&CActivity.B", instance(rng), rng),
        Family::Lambda => network("UnauthorizedAccess:Lambda/TorClient", function(rng), rng),
        Family::PortProbe => port_probe(rng),
        Family::ApiCall => api_call(rng),
        Family::Dns => dns(rng),
        Family::Kubernetes => kubernetes(rng),
        Family::DatabaseLogin => database_login(rng),
        Family::Runtime => runtime(rng),
        Family::Malware => malware(rng),
        Family::AttackSequence => attack_sequence(rng),
    };
    common(&mut service, rng);
    let partition = rng.choice(["aws", "aws-us-gov"]).expect("two");
    let region = if partition == "aws" { "eu-central-1" } else { "us-gov-west-1" };
    let (account, id) = (account(rng), hex(rng, 32));
    let detector = service["detectorId"].as_str().expect("set").to_owned();
    let created = 1_790_000_000_000 + i64::from(rng.u32(..));
    json!({
        "schemaVersion": "2.0", "accountId": account, "region": region, "partition": partition, "id": id,
        "arn": format!("arn:{partition}:guardduty:{region}:{account}:detector/{detector}/finding/{id}"),
        "type": kind, "severity": severity(family, rng), "title": format!("Title {}", rng.u8(..)), "description": "What happened.",
        "createdAt": time(created), "updatedAt": time(created + i64::from(rng.u16(..)) * 1000), "resource": resource, "service": service,
    })
}

type Parts = (&'static str, Value, Value);

fn common(service: &mut Value, rng: &mut Rng) {
    let count = rng.u32(1..200);
    let seen = 1_789_000_000_000 + i64::from(rng.u32(..));
    let members = json!({
        "serviceName": "guardduty", "detectorId": hex(rng, 32), "count": count, "archived": rng.bool(),
        "eventFirstSeen": time(seen), "eventLastSeen": time(seen + 60_000),
    });
    merge(service, members);
    let mut info = json!({});
    if rng.bool() {
        info["sample"] = json!(rng.bool());
    }
    if rng.bool() {
        info["threatListName"] = json!("ProofPoint");
    }
    let text = if info == json!({}) && rng.bool() { String::new() } else { info.to_string() };
    info["value"] = json!(text);
    info["type"] = json!("default");
    service["additionalInfo"] = info;
}

fn network(kind: &'static str, resource: Value, rng: &mut Rng) -> Parts {
    let direction = rng.choice(["INBOUND", "OUTBOUND", "UNKNOWN"]).expect("three");
    let action = json!({"actionType": "NETWORK_CONNECTION", "networkConnectionAction": {
        "blocked": rng.bool(), "connectionDirection": direction, "protocol": "TCP",
        "localPortDetails": {"port": rng.u16(1..), "portName": "Unknown"}, "remotePortDetails": {"port": rng.u16(1..), "portName": "Unknown"},
        "localIpDetails": {"ipAddressV4": "10.0.0.23"}, "remoteIpDetails": remote(rng),
    }});
    let evidence = json!({"threatIntelligenceDetails": [{"threatListName": "ProofPoint", "threatNames": ["Botnet", "Tor"]}]});
    (kind, resource, json!({"resourceRole": "ACTOR", "action": action, "evidence": evidence}))
}

fn port_probe(rng: &mut Rng) -> Parts {
    let details: Vec<Value> = (0..rng.usize(1..4))
        .map(|_| {
            json!({"localPortDetails": {"port": rng.u16(1..), "portName": "SSH"}, "localIpDetails": {"ipAddressV4": "10.0.0.23"},
                   "remoteIpDetails": remote(rng)})
        })
        .collect();
    let action = json!({"actionType": "PORT_PROBE", "portProbeAction": {"blocked": false, "portProbeDetails": details}});
    ("Recon:EC2/PortProbeUnprotectedPort", instance(rng), json!({"resourceRole": "TARGET", "action": action, "evidence": null}))
}

fn api_call(rng: &mut Rng) -> Parts {
    let action = json!({"actionType": "AWS_API_CALL", "awsApiCallAction": {
        "api": "DeleteTrail", "callerType": "Remote IP", "serviceName": "cloudtrail.amazonaws.com", "remoteIpDetails": remote(rng),
        "affectedResources": {"AWS::CloudTrail::Trail": "arn:aws:cloudtrail:eu-central-1:111122223333:trail/main"},
    }});
    let assumed = rng.bool();
    let key = json!({
        "accessKeyId": format!("ASIA{}", hex(rng, 16)), "userName": "deploy",
        "principalId": if assumed { "AROAEXAMPLE:ci-7".to_owned() } else { "AIDAEXAMPLE".to_owned() },
        "userType": if assumed { "AssumedRole" } else { "IAMUser" },
    });
    let resource = json!({"resourceType": "AccessKey", "accessKeyDetails": key});
    ("Stealth:IAMUser/CloudTrailLoggingDisabled", resource, json!({"resourceRole": "TARGET", "action": action}))
}

fn dns(rng: &mut Rng) -> Parts {
    let action = json!({"actionType": "DNS_REQUEST", "dnsRequestAction": {
        "domain": "pool.example", "domainWithSuffix": format!("x{}.pool.example", rng.u8(..)), "protocol": "UDP", "blocked": rng.bool(),
    }});
    ("CryptoCurrency:EC2/BitcoinTool.B!DNS", instance(rng), json!({"resourceRole": "ACTOR", "action": action}))
}

fn kubernetes(rng: &mut Rng) -> Parts {
    let remote = remote(rng);
    let action = json!({"actionType": "KUBERNETES_API_CALL", "kubernetesApiCallAction": {
        "requestUri": "/api/v1/secrets", "verb": "list", "sourceIPs": [remote["ipAddressV4"]], "userAgent": "kubectl", "statusCode": 200,
        "remoteIpDetails": remote,
    }});
    let name = format!("cluster-{}", rng.u8(..));
    let cluster = json!({"name": name, "arn": format!("arn:aws:eks:eu-central-1:111122223333:cluster/{name}"), "status": "ACTIVE"});
    let resource = json!({"resourceType": "EKSCluster", "eksClusterDetails": cluster});
    ("Discovery:Kubernetes/MaliciousIPCaller", resource, json!({"resourceRole": "TARGET", "action": action}))
}

fn database_login(rng: &mut Rng) -> Parts {
    let logins: Vec<Value> = (0..rng.usize(1..3))
        .map(
            |i| json!({"user": format!("user{i}"), "application": "psql", "failedLoginAttempts": rng.u8(..), "successfulLoginAttempts": 1}),
        )
        .collect();
    let action =
        json!({"actionType": "RDS_LOGIN_ATTEMPT", "rdsLoginAttemptAction": {"remoteIpDetails": remote(rng), "LoginAttributes": logins}});
    let database = json!({"dbInstanceIdentifier": "main", "engine": "aurora-postgresql", "engineVersion": "15.4",
        "dbInstanceArn": "arn:aws:rds:eu-central-1:111122223333:db:main"});
    let resource = json!({"resourceType": "RDSDBInstance", "rdsDbInstanceDetails": database});
    ("CredentialAccess:RDS/AnomalousBehavior.SuccessfulLogin", resource, json!({"resourceRole": "TARGET", "action": action}))
}

fn runtime(rng: &mut Rng) -> Parts {
    let nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let lineage: Vec<Value> =
        (0..rng.usize(1..5)).map(|i| json!({"name": format!("p{i}"), "executablePath": format!("/bin/p{i}"), "pid": i})).collect();
    let process = json!({
        "name": "xmrig", "executablePath": "/tmp/.x/xmrig", "executableSha256": if rng.bool() { hex(rng, 64) } else { nothing.to_owned() },
        "pid": rng.u16(..), "uuid": hex(rng, 8), "parentUuid": hex(rng, 8), "user": "root", "userId": 0, "euid": 0, "lineage": lineage,
    });
    let service = json!({"featureName": "RuntimeMonitoring", "action": null, "runtimeDetails": {"process": process, "context": {}}});
    ("CryptoCurrency:Runtime/BitcoinTool.B", instance(rng), service)
}

fn malware(rng: &mut Rng) -> Parts {
    let name = format!("bucket-{}", rng.u8(..));
    let bucket = json!({"arn": format!("arn:aws:s3:::{name}"), "name": name, "type": "Destination"});
    let threat = json!({"name": "EICAR", "source": "AMAZON", "count": 1});
    let service = json!({"malwareScanDetails": {"threats": [threat], "scanId": hex(rng, 8), "uniqueThreatCount": 1}});
    ("Object:S3/MaliciousFile", json!({"resourceType": "S3Bucket", "s3BucketDetails": [bucket]}), service)
}

fn attack_sequence(rng: &mut Rng) -> Parts {
    let indicators = json!([{"key": "ATTACK_TECHNIQUE", "values": ["T1078.004 - Valid Accounts: Cloud Accounts"]},
                            {"key": "ATTACK_TACTIC", "values": ["Discovery", "Exfiltration"]}]);
    let signals: Vec<Value> = (0..rng.usize(1..6))
        .map(|i| {
            json!({"uid": format!("s{i}"), "type": "FINDING", "name": "a finding", "severity": 8.0, "count": rng.u8(1..),
                   "firstSeenAt": 1_790_000_000, "lastSeenAt": 1_790_000_060, "signalIndicators": indicators})
        })
        .collect();
    let location = json!({"city": "Amsterdam", "country": "NL", "lat": 52.37, "lon": 4.9});
    let sequence = json!({
        "uid": hex(rng, 8), "description": "a sequence", "signals": signals, "sequenceIndicators": indicators,
        "resources": [{"uid": "i-0abc", "resourceType": "EC2_INSTANCE"}, {"uid": "arn:aws:s3:::loot", "resourceType": "S3_BUCKET"}],
        "endpoints": [{"id": "e1", "ip": "198.51.100.7", "port": 443, "location": location, "connection": {"direction": "OUTBOUND"}}],
    });
    let service = json!({"featureName": "Correlation", "detection": {"sequence": sequence}});
    ("AttackSequence:S3/CompromisedData", json!({"resourceType": "AttackSequence"}), service)
}

fn instance(rng: &mut Rng) -> Value {
    json!({"resourceType": "Instance", "instanceDetails": {
        "instanceId": format!("i-{}", hex(rng, 17)), "imageId": "ami-1", "instanceType": "t3.micro", "platform": null,
        "networkInterfaces": [{"privateIpAddress": "10.0.0.23", "vpcId": "vpc-1", "subnetId": "subnet-1"}],
        "tags": [{"key": "env", "value": "prod"}],
    }})
}

fn function(rng: &mut Rng) -> Value {
    let name = format!("job-{}", rng.u8(..));
    json!({"resourceType": "Lambda", "lambdaDetails": {
        "functionName": name, "functionArn": format!("arn:aws:lambda:eu-central-1:111122223333:function:{name}"), "role": "r",
    }})
}

fn remote(rng: &mut Rng) -> Value {
    let address = if rng.bool() { "198.51.100" } else { "203.0.113" };
    json!({"ipAddressV4": format!("{address}.{}", rng.u8(..)), "city": {"cityName": ""}, "country": {"countryName": "Netherlands"},
           "geoLocation": {"lat": 52.37, "lon": 4.9}, "organization": {"asn": "64500", "asnOrg": "EXAMPLE", "isp": "Example", "org": "Example"}})
}

fn severity(family: Family, rng: &mut Rng) -> Value {
    match family {
        Family::AttackSequence => json!(9),
        _ => rng.choice([json!(2), json!(3.9), json!(5.0), json!(6.5), json!(8), json!(8.9), json!(10)]).expect("seven"),
    }
}

fn account(rng: &mut Rng) -> String {
    (0..12).map(|_| rng.digit(10)).collect()
}

fn hex(rng: &mut Rng, length: usize) -> String {
    (0..length).map(|_| rng.digit(16)).collect()
}

fn time(ms: i64) -> String {
    tidegate_core::event::time::format_rfc3339(ms)
}

fn merge(into: &mut Value, from: Value) {
    if let (Value::Object(into), Value::Object(from)) = (into, from) {
        into.extend(from);
    }
}
