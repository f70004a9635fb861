//! State pressure: one alert per (correlation, account) whose state was evicted over budget, however often.
//!
//! Owns what was evicted of whom. Never evicts (the correlator does) and never pages. Budgets are per Pipeline, and so is this:
//! several Pipelines under pressure by the same account tell of it separately. Limit: one entry per correlation and account.

use super::effect::Action;
use super::ledger::AlertKey;
use super::rules::heir;
use super::step::{Effects, Pipeline};
use crate::alert::pressure::{Pressed, document, id, key};
use crate::event::GroupKey;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The place of the built-in rule among rule numbers: behind all others.
pub(super) const PRESSURE: u32 = u32::MAX;

/// Everyone under pressure, by the alert's key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Pressure(BTreeMap<GroupKey, Evicted>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Evicted {
    correlation: u32,
    account: Arc<str>,
    first_ms: i64,
    keys: u64,
}

impl Pipeline {
    /// Notes an eviction; the first one of an account raises the alert.
    pub(super) fn press(&mut self, correlation: u32, account: &Arc<str>, evicted: u64, effects: &mut Effects) {
        self.books.alerts.evicted += evicted;
        let key = key(self.set.rule(correlation), account, self.number);
        let fresh = || Evicted { correlation, account: Arc::clone(account), first_ms: self.now_ms, keys: 0 };
        let of = self.pressure.0.entry(key.clone()).or_insert_with(fresh);
        let opens = of.keys == 0;
        of.keys += evicted;
        let at: AlertKey = (PRESSURE, key, of.first_ms);
        if !opens {
            return self.ledger.touch(&at, self.now_ms);
        }
        self.books.alerts.alerts += 1;
        let id = id(&at.1, at.2);
        self.ledger.open(at.clone(), id, 0, self.now_ms);
        self.emit_pressure(&at, effects);
    }

    /// Alerts about correlations without an heir have their last document; the others are renumbered.
    pub(super) fn end_pressure(&mut self, heirs: &[Option<u32>], effects: &mut Effects) {
        let gone = |of: &Evicted| heir(heirs, of.correlation).is_none();
        let ended: Vec<AlertKey> =
            self.pressure.0.iter().filter(|(_, of)| gone(of)).map(|(key, of)| (PRESSURE, key.clone(), of.first_ms)).collect();
        for at in &ended {
            self.emit_pressure(at, effects);
            self.pressure.0.remove(&at.1);
            self.ledger.bury(at);
        }
        self.pressure.0.values_mut().for_each(|of| of.correlation = heir(heirs, of.correlation).unwrap_or(of.correlation));
    }

    pub(super) fn emit_pressure(&mut self, at: &AlertKey, effects: &mut Effects) {
        self.ledger.revise(at, self.now_ms);
        self.ledger.file(at, super::place::filed(at.2, self.now_ms));
        let before = self.ledger.tell(at, None).0;
        let (Some(account), Some(of)) = (self.ledger.get(at), self.pressure.0.get(&at.1)) else { return };
        let pressed = Pressed {
            correlation: self.set.rule(of.correlation),
            account: &of.account,
            pipeline: self.number,
            evicted: of.keys,
            key: &at.1,
            alert_id: &account.id,
            revision: account.revision,
            created_ms: account.created_ms,
            modified_ms: account.modified_ms,
            product_version: &self.control.settings.product_version,
        };
        let (document, index) = (document(&pressed).to_string().into(), account.index().into());
        self.books.alerts.documents += 1;
        effects.push(Action::Index {
            alert: account.id.as_str().into(),
            version: account.revision,
            suppressed: false,
            before,
            index,
            document,
        });
    }
}
