//! From a record read to the effect handed to the sink, the log's write included, at half of the highest rate.
//!
//! Records are gzip batches of CloudWatch Logs with 50 flow-log lines; two rules count every line, and one record in 20 holds a line that
//! is an alert by itself. First the highest rate is found (the source gives as fast as it is taken from), then the same service runs
//! anew at half of it, by a clock. Latency is the time from the record's hand-over by its source to the alert's arrival at a sink that
//! takes everything at once. In the same run bare appends of 4 KiB with `fdatasync` are timed, on the same disk: the target stands on
//! them. Prints `name value unit target`.

use flate2::{Compression, write::GzEncoder};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tidegate::config::{Config, parse};
use tidegate::io::clock::{Stopwatch, now_ms};
use tidegate::io::port::{Delivery, Flow, Outcome, Progress, Read, ReadPosition, Sink, Source};
use tidegate::io::sqlite::{OpenOptions, SqliteStore, acquire};
use tidegate::run::latency::Latency;
use tidegate::run::live::delivery::Lanes;
use tidegate::run::live::desk::Desk;
use tidegate::run::live::generation::Generation;
use tidegate::run::live::notice::Notice;
use tidegate::run::live::reading::Readers;
use tidegate::run::live::report::Reporter;
use tidegate::run::live::restart::{self, Plan};
use tidegate::run::live::service::Service;
use tidegate::run::live::wiring;
use tidegate::telemetry::Board;
use tidegate_core::event::{Position, Record, Source as Service_};
use tidegate_core::pipeline::LaneKind;
use tidegate_core::pipeline::books::total;

/// Records of the run that finds the highest rate.
const RECORDS: usize = 10_000;
/// Lines of a record.
const LINES: usize = 50;
/// One record in so many holds an alert.
const ALERTS: usize = 20;
/// How long the run at half of the rate takes.
const SECONDS: f64 = 20.0;
/// Bare appends.
const APPENDS: usize = 300;

const RULES: &str = "\
title: Flow to Telnet
id: 6d2f4a53-9c0b-4a1e-8a39-0d3a2b0c5e11
logsource: {product: aws, service: vpcflow}
detection: {telnet: {dstport: 23}, condition: telnet}
level: medium
---
title: Rejected
id: 6d2f4a53-9c0b-4a1e-8a39-0d3a2b0c5e12
name: rejected
logsource: {product: aws, service: vpcflow}
detection: {rejected: {action: REJECT}, condition: rejected}
level: low
---
title: Many Rejected
id: 6d2f4a53-9c0b-4a1e-8a39-0d3a2b0c5e13
level: high
correlation: {type: event_count, rules: [rejected], group-by: [srcaddr], timespan: 10m, condition: {gte: 10000}}
---
title: Many Targets
id: 6d2f4a53-9c0b-4a1e-8a39-0d3a2b0c5e14
level: high
correlation: {type: value_count, rules: [rejected], group-by: [srcaddr], timespan: 10m, condition: {gte: 9000, field: dstaddr}}
";

fn main() {
    let place = Place::new();
    let bare = bare_appends(&place.0);
    let fast = run(&place.0, "fast", RECORDS, None);
    let rate = RECORDS as f64 / fast.seconds;
    let half = run(&place.0, "half", (rate / 2.0 * SECONDS) as usize, Some(rate / 2.0));
    let ms = |us: u64| us as f64 / 1_000.0;
    say("highest_rate", rate * LINES as f64, "events/s", "-");
    say("half_rate_alerts", half.latency.count() as f64, "alerts", "-");
    say("bare_append_p50", ms(bare.percentile_us(50.0)), "ms", "-");
    say("bare_append_p99", ms(bare.percentile_us(99.0)), "ms", "-");
    say("p50", ms(half.latency.percentile_us(50.0)), "ms", "-");
    let target = 10.0 + 2.0 * ms(bare.percentile_us(99.0));
    say("p99", ms(half.latency.percentile_us(99.0)), "ms", &format!("{target:.3}"));
    say("longest", ms(half.latency.max_us()), "ms", "-");
    say("p99_at_the_highest_rate", ms(fast.latency.percentile_us(99.0)), "ms", "-");
}

/// A folder beside what is built: on a disk, not in memory.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("latency-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        std::fs::write(path.join("rules.yml"), RULES).expect("a file");
        Place(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a durable write costs on this disk, whoever makes it.
fn bare_appends(place: &Path) -> Latency {
    let mut latency = Latency::default();
    let mut file = std::fs::File::create(place.join("bare")).expect("a file");
    for _ in 0..APPENDS {
        let clock = Stopwatch::start();
        file.write_all(&[7; 4096]).and_then(|()| file.sync_data()).expect("a durable write");
        latency.note(clock.elapsed());
    }
    latency
}

/// What a run gave.
struct Measured {
    seconds: f64,
    latency: Latency,
}

/// When each record was handed over, by its sequence; and the clock that says so.
#[derive(Clone)]
struct Handed {
    clock: Stopwatch,
    at: Arc<Mutex<Vec<Duration>>>,
    latency: Arc<Mutex<Latency>>,
}

fn run(place: &Path, name: &str, records: usize, per_second: Option<f64>) -> Measured {
    let config = config(place);
    let generation = Generation::load(&config, None).unwrap_or_else(|why| panic!("{why}"));
    let handed = Handed { clock: Stopwatch::start(), at: Arc::default(), latency: Arc::default() };
    let payloads: Vec<Vec<u8>> = (0..records).map(payload).collect();
    let source = Clocked { payloads, per_second, handed: handed.clone() };
    let service = service(&config, &place.join(format!("{name}.db")), &generation, source, handed.clone());
    let clock = Stopwatch::start();
    let ending = service.run(1).expect("a run");
    let seconds = clock.elapsed().as_secs_f64();
    assert_eq!((ending.outstanding, total(&ending.books.input.events)), (0, (records * LINES) as u64));
    assert_eq!(ending.books.errors(ending.books.alerts.alerts, 0, 0), Vec::<String>::new());
    let latency = handed.latency.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert!(latency.count() >= (records / ALERTS) as u64, "an alert for one record in {ALERTS}: {}", latency.count());
    Measured { seconds, latency }
}

fn config(place: &Path) -> Config {
    let text = "sources:\n  - {name: flows, stdin: true, format: vpcflow}\nrules: [./rules.yml]\nlateness: {vpcflow: 10m}\n";
    let parsed = parse("bench.yaml", text, place);
    parsed.config.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics))
}

fn service(config: &Config, state: &Path, generation: &Generation, source: Clocked, handed: Handed) -> Service {
    let open = || acquire(state, &OpenOptions::default(), &|| false, &mut |_| {});
    let store: SqliteStore = open().expect("a state file").expect("nobody asks for a stop");
    let (beside, twin) = (store.twin().expect("a connection"), store.twin().expect("a connection"));
    let plan = Plan {
        pipelines: 1,
        lanes: vec![("sink".into(), LaneKind::Index)],
        shards: wiring::shards(config),
        generic: config.generic(),
        snapshot_every: Duration::from_secs(3_600),
        renew_every: Duration::from_secs(3),
    };
    let started = restart::start(Box::new(store), Box::new(beside), plan, generation).expect("a start");
    let mut engine = started.engine;
    engine.acknowledge().expect("cursors");
    engine.change(generation).expect("an entry");
    let intakes = generation.intakes.clone();
    let desk = Desk::new(twin, vec![("flows".into(), false)], intakes.clone(), Arc::new(AtomicBool::new(false)));
    let readers = Readers::start(vec![Box::new(source)], &[false], intakes, &[]);
    Service {
        engine,
        readers,
        lanes: Lanes::start(vec![(Box::new(Taking(handed)), LaneKind::Index)]),
        signals: crossbeam_channel::never(),
        generations: crossbeam_channel::never(),
        desk,
        reporter: Reporter::new(vec!["flows".into()], Notice::new(Board::new(state), vec!["flows".into()])),
        renew_every: Duration::from_secs(3),
    }
}

/// A record as a subscription gives it.
fn payload(number: usize) -> Vec<u8> {
    let (mut random, start) = (fastrand::Rng::with_seed(number as u64), now_ms() / 1_000);
    let mut events = Vec::new();
    for line in 0..LINES {
        let (from, to) = (std::net::Ipv4Addr::from(0x0a00_0000 + random.u32(0..20_000)), std::net::Ipv4Addr::from(random.u32(..)));
        let port = if line == 7 && number.is_multiple_of(ALERTS) { 23 } else { random.u16(1_000..2_000) };
        let mut text = String::new();
        let key = random.u64(..) >> 4;
        write!(text, "2 111122223333 eni-{key:017x} {from} {to} 40000 {port} 6 1 40 {start} {start} REJECT OK").expect("a text");
        events.push(serde_json::json!({"id": format!("{number}{line:03}"), "timestamp": start * 1_000, "message": text}));
    }
    let batch = serde_json::json!({
        "messageType": "DATA_MESSAGE", "owner": "111122223333", "logGroup": "flows", "logStream": "eni",
        "subscriptionFilters": ["all"], "logEvents": events,
    });
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(batch.to_string().as_bytes()).expect("memory");
    gzip.finish().expect("memory")
}

/// A shard that gives records by a clock, or as fast as they are taken.
struct Clocked {
    payloads: Vec<Vec<u8>>,
    per_second: Option<f64>,
    handed: Handed,
}

impl Source for Clocked {
    fn name(&self) -> Arc<str> {
        "flows".into()
    }

    fn services(&self) -> &[Service_] {
        &[Service_::VpcFlow]
    }

    fn run(&mut self, _: &[ReadPosition], take: &(dyn Fn(Read) -> Flow + Sync)) -> Result<(), String> {
        let (clock, shard): (_, Arc<str>) = (Stopwatch::start(), "shard".into());
        for (sequence, bytes) in std::mem::take(&mut self.payloads).into_iter().enumerate() {
            if let Some(per_second) = self.per_second {
                let due = Duration::from_secs_f64(sequence as f64 / per_second);
                std::thread::sleep(due.saturating_sub(clock.elapsed()));
            }
            let position = Position { source: self.name(), shard: shard.clone(), sequence: (sequence as u64).into(), sub_sequence: 0 };
            let record = Record { position, arrival_ms: Some(now_ms()), bytes, lines: false };
            self.handed.at.lock().unwrap_or_else(PoisonError::into_inner).push(self.handed.clock.elapsed());
            let position =
                ReadPosition { source: self.name(), shard: shard.clone(), sequence: (sequence as u64).into(), token: String::new() };
            let (records, position, progress) = (vec![record], Some(position), Progress::Records);
            if take(Read { shard: shard.clone(), prelude: None, records, position, progress, lost: None }) == Flow::Stop {
                break;
            }
        }
        Ok(())
    }
}

/// A sink that takes everything at once, and notes when.
struct Taking(Handed);

impl Sink for Taking {
    fn lane(&self) -> Arc<str> {
        "sink".into()
    }

    fn deliver(&mut self, deliveries: &[Delivery]) -> Vec<Outcome> {
        let now = self.0.clock.elapsed();
        for delivery in deliveries.iter().filter(|delivery| delivery.version == 1) {
            let document: serde_json::Value = serde_json::from_str(&delivery.document).expect("a document");
            let sequence = document["tidegate"]["records"][0]["sequence"].as_str().and_then(|text| text.parse::<usize>().ok());
            let at = self.0.at.lock().unwrap_or_else(PoisonError::into_inner)[sequence.expect("the alert names its record")];
            self.0.latency.lock().unwrap_or_else(PoisonError::into_inner).note(now.saturating_sub(at));
        }
        vec![Outcome::Taken; deliveries.len()]
    }
}

/// One figure: `name value unit target`.
fn say(name: &str, value: f64, unit: &str, target: &str) {
    let digits = if value < 1_000.0 { 3 } else { 0 };
    println!("latency_{name} {value:.digits$} {unit} {target}");
}
