//! What `rules test` says: text for people, JSON, JUnit.

use super::{Arguments, Results, Tested};
use crate::cli::replay::write_lines;
use crate::cli::{Failure, screen};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde_json::{Value, json};
use std::rc::Rc;
use tidegate_core::workbench::branch_coverage::Point;
use tidegate_core::workbench::{CaseReport, Counterexample, Difference, Outcome, VariantReport};

/// Writes and prints all that was asked for.
pub(super) fn all(arguments: &Arguments, results: &Results) -> Result<(), Failure> {
    if let Some(path) = &arguments.junit {
        std::fs::write(path, junit(&results.tested)?).map_err(|e| Failure::failed(format!("cannot write {}: {e}", path.display())))?;
    }
    if let Some(path) = &arguments.alerts {
        let alerts = results.cases().flat_map(|c| &c.alerts);
        write_lines(path, alerts.map(ToString::to_string))?;
    }
    if arguments.json { json(results) } else { text(results, arguments.strict) }
}

/// Prints what failed, what is missing, and the sums.
fn text(results: &Results, strict: bool) -> Result<(), Failure> {
    let mut lines = Vec::new();
    let doubt = |text: String| if strict { screen::red(&text) } else { screen::yellow(&text) };
    for file in &results.tested {
        file.cases.iter().filter(|case| case.outcome != Outcome::Passed).for_each(|case| lines.extend(failure(case)));
        lines.extend(file.lacks.iter().map(|lack| doubt(format!("{}: should have {lack}", file.file))));
    }
    lines.extend(results.untested.iter().map(|rule| doubt(format!("{rule}: has no test beside it"))));
    let points: Vec<&Point> = results.tested.iter().flat_map(|file| &file.points).collect();
    lines.extend(points.iter().filter(|point| !point.covered).map(|point| uncovered(point)));
    if !points.is_empty() {
        let covered = points.iter().filter(|point| point.covered).count();
        lines.push(format!("coverage: {covered} of {} selections, values, branches, correlations and thresholds", points.len()));
    }
    let (cases, variants) = (results.cases().count(), results.cases().map(|c| c.variants.len()).sum::<usize>());
    let failed = results.cases().filter(|case| case.outcome != Outcome::Passed).count();
    lines.push(format!("{} test files, {cases} cases, {variants} variants", results.tested.len()));
    lines.push(format!("{} passed, {failed} failed", cases - failed));
    screen::print(lines)
}

fn uncovered(point: &Point) -> String {
    let place = screen::yellow(&format!("{}:{}", point.place.file, point.place.line));
    format!("{place}: {} ({})", point.what, point.rule)
}

fn failure(case: &CaseReport) -> Vec<String> {
    let mut lines = vec![format!("{} {}:{}: {}", screen::red("FAIL"), case.place.file, case.place.line, case.name)];
    if let Outcome::Failed(differences) = &case.outcome {
        lines.extend(side_by_side(differences));
    }
    for (variant, smallest) in failed_variants(case) {
        lines.push(format!("       variant {} ({}) gives other alerts", screen::bold(variant.kind), variant.about));
        lines.extend(side_by_side(&differences(smallest)));
        lines.push("       the smallest such variant, as a case of its own:".to_owned());
        lines.extend(smallest.yaml.lines().map(str::to_owned));
    }
    lines
}

fn failed_variants(case: &CaseReport) -> impl Iterator<Item = (&VariantReport, &Counterexample)> {
    case.variants.iter().filter_map(|variant| variant.failure.as_ref().map(|smallest| (variant, smallest)))
}

fn differences(smallest: &Counterexample) -> Vec<Difference> {
    let text = |of: &[_], n: usize| of.get(n).map_or_else(|| "none".to_owned(), ToString::to_string);
    let most = smallest.expected.len().max(smallest.came.len());
    let of = |n| Difference { what: format!("alert {}", n + 1), expected: text(&smallest.expected, n), came: text(&smallest.came, n) };
    (0..most).map(of).filter(|d| d.expected != d.came).collect()
}

/// A table of what was expected and what came; long texts stand below each other.
fn side_by_side(differences: &[Difference]) -> Vec<String> {
    const WIDE: usize = 40;
    let mut lines = Vec::new();
    let short: Vec<&Difference> = differences.iter().filter(|d| d.expected.len().max(d.came.len()) <= WIDE).collect();
    if !short.is_empty() {
        let width = |of: fn(&Difference) -> &str, least: usize| short.iter().map(|d| of(d).chars().count()).max().unwrap_or(0).max(least);
        let (what, expected) = (width(|d| &d.what, 4), width(|d| &d.expected, 8));
        lines.push(screen::bold(&format!("       {:what$}  {:expected$}  came", "", "expected")));
        lines.extend(short.iter().map(|d| format!("       {:what$}  {:expected$}  {}", d.what, d.expected, d.came)));
    }
    for d in differences.iter().filter(|d| d.expected.len().max(d.came.len()) > WIDE) {
        lines.push(format!("       {}", d.what));
        lines.push(format!("         expected  {}", d.expected));
        lines.push(format!("         came      {}", d.came));
    }
    lines
}

/// Prints one JSON document.
fn json(results: &Results) -> Result<(), Failure> {
    let tested: Vec<Value> = results.tested.iter().map(|file| file_json(file)).collect();
    screen::print([json!({"files": tested, "untested": results.untested}).to_string()])
}

fn file_json(tested: &Tested) -> Value {
    let point = |p: &Point| {
        json!({"file": *p.place.file, "line": p.place.line, "column": p.place.column, "rule": p.rule, "kind": p.kind, "what": p.what,
            "covered": p.covered})
    };
    json!({"file": tested.file, "cases": tested.cases.iter().map(case_json).collect::<Vec<_>>(), "lacks": tested.lacks,
        "coverage": tested.points.iter().map(point).collect::<Vec<_>>()})
}

fn case_json(case: &CaseReport) -> Value {
    let different = |all: &[Difference]| -> Vec<Value> {
        all.iter().map(|d| json!({"what": d.what, "expected": d.expected, "came": d.came})).collect()
    };
    let own = if let Outcome::Failed(all) = &case.outcome { different(all) } else { Vec::new() };
    let variant = |v: &VariantReport| {
        let smallest = v.failure.as_ref().map(|f| json!({"differences": different(&differences(f)), "case": f.yaml}));
        json!({"kind": v.kind, "about": v.about, "passed": v.failure.is_none(), "smallest": smallest})
    };
    let left_out: Vec<Value> = case.left_out.iter().map(|(kind, why)| json!({"kind": kind, "why": why})).collect();
    json!({"name": case.name, "line": case.place.line, "passed": case.outcome == Outcome::Passed, "differences": own,
        "variants": case.variants.iter().map(variant).collect::<Vec<_>>(), "left_out": left_out})
}

/// A JUnit report. A case is a test; a variant that failed is one more, so that it has a name of its own.
fn junit(tested: &[Rc<Tested>]) -> Result<String, Failure> {
    let mut report = Report::new("tidegate rules test");
    for file in tested {
        let mut suite = TestSuite::new(file.file.as_str());
        for case in &file.cases {
            let own: &[Difference] = if let Outcome::Failed(all) = &case.outcome { all } else { &[] };
            let mut one = test(file, &case.name, own, None);
            one.set_system_out(format!("{} variants", case.variants.len()));
            suite.add_test_case(one);
            for (variant, smallest) in failed_variants(case) {
                let name = format!("{} [{}: {}]", case.name, variant.kind, variant.about);
                suite.add_test_case(test(file, &name, &differences(smallest), Some(&smallest.yaml)));
            }
        }
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|e| Failure::failed(format!("cannot write the JUnit report: {e}")))
}

fn test(file: &Tested, name: &str, differences: &[Difference], smallest: Option<&str>) -> TestCase {
    let mut status = TestCaseStatus::success();
    if !differences.is_empty() || smallest.is_some() {
        status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_message(differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"));
        if let Some(yaml) = smallest {
            status.set_description(yaml);
        }
    }
    let mut one = TestCase::new(name, status);
    one.set_classname(file.file.as_str());
    one
}
