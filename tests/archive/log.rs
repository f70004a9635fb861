//! `replay --log FILE`: byte-identical alerts.

use crate::scene::{first_half, place, replay, second_half, told};
use std::process::Command;

#[test]
fn the_log_of_a_service_gives_its_alerts_byte_by_byte_while_it_runs_and_behind_a_snapshot() {
    let place = place("replay-log", "pipelines: 2\n", false);
    first_half(&place, false);
    let before = told(&place);
    let service = second_half(&place, false);
    let (again, said) = replay(&place, &["--log", "state.db"]);
    let live = told(&place);
    assert!(live.len() >= 9 && before.len() >= 4, "{live:#?}");
    assert_eq!(again, live);
    assert!(!said.contains("snapshot"), "the whole log is there: {said}");

    service.stop();
    let (again, said) = replay(&place, &["--log", "state.db"]);
    assert!(said.contains("begins behind a snapshot"), "{said}");
    let changed: Vec<&String> = live.keys().filter(|id| before.get(*id) != live.get(*id)).collect();
    assert!(changed.iter().all(|id| again.contains_key(*id)), "what came behind the first stop is told: {said}");
    assert!(again.iter().all(|(id, line)| live.get(id) == Some(line)), "and each as it was");
    let range = ["--log", "state.db", "--from", "2030-01-01T00:00:00Z"];
    assert!(replay(&place, &range).0.is_empty());
}

#[test]
fn what_a_log_cannot_do_is_refused_in_words() {
    let place = place("replay-log-refused", "", true);
    let said = |arguments: &[&str]| {
        let out = Command::new(env!("CARGO_BIN_EXE_tidegate")).arg("replay").args(arguments).current_dir(place.path("")).output();
        let out = out.expect("runs");
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let (code, text) = said(&["--log", "state.db", "-r", "rules"]);
    assert!(code == Some(2) && text.contains("a log holds what its own rules found"), "{text}");
    let (code, text) = said(&["--log", "state.db", "in"]);
    assert!(code == Some(2) && text.contains("cannot be used with"), "{text}");
    let (code, text) = said(&["--log", "state.db"]);
    assert!(code == Some(3) && text.contains("there is no state file"), "{text}");
    let (code, text) = said(&["in"]);
    assert!(code == Some(2) && text.contains("--rules"), "{text}");
}
