//! A variant of a case as a list of single changes, so that it can be made smaller change by change and event by event.

use super::render::flow_columns;
use super::script::{Event, Script};
use super::suite::Suite;
use crate::event::flow::Column;
use serde_json::Value;
use std::sync::Arc;

/// Places of copies and of noise: far from those of a case's own events.
const COPY_PLACE: u64 = 1_000_000;
const NOISE_PLACE: u64 = 2_000_000;
/// Steps of noise: they give its events ids of their own.
const NOISE_STEP: usize = 0x8000;

/// One change. Events are counted in the order of the base script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Move {
    /// An event arrives at another time.
    Arrive { event: usize, arrival_ms: i64 },
    /// It arrives once more, by another route.
    Copy { event: usize, after_ms: i64 },
    /// The same happens in another account; `dull`: something that nobody looks for happens there instead.
    Noise { event: usize, account: Arc<str>, dull: bool },
    /// All times are moved, by a multiple of the unit.
    Shift { ms: i64, unit_ms: i64 },
    /// So many records are applied together.
    Batch(usize),
    /// So many Pipelines.
    Pipelines(u16),
    /// A restart after so many records.
    Restart(usize),
}

impl Move {
    fn event(&self) -> Option<usize> {
        match self {
            Move::Arrive { event, .. } | Move::Copy { event, .. } | Move::Noise { event, .. } => Some(*event),
            _ => None,
        }
    }
}

/// A variant: which events of the base are kept, and what is changed.
#[derive(Debug, Clone)]
pub(super) struct Plan<'p> {
    pub(super) base: &'p Script,
    pub(super) kept: Vec<usize>,
    pub(super) moves: Vec<Move>,
}

/// What is needed to write records.
pub(super) struct Press<'s> {
    suite: &'s Suite,
    columns: Vec<Column>,
}

impl<'s> Press<'s> {
    pub(super) fn new(suite: &'s Suite) -> Self {
        Press { suite, columns: flow_columns(suite) }
    }

    fn dull(&self, event: &Event) -> Option<Value> {
        self.suite.templates.get(&*event.template)?.dull()
    }
}

impl<'p> Plan<'p> {
    pub(super) fn new(base: &'p Script, moves: Vec<Move>) -> Self {
        Plan { base, kept: (0..base.events.len()).collect(), moves }
    }

    /// The same with fewer events: changes of the others fall away.
    pub(super) fn with_events(&self, kept: Vec<usize>) -> Self {
        let stays = |m: &&Move| m.event().is_none_or(|event| kept.contains(&event));
        let moves = self.moves.iter().filter(stays).cloned().collect();
        Plan { base: self.base, kept, moves }
    }

    /// The kept events as their author wrote them.
    pub(super) fn reference(&self) -> Script {
        let events = self.kept.iter().map(|i| self.base.events[*i].clone()).collect();
        Script { events, ..self.base.clone() }
    }

    /// Where the noise of an event stands.
    pub(super) fn noise_place(event: usize) -> u64 {
        NOISE_PLACE + event as u64
    }

    /// The accounts of noise.
    pub(super) fn stand_ins(&self) -> Vec<&str> {
        let of = |m: &'_ Move| if let Move::Noise { account, .. } = m { Some(Arc::clone(account)) } else { None };
        let used: Vec<Arc<str>> = self.moves.iter().filter_map(of).collect();
        STAND_INS.into_iter().filter(|name| used.iter().any(|account| **account == **name)).collect()
    }

    /// The script of the variant.
    pub(super) fn script(&self, press: &Press<'_>) -> Script {
        let mut script = self.reference();
        let events = std::mem::take(&mut script.events);
        let (mut shift_ms, mut restarts) = (0, Vec::new());
        for m in self.moves.iter().filter(|m| m.event().is_none()) {
            match m {
                Move::Shift { ms, .. } => shift_ms += ms,
                Move::Batch(n) => script.drive.batch = *n,
                Move::Pipelines(n) => script.drive.pipelines = *n,
                Move::Restart(after) => restarts.push(*after),
                _ => {}
            }
        }
        let mut of_event: Vec<Vec<&Move>> = vec![Vec::new(); self.base.events.len()];
        self.moves.iter().filter_map(|m| m.event().map(|e| (e, m))).for_each(|(e, m)| of_event[e].push(m));
        for (index, event) in self.kept.iter().zip(events) {
            script.events.extend(changed(event, *index, &of_event[*index], press, script.shift_ms));
        }
        // With fewer events than before a restart comes after the last one.
        let last = script.events.len();
        script.drive.restarts.extend(restarts.into_iter().map(|after| after.min(last)));
        script.settle();
        if shift_ms != 0 {
            script.shift(press.suite, &press.columns, shift_ms);
        }
        script
    }
}

/// An event and what its changes add.
fn changed(mut event: Event, index: usize, moves: &[&Move], press: &Press<'_>, shift_ms: i64) -> Vec<Event> {
    if let Some(Move::Arrive { arrival_ms, .. }) = moves.iter().find(|m| matches!(m, Move::Arrive { .. })) {
        event.arrival_ms = *arrival_ms;
    }
    let mut all = vec![event.clone()];
    for m in moves {
        match m {
            Move::Copy { after_ms, .. } => {
                let place = COPY_PLACE + index as u64;
                all.push(Event { place, arrival_ms: event.arrival_ms + after_ms, ..event.clone() });
            }
            Move::Noise { account, dull, .. } => {
                let mut noise = Event { account: Some(Arc::clone(account)), place: NOISE_PLACE + index as u64, ..event.clone() };
                noise.origin.0 += NOISE_STEP;
                if let Some(Value::Object(fields)) = press.dull(&event).filter(|_| *dull) {
                    let mut set = (*noise.set).clone();
                    set.extend(fields);
                    noise.set = Arc::new(set);
                }
                noise.render(press.suite, &press.columns, shift_ms);
                all.push(noise);
            }
            _ => {}
        }
    }
    all
}

/// Accounts that no test should name.
pub(super) const STAND_INS: [&str; 6] = ["990000000001", "990000000002", "990000000003", "990000000004", "990000000005", "990000000006"];
