//! Where each fact of an alert is, per form.
//!
//! Owns the list of facts that every form is asked by the same OCSF name. What only one source has (its resources, what it
//! leaves unmapped) stands in that source's file.

use super::term::{Dialect, Term, lower};
use super::{
    Lookup, cloudtrail, eks_audit, eventbridge, guardduty, guardduty_api, guardduty_asff, guardduty_facts, guardduty_ocsf, names, resolve,
    route53, securityhub, vpcflow, waf,
};
use crate::event::{Fact, Form};

/// A fact and where it is found, beside the common ones.
pub(super) type FactRow = (Fact, &'static [Term]);

/// Facts asked by name of every form.
const BY_NAME: [(Fact, &str); 45] = [
    (Fact::EventUid, "tidegate.event_uid"),
    (Fact::SharedEventUid, "tidegate.shared_event"),
    (Fact::Account, "cloud.account.uid"),
    (Fact::Region, "cloud.region"),
    (Fact::Principal, "tidegate.principal"),
    (Fact::PrincipalRoot, "tidegate.principal_root"),
    (Fact::UserName, "actor.user.name"),
    (Fact::UserType, "actor.user.type"),
    (Fact::AccessKey, "actor.session.credential_uid"),
    (Fact::SessionIssuer, "actor.session.issuer"),
    (Fact::SourceIp, "src_endpoint.ip"),
    (Fact::SourcePort, "src_endpoint.port"),
    (Fact::SourceDomain, "src_endpoint.domain"),
    (Fact::SourceCountry, "src_endpoint.location.country"),
    (Fact::SourceCity, "src_endpoint.location.city"),
    (Fact::SourceAsn, "src_endpoint.autonomous_system.number"),
    (Fact::SourceAsOrg, "src_endpoint.autonomous_system.name"),
    (Fact::TargetIp, "dst_endpoint.ip"),
    (Fact::TargetPort, "dst_endpoint.port"),
    (Fact::Domain, "query.hostname"),
    (Fact::Operation, "api.operation"),
    (Fact::Service, "api.service.name"),
    (Fact::ErrorCode, "api.response.error"),
    (Fact::UserAgent, "http_request.user_agent"),
    (Fact::RequestId, "api.request.uid"),
    (Fact::ProcessName, "actor.process.name"),
    (Fact::ProcessPath, "actor.process.file.path"),
    (Fact::Sha256, "actor.process.file.hashes.value"),
    (Fact::Sha256, "malware.files.hashes.value"),
    (Fact::Image, "container.image.name"),
    (Fact::Bytes, "traffic.bytes"),
    (Fact::Packets, "traffic.packets"),
    (Fact::Action, "tidegate.action"),
    (Fact::Protocol, "connection_info.protocol_name"),
    (Fact::FindingArn, "tidegate.finding.arn"),
    (Fact::FindingType, "tidegate.finding.type"),
    (Fact::Title, "tidegate.finding.title"),
    (Fact::Description, "tidegate.finding.description"),
    (Fact::Severity, "tidegate.finding.severity"),
    (Fact::FirstSeen, "tidegate.finding.first_seen"),
    (Fact::LastSeen, "tidegate.finding.last_seen"),
    (Fact::CreatedAt, "tidegate.finding.created"),
    (Fact::Count, "tidegate.finding.count"),
    (Fact::Threat, "malware.name"),
    (Fact::Threat, "tidegate.threat"),
];

/// Where each fact of an alert is in units of `form`. Per entry the first lookup that finds something gives the fact's values
/// (several where an array stood on the path); a kind of fact may have several entries, which all count. Empty texts and values
/// said twice are no facts.
#[must_use]
pub fn facts(form: Form) -> Vec<(Fact, Vec<Lookup>)> {
    let known = names(form);
    let named = BY_NAME.iter().filter(|(_, name)| known.contains(name)).map(|(fact, name)| (*fact, resolve(form, name)));
    let (rows, dialect) = own(form);
    named.chain(rows.iter().map(|(fact, terms)| (*fact, lower(terms, &dialect)))).filter(|(_, lookups)| !lookups.is_empty()).collect()
}

fn own(form: Form) -> (&'static [FactRow], Dialect) {
    use super::term::DOTTED;
    match form {
        Form::GuardDuty => (guardduty_facts::FACTS, guardduty::DIALECT),
        Form::GuardDutyApi => (guardduty_facts::FACTS, guardduty_api::DIALECT),
        Form::GuardDutyAsff => (guardduty_asff::FACTS, DOTTED),
        Form::GuardDutyOcsf | Form::SecurityHubOcsf => (guardduty_ocsf::FACTS, DOTTED),
        Form::SecurityHub => (securityhub::FACTS, DOTTED),
        Form::CloudTrail => (cloudtrail::FACTS, DOTTED),
        Form::VpcFlow => (vpcflow::FACTS, DOTTED),
        Form::TransitGatewayFlow => (vpcflow::TRANSIT_GATEWAY_FACTS, DOTTED),
        Form::Route53 => (route53::FACTS, DOTTED),
        Form::Waf => (waf::FACTS, DOTTED),
        Form::EksAudit => (eks_audit::FACTS, DOTTED),
        Form::EventBridge => (eventbridge::FACTS, DOTTED),
        Form::Generic(_) => (&[], DOTTED),
    }
}
