//! All keys of all correlations of one Pipeline: applies detections and watermarks, in the order of the log.

use super::budget::{Budget, Turn};
use super::change::{Episode, Output};
use super::key::{KeyState, measurable};
use super::lifecycle::Step;
use super::spec::{Kind, Spec, compile};
use super::timers::Timers;
use crate::event::watermark::{ENDED, NOT_YET};
use crate::event::{Derived, Detection, GroupKey, Source, Watermarks};
use crate::rule::RuleSet;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a Correlator is told beside its rules. Plain data.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Most logical bytes of state per correlation.
    pub budget_bytes_per_rule: u64,
    /// Most logical bytes of state per correlation and account.
    pub budget_bytes_per_account: u64,
    /// Judged correlations give no verdict on windows that begin before this (deployment, reload).
    pub started_ms: Option<i64>,
    /// Replaces the sources' own lateness (rule tests with short histories, property tests).
    pub lateness_ms: Option<i64>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { budget_bytes_per_rule: 1 << 30, budget_bytes_per_account: 1 << 28, started_ms: None, lateness_ms: None }
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

/// One correlation's keys.
pub(super) struct State {
    pub(super) spec: Arc<Spec>,
    pub(super) keys: BTreeMap<Arc<GroupKey>, KeyState>,
    pub(super) timers: Timers,
    pub(super) budget: Budget,
    /// The highest W of real input, to tell what fires only because input ended.
    pub(super) real: i64,
    /// Windows that begin before this are not judged.
    pub(super) started: Option<i64>,
}

/// The state of all correlations of one Pipeline.
pub struct Correlator {
    pub(super) settings: Settings,
    /// By rule index; `None` for plain rules.
    pub(super) states: Vec<Option<State>>,
    /// Steps so far: the measure of activity.
    pub(super) steps: u64,
    /// Alerts opened so far.
    pub(super) opened: u64,
}

impl Correlator {
    /// An empty state for the correlations of a rule set; `sources` gives, per rule index, the sources it reads.
    #[must_use]
    pub fn new(set: &RuleSet, sources: &[Vec<Source>], settings: Settings) -> Self {
        let specs = compile(set, sources, settings.lateness_ms);
        let states = specs.into_iter().map(|s| s.map(|spec| State::new(spec, settings.started_ms))).collect();
        Correlator { settings, states, steps: 0, opened: 0 }
    }

    /// Applies one detection that feeds a correlation.
    pub fn apply(&mut self, d: &Detection, w: &Watermarks, out: &mut Vec<Output>) -> Counted {
        self.steps += 1;
        let Some(state) = self.states.get_mut(d.target as usize).and_then(Option::as_mut) else { return Counted::Ignored };
        let limit = state.limit(w);
        if d.flags.sample || d.flags.archived || !measurable(&state.spec, d) {
            return Counted::Ignored;
        }
        if d.flags.late {
            if let Some(key) = state.keys.get_mut(&d.key) {
                key.late(&state.spec, d.time_ms);
            }
            return Counted::Late;
        }
        if d.time_ms < limit {
            return Counted::Behind;
        }
        if state.keys.get(&d.key).is_some_and(|k| k.knows(&state.spec, d)) {
            return Counted::Duplicate;
        }
        let (key, mut held) = state.take(&d.key, &d.account, limit, self.steps);
        let spec = Arc::clone(&state.spec);
        let (place, touched) = held.insert(&spec, d);
        let changed = if spec.waits { Vec::new() } else { held.grow(&spec, Some(place), touched) };
        held.store.trim(&spec, place);
        let before = out.len();
        let mut step = Step { spec: &spec, key: &key, limit, stopped: None, opened: &mut self.opened, out };
        step.absorb(&mut held, &changed);
        if changed.is_empty() {
            step.update_at(&held, (d.time_ms, d.time_ms + 1));
        }
        debug_assert!(out.len() >= before, "outputs are only added");
        let payer = Arc::clone(&held.account);
        state.put(key, held);
        state.enforce(&payer, limit, &self.settings, &mut self.opened, out);
        Counted::Counted
    }

    /// Applies one stretch of a child. Never late, never behind.
    pub fn apply_derived(&mut self, d: &Derived, w: &Watermarks, out: &mut Vec<Output>) -> Counted {
        self.steps += 1;
        let Some(state) = self.states.get_mut(d.target as usize).and_then(Option::as_mut) else { return Counted::Ignored };
        let limit = state.limit(w);
        let spec = Arc::clone(&state.spec);
        if d.end_ms <= limit.saturating_sub(spec.keep) {
            return Counted::Duplicate;
        }
        if matches!(spec.kind, Kind::Cells(..)) || d.start_ms >= d.end_ms {
            return Counted::Ignored;
        }
        let (key, mut held) = state.take(&d.key, &d.account, limit, self.steps);
        let touched = held.add_child(&spec, d);
        let changed = match touched {
            Some(moments) if !spec.waits => held.grow(&spec, None, moments),
            _ => Vec::new(),
        };
        let mut step = Step { spec: &spec, key: &key, limit, stopped: None, opened: &mut self.opened, out };
        step.absorb(&mut held, &changed);
        if changed.is_empty() && touched.is_some() {
            step.update_at(&held, (d.start_ms, d.end_ms));
        }
        let payer = Arc::clone(&held.account);
        state.put(key, held);
        state.enforce(&payer, limit, &self.settings, &mut self.opened, out);
        if touched.is_some() { Counted::Counted } else { Counted::Duplicate }
    }

    /// A new watermark: judges what is due in (time, rule, key) order, then closes, then drops. Costs what is due.
    pub fn advance(&mut self, w: &Watermarks, out: &mut Vec<Output>) {
        let mut due: Vec<(i64, usize, Arc<GroupKey>)> = Vec::new();
        let mut limits: Vec<(i64, Option<i64>)> = vec![(NOT_YET, None); self.states.len()];
        for (index, state) in self.states.iter_mut().enumerate() {
            let Some(state) = state else { continue };
            limits[index] = state.progress(w);
            due.extend(state.timers.due(limits[index].0).into_iter().map(|(at, key)| (at, index, key)));
        }
        due.sort();
        for phase in [Phase::Judge, Phase::Close, Phase::Drop] {
            for (_, index, key) in &due {
                let Some(state) = self.states[*index].as_mut() else { continue };
                state.settle(phase, key, limits[*index], &mut self.opened, out);
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

    /// The open episode behind an [`super::AlertChange`] without one, as it stands; `None` once it is closed or merged.
    #[must_use]
    pub fn episode(&self, correlation: u32, key: &GroupKey, fired_ms: i64, w: &Watermarks) -> Option<Episode> {
        let state = self.state(correlation)?;
        let held = state.keys.get(key)?;
        let episode = held.episodes.iter().find(|e| e.fired == fired_ms)?;
        let evaluated = if state.spec.waits { held.judged } else { state.limit(w) };
        Some(episode.show(held.gather(&state.spec, episode), evaluated, false))
    }

    /// `fired_ms` of the open alert whose episode contains a moment: which alert a child's stretch belongs to.
    #[must_use]
    pub fn alert_at(&self, correlation: u32, key: &GroupKey, moment_ms: i64) -> Option<i64> {
        let held = self.state(correlation)?.keys.get(key)?;
        held.episodes.iter().find(|e| (e.start..e.end).contains(&moment_ms)).map(|e| e.fired)
    }

    /// Goes over to another rule set. What is unchanged in meaning keeps its state; alerts of what is changed or gone are closed
    /// (`truncated`, under the old index); an unchanged child sends its kept stretches again to a changed parent. New
    /// correlations begin at `settings.started_ms`, unchanged ones keep their beginning.
    pub fn reload(&mut self, set: &RuleSet, sources: &[Vec<Source>], settings: Settings, w: &Watermarks, out: &mut Vec<Output>) {
        let mut next = Correlator::new(set, sources, settings);
        (next.steps, next.opened) = (self.steps, self.opened);
        let known: Vec<[u8; 32]> = self.states.iter().flatten().map(|s| s.spec.digest).collect();
        for state in std::mem::take(&mut self.states).into_iter().flatten() {
            match next.same_meaning(state.spec.index, state.spec.digest) {
                Some(heir) => heir.inherit(state),
                None => state.end(w, &mut self.opened, out),
            }
        }
        let new: Vec<bool> = next.states.iter().map(|s| s.as_ref().is_some_and(|s| !known.contains(&s.spec.digest))).collect();
        let is_new = |parent: u32| new.get(parent as usize).copied().unwrap_or(false);
        for state in next.states.iter().flatten() {
            state.send_again(&is_new, w, &mut next.opened, out);
        }
        *self = next;
    }

    fn state(&self, correlation: u32) -> Option<&State> {
        self.states.get(correlation as usize)?.as_ref()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Judge,
    Close,
    Drop,
}

impl State {
    fn new(spec: Arc<Spec>, started: Option<i64>) -> Self {
        State { spec, keys: BTreeMap::new(), timers: Timers::default(), budget: Budget::default(), real: NOT_YET, started }
    }

    /// Takes over the keys of the same correlation of an earlier rule set.
    fn inherit(&mut self, from: State) {
        (self.real, self.started) = (from.real, from.started);
        from.keys.into_iter().for_each(|(key, held)| self.revive(key, held));
    }

    /// Closes all alerts: the correlation is gone.
    fn end(mut self, w: &Watermarks, opened: &mut u64, out: &mut Vec<Output>) {
        let limit = self.limit(w);
        for (key, held) in &mut self.keys {
            Step { spec: &self.spec, key, limit, stopped: None, opened, out }.abandon(held);
        }
    }

    /// Sends what is kept of the stretches to those parents.
    fn send_again(&self, to: &impl Fn(u32) -> bool, w: &Watermarks, opened: &mut u64, out: &mut Vec<Output>) {
        if !self.spec.parents.iter().any(|p| to(p.index)) {
            return;
        }
        let mut spec = Spec::clone(&self.spec);
        spec.parents.retain(|p| to(p.index));
        for (key, held) in &self.keys {
            let mut step = Step { spec: &spec, key, limit: self.limit(w), stopped: None, opened, out };
            held.held.all().iter().for_each(|stretch| step.send(held, *stretch));
        }
    }

    /// W - L.
    fn limit(&self, w: &Watermarks) -> i64 {
        w.of(&self.spec.sources, self.spec.level).saturating_sub(self.spec.lateness)
    }

    /// W - L, and the W - L of the last real input if input has ended.
    fn progress(&mut self, w: &Watermarks) -> (i64, Option<i64>) {
        let now = w.of(&self.spec.sources, self.spec.level);
        if now < ENDED {
            self.real = self.real.max(now);
        }
        (now.saturating_sub(self.spec.lateness), (now >= ENDED).then_some(self.real.saturating_sub(self.spec.lateness)))
    }

    /// Takes a key out to work on it; it is created if need be.
    fn take(&mut self, key: &GroupKey, account: &Arc<str>, limit: i64, step: u64) -> (Arc<GroupKey>, KeyState) {
        let (key, mut held) = match self.keys.remove_entry(key) {
            Some(found) => found,
            None => {
                let key = Arc::new(key.clone());
                let mut held = KeyState::new(account, self.first_verdict(limit));
                held.turn = (false, step);
                self.budget.enter(account, (false, step, Arc::clone(&key)));
                (key, held)
            }
        };
        held.activity = step;
        (key, held)
    }

    /// The first moment a new key is judged at.
    fn first_verdict(&self, limit: i64) -> i64 {
        let spec = &self.spec;
        let open = horizon(spec, limit);
        let Some(started) = self.started.filter(|_| spec.waits) else { return open };
        let unit = if matches!(spec.kind, Kind::Aligned(..)) { spec.timespan } else { spec.cell() };
        let whole = |t: i64| t.saturating_add(unit - 1).div_euclid(unit).saturating_mul(unit);
        let first = match spec.kind {
            Kind::Aligned(..) => whole(started),
            _ => whole(started.saturating_add(spec.timespan).saturating_sub(spec.cell())),
        };
        open.max(first)
    }

    /// Puts a key back, with its timer and its price brought up to date.
    fn put(&mut self, key: Arc<GroupKey>, mut held: KeyState) {
        let due = Some(held.next_due(&self.spec));
        self.timers.set(&key, held.due, due);
        held.due = due;
        let bytes = held.bytes(key.bytes().len());
        self.budget.rebook(&held.account, held.booked, bytes);
        held.booked = bytes;
        self.keys.insert(key, held);
    }

    fn remove(&mut self, key: &Arc<GroupKey>, held: &KeyState) {
        self.timers.set(key, held.due, None);
        self.budget.leave(&held.account, held.booked, &(held.turn.0, held.turn.1, Arc::clone(key)));
    }

    fn settle(&mut self, phase: Phase, key: &Arc<GroupKey>, limit: (i64, Option<i64>), opened: &mut u64, out: &mut Vec<Output>) {
        let Some((key, mut held)) = self.keys.remove_entry(key) else { return };
        let spec = Arc::clone(&self.spec);
        let mut step = Step { spec: &spec, key: &key, limit: limit.0, stopped: limit.1, opened, out };
        match phase {
            Phase::Judge if spec.waits => {
                let changed = held.judge(&spec, horizon(&spec, limit.0));
                step.absorb(&mut held, &changed);
            }
            Phase::Judge => {}
            Phase::Close => step.close(&mut held),
            Phase::Drop => held.drop_before(&spec, limit.0.saturating_sub(spec.keep)),
        }
        if phase == Phase::Drop && held.is_empty() {
            self.remove(&key, &held);
        } else if phase == Phase::Drop {
            self.put(key, held);
        } else {
            self.keys.insert(key, held);
        }
    }

    /// Evicts from whoever is over budget, until nobody is.
    fn enforce(&mut self, account: &Arc<str>, limit: i64, settings: &Settings, opened: &mut u64, out: &mut Vec<Output>) {
        let (per_account, per_rule) = (settings.budget_bytes_per_account, settings.budget_bytes_per_rule);
        let mut evicted: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        while let Some(offender) = self.budget.offender(account, per_account, per_rule) {
            let Some((_, _, key)) = self.next_to_go(&offender) else { break };
            let Some((key, mut held)) = self.keys.remove_entry(&key) else { break };
            let spec = Arc::clone(&self.spec);
            Step { spec: &spec, key: &key, limit, stopped: None, opened, out }.abandon(&mut held);
            self.remove(&key, &held);
            *evicted.entry(offender).or_insert(0) += 1;
        }
        for (account, evicted) in evicted {
            out.push(Output::Pressure { correlation: self.spec.index, account, evicted });
        }
    }

    fn next_to_go(&mut self, account: &Arc<str>) -> Option<Turn> {
        loop {
            let turn = self.budget.next_turn(account)?;
            let Some(held) = self.keys.get_mut(&turn.2) else { continue };
            let truth = (!held.episodes.is_empty(), held.activity);
            if truth == (turn.0, turn.1) {
                return Some(turn);
            }
            held.turn = truth;
            self.budget.enter(account, (truth.0, truth.1, turn.2));
        }
    }
}

/// Up to which moment verdicts can be given.
fn horizon(spec: &Spec, limit: i64) -> i64 {
    let unit = if matches!(spec.kind, Kind::Aligned(..)) { spec.timespan } else { spec.cell() };
    limit.saturating_sub(spec.look).div_euclid(unit).saturating_mul(unit)
}
