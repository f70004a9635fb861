//! Attack sequences: `service.detection.sequence` as facts.
//!
//! Owns the typed reading of the graph of signals, actors, endpoints and indicators, in native and API spelling. Reads only
//! findings whose type starts with `AttackSequence:`; anything it cannot read gives no facts, never an error. Limits: the first
//! [`ITEMS_MAX`] of each list. Texts of a fact are joined by `|`, which is replaced by a blank inside them.

use crate::event::time::{epoch_number_ms, parse_any_ms};
use crate::event::{Fact, Form};
use serde::Deserialize;
use serde_json::Value as Json;

/// Most signals, actors, endpoints, indicators of one kind that become facts.
const ITEMS_MAX: usize = 100;

/// The type prefix of attack sequences.
const TYPE_PREFIX: &str = "AttackSequence:";

#[derive(Deserialize)]
struct Finding {
    #[serde(rename = "type", alias = "Type")]
    kind: String,
    #[serde(alias = "Service")]
    service: Service,
}

#[derive(Deserialize)]
struct Service {
    #[serde(alias = "Detection")]
    detection: Detection,
}

#[derive(Deserialize)]
struct Detection {
    #[serde(alias = "Sequence")]
    sequence: Sequence,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Sequence {
    #[serde(alias = "Actors")]
    actors: Option<Vec<Actor>>,
    #[serde(alias = "Endpoints")]
    endpoints: Option<Vec<Endpoint>>,
    #[serde(alias = "Signals")]
    signals: Option<Vec<Signal>>,
    #[serde(rename = "sequenceIndicators", alias = "SequenceIndicators")]
    indicators: Option<Vec<Indicator>>,
}

#[derive(Deserialize)]
struct Actor {
    #[serde(alias = "Id")]
    id: String,
    #[serde(alias = "User")]
    user: Option<Named>,
    #[serde(alias = "Process")]
    process: Option<Named>,
}

#[derive(Deserialize)]
struct Named {
    #[serde(alias = "Name")]
    name: Option<String>,
    #[serde(alias = "Uid", alias = "sha256", alias = "Sha256")]
    uid: Option<String>,
}

#[derive(Deserialize)]
struct Endpoint {
    #[serde(alias = "Id")]
    id: String,
    #[serde(alias = "Ip")]
    ip: Option<String>,
    #[serde(alias = "Domain")]
    domain: Option<String>,
    #[serde(alias = "Port")]
    port: Option<Json>,
}

#[derive(Deserialize)]
struct Signal {
    #[serde(alias = "Uid")]
    uid: String,
    #[serde(rename = "type", alias = "Type")]
    kind: Option<String>,
    #[serde(alias = "Name")]
    name: Option<String>,
    #[serde(alias = "Severity")]
    severity: Option<Json>,
    #[serde(alias = "Count")]
    count: Option<Json>,
    #[serde(rename = "firstSeenAt", alias = "FirstSeenAt")]
    first: Option<Json>,
    #[serde(rename = "lastSeenAt", alias = "LastSeenAt")]
    last: Option<Json>,
    #[serde(rename = "signalIndicators", alias = "SignalIndicators")]
    indicators: Option<Vec<Indicator>>,
}

#[derive(Deserialize)]
struct Indicator {
    #[serde(alias = "Key")]
    key: String,
    #[serde(alias = "Values")]
    values: Option<Vec<String>>,
}

/// The facts of an attack sequence in a native or API finding (`text` is the finding, or the EventBridge event around it).
/// Empty for every other finding and form.
#[must_use]
pub fn sequence_facts(text: &str, form: Form) -> Vec<(Fact, Box<str>)> {
    if !matches!(form, Form::GuardDuty | Form::GuardDutyApi) || !text.contains(TYPE_PREFIX) {
        return Vec::new();
    }
    read(text).filter(|f| f.kind.starts_with(TYPE_PREFIX)).map(|f| facts_of(&f.service.detection.sequence)).unwrap_or_default()
}

fn read(text: &str) -> Option<Finding> {
    #[derive(Deserialize)]
    struct Envelope {
        detail: Finding,
    }
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str::<Envelope>(text).ok().map(|e| e.detail))
}

fn facts_of(sequence: &Sequence) -> Vec<(Fact, Box<str>)> {
    let mut facts = Facts(Vec::new());
    for signal in sequence.signals.iter().flatten().take(ITEMS_MAX) {
        facts.push(Fact::Signal, &signal.parts());
    }
    for actor in sequence.actors.iter().flatten().take(ITEMS_MAX) {
        facts.push(Fact::SequenceActor, &actor.parts());
    }
    for endpoint in sequence.endpoints.iter().flatten().take(ITEMS_MAX) {
        let place = endpoint.ip.clone().filter(|ip| !ip.is_empty()).or_else(|| endpoint.domain.clone()).unwrap_or_default();
        facts.push(Fact::SequenceEndpoint, &[endpoint.id.clone(), place, scalar(endpoint.port.as_ref())]);
    }
    let of_signals = sequence.signals.iter().flatten().flat_map(|s| s.indicators.iter().flatten());
    for indicator in sequence.indicators.iter().flatten().chain(of_signals).take(ITEMS_MAX) {
        facts.push_indicator(indicator);
    }
    facts.0
}

impl Signal {
    fn parts(&self) -> [String; 7] {
        [
            self.uid.clone(),
            self.kind.clone().unwrap_or_default(),
            self.name.clone().unwrap_or_default(),
            scalar(self.severity.as_ref()),
            scalar(self.count.as_ref()),
            milliseconds(self.first.as_ref()),
            milliseconds(self.last.as_ref()),
        ]
    }
}

impl Actor {
    fn parts(&self) -> [String; 3] {
        let named = |n: &Option<Named>, f: fn(&Named) -> Option<String>| n.as_ref().and_then(f);
        let name = named(&self.user, |n| n.name.clone()).or_else(|| named(&self.process, |n| n.name.clone()));
        let uid = named(&self.user, |n| n.uid.clone()).or_else(|| named(&self.process, |n| n.uid.clone()));
        [self.id.clone(), name.unwrap_or_default(), uid.unwrap_or_default()]
    }
}

/// Collects facts, each once.
struct Facts(Vec<(Fact, Box<str>)>);

impl Facts {
    fn push(&mut self, fact: Fact, parts: &[String]) {
        let text = parts.iter().map(|p| p.replace('|', " ")).collect::<Vec<_>>().join("|").into_boxed_str();
        if !self.0.iter().any(|(f, t)| *f == fact && *t == text) {
            self.0.push((fact, text));
        }
    }

    /// Tactics and techniques that the finding itself names are facts of their own kind.
    fn push_indicator(&mut self, indicator: &Indicator) {
        for value in indicator.values.iter().flatten().take(ITEMS_MAX) {
            match indicator.key.as_str() {
                "ATTACK_TACTIC" => self.push(Fact::Tactic, std::slice::from_ref(value)),
                "ATTACK_TECHNIQUE" => self.push(Fact::Technique, std::slice::from_ref(value)),
                key => self.push(Fact::Indicator, &[key.to_owned(), value.clone()]),
            }
        }
    }
}

fn scalar(json: Option<&Json>) -> String {
    match json {
        None | Some(Json::Null) => String::new(),
        Some(Json::String(s)) => s.clone(),
        Some(other) => other.to_string(),
    }
}

/// Times are epoch seconds in the API and may be texts elsewhere.
fn milliseconds(json: Option<&Json>) -> String {
    let ms = match json {
        Some(Json::String(s)) => parse_any_ms(s),
        Some(Json::Number(n)) => n.as_f64().and_then(epoch_number_ms),
        _ => None,
    };
    ms.map(|ms| ms.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NATIVE: &str = r#"{"type":"AttackSequence:IAM/CompromisedCredentials","service":{"detection":{"sequence":{
        "actors":[{"id":"a1","user":{"name":"deploy","uid":"AROA1"}},{"id":"a2","process":{"name":"xmrig","sha256":"ff"}}],
        "endpoints":[{"id":"e1","ip":"198.51.100.7","port":443},{"id":"e2","domain":"pool.example"}],
        "signals":[{"uid":"f1","type":"FINDING","name":"odd|name","severity":8.0,"count":3,"firstSeenAt":1700000000,
            "lastSeenAt":"2023-11-14T22:14:20Z","signalIndicators":[{"key":"ATTACK_TACTIC","values":["Discovery"]}]}],
        "sequenceIndicators":[{"key":"ATTACK_TACTIC","values":["Discovery","Exfiltration"]},{"key":"MALICIOUS_IP","values":["198.51.100.7"]},
            {"key":"ATTACK_TECHNIQUE","values":["T1078.004 - Valid Accounts: Cloud Accounts"]},{"key":"TOR_IP"}]}}}}"#;

    fn of(facts: &[(Fact, Box<str>)], fact: Fact) -> Vec<&str> {
        facts.iter().filter(|(f, _)| *f == fact).map(|(_, t)| &**t).collect()
    }

    #[test]
    fn a_sequence_becomes_facts_of_each_kind() {
        let facts = sequence_facts(NATIVE, Form::GuardDuty);
        assert_eq!(of(&facts, Fact::Signal), ["f1|FINDING|odd name|8.0|3|1700000000000|1700000060000"]);
        assert_eq!(of(&facts, Fact::SequenceActor), ["a1|deploy|AROA1", "a2|xmrig|ff"]);
        assert_eq!(of(&facts, Fact::SequenceEndpoint), ["e1|198.51.100.7|443", "e2|pool.example|"]);
        assert_eq!(of(&facts, Fact::Tactic), ["Discovery", "Exfiltration"]);
        assert_eq!(of(&facts, Fact::Technique), ["T1078.004 - Valid Accounts: Cloud Accounts"]);
        assert_eq!(of(&facts, Fact::Indicator), ["MALICIOUS_IP|198.51.100.7"]);
    }

    #[test]
    fn the_envelope_and_the_api_spelling_give_the_same() {
        let native = sequence_facts(NATIVE, Form::GuardDuty);
        assert_eq!(sequence_facts(&format!(r#"{{"detail":{NATIVE}}}"#), Form::GuardDuty), native);
        let mut api = NATIVE.to_owned();
        for name in [
            "type",
            "service",
            "detection",
            "sequence",
            "actors",
            "user",
            "name",
            "uid",
            "process",
            "sha256",
            "endpoints",
            "ip",
            "port",
            "domain",
            "signals",
            "severity",
            "count",
            "firstSeenAt",
            "lastSeenAt",
            "signalIndicators",
            "key",
            "values",
            "sequenceIndicators",
            "id",
        ] {
            let (first, rest) = name.split_at(1);
            api = api.replace(&format!("\"{name}\":"), &format!("\"{}{rest}\":", first.to_ascii_uppercase()));
        }
        assert_eq!(sequence_facts(&api, Form::GuardDutyApi), native);
    }

    #[test]
    fn other_findings_and_broken_ones_have_none() {
        assert!(sequence_facts(r#"{"type":"Recon:EC2/Portscan","service":{}}"#, Form::GuardDuty).is_empty());
        assert!(sequence_facts(r#"{"type":"AttackSequence:S3/CompromisedData","service":{"detection":7}}"#, Form::GuardDuty).is_empty());
        assert!(sequence_facts(NATIVE, Form::GuardDutyAsff).is_empty());
        assert!(sequence_facts(&NATIVE.replace("AttackSequence:", "Recon:AttackSequence:"), Form::GuardDuty).is_empty());
    }
}
