//! Threat intelligence: who says what of an address, a domain, a hash, and until when.
//!
//! Owns what "in force" means: strictly before the expiry, by the event's own time. Of nested networks (or domains) the closest
//! that has an entry in force answers, with all its entries in force: an expired narrow entry does not hide a wide one.
//! Sources, categories and tables repeat, so each combination is kept once; an entry costs 8 bytes beside its indicator.

use super::HITS_MAX;
use super::domains::Domains;
use super::hashes::Hashes;
use super::indicator::{Indicator, folded, parse, parse_digest};
use super::prefixes::Prefixes;
use crate::event::Value;
use crate::event::time::{SECOND_MS, parse_any_ms};
use ipnet::IpNet;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Range;

/// An entry that never expires.
const NEVER: u32 = u32::MAX;

/// Who says it: (table, source, category).
type Origin = (Box<str>, Box<str>, Box<str>);

/// What is kept of one entry beside its indicator.
#[derive(Debug, Clone, Copy)]
struct Said {
    origin: u32,
    /// Epoch seconds.
    expires: u32,
}

impl Said {
    fn in_force(self, time_ms: i64) -> bool {
        self.expires == NEVER || time_ms < i64::from(self.expires) * SECOND_MS
    }
}

/// What fitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matched<'t> {
    /// A network that holds the address.
    Net(IpNet),
    /// A domain that the name is or lies below.
    Domain(&'t str),
    /// The digest.
    Hash([u8; 32]),
}

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit<'t> {
    /// `intel.indicator`
    pub matched: Matched<'t>,
    /// `intel.source`
    pub source: &'t str,
    /// `intel.category`; empty where none is stated.
    pub category: &'t str,
    /// Name of the table.
    pub table: &'t str,
    /// Epoch milliseconds.
    pub expires_ms: Option<i64>,
}

/// Answers to one value.
pub type Hits<'t> = SmallVec<[Hit<'t>; 1]>;

impl<'t> Matched<'t> {
    /// The indicator as it is written: `203.0.113.7`, `203.0.113.0/24`, `evil.example`, 64 digits.
    #[must_use]
    pub fn text(&self) -> Cow<'t, str> {
        match self {
            Matched::Net(net) if net.prefix_len() == net.max_prefix_len() => Cow::Owned(net.addr().to_string()),
            Matched::Net(net) => Cow::Owned(net.to_string()),
            Matched::Domain(name) => Cow::Borrowed(name),
            Matched::Hash(digest) => Cow::Owned(digest.iter().map(|byte| format!("{byte:02x}")).collect()),
        }
    }
}

/// All indicators.
#[derive(Debug)]
pub(super) struct Intel {
    nets: Prefixes<Said>,
    domains: Domains<Said>,
    hashes: Hashes<Said>,
    origins: Vec<Origin>,
}

impl Intel {
    /// The answers to a value: an address, a SHA-256 digest in hexadecimal, or a domain.
    pub(super) fn ask(&self, value: &Value<'_>, time_ms: i64) -> Hits<'_> {
        let in_force = |said: &Said| said.in_force(time_ms);
        if let Some(ip) = value.ip() {
            return self.of_address(ip, time_ms);
        }
        let Value::Text(text) = value else { return Hits::new() };
        if let Some(digest) = parse_digest(text) {
            return self.hits(Matched::Hash(digest), self.hashes.get(&digest), time_ms);
        }
        let is_lower = !text.ends_with('.') && text.len() <= 253 && !text.bytes().any(|b| b.is_ascii_uppercase());
        let name = if is_lower { Some(Cow::Borrowed(&**text)) } else { folded(text).map(Cow::Owned) };
        let found = name.and_then(|name| self.domains.longest(&name, in_force));
        found.map(|(domain, said)| self.hits(Matched::Domain(domain), said, time_ms)).unwrap_or_default()
    }

    fn of_address(&self, ip: IpAddr, time_ms: i64) -> Hits<'_> {
        let found = self.nets.longest(ip, |said| said.in_force(time_ms));
        found.map(|(net, said)| self.hits(Matched::Net(net), said, time_ms)).unwrap_or_default()
    }

    /// One hit per origin; of two entries of one origin the one that holds longer.
    fn hits<'t>(&'t self, matched: Matched<'t>, said: &[Said], time_ms: i64) -> Hits<'t> {
        let mut kept: SmallVec<[Said; 2]> = SmallVec::new();
        for said in said.iter().filter(|said| said.in_force(time_ms)) {
            match kept.iter().position(|k| k.origin == said.origin) {
                Some(same) => kept[same].expires = kept[same].expires.max(said.expires),
                None if kept.len() < HITS_MAX => kept.push(*said),
                None => break,
            }
        }
        let hit = |said: Said| {
            let (table, source, category) = &self.origins[said.origin as usize];
            let expires_ms = (said.expires != NEVER).then(|| i64::from(said.expires) * SECOND_MS);
            Hit { matched, source, category, table, expires_ms }
        };
        kept.into_iter().map(hit).collect()
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let origins: usize = self.origins.iter().map(|(a, b, c)| 48 + a.len() + b.len() + c.len()).sum();
        self.nets.bytes() + self.domains.bytes() + self.hashes.bytes() + origins
    }
}

/// Rows while the tables are read.
#[derive(Debug, Default)]
pub(super) struct Rows {
    nets: Vec<(IpNet, Said)>,
    names: String,
    domains: Vec<(Range<usize>, Said)>,
    hashes: Vec<([u8; 32], Said)>,
    origins: BTreeMap<Origin, u32>,
    /// The origin of the row before: feeds repeat it.
    last: Option<(Origin, u32)>,
}

impl Rows {
    /// Reads a row of a table.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn add(&mut self, table: &str, cells: &[(&str, &str)]) -> Result<(), String> {
        let cell = |name: &str| cells.iter().find(|(column, _)| *column == name).map(|(_, text)| *text);
        let written = cell("indicator").ok_or("no `indicator`: an address, a network, a domain or a SHA-256 hash")?;
        let indicator = parse(written, cell("type"))?;
        let expires = cell("expires").map_or(Ok(NEVER), expiry)?;
        let origin = self.origin(table, cell("source").unwrap_or(table), cell("category").unwrap_or_default());
        let said = Said { origin, expires };
        match indicator {
            Indicator::Net(net) => self.nets.push((net, said)),
            Indicator::Hash(digest) => self.hashes.push((digest, said)),
            Indicator::Domain(name) => {
                let start = self.names.len();
                self.names.push_str(&name);
                self.domains.push((start..self.names.len(), said));
            }
        }
        Ok(())
    }

    fn origin(&mut self, table: &str, source: &str, category: &str) -> u32 {
        let is_last = |(t, s, c): &Origin| **t == *table && **s == *source && **c == *category;
        if let Some((_, number)) = self.last.as_ref().filter(|(origin, _)| is_last(origin)) {
            return *number;
        }
        let origin: Origin = (table.into(), source.into(), category.into());
        let next = self.origins.len() as u32;
        let number = *self.origins.entry(origin.clone()).or_insert(next);
        self.last = Some((origin, number));
        number
    }

    pub(super) fn finish(self) -> Intel {
        let mut origins: Vec<(Origin, u32)> = self.origins.into_iter().collect();
        origins.sort_by_key(|(_, number)| *number);
        Intel {
            nets: Prefixes::new(self.nets),
            domains: Domains::new(&self.names, self.domains),
            hashes: Hashes::new(self.hashes),
            origins: origins.into_iter().map(|(origin, _)| origin).collect(),
        }
    }
}

/// An expiry in whole seconds: part of a second counts as one.
fn expiry(text: &str) -> Result<u32, String> {
    let ms = parse_any_ms(text).ok_or_else(|| format!("expiry `{text}` is no time: write it like 2027-01-31T00:00:00Z"))?;
    let seconds = ms.div_euclid(SECOND_MS) + i64::from(ms.rem_euclid(SECOND_MS) > 0);
    Ok(seconds.clamp(0, i64::from(NEVER) - 1) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intel(rows: &[[&str; 4]]) -> Intel {
        let mut out = Rows::default();
        for [indicator, source, category, expires] in rows {
            let cells = [("indicator", *indicator), ("source", source), ("category", category), ("expires", expires)];
            let cells: Vec<_> = cells.into_iter().filter(|(_, text)| !text.is_empty()).collect();
            assert_eq!(out.add("feed", &cells), Ok(()));
        }
        out.finish()
    }

    fn said(intel: &Intel, value: &str, time_ms: i64) -> Vec<String> {
        let hits = intel.ask(&Value::Text(value.into()), time_ms);
        hits.iter().map(|h| format!("{} {} {}", h.matched.text(), h.source, h.category)).collect()
    }

    #[test]
    fn an_entry_is_in_force_until_its_expiry_by_the_time_of_the_event() {
        let intel = intel(&[
            ["203.0.113.0/24", "wide", "c2", ""],
            ["203.0.113.7", "narrow", "scanner", "2026-11-02T10:00:00Z"],
            ["evil.example", "a", "phishing", "1970-01-01"],
        ]);
        let end = 1_793_613_600_000;
        assert_eq!(said(&intel, "203.0.113.7", end - 1), ["203.0.113.7 narrow scanner"]);
        assert_eq!(said(&intel, "203.0.113.7", end), ["203.0.113.0/24 wide c2"], "an expired one hides nothing");
        assert_eq!(said(&intel, "203.0.113.8", 0), ["203.0.113.0/24 wide c2"]);
        assert_eq!(said(&intel, "203.0.114.8", 0), [""; 0]);
        assert_eq!(said(&intel, "evil.example", -1), ["evil.example a phishing"]);
        assert_eq!(said(&intel, "evil.example", 0), [""; 0]);
    }

    #[test]
    fn each_source_answers_once_and_case_does_not_matter() {
        let hash = "0123456789abcdef".repeat(4);
        let intel = intel(&[
            ["evil.example", "a", "c2", "2026-01-01"],
            ["EVIL.example.", "a", "c2", "2027-01-01"],
            ["evil.example", "b", "phishing", ""],
            [&hash, "a", "malware", ""],
        ]);
        assert_eq!(said(&intel, "x.Evil.Example.", 0), ["evil.example a c2", "evil.example b phishing"]);
        let hits = intel.ask(&Value::Text("evil.example".into()), 0);
        assert_eq!(hits[0].expires_ms, parse_any_ms("2027-01-01"));
        assert_eq!(said(&intel, &hash.to_uppercase(), 0), [format!("{hash} a malware")]);
        assert_eq!(said(&intel, &"0".repeat(64), 0), [""; 0]);
        assert!(intel.ask(&Value::Int(7), 0).is_empty() && intel.ask(&Value::Null, 0).is_empty());
        assert_eq!(intel.ask(&Value::Text("x".repeat(1 << 16).into()), 0).len(), 0);
    }

    #[test]
    fn a_bad_expiry_is_said() {
        let cells = [("indicator", "203.0.113.7"), ("expires", "soon")];
        assert!(Rows::default().add("feed", &cells).is_err_and(|e| e.contains("soon")));
    }
}
