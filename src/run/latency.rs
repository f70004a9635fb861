//! Latency, by hdrhistogram: whole microseconds, three significant digits.

use hdrhistogram::Histogram;
use std::time::Duration;

/// A distribution of durations.
#[derive(Debug, Clone)]
pub struct Latency(Histogram<u64>);

impl Default for Latency {
    fn default() -> Self {
        // One microsecond to ten minutes: bounds and digits that hdrhistogram accepts.
        Latency(Histogram::new_with_bounds(1, 600_000_000, 3).expect("bounds are valid"))
    }
}

impl Latency {
    /// Notes one duration; longer ones than the bound count as the bound.
    pub fn note(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1));
    }

    /// Adds another distribution.
    pub fn add(&mut self, other: &Latency) {
        // Equal bounds: adding cannot fail.
        let _ = self.0.add(&other.0);
    }

    /// The duration below which this share (in percent) of the notes lies, in microseconds.
    #[must_use]
    pub fn percentile_us(&self, percent: f64) -> u64 {
        self.0.value_at_percentile(percent)
    }

    /// The longest, in microseconds.
    #[must_use]
    pub fn max_us(&self) -> u64 {
        self.0.max()
    }

    /// How many notes.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }
}
