//! `tidegate setup aws`: the policies of a whole configuration, and the table.

use crate::stub::{Place, Stub, said};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

const CONFIG: &str = "sources:
  - {name: findings, kinesis: {stream: 'arn:aws:kinesis:eu-central-1:444455556666:stream/findings', role_arn: 'arn:aws:iam::444455556666:role/read', external_id: soc}}
  - {name: flows, kinesis: {stream: flows}}
ownership: {table: tidegate-leases}
sinks: {opensearch: {domain: alerts}}
";
const GOLDEN: &str = include_str!("policy.json");

#[test]
fn the_policies_are_the_least_and_need_no_credentials() {
    let place = Place::new(CONFIG);
    let asked = ["setup", "aws", "--policy", "--account", "111122223333", "--region", "eu-central-1"];
    let output = place.run(&[&asked[..], &["--json"]].concat(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let wanted: Value = serde_json::from_str(GOLDEN).expect("JSON");
    assert_eq!(found, wanted, "found:\n{found:#}");
    // IAM takes nothing else for these.
    let statements =
        found["policies"].as_array().into_iter().flatten().flat_map(|p| p["policy"]["Statement"].as_array().into_iter().flatten());
    for statement in statements {
        let sid = statement["Sid"].as_str().expect("a text");
        assert!(sid.bytes().all(|b| b.is_ascii_alphanumeric()), "{sid}");
        assert!(!statement["Action"].to_string().contains('*') && statement["Resource"].as_array().is_some_and(|r| !r.is_empty()));
    }
    let text = said(&place.run(&asked, &[]));
    let first = text.split("Policy for the identity of `tidegate run`:\n").nth(1).and_then(|rest| rest.split("\n\n").next());
    assert_eq!(serde_json::from_str::<Value>(first.expect("a policy")).expect("JSON"), found["policies"][0]["policy"]);
    assert!(text.contains("role/read must trust") && text.contains("sts:ExternalId = soc"), "{text}");
    assert!(said(&place.run(&["setup", "aws", "--policy"], &[])).contains("give --account and --region"));
}

#[test]
fn without_anything_of_aws_there_is_nothing_to_allow() {
    let output = Place::new("sources: [{name: pipe, stdin: true}]").run(&["setup", "aws"], &[]);
    assert_eq!((output.status.code(), said(&output).as_str()), (Some(0), "This configuration uses nothing of AWS: no policy is needed.\n"));
}

/// DynamoDB as far as a table is made, with the key that it is made with.
fn dynamodb(key: &'static str, there: bool) -> Stub {
    let made = AtomicU32::new(u32::from(there));
    Stub::start(move |request| {
        let call = request.header("x-amz-target").to_owned();
        let table =
            json!({"TableName": "tidegate-leases", "TableStatus": "ACTIVE", "KeySchema": [{"AttributeName": key, "KeyType": "HASH"}]});
        if call.ends_with(".CreateTable") {
            made.store(1, Ordering::Relaxed);
            return (200, json!({"TableDescription": table}).to_string());
        }
        match made.load(Ordering::Relaxed) {
            0 => (400, json!({"__type": "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException", "message": "none"}).to_string()),
            _ => (200, json!({"Table": table}).to_string()),
        }
    })
}

fn setup(stub: &Stub, arguments: &[&str]) -> (Option<i32>, String) {
    let owned = format!("ownership: {{table: tidegate-leases, region: us-east-1, endpoint_url: '{}'}}", stub.url);
    let place = Place::new(&format!("sources: [{{name: pipe, stdin: true}}]\n{owned}"));
    let keys = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let output = place.run(&[&["setup", "aws"], arguments].concat(), &keys);
    (output.status.code(), said(&output))
}

#[test]
fn the_table_is_made_once_and_only_said_in_a_dry_run() {
    let stub = dynamodb("leaseKey", false);
    let (code, text) = setup(&stub, &["--dry-run"]);
    assert!(code == Some(1) && text.contains("DynamoDB table `tidegate-leases` in us-east-1: would be made"), "{code:?} {text}");
    assert_eq!(stub.requests().len(), 1);
    let (code, text) = setup(&stub, &[]);
    assert!(code == Some(0) && text.contains("us-east-1: made"), "{code:?} {text}");
    let create = stub.requests().into_iter().find(|r| r.header("x-amz-target").ends_with(".CreateTable")).expect("it was made");
    let asked: Value = serde_json::from_str(&create.text()).expect("JSON");
    assert_eq!((&asked["BillingMode"], &asked["KeySchema"][0]["AttributeName"]), (&json!("PAY_PER_REQUEST"), &json!("leaseKey")));
    let (code, text) = setup(&stub, &[]);
    assert!(code == Some(0) && text.contains("us-east-1: unchanged"), "{code:?} {text}");
}

#[test]
fn a_table_with_another_key_is_refused() {
    let (code, text) = setup(&dynamodb("id", true), &[]);
    assert!(code == Some(3) && text.contains("has another key than `leaseKey` (HASH id)"), "{code:?} {text}");
}
