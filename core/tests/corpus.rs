//! Every line of the shared corpus of public events is unwrapped: it gives events, is filtered, or is quarantined for a reason
//! that `corpus_quarantine.txt` names. Without the folder the test says so and passes. No event text is kept here.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tidegate_core::decode::{Emit, Hints, base64, envelope, kpl};

const EXPECTED: &str = include_str!("corpus_quarantine.txt");

/// What one line of the corpus gave: a count for each form, filter or refusal.
type Tally = BTreeMap<String, usize>;

#[expect(clippy::disallowed_methods, reason = "a test may be told where the shared folder is")]
fn corpus() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = std::env::var("TIDEGATE_SHARED").map_or_else(|_| beside(), PathBuf::from).join("corpus");
    folder.is_dir().then_some(folder)
}

#[expect(clippy::disallowed_macros, reason = "the test's table is for people")]
fn say(text: &str) {
    println!("{text}");
}

fn lines(file: &str, folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(file)).expect("a corpus file");
    text.lines().map(|line| serde_json::from_str(line).expect("a corpus line is JSON")).collect()
}

/// The bytes a source would have handed over.
fn payload(line: &Value) -> Vec<u8> {
    match (&line["line"], &line["event"]) {
        (Value::String(text), _) => text.clone().into_bytes(),
        (_, event) => event.to_string().into_bytes(),
    }
}

fn tally(bytes: &[u8]) -> Tally {
    let mut tally = Tally::new();
    envelope::unwrap(bytes, &Hints::default(), &mut |emit| {
        let what = match emit {
            Emit::Unit(unit) => format!("{:?}", unit.form),
            Emit::Filtered(why) => format!("filtered {why:?}"),
            Emit::Bad(error, _) => format!("bad {:?}", error.code),
        };
        *tally.entry(what).or_default() += 1;
    });
    tally
}

/// `file line-or-range reason why` of each line that is not a comment.
fn expected() -> BTreeSet<(String, usize, String)> {
    let mut all = BTreeSet::new();
    for entry in EXPECTED.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = entry.splitn(4, ' ').collect();
        assert_eq!(words.len(), 4, "{entry}: file, lines, reason, why");
        let (first, last) = words[1].split_once('-').unwrap_or((words[1], words[1]));
        for line in first.parse().expect("a line number")..=last.parse().expect("a line number") {
            all.insert((words[0].to_owned(), line, words[2].to_owned()));
        }
    }
    all
}

#[test]
fn every_line_is_an_event_or_has_a_reason() {
    let Some(folder) = corpus() else {
        return say("the shared corpus is not here: nothing is checked");
    };
    let (mut quarantined, mut table) = (BTreeSet::new(), String::new());
    let files = ["alb_s3_access", "cloudtrail", "eks_audit", "guardduty", "route53_resolver", "securityhub_asff"];
    for file in files.into_iter().chain(["transport_wrappers", "vpcflow", "waf"]) {
        let mut sum = Tally::new();
        for (n, line) in lines(&format!("{file}.jsonl"), &folder).iter().enumerate() {
            let tally = tally(&payload(line));
            assert!(!tally.is_empty(), "{file}:{} vanished", n + 1);
            for (what, count) in tally {
                if let Some(reason) = what.strip_prefix("bad ") {
                    quarantined.insert((file.to_owned(), n + 1, reason.to_owned()));
                }
                *sum.entry(what).or_default() += count;
            }
        }
        let cells: Vec<_> = sum.iter().map(|(what, count)| format!("{what} {count}")).collect();
        let _ = writeln!(table, "{file:20} {}", cells.join(", "));
    }
    say(&table);
    let expected = expected();
    let unexpected: Vec<_> = quarantined.difference(&expected).collect();
    let missing: Vec<_> = expected.difference(&quarantined).collect();
    assert!(unexpected.is_empty() && missing.is_empty(), "not listed: {unexpected:#?}\nlisted, but read: {missing:#?}");
}

#[test]
fn user_records_of_the_kpl_vectors_come_out() {
    let Some(folder) = corpus() else {
        return say("the shared corpus is not here: nothing is checked");
    };
    for line in lines("kpl_vectors.jsonl", &folder) {
        let bytes_of = |value: &Value| base64::decode(value.as_str().expect("a text").as_bytes()).expect("base64");
        let blob = bytes_of(&line["data_b64"]);
        let records = kpl::user_records(&blob).expect("an aggregate");
        let theirs = line["user_records"].as_array().expect("a list");
        assert_eq!(records.len(), theirs.len());
        for (ours, theirs) in records.iter().zip(theirs) {
            assert_eq!(ours.data, bytes_of(&theirs["data_b64"]));
            assert_eq!(ours.partition_key, theirs["partition_key"].as_str().expect("a key").as_bytes());
            let hash = theirs["explicit_hash_key"].as_str().filter(|hash| *hash != "None");
            assert_eq!(ours.explicit_hash_key, hash.map(str::as_bytes));
        }
    }
}
