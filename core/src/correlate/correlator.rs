//! All keys of all correlations of one Pipeline: applies detections and watermarks, in the order of the log.

use super::change::{Episode, Output};
use super::key::measurable;
use super::lifecycle::Step;
use super::spec::{Kind, compile};
use super::state::{Phase, State};
use crate::event::watermark::NOT_YET;
use crate::event::{Derived, Detection, GroupKey, Lateness, Source, Watermarks};
use crate::rule::RuleSet;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a Correlator is told beside its rules. Plain data.
///
/// Budgets are in logical bytes: an upper estimate, computed from what is kept, of the memory it really takes (between half of it
/// and a tenth more; usually all but a few per cent). They hold for one Pipeline: of P Pipelines each gets its part of the whole. A
/// key of one flow-log event takes about 600 bytes, half of them its evidence. Evidence is charged to every correlation that keeps
/// it, because each packs its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Most logical bytes of state per correlation. Beyond, the account with the most (to 4 KiB; of equals the first by name) gives
    /// up keys: those without an open alert first, the longest unused first.
    pub budget_bytes_per_rule: u64,
    /// Most logical bytes of state per correlation and account, the account being that of the event that created a key. Beyond, it
    /// gives up its own keys in the same order.
    pub budget_bytes_per_account: u64,
    /// Judged correlations give no verdict on windows that begin before this (deployment, reload).
    pub started_ms: Option<i64>,
    /// Allowed lateness, where it is not the source's own.
    pub lateness: Lateness,
    /// Replaces the lateness of all sources (rule tests with short histories, property tests).
    pub lateness_ms: Option<i64>,
    /// Timestamps kept per key and pane before any is dropped, even where the rule needs fewer. Evidence and the edges of counts
    /// rest on them; episodes do not (but chains and `not` do, which keep 16 times as many). Tests set it low.
    pub kept_per_pane: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            budget_bytes_per_rule: 1 << 30,
            budget_bytes_per_account: 1 << 28,
            started_ms: None,
            lateness: Lateness::default(),
            lateness_ms: None,
            kept_per_pane: 64,
        }
    }
}

/// What became of a detection: a line in the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// It counts.
    Counted,
    /// A copy of what is counted already.
    Duplicate,
    /// Arrived later than its source's lateness: noted, moves no window.
    Late,
    /// Older than everything that may still be decided: a re-send, or jitter above the slack.
    Behind,
    /// An older revision that changes nothing.
    Stale,
    /// A sample or archived finding, or one without the value the correlation measures.
    Ignored,
}

/// The state of all correlations of one Pipeline.
pub struct Correlator {
    pub(super) settings: Settings,
    /// By rule index; `None` for plain rules.
    pub(super) states: Vec<Option<State>>,
    pub(super) numbers: Numbers,
    /// Where events are packed before they get a block of their own size.
    room: Vec<u8>,
}

/// Numbers given in the order of the log.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Numbers {
    /// Steps so far: the measure of activity.
    pub(super) steps: u64,
    /// Alerts opened so far.
    pub(super) opened: u64,
}

impl Numbers {
    pub(super) fn step(&mut self) -> u64 {
        self.steps += 1;
        self.steps
    }
}

impl Correlator {
    /// An empty state for the correlations of a rule set; `sources` gives, per rule index, the sources it reads.
    #[must_use]
    pub fn new(set: &RuleSet, sources: &[Vec<Source>], settings: Settings) -> Self {
        let specs = compile(set, sources, &settings);
        let states = specs.into_iter().map(|s| s.map(|spec| State::new(spec, settings.started_ms))).collect();
        Correlator { settings, states, numbers: Numbers::default(), room: Vec::new() }
    }

    /// Applies one detection that feeds a correlation.
    pub fn apply(&mut self, d: &Detection, w: &Watermarks, out: &mut Vec<Output>) -> Counted {
        let now = self.numbers.step();
        let Some(state) = self.states.get_mut(d.target as usize).and_then(Option::as_mut) else { return Counted::Ignored };
        let limit = state.limit(w);
        if d.flags.sample || d.flags.archived || !measurable(&state.spec, d) {
            return Counted::Ignored;
        }
        if !d.flags.late && d.time_ms < limit {
            return Counted::Behind;
        }
        let (spec, place) = (Arc::clone(&state.spec), state.keys.find(&d.key));
        if d.flags.late {
            if let Some(mut taken) = place.and_then(|place| state.take_out(place)) {
                taken.held.late(&spec, d.time_ms);
                let payer = taken.held.payer;
                state.put(taken, None, &mut self.numbers);
                state.enforce(payer, limit, &self.settings, &mut self.numbers, out);
            }
            return Counted::Late;
        }
        if place.and_then(|place| state.keys.get(place)).is_some_and(|k| k.knows(&spec, d)) {
            return Counted::Duplicate;
        }
        let mut taken = state.take(place, &d.key, &d.account, limit);
        let (key, account, held) = (&taken.key, &taken.account, &mut taken.held);
        let (place, touched) = held.insert(&spec, d, account, &mut self.room);
        let changed = if spec.waits { Vec::new() } else { held.grow(&spec, Some(place), touched) };
        held.store.trim(&spec, place);
        let mut step = Step { spec: &spec, key, account, limit, stopped: None, opened: &mut self.numbers.opened, out };
        step.absorb(held, &changed);
        if changed.is_empty() {
            step.update_at(held, (d.time_ms, d.time_ms + 1));
        }
        let payer = held.payer;
        state.put(taken, Some(now), &mut self.numbers);
        state.enforce(payer, limit, &self.settings, &mut self.numbers, out);
        Counted::Counted
    }

    /// Applies one stretch of a child. Never late, never behind.
    pub fn apply_derived(&mut self, d: &Derived, w: &Watermarks, out: &mut Vec<Output>) -> Counted {
        let now = self.numbers.step();
        let Some(state) = self.states.get_mut(d.target as usize).and_then(Option::as_mut) else { return Counted::Ignored };
        let limit = state.limit(w);
        let spec = Arc::clone(&state.spec);
        if d.end_ms <= limit.saturating_sub(spec.keep) {
            return Counted::Duplicate;
        }
        if matches!(spec.kind, Kind::Cells(..)) || d.start_ms >= d.end_ms {
            return Counted::Ignored;
        }
        let mut taken = state.take(state.keys.find(&d.key), &d.key, &d.account, limit);
        let (key, account, held) = (&taken.key, &taken.account, &mut taken.held);
        let touched = held.add_child(&spec, d);
        let changed = match touched {
            Some(moments) if !spec.waits => held.grow(&spec, None, moments),
            _ => Vec::new(),
        };
        let mut step = Step { spec: &spec, key, account, limit, stopped: None, opened: &mut self.numbers.opened, out };
        step.absorb(held, &changed);
        if changed.is_empty() && touched.is_some() {
            step.update_at(held, (d.start_ms, d.end_ms));
        }
        let payer = held.payer;
        state.put(taken, Some(now), &mut self.numbers);
        state.enforce(payer, limit, &self.settings, &mut self.numbers, out);
        if touched.is_some() { Counted::Counted } else { Counted::Duplicate }
    }

    /// A new watermark: judges what is due in (time, rule, key) order, then closes, then drops. Costs what is due.
    pub fn advance(&mut self, w: &Watermarks, out: &mut Vec<Output>) {
        let mut due: Vec<(i64, usize, u32)> = Vec::new();
        let mut limits: Vec<(i64, Option<i64>)> = vec![(NOT_YET, None); self.states.len()];
        for (index, state) in self.states.iter_mut().enumerate() {
            let Some(state) = state else { continue };
            limits[index] = state.progress(w);
            due.extend(state.timers.due(limits[index].0).map(|(at, place)| (at, index, place)));
        }
        let key = |index: usize, place: u32| self.states[index].as_ref().and_then(|s| s.keys.get(place)).map(|held| &held.key);
        due.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| key(a.1, a.2).cmp(&key(b.1, b.2))));
        for phase in [Phase::Judge, Phase::Close, Phase::Drop] {
            for (_, index, place) in &due {
                let Some(state) = self.states[*index].as_mut() else { continue };
                state.settle(phase, *place, limits[*index], &mut self.numbers, out);
            }
        }
    }

    /// How many levels of correlations stand below this one: 0 reads sources only.
    #[must_use]
    pub fn level(&self, correlation: u32) -> usize {
        self.state(correlation).map_or(0, |s| s.spec.level)
    }

    /// The lateness L of a correlation.
    #[must_use]
    pub fn lateness_ms(&self, correlation: u32) -> i64 {
        self.state(correlation).map_or(0, |s| s.spec.lateness)
    }

    /// Keys with any state.
    #[must_use]
    pub fn live_keys(&self) -> usize {
        self.states.iter().flatten().map(|s| s.keys.len()).sum()
    }

    /// Logical bytes of all state.
    #[must_use]
    pub fn state_bytes(&self) -> u64 {
        self.states.iter().flatten().map(|s| s.budget.bytes()).sum()
    }

    /// Keys and logical bytes by rule number; nothing for plain rules.
    #[must_use]
    pub fn sizes(&self) -> Vec<(usize, u64)> {
        self.states.iter().map(|s| s.as_ref().map_or((0, 0), |s| (s.keys.len(), s.budget.bytes()))).collect()
    }

    /// The open episode behind an [`super::AlertChange`] without one, as it stands; `None` once it is closed or merged.
    #[must_use]
    pub fn episode(&self, correlation: u32, key: &GroupKey, fired_ms: i64, w: &Watermarks) -> Option<Episode> {
        let state = self.state(correlation)?;
        let held = state.keys.get(state.keys.find(key)?)?;
        let episode = held.episodes().iter().find(|e| e.fired == fired_ms)?;
        let evaluated = if state.spec.waits { held.judged } else { state.limit(w) };
        Some(episode.show(held.gather(&state.spec, episode), evaluated, false, &state.budget.account(held.payer)))
    }

    /// `fired_ms` of the open alert whose episode contains a moment: which alert a child's stretch belongs to.
    #[must_use]
    pub fn alert_at(&self, correlation: u32, key: &GroupKey, moment_ms: i64) -> Option<i64> {
        let state = self.state(correlation)?;
        let held = state.keys.get(state.keys.find(key)?)?;
        held.episodes().iter().find(|e| (e.start..e.end).contains(&moment_ms)).map(|e| e.fired)
    }

    /// Goes over to another rule set. What is unchanged in meaning keeps its state; alerts of what is changed or gone are closed
    /// (`truncated`, under the old index); an unchanged child sends its kept stretches again to a changed parent. New
    /// correlations begin at `settings.started_ms`, unchanged ones keep their beginning.
    pub fn reload(&mut self, set: &RuleSet, sources: &[Vec<Source>], settings: Settings, w: &Watermarks, out: &mut Vec<Output>) {
        let mut next = Correlator::new(set, sources, settings);
        next.numbers = self.numbers;
        let known: Vec<[u8; 32]> = self.states.iter().flatten().map(|s| s.spec.digest).collect();
        for state in std::mem::take(&mut self.states).into_iter().flatten() {
            match next.same_meaning(state.spec.index, state.spec.digest) {
                Some(heir) => heir.inherit(state),
                None => state.end(w, &mut self.numbers.opened, out),
            }
        }
        let new: Vec<bool> = next.states.iter().map(|s| s.as_ref().is_some_and(|s| !known.contains(&s.spec.digest))).collect();
        let is_new = |parent: u32| new.get(parent as usize).copied().unwrap_or(false);
        for state in next.states.iter().flatten() {
            state.send_again(&is_new, w, &mut next.numbers.opened, out);
        }
        *self = next;
    }

    fn state(&self, correlation: u32) -> Option<&State> {
        self.states.get(correlation as usize)?.as_ref()
    }
}
