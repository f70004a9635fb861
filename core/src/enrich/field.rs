//! The names under which rules ask for what tables say.

/// Which end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// `src_endpoint`
    Source,
    /// `dst_endpoint`
    Target,
}

/// What a table is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The account the event is about.
    Account,
    /// The network of an address.
    Network(End),
    /// Intelligence on an address or the name that stands in its place.
    EndIntel(End),
    /// Intelligence on the domain that was looked up.
    QueryIntel,
    /// Intelligence on a file.
    FileIntel,
    /// Intelligence on any of these.
    AnyIntel,
    /// Country, city and autonomous system of an address.
    Location(End),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Name of an account, a network or an autonomous system.
    Name,
    /// Path of organisational units.
    Ou,
    /// Environment.
    Environment,
    /// Owner.
    Owner,
    /// Data classes.
    DataClass,
    /// A tag of an account.
    Tag(Box<str>),
    /// Kind of a network.
    Kind,
    /// Who says it.
    Source,
    /// Category.
    Category,
    /// The indicator that fitted.
    Indicator,
    /// Country.
    Country,
    /// City.
    City,
    /// Number of the autonomous system.
    Number,
}

/// A field that a table fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What the table is asked about.
    pub subject: Subject,
    /// What is asked.
    pub part: Part,
}

const ADDRESSES: [&[&str]; 2] = [&["src_endpoint.ip", "src_endpoint.domain"], &["dst_endpoint.ip", "dst_endpoint.domain"]];
const FILES: &[&str] = &["actor.process.file.hashes.value", "process.file.hashes.value", "malware.files.hashes.value", "file.hashes.value"];
const ALL: &[&str] = &[
    "src_endpoint.ip",
    "src_endpoint.domain",
    "dst_endpoint.ip",
    "dst_endpoint.domain",
    "query.hostname",
    "actor.process.file.hashes.value",
    "process.file.hashes.value",
    "malware.files.hashes.value",
    "file.hashes.value",
];

/// What a name of a rule asks of the tables; `None` for any other name.
#[must_use]
pub fn field(name: &str) -> Option<Field> {
    let (object, part) = match name.strip_prefix("account.") {
        Some(part) => ("account", part),
        None => name.rsplit_once('.')?,
    };
    let subject = match object {
        "account" => Subject::Account,
        "src_endpoint.network" => Subject::Network(End::Source),
        "dst_endpoint.network" => Subject::Network(End::Target),
        "src_endpoint.intel" => Subject::EndIntel(End::Source),
        "dst_endpoint.intel" => Subject::EndIntel(End::Target),
        "query.intel" => Subject::QueryIntel,
        "file.intel" => Subject::FileIntel,
        "intel" => Subject::AnyIntel,
        "src_endpoint.location" | "src_endpoint.autonomous_system" => Subject::Location(End::Source),
        "dst_endpoint.location" | "dst_endpoint.autonomous_system" => Subject::Location(End::Target),
        _ => return None,
    };
    let part = match subject {
        Subject::Account => of_account(part),
        Subject::Network(_) => of_network(part),
        Subject::EndIntel(_) | Subject::QueryIntel | Subject::FileIntel | Subject::AnyIntel => of_intel(part),
        Subject::Location(_) if object.ends_with("location") => of_location(part),
        Subject::Location(_) => of_system(part),
    };
    part.map(|part| Field { subject, part })
}

fn of_account(part: &str) -> Option<Part> {
    Some(match part {
        "name" => Part::Name,
        "ou" => Part::Ou,
        "environment" => Part::Environment,
        "owner" => Part::Owner,
        "data_class" => Part::DataClass,
        other => Part::Tag(other.strip_prefix("tags.").filter(|key| !key.is_empty())?.into()),
    })
}

fn of_network(part: &str) -> Option<Part> {
    match part {
        "name" => Some(Part::Name),
        "kind" => Some(Part::Kind),
        _ => None,
    }
}

fn of_intel(part: &str) -> Option<Part> {
    match part {
        "source" => Some(Part::Source),
        "category" => Some(Part::Category),
        "indicator" => Some(Part::Indicator),
        _ => None,
    }
}

fn of_location(part: &str) -> Option<Part> {
    match part {
        "country" => Some(Part::Country),
        "city" => Some(Part::City),
        _ => None,
    }
}

fn of_system(part: &str) -> Option<Part> {
    match part {
        "number" => Some(Part::Number),
        "name" => Some(Part::Name),
        _ => None,
    }
}

impl Subject {
    /// The fields whose values the table is asked about.
    #[must_use]
    pub fn inputs(self) -> &'static [&'static str] {
        match self {
            Subject::Account => &["cloud.account.uid"],
            Subject::Network(end) | Subject::Location(end) => &ADDRESSES[end as usize][..1],
            Subject::EndIntel(end) => ADDRESSES[end as usize],
            Subject::QueryIntel => &["query.hostname"],
            Subject::FileIntel => FILES,
            Subject::AnyIntel => ALL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_or_not() {
        let known = [
            ("account.owner", Subject::Account, Part::Owner),
            ("account.tags.Cost.Center", Subject::Account, Part::Tag("Cost.Center".into())),
            ("dst_endpoint.intel.category", Subject::EndIntel(End::Target), Part::Category),
            ("intel.source", Subject::AnyIntel, Part::Source),
            ("src_endpoint.autonomous_system.name", Subject::Location(End::Source), Part::Name),
            ("dst_endpoint.network.kind", Subject::Network(End::Target), Part::Kind),
        ];
        for (name, subject, part) in known {
            assert_eq!(field(name), Some(Field { subject, part }), "{name}");
        }
        let unknown =
            ["account", "account.", "account.uid", "account.tags.", "intel", "intel.x", "src_endpoint.ip", "a.intel.source", "name"];
        for name in unknown {
            assert_eq!(field(name), None, "{name}");
        }
        for subject in [Subject::EndIntel(End::Source), Subject::EndIntel(End::Target), Subject::QueryIntel, Subject::FileIntel] {
            assert!(subject.inputs().iter().all(|input| Subject::AnyIntel.inputs().contains(input)), "{subject:?}");
        }
    }
}
