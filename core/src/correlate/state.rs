//! All keys of one correlation: taken out to be worked on, put back with their timer and price, evicted over budget.

use super::budget::{Budget, Turn};
use super::change::Output;
use super::correlator::Settings;
use super::key::KeyState;
use super::lifecycle::Step;
use super::spec::{Kind, Spec};
use super::timers::Timers;
use crate::event::watermark::{ENDED, NOT_YET};
use crate::event::{GroupKey, Watermarks};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a new watermark does, in this order, for everything that is due.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Judge,
    Close,
    Drop,
}

/// One correlation's keys.
pub(super) struct State {
    pub(super) spec: Arc<Spec>,
    /// Boxed: a key is taken out and put back by every event.
    pub(super) keys: BTreeMap<Arc<GroupKey>, Box<KeyState>>,
    pub(super) timers: Timers,
    pub(super) budget: Budget,
    /// The highest W of real input, to tell what fires only because input ended.
    pub(super) real: i64,
    /// Windows that begin before this are not judged.
    pub(super) started: Option<i64>,
}

impl State {
    pub(super) fn new(spec: Arc<Spec>, started: Option<i64>) -> Self {
        State { spec, keys: BTreeMap::new(), timers: Timers::default(), budget: Budget::default(), real: NOT_YET, started }
    }

    /// Takes over the keys of the same correlation of an earlier rule set.
    pub(super) fn inherit(&mut self, from: State) {
        (self.real, self.started) = (from.real, from.started);
        from.keys.into_iter().for_each(|(key, held)| self.revive(key, held));
    }

    /// Closes all alerts: the correlation is gone.
    pub(super) fn end(mut self, w: &Watermarks, opened: &mut u64, out: &mut Vec<Output>) {
        let limit = self.limit(w);
        for (key, held) in &mut self.keys {
            Step { spec: &self.spec, key, limit, stopped: None, opened, out }.abandon(held);
        }
    }

    /// Sends what is kept of the stretches to those parents.
    pub(super) fn send_again(&self, to: &impl Fn(u32) -> bool, w: &Watermarks, opened: &mut u64, out: &mut Vec<Output>) {
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
    pub(super) fn limit(&self, w: &Watermarks) -> i64 {
        w.of(&self.spec.sources, self.spec.level).saturating_sub(self.spec.lateness)
    }

    /// W - L, and the W - L of the last real input if input has ended.
    pub(super) fn progress(&mut self, w: &Watermarks) -> (i64, Option<i64>) {
        let now = w.of(&self.spec.sources, self.spec.level);
        if now < ENDED {
            self.real = self.real.max(now);
        }
        (now.saturating_sub(self.spec.lateness), (now >= ENDED).then_some(self.real.saturating_sub(self.spec.lateness)))
    }

    /// Takes a key out to work on it; it is created if need be.
    pub(super) fn take(&mut self, key: &GroupKey, account: &Arc<str>, limit: i64, step: u64) -> (Arc<GroupKey>, Box<KeyState>) {
        let (key, mut held) = match self.keys.remove_entry(key) {
            Some(found) => found,
            None => {
                let key = Arc::new(key.clone());
                let mut held = Box::new(KeyState::new(account, self.first_verdict(limit)));
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
    pub(super) fn put(&mut self, key: Arc<GroupKey>, mut held: Box<KeyState>) {
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

    pub(super) fn settle(&mut self, phase: Phase, key: &Arc<GroupKey>, limit: (i64, Option<i64>), opened: &mut u64, out: &mut Vec<Output>) {
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
    pub(super) fn enforce(&mut self, account: &Arc<str>, limit: i64, settings: &Settings, opened: &mut u64, out: &mut Vec<Output>) {
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
