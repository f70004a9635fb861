//! The notice: how the run stands, put together for the board a few times a second, and what is counted for it.
//!
//! Owns the translation from the engine's words to those of the telemetry. Never decides, and reads nothing that a round did not
//! settle: what it pins is of one moment.

use super::engine::{Applied, Engine};
use super::progress::Stand;
use crate::io::clock::{Stopwatch, now_ms};
use crate::io::port::Outcome;
use crate::telemetry::standing::{ArchiveStanding, LaneStanding, RulesStanding, SourceStanding};
use crate::telemetry::tally::{Delivered, SourceTally};
use crate::telemetry::{Board, Stage, Standing};
use serde::Deserialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tidegate_core::event::watermark::NOT_YET;
use tidegate_core::pipeline::{Action, Reload};
use tidegate_core::rule::Body;

/// How often the board is renewed.
const EVERY: Duration = Duration::from_millis(250);
/// Between two marks of when a position of the log was appended.
const MARK: Duration = Duration::from_secs(1);
/// Most marks; over it every other one goes.
const MARKS_MAX: usize = 8_192;

/// See the module.
#[derive(Debug)]
pub struct Notice {
    board: Board,
    sources: Vec<Arc<str>>,
    pinned: Option<Stopwatch>,
    /// When positions of the log were appended, some of them, in order.
    marks: VecDeque<(u64, Stopwatch)>,
}

impl Notice {
    /// For sources of these names.
    #[must_use]
    pub fn new(board: Board, sources: Vec<Arc<str>>) -> Self {
        board.tally(|tally| tally.sources.extend(sources.iter().map(|name| (name.clone(), SourceTally::default()))));
        Notice { board, sources, pinned: None, marks: VecDeque::from([(0, Stopwatch::start())]) }
    }

    /// The board.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// The loop turned: pins how the run stands, if that is due.
    pub fn turned(&mut self, engine: &Engine, blocked: Option<&str>, quarantine_items: Option<u64>) {
        self.board.turned();
        if self.pinned.is_some_and(|since| since.elapsed() < EVERY) {
            return;
        }
        self.pinned = Some(Stopwatch::start());
        let standing = Standing { quarantine_items, ..self.standing(engine, blocked) };
        let oldest = (0..engine.machine.pipelines().len() as u16).filter_map(|p| oldest(engine, p)).min();
        self.forget_before(oldest.unwrap_or(u64::MAX));
        self.board.pin(standing);
    }

    /// A round was appended and applied.
    pub fn applied(&mut self, applied: &Applied) {
        if self.marks.back().is_none_or(|(_, at)| at.elapsed() >= MARK) {
            self.marks.push_back((applied.position, Stopwatch::start()));
        }
        if self.marks.len() > MARKS_MAX {
            let mut odd = false;
            self.marks.retain(|_| {
                odd = !odd;
                odd
            });
        }
        self.board.tally(|tally| {
            tally.append.note(applied.append);
            tally.apply.note(applied.apply);
            for action in &applied.actions {
                match action {
                    Action::Index { before: None, document, .. } => {
                        let opened = Opened::read(document);
                        tally.opened(&opened.finding_info.analytic.uid, severity(opened.severity_id), &opened.tidegate.paging.decision);
                    }
                    Action::Page { route, .. } => *tally.pages.entry(route.clone()).or_default() += 1,
                    _ => {}
                }
            }
        });
    }

    /// What a reload did to rules.
    pub fn reloaded(&self, reload: &Reload) {
        let parts = [("kept", &reload.kept), ("restarted", &reload.restarted), ("added", &reload.added), ("removed", &reload.removed)];
        let parts = parts.into_iter().map(|(change, ids)| (change, ids.len() as u64)).collect();
        self.board.tally(|tally| {
            tally.reloads.rules = parts;
            tally.reloads.restarted += reload.restarted.len() as u64;
        });
    }

    /// Another generation is in force.
    pub fn changed(&self) {
        self.board.tally(|tally| {
            tally.reloads.applied += 1;
            tally.reloads.applied_ms = Some(now_ms());
        });
    }

    /// A stop was asked for.
    pub fn stopping(&self) {
        self.board.stage(Stage::Stopping);
    }

    /// Marks that nobody asks for any more go; the one before the oldest that waits stays.
    fn forget_before(&mut self, position: u64) {
        while self.marks.len() > 1 && self.marks.get(1).is_some_and(|(at, _)| *at <= position) {
            self.marks.pop_front();
        }
    }

    fn standing(&self, engine: &Engine, blocked: Option<&str>) -> Standing {
        let machine = &engine.machine;
        let books = machine.books();
        let (keys, state_bytes) = machine.state_size();
        let budgets = &machine.control().settings.correlate;
        Standing {
            without_key: without_key(engine, &books.input.without_key),
            books,
            position: engine.head,
            blocked: blocked.filter(|_| engine.blocked()).map(str::to_owned),
            archive: engine.archived().map(|a| ArchiveStanding {
                records: a.records,
                bytes: a.bytes,
                written: a.written,
                failures: a.failures,
            }),
            keys: keys as u64,
            state_bytes,
            budget_bytes: (budgets.budget_bytes_per_rule, budgets.budget_bytes_per_account),
            snapshots: engine.snapshots.positions().collect(),
            sources: self.sources(engine),
            lanes: self.lanes(engine),
            rules: rules(engine),
            quarantine_items: None,
        }
    }

    fn sources(&self, engine: &Engine) -> Vec<SourceStanding> {
        let stand = |(name, stand): (&Arc<str>, Stand)| SourceStanding {
            name: name.clone(),
            watermark_ms: stand.watermark_ms.filter(|ms| *ms > NOT_YET),
            shards: stand.shards as u64,
            ended: stand.finished,
        };
        self.sources.iter().zip(engine.shards.standing()).map(stand).collect()
    }

    fn lanes(&self, engine: &Engine) -> Vec<LaneStanding> {
        let mut lanes: BTreeMap<Arc<str>, LaneStanding> = BTreeMap::new();
        for pipeline in 0..engine.machine.pipelines().len() as u16 {
            let outbox = engine.machine.outbox(pipeline);
            for (name, kind) in outbox.lanes() {
                let (counts, oldest) = (outbox.counts(name), outbox.oldest(name));
                let lane = lanes.entry(name.clone()).or_default();
                (lane.name, lane.pages) = (name.clone(), kind.is_page());
                lane.delivered += counts.delivered;
                lane.quarantined += counts.quarantined;
                lane.in_outbox += counts.unheard;
                lane.waiting += counts.waiting;
                lane.under_way += counts.under_way;
                let since = oldest.map(|number| self.since(number.position));
                lane.oldest = [lane.oldest, since].into_iter().flatten().max_by_key(|since| since.elapsed());
            }
        }
        lanes.into_values().collect()
    }

    /// About when a position was appended: not later.
    fn since(&self, position: u64) -> Stopwatch {
        let mark = self.marks.iter().rev().find(|(at, _)| *at <= position).or(self.marks.front());
        mark.map_or_else(Stopwatch::start, |(_, since)| *since)
    }
}

/// Position of the oldest effect that waits in any lane of a Pipeline.
fn oldest(engine: &Engine, pipeline: u16) -> Option<u64> {
    let outbox = engine.machine.outbox(pipeline);
    outbox.lanes().filter_map(|(name, _)| outbox.oldest(name)).map(|number| number.position).min()
}

/// Matches without a key by the id of their rule; those of rules that are gone stand under `gone`.
fn without_key(engine: &Engine, counts: &BTreeMap<u32, u64>) -> BTreeMap<String, u64> {
    let rules = engine.machine.rules();
    let mut out = BTreeMap::new();
    for (rule, n) in counts {
        let id = rules.and_then(|rules| rules.set.rules.get(*rule as usize)).map_or("gone", |rule| &rule.meta.id);
        *out.entry(id.to_owned()).or_default() += n;
    }
    out
}

fn rules(engine: &Engine) -> RulesStanding {
    let Some(rules) = engine.machine.rules() else { return RulesStanding::default() };
    let set = &rules.set;
    let correlations = set.rules.iter().filter(|r| matches!(r.body, Body::Correlation(_))).count();
    RulesStanding {
        digest: set.digest[..6].iter().map(|b| format!("{b:02x}")).collect(),
        rules: (set.rules.len() - correlations) as u64,
        correlations: correlations as u64,
        shadow: set.shadows() as u64,
        suppressions: engine.machine.control().suppressions.len() as u64,
    }
}

/// How a sink's outcome counts.
#[must_use]
pub fn delivered(outcome: &Outcome) -> Delivered {
    match outcome {
        Outcome::Taken => Delivered::Taken,
        Outcome::Again(_) => Delivered::Again,
        Outcome::Unknown(_) => Delivered::Unknown,
        Outcome::Refused(_) => Delivered::Refused,
    }
}

/// What of an alert's document is counted.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Opened {
    severity_id: u8,
    finding_info: FindingInfo,
    tidegate: Own,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FindingInfo {
    analytic: Analytic,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Analytic {
    uid: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Own {
    paging: Paging,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Paging {
    decision: String,
}

impl Opened {
    fn read(document: &str) -> Self {
        serde_json::from_str(document).unwrap_or_default()
    }
}

/// OCSF's `severity_id` as a label.
fn severity(id: u8) -> &'static str {
    match id {
        1 => "informational",
        2 => "low",
        3 => "medium",
        4 => "high",
        5 => "critical",
        6 => "fatal",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_as_old_as_the_mark_before_it() {
        let board = Board::new(std::path::Path::new("state.db"));
        let mut notice = Notice::new(board, vec!["trail".into()]);
        let start = notice.marks[0].1;
        std::thread::sleep(Duration::from_millis(5));
        let later = Stopwatch::start();
        notice.marks.extend([(5, later), (9, Stopwatch::start())]);
        // The younger is measured first: whatever comes between only makes the difference larger.
        let older = |a: Stopwatch, b: Stopwatch| {
            let b = b.elapsed();
            a.elapsed() >= b + Duration::from_millis(5)
        };
        assert!(older(notice.since(4), later) && older(start, notice.since(5)) && older(start, notice.since(8)));
        notice.forget_before(6);
        assert_eq!(notice.marks.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [5, 9], "the one before the oldest stays");
        notice.forget_before(u64::MAX);
        assert_eq!(notice.marks.len(), 1, "nothing waits");
        let age = notice.since(20).elapsed();
        assert!(age <= notice.marks[0].1.elapsed());
    }

    #[test]
    fn marks_are_thinned_and_stay_in_order() {
        let mut notice = Notice::new(Board::new(std::path::Path::new("state.db")), Vec::new());
        notice.marks.extend((1..=MARKS_MAX as u64).map(|at| (at, Stopwatch::start())));
        notice.applied(&Applied { position: MARKS_MAX as u64 + 1, ..Applied::default() });
        assert!(notice.marks.len() <= MARKS_MAX / 2 + 1 && notice.marks[0].0 == 0);
        assert!(notice.marks.iter().zip(notice.marks.iter().skip(1)).all(|(a, b)| a.0 < b.0));
    }

    #[test]
    fn an_alert_counts_by_what_its_document_says() {
        let opened = Opened::read(include_str!("../../../core/tests/golden/alerts/finding.json"));
        assert_eq!(severity(opened.severity_id), "high");
        assert_eq!(opened.finding_info.analytic.uid, "00000000-0000-4000-8000-000000000000");
        assert_eq!(opened.tidegate.paging.decision, "page");
    }
}
