//! A lease table in memory: what the protocol is tested against. Handles share one table.

use crate::io::port::{Holder, LeaseError, LeaseRow, LeaseTable, Renewal};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A handle on the table.
#[derive(Debug, Clone, Default)]
pub struct MemoryLeases {
    rows: Arc<Mutex<BTreeMap<String, LeaseRow>>>,
}

impl MemoryLeases {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<String, LeaseRow>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn holds(row: &LeaseRow, id: &str, epoch: u64) -> bool {
    row.epoch == epoch && row.holder.as_ref().is_some_and(|holder| holder.id == id)
}

impl LeaseTable for MemoryLeases {
    fn read(&mut self, name: &str) -> Result<Option<LeaseRow>, LeaseError> {
        Ok(self.rows().get(name).cloned())
    }

    fn take(&mut self, name: &str, seen: Option<&LeaseRow>, holder: &Holder) -> Result<Option<LeaseRow>, LeaseError> {
        let mut rows = self.rows();
        if rows.get(name) != seen {
            return Ok(None);
        }
        let (epoch, counter) = seen.map_or((0, 0), |row| (row.epoch, row.counter));
        let row = LeaseRow { holder: Some(holder.clone()), epoch: epoch + 1, counter: counter + 1 };
        rows.insert(name.to_owned(), row.clone());
        Ok(Some(row))
    }

    fn renew(&mut self, name: &str, id: &str, epoch: u64) -> Result<Renewal, LeaseError> {
        let mut rows = self.rows();
        match rows.get_mut(name) {
            Some(row) if holds(row, id, epoch) => {
                row.counter += 1;
                Ok(Renewal::Held)
            }
            other => Ok(Renewal::Lost(other.cloned())),
        }
    }

    fn release(&mut self, name: &str, id: &str, epoch: u64) -> Result<(), LeaseError> {
        if let Some(row) = self.rows().get_mut(name).filter(|row| holds(row, id, epoch)) {
            row.holder = None;
            row.counter += 1;
        }
        Ok(())
    }
}
