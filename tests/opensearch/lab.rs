//! The engine with its lanes and one sink: alerts of which every one has many versions, delivered through whatever faults. What the
//! index must hold at the end is what a sink without faults holds.

use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tidegate::config::{Config, parse};
use tidegate::io::clock::Stopwatch;
use tidegate::io::memory::MemoryStore;
use tidegate::io::opensearch::LANE;
use tidegate::io::port::{Delivery, Outcome, Progress, Sink};
use tidegate::run::live::delivery::Lanes;
use tidegate::run::live::engine::Engine;
use tidegate::run::live::generation::Generation;
use tidegate::run::live::reading::Fetched;
use tidegate::run::live::restart::{Plan, start};
use tidegate::run::live::wiring;
use tidegate_core::event::{Position, Record};
use tidegate_core::pipeline::LaneKind;

const RULES: &str = "title: Refused
id: 0c2d4c6e-0000-4000-8000-000000000011
name: refused
logsource: {product: lab, service: lab}
detection: {s: {k: no}, condition: s}
---
title: Two refusals of one user
id: 0c2d4c6e-0000-4000-8000-000000000012
level: critical
correlation: {type: event_count, rules: [refused], group-by: [user], timespan: 2h, condition: {gte: 2}}
";

/// Users whose alerts an index may be made to refuse: no numbers.
const POISON: [&str; 3] = ["zoe", "yan", "xia"];
const PIPELINES: u16 = 2;

/// A configuration and its rules on disk.
pub(crate) struct Lab {
    folder: PathBuf,
    config: Config,
    /// Time of the first event.
    from_ms: i64,
    /// Users with alerts; the last three of them are poison.
    users: u64,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Final documents by id: version and text.
pub(crate) type Index = BTreeMap<Arc<str>, (u64, Arc<str>)>;

#[derive(Clone, Default)]
struct Collect(Arc<Mutex<Index>>);

impl Sink for Collect {
    fn lane(&self) -> Arc<str> {
        LANE.into()
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

/// A sink that takes pages, and counts them.
struct Pages(Arc<AtomicU64>);

impl Sink for Pages {
    fn lane(&self) -> Arc<str> {
        "log".into()
    }

    fn deliver(&mut self, deliveries: &[Delivery]) -> Vec<Outcome> {
        self.0.fetch_add(deliveries.len() as u64, Ordering::Relaxed);
        deliveries.iter().map(|_| Outcome::Taken).collect()
    }
}

impl Lab {
    /// Events begin at this time, and are of so many users in turn.
    pub(crate) fn new(name: &str, from_ms: i64, users: u64) -> Self {
        let folder = std::env::temp_dir().join(format!("tidegate-opensearch-lab-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("folder");
        std::fs::write(folder.join("rules.yml"), RULES).expect("write");
        let source = "{name: lab, stdin: true, format: json, json: {product: lab, service: lab, time_field: t, arrival_field: a}}";
        let parsed = parse("lab.yaml", &format!("rules: [rules.yml]\nsources:\n  - {source}\n"), &folder);
        let config = parsed.config.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics));
        Lab { folder, config, from_ms, users }
    }

    fn event(&self, n: u64) -> String {
        let t = self.from_ms + i64::try_from(n).expect("small") * 100;
        let user = n % self.users;
        let poison = user.checked_sub(self.users - 3).and_then(|at| POISON.get(usize::try_from(at).expect("small")));
        let user = poison.map_or_else(|| user.to_string(), |name| (*name).to_owned());
        json!({"t": t, "a": t + 20, "k": "no", "user": user}).to_string()
    }

    /// What an index without faults holds after so many events.
    pub(crate) fn undisturbed(&self, events: u64) -> Index {
        let collect = Collect::default();
        let mut run = self.run(Box::new(collect.clone()));
        run.feed(events);
        run.drain(Duration::from_secs(60));
        let index = collect.0.lock().expect("one sink").clone();
        assert!(index.len() as u64 == self.users && index.values().all(|(version, _)| *version > 1), "{} alerts", index.len());
        index
    }

    /// An engine that delivers into this sink. Nothing waits longer than a moment, or the tests would.
    pub(crate) fn run(&self, sink: Box<dyn Sink>) -> Run<'_> {
        let generation = Generation::load(&self.config, None).expect("rules");
        let plan = Plan {
            pipelines: PIPELINES,
            lanes: vec![(LANE.into(), LaneKind::Index), ("log".into(), LaneKind::Page)],
            shards: wiring::shards(&self.config),
            generic: self.config.generic(),
            snapshot_every: Duration::from_secs(60),
            renew_every: Duration::from_secs(1),
        };
        let store = MemoryStore::new();
        let mut engine = start(Box::new(store.twin()), Box::new(store.twin()), plan, &generation).expect("starts").engine;
        engine.change(&generation).expect("in force");
        let pages = Arc::new(AtomicU64::new(0));
        let sinks: Vec<(Box<dyn Sink>, LaneKind)> = vec![(sink, LaneKind::Index), (Box::new(Pages(pages.clone())), LaneKind::Page)];
        let lanes = Lanes::seeded(sinks, 1, Duration::from_millis(20));
        Run { lab: self, engine, generation, lanes, store, pages, fed: 0, again: 0, side_by_side: 0 }
    }
}

/// A run of the engine.
pub(crate) struct Run<'a> {
    lab: &'a Lab,
    pub(crate) engine: Engine,
    generation: Generation,
    lanes: Lanes,
    store: MemoryStore,
    pages: Arc<AtomicU64>,
    fed: u64,
    /// Deliveries that were not taken and tried again.
    pub(crate) again: u64,
    /// Most batches under way at once.
    pub(crate) side_by_side: usize,
}

impl Run<'_> {
    /// Appends so many events more, in rounds of a hundred, and delivers meanwhile what goes.
    pub(crate) fn feed(&mut self, events: u64) {
        self.append(events, true);
    }

    /// Only appends them: a backlog.
    pub(crate) fn feed_only(&mut self, events: u64) {
        self.append(events, false);
    }

    fn append(&mut self, events: u64, deliver: bool) {
        let to = self.fed + events;
        while self.fed < to {
            let end = to.min(self.fed + 100);
            let some = (self.fed..end).map(|n| self.fetched(n)).collect();
            self.engine.append(some, Vec::new()).expect("appended");
            self.fed = end;
            while self.engine.pending() {
                self.engine.append(Vec::new(), Vec::new()).expect("appended");
            }
            if deliver {
                self.turn(Duration::ZERO);
            }
        }
    }

    fn fetched(&self, n: u64) -> Fetched {
        let position = Position { source: "lab".into(), shard: "-".into(), sequence: n.into(), sub_sequence: 0 };
        let record = Record { position, arrival_ms: None, bytes: self.lab.event(n).into_bytes(), lines: false };
        let mut fetched = Fetched::again(0, record, &self.generation.intakes);
        fetched.progress = Some(Progress::Records);
        fetched
    }

    /// As the service's loop: sends what is due, waits for an answer, notes it and all that came with it.
    pub(crate) fn turn(&mut self, wait: Duration) {
        self.engine.send(&mut self.lanes);
        self.side_by_side = self.side_by_side.max(self.lanes.lanes[0].under_way());
        let first = self.lanes.answers.recv_timeout(wait).ok();
        let answers: Vec<_> = first.into_iter().chain(self.lanes.answers.try_iter()).collect();
        for answer in answers {
            let again = answer.outcomes.iter().filter(|(_, _, outcome)| matches!(outcome, Outcome::Again(_) | Outcome::Unknown(_)));
            self.again += again.count() as u64;
            let lane = &mut self.lanes.lanes[answer.lane];
            lane.answered(&answer);
            self.engine.answered(lane, answer);
        }
        self.engine.acknowledge().expect("stored");
    }

    /// Turns until nothing waits.
    pub(crate) fn drain(&mut self, most: Duration) {
        let clock = Stopwatch::start();
        while self.engine.outstanding() > 0 {
            let left = self.engine.outstanding();
            assert!(clock.elapsed() < most, "{left} deliveries still wait after {most:?}");
            self.turn(Duration::from_millis(20));
        }
    }

    /// Turns for a while, whatever waits.
    pub(crate) fn turns(&mut self, most: Duration) {
        let clock = Stopwatch::start();
        while clock.elapsed() < most {
            self.turn(Duration::from_millis(20));
        }
    }

    /// Documents that wait for the index.
    pub(crate) fn waiting(&self) -> u64 {
        self.counts(|outbox| outbox.waiting)
    }

    fn counts(&self, what: impl Fn(tidegate_core::pipeline::LaneCounts) -> u64) -> u64 {
        (0..PIPELINES).map(|pipeline| what(self.engine.machine().outbox(pipeline).counts(LANE))).sum()
    }

    /// Pages taken so far.
    pub(crate) fn pages(&self) -> u64 {
        self.pages.load(Ordering::Relaxed)
    }

    /// Alerts that the quarantine holds.
    pub(crate) fn refused(&self) -> Vec<Arc<str>> {
        let mut ids: Vec<Arc<str>> = self.store.refused().into_iter().map(|refusal| refusal.delivery.alert).collect();
        ids.sort();
        ids.dedup();
        ids
    }

    /// The index holds the newest version of every alert and nothing else, what it refused is in the quarantine, every alert had its
    /// page, and the book balances.
    pub(crate) fn judge(&self, found: &Index, expected: &Index, poisoned: bool) {
        let poison = |text: &str| POISON.iter().any(|user| text.contains(&format!("\"{user}\"")));
        let of_poison = |bad: bool| expected.iter().filter(move |(_, (_, text))| (poisoned && poison(text)) == bad);
        let wanted: BTreeMap<&str, u64> = of_poison(false).map(|(id, (version, _))| (&**id, *version)).collect();
        let held: BTreeMap<&str, u64> = found.iter().map(|(id, (version, _))| (&**id, *version)).collect();
        assert_eq!(held, wanted, "0 lost, 0 doubled, the newest version of each");
        for (id, (_, text)) in found {
            assert_eq!(parsed(text), parsed(&expected[id].1), "{id}");
        }
        let refused: Vec<Arc<str>> = of_poison(true).map(|(id, _)| id.clone()).collect();
        assert_eq!(refused.len(), if poisoned { POISON.len() } else { 0 });
        assert_eq!(self.refused(), refused, "the quarantine");
        let alerts = self.engine.machine().books().alerts.alerts;
        assert_eq!(alerts, self.counts(|c| c.delivered) + self.counts(|c| c.quarantined) + self.counts(|c| c.unheard));
        assert_eq!(self.counts(|c| c.quarantined), refused.len() as u64);
        assert_eq!(self.pages(), expected.len() as u64, "a page for every alert, whatever became of its document");
    }
}

fn parsed(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}
