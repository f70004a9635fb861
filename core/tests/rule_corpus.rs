//! Real rules and hostile ones: SigmaHQ's AWS rules load as they are, those it marks unsupported are refused with a remedy, and
//! no text at all makes the reader panic.
//!
//! The real rules stand in the folder `../shared/sigma` beside the workspace, or where `TIDEGATE_SHARED` says. They are not part
//! of the project, so the tests that need them pass without them and say so.

use std::path::PathBuf;
use tidegate_core::rule::{Body, Diagnostic, Gravity, Loaded, RuleFile, load};

/// The files of a folder of the shared rules, sorted; `None` (and a word about it) if it is missing.
#[expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "a test reads a folder named from outside and says when it skips")]
fn shared(folder: &str) -> Option<Vec<RuleFile>> {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").to_owned();
    let path = PathBuf::from(std::env::var("TIDEGATE_SHARED").unwrap_or(default)).join("sigma").join(folder);
    let Ok(entries) = std::fs::read_dir(&path) else {
        eprintln!("skipped: the shared Sigma rules are not at {}", path.display());
        return None;
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(|p| p.extension().is_some_and(|e| e == "yml")).collect();
    paths.sort();
    let read = |p: &PathBuf| RuleFile {
        name: p.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        text: std::fs::read_to_string(p).unwrap_or_default(),
    };
    Some(paths.iter().map(read).collect())
}

fn of(loaded: &Loaded, gravity: Gravity) -> Vec<&Diagnostic> {
    loaded.diagnostics.iter().filter(|d| d.gravity == gravity).collect()
}

fn lines(diagnostics: &[&Diagnostic]) -> String {
    diagnostics.iter().map(|d| format!("{d}\n")).collect()
}

#[test]
fn sigmahq_aws_rules_load_as_they_are() {
    let Some(files) = shared("sigmahq-aws") else { return };
    let loaded = load(&files);
    let errors = of(&loaded, Gravity::Error);
    assert!(errors.is_empty(), "{}", lines(&errors));
    assert_eq!((files.len(), loaded.set.rules.len()), (57, 57));
    let doubts = of(&loaded, Gravity::Warning);
    let unexpected: Vec<&Diagnostic> = doubts.into_iter().filter(|d| !d.what.starts_with("`status:")).collect();
    assert!(unexpected.is_empty(), "{}", lines(&unexpected));
    assert!(loaded.set.rules.iter().all(|r| r.alerts && matches!(r.body, Body::Detection(_))));
}

#[test]
fn unsupported_rules_are_refused_with_place_and_remedy() {
    let Some(files) = shared("sigmahq-aws-unsupported") else { return };
    let loaded = load(&files);
    assert!(loaded.set.rules.is_empty());
    for file in &files {
        let said: Vec<&Diagnostic> = of(&loaded, Gravity::Error).into_iter().filter(|d| *d.place.file == *file.name).collect();
        let shown = lines(&said);
        assert!(shown.contains("`status: unsupported`"), "{}: {shown}", file.name);
        let words = [("    timeframe:", "`timeframe:"), ("| count()", "`count()`"), ("| near", "`near`")];
        for (text, what) in words.iter().filter(|(text, _)| file.text.contains(text)) {
            let Some(found) = said.iter().find(|d| d.what.contains(what)) else { panic!("{}: {text}: {shown}", file.name) };
            let line = file.text.lines().nth(found.place.line as usize - 1).unwrap_or_default();
            let at: String = line.chars().skip(found.place.column as usize - 1).collect();
            let word = text.trim_start_matches('|').trim().trim_end_matches("()");
            assert!(at.starts_with(word), "{}: column {} of {line:?}", file.name, found.place.column);
            assert!(found.remedy.contains("correlation"), "{found}");
        }
    }
}

#[test]
fn the_specifications_examples_fail_only_for_rules_they_do_not_bring() {
    let Some(files) = shared("spec-examples") else { return };
    let mut loaded_rules = 0;
    for file in files {
        let loaded = load(std::slice::from_ref(&file));
        loaded_rules += loaded.set.rules.len();
        let other: Vec<&Diagnostic> = of(&loaded, Gravity::Error).into_iter().filter(|d| !d.what.starts_with("rule `")).collect();
        assert!(other.is_empty(), "{}", lines(&other));
    }
    assert_eq!(loaded_rules, 2);
}

const SEED_RULES: &str = "title: Seed\nid: seed\nname: seed\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  selection:\n    \
     eventName|startswith: ['Put*', \"De\\x6cete\", Get]\n    n|gte: 5\n    ip|cidr: 10.0.0.0/8\n    t|re|i: 'a.*(b|c)+'\n    \
     d|windash|contains|all: [' -a', '/b']\n    e|wide|base64offset|contains: x-y-z\n    o|exists: false\n    r|fieldref|endswith: other\n  \
     words: [one, &w two]\n  filter_1: {a: null, b: [*w, 3, true]}\n  condition: (selection or words) and not 1 of filter_*\n---\ntitle: \
     Many\nid: many\nname: many\ncorrelation:\n  type: event_count\n  rules: [seed]\n  group-by: [user]\n  timespan: 10m\n  condition: \
     {gt: 3, lte: 9}\n  generate: true\n---\ntitle: Both\nid: both\ncorrelation:\n  type: temporal\n  rules: [many, seed]\n  group-by: \
     [u]\n  timespan: 1h\n  aliases: {u: {many: user, seed: user}}\n  condition: many and not seed\n---\ntitle: Filter\nlogsource: \
     {product: aws}\nfilter:\n  rules: any\n  selection: {x: y}\n  condition: not selection\n";

#[test]
fn the_seed_of_the_mutations_is_good() {
    let loaded = load(&[RuleFile { name: "seed.yml".into(), text: SEED_RULES.into() }]);
    assert!(of(&loaded, Gravity::Error).is_empty(), "{}", lines(&of(&loaded, Gravity::Error)));
    assert_eq!(loaded.set.rules.len(), 3);
}

/// Pieces that mean something to the reader.
const PIECES: [&str; 40] = [
    "|",
    ":",
    "- ",
    "\n",
    "  ",
    "\t",
    "---\n",
    "...\n",
    "&a ",
    "*a",
    "<<: ",
    "!!str ",
    "!x ",
    "{",
    "}",
    "[",
    "]",
    "'",
    "\"",
    "\\",
    "*",
    "?",
    "%x%",
    "null",
    "1 of ",
    "all of them",
    "not ",
    "(",
    ")",
    "and",
    "|all",
    "|re",
    "|base64offset",
    "\u{0}",
    "é\u{2028}",
    "# ",
    ">\n",
    "condition: ",
    "99999999999999999999",
    "% ",
];

fn mutate(text: &str, random: &mut fastrand::Rng) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..random.usize(1..8) {
        let at = random.usize(0..=chars.len());
        let to = (at + random.usize(0..12)).min(chars.len());
        match random.u8(0..5) {
            0 => drop(chars.drain(at..to)),
            1 => {
                let piece = PIECES[random.usize(0..PIECES.len())];
                chars.splice(at..at, piece.chars());
            }
            2 => {
                let piece = PIECES[random.usize(0..PIECES.len())];
                chars.splice(at..to, piece.chars());
            }
            3 => {
                let copy: Vec<char> = chars[at..to].to_vec();
                let target = random.usize(0..=chars.len());
                chars.splice(target..target, copy);
            }
            _ => chars.truncate(at.max(chars.len() / 2)),
        }
    }
    chars.into_iter().collect()
}

#[test]
fn no_text_makes_the_reader_panic() {
    let mut random = fastrand::Rng::with_seed(20_261_124);
    let (mut good, mut bad) = (0u32, 0u32);
    for round in 0..4_000 {
        let text = mutate(SEED_RULES, &mut random);
        let file = RuleFile { name: format!("m{round}.yml"), text };
        let loaded = load(std::slice::from_ref(&file));
        let lines = u32::try_from(file.text.lines().count()).unwrap_or(u32::MAX);
        for diagnostic in &loaded.diagnostics {
            assert!(diagnostic.place.line >= 1 && diagnostic.place.line <= lines + 1, "{diagnostic}\n{}", file.text);
            assert!(!diagnostic.to_string().contains('\n'), "{diagnostic:?}");
            assert!(!diagnostic.what.is_empty() && !diagnostic.why.is_empty() && !diagnostic.remedy.is_empty(), "{diagnostic:?}");
        }
        if of(&loaded, Gravity::Error).is_empty() { good += 1 } else { bad += 1 }
    }
    assert!(good > 50 && bad > 1_000, "{good} good, {bad} bad");
}

#[test]
fn random_pieces_make_no_reader_panic() {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..3_000 {
        let text: String = (0..random.usize(0..60)).map(|_| PIECES[random.usize(0..PIECES.len())]).collect();
        let _ = load(&[RuleFile { name: "p.yml".into(), text: text.clone() }]);
        let detection = format!("title: T\nlogsource: {{product: aws}}\ndetection:\n  s:\n    a{text}: 1\n  condition: s {text}\n");
        let _ = load(&[RuleFile { name: "p.yml".into(), text: detection }]);
    }
}
