//! Going over to other rules, suppressions, tables, settings: what a control in the log does to a Pipeline.
//!
//! Owns the order: alerts of what is changed or gone are closed under the old rules (`truncated`, no page), everything kept is
//! renumbered, the new rules take over, children send their stretches again to new parents. What is unchanged in meaning keeps
//! its state.

use super::control::Control;
use super::effect::Action;
use super::ledger::AlertKey;
use super::rules::{Reload, Rules, heirs, names};
use super::step::{Effects, Pipeline};
use crate::alert::Org;
use crate::alert::storm::PAGES_PER_HOUR;
use crate::correlate::{AlertChange, Output, Settings};
use crate::detect::raised_rules;
use crate::event::Derived;
use std::sync::Arc;

/// What an entry changed about rules.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) reload: Reload,
    pub(super) heirs: Vec<Option<u32>>,
}

impl Pipeline {
    /// What the entry applied last did to the rules; `None` if it left them alone.
    #[must_use]
    pub fn reloaded(&self) -> Option<&Reload> {
        self.change.as_ref().map(|c| &c.reload)
    }

    /// Takes over what a control says.
    pub(super) fn take_control(&mut self, control: &Control, effects: &mut Effects) {
        let Some(rules) = self.known.get(&control.rules).cloned() else { return };
        let correlate = self.share(&control.settings.correlate);
        if self.rules.is_none() || !self.same(&rules, &control.settings.correlate) {
            self.go_over(&rules, correlate, effects);
        }
        self.storm.set_pages_max(self.pages_max(control));
        self.org = org(control);
        self.control = control.clone();
    }

    /// Whether rules and correlations go on as they are. When new ones begin says nothing where none is new.
    fn same(&self, rules: &Rules, settings: &Settings) -> bool {
        let ours = Settings { started_ms: settings.started_ms, ..self.control.settings.correlate.clone() };
        rules.set.digest == self.set.digest && ours == *settings
    }

    /// This Pipeline's part of the budgets.
    pub(super) fn share(&self, whole: &Settings) -> Settings {
        Settings {
            budget_bytes_per_rule: whole.budget_bytes_per_rule.div_ceil(u64::from(self.of)),
            budget_bytes_per_account: whole.budget_bytes_per_account.div_ceil(u64::from(self.of)),
            ..whole.clone()
        }
    }

    pub(super) fn pages_max(&self, control: &Control) -> u32 {
        let whole = if control.settings.pages_per_hour == 0 { PAGES_PER_HOUR } else { control.settings.pages_per_hour };
        whole.div_ceil(u32::from(self.of))
    }

    fn go_over(&mut self, rules: &Arc<Rules>, correlate: Settings, effects: &mut Effects) {
        let heirs = heirs(&self.set, &rules.set);
        let mut reload = Reload::between(&self.set, &rules.set);
        for at in self.singles.without_heir(&heirs) {
            self.end_finding(&at, &mut reload, effects);
        }
        let mut outputs = Vec::new();
        self.correlator.reload(&rules.set, &rules.sources, correlate, &self.watermarks, &mut outputs);
        let (ended, sent): (Vec<Output>, Vec<Output>) = outputs.into_iter().partition(|o| matches!(o, Output::Alert(_)));
        for output in &ended {
            if let Output::Alert(change) = output {
                self.end_correlated(change, &mut reload, effects);
            }
        }
        self.end_pressure(&heirs, effects);
        self.ledger.inherit(&heirs);
        self.singles.inherit(&heirs);
        self.books.input.inherit(&heirs);
        self.install(rules);
        for output in &sent {
            if let Output::Stretch(derived) = output {
                self.send_again(derived, effects);
            }
        }
        self.change = Some(Change { reload, heirs });
    }

    /// Puts rules in force whose correlator stands already.
    pub(super) fn install(&mut self, rules: &Arc<Rules>) {
        self.set = Arc::clone(&rules.set);
        self.rules = Some(Arc::clone(rules));
        self.names = names(&rules.set);
        self.raised = raised_rules(&rules.set);
        self.lateness_ms_max = (0..rules.set.rules.len() as u32).map(|rule| self.correlator.lateness_ms(rule)).max().unwrap_or(0);
        let digest = rules.set.digest;
        self.known.insert(digest, Arc::clone(rules));
    }

    fn end_finding(&mut self, at: &AlertKey, reload: &mut Reload, effects: &mut Effects) {
        if self.ledger.get(at).is_some() {
            self.close_finding(at, effects);
            *reload.closed.entry(self.set.rule(at.0).meta.id.clone()).or_default() += 1;
            self.ledger.bury(at);
        }
    }

    fn end_correlated(&mut self, change: &AlertChange, reload: &mut Reload, effects: &mut Effects) {
        let at: AlertKey = (change.correlation, change.key.clone(), change.fired_ms);
        let Some(episode) = change.episode.as_deref().filter(|_| self.ledger.get(&at).is_some()) else { return };
        self.close_correlated(&at, episode, effects);
        *reload.closed.entry(self.set.rule(at.0).meta.id.clone()).or_default() += 1;
        self.ledger.bury(&at);
    }

    /// A stretch of an unchanged child for a parent that is new.
    fn send_again(&mut self, derived: &Derived, effects: &mut Effects) {
        let fired = self.correlator.alert_at(derived.child, &derived.child_key, derived.start_ms);
        let alert = fired.map(|fired| self.alert_id(&(derived.child, derived.child_key.clone(), fired)).into());
        let derived = Derived { origin: (self.number, self.derived), alert, ..derived.clone() };
        self.derived += 1;
        effects.push(Action::Derive(derived));
    }
}

/// The organisation of a control.
pub(super) fn org(control: &Control) -> Option<Org> {
    control.settings.organisation.as_ref().map(|(uid, name)| Org { uid: uid.clone(), name: name.clone() })
}
