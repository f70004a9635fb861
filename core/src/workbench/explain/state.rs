//! What a correlation's memory costs, found out by the engine itself: it is given one key with more and more events, and asked.

use crate::correlate::{Correlator, Settings};
use crate::event::{ContentId, Detection, DetectionFlags, Facts, GroupKey, Position, Quantity, Source, Watermarks};
use crate::rule::{Body, CorrelationKind, RuleSet};
use serde::Serialize;
use std::sync::Arc;

/// Bytes of evidence that an event of the sample carries: a flow-log line.
const SAMPLE_BODY_BYTES: usize = 120;
/// Events of the sample.
const SAMPLE: [usize; 2] = [1, 100];

/// Bytes of state per group key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StateCost {
    /// A key with one event of 120 bytes.
    pub first_event_bytes: u64,
    /// Each further event, on the average of the first hundred.
    pub further_event_bytes: u64,
    /// Most events of one key that are kept one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_events_max: Option<u64>,
    /// What a key takes at most by these numbers, evidence of larger events apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_bytes_max: Option<u64>,
    /// What all keys together may take.
    pub budget_bytes: u64,
    /// How many keys with one event each fit.
    pub keys_in_budget: u64,
}

/// Asks the engine. `None` where no detection rule feeds the correlation directly.
pub(super) fn cost(set: &RuleSet, rule: u32, sources: &[Vec<Source>], kept_events_max: Option<u64>) -> Option<StateCost> {
    let Body::Correlation(correlation) = &set.rule(rule).body else { return None };
    let step = correlation.rules.iter().position(|child| matches!(set.rule(*child).body, Body::Detection(_)))?;
    let settings = Settings::default();
    let bytes = SAMPLE.map(|events| {
        let mut correlator = Correlator::new(set, sources, settings.clone());
        let watermarks = Watermarks::default();
        for n in 0..events {
            let time = i64::try_from(n).unwrap_or(0) * (correlation.timespan_ms / SAMPLE[1] as i64);
            let detection = sample((rule, correlation.rules[step], step), &correlation.kind, sources, n, time);
            correlator.apply(&detection, &watermarks, &mut Vec::new());
        }
        correlator.state_bytes()
    });
    let further = bytes[1].saturating_sub(bytes[0]) / (SAMPLE[1] as u64 - 1);
    let most = |events: u64| bytes[0].saturating_add(events.saturating_sub(1).saturating_mul(further));
    Some(StateCost {
        first_event_bytes: bytes[0],
        further_event_bytes: further,
        kept_events_max,
        key_bytes_max: kept_events_max.map(most),
        budget_bytes: settings.budget_bytes_per_rule,
        keys_in_budget: settings.budget_bytes_per_rule / bytes[0].max(1),
    })
}

fn sample((target, rule, step): (u32, u32, usize), kind: &CorrelationKind, sources: &[Vec<Source>], n: usize, time_ms: i64) -> Detection {
    let quantity = match kind {
        CorrelationKind::ValueCount(..) => Quantity::Distinct(n as u128),
        CorrelationKind::ValueSum(..) | CorrelationKind::ValueAvg(..) | CorrelationKind::ValuePercentile(..) => {
            Quantity::Micros(n as i128 * 1_000_000)
        }
        CorrelationKind::EventCount(_) | CorrelationKind::Temporal(_) | CorrelationKind::TemporalOrdered(_) => Quantity::None,
    };
    let mut facts = Facts::default();
    facts.set_body(&"x".repeat(SAMPLE_BODY_BYTES));
    Detection {
        target,
        rule,
        step: u16::try_from(step).unwrap_or(0),
        source: sources.get(rule as usize).and_then(|s| s.first().copied()).unwrap_or(Source::CloudTrail),
        key: GroupKey::new(["111122223333", "198.51.100.7"]),
        time_ms,
        arrival_ms: time_ms,
        id: ContentId(n as u128),
        flags: DetectionFlags::default(),
        account: "111122223333".into(),
        quantity,
        revision: None,
        position: Position { source: "sample".into(), shard: "0".into(), sequence: (n as u64).into(), sub_sequence: 0 },
        severity: 3,
        facts: Arc::new(facts),
    }
}
