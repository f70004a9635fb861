//! The difference of two rule sets against one replay: 60 rules, ten of which differ, over a day of a synthetic organisation.
//!
//! Prints `name value unit target`. The ratio is of the CPU seconds of the process, both ways in turn, the median of the rounds; one
//! thread reads, so that nothing is won by waiting. What is told must be right: as many alerts as the replay of the new set has.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use tidegate::io::clock::process_cpu_seconds;
use tidegate::io::input::{Input, expand};
use tidegate::io::rules::{is_test, pack};
use tidegate::run::replay::compare::Comparison;
use tidegate::run::replay::measure::{Measuring, measure};
use tidegate::run::replay::{Archived, Recorded, Settings, Watcher, replay};
use tidegate_core::decode::Hints;
use tidegate_core::generate::{Plan, organisation};
use tidegate_core::rule::{RuleFile, RuleSet, load};
use tidegate_core::workbench::Parts;

const ROUNDS: usize = 5;
const RULES: usize = 60;
const CHANGED: usize = 10;
const RATIO_MAX: f64 = 1.3;

struct Quiet;

impl Watcher for Quiet {
    fn read(&self, _: u64) {}
    fn stopped(&self) -> bool {
        false
    }
}

fn main() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-diff-{}", std::process::id()));
    organisation(&Plan { accounts: 300, ..Plan::default() }, &mut |file| {
        let to = place.join(&file.path);
        std::fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        std::fs::write(to, file.stored()).expect("a file");
    });
    let (old, new) = sets();
    let mut ratios: Vec<f64> = (0..ROUNDS).map(|_| round(&place, &old, &new)).collect();
    let _ = std::fs::remove_dir_all(&place);
    ratios.sort_by(f64::total_cmp);
    println!("diff_over_replay_cpu {:.3} ratio <={RATIO_MAX}", ratios[ROUNDS / 2]);
}

/// The shipped rules up to sixty, and the same with ten changed: thresholds, levels, titles, what they look for.
fn sets() -> (RuleSet, RuleSet) {
    let mut files: Vec<RuleFile> = Vec::new();
    for (name, text) in pack::FILES.iter().filter(|(name, _)| !is_test(name)) {
        let file = RuleFile { name: (*name).into(), text: (*text).into() };
        let with = load(&[files.clone(), vec![file.clone()]].concat());
        if with.set.rules.len() <= RULES && !with.diagnostics.iter().any(|d| d.gravity == tidegate_core::rule::Gravity::Error) {
            files.push(file);
        }
    }
    let old = load(&files).set;
    let edits = [("gte: ", "gte: 1"), ("level: high", "level: medium"), ("level: medium", "level: low"), ("title: ", "title: The ")];
    let mut changed = files.clone();
    for (n, edit) in edits.iter().cycle().take(4 * CHANGED).enumerate() {
        let (from, to) = edit;
        let at = n * 7 % changed.len();
        let before = changed[at].text.clone();
        changed[at].text = before.replacen(from, to, 1);
        if differing(&old, &load(&changed).set) > CHANGED {
            changed[at].text = before;
        }
    }
    let new = load(&changed).set;
    println!("# {} rules, {} of them differ", old.rules.len(), differing(&old, &new));
    (old, new)
}

/// Rules whose own documents differ.
fn differing(old: &RuleSet, new: &RuleSet) -> usize {
    Parts::between(old, new).parts.last().map_or(0, |part| part.owned.iter().filter(|owned| **owned).count())
}

fn settings(place: &Path) -> Settings {
    let folder = |name: &str| place.join(name).to_string_lossy().into_owned();
    let inputs: Vec<Input> = expand(&[folder("AWSLogs"), folder("flowlogs")], &mut |_| Ok(None)).expect("files");
    Settings {
        inputs,
        threads: 1,
        stamped: false,
        scratch: PathBuf::from("/nonexistent"),
        in_memory: usize::MAX,
        archived: Archived::default(),
        range_ms: (i64::MIN, i64::MAX),
    }
}

fn round(place: &Path, old: &RuleSet, new: &RuleSet) -> f64 {
    let begin = process_cpu_seconds();
    let (intake, pipelines) = tidegate::run::build(&Arc::new(new.clone()), Hints::default(), Arc::default(), 1, true).expect("rules");
    let outcome = replay(&intake, &mut Recorded { pipelines, journal: None }, &settings(place), &Quiet).expect("a replay");
    let alerts = outcome.store.alerts();
    let one = process_cpu_seconds() - begin;
    let begin = process_cpu_seconds();
    let measuring = Measuring::new(Parts::between(old, new), Hints::default(), Arc::default(), &[], (1, true)).expect("rules");
    let measured = measure(measuring, &settings(place), &Quiet).expect("a replay");
    let comparison = Comparison::of(&measured, &|_| true);
    let both = process_cpu_seconds() - begin;
    assert_eq!(comparison.alerts.len(), alerts.len(), "the difference speaks of all alerts of the new set");
    println!("# replay {one:.2} CPU s, difference {both:.2} CPU s");
    both / one
}
