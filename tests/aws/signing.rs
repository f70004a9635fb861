//! Requests to OpenSearch at AWS are signed, whatever they carry, by whoever the configuration says.

use crate::sigv4::{Key, verify};
use crate::stub::{Place, Request, Stub, said};
use serde_json::json;

const LONG: Key = Key { id: "AKIDEXAMPLE", secret: "long/secret+of=nobody", token: None };
const ROLE: Key = Key { id: "ASIDEXAMPLE", secret: "secret/of+a=role", token: Some("token/of+a=role") };
const REGION: &str = "eu-central-1";
const ENVIRONMENT: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", LONG.id), ("AWS_SECRET_ACCESS_KEY", LONG.secret)];

/// OpenSearch behind a door that lets in only what is signed with the key.
fn opensearch(key: &'static Key) -> Stub {
    Stub::start(move |request| match verify(request, key, REGION, "es") {
        Err(why) => (403, json!({"error": {"type": "signature", "reason": why}}).to_string()),
        Ok(()) if request.target == "/" => (200, json!({"version": {"distribution": "opensearch", "number": "2.19.4"}}).to_string()),
        Ok(()) if request.target.starts_with("/_bulk") => (200, taken(request)),
        Ok(()) if request.method == "PUT" => (200, json!({"acknowledged": true}).to_string()),
        Ok(()) => (404, json!({"error": {"type": "resource_not_found_exception", "reason": "no such template"}}).to_string()),
    })
}

fn taken(request: &Request) -> String {
    let text = request.text();
    let ids = text.lines().step_by(2).map(|line| serde_json::from_str::<serde_json::Value>(line).expect("an action"));
    let items: Vec<_> = ids.map(|action| json!({"index": {"_id": action["index"]["_id"], "status": 201}})).collect();
    json!({"took": 1, "errors": false, "items": items}).to_string()
}

#[test]
fn templates_are_written_with_signed_requests() {
    let stub = opensearch(&LONG);
    let sink = format!("{{opensearch: {{url: '{}', aws: {{region: {REGION}}}}}}}", stub.url);
    let place = Place::new(&format!("sources: [{{name: pipe, stdin: true}}]\nsinks: {sink}"));
    let output = place.run(&["setup", "opensearch"], &ENVIRONMENT);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let puts = stub.requests().iter().filter(|r| r.method == "PUT").count();
    assert!(puts >= 4, "{}", said(&output));

    let output = place.run(&["setup", "opensearch"], &[ENVIRONMENT[0], ("AWS_SECRET_ACCESS_KEY", "another")]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("the signature is"), "{}", said(&output));
    let output = place.run(&["setup", "opensearch"], &[]);
    assert!(said(&output).contains("cannot get credentials of AWS"), "{}", said(&output));
}

const RULE: &str = "title: Refused sign-in to the shop
id: 1d4a3c52-93f1-4a60-8f3e-6a1f0c7d2b11
status: stable
level: high
logsource: {product: shop, service: login}
detection: {selection: {result: refused}, condition: selection}
";

#[test]
fn compressed_alerts_are_signed_with_the_keys_of_a_role_that_is_taken_on() {
    let stub = opensearch(&ROLE);
    let sts = Stub::start(|request| {
        let body = request.text();
        let asked = ["Action=AssumeRole", "RoleArn=arn%3Aaws%3Aiam%3A%3A444455556666%3Arole%2Fwrite", "ExternalId=soc"];
        assert!(asked.iter().all(|part| body.contains(part)), "{body}");
        let (id, secret, token) = (ROLE.id, ROLE.secret, ROLE.token.unwrap_or_default());
        let end = "2099-01-01T00:00:00Z";
        let keys = format!(
            "<AccessKeyId>{id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>\
             <Expiration>{end}</Expiration>"
        );
        let user = "<AssumedRoleUser><AssumedRoleId>A:t</AssumedRoleId><Arn>arn:aws:sts::444455556666:assumed-role/write/t</Arn></AssumedRoleUser>";
        let result = format!("<AssumeRoleResult><Credentials>{keys}</Credentials>{user}</AssumeRoleResult>");
        (200, format!("<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">{result}</AssumeRoleResponse>"))
    });
    let aws = format!("{{region: {REGION}, role_arn: 'arn:aws:iam::444455556666:role/write', external_id: soc}}");
    let source = "{name: shop, file: ./in.ndjson, follow: false, format: json, json: {product: shop, service: login}}";
    let place = Place::new(&format!(
        "rules: [./rules.yml]\nsources: [{source}]\nsinks: {{sqlite: false, opensearch: {{url: '{}', aws: {aws}}}}}",
        stub.url
    ));
    place.write("rules.yml", RULE);
    place.write("in.ndjson", "{\"time\":1793613600,\"result\":\"refused\",\"who\":\"ann\"}\n");
    let output = place.run(&["run", "-c", "tidegate.yaml"], &[&ENVIRONMENT[..], &[("AWS_ENDPOINT_URL_STS", &sts.url)]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let bulk = stub.requests().into_iter().find(|r| r.target.starts_with("/_bulk")).expect("a bulk request");
    assert_eq!((bulk.header("content-encoding"), verify(&bulk, &ROLE, REGION, "es")), ("gzip", Ok(())));
    assert!(bulk.text().contains("Refused sign-in"), "{}", bulk.text());
    assert!(said(&output).contains("0 deliveries wait"), "{}", said(&output));
    assert_eq!(sts.requests().len(), 1, "the keys of a role are asked for once");
}
