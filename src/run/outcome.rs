//! What a finite run leaves behind: alerts in their final state, pages that would have been sent, the books, figures.

use super::latency::Latency;
use crate::io::reader::ReadError;
use crate::io::selection::LeftOut;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::event::Source;
use tidegate_core::pipeline::books::total;
use tidegate_core::pipeline::intake::{Coverage, Who};
use tidegate_core::pipeline::{Action, Books, Effect, Quarantined};

/// The newest version of every alert: a sink that keeps what OpenSearch would hold.
#[derive(Debug, Default)]
pub struct AlertStore {
    documents: BTreeMap<Arc<str>, (u64, Arc<str>)>,
    suppressed: std::collections::BTreeSet<Arc<str>>,
    pages: Vec<(Arc<str>, Arc<str>)>,
}

impl AlertStore {
    /// Takes one effect. An older version never replaces a newer one.
    pub fn take(&mut self, effect: Effect) {
        match effect.action {
            Action::Index { alert, version, suppressed, document, .. } => {
                if suppressed {
                    self.suppressed.insert(alert.clone());
                } else {
                    self.suppressed.remove(&alert);
                }
                let held = self.documents.entry(alert).or_default();
                if version > held.0 {
                    *held = (version, document);
                }
            }
            Action::Page { alert, route, .. } => self.pages.push((alert, route)),
            Action::Derive(_) => {}
        }
    }

    /// Alerts held that were not suppressed: the `delivered` of the books.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        (self.documents.len() - self.suppressed.len()) as u64
    }

    /// The newest document of each alert: (id, version, text).
    pub fn documents(&self) -> impl Iterator<Item = (Arc<str>, u64, Arc<str>)> {
        self.documents.iter().map(|(id, (version, text))| (Arc::clone(id), *version, Arc::clone(text)))
    }

    /// Pages: (alert id, route), in the order decided.
    #[must_use]
    pub fn pages(&self) -> &[(Arc<str>, Arc<str>)] {
        &self.pages
    }

    /// The alerts that have a page.
    #[must_use]
    pub fn paged(&self) -> std::collections::BTreeSet<String> {
        self.pages.iter().map(|(alert, _)| alert.to_string()).collect()
    }

    /// The final documents, sorted by (first seen, id).
    #[must_use]
    pub fn alerts(&self) -> Vec<Value> {
        let mut alerts: Vec<Value> = self.documents.values().filter_map(|(_, text)| serde_json::from_str(text).ok()).collect();
        alerts
            .sort_by_cached_key(|a| (a["finding_info"]["first_seen_time"].as_i64(), a["finding_info"]["uid"].as_str().map(str::to_owned)));
        alerts
    }
}

/// Everything a finite run has to tell.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Alerts and pages.
    pub store: AlertStore,
    /// The books.
    pub books: Books,
    /// Refused units, in order of position (at most [`QUARANTINE_MAX`] of [`QUARANTINE_BYTES_MAX`]; the books count all).
    pub quarantined: Vec<Quarantined>,
    /// Bytes that `quarantined` holds.
    quarantined_bytes: usize,
    /// Who was heard of: (account, source). Records without a flow (NODATA, SKIPDATA) count too.
    pub coverage: BTreeMap<(Arc<str>, Source), Coverage>,
    /// Files that could not be read to their end.
    pub unread: Vec<(String, ReadError)>,
    /// Inputs that were not read, by what their paths say.
    pub left_out: LeftOut,
    /// What is worth knowing and no failure, in words: segments of an archive without their end.
    pub notes: Vec<String>,
    /// Time to decode and match one batch of records.
    pub intake: Latency,
    /// Time from detections handed to the pipeline until their effects are out.
    pub pipeline: Latency,
    /// Wall time.
    pub wall: Duration,
    /// CPU seconds, all threads.
    pub cpu_seconds: f64,
    /// Whether the user stopped it before the end.
    pub interrupted: bool,
    /// The books go on from those of a snapshot: they count alerts whose documents came before it.
    pub continued: bool,
}

/// Most refused units kept for display.
pub const QUARANTINE_MAX: usize = 100_000;
/// Most bytes of refused units kept for display.
pub const QUARANTINE_BYTES_MAX: usize = 64 * 1024 * 1024;

impl Outcome {
    /// Adds who a batch heard of.
    pub fn cover(&mut self, coverage: BTreeMap<Who, Coverage>) {
        coverage.into_iter().for_each(|((account, _, source), of)| self.coverage.entry((account, source)).or_default().add(&of));
    }

    /// Per source: accounts heard of, their records, records that say flows were lost upstream, and accounts that lost any.
    #[must_use]
    pub fn sources(&self) -> BTreeMap<&'static str, [u64; 4]> {
        let mut sources: BTreeMap<&'static str, [u64; 4]> = BTreeMap::new();
        for ((_, source), of) in &self.coverage {
            let sums = sources.entry(source.service()).or_default();
            let add = [1, of.records, of.losses, u64::from(of.losses > 0)];
            sums.iter_mut().zip(add).for_each(|(sum, n)| *sum += n);
        }
        sources
    }

    /// Keeps a refused unit for display, as far as there is room.
    pub fn keep(&mut self, refused: Quarantined) {
        let bytes = self.quarantined_bytes + refused.bytes.len();
        if self.quarantined.len() < QUARANTINE_MAX && bytes <= QUARANTINE_BYTES_MAX {
            self.quarantined_bytes = bytes;
            self.quarantined.push(refused);
        }
    }

    /// Refused units that are counted in the books but not kept.
    #[must_use]
    pub fn quarantined_unseen(&self) -> u64 {
        total(&self.books.input.quarantined).saturating_sub(self.quarantined.len() as u64)
    }

    /// What does not balance, in words. Empty when all is well.
    #[must_use]
    pub fn book_errors(&self) -> Vec<String> {
        let before = self.books.alerts.alerts.saturating_sub(self.books.alerts.suppressed);
        self.books.errors(if self.continued { before } else { self.store.delivered() }, 0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::decode::{DecodeError, ErrorCode};
    use tidegate_core::event::Position;

    #[test]
    fn refused_units_are_kept_within_bounds_and_the_rest_is_counted() {
        let mut outcome = Outcome::default();
        let position = Position { source: "s".into(), shard: "0".into(), sequence: 1.into(), sub_sequence: 0 };
        for _ in 0..300 {
            let error = DecodeError::new(ErrorCode::JsonSyntax, 0, "x");
            outcome.keep(Quarantined { position: position.clone(), error, bytes: vec![0; 256 * 1024], truncated: true });
            *outcome.books.input.quarantined.entry(ErrorCode::JsonSyntax).or_default() += 1;
        }
        assert_eq!((outcome.quarantined.len(), outcome.quarantined_unseen()), (256, 44));
    }
}
