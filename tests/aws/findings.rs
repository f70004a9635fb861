//! Findings come out of the GuardDuty API as they went in: `replay guardduty:` against a stub that speaks the service's protocol
//! (REST, JSON; written from the service model): paging, throttles, faults, tokens that expire, findings that vanish or move.

use crate::stub::{Place, Request, Stub, said};
use serde_json::{Value, json};
use std::process::Output;
use std::sync::{Arc, Mutex};
use tidegate_core::event::time::{format_rfc3339, parse_rfc3339_ms};

/// 2026-11-02T10:00:00Z.
const BASE: i64 = 1_793_613_600_000;
const MINUTE: i64 = 60_000;
const DETECTOR: &str = "d0c4f8a1";

const RULES: &str = "title: Port scan
id: scan
level: medium
logsource: {product: aws, service: guardduty}
detection: {s: {type|startswith: 'Recon:'}, condition: s}
---
title: Named threat
id: threat
level: high
logsource: {product: aws, service: guardduty}
detection: {s: {service.additionalInfo.threatName: Tidepool, service.newMember: kept}, condition: s}
";

/// A finding in the words of the API: `additionalInfo` is a JSON text, and there is a member that no SDK knows.
fn finding(n: usize, updated_ms: i64) -> Value {
    let at = format_rfc3339(updated_ms);
    json!({
        "accountId": format!("1111222233{:02}", n % 5), "arn": format!("arn:aws:guardduty:eu-central-1:111122223333:detector/{DETECTOR}/finding/f{n:04}"),
        "createdAt": at, "updatedAt": at, "id": format!("f{n:04}"), "partition": "aws", "region": "eu-central-1", "schemaVersion": "2.0",
        "severity": 5.0, "title": "A port is probed.", "description": "probed", "type": if n.is_multiple_of(2) { "Recon:EC2/Portscan" } else { "Trojan:EC2/DropPoint" },
        "resource": {"resourceType": "Instance", "instanceDetails": {"instanceId": format!("i-{n:08}")}},
        "service": {
            "serviceName": "guardduty", "detectorId": DETECTOR, "archived": n.is_multiple_of(3), "count": 1, "resourceRole": "TARGET",
            "eventFirstSeen": at, "eventLastSeen": at, "newMember": "kept",
            "additionalInfo": {"type": "default", "value": "{\"threatName\":\"Tidepool\"}"},
            "action": {"actionType": "PORT_PROBE", "portProbeAction": {"blocked": false, "portProbeDetails": [{
                "localPortDetails": {"port": 22, "portName": "SSH"}, "remoteIpDetails": {"ipAddressV4": "198.51.100.7"}}]}},
        },
    })
}

/// What the service holds, and how it answers. Tokens count places.
#[derive(Default)]
struct Service {
    findings: Vec<Value>,
    /// Answers (status, code) before anything else, by the end of the path.
    faults: Vec<(&'static str, u16, &'static str)>,
    /// Ids that are gone when they are asked for.
    vanished: Vec<String>,
    /// Tokens are refused once.
    forgets_tokens: bool,
    detectors: Vec<&'static str>,
}

impl Service {
    fn answer(&mut self, request: &Request) -> (u16, String) {
        let path = request.target.split('?').next().unwrap_or_default().to_owned();
        if let Some(n) = self.faults.iter().position(|(end, ..)| path.ends_with(end)) {
            let (_, status, code) = self.faults.remove(n);
            return (status, json!({"__type": code, "message": "so it is", "Type": "User"}).to_string());
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        match (request.method.as_str(), path.as_str()) {
            ("GET", "/detector") => (200, json!({"detectorIds": self.detectors}).to_string()),
            ("POST", path) if path == format!("/detector/{DETECTOR}/findings") => self.list(&body),
            ("POST", path) if path == format!("/detector/{DETECTOR}/findings/get") => (200, self.get(&body).to_string()),
            _ => (404, json!({"__type": "ResourceNotFoundException", "message": path}).to_string()),
        }
    }

    fn list(&mut self, body: &Value) -> (u16, String) {
        assert_eq!(body["sortCriteria"], json!({"attributeName": "updatedAt", "orderBy": "ASC"}), "{body}");
        let criterion = &body["findingCriteria"]["criterion"];
        assert!(criterion.as_object().is_some_and(|c| c.keys().all(|k| k == "updatedAt")), "archived ones too: {body}");
        let updated = &criterion["updatedAt"];
        let (from, to) = (updated["greaterThanOrEqual"].as_i64().unwrap_or(0), updated["lessThan"].as_i64().unwrap_or(i64::MAX));
        let page = body["maxResults"].as_u64().expect("a size") as usize;
        assert!((1..=50).contains(&page));
        let first: usize = match body["nextToken"].as_str() {
            Some(_) if std::mem::take(&mut self.forgets_tokens) => {
                return (400, json!({"__type": "BadRequestException", "message": "The request is rejected because the parameter nextToken has an invalid value."}).to_string());
            }
            Some(token) => token.parse().expect("a place"),
            None => 0,
        };
        let at = |f: &Value| parse_rfc3339_ms(f["updatedAt"].as_str().expect("a text")).expect("a time");
        self.findings.sort_by_key(|f| (at(f), f["id"].as_str().map(str::to_owned)));
        let all: Vec<&Value> = self.findings.iter().filter(|f| (from..to).contains(&at(f))).map(|f| &f["id"]).collect();
        let ids: Vec<&Value> = all.iter().skip(first).take(page).copied().collect();
        let next = if first + page < all.len() { (first + page).to_string() } else { String::new() };
        (200, json!({"findingIds": ids, "nextToken": next}).to_string())
    }

    fn get(&mut self, body: &Value) -> Value {
        let ids = body["findingIds"].as_array().expect("ids");
        assert!((1..=50).contains(&ids.len()));
        self.findings.retain(|f| !self.vanished.iter().any(|id| f["id"] == **id));
        // Backwards: the order of an answer says nothing.
        json!({"findings": self.findings.iter().rev().filter(|f| ids.contains(&f["id"])).collect::<Vec<_>>()})
    }
}

fn start(service: Service) -> (Stub, Arc<Mutex<Service>>) {
    let service = Arc::new(Mutex::new(service));
    let shared = service.clone();
    (Stub::start(move |request| shared.lock().expect("no answer panics").answer(request)), service)
}

fn hundred() -> Vec<Value> {
    // Many of one moment, more than a page; and some alone.
    (0..170).map(|n| finding(n, BASE + if n < 70 { 0 } else { n as i64 * MINUTE })).collect()
}

fn replay(place: &Place, stub: &Stub, more: &[&str]) -> Output {
    let asked = ["replay", "-r", "rules.yml", "--aws-endpoint", &stub.url, "--alerts", "alerts.ndjson", "--summary", "json"];
    place.run(&[&asked[..], more].concat(), &[])
}

fn place() -> Place {
    let place = Place::new("");
    place.write("rules.yml", RULES);
    place
}

fn summary(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().find_map(|line| serde_json::from_str(line).ok()).unwrap_or_else(|| panic!("no summary: {}", said(output)))
}

/// Alerts as they are, but for where their evidence stood.
fn alerts(place: &Place) -> Vec<Value> {
    let text = place.read("alerts.ndjson");
    let mut alerts: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for alert in &mut alerts {
        alert["tidegate"]["records"] = Value::Null;
        for evidence in alert["evidences"].as_array_mut().into_iter().flatten() {
            evidence["data"]["position"] = Value::Null;
        }
    }
    alerts
}

#[test]
fn what_the_api_gives_is_what_a_file_of_it_gives_with_all_members_and_archived_ones() {
    let findings = hundred();
    let (stub, _) = start(Service { findings: findings.clone(), detectors: vec![DETECTOR], ..Service::default() });
    let place = place();
    let output = replay(&place, &stub, &["guardduty:eu-central-1"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(summary(&output)["records"], 170, "{}", said(&output));
    let from_api = alerts(&place);
    place.write("findings.json", &json!({"findings": findings}).to_string());
    let output = replay(&place, &stub, &["findings.json"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let from_file = alerts(&place);
    assert_eq!(from_api.len(), from_file.len());
    assert_eq!(from_api, from_file);
    let of = |rule: &str| from_api.iter().filter(|a| a["finding_info"]["analytic"]["uid"] == rule).count();
    assert_eq!((of("scan"), of("threat")), (85, 170), "members that no SDK knows, and JSON inside of a text");
    let signed = &stub.requests()[0];
    assert!(signed.header("authorization").contains("/eu-central-1/guardduty/aws4_request"), "{signed:?}");
}

#[test]
fn throttles_faults_forgotten_tokens_and_vanished_findings_cost_no_other() {
    let faults = vec![
        ("/detector", 429, "TooManyRequestsException"),
        ("/findings", 500, "InternalServerErrorException"),
        ("/findings", 429, "TooManyRequestsException"),
        ("/findings/get", 503, "ServiceUnavailable"),
        ("/findings/get", 400, "ThrottlingException"),
    ];
    let vanished = vec!["f0003".to_owned(), "f0100".to_owned()];
    let service = Service { findings: hundred(), faults, vanished, forgets_tokens: true, detectors: vec![DETECTOR] };
    let (stub, service) = start(service);
    let place = place();
    let output = replay(&place, &stub, &["guardduty:eu-central-1"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let service = service.lock().expect("no answer panics");
    assert!(service.faults.is_empty() && !service.forgets_tokens, "all of it happened");
    assert_eq!(summary(&output)["records"], 168, "{}", said(&output));
    let gone = said(&output);
    assert!(gone.contains("1 findings were listed and were not there any more"), "f0100 was not listed any more: {gone}");
}

#[test]
fn from_and_to_are_asked_of_the_service_with_their_margins() {
    let (stub, _) = start(Service { findings: hundred(), detectors: vec![DETECTOR], ..Service::default() });
    let place = place();
    let (from, to) = (format_rfc3339(BASE + 100 * MINUTE), format_rfc3339(BASE + 110 * MINUTE));
    let output = replay(&place, &stub, &["--from", &from, "--to", &to, "guardduty:eu-central-1"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(alerts(&place).iter().filter(|a| a["finding_info"]["analytic"]["uid"] == "threat").count(), 10);
    // An hour before and behind: findings 70 to 169.
    assert_eq!(summary(&output)["records"], 100);
    for request in stub.requests().iter().filter(|r| r.target.ends_with("/findings")) {
        let updated = &serde_json::from_slice::<Value>(&request.body).expect("JSON")["findingCriteria"]["criterion"]["updatedAt"];
        assert!(updated["greaterThanOrEqual"].as_i64() >= Some(BASE + 40 * MINUTE), "{updated}");
        assert_eq!(updated["lessThan"], BASE + 170 * MINUTE);
    }
}

#[test]
fn credentials_that_expire_midway_are_told_with_where_to_go_on() {
    let service = Mutex::new(Service { findings: hundred(), detectors: vec![DETECTOR], ..Service::default() });
    let place = place();
    // The first page is read; then the service does not know us any more.
    let front = Stub::start(move |request| {
        let mut service = service.lock().expect("no answer panics");
        let seen = request.target.ends_with("/get");
        let answer = service.answer(request);
        if seen {
            service.faults = vec![("/findings", 403, "ExpiredTokenException")];
        }
        answer
    });
    let output = replay(&place, &front, &["guardduty:eu-central-1"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let text = said(&output);
    assert!(text.contains("ExpiredTokenException: so it is; check the credentials and the policy"), "{text}");
    assert!(text.contains("--from 2026-11-02T10:00:00.000Z"), "{text}");
    assert_eq!(summary(&output)["records"], 50, "what was read is reported");
}

#[test]
fn regions_without_a_detector_and_detectors_without_findings_are_no_error() {
    let (stub, _) = start(Service { detectors: vec![DETECTOR], ..Service::default() });
    let output = replay(&place(), &stub, &["guardduty:eu-central-1"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let (stub, _) = start(Service::default());
    let output = replay(&place(), &stub, &["guardduty:eu-central-1"]);
    assert!(said(&output).contains("GuardDuty is off in this account and Region"), "{}", said(&output));
    let output = replay(&place(), &stub, &["guardduty:Frankfurt"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("`Frankfurt` is no Region"), "{}", said(&output));
    let output = replay(&place(), &stub, &["guardduty:"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(said(&output).contains("no Region is known"), "{}", said(&output));
}

#[test]
fn a_role_that_may_not_is_told_at_once() {
    let faults = vec![("/detector", 403, "AccessDeniedException")];
    let (stub, _) = start(Service { faults, ..Service::default() });
    let output = replay(&place(), &stub, &["guardduty:eu-central-1"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(
        said(&output).contains("cannot list the detectors in eu-central-1: AccessDeniedException: so it is; check the credentials"),
        "{}",
        said(&output)
    );
    assert_eq!(stub.requests().len(), 1);
}
