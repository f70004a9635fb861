//! All keys of one correlation: taken out to be worked on, put back with their timer and price, evicted over budget.

use super::budget::Budget;
use super::change::Output;
use super::correlator::{Numbers, Settings};
use super::key::KeyState;
use super::lifecycle::Step;
use super::spec::{Kind, Spec};
use super::table::Table;
use super::timers::{NEVER, Timers};
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

/// A key taken out to be worked on.
pub(super) struct Taken {
    pub(super) place: u32,
    pub(super) key: GroupKey,
    pub(super) held: Box<KeyState>,
    /// Who pays.
    pub(super) account: Arc<str>,
}

/// One correlation's keys.
pub(super) struct State {
    pub(super) spec: Arc<Spec>,
    pub(super) keys: Table,
    pub(super) timers: Timers,
    pub(super) budget: Budget,
    /// The highest W of real input, to tell what fires only because input ended.
    pub(super) real: i64,
    /// Windows that begin before this are not judged.
    pub(super) started: Option<i64>,
}

impl State {
    pub(super) fn new(spec: Arc<Spec>, started: Option<i64>) -> Self {
        State { spec, keys: Table::default(), timers: Timers::default(), budget: Budget::default(), real: NOT_YET, started }
    }

    /// Takes over the keys of the same correlation of an earlier rule set.
    pub(super) fn inherit(&mut self, from: State) {
        (self.real, self.started) = (from.real, from.started);
        let budget = from.budget;
        self.revive(from.keys.into_sorted().map(|held| (budget.account(held.payer), held)).collect());
    }

    /// Takes in keys that have been elsewhere. The order of eviction is that of their activity.
    pub(super) fn revive(&mut self, mut keys: Vec<(Arc<str>, Box<KeyState>)>) {
        keys.sort_by_key(|(_, held)| held.activity);
        for (account, mut held) in keys {
            held.payer = self.budget.payer(&account);
            held.alerting = !held.episodes().is_empty();
            let place = self.keys.enter(&held.key);
            self.timers.set(place, NEVER, held.due);
            self.budget.enter(held.payer, place, held.alerting);
            self.budget.rebook(held.payer, 0, held.booked);
            self.keys.put(place, held);
        }
    }

    /// Closes all alerts: the correlation is gone.
    pub(super) fn end(self, w: &Watermarks, opened: &mut u64, out: &mut Vec<Output>) {
        let (limit, spec) = (self.limit(w), self.spec);
        for mut held in self.keys.into_sorted() {
            let (key, account) = (std::mem::take(&mut held.key), self.budget.account(held.payer));
            Step { spec: &spec, key: &key, account: &account, limit, stopped: None, opened, out }.abandon(&mut held);
        }
    }

    /// Sends what is kept of the stretches to those parents.
    pub(super) fn send_again(&self, to: &impl Fn(u32) -> bool, w: &Watermarks, opened: &mut u64, out: &mut Vec<Output>) {
        if !self.spec.parents.iter().any(|p| to(p.index)) {
            return;
        }
        let mut spec = Spec::clone(&self.spec);
        spec.parents.retain(|p| to(p.index));
        for held in self.keys.sorted() {
            let (key, account) = (&held.key, &self.budget.account(held.payer));
            let mut step = Step { spec: &spec, key, account, limit: self.limit(w), stopped: None, opened, out };
            held.grown().held.all().iter().for_each(|stretch| step.send(held, *stretch));
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

    /// Takes out a key, which stands at `place`; it is created if it has none.
    pub(super) fn take(&mut self, place: Option<u32>, key: &GroupKey, account: &Arc<str>, limit: i64) -> Taken {
        if let Some(taken) = place.and_then(|place| self.take_out(place)) {
            return taken;
        }
        let (place, payer) = (self.keys.enter(key), self.budget.payer(account));
        self.budget.enter(payer, place, false);
        let held = Box::new(KeyState::new(GroupKey::default(), payer, self.first_verdict(limit)));
        Taken { place, key: key.clone(), held, account: self.budget.account(payer) }
    }

    /// Takes out the key at `place`, if there is one.
    pub(super) fn take_out(&mut self, place: u32) -> Option<Taken> {
        let mut held = self.keys.take(place)?;
        Some(Taken { place, key: std::mem::take(&mut held.key), account: self.budget.account(held.payer), held })
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

    /// Puts a key back, with its timer, its price and its turn brought up to date. `activity`: the step that used it, if one did.
    pub(super) fn put(&mut self, taken: Taken, activity: Option<u64>, numbers: &mut Numbers) {
        let Taken { place, key, mut held, .. } = taken;
        let due = held.next_due(&self.spec);
        self.timers.set(place, held.due, due);
        held.due = due;
        let bytes = held.bytes(&self.spec, key.bytes().len());
        self.budget.rebook(held.payer, held.booked, bytes);
        held.booked = bytes;
        let alerting = !held.episodes().is_empty();
        if activity.is_some() || alerting != held.alerting {
            held.activity = activity.unwrap_or_else(|| numbers.step());
            self.budget.touch(held.payer, place, held.alerting, alerting);
            held.alerting = alerting;
        }
        self.put_down(place, key, held);
    }

    fn put_down(&mut self, place: u32, key: GroupKey, mut held: Box<KeyState>) {
        held.key = key;
        self.keys.put(place, held);
    }

    fn remove(&mut self, taken: &Taken) {
        self.timers.set(taken.place, taken.held.due, NEVER);
        self.budget.leave(taken.held.payer, taken.place, taken.held.alerting, taken.held.booked);
        self.keys.leave(&taken.key, taken.place);
    }

    pub(super) fn settle(&mut self, phase: Phase, place: u32, limit: (i64, Option<i64>), numbers: &mut Numbers, out: &mut Vec<Output>) {
        let Some(mut taken) = self.take_out(place) else { return };
        let (spec, held) = (Arc::clone(&self.spec), &mut taken.held);
        let (key, account, opened) = (&taken.key, &taken.account, &mut numbers.opened);
        let mut step = Step { spec: &spec, key, account, limit: limit.0, stopped: limit.1, opened, out };
        match phase {
            Phase::Judge if spec.waits => {
                let changed = held.judge(&spec, horizon(&spec, limit.0));
                step.absorb(held, &changed);
            }
            Phase::Judge => {}
            Phase::Close => step.close(held),
            Phase::Drop => held.drop_before(&spec, limit.0.saturating_sub(spec.keep)),
        }
        if phase != Phase::Drop {
            self.put_down(place, taken.key, taken.held);
        } else if taken.held.is_empty() {
            self.remove(&taken);
        } else {
            self.put(taken, None, numbers);
        }
    }

    /// Evicts from whoever is over budget, until nobody is.
    pub(super) fn enforce(&mut self, payer: u32, limit: i64, settings: &Settings, numbers: &mut Numbers, out: &mut Vec<Output>) {
        let (per_account, per_rule) = (settings.budget_bytes_per_account, settings.budget_bytes_per_rule);
        let mut evicted: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        while let Some(offender) = self.budget.offender(payer, per_account, per_rule) {
            let Some(mut taken) = self.budget.next_turn(offender).and_then(|place| self.take_out(place)) else { break };
            let (spec, opened) = (Arc::clone(&self.spec), &mut numbers.opened);
            let (key, account) = (&taken.key, &taken.account);
            Step { spec: &spec, key, account, limit, stopped: None, opened, out }.abandon(&mut taken.held);
            self.remove(&taken);
            *evicted.entry(taken.account).or_insert(0) += 1;
        }
        for (account, evicted) in evicted {
            out.push(Output::Pressure { correlation: self.spec.index, account, evicted });
        }
    }
}

/// Up to which moment verdicts can be given.
fn horizon(spec: &Spec, limit: i64) -> i64 {
    let unit = if matches!(spec.kind, Kind::Aligned(..)) { spec.timespan } else { spec.cell() };
    limit.saturating_sub(spec.look).div_euclid(unit).saturating_mul(unit)
}
