//! Runs a script through the core, as replay does, with everything in memory.
//!
//! Owns the compiled rules of a suite: they serve all its cases and variants. Never compares anything.

use super::outline::Outline;
use super::render::flow_columns;
use super::script::{Event, Script};
use super::suite::Suite;
use crate::decode::Hints;
use crate::detect::{Detector, sources_of};
use crate::event::flow::Column;
use crate::event::{Detection, Form, Position, Record, Source};
use crate::pipeline::{Action, Batch, Effect, Embedded, Gathered, Intake, Settings, ShardMemory};
use crate::rule::RuleSet;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A watermark trails arrival by this much, as everywhere.
const SLACK_MS: i64 = 10_000;

/// The rules of a suite, compiled.
pub(super) struct Engine<'s> {
    pub(super) set: Arc<RuleSet>,
    pub(super) suite: &'s Suite,
    pub(super) columns: Vec<Column>,
    hints: Hints,
    sources: Vec<Vec<Source>>,
    /// For events that are recognised by content.
    intake: Intake,
    /// For events of stated logsources.
    stated: Vec<Intake>,
}

/// What a script gave.
#[derive(Debug, Default)]
pub(super) struct Ran {
    /// The alerts in their final state, merged ones left out.
    pub(super) alerts: Vec<Value>,
    /// What was refused, in words.
    pub(super) refused: Vec<String>,
    /// What the rules matched, by event of the script.
    pub(super) detections: Vec<Vec<Detection>>,
    /// What was seen of each event.
    pub(super) traits: Vec<Traits>,
}

/// What the Intake says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Traits {
    /// How late it may come.
    pub(super) lateness_ms: i64,
    /// It came too late, or its time was clamped.
    pub(super) odd: bool,
    /// Copies by other routes are known as copies.
    pub(super) has_id: bool,
}

impl<'s> Engine<'s> {
    /// Compiles the rules.
    pub(super) fn new(set: &Arc<RuleSet>, suite: &'s Suite) -> Result<Self, String> {
        let columns = flow_columns(suite);
        let flow_format = Some(columns.iter().map(|c| c.name().to_owned()).collect());
        let hints = Hints { flow_format, generic: suite.generic.clone(), ..Hints::default() };
        let sources = (0..set.rules.len() as u32).map(|rule| sources_of(set, rule, &hints.generic)).collect();
        let detector = Arc::new(Detector::with_tables(Arc::clone(set), &hints, Arc::clone(&suite.tables)).0);
        let intake = Intake::new(Arc::clone(&detector), hints.clone())?;
        let of = |n| Intake::new(Arc::clone(&detector), Hints { form: Some(Form::Generic(n)), ..hints.clone() });
        let stated = (0..suite.generic.len() as u16).map(of).collect::<Result<_, _>>()?;
        Ok(Engine { set: Arc::clone(set), suite, columns, hints, sources, intake, stated })
    }

    /// Runs a script.
    pub(super) fn run(&self, script: &Script) -> Ran {
        let mut embedded = Embedded::new(&self.set, self.sources.clone(), Settings::default(), script.drive.pipelines);
        let (mut ran, mut documents) = (Ran::default(), BTreeMap::new());
        let mut memories: Vec<ShardMemory> = self.stated.iter().chain([&self.intake]).map(Intake::shard).collect();
        let (mut arrival, mut waiting) = (i64::MIN / 4, Vec::new());
        for (number, event) in script.events.iter().enumerate() {
            let gathered = self.read(event, script.shift_ms, &mut memories);
            ran.refused.extend(gathered.quarantined.iter().map(|q| format!("event {} was refused: {}", number + 1, q.error)));
            ran.traits.push(self.traits(&gathered));
            arrival = arrival.max(self.suite.base_ms + script.shift_ms + event.arrival_ms);
            ran.detections.push(gathered.detections.clone());
            waiting.extend(gathered.detections);
            let restart = script.drive.restarts.contains(&(number + 1));
            if (number + 1) % script.drive.batch.max(1) == 0 || restart || number + 1 == script.events.len() {
                let detections = std::mem::take(&mut waiting);
                let batch = Batch { detections, watermark_ms: arrival - SLACK_MS, arrival_ms: arrival, ..Batch::default() };
                keep(&mut documents, embedded.append(batch));
            }
            if restart && let Err(error) = embedded.restart() {
                ran.refused.push(error.to_string());
            }
        }
        keep(&mut documents, embedded.finish());
        ran.alerts = alerts(documents);
        ran
    }

    /// What the rules match, by event.
    pub(super) fn detections(&self, script: &Script) -> Vec<Vec<Detection>> {
        let mut memories: Vec<ShardMemory> = self.stated.iter().chain([&self.intake]).map(Intake::shard).collect();
        let of = |event| self.read(event, script.shift_ms, &mut memories).detections;
        script.events.iter().map(of).collect()
    }

    fn read(&self, event: &Event, shift_ms: i64, memories: &mut [ShardMemory]) -> Gathered {
        let (intake, memory) = match event.generic {
            Some(n) => (&self.stated[usize::from(n)], usize::from(n)),
            None => (&self.intake, self.stated.len()),
        };
        let position = Position { source: "test".into(), shard: "0".into(), sequence: event.place.into(), sub_sequence: 0 };
        let arrival_ms = Some(self.suite.base_ms + shift_ms + event.arrival_ms);
        let record = Record { position, arrival_ms, bytes: event.text.as_bytes().to_vec(), lines: false };
        let mut gathered = Gathered::default();
        intake.process(&mut memories[memory], &[record], &mut gathered);
        gathered
    }

    fn traits(&self, gathered: &Gathered) -> Traits {
        let lateness = gathered.counts.events.keys().map(|source| self.hints.lateness.ms(*source)).min();
        Traits {
            lateness_ms: lateness.unwrap_or(0),
            odd: gathered.counts.late_events + gathered.counts.clock_skew > 0 || lateness.is_none(),
            has_id: gathered.detections.iter().all(|d| !d.flags.position_id),
        }
    }

    /// The outlines of the alerts of these rules.
    pub(super) fn outlines(&self, script: &Script, alerts: &[Value], own: &[bool]) -> Vec<Outline> {
        let base_ms = self.suite.base_ms + script.shift_ms;
        let mut all: Vec<Outline> = self.own(alerts, own).map(|alert| Outline::of(alert, base_ms)).collect();
        all.sort();
        all
    }

    /// The alerts of these rules.
    pub(super) fn own<'a>(&self, alerts: &'a [Value], own: &[bool]) -> impl Iterator<Item = &'a Value> {
        let ids: Vec<String> = self.set.rules.iter().zip(own).filter(|(_, own)| **own).map(|(rule, _)| rule.meta.id.clone()).collect();
        alerts.iter().filter(move |a| a["finding_info"]["analytic"]["uid"].as_str().is_some_and(|id| ids.iter().any(|own| own == id)))
    }
}

fn keep(documents: &mut BTreeMap<Arc<str>, Arc<str>>, effects: Vec<Effect>) {
    for effect in effects {
        if let Action::Index { alert, document, .. } = effect.action {
            documents.insert(alert, document);
        }
    }
}

fn alerts(documents: BTreeMap<Arc<str>, Arc<str>>) -> Vec<Value> {
    let parsed = documents.into_values().filter_map(|text| serde_json::from_str::<Value>(&text).ok());
    let mut alerts: Vec<Value> = parsed.filter(|a| a["tidegate"]["episode"]["state"] != "merged").collect();
    alerts.sort_by_key(|a| (a["finding_info"]["first_seen_time"].as_i64(), a["finding_info"]["uid"].as_str().map(str::to_owned)));
    alerts
}
