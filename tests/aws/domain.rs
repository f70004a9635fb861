//! A domain is found by its name, in the words of the control plane of Amazon OpenSearch Service. What is found is https, and nothing
//! listens there: that it is tried is what can be seen.

use crate::stub::{Place, Stub, said};
use serde_json::{Value, json};

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];

/// What setup says of a domain that the control plane describes so.
fn described(status: u16, answer: &Value) -> (Stub, String) {
    let answer = answer.to_string();
    let stub = Stub::start(move |_| (status, answer.clone()));
    let aws = format!("{{region: eu-central-1, endpoint_url: '{}'}}", stub.url);
    let place = Place::new(&format!("sources: [{{name: pipe, stdin: true}}]\nsinks: {{opensearch: {{domain: alerts, aws: {aws}}}}}"));
    let output = place.run(&["setup", "opensearch"], &KEYS);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    (stub, said(&output))
}

fn domain(more: Value) -> Value {
    let mut status = json!({
        "DomainId": "111122223333/alerts", "DomainName": "alerts", "ARN": "arn:aws:es:eu-central-1:111122223333:domain/alerts",
        "ClusterConfig": {},
    });
    status.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    json!({"DomainStatus": status})
}

#[test]
fn its_public_endpoint_is_used_and_the_question_is_signed() {
    let (stub, said) = described(200, &domain(json!({"Endpoint": "127.0.0.1:1"})));
    assert!(said.contains("https://127.0.0.1:1 refuses the connection"), "{said}");
    let asked = stub.requests();
    assert_eq!((asked[0].method.as_str(), asked[0].target.as_str()), ("GET", "/2021-01-01/opensearch/domain/alerts"));
    assert!(asked[0].header("authorization").contains("/eu-central-1/es/aws4_request"), "{asked:?}");
    assert_eq!(asked.len(), 1);
}

#[test]
fn inside_a_vpc_its_endpoint_there_is_used() {
    let (_, said) = described(200, &domain(json!({"Endpoints": {"vpc": "127.0.0.1:2"}})));
    assert!(said.contains("https://127.0.0.1:2 refuses the connection"), "{said}");
}

#[test]
fn a_domain_that_is_not_there_not_ready_or_not_ours_to_see_is_told_apart() {
    let (_, said) = described(200, &domain(json!({"Processing": true})));
    assert!(said.contains("it has no endpoint yet"), "{said}");
    let (_, said) = described(409, &json!({"__type": "ResourceNotFoundException", "message": "Domain not found: alerts"}));
    assert!(said.contains("Domain not found: alerts; correct `sinks.opensearch.domain` or its Region"), "{said}");
    let (_, said) = described(403, &json!({"__type": "AccessDeniedException", "message": "no"}));
    assert!(said.contains("es:DescribeDomain"), "{said}");
}
