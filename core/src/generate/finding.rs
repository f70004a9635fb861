//! A `GuardDuty` finding as the S3 export writes it: camelCase, one JSON object a line.

use super::draw::Draw;
use super::kinds::{Family, Kind};
use super::world::{Account, World};
use crate::event::time::format_rfc3339;
use serde_json::{Map, Value, json};

/// One revision of a finding.
#[derive(Clone)]
pub(super) struct Finding<'a> {
    pub(super) account: &'a Account,
    pub(super) kind: Kind,
    pub(super) severity_tenths: i64,
    /// 32 hexadecimal digits; the same for every revision.
    pub(super) id: String,
    pub(super) created_ms: i64,
    pub(super) updated_ms: i64,
    pub(super) count: u64,
    pub(super) archived: bool,
    pub(super) sample: bool,
    pub(super) title: String,
    pub(super) resource: Value,
    /// `null` for Runtime and malware findings.
    pub(super) action: Value,
    /// Further members of `service`: `runtimeDetails`, `evidence`, `ebsVolumeScanDetails`, `detection`.
    pub(super) service: Map<String, Value>,
    pub(super) remote_ip: Option<String>,
    pub(super) principal: Option<String>,
}

impl<'a> Finding<'a> {
    /// A finding without a shape yet: first revision, seen five minutes before it is published.
    pub(super) fn bare(draw: &mut Draw, account: &'a Account, kind: Kind, created_ms: i64) -> Self {
        Finding {
            account,
            kind,
            severity_tenths: kind.severity_tenths,
            id: draw.hex(32),
            created_ms,
            updated_ms: created_ms,
            count: 1,
            archived: false,
            sample: false,
            title: title(kind),
            resource: Value::Null,
            action: Value::Null,
            service: Map::new(),
            remote_ip: None,
            principal: None,
        }
    }

    /// A later revision.
    pub(super) fn revised(&self, updated_ms: i64, count: u64) -> Self {
        Finding { updated_ms, count, ..self.clone() }
    }

    /// Its ARN, the same for every revision.
    pub(super) fn arn(&self, world: &World) -> String {
        let (region, account) = (self.account.region, &self.account.id);
        format!("arn:aws:guardduty:{region}:{account}:detector/{}/finding/{}", self.account.detector(world), self.id)
    }

    /// The document.
    pub(super) fn document(&self, world: &World) -> Value {
        json!({
            "schemaVersion": "2.0", "accountId": self.account.id, "region": self.account.region, "partition": "aws",
            "id": self.id, "arn": self.arn(world), "type": self.kind.name,
            "resource": self.resource,
            "service": self.service_part(world),
            "severity": severity(self.severity_tenths),
            "createdAt": format_rfc3339(self.created_ms), "updatedAt": format_rfc3339(self.updated_ms),
            "title": if self.sample { format!("[SAMPLE] {}", self.title) } else { self.title.clone() },
            "description": format!("{} Seen {} time(s).", self.title, self.count),
        })
    }

    fn service_part(&self, world: &World) -> Value {
        let mut service = Map::with_capacity(16);
        let mut put = |field: &str, value: Value| service.insert(field.to_owned(), value);
        put("serviceName", json!("guardduty"));
        put("detectorId", json!(self.account.detector(world)));
        if let Some(feature) = feature(self.kind.family) {
            put("featureName", json!(feature));
        }
        if !matches!(self.kind.family, Family::Runtime | Family::S3Malware | Family::Sequence) {
            put("resourceRole", json!("TARGET"));
        }
        if !self.action.is_null() {
            put("action", self.action.clone());
        }
        for (field, value) in &self.service {
            put(field, value.clone());
        }
        put("additionalInfo", self.additional_info());
        put("eventFirstSeen", json!(format_rfc3339(self.created_ms - 300_000)));
        put("eventLastSeen", json!(format_rfc3339(self.updated_ms - 240_000)));
        put("archived", json!(self.archived));
        put("count", json!(self.count));
        Value::Object(service)
    }

    /// `value` repeats the other keys as a JSON string.
    fn additional_info(&self) -> Value {
        if self.sample {
            return json!({ "sample": true, "value": "{\"sample\":true}", "type": "default" });
        }
        json!({ "value": "", "type": "default" })
    }
}

/// AWS writes whole severities as integers.
fn severity(tenths: i64) -> Value {
    if tenths % 10 == 0 { json!(tenths / 10) } else { json!(tenths as f64 / 10.0) }
}

fn feature(family: Family) -> Option<&'static str> {
    Some(match family {
        Family::Runtime => "RuntimeMonitoring",
        Family::EbsMalware => "EbsVolumeScan",
        Family::Sequence => "Correlation",
        Family::Kubernetes => "EksAuditLogs",
        Family::RdsLogin => "RdsLoginEvents",
        Family::Lambda => "LambdaNetworkLogs",
        Family::S3Api => "S3DataEvents",
        Family::Dns => "DnsLogs",
        Family::Network | Family::Probe => "FlowLogs",
        Family::ApiCall => "CloudTrail",
        Family::BackupMalware | Family::S3Malware => return None,
    })
}

/// A title made from the words of the type.
fn title(kind: Kind) -> String {
    let (purpose, rest) = kind.name.split_once(':').unwrap_or(("Finding", kind.name));
    let (resource, threat) = rest.split_once('/').unwrap_or((rest, ""));
    let threat = threat.replace(['.', '!'], " ");
    format!("{purpose} activity on {resource}: {threat}.")
}
