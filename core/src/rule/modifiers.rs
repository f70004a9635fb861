//! Sigma's value modifiers: which there are, and which go together.
//!
//! Owns the reading of `field|modifier|modifier`. What a chain does to values is in `value.rs`.
//! `neq` negates the whole item, as pySigma does: it also holds where the field is absent.

use super::report::{Fault, quoted};
use super::spelling::hint;
use super::{Compare, TimePart};

/// A modifier of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Modifier {
    All,
    Neq,
    StartsWith,
    EndsWith,
    Contains,
    Exists,
    Cased,
    Windash,
    Re,
    Flag(char),
    Base64,
    Base64Offset,
    Utf16 { little_endian: bool, mark: bool },
    Compare(Compare),
    Time(TimePart),
    Cidr,
    Expand,
    FieldRef,
}

const NAMES: [(&str, Modifier); 34] = [
    ("all", Modifier::All),
    ("neq", Modifier::Neq),
    ("startswith", Modifier::StartsWith),
    ("endswith", Modifier::EndsWith),
    ("contains", Modifier::Contains),
    ("exists", Modifier::Exists),
    ("cased", Modifier::Cased),
    ("windash", Modifier::Windash),
    ("re", Modifier::Re),
    ("i", Modifier::Flag('i')),
    ("m", Modifier::Flag('m')),
    ("s", Modifier::Flag('s')),
    ("ignorecase", Modifier::Flag('i')),
    ("multiline", Modifier::Flag('m')),
    ("dotall", Modifier::Flag('s')),
    ("base64", Modifier::Base64),
    ("base64offset", Modifier::Base64Offset),
    ("utf16le", Modifier::Utf16 { little_endian: true, mark: false }),
    ("wide", Modifier::Utf16 { little_endian: true, mark: false }),
    ("utf16be", Modifier::Utf16 { little_endian: false, mark: false }),
    ("utf16", Modifier::Utf16 { little_endian: true, mark: true }),
    ("lt", Modifier::Compare(Compare::Lt)),
    ("lte", Modifier::Compare(Compare::Lte)),
    ("gt", Modifier::Compare(Compare::Gt)),
    ("gte", Modifier::Compare(Compare::Gte)),
    ("minute", Modifier::Time(TimePart::Minute)),
    ("hour", Modifier::Time(TimePart::Hour)),
    ("day", Modifier::Time(TimePart::Day)),
    ("week", Modifier::Time(TimePart::Week)),
    ("month", Modifier::Time(TimePart::Month)),
    ("year", Modifier::Time(TimePart::Year)),
    ("cidr", Modifier::Cidr),
    ("expand", Modifier::Expand),
    ("fieldref", Modifier::FieldRef),
];

/// All modifiers by name.
pub(super) fn modifier_names() -> Vec<&'static str> {
    NAMES.iter().map(|(name, _)| *name).collect()
}

/// A field name with the modifiers behind it, checked.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chain {
    /// Empty: keywords.
    pub(super) field: String,
    /// All values must match.
    pub(super) all: bool,
    /// The item is negated.
    pub(super) neq: bool,
    /// The others, in order.
    pub(super) steps: Vec<Modifier>,
}

impl Chain {
    pub(super) fn parse(key: &str) -> Result<Chain, Fault> {
        let mut words = key.split('|');
        let field = words.next().unwrap_or_default().to_owned();
        if field.contains("[any]") || field.contains("[all]") {
            let why = "a field holds if one of its values passes; scopes over the members of an array are no part of the specification";
            return Err(Fault::new(format!("array scope in {}", quoted(&field)), why, "name the field without brackets"));
        }
        let mut chain = Chain { field, all: false, neq: false, steps: Vec::new() };
        let mut seen: Vec<(Modifier, &str)> = Vec::new();
        for word in words {
            let modifier = named(word)?;
            if seen.iter().any(|(m, _)| *m == modifier) {
                return Err(Fault::new(format!("modifier {} twice", quoted(word)), "it has its effect once", "remove one of them"));
            }
            check_pair(&seen, modifier, word)?;
            seen.push((modifier, word));
            match modifier {
                Modifier::All => chain.all = true,
                Modifier::Neq => chain.neq = true,
                other => chain.steps.push(other),
            }
        }
        Ok(chain)
    }

    /// Whether it makes texts or regular expressions, which can be looked for without a field.
    pub(super) fn suits_keywords(&self) -> bool {
        let other = |m: &Modifier| matches!(family(*m), Family::Exists | Family::Compare | Family::Time | Family::Cidr | Family::FieldRef);
        !self.steps.iter().any(other)
    }

    pub(super) fn has(&self, modifier: Modifier) -> bool {
        self.steps.contains(&modifier)
    }
}

fn named(word: &str) -> Result<Modifier, Fault> {
    if let Some((_, modifier)) = NAMES.iter().find(|(name, _)| *name == word) {
        return Ok(*modifier);
    }
    let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
    Err(Fault::new(
        format!("unknown modifier {}{}", quoted(word), hint(word, &names)),
        "ignoring it would change what the rule matches",
        "use a modifier of the Sigma specification, or remove it",
    ))
}

/// The family of a modifier decides what may stand before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Linking,
    Place,
    Encoding,
    Exists,
    Cased,
    Regex,
    Flag,
    Compare,
    Time,
    Cidr,
    Expand,
    FieldRef,
}

fn family(modifier: Modifier) -> Family {
    match modifier {
        Modifier::All | Modifier::Neq => Family::Linking,
        Modifier::StartsWith | Modifier::EndsWith | Modifier::Contains => Family::Place,
        Modifier::Windash | Modifier::Base64 | Modifier::Base64Offset | Modifier::Utf16 { .. } => Family::Encoding,
        Modifier::Exists => Family::Exists,
        Modifier::Cased => Family::Cased,
        Modifier::Re => Family::Regex,
        Modifier::Flag(_) => Family::Flag,
        Modifier::Compare(_) => Family::Compare,
        Modifier::Time(_) => Family::Time,
        Modifier::Cidr => Family::Cidr,
        Modifier::Expand => Family::Expand,
        Modifier::FieldRef => Family::FieldRef,
    }
}

/// Whether `later` may follow `earlier`, however far behind.
fn may_follow(earlier: Family, later: Family) -> bool {
    use Family as F;
    match (earlier, later) {
        (F::Exists, _) | (_, F::Exists) => false,
        (F::Linking | F::Expand, _) | (_, F::Linking) => true,
        (F::Regex, F::Flag | F::Place) | (F::Flag, F::Flag | F::Place) => true,
        (F::Time, F::Compare) => true,
        (F::FieldRef, F::Place | F::Cased) | (F::Place | F::Cased, F::FieldRef) => true,
        (F::Place | F::Encoding | F::Cased, F::Place | F::Encoding | F::Cased) => true,
        _ => false,
    }
}

fn check_pair(seen: &[(Modifier, &str)], modifier: Modifier, word: &str) -> Result<(), Fault> {
    let later = family(modifier);
    if later == Family::Flag && !seen.iter().any(|(m, _)| *m == Modifier::Re) {
        return Err(Fault::new(
            format!("modifier {} without `re`", quoted(word)),
            "it changes how a regular expression reads",
            "write `re` before it",
        ));
    }
    match seen.iter().find(|(m, _)| !may_follow(family(*m), later)) {
        None => Ok(()),
        Some((_, earlier)) => Err(Fault::new(
            format!("modifier {} after {}", quoted(word), quoted(earlier)),
            "the two have no meaning together in this order",
            "remove one of them, or write two items in the selection",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_modifier_of_the_specification_is_known() {
        let spec = "all startswith endswith contains exists cased neq windash re i m s base64 base64offset utf16le utf16be utf16 wide \
                    lt lte gt gte minute hour day week month year cidr expand fieldref";
        for name in spec.split_whitespace() {
            let key = if ["i", "m", "s"].contains(&name) { format!("f|re|{name}") } else { format!("f|{name}") };
            assert!(Chain::parse(&key).is_ok(), "{name}");
        }
    }

    #[test]
    fn chains_that_mean_something_are_taken_and_others_refused() {
        for good in [
            "f|contains|all",
            "f|all|contains",
            "f|wide|base64offset|contains",
            "f|windash|contains|all",
            "f|re|i|m|s",
            "f|re|contains",
            "f|fieldref|neq",
            "f|fieldref|endswith",
            "f|cased|startswith",
            "f|hour|gte",
            "|all",
            "f|cidr|neq",
        ] {
            assert!(Chain::parse(good).is_ok(), "{good}");
        }
        for (bad, word) in [
            ("f|i", "`i` without `re`"),
            ("f|contains|re", "`re` after `contains`"),
            ("f|re|cased", "`cased` after `re`"),
            ("f|exists|all", "after `exists`"),
            ("f|gte|hour", "`hour` after `gte`"),
            ("f|contains|contains", "`contains` twice"),
            ("f|contain", "did you mean `contains`"),
            ("f|", "unknown modifier ``"),
            ("f[all]", "array scope"),
            ("f|cidr|contains", "`contains` after `cidr`"),
        ] {
            let fault = Chain::parse(bad).unwrap_err();
            assert!(fault.what.contains(word), "{bad}: {fault:?}");
        }
    }
}
