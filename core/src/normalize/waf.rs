//! AWS WAF logs.
//!
//! Owns what reserved and OCSF names mean in a request. The request id is no content id: behind a load balancer it is the trace
//! id, which a client can send itself, and an attacker's requests would count as copies of one.

use super::fact_table::FactRow;
use super::term::{DOTTED, Row, Term, find, lower, path};
use super::{ContextField, Function as F, Lookup};
use crate::event::Fact;
use Term::{Call, Context, Path};

/// Where a field is in a request.
pub(super) fn resolve(field: &str) -> Vec<Lookup> {
    match find(NAMES, field) {
        Some(terms) => lower(terms, &DOTTED),
        None => vec![path(field)],
    }
}

const TIME: &[Term] = &[Path("timestamp"), Context(ContextField::Time)];
const HEADERS: &[&str] = &["httpRequest.headers.name", "httpRequest.headers.value"];

/// Names that mean more than their own path.
pub(super) const NAMES: &[Row] = &[
    ("tidegate.time", TIME),
    ("tidegate.content_id", &[Context(ContextField::LogEventId)]),
    ("tidegate.event_uid", &[Path("httpRequest.requestId"), Context(ContextField::LogEventId)]),
    ("tidegate.action", &[Path("action")]),
    ("time", TIME),
    ("cloud.provider", &[Call(F::Constant("AWS"), &[])]),
    ("cloud.account.uid", &[Call(F::ArnAccount, &["webaclId"]), Context(ContextField::Account)]),
    ("cloud.region", &[Call(F::ArnRegion, &["webaclId"]), Context(ContextField::Region)]),
    ("metadata.product.name", &[Call(F::Constant("AWS WAF"), &[])]),
    ("metadata.product.version", &[Path("formatVersion")]),
    ("metadata.product.feature.uid", &[Path("webaclId")]),
    ("metadata.labels", &[Path("labels.name")]),
    ("src_endpoint.ip", &[Path("httpRequest.clientIp")]),
    ("src_endpoint.location.country", &[Path("httpRequest.country")]),
    ("src_endpoint.autonomous_system.number", &[Path("clientAsn")]),
    ("src_endpoint.svc_name", &[Path("httpSourceName")]),
    ("src_endpoint.uid", &[Path("httpSourceId")]),
    ("http_request.url.path", &[Path("httpRequest.uri")]),
    ("http_request.url.hostname", &[Path("httpRequest.host"), Call(F::Header("Host"), HEADERS)]),
    ("http_request.url.scheme", &[Path("httpRequest.scheme")]),
    ("http_request.args", &[Path("httpRequest.args")]),
    ("http_request.version", &[Path("httpRequest.httpVersion")]),
    ("http_request.http_method", &[Path("httpRequest.httpMethod")]),
    ("http_request.uid", &[Path("httpRequest.requestId")]),
    ("http_request.user_agent", &[Call(F::Header("User-Agent"), HEADERS)]),
    ("http_request.referrer", &[Call(F::Header("Referer"), HEADERS)]),
    ("http_request.x_forwarded_for", &[Call(F::Header("X-Forwarded-For"), HEADERS)]),
    ("api.operation", &[Path("httpRequest.httpMethod")]),
    ("api.request.uid", &[Path("httpRequest.requestId")]),
    ("query.hostname", &[Path("httpRequest.host"), Call(F::Header("Host"), HEADERS)]),
    ("firewall_rule.uid", &[Path("terminatingRuleId")]),
    ("firewall_rule.type", &[Path("terminatingRuleType")]),
    ("firewall_rule.condition", &[Path("terminatingRuleMatchDetails.conditionType")]),
    ("firewall_rule.match_location", &[Path("terminatingRuleMatchDetails.location")]),
    ("firewall_rule.match_details", &[Path("terminatingRuleMatchDetails.matchedData")]),
    ("firewall_rule.name", &[Path("rateBasedRuleList.rateBasedRuleName")]),
    ("firewall_rule.rate_limit", &[Path("rateBasedRuleList.maxRateAllowed")]),
    ("http_status", &[Path("responseCodeSent")]),
    ("tls.ja3_hash.value", &[Path("ja3Fingerprint")]),
    ("action_id", &[Call(F::ActionId, &["action"])]),
    ("disposition_id", &[Call(F::DispositionId, &["action"])]),
    ("disposition", &[Path("action")]),
];

/// The web ACL, what it protects, and the rule that decided.
pub(super) const FACTS: &[FactRow] = &[
    (Fact::Resource, &[Call(F::Labelled("AWS::WAFv2::WebACL"), &["webaclId"])]),
    (Fact::Resource, &[Call(F::ResourcesOfArns, &["httpSourceId"])]),
    (Fact::Unmapped, &[Call(F::Labelled("terminatingRuleId"), &["terminatingRuleId"])]),
    (Fact::Unmapped, &[Call(F::Labelled("httpRequest.uri"), &["httpRequest.uri"])]),
];
