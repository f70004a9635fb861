//! The difference as a JUnit report: a case per limit, which fails if it was crossed, and a case per rule with its counts.

use super::Report;
use crate::cli::Failure;
use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};
use tidegate_core::workbench::diff::Counts;

/// The report as XML.
pub(super) fn report(report: &Report<'_>) -> Result<String, Failure> {
    let total = &report.comparison.difference.total;
    let mut limits = TestSuite::new("limits");
    for limit in report.limits.iter().flat_map(|l| &l.0) {
        let mut case = TestCase::new(limit.to_string(), TestCaseStatus::success());
        if let Some(crossed) = limit.crossed(total) {
            case.status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            case.status.set_message(crossed.to_string());
        }
        limits.add_test_case(case);
    }
    let mut rules = TestSuite::new("rules");
    for (id, counts) in &report.comparison.difference.rules {
        let mut case = TestCase::new(id.clone(), TestCaseStatus::success());
        case.set_system_out(line(counts));
        rules.add_test_case(case);
    }
    let mut out = Junit::new("tidegate replay --baseline");
    out.add_test_suite(limits);
    out.add_test_suite(rules);
    out.to_string().map_err(|e| Failure::failed(format!("cannot write the JUnit report: {e}")))
}

fn line(c: &Counts) -> String {
    format!(
        "alerts {} -> {}: {} added, {} removed, {} changed; pages {} -> {}",
        c.old, c.new, c.added, c.removed, c.changed, c.pages_old, c.pages_new
    )
}
