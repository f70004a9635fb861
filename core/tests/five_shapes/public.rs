//! Public findings, where the shared corpus is at hand: each has a key, a type in GuardDuty's spelling, an account and marks.

use crate::read::Shape;
use serde_json::Value;
use std::path::{Path, PathBuf};
use tidegate_core::decode::envelope::unwrap;
use tidegate_core::decode::unit::{Emit, Hints};
use tidegate_core::event::Source;

#[test]
fn public_findings_have_a_key_a_type_and_marks() {
    let mut read = 0;
    let events: Vec<Value> = ["guardduty.jsonl", "securityhub_asff.jsonl"].into_iter().flat_map(events).collect();
    for event in &events {
        let text = event.to_string();
        unwrap(text.as_bytes(), &Hints::default(), &mut |emit| {
            if let Emit::Unit(unit) = emit
                && unit.form.source() == Source::GuardDuty
            {
                check(&Shape { name: "public", form: unit.form, text: unit.text.to_owned() });
                read += 1;
            }
        });
    }
    assert!(events.is_empty() || read > 10, "only {read} findings were recognised");
}

fn check(shape: &Shape) {
    let arn = shape.read("tidegate.finding.arn");
    // Cut-down fixtures may lack both the ARN and the parts of one.
    let has_parts = ["accountId", "region", "id"].iter().all(|name| !shape.read(name).is_empty());
    assert!(!has_parts || arn.len() == 1, "{}", shape.text);
    for kind in shape.read("tidegate.finding.type") {
        let (purpose, rest) = kind.split_once(':').expect("a purpose");
        assert!(!purpose.contains(['/', ' ']) && rest.matches('/').count() == 1, "{kind}");
    }
    for mark in ["tidegate.finding.sample", "tidegate.finding.archived"] {
        assert_eq!(shape.read(mark).len(), 1, "{mark}: {}", shape.text);
    }
}

#[expect(clippy::disallowed_macros, reason = "a check that was left out must say so")]
fn events(file: &str) -> Vec<Value> {
    let path = corpus().join(file);
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("not checked: {} is missing (TIDEGATE_SHARED names the shared folder)", path.display());
        return Vec::new();
    };
    text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).map(|line| line["event"].clone()).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test may be told where things are; the core may not")]
fn corpus() -> PathBuf {
    let shared = std::env::var("TIDEGATE_SHARED");
    shared.map_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from).join("corpus")
}
