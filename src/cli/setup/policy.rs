//! The least that IAM must allow for a configuration: from settings to policy documents.
//!
//! Owns which action each part calls, on what. Calls nothing. Where the configuration names no account or Region, and none was given,
//! `*` stands in an ARN: narrower than any action without a resource, wider than it need be.

use crate::config::{Config, Consumer, KinesisStream, OpenSearch, Ownership, Reads, Routes, Sns};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Where names without an ARN belong.
#[derive(Debug, Clone, Default)]
pub(super) struct Home {
    pub(super) account: Option<String>,
    pub(super) region: Option<String>,
}

/// For whom a policy is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whose {
    /// The identity that `tidegate run` has.
    Service,
    /// A role that is taken on, and the external id that it should ask for.
    Role(String, Option<String>),
    /// Whoever runs `tidegate setup` and `tidegate doctor`, beside what the service may.
    Setup,
}

/// A policy.
#[derive(Debug, Clone)]
pub(super) struct Policy {
    pub(super) whose: Whose,
    pub(super) document: Value,
}

/// Actions on resources.
struct Need {
    whose: Whose,
    name: &'static str,
    actions: &'static [&'static str],
    resource: String,
    condition: Option<Value>,
}

const READ: &[&str] = &["kinesis:DescribeStreamSummary", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"];
const FAN_OUT: &[&str] = &["kinesis:DescribeStreamConsumer", "kinesis:RegisterStreamConsumer"];
const SUBSCRIBE: &[&str] = &["kinesis:DescribeStreamConsumer", "kinesis:SubscribeToShard"];

/// What a configuration needs, a policy for each identity: the service, its roles, setup.
pub(super) fn policies(config: &Config, home: &Home) -> Vec<Policy> {
    let mut needs = needs(config, home);
    let roles: Vec<String> = needs.iter().filter_map(|n| role_of(&n.whose)).collect();
    needs.extend(roles.into_iter().map(|role| need(Whose::Service, "TakeOnRoles", &["sts:AssumeRole"], role)));
    let mut by_identity: BTreeMap<Whose, Vec<Need>> = BTreeMap::new();
    for need in needs {
        by_identity.entry(need.whose.clone()).or_default().push(need);
    }
    let policy = |(whose, needs)| Policy { whose, document: json!({"Version": "2012-10-17", "Statement": statements(needs)}) };
    by_identity.into_iter().map(policy).collect()
}

/// What each part of the configuration calls.
fn needs(config: &Config, home: &Home) -> Vec<Need> {
    let mut out = Vec::new();
    for source in &config.sources {
        if let Reads::Kinesis(stream) = &source.reads {
            out.extend(reading(stream, home));
        }
    }
    out.extend(config.ownership.iter().flat_map(|ownership| owning(ownership, home)));
    out.extend(config.sinks.opensearch.iter().flat_map(|settings| indexing(settings, home)));
    out.extend(config.sinks.sns.iter().flat_map(paging));
    out
}

fn reading(stream: &KinesisStream, home: &Home) -> Vec<Need> {
    let whose = || identity(&stream.role_arn, &stream.external_id);
    let region = stream.region.as_ref().or(home.region.as_ref());
    let arn = match stream.stream.starts_with("arn:") {
        true => stream.stream.clone(),
        false => arn("kinesis", region, account(&stream.role_arn, home), &format!("stream/{}", stream.stream)),
    };
    let mut out = vec![need(whose(), "ReadStreams", READ, arn.clone())];
    if stream.consumer == Consumer::FanOut {
        out.push(need(whose(), "ReadByFanOut", FAN_OUT, arn.clone()));
        out.push(need(whose(), "Subscribe", SUBSCRIBE, format!("{arn}/consumer/*")));
    }
    out
}

fn owning(ownership: &Ownership, home: &Home) -> Vec<Need> {
    let whose = identity(&ownership.role_arn, &ownership.external_id);
    let region = ownership.region.as_ref().or(home.region.as_ref());
    let arn = arn("dynamodb", region, account(&ownership.role_arn, home), &format!("table/{}", ownership.table));
    let row = json!({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [ownership.name]}});
    let actions = &["dynamodb:GetItem", "dynamodb:UpdateItem"];
    vec![
        Need { condition: Some(row), ..need(whose, "OwnershipRow", actions, arn.clone()) },
        need(Whose::Setup, "MakeTheTable", &["dynamodb:CreateTable", "dynamodb:DescribeTable"], arn),
    ]
}

fn indexing(settings: &OpenSearch, home: &Home) -> Vec<Need> {
    if settings.domain.is_none() && settings.aws.is_none() {
        return Vec::new();
    }
    let aws = settings.aws.clone().unwrap_or_default();
    let whose = || identity(&aws.role_arn, &aws.external_id);
    let hosted = settings.url.as_deref().and_then(hosted);
    let name = settings.domain.clone().or(hosted.as_ref().map(|(name, _)| name.clone())).unwrap_or_else(|| "*".to_owned());
    let region = aws.region.or(hosted.map(|(_, region)| region)).or(home.region.clone());
    let arn = arn("es", region.as_ref(), account(&aws.role_arn, home), &format!("domain/{name}"));
    let mut out = Vec::new();
    if settings.domain.is_some() {
        out.push(need(whose(), "FindTheDomain", &["es:DescribeDomain"], arn.clone()));
    }
    // A user with a password signs nothing: the domain's own roles say what it may.
    if settings.user.is_none() {
        out.push(need(whose(), "WriteAlerts", &["es:ESHttpPost"], format!("{arn}/_bulk")));
        out.push(need(whose(), "AskTheVersion", &["es:ESHttpGet"], format!("{arn}/")));
        out.push(need(Whose::Setup, "WriteTemplates", &["es:ESHttpGet", "es:ESHttpPut"], format!("{arn}/*")));
    }
    out
}

fn paging(settings: &Sns) -> Vec<Need> {
    let publish = |routes: &Routes, whose: Whose| -> Vec<Need> {
        let topics = [routes.critical(), routes.other()].into_iter().flatten();
        let ask = |topic: &str| need(Whose::Setup, "LookAtTopics", &["sns:GetTopicAttributes"], topic.to_owned());
        topics.flat_map(|topic| [need(whose.clone(), "PublishPages", &["sns:Publish"], topic.to_owned()), ask(topic)]).collect()
    };
    let mut out = publish(&settings.routes, identity(&settings.role_arn, &settings.external_id));
    if let Some((second, routes)) = settings.second.as_ref().and_then(|second| Some((second, second.routes.as_ref()?))) {
        out.extend(publish(routes, identity(&second.role_arn, &second.external_id)));
    }
    out
}

/// Name and Region of a domain in the host that AWS gives it: `search-NAME-ID.REGION.es.amazonaws.com`.
fn hosted(url: &str) -> Option<(String, String)> {
    let host = url.strip_prefix("https://")?.split(['/', ':']).next()?;
    let mut parts = host.split('.');
    let (first, region, service) = (parts.next()?, parts.next()?, parts.next()?);
    let name = first.strip_prefix("search-").or_else(|| first.strip_prefix("vpc-"))?;
    (service == "es").then_some(())?;
    let (name, _) = name.rsplit_once('-')?;
    Some((name.to_owned(), region.to_owned()))
}

fn need(whose: Whose, name: &'static str, actions: &'static [&'static str], resource: String) -> Need {
    Need { whose, name, actions, resource, condition: None }
}

fn identity(role: &Option<String>, external_id: &Option<String>) -> Whose {
    role.as_ref().map_or(Whose::Service, |role| Whose::Role(role.clone(), external_id.clone()))
}

fn role_of(whose: &Whose) -> Option<String> {
    match whose {
        Whose::Role(role, _) => Some(role.clone()),
        Whose::Service | Whose::Setup => None,
    }
}

/// The account in which a name without an ARN is looked up: the role's, else ours.
fn account<'a>(role: &'a Option<String>, home: &'a Home) -> Option<&'a str> {
    role.as_deref().and_then(|role| role.split(':').nth(4)).or(home.account.as_deref())
}

fn arn(service: &str, region: Option<&String>, account: Option<&str>, resource: &str) -> String {
    let region = region.map_or("*", String::as_str);
    let partition = match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    format!("arn:{partition}:{service}:{region}:{}:{resource}", account.unwrap_or("*"))
}

/// One statement per name and condition, its resources sorted.
fn statements(needs: Vec<Need>) -> Vec<Value> {
    let mut out: Vec<(Need, Vec<String>)> = Vec::new();
    for need in needs {
        match out.iter_mut().find(|(first, _)| first.name == need.name && first.condition == need.condition) {
            Some((_, resources)) => resources.push(need.resource),
            None => {
                let resource = need.resource.clone();
                out.push((need, vec![resource]));
            }
        }
    }
    let statement = |(need, mut resources): (Need, Vec<String>)| {
        resources.sort();
        resources.dedup();
        let mut statement = json!({"Sid": need.name, "Effect": "Allow", "Action": need.actions, "Resource": resources});
        if let Some(condition) = need.condition {
            statement["Condition"] = condition;
        }
        statement
    };
    out.into_iter().map(statement).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn config(text: &str) -> Config {
        let parsed = crate::config::parse("tidegate.yaml", text, Path::new("."));
        parsed.config.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics))
    }

    fn home() -> Home {
        Home { account: Some("111122223333".into()), region: Some("eu-central-1".into()) }
    }

    /// `Sid: actions on resources`, a line each.
    fn lines(policy: &Policy) -> Vec<String> {
        let list = |value: &Value| value.as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect::<Vec<_>>().join(" ");
        let statements = policy.document["Statement"].as_array().unwrap().iter();
        statements.map(|s| format!("{}: {} on {}", s["Sid"].as_str().unwrap(), list(&s["Action"]), list(&s["Resource"]))).collect()
    }

    #[test]
    fn a_file_source_needs_nothing() {
        assert!(policies(&config("sources: [{name: a, file: ./a}]"), &home()).is_empty());
    }

    #[test]
    fn streams_of_one_identity_stand_in_one_statement_and_those_of_a_role_in_its_policy() {
        let role = "arn:aws:iam::444455556666:role/read";
        let text = format!(
            "sources: [{{name: a, kinesis: {{stream: flows}}}}, {{name: b, kinesis: {{stream: findings, region: us-gov-west-1}}}},
              {{name: c, kinesis: {{stream: trails, role_arn: {role}, external_id: soc}}}}]"
        );
        let found = policies(&config(&text), &home());
        let read = "kinesis:DescribeStreamSummary kinesis:GetRecords kinesis:GetShardIterator kinesis:ListShards";
        let ours =
            "arn:aws-us-gov:kinesis:us-gov-west-1:111122223333:stream/findings arn:aws:kinesis:eu-central-1:111122223333:stream/flows";
        assert_eq!(lines(&found[0]), [format!("ReadStreams: {read} on {ours}"), format!("TakeOnRoles: sts:AssumeRole on {role}")]);
        assert_eq!(found[1].whose, Whose::Role(role.into(), Some("soc".into())));
        assert_eq!(lines(&found[1]), [format!("ReadStreams: {read} on arn:aws:kinesis:eu-central-1:444455556666:stream/trails")]);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn pages_are_published_to_their_topics_and_to_those_of_the_second_channel() {
        let (first, second) = ("arn:aws:sns:us-east-1:111122223333", "arn:aws:sns:us-west-2:111122223333");
        let routes = format!("routes: {{critical: '{first}:now.fifo', default: '{first}:soc'}}");
        let second = format!("second: {{routes: {{default: '{second}:soc'}}}}");
        let found = policies(&config(&format!("sources: [{{name: a, stdin: true}}]\nsinks: {{sns: {{{routes}, {second}}}}}")), &home());
        let topics = format!("{first}:now.fifo {first}:soc arn:aws:sns:us-west-2:111122223333:soc");
        assert_eq!(
            found.iter().flat_map(lines).collect::<Vec<_>>(),
            [format!("PublishPages: sns:Publish on {topics}"), format!("LookAtTopics: sns:GetTopicAttributes on {topics}")]
        );
    }

    #[test]
    fn enhanced_fan_out_needs_its_consumers() {
        let mut config = config("sources: [{name: a, kinesis: {stream: 'arn:aws:kinesis:us-east-1:444455556666:stream/flows'}}]");
        if let Reads::Kinesis(stream) = &mut config.sources[0].reads {
            stream.consumer = Consumer::FanOut;
        }
        let found = policies(&config, &Home::default());
        let flows = "arn:aws:kinesis:us-east-1:444455556666:stream/flows";
        let fan_out = format!("ReadByFanOut: kinesis:DescribeStreamConsumer kinesis:RegisterStreamConsumer on {flows}");
        let subscribe = format!("Subscribe: kinesis:DescribeStreamConsumer kinesis:SubscribeToShard on {flows}/consumer/*");
        assert_eq!(lines(&found[0])[1..], [fan_out, subscribe]);
    }

    #[test]
    fn a_domain_is_found_and_written_to_and_a_user_signs_nothing() {
        let with = |sink: &str| {
            let text = format!("sources: [{{name: a, stdin: true}}]\nsinks: {{opensearch: {{{sink}}}}}");
            policies(&config(&text), &Home::default()).iter().flat_map(lines).collect::<Vec<_>>()
        };
        let arn = "arn:aws:es:us-east-1:*:domain/alerts";
        let signed = [
            format!("WriteAlerts: es:ESHttpPost on {arn}/_bulk"),
            format!("AskTheVersion: es:ESHttpGet on {arn}/"),
            format!("WriteTemplates: es:ESHttpGet es:ESHttpPut on {arn}/*"),
        ];
        let found = format!("FindTheDomain: es:DescribeDomain on {arn}");
        assert_eq!(with("domain: alerts, aws: {region: us-east-1}"), [std::slice::from_ref(&found), &signed].concat());
        assert_eq!(with("domain: alerts, aws: {region: us-east-1}, user: u, password: {env: P}"), [found]);
        assert_eq!(with("url: 'https://vpc-alerts-a1b2c3.us-east-1.es.amazonaws.com', aws: {}"), signed);
        assert!(with("url: 'https://search.example.org', user: u, password: {env: P}").is_empty());
    }
}
