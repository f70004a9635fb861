//! SigmaHQ's AWS rules, as published, through loading and the detector: each matches an event made for it and leaves a near miss
//! alone. The rules are read from the shared folder; without it the test says so and passes. The events are this project's own.

use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;
use tidegate_core::decode::{Emit, Hints, envelope};
use tidegate_core::detect::{Detector, Scratch, Stamp, WarningKind};
use tidegate_core::event::{Form, Position, Sequence};
use tidegate_core::rule::{Gravity, RuleFile, RuleSet, load};

const EVENTS: &str = include_str!("fixtures/sigmahq_events.jsonl");

#[expect(clippy::disallowed_methods, reason = "a test may be told where the shared folder is")]
fn rules_folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = std::env::var("TIDEGATE_SHARED").map_or_else(|_| beside(), PathBuf::from).join("sigma/sigmahq-aws");
    folder.is_dir().then_some(folder)
}

#[expect(clippy::disallowed_macros, reason = "a test that compares nothing must be seen")]
fn say(text: &str) {
    println!("{text}");
}

/// All rules of the folder, and the file of each by its number.
fn load_folder(folder: &PathBuf) -> (RuleSet, Vec<String>) {
    let mut names: Vec<_> = std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    names.retain(|path| path.extension().is_some_and(|e| e == "yml"));
    names.sort();
    let file = |path: &PathBuf| RuleFile {
        name: path.file_name().expect("a file").to_string_lossy().into_owned(),
        text: std::fs::read_to_string(path).expect("a rule file"),
    };
    let loaded = load(&names.iter().map(file).collect::<Vec<_>>());
    let errors: Vec<_> = loaded.diagnostics.iter().filter(|d| d.gravity == Gravity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let files = loaded.set.rules.iter().map(|rule| rule.meta.place.file.to_string()).collect();
    (loaded.set, files)
}

/// The numbers of the rules that match a trail record.
fn matching(detector: &Detector, event: &Value) -> Vec<u32> {
    let text = event.to_string();
    let position = Position { source: "test".into(), shard: "0".into(), sequence: Sequence::from(1), sub_sequence: 0 };
    let stamp = Stamp { position, arrival_ms: None };
    let mut numbers = Vec::new();
    envelope::unwrap(text.as_bytes(), &Hints::default(), &mut |emit| {
        let Emit::Unit(unit) = emit else { panic!("{emit:?} is no event") };
        assert_eq!(unit.form, Form::CloudTrail);
        let (mut scratch, mut out) = (Scratch::new(), Vec::new());
        let seen = detector.detect(&unit, None, &mut scratch, &stamp, &mut out).expect("a trail record");
        assert_eq!(seen.account.as_deref(), Some("111122223333"));
        assert!(!seen.late && !seen.clock_skew && seen.without_key == 0);
        numbers.extend(out.iter().map(|d| d.rule));
    });
    numbers
}

#[test]
fn every_rule_matches_its_event_and_leaves_the_near_miss() {
    let Some(folder) = rules_folder() else {
        return say("skipped: SigmaHQ's rules are not here (TIDEGATE_SHARED names the shared folder)");
    };
    let (set, files) = load_folder(&folder);
    let (detector, warnings) = Detector::new(Arc::new(set), &Hints::default());
    assert!(warnings.iter().all(|w| w.kind == WarningKind::EveryEvent), "{warnings:?}");
    let mut cases = 0;
    for line in EVENTS.lines() {
        let case: Value = serde_json::from_str(line).expect("a case");
        let file = case["rule"].as_str().expect("a rule's file");
        let number = files.iter().position(|f| f == file).unwrap_or_else(|| panic!("{file} did not load")) as u32;
        assert!(matching(&detector, &case["true"]).contains(&number), "{file} should match {}", case["true"]);
        assert!(!matching(&detector, &case["false"]).contains(&number), "{file} should not match {}", case["false"]);
        cases += 1;
    }
    assert_eq!(cases, files.len(), "every rule has a case");
    say(&format!("{cases} rules of SigmaHQ matched their event and left the near miss; warnings: {}", warnings.len()));
}

#[test]
fn every_rule_is_woken_by_a_condition() {
    let Some(folder) = rules_folder() else { return };
    let (set, files) = load_folder(&folder);
    let (detector, _) = Detector::new(Arc::new(set), &Hints::default());
    for (number, file) in (0u32..).zip(&files) {
        let cost = detector.cost(number);
        assert!(cost.iter().all(|c| c.condition.is_some()), "{file}: {cost:?}");
    }
}

#[test]
fn the_events_are_well_formed() {
    assert!(EVENTS.lines().all(|line| serde_json::from_str::<Value>(line).is_ok_and(|case| case["true"] != case["false"])));
}
