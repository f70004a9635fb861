//! What an event that matched carries away of the tables: facts, so that alerts need no table.
//!
//! Owns the text of a [`Note`], the fact [`Fact::Enrichment`]: fields between unit separators (U+001F), in this order: name of the
//! field, its value, kind (`threat_intel`, `network`, `geo`), provider (the table), then keys and texts in turn. A separator inside
//! a text becomes a blank. At most [`NOTES_MAX`] notes per event, intelligence first: that is what wakes people.

use super::answer::Answer;
use super::field::{End, Subject};
use super::geo::Place;
use super::intel::Hit;
use super::networks::Network;
use super::{Account, NOTES_MAX, Tables};
use crate::event::time::format_rfc3339;
use crate::event::{Fact, Facts, Value};

/// Between the fields of a note.
const SEPARATOR: char = '\u{1f}';
/// Longest text of a note.
const TEXT_BYTES_MAX: usize = 512;
/// The table of networks, as a provider.
const NETWORKS: &str = "networks";

/// Something a table said about one value of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// The field, in OCSF's name: `src_endpoint.ip`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// `threat_intel`, `network` or `geo`.
    pub kind: String,
    /// The table.
    pub provider: String,
    /// What it says, as (key, text) pairs.
    pub data: Vec<(String, String)>,
}

impl Note {
    /// The note as the text of a fact.
    #[must_use]
    pub fn to_text(&self) -> String {
        let data = self.data.iter().flat_map(|(key, text)| [key, text]);
        let mut out = String::new();
        for (n, field) in [&self.name, &self.value, &self.kind, &self.provider].into_iter().chain(data).enumerate() {
            if n > 0 {
                out.push(SEPARATOR);
            }
            let end = field.floor_char_boundary(TEXT_BYTES_MAX);
            out.extend(field[..end].chars().map(|c| if c == SEPARATOR { ' ' } else { c }));
        }
        out
    }

    /// The note of a fact's text; `None` if it is none.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Note> {
        let mut fields = text.split(SEPARATOR).map(str::to_owned);
        let (name, value, kind, provider) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let mut data = Vec::new();
        while let Some(key) = fields.next() {
            data.push((key, fields.next()?));
        }
        Some(Note { name, value, kind, provider, data })
    }

    fn about(name: &str, value: &str, kind: &str, provider: &str, data: &[(&str, Option<String>)]) -> Note {
        let data = data.iter().filter_map(|(key, text)| Some(((*key).to_owned(), text.clone()?))).collect();
        Note { name: name.to_owned(), value: value.to_owned(), kind: kind.to_owned(), provider: provider.to_owned(), data }
    }
}

/// Facts that tables know something about, the field they come from, and what is asked.
const ASKED: [(Fact, &str, &[Subject]); 5] = [
    (Fact::SourceIp, "src_endpoint.ip", &[Subject::AnyIntel, Subject::Network(End::Source), Subject::Location(End::Source)]),
    (Fact::TargetIp, "dst_endpoint.ip", &[Subject::AnyIntel, Subject::Network(End::Target), Subject::Location(End::Target)]),
    (Fact::SourceDomain, "src_endpoint.domain", &[Subject::AnyIntel]),
    (Fact::Domain, "query.hostname", &[Subject::AnyIntel]),
    (Fact::Sha256, "file.hashes.value", &[Subject::AnyIntel]),
];

impl Tables {
    /// Adds what the tables know of the facts of one event. Where the source named no country, city or system of the caller, the
    /// geographic databases do.
    pub fn note(&self, time_ms: i64, facts: &mut Facts) {
        if self.is_empty() {
            return;
        }
        let first = |fact: Fact| facts.first(fact);
        let mut more: Vec<(Fact, Box<str>)> = Vec::new();
        if let Some(account) = first(Fact::Account).and_then(|id| self.account(id)) {
            of_account(account, &mut more);
        }
        if let Some(ip) = first(Fact::SourceIp).and_then(|ip| ip.parse().ok()) {
            let absent = |fact: &Fact| first(*fact).is_none();
            more.extend(of_place(&self.place(ip)).into_iter().filter(|(fact, _)| absent(fact)));
        }
        more.extend(self.notes(time_ms, facts).iter().map(|note| (Fact::Enrichment, note.to_text().into())));
        facts.extend(more);
    }

    /// Notes on all facts, each once, intelligence first.
    fn notes(&self, time_ms: i64, facts: &Facts) -> Vec<Note> {
        let mut ranked: Vec<(u8, Note)> = Vec::new();
        for (fact, text) in facts.iter() {
            let Some((_, name, subjects)) = ASKED.iter().find(|(asked, ..)| *asked == fact) else { continue };
            for subject in *subjects {
                self.noted(name, text, &self.ask(*subject, &Value::from(text), time_ms), &mut ranked);
            }
        }
        ranked.sort_by_key(|(rank, _)| *rank);
        let mut notes: Vec<Note> = Vec::new();
        for (_, note) in ranked {
            if !notes.contains(&note) && notes.len() < NOTES_MAX {
                notes.push(note);
            }
        }
        notes
    }

    fn noted(&self, name: &str, value: &str, answer: &Answer<'_>, out: &mut Vec<(u8, Note)>) {
        match answer {
            Answer::Nothing | Answer::Account(_) => {}
            Answer::Intel(hits) => out.extend(hits.iter().map(|hit| (0, of_hit(name, value, hit)))),
            Answer::Network(network) => out.push((1, of_network(name, value, network))),
            Answer::Place(place) => out.extend(geo_note(name, value, place).map(|note| (2, note))),
        }
    }
}

fn of_account(account: &Account, out: &mut Vec<(Fact, Box<str>)>) {
    let known = [
        (Fact::AccountName, &account.name),
        (Fact::AccountOu, &account.ou),
        (Fact::AccountEnvironment, &account.environment),
        (Fact::AccountOwner, &account.owner),
    ];
    out.extend(known.into_iter().filter_map(|(fact, text)| Some((fact, text.clone()?))));
    out.extend(account.data_class.iter().map(|class| (Fact::AccountDataClass, class.clone())));
    out.extend(account.tags.iter().map(|(key, value)| (Fact::AccountTag, format!("{key}={value}").into())));
}

/// The facts of the caller's place.
fn of_place(place: &Place<'_>) -> Vec<(Fact, Box<str>)> {
    let known = [
        (Fact::SourceCountry, place.country().map(Into::into)),
        (Fact::SourceCity, place.city().map(Into::into)),
        (Fact::SourceAsn, place.system_number().map(|n| n.to_string().into())),
        (Fact::SourceAsOrg, place.system_name().map(Into::into)),
    ];
    known.into_iter().filter_map(|(fact, text)| Some((fact, text?))).collect()
}

fn of_hit(name: &str, value: &str, hit: &Hit<'_>) -> Note {
    let data = [
        ("source", Some(hit.source.to_owned())),
        ("category", Some(hit.category.to_owned()).filter(|c| !c.is_empty())),
        ("indicator", Some(hit.matched.text().into_owned())),
        ("expires", hit.expires_ms.map(format_rfc3339)),
    ];
    Note::about(name, value, "threat_intel", hit.table, &data)
}

fn of_network(name: &str, value: &str, network: &Network) -> Note {
    let own = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    let data = [("name", own(&network.name)), ("kind", own(&network.kind)), ("cidr", Some(network.cidr.to_string()))];
    Note::about(name, value, "network", NETWORKS, &data)
}

fn geo_note(name: &str, value: &str, place: &Place<'_>) -> Option<Note> {
    let data = [
        ("country", place.country().map(str::to_owned)),
        ("city", place.city().map(str::to_owned)),
        ("as_number", place.system_number().map(|n| n.to_string())),
        ("as_name", place.system_name().map(str::to_owned)),
    ];
    let providers: Vec<&str> = place.providers().collect();
    data.iter().any(|(_, text)| text.is_some()).then(|| Note::about(name, value, "geo", &providers.join(","), &data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_survives_its_text() {
        let data = vec![("source".to_owned(), "a=b|\"c\"".to_owned()), ("category".to_owned(), String::new())];
        let note =
            Note { name: "query.hostname".into(), value: "ü.example".into(), kind: "threat_intel".into(), provider: "intel".into(), data };
        assert_eq!(Note::from_text(&note.to_text()), Some(note.clone()));
        let hostile = Note { value: "a\u{1f}threat_intel\u{1f}x".into(), ..note.clone() };
        let read = Note::from_text(&hostile.to_text()).expect("a note");
        assert_eq!((read.value.as_str(), read.data.len()), ("a threat_intel x", 2), "a value cannot write other fields");
        assert_eq!(Note::from_text("a\u{1f}b"), None);
        assert_eq!(Note::from_text("a\u{1f}b\u{1f}c\u{1f}d\u{1f}odd"), None);
        let long = Note { value: "x".repeat(10_000), ..note };
        assert!(long.to_text().len() < 1_000);
    }
}
