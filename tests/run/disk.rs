//! No room, and files that are none of ours.

use crate::support::{Place, RULES, SHOP, Service, assert_same, event, found, numbers};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::Command;

/// Events of which a good part matches, so that the log of them does not fit into a megabyte. Only denials are paged.
fn fill(place: &Place) {
    place.write("rules/rules.yml", RULES.replace("id: three\nlevel: high", "id: three\nlevel: medium"));
    for file in 0..10 {
        let mut text = String::new();
        for n in file * 4_000..(file + 1) * 4_000 {
            let result = if n % 1_000 == 999 { "denied" } else { "refused" };
            assert!(write!(text, "{}", event(result, &format!("u{}", n % 300), n / 100)).is_ok(), "a text takes everything");
        }
        place.write(&format!("in/{file}.ndjson"), text);
    }
    place.append("in/9.ndjson", &event("denied", "the-end", 401));
}

fn config(more: &str) -> String {
    format!("sources: [{{name: shop, folder: ./in, {SHOP}}}]\n{more}")
}

/// Waits until all was read, and then for the documents that wait for time to pass; stops. Gives records and alerts.
fn settled(place: &Place, service: Service) -> (u64, BTreeSet<String>, String) {
    place.wait_alert("denied", "the-end");
    place.write("in/a.ndjson", event("denied", "the-epilogue", 500));
    place.wait_alert("denied", "the-epilogue");
    let log = service.stop();
    let end = numbers(&log);
    assert_eq!(end["deliveries"], 0, "{log}");
    assert!(log.matches(" page: ").count() as u64 <= end["pages"], "every page once: {log}");
    (end["records"], found(&place.alerts()), log)
}

/// Alerts of a run that nothing disturbs.
fn undisturbed(name: &str) -> (u64, BTreeSet<String>) {
    let place = Place::new(&format!("{name}-undisturbed"), &config(""));
    fill(&place);
    let (records, alerts, log) = settled(&place, place.start());
    assert_eq!(log.matches(" page: ").count() as u64, numbers(&log)["pages"], "{log}");
    (records, alerts)
}

/// Waits until nothing can be written, makes room, and compares what comes out.
fn full(name: &str, place: &Place, service: Service, make_room: impl FnOnce(&Service)) {
    let line = service.says("the state file cannot be written");
    assert!(line.contains("nothing is read until it can"), "{line}");
    make_room(&service);
    service.says("can be written again");
    let (records, alerts, log) = settled(place, service);
    let expected = undisturbed(name);
    assert_same(&alerts, &expected.1);
    assert_eq!((records, log.matches(" page: ").count() as u64), (expected.0, numbers(&log)["pages"]), "every page once: {log}");
}

#[test]
fn a_byte_budget_that_is_used_up_stops_reading_until_it_is_raised() {
    let place = Place::new("budget", &config("state_bytes_max: 1MiB"));
    fill(&place);
    let service = place.start();
    full("budget", &place, service, |_| place.configure(&config("state_bytes_max: 1GiB")));
}

#[test]
fn a_limit_of_the_system_stops_reading_until_it_is_raised() {
    let place = Place::new("rlimit", &config(""));
    fill(&place);
    let limit = |more: &[&str]| {
        let mut command = Command::new("prlimit");
        command.args(more);
        command
    };
    assert!(limit(&["--version"]).status().is_ok_and(|s| s.success()), "prlimit (util-linux) is needed");
    let service = Service::start(place.command("prlimit", &["--fsize=1000000:", env!("CARGO_BIN_EXE_tidegate")]));
    full("rlimit", &place, service, |service| {
        let pid = service.pid().to_string();
        assert!(limit(&["--pid", &pid, "--fsize=unlimited:"]).status().expect("prlimit").success());
    });
}

#[test]
fn a_stop_while_nothing_can_be_written_is_told_and_nothing_is_lost() {
    let place = Place::new("stopfull", &config("state_bytes_max: 1MiB"));
    fill(&place);
    let service = place.start();
    service.says("the state file cannot be written");
    service.signal("TERM");
    let (status, log) = service.end();
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains("read again from there at the next start"), "{log}");
    place.configure(&config(""));
    let (records, alerts, _) = settled(&place, place.start());
    let expected = undisturbed("stopfull");
    assert_same(&alerts, &expected.1);
    assert_eq!(records, expected.0);
}

#[test]
fn a_file_that_is_none_of_ours_is_refused_and_left_alone() {
    let place = Place::new("foreign", &config(""));
    let service = place.start();
    service.says("started");
    service.stop();
    let (ours, good) = (place.path("state.db"), std::fs::read(place.path("state.db")).expect("a state file"));
    let sqlite = |set: &str| {
        let connection = rusqlite::Connection::open(&ours).expect("open");
        connection.execute_batch(set).expect("set");
    };
    let refused = |what: &str| {
        let before = std::fs::read(&ours).expect("read");
        let (status, log) = place.start().end();
        assert_eq!(status.code(), Some(3), "{what}: {log}");
        assert!(log.contains(what), "{what}: {log}");
        assert_eq!(std::fs::read(&ours).expect("read"), before, "{what}: it is untouched");
    };
    sqlite("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE);");
    refused("use the newer version of the program");
    std::fs::write(&ours, &good).expect("write");
    sqlite("PRAGMA application_id = 7; PRAGMA wal_checkpoint(TRUNCATE);");
    refused("an SQLite file of another program");
    std::fs::write(&ours, "these are my notes, please keep them\n".repeat(50)).expect("write");
    refused("no state file of Tidegate");
}
