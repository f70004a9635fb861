//! Tables at size: a million intelligence entries (half networks, a quarter domains, a quarter hashes), and what asking them costs.
//!
//! Prints `name value unit target`. The last figures compare the detector with all tables loaded and none asked for with the
//! detector without tables, and with one rule that asks: the first must be 1.

#[expect(dead_code, reason = "shared with benches of the whole machine")]
mod support;

use std::hint::black_box;
use std::sync::Arc;
use support::{flow_lines, median, say, timed};
use tidegate_core::decode::{Context, Hints, Unit, vpcflow};
use tidegate_core::detect::{Detector, Scratch, Stamp};
use tidegate_core::enrich::{Builder, TableKind, Tables};
use tidegate_core::event::{Form, Position, Value};
use tidegate_core::rule::{RuleFile, load};

const ENTRIES: u32 = 1_000_000;
const ASKED: usize = 200_000;
const ROUNDS: usize = 7;
const FLOW_BYTES: usize = 20_000_000;

fn main() {
    let tables = load_tables();
    let mut random = fastrand::Rng::with_seed(2);
    let addresses: Vec<Value<'static>> = (0..ASKED).map(|_| Value::Ip(std::net::Ipv4Addr::from(random.u32(..)).into())).collect();
    let names: Vec<Value<'static>> =
        (0..ASKED).map(|n| Value::Text(format!("a{n}.cdn{}.d{}.example", n % 7, random.u32(0..ENTRIES)).into())).collect();
    let digests: Vec<Value<'static>> = (0..ASKED).map(|_| Value::Text(hash(random.u32(0..ENTRIES)).into())).collect();
    for (name, values) in
        [("intel_addresses_per_second", &addresses), ("intel_domains_per_second", &names), ("intel_hashes_per_second", &digests)]
    {
        let times = (0..ROUNDS).map(|_| timed(|| values.iter().map(|v| tables.intel(v, 0).len()).sum::<usize>()));
        say(name, ASKED as f64 / median(times.collect()), "/s", "-");
    }
    flows(&tables);
}

fn load_tables() -> Arc<Tables> {
    let mut tables = None;
    let seconds = timed(|| {
        let mut builder = Builder::new();
        builder.table(TableKind::Intel, "feed", "feed", b"");
        let mut random = fastrand::Rng::with_seed(1);
        for n in 0..ENTRIES {
            let indicator = match n % 4 {
                0 | 1 if n % 8 == 0 => format!("2001:db8:{:x}:{:x}::/64", random.u16(..), random.u16(..)),
                0 | 1 => {
                    let ip = std::net::Ipv4Addr::from(random.u32(..));
                    if n % 16 == 1 { format!("{}/24", std::net::Ipv4Addr::from(ip.to_bits() & !255)) } else { ip.to_string() }
                }
                2 => format!("d{n}.example"),
                _ => hash(n),
            };
            builder.row(u64::from(n), &[("indicator", &indicator), ("source", "feed"), ("category", ["c2", "scanner"][n as usize % 2])]);
        }
        assert_eq!(builder.problems().1, 0, "{:?}", builder.problems().0);
        tables = Some(Arc::new(builder.finish()));
    });
    let tables = tables.unwrap_or_default();
    say("intel_load_million", seconds, "s", "5");
    say("intel_bytes_per_entry", tables.bytes() as f64 / f64::from(ENTRIES), "B", "-");
    tables
}

fn hash(n: u32) -> String {
    format!("{:064x}", u128::from(n) + 7).replace("00", "5a")
}

const PLAIN: &str = "title: x\nid: x\nlogsource: {product: aws, service: vpcflow}\ndetection: {s: {dstport: 1}, condition: s}\n";
const ASKING: &str =
    "title: x\nid: x\nlogsource: {product: aws, service: vpcflow}\ndetection: {s: {dst_endpoint.intel.category: never}, condition: s}\n";

fn flows(tables: &Arc<Tables>) {
    let text = String::from_utf8(flow_lines(FLOW_BYTES)).unwrap_or_default();
    let flows = text.lines().count() as f64;
    let detector = |rule: &str, tables: &Arc<Tables>| {
        let loaded = load(&[RuleFile { name: "r.yml".into(), text: rule.into() }]);
        Detector::with_tables(Arc::new(loaded.set), &Hints::default(), tables.clone()).0
    };
    let detectors = [detector(PLAIN, &Arc::default()), detector(PLAIN, tables), detector(ASKING, tables)];
    let mut rounds: Vec<[f64; 3]> = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push([0, 1, 2].map(|n| timed(|| pass(&detectors[n], &text))));
    }
    let at = |n: usize| median(rounds.iter().map(|r| r[n] / r[0]).collect());
    say("flow_tables_unasked_per_no_tables", at(1), "x", "1.00");
    say("flow_tables_asked_per_no_tables", at(2), "x", "-");
    say("flow_events_per_second_no_tables", flows / median(rounds.iter().map(|r| r[0]).collect()), "/s", "-");
}

fn pass(detector: &Detector, text: &str) -> usize {
    let (mut decoder, mut scratch, context) = (vpcflow::FlowDecoder::new(None), Scratch::new(), Context::default());
    let position = Position { source: "s".into(), shard: "0".into(), sequence: 1.into(), sub_sequence: 0 };
    let (stamp, mut out) = (Stamp { position, arrival_ms: Some(0) }, Vec::new());
    for line in text.lines() {
        if let Ok(vpcflow::FlowLine::Flow(flow)) = decoder.decode(line) {
            let unit = Unit { form: Form::VpcFlow, text: line, context: &context };
            black_box(detector.detect(&unit, Some(&flow), &mut scratch, &stamp, &mut out).is_ok());
        }
    }
    out.len()
}
