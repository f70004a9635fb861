//! `tidegate rules test`: the tests beside rules, run through the same core as everything else.

use super::check::line;
use crate::cli::replay::write_lines;
use crate::cli::{Exit, Failure, screen};
use crate::io::rules::{BUILTIN, is_test, pack, read_rules, read_tests};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::path::PathBuf;
use std::sync::Arc;
use tidegate_core::rule::{Gravity, RuleFile, load};
use tidegate_core::workbench::{CaseReport, Outcome, run::missing_classes, run_suite, suite};

const EXAMPLES: &str = "Examples:
  tidegate rules test my-rules/
  tidegate rules test my-rules/console_brute_force.yml
  tidegate rules test builtin --junit report.xml";

/// What was typed.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// Folders, rule files or test files; `builtin` for the shipped pack
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<String>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
    /// Also write a JUnit report
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Also write the alerts of all cases as NDJSON
    #[arg(long, value_name = "FILE")]
    alerts: Option<String>,
    /// A rule without tests, or tests that lack a required class of case, count as failures
    #[arg(long)]
    strict: bool,
}

/// One test file and how it ended.
struct Tested {
    file: String,
    cases: Vec<CaseReport>,
    lacks: Vec<String>,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let tests = test_files(&arguments.paths)?;
    let untested = untested(&arguments.paths, &tests)?;
    let tested = tests.iter().map(run_file).collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = &arguments.junit {
        std::fs::write(path, junit(&tested)?).map_err(|e| Failure::failed(format!("cannot write {}: {e}", path.display())))?;
    }
    if let Some(path) = &arguments.alerts {
        let alerts = tested.iter().flat_map(|t| &t.cases).flat_map(|c| &c.alerts);
        write_lines(path, alerts.map(ToString::to_string))?;
    }
    if arguments.json {
        print_json(&tested, &untested)
    } else {
        print_text(&tested, &untested, arguments.strict)
    }
    let failed = tested.iter().any(|t| t.cases.iter().any(|c| c.outcome != Outcome::Passed));
    let incomplete = !untested.is_empty() || tested.iter().any(|t| !t.lacks.is_empty());
    Ok(if failed || (arguments.strict && incomplete) { Exit::Found } else { Exit::Fine })
}

/// The test files under the paths; for a rule file the one beside it.
fn test_files(paths: &[String]) -> Result<Vec<RuleFile>, Failure> {
    let beside = |path: &String| match path.strip_suffix(".yml").or_else(|| path.strip_suffix(".yaml")) {
        Some(stem) if !is_test(path) => format!("{stem}.test.yaml"),
        _ => path.clone(),
    };
    read_tests(&paths.iter().map(beside).collect::<Vec<_>>()).map_err(Failure::failed)
}

/// Rule files without a test beside them.
fn untested(paths: &[String], tests: &[RuleFile]) -> Result<Vec<String>, Failure> {
    let folders: Vec<String> = paths.iter().filter(|p| !is_test(p)).cloned().collect();
    if folders.is_empty() {
        return Ok(Vec::new());
    }
    let rules = read_rules(&folders).map_err(Failure::failed)?;
    let has = |rule: &RuleFile| tests.iter().any(|t| rule_of(&t.name) == rule.name);
    Ok(rules.into_iter().filter(|r| !has(r)).map(|r| r.name).collect())
}

/// The rule file a test stands beside.
fn rule_of(test: &str) -> String {
    test.trim_end_matches(".yaml").trim_end_matches(".yml").trim_end_matches(".test").to_owned() + ".yml"
}

fn run_file(file: &RuleFile) -> Result<Tested, Failure> {
    let parsed = suite::parse(&file.name, &file.text);
    let suite = parsed.map_err(|problems| Failure::usage(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
    let own = rule_of(&file.name);
    let folder = own.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut names = vec![own.clone()];
    names.extend(suite.with.iter().map(|w| if folder.is_empty() { w.clone() } else { format!("{folder}/{w}") }));
    let files = names.iter().map(|n| rule_file(n)).collect::<Result<Vec<_>, _>>()?;
    let loaded = load(&files);
    let errors: Vec<String> = loaded.diagnostics.iter().filter(|d| d.gravity == Gravity::Error).map(line).collect();
    if !errors.is_empty() {
        return Err(Failure::usage(format!("the rules do not load:\n{}", errors.join("\n"))));
    }
    let cases = run_suite(&Arc::new(loaded.set), &suite, &[own]);
    Ok(Tested { file: file.name.clone(), cases, lacks: missing_classes(&suite) })
}

/// A rule file on disk or in the shipped pack, `..` resolved.
fn rule_file(name: &str) -> Result<RuleFile, Failure> {
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/') {
        match part {
            ".." if parts.last().is_some_and(|p| *p != "..") => _ = parts.pop(),
            "." => {}
            part => parts.push(part),
        }
    }
    let clean = parts.join("/");
    if let Some(shipped) = clean.strip_prefix(BUILTIN).and_then(|p| p.strip_prefix('/')) {
        let found = pack::FILES.iter().find(|(path, _)| *path == shipped);
        let (_, text) = found.ok_or_else(|| Failure::failed(format!("no shipped rule {shipped}")))?;
        return Ok(RuleFile { name: name.to_owned(), text: (*text).to_owned() });
    }
    let text = std::fs::read_to_string(&clean)
        .map_err(|e| Failure::failed(format!("cannot read {clean}: {e}; a test NAME.test.yaml stands beside NAME.yml")))?;
    Ok(RuleFile { name: name.to_owned(), text })
}

fn print_text(tested: &[Tested], untested: &[String], strict: bool) {
    let (mut passed, mut failed) = (0, 0);
    let doubt = |text: String| if strict { screen::red(&text) } else { screen::yellow(&text) };
    for file in tested {
        for case in &file.cases {
            match &case.outcome {
                Outcome::Passed => passed += 1,
                Outcome::Failed(why) => {
                    failed += 1;
                    anstream::println!("{} {}:{}: {}", screen::red("FAIL"), case.place.file, case.place.line, case.name);
                    why.iter().for_each(|w| anstream::println!("       {w}"));
                }
            }
        }
        for lack in &file.lacks {
            anstream::println!("{}", doubt(format!("{}: should have {lack}", file.file)));
        }
    }
    for rule in untested {
        anstream::println!("{}", doubt(format!("{rule}: has no test beside it")));
    }
    println!("{} test files, {} cases", tested.len(), passed + failed);
    println!("{passed} passed, {failed} failed");
}

fn print_json(tested: &[Tested], untested: &[String]) {
    let case = |c: &CaseReport| {
        let why = if let Outcome::Failed(why) = &c.outcome { why.clone() } else { Vec::new() };
        serde_json::json!({"name": c.name, "line": c.place.line, "passed": c.outcome == Outcome::Passed, "differences": why})
    };
    let file = |t: &Tested| serde_json::json!({"file": t.file, "cases": t.cases.iter().map(case).collect::<Vec<_>>(), "lacks": t.lacks});
    println!("{}", serde_json::json!({"files": tested.iter().map(file).collect::<Vec<_>>(), "untested": untested}));
}

fn junit(tested: &[Tested]) -> Result<String, Failure> {
    let mut report = Report::new("tidegate rules test");
    for file in tested {
        let mut suite = TestSuite::new(file.file.as_str());
        for case in &file.cases {
            let mut status = TestCaseStatus::success();
            if let Outcome::Failed(why) = &case.outcome {
                status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status.set_message(why.join("\n"));
            }
            let mut one = TestCase::new(case.name.as_str(), status);
            one.set_classname(file.file.as_str());
            suite.add_test_case(one);
        }
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|e| Failure::failed(format!("cannot write the JUnit report: {e}")))
}
