//! What a document tells of an alert, and what it is looked up from: the values that live as long as building it takes.
//!
//! Owns the step from an account in the ledger to a [`Subject`]. Never decides anything.

use super::ledger::{Account, AlertKey};
use super::step::Pipeline;
use crate::alert::context::{accounts_of, enrichments_of};
use crate::alert::link;
use crate::alert::subject::{AccountContext, Enrichment, State, Subject, first_moment};
use crate::correlate::{Episode, KeptEvent};
use crate::event::Fact;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a document is to tell of an alert.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) episode: Option<&'a Episode>,
    pub(super) event: Option<&'a KeptEvent>,
    pub(super) state: State,
    pub(super) into: Option<&'a str>,
    /// Nobody is paged because of this document.
    pub(super) quiet: bool,
}

impl Default for Told<'_> {
    fn default() -> Self {
        Told { episode: None, event: None, state: State::Open, into: None, quiet: false }
    }
}

impl Told<'_> {
    /// The kept events, earliest first.
    pub(super) fn events(&self) -> &[KeptEvent] {
        match (self.episode, self.event) {
            (Some(episode), _) if !episode.events.is_empty() => &episode.events,
            (_, Some(event)) => std::slice::from_ref(event),
            _ => &[],
        }
    }

    /// When it was first seen, as known here.
    pub(super) fn first_seen_ms(&self) -> Option<i64> {
        let said = |e: &KeptEvent| e.facts.first(Fact::FirstSeen).and_then(crate::event::time::parse_any_ms);
        let of_event = || self.event.map(|e| said(e).unwrap_or_else(|| first_moment(e)));
        self.episode.map(|e| e.first_seen_ms).or_else(of_event)
    }

    /// The account that pays for its pages.
    pub(super) fn account(&self) -> Arc<str> {
        self.events().first().map_or_else(|| Arc::from(""), |e| Arc::clone(&e.account))
    }
}

/// What a document borrows.
#[derive(Default)]
pub(super) struct Context {
    pub(super) suppressed_by: Option<String>,
    accounts: BTreeMap<String, AccountContext>,
    enrichments: Vec<Enrichment>,
    link: Option<String>,
}

impl Pipeline {
    /// Looks up what a document needs beside the state. Nothing is suppressed yet.
    pub(super) fn context(&self, at: &AlertKey, told: &Told<'_>) -> Option<Context> {
        let account = self.ledger.get(at)?;
        let base = self.control.settings.dashboards_url.as_deref();
        // What tables said of these events travels in them as facts.
        let events = told.events();
        Some(Context {
            suppressed_by: None,
            accounts: accounts_of(events),
            enrichments: enrichments_of(events),
            link: base.map(|base| link(base, &account.index(), &account.id)),
        })
    }

    pub(super) fn subject<'a>(&'a self, at: &'a AlertKey, account: &'a Account, told: &Told<'a>, context: &'a Context) -> Subject<'a> {
        Subject {
            set: &self.set,
            rule: at.0,
            key: &at.1,
            alert_id: &account.id,
            revision: account.revision,
            created_ms: account.created_ms,
            modified_ms: account.modified_ms,
            episode: told.episode,
            event: told.event,
            state: told.state,
            merged_into: told.into,
            related: &account.related,
            paging: account.paging,
            shadow: self.shadow(at.0),
            suppressed_by: context.suppressed_by.as_deref(),
            tables: &self.control.tables,
            product_version: &self.control.settings.product_version,
            org: self.org.as_ref(),
            accounts: &context.accounts,
            enrichments: &context.enrichments,
            link: context.link.as_deref(),
        }
    }
}
