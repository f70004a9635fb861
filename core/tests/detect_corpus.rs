//! Every event of the shared corpus of public events goes through the detector: it has a time and, where its format has one, an
//! account; findings have a revision and an ARN as key; nothing is left without its id. Without the folder the test says so.

use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use tidegate_core::decode::vpcflow::{FlowDecoder, FlowLine};
use tidegate_core::decode::{Emit, Hints, Unit, envelope};
use tidegate_core::detect::{Detector, Scratch, Seen, Stamp};
use tidegate_core::event::{Detection, Form, Position, Sequence};
use tidegate_core::rule::{RuleFile, load};

const EVERYTHING: &str = "
title: Every event of AWS
id: 6b1c3f0a-0b1e-4c53-9a55-5d8f4a1f0c11
logsource: {product: aws}
detection:
    any: {nothing: null}
    condition: any or not any
level: low
";

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

/// What was found of one form: events, and how many had an account, an own id, a time of their own.
#[derive(Debug, Default)]
struct Tally {
    events: usize,
    accounts: usize,
    own_ids: usize,
    own_times: usize,
    revisions: usize,
}

struct Walk {
    detector: Detector,
    scratch: Scratch,
    flow: FlowDecoder,
    tallies: BTreeMap<Form, Tally>,
}

const ARRIVAL_MS: i64 = 4_000_000_000_000;

impl Walk {
    fn unit(&mut self, unit: &Unit<'_>, number: u64) {
        let position = Position { source: "corpus".into(), shard: "0".into(), sequence: Sequence::from(number), sub_sequence: 0 };
        let stamp = Stamp { position, arrival_ms: Some(ARRIVAL_MS) };
        let mut out = Vec::new();
        let seen = match unit.form {
            Form::VpcFlow | Form::TransitGatewayFlow => {
                let Ok(FlowLine::Flow(flow)) = self.flow.decode(unit.text) else { return };
                self.detector.detect(unit, Some(&flow), &mut self.scratch, &stamp, &mut out)
            }
            _ => self.detector.detect(unit, None, &mut self.scratch, &stamp, &mut out),
        };
        let seen = seen.unwrap_or_else(|error| panic!("{error}: {}", unit.text));
        assert_eq!(out.len(), 1, "one rule, one alert of its own: {}", unit.text);
        self.note(unit, &seen, &out[0]);
    }

    fn note(&mut self, unit: &Unit<'_>, seen: &Seen, detection: &Detection) {
        let tally = self.tallies.entry(unit.form).or_default();
        tally.events += 1;
        tally.accounts += usize::from(seen.account.is_some());
        tally.own_ids += usize::from(!detection.flags.position_id);
        tally.own_times += usize::from(seen.time_ms != ARRIVAL_MS);
        tally.revisions += usize::from(detection.revision.is_some());
        assert_eq!(detection.key.values().len(), 1);
        assert!(!detection.facts.body.is_empty());
    }
}

#[test]
fn every_public_event_is_seen() {
    let Some(folder) = corpus() else { return say("skipped: the corpus is not here (TIDEGATE_SHARED names the shared folder)") };
    let loaded = load(&[RuleFile { name: "every.yml".into(), text: EVERYTHING.into() }]);
    assert_eq!(loaded.set.rules.len(), 1, "{:?}", loaded.diagnostics);
    let detector = Detector::new(Arc::new(loaded.set), &Hints::default()).0;
    let mut walk = Walk { detector, scratch: Scratch::new(), flow: FlowDecoder::new(None), tallies: BTreeMap::new() };
    let mut number = 0;
    for file in ["cloudtrail", "eks_audit", "guardduty", "route53_resolver", "securityhub_asff", "vpcflow", "waf"] {
        let text = std::fs::read_to_string(folder.join(format!("{file}.jsonl"))).expect("a corpus file");
        for line in text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a corpus line is JSON")) {
            let bytes = line["line"].as_str().map_or_else(|| line["event"].to_string(), str::to_owned);
            envelope::unwrap(bytes.as_bytes(), &Hints::default(), &mut |emit| {
                number += 1;
                if let Emit::Unit(unit) = emit {
                    walk.unit(&unit, number);
                }
            });
        }
    }
    for (form, tally) in &walk.tallies {
        say(&format!("{form:?}: {tally:?}"));
    }
    assert!(number > 1_000, "{number} events only");
}
