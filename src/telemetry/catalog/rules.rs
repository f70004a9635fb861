//! Rules in force, and what loading them again came to.

use crate::telemetry::metric::Kind::{Counter, Gauge};
use crate::telemetry::metric::Life::{Moment, Process};
use crate::telemetry::metric::{Metric, View};
use crate::telemetry::standing::RulesStanding;

pub(super) const TEXT: &str = "Files that change are loaded again as a whole. If anything is wrong with them nothing changes, and \
`tidegate_reload_refused` is 1 until they can be used.";

fn rules<'a>(view: &View<'a>) -> Option<&'a RulesStanding> {
    view.reading.standing.as_deref().map(|s| &s.rules)
}

/// What can be wrong with files that are loaded again.
const PARTS: [&str; 4] = ["configuration", "rules", "tables", "suppressions"];

pub(super) static METRICS: &[Metric] = &[
    Metric {
        name: "tidegate_rules",
        kind: Gauge,
        life: Moment,
        labels: &["kind"],
        text: "Rules in force: rule (of single events), correlation; shadow counts those of both that never page.",
        samples: |v, out| {
            let Some(rules) = rules(v) else { return };
            let kinds = [("rule", rules.rules), ("correlation", rules.correlations), ("shadow", rules.shadow)];
            kinds.into_iter().for_each(|(kind, n)| out.count(&[kind], n));
        },
    },
    Metric {
        name: "tidegate_rule_set_info",
        kind: Gauge,
        life: Moment,
        labels: &["digest"],
        text: "1, with the beginning of the digest of the rule set in force.",
        samples: |v, out| rules(v).into_iter().for_each(|rules| out.count(&[&rules.digest], 1)),
    },
    Metric {
        name: "tidegate_suppressions",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "Suppressions in force, expired ones included.",
        samples: |v, out| rules(v).into_iter().for_each(|rules| out.count(&[], rules.suppressions)),
    },
    Metric {
        name: "tidegate_reloads",
        kind: Counter,
        life: Process,
        labels: &["result"],
        text: "Reloads: applied, refused.",
        samples: |v, out| {
            let reloads = &v.reading.tally.reloads;
            [("applied", reloads.applied), ("refused", reloads.refused)].into_iter().for_each(|(result, n)| out.count(&[result], n));
        },
    },
    Metric {
        name: "tidegate_reload_refused",
        kind: Gauge,
        life: Moment,
        labels: &["what"],
        text: "1: the files as they are cannot be used, by what is wrong: configuration, rules, tables, suppressions; what was loaded before goes on. File and line: `/ready` and the program's log.",
        samples: |v, out| {
            let refusal = v.reading.tally.reloads.refusal.as_ref().map(|(part, _)| *part);
            PARTS.iter().for_each(|part| out.count(&[part], u64::from(refusal == Some(*part))));
        },
    },
    Metric {
        name: "tidegate_reload_timestamp_seconds",
        kind: Gauge,
        life: Process,
        labels: &[],
        text: "When the last reload took effect.",
        samples: |v, out| v.reading.tally.reloads.applied_ms.into_iter().for_each(|ms| out.number(&[], ms as f64 / 1_000.0)),
    },
    Metric {
        name: "tidegate_rules_restarted",
        kind: Counter,
        life: Process,
        labels: &[],
        text: "Rules that started afresh because a reload changed their meaning: what was in their windows is gone. Which: the program's log.",
        samples: |v, out| out.count(&[], v.reading.tally.reloads.restarted),
    },
    Metric {
        name: "tidegate_reload_rules",
        kind: Gauge,
        life: Process,
        labels: &["change"],
        text: "What the last change of rules did: kept (with their state), restarted (changed in meaning), added, removed.",
        samples: |v, out| v.reading.tally.reloads.rules.iter().for_each(|(change, n)| out.count(&[change], *n)),
    },
];
