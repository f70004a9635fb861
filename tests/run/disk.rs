//! No room, and files that are none of ours.

use crate::support::{Place, SHOP, Service, assert_same, event, found, numbers};
use std::fmt::Write;
use std::process::Command;

/// Events of which a good part matches, so that the log of them does not fit into a megabyte or two.
fn fill(place: &Place) {
    for file in 0..10 {
        let mut text = String::new();
        for n in file * 4_000..(file + 1) * 4_000 {
            let result = if n % 1_000 == 7 { "denied" } else { "refused" };
            assert!(write!(text, "{}", event(result, &format!("u{}", n % 3_000), n / 100)).is_ok(), "a text takes everything");
        }
        place.write(&format!("in/{file}.ndjson"), text);
    }
}

fn config(more: &str) -> String {
    format!("sources: [{{name: shop, folder: ./in, follow: false, {SHOP}}}]\n{more}")
}

/// Alerts of a run that nothing disturbs.
fn undisturbed(name: &str) -> (u64, std::collections::BTreeSet<String>) {
    let place = Place::new(name, &config(""));
    fill(&place);
    let (status, log) = place.start().end();
    assert_eq!(status.code(), Some(0), "{log}");
    (numbers(&log)["records"], found(&place.alerts()))
}

/// Waits until nothing can be written, makes room, and compares what comes out.
fn full(name: &str, place: &Place, service: Service, make_room: impl FnOnce(&Service)) {
    let line = service.says("the state file cannot be written");
    assert!(line.contains("nothing is read until it can"), "{line}");
    let before = place.alerts().len();
    make_room(&service);
    service.says("can be written again");
    let (status, log) = service.end();
    assert_eq!(status.code(), Some(0), "{log}");
    let (records, expected) = undisturbed(&format!("{name}-undisturbed"));
    assert_eq!(numbers(&log)["records"], records, "{log}");
    let alerts = place.alerts();
    assert!(before < alerts.len(), "reading had stopped");
    assert_same(&found(&alerts), &expected);
    assert_eq!(log.matches(" page: ").count() as u64, numbers(&log)["pages"], "every page once: {log}");
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
    let (status, log) = place.start().end();
    let (records, expected) = undisturbed("undisturbed-stopfull");
    assert_eq!((status.code(), numbers(&log)["records"]), (Some(0), records), "{log}");
    assert_same(&found(&place.alerts()), &expected);
}

#[test]
fn a_file_that_is_none_of_ours_is_refused_and_left_alone() {
    let place = Place::new("foreign", &config(""));
    let (status, log) = place.start().end();
    assert_eq!(status.code(), Some(0), "{log}");
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
