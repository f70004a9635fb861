//! `CloudTrail` records.
//!
//! Owns what reserved and OCSF names mean in a record; any other name is the record's own dotted path. A caller that is an AWS
//! service has a name, no address: it answers `src_endpoint.domain`, never `src_endpoint.ip`. A user of whom only the name is
//! known (a failed sign-in) gets the ARN it has after success; a hidden name is no principal. Insight and aggregated events lack
//! most members; their time, account and id are found.

use super::fact_table::FactRow;
use super::term::{DOTTED, Row, Term, find, lower, path};
use super::{ContextField, Function as F, Lookup};
use crate::event::Fact;
use Term::{Call, Context, Path};

/// Where a field is in a record; `detail.` in front of a name is admitted.
pub(super) fn resolve(field: &str) -> Vec<Lookup> {
    let field = field.strip_prefix("detail.").unwrap_or(field);
    match find(NAMES, field) {
        Some(terms) => lower(terms, &DOTTED),
        None => vec![path(field)],
    }
}

const TIME: &[Term] = &[Path("eventTime"), Path("timeWindow.windowEnd"), Context(ContextField::Time)];
const ID: &[Term] = &[Path("eventID"), Path("eventId")];
const ACCOUNT: &[Term] = &[Path("recipientAccountId"), Path("accountId"), Path("userIdentity.accountId"), Context(ContextField::Account)];
const REGION: &[Term] = &[Path("awsRegion"), Context(ContextField::Region)];
const CALLER: &[&str] = &["awsRegion", "userIdentity.accountId", "userIdentity.type", "userIdentity.userName", "userIdentity.principalId"];
const PRINCIPAL: &[Term] =
    &[Path("userIdentity.arn"), Path("userIdentity.onBehalfOf.userId"), Call(F::Caller, CALLER), Path("userIdentity.invokedBy")];
const PRINCIPAL_ROOT: &[Term] = &[
    Call(F::PrincipalRoot, &["userIdentity.sessionContext.sessionIssuer.arn", "userIdentity.arn", "userIdentity.onBehalfOf.userId"]),
    Call(F::CallerRoot, CALLER),
    Path("userIdentity.invokedBy"),
];
const USER_NAME: &[Term] =
    &[Path("userIdentity.userName"), Path("userIdentity.sessionContext.sessionIssuer.userName"), Path("additionalEventData.UserName")];
const ACCESS_KEY: &[Term] = &[Path("userIdentity.accessKeyId"), Path("userIdentity.credentialId")];
const OUTCOME: &[&str] = &["errorCode", "errorMessage", "responseElements.ConsoleLogin"];

/// Names that mean more than their own path.
pub(super) const NAMES: &[Row] = &[
    ("tidegate.time", TIME),
    ("tidegate.content_id", ID),
    ("tidegate.event_uid", ID),
    ("tidegate.shared_event", &[Path("sharedEventID")]),
    ("tidegate.principal", PRINCIPAL),
    ("tidegate.principal_root", PRINCIPAL_ROOT),
    ("tidegate.action", &[Call(F::Status, OUTCOME)]),
    ("time", TIME),
    ("cloud.provider", &[Call(F::Constant("AWS"), &[])]),
    ("cloud.account.uid", ACCOUNT),
    ("cloud.region", REGION),
    ("actor.user.uid", PRINCIPAL),
    ("actor.user.uid_alt", &[Path("userIdentity.principalId"), Path("userIdentity.onBehalfOf.userId")]),
    ("actor.user.name", USER_NAME),
    ("actor.user.type", &[Path("userIdentity.type")]),
    ("actor.user.account.uid", &[Path("userIdentity.accountId")]),
    ("actor.user.credential_uid", ACCESS_KEY),
    ("actor.session.credential_uid", ACCESS_KEY),
    ("actor.session.issuer", &[Path("userIdentity.sessionContext.sessionIssuer.arn")]),
    ("actor.session.is_mfa", &[Path("userIdentity.sessionContext.attributes.mfaAuthenticated"), Path("additionalEventData.MFAUsed")]),
    ("actor.session.created_time_dt", &[Path("userIdentity.sessionContext.attributes.creationDate")]),
    ("actor.session.uid", &[Call(F::ArnName, &["userIdentity.arn"])]),
    ("actor.invoked_by", &[Path("userIdentity.invokedBy")]),
    ("actor.idp.name", &[Path("userIdentity.identityProvider"), Path("userIdentity.sessionContext.webIdFederationData.federatedProvider")]),
    ("actor.idp.uid", &[Path("userIdentity.onBehalfOf.identityStoreArn")]),
    ("api.operation", &[Path("eventName"), Path("insightDetails.eventName")]),
    ("api.version", &[Path("apiVersion")]),
    ("api.service.name", &[Path("eventSource"), Path("insightDetails.eventSource")]),
    ("api.request.data", &[Path("requestParameters")]),
    ("api.request.uid", &[Path("requestID")]),
    ("api.response.data", &[Path("responseElements")]),
    ("api.response.error", &[Path("errorCode"), Path("insightDetails.errorCode")]),
    ("api.response.message", &[Path("errorMessage")]),
    ("http_request.user_agent", &[Path("userAgent")]),
    ("metadata.uid", ID),
    ("metadata.event_code", &[Path("eventType")]),
    ("metadata.product.name", &[Call(F::Constant("CloudTrail"), &[])]),
    ("metadata.product.version", &[Path("eventVersion")]),
    ("metadata.product.feature.name", &[Path("eventCategory")]),
    ("resources.uid", &[Path("resources.ARN")]),
    ("resources.owner.account.uid", &[Path("resources.accountId")]),
    ("src_endpoint.ip", &[Call(F::Address, &["sourceIPAddress"])]),
    ("src_endpoint.domain", &[Call(F::NotAddress, &["sourceIPAddress"])]),
    ("src_endpoint.uid", &[Path("vpcEndpointId")]),
    ("tls.version", &[Path("tlsDetails.tlsVersion")]),
    ("tls.cipher", &[Path("tlsDetails.cipherSuite")]),
    ("tls.sni", &[Path("tlsDetails.clientProvidedHostHeader")]),
    ("status", &[Call(F::Status, OUTCOME)]),
    ("status_id", &[Call(F::StatusId, OUTCOME)]),
];

/// Resources the record lists, and those that the commonest requests name.
pub(super) const FACTS: &[FactRow] = &[
    (Fact::Resource, &[Call(F::ResourcesOfArns, &["resources.ARN", "resources.arn"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::S3::Bucket"), &["requestParameters.bucketName"])]),
    (Fact::Resource, &[Call(F::ResourcesOfArns, &["requestParameters.roleArn", "requestParameters.secretId", "requestParameters.keyId"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::EC2::Instance"), &["requestParameters.instancesSet.items.instanceId"])]),
    (Fact::Resource, &[Call(F::Labelled("AWS::EC2::SecurityGroup"), &["requestParameters.groupId"])]),
    (Fact::Unmapped, &[Call(F::Labelled("readOnly"), &["readOnly"])]),
    (Fact::Unmapped, &[Call(F::Labelled("eventType"), &["eventType"])]),
];
