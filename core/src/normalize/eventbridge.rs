//! EventBridge events that are nothing else: Malware Protection results, AWS Config, and whatever a rule forwards.
//!
//! Owns what reserved and OCSF names mean in a whole event. A name is sought in the envelope if it is the envelope's, else in
//! `detail`, with or without that prefix.

use super::fact_table::FactRow;
use super::term::{DOTTED, Row, Term, find, lower, path};
use super::{ContextField, Function as F, Lookup};
use crate::event::Fact;
use Term::{Call, Context, Path};

/// The envelope's own members.
const ENVELOPE: [&str; 10] = ["version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail", "replay-name"];

/// Where a field is in an event.
pub(super) fn resolve(field: &str) -> Vec<Lookup> {
    match find(NAMES, field) {
        Some(terms) => lower(terms, &DOTTED),
        None if field.split('.').next().is_some_and(|root| ENVELOPE.contains(&root)) => vec![path(field)],
        None => vec![path(&format!("detail.{field}")), path(field)],
    }
}

const TIME: &[Term] = &[Path("detail.eventTime"), Path("time"), Context(ContextField::Time)];
const BUCKET: &[&str] = &["detail.s3ObjectDetails.bucketName", "detail.s3BucketDetails.bucketName"];
const ACCOUNT: &[Term] = &[Path("account"), Path("detail.accountId"), Context(ContextField::Account)];
const REGION: &[Term] = &[Path("region"), Path("detail.awsRegion"), Context(ContextField::Region)];

/// Names that mean more than their own path.
pub(super) const NAMES: &[Row] = &[
    ("tidegate.time", TIME),
    ("tidegate.content_id", &[Path("id")]),
    ("tidegate.event_uid", &[Path("id")]),
    (
        "tidegate.action",
        &[
            Path("detail.scanResultDetails.scanResultStatus"),
            Path("detail.resourceStatus"),
            Path("detail.newEvaluationResult.complianceType"),
        ],
    ),
    ("detail_type", &[Path("detail-type")]),
    ("cloud.provider", &[Call(F::Constant("AWS"), &[])]),
    ("cloud.account.uid", ACCOUNT),
    ("cloud.region", REGION),
    ("metadata.uid", &[Path("id")]),
    ("metadata.event_code", &[Path("detail-type")]),
    ("metadata.product.name", &[Path("source")]),
    ("api.operation", &[Path("detail-type")]),
    ("api.service.name", &[Path("source")]),
    ("malware.name", &[Path("detail.scanResultDetails.threats.name")]),
    ("resources.uid", &[Path("resources")]),
];

/// What a Malware Protection result or a Config change speaks of.
pub(super) const FACTS: &[FactRow] = &[
    (Fact::Resource, &[Call(F::Labelled("AWS::S3::Bucket"), BUCKET)]),
    (Fact::Resource, &[Call(F::ResourcesOfArns, &["resources", "detail.configurationItem.ARN"])]),
    (Fact::Unmapped, &[Call(F::Labelled("detail.s3ObjectDetails.objectKey"), &["detail.s3ObjectDetails.objectKey"])]),
    (Fact::Unmapped, &[Call(F::Labelled("detail.scanStatus"), &["detail.scanStatus"])]),
];
