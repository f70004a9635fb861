//! What the tables answer to one value of an event.

use super::field::{Part, Subject};
use super::geo::Place;
use super::intel::{Hit, Hits};
use super::networks::Network;
use super::{Account, Tables};
use crate::event::Value;
use smallvec::SmallVec;

/// An answer. Parts of it are taken out by name.
#[derive(Debug)]
pub enum Answer<'t> {
    /// No table, or the table does not know the value.
    Nothing,
    /// An account.
    Account(&'t Account),
    /// A network.
    Network(&'t Network),
    /// Intelligence: at least one entry.
    Intel(Hits<'t>),
    /// What the geographic databases may know.
    Place(Place<'t>),
}

impl Tables {
    /// Asks about one value. `time_ms` is the event's own time.
    #[must_use]
    pub fn ask(&self, subject: Subject, value: &Value<'_>, time_ms: i64) -> Answer<'_> {
        match subject {
            Subject::Account => {
                let Some(id) = value.text() else { return Answer::Nothing };
                self.account(&id).map_or(Answer::Nothing, Answer::Account)
            }
            Subject::Network(_) => value.ip().and_then(|ip| self.network(ip)).map_or(Answer::Nothing, Answer::Network),
            Subject::Location(_) => value.ip().map_or(Answer::Nothing, |ip| Answer::Place(self.place(ip))),
            Subject::EndIntel(_) | Subject::QueryIntel | Subject::FileIntel | Subject::AnyIntel => {
                let hits = self.intel(value, time_ms);
                if hits.is_empty() { Answer::Nothing } else { Answer::Intel(hits) }
            }
        }
    }

    /// The intelligence in force at `time_ms` on an address, a domain or a SHA-256 digest in hexadecimal: of all indicators that
    /// fit the closest, once per source that has it.
    #[must_use]
    pub fn intel(&self, value: &Value<'_>, time_ms: i64) -> Hits<'_> {
        self.intel.as_ref().map(|intel| intel.ask(value, time_ms)).unwrap_or_default()
    }
}

impl<'t> Answer<'t> {
    /// Hands over the values of one part. They live as long as the tables.
    pub fn each(&self, part: &Part, give: &mut dyn FnMut(Value<'t>)) {
        match self {
            Answer::Nothing => {}
            Answer::Account(account) => of_account(account, part).into_iter().for_each(|text| give(text.into())),
            Answer::Network(network) => of_network(network, part).into_iter().for_each(|text| give(text.into())),
            Answer::Intel(hits) => hits.iter().filter_map(|hit| of_hit(hit, part)).for_each(give),
            Answer::Place(place) => of_place(place, part).into_iter().for_each(give),
        }
    }
}

fn of_account<'t>(account: &'t Account, part: &Part) -> SmallVec<[&'t str; 1]> {
    let one = |text: &'t Option<Box<str>>| text.iter().map(|text| &**text).collect();
    match part {
        Part::Name => one(&account.name),
        Part::Ou => one(&account.ou),
        Part::Environment => one(&account.environment),
        Part::Owner => one(&account.owner),
        Part::DataClass => account.data_class.iter().map(|class| &**class).collect(),
        Part::Tag(key) => account.tags.iter().filter(|(own, _)| own == key).map(|(_, value)| &**value).collect(),
        _ => SmallVec::new(),
    }
}

fn of_network<'t>(network: &'t Network, part: &Part) -> Option<&'t str> {
    match part {
        Part::Name => network.name.as_deref(),
        Part::Kind => network.kind.as_deref(),
        _ => None,
    }
}

fn of_hit<'t>(hit: &Hit<'t>, part: &Part) -> Option<Value<'t>> {
    match part {
        Part::Source => Some(hit.source.into()),
        Part::Category => Some(hit.category.into()).filter(|_| !hit.category.is_empty()),
        Part::Indicator => Some(Value::Text(hit.matched.text())),
        _ => None,
    }
}

fn of_place<'t>(place: &Place<'t>, part: &Part) -> Option<Value<'t>> {
    match part {
        Part::Country => place.country().map(Into::into),
        Part::City => place.city().map(Into::into),
        Part::Number => place.system_number().map(|n| Value::Int(i64::from(n))),
        Part::Name => place.system_name().map(Into::into),
        _ => None,
    }
}
