//! Rule sets and detections made by hand, without a rule file or a source.

use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate_core::event::{ContentId, Detection, DetectionFlags, Facts, FindingRevision, GroupKey, LogSource, Position, Quantity, Source};
use tidegate_core::rule::*;

/// Index of the correlation under test (it may be a child) and of its parent; the parent's parent follows. 0, 1, 2 are plain rules.
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
    assert!(a.rules.contains(&rule), "only what matched is detected");
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
        account: format!("11112222333{}", a.key.0).into(),
        quantity,
        revision: a.revision,
        position: Position { source: "s".into(), shard: "0".into(), sequence: 1.into(), sub_sequence: 0 },
        severity: 3,
        facts: Arc::new(Facts::default()),
    }
}
