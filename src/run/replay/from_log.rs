//! The retained log of a state file, applied once more: the same alerts with the same ids and versions, byte by byte.
//!
//! Owns where it begins: at the first entry if that is still there, else at the oldest snapshot that can be used. Never decodes a
//! record, never matches a rule (the log holds detections of the rules that it names, and the store keeps those rules), never
//! ends what is open: the log did not either. Limits: what was told before the snapshot is not told again.

use super::Watcher;
use crate::config::JsonSource;
use crate::io::clock::{Stopwatch, process_cpu_seconds};
use crate::io::port::StoreError;
use crate::io::sqlite::Retained;
use crate::run::Outcome;
use crate::run::live::generation::{LOGSOURCES, kept_rules};
use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate_core::event::{GenericSource, Source};
use tidegate_core::pipeline::{Entry, Machine, Mode, Remains, Rules};

/// A log that is about to be applied.
#[derive(Debug)]
pub struct LogReplay<'a> {
    log: &'a Retained<'a>,
    machine: Machine,
    rules: KnownRules<'a>,
    first: u64,
    head: u64,
    /// Per Pipeline: the snapshot it begins at; `None`: at the first entry.
    pub snapshots: Vec<Option<u64>>,
}

impl<'a> LogReplay<'a> {
    /// Finds where the log begins.
    ///
    /// # Errors
    /// [`StoreError`]: there is no log, or what there is cannot be applied.
    pub fn open(log: &'a Retained<'a>) -> Result<Self, StoreError> {
        let (pipelines, head) = log.extent()?;
        if pipelines == 0 || head == 0 {
            let why = "it holds no log: nothing was read yet. Name the state file of a `tidegate run`, or of a `replay --state`";
            return Err(StoreError::Unreadable(format!("cannot replay {}: {why}", log.path().display())));
        }
        let mut rules = KnownRules { log, generic: logsources(log)?, sets: BTreeMap::new() };
        let (mut snapshots, mut images) = (Vec::new(), Vec::new());
        for pipeline in 0..pipelines {
            let beginning = beginning(log, pipeline, &mut rules)?;
            snapshots.push(beginning.as_ref().map(|(position, _)| *position));
            images.push(beginning.map(|(_, image)| image));
        }
        let remains: Vec<Remains<'_>> = images.iter().map(|image| Remains { snapshot: image.as_deref(), cursors: &[] }).collect();
        let sets: Vec<Arc<Rules>> = rules.sets.values().cloned().collect();
        let machine = Machine::restore(&sets, Mode::AtOnce, &[], &remains, head).map_err(|e| refused(log, e))?;
        let first = machine.next_position().max(1);
        Ok(LogReplay { log, machine, rules, first, head, snapshots })
    }

    /// First and last position that are applied.
    #[must_use]
    pub fn positions(&self) -> (u64, u64) {
        (self.first, self.head)
    }

    /// Bytes that are read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn bytes(&self) -> Result<u64, StoreError> {
        self.log.bytes_behind(self.first.saturating_sub(1))
    }

    /// Applies it to its end, or until the watcher says stop.
    ///
    /// # Errors
    /// [`StoreError`]: an entry is damaged, missing, or made under rules that the file does not keep.
    pub fn apply(mut self, watcher: &dyn Watcher) -> Result<Outcome, StoreError> {
        let (clock, cpu) = (Stopwatch::start(), process_cpu_seconds());
        let mut outcome = Outcome::default();
        outcome.continued = self.snapshots.iter().any(Option::is_some);
        for position in self.first..=self.head {
            if watcher.stopped() {
                break;
            }
            let entries = self.entries(position, watcher)?;
            for control in entries.iter().flatten().filter_map(|entry| entry.control.as_ref()) {
                self.machine.learn(&self.rules.need(&control.rules)?);
            }
            let step = Stopwatch::start();
            let effects = self.machine.reapply(position, &entries).map_err(|e| refused(self.log, e))?;
            outcome.pipeline.note(step.elapsed());
            effects.into_iter().for_each(|(_, effect)| outcome.store.take(effect));
        }
        outcome.books = self.machine.books();
        outcome.interrupted = watcher.stopped();
        outcome.wall = clock.elapsed();
        outcome.cpu_seconds = process_cpu_seconds() - cpu;
        Ok(outcome)
    }

    fn entries(&self, position: u64, watcher: &dyn Watcher) -> Result<Vec<Option<Entry>>, StoreError> {
        let pipelines = self.machine.pipelines().len() as u16;
        let one = |pipeline| {
            let Some(bytes) = self.log.entry(pipeline, position)? else { return Ok(None) };
            watcher.read(bytes.len() as u64);
            let entry = Entry::decode(&bytes).map_err(|e| refused(self.log, format!("position {position}: {e}")))?;
            self.rules.check(&entry)?;
            Ok(Some(entry))
        };
        (0..pipelines).map(one).collect()
    }
}

/// The snapshot that a Pipeline begins at; `None`: its log is there from its first entry.
fn beginning(log: &Retained<'_>, pipeline: u16, rules: &mut KnownRules<'_>) -> Result<Option<(u64, Vec<u8>)>, StoreError> {
    let first = log.first(pipeline)?;
    if first == Some(1) {
        return Ok(None);
    }
    // A log that is gone whole stands in the newest snapshot.
    let needed = first.map_or(0, |first| first - 1);
    let mut why = "its log was cut and no snapshot is there".to_owned();
    for position in log.snapshots(pipeline)?.into_iter().filter(|position| *position >= needed) {
        let image = log.snapshot(pipeline, position);
        let usable = image.and_then(|image| {
            let digest = Machine::snapshot_rules(&image).map_err(|e| refused(log, e))?;
            digest.map(|digest| rules.need(&digest)).transpose()?;
            Ok(image)
        });
        match usable {
            Ok(image) => return Ok(Some((position, image))),
            Err(error) => why = error.to_string(),
        }
    }
    Err(refused(log, format!("Pipeline {pipeline} cannot begin anywhere: {why}")))
}

/// Rule sets that snapshots and entries name.
#[derive(Debug)]
struct KnownRules<'a> {
    log: &'a Retained<'a>,
    generic: Vec<GenericSource>,
    sets: BTreeMap<[u8; 32], Arc<Rules>>,
}

impl KnownRules<'_> {
    fn need(&mut self, digest: &[u8; 32]) -> Result<Arc<Rules>, StoreError> {
        if let Some(rules) = self.sets.get(digest) {
            return Ok(rules.clone());
        }
        let files = self.log.rules(digest)?.ok_or_else(|| refused(self.log, "a rule set that it names is not in the file"))?;
        let rules = Arc::new(kept_rules(&files, &self.generic).map_err(|e| refused(self.log, e))?);
        self.sets.insert(*digest, rules.clone());
        Ok(rules)
    }

    /// Rules over a stated logsource are fed by nothing where that is not known.
    fn check(&self, entry: &Entry) -> Result<(), StoreError> {
        let unknown = |source: &Source| matches!(source, Source::Generic(n) if usize::from(*n) >= self.generic.len());
        if entry.watermarks.iter().any(|(source, _)| unknown(source)) {
            let why =
                "it does not say what the events of its sources of `format: json` are: start `tidegate run` with it once, which notes that";
            return Err(refused(self.log, why));
        }
        Ok(())
    }
}

/// The stated logsources of the service that wrote the log.
fn logsources(log: &Retained<'_>) -> Result<Vec<GenericSource>, StoreError> {
    let Some(note) = log.note(LOGSOURCES)? else { return Ok(Vec::new()) };
    let stated: Vec<JsonSource> = serde_json::from_str(&note).map_err(|e| refused(log, format!("its note of logsources: {e}")))?;
    Ok(stated.iter().map(JsonSource::generic).collect())
}

fn refused(log: &Retained<'_>, why: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable(format!("cannot replay the log of {}: {why}", log.path().display()))
}
