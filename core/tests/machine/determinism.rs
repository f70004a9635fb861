//! The same log gives the same bytes: in another process, with snapshots and restores at other places.

use super::support::{BASE, World, random_events, random_rules};
use fastrand::Rng;
use std::process::Command;
use std::sync::Arc;
use tidegate_core::event::id::hash128;
use tidegate_core::event::watermark::{ENDED, NOT_YET};
use tidegate_core::event::{Derived, Source};
use tidegate_core::pipeline::{Action, Control, Effect, Entry, Pipeline, Rules};

const SEED: &str = "TIDEGATE_MACHINE_SEED";
const EVERY: &str = "TIDEGATE_MACHINE_RESTART_EVERY";
const LEVELS: usize = 3;

/// A log for one Pipeline: entries as bytes. Derived detections come back in the entry after the one that caused them.
fn log(world: &World, seed: u64) -> Vec<Vec<u8>> {
    let mut rng = Rng::with_seed(seed);
    let mut gathered = world.gather(&random_events(&mut rng, 120));
    gathered.detections.sort_by_cached_key(|d| d.time_ms + rng.i64(0..20_000));
    let mut feeds: Vec<Source> = world.sources.iter().flatten().copied().collect();
    feeds.sort_unstable();
    feeds.dedup();
    let (mut pipeline, mut log, mut derived) = (world.pipeline(), Vec::new(), Vec::new());
    let mut rest = gathered.detections.into_iter().peekable();
    let (mut arrival, mut over) = (NOT_YET, 0);
    while over < 4 {
        let detections: Vec<_> = rest.by_ref().take(rng.usize(0..6)).collect();
        arrival = detections.iter().map(|d| d.arrival_ms).fold(arrival, i64::max);
        over += usize::from(rest.peek().is_none());
        let watermark = if over > 1 { ENDED } else { arrival - 10_000 };
        let entry = Entry {
            rules: world.set.digest,
            detections,
            derived: std::mem::take(&mut derived),
            watermarks: feeds.iter().map(|s| (*s, watermark)).collect(),
            published: pipeline.published(LEVELS),
            control: log.is_empty().then(|| Box::new(Control::begin(&world.rules(), world.settings()))),
            counts: if log.is_empty() { std::mem::take(&mut gathered.counts) } else { Default::default() },
            arrival_ms: arrival.max(BASE),
        };
        let of = |e: Effect| if let Action::Derive(d) = e.action { Some(d) } else { None };
        derived = pipeline.apply(log.len() as u64, &entry).into_iter().filter_map(of).collect::<Vec<Derived>>();
        let bytes = entry.encode();
        assert_eq!(Entry::decode(&bytes).expect("its own bytes"), entry, "an entry comes back as it was");
        log.push(bytes);
    }
    log
}

/// Applies a log, restarting after every so many entries; the hash of all effects and of the last snapshot.
fn applied(world: &World, log: &[Vec<u8>], every: usize) -> String {
    let mut pipeline = world.pipeline();
    let mut said = Vec::new();
    for (position, bytes) in log.iter().enumerate() {
        let entry = Entry::decode(bytes).expect("an entry");
        let effects = pipeline.apply(position as u64, &entry);
        said.extend(effects.iter().flat_map(|e| format!("{e:?}\n").into_bytes()));
        if position % every == every - 1 {
            let snapshot = pipeline.snapshot();
            pipeline = Pipeline::restore(&[world.rules()], &snapshot).expect("its own snapshot");
            assert!(pipeline.snapshot() == snapshot, "a restored Pipeline is the same to the byte");
        }
    }
    said.extend(pipeline.snapshot());
    format!("{:032x} {} bytes", hash128(&said), said.len())
}

fn all(seed: u64, every: usize) -> String {
    let one = |n: u64| {
        let world = World::new(&random_rules(&mut Rng::with_seed(seed + n)));
        applied(&world, &log(&world, seed + n), every)
    };
    (0..8).map(one).collect::<Vec<_>>().join(", ")
}

#[expect(clippy::disallowed_methods, reason = "how this test tells its own child what to do")]
fn told(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Does nothing by itself: the other test runs it in a process of its own.
#[test]
fn in_another_process() {
    if let (Some(seed), Some(every)) = (told(SEED), told(EVERY)) {
        assert!(std::io::Write::write_all(&mut std::io::stdout(), format!("GAVE {}\n", all(seed, every as usize)).as_bytes()).is_ok());
    }
}

#[test]
fn the_same_log_gives_the_same_bytes_in_every_process_wherever_it_restarts() {
    let seed = 4_711;
    let here = all(seed, usize::MAX);
    for every in ["1", "3", "7", "1000000"] {
        let mut child = Command::new(std::env::current_exe().expect("this binary"));
        child.args(["--exact", "determinism::in_another_process", "--nocapture"]).env(SEED, seed.to_string()).env(EVERY, every);
        let output = child.output().expect("a child");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let gave = text.lines().find_map(|l| l.split_once("GAVE ").map(|(_, rest)| rest.to_owned()));
        assert_eq!(gave.as_deref(), Some(here.as_str()), "restart every {every}: {text}");
    }
}

#[test]
fn damaged_foreign_and_future_bytes_are_refused_in_words() {
    let world = World::new(&random_rules(&mut Rng::with_seed(1)));
    let log = log(&world, 1);
    let entry = log.iter().max_by_key(|e| e.len()).expect("entries");
    let mut pipeline = world.pipeline();
    log.iter().enumerate().for_each(|(n, e)| drop(pipeline.apply(n as u64, &Entry::decode(e).expect("an entry"))));
    let snapshot = pipeline.snapshot();
    let restore = |bytes: &[u8]| Pipeline::restore(&[world.rules()], bytes).map(|_| ()).map_err(|e| e.to_string());
    let read = |bytes: &[u8]| Entry::decode(bytes).map(|_| ());
    for (good, read) in [(entry, &read as &dyn Fn(&[u8]) -> Result<(), String>), (&snapshot, &restore)] {
        assert_eq!(read(good), Ok(()));
        assert!(read(&[]).is_err_and(|e| e.contains("empty")));
        assert!(read(&[&[9][..], good].concat()).is_err_and(|e| e.contains("version 9") && e.contains("version 2")));
        assert!(read(&[&good[..], &[0]].concat()).is_err_and(|e| e.contains("damaged")), "trailing bytes");
        let mut rng = Rng::with_seed(5);
        for _ in 0..300 {
            let mut bad = good.clone();
            bad[rng.usize(1..good.len())] ^= 1 << rng.u8(0..8);
            assert!(read(&bad).is_err_and(|e| e.contains("damaged")));
            assert!(read(&good[..rng.usize(1..good.len())]).is_err_and(|e| e.contains("damaged")));
        }
    }
    let mut other = (*world.set).clone();
    other.digest = [7; 32];
    let refused = Pipeline::restore(&[Arc::new(Rules { set: Arc::new(other), sources: world.sources.clone() })], &snapshot).map(|_| ());
    assert!(refused.is_err_and(|e| e.to_string().contains("another rule set")));
    let foreign = Entry { rules: [7; 32], control: None, ..Entry::decode(entry).expect("an entry") };
    assert!(pipeline.admit(&foreign).is_err_and(|e| e.contains("rule set 07070707") && e.contains("match it again")));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pipeline.apply(99, &foreign))).is_err(), "never applied by mistake");
}
