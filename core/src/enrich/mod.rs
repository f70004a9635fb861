//! Enrich: what our own tables say of the values of an event. Accounts, networks, threat intelligence, geography.
//!
//! Owns the tables, how rows become entries ([`Builder`]), the names under which rules ask for them ([`field()`]), and the notes an
//! event that matched carries away ([`Note`]). Immutable once built and shared by all threads; a reload builds a whole new one.
//! Never reads a file, never asks a clock: whether intelligence has expired is judged against the event's own time, so history
//! gives today what it gave then. Never overrules a source: what the event itself says wins, a table fills what is absent.
//!
//! What a table said travels in the detections (as facts and as group keys), so applying a log again needs no table.
//!
//! Limits: a value gets at most [`HITS_MAX`] answers of the intelligence tables, an event at most [`NOTES_MAX`] notes;
//! [`PROBLEMS_MAX`] bad rows are told in words, the rest is counted; 2^32 - 2 entries per table.

mod accounts;
mod answer;
mod builder;
mod domains;
mod field;
mod geo;
mod hashes;
mod indicator;
mod intel;
mod networks;
mod note;
mod prefixes;

pub use accounts::Account;
pub use answer::Answer;
pub use builder::{Builder, Problem, TableKind};
pub use field::{End, Field, Part, Subject, field};
pub use geo::Place;
pub use intel::{Hit, Hits, Matched};
pub use networks::Network;
pub use note::Note;

use accounts::Accounts;
use geo::Geo;
use intel::Intel;
use networks::Networks;
use std::net::IpAddr;

/// Most answers of the intelligence tables to one value.
pub const HITS_MAX: usize = 8;
/// Most notes of one event.
pub const NOTES_MAX: usize = 16;
/// Most bad rows told in words.
pub const PROBLEMS_MAX: usize = 20;

/// All tables. The default holds none: every field they would fill is absent.
#[derive(Debug, Default)]
pub struct Tables {
    accounts: Option<Accounts>,
    networks: Option<Networks>,
    intel: Option<Intel>,
    geo: Vec<Geo>,
    versions: Vec<(String, String)>,
}

impl Tables {
    /// Name and version of each table, in the order in which they were given: what an alert names.
    #[must_use]
    pub fn versions(&self) -> Vec<(String, String)> {
        self.versions.clone()
    }

    /// Whether there is no table at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// Whether a table that could fill this field is there.
    #[must_use]
    pub fn can_fill(&self, field: &Field) -> bool {
        match field.subject {
            Subject::Account => self.accounts.is_some(),
            Subject::Network(_) => self.networks.is_some(),
            Subject::EndIntel(_) | Subject::QueryIntel | Subject::FileIntel | Subject::AnyIntel => self.intel.is_some(),
            Subject::Location(_) => !self.geo.is_empty(),
        }
    }

    /// The account of this id.
    #[must_use]
    pub fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.as_ref()?.get(id)
    }

    /// The smallest network that holds an address.
    #[must_use]
    pub fn network(&self, ip: IpAddr) -> Option<&Network> {
        self.networks.as_ref()?.get(ip)
    }

    /// What the geographic databases know of an address; of two that know the same the first is asked.
    #[must_use]
    pub fn place(&self, ip: IpAddr) -> Place<'_> {
        geo::place(&self.geo, ip)
    }

    /// About how many bytes the tables take in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let geo: usize = self.geo.iter().map(Geo::bytes).sum();
        self.intel.as_ref().map_or(0, Intel::bytes) + geo
    }
}
