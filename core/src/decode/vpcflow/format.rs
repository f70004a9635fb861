//! The order of the columns: parsed from a log format, a list of names or a header line.
//!
//! A name we do not know is kept as a column that is skipped, so that a newer version of the logs does not break; a name
//! that looks like a typing error is refused when a person wrote it, never in a header.

use crate::event::flow::{COLUMNS, Column};
use std::fmt;

/// Most columns of one format.
pub const COLUMNS_MAX: usize = 128;
/// Most bytes of a column name.
const NAME_BYTES_MAX: usize = 64;
const NOT_HERE: u8 = u8::MAX;

/// Version 2, the default of VPC flow logs.
const DEFAULT_VPC: &str =
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status";
/// Version 6, the default of Transit Gateway flow logs.
const DEFAULT_TRANSIT_GATEWAY: &str = "version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id \
    tgw-dst-vpc-account-id tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni \
    tgw-src-az-id tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end \
    log-status type packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags \
    region flow-direction pkt-src-aws-service pkt-dst-aws-service";

/// The ordered columns of a flow log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowFormat {
    /// `None` is a column of a version we do not know.
    columns: Vec<Option<Column>>,
    /// Position of each known column, by its number.
    positions: [u8; COLUMNS.len()],
    unknown: Vec<Box<str>>,
}

/// Why a stated format is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowFormatError {
    detail: String,
}

impl fmt::Display for FlowFormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for FlowFormatError {}

impl FlowFormat {
    /// The 14 columns of version 2.
    #[must_use]
    pub fn default_vpc() -> Self {
        Self::of_known(DEFAULT_VPC)
    }

    /// The 36 columns of a Transit Gateway flow log.
    #[must_use]
    pub fn default_transit_gateway() -> Self {
        Self::of_known(DEFAULT_TRANSIT_GATEWAY)
    }

    fn of_known(names: &str) -> Self {
        Self::build(names.split_whitespace()).expect("invariant: the built-in formats name known columns once")
    }

    /// Reads `${version} ${account-id} ...`, or names separated by blanks or commas, hyphenated or with underscores.
    ///
    /// # Errors
    /// When a word is no column name, looks like a misspelt one, comes twice, or nothing known is named.
    pub fn parse(text: &str) -> Result<Self, FlowFormatError> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|w| !w.is_empty());
        Self::from_names(words)
    }

    /// Reads a list of names, as [`FlowFormat::parse`] does.
    ///
    /// # Errors
    /// As [`FlowFormat::parse`].
    pub fn from_names<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> Result<Self, FlowFormatError> {
        let mut clean = Vec::new();
        for name in names {
            clean.push(stated_name(name.as_ref())?);
        }
        Self::build(clean.iter().map(String::as_str))
    }

    /// The format that a header line states, or `None` when the line is no header.
    #[must_use]
    pub fn from_header(line: &str) -> Option<Self> {
        if !Self::is_header(line) {
            return None;
        }
        Self::build(words(line)).ok()
    }

    /// Whether a line names columns: every word could be a name, at least half of them are known.
    pub(super) fn is_header(line: &str) -> bool {
        if !words(line).all(is_name) {
            return false;
        }
        let known = words(line).filter(|w| Column::from_name(w).is_some()).count();
        known > 0 && known * 2 >= words(line).count()
    }

    fn build<'n>(names: impl Iterator<Item = &'n str>) -> Result<Self, FlowFormatError> {
        let mut format = FlowFormat { columns: Vec::new(), positions: [NOT_HERE; COLUMNS.len()], unknown: Vec::new() };
        for name in names {
            format.push(name)?;
        }
        if format.columns.iter().all(Option::is_none) {
            return Err(refuse("the flow format names no known column, e.g. `${version} ${account-id} ${srcaddr}`".to_owned()));
        }
        Ok(format)
    }

    fn push(&mut self, name: &str) -> Result<(), FlowFormatError> {
        let at = self.columns.len();
        if at == COLUMNS_MAX {
            return Err(refuse(format!("the flow format has more than {COLUMNS_MAX} columns")));
        }
        let column = Column::from_name(name);
        let twice = match column {
            Some(column) => std::mem::replace(&mut self.positions[column as usize], at as u8) != NOT_HERE,
            None => self.unknown.iter().any(|u| **u == *name),
        };
        if twice {
            return Err(refuse(format!("the flow format names {name} twice (again as column {})", at + 1)));
        }
        if column.is_none() {
            self.unknown.push(name.into());
        }
        self.columns.push(column);
        Ok(())
    }

    /// The columns in order; `None` is a column of a version we do not know, which is skipped.
    #[must_use]
    pub fn columns(&self) -> &[Option<Column>] {
        &self.columns
    }

    /// Names that were not known, in order.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.unknown.iter().map(|n| &**n)
    }

    /// How many columns a line has.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "a format has at least one column")]
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// The 0-based place of a column.
    #[must_use]
    #[inline]
    pub fn position(&self, column: Column) -> Option<usize> {
        match self.positions[column as usize] {
            NOT_HERE => None,
            at => Some(usize::from(at)),
        }
    }

    /// Whether lines of this format describe a Transit Gateway.
    #[must_use]
    pub fn is_transit_gateway(&self) -> bool {
        [Column::ResourceType, Column::TgwId, Column::TgwAttachmentId].into_iter().any(|c| self.position(c).is_some())
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c <= ' ').filter(|w| !w.is_empty())
}

/// A word that a person wrote: without `${}`, and not a near miss of a known name.
fn stated_name(word: &str) -> Result<String, FlowFormatError> {
    let name = word.strip_prefix("${").and_then(|w| w.strip_suffix('}')).unwrap_or(word);
    let name = name.trim();
    if !is_name(name) {
        let shown: String = word.chars().take(40).flat_map(char::escape_default).collect();
        return Err(refuse(format!("`{shown}` is no column name of flow logs{}", did_you_mean(&name.to_ascii_lowercase()))));
    }
    let hint = if Column::from_name(name).is_some() || names_newer_sibling(name) { String::new() } else { did_you_mean(name) };
    if hint.is_empty() { Ok(name.to_owned()) } else { Err(refuse(format!("`{name}` is no column of flow logs{hint}"))) }
}

fn refuse(detail: String) -> FlowFormatError {
    FlowFormatError { detail }
}

/// A name is `[a-z][a-z0-9_-]*`.
fn is_name(word: &str) -> bool {
    let bytes = word.as_bytes();
    bytes.len() <= NAME_BYTES_MAX
        && bytes.first().is_some_and(u8::is_ascii_lowercase)
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
}

/// `instance-tag-3` is likelier a newer column than a misspelt `instance-tag-2`.
fn names_newer_sibling(name: &str) -> bool {
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches(['-', '_']);
    base.len() < name.len() && Column::from_name(base).is_some()
}

fn did_you_mean(name: &str) -> String {
    let hyphened = name.replace('_', "-");
    let nearest = COLUMNS.into_iter().map(|c| (edits(hyphened.as_bytes(), c.name().as_bytes()), c)).min_by_key(|(n, _)| *n);
    match nearest {
        Some((n, column)) if n <= 2 && n * 3 <= column.name().len() => format!("; did you mean `{}`?", column.name()),
        _ => String::new(),
    }
}

/// Levenshtein distance.
fn edits(a: &[u8], b: &[u8]) -> usize {
    if a.len() > NAME_BYTES_MAX {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, y) in b.iter().enumerate() {
            let kept = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = kept.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_give_the_same_format() {
        let vpc = FlowFormat::default_vpc();
        assert_eq!(vpc.len(), 14);
        let dollars = DEFAULT_VPC.split(' ').map(|n| format!("${{{n}}}")).collect::<Vec<_>>();
        for text in [DEFAULT_VPC.to_owned(), DEFAULT_VPC.replace(' ', ","), DEFAULT_VPC.replace('-', "_"), dollars.join(" ")] {
            assert_eq!(FlowFormat::parse(&text), Ok(vpc.clone()), "{text}");
        }
        assert_eq!(FlowFormat::from_names(DEFAULT_VPC.split(' ')), Ok(vpc.clone()));
        assert_eq!(FlowFormat::from_header(&format!("{DEFAULT_VPC} \r\n")), Some(vpc));
        let gateway = FlowFormat::default_transit_gateway();
        assert_eq!((gateway.len(), gateway.is_transit_gateway()), (36, true));
        assert_eq!(gateway.position(Column::PktDstAwsService), Some(35));
        assert_eq!(gateway.position(Column::Action), None);
    }

    #[test]
    fn errors_name_the_word_and_the_remedy() {
        let cases = [
            ("version scraddr", "`scraddr` is no column of flow logs; did you mean `srcaddr`?"),
            ("${version} ${Account-Id}", "`${Account-Id}` is no column name of flow logs; did you mean `account-id`?"),
            ("version 10.0.0.1", "`10.0.0.1` is no column name of flow logs"),
            ("version \u{202e}", "`\\u{202e}` is no column name of flow logs"),
            ("version start version", "the flow format names version twice (again as column 3)"),
            ("", "the flow format names no known column, e.g. `${version} ${account-id} ${srcaddr}`"),
            ("colour taste", "the flow format names no known column, e.g. `${version} ${account-id} ${srcaddr}`"),
        ];
        for (text, error) in cases {
            assert_eq!(FlowFormat::parse(text).expect_err(text).to_string(), error);
        }
        assert!(FlowFormat::parse(&"version ".repeat(200)).is_err());
    }

    #[test]
    fn columns_of_newer_versions_are_skipped() {
        let format = FlowFormat::parse("version instance-tag-3 quantum-path srcaddr").expect("skipped");
        assert_eq!(format.unknown().collect::<Vec<_>>(), ["instance-tag-3", "quantum-path"]);
        assert_eq!(format.columns(), [Some(Column::Version), None, None, Some(Column::SrcAddr)]);
    }

    #[test]
    fn data_is_no_header() {
        for line in ["i-0abc eni-0abc 10.0.0.1", "", "2 1 eni-1", "- eni-1", "hello big world", "ACCEPT OK", "version version"] {
            assert_eq!(FlowFormat::from_header(line), None, "{line}");
        }
    }
}
