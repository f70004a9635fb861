//! A tenure: for how long a holder may act on what it holds.
//!
//! Owns the arithmetic of renewals, on one monotonic clock that is a parameter, and whether it was lost. Shared by the thread that
//! renews and everybody who sends.

use crate::io::clock::Stopwatch;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// The part of a term in which nothing more is sent.
const MARGIN_PARTS: u32 = 5;

/// A handle on a tenure.
#[derive(Debug, Clone)]
pub struct Tenure {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    epoch: u64,
    term: Duration,
    since: Stopwatch,
    /// Nanoseconds after `since` at which the last renewal began.
    renewed_ns: AtomicU64,
    /// Why it is lost.
    lost: OnceLock<String>,
}

impl Tenure {
    /// A tenure that was taken by a write that began at `began`, counted on the clock that started at `since`.
    #[must_use]
    pub fn new(epoch: u64, term: Duration, since: Stopwatch, began: Duration) -> Self {
        let (renewed_ns, lost) = (AtomicU64::new(nanos(began)), OnceLock::new());
        Tenure { shared: Arc::new(Shared { epoch, term, since, renewed_ns, lost }) }
    }

    /// The epoch it was taken in.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.shared.epoch
    }

    /// How long it lasts without renewal.
    #[must_use]
    pub fn term(&self) -> Duration {
        self.shared.term
    }

    /// The time of its clock.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.shared.since.elapsed()
    }

    /// Notes a renewal whose write began then.
    pub fn renewed(&self, began: Duration) {
        self.shared.renewed_ns.fetch_max(nanos(began), Ordering::AcqRel);
    }

    /// Notes that somebody else holds it.
    pub fn lose(&self, why: String) {
        // The first reason is the one.
        let _ = self.shared.lost.set(why);
    }

    /// Why it is lost, if it is.
    #[must_use]
    pub fn lost(&self) -> Option<&str> {
        self.shared.lost.get().map(String::as_str)
    }

    /// How long something may be on its way that starts to be sent at this moment; zero: nothing may be sent.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.remaining_at(self.now())
    }

    /// The same at a moment of its clock.
    #[must_use]
    pub fn remaining_at(&self, now: Duration) -> Duration {
        if self.lost().is_some() {
            return Duration::ZERO;
        }
        let renewed = Duration::from_nanos(self.shared.renewed_ns.load(Ordering::Acquire));
        let usable = self.shared.term - self.shared.term / MARGIN_PARTS;
        usable.saturating_sub(now.saturating_sub(renewed))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ends_a_fifth_of_its_term_early_and_with_its_loss() {
        let at = Duration::from_secs;
        let tenure = Tenure::new(3, at(30), Stopwatch::start(), at(100));
        assert_eq!((tenure.remaining_at(at(100)), tenure.remaining_at(at(123))), (at(24), at(1)));
        assert_eq!(tenure.remaining_at(at(124)), Duration::ZERO);
        tenure.renewed(at(110));
        tenure.renewed(at(105));
        assert_eq!(tenure.remaining_at(at(124)), at(10), "an older renewal takes nothing back");
        let sender = tenure.clone();
        tenure.lose("host-b has it".into());
        tenure.lose("host-c has it".into());
        assert_eq!((sender.remaining_at(at(110)), sender.lost()), (Duration::ZERO, Some("host-b has it")));
    }
}
