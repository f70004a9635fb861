//! What a rule needs to see anything: sources switched on, fields, tables.

use crate::enrich;
use crate::event::source::FORMS;
use crate::event::{Form, GenericSource, Lateness, Source};
use crate::normalize;
use crate::rule::{Body, Correlation, CorrelationKind, Expr, RuleSet, Test};
use serde::Serialize;

/// A source that a rule reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceNeed {
    /// Its service, as in `logsource`.
    pub service: String,
    /// An event that arrives later than this after its own time is late, in milliseconds.
    pub lateness_ms: i64,
    /// What must be switched on in AWS.
    pub enable: &'static str,
}

/// A field that a rule names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldNeed {
    /// Its name in the rule.
    pub name: String,
    /// Where it is in the events, per form; empty: nowhere.
    pub places: Vec<String>,
    /// The table that fills it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<&'static str>,
}

/// The sources with what they need.
#[must_use]
pub(super) fn sources(sources: &[Source], generic: &[GenericSource], lateness: &Lateness) -> Vec<SourceNeed> {
    let name = |source: &Source| match source {
        Source::Generic(n) => generic.get(usize::from(*n)).and_then(|g| g.logsource.service.clone()).unwrap_or_else(|| "json".to_owned()),
        built_in => built_in.service().to_owned(),
    };
    sources.iter().map(|s| SourceNeed { service: name(s), lateness_ms: lateness.ms(*s), enable: enable(*s) }).collect()
}

/// What must be switched on before events of a source exist.
#[must_use]
pub fn enable(source: Source) -> &'static str {
    match source {
        Source::GuardDuty => "GuardDuty (and Runtime Monitoring for findings about processes) in every account and Region",
        Source::CloudTrail => "an organisation trail of management events; data events where the rule asks for object or item calls",
        Source::VpcFlow => "flow logs of the VPCs, subnets or interfaces, with the columns that the rule names",
        Source::TransitGatewayFlow => "flow logs of the transit gateways, with the columns that the rule names",
        Source::SecurityHub => "Security Hub, with its findings sent to EventBridge",
        Source::Route53 => "Resolver query logging for the VPCs",
        Source::Waf => "logging of the web ACLs",
        Source::EksAudit => "audit logs of the EKS control planes",
        Source::EventBridge => "an EventBridge rule that sends these events on",
        Source::Generic(_) => "events read as JSON with this logsource stated",
    }
}

/// The fields that a condition names, each once, in the order written.
#[must_use]
pub fn fields_of_condition(expr: &Expr) -> Vec<String> {
    let mut names = Vec::new();
    collect(expr, &mut names);
    let mut once: Vec<String> = Vec::new();
    for name in names {
        if !once.contains(&name) {
            once.push(name);
        }
    }
    once
}

fn collect(expr: &Expr, names: &mut Vec<String>) {
    match expr {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().for_each(|part| collect(part, names)),
        Expr::Not(part) => collect(part, names),
        Expr::Keyword(_) => {}
        Expr::Field { field, test } => {
            names.push(field.clone());
            if let Test::FieldRef { field, .. } = test {
                names.push(field.clone());
            }
        }
    }
}

/// The fields that a correlation takes from the events of one of its rules: group keys and measured values.
#[must_use]
pub fn fields_of_correlation(correlation: &Correlation, rule: u32) -> Vec<String> {
    let mut names = correlation.group_by.clone();
    match &correlation.kind {
        CorrelationKind::ValueCount(fields, _) => names.extend(fields.iter().cloned()),
        CorrelationKind::ValueSum(field, _) | CorrelationKind::ValueAvg(field, _) | CorrelationKind::ValuePercentile(field, _, _) => {
            names.push(field.clone());
        }
        CorrelationKind::EventCount(_) | CorrelationKind::Temporal(_) | CorrelationKind::TemporalOrdered(_) => {}
    }
    let meant = |name: String| correlation.aliases.get(&name).and_then(|of| of.get(&rule)).cloned().unwrap_or(name);
    names.into_iter().map(meant).collect()
}

/// Everything a rule takes from events: its own condition, and what the correlations that refer to it ask.
#[must_use]
pub(super) fn fields(set: &RuleSet, rule: u32, sources: &[Source]) -> Vec<FieldNeed> {
    let mut names = match &set.rule(rule).body {
        Body::Detection(detection) => fields_of_condition(&detection.condition),
        Body::Correlation(_) => return Vec::new(),
    };
    let parents = set.rules.iter().filter_map(|r| if let Body::Correlation(c) = &r.body { Some(c) } else { None });
    for name in parents.filter(|c| c.rules.contains(&rule)).flat_map(|c| fields_of_correlation(c, rule)) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let forms: Vec<Form> = forms(sources);
    names.into_iter().map(|name| field(name, &forms)).collect()
}

/// The forms in which events of these sources come.
#[must_use]
pub fn forms(sources: &[Source]) -> Vec<Form> {
    let generic = sources.iter().filter_map(|s| if let Source::Generic(n) = s { Some(Form::Generic(*n)) } else { None });
    FORMS.into_iter().filter(|form| sources.contains(&form.source())).chain(generic).collect()
}

fn field(name: String, forms: &[Form]) -> FieldNeed {
    let table = enrich::field(&name).map(|field| table_of(&field.subject));
    let mut places = Vec::new();
    for form in forms {
        let found: Vec<String> = normalize::resolve(*form, &name).iter().take(4).map(ToString::to_string).collect();
        if !found.is_empty() {
            places.push(format!("{form:?}: {}", found.join(", else ")));
        }
    }
    FieldNeed { name, places, table }
}

/// The table that knows a subject, in words.
#[must_use]
pub fn table_of(subject: &enrich::Subject) -> &'static str {
    match subject {
        enrich::Subject::Account => "accounts",
        enrich::Subject::Network(_) => "networks",
        enrich::Subject::Location(_) => "geo (where the source does not say it)",
        enrich::Subject::EndIntel(_) | enrich::Subject::QueryIntel | enrich::Subject::FileIntel | enrich::Subject::AnyIntel => "intel",
    }
}
