//! The shared corpus of public flow logs, when it is there: a cross-check, never part of the project.

use serde_json::Value as Json;
use std::path::PathBuf;
use tidegate_core::decode::vpcflow::{FlowDecoder, FlowFormat, FlowLine};

#[expect(clippy::disallowed_methods, reason = "a test may be told where the shared folder is")]
fn corpus() -> Option<String> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var("TIDEGATE_SHARED").map_or_else(|_| beside(), PathBuf::from);
    std::fs::read_to_string(shared.join("corpus/vpcflow.jsonl")).ok()
}

#[test]
#[expect(clippy::disallowed_macros, reason = "the table is for the person who runs the test")]
fn public_lines_are_read_with_their_stated_format() {
    let Some(corpus) = corpus() else { return };
    for (number, json) in corpus.lines().enumerate() {
        let entry: Json = serde_json::from_str(json).expect("one JSON object per line");
        let line = entry["line"].as_str().expect("a line");
        let format = entry["format"].as_str().map(|names| FlowFormat::parse(names).expect("a format"));
        let stated = format.is_some();
        let mut decoder = FlowDecoder::new(format);
        let outcome = match decoder.decode(line) {
            Ok(FlowLine::Flow(flow)) => format!("flow, {} columns, start {:?}", flow.format().len(), flow.start_ms()),
            Ok(other) => format!("{other:?}"),
            Err(error) => format!("refused: {error}"),
        };
        println!("{:>3} {} {outcome}", number + 1, if stated { "stated" } else { "none  " });
        assert_eq!(outcome.starts_with("refused"), !stated, "line {}: {outcome}", number + 1);
    }
}
