//! The field dictionary: the names that events of a source are known to have. For slips only: most sources are open (any dotted name
//! may stand in `requestParameters`), so a name that is not here is no mistake unless it is nearly one that is.

use crate::event::flow::COLUMNS;
use crate::event::{Form, Source};
use crate::normalize;
use std::collections::BTreeSet;

const TRAIL: [&str; 47] = [
    "eventVersion",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestID",
    "eventID",
    "eventType",
    "apiVersion",
    "managementEvent",
    "readOnly",
    "resources",
    "resources.ARN",
    "resources.accountId",
    "resources.type",
    "recipientAccountId",
    "sharedEventID",
    "vpcEndpointId",
    "eventCategory",
    "sessionCredentialFromConsole",
    "tlsDetails.tlsVersion",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "serviceEventDetails",
    "userIdentity.type",
    "userIdentity.principalId",
    "userIdentity.arn",
    "userIdentity.accountId",
    "userIdentity.accessKeyId",
    "userIdentity.userName",
    "userIdentity.invokedBy",
    "userIdentity.identityProvider",
    "userIdentity.sessionContext.sessionIssuer.type",
    "userIdentity.sessionContext.sessionIssuer.arn",
    "userIdentity.sessionContext.sessionIssuer.userName",
    "userIdentity.sessionContext.sessionIssuer.accountId",
    "userIdentity.sessionContext.attributes.mfaAuthenticated",
    "userIdentity.sessionContext.attributes.creationDate",
    "responseElements.ConsoleLogin",
    "additionalEventData.MFAUsed",
    "requestParameters.bucketName",
    "requestParameters.roleArn",
];
const FINDING: [&str; 28] = [
    "type",
    "severity",
    "accountId",
    "region",
    "arn",
    "id",
    "title",
    "description",
    "createdAt",
    "updatedAt",
    "partition",
    "service.count",
    "service.archived",
    "service.action.actionType",
    "service.eventFirstSeen",
    "service.eventLastSeen",
    "service.action.networkConnectionAction.remoteIpDetails.ipAddressV4",
    "service.action.awsApiCallAction.api",
    "service.action.awsApiCallAction.serviceName",
    "service.action.awsApiCallAction.remoteIpDetails.ipAddressV4",
    "service.action.dnsRequestAction.domain",
    "service.featureName",
    "service.resourceRole",
    "resource.resourceType",
    "resource.accessKeyDetails.userName",
    "resource.accessKeyDetails.accessKeyId",
    "resource.instanceDetails.instanceId",
    "resource.eksClusterDetails.name",
];
const QUERY: [&str; 13] = [
    "query_timestamp",
    "query_name",
    "query_type",
    "query_class",
    "rcode",
    "answers.Rdata",
    "srcaddr",
    "srcport",
    "transport",
    "srcids.instance",
    "vpc_id",
    "account_id",
    "region",
];
const WEB: [&str; 12] = [
    "action",
    "terminatingRuleId",
    "terminatingRuleType",
    "httpSourceName",
    "httpSourceId",
    "webaclId",
    "httpRequest.clientIp",
    "httpRequest.country",
    "httpRequest.uri",
    "httpRequest.args",
    "httpRequest.httpMethod",
    "httpRequest.requestId",
];
const AUDIT: [&str; 14] = [
    "verb",
    "requestURI",
    "user.username",
    "user.groups",
    "sourceIPs",
    "userAgent",
    "objectRef.resource",
    "objectRef.namespace",
    "objectRef.name",
    "objectRef.subresource",
    "responseStatus.code",
    "requestReceivedTimestamp",
    "stage",
    "auditID",
];

/// The known names of these forms.
pub(super) fn known(forms: &[Form]) -> BTreeSet<&'static str> {
    let mut names: BTreeSet<&'static str> = forms.iter().flat_map(|form| normalize::names(*form)).collect();
    for form in forms {
        match form.source() {
            Source::CloudTrail => names.extend(TRAIL),
            Source::GuardDuty => names.extend(FINDING),
            Source::Route53 => names.extend(QUERY),
            Source::Waf => names.extend(WEB),
            Source::EksAudit => names.extend(AUDIT),
            Source::VpcFlow | Source::TransitGatewayFlow => names.extend(COLUMNS.map(crate::event::flow::Column::name)),
            Source::SecurityHub | Source::EventBridge | Source::Generic(_) => {}
        }
    }
    names
}
