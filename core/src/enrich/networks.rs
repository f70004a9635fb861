//! The networks table: whose an address is.

use super::indicator::parse_net;
use super::prefixes::{Prefixes, canonical};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// One network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// `network.name`
    pub name: Option<Box<str>>,
    /// `network.kind`: `corporate`, `scanner`, `partner`, ...
    pub kind: Option<Box<str>>,
    /// The network.
    pub cidr: IpNet,
}

/// Networks by address.
#[derive(Debug)]
pub(super) struct Networks(Prefixes<Network>);

impl Networks {
    pub(super) fn new(rows: Rows) -> Self {
        Networks(Prefixes::new(rows.list.into_iter().map(|network| (network.cidr, network)).collect()))
    }

    pub(super) fn get(&self, ip: IpAddr) -> Option<&Network> {
        self.0.longest(ip, |_| true).and_then(|(_, values)| values.first())
    }
}

/// Rows while the table is read.
#[derive(Debug, Default)]
pub(super) struct Rows {
    list: Vec<Network>,
    seen: BTreeSet<IpNet>,
}

impl Rows {
    /// Reads a row.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn add(&mut self, cells: &[(&str, &str)]) -> Result<(), String> {
        let cell = |name: &str| cells.iter().find(|(column, _)| *column == name).map(|(_, text)| *text);
        let written = cell("cidr").ok_or("no `cidr`: a network is found by its addresses")?;
        let cidr = canonical(parse_net(written)?);
        if !self.seen.insert(cidr) {
            return Err(format!("network {cidr} stands in the table already: keep one of the rows"));
        }
        self.list.push(Network { name: cell("name").map(Into::into), kind: cell("kind").map(Into::into), cidr });
        Ok(())
    }
}
