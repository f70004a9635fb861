//! What tables said of the events of an alert, as the document wants it.
//!
//! Owns the step from facts to [`AccountContext`] and [`Enrichment`]. The facts were noted when the event matched, so an alert shows
//! the context of that time and needs no table. Of two events about one account the later one speaks: it was matched with the newer
//! table. Limits: an account that stands only in the list of an episode, without a kept event, has no context; at most
//! [`VALUES_MAX`] enrichments, intelligence first.

use super::limits::VALUES_MAX;
use super::subject::{AccountContext, Enrichment};
use crate::correlate::KeptEvent;
use crate::enrich::Note;
use crate::event::{Fact, Facts};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of the accounts of these events, by id. `events`: earliest first.
#[must_use]
pub fn accounts_of(events: &[KeptEvent]) -> BTreeMap<String, AccountContext> {
    let known = events.iter().filter_map(|event| {
        let id = event.facts.first(Fact::Account).unwrap_or(&event.account);
        Some((id.to_owned(), context(&event.facts)?)).filter(|_| !id.is_empty())
    });
    known.collect()
}

/// What the facts of one event say of its account, if a table said anything.
fn context(facts: &Facts) -> Option<AccountContext> {
    let one = |fact| facts.first(fact).map(str::to_owned);
    let classes = facts.all(Fact::AccountDataClass).map(|class| format!("data_class:{class}"));
    let tags = facts.all(Fact::AccountTag).map(|tag| tag.replacen('=', ":", 1));
    let context = AccountContext {
        name: one(Fact::AccountName),
        ou: one(Fact::AccountOu),
        owner: one(Fact::AccountOwner),
        environment: one(Fact::AccountEnvironment),
        labels: classes.chain(tags).collect(),
    };
    (context != AccountContext::default()).then_some(context)
}

/// What tables said of the values of these events: each thing once, intelligence first, then networks, then geography, each by
/// field and value.
#[must_use]
pub fn enrichments_of(events: &[KeptEvent]) -> Vec<Enrichment> {
    let texts: BTreeSet<&str> = events.iter().flat_map(|event| event.facts.all(Fact::Enrichment)).collect();
    let notes: BTreeSet<(u8, Note)> = texts.into_iter().filter_map(Note::from_text).map(|note| (rank(&note.kind), note)).collect();
    notes.into_iter().take(VALUES_MAX).map(|(_, note)| enrichment(note)).collect()
}

fn rank(kind: &str) -> u8 {
    match kind {
        "threat_intel" => 0,
        "network" => 1,
        _ => 2,
    }
}

fn enrichment(note: Note) -> Enrichment {
    let Note { name, value, kind, provider, data } = note;
    Enrichment { name, value, kind, provider, data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing;
    use crate::event::Source;
    use std::sync::Arc;

    fn event(time_ms: i64, facts: &[(Fact, &str)]) -> KeptEvent {
        KeptEvent { time_ms, facts: Arc::new(facts.iter().copied().collect::<Facts>()), ..testing::event(Source::CloudTrail) }
    }

    fn note(value: &str, kind: &str) -> String {
        let data = vec![("source".to_owned(), "feed".to_owned())];
        Note { name: "src_endpoint.ip".into(), value: value.into(), kind: kind.into(), provider: "t".into(), data }.to_text()
    }

    #[test]
    fn the_later_event_speaks_for_its_account() {
        let old = event(1, &[(Fact::Account, "1"), (Fact::AccountOwner, "old team"), (Fact::AccountName, "pay")]);
        let new = event(
            2,
            &[(Fact::Account, "1"), (Fact::AccountOwner, "new team"), (Fact::AccountDataClass, "CHD"), (Fact::AccountTag, "a=b=c")],
        );
        let silent = event(3, &[(Fact::Account, "1")]);
        let accounts = accounts_of(&[old, new, silent]);
        let want =
            AccountContext { owner: Some("new team".into()), labels: vec!["data_class:CHD".into(), "a:b=c".into()], ..Default::default() };
        assert_eq!(accounts.into_iter().collect::<Vec<_>>(), [("1".to_owned(), want)]);
    }

    #[test]
    fn each_enrichment_stands_once_and_intelligence_first() {
        let (geo, bad, intel) = (note("203.0.113.7", "geo"), "no note", note("203.0.113.9", "threat_intel"));
        let events = [
            event(1, &[(Fact::Enrichment, &geo), (Fact::Enrichment, bad)]),
            event(2, &[(Fact::Enrichment, &intel), (Fact::Enrichment, &geo)]),
        ];
        let values: Vec<(String, String)> = enrichments_of(&events).into_iter().map(|e| (e.kind, e.value)).collect();
        assert_eq!(values, [("threat_intel".to_owned(), "203.0.113.9".to_owned()), ("geo".into(), "203.0.113.7".into())]);
        let many: Vec<String> = (0..300).map(|n| note(&n.to_string(), "network")).collect();
        let facts: Vec<(Fact, &str)> = many.iter().map(|text| (Fact::Enrichment, text.as_str())).collect();
        assert_eq!(enrichments_of(&[event(1, &facts)]).len(), VALUES_MAX);
    }
}
