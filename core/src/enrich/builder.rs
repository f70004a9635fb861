//! From rows to tables.
//!
//! Owns what a row must look like and how tables get their names and versions. The shell reads files and hands rows over with
//! their line; whether bad rows refuse a table is the shell's to decide, after it has seen all of [`Builder::problems`].

use super::accounts::Accounts;
use super::geo::Geo;
use super::networks::{self, Networks};
use super::{PROBLEMS_MAX, Tables, intel};
use crate::event::time::format_rfc3339;
use sha2::{Digest, Sha256};
use smallvec::SmallVec;
use std::fmt;

/// Hexadecimal digits of a digest that make a version.
const VERSION_DIGITS: usize = 12;

/// Other names of the column `expires`.
const EXPIRIES: [&str; 5] = ["expiry", "expiration", "expires_at", "valid_until", "expire"];

/// What a table of rows is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableKind {
    /// `id, name, ou, environment, owner, data_class, tags`; any other column is a tag.
    Accounts,
    /// `cidr, name, kind`
    Networks,
    /// `indicator, type, source, category, expires`
    Intel,
}

impl TableKind {
    /// The column without which a row is nothing.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            TableKind::Accounts => "id",
            TableKind::Networks => "cidr",
            TableKind::Intel => "indicator",
        }
    }

    /// The columns that mean something.
    #[must_use]
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            TableKind::Accounts => &["id", "name", "ou", "environment", "owner", "data_class", "tags"],
            TableKind::Networks => &["cidr", "name", "kind"],
            TableKind::Intel => &["indicator", "type", "source", "category", "expires"],
        }
    }

    /// The known column that a name means, in any case. Feeds call an expiry by several names, and one that is not understood would
    /// make its entries hold for ever.
    fn known(self, column: &str) -> Option<&'static str> {
        let is_expiry = self == TableKind::Intel && EXPIRIES.iter().any(|name| name.eq_ignore_ascii_case(column));
        self.columns().iter().find(|c| c.eq_ignore_ascii_case(column)).copied().or(is_expiry.then_some("expires"))
    }

    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            TableKind::Accounts => "accounts",
            TableKind::Networks => "networks",
            TableKind::Intel => "intel",
        }
    }
}

/// A row that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The line; 0: the file as a whole.
    pub line: u64,
    /// What is wrong and what to do.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.text),
            line => write!(f, "{}:{line}: {}", self.file, self.text),
        }
    }
}

/// Tables in the making.
#[derive(Debug, Default)]
pub struct Builder {
    accounts: Option<Accounts>,
    networks: Option<networks::Rows>,
    intel: Option<intel::Rows>,
    geo: Vec<Geo>,
    versions: Vec<(String, String)>,
    /// The table that is being read: what it is about, its name, its file.
    open: Option<(TableKind, String, String)>,
    problems: Vec<Problem>,
    bad_rows: u64,
}

impl Builder {
    /// No table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a table: the rows that follow are its rows. `file` is named in problems; `stem`, the file's name without folder and
    /// ending, tells tables of one kind apart. The version is that of `content`, the file as it stands.
    pub fn table(&mut self, kind: TableKind, file: &str, stem: &str, content: &[u8]) {
        let name = match kind {
            TableKind::Accounts | TableKind::Networks => kind.word().to_owned(),
            TableKind::Intel => format!("{}:{stem}", kind.word()),
        };
        match kind {
            TableKind::Accounts => drop(self.accounts.get_or_insert_default()),
            TableKind::Networks => drop(self.networks.get_or_insert_default()),
            TableKind::Intel => drop(self.intel.get_or_insert_default()),
        }
        let name = self.named(name, digest(content));
        self.open = Some((kind, name, file.to_owned()));
    }

    /// Reads a row of the table begun last: (column, text) pairs. A column may come several times; empty texts count as absent,
    /// and known columns are known in any case.
    ///
    /// # Panics
    /// If no table was begun.
    pub fn row(&mut self, line: u64, cells: &[(&str, &str)]) {
        let (kind, name, _) = self.open.as_ref().expect("a table was begun before its rows");
        let named = cells.iter().map(|(column, text)| (column.trim(), text.trim())).filter(|(_, text)| !text.is_empty());
        let cells: SmallVec<[(&str, &str); 8]> = named.map(|(column, text)| (kind.known(column).unwrap_or(column), text)).collect();
        let added = match (kind, &mut self.accounts, &mut self.networks, &mut self.intel) {
            (TableKind::Accounts, Some(accounts), ..) => accounts.add(&cells),
            (TableKind::Networks, _, Some(networks), _) => networks.add(&cells),
            (TableKind::Intel, .., Some(intel)) => intel.add(name, &cells),
            _ => Ok(()),
        };
        if let Err(text) = added {
            self.refuse(line, text);
        }
    }

    /// Notes a row of the table begun last that cannot even be read.
    pub fn refuse(&mut self, line: u64, text: String) {
        let file = self.open.as_ref().map_or_else(String::new, |(_, _, file)| file.clone());
        self.complain(Problem { file, line, text });
    }

    /// Adds a geographic database.
    pub fn geo(&mut self, file: &str, stem: &str, bytes: Vec<u8>) {
        match Geo::new(stem, bytes) {
            Ok((mut geo, built_ms)) => {
                geo.name = self.named(format!("geo:{stem}"), format_rfc3339(built_ms));
                self.geo.push(geo);
            }
            Err(text) => self.complain(Problem { file: file.to_owned(), line: 0, text }),
        }
    }

    /// The rows that cannot be used, at most [`PROBLEMS_MAX`] of them, and how many there are.
    #[must_use]
    pub fn problems(&self) -> (&[Problem], u64) {
        (&self.problems, self.bad_rows)
    }

    /// The tables, of the rows that can be used.
    #[must_use]
    pub fn finish(self) -> Tables {
        Tables {
            accounts: self.accounts,
            networks: self.networks.map(Networks::new),
            intel: self.intel.map(intel::Rows::finish),
            geo: self.geo,
            versions: self.versions,
        }
    }

    fn complain(&mut self, problem: Problem) {
        self.bad_rows += 1;
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    /// Enters a table under its name; a second one of that name gets a number.
    fn named(&mut self, name: String, version: String) -> String {
        let taken = |name: &str| self.versions.iter().any(|(n, _)| n == name);
        let free = (2..).map(|n| format!("{name}-{n}")).find(|n| !taken(n)).filter(|_| taken(&name)).unwrap_or(name);
        self.versions.push((free.clone(), version));
        free
    }
}

fn digest(content: &[u8]) -> String {
    let digits: String = Sha256::digest(content).iter().take(VERSION_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Fact, Facts, Value};

    #[test]
    fn bad_rows_are_told_and_the_good_ones_stand() {
        let mut builder = Builder::new();
        builder.table(TableKind::Networks, "n.csv", "n", b"text");
        builder.row(2, &[("CIDR", " 10.0.0.0/8 "), ("name", "ours"), ("kind", "")]);
        builder.row(3, &[("cidr", "10.0.0.0/8"), ("name", "again")]);
        builder.row(4, &[("cidr", "10.0.0.1/8")]);
        for line in 5..40 {
            builder.row(line, &[("name", "nowhere")]);
        }
        let (problems, count) = builder.problems();
        assert_eq!((problems.len(), count), (PROBLEMS_MAX, 37));
        assert_eq!(problems[0].to_string(), "n.csv:3: network 10.0.0.0/8 stands in the table already: keep one of the rows");
        assert_eq!(problems[1].text, "10.0.0.1/8 has bits set behind its length: 10.0.0.0/8 or 10.0.0.1/32");
        let tables = builder.finish();
        let network = tables.network("10.2.3.4".parse().expect("address")).expect("the network");
        assert_eq!((network.name.as_deref(), network.kind.as_deref()), (Some("ours"), None));
    }

    #[test]
    fn tables_have_names_and_versions() {
        let mut builder = Builder::new();
        builder.table(TableKind::Accounts, "a.csv", "a", b"");
        builder.table(TableKind::Intel, "x/feed.csv", "feed", b"1");
        builder.row(1, &[("indicator", "evil.example"), ("category", "c2")]);
        builder.table(TableKind::Intel, "y/feed.csv", "feed", b"2");
        builder.row(1, &[("indicator", "evil.example"), ("category", "c2"), ("source", "partner")]);
        builder.geo("bad.mmdb", "bad", b"no database".to_vec());
        assert_eq!(builder.problems().1, 1);
        let tables = builder.finish();
        let want = ["accounts", "intel:feed", "intel:feed-2"];
        assert_eq!(tables.versions().iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), want);
        assert_eq!(tables.versions()[0].1, "sha256:e3b0c44298fc", "the first digits of the digest of its bytes");
        let hits = tables.intel(&Value::from("a.evil.example"), 0);
        let said: Vec<_> = hits.iter().map(|hit| (hit.table, hit.source)).collect();
        assert_eq!(said, [("intel:feed", "intel:feed"), ("intel:feed-2", "partner")]);
        let mut facts = Facts::from_iter([(Fact::Domain, "a.evil.example")]);
        tables.note(0, &mut facts);
        assert_eq!(facts.all(Fact::Enrichment).count(), 2);
    }
}
