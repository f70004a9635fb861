//! The engine on a store that fails: what cannot be appended waits, nothing overtakes it, and everything comes out as if nothing had
//! happened; a restart at any round goes on with the same alerts.

use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate::config::{Config, parse};
use tidegate::io::memory::MemoryStore;
use tidegate::io::port::{Append, Delivery, Outcome, Progress, Recovered, Refusal, RuleFiles, Sink, Store, StoreError};
use tidegate::run::live::delivery::Lanes;
use tidegate::run::live::engine::Engine;
use tidegate::run::live::generation::Generation;
use tidegate::run::live::reading::Fetched;
use tidegate::run::live::restart::{Plan, start};
use tidegate::run::live::wiring;
use tidegate_core::event::{Position, Record};
use tidegate_core::pipeline::LaneKind;

const RULES: &str = "title: Refused
id: 0c2d4c6e-0000-4000-8000-000000000001
name: refused
logsource: {product: lab, service: lab}
detection: {s: {k: no}, condition: s}
---
title: Three refusals of one user
id: 0c2d4c6e-0000-4000-8000-000000000002
name: three
level: high
correlation: {type: event_count, rules: [refused], group-by: [user], timespan: 10m, condition: {gte: 3}, generate: true}
---
title: Refusals of three users at one place
id: 0c2d4c6e-0000-4000-8000-000000000003
level: critical
correlation: {type: event_count, rules: [three], timespan: 1h, condition: {gte: 3}}
";

/// A configuration and its rules on disk.
struct Lab {
    folder: std::path::PathBuf,
    config: Config,
}

impl Lab {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tidegate-engine-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        std::fs::write(folder.join("rules.yml"), RULES).expect("write");
        let text = "rules: [rules.yml]\nsources:\n  - {name: lab, stdin: true, format: json, json: {product: lab, service: lab, time_field: t, arrival_field: a}}\n";
        let parsed = parse("lab.yaml", text, &folder);
        let config = parsed.config.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
        Lab { folder, config }
    }

    fn engine(&self, store: Box<dyn Store>, beside: Box<dyn Store>) -> (Engine, Generation) {
        let generation = Generation::load(&self.config, None).expect("rules");
        let plan = Plan {
            pipelines: 2,
            lanes: vec![("index".into(), LaneKind::Index)],
            shards: wiring::shards(&self.config),
            generic: self.config.generic(),
            snapshot_every: Duration::from_millis(1),
            renew_every: Duration::from_secs(1),
        };
        let mut engine = start(store, beside, plan, &generation).expect("starts").engine;
        if engine.head() == 0 {
            while let Err(error) = if engine.blocked() { engine.write() } else { engine.change(&generation) } {
                assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
            }
        }
        (engine, generation)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn event(n: u64) -> String {
    let t = 1_795_456_384_000 + n * 20_000;
    let kind = if n.is_multiple_of(2) { "no" } else { "yes" };
    format!("{{\"t\":{t},\"a\":{},\"k\":\"{kind}\",\"user\":\"u{}\"}}", t + 500, n / 30 % 11)
}

fn fetched(generation: &Generation, n: u64) -> Fetched {
    let bytes = event(n).into_bytes();
    let position = Position { source: "lab".into(), shard: "-".into(), sequence: n.into(), sub_sequence: 0 };
    let record = Record { position, arrival_ms: None, bytes, lines: false };
    let mut fetched = Fetched::again(0, record, &generation.intakes);
    fetched.progress = Some(Progress::Records);
    fetched
}

/// Final documents by id, as an index would hold them.
type Index = BTreeMap<Arc<str>, (u64, Arc<str>)>;

/// A sink that is such an index, and its lane.
struct Indexed {
    index: Arc<Mutex<Index>>,
    lanes: Lanes,
}

struct Collect(Arc<Mutex<Index>>);

impl Sink for Collect {
    fn lane(&self) -> Arc<str> {
        "index".into()
    }

    fn deliver(&mut self, deliveries: &[Delivery]) -> Vec<Outcome> {
        let mut index = self.0.lock().expect("one sink");
        for delivery in deliveries {
            let held = index.entry(delivery.alert.clone()).or_default();
            if delivery.version > held.0 {
                *held = (delivery.version, delivery.document.clone());
            }
        }
        deliveries.iter().map(|_| Outcome::Taken).collect()
    }
}

impl Indexed {
    fn new() -> Self {
        let index = Arc::new(Mutex::new(Index::new()));
        let lanes = Lanes::start(vec![(Box::new(Collect(index.clone())) as Box<dyn Sink>, LaneKind::Index)]);
        Indexed { index, lanes }
    }

    /// Everything that waits is delivered.
    fn deliver(&mut self, engine: &mut Engine) {
        while engine.outstanding() > 0 {
            engine.send(&mut self.lanes);
            let answer = self.lanes.answers.recv().expect("an answer");
            self.lanes.lanes[answer.lane].answered(&answer);
            engine.answered(&self.lanes.lanes[answer.lane], answer);
        }
    }

    fn index(&self) -> Index {
        self.index.lock().expect("one sink").clone()
    }
}

/// Rounds of four: cut alike wherever somebody stops and goes on.
fn round_end(n: u64, to: u64) -> u64 {
    to.min((n / 4 + 1) * 4)
}

/// Appends all, in rounds of some; whatever the store says, again until it does it.
fn run(engine: &mut Engine, generation: &Generation, from: u64, to: u64, sink: &mut Indexed) {
    let mut n = from;
    while n < to {
        let some = (n..round_end(n, to)).map(|n| fetched(generation, n)).collect();
        let mut done = engine.append(some, Vec::new());
        while let Err(error) = done {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
            assert!(engine.blocked(), "a round that was not written waits");
            done = engine.write();
        }
        n = round_end(n, to);
        while engine.pending() {
            engine.append(Vec::new(), Vec::new()).expect("appended");
        }
        engine.snapshot();
        sink.deliver(engine);
    }
}

const COUNT: u64 = 600;

/// The alerts, as the index holds them while more may come, and when nothing does.
fn undisturbed(lab: &Lab) -> (Index, Index) {
    let store = MemoryStore::new();
    let (mut engine, generation) = lab.engine(Box::new(store.twin()), Box::new(store.twin()));
    let mut sink = Indexed::new();
    run(&mut engine, &generation, 0, COUNT, &mut sink);
    let open = sink.index();
    conclude(&mut engine, &mut sink);
    (open, sink.index())
}

fn documents(index: &Index) -> Vec<Value> {
    index.values().map(|(_, text)| serde_json::from_str(text).expect("JSON")).collect()
}

#[test]
fn a_store_that_fails_now_and_then_changes_nothing() {
    let lab = Lab::new("fails");
    let (expected, _) = undisturbed(&lab);
    let parents = documents(&expected).iter().filter(|d| d["severity_id"] == 5).count();
    assert!(expected.len() > 10 && parents > 0, "{} alerts, {parents} over others", expected.len());
    let store = MemoryStore::new();
    let mut random = fastrand::Rng::with_seed(7);
    let (mut engine, generation) = lab.engine(Box::new(store.twin()), Box::new(store.twin()));
    let mut sink = Indexed::new();
    let mut n = 0;
    while n < COUNT {
        if random.u8(0..3) == 0 {
            store.fail_appends(random.usize(1..5), &StoreError::Unavailable("the disk is full".into()));
        }
        let to = (n + 20).min(COUNT);
        run_until_written(&mut engine, &generation, n, to, &mut sink);
        n = to;
    }
    assert_eq!(sink.index(), expected);
    assert_eq!(engine.machine().books().input.records, COUNT, "every record once");
}

/// As [`run`], with rounds cut the same way, but the rounds without input fail too.
fn run_until_written(engine: &mut Engine, generation: &Generation, from: u64, to: u64, sink: &mut Indexed) {
    let mut n = from;
    while n < to {
        let next = round_end(n, to);
        let mut done = engine.append((n..next).map(|n| fetched(generation, n)).collect(), Vec::new());
        loop {
            match done {
                Err(StoreError::Unavailable(_)) => done = engine.write(),
                Err(other) => panic!("{other}"),
                Ok(_) if engine.pending() => done = engine.append(Vec::new(), Vec::new()),
                Ok(_) => break,
            }
        }
        n = next;
        engine.snapshot();
        sink.deliver(engine);
    }
}

#[test]
fn a_restart_at_any_round_goes_on_with_the_same_alerts() {
    let lab = Lab::new("restarts");
    let (expected, _) = undisturbed(&lab);
    let store = MemoryStore::new();
    let mut random = fastrand::Rng::with_seed(9);
    let (mut sink, mut n, mut starts) = (Indexed::new(), 0, 0);
    while n < COUNT {
        let own = store.take_over();
        let (mut engine, generation) = lab.engine(Box::new(own.twin()), Box::new(own.twin()));
        starts += 1;
        let to = (n + random.u64(1..60) / 20 * 20 + 20).min(COUNT);
        run(&mut engine, &generation, n, to, &mut sink);
        n = to;
        // The cursors are lost with the process: everything comes again, with the same numbers and versions.
    }
    assert!(starts > 5, "{starts}");
    let ids = |index: &Index| index.iter().map(|(id, (version, _))| (id.clone(), *version)).collect::<Vec<_>>();
    assert_eq!(ids(&sink.index()), ids(&expected));
    assert_eq!(sink.index(), expected);
}

/// A store that takes its time: nothing is lost for it.
struct Slow(MemoryStore);

impl Store for Slow {
    fn recover(&mut self) -> Result<Recovered, StoreError> {
        self.0.recover()
    }
    fn set_pipelines(&mut self, pipelines: u16) -> Result<(), StoreError> {
        self.0.set_pipelines(pipelines)
    }
    fn append(&mut self, append: &Append<'_>) -> Result<(), StoreError> {
        std::thread::sleep(Duration::from_millis(5));
        self.0.append(append)
    }
    fn entry(&mut self, pipeline: u16, position: u64) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.entry(pipeline, position)
    }
    fn rules(&mut self, digest: &[u8; 32]) -> Result<Option<RuleFiles>, StoreError> {
        self.0.rules(digest)
    }
    fn snapshot(&mut self, pipeline: u16, position: u64) -> Result<Vec<u8>, StoreError> {
        self.0.snapshot(pipeline, position)
    }
    fn put_piece(&mut self, pipeline: u16, position: u64, number: u32, bytes: &[u8]) -> Result<(), StoreError> {
        self.0.put_piece(pipeline, position, number, bytes)
    }
    fn seal_snapshot(&mut self, pipeline: u16, position: u64, pieces: u32, checksum: u128) -> Result<(), StoreError> {
        self.0.seal_snapshot(pipeline, position, pieces, checksum)
    }
    fn acknowledge(&mut self, pipeline: u16, lane: &str, cursor: &[u8]) -> Result<(), StoreError> {
        self.0.acknowledge(pipeline, lane, cursor)
    }
    fn refuse(&mut self, refusals: &[Refusal]) -> Result<(), StoreError> {
        self.0.refuse(refusals)
    }
    fn renew(&mut self) -> Result<(), StoreError> {
        self.0.renew()
    }
}

#[test]
fn a_slow_store_slows_reading_and_loses_nothing() {
    use tidegate::io::live::FileSource;
    use tidegate::run::live::reading::{FromReader, Readers};
    let lab = Lab::new("slow");
    let (_, expected) = undisturbed(&lab);
    let store = MemoryStore::new();
    let (mut engine, generation) = lab.engine(Box::new(Slow(store.twin())), Box::new(store.twin()));
    let line = |n| event(n) + "\n";
    let file = lab.folder.join("events.ndjson");
    std::fs::write(&file, (0..COUNT).map(line).collect::<String>()).expect("write");
    let source = FileSource::new("lab", file, Vec::new(), false);
    let readers = Readers::start(vec![Box::new(source)], &[true], generation.intakes.clone(), &[]);
    let mut sink = Indexed::new();
    for found in readers.found.iter() {
        match found {
            FromReader::Batch(batch) => engine.append(vec![*batch], Vec::new()).map(drop).expect("appended"),
            FromReader::Ended(_, end) => {
                end.expect("read to its end");
                break;
            }
        }
        while engine.pending() {
            engine.append(Vec::new(), Vec::new()).expect("appended");
        }
        sink.deliver(&mut engine);
    }
    conclude(&mut engine, &mut sink);
    assert_eq!(uids(&sink.index()), uids(&expected));
    assert_eq!(engine.machine().books().input.records, COUNT);
}

/// A sink that refuses everything for good.
struct Refuse;

impl Sink for Refuse {
    fn lane(&self) -> Arc<str> {
        "index".into()
    }

    fn deliver(&mut self, deliveries: &[Delivery]) -> Vec<Outcome> {
        deliveries.iter().map(|_| Outcome::Refused("no such field".into())).collect()
    }
}

#[test]
fn what_a_sink_refuses_is_quarantined_before_a_cursor_or_a_snapshot_passes_it() {
    let lab = Lab::new("refused");
    let store = MemoryStore::new();
    let (mut engine, generation) = lab.engine(Box::new(store.twin()), Box::new(store.twin()));
    engine.append((0..100).map(|n| fetched(&generation, n)).collect(), Vec::new()).expect("appended");
    bring_on(&mut engine);
    engine.acknowledge().expect("stored");
    let cursors = || store.twin().recover().expect("recovers").cursors;
    let (before, mut refused) = (cursors(), 0);
    let mut lanes = Lanes::start(vec![(Box::new(Refuse) as Box<dyn Sink>, LaneKind::Index)]);
    while engine.outstanding() > 0 {
        engine.send(&mut lanes);
        let answer = lanes.answers.recv().expect("an answer");
        lanes.lanes[answer.lane].answered(&answer);
        refused += engine.answered(&lanes.lanes[answer.lane], answer).len();
    }
    assert!(refused > 10, "{refused}");
    let taken = engine.snapshot_all(Duration::from_secs(5));
    assert!(taken.is_empty() && store.refused().is_empty() && cursors() == before, "nothing of it is stored yet");
    engine.acknowledge().expect("stored");
    let held = store.refused();
    assert_eq!(held.len(), refused);
    assert!(held.iter().all(|r| &*r.lane == "index" && r.why == "no such field" && !r.delivery.document.is_empty()));
    assert_ne!(cursors(), before);
    assert!(!engine.snapshot_all(Duration::from_secs(5)).is_empty());
}

#[test]
fn how_batches_were_cut_shows_in_no_alert_once_all_is_told() {
    let lab = Lab::new("cuts");
    let mut seen = None;
    for size in [600, 300, 100, 40, 7] {
        let store = MemoryStore::new();
        let (mut engine, generation) = lab.engine(Box::new(store.twin()), Box::new(store.twin()));
        let mut sink = Indexed::new();
        for from in (0..COUNT).step_by(size) {
            let to = COUNT.min(from + size as u64);
            engine.append((from..to).map(|n| fetched(&generation, n)).collect(), Vec::new()).expect("appended");
            bring_on(&mut engine);
        }
        conclude(&mut engine, &mut sink);
        let alerts = uids(&sink.index());
        assert_eq!(*seen.get_or_insert_with(|| alerts.clone()), alerts, "batches of {size}");
    }
}

/// The rounds that come by themselves.
fn bring_on(engine: &mut Engine) {
    while engine.pending() || engine.lagging() {
        engine.append(Vec::new(), Vec::new()).expect("appended");
    }
}

/// The end of all input.
fn conclude(engine: &mut Engine, sink: &mut Indexed) {
    bring_on(engine);
    engine.conclude().expect("appended");
    sink.deliver(engine);
}

/// What each correlation's alert says of its episode. (Single events are known by their place, which is not the same everywhere.)
fn uids(index: &Index) -> Vec<String> {
    let of = |d: &Value| {
        let (info, ours) = (&d["finding_info"], &d["tidegate"]);
        serde_json::json!([info["title"], ours["group_key_text"], ours["episode"]["uid"], ours["episode"]["end"], d["count"]]).to_string()
    };
    let correlated = |d: &&Value| d["finding_info"]["title"] != "Refused";
    let mut all: Vec<String> = documents(index).iter().filter(correlated).map(of).collect();
    all.sort();
    all
}
