//! Warnings about rules that load: what their authors should look at.

use super::document::{Draft, DraftBody};
use super::report::{Report, quoted};
use super::{Body, DetectionRule, Expr, Level, Meta, RuleSet, Status};
use crate::event::source::BUILT_IN;
use crate::event::{LogSource, Source};

const TAXONOMIES: [&str; 2] = ["sigma", "ocsf"];

/// Warnings about single documents, before linking.
pub(super) fn documents(drafts: &[Draft], report: &mut Report) {
    for draft in drafts {
        let meta = &draft.meta;
        match &draft.body {
            Some(DraftBody::Detection(rule)) => {
                source(meta, &rule.logsource, report);
                envelope(meta, rule, report);
            }
            Some(DraftBody::Correlation(_)) => {}
            Some(DraftBody::Filter(_)) | None => continue,
        }
        if !draft.has_id {
            let why = "alerts and state are found by it; without one the name or a hash of file and title stands for it";
            report.warn(&meta.place, "no `id`", why, "add `id:` with a new UUID");
        }
        status(meta, report);
        taxonomy(meta, report);
    }
}

fn status(meta: &Meta, report: &mut Report) {
    match meta.status {
        Status::Deprecated => {
            report.warn(&meta.place, "`status: deprecated`", "another rule replaces or covers it", "load that one instead (see `related`)");
        }
        Status::Experimental => {
            let why = "it runs in shadow: counted and stored, never paged";
            report.warn(&meta.place, "`status: experimental`", why, "set `status: test` when it has proved itself");
        }
        Status::Stable | Status::Test => {}
    }
}

fn taxonomy(meta: &Meta, report: &mut Report) {
    if let Some(taxonomy) = meta.custom.get("taxonomy").filter(|t| !TAXONOMIES.contains(&t.as_str())) {
        let what = format!("taxonomy {}", quoted(taxonomy));
        report.warn(&meta.place, what, "field names are not translated from it", "use the names of the source, or OCSF's");
    }
}

/// A rule for AWS that no built-in source answers to.
fn source(meta: &Meta, logsource: &LogSource, report: &mut Report) {
    if logsource.product.as_deref() != Some("aws") {
        return;
    }
    let services = BUILT_IN.map(Source::service);
    let unknown = logsource.service.as_deref().filter(|s| !services.contains(s));
    if unknown.is_none() && logsource.category.is_none() {
        return;
    }
    let what = match unknown {
        Some(service) => format!("service {} of product `aws`", quoted(service)),
        None => "`category` beside product `aws`".to_owned(),
    };
    let remedy = format!("use one of: {}; or state it for JSON input with `--service`", services.join(", "));
    report.warn(&meta.place, what, "no built-in source answers to it, and the rule may never see an event", remedy);
}

/// A rule that asks for the name of an EventBridge event where events are looked at without their envelope.
fn envelope(meta: &Meta, rule: &DetectionRule, report: &mut Report) {
    let service = rule.logsource.service.as_deref().unwrap_or_default();
    let source = BUILT_IN.into_iter().find(|s| s.service() == service && s.admitted_by(&rule.logsource, &[]));
    let Some(source) = source.filter(|s| *s != Source::EventBridge && asks(&rule.condition, &["detail-type", "detail_type"])) else {
        return;
    };
    let what = format!("`detail-type` in a rule of service {}", quoted(source.service()));
    let why = "its events are looked at without their envelope, whatever route they come by, so the field is never there";
    report.warn(&meta.place, what, why, "leave it out; for EventBridge events of other kinds use `service: eventbridge`");
}

fn asks(condition: &Expr, fields: &[&str]) -> bool {
    match condition {
        Expr::And(parts) | Expr::Or(parts) => parts.iter().any(|part| asks(part, fields)),
        Expr::Not(part) => asks(part, fields),
        Expr::Field { field, .. } => fields.contains(&field.as_str()),
        Expr::Keyword(_) => false,
    }
}

/// Warnings about rules that correlations mute, after linking.
pub(super) fn muted(set: &RuleSet, report: &mut Report) {
    for (rule, index) in set.rules.iter().zip(0u32..) {
        if rule.alerts || !matches!(rule.meta.level, Some(Level::High | Level::Critical)) {
            continue;
        }
        let quiet = |r: &&super::Rule| matches!(&r.body, Body::Correlation(c) if !c.generate && c.rules.contains(&index));
        let by = set.rules.iter().find(quiet).map_or_else(String::new, |r| quoted(&r.meta.title));
        let what = format!("rule {} is muted", quoted(&rule.meta.title));
        let why = format!("correlation {by} refers to it, so a match alone is no alert, though its level is high or critical");
        report.warn(&rule.meta.place, what, why, "set `generate: true` in the correlation, or lower the rule's level");
    }
}
