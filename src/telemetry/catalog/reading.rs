//! Sources: how far they were read, what was lost, who was heard of.

use crate::telemetry::metric::Kind::{Counter, Gauge};
use crate::telemetry::metric::Life::{Moment, Process};
use crate::telemetry::metric::{Metric, View};
use crate::telemetry::standing::SourceStanding;
use std::sync::atomic::Ordering;

pub(super) const TEXT: &str = "`source` is the name in the configuration. A source's lag is that of its slowest shard; shards are not told \
apart here, because there is no end of them. A shard that is quiet moves on with the service's time, so a quiet source does not lag.";

fn sources<'a>(view: &View<'a>) -> impl Iterator<Item = &'a SourceStanding> {
    view.reading.standing.as_deref().into_iter().flat_map(|s| &s.sources)
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

pub(super) static METRICS: &[Metric] = &[
    Metric {
        name: "tidegate_source_lag_seconds",
        kind: Gauge,
        life: Moment,
        labels: &["source"],
        text: "How far reading is behind the time of arrival, by the slowest shard; 10 s of it are the watermark's slack. Of a source that has said nothing yet: since the start.",
        samples: |v, out| {
            for source in sources(v).filter(|s| !s.ended) {
                let from = source.watermark_ms.unwrap_or(v.reading.started_ms);
                out.number(&[&source.name], seconds(v.reading.now_ms.saturating_sub(from)).max(0.0));
            }
        },
    },
    Metric {
        name: "tidegate_source_behind_latest_seconds",
        kind: Gauge,
        life: Moment,
        labels: &["source"],
        text: "How far its slowest shard is behind the newest record, as the service says with each answer (Kinesis: MillisBehindLatest); 0 for sources that say nothing of it.",
        samples: |v, out| {
            v.reading.counts.iter().for_each(|(name, counts)| out.number(&[name], seconds(counts.farthest_behind_ms())));
        },
    },
    Metric {
        name: "tidegate_source_watermark_timestamp_seconds",
        kind: Gauge,
        life: Moment,
        labels: &["source"],
        text: "Up to which arrival time all of the source was read.",
        samples: |v, out| {
            let known = sources(v).filter_map(|s| Some((&s.name, s.watermark_ms?)));
            known.for_each(|(name, ms)| out.number(&[name], seconds(ms)));
        },
    },
    Metric {
        name: "tidegate_source_up",
        kind: Gauge,
        life: Moment,
        labels: &["source"],
        text: "1: it is read; 0: it ended, or cannot go on.",
        samples: |v, out| sources(v).for_each(|s| out.count(&[&s.name], u64::from(!s.ended))),
    },
    Metric {
        name: "tidegate_source_shards",
        kind: Gauge,
        life: Moment,
        labels: &["source"],
        text: "Shards (files of a folder) under way.",
        samples: |v, out| sources(v).for_each(|s| out.count(&[&s.name], s.shards)),
    },
    Metric {
        name: "tidegate_source_records",
        kind: Counter,
        life: Process,
        labels: &["source"],
        text: "Units read from the source; what the log holds of them is in the books.",
        samples: |v, out| v.reading.tally.sources.iter().for_each(|(name, s)| out.count(&[name], s.records)),
    },
    Metric {
        name: "tidegate_source_last_record_timestamp_seconds",
        kind: Gauge,
        life: Process,
        labels: &["source"],
        text: "When the last record came. A source that falls silent shows here.",
        samples: |v, out| {
            let heard = v.reading.tally.sources.iter().filter_map(|(name, s)| Some((name, s.last_ms?)));
            heard.for_each(|(name, ms)| out.number(&[name], seconds(ms)));
        },
    },
    Metric {
        name: "tidegate_source_losses",
        kind: Counter,
        life: Process,
        labels: &["source"],
        text: "Times that something could not be read and was left out (an expired shard, a broken gzip member). Each is in the program's log.",
        samples: |v, out| v.reading.tally.sources.iter().for_each(|(name, s)| out.count(&[name], s.lost)),
    },
    Metric {
        name: "tidegate_source_failures",
        kind: Counter,
        life: Process,
        labels: &["source"],
        text: "Times that the source ended because it could not go on.",
        samples: |v, out| v.reading.tally.sources.iter().for_each(|(name, s)| out.count(&[name], s.failed)),
    },
    Metric {
        name: "tidegate_source_throttles",
        kind: Counter,
        life: Process,
        labels: &["source"],
        text: "Times that the service asked to be read more slowly.",
        samples: |v, out| {
            v.reading.counts.iter().for_each(|(name, counts)| out.count(&[name], counts.throttled.load(Ordering::Relaxed)));
        },
    },
    Metric {
        name: "tidegate_coverage_accounts",
        kind: Gauge,
        life: Process,
        labels: &["service"],
        text: "Accounts that were heard of, by service. Which they are: `/coverage`.",
        samples: |v, out| v.coverage.accounts().into_iter().for_each(|(service, n)| out.count(&[service], n)),
    },
    Metric {
        name: "tidegate_coverage_rows",
        kind: Gauge,
        life: Process,
        labels: &[],
        text: "Rows of `/coverage`: account, Region, service. At 50,000 further ones are counted together.",
        samples: |v, out| out.count(&[], v.coverage.len() as u64),
    },
    Metric {
        name: "tidegate_upstream_losses",
        kind: Counter,
        life: Process,
        labels: &["service"],
        text: "Records that say that events were lost before they came here (SKIPDATA of flow logs).",
        samples: |v, out| v.coverage.losses().into_iter().for_each(|(service, n)| out.count(&[service], n)),
    },
];
