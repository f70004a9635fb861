//! Our reader of Sigma against another one, `rsigma-parser`, over SigmaHQ's AWS rules, the specification's examples and generated rules.
//!
//! Compared: titles, ids, conditions with their selections put in (so also the names of selections, wildcards and escapes),
//! correlation types, rules, group-by, timespans, thresholds, and how many rules there are.
//!
//! Known differences, each on purpose:
//! * rsigma loads `timeframe`, aggregations aside, and `status: unsupported`; we refuse them.
//! * rsigma reads a threshold as an unsigned whole number; we take fractions for sums and averages and refuse negative counts.
//! * rsigma lets a correlation refer to rules that are not there; we refuse it.
//! * rsigma has `timeframe` beside `timespan`, `N of`, windows and array scopes; they are no part of the specification.
//! * A number that a float cannot hold, or with leading zeros, is a text for us (account ids).

use rsigma_parser::value::StringPart;
use rsigma_parser::{
    ConditionExpr, CorrelationCondition, Detection, DetectionItem, Modifier, Quantifier, SelectorPattern, SigmaCollection,
};
use rsigma_parser::{SigmaRule, SigmaValue, parse_sigma_yaml};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use tidegate_core::rule::{
    Body, Compare, Correlation, CorrelationKind, Expr, Part, Pattern, RefMode, Rule, RuleFile, RuleSet, Test, Thresholds, load,
};

/// A condition as text in which the order and nesting of equal links do not count.
fn normal(expr: &Expr) -> String {
    match expr {
        Expr::And(_) | Expr::Or(_) => {
            let and = matches!(expr, Expr::And(_));
            let mut parts = BTreeSet::new();
            flatten(expr, and, &mut parts);
            let joined = parts.iter().cloned().collect::<Vec<_>>().join(if and { " & " } else { " | " });
            if parts.len() == 1 { joined } else { format!("({joined})") }
        }
        Expr::Not(part) => format!("!{}", normal(part)),
        Expr::Field { field, test } => format!("{field}={test:?}"),
        Expr::Keyword(test) => format!("~{test:?}"),
    }
}

fn flatten(expr: &Expr, and: bool, parts: &mut BTreeSet<String>) {
    match expr {
        Expr::And(inner) if and => inner.iter().for_each(|p| flatten(p, and, parts)),
        Expr::Or(inner) if !and => inner.iter().for_each(|p| flatten(p, and, parts)),
        Expr::And(inner) | Expr::Or(inner) if inner.len() == 1 => flatten(&inner[0], and, parts),
        other => drop(parts.insert(normal(other))),
    }
}

/// What rsigma read, in our form.
fn theirs(rule: &SigmaRule) -> Expr {
    let named: BTreeMap<&str, Expr> = rule.detection.named.iter().map(|(name, d)| (name.as_str(), selection(d))).collect();
    Expr::Or(rule.detection.conditions.iter().map(|c| condition(c, &named)).collect())
}

fn condition(expr: &ConditionExpr, named: &BTreeMap<&str, Expr>) -> Expr {
    match expr {
        ConditionExpr::And(parts) => Expr::And(parts.iter().map(|p| condition(p, named)).collect()),
        ConditionExpr::Or(parts) => Expr::Or(parts.iter().map(|p| condition(p, named)).collect()),
        ConditionExpr::Not(part) => Expr::Not(Box::new(condition(part, named))),
        ConditionExpr::Identifier(name) => named.get(name.as_str()).cloned().unwrap_or_else(|| panic!("no selection {name}")),
        ConditionExpr::Selector { quantifier, pattern } => {
            let fits = |name: &str| match pattern {
                SelectorPattern::Them => !name.starts_with('_'),
                SelectorPattern::Pattern(p) => p.strip_suffix('*').map_or(name == p, |start| name.starts_with(start)),
            };
            let parts = named.iter().filter(|(name, _)| fits(name)).map(|(_, e)| e.clone()).collect();
            if *quantifier == Quantifier::All { Expr::And(parts) } else { Expr::Or(parts) }
        }
    }
}

fn selection(detection: &Detection) -> Expr {
    match detection {
        Detection::AllOf(items) => Expr::And(items.iter().map(item).collect()),
        Detection::AnyOf(parts) => Expr::Or(parts.iter().map(selection).collect()),
        Detection::And(parts) => Expr::And(parts.iter().map(selection).collect()),
        Detection::Keywords(values) => Expr::Or(values.iter().map(|v| Expr::Keyword(test(v, &[Modifier::Contains]))).collect()),
        other => panic!("{other:?}"),
    }
}

fn item(item: &DetectionItem) -> Expr {
    let modifiers = &item.field.modifiers;
    let leaf = |value: &SigmaValue| match &item.field.name {
        Some(field) => Expr::Field { field: field.clone(), test: test(value, modifiers) },
        None => Expr::Keyword(test(value, &[Modifier::Contains])),
    };
    let parts = item.values.iter().map(leaf).collect();
    let joined = if modifiers.contains(&Modifier::All) { Expr::And(parts) } else { Expr::Or(parts) };
    if modifiers.contains(&Modifier::Neq) { Expr::Not(Box::new(joined)) } else { joined }
}

fn test(value: &SigmaValue, modifiers: &[Modifier]) -> Test {
    let has = |m: Modifier| modifiers.contains(&m);
    match value {
        SigmaValue::Null => Test::Null,
        SigmaValue::Bool(b) if has(Modifier::Exists) => Test::Exists(*b),
        SigmaValue::Bool(b) => Test::Bool(*b),
        SigmaValue::Integer(n) if has(Modifier::Gte) => Test::Compare(Compare::Gte, *n as f64),
        SigmaValue::Integer(n) => Test::Number(*n as f64),
        SigmaValue::Float(x) => Test::Number(*x),
        SigmaValue::String(s) if has(Modifier::Re) => Test::Regex(s.original.clone()),
        SigmaValue::String(s) if has(Modifier::FieldRef) => {
            Test::FieldRef { field: s.original.clone(), mode: RefMode::Equals, cased: has(Modifier::Cased) }
        }
        SigmaValue::String(s) if has(Modifier::Cidr) => Test::Cidr(s.original.parse().unwrap_or_else(|_| panic!("network {}", s.original))),
        SigmaValue::String(s) => {
            let mut parts: Vec<Part> = s.parts.iter().map(part).collect();
            if has(Modifier::Contains) || has(Modifier::EndsWith) {
                parts.insert(0, Part::Any);
            }
            if has(Modifier::Contains) || has(Modifier::StartsWith) {
                parts.push(Part::Any);
            }
            parts.dedup_by(|b, a| *a == Part::Any && *b == Part::Any);
            Test::Text { pattern: Pattern(parts), cased: has(Modifier::Cased) }
        }
    }
}

fn part(part: &StringPart) -> Part {
    match part {
        StringPart::Plain(text) => Part::Literal(text.clone()),
        StringPart::Special(special) if format!("{special:?}") == "WildcardMulti" => Part::Any,
        StringPart::Special(_) => Part::One,
    }
}

/// Compares one text as both readers see it; the number of rules compared.
fn compare(text: &str) -> usize {
    let loaded = load(&[RuleFile { name: "d.yml".into(), text: text.into() }]);
    let other = parse_sigma_yaml(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let said: String = loaded.diagnostics.iter().map(|d| format!("{d}\n")).collect();
    assert_eq!(loaded.set.rules.len(), other.rules.len() + other.correlations.len(), "{said}{:?}\n{text}", other.errors);
    for theirs in &other.rules {
        let ours = find(&loaded.set, theirs.id.as_deref(), &theirs.title);
        compare_rule(ours, theirs, text);
    }
    compare_correlations(&loaded.set, &other, text);
    loaded.set.rules.len()
}

fn find<'s>(set: &'s RuleSet, id: Option<&str>, title: &str) -> &'s Rule {
    let found = set.rules.iter().find(|r| id.map_or(r.meta.title == title, |id| r.meta.id == id));
    found.unwrap_or_else(|| panic!("we lack {title}"))
}

fn compare_rule(ours: &Rule, other: &SigmaRule, text: &str) {
    assert_eq!((ours.meta.title.as_str(), &ours.meta.name), (other.title.as_str(), &other.name));
    assert_eq!(ours.meta.tags, other.tags);
    assert_eq!(format!("{:?}", ours.meta.level), format!("{:?}", other.level));
    let Body::Detection(rule) = &ours.body else { panic!("{} is a correlation for us", other.title) };
    assert_eq!(rule.logsource.product, other.logsource.product);
    assert_eq!(rule.logsource.service, other.logsource.service);
    assert_eq!(rule.logsource.category, other.logsource.category);
    assert_eq!(normal(&rule.condition), normal(&theirs(other)), "{text}");
}

fn compare_correlations(set: &RuleSet, other: &SigmaCollection, text: &str) {
    for theirs in &other.correlations {
        let ours = find(set, theirs.id.as_deref(), &theirs.title);
        assert_eq!(ours.meta.title, theirs.title);
        let Body::Correlation(correlation) = &ours.body else { panic!("{} is no correlation for us", theirs.title) };
        let names: Vec<&str> = correlation.rules.iter().map(|n| set.rule(*n).meta.id.as_str()).collect();
        assert_eq!(names, theirs.rules, "{text}");
        assert_eq!(correlation.group_by, theirs.group_by);
        assert_eq!(correlation.timespan_ms, i64::try_from(theirs.timespan.seconds).unwrap_or(0) * 1000);
        assert_eq!(correlation.generate, theirs.generate);
        let (kind, thresholds) = kind(correlation);
        assert_eq!(kind, theirs.correlation_type.as_str());
        if let (Some(ours), CorrelationCondition::Threshold { predicates, .. }) = (thresholds, &theirs.condition) {
            let ours: BTreeSet<String> = ours.0.iter().map(|(c, n)| format!("{c:?} {n}")).collect();
            assert_eq!(ours, predicates.iter().map(|(c, n)| format!("{c:?} {n}")).collect::<BTreeSet<_>>());
        }
    }
}

fn kind(correlation: &Correlation) -> (&'static str, Option<&Thresholds>) {
    match &correlation.kind {
        CorrelationKind::EventCount(t) => ("event_count", Some(t)),
        CorrelationKind::ValueCount(_, t) => ("value_count", Some(t)),
        CorrelationKind::ValueSum(_, t) => ("value_sum", Some(t)),
        CorrelationKind::ValueAvg(_, t) => ("value_avg", Some(t)),
        CorrelationKind::ValuePercentile(_, _, t) => ("value_percentile", Some(t)),
        CorrelationKind::Temporal(_) => ("temporal", None),
        CorrelationKind::TemporalOrdered(_) => ("temporal_ordered", None),
    }
}

#[test]
#[expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "a test reads a folder named from outside and says when it skips")]
fn sigmahq_rules_read_the_same() {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").to_owned();
    let path = PathBuf::from(std::env::var("TIDEGATE_SHARED").unwrap_or(default)).join("sigma/sigmahq-aws");
    let Ok(entries) = std::fs::read_dir(&path) else {
        eprintln!("skipped: the shared Sigma rules are not at {}", path.display());
        return;
    };
    let yaml = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "yml"));
    let count: usize = yaml.map(|p| compare(&std::fs::read_to_string(p).unwrap_or_default())).sum();
    assert_eq!(count, 57);
}

/// A selection of random fields, modifiers and values in YAML flow style.
fn random_selection(random: &mut fastrand::Rng) -> String {
    const KEYS: [&str; 12] = [
        "a",
        "b.c",
        "userIdentity.arn",
        "d|contains",
        "e|startswith",
        "f|endswith",
        "g|cased",
        "h|contains|cased",
        "i|neq",
        "j|re",
        "k|contains|neq",
        "l|startswith",
    ];
    const VALUES: [&str; 17] = [
        "x",
        "'*'",
        "'a*b?c'",
        r"'\\*'",
        r"'C:\Windows\*'",
        r"'\\\\host'",
        r"'\*lit'",
        r"'\\\*'",
        "''",
        "'end\\'",
        "443",
        "-7",
        "1.5",
        "true",
        "'443'",
        "'true'",
        "'ÄÖ ü'",
    ];
    let mut keys: Vec<&str> = KEYS.to_vec();
    random.shuffle(&mut keys);
    let items: Vec<String> = keys[..random.usize(1..5)]
        .iter()
        .map(|key| {
            let typed = !key.contains('|') || key.ends_with("i|neq");
            let value = |random: &mut fastrand::Rng| match key {
                &"j|re" => ["'a.*b$'", "'^x+'", "'[a-c]{2}'"][random.usize(0..3)],
                _ => VALUES.iter().filter(|v| typed || v.starts_with('\'')).nth(random.usize(0..10)).copied().unwrap_or("'z'"),
            };
            let many = random.usize(1..4);
            let values: Vec<&str> = (0..many).map(|_| value(random)).collect();
            let key = if many > 1 && key.ends_with("contains") && random.bool() { format!("{key}|all") } else { (*key).to_owned() };
            if many == 1 { format!("{key}: {}", values[0]) } else { format!("{key}: [{}]", values.join(", ")) }
        })
        .collect();
    format!("{{{}}}", items.join(", "))
}

const CONDITIONS: [&str; 10] = [
    "sel_1",
    "sel_1 and sel_2 or not filter",
    "not (sel_1 or sel_2) and filter",
    "1 of sel_* and not filter",
    "all of sel_* or filter",
    "1 of them",
    "all of them",
    "not 1 of sel_*",
    "sel_1 or sel_2 and words",
    "words and not not filter",
];

#[test]
fn generated_rules_read_the_same() {
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..1_500 {
        let selections: Vec<String> = (0..3).map(|_| random_selection(&mut random)).collect();
        let listed = if random.bool() { format!("[{}, {}]", selections[0], selections[1]) } else { selections[0].clone() };
        let condition = CONDITIONS[random.usize(0..CONDITIONS.len())];
        let text = format!(
            "title: Generated {round}\nid: g-{round}\nlevel: high\ntags: [a.b]\nlogsource: {{product: aws, service: cloudtrail}}\ndetection:\n  \
             sel_1: {listed}\n  sel_2: {}\n  filter: {}\n  words: [one, 'two*']\n  _hidden: {{z: 1}}\n  condition: {condition}\n",
            selections[1], selections[2],
        );
        assert_eq!(compare(&text), 1, "{text}");
    }
}

#[test]
fn generated_correlations_read_the_same() {
    let mut random = fastrand::Rng::with_seed(12);
    let base =
        |id: &str| format!("title: {id}\nid: {id}\nlogsource: {{product: aws}}\ndetection:\n  s: {{a: {id}}}\n  condition: s\n---\n");
    let types = ["event_count", "value_count", "value_sum", "value_avg", "value_percentile", "temporal", "temporal_ordered"];
    for round in 0..300 {
        let kind = types[random.usize(0..types.len())];
        let rules = ["[r1]", "[r1, r2]", "[r2, r3, r1]"][random.usize(0..3)];
        let group = ["", "  group-by: [u]\n", "  group-by: [u, account.id]\n", "  group-by: u\n"][random.usize(0..4)];
        let span = format!("{}{}", random.usize(1..90), ["s", "m", "h", "d"][random.usize(0..4)]);
        let operator = ["gt: 4", "gte: 5", "lt: 6", "lte: 7", "eq: 8", "neq: 9", "gt: 3, lte: 20"][random.usize(0..7)];
        let condition = match kind {
            "temporal" | "temporal_ordered" => String::new(),
            "event_count" => format!("  condition: {{{operator}}}\n"),
            "value_percentile" => format!("  condition: {{field: f, percentile: 95, {operator}}}\n"),
            _ => format!("  condition: {{field: f, {operator}}}\n"),
        };
        let generate = ["", "  generate: true\n"][random.usize(0..2)];
        let text = format!(
            "{}{}{}title: C\nid: c\ncorrelation:\n  type: {kind}\n  rules: {rules}\n{group}  timespan: {span}\n{condition}{generate}",
            base("r1"),
            base("r2"),
            base("r3"),
        );
        assert_eq!(compare(&text), 4, "{round}: {text}");
    }
}
