//! Whether the process lives, and whether it is ready.
//!
//! Owns the two judgements, as functions of the board alone. *Live*: the loop turned lately; else restart it. *Ready*: this process owns
//! the state, has caught up, can write, and its sinks take what they are given. A reload that was refused makes nobody unready: what
//! was loaded before goes on; it is told beside.

use super::board::{Reading, Stage};
use super::standing::Row;
use serde_json::{Value, json};
use std::time::Duration;
use tidegate_core::alert::neutral::terminal;

/// The loop turns five times a second when nothing happens. A large round, a full disk and another process that holds the file are
/// over long before this.
pub const TURN_MAX: Duration = Duration::from_secs(60);
/// Applying the log again does not turn the loop. It is meant to take ten seconds; what takes longer than this hangs.
pub const CATCH_UP_MAX: Duration = Duration::from_secs(15 * 60);
/// A lane that fails for longer makes the process unready.
pub const LANE_DOWN: Duration = Duration::from_secs(60);

/// A reason, or a remark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// From a fixed list.
    pub code: &'static str,
    /// In words.
    pub text: String,
}

/// Whether it is ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Why not; empty: it is.
    pub reasons: Vec<Reason>,
    /// What should be known though it is ready.
    pub remarks: Vec<Reason>,
}

/// Whether the process lives.
#[must_use]
pub fn live(reading: &Reading) -> bool {
    match reading.stage {
        Stage::CatchingUp => reading.stage_age < CATCH_UP_MAX,
        _ => reading.turn_age < TURN_MAX,
    }
}

/// The answer of `/live`.
#[must_use]
pub fn live_document(reading: &Reading) -> Value {
    json!({ "live": live(reading), "stage": reading.stage.word(), "turned_seconds_ago": reading.turn_age.as_secs_f64() })
}

/// Whether it is ready, and if not why.
#[must_use]
pub fn readiness(reading: &Reading) -> Readiness {
    let reason = |code, text: &str| Reason { code, text: text.lines().map(terminal).collect::<Vec<_>>().join(" | ") };
    let mut reasons = Vec::new();
    match &reading.stage {
        Stage::Starting => reasons.push(reason("starting", "the state was not asked for yet")),
        Stage::Standby(why) => reasons.push(reason("standby", why)),
        Stage::CatchingUp => reasons.push(reason("catching_up", "the log is applied again")),
        Stage::Stopping => reasons.push(reason("stopping", "a stop was asked for")),
        Stage::Running => {}
    }
    if !live(reading) {
        reasons.push(reason("stuck", "the loop does not turn"));
    }
    match reading.row.as_ref().map(Row::word) {
        Some("unrenewed") => {
            reasons.push(reason("row_unrenewed", "the ownership row could not be renewed in time: nothing is sent until it can"))
        }
        Some("lost") => reasons.push(reason("row_lost", "another process has the ownership row: this one ends")),
        _ => {}
    }
    if let Some(why) = reading.standing.as_ref().and_then(|s| s.blocked.as_ref()) {
        reasons.push(reason("store_blocked", why));
    }
    for (name, since) in reading.failing.iter().filter(|(_, since)| **since >= LANE_DOWN) {
        reasons.push(reason("lane_down", &format!("the sink {name} has not taken everything for {} s", since.as_secs())));
    }
    let refusal = reading.tally.reloads.refusal.as_ref();
    Readiness { reasons, remarks: refusal.map(|(part, why)| reason("reload_refused", &format!("{part}: {why}"))).into_iter().collect() }
}

/// The answer of `/ready`.
#[must_use]
pub fn ready_document(reading: &Reading, readiness: &Readiness) -> Value {
    let told = |reasons: &[Reason]| reasons.iter().map(|r| json!({ "code": r.code, "text": r.text })).collect::<Vec<_>>();
    json!({
        "ready": readiness.reasons.is_empty(),
        "stage": reading.stage.word(),
        "reasons": told(&readiness.reasons),
        "remarks": told(&readiness.remarks),
        "position": reading.standing.as_ref().map(|s| s.position),
        "epoch": reading.ownership.as_ref().map(|o| o.epoch),
        "row": reading.row.as_ref().map(|row| json!({ "state": row.word(), "epoch": row.epoch() })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::ownership::Tenure;
    use crate::telemetry::{Board, Standing};
    use std::path::Path;
    use std::sync::Arc;

    fn running() -> Reading {
        let board = Board::new(Path::new("state.db"));
        board.stage(Stage::Running);
        board.pin(Standing::default());
        board.read()
    }

    fn codes(reading: &Reading) -> Vec<&'static str> {
        readiness(reading).reasons.iter().map(|r| r.code).collect()
    }

    #[test]
    fn a_loop_that_stands_still_is_neither_live_nor_ready() {
        let mut reading = running();
        assert!(live(&reading) && codes(&reading).is_empty());
        reading.turn_age = TURN_MAX;
        assert!(!live(&reading));
        assert_eq!(codes(&reading), ["stuck"]);
    }

    #[test]
    fn catching_up_is_live_for_as_long_as_it_may_take_and_not_ready() {
        let mut reading = Reading { stage: Stage::CatchingUp, turn_age: TURN_MAX * 2, ..running() };
        assert!(live(&reading));
        assert_eq!(codes(&reading), ["catching_up"]);
        reading.stage_age = CATCH_UP_MAX;
        assert!(!live(&reading));
    }

    #[test]
    fn each_reason_is_told() {
        let standby = Reading { stage: Stage::Standby("pid 1 owns it\u{1b}[31m".into()), ..running() };
        assert_eq!(codes(&standby), ["standby"]);
        assert!(readiness(&standby).reasons[0].text.contains("\\u{1b}"));
        let blocked = Standing { blocked: Some("disk full".into()), ..Standing::default() };
        assert_eq!(codes(&Reading { standing: Some(Arc::new(blocked)), ..running() }), ["store_blocked"]);
        assert_eq!(codes(&Reading { stage: Stage::Stopping, ..running() }), ["stopping"]);
    }

    #[test]
    fn the_ownership_row_is_told_as_it_stands() {
        let mut reading = running();
        assert_eq!(ready_document(&reading, &readiness(&reading))["row"], Value::Null, "none is configured");
        reading.row = Some(Row::Watching);
        assert_eq!((reading.row.as_ref().map(Row::word), codes(&reading)), (Some("watching"), vec![]));
        let since = crate::io::clock::Stopwatch::start();
        let tenure = |term_s| Tenure::new(7, Duration::from_secs(term_s), since, Duration::ZERO);
        let held = tenure(3_600);
        reading.row = Some(Row::Taken(held.clone()));
        assert_eq!(ready_document(&reading, &readiness(&reading))["row"], json!({"state": "held", "epoch": 7}));
        assert!(codes(&reading).is_empty());
        held.lose("host-b has it".into());
        assert_eq!(codes(&reading), ["row_lost"]);
        reading.row = Some(Row::Taken(tenure(0)));
        assert_eq!(codes(&reading), ["row_unrenewed"]);
    }

    #[test]
    fn a_lane_may_fail_for_a_while_and_a_refused_reload_is_a_remark() {
        let mut reading = running();
        reading.failing = [("opensearch".into(), LANE_DOWN - Duration::from_secs(1))].into();
        reading.tally.reloads.refusal = Some(("rules", "rules.yml:3:1: no".into()));
        let told = readiness(&reading);
        assert!(told.reasons.is_empty(), "not yet: {told:?}");
        assert_eq!(told.remarks.iter().map(|r| r.code).collect::<Vec<_>>(), ["reload_refused"]);
        let document = ready_document(&reading, &told);
        assert_eq!((&document["ready"], &document["remarks"][0]["code"]), (&true.into(), &"reload_refused".into()));
        reading.failing = [("opensearch".into(), LANE_DOWN)].into();
        assert_eq!(codes(&reading), ["lane_down"]);
    }
}
