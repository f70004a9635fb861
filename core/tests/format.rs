//! Formatting over whole packs: what it writes means the same, formats to itself, and the shipped pack is in that form already.

use fastrand::Rng;
use std::path::{Path, PathBuf};
use tidegate_core::rule::{RuleFile, load};
use tidegate_core::workbench::format::format;

fn rules_below(folder: &Path) -> Vec<(String, String)> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path: PathBuf = entry.path();
            let name = path.to_string_lossy().into_owned();
            if path.is_dir() {
                folders.push(path);
            } else if (name.ends_with(".yml") || name.ends_with(".yaml")) && !name.contains(".test.") {
                found.extend(std::fs::read_to_string(&path).ok().map(|text| (name, text)));
            }
        }
    }
    found.sort();
    found
}

fn shipped() -> Vec<(String, String)> {
    rules_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../rules"))
}

/// What a file means.
#[derive(Debug, PartialEq)]
struct Meaning {
    rules: Vec<(String, [u8; 32])>,
    set: [u8; 32],
    problems: usize,
}

/// Id and digest of every rule, and how many errors; by one name, because a missing id comes from the file's name.
fn meaning(text: &str) -> Meaning {
    let loaded = load(&[RuleFile { name: "r.yml".into(), text: text.into() }]);
    let rules = loaded.set.rules.iter().map(|rule| (rule.meta.id.clone(), rule.digest)).collect();
    Meaning { rules, set: loaded.set.digest, problems: loaded.diagnostics.len() }
}

fn check(name: &str, text: &str) -> bool {
    let out = format(text).text;
    assert_eq!(meaning(&out), meaning(text), "{name}\n{text}\nbecame\n{out}");
    assert_eq!(format(&out).text, out, "{name}: not stable");
    let comments = |text: &str| {
        let mut all: Vec<String> = text.lines().filter(|l| l.trim_start().starts_with('#')).map(|l| l.trim().to_owned()).collect();
        all.sort();
        all
    };
    assert_eq!(comments(&out), comments(text), "{name}: comments");
    out != text
}

#[test]
fn the_shipped_pack_is_in_its_form() {
    let files = shipped();
    assert!(files.len() > 30, "{}", files.len());
    for (name, text) in files {
        let out = format(&text);
        assert!(out.left.is_empty() && out.text == text, "{name}: run `tidegate rules fmt`: {:?}", out.left);
    }
}

/// Other indentation, other order, comments, blank lines, other quotes, broken lines: whatever comes out, the meaning stays.
fn mutilated(text: &str, rng: &mut Rng) -> String {
    let step = rng.usize(2..7);
    let rough = rng.u8(..4) == 0;
    let verbatim = |line: &str| line.ends_with("|") || line.ends_with(">-") || line.ends_with("|-");
    let (mut out, mut inside) = (Vec::new(), false);
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let content = &line[indent..];
        let mut new = " ".repeat(indent / 4 * step + indent % 4);
        match rng.u8(..20) {
            0 if !inside => out.push(format!("{new}# a comment {}", rng.u8(..))),
            1 if !inside => out.push(String::new()),
            2 if rough => new.push(' '),
            _ => {}
        }
        let quoted = content.strip_prefix("- ").filter(|v| v.bytes().all(|b| b.is_ascii_alphabetic()) && rng.u8(..3) == 0);
        out.push(quoted.map_or(format!("{new}{content}"), |v| format!("{new}- \"{v}\"")));
        inside = verbatim(line) || (inside && indent >= 4);
    }
    if rough && out.len() > 4 {
        let (a, b) = (rng.usize(..out.len()), rng.usize(..out.len()));
        out.swap(a, b);
    }
    out.join("\n") + "\n"
}

#[test]
fn whatever_the_text_its_meaning_stays() {
    let mut rng = Rng::with_seed(20_261_124);
    let (mut changed, mut loaded) = (0, 0);
    for (name, text) in shipped() {
        for _ in 0..12 {
            let text = mutilated(&text, &mut rng);
            changed += usize::from(check(&name, &text));
            loaded += usize::from(!meaning(&text).rules.is_empty());
        }
    }
    assert!(changed > 100 && loaded > 200, "{changed} changed, {loaded} loaded: the mutilation is lopsided");
}

#[test]
#[expect(clippy::disallowed_macros, reason = "says when there was nothing to compare")]
#[expect(clippy::disallowed_methods, reason = "where the public rules are differs from machine to machine")]
fn public_rules_keep_their_meaning() {
    let folder = std::env::var("TIDEGATE_SHARED").unwrap_or_else(|_| "../../shared".to_owned());
    let files = rules_below(&Path::new(&folder).join("sigma"));
    if files.is_empty() {
        println!("no public rules under {folder}: not compared");
    }
    let changed = files.iter().filter(|(name, text)| check(name, text)).count();
    println!("{} public files, {changed} changed by the form", files.len());
}
