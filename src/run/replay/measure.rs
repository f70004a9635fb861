//! History through the parts of one or two rule sets at once, with what each rule costs.
//!
//! Owns the drive of [`tidegate_core::workbench::parts`]: input is read, decoded and matched once; each part has a machine of its own
//! and gets its detections sorted and cut as a replay of its own would. Nothing is kept on disk but runs that do not fit in memory.
//! Never compares (the workbench does). Limit: with arrival stamps that run backwards by more than the slack of the watermark, what is
//! `behind` may depend on the rules beside it.

use super::{Archived, BATCH, Read, Settings, Watcher, by_arrival, each_record, each_session, hours, up_to};
use crate::io::clock::{Stopwatch, nanoseconds, process_cpu_seconds, thread_cpu_nanoseconds};
use crate::io::sorter::Sorter;
use crate::run::{AlertStore, Outcome};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::alert::suppression::Suppression;
use tidegate_core::decode::Hints;
use tidegate_core::detect::{Detector, Tally, WarningKind};
use tidegate_core::enrich::Tables;
use tidegate_core::event::Detection;
use tidegate_core::pipeline::books::InputCounts;
use tidegate_core::pipeline::{Batch, Effect, Embedded, Gathered, Intake, Selected};
use tidegate_core::rule::Body;
use tidegate_core::workbench::Parts;
use tidegate_core::workbench::cost::RuleCost;

/// What is to be measured: the parts, their Intake, a machine for each.
#[derive(Debug)]
pub struct Measuring {
    parts: Parts,
    intake: Intake,
    runs: Vec<Run>,
}

/// A part's machine and what it left.
#[derive(Debug)]
pub struct Run {
    machine: Embedded,
    store: AlertStore,
    /// Per rule: detections that came to it.
    fed: Vec<u64>,
    /// Per rule: most keys and most bytes at once.
    peak: Vec<(u64, u64)>,
    /// Per rule: keys and bytes when input ended.
    end: Vec<(u64, u64)>,
    applying: Duration,
}

/// What a measured run leaves.
#[derive(Debug)]
pub struct Measured {
    /// The parts.
    pub parts: Parts,
    /// The input: books of what was read, what could not be, time taken. Its store is empty.
    pub outcome: Outcome,
    runs: Vec<Run>,
    detector: Arc<Detector>,
    tally: Tally,
}

impl Measuring {
    /// Builds Intake and machines, as [`crate::run::build`] does for one set.
    ///
    /// # Errors
    /// If the stated flow-log format is none, or, unless a `partial` set is allowed, if a rule cannot be compiled: in words.
    pub fn new(
        parts: Parts,
        hints: Hints,
        tables: Arc<Tables>,
        suppressions: &[Suppression],
        (pipelines, partial): (u16, bool),
    ) -> Result<Self, String> {
        let mut runs = Vec::new();
        for part in &parts.parts {
            let mut machine = crate::run::machine(&part.set, &hints, &tables, pipelines);
            machine.begin_with(|control| control.suppressions = suppressions.to_vec());
            runs.push(Run::new(machine, part.set.rules.len()));
        }
        let (detector, warnings) = Detector::with_tables(Arc::clone(&parts.union), &hints, tables);
        let left_out: Vec<String> =
            warnings.iter().filter(|w| w.kind == WarningKind::LeftOut).map(|w| format!("{}: {}", w.place, w.text)).collect();
        if !left_out.is_empty() && !partial {
            return Err(format!("{}\ncorrect the rules, or start without them by --partial", left_out.join("\n")));
        }
        let intake = Intake::new(detector, hints)?.counting(nanoseconds);
        Ok(Measuring { parts, intake, runs })
    }

    /// Counts only events that are selected, under the settings that an archive states.
    #[must_use]
    pub fn over(mut self, selected: Selected, archived: &Archived) -> Self {
        self.intake = self.intake.select(selected);
        for run in &mut self.runs {
            run.machine.begin_with(|control| archived.begin(&mut control.settings.correlate));
        }
        self
    }
}

/// Runs history through all parts.
///
/// # Errors
/// If sorted runs cannot be written or read back. A file that cannot be read is noted in the outcome instead.
pub fn measure(measuring: Measuring, settings: &Settings, watcher: &dyn Watcher) -> io::Result<Measured> {
    let (clock, cpu) = (Stopwatch::start(), process_cpu_seconds());
    let Measuring { parts, intake, runs } = measuring;
    let mut all = Measured { detector: Arc::clone(intake.detector()), parts, runs, outcome: Outcome::default(), tally: Tally::default() };
    if settings.stamped {
        all.in_order(&intake, settings, watcher);
    } else {
        all.by_event_time(&intake, settings, watcher)?;
    }
    all.runs.iter_mut().for_each(Run::finish);
    all.outcome.notes.sort();
    all.outcome.quarantined.sort_by(|a, b| a.position.cmp(&b.position));
    all.outcome.interrupted = watcher.stopped();
    all.outcome.wall = clock.elapsed();
    all.outcome.cpu_seconds = process_cpu_seconds() - cpu;
    Ok(all)
}

impl Measured {
    fn by_event_time(&mut self, intake: &Intake, settings: &Settings, watcher: &dyn Watcher) -> io::Result<()> {
        let in_memory = settings.in_memory / self.runs.len().max(1);
        let scratch = |part: usize| settings.scratch.with_extension(format!("part{part}"));
        let mut sorters: Vec<Sorter> = (0..self.runs.len()).map(|part| Sorter::new(scratch(part), in_memory)).collect();
        let range = settings.range_ms.0..settings.range_ms.1;
        let newest = each_session(intake, settings, watcher, &mut |read| {
            let detections = self.note(read).into_iter().filter(|d| range.contains(&d.time_ms)).collect();
            self.routed(detections).into_iter().zip(&mut sorters).try_for_each(|(found, sorter)| sorter.add(found))
        })?;
        for (run, sorter) in self.runs.iter_mut().zip(&mut sorters) {
            run.metered(&mut |run| {
                sorter.drain(BATCH, &mut |detections| {
                    hours(detections).into_iter().for_each(|batch| run.apply(batch));
                    Ok(())
                })?;
                let rounds = run.machine.machine().rounds_to_end();
                up_to(newest, rounds).for_each(|batch| run.apply(batch));
                Ok(())
            })?;
        }
        Ok(())
    }

    fn in_order(&mut self, intake: &Intake, settings: &Settings, watcher: &dyn Watcher) {
        let mut arrival = i64::MIN / 4;
        for (i, input) in settings.inputs.iter().enumerate() {
            let last_file = i + 1 == settings.inputs.len();
            let result = each_record(intake, input, watcher, &mut |gathered, took| {
                let before = arrival;
                arrival = arrival.max(gathered.arrival_ms.unwrap_or(arrival));
                let detections = self.note(Read::Batch(Box::new(gathered), took));
                for (found, run) in self.routed(detections).into_iter().zip(&mut self.runs) {
                    for mut batch in by_arrival(found, before, arrival) {
                        // A file that was not begun holds the watermark back: its records may be of any age.
                        batch.watermark_ms = if last_file { batch.watermark_ms } else { i64::MIN / 4 };
                        run.apply(batch);
                    }
                }
            });
            if let Err(error) = result {
                self.outcome.unread.push((input.name().to_string(), error));
            }
        }
    }

    /// Enters what was read into the books and gives its detections.
    fn note(&mut self, read: Read) -> Vec<Detection> {
        match read {
            Read::Batch(gathered, took) => {
                self.outcome.intake.note(took);
                self.enter(*gathered)
            }
            Read::Unread(name, error) => {
                self.outcome.unread.push((name, error));
                Vec::new()
            }
            Read::Note(text) => {
                self.outcome.notes.push(text);
                Vec::new()
            }
        }
    }

    fn enter(&mut self, gathered: Gathered) -> Vec<Detection> {
        self.outcome.books.input.add(&gathered.counts);
        for (part, run) in self.runs.iter_mut().enumerate() {
            let without_key = self.parts.counts(part, &gathered.counts.without_key);
            run.machine.count(&InputCounts { without_key, ..InputCounts::default() });
        }
        gathered.tally.iter().for_each(|tally| self.tally.add(tally));
        self.outcome.cover(gathered.coverage);
        gathered.quarantined.into_iter().for_each(|refused| self.outcome.keep(refused));
        gathered.detections
    }

    /// What each part gets.
    fn routed(&self, detections: Vec<Detection>) -> Vec<Vec<Detection>> {
        let mut out = vec![Vec::new(); self.runs.len()];
        detections.into_iter().for_each(|d| self.parts.route(d, &mut |part, d| out[part].push(d)));
        out
    }

    /// The final documents of a part that count there, sorted by (first seen, id).
    #[must_use]
    pub fn alerts(&self, part: usize) -> Vec<Value> {
        let of = &self.parts.parts[part];
        self.runs[part].store.alerts().into_iter().filter(|alert| of.counts(alert)).collect()
    }

    /// The alerts of a part that would have paged.
    #[must_use]
    pub fn paged(&self, part: usize) -> BTreeSet<String> {
        self.runs[part].store.paged()
    }

    /// What does not balance, in words. Empty when all is well.
    #[must_use]
    pub fn book_errors(&self) -> Vec<String> {
        let of_runs = self.runs.iter().flat_map(|run| run.machine.books().errors(run.store.delivered(), 0, 0));
        let input = (!self.outcome.books.input.balance()).then(|| "records are not events + filtered + quarantined".to_owned());
        input.into_iter().chain(of_runs).collect()
    }

    /// What the rules of a part cost that count there, in order of id. `alerts` are those of [`Measured::alerts`].
    #[must_use]
    pub fn costs(&self, part: usize, alerts: &[Value]) -> Vec<RuleCost> {
        let (of, told) = (&self.parts.parts[part], self.told(part, alerts));
        let owned = (0..of.set.rules.len()).filter(|local| of.owned[*local]);
        owned.map(|local| self.cost(part, local, told.get(of.set.rules[local].meta.id.as_str()).copied().unwrap_or_default())).collect()
    }

    /// Alerts and pages by rule id, without those joined into others.
    fn told<'a>(&self, part: usize, alerts: &'a [Value]) -> BTreeMap<&'a str, (u64, u64)> {
        let (paged, mut told) = (self.paged(part), BTreeMap::<&str, (u64, u64)>::new());
        for alert in alerts.iter().filter(|a| a["tidegate"]["episode"]["state"] != "merged") {
            let finding = &alert["finding_info"];
            let of = told.entry(finding["analytic"]["uid"].as_str().unwrap_or_default()).or_default();
            of.0 += 1;
            of.1 += u64::from(finding["uid"].as_str().is_some_and(|id| paged.contains(id)));
        }
        told
    }

    fn cost(&self, part: usize, local: usize, (alerts, pages): (u64, u64)) -> RuleCost {
        let (of, run) = (&self.parts.parts[part], &self.runs[part]);
        let (rule, union) = (&of.set.rules[local], of.in_union[local]);
        let matching = self.tally.rules.get(union as usize).copied().unwrap_or_default();
        let correlation = matches!(rule.body, Body::Correlation(_));
        let share = run.fed[local] as f64 / run.fed.iter().sum::<u64>().max(1) as f64;
        let (peak, end) = (run.peak[local], run.end.get(local).copied().unwrap_or_default());
        let (matching_ns, applying_ns) = (matching.estimate(), (run.applying.as_nanos() as f64 * share) as u64);
        RuleCost {
            id: rule.meta.id.clone(),
            title: rule.meta.title.clone(),
            correlation,
            events: self.events(part, local as u32),
            candidates: matching.candidates,
            matches: if correlation { run.fed[local] } else { matching.matches },
            matching_ns,
            applying_ns,
            cpu_share: (matching_ns + applying_ns) as f64 / 1e9 / self.outcome.cpu_seconds.max(0.01),
            keys_peak: peak.0,
            bytes_peak: peak.1,
            keys_end: end.0,
            bytes_end: end.1,
            alerts,
            pages,
        }
    }

    /// Events of the sources that a rule reads, or that rules below it read.
    fn events(&self, part: usize, local: u32) -> u64 {
        let (mut forms, mut waiting) = (BTreeSet::new(), vec![local]);
        while let Some(local) = waiting.pop() {
            let of = &self.parts.parts[part];
            match &of.set.rule(local).body {
                Body::Correlation(c) => waiting.extend(&c.rules),
                Body::Detection(_) => forms.extend(self.detector.cost(of.in_union[local as usize]).into_iter().map(|c| c.form)),
            }
        }
        forms.iter().filter_map(|form| self.tally.events.get(form)).sum()
    }
}

impl Run {
    fn new(machine: Embedded, rules: usize) -> Self {
        let nothing = vec![(0, 0); rules];
        Run { machine, store: AlertStore::default(), fed: vec![0; rules], peak: nothing.clone(), end: nothing, applying: Duration::ZERO }
    }

    /// Takes the CPU time of what is done instead of the time it took, where the platform tells: other programs run too.
    fn metered(&mut self, work: &mut dyn FnMut(&mut Run) -> io::Result<()>) -> io::Result<()> {
        let (before, begin) = (self.applying, thread_cpu_nanoseconds());
        work(self)?;
        if let (Some(begin), Some(end)) = (begin, thread_cpu_nanoseconds()) {
            self.applying = before + Duration::from_nanos(end.saturating_sub(begin));
        }
        Ok(())
    }

    fn apply(&mut self, batch: Batch) {
        let clock = Stopwatch::start();
        batch.detections.iter().for_each(|d| self.fed[d.target as usize] += 1);
        let effects = self.machine.append(batch);
        self.take(effects);
        self.applying += clock.elapsed();
        for (peak, (keys, bytes)) in self.peak.iter_mut().zip(self.machine.machine().state_sizes()) {
            *peak = (peak.0.max(keys as u64), peak.1.max(bytes));
        }
    }

    fn finish(&mut self) {
        self.end = self.machine.machine().state_sizes().into_iter().map(|(keys, bytes)| (keys as u64, bytes)).collect();
        let done = self.metered(&mut |run| {
            let clock = Stopwatch::start();
            let effects = run.machine.finish();
            run.take(effects);
            run.applying += clock.elapsed();
            Ok(())
        });
        debug_assert!(done.is_ok(), "nothing is read or written");
    }

    fn take(&mut self, effects: Vec<Effect>) {
        effects.into_iter().for_each(|effect| self.store.take(effect));
    }
}
