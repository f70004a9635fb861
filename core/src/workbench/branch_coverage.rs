//! Which parts of a rule its tests touch: selections, values of lists, branches of the condition, correlations and thresholds.
//!
//! Each part is made a rule of its own and matched by the same detector, so that a part is covered by what really matches.

use super::engine::Engine;
use super::script::Script;
use super::suite::Suite;
use crate::event::Detection;
use crate::rule::branches::{Apart, Branch, apart};
use crate::rule::{Body, Compare, Correlation, CorrelationKind, DetectionRule, Expr, Place, Rule, RuleFile, RuleSet, Thresholds};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One thing that a test should show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// Title of the rule.
    pub rule: String,
    /// Where the part stands.
    pub place: Place,
    /// `rule`, `selection`, `value`, `branch`, `correlation` or `threshold`.
    pub kind: &'static str,
    /// What no test shows, if none does.
    pub what: String,
    /// Whether a test shows it.
    pub covered: bool,
}

/// The points of the rules in `file`, by the cases of a suite. `set` holds them and what they refer to.
///
/// # Errors
/// If what the suite says about its input cannot be: in words.
pub fn coverage(set: &Arc<RuleSet>, suite: &Suite, file: &RuleFile) -> Result<Vec<Point>, String> {
    let mut points = Vec::new();
    for rule in apart(&file.name, &file.text) {
        if let Some(loaded) = set.rules.iter().find(|r| r.meta.place == rule.place) {
            points.extend(of_detection(loaded, &rule, suite)?);
        }
    }
    points.extend(of_correlations(set, suite, &file.name)?);
    points.sort_by(|a, b| (&a.place, a.kind, &a.what).cmp(&(&b.place, b.kind, &b.what)));
    Ok(points)
}

/// Rules of which each is one part: the first sees whatever the rule sees, then the selections, then their values.
fn parts(loaded: &Rule, rule: &Apart) -> Option<RuleSet> {
    let Body::Detection(detection) = &loaded.body else { return None };
    let selections = rule.selections.iter().map(|s| &s.expr);
    let values = rule.selections.iter().flat_map(|s| &s.values).map(|v| &v.expr);
    let everything = Expr::And(Vec::new());
    let exprs = std::iter::once(&everything).chain(selections).chain(values);
    let part = |(number, expr): (usize, &Expr)| {
        let mut meta = loaded.meta.clone();
        meta.id = format!("{number:06}");
        let body = Body::Detection(DetectionRule { logsource: detection.logsource.clone(), condition: expr.clone() });
        Rule { meta, body, digest: loaded.digest, alerts: true }
    };
    Some(RuleSet { rules: exprs.enumerate().map(part).collect(), digest: loaded.digest })
}

fn of_detection(loaded: &Rule, rule: &Apart, suite: &Suite) -> Result<Vec<Point>, String> {
    let Some(set) = parts(loaded, rule) else { return Ok(Vec::new()) };
    let engine = Engine::new(&Arc::new(set), suite)?;
    // For every event that the rule sees: which parts match it.
    let mut seen: BTreeSet<BTreeSet<u32>> = BTreeSet::new();
    for case in &suite.cases {
        let script = Script::of(suite, case, &engine.columns);
        for detections in engine.detections(&script) {
            let matched: BTreeSet<u32> = detections.iter().filter(|d| !d.flags.witness).map(|d| d.rule).collect();
            if matched.contains(&0) {
                seen.insert(matched);
            }
        }
    }
    let point = |place: &Place, kind, what: String, covered| {
        let (rule, place) = (loaded.meta.title.clone(), place.clone());
        Point { rule, place, kind, what, covered }
    };
    let mut points = vec![point(&rule.place, "rule", "no event of its service".into(), !seen.is_empty())];
    let mut number = rule.selections.len() as u32;
    for (n, selection) in (1u32..).zip(&rule.selections) {
        let (name, any) = (&selection.name, |holds: bool| seen.iter().any(|matched| matched.contains(&n) == holds));
        points.push(point(&selection.place, "selection", format!("selection `{name}` never matches"), any(true)));
        points.push(point(&selection.place, "selection", format!("selection `{name}` matches every event"), any(false)));
        for value in &selection.values {
            number += 1;
            let covered = seen.iter().any(|matched| matched.contains(&number));
            points.push(point(&value.place, "value", format!("`{}` in `{name}` never matches", value.text), covered));
        }
    }
    if let Some(condition) = rule.condition.as_ref().filter(|c| !matches!(c, Branch::Selection(..))) {
        for (n, place) in condition.named() {
            let name = &rule.selections[n].name;
            for (holds, word) in [(true, "by matching"), (false, "by not matching")] {
                let covered = seen.iter().any(|matched| decides(condition, n, holds, matched));
                points.push(point(place, "branch", format!("`{name}` never decides the condition {word}"), covered));
            }
        }
    }
    Ok(points)
}

/// Whether the condition would come out otherwise if only this selection did.
fn decides(condition: &Branch, selection: usize, holds: bool, matched: &BTreeSet<u32>) -> bool {
    let is = |n: usize| matched.contains(&(n as u32 + 1));
    is(selection) == holds && condition.holds(&is) != condition.holds(&|n| is(n) != (n == selection))
}

fn of_correlations(set: &Arc<RuleSet>, suite: &Suite, file: &str) -> Result<Vec<Point>, String> {
    let own: Vec<u32> = (0u32..)
        .zip(&set.rules)
        .filter(|(_, r)| *r.meta.place.file == *file && matches!(r.body, Body::Correlation(_)))
        .map(|(n, _)| n)
        .collect();
    if own.is_empty() {
        return Ok(Vec::new());
    }
    // Correlations that only feed others are made to alert, so that it is seen whether they hold.
    let mut all = (**set).clone();
    all.rules.iter_mut().for_each(|rule| rule.alerts |= matches!(rule.body, Body::Correlation(_)));
    let engine = Engine::new(&Arc::new(all), suite)?;
    let mut found: BTreeMap<u32, Shown> = own.iter().map(|n| (*n, Shown::default())).collect();
    for case in &suite.cases {
        let script = Script::of(suite, case, &engine.columns);
        let ran = engine.run(&script);
        for (rule, shown) in &mut found {
            shown.add(set, *rule, &ran.alerts, ran.detections.iter().flatten());
        }
    }
    Ok(found.into_iter().flat_map(|(rule, shown)| shown.points(set.rule(rule))).collect())
}

/// What the cases showed of a correlation.
#[derive(Debug, Default)]
struct Shown {
    fired: bool,
    silent: bool,
    /// The most that some key had in one window.
    most: BTreeSet<u64>,
}

impl Shown {
    fn add<'d>(&mut self, set: &RuleSet, rule: u32, alerts: &[Value], detections: impl Iterator<Item = &'d Detection>) {
        let Body::Correlation(correlation) = &set.rule(rule).body else { return };
        let of = |n: u32| {
            let id = &set.rule(n).meta.id;
            alerts.iter().any(|a| a["finding_info"]["analytic"]["uid"] == **id)
        };
        let own: Vec<&Detection> = detections.filter(|d| d.target == rule && !d.flags.late && !d.flags.witness).collect();
        let fed = !own.is_empty() || correlation.rules.iter().any(|child| of(*child));
        self.fired |= of(rule);
        self.silent |= fed && !of(rule);
        let mut keys: BTreeMap<_, Vec<&Detection>> = BTreeMap::new();
        own.iter().for_each(|d| keys.entry(&d.key).or_default().push(d));
        self.most.extend(keys.into_values().map(|mut own| most(correlation, &mut own)));
    }

    fn points(self, rule: &Rule) -> Vec<Point> {
        let Body::Correlation(correlation) = &rule.body else { return Vec::new() };
        let point = |kind, what: String, covered| {
            let (rule, place) = (rule.meta.title.clone(), rule.meta.place.clone());
            Point { rule, place, kind, what, covered }
        };
        let mut points = vec![
            point("correlation", "it never fires".to_owned(), self.fired),
            point("correlation", "it is never silent although its rules match".to_owned(), self.silent),
        ];
        // How often child correlations hold is not counted here.
        if let Some(least) = least(correlation).filter(|_| !self.most.is_empty()) {
            points.push(point("threshold", format!("the threshold is never reached exactly ({least})"), self.most.contains(&least)));
            let missed = least.checked_sub(1).filter(|below| *below > 0);
            points
                .extend(missed.map(|n| point("threshold", format!("the threshold is never missed by one ({n})"), self.most.contains(&n))));
        }
        points
    }
}

/// The least count at which a correlation holds, where that is what its condition asks for.
fn least(correlation: &Correlation) -> Option<u64> {
    let (CorrelationKind::EventCount(Thresholds(all)) | CorrelationKind::ValueCount(_, Thresholds(all))) = &correlation.kind else {
        return None;
    };
    match all[..] {
        [(Compare::Gte, n)] => Some(n.ceil() as u64),
        [(Compare::Gt, n)] => Some(n.floor() as u64 + 1),
        _ => None,
    }
}

/// The most distinct events, findings or values in one window.
fn most(correlation: &Correlation, own: &mut [&Detection]) -> u64 {
    own.sort_by_key(|d| d.time_ms);
    let values = matches!(correlation.kind, CorrelationKind::ValueCount(..));
    let what = |d: &Detection| match (values, d.quantity, d.revision) {
        (true, crate::event::Quantity::Distinct(value), _) => value,
        (_, _, Some(revision)) => revision.finding,
        _ => d.id.0,
    };
    let (mut most, mut start) = (0, 0);
    let mut window: BTreeMap<u128, u32> = BTreeMap::new();
    for end in 0..own.len() {
        *window.entry(what(own[end])).or_default() += 1;
        while own[start].time_ms <= own[end].time_ms - correlation.timespan_ms {
            let left = what(own[start]);
            start += 1;
            if let Some(count) = window.get_mut(&left) {
                *count -= 1;
                if *count == 0 {
                    window.remove(&left);
                }
            }
        }
        most = most.max(window.len());
    }
    most as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::load;
    use crate::workbench::suite::parse;

    const RULES: &str = "title: Three
id: three
level: high
correlation: {type: event_count, rules: [one], group-by: [recipientAccountId], timespan: 10m, condition: {gte: 3}}
---
title: One
id: one
name: one
logsource: {product: aws, service: cloudtrail}
detection:
  made: {eventName: [CreateUser, DeleteUser]}
  ours: {userAgent: terraform}
  condition: made and not ours
";

    fn uncovered(cases: &str) -> Vec<String> {
        let file = RuleFile { name: "r.yml".into(), text: RULES.into() };
        let set = Arc::new(load(std::slice::from_ref(&file)).set);
        let text =
            format!("events: {{made: {{kind: cloudtrail, eventSource: iam.amazonaws.com, eventName: CreateUser}}}}\ncases:\n{cases}");
        let suite = parse("r.test.yaml", &text).unwrap_or_else(|problems| panic!("{problems:?}"));
        let points = coverage(&set, &suite, &file).expect("coverage");
        points.into_iter().filter(|p| !p.covered).map(|p| format!("{}: {}", p.place.line, p.what)).collect()
    }

    #[test]
    fn what_no_case_shows_is_named_with_its_line() {
        let few = "  - {name: few, is: false, events: [{use: made, times: 4, every: 1m}]}\n";
        assert_eq!(
            uncovered(few),
            [
                "1: it is never silent although its rules match",
                "1: the threshold is never missed by one (2)",
                "1: the threshold is never reached exactly (3)",
                "11: selection `made` matches every event",
                "11: `eventName: DeleteUser` in `made` never matches",
                "12: selection `ours` never matches",
                "13: `made` never decides the condition by not matching",
                "13: `ours` never decides the condition by matching",
            ]
        );
        let all = "  - {name: exact, is: true, events: [{use: made, times: 3, every: 1m}, {use: made, at: 5m, set: {eventName: X}}]}
  - {name: missed, is: false, events: [{use: made, times: 2, every: 10m, set: {eventName: DeleteUser}}, {use: made, at: 11m}]}
  - {name: ours, is: false, events: [{use: made, set: {userAgent: terraform}}]}\n";
        assert_eq!(uncovered(all), Vec::<String>::new());
    }
}
