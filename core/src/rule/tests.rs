use super::*;

const BASE: &str = "title: A\nid: id-a\nname: a\nlevel: high\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  s: {eventName: A}\n  condition: s\n";

/// Base rules a, b, c and a correlation with this body (2 spaces of indentation are added).
fn correlated(body: &str) -> Loaded {
    let b = BASE.replace("title: A", "title: B").replace("id-a", "id-b").replace("name: a", "name: b").replace("e: A}", "e: B}");
    let c = BASE.replace("title: A", "title: C").replace("id-a", "id-c").replace("name: a", "name: c").replace("e: A}", "e: C}");
    let body: String = body.lines().map(|l| format!("  {l}\n")).collect();
    text(&format!("{BASE}---\n{b}---\n{c}---\ntitle: X\nid: x\ncorrelation:\n{body}"))
}

fn text(text: &str) -> Loaded {
    load(&[RuleFile { name: "t.yml".into(), text: text.into() }])
}

fn errors(loaded: &Loaded) -> Vec<String> {
    loaded.diagnostics.iter().filter(|d| d.gravity == Gravity::Error).map(ToString::to_string).collect()
}

fn all(loaded: &Loaded) -> String {
    loaded.diagnostics.iter().map(|d| format!("{d}\n")).collect()
}

fn correlation(loaded: &Loaded) -> &Correlation {
    let found = loaded.set.rules.iter().find_map(|r| if let Body::Correlation(c) = &r.body { Some(c) } else { None });
    found.unwrap_or_else(|| panic!("{}", all(loaded)))
}

#[test]
fn the_types_of_correlations() {
    let kind = |body: &str| correlation(&correlated(body)).kind.clone();
    let one = |compare, n| Thresholds(vec![(compare, n)]);
    let base = "rules: [a]\ntimespan: 5m\ntype: ";
    for (body, expected) in [
        ("event_count\ncondition: {gte: 3}", CorrelationKind::EventCount(one(Compare::Gte, 3.0))),
        ("event_count\ncondition: {gt: 3, lte: 9}", CorrelationKind::EventCount(Thresholds(vec![(Compare::Gt, 3.0), (Compare::Lte, 9.0)]))),
        ("value_count\ncondition: {field: f, lt: 3}", CorrelationKind::ValueCount(vec!["f".into()], one(Compare::Lt, 3.0))),
        (
            "value_count\ncondition: {field: [f, g], gte: 3}",
            CorrelationKind::ValueCount(vec!["f".into(), "g".into()], one(Compare::Gte, 3.0)),
        ),
        ("value_sum\ncondition: {field: f, gt: 1e6}", CorrelationKind::ValueSum("f".into(), one(Compare::Gt, 1e6))),
        ("value_avg\ncondition: {field: f, lt: -1.5}", CorrelationKind::ValueAvg("f".into(), one(Compare::Lt, -1.5))),
        ("value_median\ncondition: {field: f, gt: 2}", CorrelationKind::ValuePercentile("f".into(), 50.0, one(Compare::Gt, 2.0))),
        (
            "value_percentile\ncondition: {field: f, percentile: 95, gt: 2}",
            CorrelationKind::ValuePercentile("f".into(), 95.0, one(Compare::Gt, 2.0)),
        ),
        ("value_percentile\ncondition: {field: f, gt: 2}", CorrelationKind::ValuePercentile("f".into(), 50.0, one(Compare::Gt, 2.0))),
    ] {
        assert_eq!(kind(&format!("{base}{body}")), expected, "{body}");
    }
    let warned = correlated("rules: [a]\ntimespan: 5m\ntype: value_percentile\ncondition: {field: f, gt: 2}");
    assert!(all(&warned).contains("warning: `value_percentile` without `percentile`"));
}

#[test]
fn a_name_of_the_envelope_is_warned_of_where_there_is_none() {
    let of = |service: &str| BASE.replace("service: cloudtrail", &format!("service: {service}")).replace("eventName: A", "detail-type: A");
    assert!(all(&text(&of("guardduty"))).contains("t.yml:1:1: warning: `detail-type` in a rule of service `guardduty`"));
    assert_eq!(all(&text(&of("eventbridge"))), "");
    assert_eq!(all(&text(BASE)), "");
}

#[test]
fn temporal_conditions() {
    let kind = |body: &str| correlation(&correlated(body)).kind.clone();
    let (a, b, c) = (Presence::Rule(0), Presence::Rule(1), Presence::Rule(2));
    let not = |p: &Presence| Presence::Not(Box::new(p.clone()));
    let base = "timespan: 5m\nrules: [a, id-b, c]\ntype: ";
    for (body, expected) in [
        ("temporal", CorrelationKind::Temporal(Presence::And(vec![a.clone(), b.clone(), c.clone()]))),
        ("temporal_ordered", CorrelationKind::TemporalOrdered(Presence::And(vec![a.clone(), b.clone(), c.clone()]))),
        ("temporal\ncondition: a and b and not c", CorrelationKind::Temporal(Presence::And(vec![a.clone(), b.clone(), not(&c)]))),
        (
            "temporal_ordered\ncondition: id-a and not (b or c)",
            CorrelationKind::TemporalOrdered(Presence::And(vec![a.clone(), Presence::And(vec![not(&b), not(&c)])])),
        ),
        (
            "temporal\ncondition: {gte: 2}",
            CorrelationKind::Temporal(Presence::Or(vec![
                Presence::And(vec![a.clone(), b.clone()]),
                Presence::And(vec![a.clone(), c.clone()]),
                Presence::And(vec![b.clone(), c.clone()]),
            ])),
        ),
        ("temporal\ncondition: {gte: 3}", CorrelationKind::Temporal(Presence::And(vec![a.clone(), b.clone(), c.clone()]))),
    ] {
        assert_eq!(kind(&format!("{base}{body}")), expected, "{body}");
    }
    let unnamed = correlated("timespan: 5m\ntype: temporal\ncondition: c and a");
    let names: Vec<u32> = correlation(&unnamed).rules.clone();
    assert_eq!(names, [2, 0]);
}

#[test]
fn correlations_are_refused_with_a_reason() {
    for (body, error) in [
        ("type: event_count\nrules: [a]\ncondition: {gte: 1}", "no `timespan`"),
        ("type: event_count\nrules: [a]\ntimespan: 5m", "no `condition`"),
        ("type: event_count\ntimespan: 5m\ncondition: {gte: 1}", "no `rules`"),
        ("rules: [a]\ntimespan: 5m\ncondition: {gte: 1}", "no `type`"),
        ("type: event_cuont\nrules: [a]\ntimespan: 5m\ncondition: {gte: 1}", "did you mean `event_count`"),
        ("type: tidegate.ratio\nrules: [a]\ntimespan: 5m\ncondition: {gte: 1}", "`tidegate.ratio`: it is an extension"),
        ("type: temporal\nrules: [a, b]\ntimespan: 5m\ntidegate: {x: 1}", "unknown key `tidegate` in `correlation`"),
        ("type: temporal\nrules: [a, b]\ntimeframe: 5m", "`timeframe` in `correlation`"),
        ("type: temporal\nrules: [a, b]\ntimespan: 5m\ngroup_by: [x]", "did you mean `group-by`"),
        ("type: temporal\nrules: [a, nope]\ntimespan: 5m", "rule `nope`: no rule has this id or name"),
        ("type: temporal\nrules: [a, id-a]\ntimespan: 5m", "it is the same rule as `a`"),
        ("type: temporal\nrules: [a, a]\ntimespan: 5m", "`a` twice in `rules`"),
        ("type: temporal\nrules: [a, b]\ntimespan: 5m\ncondition: a", "rule `b` of `rules` is not in the condition"),
        ("type: temporal\nrules: [a, b]\ntimespan: 5m\ncondition: a and b and c", "rule `c` in the condition is not in `rules`"),
        ("type: temporal\nrules: [a, b]\ntimespan: 5m\ncondition: a or not b", "without a positive part"),
        ("type: temporal\nrules: [a, b]\ntimespan: 5m\ncondition: not a and not b", "without a positive part"),
        ("type: temporal\nrules: [a, b]\ntimespan: 5m\ncondition: a and b and not a", "rule `a` both wanted and excluded"),
        ("type: temporal\nrules: [a, b]\ntimespan: 5m\ncondition: {gte: 3}", "there are not so many rules"),
        ("type: temporal\nrules: [a, b]\ntimespan: 5m\ncondition: {lt: 2}", "condition of a temporal correlation"),
        ("type: temporal\nrules: [a, b]\ntimespan: 5m\ncondition: 1 of a*", "`of a*` in a correlation"),
        ("type: temporal_ordered\ntimespan: 5m\ncondition: a and b", "no `rules`"),
        ("type: event_count\nrules: [a]\ntimespan: 5m\ncondition: {gte: 10001}", "at most 10,000"),
        ("type: event_count\nrules: [a]\ntimespan: 5m\ncondition: {gte: 1.5}", "whole numbers"),
        ("type: event_count\nrules: [a]\ntimespan: 5m\ncondition: {gte: -1}", "whole numbers"),
        ("type: event_count\nrules: [a]\ntimespan: 5m\ncondition: {gte: 0}", "without any event"),
        ("type: event_count\nrules: [a]\ntimespan: 5m\ncondition: {gt: 5, lt: 6}", "no number meets"),
        ("type: event_count\nrules: [a]\ntimespan: 5m\ncondition: {lt: 1}", "no number meets"),
        ("type: value_sum\nrules: [a]\ntimespan: 5m\ncondition: {field: f, gt: 5, lt: 4}", "no number meets"),
        ("type: event_count\nrules: [a]\ntimespan: 5m\ncondition: {field: f, gte: 1}", "`field` in an `event_count`"),
        ("type: event_count\nrules: [a]\ntimespan: 5m\ncondition: {gteq: 1}", "unknown key `gteq` in `condition`"),
        ("type: event_count\nrules: [a]\ntimespan: 5m\ncondition: {gte: many}", "`gte` with a text"),
        ("type: value_count\nrules: [a]\ntimespan: 5m\ncondition: {gte: 1}", "no `field`"),
        ("type: value_sum\nrules: [a]\ntimespan: 5m\ncondition: {field: [f, g], gte: 1}", "several fields"),
        ("type: value_avg\nrules: [a]\ntimespan: 5m\ncondition: {field: f, percentile: 5, gte: 1}", "`percentile` in a `value_avg`"),
        ("type: value_percentile\nrules: [a]\ntimespan: 5m\ncondition: {field: f, percentile: 101, gte: 1}", "rank from 0 to 100"),
        ("type: event_count\nrules: [a]\ntimespan: 5m\ncondition: {gte: 1}\ngenerate: 1", "`generate` is a number"),
        ("type: temporal\nrules: [a, b]\ntimespan: 5m\naliases: {ip: {zz: f}}", "rule `zz` in alias `ip`"),
        ("type: temporal\nrules: [a, b]\ntimespan: 5m\naliases: {ip: {}}", "alias `ip` has no rules"),
        ("type: temporal\nrules: [x]\ntimespan: 5m", "correlation `X` refers to itself"),
    ] {
        let loaded = correlated(body);
        let said = errors(&loaded);
        assert!(said.iter().any(|e| e.contains(error)), "{body}\n--- wanted\n{error}\n--- said\n{}", said.join("\n"));
        assert_eq!(loaded.set.rules.len(), 3, "the base rules load: {body}");
    }
}

#[test]
fn aliases_and_group_by_are_linked() {
    let loaded = correlated(
        "type: temporal\nrules: [a, id-b]\ntimespan: 5m\ngroup-by: [ip, user]\naliases:\n  ip: {a: src, b: dst}\n  user: {a: u}\n  odd: {a: o}",
    );
    let c = correlation(&loaded);
    assert_eq!(c.group_by, ["ip", "user"]);
    assert_eq!(c.aliases["ip"], std::collections::BTreeMap::from([(0, "src".to_owned()), (1, "dst".to_owned())]));
    assert_eq!(c.timespan_ms, 300_000);
    let said = all(&loaded);
    assert!(said.contains("alias `user` says nothing for rule `b`") && said.contains("alias `odd` is not used"), "{said}");
}

/// A child correlation `m` over a, grouped by user and ip, and a parent with this body.
fn nested(parent: &str) -> Loaded {
    let parent: String = parent.lines().map(|l| format!("  {l}\n")).collect();
    let child = "---\ntitle: M\nid: m\ncorrelation:\n  type: event_count\n  rules: [a]\n  group-by: [user, ip]\n  timespan: 5m\n  condition: {gte: 3}\n";
    let b = BASE.replace("title: A", "title: B").replace("id-a", "id-b").replace("name: a", "name: b");
    text(&format!("{BASE}---\n{b}{child}---\ntitle: P\nid: p\ncorrelation:\n{parent}"))
}

#[test]
fn correlations_over_correlations() {
    let good = nested("type: temporal_ordered\nrules: [m, b]\ntimespan: 5m\ngroup-by: [user]");
    assert!(errors(&good).is_empty(), "{}", all(&good));
    assert_eq!(good.set.rules.iter().map(|r| r.meta.id.as_str()).collect::<Vec<_>>(), ["id-a", "id-b", "m", "p"]);
    assert_eq!(good.set.rules.iter().map(|r| r.alerts).collect::<Vec<_>>(), [false, false, false, true]);
    let aliased = nested("type: temporal\nrules: [m, b]\ntimespan: 5m\ngroup-by: [who]\naliases: {who: {m: user, b: u}}");
    assert!(errors(&aliased).is_empty(), "{}", all(&aliased));
    let other = nested("type: temporal\nrules: [m, b]\ntimespan: 5m\ngroup-by: [account]");
    assert!(all(&other).contains("group-by `account` over correlation `m`: its results are known only by its own group-by (user, ip)"));
    let values = nested("type: value_count\nrules: [m]\ntimespan: 5m\ncondition: {field: f, gte: 2}");
    assert!(all(&values).contains("a correlation has no values to measure"), "{}", all(&values));
    assert!(errors(&nested("type: event_count\nrules: [m, b]\ntimespan: 5m\ncondition: {gte: 2}")).is_empty());
}

#[test]
fn one_bad_rule_hides_no_other_and_says_whom_it_takes_along() {
    let loaded = nested("type: temporal\nrules: [m, b]\ntimespan: 5m");
    assert_eq!(loaded.set.rules.len(), 4);
    let broken = text(&format!(
        "{}---\ntitle: M\nid: m\ncorrelation: {{type: event_count, rules: [a], timespan: 5m, condition: {{gte: 3}}}}\n---\n{}",
        BASE.replace("condition: s", "condition: t"),
        BASE.replace("id-a", "id-z").replace("name: a", "name: z"),
    ));
    let said = errors(&broken);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[1].contains("rule `a`: it does not load itself (t.yml:1:1)"), "{said:?}");
    assert_eq!(broken.set.rules.len(), 1);
}

#[test]
fn circles_are_refused_and_end() {
    let circle =
        |id: &str, to: &str| format!("---\ntitle: {id}\nid: {id}\ncorrelation: {{type: temporal, rules: [{to}, a], timespan: 5m}}\n");
    let loaded = text(&format!("{BASE}{}{}{}", circle("p", "q"), circle("q", "r"), circle("r", "p")));
    let said = errors(&loaded).join("\n");
    assert!(said.contains("refers to itself") && said.contains("does not load itself"), "{said}");
    assert_eq!(loaded.set.rules.len(), 1);
}

#[test]
fn duplicates_name_both_places() {
    let loaded = load(&[
        RuleFile { name: "one.yml".into(), text: BASE.into() },
        RuleFile { name: "two.yml".into(), text: format!("\n{}", BASE.replace("title: A", "title: B")) },
    ]);
    let said = errors(&loaded);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("two.yml:2:1: duplicate id or name `a`: rule `A` at one.yml:1:1 has it already"), "{said:?}");
    assert_eq!(loaded.set.rules.len(), 1);
}

#[test]
fn generate_in_both_places_and_the_warning_about_muted_rules() {
    let muted = correlated("type: temporal\nrules: [a, b]\ntimespan: 5m");
    assert!(all(&muted).contains("t.yml:1:1: warning: rule `A` is muted: correlation `X` refers to it"), "{}", all(&muted));
    assert!(!muted.set.rules[0].alerts && muted.set.rules[2].alerts);
    let inside = correlated("type: temporal\nrules: [a, b]\ntimespan: 5m\ngenerate: true");
    assert!(inside.set.rules[0].alerts && !all(&inside).contains("is muted"));
    let outside = text(&format!("{BASE}---\ntitle: X\nid: x\ngenerate: true\ncorrelation: {{type: temporal, rules: [a], timespan: 5m}}\n"));
    assert!(correlation(&outside).generate && outside.set.rules[0].alerts, "{}", all(&outside));
    let misplaced = text(&format!("{BASE}generate: true\n"));
    assert!(all(&misplaced).contains("`generate` in a rule that is no correlation"));
}

fn filtered(filter: &str) -> Loaded {
    text(&format!("{BASE}---\ntitle: F\nlogsource: {{product: aws}}\nfilter:\n{filter}"))
}

fn condition(loaded: &Loaded) -> Expr {
    match &loaded.set.rules[0].body {
        Body::Detection(rule) => rule.condition.clone(),
        Body::Correlation(_) => panic!(),
    }
}

#[test]
fn filters_exclude_whatever_way_they_are_written() {
    let plain = filtered("  rules: [a]\n  selection: {u: x}\n  condition: selection\n");
    let negated = filtered("  rules: any\n  selection: {u: x}\n  condition: not selection\n");
    assert!(errors(&plain).is_empty() && errors(&negated).is_empty(), "{}{}", all(&plain), all(&negated));
    assert_eq!(condition(&plain), condition(&negated));
    let Expr::And(parts) = condition(&plain) else { panic!() };
    assert!(matches!(&parts[1], Expr::Not(_)));
    assert_eq!(plain.set.rules[0].digest, negated.set.rules[0].digest);
    assert_ne!(plain.set.rules[0].digest, text(BASE).set.rules[0].digest);
    let mixed = filtered("  rules: [id-a]\n  s: {u: x}\n  t: {u: y}\n  condition: s and not t\n");
    assert!(all(&mixed).contains("warning: filter condition `s and not t`"), "{}", all(&mixed));
    assert!(matches!(condition(&mixed), Expr::And(parts) if matches!(&parts[1], Expr::Not(_))));
    let several = filtered("  rules: any\n  s_1: {u: x}\n  s_2: {u: y}\n  condition: not 1 of s_*\n");
    assert!(matches!(condition(&several), Expr::And(parts) if matches!(&parts[1], Expr::Not(p) if matches!(p.as_ref(), Expr::Or(_)))));
}

#[test]
fn filters_are_refused_with_a_reason() {
    for (filter, error) in [
        ("  rules: [zz]\n  s: {u: x}\n  condition: s\n", "rule `zz`: filter `F` names a rule that does not exist"),
        ("  s: {u: x}\n  condition: s\n", "no `rules`"),
        ("  rules: []\n  s: {u: x}\n  condition: s\n", "`rules` is a list"),
        ("  rules: any\n  s: {u: x}\n", "no `condition`"),
        ("  rules: any\n  s: {u: x}\n  condition: t\n", "undefined selection `t`"),
    ] {
        let loaded = filtered(filter);
        assert!(all(&loaded).contains(error), "{filter}: {}", all(&loaded));
        assert_eq!(condition(&loaded), condition(&text(BASE)), "the rule loads unfiltered");
    }
    let other = text(&format!("{BASE}---\ntitle: F\nlogsource: {{product: gcp}}\nfilter:\n  rules: [a]\n  s: {{u: x}}\n  condition: s\n"));
    assert!(all(&other).contains("a rule of another logsource"));
    let any = text(&format!("{BASE}---\ntitle: F\nlogsource: {{product: gcp}}\nfilter:\n  rules: any\n  s: {{u: x}}\n  condition: s\n"));
    assert!(errors(&any).is_empty());
    assert_eq!(condition(&any), condition(&text(BASE)));
}

#[test]
fn documents_are_refused_with_a_reason() {
    let detection = "detection:\n  s: {a: 1}\n  condition: s\n";
    for (document, error) in [
        (format!("title: T\n{detection}"), "no `logsource`"),
        (format!("title: T\nlogsource: {{}}\n{detection}"), "an empty `logsource`"),
        (format!("title: T\nlogsource: {{definition: d}}\n{detection}"), "an empty `logsource`"),
        (format!("title: T\nlogsource: {{product: aws, servce: x}}\n{detection}"), "`servce` in `logsource` (did you mean `service`?)"),
        (format!("title: T\nlogsource: {{product: aws, index: x}}\n{detection}"), "unknown key `index` in `logsource`"),
        (format!("title: T\nlogsource: {{product: [aws]}}\n{detection}"), "`product` is a list"),
        (format!("logsource: {{product: aws}}\n{detection}"), "no `title`"),
        ("title: T\nlogsource: {product: aws}\n".to_owned(), "no `detection`"),
        (format!("title: T\nlogsource: {{product: aws}}\n{detection}correlation: {{}}\n"), "`detection` and `correlation` in one document"),
        ("- a\n- b\n".to_owned(), "the document is a list"),
        (format!("title: T\nstatus: unsupported\nlogsource: {{product: aws}}\n{detection}"), "`status: unsupported`"),
        (format!("title: T\nfalsepositive: x\nlogsource: {{product: aws}}\n{detection}"), "did you mean `falsepositives`"),
        ("title: T\nlogsource: {product: aws}\ndetection: []\n".to_owned(), "`detection` is a list"),
    ] {
        let loaded = text(&document);
        assert!(errors(&loaded).join("\n").contains(error), "{document}: {}", all(&loaded));
        assert!(loaded.set.rules.is_empty(), "{document}");
    }
}

#[test]
fn logsources_are_lower_case_and_strange_ones_are_warned_of() {
    let loaded = text(&BASE.replace("{product: aws, service: cloudtrail}", "{product: AWS, service: CloudTrail, definition: d}"));
    let Body::Detection(rule) = &loaded.set.rules[0].body else { panic!() };
    assert_eq!((rule.logsource.product.as_deref(), rule.logsource.service.as_deref()), (Some("aws"), Some("cloudtrail")));
    assert!(loaded.diagnostics.is_empty(), "{}", all(&loaded));
    assert!(all(&text(&BASE.replace("cloudtrail", "cloudtial"))).contains("warning: service `cloudtial` of product `aws`"));
}

#[test]
fn what_an_author_should_look_at_is_warned_of() {
    for (from, to, warning) in [
        ("level", "status: experimental\nlevel", "`status: experimental`"),
        ("level", "status: deprecated\nlevel", "`status: deprecated`"),
        ("id: id-a\n", "", "no `id`"),
        ("level", "taxonomy: ecs\nlevel", "taxonomy `ecs`"),
    ] {
        let loaded = text(&BASE.replacen(from, to, 1));
        assert!(all(&loaded).contains(&format!("warning: {warning}")), "{}", all(&loaded));
        assert_eq!(loaded.set.rules.len(), 1);
    }
}

#[test]
fn the_set_is_sorted_by_id_whatever_the_order_of_files() {
    let file = |id: &str| RuleFile { name: format!("{id}.yml"), text: BASE.replace("id-a", id).replace("name: a\n", "") };
    let forward = load(&[file("1"), file("2"), file("10")]);
    let backward = load(&[file("10"), file("2"), file("1")]);
    let ids: Vec<&str> = forward.set.rules.iter().map(|r| r.meta.id.as_str()).collect();
    assert_eq!(ids, ["1", "10", "2"]);
    assert_eq!(forward.set.digest, backward.set.digest);
}

#[test]
fn nothing_is_no_problem() {
    for nothing in ["", "# only a comment\n", "---\n---\n"] {
        let loaded = text(nothing);
        assert!(loaded.diagnostics.is_empty() && loaded.set.rules.is_empty(), "{}", all(&loaded));
    }
}
