//! Rule sets and events for these tests, made without the rule parser.

use std::collections::BTreeMap;
use std::sync::Arc;
use tidegate_core::decode::{Context, DecodeError, Hints, Unit};
use tidegate_core::detect::{Detector, Scratch, Seen, Stamp, Warning};
use tidegate_core::event::{Detection, Form, GenericSource, LogSource, Position, Sequence};
use tidegate_core::rule::{
    Body, Correlation, CorrelationKind, DetectionRule, Expr, Level, Meta, Part, Pattern, Place, Rule, RuleSet, Status, Test,
};

/// The stated source these tests use: product `p`, time in `t`.
pub(crate) fn hints() -> Hints {
    let logsource = LogSource { category: None, product: Some("p".into()), service: None };
    let source = GenericSource { logsource, time_field: "t".into(), arrival_field: None };
    Hints { generic: vec![source], ..Hints::default() }
}

pub(crate) fn logsource(product: &str, service: Option<&str>) -> LogSource {
    LogSource { category: None, product: Some(product.into()), service: service.map(Into::into) }
}

fn rule(number: usize, level: Option<Level>, alerts: bool, body: Body) -> Rule {
    let meta = Meta {
        place: Place { file: "test".into(), line: 1, column: 1 },
        id: format!("{number:04}"),
        name: None,
        title: String::new(),
        status: Status::Test,
        level,
        description: String::new(),
        author: String::new(),
        references: Vec::new(),
        version: String::new(),
        tags: Vec::new(),
        falsepositives: Vec::new(),
        fields: Vec::new(),
        owner: None,
        runbook: None,
        custom: BTreeMap::new(),
    };
    Rule { meta, body, digest: [0; 32], alerts }
}

/// A rule set in the making.
#[derive(Default)]
pub(crate) struct Rules(RuleSet);

impl Rules {
    pub(crate) fn detection(&mut self, logsource: LogSource, condition: Expr, level: Option<Level>) -> u32 {
        self.push(level, true, Body::Detection(DetectionRule { logsource, condition }))
    }

    /// Mutes the rules it refers to.
    pub(crate) fn correlation(&mut self, kind: CorrelationKind, rules: &[u32], group_by: &[&str]) -> u32 {
        for rule in rules {
            self.0.rules[*rule as usize].alerts = false;
        }
        let group_by = group_by.iter().map(|&name| name.to_owned()).collect();
        let body = Correlation { kind, rules: rules.to_vec(), group_by, aliases: BTreeMap::new(), timespan_ms: 60_000, generate: false };
        self.push(None, true, Body::Correlation(body))
    }

    pub(crate) fn alias(&mut self, correlation: u32, name: &str, rule: u32, field: &str) {
        let Body::Correlation(body) = &mut self.0.rules[correlation as usize].body else { panic!("no correlation") };
        body.aliases.entry(name.to_owned()).or_default().insert(rule, field.to_owned());
    }

    fn push(&mut self, level: Option<Level>, alerts: bool, body: Body) -> u32 {
        let number = self.0.rules.len();
        self.0.rules.push(rule(number, level, alerts, body));
        number as u32
    }

    pub(crate) fn build(self) -> (Detector, Vec<Warning>) {
        Detector::new(Arc::new(self.0), &hints())
    }

    pub(crate) fn set(&self) -> &RuleSet {
        &self.0
    }
}

pub(crate) fn stamp(arrival_ms: Option<i64>) -> Stamp {
    let position = Position { source: "test".into(), shard: "0".into(), sequence: Sequence::from(1), sub_sequence: 0 };
    Stamp { position, arrival_ms }
}

pub(crate) fn detect(detector: &Detector, form: Form, text: &str) -> (Seen, Vec<Detection>) {
    detect_in(detector, form, text, &Context::default(), Some(1_000)).expect("the event can be read")
}

pub(crate) fn detect_in(
    detector: &Detector,
    form: Form,
    text: &str,
    context: &Context<'_>,
    arrival_ms: Option<i64>,
) -> Result<(Seen, Vec<Detection>), DecodeError> {
    let (mut scratch, mut out) = (Scratch::new(), Vec::new());
    let seen = detector.detect(&Unit { form, text, context }, None, &mut scratch, &stamp(arrival_ms), &mut out)?;
    assert_eq!(scratch.without_key().len(), seen.without_key as usize);
    Ok((seen, out))
}

/// `*` and `?` are wildcards.
pub(crate) fn pattern(text: &str) -> Pattern {
    let part = |c| match c {
        '*' => Part::Any,
        '?' => Part::One,
        c => Part::Literal(c.to_string()),
    };
    Pattern(text.chars().map(part).collect())
}

pub(crate) fn text(pattern_text: &str) -> Test {
    Test::Text { pattern: pattern(pattern_text), cased: false }
}

pub(crate) fn field(name: &str, test: Test) -> Expr {
    Expr::Field { field: name.to_owned(), test }
}
