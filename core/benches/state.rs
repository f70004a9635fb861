//! Bytes per live group key of an `event_count` over flows: logical, as the state budget counts them, and at the allocator.
//!
//! Prints `name value unit target`. Detections come out of an Intake and are gone when the bytes are counted.

#[expect(dead_code, reason = "this bench times nothing")]
mod support;

use std::alloc::{GlobalAlloc, Layout, System};
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{intake, record, rules, say};
use tidegate_core::correlate::{Correlator, Settings};
use tidegate_core::detect::sources_of;
use tidegate_core::event::{Source, Watermarks};
use tidegate_core::pipeline::Gathered;

const KEYS: usize = 100_000;
const CHUNK: usize = 10_000;

/// The system's allocator, and the bytes that are in use.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "an allocator is unsafe to write; this one adds numbers and hands everything on")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    for events in [1, 4] {
        let (logical, actual) = bytes_per_key(events);
        let target = if events == 1 { "64" } else { "-" };
        say(&format!("state_logical_bytes_per_key_of_{events}"), logical, "bytes", target);
        say(&format!("state_allocated_bytes_per_key_of_{events}"), actual, "bytes", "-");
    }
}

/// Logical and allocated bytes of a key with this many events.
#[expect(clippy::cast_precision_loss, reason = "for display")]
fn bytes_per_key(events: usize) -> (f64, f64) {
    let set = rules();
    let intake = intake(&set);
    let scan = (0..).zip(&set.rules).find(|(_, r)| r.meta.title == "Port scan").map(|(n, _)| n).expect("a rule of the file");
    let sources: Vec<Vec<Source>> = (0..set.rules.len() as u32).map(|rule| sources_of(&set, rule, &[])).collect();
    let settings = Settings { budget_bytes_per_rule: u64::MAX, budget_bytes_per_account: u64::MAX, ..Settings::default() };
    let mut correlator = Correlator::new(&set, &sources, settings);
    let (watermarks, mut memory, mut outputs) = (Watermarks::default(), intake.shard(), Vec::new());
    let before = LIVE.load(Ordering::Relaxed);
    for (n, text) in (0u64..).zip(chunks(events)) {
        let mut gathered = Gathered::default();
        intake.process(&mut memory, &[record("flows", n * CHUNK as u64, text.into_bytes(), true)], &mut gathered);
        for detection in gathered.detections.iter().filter(|d| d.target == scan) {
            correlator.apply(detection, &watermarks, &mut outputs);
        }
    }
    assert_eq!((correlator.live_keys(), outputs.len()), (KEYS, 0));
    let live = LIVE.load(Ordering::Relaxed) - before;
    (correlator.state_bytes() as f64 / KEYS as f64, live as f64 / KEYS as f64)
}

/// Rejected flows of [`KEYS`] sources, in accounts by the hundred.
fn chunks(events: usize) -> impl Iterator<Item = String> {
    let lines: Vec<usize> = (0..KEYS * events).collect();
    let line = |text: &mut String, n: &usize| {
        let (key, start) = (n % KEYS, 1_795_000_000 + n / KEYS);
        let source = std::net::Ipv4Addr::from(0x0b00_0000 + key as u32);
        let account = 100_000_000_000 + key % 100;
        let written = writeln!(text, "2 {account} eni-{key:017x} {source} 10.0.0.7 40000 22 6 1 40 {start} {start} REJECT OK");
        assert!(written.is_ok(), "a text takes everything");
    };
    let chunk = move |lines: &[usize]| {
        let mut text = String::new();
        lines.iter().for_each(|n| line(&mut text, n));
        text
    };
    lines.chunks(CHUNK).map(chunk).collect::<Vec<_>>().into_iter()
}
