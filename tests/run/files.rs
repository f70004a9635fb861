//! What is read: folders, files, streams, each once, whatever ends and starts again.

use crate::support::{Place, SHOP, Service, event, numbers};
use std::collections::BTreeSet;
use std::io::Write;

fn gzip(content: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content.as_bytes()).expect("gzip");
    encoder.finish().expect("gzip")
}

#[test]
fn a_watched_folder_is_read_once_and_goes_on_after_a_restart() {
    let sinks = "sinks: {ndjson: {file: ./alerts.ndjson}}";
    let place = Place::new("folder", &format!("sources: [{{name: shop, folder: ./in, {SHOP}}}]\n{sinks}"));
    let service = place.start();
    place.write("in/a.ndjson", event("denied", "ann", 0));
    place.wait_alerts(1);
    place.write("in/b.ndjson.gz", gzip(&event("denied", "bob", 10)));
    place.wait_alerts(2);
    place.append("in/c.ndjson", &event("denied", "cem", 20));
    place.wait_alerts(3);
    let (half, rest) = (event("denied", "dan", 30), event("denied", "erin", 40));
    place.append("in/c.ndjson", &half[..20]);
    place.write("in/d.ndjson", rest);
    place.wait_alert("denied", "erin");
    assert_eq!(place.alerts().len(), 4, "half a line is no event");
    place.append("in/c.ndjson", &half[20..]);
    place.wait_alerts(5);
    let log = service.stop();
    assert_eq!(log.matches(" page: ").count(), 5, "{log}");

    let service = place.start();
    place.append("in/c.ndjson", &event("denied", "fay", 50));
    place.wait_alert("denied", "fay");
    let log = service.stop();
    assert_eq!(log.matches(" page: ").count(), 1, "nobody is paged again: {log}");
    let end = numbers(&log);
    assert_eq!((end["records"], end["events"], end["alerts"], end["pages"]), (6, 6, 6, 6), "{log}");

    let versions: Vec<String> =
        place.ndjson().iter().map(|a| format!("{} {}", a["finding_info"]["uid"], a["tidegate"]["revision"])).collect();
    let ids: BTreeSet<String> = place.ndjson().iter().map(|a| a["finding_info"]["uid"].to_string()).collect();
    let listed: BTreeSet<String> = place.alerts().iter().map(|a| a["finding_info"]["uid"].to_string()).collect();
    assert_eq!(versions.len(), versions.iter().collect::<BTreeSet<_>>().len(), "no version is written twice: {versions:?}");
    assert_eq!((ids.len(), &ids), (6, &listed));
}

#[test]
fn standard_input_is_read_to_its_end_and_the_run_ends_with_it() {
    let place = Place::new("stdin", &format!("sources: [{{name: pipe, stdin: true, {SHOP}}}]"));
    let mut service = place.start();
    (0..3).for_each(|n| service.feed(&event("refused", "ann", n)));
    service.close();
    let (status, log) = service.end();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("every source has ended"), "{log}");
    let alerts = place.alerts();
    assert_eq!((alerts.len(), &alerts[0]["count"]), (1, &3.into()), "{alerts:?}");

    // Another stream is another shard: its lines are not taken for those that were read.
    let mut service = place.start();
    service.feed(&event("denied", "bob", 5));
    service.close();
    let (status, log) = service.end();
    assert_eq!((status.code(), numbers(&log)["records"], place.alerts().len()), (Some(0), 4, 2), "{log}");
}

#[test]
fn a_finite_run_ends_by_itself_and_a_source_that_fails_fails_alone() {
    let good = format!("{{name: good, folder: ./in, follow: false, {SHOP}}}");
    let place = Place::new("finite", &format!("sources: [{good}]"));
    place.write("in/a.ndjson", event("denied", "ann", 0) + &event("denied", "bob", 1));
    let (status, log) = place.start().end();
    assert_eq!((status.code(), numbers(&log)["records"]), (Some(0), 2), "{log}");
    assert_eq!(place.alerts().len(), 2);

    place.write("in/b.ndjson", event("denied", "cem", 2));
    place.configure(&format!("sources: [{{name: gone, file: ./nowhere.ndjson, follow: false, {SHOP}}}, {good}]"));
    let (status, log) = place.start().end();
    assert_eq!((status.code(), numbers(&log)["records"]), (Some(3), 3), "{log}");
    assert!(log.contains("error: cannot read") && log.contains("nowhere.ndjson"), "{log}");
    assert_eq!(place.alerts().len(), 3, "the others go on");
}

/// On a machine where the stand-ins do not run, as without the network: the service stays up, says so, and stops when it is told.
#[test]
#[cfg(feature = "aws")]
fn the_example_configuration_starts() {
    let place = Place::new("example", "sources: [{name: a, stdin: true}]");
    let example = include_str!("../../tidegate.example.yaml").replace("127.0.0.1:9187", "127.0.0.1:0");
    place.write("tidegate.yaml", example.replace("127.0.0.1:245", "127.0.0.1:1"));
    let check = std::process::Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["config", "check"])
        .arg(place.path("tidegate.yaml"))
        .output()
        .expect("the binary runs");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    let mut command = place.command(env!("CARGO_BIN_EXE_tidegate"), &[]);
    command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_EC2_METADATA_DISABLED", "true")]);
    let service = Service::start(command);
    service.says("started");
    service.says("source=\"findings\"");
    service.signal("TERM");
    let (status, log) = service.end();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn a_run_that_could_not_read_to_the_end_of_its_files_says_so_by_its_exit_code() {
    let place = Place::new("torn", &format!("sources: [{{name: shop, folder: ./in, follow: false, {SHOP}}}]"));
    let lines: String = (0..400).map(|n| event("denied", &format!("user-{}", n * 7919 % 1009), n)).collect();
    let packed = gzip(&lines);
    place.write("in/a.ndjson.gz", &packed[..packed.len() / 2]);
    place.write("in/b.ndjson", event("denied", "zoe", 500));
    let (status, log) = place.start().end();
    assert_eq!(status.code(), Some(3), "{log}");
    assert!(log.contains("a.ndjson.gz behind line") && log.contains("the rest is left out until the file changes"), "{log}");
    place.wait_alert("denied", "zoe");
}
