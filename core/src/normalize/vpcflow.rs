//! VPC and Transit Gateway flow logs.
//!
//! Owns which column an OCSF name means. Column names are admitted with hyphens or underscores, and `srcaddr` also as
//! `src_addr`, `src-addr`. The packet-level address is the true end of a connection and wins over the interface's where a log
//! has it. Without a `flow-direction` nothing says on which side the interface is: then no endpoint has its ids.

use super::fact_table::FactRow;
use super::term::{DOTTED, Row, Term, find, lower};
use super::{ContextField, Function as F, Lookup};
use crate::event::Fact;
use crate::event::flow::Column as C;
use Term::{Columns, Context};

/// Where a field is in a VPC flow-log line: a column, or nothing.
pub(super) fn resolve(field: &str) -> Vec<Lookup> {
    find(NAMES, field).map_or_else(|| column(field), |terms| lower(terms, &DOTTED))
}

/// Where a field is in a Transit Gateway flow-log line.
pub(super) fn resolve_transit_gateway(field: &str) -> Vec<Lookup> {
    find(TRANSIT_GATEWAY_NAMES, field).map_or_else(|| resolve(field), |terms| lower(terms, &DOTTED))
}

fn column(name: &str) -> Vec<Lookup> {
    let joined = name.replace(['-', '_'], "");
    let spelt = |c: &C| c.name().replace('-', "") == joined;
    C::from_name(name).or_else(|| crate::event::flow::COLUMNS.into_iter().find(spelt)).map(Lookup::Column).into_iter().collect()
}

const fn col(column: C) -> Term {
    Term::Column(column)
}

const TIME: &[Term] = &[col(C::Start), Context(ContextField::Time)];
const SOURCE: &[Term] = &[col(C::PktSrcAddr), col(C::SrcAddr)];
const TARGET: &[Term] = &[col(C::PktDstAddr), col(C::DstAddr)];

macro_rules! on_ingress {
    ($column:expr) => {
        &[Columns(F::IfInbound, &[C::FlowDirection, $column])]
    };
}
macro_rules! on_egress {
    ($column:expr) => {
        &[Columns(F::IfOutbound, &[C::FlowDirection, $column])]
    };
}

/// Names that are no column.
pub(super) const NAMES: &[Row] = &[
    ("tidegate.time", TIME),
    ("tidegate.action", &[col(C::Action)]),
    ("time", TIME),
    ("start_time", TIME),
    ("start_time_dt", TIME),
    ("end_time", &[col(C::End)]),
    ("end_time_dt", &[col(C::End)]),
    ("cloud.provider", &[Term::Call(F::Constant("AWS"), &[])]),
    ("cloud.account.uid", &[col(C::AccountId), Context(ContextField::Account)]),
    ("cloud.region", &[col(C::Region), Context(ContextField::Region)]),
    ("cloud.zone", &[col(C::AzId)]),
    ("metadata.product.name", &[Term::Call(F::Constant("Amazon VPC"), &[])]),
    ("metadata.product.version", &[col(C::Version)]),
    ("src_endpoint.ip", SOURCE),
    ("src_endpoint.port", &[col(C::SrcPort)]),
    ("src_endpoint.svc_name", &[col(C::PktSrcAwsService)]),
    ("src_endpoint.intermediate_ips", &[col(C::SrcAddr)]),
    ("src_endpoint.interface_uid", on_egress!(C::InterfaceId)),
    ("src_endpoint.vpc_uid", on_egress!(C::VpcId)),
    ("src_endpoint.subnet_uid", on_egress!(C::SubnetId)),
    ("src_endpoint.instance_uid", on_egress!(C::InstanceId)),
    ("dst_endpoint.ip", TARGET),
    ("dst_endpoint.port", &[col(C::DstPort)]),
    ("dst_endpoint.svc_name", &[col(C::PktDstAwsService)]),
    ("dst_endpoint.intermediate_ips", &[col(C::DstAddr)]),
    ("dst_endpoint.interface_uid", on_ingress!(C::InterfaceId)),
    ("dst_endpoint.vpc_uid", on_ingress!(C::VpcId)),
    ("dst_endpoint.subnet_uid", on_ingress!(C::SubnetId)),
    ("dst_endpoint.instance_uid", on_ingress!(C::InstanceId)),
    ("connection_info.protocol_num", &[col(C::Protocol)]),
    ("connection_info.protocol_name", &[Columns(F::ProtocolName, &[C::Protocol])]),
    ("connection_info.protocol_ver", &[col(C::Type)]),
    ("connection_info.tcp_flags", &[col(C::TcpFlags)]),
    ("connection_info.direction", &[col(C::FlowDirection)]),
    ("connection_info.direction_id", &[Columns(F::DirectionId, &[C::FlowDirection])]),
    ("connection_info.boundary_id", &[Columns(F::BoundaryId, &[C::TrafficPath])]),
    ("traffic.bytes", &[col(C::Bytes)]),
    ("traffic.packets", &[col(C::Packets)]),
    ("status_code", &[col(C::LogStatus)]),
    ("status_detail", &[col(C::RejectReason)]),
    ("activity_id", &[Columns(F::FlowActivityId, &[C::Action])]),
    ("action_id", &[Columns(F::ActionId, &[C::Action])]),
    ("disposition_id", &[Columns(F::DispositionId, &[C::Action])]),
    ("disposition", &[col(C::Action)]),
];

/// Names that mean something else on a Transit Gateway.
pub(super) const TRANSIT_GATEWAY_NAMES: &[Row] = &[
    ("src_endpoint.owner.account.uid", &[col(C::TgwSrcVpcAccountId)]),
    ("src_endpoint.vpc_uid", &[col(C::TgwSrcVpcId)]),
    ("src_endpoint.subnet_uid", &[col(C::TgwSrcSubnetId)]),
    ("src_endpoint.interface_uid", &[col(C::TgwSrcEni)]),
    ("src_endpoint.zone", &[col(C::TgwSrcAzId)]),
    ("dst_endpoint.owner.account.uid", &[col(C::TgwDstVpcAccountId)]),
    ("dst_endpoint.vpc_uid", &[col(C::TgwDstVpcId)]),
    ("dst_endpoint.subnet_uid", &[col(C::TgwDstSubnetId)]),
    ("dst_endpoint.interface_uid", &[col(C::TgwDstEni)]),
    ("dst_endpoint.zone", &[col(C::TgwDstAzId)]),
];

/// The interface and what stands behind it.
pub(super) const FACTS: &[FactRow] = &[
    (Fact::Resource, &[Columns(F::Labelled("AWS::EC2::NetworkInterface"), &[C::InterfaceId])]),
    (Fact::Resource, &[Columns(F::Labelled("AWS::EC2::Instance"), &[C::InstanceId])]),
    (Fact::Resource, &[Columns(F::Labelled("AWS::EC2::VPC"), &[C::VpcId])]),
    (Fact::Resource, &[Columns(F::Labelled("AWS::ECS::Task"), &[C::EcsTaskArn])]),
    (Fact::Unmapped, &[Columns(F::Labelled("flow-direction"), &[C::FlowDirection])]),
    (Fact::Unmapped, &[Columns(F::Labelled("tcp-flags"), &[C::TcpFlags])]),
];

/// The gateway and the interfaces at both ends.
pub(super) const TRANSIT_GATEWAY_FACTS: &[FactRow] = &[
    (Fact::Resource, &[Columns(F::Labelled("AWS::EC2::TransitGateway"), &[C::TgwId])]),
    (Fact::Resource, &[Columns(F::Labelled("AWS::EC2::TransitGatewayAttachment"), &[C::TgwAttachmentId])]),
    (Fact::Resource, &[Columns(F::Labelled("AWS::EC2::NetworkInterface"), &[C::TgwSrcEni, C::TgwDstEni])]),
];
