//! `--fail-on`: limits on a difference, for CI.

use std::fmt;
use tidegate_core::workbench::diff::Counts;

/// Limits, in the order typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limits(pub(super) Vec<Limit>);

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limit {
    what: What,
    or_equal: bool,
    than: u64,
}

/// A limit that was crossed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crossed {
    pub(super) limit: Limit,
    /// What there is.
    pub(super) is: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Added,
    Removed,
    Changed,
    Pages,
    PagesRemoved,
}

const NAMES: [(&str, What); 5] = [
    ("added", What::Added),
    ("removed", What::Removed),
    ("changed", What::Changed),
    ("pages", What::Pages),
    ("pages_removed", What::PagesRemoved),
];

/// Reads `added>10,removed>0,changed>=5`.
pub(super) fn parse(text: &str) -> Result<Limits, String> {
    text.split(',').map(one).collect::<Result<Vec<_>, _>>().map(Limits)
}

fn one(text: &str) -> Result<Limit, String> {
    let wrong = |why: &str| format!("`{}` is no limit: {why}; write it like added>10, removed>0, changed>=5 or pages>3", text.trim());
    let (name, rest) = text.split_once('>').ok_or_else(|| wrong("it has no > or >="))?;
    let known = || NAMES.map(|(name, _)| name).join(", ");
    let (_, what) =
        NAMES.into_iter().find(|(known, _)| *known == name.trim()).ok_or_else(|| wrong(&format!("it counts one of {}", known())))?;
    let (or_equal, number) = rest.strip_prefix('=').map_or((false, rest), |number| (true, number));
    let than = number.trim().parse().map_err(|_| wrong("behind the sign stands a whole number"))?;
    Ok(Limit { what, or_equal, than })
}

impl Limits {
    /// Those that hold.
    pub(super) fn crossed(&self, counts: &Counts) -> Vec<Crossed> {
        self.0.iter().filter_map(|limit| limit.crossed(counts)).collect()
    }
}

impl Limit {
    /// Whether it is crossed.
    pub(super) fn crossed(self, counts: &Counts) -> Option<Crossed> {
        let is = match self.what {
            What::Added => counts.added,
            What::Removed => counts.removed,
            What::Changed => counts.changed,
            What::Pages => counts.pages_added,
            What::PagesRemoved => counts.pages_removed,
        };
        let over = if self.or_equal { is >= self.than } else { is > self.than };
        over.then_some(Crossed { limit: self, is })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(_, what)| *what == self.what).map_or("", |(name, _)| name);
        write!(f, "{name}>{}{}", if self.or_equal { "=" } else { "" }, self.than)
    }
}

impl fmt::Display for Crossed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} holds: there are {}", self.limit, self.is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_and_crossed() {
        let limits = parse("added>10, removed>0,changed>=5,pages>3,pages_removed>=1").expect("limits");
        let counts = Counts { added: 10, removed: 1, changed: 5, pages_added: 3, ..Counts::default() };
        let crossed: Vec<String> = limits.crossed(&counts).iter().map(ToString::to_string).collect();
        assert_eq!(crossed, ["removed>0 holds: there are 1", "changed>=5 holds: there are 5"]);
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        for bad in ["", "added", "added<3", "added>", "added>x", "added>-1", "alerts>1", "added>1,,removed>1", "added>=>1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse("alerts>1").expect_err("no such count").contains("added, removed, changed"));
    }
}
