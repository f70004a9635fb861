//! Which form an object without envelope is, by its top-level keys and few short values.

use super::known::{Key, Known};
use crate::event::Form;

/// The form of an event; `None` when it is none we know.
pub(super) fn recognise(known: &Known<'_>) -> Option<Form> {
    let of_trail = || is_trail(known).then_some(Form::CloudTrail);
    finding(known).or_else(of_trail).or_else(|| ocsf(known)).or_else(|| log(known))
}

/// The form of a finding from its first key alone: native findings write keys in camelCase, SDKs in PascalCase.
pub(super) fn finding_by_case(detail: &str) -> Form {
    let first = detail.trim_start_matches(|c: char| c == '{' || c == '"' || c.is_ascii_whitespace());
    if first.starts_with(|c: char| c.is_ascii_uppercase()) { Form::GuardDutyApi } else { Form::GuardDuty }
}

fn finding(known: &Known<'_>) -> Option<Form> {
    use Key::{AccountId, Arn, AwsAccountId, GeneratorId, ProductArn, Resource, Service, accountId, arn, resource, service};
    let any = |keys: &[Key]| keys.iter().any(|key| known.has(*key));
    if is_finding_type(known, Key::type_) && any(&[accountId, arn, service, resource]) {
        return Some(Form::GuardDuty);
    }
    if is_finding_type(known, Key::Type) && any(&[AccountId, Arn, Service, Resource]) {
        return Some(Form::GuardDutyApi);
    }
    let asff = known.starts(Key::SchemaVersion, "2018-10-08") || (known.has(ProductArn) && any(&[AwsAccountId, GeneratorId]));
    asff.then(|| if is_guardduty_copy(known) { Form::GuardDutyAsff } else { Form::SecurityHub })
}

/// `Purpose:Resource/Family...`; what is neither shorter nor longer than types are is not looked at further.
fn is_finding_type(known: &Known<'_>, key: Key) -> bool {
    known.get(key).is_some_and(|value| {
        let colon = memchr::memchr(b':', value.as_bytes());
        value.len() < 200 && value.starts_with('"') && colon.is_some_and(|colon| value[colon..].contains('/'))
    })
}

fn is_guardduty_copy(known: &Known<'_>) -> bool {
    known.text(Key::ProductName).is_some_and(|name| name.eq_ignore_ascii_case("guardduty"))
        || known.text(Key::ProductArn).is_some_and(|arn| arn.ends_with("product/aws/guardduty"))
        || known.text(Key::Id).is_some_and(|id| id.split(':').nth(2) == Some("guardduty"))
}

fn is_trail(known: &Known<'_>) -> bool {
    let kind = known.text(Key::eventType);
    if matches!(kind.as_deref(), Some("AwsCloudTrailInsight" | "AwsAggregatedEvent")) {
        return true;
    }
    // `aws:s3`, `aws:kinesis`: what Lambda gets, no trail.
    known.has(Key::eventName) && known.has(Key::eventSource) && !known.starts(Key::eventSource, "aws:")
}

/// OCSF findings: category 2.
fn ocsf(known: &Known<'_>) -> Option<Form> {
    let class = known.get(Key::class_uid)?;
    let metadata = known.object(Key::metadata)?;
    if class.len() != 4 || !class.starts_with('2') {
        return None;
    }
    let product = Known::of_value(Known::of_value(metadata).object(Key::product).unwrap_or_default());
    let guardduty = product.text(Key::name).is_some_and(|name| name.to_ascii_lowercase().contains("guardduty"));
    Some(if guardduty { Form::GuardDutyOcsf } else { Form::SecurityHubOcsf })
}

fn log(known: &Known<'_>) -> Option<Form> {
    if known.has(Key::query_name) && known.has(Key::query_type) {
        return Some(Form::Route53);
    }
    if known.has(Key::webaclId) && [Key::httpRequest, Key::action, Key::terminatingRuleId].iter().any(|key| known.has(*key)) {
        return Some(Form::Waf);
    }
    is_audit(known).then_some(Form::EksAudit)
}

/// A Kubernetes audit event. A core `Event` object has the same kind, yet neither of the members looked for.
fn is_audit(known: &Known<'_>) -> bool {
    let members = [Key::objectRef, Key::requestURI, Key::responseStatus];
    let event = known.starts(Key::kind, "Event\"");
    known.has(Key::auditID) || (event && (known.starts(Key::apiVersion, "audit.k8s.io/") || members.iter().any(|key| known.has(*key))))
}
