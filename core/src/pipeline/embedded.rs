//! A machine with its log in memory: the driver of replay, rule tests and simulation.
//!
//! Owns the loop over rounds: what is found is applied at once, nothing is kept durable. Derived detections are held back until the
//! watermark has passed them ([`Mode::Hold`]), so neither threads, batch sizes nor the number of Pipelines can matter. Never reads
//! a source and keeps no effect.

use super::books::{Books, InputCounts};
use super::control::{Control, Settings};
use super::effect::Effect;
use super::entry::Entry;
use super::machine::{Batch, Machine, Mode, Remains};
use super::rules::Rules;
use super::step::RestoreError;
use crate::event::Source;
use crate::event::watermark::ENDED;
use crate::rule::RuleSet;
use std::convert::Infallible;
use std::sync::Arc;

/// P pipelines, their logs in memory.
#[derive(Debug)]
pub struct Embedded {
    machine: Machine,
    control: Option<Control>,
    position: u64,
    counts: InputCounts,
}

impl Embedded {
    /// `pipelines` Pipelines without state. `sources` tells, per rule, which sources feed it.
    #[must_use]
    pub fn new(set: &Arc<RuleSet>, sources: Vec<Vec<Source>>, settings: Settings, pipelines: u16) -> Self {
        let rules = Arc::new(Rules { set: Arc::clone(set), sources });
        let mut machine = Machine::new(pipelines, Mode::Hold, &[]);
        machine.learn(&rules);
        let control = Some(Control::begin(&rules, settings));
        Embedded { machine, control, position: 0, counts: InputCounts::default() }
    }

    /// Goes over to what another control says, with the next batch. Its rules are these.
    pub fn reload(&mut self, rules: &Arc<Rules>, control: Control) {
        self.machine.learn(rules);
        self.control = Some(control);
    }

    /// The control in force, or about to be.
    #[must_use]
    pub fn control(&self) -> &Control {
        self.control.as_ref().unwrap_or_else(|| self.machine.control())
    }

    /// Enters what an Intake counted; it travels in the next entry.
    pub fn count(&mut self, counts: &InputCounts) {
        self.counts.add(counts);
    }

    /// Changes what is in force from the first batch on.
    pub fn begin_with(&mut self, change: impl FnOnce(&mut Control)) {
        if let Some(control) = &mut self.control {
            change(control);
        }
    }

    /// Applies a batch. Effects are those of all Pipelines, in order of Pipeline.
    pub fn append(&mut self, batch: Batch) -> Vec<Effect> {
        let Ok(effects) = self.append_logged(batch, &mut |_, _| Ok::<_, Infallible>(()));
        effects
    }

    /// The same, once its entries stand in a log.
    ///
    /// # Errors
    /// That of the log: nothing was applied, and the counts of the batch are lost.
    pub fn append_logged<E>(&mut self, batch: Batch, log: &mut impl FnMut(u64, &[Entry]) -> Result<(), E>) -> Result<Vec<Effect>, E> {
        let mut counts = std::mem::take(&mut self.counts);
        counts.add(&batch.counts);
        let control = batch.control.clone().or_else(|| self.control.take());
        let entries = self.machine.propose(Batch { counts, control, ..batch });
        log(self.position + 1, &entries)?;
        self.position += 1;
        Ok(self.machine.apply(self.position, &entries).into_iter().map(|(_, effect)| effect).collect())
    }

    /// The end of all input: every timer fires, every derived detection arrives.
    pub fn finish(&mut self) -> Vec<Effect> {
        let Ok(effects) = self.finish_logged(&mut |_, _| Ok::<_, Infallible>(()));
        effects
    }

    /// The same, once its entries stand in a log.
    ///
    /// # Errors
    /// That of the log.
    pub fn finish_logged<E>(&mut self, log: &mut impl FnMut(u64, &[Entry]) -> Result<(), E>) -> Result<Vec<Effect>, E> {
        let ended = || Batch { watermark_ms: ENDED, ..Batch::default() };
        let mut effects = self.append_logged(ended(), log)?;
        for _ in 1..self.machine.rounds_to_end() {
            effects.extend(self.append_logged(ended(), log)?);
        }
        Ok(effects)
    }

    /// The books of all Pipelines together.
    #[must_use]
    pub fn books(&self) -> Books {
        let mut books = self.machine.books();
        books.input.add(&self.counts);
        books
    }

    /// Group keys that hold state, and the logical bytes they take, over all Pipelines.
    #[must_use]
    pub fn state_size(&self) -> (usize, u64) {
        self.machine.state_size()
    }

    /// The machine itself.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Replaces every Pipeline by one restored from its own snapshot: what a restart does.
    ///
    /// # Errors
    /// If a snapshot cannot be used.
    pub fn restart(&mut self) -> Result<(), RestoreError> {
        let snapshots: Vec<Vec<u8>> = (0..self.machine.pipelines().len() as u16).map(|p| self.machine.snapshot(p)).collect();
        let remains: Vec<Remains<'_>> = snapshots.iter().map(|s| Remains { snapshot: Some(s), cursors: &[] }).collect();
        self.machine = Machine::restore(&self.machine.known(), Mode::Hold, &[], &remains, self.position)?;
        Ok(())
    }
}
