//! Geography: country, city and autonomous system of an address, from databases in MaxMind's format.
//!
//! Owns where each is found in the records of common publishers: MaxMind and DB-IP (nested), and flat ones (`country_code`,
//! `as_name`). A record that cannot be decoded says nothing. Several databases answer together: the first that knows, says.

use maxminddb::{PathElement, Reader};
use serde::Deserialize;
use std::net::IpAddr;

type Path = &'static [PathElement<'static>];
const fn key(name: &'static str) -> PathElement<'static> {
    PathElement::Key(name)
}

const COUNTRY: [Path; 3] = [&[key("country"), key("iso_code")], &[key("country_code")], &[key("country")]];
const CITY: [Path; 2] = [&[key("city"), key("names"), key("en")], &[key("city")]];
const NUMBER: [Path; 2] = [&[key("autonomous_system_number")], &[key("asn")]];
const SYSTEM: [Path; 3] = [&[key("autonomous_system_organization")], &[key("as_name")], &[key("as_organization")]];

/// One database.
#[derive(Debug)]
pub(super) struct Geo {
    pub(super) name: String,
    reader: Reader<Vec<u8>>,
    size: usize,
}

/// What the databases know of one address. Nothing is read before it is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Place<'t> {
    databases: &'t [Geo],
    ip: IpAddr,
}

/// The place of an address.
pub(super) fn place(databases: &[Geo], ip: IpAddr) -> Place<'_> {
    Place { databases, ip: ip.to_canonical() }
}

impl Geo {
    /// A database in memory, and its own version: when it was built.
    ///
    /// # Errors
    /// If it is none, in words.
    pub(super) fn new(name: &str, bytes: Vec<u8>) -> Result<(Self, i64), String> {
        let size = bytes.len();
        let reader = Reader::from_source(bytes).map_err(|e| format!("it is no database in MaxMind's format: {e}"))?;
        let built_ms = i64::try_from(reader.metadata().build_epoch).unwrap_or(0).saturating_mul(1000);
        Ok((Geo { name: name.to_owned(), reader, size }, built_ms))
    }

    pub(super) fn bytes(&self) -> usize {
        self.size
    }

    fn read<'t, T: Deserialize<'t>>(&'t self, ip: IpAddr, paths: &[Path]) -> Option<T> {
        let found = self.reader.lookup(ip).ok().filter(maxminddb::LookupResult::has_data)?;
        paths.iter().find_map(|path| found.decode_path(path).ok().flatten())
    }
}

impl<'t> Place<'t> {
    /// ISO code of the country.
    #[must_use]
    pub fn country(&self) -> Option<&'t str> {
        self.text(&COUNTRY)
    }

    /// English name of the city.
    #[must_use]
    pub fn city(&self) -> Option<&'t str> {
        self.text(&CITY)
    }

    /// Number of the autonomous system.
    #[must_use]
    pub fn system_number(&self) -> Option<u32> {
        let written = || self.text(&NUMBER).and_then(|text| text.trim_start_matches("AS").parse().ok());
        self.databases.iter().find_map(|geo| geo.read(self.ip, &NUMBER)).or_else(written)
    }

    /// Name of the autonomous system.
    #[must_use]
    pub fn system_name(&self) -> Option<&'t str> {
        self.text(&SYSTEM)
    }

    /// The databases that know the address.
    pub fn providers(&self) -> impl Iterator<Item = &'t str> {
        let knows = |geo: &&Geo| geo.reader.lookup(self.ip).is_ok_and(|found| found.has_data());
        self.databases.iter().filter(knows).map(|geo| &*geo.name)
    }

    fn text(&self, paths: &[Path]) -> Option<&'t str> {
        self.databases.iter().find_map(|geo| geo.read::<&'t str>(self.ip, paths).filter(|text| !text.is_empty()))
    }
}
