//! Claiming: when the row may be taken.
//!
//! Owns the rules; time is a parameter. The row is taken at once if it is free, given back, or held by a former owner of the same
//! state (its file was taken from it, so it is fenced). Somebody else's is watched: it is taken after it stood still for the longer
//! of the two terms; if it moves, its holder lives, and the claim is refused.

use crate::io::port::{Holder, LeaseError, LeaseRow, LeaseTable, Renewal};
use std::time::Duration;

/// Somebody who would like to hold a row.
#[derive(Debug)]
pub struct Claimant {
    name: String,
    holder: Holder,
    /// What was seen, and when it was first seen so.
    seen: Option<(LeaseRow, Duration)>,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is ours, in this epoch; a tenure counts from when the attempt that took it began.
    Taken {
        /// The epoch.
        epoch: u64,
        /// When the attempt began.
        began: Duration,
    },
    /// Somebody else has it; whether that one lives shows within this time.
    Wait(Holder, Duration),
    /// Somebody else has it and lives.
    Refused(Holder),
}

impl Claimant {
    /// Somebody who wants the row `name`.
    #[must_use]
    pub fn new(name: &str, holder: Holder) -> Self {
        Claimant { name: name.to_owned(), holder, seen: None }
    }

    /// Tries to take the row. `clock` gives the time on one monotonic clock; it is asked before and after calls.
    ///
    /// # Errors
    /// [`LeaseError`]: after an unavailable table, try again.
    pub fn attempt(&mut self, table: &mut dyn LeaseTable, clock: &dyn Fn() -> Duration) -> Result<Claim, LeaseError> {
        let began = clock();
        let row = table.read(&self.name)?;
        let read = clock();
        let Some(holder) = row.as_ref().and_then(|row| row.holder.clone()) else { return self.take(table, row.as_ref(), began) };
        if let (true, Some(row)) = (holder.id == self.holder.id, &row) {
            // We took it, and the answer was lost. When, is not known better than before this attempt: it may be ages ago, so it is
            // renewed before it is used.
            return self.keep(table, row.epoch, clock);
        }
        if holder.state == self.holder.state {
            return self.take(table, row.as_ref(), began);
        }
        let moved = self.seen.as_ref().is_some_and(|(seen, _)| Some(seen) != row.as_ref() && seen.holder.as_ref() == Some(&holder));
        if moved {
            self.seen = None;
            return Ok(Claim::Refused(holder));
        }
        let term = Duration::from_millis(holder.term_ms.max(self.holder.term_ms));
        match &self.seen {
            Some((seen, since)) if Some(seen) == row.as_ref() => {
                let stood = began.saturating_sub(*since);
                if stood >= term {
                    return self.take(table, row.as_ref(), clock());
                }
                Ok(Claim::Wait(holder, term - stood))
            }
            _ => {
                self.seen = row.map(|row| (row, read));
                Ok(Claim::Wait(holder, term))
            }
        }
    }

    fn take(&mut self, table: &mut dyn LeaseTable, seen: Option<&LeaseRow>, began: Duration) -> Result<Claim, LeaseError> {
        match table.take(&self.name, seen, &self.holder)? {
            Some(row) => Ok(Claim::Taken { epoch: row.epoch, began }),
            // Somebody was faster; the next attempt shows who.
            None => Ok(Claim::Wait(seen.and_then(|row| row.holder.clone()).unwrap_or_else(nobody), Duration::ZERO)),
        }
    }

    fn keep(&mut self, table: &mut dyn LeaseTable, epoch: u64, clock: &dyn Fn() -> Duration) -> Result<Claim, LeaseError> {
        let began = clock();
        match table.renew(&self.name, &self.holder.id, epoch)? {
            Renewal::Held => Ok(Claim::Taken { epoch, began }),
            Renewal::Lost(_) => Ok(Claim::Wait(nobody(), Duration::ZERO)),
        }
    }
}

fn nobody() -> Holder {
    Holder { id: String::new(), place: "somebody".to_owned(), state: String::new(), since_ms: 0, term_ms: 0 }
}
