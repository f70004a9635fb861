//! Kubernetes audit logs of EKS.
//!
//! Owns what reserved and OCSF names mean in an audit event. The audit id is no content id: a client may choose it
//! (`Audit-ID` header), and each stage of a request repeats it.

use super::fact_table::FactRow;
use super::term::{DOTTED, Row, Term, find, keys, lower, path};
use super::{ContextField, Function as F, Lookup};
use crate::event::Fact;
use Term::{Call, Context, Path};

/// Where a field is in an audit event. Annotation, label and extra names hold dots themselves: they are one key.
pub(super) fn resolve(field: &str) -> Vec<Lookup> {
    match find(NAMES, field) {
        Some(terms) => lower(terms, &DOTTED),
        None => MAPS.iter().find_map(|map| in_map(map, field)).map_or_else(|| vec![path(field)], |lookup| vec![lookup]),
    }
}

/// Objects whose keys are Kubernetes names such as `authorization.k8s.io/decision`.
const MAPS: [&str; 4] = ["annotations", "user.extra", "requestObject.metadata.annotations", "requestObject.metadata.labels"];

fn in_map(map: &str, field: &str) -> Option<Lookup> {
    let key = field.strip_prefix(map)?.strip_prefix('.')?;
    let is_quoted = key.contains('`');
    let mut all = keys(map);
    all.push(key.into());
    (!is_quoted).then_some(Lookup::Path(all))
}

const TIME: &[Term] = &[Path("stageTimestamp"), Path("requestReceivedTimestamp"), Context(ContextField::Time)];
const USER: &[Term] = &[Path("user.username")];
const PRINCIPAL: &[Term] = &[Path("user.extra.arn"), Path("user.username")];

/// Names that mean more than their own path.
pub(super) const NAMES: &[Row] = &[
    ("tidegate.time", TIME),
    ("tidegate.content_id", &[Context(ContextField::LogEventId)]),
    ("tidegate.event_uid", &[Path("auditID")]),
    ("tidegate.principal", PRINCIPAL),
    ("tidegate.principal_root", &[Call(F::PrincipalRoot, &["user.extra.canonicalArn", "user.extra.arn", "user.username"])]),
    ("tidegate.action", &[Path("annotations.`authorization.k8s.io/decision`")]),
    ("time", TIME),
    ("cloud.provider", &[Call(F::Constant("AWS"), &[])]),
    ("cloud.account.uid", &[Context(ContextField::Account)]),
    ("cloud.region", &[Context(ContextField::Region)]),
    ("metadata.product.name", &[Call(F::Constant("Amazon EKS"), &[])]),
    ("metadata.uid", &[Path("auditID")]),
    ("actor.user.uid", PRINCIPAL),
    ("actor.user.uid_alt", &[Path("user.uid")]),
    ("actor.user.name", USER),
    ("actor.user.groups.name", &[Path("user.groups")]),
    ("actor.session.credential_uid", &[Path("user.extra.accessKeyId")]),
    ("actor.session.issuer", &[Path("user.extra.canonicalArn")]),
    ("api.operation", &[Path("verb")]),
    ("api.version", &[Path("apiVersion")]),
    ("api.service.name", &[Path("objectRef.resource")]),
    ("api.request.uid", &[Path("auditID")]),
    ("api.response.code", &[Path("responseStatus.code")]),
    ("api.response.error", &[Path("responseStatus.reason")]),
    ("api.response.message", &[Path("responseStatus.message")]),
    ("http_request.user_agent", &[Path("userAgent")]),
    ("http_request.url.path", &[Path("requestURI")]),
    ("src_endpoint.ip", &[Path("sourceIPs")]),
    ("resources.name", &[Path("objectRef.name")]),
    ("resources.type", &[Path("objectRef.resource")]),
    ("resources.namespace", &[Path("objectRef.namespace")]),
    ("container.image.name", &[Path("requestObject.spec.containers.image"), Path("requestObject.spec.template.spec.containers.image")]),
];

/// The object the request was about.
pub(super) const FACTS: &[FactRow] = &[
    (Fact::Resource, &[Call(F::Labelled("Kubernetes::Object"), &["requestURI"])]),
    (Fact::Unmapped, &[Call(F::Labelled("objectRef.resource"), &["objectRef.resource"])]),
    (Fact::Unmapped, &[Call(F::Labelled("objectRef.namespace"), &["objectRef.namespace"])]),
    (Fact::Unmapped, &[Call(F::Labelled("objectRef.name"), &["objectRef.name"])]),
];
