//! Events of the other sources, read by the same reader: what their OCSF and reserved names find.

use crate::read::Shape;
use serde_json::{Value, json};
use tidegate_core::event::{Fact, Form};

fn shape(form: Form, event: &Value) -> Shape {
    Shape { name: "neighbour", form, text: event.to_string() }
}

fn check(form: Form, event: &Value, wanted: &[(&str, &[&str])]) {
    let shape = shape(form, event);
    for (name, values) in wanted {
        assert_eq!(shape.read(name), *values, "{form:?} {name}");
    }
}

#[test]
fn a_role_session_in_cloudtrail() {
    let event = json!({
        "eventID": "e-1", "eventTime": "2026-11-23T17:53:04Z", "eventSource": "iam.amazonaws.com", "eventName": "CreateUser",
        "awsRegion": "eu-central-1", "recipientAccountId": "000011112222", "sourceIPAddress": "203.0.113.77", "errorCode": "AccessDenied",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::000011112222:assumed-role/Admin_1/alice", "accessKeyId": "ASIA1",
            "sessionContext": {"sessionIssuer": {"arn": "arn:aws:iam::000011112222:role/aws-reserved/sso.amazonaws.com/Admin_1", "userName": "Admin_1"}}},
    });
    let wanted: &[(&str, &[&str])] = &[
        ("tidegate.time", &["2026-11-23T17:53:04.000Z"]),
        ("tidegate.content_id", &["e-1"]),
        ("tidegate.principal", &["arn:aws:sts::000011112222:assumed-role/Admin_1/alice"]),
        ("tidegate.principal_root", &["arn:aws:iam::000011112222:role/Admin_1"]),
        ("actor.session.issuer", &["arn:aws:iam::000011112222:role/aws-reserved/sso.amazonaws.com/Admin_1"]),
        ("cloud.account.uid", &["000011112222"]),
        ("src_endpoint.ip", &["203.0.113.77"]),
        ("src_endpoint.domain", &[]),
        ("api.response.error", &["AccessDenied"]),
        ("status", &["Failure"]),
        ("detail.eventName", &["CreateUser"]),
    ];
    check(Form::CloudTrail, &event, wanted);
}

#[test]
fn a_failed_sign_in_has_the_principal_of_a_successful_one() {
    let user = |name: &str| json!({"type": "IAMUser", "accountId": "000011112222", "userName": name});
    let event = |name: &str| json!({"awsRegion": "us-east-1", "userIdentity": user(name), "responseElements": {"ConsoleLogin": "Failure"}});
    let arn: &[&str] = &["arn:aws:iam::000011112222:user/alice"];
    check(Form::CloudTrail, &event("alice"), &[("tidegate.principal", arn), ("tidegate.principal_root", arn), ("status_id", &["2"])]);
    let nobody: &[&str] = &[];
    check(
        Form::CloudTrail,
        &event("HIDDEN_DUE_TO_SECURITY_REASONS"),
        &[("tidegate.principal", nobody), ("tidegate.principal_root", nobody)],
    );
}

#[test]
fn a_malware_scan_result_that_is_no_finding() {
    let event = json!({
        "id": "m-1", "detail-type": "GuardDuty Malware Protection Object Scan Result", "source": "aws.guardduty", "account": "000011112222",
        "time": "2026-11-23T17:53:04Z", "region": "eu-central-1", "resources": [],
        "detail": {"schemaVersion": "1.0", "scanStatus": "COMPLETED", "s3ObjectDetails": {"bucketName": "inbox", "objectKey": "a/b"},
            "scanResultDetails": {"scanResultStatus": "THREATS_FOUND", "threats": [{"name": "EICAR"}]}},
    });
    let wanted: &[(&str, &[&str])] = &[
        ("tidegate.time", &["2026-11-23T17:53:04.000Z"]),
        ("tidegate.content_id", &["m-1"]),
        ("detail-type", &["GuardDuty Malware Protection Object Scan Result"]),
        ("scanResultDetails.scanResultStatus", &["THREATS_FOUND"]),
        ("detail.scanResultDetails.threats.name", &["EICAR"]),
        ("malware.name", &["EICAR"]),
        ("cloud.account.uid", &["000011112222"]),
    ];
    check(Form::EventBridge, &event, wanted);
    assert_eq!(shape(Form::EventBridge, &event).facts(Fact::Resource), ["AWS::S3::Bucket=inbox"]);
}

#[test]
fn a_query_a_request_and_an_audit_event() {
    let query =
        json!({"query_name": "Pool.Example.", "srcaddr": "10.0.0.4", "srcids": {"instance": "i-1"}, "firewall_rule_action": "BLOCK"});
    check(Form::Route53, &query, &[("query.hostname", &["pool.example"]), ("query_name", &["Pool.Example."]), ("action_id", &["2"])]);

    let headers = json!([{"name": "host", "value": "shop.example"}, {"name": "User-Agent", "value": "sqlmap"}]);
    let request = json!({"webaclId": "arn:aws:wafv2:eu-central-1:000011112222:regional/webacl/a/b", "action": "BLOCK",
        "httpRequest": {"clientIp": "203.0.113.9", "headers": headers}});
    let wanted: &[(&str, &[&str])] =
        &[("http_request.user_agent", &["sqlmap"]), ("query.hostname", &["shop.example"]), ("cloud.account.uid", &["000011112222"])];
    check(Form::Waf, &request, wanted);

    let audit = json!({"user": {"username": "system:anonymous", "extra": {"arn": ["arn:aws:sts::000011112222:assumed-role/dev/bob"]}},
        "annotations": {"authorization.k8s.io/decision": "allow"}, "verb": "get"});
    let wanted: &[(&str, &[&str])] = &[
        ("annotations.authorization.k8s.io/decision", &["allow"]),
        ("tidegate.principal_root", &["arn:aws:iam::000011112222:role/dev"]),
        ("tidegate.action", &["allow"]),
    ];
    check(Form::EksAudit, &audit, wanted);
}
