use crate::rule::{Body, Expr, Part, RuleFile, Test, load};

/// Loads a rule with this `detection` and shows its condition, or its problems.
fn shown(detection: &str) -> String {
    let indented: String = detection.lines().map(|l| format!("    {l}\n")).collect();
    let text = format!("title: T\nid: t\nlogsource: {{product: aws, service: cloudtrail}}\ndetection:\n{indented}");
    let loaded = load(&[RuleFile { name: "t.yml".into(), text }]);
    let problems: Vec<String> = loaded.diagnostics.iter().map(ToString::to_string).collect();
    match loaded.set.rules.first().map(|r| &r.body) {
        Some(Body::Detection(rule)) => format!("{}{}", show(&rule.condition), problems.concat()),
        _ => problems.join("\n"),
    }
}

fn show(expr: &Expr) -> String {
    let list = |parts: &[Expr], word: &str| format!("({})", parts.iter().map(show).collect::<Vec<_>>().join(word));
    match expr {
        Expr::And(parts) => list(parts, " & "),
        Expr::Or(parts) => list(parts, " | "),
        Expr::Not(part) => format!("!{}", show(part)),
        Expr::Field { field, test } => format!("{field}={}", show_test(test)),
        Expr::Keyword(test) => format!("~{}", show_test(test)),
    }
}

fn show_test(test: &Test) -> String {
    let part = |p: &Part| match p {
        Part::Literal(t) => t.clone(),
        Part::One => "?".into(),
        Part::Any => "*".into(),
    };
    match test {
        Test::Text { pattern, .. } => pattern.0.iter().map(part).collect(),
        Test::Number(n) => n.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn maps_are_and_lists_are_or() {
    for (detection, expected) in [
        ("s:\n    a: 1\n    b: [x, y]\ncondition: s", "(a=1 & (b=x | b=y))"),
        ("s:\n    - a: 1\n      b: 2\n    - c: 3\ncondition: s", "((a=1 & b=2) | c=3)"),
        ("s:\n    a|contains|all: [x, y]\ncondition: s", "(a=*x* & a=*y*)"),
        ("s:\n    a|neq: [x, y]\ncondition: s", "!(a=x | a=y)"),
        ("s: [one, two]\ncondition: s", "(~*one* | ~*two*)"),
        ("s:\n    '|all': [one, 2]\ncondition: s", "(~*one* & ~*2*)"),
        ("s:\n    '|re': 'a.c'\ncondition: s", "~Regex(\"a.c\")"),
        ("s: word\ncondition: s", "~*word*"),
        ("s:\n    - word\n    - a: 1\ncondition: s", "(~*word* | a=1)"),
        ("s:\n    a: null\ncondition: not s", "!a=Null"),
        ("s:\n    a|windash|contains|all: [' -x', ' -y']\ncondition: s", WINDASH_ALL),
        ("a1:\n    a: 1\na2:\n    a: 2\n_b:\n    b: 1\ncondition: 1 of a* and not 1 of _b", "((a=1 | a=2) & !b=1)"),
    ] {
        assert_eq!(shown(detection), expected, "{detection}");
    }
}

const WINDASH_ALL: &str = "((a=* -x* | a=* /x* | a=* –x* | a=* —x* | a=* ―x*) & (a=* -y* | a=* /y* | a=* –y* | a=* —y* | a=* ―y*))";

#[test]
fn what_is_doubtful_is_warned_of() {
    for (detection, warning) in [
        ("s:\n    a: [x, null]\ncondition: s", "t.yml:6:16: warning: `null` in a list of values"),
        ("s:\n    a: 1\nt:\n    a: 2\ncondition: s", "t.yml:7:5: warning: selection `t` is not used"),
        ("s:\n    a: 1\nt:\n    a: 2\ncondition: [s, t]", "t.yml:9:16: warning: a list of conditions"),
        ("s:\n    a: 1\nt:\n    a: 2\ncondition: all of them", "warning: `all of them`"),
        ("s:\n    a|contains: ''\ncondition: s", "an empty value that matches every text"),
    ] {
        let said = shown(detection);
        assert!(said.contains(warning) && said.starts_with(['(', 'a']), "{detection}: {said}");
    }
    assert!(shown("s:\n    a: 1\nt:\n    a: 2\ncondition: [s, t]").starts_with("(a=1 | a=2)"));
}

#[test]
fn what_is_wrong_is_refused_with_its_place() {
    for (detection, error) in [
        ("s:\n    a|all: x\ncondition: s", "t.yml:6:9: `all` with a single value"),
        ("s:\n    a|contain: x\ncondition: s", "t.yml:6:9: unknown modifier `contain` (did you mean `contains`?)"),
        ("s:\n    a: {b: c}\ncondition: s", "t.yml:6:12: a map as a value"),
        ("s:\n    a: []\ncondition: s", "t.yml:6:12: no values for `a`"),
        ("s: {}\ncondition: s", "t.yml:5:5: an empty selection"),
        ("s: []\ncondition: s", "t.yml:5:5: an empty selection"),
        ("s: null\ncondition: s", "t.yml:5:8: nothing (null) in a selection"),
        ("s:\n    - [a]\ncondition: s", "t.yml:6:11: a list in a selection"),
        ("s:\n    a: 1", "t.yml:5:5: no `condition`"),
        ("s:\n    a: 1\nconditon: s", "t.yml:7:5: unknown key `conditon` (did you mean `condition`?)"),
        ("s:\n    a: 1\ncondition: s and sel", "t.yml:7:22: undefined selection `sel`"),
        ("s:\n    a: 1\ncondition: 's or filter'", "t.yml:7:22: undefined selection `filter`"),
        ("s:\n    a: 1\ncondition: []", "an empty list of conditions"),
        ("s:\n    '|exists': true\ncondition: s", "modifiers `|exists` without a field"),
        ("s:\n    a|re: ['(', '[a-z']\ncondition: s", "t.yml:6:21: regular expression `[a-z`: unclosed character class"),
        ("s:\n    a|expand: '%Servers%'\ncondition: s", "placeholder `%Servers%`"),
    ] {
        let said = shown(detection);
        assert!(said.contains(error), "{detection}\n--- wanted\n{error}\n--- said\n{said}");
    }
}

#[test]
fn every_problem_of_a_rule_is_said_at_once() {
    let said = shown("s:\n    a|nope: 1\n    b|re: '('\nt: {}\ntimeframe: 5m\ncondition: s | count() by user > 3");
    for word in ["`nope`", "regular expression `(`", "an empty selection", "`timeframe: 5m`", "t.yml:10:20: unsupported `count()`"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(said.contains("type: event_count, rules: [NAME], group-by: [user], timespan: 5m, condition: {gt: 3}"), "{said}");
}

#[test]
fn old_aggregations_are_refused_with_the_correlation_to_write() {
    for (condition, remedy) in [
        ("s | count(user) by ip >= 3", "type: value_count, rules: [NAME], group-by: [ip], timespan: 10m, condition: {field: user, gte: 3}"),
        ("s | sum(bytes) > 1000", "type: value_sum, rules: [NAME], timespan: 10m, condition: {field: bytes, gt: 1000}"),
        ("s | near t", "type: temporal, rules: [s, t], timespan: 10m"),
        ("s | max(x) > 3", "max has no direct one"),
    ] {
        let said = shown(&format!("s:\n    a: 1\nt:\n    a: 2\ncondition: {condition}"));
        assert!(said.contains(remedy) && said.contains("t.yml:9:20: unsupported"), "{condition}: {said}");
    }
}
