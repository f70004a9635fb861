//! Templates: the event each kind starts from, with its time, its id and whatever its service always writes.

use super::keys;
use crate::event::time::format_rfc3339;
use crate::event::{GenericSource, LogSource};
use serde_json::{Map, Value, json};

/// The account of an event that names none.
pub const ACCOUNT: &str = "111122223333";
const REGION: &str = "eu-central-1";
const DETECTOR: &str = "12abc34d567e8fa901bc2d34e56789f0";

/// A named event of a test file.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// A word of [`keys::KINDS`], or [`keys::KIND_RAW`].
    pub kind: &'static str,
    /// What overrides the base event, by dotted name.
    pub fields: Map<String, Value>,
    /// For `json`: which of the suite's stated logsources.
    pub generic: Option<u16>,
}

impl Template {
    /// A template as written. What `json` says of its logsource is taken out and kept in `generic`.
    pub(super) fn new(kind: &str, mut fields: Map<String, Value>, generic: &mut Vec<GenericSource>) -> Self {
        fields.shift_remove("kind");
        let kind = keys::KINDS.into_iter().find(|known| *known == kind).unwrap_or(keys::KIND_RAW);
        let mut template = Template { kind, fields, generic: None };
        if kind == "json" {
            let stated = template.stated();
            let known = generic.iter().position(|source| *source == stated);
            template.generic = Some(known.unwrap_or(generic.len()) as u16);
            if known.is_none() {
                generic.push(stated);
            }
        }
        template
    }

    /// `logsource: {product: okta, service: system}` and `time_field: published`.
    fn stated(&mut self) -> GenericSource {
        let logsource = self.fields.shift_remove("logsource").unwrap_or_default();
        let word = |key: &str| logsource[key].as_str().map(str::to_lowercase);
        let time_field = self.fields.shift_remove("time_field").and_then(|name| name.as_str().map(str::to_owned));
        let time_field = time_field.unwrap_or_else(|| "time".to_owned());
        self.fields.entry(time_field.clone()).or_insert_with(|| "${time}".into());
        let logsource = LogSource { category: word("category"), product: word("product"), service: word("service") };
        GenericSource { logsource, time_field, arrival_field: None }
    }

    /// What its service always writes.
    pub(super) fn base(&self, time_ms: i64, unique: &str) -> Value {
        match self.kind {
            "cloudtrail" => trail(time_ms, unique),
            "guardduty" => finding(time_ms, unique),
            "vpcflow" => flow(time_ms),
            "dns" => query(time_ms),
            "waf" => request(time_ms, unique),
            "securityhub" => asff(time_ms, unique),
            "eks" => audit(time_ms, unique),
            "eventbridge" => bridge(time_ms, unique),
            _ => json!({}),
        }
    }

    /// Where its event names its own account.
    pub(super) fn account_of(&self, event: &Value) -> Option<String> {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        match self.kind {
            "cloudtrail" => text("/recipientAccountId"),
            "guardduty" => text("/accountId"),
            "vpcflow" => text("/account-id"),
            "dns" => text("/account_id"),
            "securityhub" => text("/AwsAccountId"),
            "eventbridge" => text("/account"),
            "waf" => text("/webaclId").and_then(|arn| arn.split(':').nth(4).map(str::to_owned)),
            "eks" => text("/user/extra/arn/0").and_then(|arn| arn.split(':').nth(4).map(str::to_owned)),
            _ => ["/recipientAccountId", "/accountId", "/account_id", "/account"].into_iter().find_map(text),
        }
    }

    /// What makes an event of this kind one that nobody looks for.
    pub(super) fn dull(&self) -> Option<Value> {
        match self.kind {
            "cloudtrail" => Some(json!({"eventSource": "noise.amazonaws.com", "eventName": "DescribeNoise"})),
            "guardduty" => Some(json!({"type": "Noise:Test/Noise", "severity": 1})),
            "vpcflow" => Some(json!({"srcaddr": "10.255.0.1", "dstaddr": "10.255.0.2", "bytes": 1, "packets": 1})),
            "dns" => Some(json!({"query_name": "noise.test."})),
            "waf" => Some(json!({"action": "ALLOW"})),
            "eks" => Some(json!({"verb": "watch"})),
            _ => None,
        }
    }
}

fn trail(time_ms: i64, unique: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventTime": seconds(time_ms), "eventID": unique, "requestID": unique, "eventType": "AwsApiCall",
        "eventCategory": "Management", "awsRegion": REGION, "recipientAccountId": ACCOUNT, "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.31.0", "readOnly": false, "managementEvent": true,
        "userIdentity": {"type": "IAMUser", "accountId": ACCOUNT, "userName": "mara", "arn": format!("arn:aws:iam::{ACCOUNT}:user/mara"),
            "principalId": "AIDAEXAMPLE0000000001", "accessKeyId": "AKIAEXAMPLE000000001"},
    })
}

fn finding(time_ms: i64, unique: &str) -> Value {
    let at = format_rfc3339(time_ms);
    json!({
        "schemaVersion": "2.0", "accountId": ACCOUNT, "region": REGION, "partition": "aws", "id": unique.replace('-', ""),
        "severity": 5, "createdAt": at, "updatedAt": at, "title": "A finding", "description": "A finding made for a test.",
        "resource": {"resourceType": "Instance"},
        "service": {"serviceName": "guardduty", "detectorId": DETECTOR, "count": 1, "archived": false,
            "eventFirstSeen": at, "eventLastSeen": at, "resourceRole": "TARGET"},
    })
}

/// A finding's ARN follows from what the template says; so does that of a Security Hub finding of ours.
pub(super) fn complete_finding(event: &mut Value) {
    let text = |name: &str| event[name].as_str().unwrap_or("").to_owned();
    let (region, account, id) = (text("region"), text("accountId"), text("id"));
    if event["arn"].is_null() {
        event["arn"] = Value::String(format!("arn:aws:guardduty:{region}:{account}:detector/{DETECTOR}/finding/{id}"));
    }
}

fn flow(time_ms: i64) -> Value {
    json!({
        "version": 2, "account-id": ACCOUNT, "interface-id": "eni-0a1b2c3d4e5f60718", "srcaddr": "10.0.0.5", "dstaddr": "10.0.1.9",
        "srcport": 49152, "dstport": 443, "protocol": 6, "packets": 10, "bytes": 840, "start": time_ms.div_euclid(1000),
        "end": time_ms.div_euclid(1000) + 60, "action": "ACCEPT", "log-status": "OK",
    })
}

fn query(time_ms: i64) -> Value {
    json!({
        "version": "1.100000", "account_id": ACCOUNT, "region": REGION, "vpc_id": "vpc-0a1b2c3d4e5f60718",
        "query_timestamp": seconds(time_ms), "query_name": "www.example.com.", "query_type": "A", "query_class": "IN",
        "rcode": "NOERROR", "answers": [{"Rdata": "192.0.2.10", "Type": "A", "Class": "IN"}], "srcaddr": "10.0.0.5",
        "srcport": "41201", "transport": "UDP", "srcids": {"instance": "i-0a1b2c3d4e5f60718"},
    })
}

fn request(time_ms: i64, unique: &str) -> Value {
    json!({
        "timestamp": time_ms, "formatVersion": 1,
        "webaclId": format!("arn:aws:wafv2:{REGION}:{ACCOUNT}:regional/webacl/shop/1f2e3d4c-0000-4000-8000-000000000001"),
        "terminatingRuleId": "Default_Action", "terminatingRuleType": "REGULAR", "action": "ALLOW", "terminatingRuleMatchDetails": [],
        "httpSourceName": "ALB", "httpSourceId": format!("{ACCOUNT}-app/shop/0123456789abcdef"), "ruleGroupList": [],
        "rateBasedRuleList": [], "nonTerminatingMatchingRules": [],
        "httpRequest": {"clientIp": "198.51.100.7", "country": "DE", "uri": "/", "args": "", "httpVersion": "HTTP/2.0",
            "httpMethod": "GET", "requestId": unique, "headers": [{"name": "Host", "value": "shop.example.com"}]},
    })
}

fn asff(time_ms: i64, unique: &str) -> Value {
    let at = format_rfc3339(time_ms);
    json!({
        "SchemaVersion": "2018-10-08", "Id": format!("arn:aws:securityhub:{REGION}:{ACCOUNT}:finding/{unique}"),
        "ProductArn": format!("arn:aws:securityhub:{REGION}::product/aws/securityhub"), "ProductName": "Security Hub",
        "CompanyName": "AWS", "Region": REGION, "GeneratorId": "security-control/EC2.13", "AwsAccountId": ACCOUNT,
        "Types": ["Software and Configuration Checks/AWS Security Best Practices"], "CreatedAt": at, "UpdatedAt": at,
        "Severity": {"Label": "MEDIUM", "Normalized": 40}, "Title": "A finding", "Description": "A finding made for a test.",
        "Resources": [{"Type": "AwsEc2Instance", "Id": format!("arn:aws:ec2:{REGION}:{ACCOUNT}:instance/i-0a1b2c3d4e5f60718"),
            "Partition": "aws", "Region": REGION}],
        "Compliance": {"Status": "FAILED"}, "Workflow": {"Status": "NEW"}, "RecordState": "ACTIVE",
    })
}

fn audit(time_ms: i64, unique: &str) -> Value {
    let at = format_rfc3339(time_ms);
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": unique, "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/shop/pods", "verb": "list",
        "user": {"username": "mara", "groups": ["system:authenticated"], "extra": {"arn": [format!("arn:aws:iam::{ACCOUNT}:user/mara")]}},
        "sourceIPs": ["198.51.100.7"], "userAgent": "kubectl/v1.33.0",
        "objectRef": {"resource": "pods", "namespace": "shop", "apiVersion": "v1"}, "responseStatus": {"code": 200},
        "requestReceivedTimestamp": at, "stageTimestamp": at,
        "annotations": {"authorization.k8s.io/decision": "allow"},
    })
}

/// An audit event names no account: that stands around it, in the batch of `CloudWatch Logs`.
pub(super) fn logged(event: &str, account: Option<&str>, time_ms: i64, unique: &str) -> String {
    json!({
        "messageType": "DATA_MESSAGE", "owner": account.unwrap_or(ACCOUNT), "logGroup": "/aws/eks/shop/cluster",
        "logStream": "kube-apiserver-audit-0a1b2c3d", "subscriptionFilters": ["tidegate"],
        "logEvents": [{"id": unique, "timestamp": time_ms, "message": event}],
    })
    .to_string()
}

fn bridge(time_ms: i64, unique: &str) -> Value {
    json!({
        "version": "0", "id": unique, "detail-type": "Test Event", "source": "aws.test", "account": ACCOUNT,
        "time": seconds(time_ms), "region": REGION, "resources": [], "detail": {},
    })
}

/// `CloudTrail` and others write whole seconds.
fn seconds(ms: i64) -> String {
    let mut text = format_rfc3339(ms.div_euclid(1000) * 1000);
    text.truncate(19);
    text + "Z"
}
