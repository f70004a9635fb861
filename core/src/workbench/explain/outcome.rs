//! What a correlation made of given events: the alerts that came, and how far each key got.
//!
//! The events run through the whole machine, sorted by time where they carry no arrival, as a replay of history does.

use super::Explainer;
use crate::detect::{Detector, sources_of};
use crate::enrich::Tables;
use crate::event::Record;
use crate::event::time::format_rfc3339;
use crate::pipeline::{Action, Batch, Effect, Embedded, Gathered, Intake, Settings};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A correlation over given events.
#[derive(Debug, Clone, Serialize)]
pub struct Counting {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// Why each alert fired.
    pub alerts: Vec<String>,
    /// Events counted per group key, most first.
    pub keys: Vec<KeyCount>,
}

/// How far a key got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyCount {
    /// The key's values.
    pub key: Vec<String>,
    /// Events per rule of the correlation, in the order of its rules.
    pub events: Vec<usize>,
    /// Time of the first.
    pub first: String,
    /// Time of the last.
    pub last: String,
}

/// Runs the events and looks at some correlations.
///
/// # Errors
/// In words, if the stated flow-log format is none.
pub fn outcome(explainer: &Explainer, correlations: &[u32], records: &[Record], tables: &Arc<Tables>) -> Result<Vec<Counting>, String> {
    if correlations.is_empty() {
        return Ok(Vec::new());
    }
    let set = &explainer.set;
    let detector = Detector::with_tables(set.clone(), &explainer.hints, tables.clone()).0;
    let intake = Intake::new(detector, explainer.hints.clone())?;
    let mut gathered = Gathered::default();
    intake.process(&mut intake.shard(), records, &mut gathered);
    gathered.detections.sort_by(|a, b| (a.arrival_ms, &a.position).cmp(&(b.arrival_ms, &b.position)));
    let keys = |number: u32| keys(&gathered, set, number);
    let mut countings: Vec<Counting> = correlations
        .iter()
        .map(|number| {
            let meta = &set.rule(*number).meta;
            Counting { id: meta.id.clone(), title: meta.title.clone(), alerts: Vec::new(), keys: keys(*number) }
        })
        .collect();
    let sources = (0..set.rules.len() as u32).map(|rule| sources_of(set, rule, &explainer.hints.generic)).collect();
    let mut embedded = Embedded::new(set, sources, Settings::default(), 1);
    let arrival_ms = gathered.detections.last().map_or(0, |d| d.arrival_ms);
    let first_ms = gathered.detections.first().map_or(0, |d| d.arrival_ms);
    let mut documents = BTreeMap::new();
    let batch = Batch { detections: gathered.detections, watermark_ms: first_ms, arrival_ms, ..Batch::default() };
    keep(&mut documents, embedded.append(batch));
    keep(&mut documents, embedded.finish());
    for alert in documents.into_values().filter_map(|text| serde_json::from_str::<Value>(&text).ok()) {
        let uid = &alert["finding_info"]["analytic"]["uid"];
        let ours = countings.iter_mut().find(|c| uid == c.id.as_str());
        if let (Some(counting), false) = (ours, alert["tidegate"]["episode"]["state"] == "merged") {
            counting.alerts.push(alert["message"].as_str().unwrap_or_default().to_owned());
        }
    }
    Ok(countings)
}

fn keep(documents: &mut BTreeMap<Arc<str>, Arc<str>>, effects: Vec<Effect>) {
    for effect in effects {
        if let Action::Index { alert, document, .. } = effect.action {
            documents.insert(alert, document);
        }
    }
}

fn keys(gathered: &Gathered, set: &crate::rule::RuleSet, number: u32) -> Vec<KeyCount> {
    let steps = if let crate::rule::Body::Correlation(c) = &set.rule(number).body { c.rules.len() } else { 0 };
    let mut found: BTreeMap<Vec<String>, (Vec<usize>, i64, i64)> = BTreeMap::new();
    for d in gathered.detections.iter().filter(|d| d.target == number && !d.flags.witness) {
        let key = d.key.values().iter().map(|&v| v.to_owned()).collect();
        let (events, first, last) = found.entry(key).or_insert_with(|| (vec![0; steps], d.time_ms, d.time_ms));
        if let Some(count) = events.get_mut(usize::from(d.step)) {
            *count += 1;
        }
        (*first, *last) = ((*first).min(d.time_ms), (*last).max(d.time_ms));
    }
    let counted = |(key, (events, first, last))| KeyCount { key, events, first: format_rfc3339(first), last: format_rfc3339(last) };
    let mut keys: Vec<KeyCount> = found.into_iter().map(counted).collect();
    keys.sort_by_key(|k| std::cmp::Reverse(k.events.iter().sum::<usize>()));
    keys
}
