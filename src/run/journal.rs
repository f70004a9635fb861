//! The journal of a replay: its log in a state file, so that a replay that was stopped or killed goes on, and one that is done can
//! be looked at.
//!
//! Owns the rule that makes it safe: a replay over the same input, rules and settings proposes the same rounds, whatever the
//! number of threads. So a round that the log holds already is compared with it byte by byte, and only what lies behind is
//! appended. Anything else in the log is another replay's, and refused. Never reads input.

use crate::io::port::{Append, Delivery, Outcome as Answer, RuleFiles, Sink, Store, StoreError};
use std::sync::Arc;
use tidegate_core::pipeline::{Entry, Quarantined};

/// Documents written at once.
const DOCUMENTS: usize = 500;

/// See the module.
pub struct Journal {
    store: Box<dyn Store>,
    head: u64,
    rules: RuleFiles,
    quarantined: Vec<Quarantined>,
    /// Rounds that were there already.
    compared: u64,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("head", &self.head).field("compared", &self.compared).finish_non_exhaustive()
    }
}

impl Journal {
    /// A journal in a store: new, or left by a replay of as many Pipelines.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn open(mut store: Box<dyn Store>, pipelines: u16, rules: RuleFiles) -> Result<Self, StoreError> {
        let recovered = store.recover()?;
        match recovered.pipelines {
            0 => store.set_pipelines(pipelines)?,
            same if same == pipelines => {}
            other => {
                let text =
                    format!("the state file is that of {other} pipelines, not of {pipelines}: name another file, or --pipelines {other}");
                return Err(StoreError::Unreadable(text));
            }
        }
        if recovered.snapshots.iter().any(|s| !s.is_empty()) {
            let text = "the state file is that of a running service, whose log was cut: name a new file for a replay";
            return Err(StoreError::Unreadable(text.into()));
        }
        Ok(Journal { store, head: recovered.head, rules, quarantined: Vec::new(), compared: 0 })
    }

    /// Rounds that were in the log before.
    #[must_use]
    pub fn compared(&self) -> u64 {
        self.compared
    }

    /// Notes what could not be read: it goes into the quarantine with the next round.
    pub fn quarantine(&mut self, refused: &[Quarantined]) {
        self.quarantined.extend_from_slice(refused);
    }

    /// Enters a round: appended, or, where the log holds one at this position, compared with it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn enter(&mut self, position: u64, entries: &[Entry]) -> Result<(), StoreError> {
        let quarantined = std::mem::take(&mut self.quarantined);
        if position <= self.head {
            self.compared += 1;
            return self.compare(position, entries);
        }
        let rules = entries.iter().any(|e| e.control.is_some()).then_some(&self.rules);
        let append = Append { position, entries, quarantined: &quarantined, rules, ..Append::default() };
        self.store.append(&append)?;
        self.head = position;
        Ok(())
    }

    fn compare(&mut self, position: u64, entries: &[Entry]) -> Result<(), StoreError> {
        for (pipeline, entry) in (0u16..).zip(entries) {
            if self.store.entry(pipeline, position)?.as_deref() != Some(&entry.encode()) {
                let text = "the state file holds the log of another replay: other input, rules, tables or options. Name another file";
                return Err(StoreError::Unreadable(format!("{text} (they differ at position {position} of Pipeline {pipeline})")));
            }
        }
        Ok(())
    }
}

/// Writes final documents into a state file's index of alerts.
///
/// # Errors
/// Why the sink did not take one.
pub fn index(sink: &mut dyn Sink, documents: impl Iterator<Item = (Arc<str>, u64, Arc<str>)>) -> Result<(), String> {
    let all: Vec<Delivery> =
        documents.map(|(alert, version, document)| Delivery { alert, version, route: "".into(), document, repeated: false }).collect();
    for some in all.chunks(DOCUMENTS) {
        for answer in sink.deliver(some) {
            if let Answer::Again(why) | Answer::Unknown(why) | Answer::Refused(why) = answer {
                return Err(why);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::memory::MemoryStore;

    fn round(arrival_ms: i64) -> Vec<Entry> {
        vec![Entry { arrival_ms, ..Entry::default() }]
    }

    #[test]
    fn a_replay_goes_on_where_its_log_ends_and_no_other_does() {
        let files = RuleFiles { digest: [0; 32], files: Vec::new() };
        let store = MemoryStore::new();
        let mut first = Journal::open(Box::new(store.twin()), 1, files.clone()).expect("new");
        (1..=3).for_each(|n| first.enter(n, &round(n as i64)).expect("appended"));
        let mut again = Journal::open(Box::new(store.take_over()), 1, files.clone()).expect("its own");
        (1..=5).for_each(|n| again.enter(n, &round(n as i64)).expect("compared, then appended"));
        assert_eq!(again.compared(), 3);
        let mut other = Journal::open(Box::new(store.take_over()), 1, files.clone()).expect("the same number of pipelines");
        assert!(matches!(other.enter(1, &round(7)), Err(StoreError::Unreadable(why)) if why.contains("another replay")));
        assert!(Journal::open(Box::new(store.take_over()), 2, files).is_err(), "another number of pipelines");
    }
}
