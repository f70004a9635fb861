//! Older alerts inside an alert: computed from what the kept events carry; no other Pipeline is asked.

use super::FINDING_RULE_ID;
use crate::alert::paging::PAGES_FROM;
use crate::alert::subject::{RelatedAlert, first_moment};
use crate::alert::{alert_id, severity};
use crate::correlate::KeptEvent;
use crate::event::{Fact, GroupKey, Source};
use crate::rule::{Rule, RuleSet, Status};
use std::collections::BTreeMap;

/// Most related alerts that a document lists.
pub(super) const RELATED_MAX: usize = 50;

/// The alerts that the kept events have made by themselves, by id.
pub(super) fn related(set: &RuleSet, events: &[KeptEvent]) -> Vec<RelatedAlert> {
    let finding_rule = set.rules.iter().find(|r| r.meta.id == FINDING_RULE_ID && r.alerts);
    let mut found: BTreeMap<String, RelatedAlert> = BTreeMap::new();
    for event in events {
        for alert in of_event(set, finding_rule, event) {
            found.entry(alert.alert_id.clone()).or_insert(alert);
        }
    }
    found.into_values().take(RELATED_MAX).collect()
}

fn of_event(set: &RuleSet, finding_rule: Option<&Rule>, event: &KeptEvent) -> Vec<RelatedAlert> {
    let own = set.rules.get(event.rule as usize);
    if let Some(id) = &event.child_alert {
        let Some(rule) = own else { return Vec::new() };
        return vec![describe(rule, id.to_string(), event, event.severity)];
    }
    let alone = own.filter(|r| r.alerts).map(|r| single(r, event, event.severity));
    let finding = finding_rule.filter(|_| event.revision.is_some() && event.source == Source::GuardDuty).map(|r| {
        let of_finding = event.revision.map_or(1, |v| severity::of_finding(f64::from(v.severity) / 100.0));
        single(r, event, of_finding)
    });
    alone.into_iter().chain(finding).collect()
}

fn single(rule: &Rule, event: &KeptEvent, severity: u8) -> RelatedAlert {
    let id = alert_id(&rule.meta.id, &rule.digest, &single_key(event), first_moment(event));
    describe(rule, id, event, severity)
}

/// The key of an alert of its own: the finding's ARN, else the content id.
pub(super) fn single_key(event: &KeptEvent) -> GroupKey {
    match event.facts.first(Fact::FindingArn) {
        Some(arn) if event.revision.is_some() => GroupKey::new([arn]),
        _ => GroupKey::new([format!("{:032x}", event.id.0)]),
    }
}

fn describe(rule: &Rule, alert_id: String, event: &KeptEvent, severity: u8) -> RelatedAlert {
    let title = if rule.meta.level.is_none() { event.facts.first(Fact::Title) } else { None };
    let quiet = event.flags.sample || event.flags.archived || rule.meta.status == Status::Experimental;
    let title = title.unwrap_or(&rule.meta.title).to_owned();
    RelatedAlert { alert_id, title, severity, paged: severity >= PAGES_FROM && !quiet }
}
