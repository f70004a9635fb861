//! What durability costs. Prints the figures; fails only at what no disk excuses.
//!
//! `TIDEGATE_MEASURE_MB=100 cargo test --test store -- speed --nocapture` is the full size; the default is small.

use crate::support::*;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tidegate::io::clock::Stopwatch;
use tidegate::io::port::{Append, Sink, Store};
use tidegate::io::sqlite::{OpenOptions, SqliteStore, View};
use tidegate_core::event::id::hash128;
use tidegate_core::pipeline::Entry;

fn megabytes() -> usize {
    std::env::var("TIDEGATE_MEASURE_MB").ok().and_then(|n| n.parse().ok()).unwrap_or(12)
}

fn store(path: &Path) -> SqliteStore {
    SqliteStore::open(path, &OpenOptions::default()).expect("opens")
}

/// A batch every few milliseconds while a snapshot is written, sealed and the log cut behind it: how long does a batch wait?
#[test]
fn appends_go_on_beside_a_snapshot() {
    let folder = Folder::below(&std::env::temp_dir());
    let path = folder.path("state");
    let mut store = store(&path);
    store.set_pipelines(1).expect("pipelines");
    let watch = Stopwatch::start();
    let alone = if megabytes() > 50 { 2_000 } else { 100 };
    (1..=alone).for_each(|n| append(&mut store, 1, n));
    println!("appends alone: {:.0} per second", alone as f64 / watch.elapsed().as_secs_f64());

    let state: Vec<u8> = (0..251u8).collect::<Vec<_>>().repeat(megabytes() * 1_000_000 / 251);
    let (over, mut twin) = (AtomicBool::new(false), store.twin().expect("twin"));
    let mut waits = Vec::new();
    thread::scope(|scope| {
        scope.spawn(|| {
            for position in [1, 2, alone] {
                snapshot_timed(&mut twin, position, &state);
            }
            over.store(true, Ordering::Relaxed);
        });
        let mut n = alone;
        while !over.load(Ordering::Relaxed) {
            n += 1;
            let watch = Stopwatch::start();
            append(&mut store, 1, n);
            waits.push(watch.elapsed());
            thread::sleep(Duration::from_millis(5));
        }
    });
    waits.sort_unstable();
    let at = |part: usize| waits[(waits.len() - 1) * part / 100];
    println!("{} appends meanwhile: p50 {:?}, p99 {:?}, longest {:?}", waits.len(), at(50), at(99), at(100));
    assert!(at(100) < Duration::from_secs(4), "an append waited for {:?}", at(100));
    let info = View::open(&path).expect("opens").info().expect("reads");
    assert_eq!(info.entries, info.head - 2, "cut behind the older of two");
}

fn snapshot_timed(store: &mut SqliteStore, position: u64, state: &[u8]) {
    let watch = Stopwatch::start();
    let pieces = put_pieces(store, 0, position, state, 1 << 20);
    let (written, watch) = (watch.elapsed(), Stopwatch::start());
    store.seal_snapshot(0, position, pieces, hash128(state)).expect("sealed");
    println!("snapshot of {} MB: written in {written:?}, verified, sealed and cut in {:?}", state.len() / 1_000_000, watch.elapsed());
}

/// What a row costs on top of what is in it.
#[test]
fn rows_are_not_much_larger_than_what_they_hold() {
    let folder = Folder::new();
    let path = folder.path("state");
    let mut store = store(&path);
    store.set_pipelines(1).expect("pipelines");
    let entry = Entry { published: (0..40).collect(), ..entry(0, 1) };
    let (bytes, count) = (entry.encode().len() as u64, 4_000);
    let before = View::open(&path).expect("opens").info().expect("reads").bytes;
    for n in 1..=count {
        store.append(&Append { position: n, entries: std::slice::from_ref(&entry), ..Append::default() }).expect("appended");
    }
    let after = View::open(&path).expect("opens").info().expect("reads").bytes;
    let each = (after - before) / count;
    println!("an entry of {bytes} bytes takes {each} bytes of the file");
    assert!(each < bytes + 64, "{each}");
    let watch = Stopwatch::start();
    let mut sink = store.alerts();
    for n in 0..200 {
        sink.deliver(&[delivery(&format!("{n}"), 1, 3, &["111122223333"])]);
    }
    println!("{:.0} alerts per second, one by one", 200.0 / watch.elapsed().as_secs_f64());
}
