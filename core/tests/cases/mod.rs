//! Random cases for correlations: a small rule set, events, their arrivals.

use crate::hand::{Arrival, FIRST, rule_set, with};
use fastrand::Rng;
use tidegate_core::event::{FindingRevision, Source};
use tidegate_core::rule::*;

/// A rule set and what arrives.
pub(crate) struct Case {
    pub(crate) set: RuleSet,
    pub(crate) sources: Vec<Vec<Source>>,
    pub(crate) lateness: i64,
    pub(crate) started: Option<i64>,
    /// Low: panes overflow.
    pub(crate) kept: usize,
    pub(crate) arrivals: Vec<Arrival>,
}

pub(crate) fn correlation(set: &RuleSet, index: u32) -> &Correlation {
    match &set.rule(index).body {
        Body::Correlation(c) => c,
        Body::Detection(_) => panic!("{index} is no correlation"),
    }
}

fn rule(n: u16) -> Presence {
    Presence::Rule(n)
}

fn not(p: Presence) -> Presence {
    Presence::Not(Box::new(p))
}

fn presence(r: &mut Rng, negations: bool) -> Presence {
    use Presence::{And, Or};
    match r.u8(0..if negations { 13 } else { 5 }) {
        0 => And(vec![rule(0), rule(1)]),
        1 => And(vec![rule(0), rule(1), rule(2)]),
        2 => Or(vec![And(vec![rule(0), rule(1)]), rule(2)]),
        3 => And(vec![rule(0), Or(vec![rule(1), rule(2)])]),
        4 => And(vec![rule(1), rule(2)]),
        5 => And(vec![rule(0), not(rule(1))]),
        6 => And(vec![not(rule(0)), rule(1)]),
        7 => And(vec![rule(0), not(rule(1)), rule(2)]),
        8 => And(vec![rule(0), rule(1), not(rule(2))]),
        9 => And(vec![not(rule(0)), rule(1), rule(2)]),
        10 => And(vec![not(rule(0)), rule(1), not(rule(2))]),
        11 => Or(vec![And(vec![rule(0), rule(1)]), And(vec![not(rule(0)), rule(2)])]),
        _ => And(vec![rule(0), not(Or(vec![rule(1), rule(2)]))]),
    }
}

fn at_least(r: &mut Rng, crowd: bool) -> Thresholds {
    let n = f64::from(if crowd { r.u32(1..=60) } else { r.u32(1..=5) });
    Thresholds(vec![if r.bool() { (Compare::Gte, n) } else { (Compare::Gt, n - 0.5) }])
}

fn verdict(r: &mut Rng) -> Thresholds {
    let n = f64::from(r.u32(1..=4));
    Thresholds(match r.u8(0..5) {
        0 => vec![(Compare::Lt, n)],
        1 => vec![(Compare::Lte, n)],
        2 => vec![(Compare::Eq, n)],
        3 => vec![(Compare::Neq, n)],
        _ => vec![(Compare::Gt, n - 1.0), (Compare::Lte, n + 1.0)],
    })
}

fn numbers(r: &mut Rng) -> CorrelationKind {
    let compare = *r.choice(&[Compare::Gt, Compare::Gte, Compare::Lt, Compare::Lte]).unwrap_or(&Compare::Gt);
    let at = |x: u32| Thresholds(vec![(compare, f64::from(x) + 0.5)]);
    match r.u8(0..6) {
        0 => CorrelationKind::ValueSum("bytes".into(), Thresholds(vec![(Compare::Gte, f64::from(r.u32(1..40)))])),
        1 => CorrelationKind::ValueSum("balance".into(), at(r.u32(0..30))),
        2 => CorrelationKind::ValueAvg("bytes".into(), at(r.u32(1..15))),
        3 => CorrelationKind::ValuePercentile("bytes".into(), f64::from(r.u32(0..=4)) * 25.0, at(r.u32(1..15))),
        4 => CorrelationKind::ValueSum("bytes".into(), at(r.u32(1..40))),
        _ => CorrelationKind::ValueSum("service.count".into(), Thresholds(vec![(Compare::Gte, f64::from(r.u32(1..20)))])),
    }
}

fn kind(r: &mut Rng, crowd: bool) -> CorrelationKind {
    match r.u8(0..12) {
        0 | 1 => CorrelationKind::EventCount(at_least(r, crowd)),
        2 | 3 => CorrelationKind::ValueCount(vec!["f".into()], at_least(r, crowd)),
        4 => CorrelationKind::EventCount(verdict(r)),
        5 => CorrelationKind::ValueCount(vec!["f".into()], verdict(r)),
        6 => CorrelationKind::Temporal(presence(r, false)),
        7 | 8 => CorrelationKind::Temporal(presence(r, true)),
        9 => CorrelationKind::TemporalOrdered(presence(r, false)),
        _ => CorrelationKind::TemporalOrdered(presence(r, true)),
    }
}

/// A parent over the child (step 0) and plain rules 0 and 1 (steps 1 and 2).
fn parent_kind(r: &mut Rng, child: u32) -> (CorrelationKind, Vec<u32>) {
    match r.u8(0..4) {
        0 => (CorrelationKind::EventCount(at_least(r, false)), vec![child]),
        1 => (CorrelationKind::EventCount(verdict(r)), vec![child]),
        n => {
            let negations = r.bool();
            let condition = presence(r, negations);
            let rules = *r.choice(&[[child, 0, 1], [0, child, 1], [0, 1, child]]).unwrap_or(&[child, 0, 1]);
            let kind = if n == 2 { CorrelationKind::Temporal(condition) } else { CorrelationKind::TemporalOrdered(condition) };
            (kind, rules.to_vec())
        }
    }
}

/// `temporal` without `not`.
fn only_first_and_last(c: &Correlation) -> bool {
    fn plain(p: &Presence) -> bool {
        match p {
            Presence::Rule(_) => true,
            Presence::And(all) | Presence::Or(all) => all.iter().all(plain),
            Presence::Not(_) => false,
        }
    }
    matches!(&c.kind, CorrelationKind::Temporal(p) if plain(p))
}

pub(crate) fn random(seed: u64) -> Case {
    let r = &mut Rng::with_seed(seed);
    let cells = r.u8(0..8) == 0;
    let family = !cells && r.u8(0..4) == 0;
    let unit = if cells { 100 } else { 1 };
    let timespan = if cells { r.i64(500..9000) } else { *r.choice(&[4, 5, 10, 16, 30, 60]).unwrap_or(&10) };
    let crowd = !cells && !family && r.u8(0..30) == 0;
    let first = if cells { numbers(r) } else { kind(r, crowd) };
    let rules = if cells || matches!(first, CorrelationKind::EventCount(_)) && r.bool() { vec![0] } else { vec![0, 1, 2] };
    let mut correlations = vec![(with(first, &rules, &["k", "u"], timespan), !family || r.bool())];
    let findings = r.u8(0..4) == 0;
    let own = if findings { Source::GuardDuty } else { Source::CloudTrail };
    let mut sources = vec![vec![own], vec![own], vec![own], vec![own]];
    if family {
        let (kind, rules) = parent_kind(r, FIRST);
        sources.push(if rules.len() > 1 { vec![own] } else { vec![] });
        correlations.push((with(kind, &rules, &["k"], *r.choice(&[4, 7, 20, 40]).unwrap_or(&7)), true));
        if r.u8(0..3) == 0 {
            let (kind, rules) = parent_kind(r, FIRST + 1);
            sources.push(if rules.len() > 1 { vec![own] } else { vec![] });
            correlations.push((with(kind, &rules, &[], *r.choice(&[4, 11, 30]).unwrap_or(&11)), true));
        }
    }
    let lateness = if r.u8(0..4) == 0 { r.i64(100..200) } else { r.i64(0..40) } * unit;
    let started = (r.u8(0..5) == 0).then(|| r.i64(0..60) * unit);
    let burst = crowd && !matches!(correlations[0].0.kind, CorrelationKind::TemporalOrdered(_));
    let arrivals = arrivals(r, &Shape { unit, family, findings, lateness, timespan, burst });
    // Chains and removal are exact only as long as nothing is dropped.
    let searched = |c: &Correlation| matches!(c.kind, CorrelationKind::Temporal(_) | CorrelationKind::TemporalOrdered(_));
    let low = !correlations.iter().any(|c| searched(&c.0)) && r.bool() || matches!(&correlations[..], [(c, _)] if only_first_and_last(c));
    Case { set: rule_set(correlations), sources, lateness, started, kept: if low { r.usize(2..8) } else { 64 }, arrivals }
}

/// So many events of one key, in little more than a pane, go beyond what is kept.
pub(crate) const BURST_LEAST: usize = 300;

struct Shape {
    unit: i64,
    family: bool,
    findings: bool,
    lateness: i64,
    timespan: i64,
    /// Bursts are for kinds whose oracle does not search.
    burst: bool,
}

fn arrivals(r: &mut Rng, shape: &Shape) -> Vec<Arrival> {
    let span = *r.choice(&[20, 60, 200]).unwrap_or(&60);
    let mut number = r.usize(0..if shape.family { 14 } else { 26 });
    let burst = shape.burst.then(|| (r.i64(0..span), r.usize(BURST_LEAST..2 * BURST_LEAST)));
    number += burst.map_or(0, |b| b.1);
    let (values, doubles, lates) = (*r.choice(&[2u128, 3, 8, 30, 200]).unwrap_or(&3), r.u8(0..3) == 0, r.u8(0..3) == 0);
    let mut out = Vec::new();
    for n in 0..number {
        let time = match burst {
            // Two thirds crowd into little more than a pane, the rest stands around them.
            Some((at, _)) if n % 3 > 0 => at + r.i64(0..=shape.timespan / 4),
            _ => r.i64(0..span),
        } * shape.unit;
        let mut event = one(r, shape, time, n as u128 + 1, values);
        if burst.is_some() && n > 12 {
            event.key = (0, 0);
        }
        place(r, shape, &mut event, lates);
        if doubles && r.u8(0..4) == 0 && !event.position_id {
            let mut copy = event.clone();
            place(r, shape, &mut copy, lates);
            out.push(copy);
        }
        out.push(event);
    }
    r.shuffle(&mut out);
    out.sort_by_key(|a| a.arrival);
    out
}

fn one(r: &mut Rng, shape: &Shape, time: i64, id: u128, values: u128) -> Arrival {
    let mut rules = vec![r.u32(0..3)];
    if r.u8(0..5) == 0 {
        rules.push(r.u32(0..3));
        rules.dedup();
    }
    let revision = shape.findings.then(|| FindingRevision {
        finding: 500_000 + r.u128(0..4),
        updated_ms: time,
        created_ms: time - r.i64(0..50) * shape.unit,
        count: r.i64(1..9),
        severity: 500,
    });
    Arrival {
        time,
        arrival: time,
        id,
        rules,
        key: (r.u8(0..2), if shape.family { r.u8(0..2) } else { 0 }),
        value: r.u128(0..values),
        number: r.i64(0..20),
        revision,
        late: false,
        position_id: r.u8(0..4) == 0,
        skew: r.u8(0..30) == 0,
    }
}

/// When it arrives: in time, with every delay up to the lateness, or late.
fn place(r: &mut Rng, shape: &Shape, a: &mut Arrival, lates: bool) {
    a.late = lates && r.u8(0..6) == 0;
    let delay = if a.late {
        shape.lateness + r.i64(1..40)
    } else if r.bool() {
        r.i64(0..=shape.lateness)
    } else {
        r.i64(0..=shape.lateness.min(3 * shape.unit))
    };
    a.arrival = a.time + delay;
}
