//! How many bytes of records may be under way between readers and the log: a count of batches says nothing where a record may have 10 MiB.
//!
//! Owns the count and the wait. Never turns anything away: one batch is always let in, however large, so that nothing is stuck.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Bytes of records under way. What was found in them, and their copies, come on top.
pub const BYTES_MAX: usize = 64 << 20;

/// The gate.
#[derive(Debug, Default)]
pub(super) struct Gate {
    held: Mutex<usize>,
    freed: Condvar,
}

/// Bytes that were let in; they are free again when it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    gate: Arc<Gate>,
    bytes: usize,
}

impl Gate {
    /// Waits until there is room.
    pub(super) fn enter(self: &Arc<Self>, bytes: usize) -> Held {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |held: &mut usize| bytes > 0 && *held > 0 && held.saturating_add(bytes) > BYTES_MAX;
        let mut held = self.freed.wait_while(held, full).unwrap_or_else(PoisonError::into_inner);
        *held += bytes;
        Held { gate: self.clone(), bytes }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        *self.gate.held.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.gate.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn what_does_not_fit_waits_and_one_of_any_size_gets_in() {
        let gate = Arc::new(Gate::default());
        let first = gate.enter(BYTES_MAX * 2);
        let none = gate.enter(0);
        let (sender, receiver) = channel();
        let other = gate.clone();
        let thread = std::thread::spawn(move || {
            let held = other.enter(10);
            sender.send(()).expect("heard");
            held
        });
        assert!(receiver.recv_timeout(Duration::from_millis(50)).is_err(), "it waits");
        drop(first);
        receiver.recv().expect("let in");
        drop((thread.join().expect("ends"), none));
        assert_eq!(*gate.held.lock().expect("free"), 0);
    }
}
