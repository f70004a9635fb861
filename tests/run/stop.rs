//! Stopping: in time, with nothing left to apply again, and at once for those who insist.

use crate::support::{Place, SHOP, event, numbers};
use std::fmt::Write;
use std::process::Command;
use std::time::Duration;
use tidegate::io::clock::Stopwatch;

const FILES: i64 = 40;
const LINES: i64 = 10_000;

/// A folder that takes a while: four in ten thousand lines are a denial, a hundred people are refused now and then.
fn fill(place: &Place) {
    for file in 0..FILES {
        let mut text = String::new();
        for line in 0..LINES {
            let (n, result) = (file * LINES + line, if line % 2_500 == 0 { "denied" } else { "fine" });
            let result = if line % 97 == 0 { "refused" } else { result };
            let written = write!(text, "{}", event(result, &format!("u{}", n % 100), n / 10));
            assert!(written.is_ok(), "a text takes everything");
        }
        place.write(&format!("in/{file:03}.ndjson"), text);
    }
}

#[test]
fn a_busy_service_stops_in_time_with_nothing_left_to_do_again() {
    let place = Place::new("busy", &format!("sources: [{{name: shop, folder: ./in, follow: false, {SHOP}}}]"));
    fill(&place);
    let service = place.start();
    place.wait_alerts(1);
    let clock = Stopwatch::start();
    service.signal("TERM");
    let (status, log) = service.end();
    assert!(clock.elapsed() < Duration::from_secs(10), "{:?}\n{log}", clock.elapsed());
    let (end, all) = (numbers(&log), (FILES * LINES) as u64);
    assert_eq!((status.code(), end["deliveries"]), (Some(0), 0), "{log}");
    assert!(end["records"] > 0 && end["records"] < all, "it was busy: {log}");

    let service = place.start();
    let started = service.says("started");
    assert!(started.contains("applied_again=0"), "{started}");
    let (status, log) = service.end();
    let end = numbers(&log);
    assert_eq!((status.code(), end["records"], end["deliveries"]), (Some(0), all, 0), "{log}");
    assert_eq!(end["alerts"], place.alerts().len() as u64);
}

#[test]
fn a_second_signal_stops_at_once() {
    let place = Place::new("twice", &format!("sources: [{{name: pipe, file: ./pipe, {SHOP}}}]"));
    assert!(Command::new("mkfifo").arg(place.path("pipe")).status().expect("mkfifo").success());
    let service = place.start();
    service.says("started");
    // Nobody opens the pipe, so its reader hears nothing, and the stop waits for it.
    service.signal("INT");
    service.says("stopping");
    service.signal("INT");
    let (status, log) = service.end();
    assert_eq!(status.code(), Some(130), "{log}");
    assert!(!log.contains("stopped:"), "{log}");
}
