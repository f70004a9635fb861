//! A native finding in the other shapes, written from AWS's descriptions of them and independent of the tables under test.

use crate::read::Shape;
use serde_json::{Map, Value, json};
use tidegate_core::decode::envelope::unwrap;
use tidegate_core::decode::unit::{Emit, Hints};
use tidegate_core::event::Form;
use tidegate_core::event::time::parse_rfc3339_ms;

/// The five shapes as they travel, taken out of their envelopes; the native one first.
pub(crate) fn shapes(finding: &Value, seed: u64) -> Vec<Shape> {
    let asff = asff(finding);
    vec![
        unwrapped("native", Form::GuardDuty, finding),
        unwrapped("eventbridge", Form::GuardDuty, &event("aws.guardduty", "GuardDuty Finding", finding)),
        unwrapped("api", Form::GuardDutyApi, &json!({"Findings": [api(finding)]})),
        unwrapped("ocsf", Form::GuardDutyOcsf, &imported("Findings Imported V2", &ocsf(&asff, seed))),
        unwrapped("asff", Form::GuardDutyAsff, &imported("Security Hub Findings - Imported", &asff)),
    ]
}

/// The envelope speaks of the administrator's account, never of the finding's.
fn event(source: &str, kind: &str, detail: &Value) -> Value {
    json!({"version": "0", "id": "cd2d702e-ab31-411b-9344-793ce56b1bc7", "detail-type": kind, "source": source, "account": "999999999999",
           "time": "2026-11-23T17:53:04Z", "region": "us-east-1", "resources": [], "detail": detail})
}

fn imported(kind: &str, finding: &Value) -> Value {
    event("aws.securityhub", kind, &json!({"findings": [finding]}))
}

fn unwrapped(name: &'static str, form: Form, record: &Value) -> Shape {
    let mut found = None;
    unwrap(record.to_string().as_bytes(), &Hints::default(), &mut |emit| {
        if let Emit::Unit(unit) = emit {
            assert_eq!(unit.form, form, "{name}: {}", unit.text);
            assert!(found.replace(unit.text.to_owned()).is_none(), "{name}: two units");
        }
    });
    Shape { name, form, text: found.expect("a finding comes out of its envelope") }
}

/// The OCSF copy as Security Hub V2 may send it: without the product's own number.
pub(crate) fn ocsf_without_number(finding: &Value, seed: u64) -> Shape {
    let mut copy = ocsf(&asff(finding), seed);
    copy["unmapped"].as_object_mut().expect("an object").remove("Severity.Product");
    Shape { name: "ocsf", form: Form::GuardDutyOcsf, text: copy.to_string() }
}

fn api(finding: &Value) -> Value {
    let mut finding = finding.clone();
    let info = &finding["service"]["additionalInfo"];
    finding["service"]["additionalInfo"] = json!({"value": info["value"], "type": info["type"]});
    pascal(&finding, "")
}

fn pascal(value: &Value, parent: &str) -> Value {
    match value {
        Value::Object(members) => {
            members.iter().map(|(key, member)| (sdk_name(parent, key), pascal(member, key))).collect::<Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(|item| pascal(item, parent)).collect(),
        leaf => leaf.clone(),
    }
}

fn sdk_name(parent: &str, key: &str) -> String {
    match (parent, key) {
        ("affectedResources", key) => key.to_owned(),
        (_, "sourceIPs") => "SourceIps".into(),
        ("location", "lat") => "Latitude".into(),
        ("location", "lon") => "Longitude".into(),
        (_, key) => key[..1].to_ascii_uppercase() + &key[1..],
    }
}

fn asff(finding: &Value) -> Value {
    let mut fields = Map::new();
    flatten(&finding["service"], "aws/guardduty/service", &mut fields);
    let text = |name: &str| finding[name].as_str().expect("a text").to_owned();
    let product_arn = format!("arn:{}:securityhub:{}::product/aws/guardduty", text("partition"), text("region"));
    fields.insert("aws/securityhub/FindingId".into(), json!(format!("{product_arn}/{}", text("arn"))));
    let number = finding["severity"].as_f64().expect("a number");
    let sample = finding["service"]["additionalInfo"]["sample"] == json!(true);
    json!({
        "SchemaVersion": "2018-10-08", "Id": finding["arn"], "ProductArn": product_arn, "ProductName": "GuardDuty", "CompanyName": "Amazon",
        "GeneratorId": text("arn").split("/finding/").next(), "AwsAccountId": finding["accountId"], "Region": finding["region"],
        "Types": [format!("TTPs/{}", hub_type(&text("type")))], "CreatedAt": finding["createdAt"], "UpdatedAt": finding["updatedAt"],
        "FirstObservedAt": finding["service"]["eventFirstSeen"], "LastObservedAt": finding["service"]["eventLastSeen"],
        "Severity": {"Product": finding["severity"], "Label": label(number), "Normalized": 40}, "Title": finding["title"],
        "Description": finding["description"], "ProductFields": fields, "Resources": [resource(finding)], "RecordState": "ACTIVE",
        "Workflow": {"Status": "NEW"}, "Sample": sample,
    })
}

/// `Stealth:IAMUser/X` is `Defense Evasion/Stealth:IAMUser-X`; where the purpose is the tactic itself it is left out.
fn hub_type(kind: &str) -> String {
    let (purpose, rest) = kind.split_once(':').expect("a purpose");
    let rest = rest.replacen('/', "-", 1);
    match purpose {
        "Discovery" => format!("Discovery/{rest}"),
        "CredentialAccess" => format!("Credential Access/{rest}"),
        _ => format!("Defense Evasion/{purpose}:{rest}"),
    }
}

fn label(number: f64) -> &'static str {
    match number {
        n if n < 4.0 => "LOW",
        n if n < 7.0 => "MEDIUM",
        n if n < 9.0 => "HIGH",
        _ => "CRITICAL",
    }
}

fn flatten(value: &Value, at: &str, into: &mut Map<String, Value>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, member)| flatten(member, &format!("{at}/{key}"), into)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, item)| flatten(item, &format!("{at}.{i}_"), into)),
        Value::Null => {}
        Value::String(text) => drop(into.insert(at.to_owned(), json!(text))),
        leaf => drop(into.insert(at.to_owned(), json!(leaf.to_string().trim_end_matches(".0")))),
    }
}

fn resource(finding: &Value) -> Value {
    let resource = &finding["resource"];
    let (kind, id, details) = match resource["resourceType"].as_str().expect("a type") {
        "Instance" => {
            let id = resource["instanceDetails"]["instanceId"].as_str().expect("an id");
            let details =
                json!({"AwsEc2Instance": {"ImageId": "ami-1", "Type": "t3.micro", "VpcId": "vpc-1", "IpV4Addresses": ["10.0.0.23"]}});
            ("AwsEc2Instance", format!("arn:aws:ec2:eu-central-1:111122223333:instance/{id}"), details)
        }
        "AccessKey" => {
            let key = &resource["accessKeyDetails"];
            let details = json!({"PrincipalId": key["principalId"], "PrincipalName": key["userName"], "PrincipalType": key["userType"]});
            let id = key["accessKeyId"].as_str().expect("an id");
            ("AwsIamAccessKey", format!("AWS::IAM::AccessKey:{id}"), json!({"AwsIamAccessKey": details}))
        }
        "EKSCluster" => ("AwsEksCluster", arn(&resource["eksClusterDetails"]["arn"]), json!({})),
        "RDSDBInstance" => ("AwsRdsDbInstance", arn(&resource["rdsDbInstanceDetails"]["dbInstanceArn"]), json!({})),
        "Lambda" => ("AwsLambdaFunction", arn(&resource["lambdaDetails"]["functionArn"]), json!({})),
        "S3Bucket" => ("AwsS3Bucket", arn(&resource["s3BucketDetails"][0]["arn"]), json!({})),
        _ => ("Other", "the account".to_owned(), json!({})),
    };
    json!({"Type": kind, "Id": id, "Partition": "aws", "Region": finding["region"], "Details": details})
}

fn arn(value: &Value) -> String {
    value.as_str().expect("an ARN").to_owned()
}

/// What AWS's map puts under a name of its own in `evidences[]`; everything else stays in `unmapped`.
const MAPPED: [(&str, &str); 21] = [
    ("action/awsApiCallAction/api", "api/operation"),
    ("action/awsApiCallAction/serviceName", "api/service/name"),
    ("action/awsApiCallAction/errorCode", "api/response/error"),
    ("action/awsApiCallAction/remoteIpDetails/ipAddressV4", "src_endpoint/ip"),
    ("action/awsApiCallAction/remoteIpDetails/country/countryName", "src_endpoint/location/country"),
    ("action/awsApiCallAction/remoteIpDetails/city/cityName", "src_endpoint/location/city"),
    ("action/kubernetesApiCallAction/verb", "api/operation"),
    ("action/kubernetesApiCallAction/remoteIpDetails/ipAddressV4", "src_endpoint/ip"),
    ("action/dnsRequestAction/domainWithSuffix", "query/hostname"),
    ("action/dnsRequestAction/protocol", "connection_info/protocol_name"),
    ("runtimeDetails/process/name", "actor/process/name"),
    ("runtimeDetails/process/executablePath", "actor/process/file/path"),
    ("runtimeDetails/process/pid", "actor/process/pid"),
    ("runtimeDetails/process/uuid", "actor/process/uid"),
    ("runtimeDetails/process/user", "actor/process/user/name"),
    ("runtimeDetails/process/userId", "actor/process/user/uid"),
    ("runtimeDetails/process/parentUuid", "actor/process/parent_process/uid"),
    ("runtimeDetails/process/executableSha256", "actor/process/file/hashes/value"),
    ("runtimeDetails/process/euid", "actor/process/euid"),
    ("additionalInfo/value", "data"),
    ("featureName", "FEATURE"),
];

fn ocsf(asff: &Value, seed: u64) -> Value {
    let (mut evidence, mut unmapped, mut feature) = (json!({}), Map::new(), Value::Null);
    for (key, value) in asff["ProductFields"].as_object().expect("fields") {
        let short = key.trim_start_matches("aws/guardduty/service/");
        match MAPPED.iter().find(|(from, _)| *from == short) {
            Some((_, "FEATURE")) => feature = value.clone(),
            Some((_, to)) => put(&mut evidence, to, value.clone()),
            None => drop(unmapped.insert(format!("ProductFields.{key}"), value.clone())),
        }
    }
    for (name, value) in
        [("RecordState", &asff["RecordState"]), ("Sample", &asff["Sample"]), ("Severity.Product", &asff["Severity"]["Product"])]
    {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        unmapped.insert(name.into(), json!(text));
    }
    let severity_id = 2 + ["LOW", "MEDIUM", "HIGH", "CRITICAL"].iter().position(|l| asff["Severity"]["Label"] == *l).expect("a label");
    let mut info = json!({"uid": asff["Id"], "types": asff["Types"], "title": asff["Title"], "desc": asff["Description"]});
    for (name, from) in
        [("created", "CreatedAt"), ("modified", "UpdatedAt"), ("first_seen", "FirstObservedAt"), ("last_seen", "LastObservedAt")]
    {
        time(&mut info, name, asff[from].as_str().expect("a time"), seed);
    }
    let resource = &asff["Resources"][0];
    json!({
        "activity_id": 1, "class_uid": 2004, "cloud": {"account": {"uid": asff["AwsAccountId"]}, "provider": "AWS", "region": asff["Region"]},
        "evidences": [evidence], "finding_info": info, "severity_id": severity_id, "status": "New", "unmapped": unmapped,
        "metadata": {"product": {"name": "GuardDuty", "uid": asff["ProductArn"], "feature": {"name": feature, "uid": asff["GeneratorId"]}}},
        "resources": [{"type": resource["Type"], "uid": resource["Id"], "data": resource["Details"].to_string()}],
        "time": parse_rfc3339_ms(asff["UpdatedAt"].as_str().expect("a time")), "time_dt": asff["UpdatedAt"],
    })
}

/// Either the number or its readable twin, as senders have it.
fn time(info: &mut Value, name: &str, text: &str, seed: u64) {
    let ms = parse_rfc3339_ms(text).expect("a time");
    match seed % 2 {
        0 => info[format!("{name}_time")] = json!(ms),
        _ => info[format!("{name}_time_dt")] = json!(text),
    }
}

fn put(into: &mut Value, path: &str, value: Value) {
    let mut at = into;
    for key in path.split('/') {
        at = &mut at[key];
    }
    *at = value;
}
