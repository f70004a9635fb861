//! Pipelines with their logs in memory: the driver of replay, rule tests and simulation.
//!
//! Owns the rounds: a batch becomes one entry per Pipeline, what they derive goes into the entries of a later round, in order
//! (start, rule, key), once the published watermark has passed it. So neither threads, batch sizes nor the number of Pipelines
//! can matter. Never reads a source and keeps no effect.

use super::books::{Books, InputCounts};
use super::control::Settings;
use super::effect::{Action, Effect};
use super::entry::Entry;
use super::machine::{Pipeline, RestoreError};
use crate::event::watermark::{ENDED, NOT_YET};
use crate::event::{Derived, Detection, KeyGroup, Source};
use crate::rule::RuleSet;
use std::sync::Arc;

/// Detections of some records, and how far reading has come.
#[derive(Debug, Default)]
pub struct Batch {
    /// In the order of the log.
    pub detections: Vec<Detection>,
    /// Up to this arrival time everything was read, in every source.
    pub watermark_ms: i64,
    /// Largest arrival so far.
    pub arrival_ms: i64,
}

/// P pipelines, their logs in memory.
#[derive(Debug)]
pub struct Embedded {
    set: Arc<RuleSet>,
    sources: Vec<Vec<Source>>,
    settings: Settings,
    pipelines: Vec<Pipeline>,
    feeds: Vec<Source>,
    levels: usize,
    position: u64,
    held: Vec<Derived>,
    published: Vec<i64>,
    counts: InputCounts,
    now_ms: i64,
}

impl Embedded {
    /// `pipelines` Pipelines without state. `sources` tells, per rule, which sources feed it.
    #[must_use]
    pub fn new(set: &Arc<RuleSet>, sources: Vec<Vec<Source>>, settings: Settings, pipelines: u16) -> Self {
        let fresh = |number| Pipeline::new(number, set.clone(), &sources, settings.clone());
        let pipelines: Vec<Pipeline> = (0..pipelines.max(1)).map(fresh).collect();
        let mut feeds: Vec<Source> = sources.iter().flatten().copied().collect();
        feeds.sort_unstable();
        feeds.dedup();
        let levels = pipelines[0].levels();
        Embedded {
            set: set.clone(),
            sources,
            settings,
            pipelines,
            feeds,
            levels,
            position: 0,
            held: Vec::new(),
            published: vec![NOT_YET; levels],
            counts: InputCounts::default(),
            now_ms: 0,
        }
    }

    /// Enters what an Intake counted; it travels in the next entry.
    pub fn count(&mut self, counts: &InputCounts) {
        self.counts.add(counts);
    }

    /// Applies a batch. Effects are those of all Pipelines, in order of Pipeline.
    pub fn append(&mut self, batch: Batch) -> Vec<Effect> {
        self.now_ms = self.now_ms.max(batch.arrival_ms);
        self.round(batch.detections, batch.watermark_ms)
    }

    /// The end of all input: every timer fires, every derived detection arrives.
    pub fn finish(&mut self) -> Vec<Effect> {
        let mut effects = self.round(Vec::new(), ENDED);
        for _ in 0..=2 * self.levels {
            effects.extend(self.round(Vec::new(), ENDED));
        }
        effects
    }

    fn round(&mut self, detections: Vec<Detection>, watermark_ms: i64) -> Vec<Effect> {
        let entries = self.entries(detections, watermark_ms);
        let mut effects = Vec::new();
        for (pipeline, entry) in self.pipelines.iter_mut().zip(&entries) {
            for effect in pipeline.apply(self.position, entry) {
                match effect.action {
                    Action::Derive(derived) => self.held.push(derived),
                    _ => effects.push(effect),
                }
            }
        }
        self.position += 1;
        let levels = self.levels;
        let each = self.pipelines.iter().map(|p| p.published(levels));
        self.published = each.reduce(|a, b| a.iter().zip(&b).map(|(x, y)| *x.min(y)).collect()).unwrap_or_default();
        effects
    }

    fn entries(&mut self, detections: Vec<Detection>, watermark_ms: i64) -> Vec<Entry> {
        let pipelines = self.pipelines.len() as u16;
        let blank = Entry {
            rules: self.set.digest,
            watermarks: self.feeds.iter().map(|s| (*s, watermark_ms)).collect(),
            published: self.published.clone(),
            arrival_ms: self.now_ms,
            ..Entry::default()
        };
        let mut entries = vec![blank; usize::from(pipelines)];
        entries[0].counts = std::mem::take(&mut self.counts);
        for detection in detections {
            let owner = KeyGroup::of(&detection.key).pipeline(pipelines);
            entries[usize::from(owner)].detections.push(detection);
        }
        for derived in self.released() {
            let owner = KeyGroup::of(&derived.key).pipeline(pipelines);
            entries[usize::from(owner)].derived.push(derived);
        }
        entries
    }

    /// Held derived detections that the published watermark has passed, in order.
    fn released(&mut self) -> Vec<Derived> {
        let passed = |d: &Derived| {
            let below = self.pipelines[0].level(d.target).saturating_sub(1);
            let watermark = self.published.iter().take(below + 1).copied().min().unwrap_or(NOT_YET);
            d.start_ms < watermark.saturating_sub(self.pipelines[0].lateness_ms(d.target))
        };
        let (mut released, held): (Vec<_>, Vec<_>) = std::mem::take(&mut self.held).into_iter().partition(passed);
        self.held = held;
        released.sort_by(|a, b| {
            (a.start_ms, a.child, &a.child_key, a.target, a.step, a.end_ms).cmp(&(
                b.start_ms,
                b.child,
                &b.child_key,
                b.target,
                b.step,
                b.end_ms,
            ))
        });
        released
    }

    /// The books of all Pipelines together.
    #[must_use]
    pub fn books(&self) -> Books {
        let mut books = Books::default();
        for pipeline in &self.pipelines {
            books.input.add(&pipeline.books().input);
            books.detections.add(&pipeline.books().detections);
            books.alerts.add(&pipeline.books().alerts);
        }
        books.input.add(&self.counts);
        books
    }

    /// Group keys that hold state, and the logical bytes they take, over all Pipelines.
    #[must_use]
    pub fn state_size(&self) -> (usize, u64) {
        self.pipelines.iter().map(Pipeline::state_size).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    }

    /// Replaces every Pipeline by one restored from its own snapshot: what a restart does.
    ///
    /// # Errors
    /// If a snapshot cannot be used.
    pub fn restart(&mut self) -> Result<(), RestoreError> {
        for pipeline in &mut self.pipelines {
            let bytes = pipeline.snapshot();
            *pipeline = Pipeline::restore(self.set.clone(), &self.sources, self.settings.clone(), &bytes)?;
        }
        Ok(())
    }
}
