//! Lanes: what waits for each sink, and how the sinks answer.

use crate::io::port::SinkCounts;
use crate::telemetry::metric::Kind::{Counter, Gauge, Histogram};
use crate::telemetry::metric::Life::{Moment, Process};
use crate::telemetry::metric::{Metric, View};
use crate::telemetry::standing::LaneStanding;
use crate::telemetry::tally::Delivered;
use std::sync::atomic::Ordering;

pub(super) const TEXT: &str = "`lane` is the name of a sink: `sqlite`, `ndjson`, `opensearch`, `log`, ... A lane that fails is tried again until it \
works: only what a sink refuses for what it is (`refused`) leaves for the quarantine.";

fn lanes<'a>(view: &View<'a>) -> impl Iterator<Item = &'a LaneStanding> {
    view.reading.standing.as_deref().into_iter().flat_map(|s| &s.lanes)
}

fn second<'a>(view: &View<'a>, lane: &LaneStanding) -> Option<&'a SinkCounts> {
    view.reading.sinks.iter().find(|(name, _)| *name == lane.name).map(|(_, counts)| &**counts)
}

pub(super) static METRICS: &[Metric] = &[
    Metric {
        name: "tidegate_outbox_waiting",
        kind: Gauge,
        life: Moment,
        labels: &["lane"],
        text: "Documents or pages that no sink has answered for, those under way included.",
        samples: |v, out| lanes(v).for_each(|l| out.count(&[&l.name], l.waiting)),
    },
    Metric {
        name: "tidegate_outbox_under_way",
        kind: Gauge,
        life: Moment,
        labels: &["lane"],
        text: "Of these: sent, and not answered yet.",
        samples: |v, out| lanes(v).for_each(|l| out.count(&[&l.name], l.under_way)),
    },
    Metric {
        name: "tidegate_outbox_oldest_age_seconds",
        kind: Gauge,
        life: Moment,
        labels: &["lane"],
        text: "How long the oldest waits; 0: nothing does. What was there before this start counts from the start.",
        samples: |v, out| {
            let ages = lanes(v).map(|l| (&l.name, l.oldest.map_or(0.0, |since| since.elapsed().as_secs_f64())));
            ages.for_each(|(name, age)| out.number(&[name], age));
        },
    },
    Metric {
        name: "tidegate_lane_failing_seconds",
        kind: Gauge,
        life: Moment,
        labels: &["lane"],
        text: "For how long the sink has not taken everything: since the first delivery that it did not take, until none of that kind waits any more; 0: it takes everything.",
        samples: |v, out| {
            let failing = |name| v.reading.failing.get(name).map_or(0.0, std::time::Duration::as_secs_f64);
            lanes(v).for_each(|l| out.number(&[&l.name], failing(&l.name)));
        },
    },
    Metric {
        name: "tidegate_second_channel_active",
        kind: Gauge,
        life: Moment,
        labels: &["lane"],
        text: "1: pages of the lane go by the second channel, because the topic has taken none for too long; 0: they do not, or there is none.",
        samples: |v, out| {
            let active = |lane: &LaneStanding| second(v, lane).is_some_and(|counts| counts.second.load(Ordering::Relaxed));
            lanes(v).filter(|l| l.pages).for_each(|l| out.count(&[&l.name], u64::from(active(l))));
        },
    },
    Metric {
        name: "tidegate_second_channel_pages",
        kind: Counter,
        life: Process,
        labels: &["lane"],
        text: "Pages that the second channel has taken.",
        samples: |v, out| {
            let taken = |lane: &LaneStanding| second(v, lane).map_or(0, |counts| counts.by_second.load(Ordering::Relaxed));
            lanes(v).filter(|l| l.pages).for_each(|l| out.count(&[&l.name], taken(l)));
        },
    },
    Metric {
        name: "tidegate_deliveries",
        kind: Counter,
        life: Process,
        labels: &["lane", "outcome"],
        text: "Answers of sinks: taken; again (not taken, tried again); unknown (perhaps taken, tried again, marked); refused (for good).",
        samples: |v, out| {
            for lane in lanes(v) {
                let outcomes = v.reading.tally.lanes.get(&lane.name).map(|tally| &tally.outcomes);
                // All of them from the start: what appears for the first time is no increase to Prometheus.
                for outcome in Delivered::ALL {
                    let n = outcomes.and_then(|outcomes| outcomes.get(&outcome)).copied().unwrap_or(0);
                    out.count(&[&lane.name, outcome.word()], n);
                }
            }
        },
    },
    Metric {
        name: "tidegate_delivery_duration_seconds",
        kind: Histogram,
        life: Process,
        labels: &["lane"],
        text: "Time that the sink took for a batch.",
        samples: |v, out| v.reading.tally.lanes.iter().for_each(|(name, lane)| out.histogram(&[name], &lane.took)),
    },
    Metric {
        name: "tidegate_alerts_opened",
        kind: Counter,
        life: Process,
        labels: &["rule", "severity", "decision"],
        text: "Alerts opened, by what their first document says: rule, severity, and whether it pages (page) or why not (severity, shadow, suppressed, sample, archived, related, merged, storm). At 2,000 combinations further rules count as `other`.",
        samples: |v, out| {
            for ((rule, severity, decision), n) in &v.reading.tally.opened {
                out.count(&[rule, severity, decision], *n);
            }
        },
    },
    Metric {
        name: "tidegate_pages_routed",
        kind: Counter,
        life: Process,
        labels: &["route"],
        text: "Pages handed to the page lanes, by route.",
        samples: |v, out| v.reading.tally.pages.iter().for_each(|(route, n)| out.count(&[route], *n)),
    },
];
