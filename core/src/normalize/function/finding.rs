//! Findings: their type, ARN, sample and archive marks in whatever spelling a copy has.

use super::{Values, is_something, is_true, json, owned, text_at, values};
use crate::event::Value;
use std::borrow::Cow;

/// A finding type in GuardDuty's spelling. Security Hub writes `TTPs/Defense Evasion/Stealth:IAMUser-CloudTrailLoggingDisabled`,
/// sometimes without the purpose (`TTPs/Discovery/IAMUser-AnomalousBehavior`); a native type comes back unchanged.
pub(super) fn type_of(text: &str) -> Option<String> {
    if let Some(colon) = text.find(':') {
        let start = text[..colon].rfind('/').map_or(0, |slash| slash + 1);
        let own = &text[start..];
        return Some(if own.contains('/') { own.to_owned() } else { own.replacen('-', "/", 1) });
    }
    let mut segments = text.rsplit('/');
    let (last, purpose) = (segments.next()?, segments.next()?);
    Some(format!("{}:{}", purpose.replace(' ', ""), last.replacen('-', "/", 1)))
}

/// partition, region, account, detector, id. Without a detector its place holds `-`: such a finding is equal only to copies
/// that lack it too.
pub(super) fn arn<'a>(inputs: &[&[Value<'a>]]) -> Values<'a> {
    let (Some(region), Some(account), Some(id)) = (text_at(inputs, 1), text_at(inputs, 2), text_at(inputs, 4)) else {
        return Values::new();
    };
    let partition = text_at(inputs, 0).unwrap_or_else(|| Cow::Borrowed(partition_of(&region)));
    let detector = text_at(inputs, 3).unwrap_or(Cow::Borrowed("-"));
    std::iter::once(owned(format!("arn:{partition}:guardduty:{region}:{account}:detector/{detector}/finding/{id}"))).collect()
}

/// The partition said by an ARN, a region or a partition name.
pub(super) fn partition_of(text: &str) -> &str {
    match text {
        arn if arn.starts_with("arn:") => arn.split(':').nth(1).unwrap_or("aws"),
        "aws" | "aws-cn" | "aws-us-gov" => text,
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// A part of an ARN: 1 partition, 3 region, 4 account.
pub(super) fn arn_part(text: &str, part: usize) -> Option<String> {
    text.strip_prefix("arn:")?;
    text.split(':').nth(part).filter(|p| !p.is_empty()).map(str::to_owned)
}

/// The detector of a finding's or detector's ARN.
pub(super) fn detector_of(text: &str) -> Option<String> {
    let rest = text.split(":detector/").nth(1)?;
    rest.split('/').next().filter(|d| !d.is_empty()).map(str::to_owned)
}

/// Only AWS's own marker counts. Placeholder names (`GeneratedFinding...`) do not: an attacker could choose one.
pub(super) fn is_sample(inputs: &[&[Value<'_>]]) -> bool {
    values(inputs).any(|value| match value {
        Value::Text(t) if t.starts_with('{') => json::flag(t, "sample"),
        Value::Json(t) => json::flag(t, "sample"),
        other => is_true(other),
    })
}

/// GuardDuty's flag, Security Hub's `RecordState` or the OCSF status.
pub(super) fn is_archived(value: &Value<'_>) -> bool {
    is_true(value) || matches!(value, Value::Int(5)) || (is_something(value) && value.text().is_some_and(|t| t == "ARCHIVED" || t == "5"))
}

/// What a revision's count says about it.
pub(super) fn revision<'a>(count: f64) -> Value<'a> {
    Value::Text(Cow::Borrowed(if count > 1.0 { "updated" } else { "new" }))
}
