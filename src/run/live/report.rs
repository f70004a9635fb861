//! What the program's log tells of a run: what changed, what failed, and once a minute how it stands.
//!
//! Owns the wording and the rates; what is counted goes to the board beside. Never decides. No text of an event is logged here: counts, positions and names of the
//! configuration only. Latency is that of a round: read to effect handed over, by hdrhistogram.

use super::delivery::Answer;
use super::engine::{Applied, Engine};
use super::generation::Generation;
use super::notice::{Notice, delivered};
use super::reading::Fetched;
use super::snapshots::Written;
use crate::io::clock::Stopwatch;
use crate::io::port::Outcome;
use crate::run::latency::Latency;
use crate::telemetry::tally::Sealed;
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::pipeline::Reload;
use tidegate_core::pipeline::books::total;

/// How often the standing is told.
const EVERY: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub struct Reporter {
    names: Vec<Arc<str>>,
    notice: Notice,
    since: Stopwatch,
    append: Latency,
    apply: Latency,
    lost: u64,
    unavailable: Option<String>,
    failing: std::collections::BTreeMap<String, String>,
}

impl Reporter {
    /// For sources of these names.
    #[must_use]
    pub fn new(names: Vec<Arc<str>>, notice: Notice) -> Self {
        let (append, apply) = (Latency::default(), Latency::default());
        Reporter { names, notice, since: Stopwatch::start(), append, apply, lost: 0, unavailable: None, failing: Default::default() }
    }

    /// A round was appended and applied.
    pub fn applied(&mut self, applied: Option<Applied>) {
        let Some(applied) = applied else { return };
        self.notice.applied(&applied);
        self.append.note(applied.append);
        self.apply.note(applied.apply);
    }

    /// Readers handed something over.
    pub fn fetched(&mut self, fetched: &[Fetched]) {
        for one in fetched {
            if let Some(name) = self.names.get(one.source) {
                self.notice.board().tally(|tally| tally.read(name, one.gathered.counts.records, one.lost.is_some()));
            }
            if let Some(lost) = &one.lost {
                self.lost += 1;
                tracing::error!(source = self.name(one.source), shard = shown(&one.shard), "input was lost: {}", shown(lost));
            }
        }
    }

    /// A source ended.
    pub fn ended(&self, source: usize, end: &Result<(), String>) {
        match end {
            Ok(()) => tracing::info!(source = self.name(source), "the source ended: all of it was read"),
            Err(why) => {
                tracing::error!(source = self.name(source), "the source cannot go on: {}", shown(why));
                if let Some(name) = self.names.get(source) {
                    self.notice.board().tally(|tally| tally.sources.entry(name.clone()).or_default().failed += 1);
                }
            }
        }
    }

    /// The store cannot take anything.
    pub fn unavailable(&mut self, why: &str, archive: bool) {
        if self.unavailable.as_deref() != Some(why) {
            let what = if archive { "archive" } else { "state file" };
            tracing::error!("the {what} cannot be written; nothing is read until it can: {why}");
            self.unavailable = Some(why.to_owned());
        }
    }

    /// The archive was ended, or its last segments could not be.
    pub fn archived(&self, ended: Result<(), String>) {
        ended.err().iter().for_each(|why| tracing::warn!("{why}"));
    }

    /// It can again.
    pub fn recovered(&mut self) {
        if self.unavailable.take().is_some() {
            tracing::info!("it can be written again; nothing was lost");
        }
    }

    /// A snapshot stands, or does not.
    pub fn sealed(&self, written: &Written) {
        let (pipeline, position) = (written.pipeline, written.position);
        self.notice.board().tally(|tally| match &written.done {
            Ok(()) => {
                tally.snapshot.note(written.took);
                tally.sealed.insert(pipeline, Sealed { bytes: written.bytes, at: Stopwatch::start() });
            }
            Err(_) => tally.snapshots_failed += 1,
        });
        match &written.done {
            Ok(()) => tracing::debug!(pipeline, position, "snapshot"),
            Err(why) => tracing::error!(pipeline, position, "a snapshot was not written: {why}"),
        }
    }

    /// A sink answered; so many deliveries of its lane still wait by themselves.
    pub fn answered(&mut self, lane: &Arc<str>, answer: &Answer, held: usize) {
        let all = answer.outcomes.iter().map(|(_, _, outcome)| outcome).chain(answer.redriven.iter().map(|(_, outcome)| outcome));
        self.notice.board().tally(|tally| tally.answered(lane, answer.took, all.map(delivered), held));
        let lane: &str = lane;
        let trouble = answer.outcomes.iter().find_map(|(_, _, outcome)| match outcome {
            Outcome::Again(why) | Outcome::Unknown(why) => Some(why),
            _ => None,
        });
        match trouble {
            Some(why) if self.failing.get(lane) != Some(why) => {
                tracing::warn!(lane, "the sink cannot take everything; it is tried again: {}", shown(why));
                self.failing.insert(lane.to_owned(), why.clone());
            }
            None if held == 0 && self.failing.remove(lane).is_some() => tracing::info!(lane, "the sink takes everything again"),
            _ => {}
        }
    }

    /// A sink refused something for good.
    pub fn refused(&self, lane: &str, refused: &[(u16, String)]) {
        for (pipeline, why) in refused {
            tracing::error!(lane, pipeline, "a document was refused for good: {}", shown(why));
        }
    }

    /// The service begins with a generation that its log does not hold yet.
    pub fn begun(&self, generation: &Generation, applied: Option<&Applied>) {
        applied.and_then(|a| a.reload.as_ref()).into_iter().for_each(|reload| self.notice.reloaded(reload));
        let (rules, shadow) = (generation.rules.set.rules.len(), generation.shadow);
        let how = applied.and_then(|a| a.reload.as_ref()).map_or_else(|| "unchanged".to_owned(), said);
        tracing::info!(rules, shadow, "rules in force: {how}");
    }

    /// Another generation is in force.
    pub fn changed(&self, generation: &Generation, applied: Option<&Applied>) {
        let rules = generation.rules.set.rules.len();
        self.notice.changed();
        applied.and_then(|a| a.reload.as_ref()).into_iter().for_each(|reload| self.notice.reloaded(reload));
        match applied.and_then(|a| a.reload.as_ref()) {
            Some(reload) => tracing::info!(rules, shadow = generation.shadow, "rules reloaded: {}", said(reload)),
            None => tracing::info!(rules, shadow = generation.shadow, "tables, suppressions or settings reloaded; rules are unchanged"),
        }
        generation.warnings.iter().for_each(|warning| tracing::warn!("{}", shown(warning)));
    }

    /// A stop was asked for.
    pub fn stopping(&self) {
        self.notice.stopping();
        tracing::info!("stopping: what was read goes into the log, then snapshots and deliveries");
    }

    /// How it stands: to the board, and once a minute into the log.
    pub fn tell(&mut self, engine: &Engine, quarantine_items: Option<u64>) {
        self.notice.turned(engine, self.unavailable.as_deref(), quarantine_items);
        if self.since.elapsed() < EVERY {
            return;
        }
        self.since = Stopwatch::start();
        let books = engine.machine().books();
        let (keys, bytes) = engine.machine().state_size();
        tracing::info!(
            position = engine.head(),
            records = books.input.records,
            quarantined = total(&books.input.quarantined),
            detections = books.detections.detections,
            alerts = books.alerts.alerts,
            pages = books.alerts.pages,
            outstanding = engine.outstanding(),
            keys,
            state_bytes = bytes,
            lost = self.lost,
            append_p99_us = self.append.percentile_us(99.0),
            apply_p99_us = self.apply.percentile_us(99.0),
            "standing"
        );
    }

    fn name(&self, source: usize) -> &str {
        self.names.get(source).map_or("?", |name| &**name)
    }
}

/// A reload in words.
fn said(reload: &Reload) -> String {
    let closed: u64 = reload.closed.values().sum();
    let of = |ids: &std::collections::BTreeSet<String>| ids.iter().take(10).map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut text = format!("{} kept their state, {} new", reload.kept.len(), reload.added.len());
    if !reload.restarted.is_empty() {
        text += &format!(", {} changed and start afresh ({})", reload.restarted.len(), of(&reload.restarted));
    }
    if !reload.removed.is_empty() {
        text += &format!(", {} gone ({})", reload.removed.len(), of(&reload.removed));
    }
    if closed > 0 {
        text += &format!(", {closed} open alerts closed");
    }
    text
}

/// Text that may come from outside, safe in a log line.
fn shown(text: &str) -> String {
    tidegate_core::alert::neutral::terminal(text).into_owned()
}
