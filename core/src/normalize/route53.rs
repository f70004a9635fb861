//! Route 53 Resolver query logs.
//!
//! Owns what reserved and OCSF names mean in a query. `query_name` keeps its dot at the end, `query.hostname` has none and is in
//! lower case. A query has no id of its own: only the log event's id can tell copies apart.

use super::fact_table::FactRow;
use super::term::{DOTTED, Row, Term, find, lower, path};
use super::{ContextField, Function as F, Lookup};
use crate::event::Fact;
use Term::{Call, Context, Path};

/// Where a field is in a query.
pub(super) fn resolve(field: &str) -> Vec<Lookup> {
    match find(NAMES, field) {
        Some(terms) => lower(terms, &DOTTED),
        None => vec![path(field)],
    }
}

const TIME: &[Term] = &[Path("query_timestamp"), Context(ContextField::Time)];
const INSTANCE: &[Term] = &[Path("srcids.instance")];

/// Names that mean more than their own path.
pub(super) const NAMES: &[Row] = &[
    ("tidegate.time", TIME),
    ("tidegate.content_id", &[Context(ContextField::LogEventId)]),
    ("tidegate.event_uid", &[Context(ContextField::LogEventId)]),
    ("tidegate.action", &[Path("firewall_rule_action")]),
    ("time", TIME),
    ("cloud.provider", &[Call(F::Constant("AWS"), &[])]),
    ("cloud.account.uid", &[Path("account_id"), Context(ContextField::Account)]),
    ("cloud.region", &[Path("region"), Context(ContextField::Region)]),
    ("metadata.product.name", &[Call(F::Constant("Route 53"), &[])]),
    ("metadata.product.version", &[Path("version")]),
    ("query.hostname", &[Call(F::Hostname, &["query_name"])]),
    ("query.type", &[Path("query_type")]),
    ("query.class", &[Path("query_class")]),
    ("answers.type", &[Path("answers.Type")]),
    ("answers.rdata", &[Path("answers.Rdata")]),
    ("answers.class", &[Path("answers.Class")]),
    ("src_endpoint.ip", &[Path("srcaddr")]),
    ("src_endpoint.port", &[Path("srcport")]),
    ("src_endpoint.vpc_uid", &[Path("vpc_id")]),
    ("src_endpoint.instance_uid", INSTANCE),
    ("dst_endpoint.instance_uid", &[Path("srcids.resolver_endpoint")]),
    ("dst_endpoint.uid", &[Path("srcids.resolver_endpoint")]),
    ("dst_endpoint.interface_uid", &[Path("srcids.resolver_network_interface")]),
    ("connection_info.protocol_name", &[Path("transport")]),
    ("firewall_rule.uid", &[Path("firewall_rule_group_id")]),
    ("action_id", &[Call(F::ActionId, &["firewall_rule_action"])]),
    ("disposition_id", &[Call(F::DispositionId, &["firewall_rule_action"])]),
    ("disposition", &[Path("firewall_rule_action")]),
];

/// The instance that asked, and its VPC.
pub(super) const FACTS: &[FactRow] = &[
    (Fact::Resource, &[Call(F::Labelled("AWS::EC2::Instance"), &["srcids.instance"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::EC2::VPC"), &["vpc_id"])]),
    (Fact::Unmapped, &[Call(F::Labelled("rcode"), &["rcode"])]),
    (Fact::Unmapped, &[Call(F::Labelled("query_type"), &["query_type"])]),
];
