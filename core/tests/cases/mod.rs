//! Random cases for correlations: a small rule set, events, their arrivals.

use fastrand::Rng;
use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate_core::event::{ContentId, Detection, DetectionFlags, Facts, FindingRevision, GroupKey, LogSource, Position, Quantity, Source};
use tidegate_core::rule::*;

/// Index of the correlation under test (it may be a child) and of its parent. 0, 1, 2 are plain rules.
pub(crate) const FIRST: u32 = 3;
pub(crate) const PARENT: u32 = 4;

/// One event on one of its ways: which rules it matched, when it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) time: i64,
    pub(crate) arrival: i64,
    pub(crate) id: u128,
    pub(crate) rules: Vec<u32>,
    pub(crate) key: (u8, u8),
    pub(crate) value: u128,
    pub(crate) number: i64,
    pub(crate) revision: Option<FindingRevision>,
    pub(crate) late: bool,
    pub(crate) position_id: bool,
    pub(crate) skew: bool,
}

pub(crate) struct Case {
    pub(crate) set: RuleSet,
    pub(crate) sources: Vec<Vec<Source>>,
    pub(crate) lateness: i64,
    pub(crate) started: Option<i64>,
    pub(crate) arrivals: Vec<Arrival>,
}

pub(crate) fn correlation(set: &RuleSet, index: u32) -> &Correlation {
    match &set.rule(index).body {
        Body::Correlation(c) => c,
        Body::Detection(_) => panic!("{index} is no correlation"),
    }
}

fn meta(id: &str) -> Meta {
    Meta {
        place: Place { file: "case".into(), line: 1, column: 1 },
        id: id.into(),
        name: None,
        title: id.into(),
        status: Status::Test,
        level: Some(Level::High),
        description: String::new(),
        author: String::new(),
        references: vec![],
        version: String::new(),
        tags: vec![],
        falsepositives: vec![],
        fields: vec![],
        owner: None,
        runbook: None,
        custom: BTreeMap::new(),
    }
}

/// Three plain rules and these correlations.
pub(crate) fn rule_set(correlations: Vec<(Correlation, bool)>) -> RuleSet {
    let plain = |n: u8| Rule {
        meta: meta(&format!("plain{n}")),
        body: Body::Detection(DetectionRule { logsource: LogSource::default(), condition: Expr::And(vec![]) }),
        digest: [n; 32],
        alerts: false,
    };
    let mut rules: Vec<Rule> = (0..3).map(plain).collect();
    for (n, (c, alerts)) in correlations.into_iter().enumerate() {
        rules.push(Rule { meta: meta(&format!("x{n}")), body: Body::Correlation(c), digest: [100 + n as u8; 32], alerts });
    }
    RuleSet { rules, digest: [0; 32] }
}

pub(crate) fn with(kind: CorrelationKind, rules: &[u32], group_by: &[&str], timespan_ms: i64) -> Correlation {
    Correlation {
        kind,
        rules: rules.to_vec(),
        group_by: group_by.iter().map(|g| (*g).to_owned()).collect(),
        aliases: BTreeMap::new(),
        timespan_ms,
        generate: false,
    }
}

/// The detection of an arrival for one step of one correlation.
pub(crate) fn detection(a: &Arrival, target: u32, rule: u32, step: u16, key: GroupKey, kind: &CorrelationKind) -> Detection {
    let quantity = match kind {
        CorrelationKind::ValueCount(..) => Quantity::Distinct(a.value),
        CorrelationKind::ValueSum(..) | CorrelationKind::ValueAvg(..) | CorrelationKind::ValuePercentile(..) => {
            Quantity::Micros(i128::from(a.number) * 1_000_000)
        }
        _ => Quantity::None,
    };
    Detection {
        target,
        rule,
        step,
        source: Source::CloudTrail,
        key,
        time_ms: a.time,
        arrival_ms: a.arrival,
        id: ContentId(a.id),
        flags: DetectionFlags { late: a.late, clock_skew: a.skew, position_id: a.position_id, ..DetectionFlags::default() },
        account: "111122223333".into(),
        quantity,
        revision: a.revision,
        position: Position { source: "s".into(), shard: "0".into(), sequence: 1.into(), sub_sequence: 0 },
        severity: 3,
        facts: Arc::new(Facts::default()),
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

fn at_least(r: &mut Rng) -> Thresholds {
    let n = f64::from(r.u32(1..=5));
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

fn kind(r: &mut Rng) -> CorrelationKind {
    match r.u8(0..12) {
        0 | 1 => CorrelationKind::EventCount(at_least(r)),
        2 | 3 => CorrelationKind::ValueCount(vec!["f".into()], at_least(r)),
        4 => CorrelationKind::EventCount(verdict(r)),
        5 => CorrelationKind::ValueCount(vec!["f".into()], verdict(r)),
        6 => CorrelationKind::Temporal(presence(r, false)),
        7 | 8 => CorrelationKind::Temporal(presence(r, true)),
        9 => CorrelationKind::TemporalOrdered(presence(r, false)),
        _ => CorrelationKind::TemporalOrdered(presence(r, true)),
    }
}

/// A parent over the child (step 0) and plain rules 0 and 1 (steps 1 and 2).
fn parent_kind(r: &mut Rng) -> (CorrelationKind, Vec<u32>) {
    match r.u8(0..4) {
        0 => (CorrelationKind::EventCount(at_least(r)), vec![FIRST]),
        1 => (CorrelationKind::EventCount(verdict(r)), vec![FIRST]),
        n => {
            let negations = r.bool();
            let condition = presence(r, negations);
            let rules = *r.choice(&[[FIRST, 0, 1], [0, FIRST, 1], [0, 1, FIRST]]).unwrap_or(&[FIRST, 0, 1]);
            let kind = if n == 2 { CorrelationKind::Temporal(condition) } else { CorrelationKind::TemporalOrdered(condition) };
            (kind, rules.to_vec())
        }
    }
}

pub(crate) fn random(seed: u64) -> Case {
    let r = &mut Rng::with_seed(seed);
    let cells = r.u8(0..8) == 0;
    let family = !cells && r.u8(0..4) == 0;
    let unit = if cells { 100 } else { 1 };
    let timespan = if cells { r.i64(500..9000) } else { *r.choice(&[4, 5, 10, 16, 30, 60]).unwrap_or(&10) };
    let first = if cells { numbers(r) } else { kind(r) };
    let rules = if cells || matches!(first, CorrelationKind::EventCount(_)) && r.bool() { vec![0] } else { vec![0, 1, 2] };
    let mut correlations = vec![(with(first, &rules, &["k", "u"], timespan), !family || r.bool())];
    let findings = r.u8(0..4) == 0;
    let own = if findings { Source::GuardDuty } else { Source::CloudTrail };
    let mut sources = vec![vec![own], vec![own], vec![own], vec![own]];
    if family {
        let (kind, rules) = parent_kind(r);
        sources.push(if rules.len() > 1 { vec![own] } else { vec![] });
        correlations.push((with(kind, &rules, &["k"], *r.choice(&[4, 7, 20, 40]).unwrap_or(&7)), true));
    }
    let lateness = if r.u8(0..4) == 0 { r.i64(100..200) } else { r.i64(0..40) } * unit;
    let started = (r.u8(0..5) == 0).then(|| r.i64(0..60) * unit);
    let arrivals = arrivals(r, &Shape { unit, family, findings, lateness, timespan });
    Case { set: rule_set(correlations), sources, lateness, started, arrivals }
}

struct Shape {
    unit: i64,
    family: bool,
    findings: bool,
    lateness: i64,
    timespan: i64,
}

fn arrivals(r: &mut Rng, shape: &Shape) -> Vec<Arrival> {
    let span = *r.choice(&[20, 60, 200]).unwrap_or(&60);
    let mut number = r.usize(0..if shape.family { 14 } else { 26 });
    let burst = (r.u8(0..60) == 0 && !shape.family && shape.unit == 1).then(|| (r.i64(0..span), r.usize(150..400)));
    number += burst.map_or(0, |b| b.1);
    let (values, doubles, lates) = (*r.choice(&[2u128, 3, 8, 30]).unwrap_or(&3), r.u8(0..3) == 0, r.u8(0..3) == 0);
    let mut out = Vec::new();
    for n in 0..number {
        let time = match burst {
            Some((at, _)) if n > 12 => at + r.i64(0..shape.timespan.min(9)),
            _ => r.i64(0..span),
        } * shape.unit;
        let mut event = one(r, shape, time, n as u128 + 1, values);
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
        finding: r.u128(0..4),
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
