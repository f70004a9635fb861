//! The owner's lease: whether this process may still send and write.
//!
//! Owns the epoch, the monotonic time of the last renewal and the lock file's handle. Measured from *before* the write that
//! renewed, so that a standby, which counts from when it sees the row change, can never be earlier.

use crate::io::clock::Stopwatch;
use crate::io::ownership::Tenure;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// The part of a lease in which nothing more is sent: what is under way must have ended when the lease does.
const MARGIN_PARTS: u32 = 5;
/// The row is renewed along with a write when this part of the lease has passed.
const RENEW_PARTS: u32 = 4;

/// A handle on the ownership of a state file, for whoever sends. The lock is given back when the last handle goes.
#[derive(Debug, Clone)]
pub struct Lease {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    epoch: i64,
    term: Duration,
    since: Stopwatch,
    /// Nanoseconds after `since` at which the last renewal began.
    renewed_ns: AtomicU64,
    lost: AtomicBool,
    lock: Mutex<Option<File>>,
    /// What else must be held, on a table that other machines see.
    also: OnceLock<Tenure>,
}

/// A moment on the lease's own clock.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(u64);

impl Lease {
    /// A lease that was taken at the start of `since`.
    pub(super) fn new(epoch: i64, term: Duration, since: Stopwatch, lock: Option<File>) -> Self {
        let (renewed_ns, lost, also) = (AtomicU64::new(0), AtomicBool::new(false), OnceLock::new());
        Lease { shared: Arc::new(Shared { epoch, term, since, renewed_ns, lost, lock: Mutex::new(lock), also }) }
    }

    /// The lease of somebody who shares with nobody (a store in memory): it never ends.
    #[must_use]
    pub fn endless() -> Self {
        Lease::new(0, Duration::MAX, Stopwatch::start(), None)
    }

    /// Makes it depend on a tenure too: whoever loses that may neither send nor write. Once.
    pub fn bind(&self, tenure: Tenure) {
        let bound = self.shared.also.set(tenure);
        assert!(bound.is_ok(), "a lease is bound once");
    }

    /// Why the tenure it depends on is lost, if it is.
    pub(super) fn forfeited(&self) -> Option<&str> {
        self.shared.also.get().and_then(Tenure::lost)
    }

    /// Why the tenure it depends on lets nothing be sent, if so: it is lost, or was not renewed in time.
    pub(super) fn barred(&self) -> Option<&str> {
        let tenure = self.shared.also.get()?;
        let ended = || tenure.remaining().is_zero().then_some("the ownership row could not be renewed in time: it is tried again");
        tenure.lost().or_else(ended)
    }

    /// The owner's epoch.
    #[must_use]
    pub fn epoch(&self) -> i64 {
        self.shared.epoch
    }

    /// How long it lasts without renewal.
    #[must_use]
    pub fn term(&self) -> Duration {
        self.shared.term
    }

    /// Whether something may be sent: the lease is ours and will be for at least its margin.
    #[must_use]
    pub fn may_send(&self) -> bool {
        !self.remaining().is_zero()
    }

    /// How long something may be on its way that starts to be sent at this moment; zero: nothing may be sent.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        if self.lost() {
            return Duration::ZERO;
        }
        let usable = self.shared.term - self.shared.term / MARGIN_PARTS;
        let also = self.shared.also.get().map_or(Duration::MAX, Tenure::remaining);
        usable.saturating_sub(self.age()).min(also)
    }

    /// Whether another process is known to have taken over.
    #[must_use]
    pub fn lost(&self) -> bool {
        self.shared.lost.load(Ordering::Acquire) || self.forfeited().is_some()
    }

    pub(super) fn lose(&self) {
        self.shared.lost.store(true, Ordering::Release);
    }

    pub(super) fn now(&self) -> Moment {
        Moment(u64::try_from(self.shared.since.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn renewed(&self, began: Moment) {
        self.shared.renewed_ns.fetch_max(began.0, Ordering::AcqRel);
    }

    pub(super) fn is_due(&self) -> bool {
        self.age() >= self.shared.term / RENEW_PARTS
    }

    fn age(&self) -> Duration {
        Duration::from_nanos(self.now().0.saturating_sub(self.shared.renewed_ns.load(Ordering::Acquire)))
    }

    /// Whether the lock beside the file is held; if not, `take` may bring it.
    pub(super) fn locked_or(&self, take: impl FnOnce() -> Option<File>) -> bool {
        let mut lock = self.shared.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if lock.is_none() {
            *lock = take();
        }
        lock.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_be_lost_before_it_ends() {
        let lease = Lease::new(3, Duration::from_secs(3600), Stopwatch::start(), None);
        let sender = lease.clone();
        assert!(sender.may_send() && !lease.is_due());
        assert!(lease.remaining() <= Duration::from_secs(2880), "a fifth of it is kept for what is under way");
        lease.lose();
        assert!(!sender.may_send() && sender.lost());
    }

    #[test]
    fn it_ends_with_the_tenure_it_is_bound_to() {
        let lease = Lease::new(3, Duration::from_secs(3600), Stopwatch::start(), None);
        let (sender, tenure) = (lease.clone(), Tenure::new(1, Duration::from_secs(60), Stopwatch::start(), Duration::ZERO));
        lease.bind(tenure.clone());
        assert!(sender.may_send() && sender.remaining() <= Duration::from_secs(48));
        tenure.lose("host-b has it".into());
        assert!(
            !sender.may_send() && sender.lost() && sender.forfeited() == Some("host-b has it") && sender.barred() == Some("host-b has it")
        );
        let (lease, ended) = (Lease::new(3, Duration::from_secs(3600), Stopwatch::start(), None), Duration::ZERO);
        assert_eq!(lease.barred(), None);
        lease.bind(Tenure::new(1, ended, Stopwatch::start(), ended));
        assert!(lease.barred().is_some() && !lease.lost() && !lease.may_send(), "it may come back");
    }

    #[test]
    fn an_endless_one_does_not_end() {
        let lease = Lease::endless();
        assert!(lease.may_send() && !lease.is_due() && lease.remaining() > Duration::from_secs(1 << 40));
    }

    #[test]
    fn a_renewal_counts_from_before_its_write() {
        let lease = Lease::new(3, Duration::from_millis(50), Stopwatch::start(), None);
        let began = lease.now();
        std::thread::sleep(Duration::from_millis(60));
        lease.renewed(began);
        assert!(!lease.may_send(), "the write took longer than the lease");
        lease.renewed(lease.now());
        assert!(lease.may_send());
        lease.renewed(began);
        assert!(lease.may_send(), "an older renewal takes nothing back");
    }
}
