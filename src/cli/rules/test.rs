//! `tidegate rules test`: the tests beside rules, run through the same core as everything else.

mod report;
mod watch;

use super::check::line;
use crate::cli::{Exit, Failure, screen};
use crate::io::rules::{BUILTIN, is_test, pack, read_rules, read_tests};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use tidegate_core::rule::{Gravity, RuleFile, RuleSet, load};
use tidegate_core::workbench::branch_coverage::{Point, coverage};
use tidegate_core::workbench::suite::Case;
use tidegate_core::workbench::{Bench, CaseReport, Options, Outcome, Suite, run::missing_classes, suite};

const EXAMPLES: &str = "Examples:
  tidegate rules test my-rules/
  tidegate rules test my-rules/console_brute_force.yml --filter 'twelve failures'
  tidegate rules test my-rules/ --variants 20 --seed 7
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
    /// Run only cases with this in their name, and test files with this in theirs
    #[arg(long, value_name = "NAME")]
    filter: Option<String>,
    /// Run so many variants of each kind that is drawn by chance: orders of arrival, moments, mixtures
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "no_variants")]
    variants: u32,
    /// Where chance starts: the same seed gives the same variants
    #[arg(long, value_name = "S", default_value_t = 1, conflicts_with = "no_variants")]
    seed: u64,
    /// Run each case only as it is written
    #[arg(long)]
    no_variants: bool,
    /// Name every selection, value, branch and threshold of the rules that no case shows
    #[arg(long, conflicts_with = "filter")]
    coverage: bool,
    /// Test again what changed whenever a file changes; Ctrl-C ends
    #[arg(long)]
    watch: bool,
}

impl Arguments {
    fn options(&self) -> Options {
        Options { variants: (!self.no_variants).then_some(self.variants), seed: self.seed }
    }

    /// Whether a case is asked for.
    fn wants(&self, file: &str, case: &str) -> bool {
        self.filter.as_ref().is_none_or(|wanted| case.contains(wanted.as_str()) || file.contains(wanted.as_str()))
    }
}

/// One test file and how it ended.
struct Tested {
    file: String,
    cases: Vec<CaseReport>,
    lacks: Vec<String>,
    /// With `--coverage`.
    points: Vec<Point>,
}

/// What was tested before, and with which files: those that are the same are not tested again.
#[derive(Default)]
struct Memory {
    tested: BTreeMap<String, (Vec<RuleFile>, Rc<Tested>)>,
    /// Test files that were run.
    runs: usize,
}

impl Memory {
    /// The names of all files that tests read.
    fn files(&self) -> impl Iterator<Item = String> + '_ {
        self.tested.values().flat_map(|(files, _)| files.iter().map(|file| file.name.clone()))
    }

    /// What a test gave, if all its files are as they were.
    fn of(&self, file: &Prepared) -> Option<Rc<Tested>> {
        let (files, tested) = self.tested.get(&file.name)?;
        let same = files.len() == file.files.len() && files.iter().zip(&file.files).all(|(a, b)| (&a.name, &a.text) == (&b.name, &b.text));
        same.then(|| Rc::clone(tested))
    }
}

/// All of them, and the rules that have none.
struct Results {
    tested: Vec<Rc<Tested>>,
    untested: Vec<String>,
}

impl Results {
    fn cases(&self) -> impl Iterator<Item = &CaseReport> {
        self.tested.iter().flat_map(|file| &file.cases)
    }

    fn exit(&self, strict: bool) -> Exit {
        let failed = self.cases().any(|case| case.outcome != Outcome::Passed);
        let incomplete = !self.untested.is_empty() || self.tested.iter().any(|t| !t.lacks.is_empty());
        if failed || (strict && incomplete) { Exit::Found } else { Exit::Fine }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    if arguments.watch {
        return watch::run(arguments);
    }
    let results = run_all(arguments, &mut Memory::default())?;
    report::all(arguments, &results)?;
    Ok(results.exit(arguments.strict))
}

fn run_all(arguments: &Arguments, memory: &mut Memory) -> Result<Results, Failure> {
    let files = test_files(&arguments.paths)?;
    let untested = if arguments.filter.is_some() { Vec::new() } else { untested(&arguments.paths, &files)? };
    let prepared = files.iter().map(Prepared::read).collect::<Result<Vec<_>, _>>()?;
    let wanted = |file: &Prepared| file.suite.cases.iter().filter(|c| arguments.wants(&file.name, &c.name)).count();
    let total: usize = prepared.iter().map(wanted).sum();
    if let (0, Some(name)) = (total, &arguments.filter) {
        return Err(Failure::usage(format!("no case has `{name}` in its name: look at the names in the test files")));
    }
    let bar = screen::things_progress(total as u64, "testing");
    let mut tested = Vec::new();
    for file in prepared.iter().filter(|file| wanted(file) > 0) {
        let known = memory.of(file);
        let now = known.map_or_else(|| file.run(arguments, &bar).map(Rc::new), Ok)?;
        memory.runs += usize::from(memory.of(file).is_none());
        memory.tested.insert(file.name.clone(), (file.files.clone(), Rc::clone(&now)));
        tested.push(now);
    }
    bar.finish_and_clear();
    Ok(Results { tested, untested })
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

/// A test file and its rules.
struct Prepared {
    name: String,
    /// The rule file it stands beside.
    own: String,
    suite: Suite,
    set: Arc<RuleSet>,
    /// All that was read: the rule file it stands beside first, the test itself last.
    files: Vec<RuleFile>,
}

impl Prepared {
    fn read(file: &RuleFile) -> Result<Self, Failure> {
        let parsed = suite::parse(&file.name, &file.text);
        let suite = parsed.map_err(|problems| Failure::usage(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))?;
        let own = rule_of(&file.name);
        let folder = own.rsplit_once('/').map_or("", |(folder, _)| folder);
        let mut names = vec![own.clone()];
        names.extend(suite.with.iter().map(|w| if folder.is_empty() { w.clone() } else { format!("{folder}/{w}") }));
        let mut files = names.iter().map(|n| rule_file(n)).collect::<Result<Vec<_>, _>>()?;
        let loaded = load(&files);
        let errors: Vec<String> = loaded.diagnostics.iter().filter(|d| d.gravity == Gravity::Error).map(line).collect();
        if !errors.is_empty() {
            return Err(Failure::usage(format!("the rules do not load:\n{}", errors.join("\n"))));
        }
        files.push(file.clone());
        Ok(Prepared { name: file.name.clone(), own, suite, set: Arc::new(loaded.set), files })
    }

    /// Runs the cases that are asked for.
    fn run(&self, arguments: &Arguments, bar: &indicatif::ProgressBar) -> Result<Tested, Failure> {
        let wanted: Vec<&Case> = self.suite.cases.iter().filter(|c| arguments.wants(&self.name, &c.name)).collect();
        let bench = Bench::new(&self.set, &self.suite, std::slice::from_ref(&self.own), arguments.options());
        let bench = bench.map_err(|why| Failure::usage(format!("{}: {why}", self.name)))?;
        let run = |case: &Case| {
            bar.set_message(case.name.clone());
            bar.inc(1);
            bench.run(case)
        };
        let cases = wanted.into_iter().map(run).collect();
        let lacks = if arguments.filter.is_some() { Vec::new() } else { missing_classes(&self.suite) };
        let points = if arguments.coverage { coverage(&self.set, &self.suite, &self.files[0]) } else { Ok(Vec::new()) };
        let points = points.map_err(|why| Failure::usage(format!("{}: {why}", self.name)))?;
        Ok(Tested { file: self.name.clone(), cases, lacks, points })
    }
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
