//! The three books: what came in, what became of detections, what became of alerts.

use crate::telemetry::Standing;
use crate::telemetry::metric::Kind::{Counter, Gauge};
use crate::telemetry::metric::Life::Books;
use crate::telemetry::metric::{Kind, Metric, Samples, View};
use serde::Serialize;
use std::collections::BTreeMap;

pub(super) const INPUT_TEXT: &str = "The first book: `records = events + filtered + quarantined`, always. A record is a unit: an \
envelope that holds n events counts as n. The numbers travel in the log and are those of the whole life of the state file.";

pub(super) const DETECTIONS_TEXT: &str = "The second book: `tidegate_detections_total` is the sum of `tidegate_detection_outcomes_total` over \
all outcomes, always. A detection is one rule's match for one target: the rule itself or a correlation.";

pub(super) const ALERTS_TEXT: &str = "The third book, for every lane that takes documents: `tidegate_alerts_total = tidegate_alerts_suppressed + the sum of \
`tidegate_lane_alerts` over all states`, always. An alert is delivered when the sink has taken some document of it.";

const fn metric(
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    text: &'static str,
    samples: fn(&View<'_>, &mut Samples),
) -> Metric {
    Metric { name, kind, life: Books, labels, text, samples }
}

fn standing<'a>(view: &View<'a>) -> Option<&'a Standing> {
    view.reading.standing.as_deref()
}

/// The books, where there are any.
fn count(view: &View<'_>, out: &mut Samples, of: fn(&Standing) -> u64) {
    if let Some(standing) = standing(view) {
        out.count(&[], of(standing));
    }
}

/// Counters by a word of a fixed list.
fn by_word<K: Serialize>(out: &mut Samples, counts: &BTreeMap<K, u64>) {
    for (word, n) in counts {
        if let Ok(serde_json::Value::String(word)) = serde_json::to_value(word) {
            out.count(&[&word], *n);
        }
    }
}

pub(super) static INPUT: &[Metric] = &[
    metric("tidegate_records", Counter, &[], "Units read.", |v, out| count(v, out, |s| s.books.input.records)),
    metric("tidegate_record_bytes", Counter, &[], "Bytes read, as they came.", |v, out| count(v, out, |s| s.books.input.bytes)),
    metric("tidegate_events", Counter, &["service"], "Units that became events, by the service they speak for.", |v, out| {
        let mut by_service: BTreeMap<&str, u64> = BTreeMap::new();
        let events = standing(v).into_iter().flat_map(|s| &s.books.input.events);
        events.for_each(|(source, n)| *by_service.entry(source.service()).or_default() += n);
        by_service.into_iter().for_each(|(service, n)| out.count(&[service], n));
    }),
    metric("tidegate_filtered", Counter, &["reason"], "Units that are deliberately no events (headers, NODATA, notices).", |v, out| {
        standing(v).into_iter().for_each(|s| by_word(out, &s.books.input.filtered));
    }),
    metric("tidegate_quarantined", Counter, &["reason"], "Units that could not be read; their bytes are in the quarantine.", |v, out| {
        standing(v).into_iter().for_each(|s| by_word(out, &s.books.input.quarantined));
    }),
    metric(
        "tidegate_late_events",
        Counter,
        &[],
        "Events that arrived later after their own time than their service is allowed.",
        |v, out| {
            count(v, out, |s| s.books.input.late_events);
        },
    ),
    metric("tidegate_clock_skew_events", Counter, &[], "Events whose time lay in the future and was set to their arrival.", |v, out| {
        count(v, out, |s| s.books.input.clock_skew);
    }),
    metric(
        "tidegate_matches_without_key",
        Counter,
        &["rule"],
        "Matches that counted for nothing because a `group-by` or value field was missing, by the rule they were for.",
        |v, out| {
            let rules = standing(v).into_iter().flat_map(|s| &s.without_key);
            rules.for_each(|(rule, n)| out.count(&[rule], *n));
        },
    ),
];

pub(super) static DETECTIONS: &[Metric] = &[
    metric("tidegate_detections", Counter, &[], "Detections applied.", |v, out| count(v, out, |s| s.books.detections.detections)),
    metric(
        "tidegate_detection_outcomes",
        Counter,
        &["outcome"],
        "What became of detections: counted; duplicates (the same event again); late; behind (older than the watermark allows); stale (an older revision of a finding); ignored (sample or archived findings); without_key.",
        |v, out| {
            let Some(standing) = standing(v) else { return };
            let d = &standing.books.detections;
            let parts = [
                ("counted", d.counted),
                ("duplicates", d.duplicates),
                ("late", d.late),
                ("behind", d.behind),
                ("stale", d.stale),
                ("ignored", d.ignored),
                ("without_key", d.without_key),
            ];
            parts.into_iter().for_each(|(outcome, n)| out.count(&[outcome], n));
        },
    ),
];

pub(super) static ALERTS: &[Metric] = &[
    metric("tidegate_alerts", Counter, &[], "Alerts ever opened.", |v, out| count(v, out, |s| s.books.alerts.alerts)),
    metric("tidegate_alerts_suppressed", Gauge, &[], "Of these: suppressed, by their newest document.", |v, out| {
        count(v, out, |s| s.books.alerts.suppressed);
    }),
    metric(
        "tidegate_lane_alerts",
        Gauge,
        &["lane", "state"],
        "Alerts that are not suppressed, per lane of documents: delivered; quarantined (refused for good); in_outbox (nothing of them is delivered yet).",
        |v, out| {
            for lane in standing(v).into_iter().flat_map(|s| &s.lanes).filter(|lane| !lane.pages) {
                let parts = [("delivered", lane.delivered), ("quarantined", lane.quarantined), ("in_outbox", lane.in_outbox)];
                parts.into_iter().for_each(|(state, n)| out.count(&[&lane.name, state], n));
            }
        },
    ),
    metric("tidegate_alert_documents", Counter, &[], "Documents of alerts, all versions.", |v, out| {
        count(v, out, |s| s.books.alerts.documents)
    }),
    metric("tidegate_pages", Counter, &[], "Pages decided.", |v, out| count(v, out, |s| s.books.alerts.pages)),
    metric("tidegate_alerts_storm", Counter, &[], "Alerts whose page a storm summary speaks for.", |v, out| {
        count(v, out, |s| s.books.alerts.storm);
    }),
    metric("tidegate_alerts_shadow", Counter, &[], "Alerts of rules that run in shadow.", |v, out| {
        count(v, out, |s| s.books.alerts.shadow)
    }),
    metric("tidegate_alerts_merged", Counter, &[], "Alerts merged into another one.", |v, out| count(v, out, |s| s.books.alerts.merged)),
    metric("tidegate_suppression_hits", Counter, &["suppression"], "Alerts that a suppression ever held for, by its id.", |v, out| {
        let hits = standing(v).into_iter().flat_map(|s| &s.books.alerts.suppression_hits);
        hits.for_each(|(id, n)| out.count(&[id], *n));
    }),
    metric(
        "tidegate_state_evictions",
        Counter,
        &[],
        "Group keys evicted because their correlation or account was over its budget.",
        |v, out| {
            count(v, out, |s| s.books.alerts.evicted);
        },
    ),
];
