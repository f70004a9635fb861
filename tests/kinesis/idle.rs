//! What it costs to watch 64 shards on which nothing happens: memory is a promise, the processor's share is shown.
//! Reads `/proc`: Linux only.

use crate::hand::{Hand, url};
use crate::support::{Place, SHOP, event};
use std::time::Duration;
use tidegate::io::clock::Stopwatch;

const SHARDS: i32 = 64;
const WATCHED: Duration = Duration::from_secs(20);
const MEMORY_KIB_MAX: u64 = 200 << 10;

#[test]
fn sixty_four_idle_shards_by_polling() {
    watch("idle-polled", "polling");
}

#[test]
fn sixty_four_idle_shards_when_pushed() {
    watch("idle-pushed", "fan_out");
}

fn watch(name: &str, consumer: &str) {
    let hand = Hand::new(name, SHARDS);
    let stream = format!("stream: {}, region: us-east-1, endpoint_url: '{}', consumer: {consumer}", hand.stream, url());
    let place = Place::new(name, &format!("sources: [{{name: shop, {SHOP}, kinesis: {{{stream}}}}}]"));
    let service = place.start();
    hand.put_bytes((0..500).map(|n| event("denied", &format!("who-{n}"), n).into_bytes()));
    place.wait_alerts(500);
    let (since, before) = (Stopwatch::start(), ticks(service.pid()));
    std::thread::sleep(WATCHED);
    let percent = (ticks(service.pid()) - before) as f64 / since.elapsed().as_secs_f64();
    let (now, most) = (memory_kib(service.pid(), "VmRSS:"), memory_kib(service.pid(), "VmHWM:"));
    println!("{SHARDS} idle shards, {consumer}: {percent:.1} % of a core, {} MiB, {} MiB at most", now >> 10, most >> 10);
    assert!(most < MEMORY_KIB_MAX, "{most} KiB");
    service.stop();
}

/// Hundredths of a second of processor time: user and system.
fn ticks(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let after_name = text.rsplit(") ").next().expect("a name in brackets");
    after_name.split(' ').skip(11).take(2).map(|n| n.parse::<u64>().expect("ticks")).sum()
}

pub(crate) fn memory_kib(pid: u32, line: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let found = text.lines().find_map(|l| l.strip_prefix(line)).expect("a line");
    found.trim().trim_end_matches(" kB").parse().expect("a number")
}
