//! The process itself.

use crate::io::clock::process_cpu_seconds;
use crate::telemetry::Stage;
use crate::telemetry::health::readiness;
use crate::telemetry::metric::Kind::{Counter, Gauge};
use crate::telemetry::metric::Life::{Moment, Process};
use crate::telemetry::metric::Metric;
use crate::telemetry::process::{open_files, resident_bytes};
use crate::telemetry::standing::Row;

pub(super) const TEXT: &str = "A standby answers too: it has these and no books.";

pub(super) static METRICS: &[Metric] = &[
    Metric {
        name: "tidegate_build_info",
        kind: Gauge,
        life: Process,
        labels: &["version"],
        text: "1, with the version of the program.",
        samples: |_, out| out.count(&[env!("CARGO_PKG_VERSION")], 1),
    },
    Metric {
        name: "tidegate_stage",
        kind: Gauge,
        life: Moment,
        labels: &["stage"],
        text: "1 for what the process is at: starting, standby, catching_up, running, stopping.",
        samples: |v, out| Stage::WORDS.iter().for_each(|word| out.count(&[word], u64::from(*word == v.reading.stage.word()))),
    },
    Metric {
        name: "tidegate_ready",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "What `/ready` says.",
        samples: |v, out| out.count(&[], u64::from(readiness(v.reading).reasons.is_empty())),
    },
    Metric {
        name: "tidegate_loop_turn_age_seconds",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "Time since the loop turned; from 60 on `/live` says no.",
        samples: |v, out| out.number(&[], v.reading.turn_age.as_secs_f64()),
    },
    Metric {
        name: "tidegate_owner",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "1: this process owns the state and its lease has time left.",
        samples: |v, out| {
            let owns = v.reading.ownership.as_ref().is_some_and(|o| !(o.remaining)().is_zero());
            out.count(&[], u64::from(owns));
        },
    },
    Metric {
        name: "tidegate_owner_epoch",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "Epoch of this owner: how often the state was taken.",
        samples: |v, out| v.reading.ownership.iter().for_each(|o| out.number(&[], o.epoch as f64)),
    },
    Metric {
        name: "tidegate_lease_remaining_seconds",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "How long something may be sent before the lease must have been renewed.",
        samples: |v, out| v.reading.ownership.iter().for_each(|o| out.number(&[], (o.remaining)().as_secs_f64())),
    },
    Metric {
        name: "tidegate_ownership_row",
        kind: Gauge,
        life: Moment,
        labels: &["state"],
        text: "1 for how the row stands that says which process reads the sources: none (not configured), watching (another one has it), held, unrenewed (nothing is sent until it is), lost.",
        samples: |v, out| {
            let stands = v.reading.row.as_ref().map_or(Row::WORDS[0], Row::word);
            Row::WORDS.iter().for_each(|word| out.count(&[word], u64::from(*word == stands)));
        },
    },
    Metric {
        name: "tidegate_ownership_row_epoch",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "Epoch in which the row was taken: how often it changed hands; 0: this process has not taken it.",
        samples: |v, out| out.count(&[], v.reading.row.as_ref().and_then(Row::epoch).unwrap_or(0)),
    },
    Metric {
        name: "process_cpu_seconds",
        kind: Counter,
        life: Process,
        labels: &[],
        text: "CPU time of all threads, user and system.",
        samples: |_, out| out.number(&[], process_cpu_seconds()),
    },
    Metric {
        name: "process_resident_memory_bytes",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "Memory in use.",
        samples: |_, out| resident_bytes().into_iter().for_each(|bytes| out.count(&[], bytes)),
    },
    Metric {
        name: "process_open_fds",
        kind: Gauge,
        life: Moment,
        labels: &[],
        text: "Open files, sockets and pipes.",
        samples: |_, out| open_files().into_iter().for_each(|n| out.count(&[], n)),
    },
    Metric {
        name: "process_start_time_seconds",
        kind: Gauge,
        life: Process,
        labels: &[],
        text: "When the process began.",
        samples: |v, out| out.number(&[], v.reading.started_ms as f64 / 1_000.0),
    },
];
