//! The log, snapshots, the state and its file.

use crate::telemetry::Standing;
use crate::telemetry::metric::Kind::{Counter, Gauge, Histogram};
use crate::telemetry::metric::Life::{Books, Moment, Process};
use crate::telemetry::metric::{Metric, Samples, View};
use crate::telemetry::process::state_file_bytes;
use crate::telemetry::standing::ArchiveStanding;

pub(super) const TEXT: &str =
    "A round is what was read at a time: one transaction of the log. A snapshot bounds how much of the log the next start applies.";

fn number(view: &View<'_>, out: &mut Samples, of: fn(&Standing) -> u64) {
    if let Some(standing) = &view.reading.standing {
        out.count(&[], of(standing));
    }
}

fn archive(view: &View<'_>, out: &mut Samples, of: fn(&ArchiveStanding) -> u64) {
    if let Some(archive) = view.reading.standing.as_ref().and_then(|standing| standing.archive.as_ref()) {
        out.count(&[], of(archive));
    }
}

pub(super) static METRICS: &[Metric] = &[
    Metric {
        name: "tidegate_archive_records",
        kind: Counter,
        life: Process,
        labels: &[],
        text: "Records (runs of lines of a file count as one) that went into the archive, before their positions went into the log.",
        samples: |v, out| archive(v, out, |a| a.records),
    },
    Metric {
        name: "tidegate_archive_record_bytes",
        kind: Counter,
        life: Process,
        labels: &[],
        text: "Bytes of these records as they came.",
        samples: |v, out| archive(v, out, |a| a.bytes),
    },
    Metric {
        name: "tidegate_archive_written_bytes",
        kind: Counter,
        life: Process,
        labels: &[],
        text: "Bytes that were written for them, compressed.",
        samples: |v, out| archive(v, out, |a| a.written),
    },
    Metric {
        name: "tidegate_archive_failures",
        kind: Counter,
        life: Process,
        labels: &[],
        text: "Writes into the archive that failed. Nothing is read until the same write works.",
        samples: |v, out| archive(v, out, |a| a.failures),
    },
    Metric {
        name: "tidegate_log_position",
        kind: Gauge,
        life: Books,
        labels: &[],
        text: "Last position of the log.",
        samples: |v, out| number(v, out, |s| s.position),
    },
    Metric {
        name: "tidegate_log_blocked",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "1: the state file cannot be written, and nothing is read until it can.",
        samples: |v, out| number(v, out, |s| u64::from(s.blocked.is_some())),
    },
    Metric {
        name: "tidegate_append_duration_seconds",
        kind: Histogram,
        life: Process,
        labels: &[],
        text: "Time to make a round durable.",
        samples: |v, out| out.histogram(&[], &v.reading.tally.append),
    },
    Metric {
        name: "tidegate_apply_duration_seconds",
        kind: Histogram,
        life: Process,
        labels: &[],
        text: "Time that the Pipelines took for a round.",
        samples: |v, out| out.histogram(&[], &v.reading.tally.apply),
    },
    Metric {
        name: "tidegate_snapshot_duration_seconds",
        kind: Histogram,
        life: Process,
        labels: &[],
        text: "Time to write a snapshot.",
        samples: |v, out| out.histogram(&[], &v.reading.tally.snapshot),
    },
    Metric {
        name: "tidegate_snapshot_failures",
        kind: Counter,
        life: Process,
        labels: &[],
        text: "Snapshots that were not written. Those before them still stand.",
        samples: |v, out| out.count(&[], v.reading.tally.snapshots_failed),
    },
    Metric {
        name: "tidegate_snapshot_size_bytes",
        kind: Gauge,
        life: Process,
        labels: &["pipeline"],
        text: "Bytes of the newest snapshot that this process wrote.",
        samples: |v, out| v.reading.tally.sealed.iter().for_each(|(p, s)| out.count(&[&p.to_string()], s.bytes)),
    },
    Metric {
        name: "tidegate_snapshot_age_seconds",
        kind: Gauge,
        life: Process,
        labels: &["pipeline"],
        text: "Time since this process wrote the newest snapshot.",
        samples: |v, out| {
            let ages = v.reading.tally.sealed.iter().map(|(p, s)| (p.to_string(), s.at.elapsed().as_secs_f64()));
            ages.for_each(|(pipeline, age)| out.number(&[&pipeline], age));
        },
    },
    Metric {
        name: "tidegate_snapshot_distance",
        kind: Gauge,
        life: Moment,
        labels: &["pipeline"],
        text: "Positions of the log behind the newest snapshot: what a start at this moment would apply again.",
        samples: |v, out| {
            let Some(standing) = &v.reading.standing else { return };
            let distances = (0..).zip(&standing.snapshots).map(|(p, at): (u16, &u64)| (p, standing.position.saturating_sub(*at)));
            distances.for_each(|(p, distance)| out.count(&[&p.to_string()], distance));
        },
    },
    Metric {
        name: "tidegate_state_keys",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "Group keys that hold state.",
        samples: |v, out| number(v, out, |s| s.keys),
    },
    Metric {
        name: "tidegate_state_bytes",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "Logical bytes of state, over all correlations.",
        samples: |v, out| number(v, out, |s| s.state_bytes),
    },
    Metric {
        name: "tidegate_state_budget_bytes",
        kind: Gauge,
        life: Moment,
        labels: &["scope"],
        text: "What one correlation may hold (rule), and one account in it (account).",
        samples: |v, out| {
            let Some(standing) = &v.reading.standing else { return };
            let (rule, account) = standing.budget_bytes;
            [("rule", rule), ("account", account)].into_iter().for_each(|(scope, bytes)| out.count(&[scope], bytes));
        },
    },
    Metric {
        name: "tidegate_state_file_bytes",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "Bytes of the state file and the `-wal` beside it.",
        samples: |v, out| state_file_bytes(&v.reading.state).into_iter().for_each(|bytes| out.count(&[], bytes)),
    },
    Metric {
        name: "tidegate_state_file_budget_bytes",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "`state_bytes_max`, where it is configured.",
        samples: |v, out| {
            let budget = v.reading.ownership.as_ref().and_then(|o| o.budget.get());
            budget.into_iter().for_each(|bytes| out.count(&[], bytes));
        },
    },
    Metric {
        name: "tidegate_quarantine_items",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "Items in the quarantine (dead-letter store), counted every ten seconds.",
        samples: |v, out| {
            let items = v.reading.standing.as_ref().and_then(|s| s.quarantine_items);
            items.into_iter().for_each(|items| out.count(&[], items));
        },
    },
];
