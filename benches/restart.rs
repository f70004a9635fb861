//! Catching up after a restart against living through it: the same log, the same machine, once record by record from files into the
//! log and the Pipelines, once from the log alone, without any snapshot.
//!
//! Two inputs made by code: a day of a synthetic organisation under the shipped rules (trails, findings, flow logs, a reader each), and
//! flow logs of which every line matches. Prints `name value unit target`, the median of the rounds. Nothing is sent anywhere, in
//! neither case: what waits for sinks stays in the outbox. After every catch-up the books and the size of the state must be those that
//! the live machine had. Live time is by the clock, catching up too; the CPU seconds of the whole process stand beside.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tidegate::config::{Config, parse};
use tidegate::io::clock::{Stopwatch, now_ms};
use tidegate::io::sqlite::{OpenOptions, SqliteStore, acquire};
use tidegate::run::live::engine::{Applied, Engine};
use tidegate::run::live::generation::Generation;
use tidegate::run::live::reading::{FromReader, Readers};
use tidegate::run::live::restart::{self, Plan, Started};
use tidegate::run::live::snapshots::APPLY_MAX;
use tidegate::run::live::wiring;
use tidegate_core::event::time::DAY_MS;
use tidegate_core::generate::{self, organisation};
use tidegate_core::pipeline::LaneKind;

const ROUNDS: usize = 3;
/// Lines of the second input.
const LINES: u32 = 300_000;
/// Batches of readers in one round, as the service takes them.
const ROUND_MAX: usize = 64;

fn main() {
    let only = std::env::args().nth(1).filter(|wanted| !wanted.starts_with('-'));
    for (name, fill) in [("mix", organisation_files as fn(&Path)), ("matches", matching_flows)] {
        if only.as_ref().is_none_or(|wanted| name.contains(&**wanted)) {
            let place = Place::new(name);
            fill(&place.0);
            measure(name, &place.0);
        }
    }
}

/// A folder beside what is built: on a disk, not in memory.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("restart-{name}-{}", std::process::id()));
        for folder in ["trail", "findings", "flows"] {
            std::fs::create_dir_all(path.join(folder)).expect("a folder");
        }
        Place(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The day before now of a hundred accounts.
fn organisation_files(place: &Path) {
    let plan = generate::Plan { accounts: 300, start_ms: now_ms() / DAY_MS * DAY_MS - DAY_MS, ..generate::Plan::default() };
    let mut number = 0;
    organisation(&plan, &mut |file| {
        let folder = match &file.path {
            path if path.contains("CloudTrail") => "trail",
            path if path.contains("GuardDuty") => "findings",
            path if path.starts_with("flowlogs") => "flows",
            _ => return,
        };
        number += 1;
        std::fs::write(place.join(format!("{folder}/{number:06}")), file.stored()).expect("a file");
    });
}

/// Rejected flows inside the network: every line is a detection of several correlations.
fn matching_flows(place: &Path) {
    let (mut random, start) = (fastrand::Rng::with_seed(118), now_ms() / 1_000 - 3_600);
    let mut text = String::new();
    for n in 0..LINES {
        let (account, key) = (100_000_000_000u64 + u64::from(random.u32(0..500)) * 7, random.u32(0..20_000));
        let (from, to) = (std::net::Ipv4Addr::from(0x0a00_0000 + key), std::net::Ipv4Addr::from(0x0a40_0000 + random.u32(0..100_000)));
        let (port, at) = (random.u16(1..2_000), start + i64::from(n) * 3_000 / i64::from(LINES));
        let line = writeln!(text, "2 {account} eni-{key:017x} {from} {to} 40000 {port} 6 1 40 {at} {at} REJECT OK");
        assert!(line.is_ok(), "a text takes everything");
    }
    std::fs::write(place.join("flows/all.log"), text).expect("a file");
}

fn config(place: &Path) -> Config {
    let source = |name: &str| format!("  - {{name: {name}, folder: ./{name}, follow: false}}\n");
    let lateness = "lateness: {guardduty: 3d, cloudtrail: 3d, vpcflow: 3d}\n";
    let text = format!("sources:\n{}{lateness}", ["trail", "findings", "flows"].map(source).concat());
    let parsed = parse("bench.yaml", &text, place);
    parsed.config.unwrap_or_else(|| panic!("{:?}", parsed.diagnostics))
}

/// What one round took.
#[derive(Default)]
struct Round {
    records: f64,
    positions: f64,
    live: Cost,
    apply_seconds: f64,
    catch_up: Cost,
    from_snapshot: f64,
}

#[derive(Default, Clone, Copy)]
struct Cost {
    seconds: f64,
    cpu_seconds: f64,
}

fn measure(name: &str, place: &Path) {
    let config = config(place);
    let rounds: Vec<Round> = (0..ROUNDS).map(|n| round(&config, &place.join(format!("state-{n}.db")))).collect();
    let of = |figure: fn(&Round) -> f64| median(rounds.iter().map(figure).collect());
    say(name, "records", of(|r| r.records), "records", "-");
    say(name, "positions", of(|r| r.positions), "positions", "-");
    say(name, "live", of(|r| r.records / r.live.seconds), "records/s", "-");
    say(name, "live_per_cpu_second", of(|r| r.records / r.live.cpu_seconds), "records/s", "-");
    say(name, "catch_up", of(|r| r.records / r.catch_up.seconds), "records/s", "-");
    say(name, "catch_up_over_live", of(|r| r.live.seconds / r.catch_up.seconds), "x", "2");
    say(name, "catch_up_over_live_in_cpu_time", of(|r| r.live.cpu_seconds / r.catch_up.cpu_seconds), "x", "2");
    say(name, "apply_share_of_catch_up", of(|r| r.apply_seconds / r.catch_up.seconds), "s/s", "-");
    say(name, "start_from_a_snapshot_at_the_head", of(|r| r.from_snapshot), "s", "10");
    // A snapshot is due when applying took so long since the last.
    let longest = of(|r| APPLY_MAX.as_secs_f64() * r.catch_up.seconds / r.apply_seconds + r.from_snapshot);
    say(name, "longest_catch_up_by_policy", longest, "s", "10");
}

fn round(config: &Config, state: &Path) -> Round {
    let generation = Generation::load(config, None).unwrap_or_else(|why| panic!("{why}"));
    let (clock, cpu) = (Stopwatch::start(), cpu_seconds());
    let (engine, applied) = live(config, state, &generation);
    let live = Cost { seconds: clock.elapsed().as_secs_f64(), cpu_seconds: cpu_seconds() - cpu };
    let (books, size, head) = (engine.machine().books(), engine.machine().state_size(), engine.head());
    drop(engine);

    let cpu = cpu_seconds();
    let mut started = start(config, state, &generation);
    let catch_up = Cost { seconds: started.took.as_secs_f64(), cpu_seconds: cpu_seconds() - cpu };
    assert_eq!((started.again, started.engine.machine().books(), started.engine.machine().state_size()), (head, books.clone(), size));

    let written = started.engine.snapshot_all(Duration::from_secs(60));
    assert!(written.iter().all(|w| w.done.is_ok()), "{written:?}");
    drop(started);
    let started = start(config, state, &generation);
    assert_eq!(started.again, 0, "the snapshot stands at the head");
    let records = books.input.records as f64;
    let from_snapshot = started.took.as_secs_f64();
    Round { records, positions: head as f64, live, apply_seconds: applied.as_secs_f64(), catch_up, from_snapshot }
}

fn start(config: &Config, state: &Path, generation: &Generation) -> Started {
    let open = || acquire(state, &OpenOptions::default(), &|| false, &mut |_| {});
    let store: SqliteStore = open().expect("a state file").expect("nobody asks for a stop");
    let beside = store.twin().expect("a second connection");
    let plan = Plan {
        pipelines: 1,
        lanes: vec![("sqlite".into(), LaneKind::Index), ("log".into(), LaneKind::Page)],
        shards: wiring::shards(config),
        generic: config.generic(),
        snapshot_every: Duration::from_secs(3_600),
        renew_every: Duration::from_secs(3),
    };
    restart::start(Box::new(store), Box::new(beside), plan, generation).expect("a start")
}

/// Reads everything, without a snapshot. Beside the engine, the time that the Pipelines took.
fn live(config: &Config, state: &Path, generation: &Generation) -> (Engine, Duration) {
    let (mut engine, mut applied) = (start(config, state, generation).engine, Duration::ZERO);
    let mut note = |round: Option<Applied>| applied += round.map(|r| r.apply).unwrap_or_default();
    note(engine.change(generation).expect("appends"));
    let intakes = Arc::clone(&generation.intakes);
    let readers = Readers::start(wiring::sources(config).expect("files"), &wiring::stamped(config), intakes, &[]);
    let mut open = config.sources.len();
    while open > 0 {
        let mut fetched = Vec::new();
        let first = readers.found.recv().expect("readers say when they end");
        for found in std::iter::once(first).chain(readers.found.try_iter().take(ROUND_MAX)) {
            match found {
                FromReader::Batch(batch) => fetched.push(*batch),
                FromReader::Ended(source, end) => {
                    assert_eq!(end, Ok(()));
                    open -= 1;
                    engine.ended(source);
                }
            }
        }
        note(engine.append(fetched, Vec::new()).expect("appends"));
    }
    while engine.pending() || engine.lagging() {
        note(engine.append(Vec::new(), Vec::new()).expect("appends"));
    }
    readers.join();
    (engine, applied)
}

/// CPU seconds of this process, all threads, to a hundredth.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    fields.map(|ticks| ticks.parse().unwrap_or(f64::NAN)).sum::<f64>() / 100.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// One figure: `name value unit target`.
fn say(input: &str, name: &str, value: f64, unit: &str, target: &str) {
    let digits = if value < 100.0 { 3 } else { 0 };
    println!("restart_{input}_{name} {value:.digits$} {unit} {target}");
}
