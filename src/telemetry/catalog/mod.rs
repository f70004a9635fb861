//! The catalogue: every metric there is, in groups. `docs/metrics.md` is made from it; dashboards and alerts may name nothing else.
//!
//! Owns names and texts. A new metric is one row here; the tests name what is forgotten.

mod books;
mod delivery;
mod log;
mod process;
mod reading;
mod rules;

use super::metric::Metric;

/// Metrics that belong together.
#[derive(Debug)]
pub struct Group {
    /// Title of the section.
    pub title: &'static str,
    /// What to know about all of them.
    pub text: &'static str,
    /// The metrics.
    pub metrics: &'static [Metric],
}

/// All of them.
pub static CATALOG: &[Group] = &[
    Group { title: "Input", text: books::INPUT_TEXT, metrics: books::INPUT },
    Group { title: "Detections", text: books::DETECTIONS_TEXT, metrics: books::DETECTIONS },
    Group { title: "Alerts", text: books::ALERTS_TEXT, metrics: books::ALERTS },
    Group { title: "Sources", text: reading::TEXT, metrics: reading::METRICS },
    Group { title: "Log, snapshots, state", text: log::TEXT, metrics: log::METRICS },
    Group { title: "Delivery", text: delivery::TEXT, metrics: delivery::METRICS },
    Group { title: "Rules", text: rules::TEXT, metrics: rules::METRICS },
    Group { title: "Process", text: process::TEXT, metrics: process::METRICS },
];
